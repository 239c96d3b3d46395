use super::*;
use std::path::PathBuf;
use std::time::Duration;

const HEAD: &str = "naming: {server_name: srv, project: 007, region: 77}\n";

fn config(sections: &str) -> Config {
    Config::of_text(Path::new("config.yaml"), Path::new("/etc/kb"), &format!("{HEAD}{sections}")).unwrap()
}

fn messages(problems: &[Located]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn refusal(config: &Config, name: &str) -> (String, Vec<String>) {
    let Err(refusal) = config.unit(name, false) else { panic!("{name} can run") };
    (refusal.summary, messages(&refusal.problems))
}

fn source(unit: &Unit, step: usize) -> &crate::store::sets::Source {
    unit.steps[step].action.source().unwrap()
}

#[test]
fn defaults_of_the_top_level() {
    let config = config("");
    assert_eq!(
        (config.server_name.as_str(), config.project.as_deref(), config.region.as_deref()),
        ("srv", Some("7"), Some("77"))
    );
    assert_eq!(config.logging.logs_path, PathBuf::from("/var/log/KristaBackup"));
    assert_eq!(
        (config.web.hosts.as_slice(), config.web.port, config.allow_parallel),
        (["127.0.0.1".to_owned()].as_slice(), 5556, true)
    );
    assert_eq!((config.cron_user.as_deref(), config.logging.trigger.as_deref()), (None, None));
    assert_eq!(config.worst(), None);
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = config("logging: {logs_path: log, trigger_filepath: ../t, keep_days: 7}\n");
    assert_eq!(config.logging.logs_path, PathBuf::from("/etc/kb/log"));
    assert_eq!(config.logging.trigger, Some(PathBuf::from("/etc/kb/../t")));
    assert_eq!(config.logging.keep_days, Some(7));
}

#[test]
fn a_task_is_read_whole() {
    let config = config(
        "schedule:\n  t:\n    actions: [a, [b, --dry]]\n    finally: c\n    cron: 00 23 * * 0\n    descr: |\n      две\n      строки\n\
         \x20   all_fields_match: yes\n    timeout: 2h\n    lock_wait: 90s\n    naming: {project: own}\n\
         actions: {a: {type: tar, basename: a}, b: {source: a, basename: b, dry: on}, c: {type: command, cmd: x}}\n",
    );
    let task = &config.tasks[0];
    assert_eq!(task.actions, [("a".to_owned(), false), ("b".to_owned(), true)]);
    assert_eq!(task.finally, [("c".to_owned(), false)]);
    assert_eq!((task.cron.as_deref(), task.descr.as_str()), (Some("00 23 * * 0"), "две строки"));
    assert!(task.all_fields_match);
    assert_eq!((task.timeout, task.lock_wait), (Some(Duration::from_secs(7200)), Some(Duration::from_secs(90))));
    let unit = config.unit("t", false).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(unit.full_name, "77-own-srv");
    assert_eq!(
        unit.steps.iter().map(|step| (step.name.as_str(), step.kind, step.dry)).collect::<Vec<_>>(),
        [("a", "tar", false), ("b", "tar", true)]
    );
    assert_eq!(unit.finally.len(), 1);
    assert!(unit.finally[0].common.continue_on_error, "a command goes on by default");
}

#[test]
fn a_task_wins_over_an_action_unless_an_action_is_meant() {
    let config =
        config("schedule: {x: {actions: [y, y]}}\nactions: {x: {type: command, cmd: a}, y: {type: command, cmd: b}}\n");
    let steps = |as_action| config.unit("x", as_action).map_or(0, |unit| unit.steps.len());
    assert_eq!((steps(false), steps(true)), (2, 1));
    let Err(refusal) = config.unit("z", true) else { panic!("z can run") };
    assert_eq!(refusal.summary, "there is no action `z`, did you mean `x`?");
}

#[test]
fn dry_of_a_task_alone_says_so() {
    let config = config("schedule: {full: {actions: [y]}}\nactions: {y: {type: command, cmd: b}}\n");
    let Err(refusal) = config.unit("full", true) else { panic!("full can run") };
    assert_eq!(refusal.summary, "there is no action `full`: `--dry` means an action, and this is a task");
}

#[test]
fn only_what_a_unit_reaches_stops_it() {
    let config = config(
        "schedule:\n  good: {actions: [a]}\n  bad: {actions: [a, heir]}\n  worse: {actions: [a], timeout: x}\nactions:\n\
         \x20 a: {type: command, cmd: b, levl: 1}\n  heir: {source: base, cmd: b}\n  base: {type: command, timeout: x}\n\
         \x20 zip0: {type: zip, basename: z, compression: x}\n  mv: {type: move_bkp_period, action_list: zip0, periods: {d: {cron: '* * * * *'}}}\n",
    );
    assert!(config.unit("good", false).is_ok());
    let timeout = "`timeout` must be a duration such as 90s, 15m or 2h, not `x`";
    let inherited = format!("9:25: error: actions.base.timeout: {timeout}");
    assert_eq!(
        refusal(&config, "bad"),
        ("`bad` cannot run because of an error in config.yaml".to_owned(), vec![inherited])
    );
    assert_eq!(refusal(&config, "worse").1, [format!("5:25: error: schedule.worse.timeout: {timeout}")]);
    let of_source = "10:34: error: actions.zip0.compression: `compression` must be a whole number, not `x`";
    assert_eq!(refusal(&config, "mv").1, [of_source], "an action whose sets are asked for is reached");
    assert_eq!(config.worst(), Some(Severity::Error));
}

#[test]
fn errors_of_the_file_and_the_top_level_stop_everything() {
    let sections = "actions: {a: {type: command, cmd: b}}\nweb: {port: x}\n";
    let port = "3:7: error: web.port: `port` must be a whole number, not `x`";
    assert_eq!(refusal(&config(sections), "a").1, [port]);
    let sections = "actions: {a: {type: command, cmd: b}, z: {x: 1, x: 2}}\n";
    assert_eq!(refusal(&config(sections), "a").1, ["2:49: error: actions.z.x: duplicate key `x` in lines 2 and 2"]);
}

#[test]
fn names_are_needed_to_run_unless_the_task_has_them() {
    let text = "naming: {server_name: s}\nschedule: {t: {actions: [a], naming: {project: p, region: r, server_name: 007}}}\n\
                actions: {a: {type: command, cmd: b}}\n";
    let config = Config::of_text(Path::new("c"), Path::new("/"), text).unwrap();
    assert_eq!(config.problems, []);
    assert_eq!(config.unit("t", false).unwrap_or_else(|r| panic!("{r:?}")).full_name, "r-p-7");
    let missing = ["1:1: error: naming: `region` is needed to run", "1:1: error: naming: `project` is needed to run"];
    assert_eq!(refusal(&config, "a").1, missing);
}

#[test]
fn the_scheme_in_force_is_the_nearest_one_whatever_the_order_in_the_file() {
    let config = config(
        "actions:\n  own: {type: zip, basename: a, dest_path: /1, naming_scheme: third}\n  plain: {type: zip, basename: b, dest_path: /2}\n\
         \x20 nulled: {source: own, dest_path: /4, naming_scheme: }\n\
         \x20 other:\n    type: zip\n    basename: c\n    dest_path: /3\n    naming_scheme: {scheme_id: third, fsdump_fileformat: '{basename}+{date:%Y%m%d_%H%M%S}.{ext}'}\n\
         schedule:\n  bare: {actions: [own, plain]}\n  named: {actions: [own, plain, nulled], naming: {naming_scheme: second}}\n\
         \x20 defines: {actions: [plain], naming: {naming_scheme: {scheme_id: second, fsdump_fileformat: '{basename}={date:%Y%m%d_%H%M%S}.{ext}'}}}\n",
    );
    assert_eq!(messages(&config.problems), Vec::<String>::new());
    let ids = |name: &str| {
        let unit = config.unit(name, false).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        (0..unit.steps.len()).map(|step| source(&unit, step).scheme.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("bare"), ["third", "default"]);
    assert_eq!(ids("named"), ["third", "second", "second"]);
    assert_eq!(ids("defines"), ["second"]);
    assert_eq!(ids("plain"), ["default"]);
}

#[test]
fn a_source_knows_its_rivals_but_not_its_own_levels() {
    let config = config(
        "actions:\n  zip0: {type: zip, basename: app, src_path: /a, dest_path: /b}\n  zip1: {source: zip0, level: 1}\n\
         \x20 next: {type: zip, basename: app2, src_path: /a, dest_path: /b}\n  far: {type: zip, basename: app3, dest_path: /c}\n",
    );
    let rivals = |name: &str| {
        let unit = config.unit(name, false).unwrap_or_else(|refusal| panic!("{refusal:?}"));
        source(&unit, 0).rivals.iter().map(|rival| rival.action.clone()).collect::<Vec<_>>()
    };
    assert_eq!(rivals("zip0"), ["next"]);
    assert_eq!(rivals("next"), ["zip0", "zip1"]);
    assert_eq!(rivals("far"), Vec::<String>::new());
}

#[test]
fn names_that_clash_stop_both_actions() {
    let config = config(
        "actions:\n  a: {type: zip, basename: app, src_path: /a, dest_path: /b}\n  b: {type: zip, basename: app, src_path: /c, dest_path: /b}\n\
         \x20 c: {type: zip, basename: apple, dest_path: /b}\n",
    );
    assert_eq!(refusal(&config, "a"), refusal(&config, "b").clone_for("a"));
    assert!(config.unit("c", false).is_ok(), "a basename that begins like another is a warning");
}

trait ForUnit {
    fn clone_for(&self, name: &str) -> Self;
}

impl ForUnit for (String, Vec<String>) {
    fn clone_for(&self, name: &str) -> Self {
        (self.0.replace("`b`", &format!("`{name}`")), self.1.clone())
    }
}

#[test]
fn a_circle_of_lists_comes_to_an_end() {
    let config = config(
        "actions:\n  m: {type: move_bkp_period, action_list: n, periods: {d: {cron: '* * * * *'}}}\n\
         \x20 n: {source: m, action_list: m}\n",
    );
    assert!(!refusal(&config, "m").1.is_empty());
}

#[test]
fn entries_are_kept_as_written() {
    let config = config(
        "actions:\n  a: {type: tar, basename: a, descr: полный}\n  b: {source: a, level: 1}\n  t: &t {level: 1}\n  u: {<<: *t, source: a}\n",
    );
    let shown: Vec<_> = config.actions.iter().map(|e| (e.kind.as_deref(), e.descr.as_str(), e.is_template)).collect();
    let tar = Some("tar");
    assert_eq!(shown, [(tar, "полный", false), (tar, "полный", false), (None, "", true), (tar, "полный", false)]);
    let Value::Map(raw) = &config.actions[1].raw else { panic!("no map") };
    assert_eq!(raw.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["source", "level"]);
}
