//! Since when each task has stood in the crontab as it stands there now, as `enable` recorded it.

use crate::error::{Doing, Result};
use crate::run::places::Places;
use crate::sys::files;
use std::collections::BTreeMap;
use std::path::PathBuf;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Task → moment.
pub type Since = BTreeMap<String, OffsetDateTime>;

/// Where it is recorded.
pub fn path(places: &Places) -> PathBuf {
    places.state().join("enabled.json")
}

/// What is recorded; nothing when there is no record or it cannot be read, because it only says from when to count.
pub fn read(places: &Places) -> Since {
    let text = files::read_note(&path(places)).unwrap_or_default();
    let written: BTreeMap<String, String> = serde_json::from_slice(&text).unwrap_or_default();
    let moment = |(task, text): (String, String)| Some((task, OffsetDateTime::parse(&text, &Rfc3339).ok()?));
    written.into_iter().filter_map(moment).collect()
}

/// Replaces the record. The caller holds the lock of the crontab.
pub fn write(places: &Places, since: &Since) -> Result<()> {
    let doing = || format!("writing {}", path(places).display());
    let text = |(task, moment): (&String, &OffsetDateTime)| moment.format(&Rfc3339).map(|text| (task.clone(), text));
    let written = since.iter().map(text).collect::<std::result::Result<BTreeMap<_, _>, _>>().doing(doing)?;
    let bytes = serde_json::to_vec(&written).doing(doing)?;
    files::replace_file(&path(places), &bytes, places.file_mode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let logs = std::env::temp_dir().join(format!("kb-enabled-{}", std::process::id()));
        let places = Places { logs: logs.clone(), group: None };
        assert_eq!(read(&places), Since::new());
        places.create_dir(&places.state()).unwrap();
        let since = Since::from([("full".to_owned(), OffsetDateTime::from_unix_timestamp(1_795_407_489).unwrap())]);
        write(&places, &since).unwrap();
        assert_eq!(read(&places), since);
        std::fs::write(path(&places), "{\"full\": \"yesterday\"}").unwrap();
        assert_eq!(read(&places), Since::new());
        std::fs::remove_dir_all(logs).unwrap();
    }
}
