use super::verdict::Verdict;
use super::*;
use std::fs;
use std::io::Read;

/// A directory of logs that goes with the value.
struct Logs(PathBuf);

impl Logs {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("kb-logbook-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn open(&self, dir: &str, name: &str) -> Option<String> {
        let mut log = open(&self.0, dir, name).unwrap()?;
        let mut text = String::new();
        log.file.read_to_string(&mut text).unwrap();
        Some(text)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shown(book: &mut Logbook) -> Vec<String> {
    let shelves = book.look(None).unwrap();
    let of_shelf = |shelf: &Shelf| {
        let dir = shelf.dir.clone();
        let show = move |log: &Listed| {
            let word = if log.verdict.is_error() {
                "E"
            } else if log.verdict.is_warning() {
                "W"
            } else {
                "-"
            };
            format!("{dir}/{} {word}{}", log.name, if log.has_debug { "" } else { " no debug log" })
        };
        shelf.logs.iter().map(show).collect::<Vec<_>>()
    };
    shelves.iter().flat_map(of_shelf).collect()
}

#[test]
fn the_order_of_directories_and_logs() {
    let logs = Logs::new("order");
    logs.write("2019/b-20190101_000000.log", "x\n")
        .write("2020/a-20200102_000000.log", "x WARNING y\n")
        .write("2020/b-20200103_000000.log", "x ERROR y\n")
        .write("2020/z-20200101_000000.log", "x\n")
        .write("debug/a-20200102_000000-debug.log", "x\n")
        .write("krista_backup/krista_backup.log", "x\n")
        .write(".state/secret.log", "ERROR\n")
        .write("2020/.hidden.log", "ERROR\n")
        .write("2020/notes.txt", "ERROR\n")
        .write("journal.jsonl", "ERROR\n")
        .write("crontab_errorlog.log", "ERROR\n");
    let want = [
        "krista_backup/krista_backup.log -",
        "2020/b-20200103_000000.log E no debug log",
        "2020/a-20200102_000000.log W",
        "2020/z-20200101_000000.log - no debug log",
        "2019/b-20190101_000000.log - no debug log",
    ];
    assert_eq!(shown(&mut Logbook::new(&logs.0, Secrets::default())), want);
}

/// What changed is seen, what did not change is not read again.
#[test]
fn the_cache_follows_the_logs() {
    let logs = Logs::new("cache");
    logs.write("2020/a-20200102_000000.log", "x\n").write("2020/b-20200103_000000.log", "y\n");
    let mut book = Logbook::new(&logs.0, Secrets::default());
    assert_eq!(
        shown(&mut book),
        ["2020/b-20200103_000000.log - no debug log", "2020/a-20200102_000000.log - no debug log"]
    );
    // same size, and the old time put back: cannot be told from an unchanged one, so it is not read
    let path = logs.0.join("2020/a-20200102_000000.log");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_modified(before).unwrap();
    logs.write("2020/b-20200103_000000.log", "y\nERROR\n").write("2020/c-20200104_000000.log", "WARNING\n");
    fs::remove_file(logs.0.join("2020/a-20200102_000000.log")).unwrap();
    assert_eq!(
        shown(&mut book),
        ["2020/c-20200104_000000.log W no debug log", "2020/b-20200103_000000.log E no debug log"]
    );
    // shorter: written anew
    logs.write("2020/b-20200103_000000.log", "y\n");
    assert_eq!(shown(&mut book).last().unwrap(), "2020/b-20200103_000000.log - no debug log");
    // another file under the same name
    logs.write("2020/new", "y\nWARNING\nand more\n");
    fs::rename(logs.0.join("2020/new"), logs.0.join("2020/b-20200103_000000.log")).unwrap();
    assert_eq!(shown(&mut book).last().unwrap(), "2020/b-20200103_000000.log W no debug log");
}

/// A log that was not changed is not even opened: here it could not be.
#[test]
fn an_unchanged_log_is_not_read_again() {
    let logs = Logs::new("unchanged");
    logs.write("2020/a-20200102_000000.log", "ERROR\n");
    let mut book = Logbook::new(&logs.0, Secrets::default());
    book.look(None).unwrap();
    let log = book.shelves[0].logs.first_mut().unwrap();
    log.verdict = Verdict::default();
    assert_eq!(shown(&mut book), ["2020/a-20200102_000000.log - no debug log"]);
}

/// P28: nothing but what is listed, and nothing through a link.
#[test]
fn only_listed_regular_files_are_opened() {
    let logs = Logs::new("open");
    logs.write("2020/a.log", "a").write("debug/a-debug.log", "d").write(".state/s.log", "secret").write("top.log", "t");
    let link = std::os::unix::fs::symlink::<&Path, PathBuf>;
    link(Path::new("/etc/passwd"), logs.0.join("2020/link.log")).unwrap();
    link(&logs.0.join(".state"), logs.0.join("linked")).unwrap();
    fs::create_dir(logs.0.join("2020/dir.log")).unwrap();
    let fifo = logs.0.join("2020/fifo.log");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(logs.open("2020", "a.log").as_deref(), Some("a"));
    assert_eq!(logs.open("debug", "a-debug.log").as_deref(), Some("d"));
    for (dir, name) in [
        ("2020", "link.log"),
        ("2020", "dir.log"),
        ("2020", "fifo.log"),
        ("2020", "none.log"),
        ("2020", ""),
        ("2020", "."),
        ("2020", "../2020/a.log"),
        ("2020", "a.log/"),
        ("2020", "a.log\0"),
        ("linked", "s.log"),
        (".state", "s.log"),
        ("", "top.log"),
        (".", "top.log"),
        ("..", "top.log"),
        ("2020/../2020", "a.log"),
        ("top.log", "a.log"),
    ] {
        assert_eq!(logs.open(dir, name), None, "{dir}/{name}");
    }
    let mut book = Logbook::new(&logs.0, Secrets::default());
    assert_eq!(shown(&mut book), ["2020/a.log -"]);
}

/// What there was no time for is said, and read next time.
#[test]
fn a_deadline_loses_nothing() {
    let logs = Logs::new("deadline");
    logs.write("2020/a-20200102_000000.log", "ERROR\n").write("2020/b-20200103_000000.log", "ERROR\n");
    let mut book = Logbook::new(&logs.0, Secrets::default());
    let shelves = book.look(Some(Instant::now())).unwrap();
    assert!(shelves[0].trouble.as_ref().unwrap().starts_with("2 logs in "), "{shelves:?}");
    assert_eq!(shelves[0].logs.len(), 2);
    let want = ["2020/b-20200103_000000.log E no debug log", "2020/a-20200102_000000.log E no debug log"];
    assert_eq!(shown(&mut book), want);
    assert_eq!(book.shelves[0].trouble, None);
}

#[test]
fn a_missing_directory_is_an_error() {
    let gone = Path::new("/nonexistent/logs");
    assert!(Logbook::new(gone, Secrets::default()).look(None).is_err());
    assert!(open(gone, "2020", "a.log").is_err());
}

/// Asking again costs no `readdir` as long as the directory has not changed, and still sees what is added to logs.
#[test]
fn an_unchanged_directory_is_not_listed_again() {
    let logs = Logs::new("quiet");
    let dir = logs.0.join("2020");
    let quiet = || {
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
        fs::File::open(&dir).unwrap().set_modified(at).unwrap();
    };
    logs.write("2020/a-20200102_000000.log", "x\n");
    quiet();
    let mut book = Logbook::new(&logs.0, Secrets::default());
    assert_eq!(shown(&mut book), ["2020/a-20200102_000000.log - no debug log"]);
    let revision = book.revision();
    assert_eq!(shown(&mut book).len(), 1);
    assert_eq!(book.revision(), revision, "nothing has changed");
    logs.write("2020/b-20200103_000000.log", "x\n").write("2020/a-20200102_000000.log", "x\nERROR\n");
    quiet();
    assert_eq!(shown(&mut book), ["2020/a-20200102_000000.log E no debug log"], "the time of the directory lies");
    assert!(book.revision() > revision);
    logs.write("2020/c-20200104_000000.log", "x\n").write("debug/a-20200102_000000-debug.log", "x\n");
    let want = [
        "2020/c-20200104_000000.log - no debug log",
        "2020/b-20200103_000000.log - no debug log",
        "2020/a-20200102_000000.log E",
    ];
    assert_eq!(shown(&mut book), want);
    fs::remove_file(logs.0.join("2020/c-20200104_000000.log")).unwrap();
    quiet();
    assert_eq!(shown(&mut book), want[1..], "a log that is gone is noticed");
}
