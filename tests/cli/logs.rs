//! `logs`: the logs of this server and of another one.

use crate::support::tree::is_root;
use crate::support::{BINARY, Bench, contains};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const RUN: &str = "77-test-srv-20200707_050000";

fn bench(name: &str) -> Bench {
    let bench = Bench::with(
        name,
        "schedule:\n  t: {actions: [say]}\n  other: {actions: [say]}\nactions:\n  say: {type: command, cmd: 'echo hello; echo oops >&2'}\n",
    );
    let line = |level: &str, text: &str| format!("2020-07-07 05:00:00.602 77-test-srv {level} a {text}\n");
    bench.write(&format!("log/2020/{RUN}.log"), line("INFO", "x") + &line("ERROR", "bad") + &line("WARNING", "odd"));
    bench.write(&format!("log/debug/{RUN}-debug.log"), line("DEBUG", "deep"));
    bench.write("log/2019/77-test-srv-20190101_000000.log", line("WARNING", "old"));
    bench
}

#[test]
fn the_list_has_the_newest_first() {
    let bench = bench("logs-list");
    let want = "\
2020/77-test-srv-20200707_050000.log  ERROR    2020-07-07 05:00:00.602 77-test-srv ERROR a bad
2019/77-test-srv-20190101_000000.log  WARNING  2020-07-07 05:00:00.602 77-test-srv WARNING a old
";
    bench.run(&["logs"]).gives(0, want, "");
    let list: Value = serde_json::from_str(&bench.run(&["logs", "--json"]).stdout).unwrap();
    assert_eq!(list["server"], "srv");
    assert_eq!(
        list["logs"][0],
        json!({"dir": "2020", "name": format!("{RUN}.log"), "debug": format!("{RUN}-debug.log"), "error": true,
            "warning": true, "message": "2020-07-07 05:00:00.602 77-test-srv ERROR a bad\n"})
    );
    assert_eq!(list["logs"][1]["debug"], Value::Null);
}

#[test]
fn one_log_and_its_debug_log() {
    let bench = bench("logs-show");
    let log = format!("2020/{RUN}.log");
    bench.run(&["logs", &log]).gives(0, &bench.read(&format!("log/{log}")), "");
    bench.run(&["logs", &log, "--debug"]).gives(0, &bench.read(&format!("log/debug/{RUN}-debug.log")), "");
    let shown: Value = serde_json::from_str(&bench.run(&["logs", &log, "--json"]).stdout).unwrap();
    assert_eq!(shown["lines"].as_array().unwrap().len(), 3);
    let ran = bench.run(&["logs", "2020/none.log"]);
    contains(&ran.exits(1).stderr, "there is no log 2020/none.log");
    contains(&bench.run(&["logs", "2020/../x.log"]).exits(2).stderr, "use DIR/NAME as listed");
    fs::remove_dir_all(bench.path("log")).unwrap();
    let none = "krista-backup: there are no logs yet: {dir}/log does not exist\n";
    bench.run(&["logs"]).gives(1, "", none);
    bench.run(&["logs", &log]).gives(1, "", none);
}

/// A terminal must not obey what some child wrote; KB17's passwords are the administrator's own to read here.
#[test]
fn terminal_codes_are_shown_not_obeyed() {
    let bench = bench("logs-codes");
    bench.write("log/2020/x.log", "a\x1b]0;owned\x07 \x1b[2J\r\n\u{9b}31m\tпароль\n");
    let ran = bench.run(&["logs", "2020/x.log"]);
    ran.gives(0, "a\\u{1b}]0;owned\\u{7} \\u{1b}[2J\n\\u{9b}31m\tпароль\n", "");
}

/// A log that whoever asks may not read does not look like a clean one.
#[test]
fn a_log_that_cannot_be_read_is_said() {
    if !is_root() {
        eprintln!("not root: nobody else can ask");
        return;
    }
    let bench = bench("logs-unreadable");
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(bench.path("")).status().unwrap().success());
    fs::set_permissions(bench.path(&format!("log/2020/{RUN}.log")), fs::Permissions::from_mode(0o600)).unwrap();
    // where the tests were built need not be a place that everybody may enter
    let program = bench.path("krista-backup");
    assert!(Command::new("cp").arg(BINARY).arg(&program).status().unwrap().success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program).arg("--config");
    command.arg(bench.path("config.yaml")).args(["logs", "--json"]).current_dir("/");
    let list: Value = serde_json::from_str(&bench.ran(command.output().unwrap()).stdout).unwrap();
    let log = &list["logs"][0];
    assert_eq!((&log["error"], &log["warning"]), (&false.into(), &true.into()), "{list}");
    contains(log["message"].as_str().unwrap(), "this log cannot be read: ");
    assert_eq!(list["logs"][1]["message"], "2020-07-07 05:00:00.602 77-test-srv WARNING a old\n");
}

/// P28
#[test]
fn links_and_fifos_are_no_logs() {
    let bench = bench("logs-links");
    bench.write("secret", "secret\n");
    symlink(bench.path("secret"), bench.path("log/2020/link.log")).unwrap();
    assert!(Command::new("mkfifo").arg(bench.path("log/2020/fifo.log")).status().unwrap().success());
    for name in ["link.log", "fifo.log"] {
        contains(&bench.run(&["logs", &format!("2020/{name}")]).exits(1).stderr, "there is no log");
    }
    assert!(!bench.run(&["logs"]).stdout.contains("link"));
}

#[test]
fn the_last_log_of_a_unit() {
    let bench = bench("logs-last");
    contains(&bench.run(&["logs", "--last", "t"]).exits(1).stderr, "no run of `t` is recorded");
    let hint = "krista-backup: `t` is a unit here: `--last t` shows its log; a server of this name is http://t:5556\n";
    bench.run(&["logs", "t"]).gives(2, "", hint);
    assert_eq!(bench.run(&["run", "t"]).code, 3);
    assert_eq!(bench.run(&["run", "other"]).code, 3);
    let shown = bench.run(&["logs", "--last", "t"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    contains(&shown.stdout, "run of t by krista-backup");
    contains(&shown.stdout, "ERROR say oops");
    contains(&bench.run(&["logs", "--last", "t", "--debug"]).stdout, "run of t by krista-backup");
    contains(bench.run(&["logs"]).stdout.lines().next().unwrap(), "ERROR");
    // as a part of a task
    contains(&bench.run(&["logs", "--last", "say"]).stdout, "run of other by krista-backup");
    let year = bench.names("log").into_iter().find(|name| name.starts_with("202") && name != "2020").unwrap();
    fs::remove_dir_all(bench.path(&format!("log/{year}"))).unwrap();
    contains(&bench.run(&["logs", "--last", "t"]).exits(1).stderr, "is gone");
}

#[test]
fn what_is_added_is_followed_until_nobody_reads() {
    let bench = bench("logs-follow");
    let log = format!("2020/{RUN}.log");
    let mut child = bench.command(&["logs", &log, "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        lines.next().unwrap().unwrap();
    }
    let mut file = fs::OpenOptions::new().append(true).open(bench.path(&format!("log/{log}"))).unwrap();
    file.write_all(b"added in two").unwrap();
    file.write_all(b" parts\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "added in two parts");
    drop(lines);
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it goes on although nobody reads");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Answers a few requests in the way of KB17: the head of each goes through `answer`.
fn webapi(answers: Vec<(u16, Value)>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let asked = answers.into_iter().map(|(code, body)| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.by_ref().take(4096).read_line(&mut head).unwrap() > 0);
            }
            let body = body.to_string();
            let answer = format!("HTTP/1.0 {code} X\r\nContent-Type: application/json\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
            head
        });
        asked.collect()
    });
    (address, server)
}

#[test]
fn another_server_is_asked_through_its_webapi() {
    let bench = Bench::new("logs-there");
    bench.write("token", "s3cret\n");
    let listed = |name: &str, exist, error| {
        json!({"name": name, "debugname": "x-debug.log", "exist": exist, "error": error, "warning": false,
            "msg": if error { "\x1b[31mboom ERROR\n" } else { "" }})
    };
    let overview = json!({"full_name": "far", "schedules": {}, "actions": {}, "logs":
        {"krista_backup": [], "2020": [listed("b.log", true, true), listed("a.log", false, false)]}});
    let log = json!({"filename": "/var/log/x", "lines": ["one\n", "two ERROR\u{7}\n"]});
    let missing = json!({"lines": []});
    let (url, server) = webapi(vec![
        (200, overview),
        (200, log.clone()),
        (200, log),
        (200, missing),
        (401, json!({"error": "a token is needed"})),
    ]);
    bench.run(&["logs", &url]).gives(0, "2020/b.log  ERROR    \\u{1b}[31mboom ERROR\n2020/a.log\n", "");
    let token = bench.path("token").display().to_string();
    bench.run(&["logs", &url, "2020/b.log", "--token-file", &token]).gives(0, "one\ntwo ERROR\\u{7}\n", "");
    let ran = bench.run(&["logs", &url, "2020/b.log", "--debug", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["lines"][0], "one\n");
    contains(&bench.run(&["logs", &url, "2020/нет.log"]).exits(1).stderr, "there is no log 2020/нет.log");
    contains(&bench.run(&["logs", &url]).exits(1).stderr, "HTTP status 401: a token is needed");
    let asked = server.join().unwrap();
    assert!(asked[0].starts_with("GET /api/cf HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[1].starts_with("GET /api/rl/2020/b.log HTTP/1.1\r\n"), "{}", asked[1]);
    contains(&asked[1], "Authorization: Bearer s3cret\r\n");
    assert!(asked[2].starts_with("GET /api/rl/debug/b-debug.log HTTP/1.1\r\n"), "{}", asked[2]);
    assert!(asked[3].starts_with("GET /api/rl/2020/%D0%BD%D0%B5%D1%82.log HTTP/1.1\r\n"), "{}", asked[3]);
    contains(&bench.run(&["logs", "https://x"]).exits(2).stderr, "https is not spoken here");
    contains(&bench.run(&["logs", &url, "--follow", "2020/a.log"]).exits(2).stderr, "only logs of this server");
}
