//! The webapi: read-only answers over HTTP.

mod fresh;
pub mod json;
mod kb17;
mod live;
mod ours;
mod properties;
mod doors;
pub mod gate;
mod notes;
pub mod routes;
mod staff;

use crate::config::{Config, Web};
use crate::error::{Error, Exit, Kind, Result};
use crate::output;
use crate::run::lock::{self, Asking, Holder};
use crate::run::places::{New, Places};
use crate::status::Status;
use crate::sys::limits;
use crate::sys::privileges;
use crate::sys::signals::Cancel;
use crate::sys::users::{self, User};
use gate::rules::Rules;
use gate::{AT_WORK, CONNECTIONS, Gate};
use log::Level;
use notes::Notes;
use routes::Site;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the lock's holder is called.
const UNIT: &str = "web start --api";
/// Descriptors that are neither connections nor places: logs being read, listening sockets, libraries.
const OTHER_DESCRIPTORS: usize = 48;
/// Descriptors one place needs: our end, `tiny_http`'s two, and what an answer opens.
const DESCRIPTORS_OF_A_PLACE: usize = 6;

/// The lock that says whether a webapi of these logs is running.
pub fn lock_path(places: &Places) -> PathBuf {
    places.state().join("web.lock")
}

/// How this server stands, as everybody may see it: what the configuration calls a secret is in no text of it (P27).
pub fn status(config: &Config, now: OffsetDateTime) -> Status {
    let mut status = Status::of(config, now);
    ours::clean(&mut status, &live::secrets(config));
    status
}

/// Serves until told to stop. Fails with one line when it cannot begin: an address in use, an unknown user, no logs
/// directory, another webapi at work (kind `Locked`).
pub fn serve(config: &Config, cancel: &Cancel, now: OffsetDateTime) -> Result<Exit> {
    let web = &config.web;
    let places = Places { logs: config.logging.logs_path.clone(), group: config.logging.group };
    let user = web.user.as_deref().map(user).transpose()?;
    if !places.logs.is_dir() {
        return Err(Error::new(
            Kind::Failed,
            format!("there is no log directory {}: nothing could be shown", places.logs.display()),
        ));
    }
    places.create_dir(&places.state())?;
    let holder = Holder { pid: std::process::id(), unit: UNIT.into(), since: now.format(&Rfc3339).unwrap_or_default() };
    let _held = lock::take(&lock_path(&places), &Asking { holder, deadline: Instant::now(), cancel })?;
    let doors = doors::open(&web.hosts, web.port)?;
    let site = Site::new(&config.path)?;
    let (at_work, connections) = capacity(limits::descriptors(1024))?;
    let log = places.open_log(&places.program_log(), New::May).ok();
    if let Some(user) = &user {
        give_up_root(user, &places)?;
    }
    let notes = Rc::new(RefCell::new(Notes::begin(places, log)?));
    let staff = staff::hire(at_work, move |request| site.answer(request))?;
    for door in &doors {
        let line = format!("webapi: listening on http://{}", door.address);
        output::note(&line);
        notes.borrow().say(Level::Info, line);
    }
    let listeners = doors.into_iter().map(|door| door.listener).collect();
    let (telling, of_guests) = (Rc::clone(&notes), Rc::clone(&notes));
    let gate = Gate::new(listeners, rules(web), staff, connections)
        .telling(move |peer, refusal| telling.borrow_mut().refused(peer, refusal))
        .telling_of_guests(move |peer, path| of_guests.borrow_mut().admitted(peer, routes::address(path)));
    let served = gate.serve(cancel);
    notes.borrow().say(Level::Info, "webapi: stopped".into());
    if let Ok(notes) = Rc::try_unwrap(notes) {
        notes.into_inner().end();
    }
    served.map(|()| Exit::Done)
}

fn rules(web: &Web) -> Rules {
    Rules { allow: web.allow.clone(), token: web.token.clone() }
}

fn user(name: &str) -> Result<User> {
    users::by_name(name).ok_or_else(|| Error::usage(format!("there is no user `{name}` (web.user) on this machine")))
}

/// How many requests at work and how many connections this many descriptors are enough for.
fn capacity(descriptors: u64) -> Result<(usize, usize)> {
    let spare = usize::try_from(descriptors).unwrap_or(usize::MAX).saturating_sub(OTHER_DESCRIPTORS);
    let at_work = (spare / 2 / DESCRIPTORS_OF_A_PLACE).min(AT_WORK);
    let connections = (spare - at_work * DESCRIPTORS_OF_A_PLACE).min(CONNECTIONS);
    if at_work == 0 {
        let message = format!("{descriptors} open files are too few for the webapi: raise the limit");
        return Err(Error::new(Kind::Failed, message));
    }
    Ok((at_work, connections))
}

/// Becomes `web.user`, with the user's groups and the one that may read the logs. What cannot be read then could not be
/// shown, and nobody would know.
fn give_up_root(user: &User, places: &Places) -> Result<()> {
    let mut groups = users::groups_of(user);
    groups.extend(places.group.filter(|group| !groups.contains(group)));
    privileges::become_user(user, &groups)?;
    let refuse = |path: &Path, error: std::io::Error| {
        let hint = "`logging.group` lets a group read logs and journal";
        Err(Error::new(
            Kind::Failed,
            format!("the user `{}` (web.user) cannot read {}: {error}; {hint}", user.name, path.display()),
        ))
    };
    if let Err(error) = std::fs::read_dir(&places.logs) {
        return refuse(&places.logs, error);
    }
    let journal = places.logs.join("journal.jsonl");
    match std::fs::File::open(&journal) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => refuse(&journal, error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
