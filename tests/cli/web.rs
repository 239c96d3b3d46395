//! `web start --api` and `web stop --api`: beginning, ending, who may ask.

use crate::support::tree::is_root;
use crate::support::web::{Api, configure, free_port};
use crate::support::{Bench, contains, files_with, lacks};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

/// What `web start --api` does when it cannot begin.
#[track_caller]
fn does_not_start(bench: &Bench, code: i32, stderr: &str) {
    let ran = bench.run(&["web", "start", "--api"]);
    ran.exits(code);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    contains(&ran.stderr, stderr);
}

#[test]
fn it_answers_until_it_is_told_to_stop() {
    for signal in ["TERM", "INT"] {
        let bench = Bench::new("web-start");
        let mut api = Api::start(&bench, "{port: {port}}");
        assert!(api.addresses[0].ip().is_loopback());
        api.is_alive();
        assert_eq!(api.get("/no/such/path").0, 404);
        assert_eq!((api.get("/api/si").0, api.get("/api/si").0), (200, 200));
        assert!(bench.names("log").contains(&"krista_backup".to_owned()));
        let port = api.addresses[0].port();
        assert_eq!(api.end(signal), (Some(0), String::new()), "SIG{signal}");
        let log = bench.read("log/krista_backup/krista_backup.log");
        contains(&log, &format!(" INFO root webapi: listening on http://127.0.0.1:{port}\n"));
        assert!(log.ends_with(" INFO root webapi: stopped\n"), "{log}");
        assert_eq!(log.matches(" INFO root webapi: 127.0.0.1 asks for /api/si\n").count(), 1, "{log}");
        contains(&log, " INFO root webapi: 127.0.0.1 asks for what is not there\n");
        lacks(&log, "/no/such");
    }
}

/// KB17's scripts: `web --api start`, `web --webapi stop`.
#[test]
fn stop_ends_the_one_that_runs() {
    let bench = Bench::new("web-stop");
    configure(&bench, "{}");
    bench.run(&["web", "stop", "--api"]).gives(0, "", "no webapi is running\n");
    let mut api = Api::start(&bench, "{port: {port}}");
    let ran = bench.run(&["web", "start", "--api"]);
    ran.exits(4);
    contains(&ran.stderr, &format!("another run is at work: `web start --api`, process {}, since ", api.pid()));
    api.is_alive();
    bench.run(&["web", "--webapi", "stop"]).gives(0, "", "");
    let (code, stderr) = api.end("0");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "it was gone when `stop` returned");
    bench.run(&["web", "stop", "--api"]).gives(0, "", "no webapi is running\n");
    let again = Api::start_as(&bench, "{port: {port}}", 1, |command| {
        let arguments: Vec<_> = command.get_args().take(2).map(ToOwned::to_owned).collect();
        let mut other = Command::new(command.get_program());
        other.args(arguments).args(["web", "--api", "start"]);
        *command = other;
    });
    drop(again);
    let mut killed = Api::start(&bench, "{port: {port}}");
    killed.is_alive();
    drop(killed);
    bench.run(&["web", "stop", "--api"]).gives(0, "", "no webapi is running\n");
}

#[test]
fn several_addresses_and_both_families() {
    let bench = Bench::new("web-addresses");
    let api = Api::start_as(&bench, "{host: [127.0.0.1, '::1', localhost, 127.0.0.2], port: {port}}", 3, |_| ());
    for address in &api.addresses {
        let answer = crate::support::web::hear({
            use std::io::Write;
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
            stream
        });
        contains(&answer, "HTTP/1.1 200 OK\r\n");
    }
    let bench = Bench::new("web-wildcards");
    let api = Api::start_as(&bench, "{host: '0.0.0.0, ::', port: {port}}", 2, |_| ());
    let port = api.addresses[0].port();
    assert_eq!(api.addresses, [format!("0.0.0.0:{port}").parse().unwrap(), format!("[::]:{port}").parse().unwrap()]);
    assert_eq!(api.get("/healthz").0, 200);
}

#[test]
fn what_keeps_it_from_starting_is_one_line() {
    let bench = Bench::new("web-not");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    configure(&bench, &format!("{{port: {port}}}"));
    does_not_start(&bench, 1, &format!("listening on 127.0.0.1:{port}: another program listens there: Address"));
    configure(&bench, "{host: 203.0.113.7}");
    does_not_start(&bench, 1, "listening on 203.0.113.7:5556: no network interface has this address: ");
    configure(&bench, "{host: no-such-host.invalid}");
    does_not_start(&bench, 1, "looking up `no-such-host.invalid` of web.host: ");
    configure(&bench, "{user: no-such-user}");
    does_not_start(&bench, 2, "there is no user `no-such-user` (web.user) on this machine");
    configure(&bench, "{}");
    let ran = bench.run(&["web", "start", "--api", "--user", "nobody-here"]);
    ran.gives(2, "", "krista-backup: there is no user `nobody-here` (web.user) on this machine\n");
    configure(&bench, "{allow: [10.0.0.1/8]}");
    does_not_start(
        &bench,
        2,
        "config.yaml:3:15: error: web.allow.0: `10.0.0.1/8` has bits outside of its mask: write 10.0.0.0/8",
    );
    configure(&bench, "{port: 0}");
    does_not_start(&bench, 2, "`port` must be between 1 and 65535");
    configure(&bench, "{}");
    std::fs::remove_dir_all(bench.path("log")).unwrap();
    does_not_start(&bench, 1, "there is no log directory {dir}/log");
    assert!(!bench.path("log").exists(), "a typing error must not make directories");
}

#[test]
fn the_configuration_is_checked_with_its_places() {
    let bench = Bench::new("web-check");
    configure(
        &bench,
        "\n  host: [0.0.0.0, 'a b', '[::1]', 'http://x', 'fe80::1%eth0']\n  allow: ['10.0.0.0/8', '::1', 10.0.0.0/33]\n  user: no-such-user\n  token: CANARY\n",
    );
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    for line in [
        "4:19: error: web.host.1: `a b` is no address to listen on",
        "4:26: error: web.host.2: `[::1]` is no address to listen on",
        "4:35: error: web.host.3: `http://x` is no address to listen on",
        "5:32: error: web.allow.2: `10.0.0.0/33` is no network",
        "6:3: warning: web.user: there is no user `no-such-user` on this machine",
        "7:3: warning: web.token: `token` is shorter than 16 characters",
    ] {
        contains(&all, line);
    }
    lacks(&all, "CANARY");
    lacks(&all, "fe80");
    configure(&bench, "{token: 'CANARY with blanks'}");
    let ran = bench.run(&["check", "--json"]);
    assert_eq!(ran.code, 2);
    contains(&ran.stdout, "no client could send it");
    lacks(&format!("{}{}", ran.stdout, ran.stderr), "CANARY");
}

/// P27: whoever is not of an allowed network gets nothing, and what he says is not read.
#[test]
fn only_allowed_networks_are_answered() {
    let bench = Bench::new("web-allow");
    let mut api = Api::start(&bench, "{port: {port}, allow: [10.0.0.0/8, '::1']}");
    let answer = api.say("");
    contains(&answer, "HTTP/1.1 403 Forbidden\r\n");
    contains(&answer, "{\"error\": \"not for this network\"}");
    contains(&api.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 403 ");
    assert!(api.lives());
    assert_eq!(api.end("TERM"), (Some(0), String::new()));
    contains(
        &bench.read("log/krista_backup/krista_backup.log"),
        " WARNING root webapi: refused 127.0.0.1: 403 not for this network",
    );
    let bench = Bench::new("web-allowed");
    let api = Api::start(&bench, "{port: {port}, allow: 127.0.0.0/8}");
    assert_eq!(api.get("/healthz").0, 200);
}

/// P15, P27: the token opens, and shows nowhere.
#[test]
fn a_token_is_asked_for_and_never_shown() {
    const TOKEN: &str = "CANARY-0123456789abcdef";
    let bench = Bench::new("web-token");
    let api = Api::start(&bench, &format!("{{port: {{port}}, token: {TOKEN}}}"));
    assert_eq!(api.get("/healthz").0, 200);
    let (code, body) = api.get("/api/nothing");
    assert_eq!((code, body.as_str()), (401, "{\"error\": \"a token is needed\"}\n"));
    contains(&api.say("GET /api/nothing HTTP/1.1\r\nHost: a\r\n\r\n"), "\r\nWWW-Authenticate: Bearer\r\n");
    assert_eq!(api.get_with("/api/nothing", "Authorization: Bearer wrong\r\n").0, 401);
    let (code, body) = api.get_with("/api/nothing", &format!("Authorization: Bearer {TOKEN}\r\n"));
    assert_eq!(code, 404);
    lacks(&body, "CANARY");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", api.pid())).unwrap();
    lacks(&String::from_utf8_lossy(&arguments), "CANARY");
    let (code, stderr) = api.end("TERM");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(files_with(&bench.path("log"), "CANARY"), Vec::<std::path::PathBuf>::new());
    lacks(&bench.run(&["list", "--json"]).stdout, "CANARY");
}

#[test]
fn root_is_given_up_for_good() {
    if !is_root() {
        eprintln!("not root: nothing to give up");
        return;
    }
    let bench = Bench::new("web-user");
    std::fs::set_permissions(bench.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    configure(&bench, &format!("{{user: nobody, port: {}}}", free_port()));
    std::fs::set_permissions(bench.path("log"), std::fs::Permissions::from_mode(0o700)).unwrap();
    does_not_start(
        &bench,
        1,
        "the user `nobody` (web.user) cannot read {dir}/log: Permission denied (os error 13); `logging.group` lets",
    );
    std::fs::remove_dir_all(bench.path("log")).unwrap();
    let config = |port| {
        bench.config(&format!(
            "naming: {{server_name: srv, project: test, region: 77}}\nlogging: {{logs_path: '{{dir}}/log', group: nogroup}}\n\
             web: {{user: nobody, port: {port}}}\nschedule: {{t: {{actions: [a]}}}}\nactions: {{a: {{type: command, cmd: 'true'}}}}\n"
        ));
    };
    config(free_port());
    bench.run(&["run", "t"]).gives(0, "", "");
    let journal = std::fs::metadata(bench.path("log/journal.jsonl")).unwrap();
    assert_eq!((journal.gid(), journal.mode() & 0o777), (65534, 0o640), "P24: logging.group reads the journal");
    // the configuration that `start_as` writes has no group of its own to read by: it is written again before the start
    let mut api = Api::start_as(&bench, "{port: {port}, user: nobody}", 1, |command| {
        let port = bench
            .read("config.yaml")
            .split("port: ")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .parse::<u16>()
            .unwrap();
        config(port);
        // root may have groups of its own, and must have some for this to prove anything
        let mut grouped = Command::new("setpriv");
        grouped.args(["--groups", "0,4242"]).arg(command.get_program()).args(command.get_args()).current_dir("/");
        *command = grouped;
    });
    api.is_alive();
    for task in std::fs::read_dir(format!("/proc/{}/task", api.pid())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        contains(&status, "Uid:\t65534\t65534\t65534\t65534\n");
        contains(&status, "Gid:\t65534\t65534\t65534\t65534\n");
        contains(&status, "CapEff:\t0000000000000000\n");
        contains(&status, "CapPrm:\t0000000000000000\n");
    }
    assert_eq!(api.status("Groups"), "65534");
    contains(&api.say("GET / HTTP/1.1\n\n"), "HTTP/1.1 400 ");
    assert_eq!(api.end("TERM"), (Some(0), String::new()));
    let log = bench.read("log/krista_backup/krista_backup.log");
    contains(&log, "webapi: refused 127.0.0.1: 400 a bare line feed\n");
    contains(&log, "webapi: stopped\n");
}

/// P7 of the webapi: where nothing can be written down, it answers all the same.
#[test]
fn a_log_that_cannot_be_written_does_not_keep_it_from_answering() {
    let bench = Bench::new("web-nolog");
    configure(&bench, "{}");
    bench.write("log/krista_backup", "in the way");
    let mut api = Api::start(&bench, "{port: {port}}");
    contains(&api.say("GET / HTTP/1.1\n\n"), "HTTP/1.1 400 ");
    api.is_alive();
    assert_eq!(api.end("TERM"), (Some(0), String::new()));
}

#[test]
fn a_closed_terminal_does_not_end_it() {
    let bench = Bench::new("web-terminal");
    let port = free_port();
    configure(&bench, &format!("{{port: {port}}}"));
    let mut child = bench.command(&["web", "start", "--api"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let start = std::time::Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        assert!(start.elapsed() < crate::support::web::LONG);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    bench.run(&["web", "stop", "--api"]).gives(0, "", "");
    assert!(child.wait().unwrap().success());
}
