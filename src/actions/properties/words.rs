//! Option strings: split like a shell would, never run by one.

/// Splits a text into words as a POSIX shell would, quotes and backslashes included, expanding nothing.
pub fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a single quote is not closed".into()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a double quote is not closed".into()),
                        },
                        Some(c) => word.push(c),
                        None => return Err("a double quote is not closed".into()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("a backslash at the end".into()),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_a_shell_does() {
        let split = |text| split_words(text).unwrap();
        assert_eq!(
            split(r#"-a --exclude='a b' "c \"d\" \n" e\ f ''"#),
            ["-a", "--exclude=a b", r#"c "d" \n"#, "e f", ""]
        );
        assert_eq!(split("  "), Vec::<String>::new());
        assert_eq!(split("$(id) `id` $HOME ; rm"), ["$(id)", "`id`", "$HOME", ";", "rm"]);
        assert!(split_words("'a").is_err());
        assert!(split_words("a\\").is_err());
    }
}
