//! A webapi of the real executable, and clients that say what they like.

use crate::support::Bench;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take that must happen.
pub const LONG: Duration = Duration::from_secs(60);

/// A running webapi; it is killed when dropped.
pub struct Api {
    child: Child,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    rest: Option<JoinHandle<String>>,
}

/// A port that nobody uses now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Api {
    /// Starts the program with the bench's configuration plus this `web:` section, where `{port}` stands for a free port.
    pub fn start(bench: &Bench, web: &str) -> Self {
        Self::start_as(bench, web, 1, |_| ())
    }

    /// The same for one that says that it listens on this many addresses, with a last word on how it is started.
    pub fn start_as(bench: &Bench, web: &str, doors: usize, change: impl Fn(&mut Command)) -> Self {
        for _ in 0..20 {
            configure(bench, &web.replace("{port}", &free_port().to_string()));
            let mut command = bench.command(&["web", "start", "--api"]);
            change(&mut command);
            match Self::of(command, doors) {
                Ok(api) => return api,
                // somebody else was given the same free port
                Err(stderr) if stderr.contains("another program listens there") => {}
                Err(stderr) => panic!("the webapi did not start: {stderr}"),
            }
        }
        panic!("no port is free");
    }

    fn of(mut command: Command, doors: usize) -> Result<Self, String> {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let mut addresses: Vec<SocketAddr> = Vec::new();
        while addresses.len() < doors {
            let mut line = String::new();
            stderr.read_line(&mut line).unwrap();
            let Some(address) = line.trim_end().strip_prefix("webapi: listening on http://") else {
                stderr.read_to_string(&mut line).unwrap();
                child.kill().unwrap();
                child.wait().unwrap();
                return Err(said + &line);
            };
            addresses.push(address.parse().unwrap());
            said.push_str(&line);
        }
        let rest = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Ok(Self { child, addresses, rest: Some(rest) })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal and waits: the exit code, and what it said on stderr after the addresses.
    pub fn end(mut self, signal: &str) -> (Option<i32>, String) {
        assert!(Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.code(), self.rest.take().unwrap().join().unwrap())
    }

    /// Whether it has not ended.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Connects, sends, and leaves the connection open.
    pub fn knock(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = TcpStream::connect_timeout(&self.addresses[0], LONG).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(bytes.as_ref()).unwrap();
        stream
    }

    /// Connects, sends, and returns all that comes until the connection ends.
    pub fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        hear(self.knock(bytes))
    }

    /// A plain request: the status code and the body.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, "")
    }

    /// One with more header fields, each ended by CR LF.
    pub fn get_with(&self, path: &str, fields: &str) -> (u16, String) {
        let answer = self.say(format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}Connection: close\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    /// P26: after whatever was done to it, it lives and serves a fresh request within five seconds.
    #[track_caller]
    pub fn is_alive(&mut self) {
        let start = Instant::now();
        assert!(self.lives(), "it has ended: {}", self.rest.take().unwrap().join().unwrap());
        assert_eq!(self.get("/healthz").0, 200);
        assert!(start.elapsed() < Duration::from_secs(5), "alive, but only after {:?}", start.elapsed());
    }

    /// A line of `/proc/PID/status` without its name.
    pub fn status(&self, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Memory at its highest, in KiB.
    pub fn peak(&self) -> u64 {
        self.status("VmHWM").trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the configuration with this `web:` section, and the directory for the logs.
pub fn configure(bench: &Bench, web: &str) {
    std::fs::create_dir_all(bench.path("log")).unwrap();
    bench.config(&format!("{}web: {web}\n", crate::support::HEAD));
}

/// All that comes until the connection ends, one way or another.
pub fn hear(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
