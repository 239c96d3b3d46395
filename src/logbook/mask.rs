//! Lines of logs without secrets. KB17 logged whole command lines, and dumped its actions with their passwords; nobody can
//! tell every secret from text, so what may hold one goes, and a little of what is harmless with it.

use std::borrow::Cow;
use std::sync::Arc;

/// What stands where something is not shown.
pub const MASK: &str = "***";

/// A text shorter than this is no secret worth hiding wherever it stands: it would blank out ordinary words.
const SHORTEST_SECRET: usize = 4;

/// How words begin after which KB17 and its children put command lines.
const COMMAND_WORDS: [&str; 10] =
    ["выполня", "выполне", "запуска", "запуск", "команд", "execut", "running", "command", "subprocess", "popen"];

/// What may follow such a word, and the name of an action may follow that.
const HARMLESS_OBJECTS: [&str; 6] = ["действие", "действия", "задание", "задания", "задача", "задачи"];

/// Parts of words that stand before a secret.
const SECRET_WORDS: [&str; 14] = [
    "passw",
    "passphrase",
    "pgpass",
    "sshpass",
    "pwd",
    "secret",
    "token",
    "парол",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "authoriz",
    "bearer",
];

/// How messages go on that talk about a password without saying it.
const HARMLESS_TALK: [&str; 8] =
    ["authentication failed", "required", "is required", "for user", "expired", "file ", "не ", "для "];

const LEVELS: [&str; 5] = [" DEBUG ", " INFO ", " WARNING ", " ERROR ", " CRITICAL "];

/// Texts that must not be shown wherever they stand, the longest first.
pub type Secrets = Arc<[String]>;

/// Masks the lines of one log, one after the other.
pub struct Mask {
    secrets: Secrets,
    /// Whether the entry that goes on in lines without a time is hidden.
    hidden: bool,
}

impl Mask {
    /// For a log from its first line.
    pub fn new(secrets: &Secrets) -> Self {
        Self { secrets: secrets.clone(), hidden: false }
    }

    /// For a log from somewhere in the middle: nobody knows to which entry the first lines belong.
    pub fn in_the_middle(secrets: &Secrets) -> Self {
        Self { secrets: secrets.clone(), hidden: true }
    }

    /// The next line (with or without its break) as it may be shown.
    pub fn line<'t>(&mut self, line: &'t str) -> Cow<'t, str> {
        let text = line.trim_end_matches(['\r', '\n']);
        let end = line.get(text.len()..).unwrap_or_default();
        let (head, message) = split(text);
        if head.is_empty() && self.hidden {
            return Cow::Owned(format!("{MASK}{end}"));
        }
        let clean = without(message, &self.secrets);
        let (clean, cut) = match cut(&clean) {
            Some(at) => (Cow::Owned(format!("{}{MASK}", clean.get(..at).unwrap_or_default())), true),
            None => (clean, false),
        };
        self.hidden = cut;
        let clean = logins(&clean);
        if clean == message { Cow::Borrowed(line) } else { Cow::Owned(format!("{head}{clean}{end}")) }
    }
}

/// Secrets out of texts of the configuration: line by line, because logs are lines.
pub fn known(texts: impl IntoIterator<Item = String>) -> Secrets {
    let mut secrets: Vec<String> = Vec::new();
    for text in texts {
        let lines = text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_SECRET);
        secrets.extend(lines.map(str::to_owned));
    }
    // the longest first: one may be part of another
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets.into()
}

/// A text that is no log, such as what went wrong in a run, without known secrets and without logins.
pub fn clean(text: &str, secrets: &Secrets) -> String {
    logins(&without(text, secrets)).into_owned()
}

/// Addresses without the login in them: `rsync://user:password@host` → `rsync://***@host`, and so for `//user:password@host/share`.
pub fn logins(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, address) = rest.split_at(at + 2);
        clean.push_str(before);
        let end = address.find(|c: char| c.is_whitespace() || "'\"<>".contains(c)).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        match address.rsplit_once('@') {
            Some((login, host)) if before.ends_with("://") || is_share_login(before, login) => {
                clean.extend([MASK, "@", host]);
            }
            _ => clean.push_str(address),
        }
        rest = after;
    }
    if clean.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(clean + rest)
}

/// Whether `//` begins the name of a share, and not the rest of a path, and a password stands behind it.
fn is_share_login(before: &str, login: &str) -> bool {
    let path = before.strip_suffix("//").unwrap_or(before);
    let begins = path.chars().next_back().is_none_or(|c| c.is_whitespace() || "'\"#=(".contains(c));
    begins && login.contains(':') && !login.contains('/')
}

/// What somebody wrote into a configuration for people to read, such as a description: without logins, and without what
/// follows the word for a secret.
pub fn said(text: &str) -> Cow<'_, str> {
    match words(text).filter_map(|word| after_secret(text, &word)).min() {
        Some(at) => Cow::Owned(logins(text.get(..at).unwrap_or_default()).into_owned() + MASK),
        None => logins(text),
    }
}

/// Whether the line begins an entry: with the time, as KB17 and we write it.
pub fn begins_entry(line: &[u8]) -> bool {
    let shape = b"dddd-dd-dd dd:dd:dd";
    let fits = |(byte, shape): (&u8, &u8)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    line.len() >= shape.len() && line.iter().zip(shape).all(fits)
}

/// Time, names and level on the one hand, the message on the other; no head when the line goes on with an earlier entry.
fn split(line: &str) -> (&str, &str) {
    if !begins_entry(line.as_bytes()) {
        return ("", line);
    }
    let level = LEVELS.iter().filter_map(|level| line.find(level).map(|at| at + level.len())).min();
    let source = level.and_then(|at| line.get(at..)?.find(' ').map(|length| at + length + 1));
    line.split_at_checked(source.or(level).unwrap_or(19)).unwrap_or(("", line))
}

fn without<'t>(text: &'t str, secrets: &[String]) -> Cow<'t, str> {
    let mut clean = Cow::Borrowed(text);
    for secret in secrets {
        if clean.contains(secret.as_str()) {
            clean = Cow::Owned(clean.replace(secret.as_str(), MASK));
        }
    }
    clean
}

/// From where on a message may hold a secret.
fn cut(message: &str) -> Option<usize> {
    if message.trim_start().starts_with('+') {
        return Some(0); // a shell that shows what it runs
    }
    let dump = message.find('{');
    let words =
        words(message).filter_map(|word| after_command(message, &word).or_else(|| after_secret(message, &word)));
    dump.into_iter().chain(words.min()).min()
}

/// A word in small letters with the place where it ends.
struct Word {
    text: String,
    start: usize,
    end: usize,
}

fn words(text: &str) -> impl Iterator<Item = Word> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(inside)?;
        let rest = text.get(start..)?;
        let end = start + rest.find(|c| !inside(c)).unwrap_or(rest.len());
        at = end;
        Some(Word { text: text.get(start..end)?.to_lowercase(), start, end })
    })
}

fn after_command(message: &str, word: &Word) -> Option<usize> {
    if word.text != "cmd" && word.text != "argv" && !COMMAND_WORDS.iter().any(|begin| word.text.starts_with(begin)) {
        return None;
    }
    let rest = message.get(word.end..)?;
    let mut following = rest.split_whitespace();
    let harmless = match (following.next(), following.next(), following.next()) {
        (None, ..) | (Some("not"), Some("found"), None) => true,
        (Some(object), _, None) => HARMLESS_OBJECTS.contains(&object.to_lowercase().as_str()),
        _ => false,
    };
    (!harmless).then(|| blank_after(message, word.end))
}

fn after_secret(message: &str, word: &Word) -> Option<usize> {
    let names_one = SECRET_WORDS.iter().any(|part| word.text.contains(part))
        || word.text == "pass"
        || word.text.ends_with("_pass")
        || word.text.ends_with("-pass");
    if !names_one {
        return None;
    }
    let rest = message.get(word.end..)?;
    let value = rest.trim_start_matches(['\'', '"']);
    if let Some(sign) = value.trim_start().chars().next().filter(|c| matches!(c, '=' | ':')) {
        let at = rest.find(sign)? + sign.len_utf8();
        return Some(blank_after(message, word.end + at));
    }
    let spoken = value.starts_with(char::is_whitespace) && !value.trim().is_empty();
    let is_option = message.get(..word.start)?.ends_with('-') || word.text.starts_with('-');
    let harmless = !is_option && HARMLESS_TALK.iter().any(|talk| value.trim_start().to_lowercase().starts_with(talk));
    (spoken && !harmless).then(|| blank_after(message, word.end))
}

/// Behind the blank at this place, if one is there.
fn blank_after(message: &str, at: usize) -> usize {
    if message.get(at..).is_some_and(|rest| rest.starts_with(' ')) { at + 1 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2020-06-28 23:00:00.78 77-cons-app-srv-01";

    fn shown(message: &str) -> String {
        let line = format!("{HEAD} INFO root {message}\n");
        let masked = Mask::new(&Secrets::default()).line(&line).into_owned();
        masked.strip_prefix(&format!("{HEAD} INFO root ")).unwrap().strip_suffix('\n').unwrap().to_owned()
    }

    /// P27: what KB17 wrote about commands, actions and passwords.
    #[test]
    fn kb17s_secrets_are_hidden() {
        for (written, want) in [
            ("Mount: {'name': 'fail', 'flags': '-o password=CANARY'}", "Mount: ***"),
            ("Выполняется mount -o password=CANARY /dev/x /mnt", "Выполняется ***"),
            ("Запускается команда: sh -c CANARY", "Запускается ***"),
            ("Running: ['rsync', 'CANARY']", "Running***"),
            ("cmd: CANARY", "cmd***"),
            ("PGPASSWORD=CANARY pg_dump", "PGPASSWORD=***"),
            ("password: CANARY", "password: ***"),
            ("'password': 'CANARY'", "'password': ***"),
            ("\"db_pass\" = \"CANARY\"", "\"db_pass\" = ***"),
            ("username=u,pass=CANARY", "username=u,pass=***"),
            ("pg --password CANARY", "pg --password ***"),
            ("используется пароль CANARY", "используется пароль ***"),
            ("sshpass -p CANARY ssh x", "sshpass ***"),
            ("Authorization: Bearer CANARY", "Authorization: ***"),
            ("+ mysql -uroot -pCANARY", "***"),
            ("copy rsync://u:CANARY@host/x to y", "copy rsync://***@host/x to y"),
        ] {
            assert_eq!(shown(written), want, "{written}");
        }
    }

    #[test]
    fn what_helps_the_operator_stays() {
        for harmless in [
            "Запускается действие fail",
            "Выполнено действие tar0",
            "Сконфигурировано действие tar0",
            "Архив создан: /backup/0/app_07072020_050000_0.tar.gz, время обработки: 0:00:00.002403",
            "mount: /backup_mount: special device /dev/nonexistent does not exist.",
            "FATAL:  password authentication failed for user \"backup\"",
            "sh: 1: foo: command not found",
            "see http://host/page",
            "",
        ] {
            assert_eq!(shown(harmless), harmless);
        }
    }

    /// P27: a message with line breaks goes on in lines without a time.
    #[test]
    fn lines_that_go_on_with_a_hidden_entry_are_hidden_too() {
        let mut mask = Mask::new(&Secrets::default());
        let lines = [
            format!("{HEAD} INFO c Выполняется sh -c 'a\n"),
            "CANARY'\n".to_owned(),
            format!("{HEAD} ERROR c boom\n"),
            "  more\n".to_owned(),
        ];
        let masked: Vec<_> = lines.iter().map(|line| mask.line(line).into_owned()).collect();
        assert_eq!(masked[0], format!("{HEAD} INFO c Выполняется ***\n"));
        assert_eq!(masked[1], "***\n");
        assert_eq!(masked[2..], lines[2..]);
        assert_eq!(Mask::in_the_middle(&Secrets::default()).line("CANARY\n"), "***\n");
    }

    /// P27
    #[test]
    fn logins_are_hidden_in_urls_and_shares() {
        assert_eq!(logins("a rsync://u:canary@h/m b"), "a rsync://***@h/m b");
        assert_eq!(logins("http://h/a//b@c"), "http://***@c", "rather too much than too little");
        assert_eq!(logins("//u:canary@nas/share"), "//***@nas/share");
        assert_eq!(logins("ftpfs#//u:canary@nas/share /x//y:z@w"), "ftpfs#//***@nas/share /x//y:z@w");
        assert_eq!(logins("//nas/share/a:b@c //nas/u@v"), "//nas/share/a:b@c //nas/u@v");
    }

    /// P27
    #[test]
    fn known_secrets_are_hidden_wherever_they_stand() {
        let secrets = known(["hunter2".to_owned(), "one\n  second line \nno".to_owned(), String::new()]);
        assert_eq!(*secrets, ["second line", "hunter2"]);
        let line = format!("{HEAD} INFO c got hunter2, a second line.\r\n");
        assert_eq!(Mask::new(&secrets).line(&line), format!("{HEAD} INFO c got ***, a ***.\r\n"));
    }
}
