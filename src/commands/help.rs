//! `help`: the documentation inside the executable, for servers without a network.

mod inline;
mod pages;
mod render;
mod table;
mod topics;

use crate::actions::TYPES;
use crate::error::{Error, Exit, Result};
use crate::nearest::hint;
use crate::output;
use inline::wrap;
use pages::{Language, Pages};
use render::{WIDTH, render};
use topics::{TOPICS, action_type, key};

/// What is asked.
pub struct Question<'a> {
    /// A topic, an action type or a key of the configuration; nothing for the list of topics.
    pub topic: Option<&'a str>,
    /// `en` or `ru` as typed; else the environment decides.
    pub language: Option<&'a str>,
    /// The commands, whose help comes from elsewhere.
    pub commands: &'a [&'static str],
}

/// Whether `help` itself has something to say about this.
pub fn is_topic(name: &str) -> bool {
    names().any(|own| own == name)
}

/// Prints the documentation of a topic, or the list of topics.
pub fn help(question: &Question<'_>) -> Result<Exit> {
    let language = language(question.language, |name| std::env::var(name).ok())?;
    let pages = Pages::unpack()?;
    let text = match question.topic {
        None => overview(&pages, question.commands, language),
        Some(name) => render(&markdown(name, &pages, language).ok_or_else(|| unknown(name, question.commands))?),
    };
    output::raw(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Everything that can be asked for.
fn names() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|topic| topic.name).chain(TYPES.iter().map(|kind| kind.name))
}

fn markdown(name: &str, pages: &Pages, language: Language) -> Option<String> {
    let topic = TOPICS.iter().find(|topic| topic.name == name);
    let text = topic.and_then(|topic| topic.text(pages, language));
    let text =
        text.or_else(|| action_type(name, pages, language).map(|text| format!("{text}\n{}\n", see_also(language))));
    text.or_else(|| key(name, pages, language))
}

/// The section of a type says what only this type takes.
fn see_also(language: Language) -> &'static str {
    match language {
        Language::English => {
            "See also: `krista-backup help actions` (keys that every type takes, and the conditions), \
             `krista-backup help config` (values, lists, durations), `krista-backup help patterns`."
        }
        Language::Russian => {
            "См. также: `krista-backup help actions` (ключи, общие для всех типов, и условия), \
             `krista-backup help config` (значения, списки, длительности), `krista-backup help patterns` (шаблоны)."
        }
    }
}

fn unknown(name: &str, commands: &[&'static str]) -> Error {
    let hint = hint(name, names().chain(commands.iter().copied()));
    Error::usage(format!("there is no topic `{name}`{hint}; `krista-backup help` lists them"))
}

fn overview(pages: &Pages, commands: &[&'static str], language: Language) -> String {
    let [how, types, verbs, keys, other, long] = match language {
        Language::English => [
            "krista-backup help TOPIC prints one of these:",
            "An action type is a topic, too:",
            "So is a command:",
            "And a key of the configuration: krista-backup help level_folders",
            "По-русски: krista-backup help --lang ru",
            "A long text: krista-backup help TOPIC | less",
        ],
        Language::Russian => [
            "krista-backup help РАЗДЕЛ печатает один из разделов:",
            "Раздел есть и у каждого типа действий:",
            "Справка по команде:",
            "О ключе файла настроек: krista-backup help level_folders",
            "In English: krista-backup help --lang en",
            "Длинный текст: krista-backup help РАЗДЕЛ | less",
        ],
    };
    let topics = TOPICS.iter().filter(|topic| topic.text(pages, language).is_some());
    let topics: Vec<_> =
        topics.map(|topic| vec![format!("  {}", topic.name), topic.about(language).to_owned()]).collect();
    let kinds: Vec<_> = TYPES.iter().map(|kind| kind.name).collect();
    let mut lines = vec![how.to_owned(), String::new()];
    lines.extend(output::table(&topics));
    for (title, names) in [(types, kinds.as_slice()), (verbs, commands)] {
        lines.extend([String::new(), title.to_owned(), String::new()]);
        lines.extend(wrap(&names.join(" "), WIDTH - 2).iter().map(|line| format!("  {line}")));
    }
    lines.extend(["", keys, other, long, ""].map(str::to_owned));
    lines.join("\n")
}

/// The language that was asked for, or that of the environment: the first of its variables that says anything.
fn language(asked: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Language> {
    match asked {
        Some("en") => return Ok(Language::English),
        Some("ru") => return Ok(Language::Russian),
        Some(other) => return Err(Error::usage(format!("`--lang` knows en and ru, not `{other}`"))),
        None => {}
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    let russian = locale.is_some_and(|locale| locale.starts_with("ru"));
    Ok(if russian { Language::Russian } else { Language::English })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_asked_for_or_that_of_the_environment() {
        let with = |asked, set: &'static [(&str, &str)]| {
            language(asked, move |name| set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
        };
        for (asked, set, wanted) in [
            (None, &[][..], Language::English),
            (None, &[("LANG", "ru_RU.UTF-8")], Language::Russian),
            (None, &[("LANG", "ru_RU.UTF-8"), ("LC_MESSAGES", "C")], Language::English),
            (None, &[("LANG", "C"), ("LC_MESSAGES", "ru_RU"), ("LC_ALL", "")], Language::Russian),
            (None, &[("LC_MESSAGES", "ru_RU"), ("LC_ALL", "C.UTF-8")], Language::English),
            (Some("en"), &[("LC_ALL", "ru_RU.UTF-8")], Language::English),
            (Some("ru"), &[], Language::Russian),
        ] {
            assert_eq!(with(asked, set).unwrap(), wanted, "{asked:?} {set:?}");
        }
        assert!(with(Some("de"), &[]).is_err());
    }

    #[test]
    fn no_text_is_wider_than_a_terminal_but_for_its_code() {
        let pages = Pages::unpack().unwrap();
        for language in [Language::English, Language::Russian] {
            for text in names().filter_map(|name| markdown(name, &pages, language)) {
                let text = render(&text);
                let prose = text.lines().filter(|line| !line.contains("    "));
                for line in prose {
                    assert!(line.chars().count() <= WIDTH, "{line}");
                }
                assert!(!text.contains("](") && !text.contains("\n|"), "{text}");
            }
        }
    }
}
