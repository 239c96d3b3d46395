//! Characters, indentation, and scalars of every style.

use super::{Break, Scanner};
use crate::config::locate::Shape;

impl Scanner<'_> {
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    /// Whether this indicator (`-`, `?`, `:`) stands here, followed by a blank.
    pub(super) fn indicator(&self, sign: u8) -> bool {
        self.peek() == Some(sign) && is_blank(self.byte(self.at + 1))
    }

    /// `---` or `...` at the beginning of a line.
    pub(super) fn at_marker(&self) -> bool {
        let marker = self.text.get(self.at..self.at + 3);
        matches!(marker, Some(b"---" | b"...")) && is_blank(self.byte(self.at + 3)) && self.column() == 0
    }

    /// Column of the position in characters, from 0.
    pub(super) fn column(&self) -> isize {
        self.column_of(self.at)
    }

    pub(super) fn column_of(&self, at: usize) -> isize {
        let before = self.text.get(..at).unwrap_or_default();
        let on_line = before.iter().rev().take_while(|byte| **byte != b'\n');
        // continuation bytes of UTF-8 are no characters of their own
        on_line.filter(|byte| **byte & 0xc0 != 0x80).count().try_into().unwrap_or(isize::MAX)
    }

    pub(super) fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
    }

    pub(super) fn after_blanks(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    pub(super) fn blanks(&mut self) {
        self.at = self.after_blanks(self.at);
    }

    /// Goes to the next token, over blanks, comments and line breaks.
    pub(super) fn skip(&mut self) -> Break {
        let mut broken = Break::SameLine;
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    broken = Break::NewLine;
                }
                // between tokens the library takes it for a comment even without a blank before it
                Some(b'#') => self.at = self.line_end(self.at),
                _ => return broken,
            }
        }
    }

    pub(super) fn name_end(&self, mut at: usize) -> usize {
        while self.byte(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            at += 1;
        }
        at
    }

    pub(super) fn quoted(&mut self, quote: u8) {
        self.at = self.quote_end(self.at, quote);
    }

    /// The offset after the closing quote.
    pub(super) fn quote_end(&self, open: usize, quote: u8) -> usize {
        let mut at = open + 1;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\\' if quote == b'"' => at += 2,
                _ if byte != quote => at += 1,
                _ if quote == b'\'' && self.byte(at + 1) == Some(quote) => at += 2,
                _ => return at + 1,
            }
        }
        self.text.len()
    }

    /// Where a plain scalar ends on its line: before `: `, ` #`, or blanks at the end of the line.
    pub(super) fn plain_line_end(&self, from: usize) -> usize {
        let mut end = from;
        let mut at = from;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'\n' => break,
                b':' if is_blank(self.byte(at + 1)) => break,
                b'#' if at > from && is_blank(self.byte(at - 1)) => break,
                b' ' | b'\t' => at += 1,
                _ => {
                    at += 1;
                    end = at;
                }
            }
        }
        end
    }

    pub(super) fn plain(&mut self, parent: isize) -> Shape {
        let start = self.at;
        self.at = self.plain_line_end(start);
        let mut shape = Shape::Plain(Some(start..self.at));
        loop {
            let next = self.after_blanks(self.at);
            if self.byte(next) != Some(b'\n') {
                return shape;
            }
            let mut next = next;
            while matches!(self.byte(next), Some(b' ' | b'\t' | b'\n')) {
                next += 1;
            }
            let before = std::mem::replace(&mut self.at, next);
            let ends = self.peek().is_none_or(|byte| byte == b'#') || self.column() <= parent || self.at_marker();
            let end = self.plain_line_end(next);
            if ends || end == next {
                self.at = before;
                return shape;
            }
            self.at = end;
            shape = Shape::Plain(None);
        }
    }

    pub(super) fn flow_plain(&mut self) -> Shape {
        let start = self.at;
        let mut end = start;
        let mut lines = Break::SameLine;
        while let Some(byte) = self.peek() {
            match byte {
                b',' | b'[' | b']' | b'{' | b'}' => break,
                b':' if is_blank(self.byte(self.at + 1))
                    || matches!(self.byte(self.at + 1), Some(b',' | b'[' | b']' | b'{' | b'}')) =>
                {
                    break;
                }
                b'#' if is_blank(self.byte(self.at.saturating_sub(1))) => break,
                b'\n' => {
                    lines = Break::NewLine;
                    self.at += 1;
                }
                b' ' | b'\t' => self.at += 1,
                _ => {
                    self.at += 1;
                    end = self.at;
                }
            }
        }
        // a line break before the closing bracket does not belong to the scalar
        let within = self.text.get(start..end).unwrap_or_default();
        if lines == Break::NewLine && within.contains(&b'\n') {
            return Shape::Plain(None);
        }
        self.at = end;
        Shape::Plain(Some(start..end))
    }

    pub(super) fn block_scalar(&mut self, parent: isize) {
        let header_end = self.line_end(self.at);
        let header = self.text.get(self.at + 1..header_end).unwrap_or_default();
        let given = header.iter().take(2).find(|byte| byte.is_ascii_digit()).map(|byte| isize::from(byte - b'0'));
        self.at = header_end;
        let mut indent = given.map(|given| parent.max(0) + given);
        while self.at < self.text.len() {
            let line = self.at + 1;
            let mut first = line;
            while self.byte(first) == Some(b' ') {
                first += 1;
            }
            if self.byte(first).is_none_or(|byte| byte == b'\n') {
                self.at = self.line_end(first);
                continue;
            }
            let column = isize::try_from(first - line).unwrap_or(isize::MAX);
            let least = *indent.get_or_insert(column.max(parent + 1).max(1));
            if column < least {
                return;
            }
            self.at = self.line_end(first);
        }
    }
}

/// Whether a character separates tokens; the end of the text does.
pub(super) fn is_blank(byte: Option<u8>) -> bool {
    matches!(byte, None | Some(b' ' | b'\t' | b'\n'))
}
