//! The three ticket actions.

use crate::support::sshd::Sshd;
use crate::support::{Bench, contains, tools};
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const TICKETS: &str = "\
schedule:
  t: {actions: [set, work], finally: [unset]}
actions:
  set: {type: set_in_progress_ticket, src_path: '{dir}/data'}
  work: {type: command, cmd: 'ls {dir}/data > {dir}/seen'}
  unset: {type: unset_in_progress_ticket, src_path: '{dir}/data'}
  check: {type: check_in_progress_ticket, src_path: '{dir}/data', wait_time: 1, wait_cycle_number: 2}
";

#[test]
fn set_while_the_work_goes_on_and_removed_at_the_end() {
    let bench = Bench::with("ticket", TICKETS);
    bench.run(&["run", "t"]).gives(0, "", "");
    assert_eq!(bench.read("seen"), "backup_in_progress\n");
    assert_eq!(bench.names("data"), [""; 0]);
    bench.run(&["run", "unset"]).gives(0, "", "");
}

#[test]
fn a_ticket_that_is_there_is_a_warning_and_a_failure_and_stays() {
    let bench = Bench::with("ticket-there", TICKETS);
    bench.write("data/backup_in_progress", "nightly of 77-x since then\n");
    bench.run(&["run", "t"]).exits(1);
    assert!(!bench.path("seen").exists(), "the work did not begin");
    let log = bench.log();
    contains(
        &log,
        "WARNING set a backup seems to be at work already, or one was cut off: the ticket was set by nightly of 77-x",
    );
    contains(&log, "ERROR set the ticket {dir}/data/backup_in_progress is already set, since ");
    // `finally` must not take away what protects somebody else's work
    assert_eq!(bench.read("data/backup_in_progress"), "nightly of 77-x since then\n");
    contains(&log, "WARNING unset the ticket {dir}/data/backup_in_progress is not of this run: it stays");
    // by itself it removes it, as the administrator wants
    bench.run(&["run", "unset"]).exits(0);
    assert_eq!(bench.names("data"), [""; 0]);
}

/// P24
#[test]
fn a_planted_link_is_neither_followed_nor_replaced() {
    let bench = Bench::with("ticket-link", TICKETS);
    let target = bench.write("target", "precious");
    fs::create_dir(bench.path("data")).unwrap();
    std::os::unix::fs::symlink(&target, bench.path("data/backup_in_progress")).unwrap();
    bench.run(&["run", "set"]).exits(1);
    assert_eq!(bench.read("target"), "precious");
    bench.run(&["run", "check"]).exits(1);
    bench.run(&["run", "unset"]).exits(0);
    assert_eq!(bench.read("target"), "precious");
}

#[test]
fn dry_changes_nothing() {
    let bench = Bench::with("ticket-dry", TICKETS);
    bench.run(&["run", "set", "--dry"]).exits(0);
    assert!(!bench.path("data").exists());
    contains(&bench.log(), "would set the ticket {dir}/data/backup_in_progress");
    bench.write("data/backup_in_progress", "");
    bench.run(&["run", "unset", "--dry"]).exits(0);
    assert!(bench.path("data/backup_in_progress").exists());
}

#[test]
fn check_waits_until_it_vanishes_or_its_patience_ends() {
    let bench = Bench::with("ticket-check", TICKETS);
    bench.run(&["run", "check"]).gives(0, "", "");
    let ticket = bench.write("data/backup_in_progress", "");
    bench.run(&["run", "check"]).exits(1);
    contains(&bench.log(), "is still there after 2.00 s");
    let remover = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        fs::remove_file(ticket).unwrap();
    });
    bench.run(&["run", "check"]).gives(0, "", "");
    remover.join().unwrap();
}

#[test]
fn a_signal_ends_the_waiting() {
    let bench = Bench::with("ticket-signal", &TICKETS.replace("wait_time: 1,", "wait_time: 1000,"));
    bench.write("data/backup_in_progress", "");
    let child = bench.command(&["run", "check"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !bench.path("log/journal.jsonl").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    bench.ran(child.wait_with_output().unwrap()).exits(143);
}

#[test]
fn on_another_server() {
    if !tools::have(&["rsync", "ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    let bench = Bench::new("ticket-ssh");
    let sshd = Sshd::start(&bench.path("ssh"));
    let config = |ssh: &str| {
        bench.config(&format!(
            "{}actions:\n  check: {{type: check_in_progress_ticket, src_path: '{{dir}}/data', wait_time: 0, wait_cycle_number: 1, \
             ssh_servername: root@127.0.0.1, rsync_opts: \"-e '{ssh}'\"}}\n",
            crate::support::HEAD
        ));
    };
    config(&sshd.with_key());
    bench.run(&["run", "check"]).gives(0, "", "");
    bench.write("data/other", "");
    bench.run(&["run", "check"]).gives(0, "", "");
    bench.write("data/backup_in_progress", "");
    bench.run(&["run", "check"]).exits(1);
    contains(&bench.log(), "the ticket root@127.0.0.1:{dir}/data/backup_in_progress is still there");
    // a server that cannot be asked is not one without a ticket
    fs::remove_file(bench.path("data/backup_in_progress")).unwrap();
    config(&sshd.with_password());
    bench.run(&["run", "check"]).exits(1);
    contains(&bench.log(), "asking the other server for the ticket: rsync exit status");
}
