//! `restore UNIT --list`: what a restore would bring, one line per entry.

use super::{Job, tree};
use crate::archive::notes::show;
use crate::archive::read::{Member, Type};
use crate::archive::restore::Layer;
use crate::archive::restore::select::{Choice, Selection};
use crate::error::{Doing, Exit, Result};
use crate::output;
use crate::sys::clock;
use time::OffsetDateTime;

/// Lines are printed in bunches of this many bytes.
const BUNCH: usize = 32 * 1024;

/// Prints the contents of the full archive without what the differential replaces or deletes, then those of the differential.
pub fn print(job: &Job<'_>) -> Result<Exit> {
    let found = job.lineage.find()?;
    let chain = tree::chosen(job, &found)?;
    let layers = tree::open(job, &chain)?;
    let selection = Selection::new(&job.request.only);
    let superseded = tree::superseded(job, &layers)?;
    let mut is_empty = true;
    let mut lines = String::new();
    for source in &layers {
        let mut members = source.opened.members()?;
        let doing = || format!("{} is damaged", source.opened.path.display());
        while let Some(member) = members.member().doing(doing)? {
            job.limits.check()?;
            let is_hidden = source.layer == Layer::Base && superseded.holds(&member.path);
            if is_hidden || selection.choice(&member.path) == Choice::Unwanted {
                continue;
            }
            is_empty = false;
            lines.push_str(&line(&member));
            if lines.len() > BUNCH {
                output::raw(lines.as_bytes())?;
                lines.clear();
            }
        }
    }
    output::raw(lines.as_bytes())?;
    if is_empty {
        tree::no_match(&selection)?;
    }
    Ok(Exit::Done)
}

/// As `ls -l` would show it, with numeric owners.
fn line(member: &Member) -> String {
    let kind = match member.kind {
        Type::File | Type::Link => '-',
        Type::Dir => 'd',
        Type::Symlink => 'l',
        Type::Fifo => 'p',
        Type::Char => 'c',
        Type::Block => 'b',
    };
    let leads = match member.kind {
        Type::Symlink => format!(" -> {}", show(&member.target)),
        Type::Link => format!(" link to {}", show(&member.target)),
        _ => String::new(),
    };
    let (uid, gid, size, mode) = (member.uid, member.gid, member.size, mode(member.mode));
    format!("{kind}{mode} {uid:>5} {gid:>5} {size:>12} {} {}{leads}\n", time(member.mtime.sec), show(&member.path))
}

fn mode(mode: u32) -> String {
    let plain: Vec<char> =
        "rwxrwxrwx".chars().enumerate().map(|(at, c)| if mode & (0o400 >> at) == 0 { '-' } else { c }).collect();
    let special = [(2, 0o4000, 's', 'S'), (5, 0o2000, 's', 'S'), (8, 0o1000, 't', 'T')];
    let shown = |(at, c): (usize, char)| match special.iter().find(|(place, bit, ..)| *place == at && mode & bit != 0) {
        Some((_, _, small, _)) if c == 'x' => *small,
        Some((_, _, _, large)) => *large,
        None => c,
    };
    plain.into_iter().enumerate().map(shown).collect()
}

fn time(seconds: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(seconds) else { return format!("{seconds:>19}") };
    let at = clock::local(at);
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_usual() {
        assert_eq!(mode(0o755), "rwxr-xr-x");
        assert_eq!(mode(0o4755), "rwsr-xr-x");
        assert_eq!(mode(0o2644), "rw-r-Sr--");
        assert_eq!(mode(0o1777), "rwxrwxrwt");
        assert_eq!(mode(0), "---------");
    }
}
