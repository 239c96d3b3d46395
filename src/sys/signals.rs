//! Being asked to stop: signals become a counter that every long operation looks at.
#![allow(unsafe_code)]

use crate::error::{Doing, Error, Kind, Result};
use crate::units::write_duration;
use std::fmt;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A request to stop that several threads can look at.
#[derive(Clone, Debug)]
pub struct Cancel {
    state: Arc<State>,
    /// How many requests there must be before this token counts as cancelled.
    threshold: usize,
}

#[derive(Debug, Default)]
struct State {
    requests: AtomicUsize,
    signal: AtomicI32,
}

impl Cancel {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self { state: Arc::new(State::default()), threshold: 1 }
    }

    /// Asks everyone who holds a clone to stop, as if `signal` had arrived.
    pub fn request(&self, signal: i32) {
        self.state.signal.store(signal, Ordering::SeqCst);
        self.state.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// The same token for clean-up work: what was requested so far does not count, the next request does.
    #[must_use]
    pub fn shielded(&self) -> Self {
        let seen = self.state.requests.load(Ordering::SeqCst);
        Self { state: Arc::clone(&self.state), threshold: seen + 1 }
    }

    /// The signal that asked us to stop, if one did.
    pub fn signal(&self) -> Option<i32> {
        (self.state.requests.load(Ordering::SeqCst) >= self.threshold).then(|| self.state.signal.load(Ordering::SeqCst))
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

/// When work has to end. The earlier one is the smaller one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline {
    at: Instant,
    length: Duration,
    name: &'static str,
}

impl Deadline {
    /// So long from now; none when that is beyond all time. `name` says whose bound it is: `the timeout of the task`.
    pub fn after(length: Duration, name: &'static str) -> Option<Self> {
        Some(Self { at: Instant::now().checked_add(length)?, length, name })
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }
}

/// `the timeout of the task, 2h, passed`.
impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, passed", self.name, write_duration(self.length))
    }
}

/// Until when, and unless told otherwise: what bounds a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Ends the work when requested.
    pub cancel: Cancel,
    /// Ends the work when passed; none means no bound.
    pub deadline: Option<Deadline>,
}

impl Limits {
    /// `Err` of kind `Interrupted` or `TimedOut` when the work has to end now. Cheap: call it often.
    pub fn check(&self) -> Result<()> {
        if let Some(signal) = self.cancel.signal() {
            return Err(Error::new(Kind::Interrupted(signal), format!("stopped by signal {signal}")));
        }
        if let Some(deadline) = self.deadline.filter(Deadline::has_passed) {
            return Err(Error::new(Kind::TimedOut, deadline.to_string()));
        }
        Ok(())
    }

    /// Bounds of clean-up work: what ended the work itself does not end this, a second signal does.
    #[must_use]
    pub fn for_cleanup(&self, deadline: Option<Deadline>) -> Self {
        if self.cancel.signal().is_some() {
            std::thread::sleep(VOLLEY);
        }
        Self { cancel: self.cancel.shielded(), deadline }
    }
}

/// `timeout(1)`, systemd and terminals signal the process and its group: the second signal of one such volley must not end
/// the clean-up that the first one started.
const VOLLEY: Duration = Duration::from_millis(500);

/// Requests after which a signal is no request any more.
const PATIENCE: usize = 3;

/// What the signal handler feeds; there is one per process because signals are per process.
static PROCESS: OnceLock<Cancel> = OnceLock::new();

/// The token that SIGTERM, SIGINT and SIGHUP cancel once [`install`] has been called.
pub fn process_cancel() -> Cancel {
    PROCESS.get_or_init(Cancel::new).clone()
}

/// Makes this process deaf to what must not end a backup (SIGPIPE, SIGXFSZ: P7; SIGUSR1 and SIGUSR2, which other programs take
/// as a question) and turns SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGALRM and SIGXCPU into requests on [`process_cancel`]. A SIGHUP that was ignored
/// when we started (`nohup`) stays ignored. After three requests a signal does what it does to every program: whoever asks
/// once more wants an end at once.
///
/// Whatever the parent left behind is put right as well: SIGCHLD must not be ignored (the kernel would throw away how our
/// children ended) and the signals we listen to must not be blocked. Fails only if the kernel refuses.
pub fn install() -> Result<()> {
    let _ = process_cancel(); // the handler itself must find it made: allocating there is not allowed
    for signal in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGUSR1, libc::SIGUSR2] {
        disposition(signal, libc::SIG_IGN)?;
    }
    disposition(libc::SIGCHLD, libc::SIG_DFL)?;
    let handler = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // the last two would end us without a word as well: an inherited alarm, a limit of processor time
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGALRM, libc::SIGXCPU] {
        disposition(signal, handler)?;
    }
    if disposition_now(libc::SIGHUP)? != libc::SIG_IGN {
        disposition(libc::SIGHUP, handler)?;
    }
    unblock(&[libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGALRM, libc::SIGXCPU])
}

extern "C" fn on_signal(signal: libc::c_int) {
    // Nothing but atomics and signal(2): this may have interrupted an allocation or a held lock.
    if let Some(cancel) = PROCESS.get() {
        cancel.request(signal);
        if cancel.state.requests.load(Ordering::SeqCst) >= PATIENCE {
            // SAFETY: async-signal-safe, and the default action needs no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

/// Sets what a signal does: a handler, `SIG_IGN` or `SIG_DFL`. System calls it interrupts are restarted.
pub(super) fn disposition(signal: libc::c_int, action: libc::sighandler_t) -> Result<()> {
    // SAFETY: a `sigaction` of zeros is a valid value (default action, empty mask, no flags).
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: `new` is initialised, the old action is not asked for, and every handler we pass only touches atomics.
    let status = unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) };
    checked(status).doing(|| format!("setting up signal {signal}"))
}

fn disposition_now(signal: libc::c_int) -> Result<libc::sighandler_t> {
    // SAFETY: a `sigaction` of zeros is a valid value.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action only asks; `old` is ours to be written.
    let status = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    checked(status).doing(|| format!("asking about signal {signal}"))?;
    Ok(old.sa_sigaction)
}

fn unblock(signals: &[libc::c_int]) -> Result<()> {
    // SAFETY: `sigset_t` is plain data; `sigemptyset` initialises it before it is used.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a valid set and the signal numbers are constants of this platform.
    let status = unsafe {
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut())
    };
    // pthread functions return the error instead of setting errno
    let result = if status == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(status)) };
    result.doing(|| "unblocking signals".into())
}

fn checked(status: libc::c_int) -> std::io::Result<()> {
    if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_shielded_token_ignores_what_was_requested_before() {
        let cancel = Cancel::new();
        assert_eq!(cancel.signal(), None);
        cancel.request(15);
        let cleanup = cancel.shielded();
        assert_eq!((cancel.signal(), cleanup.signal()), (Some(15), None));
        cancel.request(2);
        assert_eq!((cancel.signal(), cleanup.signal()), (Some(2), Some(2)));
    }

    #[test]
    fn limits_say_why_the_work_has_to_end() {
        assert!(Limits::default().check().is_ok());
        let limits = Limits { deadline: Deadline::after(Duration::ZERO, "the test"), ..Limits::default() };
        assert_eq!(limits.check().unwrap_err().kind(), Kind::TimedOut);
        limits.cancel.request(15);
        assert_eq!(limits.check().unwrap_err().kind(), Kind::Interrupted(15), "a signal wins over a timeout");
    }

    /// Not a test: a process of ours for [`signals_become_requests`] to talk to.
    #[test]
    fn plays_the_listener() {
        let Ok(dir) = std::env::var("KRISTA_TEST_LISTENER").map(PathBuf::from) else { return };
        install().unwrap();
        // P7: a write beyond RLIMIT_FSIZE is an error, not the end
        let too_long = std::fs::write(dir.join("long"), vec![0; 1 << 20]).unwrap_err();
        assert_eq!(too_long.raw_os_error(), Some(libc::EFBIG));
        // a parent that ignores SIGCHLD does not cost us the status of our children
        let status = std::process::Command::new("false").status().unwrap();
        assert_eq!(status.code(), Some(1));
        std::fs::write(dir.join("ready"), "").unwrap();
        let start = Instant::now();
        while process_cancel().signal().is_none() && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::write(dir.join("heard"), process_cancel().signal().unwrap().to_string()).unwrap();
    }

    /// P7, and the signals a run is ended by; a SIGHUP that was ignored from the start (`nohup`) stays ignored.
    #[test]
    fn signals_become_requests() {
        for (ignored, sent, heard) in [
            ("CHLD", "TERM", "15"),
            ("CHLD", "INT", "2"),
            ("", "HUP", "1"),
            ("HUP", "HUP TERM", "15"),
            ("", "USR1 USR2 QUIT", "3"),
            ("", "ALRM", "14"),
            ("", "XCPU", "24"),
        ] {
            let dir = std::env::temp_dir().join(format!("krista-signals-{}-{ignored}-{heard}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            let script = r#"for s in $IGNORED; do trap '' $s; done; ulimit -f 100
                "$0" sys::signals::tests::plays_the_listener --exact --nocapture >/dev/null 2>&1 & pid=$!
                while [ ! -e "$KRISTA_TEST_LISTENER/ready" ] && kill -0 $pid; do sleep 0.02; done
                for s in $SENT; do kill -$s $pid; done; wait $pid"#;
            // whoever runs the tests may have ignored SIGHUP for all of us
            let mut shell = std::process::Command::new("env");
            shell.args(["--default-signal=HUP,CHLD", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
            let status =
                shell.env("KRISTA_TEST_LISTENER", &dir).env("IGNORED", ignored).env("SENT", sent).status().unwrap();
            let text = std::fs::read_to_string(dir.join("heard")).unwrap_or_default();
            std::fs::remove_dir_all(&dir).unwrap();
            assert_eq!((text.as_str(), status.code()), (heard, Some(0)), "{ignored} ignored, {sent} sent");
        }
    }
}
