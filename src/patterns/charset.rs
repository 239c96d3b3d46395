//! Sets of characters as sorted ranges of code points.

/// Sorted, disjoint, inclusive ranges of code points.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CharSet {
    ranges: Vec<(u32, u32)>,
}

impl CharSet {
    /// A set of these ranges, in any order; a range whose end lies before its start is empty.
    pub fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    /// Whether a code point is in the set.
    pub fn contains(&self, c: u32) -> bool {
        let after = self.ranges.partition_point(|(low, _)| *low <= c);
        after.checked_sub(1).and_then(|at| self.ranges.get(at)).is_some_and(|(_, high)| c <= *high)
    }

    /// Every character that is not in the set.
    pub fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for (low, high) in &self.ranges {
            if next < *low {
                ranges.push((next, low - 1));
            }
            next = high + 1;
        }
        ranges.push((next, u32::from(char::MAX)));
        Self::new(ranges)
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }
}
