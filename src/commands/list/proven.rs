//! When the newest backups of every action were last proven.

use crate::config::Config;
use crate::store::proof::Proven;
use crate::store::sets::{self, Source};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

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
    let mut open = sources(config);
    let (sender, answers) = mpsc::channel();
    for (number, (_, source)) in open.iter().enumerate() {
        let (source, sender) = (source.clone(), sender.clone());
        let look = move || {
            let proven = sets::find(&source).map(|found| Proven::newest(&found, source.level));
            // nobody listens any more when the answer comes too late
            let _ = sender.send((number, proven));
        };
        // what could not be asked stays open
        let _ = std::thread::Builder::new().name("proven".into()).spawn(look);
    }
    drop(sender);
    let mut found: BTreeMap<String, Newest> = BTreeMap::new();
    let mut add = |action: &str, newest: Newest| {
        let known = found.entry(action.to_owned()).or_insert_with(|| newest.clone());
        *known = newest.min(known.clone());
    };
    let mut names: BTreeMap<usize, String> = open.drain(..).map(|(name, _)| name).enumerate().collect();
    let start = Instant::now();
    while let Ok((number, proven)) = answers.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
        let Some(action) = names.remove(&number) else { continue };
        match proven {
            Ok(None) => {}
            Ok(Some(proven)) => add(&action, Newest::Known(proven)),
            Err(_) => add(&action, Newest::Unknown),
        }
    }
    for action in names.values() {
        add(action, Newest::Unknown);
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
