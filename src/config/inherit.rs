//! `source`: an action takes every property that it does not set itself from another one, to any depth.

use crate::actions::properties::{Problem, Property, Severity};
use crate::nearest;
use crate::value::Value;
use std::collections::{HashMap, HashSet};

/// The entries under `actions`, as written.
pub(super) type Entries = [(String, Value)];

/// Every property of an action, its own first; `Err` says what is wrong with it or with its chain of ancestors.
pub(super) fn resolve(actions: &Entries, name: &str) -> Result<Vec<Property>, Problem> {
    let mut chain: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    let mut names = Names { actions, asked: 0, places: HashMap::new() };
    let mut properties: Vec<Property> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next {
        if !known.insert(name.clone()) {
            let begin = chain.iter().position(|known| *known == name).unwrap_or(0);
            return Err(circle(actions, chain.get(begin..).unwrap_or_default()));
        }
        let own = read(actions, names.value(&name), (&name, chain.last()))?;
        next = source(&own)?;
        let inherited = !chain.is_empty();
        for property in own {
            if !properties.iter().any(|known| known.key == property.key) {
                properties.push(Property { inherited, ..property });
            }
        }
        chain.push(name);
    }
    Ok(properties)
}

/// Finds entries by name: one after the other for the few of an ordinary chain, by an index for the many of a long one.
struct Names<'a> {
    actions: &'a Entries,
    asked: usize,
    places: HashMap<&'a str, &'a Value>,
}

impl<'a> Names<'a> {
    fn value(&mut self, name: &str) -> Option<&'a Value> {
        self.asked += 1;
        match self.asked {
            ..8 => return find(self.actions, name),
            8 => self.places = self.actions.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            _ => {}
        }
        self.places.get(name).copied()
    }
}

fn find<'a>(actions: &'a Entries, name: &str) -> Option<&'a Value> {
    actions.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// What the action itself says, without its ancestors.
pub(super) fn own(actions: &Entries, name: &str) -> Result<Vec<Property>, Problem> {
    read(actions, find(actions, name), (name, None))
}

fn read(
    actions: &Entries,
    value: Option<&Value>,
    (name, heir): (&str, Option<&String>),
) -> Result<Vec<Property>, Problem> {
    let entry = vec!["actions".to_owned(), name.to_owned()];
    match (value, heir) {
        (Some(Value::Map(pairs)), _) => Ok(Property::own(&entry, pairs)),
        (Some(value), _) => {
            let message = format!("the action `{name}` must be a map, not {}", value.kind());
            Err(Problem { severity: Severity::Error, path: entry, message })
        }
        (None, Some(heir)) => {
            let hint = nearest::hint(name, actions.iter().map(|(known, _)| known.as_str()));
            Err(at_source(heir, format!("there is no action `{name}` to inherit from ({heir} → {name}){hint}")))
        }
        (None, None) => {
            let hint = nearest::hint(name, actions.iter().map(|(known, _)| known.as_str()));
            Err(Problem {
                severity: Severity::Error,
                path: entry,
                message: format!("there is no action `{name}`{hint}"),
            })
        }
    }
}

fn source(own: &[Property]) -> Result<Option<String>, Problem> {
    match own.iter().find(|property| property.key == "source").map(|property| (&property.value, &property.entry)) {
        None | Some((Value::Null, _)) => Ok(None),
        Some((Value::Scalar(scalar), _)) => Ok(Some(scalar.text())),
        Some((other, entry)) => {
            let heir = entry.last().cloned().unwrap_or_default();
            Err(at_source(&heir, format!("`source` must be the name of one action, not {}", other.kind())))
        }
    }
}

/// One message for a circle, whichever of its members was asked for: it begins with the first in the file.
fn circle(actions: &Entries, members: &[String]) -> Problem {
    let place = |name: &String| actions.iter().position(|(known, _)| known == name);
    let first = members.iter().enumerate().min_by_key(|(_, name)| place(name)).map_or(0, |(index, _)| index);
    let (tail, head) = members.split_at(first);
    let mut names: Vec<&str> = head.iter().chain(tail).map(String::as_str).collect();
    let first = names.first().copied().unwrap_or_default();
    names.push(first);
    at_source(first, format!("`source` goes round in a circle: {}", names.join(" → ")))
}

fn at_source(name: &str, message: String) -> Problem {
    let path = ["actions", name, "source"].map(str::to_owned).to_vec();
    Problem { severity: Severity::Error, path, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;

    fn actions(text: &str) -> Vec<(String, Value)> {
        match yaml::read(text).unwrap().value {
            Value::Map(pairs) => pairs,
            other => panic!("{other:?}"),
        }
    }

    fn shown(text: &str, name: &str) -> Vec<String> {
        let properties = resolve(&actions(text), name).unwrap();
        let show = |p: &Property| {
            let Value::Scalar(scalar) = &p.value else { panic!("{p:?}") };
            format!("{}={} {}{}", p.key, scalar.text(), p.entry.join("."), if p.inherited { " inherited" } else { "" })
        };
        properties.iter().map(show).collect()
    }

    fn problem(text: &str, name: &str) -> String {
        let problem = resolve(&actions(text), name).unwrap_err();
        format!("{}: {}", problem.path.join("."), problem.message)
    }

    #[test]
    fn the_nearest_ancestor_wins_at_any_depth() {
        let text = "a: {source: b, x: 1}\nb: {source: c, x: 2, y: 2}\nc: {type: tar, x: 3, y: 3, z: 3}\n";
        let want = [
            "source=b actions.a",
            "x=1 actions.a",
            "y=2 actions.b inherited",
            "type=tar actions.c inherited",
            "z=3 actions.c inherited",
        ];
        assert_eq!(shown(text, "a"), want);
    }

    #[test]
    fn null_overrides_an_ancestor_and_a_null_source_is_none() {
        let properties = resolve(&actions("a: {source: b, x: }\nb: {source: , x: 1}\n"), "a").unwrap();
        let x = properties.iter().find(|p| p.key == "x").unwrap();
        assert_eq!((&x.value, x.inherited), (&Value::Null, false));
    }

    /// A chain of thousands takes no time to speak of, and its end counts.
    #[test]
    fn long_chains() {
        let links = (1..3000).map(|n| format!("a{n}: {{source: a{}}}\n", n - 1));
        let text = format!("a0: {{type: tar}}\n{}", links.collect::<String>());
        let entries = actions(&text);
        let properties = resolve(&entries, "a2999").unwrap();
        assert_eq!(properties.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["source", "type"]);
        let round = format!("{text}b: {{source: c9}}\n").replace("a0: {type: tar}", "a0: {source: a2999}");
        assert!(resolve(&actions(&round), "a7").unwrap_err().message.contains("a0 → a2999 → a2998"));
    }

    #[test]
    fn circles_are_named_once_and_missing_ancestors_with_the_chain() {
        let text = "z: {source: b}\na: {source: b}\nb: {source: c}\nc: {source: a}\nme: {source: me}\n";
        for name in ["z", "a", "b", "c"] {
            assert_eq!(problem(text, name), "actions.a.source: `source` goes round in a circle: a → b → c → a");
        }
        assert_eq!(problem(text, "me"), "actions.me.source: `source` goes round in a circle: me → me");
        let text = "tar0: {type: tar}\na: {source: b}\nb: {source: tarO}\nc: {source: [tar0]}\nd: 5\ne: {source: d}\n";
        let missing = "actions.b.source: there is no action `tarO` to inherit from (b → tarO), did you mean `tar0`?";
        assert_eq!(problem(text, "a"), missing);
        assert_eq!(problem(text, "c"), "actions.c.source: `source` must be the name of one action, not a list");
        assert_eq!(problem(text, "e"), "actions.d: the action `d` must be a map, not a single value");
    }
}
