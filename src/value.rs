//! YAML 1.1 values as PyYAML read them: text is kept, and becomes a type only where one is wanted.

/// A value of the configuration.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// Anything that is not a collection.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, in the order of the file; aliases and `<<` merges are already applied.
    Map(Vec<(String, Value)>),
}

/// A scalar as it stands in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scalar {
    /// The text without quotes.
    pub text: String,
    /// Whether it was quoted or a block scalar, so that it was text for PyYAML whatever it looks like.
    pub quoted: bool,
}

impl Value {
    /// `a list`, `a map`, …: for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Value {
    /// The text of a single value, see [`Scalar::text`].
    pub fn text(&self) -> Option<String> {
        self.scalar().map(Scalar::text)
    }

    /// The meaning of a single value as a boolean, see [`Scalar::flag`].
    pub fn flag(&self) -> Option<bool> {
        self.scalar()?.flag()
    }

    fn scalar(&self) -> Option<&Scalar> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }
}

/// What `PyYAML` made of a scalar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Typed {
    /// `bool`.
    Flag(bool),
    /// `int`.
    Number(i64),
    /// `float`, as Python shows it.
    Decimal(String),
    /// `str`.
    Text(String),
}

impl Scalar {
    /// What `PyYAML` made of it.
    pub fn typed(&self) -> Typed {
        let plain = Some(self.text.as_str()).filter(|_| !self.quoted);
        let typed = |text| {
            let number = || plain_int(text).map(Typed::Number);
            plain_bool(text).map(Typed::Flag).or_else(number).or_else(|| plain_float(text).map(Typed::Decimal))
        };
        plain.and_then(typed).unwrap_or_else(|| Typed::Text(self.text.clone()))
    }

    /// The text KB17 got from `str()` of what PyYAML read: plain `77` → `77`, `007` → `7`, `1.10` → `1.1`, `yes` → `True`.
    pub fn text(&self) -> String {
        match self.typed() {
            Typed::Flag(flag) => if flag { "True" } else { "False" }.to_owned(),
            Typed::Number(number) => number.to_string(),
            Typed::Decimal(text) | Typed::Text(text) => text,
        }
    }

    /// A boolean, by meaning, whether quoted or not.
    pub fn flag(&self) -> Option<bool> {
        match plain_bool(&self.text) {
            None if self.text == "1" => Some(true),
            None if self.text == "0" => Some(false),
            known => known,
        }
    }

    /// A whole number, quoted or not. A quoted one is decimal, a plain one is what YAML 1.1 says.
    pub fn number(&self) -> Option<i64> {
        if self.quoted {
            return self.text.trim().parse().ok();
        }
        plain_int(&self.text)
    }
}

/// `yes`, `No`, `TRUE`, `off`, … as YAML 1.1 resolves them.
fn plain_bool(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() && !is_capitalised(text) {
        return None;
    }
    match lower.as_str() {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

fn is_capitalised(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase()) && chars.all(|c| c.is_ascii_lowercase())
}

/// Decimal, `0x…`, `0b…`, octal with a leading zero, underscores, base 60 (`1:30`), as PyYAML resolves `int`.
fn plain_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let clean = digits.replace('_', "");
    let magnitude = if let Some(hex) = clean.strip_prefix("0x") {
        unsigned(hex, 16)?
    } else if let Some(binary) = clean.strip_prefix("0b") {
        unsigned(binary, 2)?
    } else if clean.contains(':') {
        base60(&clean)?
    } else if clean.len() > 1 && clean.starts_with('0') {
        unsigned(&clean, 8)?
    } else {
        unsigned(&clean, 10)?
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `from_str_radix` without its own signs.
fn unsigned(digits: &str, radix: u32) -> Option<i64> {
    digits.chars().all(|c| c.is_digit(radix)).then(|| i64::from_str_radix(digits, radix).ok()).flatten()
}

fn base60(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    if first.starts_with('0') {
        return None;
    }
    parts.try_fold(unsigned(first, 10)?, |sum, part| {
        let digit = unsigned(part, 10).filter(|d| *d < 60 && (1..=2).contains(&part.len()))?;
        sum.checked_mul(60)?.checked_add(digit)
    })
}

/// Python's `str(float)` of a plain decimal such as `1.10`; none when it is no YAML 1.1 float.
fn plain_float(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.contains('.')
        && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().filter(|b| *b == b'.').count() == 1
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_')
        && digits.len() > 1;
    let number: f64 = plain.then(|| text.replace('_', "").parse().ok()).flatten()?;
    let shown = number.to_string();
    Some(if shown.contains('.') { shown } else { shown + ".0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.into(), quoted: false }
    }

    #[test]
    fn names_read_as_pyyaml_read_them() {
        for (written, read) in [
            ("77", "77"),
            ("007", "7"),
            ("08", "08"),
            ("010", "8"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("12:30:00", "45000"),
            ("1.10", "1.1"),
            ("2.", "2.0"),
            ("1.2.3", "1.2.3"),
            ("yes", "True"),
            ("yEs", "yEs"),
            ("-5", "-5"),
            ("5-6", "5-6"),
            ("00 23 * * 0", "00 23 * * 0"),
            ("", ""),
        ] {
            assert_eq!(plain(written).text(), read, "{written}");
        }
        assert_eq!(Scalar { text: "007".into(), quoted: true }.text(), "007");
    }

    #[test]
    fn booleans_and_numbers() {
        for (text, want) in [
            ("yes", Some(true)),
            ("Off", Some(false)),
            ("FALSE", Some(false)),
            ("tRue", None),
            ("y", None),
            ("1", Some(true)),
        ] {
            assert_eq!(plain(text).flag(), want, "{text}");
        }
        assert_eq!(plain("010").number(), Some(8));
        assert_eq!(Scalar { text: "010".into(), quoted: true }.number(), Some(10));
        assert_eq!(plain("five").number(), None);
        assert_eq!(plain("99999999999999999999").number(), None);
    }
}
