//! A table of Markdown for a terminal: columns side by side where they fit, else an entry below the other.

use crate::commands::help::inline::{length, plain, wrap};
use crate::commands::help::render::WIDTH;

/// No column is made narrower than this.
const NARROWEST: usize = 24;
const GAP: usize = 2;

/// The lines of a table.
pub fn show(rows: &[&str]) -> Vec<String> {
    let mut rows = rows.iter().map(|row| cells(row));
    let head = rows.next().unwrap_or_default();
    // the row of dashes
    rows.next();
    let rows: Vec<_> = rows.collect();
    match widths(&head, &rows) {
        Some(widths) => side_by_side(&head, &rows, &widths),
        None => rows.iter().flat_map(|row| entry(&head, row)).collect(),
    }
}

/// The cells of a row; `\|` does not end one, and neither does a bar in code.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in row.chars() {
        match cells.last_mut() {
            Some(cell) if c != '|' || escaped => cell.push(c),
            _ => cells.push(String::new()),
        }
        escaped = c == '\\';
    }
    // behind the last bar there is nothing
    cells.pop();
    cells.iter().map(|cell| plain(cell.trim().replace("\\|", "|").as_str())).collect()
}

/// Widths at which all columns stand side by side, or nothing when that would be hard to read.
fn widths(head: &[String], rows: &[Vec<String>]) -> Option<Vec<usize>> {
    let all = || std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
    let longest = |column: usize, of: fn(&str) -> usize| {
        all().filter_map(|row| row.get(column)).map(|cell| of(cell)).max().unwrap_or(0)
    };
    let word = |cell: &str| cell.split(' ').map(length).max().unwrap_or(0);
    let mut widths: Vec<_> = (0..head.len()).map(|column| longest(column, length)).collect();
    let least: Vec<_> = (0..head.len()).map(|column| longest(column, word).max(NARROWEST)).collect();
    let room = WIDTH.saturating_sub(GAP * head.len().saturating_sub(1));
    if widths.iter().sum::<usize>() <= room {
        return Some(widths);
    }
    // four columns of wrapped text are no help to anybody
    if head.len() > 3 {
        return None;
    }
    while widths.iter().sum::<usize>() > room {
        let shrinkable = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
        let (widest, _) = shrinkable.max_by_key(|(width, _)| **width)?;
        *widest -= 1;
    }
    Some(widths)
}

fn side_by_side(head: &[String], rows: &[Vec<String>], widths: &[usize]) -> Vec<String> {
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let rows = rows.iter().flat_map(|row| beside(row, widths));
    beside(head, widths).into_iter().chain(beside(&rule, widths)).chain(rows).collect()
}

/// The lines of one row.
fn beside(row: &[String], widths: &[usize]) -> Vec<String> {
    let columns: Vec<_> = row.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let cells = columns.iter().zip(widths).map(|(column, width)| {
            let cell = column.get(number).map_or("", String::as_str);
            format!("{cell:width$}")
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// One row below the other: its first cell, then the others indented. Of more than three columns, those in the middle
/// stand beside the first: `key (type: text; default: x)`.
fn entry(head: &[String], row: &[String]) -> Vec<String> {
    let named = |(head, cell): (&String, &String)| (!cell.is_empty()).then(|| format!("{head}: {cell}"));
    let rest = || head.iter().zip(row).skip(1);
    let (title, below) = match row {
        [first, second] => (first.clone(), vec![second.clone()]),
        [first, .., last] if row.len() > 3 => {
            let middle: Vec<_> = rest().take(row.len() - 2).filter_map(named).collect();
            let title = if middle.is_empty() { first.clone() } else { format!("{first} ({})", middle.join("; ")) };
            (title, vec![last.clone()])
        }
        _ => (row.first().cloned().unwrap_or_default(), rest().filter_map(named).collect()),
    };
    let below = below.iter().flat_map(|cell| wrap(cell, WIDTH - 4)).map(|line| format!("    {line}"));
    wrap(&title, WIDTH).into_iter().chain(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_stands_side_by_side() {
        let rows = ["| code | meaning |", "|---|---|", "| 0 | `a \\| b` |", "| 128+N | |"];
        assert_eq!(show(&rows), ["code   meaning", "-----  -------", "0      `a | b`", "128+N"]);
    }

    #[test]
    fn a_wide_one_wraps_its_columns() {
        let cell = "слово ".repeat(15);
        let lines = show(&["| a | b |", "|---|---|", &format!("| {cell} | {cell} |")]);
        assert!(lines.len() > 4 && lines.iter().all(|line| length(line) <= WIDTH), "{lines:#?}");
    }

    #[test]
    fn a_wide_one_of_many_columns_becomes_entries() {
        let text = "word ".repeat(20);
        let row = format!("| `level` | 0, 1 | `0` | {text}|");
        let lines = show(&["| key | type | default | meaning |", "|---|---|---|---|", &row, "| `x` | | | y |"]);
        assert_eq!(lines.first().unwrap(), "`level` (type: 0, 1; default: `0`)");
        assert!(lines.iter().all(|line| length(line) <= WIDTH), "{lines:#?}");
        assert_eq!(lines.iter().rev().take(2).collect::<Vec<_>>(), ["    y", "`x`"]);
    }
}
