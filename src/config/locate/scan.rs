//! The scanner behind the outline: recursive descent over block and flow style, scalars of every kind, anchors and aliases.

mod flow;
mod scalars;

use super::{DEPTH_LIMIT, Shape, Spot, SpotId};
use scalars::is_blank;
use std::collections::{HashMap, HashSet};

/// What the scanner found.
pub(super) struct Scanned {
    pub(super) spots: Vec<Spot>,
    pub(super) root: SpotId,
    pub(super) too_deep: Option<usize>,
    pub(super) shared: HashSet<SpotId>,
}

/// Outlines a whole text.
pub(super) fn scan(text: &str) -> Scanned {
    let mut scanner = Scanner {
        text: text.as_bytes(),
        at: 0,
        depth: 0,
        spots: Vec::new(),
        anchors: HashMap::new(),
        too_deep: None,
        shared: HashSet::new(),
    };
    let root = scanner.document();
    Scanned { spots: scanner.spots, root, too_deep: scanner.too_deep, shared: scanner.shared }
}

/// How far a node must be indented: right of the collection it stands in, except that a list may stand right below its key.
#[derive(Clone, Copy)]
struct Indent {
    /// Column (from 0) of the collection around; -1 at the top.
    parent: isize,
    /// Least column of a block list.
    list: isize,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    spots: Vec<Spot>,
    anchors: HashMap<&'a [u8], SpotId>,
    too_deep: Option<usize>,
    shared: HashSet<SpotId>,
}

/// Whether a line had ended between two tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    SameLine,
    NewLine,
}

impl<'a> Scanner<'a> {
    fn document(&mut self) -> SpotId {
        self.skip();
        while self.peek() == Some(b'%') && self.column() == 0 {
            self.at = self.line_end(self.at);
            self.skip();
        }
        if self.at_marker() && self.peek() == Some(b'-') {
            self.at += 3;
            self.skip();
        }
        if self.peek().is_none() || self.at_marker() {
            return self.add(Shape::Empty);
        }
        self.block_node(Indent { parent: -1, list: -1 })
    }

    fn block_node(&mut self, indent: Indent) -> SpotId {
        let start = self.at;
        let id = self.add(Shape::Empty);
        if !self.enter() {
            return id;
        }
        let mut tagged = false;
        let mut names = Vec::new();
        let mut broken = Break::SameLine;
        while let Some(name) = self.decoration() {
            tagged |= name == Decoration::TextTag;
            if let Decoration::Anchor(name) = name {
                names.push(name);
            }
            if self.skip() == Break::NewLine {
                broken = Break::NewLine;
            }
        }
        if broken == Break::SameLine && self.key_colon(self.at).is_some() {
            // decorations on the line of a key belong to that key
            self.at = start;
            names.clear();
        }
        for name in names {
            self.anchors.insert(name, id);
        }
        let shape = if broken == Break::NewLine && !self.fits(indent) {
            Shape::Empty
        } else {
            self.block_content(indent, tagged)
        };
        self.set(id, shape);
        self.depth -= 1;
        id
    }

    fn block_content(&mut self, indent: Indent, tagged: bool) -> Shape {
        let column = self.column();
        if self.key_colon(self.at).is_some() || self.indicator(b'?') {
            return self.block_map(column);
        }
        match self.peek() {
            None => Shape::Empty,
            Some(b'-') if self.indicator(b'-') => self.block_list(column),
            Some(b'|' | b'>') => {
                self.block_scalar(indent.parent);
                Shape::Quoted
            }
            Some(b'*') => self.alias(),
            Some(b'[') => self.flow_list(),
            Some(b'{') => self.flow_map(),
            Some(quote @ (b'"' | b'\'')) => {
                self.quoted(quote);
                Shape::Quoted
            }
            Some(_) => {
                let plain = self.plain(indent.parent);
                if tagged { Shape::Quoted } else { plain }
            }
        }
    }

    fn block_map(&mut self, column: isize) -> Shape {
        let mut pairs = Vec::new();
        loop {
            let key = if self.indicator(b'?') {
                self.at += 1;
                let key = self.below(Indent { parent: column, list: column + 1 });
                self.skip();
                if self.column() != column || !self.indicator(b':') {
                    let value = self.add(Shape::Empty);
                    pairs.push((key, value));
                    if self.continues(column) {
                        continue;
                    }
                    break;
                }
                key
            } else {
                let Some(colon) = self.key_colon(self.at) else { break };
                let key = self.key();
                self.at = colon;
                key
            };
            self.at += 1;
            let value = self.below(Indent { parent: column, list: column });
            pairs.push((key, value));
            if !self.continues(column) || self.indicator(b'-') {
                break;
            }
        }
        Shape::Map(pairs)
    }

    fn block_list(&mut self, column: isize) -> Shape {
        let mut items = Vec::new();
        loop {
            self.at += 1;
            let item = self.below(Indent { parent: column, list: column + 1 });
            items.push(item);
            if !self.continues(column) || !self.indicator(b'-') {
                return Shape::List(items);
            }
        }
    }

    /// The node after `:`, `-` or `?`, on the same line or below it.
    fn below(&mut self, indent: Indent) -> SpotId {
        let after = self.at;
        let broken = self.skip();
        if self.peek().is_none() || (broken == Break::NewLine && !self.fits(indent)) {
            let id = self.add(Shape::Empty);
            if let Some(spot) = self.spots.get_mut(id) {
                spot.start = after;
            }
            return id;
        }
        self.block_node(indent)
    }

    /// Whether the next token goes on with the collection at this column.
    fn continues(&mut self, column: isize) -> bool {
        self.skip();
        self.peek().is_some() && self.column() == column && !self.at_marker()
    }

    fn fits(&self, indent: Indent) -> bool {
        let column = self.column();
        let list = self.indicator(b'-') && column >= indent.list;
        self.peek().is_some() && !self.at_marker() && (column > indent.parent || list)
    }

    /// The key at hand, with its anchor, as a node.
    fn key(&mut self) -> SpotId {
        let id = self.add(Shape::Empty);
        let mut tagged = false;
        while let Some(decoration) = self.decoration() {
            match decoration {
                Decoration::Anchor(name) => drop(self.anchors.insert(name, id)),
                Decoration::TextTag => tagged = true,
                Decoration::Tag => {}
            }
            self.blanks();
        }
        if let Some(spot) = self.spots.get_mut(id) {
            spot.start = self.at;
        }
        let shape = match self.peek() {
            Some(b'"' | b'\'') => Shape::Quoted,
            Some(b'*') => self.alias(),
            _ if tagged => Shape::Quoted,
            _ => Shape::Plain(Some(self.at..self.plain_line_end(self.at))),
        };
        self.set(id, shape);
        id
    }

    /// The offset of the colon, when a key of a block map begins here.
    fn key_colon(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while matches!(self.byte(at), Some(b'&' | b'!')) {
            while !is_blank(self.byte(at)) {
                at += 1;
            }
            at = self.after_blanks(at);
        }
        let end = match self.byte(at)? {
            quote @ (b'"' | b'\'') => {
                let end = self.quote_end(at, quote);
                self.text.get(at..end).filter(|quoted| !quoted.contains(&b'\n'))?;
                end
            }
            b'*' => self.name_end(at + 1),
            b'[' | b'{' | b'|' | b'>' | b'#' | b'%' | b'@' | b'`' | b',' | b']' | b'}' | b'\n' => return None,
            b'-' | b'?' if is_blank(self.byte(at + 1)) => return None,
            _ => self.plain_line_end(at),
        };
        let colon = self.after_blanks(end);
        (self.byte(colon) == Some(b':') && is_blank(self.byte(colon + 1))).then_some(colon)
    }

    /// Counts a level; at the limit the rest of the text is given up.
    fn enter(&mut self) -> bool {
        if self.depth < DEPTH_LIMIT {
            self.depth += 1;
            return true;
        }
        self.too_deep.get_or_insert(self.at);
        self.at = self.text.len();
        false
    }

    /// Nothing may stand still, whatever the text is.
    fn progress(&mut self, before: usize) {
        if self.at == before {
            self.at += 1;
        }
    }

    fn add(&mut self, shape: Shape) -> SpotId {
        self.spots.push(Spot { start: self.at, shape });
        self.spots.len() - 1
    }

    fn set(&mut self, id: SpotId, shape: Shape) {
        if let Some(spot) = self.spots.get_mut(id) {
            spot.shape = shape;
        }
    }

    fn alias(&mut self) -> Shape {
        let end = self.name_end(self.at + 1);
        let name = self.text.get(self.at + 1..end).unwrap_or_default();
        self.at = end;
        let Some(target) = self.anchors.get(name).copied() else { return Shape::Empty };
        self.shared.insert(target);
        Shape::Alias(target)
    }

    fn decoration(&mut self) -> Option<Decoration<'a>> {
        let start = self.at;
        match self.peek()? {
            b'&' => {
                self.at = self.name_end(start + 1);
                self.text.get(start + 1..self.at).map(Decoration::Anchor)
            }
            b'!' => {
                while !is_blank(self.peek()) && !matches!(self.peek(), Some(b',' | b'[' | b']' | b'{' | b'}')) {
                    self.at += 1;
                }
                let tag = self.text.get(start..self.at).unwrap_or_default();
                Some(if tag == b"!!str" || tag == b"!" { Decoration::TextTag } else { Decoration::Tag })
            }
            _ => None,
        }
    }
}

/// What may stand before a node.
#[derive(PartialEq, Eq)]
enum Decoration<'a> {
    Anchor(&'a [u8]),
    TextTag,
    Tag,
}
