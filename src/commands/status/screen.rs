//! Where lines are shown: once, or again and again in the same place.

use crate::error::Result;
use crate::output::{self, Colour, Target};
use crate::status::moment::Moment;
use crate::sys::terminal;
use time::OffsetDateTime;

/// A line, and the colour of its first word where it has one.
pub struct Line {
    /// The text.
    pub text: String,
    /// The colour of the first word.
    pub colour: Option<Colour>,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self { text, colour: None }
    }
}

impl Line {
    /// Cut to the width of a terminal, its first word coloured.
    fn shown(&self, width: Option<usize>) -> String {
        let text: String = match width {
            Some(width) if self.text.chars().count() > width => {
                self.text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
            }
            _ => self.text.clone(),
        };
        let Some(colour) = self.colour else { return text };
        let (word, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        format!("{}{rest}", output::coloured(Target::Stdout, colour, word))
    }
}

/// What `--watch` makes of the terminal.
pub struct Screen {
    watch: Option<u64>,
    rounds: u64,
}

impl Screen {
    /// `watch`: seconds between two rounds; none shows once.
    pub fn new(watch: Option<u64>) -> Self {
        Self { watch, rounds: 0 }
    }

    /// Shows the lines. Watching on a terminal, they take the place of the last ones, and what does not fit is counted;
    /// elsewhere they follow each other under a line with the time.
    pub fn show(&mut self, now: OffsetDateTime, lines: &[Line]) -> Result<()> {
        let Some(seconds) = self.watch else {
            return lines.iter().try_for_each(|line| output::line(&line.shown(None)));
        };
        let size = terminal::size();
        let mut shown: Vec<String> = lines.iter().map(|line| line.shown(size.map(|(columns, _)| columns))).collect();
        self.rounds += 1;
        let head = format!("{}, every {seconds} s", Moment(now).text().get(..19).unwrap_or_default().replace('T', " "));
        let Some((_, rows)) = size else {
            let gap = if self.rounds > 1 { "\n" } else { "" };
            return output::line(&format!("{gap}{head}\n{}", shown.join("\n")));
        };
        if shown.len() + 2 > rows {
            let hidden = shown.len() + 3 - rows.max(3);
            shown.truncate(rows.saturating_sub(3));
            shown.push(format!("… and {hidden} more lines"));
        }
        // overwritten line by line, because an empty screen in between would flicker
        let clear = if self.rounds == 1 { "\x1b[2J" } else { "" };
        let body: String = shown.iter().flat_map(|line| [line.as_str(), "\x1b[K\n"]).collect();
        output::raw(format!("{clear}\x1b[H{head}\x1b[K\n{body}\x1b[J").as_bytes())
    }
}
