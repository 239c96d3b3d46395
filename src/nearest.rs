//! The right spelling nearest to a wrong one.

/// `, did you mean `x`?` for the nearest of the right names, or nothing when none is near.
pub fn hint<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, right).map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// The nearest name, if it differs in about a third of its characters at most; of equally near ones the first.
pub fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_lowercase().chars().collect();
    let measured = right.into_iter().filter_map(|name| {
        let chars: Vec<char> = name.to_lowercase().chars().collect();
        let limit = (wrong.len().max(chars.len()) / 3).max(1);
        (wrong.len().abs_diff(chars.len()) <= limit)
            .then(|| distance(&wrong, &chars))
            .filter(|found| *found <= limit)
            .map(|found| (found, name))
    });
    measured.min_by_key(|(found, _)| *found).map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&above, j + 1) + 1).min(at(&row, j) + 1).min(at(&above, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["exclusions", "level", "level_folders", "src_path", "полный"];
        assert_eq!(nearest("exlusions", keys), Some("exclusions"));
        assert_eq!(nearest("Levle", keys), Some("level"));
        assert_eq!(nearest("level_folder", keys), Some("level_folders"));
        assert_eq!(nearest("полнй", keys), Some("полный"));
        assert_eq!(nearest("compression", keys), None);
        assert_eq!(nearest("x", ["y"]), Some("y"));
        assert_eq!(nearest("", ["abc"]), None);
        assert_eq!(hint("src_pth", keys), ", did you mean `src_path`?");
    }
}
