//! Bytes, durations and percentages: parsed at the edge, printed for people, never mixed up.

use std::time::Duration;

/// Reads `90s`, `15m`, `2h`, `1d` or plain seconds; none when it is anything else or does not fit.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let factor: u64 = match unit {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(factor).map(Duration::from_secs)
}

/// Reads `20G`, `512 MiB`, `100k` or plain bytes (powers of 1024); none when it is anything else or does not fit.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let power = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    number.checked_mul(1 << power)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

/// A part of something: absolute or relative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// This many bytes.
    Bytes(u64),
    /// This many hundredths of the whole, 0–100.
    Percent(u8),
}

impl Amount {
    /// Reads `10%` or anything [`parse_bytes`] reads.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|p| *p <= 100).map(Self::Percent),
            None => parse_bytes(text).map(Self::Bytes),
        }
    }

    /// The number of bytes this is of `whole` bytes.
    pub fn of(self, whole: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => u64::try_from(u128::from(whole) * u128::from(percent) / 100).unwrap_or(u64::MAX),
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => f.write_str(&show_bytes(*bytes)),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// `1.5 GiB`: one decimal, powers of 1024.
pub fn show_bytes(bytes: u64) -> String {
    let mut unit = "B";
    let mut scale: u64 = 1;
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        if bytes / scale < 1024 {
            break;
        }
        unit = next;
        scale <<= 10;
    }
    if scale == 1 {
        return format!("{bytes} B");
    }
    let tenths = u128::from(bytes) * 10 / u128::from(scale);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `2h 5m`, `3m 4s`, `1.25 s`: the two largest units, or seconds with hundredths below a minute.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s}.{:02} s", duration.subsec_millis() / 10),
        (0, 0, m, s) => format!("{m}m {s}s"),
        (0, h, m, _) => format!("{h}h {m}m"),
        (d, h, _, _) => format!("{d}d {h}h"),
    }
}

/// How far a long piece of work is, for a line on a terminal: `12 entries, 5.0 MiB of 9.0 MiB, 2.5 MiB/s, 2 s left`. A `total`
/// of 0 is not known; of work that counts nothing only the time it has taken is shown.
pub fn show_progress(entries: u64, bytes: u64, total: u64, passed: Duration) -> String {
    let whole = |time: Duration| show_duration(time).replace(".00 s", " s");
    let mut parts = Vec::new();
    if entries > 0 {
        parts.push(format!("{entries} entries"));
    }
    if bytes > 0 {
        let rate = u128::from(bytes) * 1000 / passed.as_millis().max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        let of = if total >= bytes { format!(" of {}", show_bytes(total)) } else { String::new() };
        parts.extend([format!("{}{of}", show_bytes(bytes)), format!("{}/s", show_bytes(rate))]);
        if total >= bytes && rate > 0 {
            let left = Duration::from_secs((total - bytes).div_ceil(rate));
            parts.push(format!("{} left", whole(left)));
        }
    }
    if parts.is_empty() { whole(Duration::from_secs(passed.as_secs())) } else { parts.join(", ") }
}

/// A duration as the configuration writes it: `90s`, `15m`, `2h`; fractions of a second are left out.
pub fn write_duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress() {
        let show = |entries, bytes, total| show_progress(entries, bytes, total, Duration::from_millis(2500));
        assert_eq!(show(0, 0, 0), "2 s");
        assert_eq!(show(12, 0, 0), "12 entries");
        assert_eq!(show(12, 5 << 20, 0), "12 entries, 5.0 MiB, 2.0 MiB/s");
        assert_eq!(show(0, 5 << 20, 8 << 20), "5.0 MiB of 8.0 MiB, 2.0 MiB/s, 2 s left");
        assert_eq!(show(0, 5 << 20, 4 << 20), "5.0 MiB, 2.0 MiB/s", "there was more than was known");
        assert_eq!(show_progress(0, 0, 0, Duration::from_secs(65)), "1m 5s");
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(parse_duration(" 2 h "), Some(Duration::from_secs(7200)));
        assert_eq!(parse_duration("5"), Some(Duration::from_secs(5)));
        for bad in ["", "h", "-1s", "1w", "1.5h", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
        assert_eq!(show_duration(Duration::from_millis(1256)), "1.25 s");
        assert_eq!(show_duration(Duration::from_secs(7511)), "2h 5m");
        let written = [0, 90, 900, 7200, 86_400].map(|seconds| write_duration(Duration::from_secs(seconds)));
        assert_eq!(written, ["0s", "90s", "15m", "2h", "24h"]);
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_bytes("20G"), Some(20 << 30));
        assert_eq!(parse_bytes("512 MiB"), Some(512 << 20));
        assert_eq!(parse_bytes("7"), Some(7));
        for bad in ["", "G", "1X", "-1", "99999999999999T"] {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
        assert_eq!(show_bytes(0), "0 B");
        assert_eq!(show_bytes(1023), "1023 B");
        assert_eq!(show_bytes(1536), "1.5 KiB");
        assert_eq!(show_bytes(u64::MAX), "16383.9 PiB");
        assert_eq!(Amount::parse("10%").map(|a| a.of(200)), Some(20));
        assert_eq!(Amount::parse("101%"), None);
    }
}
