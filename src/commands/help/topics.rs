//! What can be asked for, and which parts of which pages answer it.

use crate::actions::TYPES;
use crate::commands::help::pages::{Language, Pages, head, section};

/// One topic.
pub struct Topic {
    /// What is typed.
    pub name: &'static str,
    /// One line about it, in English and Russian.
    about: [&'static str; 2],
    parts: &'static [Part],
}

enum Part {
    /// A whole page.
    Page(&'static str),
    /// The section with this title, in English and Russian.
    Section(&'static str, [&'static str; 2]),
}

use Part::{Page, Section};

/// All topics, in the order in which a newcomer meets them. Action types come besides.
pub const TOPICS: &[Topic] = &[
    Topic {
        name: "quickstart",
        about: ["the first backup in five minutes", "первая копия за пять минут"],
        parts: &[Section("README.md", ["The first backup in five minutes", "Первая копия за пять минут"])],
    },
    Topic {
        name: "install",
        about: ["installing, updating and removing the program", "установка, обновление и удаление программы"],
        parts: &[Page("docs/install.md")],
    },
    Topic {
        name: "config",
        about: ["the configuration file, every key", "файл настроек, все ключи"],
        parts: &[Page("docs/config.md")],
    },
    Topic {
        name: "actions",
        about: ["what all types of actions have in common", "общее для всех типов действий"],
        parts: &[Page(ACTIONS)],
    },
    Topic {
        name: "patterns",
        about: ["leaving files out", "как исключать файлы"],
        parts: &[Section("docs/config.md", ["Patterns", "Шаблоны исключений"])],
    },
    Topic {
        name: "cron",
        about: ["times of tasks, and the crontab", "время заданий и crontab"],
        parts: &[
            Section("docs/config.md", ["Times: cron expressions", "Время: выражения cron"]),
            Section("docs/runs.md", ["In the crontab", "В crontab"]),
        ],
    },
    Topic {
        name: "names",
        about: ["how backup files are named", "как называются файлы копий"],
        parts: &[Section("docs/config.md", ["File names", "Имена файлов"])],
    },
    Topic {
        name: "restore",
        about: ["bringing data back, also without this program", "восстановление, в том числе без этой программы"],
        parts: &[Page("docs/restore.md")],
    },
    Topic {
        name: "commands",
        about: ["every command and its options", "все команды и их параметры"],
        parts: &[Page("docs/commands.md")],
    },
    Topic {
        name: "runs",
        about: [
            "what a run leaves behind: logs, trigger, journal",
            "что остаётся после запуска: журналы, файл-триггер",
        ],
        parts: &[Page("docs/runs.md")],
    },
    Topic {
        name: "exit-codes",
        about: ["how every command ends", "коды возврата всех команд"],
        parts: &[Page("docs/exit-codes.md")],
    },
    Topic {
        name: "monitoring",
        about: ["Zabbix, Prometheus, mail from cron", "Zabbix, Prometheus, почта от cron"],
        parts: &[Page("docs/monitoring.md")],
    },
    Topic {
        name: "api",
        about: ["the webapi: read-only answers over HTTP", "webapi: ответы по HTTP, только чтение"],
        parts: &[Page("docs/api.md")],
    },
    Topic {
        name: "troubleshooting",
        about: ["it says ERROR: what now?", "ERROR: что делать?"],
        parts: &[Page("docs/troubleshooting.md")],
    },
    Topic {
        name: "upgrade",
        about: ["coming from KristaBackup 1.7", "переход с KristaBackup 1.7"],
        parts: &[Page("docs/upgrade-from-kristabackup.md")],
    },
    Topic {
        name: "formats",
        about: ["the files on disk, byte by byte", "файлы на диске, байт за байтом (по-английски)"],
        parts: &[Page("docs/formats.md")],
    },
    Topic {
        name: "limits",
        about: ["what this program does not do", "чего программа не делает"],
        parts: &[Section("README.md", ["Limits", "Чего программа не делает"])],
    },
];

const ACTIONS: &str = "docs/actions.md";

impl Topic {
    /// The line about it.
    pub fn about(&self, language: Language) -> &'static str {
        let [english, russian] = self.about;
        if language == Language::Russian { russian } else { english }
    }

    /// Its Markdown; nothing when a page or a section is not there.
    pub fn text(&self, pages: &Pages, language: Language) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            // each type is a topic of its own
            Page(ACTIONS) => Some(head(pages.page(ACTIONS, language)?, is_type)),
            Page(name) => pages.page(name, language),
            Section(name, [english, russian]) => {
                let page = pages.page(name, language)?;
                section(page, if language == Language::Russian { russian } else { english })
                    .or_else(|| section(page, english))
            }
        });
        texts.collect::<Option<Vec<_>>>().map(|texts| texts.join("\n"))
    }
}

/// The Markdown of an action type.
pub fn action_type<'a>(name: &str, pages: &'a Pages, language: Language) -> Option<&'a str> {
    let known = TYPES.iter().any(|kind| kind.name == name);
    section(pages.page(ACTIONS, language)?, &format!("`{name}`")).filter(|_| known)
}

/// What the tables of the configuration say about a key: a line for each section that has it. `web.token` is the one of that
/// section.
pub fn key(name: &str, pages: &Pages, language: Language) -> Option<String> {
    let (section, name) = name.rsplit_once('.').unwrap_or(("", name));
    // a key of a section that has no table of its own is told in the section's line
    let inside = format!("`{name}`:");
    let tells = |title: &str, row: &str| {
        row.split_once("` |").is_some_and(|(key, meaning)| {
            key == name && title.contains(section) || meaning.contains(&inside) && key.contains(section)
        })
    };
    let mut found = String::new();
    for page in ["docs/config.md", ACTIONS] {
        let (mut title, mut table) = ("", Vec::new());
        for line in pages.page(page, language)?.lines() {
            if line.starts_with('#') {
                title = line.trim_start_matches('#');
            }
            if !line.starts_with('|') {
                table.clear();
                continue;
            }
            table.push(line);
            if let [head, rule, _, ..] = table.as_slice()
                && line.strip_prefix("| `").is_some_and(|row| tells(title, row))
            {
                found.extend(["###", title, "\n\n", head, "\n", rule, "\n", line, "\n\n"]);
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

fn is_type(title: &str) -> bool {
    TYPES.iter().any(|kind| title == format!("`{}`", kind.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_section_too() {
        let pages = Pages::unpack().unwrap();
        let found = |name: &str| key(name, &pages, Language::English);
        assert_eq!(found("web.token").unwrap().matches("###").count(), 1);
        assert!(found("web.token").unwrap().contains("Authorization"));
        assert_eq!(found("cron_user"), found("cron.cron_user"));
        assert!(found("cron_user").unwrap().contains("whose crontab"));
        assert_eq!(found("naming.token"), None);
        assert_eq!(found("tokens"), None);
    }

    #[test]
    fn every_action_type_has_a_text_in_both_languages() {
        let pages = Pages::unpack().unwrap();
        for language in [Language::English, Language::Russian] {
            for kind in TYPES {
                assert!(action_type(kind.name, &pages, language).is_some(), "{} {language:?}", kind.name);
            }
            assert!(action_type("Conditions", &pages, language).is_none());
        }
    }

    #[test]
    fn every_topic_has_a_text_and_every_page_is_a_topic() {
        let pages = Pages::unpack().unwrap();
        for topic in TOPICS {
            for language in [Language::English, Language::Russian] {
                assert!(topic.text(&pages, language).is_some(), "{} {language:?}", topic.name);
            }
        }
        let of = |part: &Part| match part {
            Page(name) | Section(name, _) => *name,
        };
        let used: Vec<_> = TOPICS.iter().flat_map(|topic| topic.parts).map(of).collect();
        for name in pages.names().filter(|name| !name.contains(".ru.") && !name.starts_with("docs/ru/")) {
            assert!(used.contains(&name), "{name} can be read under no topic");
        }
    }

    #[test]
    fn the_topic_of_actions_ends_before_the_first_type() {
        let pages = Pages::unpack().unwrap();
        let actions = TOPICS.iter().find(|topic| topic.name == "actions").unwrap();
        let text = actions.text(&pages, Language::English).unwrap();
        assert!(text.contains("\n## Conditions\n") && !text.contains("\n## `tar`"));
    }
}
