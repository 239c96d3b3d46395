//! The guard: a second process of ours that ends our children's process groups if we are killed ourselves (P16).
//!
//! It is started with the first child and holds one end of a socket. A child writes its own group into the socket before it
//! becomes another program, the agent takes the group out when it is done. When the agent dies, however it dies, the kernel
//! closes the agent's end: the guard reads to the end of what was written and ends every group that is still entered. A
//! child that is between fork and exec holds the agent's end too, so its entry always comes before the end of the socket.
//!
//! A group is done when its leader has ended by itself, or when nobody is left in it. A background process that a command
//! leaves in its group on purpose (`start-the-server &`) is therefore not ended with the agent.
//!
//! What is left: a group whose number is given to strangers between the agent's death and the guard's SIGTERM. The agent
//! takes a group out before it waits for the leader, whose zombie keeps the number reserved, so this needs a leader that
//! ends, is waited for by init and has its number reused within that moment.
#![allow(unsafe_code)]

mod serve;

use rustix::process::Pid;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use serve::serve;

/// The hidden first argument that makes this program a guard.
pub const VERB: &str = "__guard";

/// What a guard is called in `ps`.
const GUARD_NAME: &str = "krista-backup";

/// How long a guard may take to say that it is there: a machine may be very busy.
const PATIENCE_AT_THE_START: Duration = Duration::from_secs(30);

/// How long it may take to take a message, and to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether these arguments (without the program's name) ask for a guard.
pub fn is_guard(args: &[OsString]) -> bool {
    matches!(args, [verb] if verb == VERB)
}

/// How a guard is started.
#[derive(Clone, Debug)]
struct Launcher {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Launcher {
    #[cfg(not(test))]
    fn ours() -> Self {
        Self { program: "/proc/self/exe".into(), args: vec![VERB.into()], env: Vec::new() }
    }

    /// The test binary is not our program, but one of its tests can play the guard.
    #[cfg(test)]
    fn ours() -> Self {
        let args = ["sys::guard::tests::plays_the_guard", "--exact", "--nocapture", "--test-threads=1"];
        let args = args.map(OsString::from).to_vec();
        Self { program: "/proc/self/exe".into(), args, env: vec![("KRISTA_TEST_GUARD".into(), "1".into())] }
    }
}

/// The agent's side: the guard and what is entered there.
#[derive(Debug)]
struct Post {
    state: State,
    next: u64,
    /// Groups that are running, to be entered again should the guard be lost.
    entered: BTreeMap<u64, Pid>,
}

#[derive(Debug)]
enum State {
    /// No child was started yet.
    NotNeededYet,
    /// A guard stands by.
    Standing { socket: Arc<UnixStream>, process: Child },
    /// None can be had (no `/proc`, no process left): asked once, then lived with.
    Unavailable,
}

static POST: Mutex<Post> = Mutex::new(Post { state: State::NotNeededYet, next: 0, entered: BTreeMap::new() });

fn post() -> MutexGuard<'static, Post> {
    POST.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Post {
    /// The socket to a living guard; starts one when there is none yet or the last one is gone.
    fn socket(&mut self) -> Option<Arc<UnixStream>> {
        let lost = match &mut self.state {
            State::Standing { process, .. } => !matches!(process.try_wait(), Ok(None)),
            State::NotNeededYet => true,
            State::Unavailable => false,
        };
        if lost {
            self.state = match launch(&Launcher::ours()) {
                Ok((socket, process)) => State::Standing { socket: Arc::new(socket), process },
                Err(_) => State::Unavailable,
            };
            for (number, group) in &self.entered {
                self.tell(&format!("+{number} {}\n", group.as_raw_nonzero()));
            }
        }
        match &self.state {
            State::Standing { socket, .. } => Some(Arc::clone(socket)),
            _ => None,
        }
    }

    /// A message that does not arrive means that the guard is gone, and its list with it.
    fn tell(&self, message: &str) {
        if let State::Standing { socket, .. } = &self.state {
            let _ = (&**socket).write_all(message.as_bytes());
        }
    }
}

/// Starts a guard and waits for its sign that it stands by.
fn launch(launcher: &Launcher) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(&launcher.program);
    command.arg0(GUARD_NAME).args(&launcher.args).env_clear().envs(launcher.env.iter().cloned());
    command.process_group(0).current_dir("/");
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn()?;
    drop(command); // closes our copy of the guard's end, or its death would go unnoticed
    ours.set_read_timeout(Some(PATIENCE_AT_THE_START))?;
    ours.set_write_timeout(Some(PATIENCE))?;
    let mut sign = [0];
    match (&ours).read_exact(&mut sign) {
        Ok(()) if sign == serve::STANDING_BY => Ok((ours, process)),
        _ => {
            let _ = process.kill();
            let _ = process.wait();
            Err(io::Error::other("this program does not play the guard"))
        }
    }
}

/// A place at the guard for one child.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    socket: Option<Arc<UnixStream>>,
}

/// A ticket for a child that is about to be started. Never fails: without a guard a child is only tied to the thread that
/// starts it, by PDEATHSIG.
pub fn ticket() -> Ticket {
    let mut post = post();
    post.next += 1;
    Ticket { number: post.next, socket: post.socket() }
}

/// Lets the guard go at the orderly end of the program and waits for it, so that it is nobody's zombie: in a container the
/// first process may never look after orphans. A guard that still has groups to end is left to its work.
pub fn dismiss() {
    let mut post = post();
    let State::Standing { socket, mut process } = std::mem::replace(&mut post.state, State::Unavailable) else {
        return;
    };
    drop(socket);
    let start = Instant::now();
    // bounded: a guard that somebody stopped must not keep a finished run from ending
    while post.entered.is_empty() && matches!(process.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Ticket {
    /// What the child itself needs to enter its group.
    pub fn entry(&self) -> Entry {
        let mut message = Message::new();
        message.push(b"+");
        message.push_number(self.number);
        message.push(b" ");
        Entry { socket: self.socket.clone(), agent: rustix::process::getpid(), message }
    }

    /// The child was started and leads this group.
    pub fn started(&self, group: Pid) {
        post().entered.insert(self.number, group);
    }

    /// The group is done, or never came to be: the guard forgets it.
    pub fn done(self) {
        let mut post = post();
        post.entered.remove(&self.number);
        post.tell(&format!("-{}\n", self.number));
    }
}

/// A child's own way to the guard, for the moment between fork and exec.
#[derive(Debug)]
pub struct Entry {
    socket: Option<Arc<UnixStream>>,
    agent: Pid,
    message: Message,
}

impl Entry {
    /// Enters the calling process, which leads its own group, and ties it to the agent's life. Async-signal-safe.
    ///
    /// The kernel ends the child itself when the agent dies, even if the guard was killed along with it; only a guard
    /// can end the rest of the group and give it time. That is why the kernel's signal is SIGTERM where there is a guard.
    pub fn register(&self) {
        let mut message = self.message;
        message.push_number(rustix::process::getpid().as_raw_nonzero().get().unsigned_abs().into());
        message.push(b"\n");
        let bytes = message.bytes();
        let entered = self.socket.as_ref().is_some_and(|socket| {
            // SAFETY: the socket is open (we hold it) and `bytes` is valid for its length. MSG_NOSIGNAL: a lost guard must
            // not kill the child.
            let sent =
                unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
            usize::try_from(sent) == Ok(bytes.len())
        });
        let signal: libc::c_long = if entered { libc::SIGTERM } else { libc::SIGKILL }.into();
        // SAFETY: PR_SET_PDEATHSIG takes a signal number and touches no memory.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
        if rustix::process::getppid() != Some(self.agent) {
            // SAFETY: the agent died before the kernel knew; _exit is the only thing left to do and async-signal-safe.
            unsafe { libc::_exit(127) };
        }
    }
}

/// Closes every descriptor a guard was handed by mistake: those our own parent left open to us.
fn close_all_but_standard() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // gathered first, so that the directory being read is closed by its owner and only then, in vain, by us
    for number in numbers.filter(|number: &i32| *number > 2).collect::<Vec<_>>() {
        // SAFETY: the guard has just started: nothing in this process owns a descriptor above 2 yet.
        unsafe { libc::close(number) };
    }
}

/// Makes the guard tell itself apart from the agent in `ps -o comm` and `top`.
fn set_name() {
    // SAFETY: PR_SET_NAME reads a NUL-terminated text of at most 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"krista-guard".as_ptr()) };
}

/// A short message put together without allocating.
#[derive(Clone, Copy, Debug)]
struct Message {
    text: [u8; 48],
    length: usize,
}

impl Message {
    fn new() -> Self {
        Self { text: [0; 48], length: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.text.iter_mut().skip(self.length);
        self.length += room.zip(bytes).map(|(slot, byte)| *slot = *byte).count();
    }

    fn push_number(&mut self, number: u64) {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            let digit = u8::try_from(number / power % 10).unwrap_or(0);
            self.push(&[b'0' + digit]);
            power /= 10;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a test: what [`Launcher::ours`] starts in unit tests.
    #[test]
    fn plays_the_guard() {
        if std::env::var_os("KRISTA_TEST_GUARD").is_some() {
            serve();
            std::process::exit(0);
        }
    }

    #[test]
    fn only_the_exact_hidden_verb_makes_a_guard() {
        let args = |args: &[&str]| args.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(is_guard(&args(&["__guard"])));
        assert!(!is_guard(&args(&["run", "__guard"])));
        assert!(!is_guard(&args(&["__guard", "x"])));
        assert!(!is_guard(&[]));
    }

    #[test]
    fn messages_are_put_together_without_allocating() {
        let mut message = Message::new();
        message.push(b"+");
        message.push_number(u64::MAX);
        message.push(b" ");
        message.push_number(0);
        message.push_number(1090);
        assert_eq!(message.bytes(), b"+18446744073709551615 01090");
        message.push(&[b'x'; 100]);
        assert_eq!(message.bytes().len(), 48);
    }

    #[test]
    fn a_program_that_is_no_guard_is_noticed() {
        for program in ["/bin/true", "/bin/echo", "/nonexistent"] {
            let launcher = Launcher { program: program.into(), args: vec![VERB.into()], env: Vec::new() };
            assert!(launch(&launcher).is_err(), "{program}");
        }
    }
}
