//! What the webapi answers, over HTTP: KB17's shapes for KB17's page, ours as docs/openapi.yaml says.

use crate::support::web::{Api, LONG};
use crate::support::{Bench, contains, lacks};
use serde_json::Value;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::process::Command;
use std::time::Instant;

const RUN: &str = "77-test-srv-20200707_050000";

/// A webapi of a bench whose configuration goes on with these sections.
fn start(bench: &Bench, sections: &str) -> Api {
    Api::start_as(bench, "{port: {port}}", 1, |_| {
        let text = bench.read("config.yaml");
        bench.config(&format!("{text}{sections}"));
    })
}

/// Runs a script of tests/data with python3; what it printed.
#[track_caller]
fn python(script: &str, arguments: &[String]) -> String {
    let script = format!("{}/tests/data/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3").arg(script).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn base(api: &Api) -> String {
    format!("http://{}", api.addresses[0])
}

fn json(api: &Api, path: &str) -> Value {
    let (code, body) = api.get(path);
    assert_eq!(code, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

/// A log of KB17, with its debug log.
fn old_logs(bench: &Bench) {
    let line = |level: &str, text: &str| format!("2020-07-07 05:00:00.60 77-test-srv {level} {text}\n");
    let log = line("INFO", "root Запускается действие fail") + &line("ERROR", "fail mount: нет устройства");
    bench.write(&format!("log/2020/{RUN}.log"), &log);
    bench.write(&format!("log/debug/{RUN}-debug.log"), line("DEBUG", "root Mount: {'flags': 'x'}") + &log);
    bench.write("log/2019/77-test-srv-20190101_000000.log", line("WARNING", "a old"));
    bench.write("log/web_api/web_api.log", "");
}

/// KB17's page asks for these keys, and finds them with the types it knows.
#[test]
fn a_page_of_kb17_is_served() {
    let mut bench = Bench::new("api-kb17");
    bench.fake("crontab", "echo '0 23 * * 0 /opt/KristaBackup/krista-backup run полный # полный'");
    let sections = "\
cron: {cron_user: root}
schedule:
  полный: {actions: [tar0], cron: '00 23 * * 0', descr: Полный бэкап}
  other: {actions: [say], cron: '30 1 * * *'}
actions:
  tar0: {type: tar, basename: app, src_path: /srv/app, dest_path: /backup, level_folders: ['0', '1'], checksum_file: true}
  say: {type: command, cmd: echo hello}
";
    old_logs(&bench);
    bench.write("trigger", "ERROR\n");
    let api = start(&bench, sections);
    let own_crontab = crate::support::tree::is_root();
    let active = |name: &str| match own_crontab {
        true if name == "полный" => "True",
        true => "False",
        false => "None",
    };
    let want = format!(
        "srv False триггер-файл ERROR
srv
task other 30 1 * * * ['say'] None {}
task полный 00 23 * * 0 ['tar0'] Полный бэкап {}
action tar0 {{\"type\": \"tar\", \"basename\": \"app\", \"src_path\": \"/srv/app\", \"dest_path\": \"/backup\", \
\"level_folders\": [\"0\", \"1\"], \"checksum_file\": true}}
action say {{\"type\": \"command\", \"cmd\": \"***\"}}
web_api web_api.log True False False \n    web_api 0 lines
krista_backup krista_backup.log True False False \n    krista_backup 1 lines
2020 77-test-srv-20200707_050000.log True True False 2020-07-07 05:00:00.60 77-test-srv ERROR fail mount: нет устройства
    2020 2 lines
    debug 3 lines
2019 77-test-srv-20190101_000000.log False False True 2020-07-07 05:00:00.60 77-test-srv WARNING a old
    2019 1 lines
{{'lines': []}}
",
        active("other"),
        active("полный")
    );
    // its own visit stands in the log that it reads, sooner or later
    let shown = python("kb17_poller.py", &[base(&api)]);
    let shown = shown.lines().map(|line| match line.strip_prefix("    krista_backup ") {
        Some(_) => "    krista_backup 1 lines\n".to_owned(),
        None => format!("{line}\n"),
    });
    assert_eq!(shown.collect::<String>(), want);
}

/// docs/openapi.yaml tells the truth, about every address, about answers that are full and about refusals.
#[test]
fn answers_are_what_openapi_says() {
    let bench = Bench::new("api-openapi");
    let sections = "\
schedule:
  t: {actions: [full, diff, vault], cron: 0 3 * * *}
  bad: {actions: [bad], descr: bad, naming: {project: other}}
  never: {actions: [full], finally: [bad], timeout: 2h, lock_wait: 1m}
actions:
  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}
  diff: {source: full, level: 1}
  vault: {type: move_bkp_period, action_list: [full], dest_path: '{dir}/vault', periods: {d: {cron: '* * * * *'}}}
  bad: {type: command, cmd: 'exit 5'}
  pg: {type: pgdump, basename: pg, databases: [a], dest_path: '{dir}/pg', user: u, password: p, port: 5433}
  wrong: {type: tar, level: high}
";
    bench.write("src/f", "x");
    old_logs(&bench);
    let api = start(&bench, sections);
    assert_eq!(bench.run(&["run", "t"]).code, 0);
    bench.run(&["run", "bad"]);
    bench.write("out/app-20200703_013000-0.tar.gz", "KB17 was here");
    assert_eq!(bench.run(&["verify", "full"]).code, 1);
    bench.write("log/debug/x-debug.log", "x");
    let openapi = format!("{}/docs/openapi.yaml", env!("CARGO_MANIFEST_DIR"));
    let log = format!("/api/rl/2020/{RUN}.log=200");
    let full = [
        "/api/si=200",
        "/api/cf=200",
        &log,
        "/api/rl/2020/none.log=200",
        "/api/v1/status=200",
        "/api/v1/backups=200",
        "/metrics=200",
        "/healthz=200",
        "/api/v2/status=404",
        "/api/rl/2020/%2e%2e=400",
    ];
    let arguments = |wanted: &[&str]| {
        [base(&api), openapi.clone()]
            .into_iter()
            .chain(wanted.iter().map(|want| (*want).to_owned()))
            .collect::<Vec<_>>()
    };
    python("openapi_check.py", &arguments(&full));
    let status = json(&api, "/api/v1/status");
    assert_eq!((status["tasks"][0]["last"]["result"].as_str(), status["state"].as_str()), (Some("ok"), Some("error")));
    // the same once more when much is wrong
    fs::write(bench.path("trigger"), "WARNING").unwrap();
    fs::write(bench.path("config.yaml"), "naming: [").unwrap();
    fs::write(bench.path("log/journal.jsonl"), "\0\u{1}{]").unwrap();
    fs::remove_dir_all(bench.path("out")).unwrap();
    let mut broken = full;
    broken[7] = "/healthz=503";
    python("openapi_check.py", &arguments(&broken));
    let status = json(&api, "/api/v1/status");
    contains(&status["reasons"].to_string(), "this is no YAML any more");
}

/// P27, P15: the canary is in the configuration, in KB17's logs, in logs of our own runs and in the journal, and in no
/// answer.
#[test]
fn the_canary_is_in_no_answer() {
    const CANARY: &str = "kanarienvogel";
    let bench = Bench::new("api-canary");
    let sections = "\
schedule:
  t: {actions: [m, c, p], cron: 0 3 * * *, stray: CANARY, descr: 'Ночной бэкап, пароль: CANARY'}
actions:
  c: {type: command, cmd: 'true CANARY', stray: CANARY, password: CANARY, descr: 'token=CANARY'}
  s: {type: script, cmds: ['true CANARY']}
  m: {type: mount, mnt_dev: '//127.0.0.1/x', mnt_point: '{dir}/m', fs_type: none, flags: '-o password=CANARY',
    continue_on_error: yes}
  p: {type: pgdump, basename: p, databases: [d], host: '{dir}', user: u, password: CANARY, opts: '--role CANARY',
    dest_path: '{dir}/out', command_path: '{dir}/no/pg_dump'}
  r: {type: rsync, src_path: '{dir}/src', dest_path: 'rsync://u:CANARY@127.0.0.1:1/x', opts: '--password-file CANARY'}
  template: {cmd: CANARY, flags: CANARY, password: CANARY}
"
    .replace("CANARY", CANARY);
    bench.write("src/f", "x");
    let head = "2020-07-07 05:00:00.59 77-test-srv";
    let old: String =
        ["INFO root Выполняется mount -o password=CANARY", "DEBUG root Mount: {'flags': 'CANARY'}", "ERROR m CANARY"]
            .map(|message| format!("{head} {message}\n").replace("CANARY", CANARY))
            .concat();
    bench.write(&format!("log/2020/{RUN}.log"), &old);
    bench.write(&format!("log/debug/{RUN}-debug.log"), &old);
    bench.write("log/krista_backup/krista_backup.log", &old);
    let api = start(&bench, &sections);
    for unit in ["t", "r", "s"] {
        bench.run(&["run", unit]);
    }
    let mut pages: Vec<String> =
        ["/api/si", "/api/cf", "/api/v1/status", "/api/v1/backups", "/metrics", "/healthz", "/nothing"]
            .map(String::from)
            .into();
    for dir in bench.names("log") {
        pages.extend(bench.names(&format!("log/{dir}")).iter().map(|name| format!("/api/rl/{dir}/{name}")));
    }
    pages.push(format!("/api/rl/.state/{CANARY}").replace(CANARY, "x.log"));
    assert!(pages.len() > 14, "{pages:?}");
    for page in &pages {
        let (_, body) = api.get(page);
        assert!(!body.is_empty(), "{page}");
        lacks(&body, CANARY);
    }
    contains(&api.get("/api/cf").1, "\"flags\": \"***\"");
    assert_eq!(json(&api, "/api/cf")["schedules"]["t"]["descr"], "Ночной бэкап, пароль: ***");
}

/// P26: a log of 60 MB with a line of 20 MB is shown in part, with notes, in bounded memory.
#[test]
fn a_huge_log_does_no_harm() {
    let bench = Bench::new("api-huge");
    fs::create_dir_all(bench.path("log/2020")).unwrap();
    let mut file = fs::File::create(bench.path("log/2020/huge.log")).unwrap();
    file.write_all(b"begin WARNING\n").unwrap();
    file.seek(SeekFrom::Start(20 << 20)).unwrap();
    file.write_all(b"\n").unwrap();
    file.seek(SeekFrom::Start(60 << 20)).unwrap();
    file.write_all(b"\n2020-07-07 05:00:00.60 s INFO a end\n").unwrap();
    let mut api = start(&bench, "");
    let deadline = Instant::now() + LONG;
    // reading it may take longer than one answer may
    while json(&api, "/api/cf").get("msg").is_some() {
        assert!(Instant::now() < deadline);
    }
    let before = api.peak();
    let log = json(&api, "/api/rl/2020/huge.log");
    let lines: Vec<_> = log["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!((lines[0], lines[lines.len() - 1]), ("begin WARNING\n", "2020-07-07 05:00:00.60 s INFO a end\n"));
    assert!(lines.iter().any(|line| line.contains("bytes of this log are not shown here")), "{}", lines.len());
    assert!(lines.iter().any(|line| line.contains("bytes of this line are not shown")), "{}", lines.len());
    assert!(api.peak() < before + (8 << 10), "{} KiB, then {} KiB", before, api.peak());
    assert!(before < 20 << 10, "{before} KiB");
    let overview = json(&api, "/api/cf");
    assert_eq!(overview["logs"]["2020"][0]["warning"], true);
    assert_eq!(overview["logs"]["2020"][0]["msg"], "begin WARNING\n");
    api.is_alive();
}

/// P26: whatever is wrong with the logs is said, and nothing is hidden behind a good answer.
#[test]
fn an_api_in_trouble_says_so() {
    let bench = Bench::new("api-trouble");
    old_logs(&bench);
    let mut api = start(&bench, "");
    assert_eq!(json(&api, "/api/si")["msg"], "нет триггер-файла");
    fs::create_dir(bench.path("trigger")).unwrap();
    assert_eq!(json(&api, "/api/si")["msg"], "ошибка обработки запроса");
    fs::remove_dir_all(bench.path("log")).unwrap();
    let overview = json(&api, "/api/cf");
    assert_eq!(
        (overview["msg"].as_str(), overview["logs"].to_string()),
        (Some("ошибка обработки запроса"), "{}".into())
    );
    let (code, body) = api.get("/healthz");
    assert_eq!(code, 503);
    contains(&body, "No such file or directory");
    fs::create_dir(bench.path("log")).unwrap();
    api.is_alive();
    assert_eq!(json(&api, "/api/cf")["msg"], Value::Null);
    // a FIFO for a journal holds nobody up, and is no lasting harm
    let journal = bench.path("log/journal.jsonl");
    assert!(Command::new("mkfifo").arg(&journal).status().unwrap().success());
    let status = json(&api, "/api/v1/status");
    assert_eq!(status["state"], "error");
    contains(&status["reasons"].to_string(), "not a regular file");
    fs::remove_file(&journal).unwrap();
    let deadline = Instant::now() + LONG;
    while json(&api, "/api/v1/status")["reasons"].to_string().contains("regular file") {
        assert!(Instant::now() < deadline);
    }
    // a configuration that is no YAML any more counts as an error of the configuration
    bench.config("actions: {");
    let status = json(&api, "/api/v1/status");
    assert_eq!((&status["state"], &status["config"]["errors"]), (&"error".into(), &1.into()), "{status}");
}

/// Both halves speak to each other.
#[test]
fn logs_and_status_ask_such_a_webapi() {
    let bench = Bench::new("api-remote");
    old_logs(&bench);
    let api = start(&bench, "");
    let here = Bench::new("api-here");
    let list = here.run(&["logs", &base(&api)]);
    assert_eq!((list.code, list.stderr.as_str()), (0, ""));
    contains(
        &list.stdout,
        "2020/77-test-srv-20200707_050000.log  ERROR    2020-07-07 05:00:00.60 77-test-srv ERROR fail",
    );
    let log = format!("2020/{RUN}.log");
    here.run(&["logs", &base(&api), &log]).gives(0, &bench.read(&format!("log/{log}")), "");
    let debug = here.run(&["logs", &base(&api), &log, "--debug"]);
    contains(&debug.stdout, "DEBUG root Mount: ***\n");
    contains(&here.run(&["logs", &base(&api), "2020/none.log"]).exits(1).stderr, "there is no log 2020/none.log");
    contains(&here.run(&["status", &base(&api)]).stdout, "srv");
}
