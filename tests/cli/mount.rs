//! `mount` and `umount`, with real mounts in a mount namespace of the test's own.

use crate::support::{BINARY, Bench, contains, lacks, tools};
use std::fs;
use std::process::{Command, Output};

/// Runs a script in a mount namespace that ends with it. `$KB` is the program with its configuration.
fn in_namespace(bench: &Bench, script: &str) -> Output {
    let program = format!("{BINARY} --config {}", bench.path("config.yaml").display());
    let script = format!("cd {}\n{script}", bench.path("").display());
    // what hangs must not hang the test
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "120", "unshare", "-m", "--propagation", "private", "sh", "-c", &script]);
    let output = command.env("KB", program).current_dir("/").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_ne!(output.status.code(), Some(124), "it hung: {} {}", text(&output.stdout), text(&output.stderr));
    output
}

/// The exit codes a script printed with `echo $?`.
fn codes(output: &Output) -> Vec<i32> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.parse().unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn mounts(properties: &str) -> String {
    format!(
        "{}schedule:\n  t: {{actions: [m, work], finally: [u]}}\nactions:\n  m: {{type: mount, mnt_point: '{{dir}}/mnt/x', {properties}}}\n  \
         work: {{type: command, cmd: 'touch {{dir}}/mnt/x/written; grep -c {{dir}}/mnt/x /proc/self/mountinfo > {{dir}}/seen'}}\n  \
         u: {{type: umount, mnt_point: '{{dir}}/mnt/x'}}\n",
        crate::support::HEAD
    )
}

fn ready(programs: &[&str]) -> bool {
    tools::have(programs) && tools::can_mount()
}

#[test]
fn mounted_used_and_unmounted() {
    if !ready(&["mount", "umount"]) {
        return;
    }
    let bench = Bench::new("mount-tmpfs");
    bench.config(&mounts("mnt_dev: tmpfs, fs_type: tmpfs, flags: '-o size=1m,mode=700'"));
    let output = in_namespace(&bench, "$KB run t; echo $?; grep -c $PWD/mnt /proc/self/mountinfo; $KB run u; echo $?");
    assert_eq!(codes(&output), [0, 0, 0]);
    assert_eq!(bench.read("seen"), "1\n");
    assert_eq!(bench.names("mnt/x"), [""; 0], "it was written to the file system, not below it");
}

#[test]
fn an_image_on_a_loop_device_mounted_twice() {
    if !ready(&["mount", "umount", "mkfs.ext4", "losetup"]) {
        return;
    }
    let bench = Bench::new("mount-loop");
    bench.write("disk.img", vec![0; 4 << 20]);
    bench.write("other.img", vec![0; 4 << 20]);
    for image in ["disk.img", "other.img"] {
        let made = Command::new("/sbin/mkfs.ext4").arg("-q").arg(bench.path(image)).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    bench.config(&mounts("mnt_dev: ./disk.img, flags: -o loop"));
    let again = mounts("mnt_dev: ./other.img, flags: -o loop")
        .replace("{dir}", bench.path("").to_str().unwrap().trim_end_matches('/'));
    bench.write("other.yaml", again);
    let script = "$KB run m; echo $?; $KB run m; echo $?; chmod 600 other.yaml
        ${KB%config.yaml}other.yaml run m; echo $?
        grep -c $PWD/mnt/x /proc/self/mountinfo; $KB run u; echo $?";
    let output = in_namespace(&bench, script);
    assert_eq!(codes(&output), [0, 0, 1, 1, 0], "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr).replace(bench.path("").to_str().unwrap(), "{dir}/");
    contains(&stderr, "(ext4) is mounted on {dir}/mnt/x, not {dir}/other.img");
}

/// The old way: a mount fails, and the backup goes to the bare mount point (section 12).
#[test]
fn after_a_failed_mount_nothing_is_written_and_finally_runs() {
    if !ready(&["mount", "umount"]) {
        return;
    }
    let bench = Bench::new("mount-fails");
    bench.config(&mounts("mnt_dev: /dev/no-such-device, flags: '-o user=me,password=canary7'"));
    let output = in_namespace(&bench, "$KB run t; echo $?");
    assert_eq!(codes(&output), [1]);
    assert!(!bench.path("seen").exists());
    assert_eq!(bench.names("mnt/x"), [""; 0]);
    assert_eq!(bench.trigger(), "ERROR");
    let end = bench.last_record();
    let outcomes: Vec<_> = end["actions"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["failed", "skipped", "ok"]);
    let log = bench.log();
    contains(&log, "ERROR m mounting /dev/no-such-device on {dir}/mnt/x: mount: ");
    // P15
    let found = crate::support::files_with(&bench.path("log"), "canary7");
    assert!(found.is_empty(), "{found:?}");
    lacks(&String::from_utf8_lossy(&output.stderr), "canary7");
}

/// P15: even a program that repeats its arguments does not bring them into a log.
#[test]
fn credentials_in_flags_are_masked_in_what_mount_says() {
    let mut bench = Bench::new("mount-mask");
    bench.fake("mount", "echo \"bad options: $*\" >&2; echo debugging $*; exit 32");
    bench
        .config(&mounts("mnt_dev: //nas/share, fs_type: cifs, flags: '-o vers=3.0,username=backup,password=can,ary7'"));
    let ran = bench.run(&["run", "m"]);
    ran.exits(1);
    let log = bench.debug_log();
    contains(
        &log,
        "mounting //nas/share on {dir}/mnt/x: bad options: -t cifs -o vers=3.0,username=***,password=*** -- //nas/share",
    );
    for text in [&log, &ran.stderr, &bench.read("log/journal.jsonl")] {
        lacks(text, "ary7");
    }
}

#[test]
fn a_helper_that_only_claims_success_is_not_believed() {
    let mut bench = Bench::new("mount-claims");
    bench.fake("mount", "exit 0");
    bench.config(&mounts("mnt_dev: tmpfs, fs_type: tmpfs"));
    bench.run(&["run", "m"]).exits(1);
    contains(&bench.log(), "mount reported success, but nothing is mounted there");
}

#[test]
fn a_busy_file_system_stays_mounted_with_a_warning() {
    if !ready(&["mount", "umount"]) {
        return;
    }
    let bench = Bench::new("mount-busy");
    bench.config(&mounts("mnt_dev: tmpfs, fs_type: tmpfs"));
    let script = "$KB run m; echo $?; (cd mnt/x; exec sleep 60 >/dev/null 2>&1) & sleep 0.3
        $KB run u; echo $?; kill $!; wait $! 2>/dev/null; $KB run u; echo $?";
    let output = in_namespace(&bench, script);
    assert_eq!(codes(&output), [0, 3, 0]);
    contains(&String::from_utf8_lossy(&output.stderr), "busy");
}

#[test]
fn dry_changes_nothing() {
    if !ready(&["mount", "umount"]) {
        return;
    }
    let bench = Bench::new("mount-dry");
    bench.config(&mounts("mnt_dev: tmpfs, fs_type: tmpfs"));
    let output = in_namespace(&bench, "$KB run m --dry; echo $?; $KB run u --dry; echo $?");
    assert_eq!(codes(&output), [0, 0]);
    assert!(!bench.path("mnt").exists());
}

/// A file system whose server does not answer any more: everything that touches it ends by its timeout and says so.
#[test]
fn a_hung_file_system_hangs_nothing() {
    if !ready(&["mount", "umount", "bindfs", "rsync"]) {
        return;
    }
    let bench = Bench::new("mount-hung");
    fs::create_dir_all(bench.path("mnt/x")).unwrap();
    bench.write("src/a", "x");
    let copy = "\n  copy: {type: rsync, src_path: '{dir}/mnt/x/', dest_path: '{dir}/copy', timeout: 2s}\n  \
                onto: {type: rsync, src_path: '{dir}/src/', dest_path: '{dir}/mnt/x/copy', timeout: 2s}\n  \
                ticket: {type: set_in_progress_ticket, src_path: '{dir}/mnt/x', timeout: 2s}\n  \
                pack: {type: tar, basename: t, src_path: '{dir}/mnt/x', dest_path: '{dir}/b', timeout: 2s}\n  \
                packed: {type: tar, basename: t, src_path: '{dir}/src', dest_path: '{dir}/mnt/x', timeout: 2s}\n  \
                clean: {type: cleaner, source: packed, max_files: 1, timeout: 2s}\n";
    let config = mounts("mnt_dev: '{dir}/src', timeout: 2s").replace("type: umount,", "type: umount, timeout: 2s,");
    bench.config(&format!("{}{copy}", config.trim_end()));
    // umount(8) by itself may be able to take a hung FUSE mount away, so it comes last
    let script = "bindfs -f src mnt/x & server=$!
        while ! grep -q \" $PWD/mnt/x \" /proc/self/mountinfo; do sleep 0.1; done
        kill -STOP $server
        for action in m copy onto ticket pack packed clean; do $KB run $action; echo $?; done
        $KB run u; last=$?
        kill -KILL $server; echo $last";
    let output = in_namespace(&bench, script);
    let found = codes(&output);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(found[..7], [1; 7], "{stderr}");
    assert!([0, 1].contains(&found[7]), "{stderr}");
    let timeouts = bench.journal().iter().filter(|record| record["actions"][0]["outcome"] == "timeout").count();
    assert!(timeouts >= 7, "{stderr}");
    contains(&stderr, "/mnt/x, which does not answer: the timeout of the action, 2s, passed");
}

/// The server of the source stops in the middle of a read: the run is over by its timeout although a thread of it sits in a
/// system call that not even SIGKILL ends. A FUSE server that waits for another one, which is stopped, makes such a call.
/// What ends the run here starts no program: one would wait for the same server, see docs/runs.md.
#[test]
fn a_source_that_hangs_in_the_middle_ends_by_timeout() {
    if !ready(&["bindfs", "flock"]) {
        return;
    }
    let bench = Bench::new("mount-stuck");
    for dir in ["lower", "upper"] {
        fs::create_dir_all(bench.path(dir)).unwrap();
    }
    // more than the kernel reads ahead until the time is up, so that a read has to wait for the stopped server
    bench.write("src/big", vec![7; 64 << 20]);
    bench.config(&format!(
        "{}schedule:\n  t: {{actions: [pack, never], finally: [last]}}\n  z: {{actions: [zipped], timeout: 4s}}\n  again: {{actions: [pack2]}}\nactions:\n  \
         pack: {{type: tar, basename: t, src_path: '{{dir}}/upper', dest_path: '{{dir}}/b', timeout: 4s, bwlimit: 1000}}\n  \
         pack2: {{source: pack, bwlimit: 1000000, timeout: 60s}}\n  \
         zipped: {{type: zip, basename: z, src_path: '{{dir}}/upper', dest_path: '{{dir}}/b', bwlimit: 1000}}\n  \
         never: {{type: command, cmd: 'true'}}\n  last: {{type: set_in_progress_ticket, src_path: '{{dir}}', ticket_filename: last}}\n",
        crate::support::HEAD
    ));
    let script = "bindfs -f src lower & lower=$!
        while ! grep -q \" $PWD/lower \" /proc/self/mountinfo; do sleep 0.1; done
        bindfs -f lower upper & upper=$!
        while ! grep -q \" $PWD/upper \" /proc/self/mountinfo; do sleep 0.1; done
        $KB run t & t=$!; $KB run z & z=$!
        for run in $t $z; do
            while kill -0 $run && ! ls -l /proc/$run/fd | grep -q upper/big; do sleep 0.05; done
        done
        kill -STOP $lower
        tries=0
        while [ $(grep -c '\"event\":\"end\"' log/journal.jsonl) -lt 2 ] && [ $tries -lt 900 ]; do
            sleep 0.1; tries=$((tries + 1))
        done
        cp log/journal.jsonl settled; cp trigger trigger-then; ls b > b-then
        for lock in log/.state/unit-*.lock; do flock -n $lock true; echo $?; done
        cat /proc/$t/task/*/status > tasks
        kill -CONT $lower
        wait $t; echo $?; wait $z; echo $?
        $KB run again; echo $?
        umount upper; umount lower; wait $upper $lower";
    let output = in_namespace(&bench, script);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(codes(&output), [0, 0, 1, 1, 0], "{stderr}");
    // the kernel holds a thread, in the middle of the read or of the exit
    let tasks = bench.read("tasks");
    assert!(tasks.contains("D (disk sleep)") || tasks.contains("Z (zombie)"), "{tasks}");
    assert!(tasks.matches("State:").count() > 1, "{tasks}");
    let settled: Vec<serde_json::Value> =
        bench.read("settled").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes = |unit: &str| {
        let end = settled.iter().find(|record| record["event"] == "end" && record["unit"] == unit).unwrap();
        let of = |action: &serde_json::Value| action["outcome"].as_str().unwrap().to_owned();
        (
            end["outcome"].as_str().unwrap().to_owned(),
            end["actions"].as_array().unwrap().iter().map(of).collect::<Vec<_>>(),
        )
    };
    let timeout = || "timeout".to_owned();
    assert_eq!(outcomes("t"), (timeout(), vec![timeout(), "skipped".into(), "ok".into()]));
    assert_eq!(outcomes("z"), (timeout(), vec![timeout()]));
    assert!(bench.path("last").exists());
    assert_eq!(bench.read("trigger-then"), "ERROR");
    contains(&stderr, "the timeout of the action, 4s, passed; the action hangs in the kernel");
    contains(&stderr, "the timeout of the task, 4s, passed; the action hangs in the kernel");
    lacks(&bench.read("b-then"), ".tar.gz\n");
    // the next run swept what the first one had begun
    let names: Vec<_> = bench.names("b").into_iter().filter(|name| name.contains("t-")).collect();
    assert_eq!(names.len(), 3, "archive, list, manifest: {names:?}");
}

/// A process of somebody else's that hangs in the middle of its exec, where even looking at its `/proc/PID/stat` may hang: an
/// action's own timeout is kept all the same.
#[test]
fn a_stranger_that_hangs_in_its_exec_delays_no_timeout() {
    if !ready(&["bindfs", "python3"]) {
        return;
    }
    let bench = Bench::new("mount-stranger");
    fs::create_dir_all(bench.path("mnt")).unwrap();
    bench.write("src/a", "x");
    bench.config(&format!(
        "{}schedule: {{t: {{actions: [slow]}}}}\nactions: {{slow: {{type: command, cmd: 'sleep 300 & sleep 300', timeout: 2s}}}}\n",
        crate::support::HEAD
    ));
    // Python opens with O_CLOEXEC: the exec closes the file, and the server is asked for its leave
    bench.write(
        "stranger.py",
        "import os, time\nos.open('mnt/a', os.O_RDONLY)\nopen('opened', 'w')\nwhile not os.path.exists('go'): time.sleep(0.05)\n\
         os.execvp('touch', ['touch', 'came-through'])\n",
    );
    let script = "bindfs -f src mnt & server=$!
        while ! grep -q \" $PWD/mnt \" /proc/self/mountinfo; do sleep 0.1; done
        python3 stranger.py & stranger=$!
        while ! [ -e opened ]; do sleep 0.05; done
        kill -STOP $server; touch go; sleep 1
        timeout -k 1 20 $KB run t; echo $?
        kill -0 $stranger; echo $?; ! [ -e came-through ]; echo $?
        kill -CONT $server; wait $stranger
        umount mnt; wait $server; ls came-through >&2";
    let output = in_namespace(&bench, script);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(codes(&output), [1, 0, 0], "{stderr}");
    contains(&stderr, "came-through\n");
    assert_eq!(bench.journal()[1]["actions"][0]["outcome"], "timeout", "{stderr}");
}
