//! Real children: sh, sleep, seq, yes, head, setsid.

use super::*;
use crate::sys::signals::Deadline;
use crate::sys::users;
use std::fs;
use std::io::{Read, Seek};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

fn sh(script: &str) -> Command {
    Command { program: "sh".into(), args: vec!["-c".into(), script.into()], ..Command::default() }
}

/// Runs it and gathers the lines of both streams.
fn lines_of(command: Command) -> (Ended, Vec<String>, Vec<String>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut on_line = |stream, line: &str| match stream {
        Stream::Out => out.push(line.to_owned()),
        Stream::Err => err.push(line.to_owned()),
    };
    let ended = run_to_end(command, &Limits::default(), &mut on_line).unwrap();
    (ended, out, err)
}

/// A directory of this test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("krista-process-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    /// Waits until the file holds a process id.
    fn pid(&self, name: &str) -> i32 {
        eventually(|| fs::read_to_string(self.0.join(name)).ok()?.strip_suffix('\n')?.parse().ok())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never happened");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process exists and is no zombie.
fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z') && !rest.starts_with('X'))
}

fn kill(pid: i32) {
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
}

/// P13: exit status and signal are what the child says, and nothing else.
#[test]
fn status_and_signal_decide() {
    let (ended, out, err) = lines_of(sh("echo to out; echo to err >&2; exit 7"));
    assert_eq!(ended, Ended { end: End::Exited(7), left_running: false });
    assert_eq!((out, err), (vec!["to out".to_owned()], vec!["to err".to_owned()]));
    assert_eq!(lines_of(sh("kill -9 $$")).0.end, End::Signalled(9));
    assert_eq!(lines_of(sh("kill -15 $$")).0.end.to_string(), "ended by signal 15");
    assert!(lines_of(sh("true")).0.end.ok());
}

/// P13: blank lines, CR LF, invalid UTF-8, a last line without its line break.
#[test]
fn odd_lines_do_no_harm() {
    let (ended, out, _) = lines_of(sh(r"printf 'a\n\n\nb\r\n\377\376\nlast'"));
    assert!(ended.end.ok());
    assert_eq!(out, ["a", "", "", "b", "\u{fffd}\u{fffd}", "last"]);
}

/// P13: one line of 100 MB arrives as one line, cut, and what follows is not lost.
#[test]
fn a_line_of_100_mb() {
    let (ended, out, err) = lines_of(sh("head -c 104857600 /dev/zero | tr '\\0' x; echo; echo after; echo err >&2"));
    assert!(ended.end.ok());
    assert_eq!(out.len(), 2);
    assert!(out[0].ends_with("(cut: the line has 104857600 bytes)"), "{}", &out[0][65_000..]);
    assert!(out[0].len() < 66_000);
    assert_eq!((out[1].as_str(), err), ("after", vec!["err".to_owned()]));
}

/// P13: a child that writes much to both pipes at once is never blocked by the one that is not being read.
#[test]
fn both_pipes_flooded_at_once() {
    let (mut out, mut err) = (0_u64, 0_u64);
    let script = "seq 1 1000000 & seq 1 1000000 >&2 & wait";
    let end = run(sh(script), &Limits::default(), &mut |stream, line| {
        let sum = if stream == Stream::Out { &mut out } else { &mut err };
        *sum += line.parse::<u64>().unwrap();
    });
    assert!(end.unwrap().ok());
    assert_eq!((out, err), (500_000_500_000, 500_000_500_000));
}

/// P13: closing the pipes early is not an end.
#[test]
fn closing_the_pipes_early_is_fine() {
    let (ended, out, err) = lines_of(sh("echo a; exec >&-; sleep 0.3; echo late >&2; exec 2>&-; sleep 0.3; exit 5"));
    assert_eq!(ended.end, End::Exited(5));
    assert_eq!((out, err), (vec!["a".to_owned()], vec!["late".to_owned()]));
}

/// Children get SIGPIPE and SIGXFSZ as every program expects them, although we ignore both.
#[test]
fn children_do_not_inherit_the_signals_we_ignore() {
    crate::sys::signals::install().unwrap();
    let (_, out, _) = lines_of(sh("grep -E 'Sig(Ign|Blk)' /proc/self/status; yes | head -1"));
    assert_eq!(out[2], "y");
    for line in &out[..2] {
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        for signal in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
            assert_eq!(mask & (1 << (signal - 1)), 0, "signal {signal} in {line}");
        }
    }
}

#[test]
fn standard_input_is_empty_or_a_file() {
    let (_, out, _) = lines_of(sh("cat; readlink /proc/self/fd/0"));
    assert_eq!(out, ["/dev/null"]);
    let scratch = Scratch::new();
    let path = scratch.0.join("in");
    fs::write(&path, "given\n").unwrap();
    let stdin = Some(File::open(&path).unwrap());
    assert_eq!(lines_of(Command { stdin, ..sh("cat") }).1, ["given"]);
}

#[test]
fn standard_output_can_be_a_file_of_ours() {
    let scratch = Scratch::new();
    let path = scratch.0.join("out");
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let stdout = Stdout::File(file.try_clone().unwrap());
    let (ended, out, err) = lines_of(Command { stdout, ..sh("printf 'one\\n\\0two'; echo err >&2; exit 3") });
    assert_eq!((ended.end, out.len(), err), (End::Exited(3), 0, vec!["err".to_owned()]));
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\n\0two");
}

#[test]
fn environment_and_directory() {
    let env = vec![("CANARY".into(), "a b".into())];
    let command = Command { env, cwd: Some("/usr".into()), ..sh("echo \"$CANARY\"; pwd; echo \"${PATH:+inherited}\"") };
    assert_eq!(lines_of(command).1, ["a b", "/usr", "inherited"]);
}

#[test]
fn another_user_without_our_groups() {
    let Some(user) = users::by_name("nobody").filter(|_| users::is_root()) else {
        eprintln!("needs root and a user nobody: not tested");
        return;
    };
    let script = "id -u; id -g; id -G; echo $HOME $USER $LOGNAME; pwd";
    let (uid, gid, home) = (user.uid, user.gid, user.home.clone());
    let (_, out, _) = lines_of(Command { user: Some(user), ..sh(script) });
    assert_eq!(out[..3], [uid.to_string(), gid.to_string(), gid.to_string()]);
    assert_eq!(out[3..], [format!("{} nobody nobody", home.display()), "/".to_owned()]);
}

/// P15: an error names the program, never an argument or a variable.
#[test]
fn what_cannot_be_started_is_said_in_one_clear_line() {
    let scratch = Scratch::new();
    let plain = scratch.0.join("plain");
    fs::write(&plain, "no program").unwrap();
    let broken = scratch.0.join("broken");
    fs::write(&broken, "#!/nonexistent/interpreter\n").unwrap();
    fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = |program: &str, cwd: Option<PathBuf>| {
        let args = vec!["canary".into()];
        let env = vec![("SECRET".into(), "canary".into())];
        let command = Command { program: program.into(), args, env, cwd, ..Command::default() };
        let error = run(command, &Limits::default(), &mut |_, _| ()).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
        error.to_string()
    };
    assert_eq!(error("no-such-program", None), "cannot start `no-such-program`: not found on PATH");
    assert_eq!(error("/no/such", None), "cannot start `/no/such`: no such file");
    let plain = plain.to_str().unwrap();
    assert_eq!(error(plain, None), format!("cannot start `{plain}`: not an executable file"));
    let broken = broken.to_str().unwrap();
    assert!(
        error(broken, None).starts_with(&format!("cannot start `{broken}`: No such file")),
        "{}",
        error(broken, None)
    );
    let missing = error("true", Some("/no/such".into()));
    assert_eq!(missing, "cannot start `true`: working directory /no/such: No such file or directory (os error 2)");
}

/// What lies where somebody happened to stand is not run, whatever `PATH` says.
#[test]
fn a_relative_folder_of_the_path_is_not_looked_in() {
    let scratch = Scratch::new();
    let program = scratch.0.join("krista-planted");
    fs::write(&program, "#!/bin/sh\necho planted\n").unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "../").collect::<String>();
    let relative = format!("{up}{}", scratch.0.display());
    assert!(fs::exists(format!("{relative}/krista-planted")).unwrap());
    let with = |path: String| Command {
        program: "krista-planted".into(),
        env: vec![("PATH".into(), path.into())],
        ..Command::default()
    };
    let error = run(with(relative), &Limits::default(), &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().ends_with("not found on PATH"), "{error}");
    assert_eq!(lines_of(with(format!("{}:/usr/bin:/bin", scratch.0.display()))).1, ["planted"]);
}

/// A child leads a session of its own, so that nothing it starts can stop and wait at our terminal.
#[test]
fn a_child_leads_its_own_session_and_group() {
    let (_, out, _) = lines_of(sh("read -r a </proc/$$/stat; echo $$ $a"));
    let fields: Vec<_> = out[0].split_whitespace().collect();
    assert_eq!((fields[5], fields[6]), (fields[0], fields[0]), "group and session in {}", out[0]);
}

/// P16: the limits end the whole group, grandchildren included, and nothing of it is left, no zombie either.
#[test]
fn a_timeout_ends_the_whole_group() {
    let scratch = Scratch::new();
    let script = "sh -c 'echo $$ >grandchild; sleep 1000; true' & echo $$ >child; sleep 1000 & echo $! >other; wait";
    let command = Command { cwd: Some(scratch.0.clone()), ..sh(script) };
    let limits = Limits::default();
    let cancel = limits.cancel.clone();
    let error = thread::scope(|scope| {
        let running = scope.spawn(|| run(command, &limits, &mut |_, _| ()).unwrap_err());
        let pids = ["child", "grandchild", "other"].map(|name| scratch.pid(name));
        assert!(pids.into_iter().all(is_alive), "they were all there before");
        cancel.request(15);
        let error = running.join().unwrap();
        assert!(!pids.into_iter().any(is_alive), "none of the group is left");
        assert!(!fs::exists(format!("/proc/{}", pids[0])).unwrap(), "the child was waited for");
        error
    });
    assert_eq!(error.kind(), Kind::Interrupted(15));
    assert_eq!(error.to_string(), "`sh` was ended, and all it had started: stopped by signal 15");
}

/// P16: who does not listen to SIGTERM gets SIGKILL; what it says meanwhile is still heard.
#[test]
fn a_deaf_group_is_ended_by_force() {
    let script = "trap 'echo deaf' TERM; echo $$; while :; do sleep 1; done";
    let deadline = Deadline::after(Duration::from_millis(500), "the test's time");
    let mut lines = Vec::new();
    let limits = Limits { deadline, ..Limits::default() };
    let error = run(sh(script), &limits, &mut |_, line| lines.push(line.to_owned())).unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    assert_eq!(
        error.to_string(),
        "`sh` was ended by force (SIGKILL), and all it had started: the test's time, 0s, passed"
    );
    assert!(!is_alive(lines[0].parse().unwrap()));
    assert!(lines[1..].iter().any(|line| line == "deaf"), "{lines:?}");
}

/// P16: the grace is also for members that outlive their leader.
#[test]
fn members_get_their_grace_when_the_leader_is_gone() {
    let scratch = Scratch::new();
    let script =
        "sh -c 'trap \"sleep 1; echo tidied >tidied; exit\" TERM; echo $$ >member; while :; do sleep 0.1; done' &
                  while [ ! -s member ]; do sleep 0.1; done; echo ready; wait";
    let command = Command { cwd: Some(scratch.0.clone()), ..sh(script) };
    let limits = Limits::default();
    let error = run(command, &limits, &mut |_, _| limits.cancel.request(2)).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(2));
    assert_eq!(fs::read_to_string(scratch.0.join("tidied")).unwrap(), "tidied\n");
    assert!(!is_alive(scratch.pid("member")));
}

/// A stopped group is ended too, and within its grace.
#[test]
fn a_stopped_group_is_ended() {
    let limits = Limits::default();
    let error = thread::scope(|scope| {
        let cancel = limits.cancel.clone();
        let mut pid = None;
        run(sh("echo $$; kill -STOP $$"), &limits, &mut |_, line| {
            pid = line.parse::<i32>().ok();
            let stat = format!("/proc/{}/stat", pid.unwrap());
            let cancel = cancel.clone();
            scope.spawn(move || {
                eventually(|| fs::read_to_string(&stat).ok()?.contains(") T ").then_some(()));
                cancel.request(15);
            });
        })
        .unwrap_err()
    });
    assert_eq!(error.to_string(), "`sh` was ended, and all it had started: stopped by signal 15");
}

#[test]
fn nothing_is_started_once_the_limits_are_reached() {
    let scratch = Scratch::new();
    let limits = Limits::default();
    limits.cancel.request(15);
    let command = Command { cwd: Some(scratch.0.clone()), ..sh("touch started") };
    let error = run(command, &limits, &mut |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(15));
    assert!(!scratch.0.join("started").exists());
}

/// A background process that keeps the pipe is waited for, then left alone.
#[test]
fn a_background_process_is_left_alone() {
    for start in ["sleep 1000 &", "setsid sleep 1000 & sleep 0.5;"] {
        let (ended, out, _) = lines_of(sh(&format!("echo begun; {start} echo $!; printf unfinished; exit 4")));
        assert_eq!(ended, Ended { end: End::Exited(4), left_running: true });
        assert_eq!((out[0].as_str(), out[2].as_str()), ("begun", "unfinished"));
        let pid = out[1].parse().unwrap();
        assert!(is_alive(pid), "{start} was left alone");
        kill(pid);
    }
}

/// What a background process says within its time is heard, and its end within that time is not remarkable.
#[test]
fn a_background_process_that_ends_in_time_is_heard() {
    let (ended, out, _) = lines_of(sh("(sleep 1; echo late) & echo early"));
    assert_eq!(ended, Ended { end: End::Exited(0), left_running: false });
    assert_eq!(out, ["early", "late"]);
}

/// A daemon that closes its pipes does not keep us waiting and is not harmed.
#[test]
fn a_proper_daemon_lives_on() {
    let (ended, out, _) = lines_of(sh("setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!"));
    assert_eq!(ended, Ended { end: End::Exited(0), left_running: false });
    let pid = out[0].parse().unwrap();
    assert!(is_alive(pid));
    kill(pid);
}

/// No zombie stays behind, whatever way children end.
#[test]
fn no_zombies_are_left() {
    let children = || {
        let mut pids = Vec::new();
        for script in ["exit 0", "exit 9", "kill -9 $$"] {
            let (_, out, _) = lines_of(sh(&format!("echo $$; {script}")));
            pids.push(out[0].clone());
        }
        pids
    };
    for pid in children() {
        assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "{pid} was waited for");
    }
}

/// Not a test: an agent for [`no_process_survives_a_killed_agent`] to kill.
#[test]
fn plays_the_agent() {
    let Some(dir) = std::env::var_os("KRISTA_TEST_AGENT") else { return };
    let dir = PathBuf::from(dir);
    let start = |script: &str| {
        let command = Command { cwd: Some(dir.clone()), ..sh(script) };
        let _ = run(command, &Limits::default(), &mut |_, _| ());
    };
    thread::scope(|scope| {
        scope.spawn(|| start(&fs::read_to_string(dir.join("script")).unwrap()));
        eventually(|| fs::exists(dir.join("go on")).unwrap().then_some(()));
        start("echo $$ >second; sleep 1000");
    });
}

/// A process of ours that a failing test does not leave behind.
struct Agent(std::process::Child);

impl Agent {
    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(dir: &std::path::Path, script: &str) -> Agent {
    fs::write(dir.join("script"), script).unwrap();
    let mut command = std::process::Command::new("/proc/self/exe");
    command.args(["sys::process::tests::plays_the_agent", "--exact", "--nocapture"]).env("KRISTA_TEST_AGENT", dir);
    Agent(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap())
}

/// P16: SIGKILL of the agent ends the whole group, deaf members too, and the guard goes with it. (The shell says that its `sleep`
/// was terminated, into a pipe that nobody reads any more: that alone must not be its end.)
#[test]
fn no_process_survives_a_killed_agent() {
    let scratch = Scratch::new();
    let script =
        "sh -c 'trap : TERM PIPE; echo $$ >deaf; while :; do sleep 0.2; done' & sleep 1000 & echo $! >grandchild
                  echo $$ >child; sleep 1000";
    let mut agent = agent(&scratch.0, script);
    let pids = ["child", "grandchild", "deaf"].map(|name| scratch.pid(name));
    let guard = guard_of(agent.pid());
    assert!(pids.into_iter().all(is_alive) && is_alive(guard), "they were all there before");
    agent.kill();
    for pid in pids.into_iter().chain([guard]) {
        eventually(|| (!is_alive(pid)).then_some(()));
    }
}

/// P16: even when the guard is killed first, the child itself goes with the agent.
#[test]
fn the_child_goes_with_the_agent_without_a_guard() {
    let scratch = Scratch::new();
    let mut agent = agent(&scratch.0, "echo $$ >child; exec sleep 1000");
    let child = scratch.pid("child");
    kill(guard_of(agent.pid()));
    assert!(is_alive(child));
    agent.kill();
    eventually(|| (!is_alive(child)).then_some(()));
}

/// P16: a guard that was killed is replaced when the next child starts, and knows of those that run already.
#[test]
fn a_lost_guard_is_replaced() {
    let scratch = Scratch::new();
    let mut agent = agent(&scratch.0, "sh -c 'trap : TERM PIPE; echo $$ >deaf; while :; do sleep 0.2; done' & wait");
    let deaf = scratch.pid("deaf");
    let first = guard_of(agent.pid());
    kill(first);
    // the test binary that plays it has two threads, and can be waited for when both are gone
    let threads = || fs::read_dir(format!("/proc/{first}/task")).map_or(0, Iterator::count);
    eventually(|| (!is_alive(first) && threads() <= 1).then_some(()));
    fs::write(scratch.0.join("go on"), "").unwrap();
    let second = scratch.pid("second");
    assert_ne!(guard_of(agent.pid()), first);
    assert!(is_alive(deaf) && is_alive(second));
    agent.kill();
    for pid in [deaf, second] {
        eventually(|| (!is_alive(pid)).then_some(()));
    }
}

/// The limits hold while a background process is waited for, too.
#[test]
fn a_stop_ends_the_wait_for_a_background_process() {
    let limits = Limits::default();
    let cancel = limits.cancel.clone();
    let mut pids: Vec<i32> = Vec::new();
    let error = thread::scope(|scope| {
        run(sh("sleep 1000 & echo $!; echo $$"), &limits, &mut |_, line| {
            pids.push(line.parse().unwrap());
            if let [_, leader] = pids[..] {
                let cancel = cancel.clone();
                scope.spawn(move || {
                    eventually(|| (!is_alive(leader)).then_some(()));
                    cancel.request(15);
                });
            }
        })
        .unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Interrupted(15));
    assert!(!is_alive(pids[0]));
}

/// The guard among the children of an agent. The kernel may leave children out of its list while others come and go.
fn guard_of(agent: i32) -> i32 {
    let children = || {
        let tasks = fs::read_dir(format!("/proc/{agent}/task")).unwrap().flatten();
        let listed = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
        listed.flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>())
    };
    let arguments = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    eventually(|| children().find(|pid| is_alive(*pid) && arguments(pid).contains("plays_the_guard")))
}
