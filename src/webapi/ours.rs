//! Our own endpoints: status, metrics, backups, health.

use crate::logbook::mask::{self, Secrets};
use crate::status::sets::Holdings;
use crate::status::{Status, Trouble, metrics};
use crate::store::journal;
use crate::sys::clock;
use crate::sys::files::Dir;
use crate::webapi::fresh::Fresh;
use crate::webapi::live::{self, Current, Stamp};
use crate::webapi::routes::{Answer, JSON};
use std::sync::Arc;
use std::time::Duration;
use time::PrimitiveDateTime;

/// How old a status may be when nothing has happened since.
const STATUS_AGE: Duration = Duration::from_secs(2);

/// How old a look at all backups may be.
const BACKUPS_AGE: Duration = Duration::from_secs(10);

/// How long the disks may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The type that Prometheus knows.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a status depends on: configuration, journal, trigger.
type Happened = (u64, Stamp, Stamp);

/// One status in both forms.
struct Rendered {
    document: Arc<String>,
    metrics: Arc<String>,
}

/// The endpoints with what they keep.
pub struct Ours {
    status: Fresh<Happened, Rendered>,
    backups: Fresh<Happened, Arc<String>>,
}

impl Ours {
    /// With nothing kept yet.
    pub fn new() -> Self {
        Self { status: Fresh::new(STATUS_AGE), backups: Fresh::new(BACKUPS_AGE) }
    }

    /// `/api/v1/status`.
    pub fn status(&self, current: &Current) -> Answer {
        match self.rendered(current) {
            Some(rendered) => Answer::shared(JSON, &rendered.document),
            None => busy(),
        }
    }

    /// `/metrics`.
    pub fn metrics(&self, current: &Current) -> Answer {
        match self.rendered(current) {
            Some(rendered) => Answer::shared(METRICS, &rendered.metrics),
            None => busy(),
        }
    }

    fn rendered(&self, current: &Current) -> Option<Arc<Rendered>> {
        self.status.get(happened(current), || {
            let mut status = Status::of(&current.config, clock::now());
            if let Some(problem) = &current.problem {
                status = status.noting(Trouble::Config, problem);
            }
            clean(&mut status, &current.secrets);
            Rendered { document: Arc::new(status.document() + "\n"), metrics: Arc::new(metrics::text(&status)) }
        })
    }

    /// `/api/v1/backups`.
    pub fn backups(&self, current: &Current) -> Answer {
        let kept = self.backups.get(happened(current), || {
            let now = clock::now();
            let now = PrimitiveDateTime::new(now.date(), now.time());
            let mut holdings = Holdings::within(&current.config, now, PATIENCE);
            holdings.problems.extend(current.problem.as_deref().map(str::to_owned));
            Arc::new(holdings.json(&current.config.server_name).to_string() + "\n")
        });
        kept.map_or_else(busy, |text| Answer::shared(JSON, &text))
    }

    /// `/healthz`: whether what is answered is the truth.
    #[allow(clippy::unused_self)] // an endpoint like the others
    pub fn health(&self, current: &Current) -> Answer {
        if let Some(problem) = &current.problem {
            return Answer::error(503, problem);
        }
        match Dir::open(&current.config.logging.logs_path) {
            Ok(_) => Answer::json(200, "{\"status\":\"ok\"}\n"),
            Err(error) => Answer::error(503, &error.to_string()),
        }
    }
}

/// Messages of runs may quote what a child said, or what stands in the configuration.
pub fn clean(status: &mut Status, secrets: &Secrets) {
    let texts = status.reasons.iter_mut().map(|reason| &mut reason.text);
    let messages = status.tasks.iter_mut().filter_map(|task| Some(&mut task.last.as_mut()?.message));
    texts.chain(messages).for_each(|text| *text = mask::clean(text, secrets));
    status.tasks.iter_mut().for_each(|task| task.description = mask::said(&task.description).into_owned());
}

fn happened(current: &Current) -> Happened {
    let logging = &current.config.logging;
    let journal = live::stamp(&logging.logs_path.join(journal::FILE_NAME));
    (current.generation, journal, logging.trigger.as_deref().and_then(live::stamp))
}

fn busy() -> Answer {
    Answer::error(503, "looking at the backups takes too long: does a destination hang?")
}
