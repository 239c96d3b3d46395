//! When the newest backups of every action were last proven.

use crate::config::Config;
use crate::error::Result;
use crate::status::probe::{self, Look};
use crate::store::proof::Proven;
use crate::store::sets::{self, Source};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long destinations may take to answer: a network mount whose server is gone must not hang a look.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known about an action's newest backups.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Newest {
    /// Nobody could tell: a destination cannot be read, or does not answer.
    Unknown,
    /// This.
    Known(Proven),
}

/// The worst of what is known about the newest backups in each place of each action; nothing where there are none.
pub fn of_actions(config: &Config) -> BTreeMap<String, Newest> {
    let places = sources(config);
    let look = |(number, (action, source)): (usize, &(String, Source))| -> Look<Result<Option<Proven>>> {
        let source = source.clone();
        let ask = move || Ok(Proven::newest(&sets::find(&source)?, source.level));
        (format!("proven {number} of {action}"), Box::new(ask))
    };
    let answers = probe::take_all(places.iter().enumerate().map(look).collect(), PATIENCE);
    let mut found: BTreeMap<String, Newest> = BTreeMap::new();
    for ((action, _), answer) in places.into_iter().zip(answers) {
        let newest = match answer {
            Some(Ok(None)) => continue,
            Some(Ok(Some(proven))) => Newest::Known(proven),
            Some(Err(_)) | None => Newest::Unknown,
        };
        let known = found.entry(action).or_insert_with(|| newest.clone());
        *known = newest.min(known.clone());
    }
    found
}

/// Where each action's backups are, each place once: a task may name them in its own way.
fn sources(config: &Config) -> Vec<(String, Source)> {
    let tasks = config.tasks.iter().filter_map(|task| config.unit(&task.name, false).ok());
    let alone = config.actions.iter().filter_map(|entry| config.unit(&entry.name, true).ok());
    let mut found: Vec<(String, Source)> = Vec::new();
    for step in tasks.chain(alone).flat_map(|unit| unit.steps.into_iter().chain(unit.finally)) {
        let copies = step.action.copies().iter().map(|copies| &copies.source);
        for source in step.action.source().into_iter().chain(copies) {
            let is_known = |(action, known): &(String, Source)| {
                *action == step.name
                    && known.folders == source.folders
                    && known.action == source.action
                    && known.level == source.level
                    && known.scheme == source.scheme
            };
            if !found.iter().any(is_known) {
                found.push((step.name.clone(), source.clone()));
            }
        }
    }
    found
}
