//! The gate and `tiny_http` together, with answers made for each test.

use super::*;
use crate::webapi::gate::deadlines::Deadlines;
use crate::webapi::routes::{Answer, Body, Request};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

#[test]
fn few_descriptors_mean_fewer_connections() {
    assert_eq!(capacity(1024).unwrap(), (32, 256));
    assert_eq!(capacity(128).unwrap(), (6, 44));
    assert_eq!(capacity(60).unwrap(), (1, 6));
    assert!(capacity(50).is_err());
}

/// P26: 5 s for the whole request, 32 requests at work, 256 connections, 8 KiB of request head. Every other test has its own.
#[test]
fn p26_the_limits_are_those_that_were_promised() {
    let real = gate::deadlines::DEADLINES;
    assert_eq!((real.request, gate::AT_WORK, gate::CONNECTIONS), (Duration::from_secs(5), 32, 256));
    assert_eq!(gate::head::LIMIT, 8 << 10);
    // nobody waits for ever for anything
    let longest = [real.idle, real.turn, real.thought, real.stretch, real.answer, real.farewell].into_iter().max();
    assert_eq!(longest, Some(Duration::from_secs(300)));
}

/// Deadlines that are never reached in a test, but for those a test is about.
const LONG: Deadlines = Deadlines {
    request: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    turn: Duration::from_secs(60),
    thought: Duration::from_secs(60),
    stretch: Duration::from_secs(60),
    answer: Duration::from_secs(60),
    farewell: Duration::from_secs(60),
};
const SHORT: Duration = Duration::from_millis(300);

struct House {
    address: SocketAddr,
    cancel: Cancel,
    gate: Option<JoinHandle<Result<()>>>,
}

/// What a test is about.
#[derive(Clone, Copy)]
struct Plan {
    deadlines: Deadlines,
    places: usize,
    connections: usize,
}

const USUAL: Plan = Plan { deadlines: LONG, places: 4, connections: 16 };

fn house(plan: Plan, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> House {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let cancel = Cancel::new();
    let places = staff::hire(plan.places, move |request: &Request| answer(&request.path)).unwrap();
    assert_eq!(places.len(), plan.places);
    let asked = cancel.clone();
    let gate = std::thread::spawn(move || {
        let deadlines = Box::leak(Box::new(plan.deadlines));
        Gate::new(vec![listener], Rules::default(), places, plan.connections).within(deadlines).serve(&asked)
    });
    House { address, cancel, gate: Some(gate) }
}

impl House {
    fn knock(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    fn ask(&self, path: &str) -> String {
        all(self.knock(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.cancel.request(15);
        let ended = self.gate.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// All that comes before the connection ends, however it ends.
fn all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the connection does not end"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

fn text(text: impl Into<String>) -> Answer {
    Answer { code: 200, content_type: "text/plain", body: Body::Bytes(text.into().into_bytes()) }
}

fn stream(stream: impl Read + Send + 'static) -> Answer {
    Answer { code: 200, content_type: "text/plain", body: Body::Stream(Box::new(stream)) }
}

/// A body that counts what was taken of it and whether somebody still holds it.
struct Counted {
    left: usize,
    taken: Arc<AtomicUsize>,
    _held: Arc<()>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.left);
        buffer[..count].fill(b'x');
        self.left -= count;
        self.taken.fetch_add(count, Ordering::SeqCst);
        Ok(count)
    }
}

/// Waits for what must come some time.
#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn large_answers_come_whole_to_old_and_new_clients() {
    const SIZE: usize = 20 << 20;
    let house = house(USUAL, |_| stream(std::io::repeat(b'x').take(SIZE as u64)));
    let new = house.ask("/");
    let (head, chunks) = new.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert!(chunks.ends_with("\r\n0\r\n\r\n"));
    assert_eq!(chunks.bytes().filter(|byte| *byte == b'x').count(), SIZE);
    let old = all(house.knock("GET / HTTP/1.0\r\n\r\n"));
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("Connection: close") && !head.contains("chunked"), "{head}");
    assert!(body.len() == SIZE && body.bytes().all(|byte| byte == b'x'));
    let none = all(house.knock("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    assert!(none.ends_with("\r\n\r\n") && none.contains("chunked"), "{none}");
}

/// What could not be read to its end must not look whole.
#[test]
fn an_answer_that_breaks_off_looks_broken() {
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::from_raw_os_error(5));
            }
            buffer[..4].copy_from_slice(b"part");
            Ok(4)
        }
    }
    let house = house(USUAL, |path| if path == "/ok" { text("fine") } else { stream(Failing(false)) });
    for _ in 0..8 {
        let answer = house.ask("/");
        assert!(answer.contains("part") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    }
    assert!(house.ask("/ok").ends_with("fine"), "the places are as good as new");
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let house = house(USUAL, |path| text(format!("[{path}]")));
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut together: String = (0..100).map(|number| one(&format!("/{number}"))).collect();
    together.push_str("GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answers = all(house.knock(&together));
    let found: Vec<_> = answers.split('[').skip(1).map(|rest| rest.split_once(']').unwrap().0).collect();
    let expected: Vec<_> = (0..100).map(|number| format!("/{number}")).chain(["/last".to_owned()]).collect();
    assert_eq!(found, expected);
    let odd = all(house.knock(&format!("{}GET / HTTP/1.1\nHost: a\n\n", one("/first"))));
    assert!(odd.contains("[/first]") && odd.contains("\r\n\r\n{\"error\": \"a bare line feed\"}"), "{odd}");
}

/// P26: who does not read is not read for.
#[test]
fn nobody_fills_memory_for_a_reader_that_does_not_read() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let deadlines = Deadlines { stretch: Duration::from_secs(2), ..LONG };
    let held = Arc::new(());
    let lent = Arc::clone(&held);
    let house = house(Plan { deadlines, ..USUAL }, move |path| match path {
        "/long" => stream(Counted { left: 1 << 30, taken: Arc::clone(&count), _held: Arc::clone(&lent) }),
        _ => text("fine"),
    });
    let idle: Vec<_> = (0..4).map(|_| house.knock("GET /long HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    eventually("all answers have begun", || Arc::strong_count(&held) == 6);
    assert!(house.ask("/").ends_with("fine"), "four places are taken until the readers are cut");
    eventually("the readers are cut and the answers ended", || Arc::strong_count(&held) == 2);
    assert!(taken.load(Ordering::SeqCst) < 16 << 20, "{} bytes were made for nobody", taken.load(Ordering::SeqCst));
    drop(idle);
}

/// A reader that takes its time but reads is not cut.
#[test]
fn a_slow_reader_that_reads_is_served() {
    const SIZE: usize = 4 << 20;
    let deadlines = Deadlines { stretch: Duration::from_millis(500), thought: Duration::from_millis(500), ..LONG };
    let house = house(Plan { deadlines, ..USUAL }, |_| stream(std::io::repeat(b'x').take(SIZE as u64)));
    let mut stream = house.knock("GET / HTTP/1.0\r\n\r\n");
    let (start, mut got, mut piece) = (Instant::now(), 0, vec![0; 128 * 1024]);
    loop {
        let count = stream.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        got += count;
        std::thread::sleep(Duration::from_millis(40));
    }
    assert!(got > SIZE, "cut after {got} bytes");
    assert!(start.elapsed() > Duration::from_secs(1), "too fast to prove anything");
}

/// Answers that never come hold up nobody but those who asked for them.
#[test]
fn an_answer_that_hangs_is_given_up_and_its_place_used_again() {
    let door = Arc::new((Mutex::new(true), Condvar::new()));
    let inner = Arc::clone(&door);
    let deadlines = Deadlines { thought: SHORT, turn: SHORT, ..LONG };
    let house = house(Plan { deadlines, places: 2, ..USUAL }, move |path| {
        if path == "/hang" {
            let _done = inner.1.wait_while(inner.0.lock().unwrap(), |shut| *shut).unwrap();
        }
        text("fine")
    });
    for _ in 0..2 {
        assert!(house.ask("/hang").starts_with("HTTP/1.1 504 "));
    }
    assert!(house.ask("/").starts_with("HTTP/1.1 503 "), "both places hang");
    *door.0.lock().unwrap() = false;
    door.1.notify_all();
    eventually("the places are free again", || house.ask("/").ends_with("fine"));
    for _ in 0..4 {
        assert!(house.ask("/hang").ends_with("fine"));
    }
}

/// P26: idle connections make room for new ones, the oldest first; then those that dawdle over a request.
#[test]
fn a_full_house_sends_the_idle_away_first() {
    let house = house(Plan { connections: 4, ..USUAL }, |_| text("fine"));
    let keep = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let answered = |stream: &mut TcpStream| {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"fine") {
            let mut byte = [0];
            let more = stream.read(&mut byte).unwrap();
            assert_eq!(more, 1, "cut off after {:?}", String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
    };
    let mut half = house.knock("GET / HT");
    // one after the other, so that it is known who was idle first
    let mut idle: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = house.knock(keep);
            answered(&mut stream);
            stream
        })
        .collect();
    assert!(house.ask("/").ends_with("fine"), "the fifth gets in");
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0, "instead of the one that was idle longest");
    half.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").unwrap();
    answered(&mut half);
    let slow: Vec<_> = (0..20).map(|_| house.knock("GET / HT")).collect();
    assert!(house.ask("/").ends_with("fine"), "slow ones do not keep others out");
    drop(slow);
}

/// Nobody who does not read keeps a place from those who wait.
#[test]
fn one_who_dawdles_makes_way() {
    let deadlines = Deadlines { stretch: SHORT, ..LONG };
    let house = house(Plan { deadlines, places: 1, ..USUAL }, |path| match path {
        "/long" => stream(std::io::repeat(b'x')),
        _ => text("fine"),
    });
    let mut greedy = house.knock("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    let reading = std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while matches!(greedy.read(&mut piece), Ok(count) if count > 0) {
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    assert!(house.ask("/").ends_with("fine"), "one that has had its time makes way");
    reading.join().unwrap();
}

/// Under more readers that do not read than there are places and connections, a fresh request is served all the same.
#[test]
fn readers_that_do_not_read_keep_nobody_out() {
    let house = house(Plan { places: 4, connections: 16, ..USUAL }, |path| match path {
        "/long" => stream(std::io::repeat(b'x')),
        _ => text("fine"),
    });
    let deaf: Vec<_> = (0..60).map(|_| house.knock("GET /long HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    for _ in 0..3 {
        assert!(house.ask("/").ends_with("fine"));
    }
    drop(deaf);
}

#[test]
fn who_is_slow_with_a_request_is_told_so() {
    let deadlines = Deadlines { request: SHORT, farewell: SHORT, ..LONG };
    let house = house(Plan { deadlines, ..USUAL }, |_| text("fine"));
    assert!(all(house.knock("GET / HT")).starts_with("HTTP/1.1 408 "));
    assert_eq!(all(house.knock("")), "", "who says nothing hears nothing");
    let mut second = house.knock("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("fine") && answer.contains("HTTP/1.1 408 "), "{answer}");
    let mut trickle = house.knock("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let start = Instant::now();
    while trickle.write_all(b"y").is_ok() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(start.elapsed() < Duration::from_secs(60), "a byte now and then does not count as progress");
}

#[test]
fn what_is_at_work_comes_to_its_end_when_asked_to_stop() {
    let door = Arc::new((Mutex::new(true), Condvar::new()));
    let inner = Arc::clone(&door);
    let arrived = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&arrived);
    let house = house(USUAL, move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        let _done = inner.1.wait_while(inner.0.lock().unwrap(), |shut| *shut).unwrap();
        text("fine")
    });
    let at_work = house.knock("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    eventually("the request is at work", || arrived.load(Ordering::SeqCst) == 1);
    let idle = house.knock("");
    house.cancel.request(15);
    assert_eq!(all(idle), "", "who is not at work goes");
    eventually("nobody gets in", || TcpStream::connect(house.address).is_err());
    *door.0.lock().unwrap() = false;
    door.1.notify_all();
    assert!(all(at_work).ends_with("fine"));
}
