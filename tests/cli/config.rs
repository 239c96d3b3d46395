//! `check`: every problem at its exact place, in one pass, in one line each.

use crate::support::{Bench, contains};
use std::fs;

/// Checks a configuration and compares everything that is printed; `says` are the lines without the file's name.
#[track_caller]
fn check(yaml: &str, code: i32, summary: &str, says: &[&str]) {
    let bench = Bench::new("check");
    bench.config(yaml.trim_start_matches('\n'));
    let lines: Vec<_> = says.iter().map(|line| format!("{{dir}}/config.yaml:{line}\n")).collect();
    let stdout = lines.concat();
    bench.run(&["check"]).gives(code, &stdout, &format!("{{dir}}/config.yaml: {summary}\n"));
    assert_eq!(bench.names(""), ["config.yaml"], "check left something behind");
}

#[test]
fn what_is_no_yaml_is_one_line_with_its_place() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
	a: {type: command, cmd: 'true'}
",
        2,
        "1 error",
        &["3:1: error: a tab in front: only blanks may indent a line"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  a: {actions: [x], cron: 0 1 * * *}
  b:
    actions: [x]
    cron: * * * * *
actions: {x: {type: command, cmd: 'true'}}
",
        2,
        "1 error",
        &["6:12: error: a text that begins with `*` must be in quotes"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  a:
    actions: [x, y
    cron: 0 1 * * *
",
        2,
        "1 error",
        &["5:9: error: did not find expected ',' or ']', while parsing a flow sequence that begins in line 4"],
    );
    check(
        "
naming:
  server_name: s
   project: p
",
        2,
        "1 error",
        &[
            "3:11: error: a `:` where no key can be: a text with `: ` in it must be in quotes, or the line is indented wrongly",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
---
actions: {}
",
        2,
        "1 error",
        &["2:1: error: a second document begins here: there must be one only"],
    );
    check(
        "
naming:
  server_name: 'сервер
  project: p
",
        2,
        "1 error",
        &["4:1: error: found unexpected end of stream, while scanning a quoted scalar that begins in line 2"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: command, cmd: *текст}
",
        2,
        "1 error",
        &["3:28: error: a text that begins with `*` must be in quotes"],
    );
    check(
        "
naming: {server_name: !env NAME, project: p, region: 1}
",
        2,
        "1 error",
        &["1:23: error: the tag `!env` is not known"],
    );
}

#[test]
fn attacks_by_nesting_and_aliases_are_refused() {
    check(
        &format!(
            "naming: {{server_name: s, project: p, region: 1}}\nactions:\n  a: {}{}\n",
            "[".repeat(120),
            "]".repeat(120)
        ),
        2,
        "1 error",
        &["3:104: error: nested more than 100 levels deep"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: &a {type: command, cmd: [*a]}
",
        2,
        "1 error",
        &["3:6: error: an alias that contains itself"],
    );
    check(
        "
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]
",
        2,
        "1 error",
        &["1:1: error: aliases make it too large"],
    );
}

#[test]
fn keys_are_there_once_and_are_single_values() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  tar0:
    type: tar
    basename: a
    level: 0
    level: 1
  x: {type: command, cmd: 'true'}
  tar0: {type: command, cmd: 'true'}
",
        2,
        "2 errors",
        &[
            "7:5: error: actions.tar0.level: duplicate key `level` in lines 6 and 7",
            "9:3: error: actions.tar0: duplicate key `tar0` in lines 3 and 9",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions: {x: {type: command, cmd: 'true'}}
naming: {server_name: t}
",
        2,
        "1 error",
        &["3:1: error: naming: duplicate key `naming` in lines 1 and 3"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: &a {type: command}
  b: &b {cmd: 'true'}
  c:
    <<: *a
    <<: *b
",
        2,
        "2 errors",
        &[
            "5:3: error: actions.c: `cmd` is required",
            "7:5: error: actions.c.<<: duplicate key `<<` in lines 6 and 7; write `<<: [*a, *b]`",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a:
    <<: common
    type: command
    cmd: 'true'
",
        2,
        "1 error",
        &["4:5: error: actions.a.<<: `<<` must be a map or a list of maps, not a single value"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  ? [a, b]
  : {type: command}
  ~: 5
",
        2,
        "2 errors",
        &[
            "3:5: error: actions: a key must be a single value, not a list",
            "5:3: error: actions: a key is missing, or is a `null` that must be in quotes",
        ],
    );
}

#[test]
fn the_top_level_is_a_map_of_maps() {
    check(
        "
- naming
- actions
",
        2,
        "1 error",
        &["1:1: error: the configuration must be a map, not a list"],
    );
    check(
        "
# ничего
",
        2,
        "1 error",
        &["2:1: error: the configuration must be a map, not nothing"],
    );
    check(
        "
naming: s
schedule: 5
actions: [x]
",
        2,
        "3 errors",
        &[
            "1:1: error: naming: `naming` must be a map, not a single value",
            "2:1: error: schedule: `schedule` must be a map, not a single value",
            "3:1: error: actions: `actions` must be a map, not a list",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  t: [x]
  u:
actions:
  x: command
  y:
",
        2,
        "4 errors",
        &[
            "3:3: error: schedule.t: the task `t` must be a map, not a list",
            "4:3: error: schedule.u: the task `u` must be a map, not nothing",
            "6:3: error: actions.x: the action `x` must be a map, not a single value",
            "7:3: error: actions.y: the action `y` must be a map, not nothing",
        ],
    );
}

#[test]
fn names_of_the_server_are_needed() {
    check(
        "
naming:
  project: p
actions: {x: {type: command, cmd: 'true'}}
",
        2,
        "2 errors",
        &["1:1: error: naming: `server_name` is required", "1:1: error: naming: `region` is needed to run"],
    );
    check(
        "
actions: {x: {type: command, cmd: 'true'}}
",
        2,
        "3 errors",
        &[
            "1:1: error: naming: `server_name` is required",
            "1:1: error: naming: `region` is needed to run",
            "1:1: error: naming: `project` is needed to run",
        ],
    );
    check(
        r#"
naming:
  server_name: a/b
  project: ''
  region: "x\ny"
"#,
        2,
        "3 errors",
        &[
            "2:3: error: naming.server_name: `server_name` must not contain `/`: the directory belongs into a path",
            "3:3: error: naming.project: `project` must not be empty",
            "4:3: error: naming.region: `region` is no name for a file",
        ],
    );
}

#[test]
fn unknown_keys_are_warnings_with_the_nearest_right_one() {
    check(
        "
naming: {server_name: s, project: p, region: 1, servr_name: t}
loging: {logs_path: /l}
logging: {log_path: /l, use_consol: yes}
web: {hosts: 0.0.0.0, SECRET_KEY: x, DEBUG: true}
cron: {user: root}
schedule:
  t:
    actions: [x]
    describe: Описание
    naming: {regoin: 2}
actions:
  x: {type: command, cmd: 'true', exlusions: a}
",
        3,
        "9 warnings",
        &[
            "1:49: warning: naming.servr_name: unknown key `servr_name`, did you mean `server_name`?",
            "2:1: warning: loging: unknown key `loging`, did you mean `logging`?",
            "3:11: warning: logging.log_path: unknown key `log_path`, did you mean `logs_path`?",
            "3:25: warning: logging.use_consol: unknown key `use_consol`, did you mean `use_console`?",
            "4:7: warning: web.hosts: unknown key `hosts`, did you mean `host`?",
            "5:8: warning: cron.user: unknown key `user`",
            "9:5: warning: schedule.t.describe: unknown key `describe`",
            "10:14: warning: schedule.t.naming.regoin: unknown key `regoin`, did you mean `region`?",
            "12:35: warning: actions.x.exlusions: unknown key `exlusions`",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  tar0:
    type: tar
    basename: app
    exlusions:
      - '*.tmp'
",
        3,
        "1 warning",
        &["6:5: warning: actions.tar0.exlusions: unknown key `exlusions`, did you mean `exclusions`?"],
    );
    check(
        r#"
naming: {server_name: сервер, project: проект, region: 77, рeгион: 5}
actions:
  действие: {type: command, descr: Описание, cmdd: 'true', cmd: 'true'}
  "в кавычках": {type: tarr}
"#,
        2,
        "1 error, 2 warnings",
        &[
            "1:60: warning: naming.рeгион: unknown key `рeгион`",
            "3:46: warning: actions.действие.cmdd: unknown key `cmdd`, did you mean `cmd`?",
            "4:18: error: actions.в кавычках.type: there is no type `tarr`, did you mean `tar`?",
        ],
    );
}

#[test]
fn wrong_types_and_impossible_values_are_errors() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
allow_parallel: sometimes
logging:
  keep_days: -1
  group: no_such_group
web:
  port: 70000
schedule: [a]
actions:
  tar0:
    type: tar
    basename: {a: b}
    level: full
    compression: 11
    checksum_file: maybe
    compression_lib: rar
    level_folders: {0: a}
",
        2,
        "11 errors",
        &[
            "2:1: error: allow_parallel: `allow_parallel` must be yes or no, not `sometimes`",
            "4:3: error: logging.keep_days: `keep_days` must be between 1 and 4294967295, not -1",
            "5:3: error: logging.group: there is no group `no_such_group` on this machine",
            "7:3: error: web.port: `port` must be between 1 and 65535, not 70000",
            "8:1: error: schedule: `schedule` must be a map, not a list",
            "12:5: error: actions.tar0.basename: `basename` must be a single value, not a map",
            "13:5: error: actions.tar0.level: `level` must be a whole number, not `full`",
            "14:5: error: actions.tar0.compression: `compression` must be between 0 and 9, not 11",
            "15:5: error: actions.tar0.checksum_file: `checksum_file` must be yes or no, not `maybe`",
            "16:5: error: actions.tar0.compression_lib: `compression_lib` must be gzip or bzip or lzma, not `rar`",
            "17:5: error: actions.tar0.level_folders: `level_folders` must be a list, not a map",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  a: {actions: [x], timeout: soon, lock_wait: 5w}
actions:
  x: {type: command, cmd: 'true', timeout: 0}
",
        2,
        "3 errors",
        &[
            "3:21: error: schedule.a.timeout: `timeout` must be a duration such as 90s, 15m or 2h, not `soon`",
            "3:36: error: schedule.a.lock_wait: `lock_wait` must be a duration such as 90s, 15m or 2h, not `5w`",
            "5:35: error: actions.x.timeout: `timeout` must be a duration such as 90s, 15m or 2h, not `0`",
        ],
    );
    check(
        r#"
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: mount, mnt_dev: /d, mnt_point: /m, flags: "-o 'ro"}
  b: {type: rsync, dest_path: /d, opts: --delete-excluded, exclusions: a, bwlimit: fast}
"#,
        2,
        "2 errors, 1 warning",
        &[
            "3:48: error: actions.a.flags: `flags`: a single quote is not closed",
            "4:60: warning: actions.b.exclusions: with `--delete-excluded` what `exclusions` name is removed from `dest_path`; KB17 never left out entries at the top, so it is still there now",
            "4:75: error: actions.b.bwlimit: `bwlimit` must be a whole number, not `fast`",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: command}
  c: {type: mount}
  d: {type: umount}
  f: {type: move_bkp_period}
",
        2,
        "6 errors",
        &[
            "3:3: error: actions.a: `cmd` is required",
            "4:3: error: actions.c: `mnt_dev` is required",
            "4:3: error: actions.c: `mnt_point` is required",
            "5:3: error: actions.d: `mnt_point` is required",
            "6:3: error: actions.f: `action_list` is required",
            "6:3: error: actions.f: `periods` is required",
        ],
    );
}

#[test]
fn files_that_are_replaced_whole_take_nothing_else_with_them() {
    let bench = Bench::new("overwritten");
    let config = bench.path("config.yaml").display().to_string();
    let text = format!(
        "naming: {{server_name: s, project: p, region: 1}}\nlogging:\n  logs_path: log\n  trigger_filepath: t\n  status_file: {config}\n  \
         metrics_file: log/journal.jsonl\n"
    );
    bench.write("config.yaml", &text);
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    contains(
        &ran.stdout,
        "config.yaml:5:3: error: logging.status_file: `status_file` would overwrite this configuration: ",
    );
    contains(&ran.stdout, "config.yaml:6:3: error: logging.metrics_file: `metrics_file` would overwrite the journal: ");
    bench.write("config.yaml", text.replace("log/journal.jsonl", "t").replace(&config, "s"));
    contains(&bench.run(&["check"]).stdout, "`metrics_file` would overwrite `trigger_filepath`: ");
    bench.write("config.yaml", text.replace("log/journal.jsonl", "m").replace(&config, "s"));
    bench.run(&["check"]).gives(0, "", "{dir}/config.yaml: no problems\n");
}

#[test]
fn types_and_names_that_do_not_exist() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: arhiver, basename: a}
  b: {type: pg_dump, basename: b}
  c:
    type: [tar]
",
        2,
        "3 errors",
        &[
            "3:7: error: actions.a.type: there is no type `arhiver`: it is `tar` or `zip`",
            "4:7: error: actions.b.type: there is no type `pg_dump`, did you mean `pgdump`?",
            "6:5: error: actions.c.type: `type` must be a single value, not a list",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  t: {actions: [base, lone]}
actions:
  base: {basename: a}
  heir: {source: base, type: tar}
  lone: {cmd: 'true'}
",
        2,
        "2 errors, 1 warning",
        &[
            "3:17: error: schedule.t.actions.0: `base` has no `type`: it is a template and cannot be run",
            "3:23: error: schedule.t.actions.1: `lone` has no `type`: it is a template and cannot be run",
            "7:3: warning: actions.lone: `lone` has no `type` and nothing inherits from it: it is never run",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  full:
    actions:
      - tarO
      - [clean, --dry]
      - [tar0, --dri]
      - --dry
      - {name: tar0}
      -
    finally: umont
actions:
  tar0: {type: tar, basename: app, dest_path: /b}
  clean0: {type: cleaner, source: tar1, max_files: 2}
  umount: {type: umount, mnt_point: /mnt}
  mv: {type: move_bkp_period, action_list: [tar0, tarO], dest_path: /v, periods: {d: {cron: '* * * * *'}}}
",
        2,
        "8 errors, 1 warning",
        &[
            "5:9: error: schedule.full.actions.0: there is no action `tarO`, did you mean `tar0`?",
            "6:9: error: schedule.full.actions.1: there is no action `clean`, did you mean `clean0`?",
            "7:9: error: schedule.full.actions.2: an action in a list of its own must be written `[name, --dry]`",
            "8:9: error: schedule.full.actions.3: `--dry` must stand with its action in a list of its own: `[[name, --dry], …]`",
            "9:9: error: schedule.full.actions.4: an action must be a name or `[name, --dry]`, not a map",
            "10:8: warning: schedule.full.actions.5: empty list item, skipped",
            "11:5: error: schedule.full.finally: there is no action `umont`, did you mean `umount`?",
            "14:27: error: actions.clean0.source: there is no action `tar1` to inherit from (clean0 → tar1), did you mean `tar0`?",
            "16:51: error: actions.mv.action_list.1: there is no action `tarO`, did you mean `tar0`?",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  a: {cron: 0 1 * * *}
  b: {actions: []}
  c: {actions: }
",
        2,
        "2 errors, 1 warning",
        &[
            "3:3: error: schedule.a: `actions` is required",
            "4:7: warning: schedule.b.actions: `actions` is empty: the task does nothing",
            "5:7: error: schedule.c.actions: `actions` is required",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: command, cmd: 'true'}
  m: {type: move_bkp_period, dest_path: /v, periods: {d: {cron: '* * * * *'}}, action_list: a}
",
        2,
        "1 error",
        &["4:80: error: actions.m.action_list: `a` (type `command`) leaves no sets behind"],
    );
}

#[test]
fn inheritance_goes_wrong() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {source: b, level: 0}
  b: {source: c}
  c: {source: a}
  d: {source: a}
  e: {source: e, type: tar, basename: e, levl: 1}
",
        2,
        "2 errors, 1 warning",
        &[
            "3:7: error: actions.a.source: `source` goes round in a circle: a → b → c → a",
            "7:7: error: actions.e.source: `source` goes round in a circle: e → e",
            "7:42: warning: actions.e.levl: unknown key `levl`, did you mean `level`?",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule: {t: {actions: [tar2]}}
actions:
  tar0: {type: tar, basename: app}
  tar1:
    source: tar00
  tar2: {source: tar1, type: tar, levl: 1}
",
        2,
        "1 error, 1 warning",
        &[
            "6:5: error: actions.tar1.source: there is no action `tar00` to inherit from (tar1 → tar00), did you mean `tar0`?",
            "7:35: warning: actions.tar2.levl: unknown key `levl`, did you mean `level`?",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  zip0:
    type: zip
    basename: app
    dest_path: /b
    level_folders: zero
  zip1: {source: zip0, level: 1}
  zip2: {source: zip1}
",
        2,
        "1 error",
        &["7:5: error: actions.zip0.level_folders: `level_folders` has no folder for level 1 (for `zip1`)"],
    );
}

/// What an action lacks that is only inherited from, its heirs may have: KB17's manual writes its rsync so.
#[test]
fn an_action_that_no_task_runs_need_not_be_whole_to_be_inherited_from() {
    let sections = "
schedule: {t: {actions: [heir]}}
actions:
  base: {type: rsync, opts: '-e \"ssh -p 22\"', exclusions: tmp, *.dll}
  heir: {source: base, src_path: /srv, dest_path: /copy}
  archive: {type: tar}
  docs: {source: archive, basename: docs, dest_path: /b}
";
    let head = "naming: {server_name: s, project: p, region: 1}";
    check(&format!("{head}{sections}").replace("tmp, *.dll", "'tmp, *.dll'"), 0, "no problems", &[]);
    let bench = Bench::with("incomplete", &sections.replace("tmp, *.dll", "tmp"));
    contains(&bench.run(&["run", "base"]).exits(2).stderr, "`dest_path` is required");
    check(
        &format!("{head}{sections}").replace("tmp, *.dll", "tmp").replace("[heir]", "[base]"),
        2,
        "1 error",
        &["4:3: error: actions.base: `dest_path` is required"],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: }
",
        3,
        "1 warning",
        &["3:3: warning: actions.a: `a` has no `type` and nothing inherits from it: it is never run"],
    );
}

#[test]
fn cron_and_periods() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  a: {actions: [x], cron: 0 25 * * *}
  b: {actions: [x], cron: 0 1 * *}
  c:
    actions: [x]
    cron: 0 1 L * *
actions:
  x: {type: command, cmd: 'true'}
  m:
    type: move_bkp_period
    action_list: x
    dest_path: /v
    periods:
      d: {cron: '* * 32 * *', max_files: 0}
      e: {path: ../up}
      f: 5
",
        2,
        "9 errors",
        &[
            "3:21: error: schedule.a.cron: `cron`: hour: 25 is out of range 0-23",
            "4:21: error: schedule.b.cron: `cron`: 4 fields instead of 5 (minute, hour, day of month, month, day of week)",
            "7:5: error: schedule.c.cron: `cron`: day of month: `L` is not known to cron, only to periods",
            "12:5: error: actions.m.action_list: `x` (type `command`) leaves no sets behind",
            "15:11: error: actions.m.periods.d.cron: `cron`: day of month: 32 is out of range 1-31",
            "15:31: error: actions.m.periods.d.max_files: `max_files` must be between 1 and 4294967295, not 0",
            "16:7: error: actions.m.periods.e: `cron` is required",
            "16:11: error: actions.m.periods.e.path: `path` must not contain `..`",
            "17:7: error: actions.m.periods.f: the period `f` must be a map, not a single value",
        ],
    );
}

#[test]
fn lists_booleans_and_patterns() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  x:
    type: tar
    basename: app
    checksum_file: 'False'
",
        3,
        "1 warning",
        &[
            "6:5: warning: actions.x.checksum_file: `checksum_file` is quoted: read as false here, but KB17 took every quoted text for true",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  x:
    type: tar
    basename: app
    exclusions:
    - a
    -
    - [b]
",
        2,
        "1 error, 1 warning",
        &[
            "8:6: warning: actions.x.exclusions.1: empty list item, skipped",
            "9:7: error: actions.x.exclusions.2: an item of `exclusions` must be a single value, not a list",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  x:
    type: tar
    basename: app
    use_re_in_patterns: yes
    exclusions:
    - ok
    - 'a('
    - '(?<=x)y'
",
        2,
        "2 errors",
        &[
            "9:7: error: actions.x.exclusions.1: pattern `a(`: a parenthesis is not closed",
            "10:7: error: actions.x.exclusions.2: pattern `(?<=x)y`: lookbehind `(?<=…)` is not supported",
        ],
    );
}

#[test]
fn naming_schemes() {
    check(
        "
naming:
  server_name: s
  project: p
  region: 1
  naming_scheme:
    scheme_id: mine
    fsdump_fileformat: '{basename}-{data:%Y}.{ext}'
    pgdump_fileformt: '{basename}'
    pgdump_hash_fileformat: [a]
actions:
  x: {type: command, cmd: 'true'}
",
        2,
        "2 errors, 1 warning",
        &[
            "7:5: error: naming.naming_scheme.fsdump_fileformat: `fsdump_fileformat`: `{data:%Y}`: only the date takes a format",
            "8:5: warning: naming.naming_scheme.pgdump_fileformt: unknown key `pgdump_fileformt`, which no template names, did you mean `pgdump_fileformat`?",
            "9:5: error: naming.naming_scheme.pgdump_hash_fileformat: `pgdump_hash_fileformat` must be a single value, not a list",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
schedule:
  t:
    actions: [x]
    naming: {naming_scheme: defualt}
actions:
  x: {type: command, cmd: 'true'}
  tar0: {type: tar, basename: a, naming_scheme: by_dy}
  tar1:
    type: tar
    basename: b
    naming_scheme: {scheme_id: by_day, fsdump_fileformat: '{basename}_{date:%Y%m%d_%H%M%S}_{level}.{ext}'}
",
        2,
        "2 errors",
        &[
            "5:14: error: schedule.t.naming.naming_scheme: there is no naming scheme `defualt`, did you mean `default`?",
            "8:34: error: actions.tar0.naming_scheme: there is no naming scheme `by_dy`, did you mean `by_day`?",
        ],
    );
    check(
        "
naming:
  server_name: s
  project: p
  region: 1
  naming_scheme: {scheme_id: a, fsdump_fileformat: '{basename}_{date:%Y%m%d_%H%M%S}_{level}.{ext}'}
actions:
  tar0:
    type: tar
    basename: app
    naming_scheme:
      scheme_id: a
      fsdump_fileformat: '{basename}.{date:%Y%m%d_%H%M%S}.{level}.{ext}'
",
        2,
        "1 error",
        &["11:7: error: actions.tar0.naming_scheme.scheme_id: the naming scheme `a` is defined differently in line 5"],
    );
}

#[test]
fn a_scheme_of_ones_own_cannot_be_called_default() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  x:
    type: tar
    basename: app
    naming_scheme: {scheme_id: default, fsdump_fileformat: '{basename}_{date:%Y%m%d_%H%M%S}_{level}.{ext}'}
",
        2,
        "1 error",
        &[
            "6:21: error: actions.x.naming_scheme.scheme_id: `default` is the name of the built-in scheme, which is another one",
        ],
    );
}

#[test]
fn files_that_could_be_taken_for_one_another() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: tar, basename: app, src_path: /srv/a, dest_path: /backup}
  b: {type: tar, basename: app, src_path: /srv/b, dest_path: /backup}
  z: {type: zip, basename: app, src_path: /srv/a, dest_path: /backup}
  fine: {source: a, dry: yes}
  diff: {source: a, level: 1}
",
        2,
        "3 errors",
        &[
            "4:18: error: actions.b.basename: `b` and `a` give the same file names in /backup, such as app-20010203_000000-0.list: they need different basenames or directories",
            "5:18: error: actions.z.basename: `z` and `a` give the same file names in /backup, such as app-20010203_000000-0.list: they need different basenames or directories",
            "5:18: error: actions.z.basename: `z` and `b` give the same file names in /backup, such as app-20010203_000000-0.list: they need different basenames or directories",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: tar, basename: app, src_path: /srv/a, dest_path: /backup}
  b: {type: tar, basename: app, src_path: /srv/b, dest_path: /backup, level: 1}
  c: {type: tar, basename: cup, src_path: /srv/c, dest_path: /backup}
  d: {source: c, src_path: /srv/c/, level: 1}
  e: {type: zip, basename: app, src_path: /srv/e, dest_path: /other, level: 1}
",
        2,
        "1 error",
        &[
            "4:18: error: actions.b.basename: `b` and `a` would be taken for the levels of one backup, but their `src_path` differs: they need different basenames or directories",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: tar, basename: app, dest_path: /backup}
  b: {type: tar, basename: app2, dest_path: /backup}
  c: {type: tar, basename: app3, dest_path: /other}
",
        3,
        "1 warning",
        &[
            "3:18: warning: actions.a.basename: `basename` app is how app2 of `b` begins, which writes to the same directory: files that could belong to both are never deleted",
        ],
    );
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  a: {type: tar, dest_path: /backup}
  b: {type: tar, basename: a/b}
",
        2,
        "1 error, 1 warning",
        &[
            "3:3: warning: actions.a: no `basename`: a random one is made up for every run, so that its files can be neither rotated nor restored",
            "4:18: error: actions.b.basename: `basename` must not contain `/`: the directory belongs into a path",
        ],
    );
}

#[test]
fn anchors_and_flow_style_have_places_too() {
    check(
        "
naming: {server_name: s, project: p, region: 1}
actions:
  base: &base
    levl: 0
    compression: high
  a:
    <<: *base
    type: tar
    basename: a
  b: {<<: *base, type: tar, basename: bb}
",
        2,
        "1 error, 1 warning",
        &[
            "4:5: warning: actions.a.levl: unknown key `levl`, did you mean `level`?",
            "5:5: error: actions.a.compression: `compression` must be a whole number, not `high`",
        ],
    );
    check(
        "
naming: {server_name: s, project: p,
  region: 1}
actions: {
  a: {type: tar, basename: a,
      compression: 10,
      exclusions: [x,
         [y]]},
  b: {type: tarr}}
",
        2,
        "3 errors",
        &[
            "5:7: error: actions.a.compression: `compression` must be between 0 and 9, not 10",
            "7:10: error: actions.a.exclusions.1: an item of `exclusions` must be a single value, not a list",
            "8:7: error: actions.b.type: there is no type `tarr`, did you mean `tar`?",
        ],
    );
}

#[test]
fn names_cannot_break_lines() {
    check(
        r#"
naming: {server_name: s, project: p, region: 1}
schedule:
  all: {actions: [x]}
  "a\nb": {actions: [x]}
actions:
  x: {type: command, cmd: 'true'}
"#,
        2,
        "1 error, 1 warning",
        &[
            "3:3: warning: schedule.all: a task named `all` cannot be enabled alone: `enable all` means every task",
            r"4:3: error: schedule.a\nb: the name of a task must be one line of text without control characters",
        ],
    );
}

const CLEAN: &str = include_str!("../data/config/clean.yaml");

#[test]
fn every_type_and_every_spelling_is_clean() {
    check(CLEAN, 0, "no problems", &[]);
}

#[test]
fn a_bom_and_crlf_change_nothing() {
    check(&format!("\u{feff}{}", CLEAN.replace('\n', "\r\n")), 0, "no problems", &[]);
    let broken = "\u{feff}naming: {server_name: s, project: p, region: 1}\r\nactions:\r\n  a:\r\n    type: tarr\r\n";
    check(broken, 2, "1 error", &["4:5: error: actions.a.type: there is no type `tarr`, did you mean `tar`?"]);
}

#[test]
fn other_encodings_are_refused_with_the_place() {
    let bench = Bench::new("encoding");
    bench.config("");
    fs::write(bench.path("config.yaml"), b"naming:\n  server_name: \xf1\xe5\xf0\xe2\xe5\xf0\n").unwrap();
    let line = "{dir}/config.yaml:2:16: error: not UTF-8: save the file in this encoding\n";
    bench.run(&["check"]).gives(2, line, "{dir}/config.yaml: 1 error\n");
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let bench = Bench::with("json", "actions:\n  a: {type: command, cmd: 'true', levl: 1}\n  b: {type: tarr}\n");
    let ran = bench.run(&["check", "--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&document["errors"], &document["warnings"]), (&1.into(), &1.into()));
    let problem = &document["problems"][1];
    assert_eq!(problem["severity"], "error");
    assert_eq!((&problem["line"], &problem["column"]), (&5.into(), &7.into()));
    assert_eq!(problem["path"], serde_json::json!(["actions", "b", "type"]));
    assert_eq!(problem["message"], "there is no type `tarr`, did you mean `tar`?");
    assert_eq!(Bench::with("json", "").run(&["check", "--json"]).code, 0);
}

#[test]
fn a_file_that_cannot_be_read_is_one_line_and_2() {
    let bench = Bench::new("unreadable");
    let missing = bench.run(&["check"]);
    missing.gives(
        2,
        "",
        "krista-backup: reading configuration {dir}/config.yaml: No such file or directory (os error 2)\n",
    );
    fs::create_dir(bench.path("config.yaml")).unwrap();
    let line = "krista-backup: reading configuration {dir}/config.yaml: not a regular file\n";
    bench.run(&["check"]).gives(2, "", line);
}

/// P25: a config that others than root can write is refused, and nothing runs.
#[test]
fn a_config_that_others_can_write_is_refused() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let bench = Bench::with("trust", "actions:\n  a: {type: command, cmd: 'touch {dir}/ran'}\n");
    let path = bench.path("config.yaml");
    if fs::metadata(&path).unwrap().uid() != 0 {
        return;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    for arguments in [&["check"][..], &["run", "a"], &["list"]] {
        let line = "krista-backup: reading configuration {dir}/config.yaml: refused as root, because it is writable by \
                    everyone (mode 0622, bit 0002)\n";
        bench.run(arguments).gives(2, "", line);
    }
    assert!(!bench.path("ran").exists());
}

#[test]
fn an_error_stops_what_reaches_it_and_nothing_else() {
    let sections = "\
schedule:
  good: {actions: [a]}
  bad: {actions: [a, b]}
actions:
  a: {type: command, cmd: 'touch {dir}/ran'}
  b: {source: c}
  c: {type: command, cmd: 'true', timeout: never}
";
    let bench = Bench::with("reach", sections);
    let line = "9:35: error: actions.c.timeout: `timeout` must be a duration such as 90s, 15m or 2h, not `never`";
    for unit in ["bad", "b", "c"] {
        let ran = bench.run(&["run", unit]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{unit}");
        assert!(ran.stderr.contains(&format!("{{dir}}/config.yaml:{line}")), "{}", ran.stderr);
        assert!(!bench.path("ran").exists(), "{unit}");
    }
    let ran = bench.run(&["run", "nothing"]);
    assert_eq!(ran.code, 2);
    let ran = bench.run(&["run", "god"]);
    assert!(ran.stderr.contains("did you mean `good`?"), "{}", ran.stderr);
    assert_ne!(bench.run(&["run", "good"]).code, 2, "stopped by an error that it does not reach");
    contains(&bench.log(), &format!(" INFO root note: {{dir}}/config.yaml:{line}\n"));
}

/// Slips that would otherwise show only when something runs, or never.
#[test]
fn slips_that_check_finds() {
    let sections = "\
schedule:
  'my%task': {actions: [a], cron: '* * * * *'}
actions:
  a: {type: command, cmd: 'true'}
  b: {typ: tar, basename: x, src_path: /etc}
  c: {type: tar, basename: '', src_path: /etc, dest_path: ~/x}
  d: {type: tar, basename: d, src_path: /etc, dest_path: /tmp/xx, group: nosuchgroup}
";
    let bench = Bench::with("slips", sections);
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    for part in [
        "warning: schedule.my%task.cron: `enable` cannot put it into a crontab: `%` in the name means a line break to cron",
        "warning: actions.b: `b` has no `type` and nothing inherits from it: it is never run; did you mean `type` by `typ`?",
        "error: actions.c.basename: `basename` must not be empty",
        "warning: actions.c.dest_path: `~` is not expanded: this means {dir}/~/x",
        "error: actions.d.group: there is no group `nosuchgroup` on this machine",
    ] {
        assert!(ran.stdout.contains(part), "{part}\n{}", ran.stdout);
    }
}
