//! The run time: every run gets a second of its own, so that no two runs ever share a name.

use crate::error::{Doing, Result};
use crate::run::places::Places;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// How long a claimed second is remembered; longer than any overlap when clocks are set back for winter.
const MEMORY: Duration = Duration::from_secs(8 * 86_400);

/// How many seconds ahead a free one is looked for.
const HORIZON: i64 = 86_400;

/// `%Y%m%d_%H%M%S` of the wall clock.
pub fn stamp(moment: OffsetDateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{:04}{:02}{:02}_{:02}{:02}{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Claims the first second at or after `now` that no other run has, for all processes that share these places.
pub fn claim(places: &Places, now: OffsetDateTime) -> Result<OffsetDateTime> {
    let dir = places.state().join("run-times");
    places.create_dir(&dir)?;
    forget_old(&dir);
    let whole = now - Duration::from_nanos(now.nanosecond().into());
    for ahead in 0..HORIZON {
        let moment = whole + time::Duration::seconds(ahead);
        let path = dir.join(stamp(moment));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => return Ok(moment),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).doing(|| format!("claiming the run time {}", path.display())),
        }
    }
    Err(crate::error::Error::failed(format!("no second is free after {}", stamp(now))))
}

/// Removes claims that can collide with nothing any more. What cannot be removed does no harm.
fn forget_old(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|meta| meta.modified()).map(|at| SystemTime::now().duration_since(at));
        if matches!(age, Ok(Ok(age)) if age > MEMORY) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_the_same_second_get_different_times() {
        let logs = std::env::temp_dir().join(format!("kb-moment-{}", std::process::id()));
        let places = Places { logs: logs.clone(), group: None };
        let now = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(1_795_407_489_900);
        let claimed: Vec<_> = (0..3).map(|_| claim(&places, now).unwrap()).collect();
        let stamps: Vec<_> = claimed.iter().copied().map(stamp).collect();
        assert_eq!(stamps, ["20261123_041809", "20261123_041810", "20261123_041811"]);
        assert!(claimed.iter().all(|moment| moment.nanosecond() == 0));
        std::fs::remove_dir_all(logs).unwrap();
    }
}
