//! Python's `fnmatch.fnmatchcase` (as of Python 3.11: a reversed range in a set is empty, older ones refuse it).
//!
//! A pattern is cut at its stars; the pieces between them are looked for from left to right, each at its first place.
//! That is right because a star gives back whatever a later piece needs, and it takes at most text × pattern steps.

use super::charset::CharSet;

/// A character that only `?` and `*` match: stands for "whatever comes here".
const ANY: u32 = u32::MAX;

/// One place of a pattern.
#[derive(Clone, Debug)]
enum Unit {
    One,
    Literal(u32),
    Set { negated: bool, set: CharSet },
}

impl Unit {
    fn matches(&self, c: u32) -> bool {
        match self {
            Self::One => true,
            Self::Literal(own) => *own == c,
            Self::Set { negated, set } => c != ANY && set.contains(c) != *negated,
        }
    }
}

/// A compiled pattern: `head * middle[0] * middle[1] * … * tail`, or `head` alone.
#[derive(Clone, Debug)]
pub struct Glob {
    head: Vec<Unit>,
    stars: Option<Stars>,
}

/// What follows the first star.
#[derive(Clone, Debug)]
struct Stars {
    middle: Vec<Vec<Unit>>,
    tail: Vec<Unit>,
}

impl Glob {
    /// Compiles a pattern; there is none that does not compile.
    pub fn new(pattern: &str) -> Self {
        let chars: Vec<u32> = pattern.chars().map(u32::from).collect();
        let mut pieces = vec![Vec::new()];
        let mut rest = chars.as_slice();
        while let Some((c, after)) = rest.split_first() {
            rest = after;
            let unit = match char::from_u32(*c) {
                Some('*') => {
                    pieces.push(Vec::new());
                    continue;
                }
                Some('?') => Unit::One,
                Some('[') => match set_length(after).and_then(|length| after.split_at_checked(length)) {
                    Some((inside, closing)) => {
                        rest = closing.get(1..).unwrap_or_default();
                        set(inside)
                    }
                    None => Unit::Literal(*c),
                },
                _ => Unit::Literal(*c),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(unit);
            }
        }
        let tail = if pieces.len() > 1 { pieces.pop() } else { None };
        let mut pieces = pieces.into_iter();
        let head = pieces.next().unwrap_or_default();
        let middle = pieces.filter(|piece| !piece.is_empty()).collect();
        Self { head, stars: tail.map(|tail| Stars { middle, tail }) }
    }

    /// Whether the pattern matches the whole text.
    pub fn matches(&self, text: &[u32]) -> bool {
        let Some((beginning, rest)) = text.split_at_checked(self.head.len()) else { return false };
        if !fits(&self.head, beginning) {
            return false;
        }
        let Some(stars) = &self.stars else { return rest.is_empty() };
        let Some(between) = rest.len().checked_sub(stars.tail.len()) else { return false };
        let Some((mut between, end)) = rest.split_at_checked(between) else { return false };
        if !fits(&stars.tail, end) {
            return false;
        }
        for piece in &stars.middle {
            let Some(at) = between.windows(piece.len()).position(|window| fits(piece, window)) else { return false };
            between = between.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }

    /// Whether the pattern matches this text however it goes on, as long as at least one character follows.
    pub fn matches_every_extension(&self, text: &[u32]) -> bool {
        // With a star at the end, what matches `text` and one unknown character also matches everything longer.
        self.stars.as_ref().is_some_and(|stars| stars.tail.is_empty()) && {
            let mut extended = text.to_vec();
            extended.push(ANY);
            self.matches(&extended)
        }
    }
}

fn fits(piece: &[Unit], text: &[u32]) -> bool {
    piece.iter().zip(text).all(|(unit, c)| unit.matches(*c))
}

/// How many characters stand between `[` and the `]` that closes it; none when nothing does. A `]` right at the
/// start, or right after `!`, does not close.
fn set_length(after: &[u32]) -> Option<usize> {
    let skip = |at: usize, c: char| at + usize::from(after.get(at) == Some(&u32::from(c)));
    let first = skip(skip(0, '!'), ']');
    after.get(first..)?.iter().position(|c| *c == u32::from(']')).map(|at| first + at)
}

const HYPHEN: u32 = '-' as u32;
const NOT: u32 = '!' as u32;

/// The meaning of what stands between the brackets.
///
/// Python cuts the text at the hyphens that make ranges, drops reversed ranges, joins the pieces again and only then
/// looks for a leading `!`; done in the same steps, so that the odd cases (`[b-a!x]` is a negated set) come out the same.
fn set(inside: &[u32]) -> Unit {
    let mut pieces = split_at_range_hyphens(inside);
    for later in (1..pieces.len()).rev() {
        let reversed = match (pieces.get(later - 1).and_then(|p| p.last()), pieces.get(later).and_then(|p| p.first())) {
            (Some(low), Some(high)) => low > high,
            _ => false,
        };
        if reversed {
            let dropped = pieces.remove(later);
            if let Some(earlier) = pieces.get_mut(later - 1) {
                earlier.pop();
                earlier.extend(dropped.into_iter().skip(1));
            }
        }
    }
    let negated = pieces.first().is_some_and(|piece| piece.first() == Some(&NOT));
    if let Some(first) = pieces.first_mut().filter(|_| negated) {
        first.remove(0);
    }
    Unit::Set { negated, set: ranges(&pieces) }
}

/// Cuts at every hyphen that has a character before it which is not the end of the range before.
fn split_at_range_hyphens(inside: &[u32]) -> Vec<Vec<u32>> {
    let mut pieces: Vec<Vec<u32>> = Vec::new();
    let mut start = 0;
    let mut search = if inside.first() == Some(&NOT) { 2 } else { 1 };
    while let Some(at) = inside.get(search..).and_then(|rest| rest.iter().position(|c| *c == HYPHEN)) {
        let hyphen = search + at;
        pieces.push(inside.get(start..hyphen).unwrap_or_default().to_vec());
        start = hyphen + 1;
        search = hyphen + 3;
    }
    let rest = inside.get(start..).unwrap_or_default();
    match pieces.last_mut() {
        Some(last) if rest.is_empty() => last.push(HYPHEN),
        _ => pieces.push(rest.to_vec()),
    }
    pieces
}

/// Every character of the pieces, and a range from the end of each to the start of the next. A piece emptied of its
/// `!` leaves the hyphen after it as a character.
fn ranges(pieces: &[Vec<u32>]) -> CharSet {
    let mut ranges: Vec<(u32, u32)> = pieces.iter().flatten().map(|c| (*c, *c)).collect();
    for pair in pieces.windows(2) {
        if let [earlier, later] = pair {
            match (earlier.last(), later.first()) {
                (Some(low), Some(high)) => ranges.push((*low, *high)),
                _ => ranges.push((HYPHEN, HYPHEN)),
            }
        }
    }
    CharSet::new(ranges)
}

/// The text as Python's `os.fsdecode` reads it: code points, and U+DC00 + b for every byte b that is not UTF-8.
pub fn characters(text: &[u8]) -> Vec<u32> {
    let mut characters = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        characters.extend(chunk.valid().chars().map(u32::from));
        characters.extend(chunk.invalid().iter().map(|byte| 0xDC00 + u32::from(*byte)));
    }
    characters
}
