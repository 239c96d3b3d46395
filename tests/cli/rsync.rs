//! `rsync`: real transfers, local and over ssh, and what becomes of its exit status.

use crate::support::sshd::Sshd;
use crate::support::{Bench, contains, lacks, tools};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn tree(bench: &Bench) {
    bench.write("src/a.txt", "alpha");
    bench.write("src/deep/b.txt", "beta");
    bench.write("src/deep/c.tmp", "scrap");
    bench.write("src/tmp/d.txt", "delta");
    bench.write("src/with space/$(touch x)/e", "epsilon");
}

fn one(bench: &Bench, properties: &str) {
    bench.config(&format!("{}actions:\n  copy: {{type: rsync, {properties}}}\n", crate::support::HEAD));
}

#[test]
fn a_local_copy_with_exclusions_into_a_directory_that_is_made_private() {
    if !tools::have(&["rsync"]) {
        return;
    }
    let bench = Bench::new("rsync-local");
    tree(&bench);
    one(
        &bench,
        "src_path: src/, dest_path: new/copy, exclusions: ['*.tmp', '/tmp', '$(touch {dir}/pwned)'], bwlimit: 100000",
    );
    bench.run(&["run", "copy"]).gives(0, "", "");
    assert_eq!(bench.read("new/copy/deep/b.txt"), "beta");
    assert_eq!(
        bench.names("new/copy"),
        ["a.txt", "deep", "with space"],
        "an entry at the top can be excluded (section 12)"
    );
    assert_eq!(bench.names("new/copy/deep"), ["b.txt"]);
    assert!(!bench.path("pwned").exists(), "P14: nothing of an option is run");
    assert_eq!(fs::metadata(bench.path("new")).unwrap().permissions().mode() & 0o777, 0o700);
    contains(&bench.debug_log(), " DEBUG copy deep/b.txt\n");
    lacks(&bench.log(), "deep/b.txt");
    assert_eq!(bench.trigger(), "SUCCESS");
}

/// The order in which KB17 put its arguments; scripts in the place of rsync go by it.
#[test]
fn the_arguments_in_their_order() {
    let mut bench = Bench::new("rsync-arguments");
    bench.fake("rsync", "for word; do echo \"<$word>\"; done >>\"${0%/bin/rsync}/argv\"");
    bench.write("src/a", "");
    one(&bench, "src_path: src/, dest_path: copy");
    bench.run(&["run", "copy"]).exits(0);
    one(
        &bench,
        "src_path: src, dest_path: 'me@host:/x', opts: \"-e 'ssh -p 22' -z\", other_opts: -a, bwlimit: 9, skip_compress: \
         [a, b], exclusions: '*.x, /y'",
    );
    bench.run(&["run", "copy"]).exits(0);
    let dir = bench.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    assert_eq!(
        bench.read("argv").replace(&dir, "{dir}").lines().collect::<Vec<_>>().concat(),
        "<-a><-h><-d><-v><--skip-compress=zip/7z/tgz/gz/bz2/rar><{dir}/src/><{dir}/copy>\
         <-e><ssh -p 22><-z><-a><--bwlimit=9><--skip-compress=a/b><--exclude=*.x><--exclude=/y><{dir}/src><me@host:/x>"
    );
}

#[test]
fn a_slash_at_the_end_means_what_it_means_to_rsync() {
    if !tools::have(&["rsync"]) {
        return;
    }
    let bench = Bench::new("rsync-slash");
    tree(&bench);
    one(&bench, "src_path: '{dir}/src', dest_path: '{dir}/copy'");
    bench.run(&["run", "copy"]).exits(0);
    assert_eq!(bench.names("copy"), ["src"]);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_changes_nothing() {
    if !tools::have(&["rsync"]) {
        return;
    }
    let bench = Bench::new("rsync-dry");
    tree(&bench);
    one(&bench, "src_path: src/, dest_path: new/copy");
    bench.run(&["run", "copy", "--dry"]).exits(0);
    assert!(!bench.path("new").exists());
    let log = bench.log();
    contains(&log, "INFO copy_DRYRUN would create directory {dir}/new/copy\n");
    contains(&log, "deep/b.txt\n");
}

#[test]
fn the_exit_status_decides() {
    for (status, code, word) in
        [(0, 0, "SUCCESS"), (24, 3, "WARNING"), (23, 1, "ERROR"), (12, 1, "ERROR"), (99, 1, "ERROR")]
    {
        let mut bench = Bench::new("rsync-status");
        bench.fake("rsync", &format!("exit {status}"));
        bench.write("src/a", "");
        one(&bench, "src_path: src/, dest_path: copy");
        bench.run(&["run", "copy"]).exits(code);
        assert_eq!(bench.trigger(), word, "status {status}");
        if code == 1 {
            contains(&bench.log(), &format!("rsync ended with exit status {status}"));
        }
    }
}

#[test]
fn what_rsync_itself_could_not_copy_is_an_error() {
    if !tools::have(&["rsync"]) {
        return;
    }
    let bench = Bench::new("rsync-23");
    tree(&bench);
    bench.write("list", "a.txt\nmissing\n");
    one(&bench, "src_path: src/, dest_path: copy, opts: '--files-from={dir}/list'");
    bench.run(&["run", "copy"]).exits(1);
    assert_eq!(bench.read("copy/a.txt"), "alpha");
    contains(&bench.log(), "some files were not transferred");
    contains(&bench.log(), " ERROR copy rsync: ");
}

#[test]
fn chatter_and_vanished_files_are_warnings() {
    let mut bench = Bench::new("rsync-chatter");
    bench.fake("rsync", "echo 'file has vanished: \"/x\"' >&2; echo; echo sent; exit 24");
    bench.write("src/a", "");
    one(&bench, "src_path: src/, dest_path: copy");
    bench.run(&["run", "copy"]).exits(3);
    contains(&bench.log(), "WARNING copy file has vanished");
    lacks(&bench.log(), " ERROR ");
}

/// P21: a source that is not mounted does not empty the copy.
#[test]
fn an_empty_source_is_not_copied_over_a_full_destination() {
    if !tools::have(&["rsync"]) {
        return;
    }
    let bench = Bench::new("rsync-empty");
    fs::create_dir(bench.path("src")).unwrap();
    bench.write("copy/precious", "x");
    one(&bench, "src_path: src/, dest_path: copy, opts: --delete");
    bench.run(&["run", "copy"]).exits(1);
    assert_eq!(bench.read("copy/precious"), "x");
    one(&bench, "src_path: src/, dest_path: copy, opts: --delete, allow_empty: yes");
    bench.run(&["run", "copy"]).exits(0);
    assert_eq!(bench.names("copy"), [""; 0]);
    fs::remove_dir(bench.path("src")).unwrap();
    bench.run(&["run", "copy"]).exits(1);
    contains(&bench.log(), "looking at the source");
}

/// P21: the guards hold before anything is created.
#[test]
fn nothing_is_created_under_a_mount_point_that_is_not_mounted() {
    let bench = Bench::new("rsync-guard");
    bench.write("src/a", "");
    one(&bench, "src_path: src/, dest_path: mnt/copy, require_mounted: ['{dir}/mnt']");
    bench.run(&["run", "copy"]).exits(1);
    assert!(!bench.path("mnt").exists());
}

#[test]
fn a_missing_rsync_is_said_clearly() {
    let bench = Bench::new("rsync-missing");
    bench.write("src/a", "");
    one(&bench, "src_path: src/, dest_path: copy, command_path: no-such-rsync");
    bench.run(&["run", "copy"]).exits(1);
    contains(&bench.log(), "there is no program `no-such-rsync`: install the package rsync or set `command_path`");
}

/// P25
#[test]
fn a_program_that_others_can_change_is_not_run_as_root() {
    if !rustix_is_root() {
        return;
    }
    let mut bench = Bench::new("rsync-trust");
    bench.write("src/a", "");
    bench.fake("rsync", "touch $0.ran");
    fs::set_permissions(bench.path("bin/rsync"), fs::Permissions::from_mode(0o777)).unwrap();
    one(&bench, "src_path: src/, dest_path: copy");
    bench.run(&["run", "copy"]).exits(1);
    assert!(!bench.path("bin/rsync.ran").exists());
    contains(&bench.log(), "is writable by everybody");
}

fn rustix_is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

#[test]
fn a_timeout_ends_it() {
    let mut bench = Bench::new("rsync-timeout");
    bench.fake("rsync", "sleep 1000");
    bench.write("src/a", "");
    one(&bench, "src_path: src/, dest_path: copy, timeout: 1s");
    bench.run(&["run", "copy"]).exits(1);
    assert_eq!(bench.last_record()["actions"][0]["outcome"], "timeout");
}

#[test]
fn over_ssh_to_and_fro() {
    if !tools::have(&["rsync", "ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    let bench = Bench::new("rsync-ssh");
    tree(&bench);
    let sshd = Sshd::start(&bench.path("ssh"));
    let opts = format!("opts: \"-e '{}'\"", sshd.with_key());
    one(&bench, &format!("src_path: src/, dest_path: 'root@127.0.0.1:{{dir}}/there', {opts}"));
    bench.run(&["run", "copy"]).exits(0);
    assert_eq!(bench.read("there/deep/b.txt"), "beta");
    one(&bench, &format!("src_path: 'root@127.0.0.1:{{dir}}/there/', dest_path: back/again, {opts}"));
    bench.run(&["run", "copy"]).exits(0);
    assert_eq!(bench.read("back/again/deep/b.txt"), "beta");
}

/// A question for a password fails at once instead of hanging a run at night, with a terminal or without.
#[test]
fn a_password_prompt_does_not_hang() {
    if !tools::have(&["rsync", "ssh", "ssh-keygen", "sshd", "script"]) {
        return;
    }
    let mut bench = Bench::new("rsync-prompt");
    tree(&bench);
    bench.fake("askpass", "touch {dir}/asked; sleep 1000");
    let askpass = bench.path("bin/askpass");
    fs::write(&askpass, format!("#!/bin/sh\ntouch {}\nsleep 1000\n", bench.path("asked").display())).unwrap();
    bench.set("SSH_ASKPASS", askpass.to_str().unwrap());
    bench.set("DISPLAY", ":0");
    let sshd = Sshd::start(&bench.path("ssh"));
    let opts = format!("opts: \"-e '{}'\"", sshd.with_password());
    one(&bench, &format!("src_path: src/, dest_path: 'root@127.0.0.1:{{dir}}/there', {opts}"));
    bench.run(&["run", "copy"]).exits(1);
    // the same where ssh could find a terminal
    let line = format!("{} --config {} run copy", crate::support::BINARY, bench.path("config.yaml").display());
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(std::process::Stdio::null());
    script.env("SSH_ASKPASS", askpass).env("DISPLAY", ":0");
    assert_eq!(script.output().unwrap().status.code(), Some(1));
    contains(&bench.log(), "Permission denied");
    assert!(!bench.path("asked").exists());
}
