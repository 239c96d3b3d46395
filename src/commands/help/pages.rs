//! The documentation inside the executable: Markdown pages, packed by `cross/pages.rs`.

use crate::error::{Doing, Result};
use bzip2::read::BzDecoder;
use std::io::Read;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pages"));

/// A language the documentation is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Language {
    /// Every page.
    English,
    /// The pages that people who run backups need.
    Russian,
}

/// All pages.
pub struct Pages(String);

impl Pages {
    /// Unpacks them.
    pub fn unpack() -> Result<Self> {
        let mut text = String::new();
        BzDecoder::new(PACKED).read_to_string(&mut text).doing(|| "unpacking the documentation".to_owned())?;
        Ok(Self(text))
    }

    /// The page with this English name, such as `docs/config.md`, in this language, or in English where it has no other.
    pub fn page(&self, name: &str, language: Language) -> Option<&str> {
        let russian = || match name.strip_prefix("docs/") {
            Some(rest) => format!("docs/ru/{rest}"),
            None => name.replace(".md", ".ru.md"),
        };
        let translated = (language == Language::Russian).then(|| self.exact(&russian())).flatten();
        translated.or_else(|| self.exact(name))
    }

    /// The names of all pages.
    #[cfg(test)]
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('\u{1}').filter_map(|page| page.split_once('\n')).map(|(name, _)| name)
    }

    fn exact(&self, name: &str) -> Option<&str> {
        let mut pages = self.0.split('\u{1}').filter_map(|page| page.split_once('\n'));
        pages.find(|(own, _)| *own == name).map(|(_, text)| text)
    }
}

/// The section under the heading with this title, heading included, down to the next one of its rank.
pub fn section<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    let mut headings = headings(page);
    let (start, rank, _) = headings.find(|(_, _, text)| *text == title)?;
    let end = headings.find(|(_, other, _)| *other <= rank).map_or(page.len(), |(at, ..)| at);
    page.get(start..end)
}

/// What stands before the first section of the second rank that this says is not wanted.
pub fn head(page: &str, ends: impl Fn(&str) -> bool) -> &str {
    let end = headings(page).find(|(_, rank, title)| *rank == 2 && ends(title)).map_or(page.len(), |(at, ..)| at);
    page.get(..end).unwrap_or(page)
}

/// Place, rank and title of every heading; a line of code that begins with `#` is none.
fn headings(page: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut at = 0;
    let mut code = false;
    page.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        code ^= line.starts_with("```");
        let rank = line.bytes().take_while(|byte| *byte == b'#').count();
        let title = line.get(rank..)?.strip_prefix(' ')?;
        (rank > 0 && !code).then(|| (start, rank, title.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# All\n\n## One\n\n```\n## no heading\n```\n\n### Below\n\nx\n\n## Two\n\ny\n";

    #[test]
    fn a_section_ends_at_the_next_of_its_rank() {
        assert_eq!(section(PAGE, "One"), Some("## One\n\n```\n## no heading\n```\n\n### Below\n\nx\n\n"));
        assert_eq!(section(PAGE, "Two"), Some("## Two\n\ny\n"));
        assert_eq!(section(PAGE, "Below"), Some("### Below\n\nx\n\n"));
        assert_eq!(section(PAGE, "no heading"), None);
        assert_eq!(head(PAGE, |title| title == "Two").len(), PAGE.find("## Two").unwrap());
        assert_eq!(head(PAGE, |_| false), PAGE);
    }

    #[test]
    fn a_page_without_a_translation_is_english() {
        let pages = Pages("\u{1}docs/a.md\nEnglish\n\u{1}docs/ru/a.md\nпо-русски\n\u{1}README.md\nonly\n".into());
        assert_eq!(pages.page("docs/a.md", Language::Russian), Some("по-русски\n"));
        assert_eq!(pages.page("docs/a.md", Language::English), Some("English\n"));
        assert_eq!(pages.page("README.md", Language::Russian), Some("only\n"));
        assert_eq!(pages.page("docs/b.md", Language::English), None);
    }
}
