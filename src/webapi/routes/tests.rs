use super::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A server: configuration, logs, trigger; goes with the value.
struct Server {
    dir: PathBuf,
    site: Site,
}

impl Server {
    /// `{dir}` in the configuration stands for the server's directory.
    fn new(name: &str, config: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kb-site-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("log/.state")).unwrap();
        write_config(&dir, config);
        let site = Site::new(&dir.join("config.yaml")).unwrap();
        Self { dir, site }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Code and body.
    fn ask(&self, path: &str) -> (u16, String) {
        let answer = self.site.answer(&Request { path: path.to_owned() });
        let mut text = Vec::new();
        match answer.body {
            Body::Bytes(bytes) => text = bytes,
            Body::Stream(mut stream) => drop(stream.read_to_end(&mut text).unwrap()),
        }
        (answer.code, String::from_utf8(text).unwrap())
    }

    fn text(&self, path: &str) -> String {
        let (code, text) = self.ask(path);
        assert_eq!(code, 200, "{path}: {text}");
        text
    }

    fn json(&self, path: &str) -> Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn write_config(dir: &Path, config: &str) {
    let path = dir.join("config.yaml");
    let text = config.replace("{dir}", dir.to_str().unwrap());
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

const HEAD: &str = "\
naming: {server_name: app-srv-01, project: cons, region: 77}
cron: {cron_user: nobody-of-this-name}
logging: {logs_path: '{dir}/log', trigger_filepath: '{dir}/trigger'}
";

const NAME: &str = "77-cons-app-srv-01-20200707_050000";

/// Properties as KB17 showed them, with the types that PyYAML made of them, in the order of the file.
#[test]
fn the_overview_has_kb17s_shape_byte_for_byte() {
    let config = format!(
        "{HEAD}\
schedule:
  broken:
    actions: [fail, [tar0, --dry]]
    cron: 0 5 1 * 1-3
    all_fields_match: true
    descr: Ошибка
    stray: secret
  alone: {{actions: [tar0], naming: {{project: p, stray: secret}}}}
actions:
  tar0: {{type: tar, basename: app, src_path: /srv/app, dest_path: /backup, level: 0, level_folders: ['0', '1'],
    exclusions: '*.tmp', checksum_file: true, descr: полный, timeout: 1.5, stray: secret}}
  tar1: {{source: tar0, level: 1, min_free: }}
  mv: {{type: move_bkp_period, action_list: [tar0], dest_path: /vault, periods: {{daily: {{cron: '* * * * *', max_files: 3}}}}}}
"
    );
    let server = Server::new("overview", &config);
    server.write(&format!("log/2020/{NAME}.log"), "2020-07-07 05:00:00.602 77-cons-app-srv-01 ERROR fail mount: нет\n");
    server.write(&format!("log/debug/{NAME}-debug.log"), "x\n");
    server.write("log/krista_backup/krista_backup.log", "");
    let want = "{\"full_name\": \"app-srv-01\", \"schedules\": {\"alone\": {\"actions\": [\"tar0\"], \"naming\": {\"project\": \"p\"}, \"active\": null}, \
        \"broken\": {\"actions\": [\"fail\", [\"tar0\", \"--dry\"]], \
        \"cron\": \"0 5 1 * 1-3\", \"all_fields_match\": true, \
        \"descr\": \"\\u041e\\u0448\\u0438\\u0431\\u043a\\u0430\", \"active\": null}}, \
        \"actions\": {\"tar0\": {\"type\": \"tar\", \"basename\": \"app\", \"src_path\": \"/srv/app\", \
        \"dest_path\": \"/backup\", \"level\": 0, \"level_folders\": [\"0\", \"1\"], \"exclusions\": \"*.tmp\", \
        \"checksum_file\": true, \"descr\": \"\\u043f\\u043e\\u043b\\u043d\\u044b\\u0439\", \"timeout\": 1.5}, \
        \"tar1\": {\"source\": \"tar0\", \"level\": 1, \"min_free\": null}, \
        \"mv\": {\"type\": \"move_bkp_period\", \"action_list\": [\"tar0\"], \"dest_path\": \"/vault\", \
        \"periods\": {\"daily\": {\"cron\": \"* * * * *\", \"max_files\": 3}}}}, \
        \"logs\": {\"krista_backup\": [{\"name\": \"krista_backup.log\", \"debugname\": \"\", \"exist\": true, \
        \"error\": false, \"warning\": false, \"msg\": \"\"}], \
        \"2020\": [{\"name\": \"77-cons-app-srv-01-20200707_050000.log\", \
        \"debugname\": \"77-cons-app-srv-01-20200707_050000-debug.log\", \"exist\": true, \"error\": true, \
        \"warning\": false, \"msg\": \"2020-07-07 05:00:00.602 77-cons-app-srv-01 ERROR fail mount: \
        \\u043d\\u0435\\u0442\\n\"}]}}";
    assert_eq!(server.text("/api/cf"), want);
}

#[test]
fn the_trigger_in_kb17s_words() {
    let server = Server::new("trigger", HEAD);
    let info = |msg: &str, errors: &str| {
        format!("{{\"name\": \"app-srv-01\", \"flask\": false, \"msg\": {msg}, \"errors\": {errors}}}")
    };
    let (alarm, well) =
        ("\"\\u0442\\u0440\\u0438\\u0433\\u0433\\u0435\\u0440-\\u0444\\u0430\\u0439\\u043b\"", "\"\\u043e\\u043a\"");
    let ask = || server.text("/api/si");
    assert_eq!(serde_json::from_str::<Value>(&ask()).unwrap()["msg"], "нет триггер-файла");
    assert_eq!(serde_json::from_str::<Value>(&ask()).unwrap()["errors"], "");
    for (word, want) in [
        ("ERROR", info(alarm, "[\"ERROR\"]")),
        ("ERROR\n", info(alarm, "[\"ERROR\"]")),
        ("WARNING", info(alarm, "[\"WARNING\"]")),
        ("SUCCESS", info(well, "\"\"")),
        ("SUCCESS\n", info(well, "\"\"")),
        ("ERROR\nmore\n", info(alarm, "[\"ERROR\", \"more\"]")),
    ] {
        server.write("trigger", word);
        assert_eq!(ask(), want, "{word}");
    }
    // P26: what is planted there does not hang the webapi
    fs::remove_file(server.dir.join("trigger")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(server.dir.join("trigger")).status().unwrap().success());
    assert_eq!(serde_json::from_str::<Value>(&ask()).unwrap()["msg"], "ошибка обработки запроса");
}

#[test]
fn a_log_has_kb17s_shape_byte_for_byte() {
    let server = Server::new("log", HEAD);
    let head = "2020-07-07 05:00:00.596 77-cons-app-srv-01 INFO root";
    server.write(&format!("log/2020/{NAME}.log"), format!("{head} Запускается действие fail\n{head} \"x\"\\\n"));
    let want = format!(
        "{{\"filename\": \"{}/log/2020/{NAME}.log\", \"lines\": [\"{head} \
         \\u0417\\u0430\\u043f\\u0443\\u0441\\u043a\\u0430\\u0435\\u0442\\u0441\\u044f \
         \\u0434\\u0435\\u0439\\u0441\\u0442\\u0432\\u0438\\u0435 fail\\n\", \"{head} \\\"x\\\"\\\\\\n\"]}}",
        server.dir.display()
    );
    assert_eq!(server.text(&format!("/api/rl/2020/{NAME}.log")), want);
    for path in ["/api/rl/2020/none.log", "/api/rl/.state/x.log", "/api/rl/2020/", "/api/rl//"] {
        assert_eq!(server.text(path), "{\"lines\": []}", "{path}");
    }
    assert_eq!(server.ask("/api/rl/2020").0, 404);
    assert_eq!(server.ask("/api/rl/2020/a/b").0, 404);
}

/// P26: a large log is sent while it is read, and is still one JSON document.
#[test]
fn a_large_log_is_streamed() {
    let server = Server::new("large", HEAD);
    let line = format!("2020-07-07 05:00:00.596 s INFO root {}\n", "й".repeat(100));
    server.write("log/2020/a.log", line.repeat(10_000));
    let answer = server.site.answer(&Request { path: "/api/rl/2020/a.log".into() });
    assert!(matches!(answer.body, Body::Stream(_)));
    let document = server.json("/api/rl/2020/a.log");
    assert_eq!(document["lines"].as_array().unwrap().len(), 10_000);
    assert_eq!(document["lines"][9_999], line);
}

#[test]
fn anything_else_is_not_there() {
    let server = Server::new("nothing", HEAD);
    for path in ["/", "", "/api", "/api/", "/api/si/", "/api/v1", "/api/v2/status", "/metrics/x", "/index.html", "*"] {
        let (code, text) = server.ask(path);
        assert_eq!(code, 404, "{path}");
        assert!(serde_json::from_str::<Value>(&text).unwrap()["error"].is_string(), "{path}: {text}");
    }
}

/// A run that was refused, as the journal has it.
const REFUSED: &str = r#"{"event":"end","run":"","unit":"t","started":"2020-07-07T05:00:00Z","time":"2020-07-07T05:00:00Z",
"outcome":"failed","exit":2,"message":"it said CANARY","duration_ms":0,"bytes":0,"files":0,"warnings":0,"actions":[],
"version":"2.0.0"}"#;

/// P27, P15: what is secret, or may hold a secret, is in no answer at all.
#[test]
fn the_canary_is_in_no_answer() {
    const CANARY: &str = "canary-2f9c";
    let config = format!(
        "{HEAD}\
web: {{SECRET_KEY: CANARY, token: CANARY, host: 127.0.0.1}}
schedule:
  t: {{actions: [c], cron: 0 1 * * *, password: CANARY, cmd: CANARY, naming: {{project: p, stray: CANARY}}}}
actions:
  base: {{cmd: CANARY, password: CANARY, opts: [CANARY], flags: CANARY, stray: CANARY}}
  c: {{type: command, cmd: 'sh -c CANARY', stray: {{deep: CANARY}}, password: CANARY}}
  s: {{type: script, cmds: ['CANARY', 'x CANARY']}}
  m: {{type: mount, mnt_dev: //h/s, mnt_point: /m, flags: '-o password=CANARY', fs_type: {{x: CANARY}}}}
  p: {{type: pgdump, basename: p, databases: [d], user: u, password: CANARY, opts: '--x CANARY', dest_path: '{{dir}}/b'}}
  r: {{type: rsync, src_path: 'rsync://u:CANARY@h/m', dest_path: '{{dir}}/r', opts: CANARY, other_opts: -a CANARY}}
  k: {{type: check_in_progress_ticket, rsync_opts: CANARY}}
  mv: {{type: move_bkp_period, action_list: [p], dest_path: '{{dir}}/v', periods: {{d: {{cron: '* * * * *', x: CANARY}}, e: CANARY}}}}
"
    )
    .replace("CANARY", CANARY);
    let server = Server::new("canary", &config);
    let head = "2020-07-07 05:00:00.59 77-cons-app-srv-01";
    let mut log = String::new();
    for message in [
        "DEBUG root Mount: {'flags': '-o password=CANARY', 'cmd': 'CANARY'}",
        "INFO m Выполняется mount -o pass=X-CANARY /dev/x /m",
        "ERROR c Ошибка команды: sh -c 'X-CANARY'\nX-CANARY in the next line ERROR",
        "WARNING c PGPASSWORD=X-CANARY",
        "ERROR c CANARY",
        "INFO c fetch http://u:X-CANARY@host/",
    ] {
        log.extend([head, " ", &message.replace("CANARY", CANARY), "\n"]);
    }
    server.write(&format!("log/2020/{NAME}.log"), &log).write(&format!("log/debug/{NAME}-debug.log"), &log);
    server.write("log/krista_backup/krista_backup.log", &log).write("log/.state/x.log", &log);
    server.write("trigger", "ERROR");
    let refused = REFUSED.replace("CANARY", CANARY).replace('\n', "");
    server.write("log/journal.jsonl", refused + "\n");
    assert!(server.json("/api/v1/status")["tasks"][0]["last"]["message"].as_str().unwrap().contains("***"));
    assert!(log.contains(CANARY) && fs::read_to_string(server.dir.join("config.yaml")).unwrap().contains(CANARY));
    let logs =
        [format!("2020/{NAME}.log"), format!("debug/{NAME}-debug.log"), "krista_backup/krista_backup.log".into()];
    let pages =
        ["/api/si", "/api/cf", "/api/v1/status", "/api/v1/backups", "/metrics", "/healthz", "/api/rl/.state/x.log"];
    let logs: Vec<_> = logs.iter().map(|log| format!("/api/rl/{log}")).collect();
    for page in pages.iter().copied().chain(logs.iter().map(String::as_str)) {
        let text = server.text(page);
        assert!(!text.contains(CANARY), "{page}: {text}");
        assert!(!text.is_empty());
    }
    let overview = server.json("/api/cf");
    assert_eq!(overview["actions"]["c"]["cmd"], "***");
    assert_eq!(overview["actions"]["s"]["cmds"], serde_json::json!(["***", "***"]));
    assert_eq!(overview["actions"]["p"]["password"], "***");
    assert_eq!(overview["actions"]["r"]["src_path"], "rsync://***@h/m");
    assert_eq!(overview["actions"]["mv"]["periods"], serde_json::json!({"d": {"cron": "* * * * *"}, "e": "***"}));
    assert_eq!(server.json(&logs[0])["lines"].as_array().unwrap().len(), 7);
}

/// Ours hold no secrets and are shown as they are.
#[test]
fn our_own_logs_are_shown_as_they_are() {
    let server = Server::new("ours", HEAD);
    let head = "2020-07-07 05:00:00.596 77-cons-app-srv-01 INFO";
    let log = format!("{head} root run of t by krista-backup 2.0.0, config /c\n{head} c running pg_dump --x {{y}}\n");
    server.write(&format!("log/2020/{NAME}.log"), &log);
    let lines = server.json(&format!("/api/rl/2020/{NAME}.log"))["lines"].as_array().unwrap().clone();
    assert_eq!(lines.iter().map(|line| line.as_str().unwrap()).collect::<String>(), log);
}

/// A configuration that is broken by its change does not end the webapi, and is not hidden either.
#[test]
fn a_changed_configuration_is_read_again() {
    let server = Server::new("reload", HEAD);
    assert_eq!(server.json("/api/si")["name"], "app-srv-01");
    write_config(&server.dir, &HEAD.replace("app-srv-01", "other"));
    assert_eq!(server.json("/api/si")["name"], "other");
    assert_eq!(server.json("/api/cf")["full_name"], "other");
    write_config(&server.dir, "naming: [");
    let info = server.json("/api/si");
    assert_eq!((info["name"].as_str(), info["msg"].as_str()), (Some("other"), Some("ошибка обработки запроса")));
    assert!(info["errors"][0].as_str().unwrap().contains("config.yaml"), "{info}");
    let overview = server.json("/api/cf");
    assert_eq!(
        (overview["full_name"].as_str(), overview["msg"].as_str()),
        (Some("other"), Some("ошибка обработки запроса"))
    );
    assert_eq!(server.ask("/healthz").0, 503);
    fs::remove_file(server.dir.join("config.yaml")).unwrap();
    assert_eq!(server.json("/api/si")["name"], "other");
    write_config(&server.dir, HEAD);
    assert_eq!(server.json("/api/si")["msg"], "нет триггер-файла");
    assert_eq!(server.text("/healthz"), "{\"status\":\"ok\"}\n");
}

/// An API in trouble says so, in KB17's words where KB17's page asks.
#[test]
fn logs_that_cannot_be_listed_are_said() {
    let server = Server::new("trouble", HEAD);
    fs::remove_dir_all(server.dir.join("log")).unwrap();
    fs::write(server.dir.join("log"), "").unwrap();
    let overview = server.json("/api/cf");
    assert_eq!(overview["msg"], "ошибка обработки запроса");
    assert!(overview["error"].as_str().unwrap().contains("/log"), "{overview}");
    assert_eq!((overview["full_name"].as_str(), overview["logs"].to_string()), (Some("app-srv-01"), "{}".into()));
    let log = server.json("/api/rl/2020/a.log");
    assert_eq!((log["lines"].to_string(), log["msg"].as_str()), ("[]".into(), Some("ошибка обработки запроса")));
    let (code, text) = server.ask("/healthz");
    assert!(code == 503 && text.contains("\"error\""), "{code} {text}");
}

/// What has happened since is seen at once, whatever is kept.
#[test]
fn a_new_run_shows_at_once() {
    let server = Server::new("at-once", HEAD);
    server.write("log/debug/x-debug.log", "");
    for number in 0..5 {
        server
            .write(&format!("log/2020/{number}.log"), "x ERROR\n")
            .write(&format!("log/debug/{number}-debug.log"), "");
        assert_eq!(server.json("/api/cf")["logs"]["2020"].as_array().unwrap().len(), number + 1);
    }
}

fn assert_shared<T: Send + Sync>() {}

#[test]
fn one_site_serves_all_threads() {
    assert_shared::<Site>();
}
