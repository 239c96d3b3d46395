//! The guard's side: keep a list, wait for the agent to be gone, end what is left on the list.

use crate::sys::process::GRACE;
use crate::sys::process::group::{Members, ask_to_end, force_to_end, members};
use crate::sys::signals::disposition;
use rustix::process::Pid;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What a guard sends when it is ready.
pub const STANDING_BY: [u8; 1] = *b"!";

/// Serves as the guard of the process at the other end of standard input, until that process is gone and so are the
/// groups it left. Fails at once when standard input is no socket: somebody typed the hidden verb.
pub fn serve() -> ExitCode {
    let Some(socket) = prepare() else { return ExitCode::from(2) };
    let mut groups = BTreeMap::new();
    let mut reader = BufReader::new(&socket);
    let mut line = Vec::new();
    // an error ends the list like the agent's death does
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        note(&mut groups, &String::from_utf8_lossy(&line));
        line.clear();
    }
    end(groups.into_values().collect());
    ExitCode::SUCCESS
}

/// Deaf to the signals that end the agent, and holding nothing that others wait for: no lock, no pipe, no directory.
fn prepare() -> Option<UnixStream> {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE, libc::SIGQUIT] {
        disposition(signal, libc::SIG_IGN).ok()?;
    }
    super::close_all_but_standard();
    super::set_name();
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    socket.peer_addr().ok()?;
    (&socket).write_all(&STANDING_BY).ok()?;
    Some(socket)
}

/// `+NUMBER GROUP` enters a group, `-NUMBER` takes it out. Anything else is nothing, a line without its end too: a number
/// that is cut short would be somebody else's.
fn note(groups: &mut BTreeMap<u64, Pid>, line: &str) {
    let Some(line) = line.strip_suffix('\n') else { return };
    if let Some(number) = line.strip_prefix('-').and_then(|number| number.parse().ok()) {
        groups.remove(&number);
    }
    if let Some((number, group)) = line.strip_prefix('+').and_then(|rest| rest.split_once(' ')) {
        // group 1 would be init's
        let group = group.parse().ok().filter(|group| *group > 1).and_then(Pid::from_raw);
        if let (Ok(number), Some(group)) = (number.parse(), group) {
            groups.insert(number, group);
        }
    }
}

/// SIGTERM, up to [`GRACE`] to leave, SIGKILL.
fn end(mut groups: Vec<Pid>) {
    let start = Instant::now();
    groups.iter().copied().for_each(ask_to_end);
    while !groups.is_empty() && start.elapsed() < GRACE {
        std::thread::sleep(Duration::from_millis(50));
        groups.retain(|group| members(*group) != Members::None);
    }
    groups.iter().copied().for_each(force_to_end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_takes_only_what_it_understands() {
        let mut groups = BTreeMap::new();
        for line in ["+1 77", "+2 78", "-1", "+3 1", "+4 0", "+5 -9", "+6 x", "+7", "", "-9", "+8 99999999999", "77"] {
            note(&mut groups, &format!("{line}\n"));
        }
        note(&mut groups, "+9 79");
        assert_eq!(groups, BTreeMap::from([(2, Pid::from_raw(78).unwrap())]));
    }
}
