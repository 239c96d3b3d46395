//! `status` of many servers, against servers made here.

use crate::support::web::Api;
use crate::support::{BINARY, Bench, Ran, contains, lacks, tools};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A server whose answers a function makes of the path; none is answered by silence. Ends with the test process.
struct Mock {
    port: u16,
}

impl Mock {
    fn new(answer: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(answer);
        thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let Some(asked) = Asked::read(&stream) else { continue };
                match answer(&asked) {
                    None => silent.push(stream),
                    Some(bytes) => drop((&stream).write_all(&bytes)),
                }
            }
        });
        Self { port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A request.
struct Asked {
    path: String,
    token: bool,
    /// The address it was sent to.
    to: IpAddr,
}

impl Asked {
    fn read(stream: &TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut lines = BufReader::new(stream).lines();
        let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
        let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let token = head.iter().any(|line| line == "Authorization: Bearer s3cret");
        Some(Self { path, token, to: stream.local_addr().ok()?.ip() })
    }
}

fn http(code: u16, kind: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn json(body: &Value) -> Vec<u8> {
    http(200, "application/json", &body.to_string())
}

fn ago(seconds: i64) -> String {
    (OffsetDateTime::now_utc() - time::Duration::seconds(seconds)).format(&Rfc3339).unwrap()
}

/// A status document with this state; `reasons` are severity, kind and task.
fn document(server: &str, state: &str, reasons: &[(&str, &str, &str)]) -> Value {
    let reasons: Vec<_> = reasons
        .iter()
        .map(|(severity, kind, task)| json!({"severity": severity, "kind": kind, "task": task, "text": format!("{kind} today")}))
        .collect();
    json!({
        "schema": 1, "server": server, "version": "2.0.0", "clock": ago(0), "state": state, "reasons": reasons, "new": [{"in": 2.1}],
        "tasks": [{"name": "t", "last_success": {"started": ago(7260)}}, {"name": "never", "last_success": null}],
        "destinations": [
            {"path": "/big", "total": 1000, "free": 900, "problem": null},
            {"path": "/full", "total": 1 << 30, "free": 1 << 28, "problem": null},
            {"path": "/hung", "total": null, "free": null, "problem": "hung"},
        ],
    })
}

/// A webapi that has this document and nothing else.
fn ours(document: Value) -> Mock {
    Mock::new(move |asked| {
        Some(if asked.path == "/api/v1/status" { json(&document) } else { http(404, "application/json", "{}") })
    })
}

fn run(arguments: &[&str]) -> Ran {
    let bench = Bench::new("status-many");
    bench.ran(Command::new(BINARY).arg("status").args(arguments).stdin(Stdio::null()).output().unwrap())
}

fn asked(arguments: &[&str]) -> (i32, Value) {
    let mut all = arguments.to_vec();
    all.push("--json");
    let ran = run(&all);
    let answer = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran.code, answer)
}

fn states(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    answer["servers"].as_array().unwrap().iter().map(|row| (text(&row["state"]), text(&row["server"]))).collect()
}

#[test]
fn the_worst_comes_first_and_decides() {
    let fine = ours(document("fine", "ok", &[]));
    let late = ours(document("late", "error", &[("error", "missed", "full")]));
    let warned = ours(document("warned", "warning", &[("warning", "warnings", "t"), ("warning", "config", "")]));
    let failed = ours(document("failed", "error", &[("error", "failed", "t"), ("error", "overdue", "t")]));
    let (code, answer) = asked(&[&fine.url()]);
    assert_eq!((code, states(&answer)), (0, vec![("ok".into(), "fine".into())]));
    let row = &answer["servers"][0];
    assert_eq!(row["lowest_free"], json!({"path": "/full", "free": 1 << 28, "total": 1 << 30}), "the fullest");
    assert!((7260..7400).contains(&row["age_seconds"].as_u64().unwrap()), "{row}");
    assert!(row["clock_skew_seconds"].as_i64().unwrap().abs() < 60, "{row}");
    assert_eq!(asked(&[&fine.url(), &warned.url()]).0, 3);
    assert_eq!(asked(&[&fine.url(), &late.url()]).0, 3, "a run that did not happen is no failure");
    let all = [fine.url(), late.url(), "http://127.0.0.1:1".into(), warned.url(), failed.url()];
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    let (code, answer) = asked(&all);
    assert_eq!(code, 1);
    let order: Vec<_> = states(&answer).into_iter().map(|(state, server)| format!("{state} {server}")).collect();
    assert_eq!(order, ["silent -", "error failed", "error late", "warning warned", "ok fine"]);
    assert_eq!(answer["counts"], json!({"silent": 1, "error": 2, "warning": 1, "ok": 1}));
    let ran = run(&all);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("STATE    SERVER  ADDRESS"), "{}", lines[0]);
    contains(lines[1], "127.0.0.1:1 ");
    assert!(lines[1].ends_with("connection refused"), "{}", lines[1]);
    contains(lines[2], "t: failed today (and 1 more)");
    contains(lines[5], "2h 1m");
    contains(lines[5], "256.0 MiB (25%)");
    assert_eq!(*lines.last().unwrap(), "5 servers: 1 silent, 2 error, 1 warning, 1 ok");
    lacks(&ran.stdout, "\x1b");
}

#[test]
fn kb17_is_asked_in_its_own_way() {
    let kb17 = |errors: Value, newest_fails: bool| {
        Mock::new(move |asked| {
            let log = |name: &str, error: bool| json!({"name": format!("77-cons-app-{name}.log"), "exist": true, "error": error, "warning": false, "msg": "сбой\n"});
            let many: Vec<_> = (10..28).map(|day| log(&format!("201906{day}_230000"), true)).collect();
            Some(match asked.path.as_str() {
                "/api/si" => json(&json!({"name": "старый", "flask": true, "msg": "триггер-файл", "errors": errors})),
                "/api/cf" => json(&json!({
                    "full_name": "старый", "schedules": {}, "actions": {"deep": {"er": [1, {}]}},
                    "logs": {"2020": [log("20200713_230000", newest_fails), log("20200712_230000", false)], "2019": many},
                })),
                // its page sends whoever is not logged in to the login
                _ => http(302, "text/html", "<!doctype html>"),
            })
        })
    };
    let fine = kb17(json!(""), false);
    let (code, answer) = asked(&[&fine.url()]);
    let row = &answer["servers"][0];
    assert_eq!(
        (code, &row["state"], &row["server"], &row["version"]),
        (0, &"ok".into(), &"старый".into(), &"KB17".into())
    );
    assert_eq!(row["last_success"].as_str().map(|at| &at[..16]), Some("2020-07-13T23:00"));
    let alarmed = kb17(json!(["ERROR"]), false);
    let failing = kb17(json!(""), true);
    for (mock, reason) in [(&alarmed, "its trigger file says ERROR"), (&failing, "its newest log: сбой")] {
        let (code, answer) = asked(&[&mock.url()]);
        assert_eq!((code, &answer["servers"][0]["state"]), (1, &"error".into()));
        assert_eq!(answer["servers"][0]["reasons"], json!([reason]));
    }
    assert_eq!(
        asked(&[&failing.url()]).1["servers"][0]["last_success"].as_str().map(|at| &at[..10]),
        Some("2020-07-12")
    );
}

/// Whatever a server sends: it is named with the reason, the others are listed, and nothing takes longer than the deadline.
#[test]
fn servers_that_make_no_sense_are_silent_servers() {
    let fine = ours(document("fine", "ok", &[]));
    let html = Mock::new(|_| Some(http(200, "text/html", "<html>It works!</html>")));
    let teapot = Mock::new(|_| Some(http(418, "text/plain", "")));
    let newer = ours(json!({"schema": 2, "server": "x", "version": "9", "clock": "?", "state": "fine"}));
    let wrong = ours(json!({"schema": 1, "server": ["x"]}));
    let deep = Mock::new(|_| Some(http(200, "application/json", &"[".repeat(1 << 20))));
    let broken = Mock::new(|_| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"schema\":".to_vec()));
    let announced = Mock::new(|_| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()));
    let locked = Mock::new(|asked| {
        Some(if asked.token { json(&document("locked", "ok", &[])) } else { http(401, "text/plain", "") })
    });
    let hung = Mock::new(|_| None);
    let ssh = Mock::new(|_| Some(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let endless = endless();
    let expected = [
        (&html, "there is no webapi: the answer is text/html"),
        (&teapot, "it answers with code 418"),
        (&newer, "schema 2"),
        (&wrong, "not understood"),
        (&deep, "not understood"),
        (&broken, "broke off"),
        (&announced, "larger than"),
        (&locked, "--token-file"),
        (&hung, "no answer within 3 s"),
        (&ssh, "no HTTP"),
        (&endless, "no answer within 3 s"),
    ];
    let urls: Vec<String> = expected.iter().map(|(mock, _)| mock.url()).chain([fine.url()]).collect();
    let mut arguments: Vec<&str> = urls.iter().map(String::as_str).collect();
    arguments.extend(["--timeout", "3s"]);
    let begun = Instant::now();
    let (code, answer) = asked(&arguments);
    assert!(begun.elapsed() < Duration::from_secs(60), "the deadline was not kept");
    assert_eq!(code, 1);
    let rows = answer["servers"].as_array().unwrap();
    assert_eq!(rows.len(), urls.len());
    for (mock, reason) in expected {
        let row = rows.iter().find(|row| row["url"] == mock.url()).unwrap();
        assert_eq!(row["state"], "silent", "{row}");
        contains(row["reasons"][0].as_str().unwrap(), reason);
    }
    assert_eq!(rows.last().unwrap()["server"], "fine");
    let bench = Bench::new("status-token");
    let token = bench.write("token", "s3cret\n").display().to_string();
    let (code, answer) = asked(&[&locked.url(), "--token-file", &token]);
    assert_eq!((code, states(&answer)), (0, vec![("ok".into(), "locked".into())]));
}

/// A server that never stops sending, a little at a time.
fn endless() -> Mock {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":[");
                while stream.write_all(b"1,").is_ok() {
                    thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
    Mock { port }
}

/// The system's resolver waits for as long as it likes; the deadline holds all the same.
#[test]
fn a_name_server_that_hangs_is_a_silent_server() {
    if !tools::can_mount() {
        return;
    }
    let bench = Bench::new("status-dns");
    let listener = std::net::UdpSocket::bind("127.0.0.77:53");
    let Ok(silent) = listener else { return eprintln!("port 53 is taken: not tested") };
    bench.write("resolv.conf", "nameserver 127.0.0.77\noptions timeout:30 attempts:1\n");
    bench.write("nsswitch.conf", "hosts: files dns\n");
    let script = format!(
        "cd {} && for file in resolv nsswitch; do test ! -e /etc/$file.conf || mount --bind $file.conf /etc/$file.conf; done
        exec {BINARY} status http://nobody.example --timeout 1s --json",
        bench.path("").display()
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", &script]);
    let ran = bench.ran(command.stdin(Stdio::null()).output().unwrap());
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    assert_eq!(answer["servers"][0]["reasons"], json!(["no answer within 1 s"]));
    let mut question = [0; 512];
    silent.set_nonblocking(true).unwrap();
    assert!(silent.recv(&mut question).is_ok(), "the name server was not even asked");
}

#[test]
fn names_cannot_steer_the_terminal() {
    let evil = ours(document("a\x1b[2J\x07b\r\n\u{202e}c", "error", &[("error", "failed", "\x1b]0;x\x07")]));
    let ran = run(&[&evil.url()]);
    assert!(ran.stdout.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", ran.stdout);
    lacks(&ran.stdout, "\u{202e}");
    assert_eq!(ran.stdout.lines().count(), 4, "{}", ran.stdout);
}

/// One server's answer must not push everybody's columns off the screen.
#[test]
fn long_texts_are_clipped() {
    let long = ours(document(&"x".repeat(10_000), "ok", &[]));
    let ran = run(&[&long.url()]);
    assert!(ran.stdout.lines().all(|line| line.chars().count() < 200), "{}", ran.stdout);
    contains(&ran.stdout, &format!("{}…", "x".repeat(39)));
}

#[test]
fn servers_yaml_as_kb17_had_it() {
    let fine = ours(document("fine", "ok", &[]));
    let bench = Bench::new("status-servers");
    let same = fine.url().replace("127.0.0.1", "LOCALHOST").to_lowercase();
    for text in [
        format!("servers:\n  - {0}\n  - {0}/  # again\n  -\n", fine.url()),
        format!("servers: [{0}, '{0}//']\n", fine.url()),
        format!("servers: {0}, {0}/\n", fine.url()),
    ] {
        let file = bench.write("servers.yaml", &text).display().to_string();
        let (code, answer) = asked(&["--servers", &file, &fine.url()]);
        assert_eq!((code, states(&answer).len()), (0, 1), "{text}: each once");
    }
    let file =
        bench.write("servers.yaml", format!("servers: [{same}, 'http://admin:canary@127.0.0.1:1', 'https://x']\n"));
    let ran = run(&["--servers", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    contains(&ran.stdout, "https is not spoken here");
    contains(&ran.stdout, "3 servers: 2 silent, 1 ok");
    lacks(&ran.stdout, "canary");
    for text in ["servers: {a: b}", "hosts: []", "servers: []", "[", "servers: [{url: x}]"] {
        let file = bench.write("servers.yaml", text).display().to_string();
        let ran = run(&["--servers", &file]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{text}: {}", ran.stderr);
    }
}

/// `--watch` goes on until it is told to stop, and then ends with 128 + N.
#[test]
fn watching_ends_with_a_signal() {
    let fine = ours(document("fine", "ok", &[]));
    let hung = Mock::new(|_| None);
    for (url, signal, code) in [(fine.url(), "TERM", 143), (fine.url(), "INT", 130), (hung.url(), "TERM", 143)] {
        let mut child = Command::new(BINARY)
            .args(["status", &url, "--watch", "1", "--timeout", "60s"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        if url == fine.url() {
            let mut rounds = 0;
            while rounds < 2 {
                let line = lines.next().expect("it ended by itself").unwrap();
                rounds += u32::from(line == "1 server: 1 ok");
            }
        } else {
            // it must be deaf to nothing while it waits for an answer
            wait_for_handler(child.id());
        }
        Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

/// Until the process catches SIGTERM.
fn wait_for_handler(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << 14) != 0 {
            return;
        }
        assert!(Instant::now() < deadline, "no handler for SIGTERM");
        thread::sleep(Duration::from_millis(10));
    }
}

/// 1,000 servers, of which 50 never answer and 50 refuse: all are listed, in little memory.
#[test]
fn a_thousand_servers() {
    let address = |number: usize| format!("127.1.{}.{}", number / 250, number % 250 + 1);
    let mock = Mock::new(move |asked| {
        let IpAddr::V4(to) = asked.to else { panic!("{}", asked.to) };
        let [_, _, high, low] = to.octets();
        let number = usize::from(high) * 250 + usize::from(low) - 1;
        // spread over the whole list
        (number % 20 != 7).then(|| json(&document(&format!("srv-{number:04}"), "ok", &[])))
    });
    let url = |number: usize| match number % 20 {
        11 => format!("http://{}:1", address(number)),
        _ => format!("http://{}:{}", address(number), mock.port),
    };
    let bench = Bench::new("status-thousand");
    let list: String = (0..1000).map(|number| format!("- {}\n", url(number))).collect();
    let file = bench.write("servers.yaml", format!("servers:\n{list}")).display().to_string();
    let begun = Instant::now();
    let script = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)";
    let mut command = Command::new("python3");
    command.args(["-c", script, BINARY, "status", "--json", "--servers", &file]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let took = begun.elapsed();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (code, kib) = text.trim().split_once(' ').unwrap_or_else(|| panic!("{text}"));
    let kib: u64 = kib.parse().unwrap();
    eprintln!("1,000 servers: {} ms, {kib} KiB", took.as_millis());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (code, &answer["counts"]),
        ("1", &json!({"silent": 100, "error": 0, "warning": 0, "ok": 900})),
        "{}",
        answer["servers"][0]
    );
    let mut listed: Vec<_> =
        answer["servers"].as_array().unwrap().iter().map(|row| row["url"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let mut wanted: Vec<_> = (0..1000).map(url).collect();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
    let silent =
        |why: &str| answer["servers"].as_array().unwrap().iter().filter(|row| row["reasons"][0] == why).count();
    assert_eq!((silent("connection refused"), silent("no answer within 4 s")), (50, 50));
    assert!(kib <= 40 << 10, "{kib} KiB");
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// Our own webapi understands what we ask, and we what it answers.
#[test]
fn our_own_webapi_is_one_of_the_servers() {
    let mut bench = Bench::new("status-own");
    bench.fake("crontab", "exit 0");
    let api = Api::start(&bench, "{port: {port}, token: s3cret}");
    let url = format!("http://{}/", api.addresses[0]);
    let (code, answer) = asked(&[&url]);
    contains(
        answer["servers"][0]["reasons"][0].as_str().unwrap(),
        "it does not let us in (401): is --token-file needed",
    );
    assert_eq!(code, 1);
    let token = bench.write("token", "s3cret\n").display().to_string();
    let (code, answer) = asked(&[&url, "--token-file", &token]);
    let row = &answer["servers"][0];
    assert_eq!((code, &row["state"], &row["server"]), (0, &"ok".into(), &"srv".into()), "{row}");
    assert_eq!((&row["version"], &row["clock_skew_seconds"]), (&env!("CARGO_PKG_VERSION").into(), &0.into()));
}
