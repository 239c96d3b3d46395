//! Those who answer: `tiny_http` behind a private socket, and threads that ask the routes.
//!
//! `tiny_http` makes a thread for each connection, panics when it cannot, and stops accepting for good at the first error. So
//! everything it will ever need is made before the first client is let in: a fixed number of connections, one after the
//! other, each proven by a request. Then its door is removed: nobody else can come in, and it never accepts again.

use crate::error::{Doing, Error, Kind, Result};
use crate::webapi::gate::inside::{PLACE, Place, Word};
use crate::webapi::gate::path;
use crate::webapi::routes::{Answer, Body, Request};
use std::fs::DirBuilder;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tiny_http::{Header, Response, Server, StatusCode};

/// Where the private socket may live while the connections are made: in memory rather than on a disk.
const PARENTS: [&str; 3] = ["/dev/shm", "/run", "/tmp"];
/// Threads `tiny_http` makes besides one for each connection, and some to spare.
const MORE_THREADS: usize = 8;
/// How long the first answer on a new connection may take.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Connections inside, up to `wanted`: fewer where the kernel does not allow as many threads. Fails when there can be none.
pub fn hire(wanted: usize, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Result<Vec<Place>> {
    let wanted = wanted.min(threads(2 * wanted + MORE_THREADS).saturating_sub(MORE_THREADS) / 2);
    if wanted == 0 {
        return Err(Error::new(Kind::Failed, "the kernel allows too few threads for the webapi"));
    }
    let door = PrivateDoor::open()?;
    let listener = door.listener.try_clone().doing(|| "preparing the private socket".into())?;
    let server = Server::from_listener(listener, None);
    let server = Arc::new(server.map_err(|cause| Error::new(Kind::Failed, format!("starting tiny_http: {cause}")))?);
    let words: Arc<Vec<Arc<Word>>> = Arc::new(std::iter::repeat_with(Arc::default).take(wanted).collect());
    let answer = Arc::new(answer);
    for _ in 0..wanted {
        let (server, words, answer) = (Arc::clone(&server), Arc::clone(&words), Arc::clone(&answer));
        let work = move || loop {
            // an error only says that the door is closed
            if let Ok(request) = server.recv() {
                attend(request, &*answer, &words);
            }
        };
        thread::Builder::new().name("answer".into()).spawn(work).doing(|| "starting a thread".into())?;
    }
    let places = words.iter().enumerate().map(|(number, word)| Place::new(door.enter()?, number, Arc::clone(word)));
    let places = places.collect::<Result<Vec<_>>>()?;
    door.wall_up()?;
    Ok(places)
}

/// How many threads there can be, up to `wanted`. Whoever makes them later does not survive one that cannot be made.
fn threads(wanted: usize) -> usize {
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = Arc::new(std::sync::Mutex::new(receiver));
    let wait = || {
        let receiver = Arc::clone(&receiver);
        move || {
            // all of them wait here until nobody can send any more
            let _ = receiver.lock().map(|receiver| receiver.recv());
        }
    };
    let handles: Vec<_> = std::iter::from_fn(|| thread::Builder::new().spawn(wait()).ok()).take(wanted).collect();
    drop(sender);
    let count = handles.len();
    for handle in handles {
        let _ = handle.join();
    }
    if count < wanted {
        // the kernel counts a thread for a moment longer than it lives
        thread::sleep(Duration::from_millis(200));
    }
    count
}

/// A socket that only we can reach.
struct PrivateDoor {
    dir: PathBuf,
    socket: PathBuf,
    listener: UnixListener,
}

impl PrivateDoor {
    fn open() -> Result<Self> {
        let mut last = None;
        for parent in PARENTS.map(Path::new).into_iter().filter(|parent| is_safe(parent)) {
            match Self::open_in(parent) {
                Ok(door) => return Ok(door),
                Err(error) => last = Some(error),
            }
        }
        let doing = || format!("looking for a place for a private socket in {}", PARENTS.join(", "));
        Err(last.unwrap_or_else(|| Error::new(Kind::Failed, "none of them is a safe directory"))).doing(doing)
    }

    fn open_in(parent: &Path) -> Result<Self> {
        // a name nobody can take before us
        let number = RandomState::new().build_hasher().finish();
        let dir = parent.join(format!("krista-backup-{number:016x}"));
        DirBuilder::new().mode(0o700).create(&dir).doing(|| format!("creating {}", dir.display()))?;
        let socket = dir.join("socket");
        match UnixListener::bind(&socket).doing(|| format!("binding {}", socket.display())) {
            Ok(listener) => Ok(Self { dir, socket, listener }),
            Err(error) => {
                let _ = std::fs::remove_dir(&dir);
                Err(error)
            }
        }
    }

    /// One more connection; proven by an answer, because `tiny_http` forgets those that come too fast.
    fn enter(&self) -> Result<UnixStream> {
        let doing = || "connecting to tiny_http".to_owned();
        let mut stream = UnixStream::connect(&self.socket).doing(doing)?;
        stream.set_read_timeout(Some(FIRST_ANSWER)).doing(doing)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n").doing(doing)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).doing(doing)?;
            answer.extend(byte);
        }
        Ok(stream)
    }

    /// Takes the door away: its name, and the socket behind it.
    fn wall_up(self) -> Result<()> {
        std::fs::remove_file(&self.socket).doing(|| format!("removing {}", self.socket.display()))?;
        std::fs::remove_dir(&self.dir).doing(|| format!("removing {}", self.dir.display()))?;
        rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).doing(|| "closing the private socket".into())
    }
}

/// Whether nobody but root can take away what we make there.
fn is_safe(dir: &Path) -> bool {
    let sticky_or_closed = |mode: u32| mode & 0o1000 != 0 || mode & 0o022 == 0;
    std::fs::metadata(dir).is_ok_and(|meta| meta.is_dir() && meta.uid() == 0 && sticky_or_closed(meta.mode()))
}

/// Answers one request.
fn attend(request: tiny_http::Request, answer: impl Fn(&Request) -> Answer, words: &[Arc<Word>]) {
    let place = request.headers().iter().find(|header| header.field.equiv(PLACE));
    let place: Option<usize> = place.and_then(|header| header.value.as_str().parse().ok());
    let word = place.and_then(|place| words.get(place));
    let path = path::decode(request.url()).ok();
    let (Some(word), Some(path)) = (word, path) else {
        // only the first request on each connection has no place
        let _ = request.respond(Response::empty(StatusCode(204)));
        return;
    };
    let Answer { code, content_type, body } = answer(&Request { path });
    let headers = Header::from_bytes("Content-Type", content_type).into_iter().collect();
    let (body, length): (Box<dyn Read + Send>, _) = match body {
        Body::Bytes(bytes) => {
            let length = bytes.len();
            (Box::new(Cursor::new(bytes)), Some(length))
        }
        Body::Stream(stream) => (Box::new(Watched { stream, word: Arc::clone(word) }), None),
    };
    let response = Response::new(StatusCode(code), headers, body, length, None).with_chunked_threshold(usize::MAX);
    // whatever goes wrong on this connection the gate sees at its own end
    let _ = request.respond(response);
}

/// A body that ends early when nobody wants it, and tells the gate when it is not whole: `tiny_http` would end it as if it were.
struct Watched {
    stream: Box<dyn Read + Send>,
    word: Arc<Word>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.word.unwanted.load(Ordering::SeqCst) {
            return Ok(0);
        }
        match self.stream.read(buffer) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                self.word.broken.store(true, Ordering::SeqCst);
                Ok(0)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::os::unix::fs::PermissionsExt;

    /// P26: nobody but us reaches `tiny_http`, while it gets ready and afterwards.
    #[test]
    fn p26_the_way_inside_is_private_and_then_closed() {
        let door = PrivateDoor::open().unwrap();
        let (dir, socket) = (door.dir.clone(), door.socket.clone());
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let listener = door.listener.try_clone().unwrap();
        UnixStream::connect(&socket).unwrap();
        listener.accept().unwrap();
        door.wall_up().unwrap();
        assert!(!dir.exists() && UnixStream::connect(&socket).is_err());
        // one that was only left alone would have nothing to say, and accepting would wait for ever
        let mut waiting = [PollFd::new(&listener, PollFlags::IN)];
        assert_eq!(poll(&mut waiting, Some(&Timespec::default())).unwrap(), 1);
        assert!(listener.accept().is_err());
    }
}
