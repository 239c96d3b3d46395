use super::*;

/// Everything in front of a handler, in one go.
fn read(text: &[u8]) -> Result<Head, u16> {
    match scan(text, 0) {
        Ok(Progress::Whole(length)) => parse(&text[..length]).map_err(|refusal| refusal.code),
        Ok(Progress::Partial) => Err(0),
        Err(refusal) => Err(refusal.code),
    }
}

fn with(line: &str, fields: &str) -> Result<Head, u16> {
    read(format!("{line}\r\n{fields}\r\n\r\n").as_bytes())
}

#[test]
fn plain_requests_get_in() {
    let head = with("GET /api/rl/2026/%D1%8F.log?x HTTP/1.1", "Host: [::1]:5556\r\nUser-Agent: a\tb\r\nX:").unwrap();
    let expected = Head {
        method: Method::Get,
        path: "/api/rl/2026/я.log".into(),
        version: Version::Http11,
        after: After::Keep,
        token: None,
    };
    assert_eq!(head, expected);
    for (line, fields, after) in [
        ("HEAD / HTTP/1.1", "host: a.b:1\r\nConnection: close", After::Close),
        ("GET / HTTP/1.1", "Host: a\r\nConnection: x, CLOSE", After::Close),
        ("GET / HTTP/1.0", "X: y", After::Close),
        ("GET / HTTP/1.0", "Host: a\r\nConnection: Keep-Alive", After::Keep),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0\r\nUpgrade: h2c", After::Keep),
    ] {
        assert_eq!(with(line, fields).map(|head| head.after), Ok(after), "{line} {fields}");
    }
}

/// P26: what two readers could understand in two ways is understood by nobody.
#[test]
fn odd_requests_do_not_get_in() {
    for (line, fields, code) in [
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 1", 413),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 99999999999999999999999999", 413),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 00", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: +0", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: -1", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0x1", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length:", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0, 0", 400),
        ("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0\r\ncontent-length: 0", 400),
        ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 400),
        ("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked", 501),
        ("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: identity", 501),
        ("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: \x0bchunked", 400),
        ("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding : chunked", 400),
        ("GET / HTTP/1.1", "Host: a\r\n Transfer-Encoding: chunked", 400),
        ("GET / HTTP/1.1", "Host: a\r\nX: y\r\n\tfolded", 400),
        ("GET / HTTP/1.1", "Host : a", 400),
        ("GET / HTTP/1.1", " Host: a", 400),
        ("GET / HTTP/1.1", "Host: a\r\nno colon", 400),
        ("GET / HTTP/1.1", "Host: a\r\n: empty", 400),
        ("GET / HTTP/1.1", "Host: a\r\n(x): y", 400),
        ("GET / HTTP/1.1", "X: y", 400),
        ("GET / HTTP/1.1", "Host: a\r\nHost: a", 400),
        ("GET / HTTP/1.0", "Host: a\r\nHost: b", 400),
        ("GET / HTTP/1.1", "Host: a b", 400),
        ("GET / HTTP/1.1", "Host: a/b", 400),
        ("GET / HTTP/1.1", "Host: user@a", 400),
        ("GET / HTTP/1.1", "Host: a:b", 400),
        ("GET / HTTP/1.1", "Host: [::1", 400),
        ("GET / HTTP/1.1", "Host:", 400),
        ("GET / HTTP/1.1", "Host: a\r\nExpect: 100-continue", 417),
        ("GET / HTTP/1.1", "Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b", 400),
        ("POST / HTTP/1.1", "Host: a", 405),
        ("POST / HTTP/1.1", "Host: a\r\nContent-Length: 5", 405),
        ("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked", 405),
        ("get / HTTP/1.1", "Host: a", 405),
        ("CONNECT a:1 HTTP/1.1", "Host: a", 405),
        ("PRI * HTTP/2.0", "Host: a", 505),
        ("GET / HTTP/1.2", "Host: a", 505),
        ("GET / HTTP/0.9", "Host: a", 505),
        ("GET / HTTP/11", "Host: a", 400),
        ("GET / http/1.1", "Host: a", 400),
        ("GET / HTTP/1.1 x", "Host: a", 400),
        ("GET  / HTTP/1.1", "Host: a", 400),
        ("GET\t/ HTTP/1.1", "Host: a", 400),
        ("GET /\tx HTTP/1.1", "Host: a", 400),
        (" GET / HTTP/1.1", "Host: a", 400),
        ("GET /", "Host: a", 400),
        ("G(T / HTTP/1.1", "Host: a", 400),
        ("GET http://a/ HTTP/1.1", "Host: a", 400),
        ("GET * HTTP/1.1", "Host: a", 400),
        ("GET /%2e%2e/etc HTTP/1.1", "Host: a", 400),
    ] {
        assert_eq!(with(line, fields), Err(code), "{line} | {fields}");
    }
}

/// P26: lines end with CR LF and hold text.
#[test]
fn odd_bytes_are_refused_at_once() {
    for bytes in [
        &b"GET / HTTP/1.1\nHost: a\n\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\n",
        b"GET / HTTP/1.1\rHost",
        b"GET / HTTP/1.1\r\n\rX",
        b"GET / HTTP/1.1\r\r\n",
        b"\n",
        b"GET /\0",
        b"GET /\x7f",
        b"GET / HTTP/1.1\r\nX: \xd1\x8f",
        b"\x16\x03\x01\x02\x00",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(read(bytes), Err(400), "{}", bytes.escape_ascii());
    }
    assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r", 0), Ok(Progress::Partial));
}

/// P26: 8 KiB of head.
#[test]
fn long_heads_are_refused() {
    assert_eq!(read(&[b'a'; LIMIT]), Err(414));
    assert_eq!(read(&[b'a'; LIMIT - 1]), Err(0));
    let fields = |length| format!("Host: a\r\nX: {}", "y".repeat(length));
    assert_eq!(with("GET / HTTP/1.1", &fields(LIMIT)), Err(431));
    let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    assert!(with("GET / HTTP/1.1", &fields(LIMIT - 1 - rest)).is_ok());
    assert_eq!(with("GET / HTTP/1.1", &fields(LIMIT - rest + 1)), Err(431));
    assert_eq!(with("GET / HTTP/1.1", &format!("Host: a{}", "\r\nX: y".repeat(64))), Err(431));
}

#[test]
fn the_pace_makes_no_difference() {
    let text = b"GET /api/si HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n";
    for step in 1..text.len() {
        let (mut seen, mut found) = (0, None);
        for end in (step..text.len() + step).step_by(step).map(|end| end.min(text.len())) {
            match scan(&text[..end], seen).unwrap() {
                Progress::Partial => seen = end,
                Progress::Whole(length) => {
                    found = Some(length);
                    break;
                }
            }
        }
        assert_eq!(found, Some(33), "in steps of {step}");
    }
}

/// A small generator (xorshift64*): the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

const SEEDS: [&str; 6] = [
    "GET /api/rl/2026/77-%D1%8F-20261123_010203.log?x=%20 HTTP/1.1\r\nHost: [::1]:5556\r\nAccept: */*\r\n\r\n",
    "HEAD /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /api/cf HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nAuthorization: Bearer x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /%2e%2e/%00/..//x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n folded\r\n\r\n",
    "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
];

const PIECES: [&[u8]; 14] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"%",
    b"%2e",
    b"/../",
    b"\xff",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: x\r\n",
    b"HTTP/1.1",
];

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut text = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len() + 1);
        match random.below(5) {
            0 => text.truncate(at),
            1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            2 if at < text.len() => text[at] = u8::try_from(random.below(256)).unwrap(),
            3 if at < text.len() => drop(text.remove(at)),
            _ => {
                let other = SEEDS[random.below(SEEDS.len())].as_bytes();
                let from = random.below(other.len());
                drop(text.splice(at..at, other[from..].iter().copied()));
            }
        }
    }
    text
}

/// P26, P28: whatever is let in is plain, whatever was sent; and cutting it differently changes nothing.
#[test]
fn mutated_heads_are_plain_or_refused() {
    let mut random = Random(0x5EED_CAFE_F00D_0001);
    let (mut let_in, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let text = mutated(&mut random);
        let whole = read(&text);
        let cut = random.below(text.len() + 1);
        let in_two = match scan(&text[..cut], 0) {
            Ok(Progress::Partial) => scan(&text, cut).map_err(|refusal| refusal.code),
            other => other.map_err(|refusal| refusal.code),
        };
        match (&whole, in_two) {
            (Err(0), in_two) => assert_eq!(in_two, Ok(Progress::Partial), "{}", text.escape_ascii()),
            (Ok(_), Err(code)) => panic!("{code} for {}", text.escape_ascii()),
            _ => {}
        }
        match whole {
            Ok(head) => {
                let_in += 1;
                assert!(
                    head.path.starts_with('/') && !head.path.contains("//") && !head.path.chars().any(char::is_control)
                );
                assert!(head.path.split('/').all(|segment| segment != "." && segment != ".."), "{}", head.path);
                assert_eq!(path::decode(&path::encode(&head.path)), Ok(head.path));
            }
            Err(code) => {
                refused += 1;
                assert!(matches!(code, 0 | 400 | 405 | 413 | 414 | 417 | 431 | 501 | 505), "{code}");
            }
        }
    }
    assert!(let_in > 5_000 && refused > 50_000, "{let_in} let in, {refused} refused");
}
