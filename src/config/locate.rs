//! Where things stand in a YAML text: a tolerant outline with positions, quotes and anchors, which `serde_yaml` does not keep.
//!
//! It is only trusted about texts that `serde_yaml` accepts, and only about places and quotes, never about values.

mod scan;

use std::collections::HashSet;
use std::ops::Range;

/// How deep collections may be nested.
pub const DEPTH_LIMIT: usize = 100;

/// A place in the text, both from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Index of a [`Spot`] in an [`Outline`].
pub type SpotId = usize;

/// A node of the outline.
#[derive(Debug)]
pub struct Spot {
    /// Byte offset of its first character (of its anchor or tag, when it has one).
    pub start: usize,
    /// What it looks like.
    pub shape: Shape,
}

/// What a node looks like in the text.
#[derive(Debug)]
pub enum Shape {
    /// Nothing at all.
    Empty,
    /// Without quotes; its text when that stands on one line.
    Plain(Option<Range<usize>>),
    /// In quotes, a block scalar, or tagged as text.
    Quoted,
    /// Keys and values in the order of the text.
    Map(Vec<(SpotId, SpotId)>),
    /// Items in the order of the text.
    List(Vec<SpotId>),
    /// `*name`: the node that has the anchor.
    Alias(SpotId),
}

/// All nodes of a text.
#[derive(Debug)]
pub struct Outline<'a> {
    text: &'a str,
    spots: Vec<Spot>,
    root: SpotId,
    line_starts: Vec<usize>,
    too_deep: Option<usize>,
    shared: HashSet<SpotId>,
}

impl<'a> Outline<'a> {
    /// Outlines a text whose line breaks are `\n`. Never fails: what it does not understand it leaves out.
    pub fn of(text: &'a str) -> Self {
        let scanned = scan::scan(text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self {
            text,
            spots: scanned.spots,
            root: scanned.root,
            line_starts,
            too_deep: scanned.too_deep,
            shared: scanned.shared,
        }
    }

    /// The whole document.
    pub fn root(&self) -> SpotId {
        self.root
    }

    /// A node, aliases followed to the node that has the anchor.
    pub fn spot(&self, id: SpotId) -> Option<&Spot> {
        let spot = self.spots.get(id)?;
        match spot.shape {
            Shape::Alias(target) => self.spots.get(target),
            _ => Some(spot),
        }
    }

    /// Where a node begins; of an alias, where the alias stands.
    pub fn place_of(&self, id: SpotId) -> Option<Place> {
        self.spots.get(id).map(|spot| self.place(spot.start))
    }

    /// Whether some alias stands for this node.
    pub fn is_shared(&self, id: SpotId) -> bool {
        self.shared.contains(&id)
    }

    /// The text of a plain scalar on one line.
    pub fn plain_text(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// Where nesting goes beyond [`DEPTH_LIMIT`].
    pub fn too_deep(&self) -> Option<Place> {
        self.too_deep.map(|at| self.place(at))
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}

#[cfg(test)]
mod tests;
