//! `backups`: the sets on disk, how old and how large they are, when they were proven, what depends on what.

use crate::commands::list::Format;
use crate::config::Config;
use crate::error::{Exit, Result};
use crate::output;
use crate::status::sets::{Base, Holdings, Seen};
use crate::status::stock::{self, Stock};
use crate::store::family::{self, minute};
use crate::store::proof::Finding;
use crate::store::sets::Origin;
use crate::sys::clock;
use crate::units::{show_bytes, show_duration};
use std::path::Path;
use time::PrimitiveDateTime;

/// Shows the sets of a unit, or of every action. The exit code is 3 when some action could not be asked for its sets.
pub fn backups(config_file: Option<&Path>, unit: Option<&str>, format: Format) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let now = clock::now();
    let now = PrimitiveDateTime::new(now.date(), now.time());
    let holdings = match unit {
        Some(unit) => Holdings::of(stock::of_unit(&config, unit)?, &[], now),
        None => Holdings::of_all(&config, now),
    };
    match format {
        Format::Json => output::json(&holdings.json(&config.server_name))?,
        Format::Table => {
            for (number, (stock, seen)) in holdings.families.iter().enumerate() {
                print(stock, seen, number)?;
            }
            for problem in &holdings.problems {
                output::note(problem);
            }
        }
    }
    Ok(if holdings.incomplete { Exit::Warning } else { Exit::Done })
}

fn level(seen: &Seen) -> String {
    match (seen.set.parts.level, &seen.set.parts.dbname) {
        (_, Some(name)) if name.starts_with('\0') => "(globals)".into(),
        (_, Some(name)) => name.escape_debug().to_string(),
        (Some(0), None) => "full".into(),
        (Some(1), None) => "diff".into(),
        (level, None) => level.map_or_else(|| "-".into(), |level| level.to_string()),
    }
}

fn verified(seen: &Seen) -> String {
    match (&seen.proof, &seen.set.origin) {
        (Some(proof), _) => {
            let at = proof.time.get(..16).unwrap_or_default().replace('T', " ");
            if proof.result == Finding::Ok { at } else { format!("DAMAGED {at}") }
        }
        (None, Origin::Ours(manifest)) if manifest.verified => "when written".into(),
        (None, _) => "never".into(),
    }
}

fn notes(seen: &Seen) -> String {
    let mut notes = Vec::new();
    match &seen.set.origin {
        Origin::Ours(manifest) => match manifest.warnings {
            0 => {}
            1 => notes.push("1 warning".to_owned()),
            many => notes.push(format!("{many} warnings")),
        },
        Origin::Kb17 => notes.push("KB17".to_owned()),
        Origin::Damaged(why) => notes.push(format!("damaged: {why}")),
    }
    let found = seen.proof.as_ref().filter(|_| !matches!(seen.set.origin, Origin::Damaged(_)));
    if let Some(why) = found.filter(|proof| proof.result == Finding::Damaged).and_then(|proof| proof.reason.as_ref()) {
        notes.push(format!("damaged: {}", why.escape_debug()));
    }
    match &seen.base {
        Base::Itself => {}
        Base::Known(base) => notes.push(format!("based on {base}")),
        Base::Lost(Some(name)) => notes.push(format!("its base {name} is gone")),
        Base::Lost(None) => notes.push("its base is gone".to_owned()),
    }
    match seen.needed_by.len() {
        0 => {}
        count => notes.push(format!("needed by {count}")),
    }
    if seen.set.disputed {
        notes.push("could be another action's".to_owned());
    }
    notes.join(", ")
}

fn print(stock: &Stock, seen: &[Seen], number: usize) -> Result<()> {
    if number > 0 {
        output::line("")?;
    }
    let dirs: Vec<_> = stock.source.dirs().iter().map(|dir| dir.display().to_string()).collect();
    output::line(&format!("{} ({}): {}", stock.label(), stock.kind, dirs.join(", ")))?;
    if seen.is_empty() {
        return output::line("no backups");
    }
    let heads = ["TIME", "WHAT", "SIZE", "AGE", "VERIFIED", "FILE", "NOTES"].map(str::to_owned).to_vec();
    let rows = seen.iter().map(|one| {
        vec![
            minute(one.set.time),
            level(one),
            show_bytes(one.set.size),
            show_duration(one.age),
            verified(one),
            family::name(&one.set).escape_debug().to_string(),
            notes(one),
        ]
    });
    let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
    output::table(&rows).iter().try_for_each(|line| output::line(line))
}
