//! Bytes of a pipe → lines, in memory that does not grow with the line.

/// Longest line that is handed out whole, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// Cuts a stream of bytes into lines: without the line break (LF or CR LF), blank lines kept, invalid UTF-8 replaced.
#[derive(Debug, Default)]
pub struct Lines {
    /// The first [`LONGEST`] bytes of the line that is still coming in.
    start: Vec<u8>,
    /// Its length so far.
    length: u64,
    /// Its last byte, which decides whether it ends in CR LF.
    last: u8,
}

impl Lines {
    /// Takes the next bytes and hands out every line that ends in them.
    pub fn feed(&mut self, mut bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.take(line);
            self.hand_out(on_line);
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.take(bytes);
    }

    /// Hands out a last line that has no line break.
    pub fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if self.length > 0 {
            self.hand_out(on_line);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.start.len());
        self.start.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.length += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn hand_out(&mut self, on_line: &mut dyn FnMut(&str)) {
        let cr = u64::from(self.length > 0 && self.last == b'\r');
        let length = self.length - cr;
        if length <= self.start.len() as u64 {
            let line = self.start.strip_suffix(b"\r").filter(|_| cr == 1).unwrap_or(&self.start);
            on_line(&String::from_utf8_lossy(line));
        } else {
            let text = String::from_utf8_lossy(whole_characters(&self.start));
            on_line(&format!("{text} … (cut: the line has {length} bytes)"));
        }
        self.start.clear();
        (self.length, self.last) = (0, 0);
    }
}

/// The bytes without a character that was cut off at their end.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(e) if e.error_len().is_none() => bytes.get(..e.valid_up_to()).unwrap_or(bytes),
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.feed(chunk, &mut |line| found.push(line.to_owned()));
        }
        lines.finish(&mut |line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn line_breaks_of_every_kind() {
        assert_eq!(lines(&[b"a\n\nb\r\n\r\nc\rd\n"]), ["a", "", "b", "", "c\rd"]);
        assert_eq!(lines(&[b"a\r", b"\nb", b"c\n", b"", b"last"]), ["a", "bc", "last"]);
        assert_eq!(lines(&[b"\n"]), [""]);
        assert_eq!(lines(&[b""]), Vec::<String>::new());
        assert_eq!(lines(&[b"last\r"]), ["last"]);
        assert_eq!(lines(&["Привет\n".as_bytes()]), ["Привет"]);
        assert_eq!(lines(&[b"\xff\xfea\n"]), ["\u{fffd}\u{fffd}a"]);
    }

    #[test]
    fn a_line_of_the_longest_length_is_whole_and_a_longer_one_is_cut() {
        let fits = vec![b'x'; LONGEST];
        for end in ["\n", "\r\n", ""] {
            assert_eq!(lines(&[&fits, end.as_bytes()]), ["x".repeat(LONGEST)], "{end:?}");
        }
        let found = lines(&[&fits, b"y\nnext\n"]);
        assert_eq!(found, [format!("{} … (cut: the line has 65537 bytes)", "x".repeat(LONGEST)), "next".into()]);
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        let text = format!("x{}\n", "я".repeat(LONGEST));
        let found = lines(&[text.as_bytes()]);
        assert!(found[0].starts_with("xяя") && !found[0].contains('\u{fffd}'), "{:?}", &found[0][..20]);
    }

    #[test]
    fn memory_stays_flat() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 100_000];
        for _ in 0..1000 {
            lines.feed(&chunk, &mut |_| panic!("no line ended"));
        }
        assert_eq!(lines.start.len(), LONGEST);
        let mut count = 0;
        lines.finish(&mut |line| {
            assert!(line.ends_with("(cut: the line has 100000000 bytes)"));
            count += 1;
        });
        assert_eq!(count, 1);
    }
}
