//! Which backup sets the configuration knows: the sources of its actions, those of one family together.

use crate::config::{Config, Refusal, Step, Unit};
use crate::error::{Error, Result};
use crate::output;
use crate::store::sets::Source;

/// The sets of one family in one place, and who puts them there.
pub struct Stock {
    /// The actions, in the order of the file.
    pub actions: Vec<String>,
    /// The actions whose sets these are: the same, or for copies those that made the originals.
    pub origins: Vec<String>,
    /// Type of these actions.
    pub kind: &'static str,
    /// Where the sets are.
    pub source: Source,
    /// One of the actions; none for copies that another action makes.
    pub step: Option<Step>,
}

impl Stock {
    /// The names of its actions, for people.
    pub fn label(&self) -> String {
        let actions = self.actions.join(", ");
        if self.is_copy() { format!("{actions}, copies of {}", self.origins.join(", ")) } else { actions }
    }

    /// Whether the sets were only copied here.
    pub fn is_copy(&self) -> bool {
        self.step.is_none()
    }

    fn is_kin_of(&self, other: &Self) -> bool {
        self.origins.iter().any(|origin| other.origins.contains(origin))
    }

    fn is_family_of(&self, source: &Source) -> bool {
        let own = &self.source;
        own.family == source.family
            && own.basename == source.basename
            && own.dirs() == source.dirs()
            && own.scheme.main(own.family) == source.scheme.main(source.family)
            && own.extensions.iter().all(|ext| source.extensions.contains(ext))
    }
}

/// The families that a task or an action writes, with the copies that other actions make of them.
pub fn of_unit(config: &Config, name: &str) -> Result<Vec<Stock>> {
    let mut stocks = Vec::new();
    let mut add_all = |unit: Unit| unit.steps.into_iter().chain(unit.finally).for_each(|step| add(&mut stocks, step));
    let refusal = match (config.unit(name, false), config.understood(name)) {
        (Ok(unit), _) => {
            add_all(unit);
            None
        }
        (Err(refusal), understood) => {
            understood.into_iter().for_each(add_all);
            Some(refused(config, &refusal))
        }
    };
    if !stocks.is_empty() && !config.tasks.iter().any(|task| task.name == name) {
        let understood = in_tasks(config, |task| config.understood(task));
        understood.filter(|step| step.name == name).for_each(|step| add(&mut stocks, step));
    }
    if let Some(refusal) = refusal {
        if stocks.is_empty() {
            return Err(refusal);
        }
        let file = config.path.display();
        output::note(&format!(
            "{file} has errors (see `krista-backup check`): going by what can be understood of `{name}`"
        ));
    }
    if stocks.is_empty() {
        return Err(Error::usage(format!("`{name}` writes no backups")));
    }
    if stocks.iter().any(|stock| !stock.is_copy()) {
        let copies = kin(config, &mut stocks).into_iter().filter(Stock::is_copy);
        stocks.extend(copies);
    }
    Ok(stocks)
}

/// The actions as each task runs them, read by `unit_of`: a task may name the files of its actions in its own way.
fn in_tasks(config: &Config, unit_of: impl Fn(&str) -> Option<Unit>) -> impl Iterator<Item = Step> {
    let units = config.tasks.iter().filter_map(move |task| unit_of(&task.name));
    units.flat_map(|unit| unit.steps.into_iter().chain(unit.finally))
}

/// Where else the sets of these families are. Each of `stocks` learns of all the actions of its family.
pub fn kin(config: &Config, stocks: &mut [Stock]) -> Vec<Stock> {
    let (mut others, _) = all(config);
    for stock in &mut *stocks {
        if let Some(at) = others.iter().position(|other| other.is_family_of(&stock.source)) {
            stock.origins = others.remove(at).origins;
        }
    }
    others.retain(|other| stocks.iter().any(|stock| stock.is_kin_of(other)));
    others
}

/// The families of the whole configuration, and why some of its actions could not be asked.
pub fn all(config: &Config) -> (Vec<Stock>, Vec<Error>) {
    let (mut stocks, mut wrong) = (Vec::new(), Vec::new());
    in_tasks(config, |task| config.unit(task, false).ok()).for_each(|step| add(&mut stocks, step));
    for entry in config.actions.iter().filter(|entry| !entry.is_template) {
        match config.unit(&entry.name, true) {
            Ok(unit) => unit.steps.into_iter().for_each(|step| add(&mut stocks, step)),
            Err(refusal) => wrong.push(refused(config, &refusal)),
        }
    }
    let place = |name: &String| config.actions.iter().position(|entry| entry.name == *name);
    stocks.sort_by_key(|stock| stock.actions.first().and_then(place));
    (stocks, wrong)
}

fn add(stocks: &mut Vec<Stock>, step: Step) {
    for copies in step.action.copies() {
        join(stocks, copies.source.clone(), &step);
    }
    let Some(source) = step.action.source().cloned() else { return };
    if let Some(stock) = join(stocks, source, &step) {
        stock.step.get_or_insert(step);
    }
}

/// The family this source belongs to, with the action of this step among its own.
fn join<'a>(stocks: &'a mut Vec<Stock>, source: Source, step: &Step) -> Option<&'a mut Stock> {
    let known = stocks.iter().position(|stock| stock.is_family_of(&source));
    let origin = source.action.clone();
    let at = known.unwrap_or_else(|| {
        let kind = step.kind;
        stocks.push(Stock { actions: Vec::new(), origins: Vec::new(), kind, source, step: None });
        stocks.len() - 1
    });
    let stock = stocks.get_mut(at)?;
    if !stock.origins.contains(&origin) {
        stock.origins.push(origin);
    }
    if !stock.actions.contains(&step.name) {
        stock.actions.push(step.name.clone());
    }
    Some(stock)
}

fn refused(config: &Config, refusal: &Refusal) -> Error {
    let file = config.path.display();
    let mut lines: Vec<_> = refusal.problems.iter().map(|problem| format!("{file}:{problem}")).collect();
    lines.push(refusal.summary.clone());
    Error::usage(lines.join("\n"))
}
