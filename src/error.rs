//! One error type: what we were doing, why it did not work, and what that means for the exit code.

use std::fmt;

/// Exit codes of the program; every help text ends with this list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: done, nothing to report.
    Done,
    /// 1: at least one action failed, or the command itself did.
    Failed,
    /// 2: wrong usage or configuration; nothing was started.
    Usage,
    /// 3: finished, but something is incomplete.
    Warning,
    /// 4: another run holds the lock; nothing was started.
    Locked,
    /// 128+N: ended by signal N after cleaning up.
    Signal(i32),
}

impl Exit {
    /// The number handed to the operating system.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Warning => 3,
            Self::Locked => 4,
            Self::Signal(n) => u8::try_from(128 + (n & 0x7f)).unwrap_or(255),
        }
    }
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The command line or the configuration is wrong; nothing was started.
    Usage,
    /// Something we tried did not work.
    Failed,
    /// Another process holds the lock.
    Locked,
    /// A deadline passed.
    TimedOut,
    /// We were asked to stop by this signal.
    Interrupted(i32),
}

impl Kind {
    /// The exit code of a command that ends with an error of this kind.
    pub fn exit(self) -> Exit {
        match self {
            Self::Usage => Exit::Usage,
            Self::Failed | Self::TimedOut => Exit::Failed,
            Self::Locked => Exit::Locked,
            Self::Interrupted(signal) => Exit::Signal(signal),
        }
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error that reads as one line: `doing: cause`, lower case, no full stop.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    doing: String,
    cause: Option<Cause>,
}

/// Result with our [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, doing: message.into(), cause: None }
    }

    /// Something we tried did not work.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The user asked for something that cannot be meant.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// What this error is, for the exit code and the journal.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The operating system's error behind this one, if there is one.
    pub fn io(&self) -> Option<&std::io::Error> {
        let cause = self.cause.as_deref()?;
        cause.downcast_ref::<std::io::Error>().or_else(|| cause.downcast_ref::<Error>()?.io())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.doing),
            None => f.write_str(&self.doing),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|c| &**c as &(dyn std::error::Error + 'static))
    }
}

/// Says what was being done when something failed.
pub trait Doing<T> {
    /// Wraps the error: `doing(|| format!("writing {path}"))` reads `writing /x: No space left on device`.
    /// The kind of an [`Error`] that is wrapped is kept; anything else becomes [`Kind::Failed`].
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| {
            let cause = system_error(cause.into());
            let kind = cause.downcast_ref::<Error>().map_or(Kind::Failed, Error::kind);
            Error { kind, doing: what(), cause: Some(cause) }
        })
    }
}

/// The kernel's answer in the one type that [`Error::io`] looks for.
fn system_error(cause: Cause) -> Cause {
    match cause.downcast::<rustix::io::Errno>() {
        Ok(errno) => std::io::Error::from(*errno).into(),
        Err(other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_keeps_kind_and_reads_as_one_line() {
        let inner: Result<()> = Err(Error::new(Kind::Interrupted(15), "stopped by SIGTERM"));
        let outer = inner.doing(|| "dumping database x".into()).unwrap_err();
        assert_eq!(outer.kind(), Kind::Interrupted(15));
        assert_eq!(outer.kind().exit().code(), 143);
        assert_eq!(outer.to_string(), "dumping database x: stopped by SIGTERM");
    }

    #[test]
    fn the_os_error_can_be_found_again() {
        let e = Err::<(), _>(std::io::Error::from_raw_os_error(28)).doing(|| "writing /x".into());
        let e = e.doing(|| "archiving".into()).unwrap_err();
        assert_eq!(e.io().and_then(std::io::Error::raw_os_error), Some(28));
        let e = Err::<(), _>(rustix::io::Errno::NOSPC).doing(|| "writing /x".into()).unwrap_err();
        assert_eq!(e.io().and_then(std::io::Error::raw_os_error), Some(28));
    }
}
