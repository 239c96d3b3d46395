#![no_main]

use krista_backup::webapi::gate::path::decode;
use krista_backup::webapi::routes::{Body, Request, Site};
use libfuzzer_sys::fuzz_target;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::OnceLock;

const CANARY: &str = "CANARY-in-the-mine";

/// A server with logs, and secrets around them.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("kb-fuzz-{}", std::process::id()));
        for sub in ["log/2026", "log/debug", "log/.state", "log/krista_backup", "outside"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        let line = "2026-11-22 23:00:00.000 77-t-srv INFO root end\n";
        fs::write(dir.join("log/2026/77-t-srv-20261122_230000.log"), line).unwrap();
        fs::write(dir.join("log/2026/77-т-срв-20261122_230001.log"), line).unwrap();
        fs::write(dir.join("log/debug/77-t-srv-20261122_230000-debug.log"), line).unwrap();
        for hidden in ["log/.state/a.log", "log/.state/web.lock", "outside/a.log", "outside/passwd", "log/a.log"] {
            fs::write(dir.join(hidden), CANARY).unwrap();
        }
        symlink(dir.join("outside/a.log"), dir.join("log/2026/link.log")).unwrap();
        symlink(dir.join("outside"), dir.join("log/2025")).unwrap();
        let config = dir.join("config.yaml");
        let text = format!(
            "naming: {{server_name: srv, project: t, region: 77}}\nlogging: {{logs_path: '{0}/log'}}\nweb: {{token: {CANARY}}}\n\
             schedule: {{t: {{actions: [d, c]}}}}\nactions:\n  d: {{type: pgdump, password: {CANARY}, user: u, dest_path: '{0}/b', basename: b}}\n  \
             c: {{type: command, cmd: 'echo {CANARY}'}}\n",
            dir.display()
        );
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
        Site::new(&config).unwrap()
    })
}

fuzz_target!(|target: &str| {
    let Ok(path) = decode(target) else { return };
    let answer = site().answer(&Request { path });
    assert!((200..600).contains(&answer.code));
    let mut body = Vec::new();
    match answer.body {
        Body::Bytes(bytes) => body = bytes,
        Body::Stream(stream) => {
            stream.take(1 << 20).read_to_end(&mut body).unwrap();
        }
    }
    assert!(!String::from_utf8_lossy(&body).contains(CANARY), "{target}");
});
