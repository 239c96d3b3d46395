//! STUBS: builders for types that others are making right now, so that the configuration can be tested before they land.
//! Remove this file and its lines in `TYPES` as they do.

use crate::actions::properties::Severity;
use crate::actions::{Action, Common, Context, Plan, Properties, Report, Surroundings};
use crate::error::{Error, Result};
use crate::store::sets::Source;

struct Stub(Option<Source>);

impl Action for Stub {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        Err(Error::failed("not implemented yet: a stub"))
    }

    fn run(&self, _: &Context<'_>, _: &mut Report) -> Result<()> {
        Err(Error::failed("not implemented yet: a stub"))
    }

    fn source(&self) -> Option<&Source> {
        self.0.as_ref()
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        self.0.as_mut()
    }
}

pub fn cleaner(p: &mut Properties<'_>, _: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    p.number("max_files", 1..=i64::from(u32::MAX));
    p.number("days", 1..=i64::from(u32::MAX));
    let source = p.required("source");
    if !source.is_empty()
        && let Err(message) = (around.source_of)(&source)
    {
        p.problem(Severity::Error, "source", message);
    }
    Box::new(Stub(None))
}
