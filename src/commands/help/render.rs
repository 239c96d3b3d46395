//! Markdown → text for a terminal of 80 columns. Knows what the pages of this project use, and shows the rest as it is.

use crate::commands::help::inline::{plain, wrap};
use crate::commands::help::table;

/// Columns of the text.
pub const WIDTH: usize = 79;

/// The text of a page or a part of one.
pub fn render(markdown: &str) -> String {
    let mut lines = markdown.lines().peekable();
    let mut page = Page::default();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        if text.starts_with("```") {
            for code in lines.by_ref().take_while(|code| !code.trim_start().starts_with("```")) {
                page.code(code);
            }
        } else if text.starts_with('|') {
            let mut rows = vec![line];
            while let Some(row) = lines.next_if(|row| row.trim_start().starts_with('|')) {
                rows.push(row);
            }
            page.end_paragraph();
            page.block(&table::show(&rows));
        } else if text.starts_with("<!--") || is_content_link(line) {
            page.end_paragraph();
        } else {
            page.line(line);
        }
    }
    page.finish()
}

/// An entry of a table of contents: in a terminal there is nothing to click.
fn is_content_link(line: &str) -> bool {
    line.starts_with("- [") && line.contains("](#") && line.ends_with(')') && line.matches('[').count() == 1
}

/// The text so far, and the paragraph that is being put together.
#[derive(Default)]
struct Page {
    text: String,
    paragraph: String,
    /// What stands before the paragraph's first line: blanks and a list's mark.
    mark: String,
    /// Where the content of the list item begins that we are in.
    inside: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        let indent = line.chars().take_while(|c| *c == ' ').count();
        if text.is_empty() {
            self.end_paragraph();
            if !self.text.is_empty() && !self.text.ends_with("\n\n") {
                self.text.push('\n');
            }
        } else if let Some((rank, title)) = heading(line) {
            self.end_paragraph();
            self.inside = 0;
            self.heading(rank, &plain(title));
        } else if self.paragraph.is_empty() && indent >= self.inside + 4 {
            self.code(line.get(self.inside + 4..).unwrap_or_default());
        } else if let Some(mark) = mark(text) {
            self.end_paragraph();
            self.inside = indent + mark;
            line.get(..indent + mark).unwrap_or_default().clone_into(&mut self.mark);
            self.paragraph.push_str(text.get(mark..).unwrap_or_default());
        } else {
            if self.paragraph.is_empty() {
                // flush left after a blank line, a paragraph is no part of the list before it
                self.inside = self.inside.min(indent);
                self.mark = " ".repeat(self.inside);
            } else {
                self.paragraph.push(' ');
            }
            self.paragraph.push_str(text);
        }
    }

    fn heading(&mut self, rank: usize, title: &str) {
        self.text.push_str(title);
        self.text.push('\n');
        if let Some(rule) = [None, Some("="), Some("-")].get(rank).copied().flatten() {
            self.text.push_str(&rule.repeat(title.chars().count()));
            self.text.push('\n');
        }
    }

    fn code(&mut self, line: &str) {
        self.end_paragraph();
        let line = format!("{}{line}", " ".repeat(self.inside + 4));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn block(&mut self, lines: &[String]) {
        for line in lines {
            self.text.push_str(&" ".repeat(self.inside));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn end_paragraph(&mut self) {
        if self.paragraph.is_empty() {
            return;
        }
        let paragraph = plain(&std::mem::take(&mut self.paragraph));
        let mut before = std::mem::take(&mut self.mark);
        let width = before.chars().count();
        for line in wrap(&paragraph, WIDTH - width) {
            self.text.push_str(&before);
            self.text.push_str(&line);
            self.text.push('\n');
            before = " ".repeat(width);
        }
    }

    fn finish(mut self) -> String {
        self.end_paragraph();
        format!("{}\n", self.text.trim_end())
    }
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let rank = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(rank..)?.strip_prefix(' ')?;
    (rank > 0).then_some((rank, title))
}

/// The length of a list item's mark, the blank behind it included.
fn mark(text: &str) -> Option<usize> {
    if text.starts_with("- ") {
        return Some(2);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && text.get(digits..)?.starts_with(". ")).then_some(digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_paragraphs_and_code() {
        let page = "# Title\n\nOne line\nand *another*, with a [link](x.md#y).\n\n## Second\n\n    a  code\n\n```yaml\nb: 1\n  c: 2\n```\n";
        let text = "Title\n=====\n\nOne line and another, with a link.\n\nSecond\n------\n\n    a  code\n\n    b: 1\n      c: 2\n";
        assert_eq!(render(page), text);
    }

    #[test]
    fn lists_hang_and_hold_code_and_paragraphs() {
        let long = "word ".repeat(20);
        let page = format!("- first\n- **second** {long}\n\n1. one\n\n       code in it\n\n   more of it\n\nafter\n");
        let text = render(&page);
        assert!(text.starts_with("- first\n- second word word"), "{text}");
        assert!(text.contains("\n  word word"), "{text}");
        assert!(text.ends_with("\n\n1. one\n\n       code in it\n\n   more of it\n\nafter\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn a_table_of_contents_is_left_out() {
        assert_eq!(render("# T\n\n- [One](#one)\n- [Two](#two)\n\nText.\n"), "T\n=\n\nText.\n");
    }
}
