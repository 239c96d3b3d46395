//! JSON as KB17 wrote it: keys in their order, a blank after `:` and `,`, nothing but ASCII (Python's `json.dumps`).

use std::fmt::Write;

/// A document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json {
    /// `null`.
    Null,
    /// `true`, `false`.
    Flag(bool),
    /// A number, as it is to be written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Map(Vec<(String, Json)>),
}

impl Json {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An object from keys that are known.
    pub fn map<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// The document as one line without a line break.
    pub fn line(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Appends the document.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => write_list(out, items, |out, item| item.write(out)),
            Self::Map(pairs) => write_map(out, pairs.iter().map(|(key, value)| (key.as_str(), value)), |out, value| {
                value.write(out);
            }),
        }
    }
}

/// Appends a list of whatever `write` writes.
pub fn write_list<T>(out: &mut String, items: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    out.push('[');
    for (number, item) in items.into_iter().enumerate() {
        out.push_str(if number == 0 { "" } else { ", " });
        write(out, item);
    }
    out.push(']');
}

/// Appends an object of whatever `write` writes.
pub fn write_map<'a, T>(
    out: &mut String,
    pairs: impl IntoIterator<Item = (&'a str, T)>,
    write: impl Fn(&mut String, T),
) {
    out.push('{');
    for (number, (key, value)) in pairs.into_iter().enumerate() {
        out.push_str(if number == 0 { "" } else { ", " });
        write_text(out, key);
        out.push_str(": ");
        write(out, value);
    }
    out.push('}');
}

/// Appends a text in quotes.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| !(' '..='~').contains(&c) || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            escape(out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        other => {
            for unit in other.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_python_wrote_it() {
        let document = Json::map([
            ("name", Json::text("ок \"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}😀")),
            ("list", Json::List(vec![Json::Null, Json::Flag(true), Json::Number("-5".into())])),
            ("none", Json::Map(Vec::new())),
        ]);
        let want = "{\"name\": \"\\u043e\\u043a \\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u007f\\ud83d\\ude00\", \
                    \"list\": [null, true, -5], \"none\": {}}";
        assert_eq!(document.line(), want);
        let value: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(value["name"], "ок \"\\\n\r\t\u{8}\u{c}\u{1}\u{7f}😀");
    }
}
