//! P26 and P28 against the real executable: whatever is done to it, it lives, stays small, and serves the next one.

use crate::support::tree::is_root;
use crate::support::web::{Api, hear};
use crate::support::{Bench, contains, lacks, tools};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Memory at most, in KiB.
const SMALL: u64 = 20_000;

/// Must get nothing but this code, and never an answer from inside.
#[track_caller]
fn refused(api: &Api, bytes: &[u8], code: u16) {
    let answer = api.say(bytes);
    let shown = String::from_utf8_lossy(bytes.get(..bytes.len().min(200)).unwrap()).escape_debug().to_string();
    assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{shown}: {answer}");
    assert_eq!(answer.matches("\r\nServer: ").count(), 1, "{shown}: {answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{shown}: {answer}");
}

/// Nothing that two readers could understand differently reaches a handler: the smuggled `/healthz` is never answered.
#[test]
fn smuggled_requests_do_not_get_in() {
    let bench = Bench::new("web-smuggling");
    let mut api = Api::start(&bench, "{port: {port}}");
    let inner = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for (head, code) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 37\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0,37\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +37\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 37\r\nContent-Length: 37\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\nContent-Length: 37\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 37\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{44f}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", 417),
        ("GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /x/../healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /x/%2e%2e/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /api%2fsi HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /healthz%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\\healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1 x\r\nHost: a\r\n\r\n", 400),
        ("GET\t/healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /healthz\r\n\r\n", 400),
        ("GET /healthz HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ] {
        refused(&api, format!("{head}{inner}").as_bytes(), code);
        refused(&api, format!("{head}{inner}").as_bytes(), code);
    }
    refused(&api, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400);
    refused(&api, &[0xff; 100], 400);
    api.is_alive();
    let log = bench.read("log/krista_backup/krista_backup.log");
    // but for those who asked as one should
    lacks(&log.replace(" asks for /healthz\n", ""), "healthz");
    assert!(log.lines().count() < 30, "the log grows with every refusal");
}

#[test]
fn sizes_are_bounded() {
    let bench = Bench::new("web-sizes");
    let mut api = Api::start(&bench, "{port: {port}}");
    // tiny_http alone would allocate the length that is announced, and abort
    for length in ["1", "1025", "2147483648", "9223372036854775807", "18446744073709551615", "99999999999999999999999"]
    {
        refused(&api, format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes(), 413);
        refused(&api, format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes(), 405);
    }
    refused(&api, format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8192)).as_bytes(), 414);
    refused(&api, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(2000)).as_bytes(), 431);
    refused(&api, format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100)).as_bytes(), 431);
    // a request line of 64 MB: the connection is over long before its end
    let mut endless = api.knock("GET /");
    let piece = vec![b'a'; 1 << 20];
    let sent = (0..64).take_while(|_| endless.write_all(&piece).is_ok()).count();
    assert!(sent < 64, "64 MB of request line were taken");
    api.is_alive();
    assert!(api.peak() < SMALL, "{} KiB", api.peak());
}

/// Keeps connections open that never come to the point, and makes new ones for those that end, until told to stop.
fn besiege(api: &Api, count: usize, over: &AtomicBool) -> usize {
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    connections.resize_with(count, || None);
    let mut made = 0;
    while !over.load(Ordering::SeqCst) {
        for connection in &mut connections {
            let still_there = connection.as_mut().is_some_and(|stream| stream.write_all(b"X: y\r\n").is_ok());
            if !still_there {
                *connection = TcpStream::connect_timeout(&api.addresses[0], Duration::from_millis(20)).ok();
                if let Some(stream) = connection {
                    let _ = stream.set_nonblocking(true);
                    made += usize::from(stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n").is_ok());
                }
            }
            if over.load(Ordering::SeqCst) {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    made
}

/// P26: 1,000 slow clients; memory stays flat, and whoever comes with a request is served even meanwhile.
#[test]
fn a_thousand_slow_clients_keep_nobody_out() {
    let bench = Bench::new("web-slow");
    let mut api = Api::start(&bench, "{port: {port}}");
    api.is_alive();
    let over = AtomicBool::new(false);
    let (made, served) = std::thread::scope(|scope| {
        let siege = scope.spawn(|| besiege(&api, 1000, &over));
        let start = Instant::now();
        let mut served = 0;
        while start.elapsed() < Duration::from_secs(10) {
            served += usize::from(api.get("/healthz").0 == 200);
            std::thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::SeqCst);
        (siege.join().unwrap(), served)
    });
    assert!(made > 300, "only {made} slow clients: nothing was proven");
    assert!(served > 0);
    api.is_alive();
    assert!(api.peak() < SMALL, "{} KiB", api.peak());
    eprintln!("{made} slow connections, {served} others served meanwhile, {} KiB at most", api.peak());
}

/// Readers that take nothing, and clients that vanish in the middle.
#[test]
fn clients_that_do_not_read_or_vanish_do_no_harm() {
    let bench = Bench::new("web-vanish");
    let mut api = Api::start(&bench, "{port: {port}}");
    let many = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000);
    let deaf: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(api.addresses[0]).unwrap();
            stream.set_nonblocking(true).unwrap();
            let _ = stream.write(many.as_bytes());
            stream
        })
        .collect();
    api.is_alive();
    for number in 0..2000 {
        let mut stream = TcpStream::connect(api.addresses[0]).unwrap();
        let _ = stream.write_all(&many.as_bytes()[..number % 60]);
    }
    api.is_alive();
    drop(deaf);
    api.is_alive();
    assert!(api.peak() < SMALL, "{} KiB", api.peak());
}

fn limit(api: &Api, what: &str) {
    let done = Command::new("prlimit").args(["--pid", &api.pid().to_string(), what]).status().unwrap();
    assert!(done.success(), "prlimit {what}");
}

fn descriptors(api: &Api) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", api.pid())).unwrap().count()
}

/// P26: the accept loop survives what ends tiny_http's.
#[test]
fn running_out_of_descriptors_is_survived() {
    let bench = Bench::new("web-nofile");
    let mut api = Api::start(&bench, "{port: {port}}");
    api.is_alive();
    let before = descriptors(&api);
    limit(&api, &format!("--nofile={}:1024", before + 8));
    let crowd: Vec<_> = (0..100).map(|_| api.knock("GET /")).collect();
    let start = Instant::now();
    while descriptors(&api) < before + 8 {
        assert!(start.elapsed() < Duration::from_secs(60), "the limit was not reached: {}", descriptors(&api));
        std::thread::sleep(Duration::from_millis(20));
    }
    // even now slow ones make room; what the answer is when no log can be opened is not the gate's business
    assert!(matches!(api.get("/healthz").0, 200 | 503));
    limit(&api, &format!("--nofile={before}:1024"));
    assert!(api.lives());
    limit(&api, "--nofile=1024:1024");
    api.is_alive();
    drop(crowd);
    api.is_alive();

    // a low limit from the start means fewer connections
    let bench = Bench::new("web-nofile-low");
    let mut api = Api::start_as(&bench, "{port: {port}}", 1, |command| low(command, "--nofile=100:100"));
    let crowd: Vec<_> = (0..200).map(|_| api.knock("GET /")).collect();
    assert_eq!(api.get("/healthz").0, 200, "what answers need is kept for them");
    assert!(descriptors(&api) <= 100);
    drop(crowd);
    api.is_alive();
}

/// Makes a command one that runs under a limit.
fn low(command: &mut Command, limit: &str) {
    let mut limited = Command::new("prlimit");
    limited.arg(limit).arg(command.get_program()).args(command.get_args()).current_dir("/");
    *command = limited;
}

/// P26: no thread is made for a client, so none can be missing. With few of them to begin with, it takes fewer.
#[test]
fn running_out_of_threads_is_survived() {
    if !is_root() {
        eprintln!("not root: a limit for a user of its own cannot be had");
        return;
    }
    let threads = |api: &Api| std::fs::read_dir(format!("/proc/{}/task", api.pid())).unwrap().count();
    // nobody else in these tests is this user
    let web = "{port: {port}, user: games}";
    let open = |bench: &Bench| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(bench.path("log")).unwrap();
        std::fs::set_permissions(bench.path("log"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let bench = Bench::new("web-nproc");
    open(&bench);
    let mut api = Api::start(&bench, web);
    let before = threads(&api);
    // with the rights of that user, because root of a container may lack those to limit others
    let pid = api.pid().to_string();
    let own = ["--reuid=games", "--regid=games", "--clear-groups", "prlimit", "--nproc=1:1", "--pid", &pid];
    assert!(Command::new("setpriv").args(own).status().unwrap().success());
    let crowd: Vec<_> = (0..300).map(|_| api.knock("GET /")).collect();
    api.is_alive();
    assert!(threads(&api) <= before);
    drop(crowd);
    api.is_alive();
    drop(api);

    let bench = Bench::new("web-nproc-low");
    open(&bench);
    let mut api = Api::start_as(&bench, web, 1, |command| low(command, "--nproc=20:20"));
    assert!(threads(&api) <= 20);
    api.is_alive();
    drop(api);
    let bench = Bench::new("web-nproc-none");
    crate::support::web::configure(&bench, "{user: games}");
    open(&bench);
    let mut command = bench.command(&["web", "start", "--api"]);
    low(&mut command, "--nproc=2:2");
    let ran = bench.ran(command.output().unwrap());
    ran.exits(1);
    contains(&ran.stderr, "krista-backup: ");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

/// The same where a control group refuses, which root cannot escape either: `systemd` bounds services like this.
#[test]
fn a_control_group_without_room_is_survived() {
    let Some(few) = tools::FewProcesses::new(1000) else { return };
    let bench = Bench::new("web-pids");
    let mut api = Api::start(&bench, "{port: {port}}");
    api.is_alive();
    few.take(api.pid());
    few.allow(1);
    let mut fork = Command::new("sh");
    fork.args(["-c", "true & wait"]);
    assert!(!few.member(&fork).output().unwrap().status.success() && few.refusals() > 0, "the group is full");
    let crowd: Vec<_> = (0..300).map(|_| api.knock("GET /")).collect();
    api.is_alive();
    assert_eq!(api.get("/api/v1/status").0, 200);
    drop(crowd);
    api.is_alive();
    // begun in such a group it serves with what it gets, or says in one line why not
    few.allow(1000);
    drop(api);
    crate::support::web::configure(&bench, "{port: 1}");
    few.allow(2);
    let ran = bench.ran(few.member(&bench.command(&["web", "start", "--api"])).output().unwrap());
    ran.exits(1);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

/// P28 on the way in: Cyrillic arrives, tricks do not.
#[test]
fn names_arrive_as_they_are_and_tricks_do_not_arrive() {
    let bench = Bench::new("web-names");
    let mut api = Api::start(&bench, "{port: {port}}");
    let code = |path: &str| hear(api.knock(format!("GET {path} HTTP/1.0\r\n\r\n"))).get(9..12).map(str::to_owned);
    assert_eq!(code("/%68ealthz").as_deref(), Some("200"), "decoded once");
    assert_eq!(code("/%2568ealthz").as_deref(), Some("404"), "and only once");
    assert_eq!(code("/a%20%D1%8F").as_deref(), Some("404"));
    for path in
        ["/api/rl/..", "/api/rl/2026/..%2f..%2fetc", "/api/rl/%c0%ae%c0%ae/x", "/api/rl/a%00b/x", "/api/rl/%ff/x"]
    {
        assert_eq!(code(path).as_deref(), Some("400"), "{path}");
    }
    api.is_alive();
}

/// A flood of requests over kept connections, with others coming and going.
#[test]
fn a_flood_of_requests_is_served() {
    let bench = Bench::new("web-flood");
    let mut api = Api::start(&bench, "{port: {port}}");
    let addresses = api.addresses.clone();
    let served: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..100)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(addresses[0]).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                    let mut count = 0;
                    for _ in 0..50 {
                        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                        let mut answer = Vec::new();
                        while !answer.windows(4).any(|window| window == b"\r\n\r\n") || !answer.ends_with(b"\n") {
                            let mut piece = [0; 4096];
                            let got = stream.read(&mut piece).unwrap();
                            assert!(got > 0, "cut after {count} answers");
                            answer.extend_from_slice(&piece[..got]);
                        }
                        count += usize::from(answer.starts_with(b"HTTP/1.1 200 "));
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(served, 5000);
    api.is_alive();
    assert!(api.peak() < SMALL, "{} KiB", api.peak());
}
