use super::*;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn glob(pattern: &str) -> Patterns {
    Patterns::compile(&[pattern.to_owned()], Syntax::Glob).unwrap()
}

fn regex(pattern: &str) -> Patterns {
    Patterns::compile(&[pattern.to_owned()], Syntax::Regex).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn refusal(pattern: &str) -> String {
    let errors = Patterns::compile(&[pattern.to_owned()], Syntax::Regex).err().unwrap_or_default();
    errors.into_iter().map(|(_, message)| message).collect()
}

/// Bytes written with `\xNN` for what is not printable.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, after) = after.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// What Python's `fnmatchcase` answered, see `tests/data/make_fnmatch_table.py`.
#[test]
fn globs_answer_as_python_did() {
    let table = include_str!("../../tests/data/fnmatch.tsv");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#') || line.contains('\t')) {
        let mut fields = line.split('\t');
        let pattern = String::from_utf8(unescaped(fields.next().unwrap())).unwrap();
        let name = unescaped(fields.next().unwrap());
        let expected = fields.next().unwrap() == "1";
        count += 1;
        if glob(&pattern).matches(&name) != expected {
            wrong.push(format!("{line} expected"));
        }
    }
    assert!(count >= 300, "only {count} cases");
    assert_eq!(wrong, Vec::<String>::new());
}

/// A small generator (the `SplitMix64` steps): enough for tests, the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    fn text(&mut self, choices: &[&str], most: usize) -> String {
        (0..self.below(most + 1)).map(|_| self.pick(choices)).collect()
    }

    fn bytes(&mut self, choices: &[&[u8]], most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).flat_map(|_| self.pick(choices)).copied().collect()
    }
}

/// Asks python3 about (pattern, name) pairs: `1`, `0`, or `e` when it refuses the pattern. None without python3.
fn ask_python(question: &str, pairs: &[(String, Vec<u8>)]) -> Option<Vec<char>> {
    let program = format!(
        "import fnmatch, os, re, sys, warnings
warnings.simplefilter('ignore')
for line in sys.stdin:
    pattern, name = line.rstrip('\\n').split(' ')
    pattern, name = bytes.fromhex(pattern).decode(), os.fsdecode(bytes.fromhex(name))
    try: print(int(bool({question})))
    except (re.error, OverflowError): print('e')
"
    );
    let started = Command::new("python3")
        .args(["-X", "utf8", "-c", &program])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: python3 is not installed, nothing was compared with it");
        return None;
    };
    let mut input = String::new();
    for (pattern, name) in pairs {
        for byte in pattern.as_bytes() {
            write!(input, "{byte:02x}").unwrap();
        }
        input.push(' ');
        for byte in name {
            write!(input, "{byte:02x}").unwrap();
        }
        input.push('\n');
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "python3 failed");
    let answers: Vec<char> =
        String::from_utf8(output.stdout).unwrap().lines().filter_map(|l| l.chars().next()).collect();
    assert_eq!(answers.len(), pairs.len());
    Some(answers)
}

#[test]
fn random_globs_answer_as_python_does() {
    let mut chance = Chance(1);
    let patterns = ["[", "[", "]", "]", "!", "-", "-", "*", "?", "\\", "^", "a", "b", "c", "/", "я", "ж", "\n", "&"];
    let names: [&[u8]; 14] =
        [b"[", b"]", b"!", b"-", b"\\", b"^", b"a", b"b", b"c", b"/", "я".as_bytes(), "ж".as_bytes(), b"\xd1", b"\n"];
    let pairs: Vec<_> = (0..20_000).map(|_| (chance.text(&patterns, 8), chance.bytes(&names, 5))).collect();
    let Some(answers) = ask_python("fnmatch.fnmatchcase(name, pattern)", &pairs) else { return };
    assert!(answers.iter().filter(|a| **a == '1').count() > 200, "hardly anything matched: nothing was tested");
    for ((pattern, name), answer) in pairs.iter().zip(answers) {
        // Pythons before 3.11 refuse reversed ranges
        if answer != 'e' {
            assert_eq!(glob(pattern).matches(name), answer == '1', "{pattern:?} {:?}", name.escape_ascii().to_string());
        }
    }
}

#[test]
fn random_regexes_answer_as_python_does() {
    let mut chance = Chance(2);
    let patterns = [
        "a",
        "b",
        "a",
        "b",
        "я",
        "Я",
        ".",
        ".",
        "*",
        "+",
        "?",
        "|",
        "(",
        ")",
        "(?:",
        ")",
        "[ab]",
        "[^a]",
        "[а-я]",
        "[",
        "]",
        "^",
        "$",
        "{2}",
        "{,2}",
        "{1,}",
        "{",
        "}",
        "\\d",
        "\\w",
        "\\W",
        "\\s",
        "\\Z",
        "\\A",
        "\\.",
        "\\n",
        "\\x61",
        "(?i)",
        "(?s)",
        "(?m)",
        "(?i:",
        "1",
        " ",
        "/",
        "-",
        "[\\w-]",
        "[^\\W\\d]",
        "(?P<n>",
        "\n",
        "\\u044f",
        "[]a]",
        "[^]a]",
        "\\-",
        "&",
    ];
    let names: [&[u8]; 13] =
        [b"a", b"b", b"a", b"b", b"A", b"1", b"/", b" ", b"\n", b"-", "я".as_bytes(), "Я".as_bytes(), b"\xd1"];
    let pairs: Vec<_> = (0..4_000).map(|_| (chance.text(&patterns, 7), chance.bytes(&names, 5))).collect();
    let Some(answers) = ask_python("re.match(pattern, name)", &pairs) else { return };
    assert!(answers.iter().filter(|a| **a == '1').count() > 200, "hardly anything matched: nothing was tested");
    let mut refused = 0;
    for ((pattern, name), answer) in pairs.iter().zip(answers) {
        if pattern.contains('$') && name.ends_with(b"\n") {
            continue; // a known difference, see the module
        }
        let compiled = Patterns::compile(std::slice::from_ref(pattern), Syntax::Regex);
        match (compiled, answer) {
            (Ok(ours), '0' | '1') => {
                assert_eq!(ours.matches(name), answer == '1', "{pattern:?} {:?}", name.escape_ascii().to_string());
            }
            (Ok(_), _) => panic!("Python refuses {pattern:?}"),
            (Err(_), 'e') => refused += 1,
            (Err(errors), _) => {
                assert!(errors[0].1.contains("not supported") || errors[0].1.contains("at its start"), "{errors:?}");
            }
        }
    }
    assert!(refused > 200, "hardly any pattern was wrong: the errors were not tested");
}

/// What is claimed to be covered is matched whatever stands below; what is obviously covered is found to be.
#[test]
fn covered_directories_really_are() {
    let mut chance = Chance(3);
    let globs = ["*", "*", "/", "a", "b", "?", "[ab]", "[!a]", "/*"];
    let regexes = [".*", "/", "a", "b", ".", "[^/]", "(?:a|b)", "$", "^", "\\b", "+", "|", "\\Z", "?", "/.*"];
    let names: [&[u8]; 6] = [b"a", b"b", b"/", b"ab", "я".as_bytes(), b"\xff"];
    let mut covered = 0;
    for round in 0..40_000 {
        let (pattern, syntax) = if round % 2 == 0 {
            (chance.text(&globs, 5), Syntax::Glob)
        } else {
            (chance.text(&regexes, 4), Syntax::Regex)
        };
        let Ok(patterns) = Patterns::compile(std::slice::from_ref(&pattern), syntax) else { continue };
        let path = chance.text(&["a", "b", "/a", "ab"], 3);
        let path = path.trim_start_matches('/');
        if !patterns.covers_below(path.as_bytes()) {
            continue;
        }
        covered += 1;
        for _ in 0..8 {
            let mut below = path.as_bytes().to_vec();
            below.extend(Some(b'/').filter(|_| !path.is_empty()));
            below.extend_from_slice(chance.pick(&names));
            below.extend(chance.bytes(&names, 4));
            assert!(patterns.matches(&below), "{pattern:?} {path:?} {:?}", below.escape_ascii().to_string());
        }
    }
    assert!(covered > 500, "only {covered} cases");
}

#[test]
fn which_directories_are_covered() {
    for (pattern, path, covered) in [
        ("tmp/*", "tmp", true),
        ("tmp/*", "tmp/a", true),
        ("tmp/*", "a/tmp", false),
        ("tmp/*", "", false),
        ("tmp", "tmp", false),
        ("tmp*", "tmp", true),
        ("tmp*", "tmpx", true),
        ("*", "", true),
        ("*", "a", true),
        ("?*", "", true),
        ("tmp/?*", "tmp", true),
        ("tmp/??*", "tmp", false),
        ("tmp/[!.]*", "tmp", false),
        ("tmp/*.log", "tmp", false),
        ("*/cache/*", "a/cache", true),
        ("*/cache/*", "cache", false),
        ("a*/b*", "a/x/b", true),
        ("/*", "", false),
        ("/*", "/", true),
        ("/proc/*", "/proc", true),
        ("архив/*", "архив", true),
    ] {
        assert_eq!(glob(pattern).covers_below(path.as_bytes()), covered, "{pattern} {path}");
    }
    for (pattern, path, covered) in [
        ("tmp", "tmp", true),
        ("tmp/", "tmp", true),
        ("tmp/.*", "tmp", true),
        ("tmp/.*", "tmp/a", true),
        ("tmp$", "tmp", false),
        ("tmp/.*$", "tmp", false),
        (r"tmp\b", "tmp", false),
        (r".*\Z", "tmp", false),
        (".*/cache/", "a/cache", true),
        (".*/cache/", "cache", false),
        ("", "", true),
    ] {
        assert_eq!(regex(pattern).covers_below(path.as_bytes()), covered, "{pattern} {path}");
    }
    assert!(!Patterns::default().covers_below(b""));
}

#[test]
fn many_stars_take_no_exponential_time() {
    // a backtracking matcher would need more than 10^30 steps here
    let pattern = "*a".repeat(60) + "b";
    assert!(!glob(&pattern).matches(&[b'a'; 4000]));
    assert!(!regex(&("(a*)*".repeat(8) + "b")).matches(&[b'a'; 400]));
}

#[test]
fn regexes_are_read_as_python_reads_them() {
    for (pattern, name, matches) in [
        ("tmp", &b"tmp/f"[..], true),
        ("tmp", b"a/tmp", false),
        ("a|b", b"bc", true),
        ("a|b", b"cb", false),
        (r".*\.log\Z", b"a.log", true),
        (r".*\.log\Z", b"a.log\n", false),
        (r".*\.log$", b"a.log\n", true),
        (r".*\.log$", b"a.logs", false),
        ("a{,2}b", b"aab", true),
        ("a{,2}b", b"aaab", false),
        ("a{x}", b"a{x}", true),
        ("a{}", b"a{}", true),
        ("(?i)архив", "АРХИВ".as_bytes(), true),
        ("(?i)[а-я]+$", "ЖжЖ".as_bytes(), true),
        ("(?i)[^а-я]", "Ж".as_bytes(), false),
        (r"\w+$", "архив_7".as_bytes(), true),
        (r"\W", "ж".as_bytes(), false),
        (r"[\w.]+$", "ж.т".as_bytes(), true),
        ("a.c", b"a\nc", false),
        ("(?s)a.c", b"a\nc", true),
        ("(?s:a.)c", b"a\nc", true),
        ("a.c", b"a\xffc", true),
        ("a..c", b"a\xd1\xffc", true),
        ("[^x]$", b"\xff", true),
        (r"\w", b"\xff", false),
        (r"[\udc80-\udcff]", b"\xff", true),
        (r"\udcff", b"\xff", true),
        (r"\ud800", b"\xff", false),
        (r"\.git/", b".git/config", true),
        (r"[\]\\]", b"\\", true),
        (r"\101\x42\u0043", b"ABC", true),
        ("(?P<year>2[0-9]{3})-", b"2026-11", true),
    ] {
        assert_eq!(regex(pattern).matches(name), matches, "{pattern} {:?}", name.escape_ascii().to_string());
    }
}

#[test]
fn what_is_not_supported_is_said_in_one_line() {
    for (pattern, message) in [
        ("a(?=b)", "pattern `a(?=b)`: lookahead `(?=…)` is not supported"),
        ("(?!a)b", "pattern `(?!a)b`: lookahead `(?!…)` is not supported"),
        ("(?<=a)b", "pattern `(?<=a)b`: lookbehind `(?<=…)` is not supported"),
        ("(?<!a)b", "pattern `(?<!a)b`: lookbehind `(?<!…)` is not supported"),
        (r"(a)\1", r"pattern `(a)\\1`: backreference `\1` is not supported"),
        ("(?P<n>a)(?P=n)", "pattern `(?P<n>a)(?P=n)`: backreference `(?P=…)` is not supported"),
        ("a(?#note)", "pattern `a(?#note)`: comment `(?#…)` is not supported"),
        ("(a)?(?(1)b|c)", "pattern `(a)?(?(1)b|c)`: condition `(?(…)…)` is not supported"),
        ("(?>a)", "pattern `(?>a)`: atomic group `(?>…)` is not supported"),
        ("a*+", "pattern `a*+`: possessive repeat `*+` is not supported"),
        ("(?x) a", "pattern `(?x) a`: the flag `x` is not supported"),
        ("*.tmp", "pattern `*.tmp`: nothing to repeat before `*`"),
        ("a**", "pattern `a**`: multiple repeat `**`"),
        ("(a", "pattern `(a`: a parenthesis is not closed"),
        ("a)", "pattern `a)`: unbalanced parenthesis"),
        ("[a", "pattern `[a`: a set is not closed"),
        ("[b-a]", "pattern `[b-a]`: a range in a set is reversed"),
        (r"\q", r"pattern `\\q`: bad escape `\q`"),
        ("a\\", r"pattern `a\\`: a backslash at the end"),
        ("a{3,2}", "pattern `a{3,2}`: repeat from 3 to 2: the first number is larger"),
        ("^*", "pattern `^*`: nothing to repeat before `*`"),
    ] {
        assert_eq!(refusal(pattern), message);
    }
    for hostile in ["(".repeat(100_000), "a{4000000000}".into(), "(?:a{1000}){1000}".into(), "[".repeat(1000)] {
        let message = refusal(&hostile);
        assert!(!message.is_empty() && !message.contains('\n'));
    }
}

#[test]
fn every_bad_pattern_is_named() {
    let list = ["ok", "(", "ok", "[", "*"].map(str::to_owned);
    let errors = Patterns::compile(&list, Syntax::Regex).unwrap_err();
    assert_eq!(errors.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(Patterns::compile(&list, Syntax::Glob).is_ok());
}
