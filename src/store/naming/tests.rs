use super::*;
use time::{Date, Month, PrimitiveDateTime, Time};

fn keys(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A time on 3 July 2020.
fn july(hour: u8, minute: u8, second: u8) -> PrimitiveDateTime {
    let date = Date::from_calendar_date(2020, Month::July, 3).unwrap();
    PrimitiveDateTime::new(date, Time::from_hms(hour, minute, second).unwrap())
}

fn template(text: &str) -> Template {
    Template::parse(text, &keys(&[("site", "77")])).unwrap()
}

fn extensions() -> Vec<String> {
    ["tar.gz", "tar.xz", "xz"].map(str::to_owned).to_vec()
}

fn read(text: &str, name: &str) -> Option<Parts> {
    template(text).recognise(name, &Known { basename: "app", extensions: &extensions() })
}

fn parts(dbname: Option<&str>) -> Parts {
    Parts {
        basename: "app".into(),
        level: Some(0),
        ext: "tar.gz".into(),
        dbname: dbname.map(str::to_owned),
        time: Some(july(1, 30, 0)),
    }
}

#[test]
fn default_names_are_kb17s() {
    let scheme = Scheme::default_scheme();
    let set = parts(Some("база данных"));
    assert_eq!(scheme.main_name(Family::Files, &set), "app-20200703_013000-0.tar.gz");
    assert_eq!(scheme.list_name(&set, "list"), "app-20200703_013000-0.list");
    assert_eq!(scheme.hash_name(Family::Files, &set), "app-20200703_013000-0.hash");
    assert_eq!(scheme.main_name(Family::Dumps, &set), "app-база данных-20200703_013000.pgdump");
    assert_eq!(scheme.hash_name(Family::Dumps, &set), "app-база данных-20200703_013000.hash");
    assert_eq!(Scheme::compile(&BTreeMap::new()).unwrap(), scheme);
}

#[test]
fn what_is_made_is_recognised() {
    let scheme = Scheme::default_scheme();
    let set = Parts { dbname: None, ..parts(None) };
    let extensions = extensions();
    let known = Known { basename: "app", extensions: &extensions };
    assert_eq!(scheme.fsdump.recognise(&scheme.main_name(Family::Files, &set), &known), Some(set));
}

#[test]
fn p14_hostile_database_names_come_back_from_the_file_name() {
    let scheme = Scheme::default_scheme();
    let known = Known { basename: "app", extensions: &[] };
    for name in
        ["a b; touch X", "$(id)", "host=evil.example", "--file=x", "../x", "'\"", "a\nb", "x-20200101_000000", "-"]
    {
        let made = scheme.main_name(Family::Dumps, &parts(Some(name)));
        let read = scheme.pgdump.recognise(&made, &known).unwrap();
        assert_eq!(read.dbname.as_deref(), Some(name), "{made}");
        assert_eq!(read.time, Some(july(1, 30, 0)));
        assert!(!made.contains(['/', '\n']), "{made}");
    }
    assert_eq!(scheme.pgdump.recognise("app--20200703_013000.pgdump", &known), None);
    let lone = scheme.pgdump.recognise("app-100%-20200703_013000.pgdump", &known).unwrap();
    assert_eq!(lone.dbname.as_deref(), Some("100%"));
}

#[test]
fn p17_only_exact_names_are_recognised() {
    let text = "{basename}-{date:%Y%m%d_%H%M%S}-{level}.{ext}";
    assert!(read(text, "app-20200703_013000-0.tar.gz").is_some());
    for stranger in [
        "app-20200703_013000-0.tar.gz.bak",
        ".app-20200703_013000-0.tar.gz.part",
        "xapp-20200703_013000-0.tar.gz",
        "app-20200703_013000-0.tar",
        "app-20200703_013000-x.tar.gz",
        "app-20200703_013000-10.tar.gz",
        "app-20201303_013000-0.tar.gz",
        "app-20200230_013000-0.tar.gz",
        "app-20200703_243000-0.tar.gz",
        "app-20200703_016000-0.tar.gz",
        "app-2020070_3013000-0.tar.gz",
        "app-+2020703_013000-0.tar.gz",
        "app-２０200703_013000-0.tar.gz",
        "app-20200703_013000-0.list",
        "",
    ] {
        assert_eq!(read(text, stranger), None, "{stranger}");
    }
}

#[test]
fn old_extensions_are_told_apart() {
    let text = "{basename}_{level}.{ext}";
    assert_eq!(read(text, "app_0.tar.xz").unwrap().ext, "tar.xz");
    assert_eq!(read(text, "app_1.xz").unwrap().ext, "xz");
}

#[test]
fn every_use_of_a_variable_must_agree() {
    let text = "{dbname}/{basename}".replace('/', "~") + "~{dbname}~{date:%Y}~{date:%Y%m%d}~{level}{level}";
    assert_eq!(read(&text, "a~b~app~a~b~2020~20200703~11").unwrap().dbname.as_deref(), Some("a~b"));
    for differs in ["a~app~b~2020~20200703~11", "a~app~a~2021~20200703~11", "a~app~a~2020~20200703~10"] {
        assert_eq!(read(&text, differs), None, "{differs}");
    }
}

#[test]
fn time_only_from_a_date_that_can_order() {
    let time = |text: &str, name: &str| read(text, name).unwrap().time;
    assert_eq!(time("{basename}{date:%d%m%Y_%H%M%S}", "app03072020_013059"), Some(july(1, 30, 59)));
    assert_eq!(time("{basename}{date:%d.%m.%Y %H}", "app03.07.2020 01"), Some(july(1, 0, 0)));
    assert_eq!(time("{date:%H%M}{basename}{date:%Y%m%d}", "0130app20200703"), Some(july(1, 30, 0)));
    assert_eq!(time("{basename}{date:%Y%m%d}", "app20200703"), Some(july(0, 0, 0)));
    for (coarse, name) in [
        ("{basename}{date:%d%m%Y_%S}", "app03072020_59"),
        ("{basename}{date:%Y%m}", "app202007"),
        ("{basename}{date:%d%m}", "app2902"),
        ("{basename}{date:%Y%m%d%M}", "app2020070359"),
        ("{basename}", "app"),
    ] {
        assert_eq!(time(coarse, name), None, "{coarse}");
    }
    assert_eq!(read("{basename}{date:%d%m}", "app3002"), None);
}

#[test]
fn keys_of_the_scheme_stand_in_names() {
    let text = "{site}-{basename}-{{x}}-{date:100%%%Y%m%d}";
    let name = template(text).format(&parts(None));
    assert_eq!(name, "77-app-{x}-100%20200703");
    assert!(read(text, &name).is_some());
}

#[test]
fn wrong_templates_are_explained() {
    for (text, message) in [
        ("", "empty"),
        ("{basename", "without its `}`"),
        ("basename}", "without its `{`"),
        ("{basename}{date}", "needs a format"),
        ("{basename}{date:%y}", "`%y` is not one of"),
        ("{basename}{date:%}", "lone `%`"),
        ("{basename}{level:02d}", "only the date takes a format"),
        ("{basename}{nothing}", "`{nothing}` is neither"),
        ("{basename!r}", "is neither"),
        ("a/{basename}", "`/` cannot stand"),
        ("{basename}{date:%Y/%m}", "`/` cannot stand"),
        ("{dbname}.{ext}", "any file could be taken"),
        ("dump_{dbname}", "any file could be taken"),
        ("{level}.{ext}", "any file could be taken"),
    ] {
        let error = Template::parse(text, &BTreeMap::new()).unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
    let scheme = keys(&[
        ("fsdump_fileformat", "{basename}{dbname}"),
        ("pgdump_fileformat", "{basename}{level}"),
        ("pgdump_hash_fileformat", "{basename}{site}"),
        ("site", "a/b"),
    ]);
    let wrong = Scheme::compile(&scheme).unwrap_err();
    let named: Vec<_> = wrong.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(named, ["fsdump_fileformat", "pgdump_fileformat", "pgdump_hash_fileformat"]);
}

/// KB17's own manual has it: one backup under a fixed name.
#[test]
fn a_fixed_name_is_a_name() {
    assert!(read("last_backup.{ext}", "last_backup.tar.gz").is_some());
    for stranger in ["last_backup", "last_backup.tar", "last_backup_2.tar.gz", "my_last_backup.tar.gz"] {
        assert_eq!(read("last_backup.{ext}", stranger), None, "{stranger}");
    }
}

#[test]
fn a_checksum_file_may_be_shared() {
    let of =
        |hash: &str| Scheme::compile(&keys(&[("fsdump_hash_fileformat", hash)])).unwrap().has_own_hash(Family::Files);
    assert!(of("{date:%d.%m.%Y-%H%M%S}_{level}.sha1"));
    for shared in ["last.hash", "{basename}-{level}.hash", "{date:%Y%m%d}-{level}", "{basename}-{date:%Y%m%d_%H%M%S}"] {
        assert!(!of(shared), "{shared}");
    }
}

#[test]
fn companions_never_get_the_main_files_name() {
    let text = "{basename}-{date:%Y%m%d}";
    let scheme = Scheme::compile(&keys(&[("fsdump_fileformat", text), ("fsdump_hash_fileformat", text)])).unwrap();
    assert_eq!(scheme.list_name(&parts(None), "list"), "app-20200703.list");
    assert_eq!(scheme.hash_name(Family::Files, &parts(None)), "app-20200703.hash");
}

#[test]
fn a_name_without_a_time_is_never_recognised() {
    let text = "{basename}-{date:%Y%m%d_%H%M%S}";
    let name = template(text).format(&Parts { time: None, ..parts(None) });
    assert_eq!(read(text, &name), None, "{name}");
}

#[test]
fn too_long_names_are_refused() {
    assert!(check_length(&"x".repeat(MAX_NAME_BYTES)).is_ok());
    assert!(check_length(&"x".repeat(MAX_NAME_BYTES + 1)).is_err());
}
