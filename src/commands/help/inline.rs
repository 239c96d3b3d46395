//! What stands inside a line of Markdown, as plain text, and breaking it into lines.

/// Stands for a blank at which no line may be broken.
const HARD_BLANK: char = '\u{a0}';

/// Links become their text (web addresses stay), emphasis goes, code keeps its backticks and is not broken between lines.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number > 0 {
            plain.push('`');
        }
        if number % 2 == 1 {
            plain.extend(part.chars().map(|c| if c == ' ' { HARD_BLANK } else { c }));
        } else {
            plain.push_str(part);
        }
    }
    let unlinked = unlink(&plain);
    let mut code = false;
    let parts = unlinked.split('`').map(|part| {
        let shown = if code { part.to_owned() } else { unemphasised(part) };
        code = !code;
        shown
    });
    parts.collect::<Vec<_>>().join("`")
}

/// `[text](target)` → `text`, or `text <target>` for an address on the web.
fn unlink(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let link =
            after.split_once("](").and_then(|(text, more)| more.split_once(')').map(|(to, end)| (text, to, end)));
        match link {
            // brackets in code, or a bracket between this one and the link's, are no link
            Some((text, to, end)) if !in_code(&shown, before) && !text.contains(['[', ']']) => {
                shown.extend([before, text]);
                if to.contains("://") && to != text {
                    shown.extend([" <", to, ">"]);
                }
                rest = end;
            }
            _ => {
                shown.extend([before, "["]);
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

/// Whether these two together end in the middle of code.
fn in_code(shown: &str, more: &str) -> bool {
    (shown.matches('`').count() + more.matches('`').count()) % 2 == 1
}

/// Without the `*` that emphasise: pairs that touch what stands between them. `\\|` is a bar.
fn unemphasised(text: &str) -> String {
    let text = text.replace("**", "").replace("\\|", "|");
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('*') {
        shown.push_str(before);
        let pair = after.split_once('*').filter(|(inside, _)| !inside.is_empty() && inside.trim() == *inside);
        if let Some((inside, end)) = pair {
            shown.push_str(inside);
            rest = end;
        } else {
            shown.push('*');
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

/// Lines of at most `width` characters, broken at blanks; what has none in it may be longer.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        // code that would not fit on a line of its own is broken after all
        let parts: Vec<&str> = if length(word) > width { word.split(HARD_BLANK).collect() } else { vec![word] };
        for part in parts {
            match lines.last_mut() {
                Some(line) if length(line) + 1 + length(part) <= width => line.extend([" ", part]),
                _ => lines.push(part.to_owned()),
            }
        }
    }
    lines.into_iter().map(|line| line.replace(HARD_BLANK, " ")).collect()
}

/// Columns that a text takes.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_emphasis_become_words() {
        for (markdown, text) in [
            ("see [File names](config.md#file-names).", "see File names."),
            ("[Keep](https://example.org/x)", "Keep <https://example.org/x>"),
            ("**this** and *that one* too", "this and that one too"),
            ("`*.tmp` and `[abc]` stay, [x](y) goes", "`*.tmp` and `[abc]` stay, x goes"),
            ("`a` \\| `b`", "`a` | `b`"),
            ("[`tar`](#tar), [`zip`](#zip)", "`tar`, `zip`"),
            ("2 * 3 * 4, *so*, `*`", "2 * 3 * 4, so, `*`"),
            ("[half", "[half"),
        ] {
            assert_eq!(plain(markdown), text, "{markdown}");
        }
    }

    #[test]
    fn code_is_not_broken_unless_it_must() {
        assert_eq!(wrap(&plain("say `one two` now"), 12), ["say", "`one two`", "now"]);
        assert_eq!(wrap(&plain("`one two three`"), 9), ["`one two", "three`"]);
        assert_eq!(wrap("кириллица считается по буквам", 20), ["кириллица считается", "по буквам"]);
    }
}
