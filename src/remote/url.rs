//! Addresses of webapis as people write them.

use crate::error::{Doing, Error, Result};
use std::fmt::{self, Write};

/// The port of a webapi, where an address names neither scheme nor port.
const WEBAPI_PORT: u16 = 5556;

/// The port of `http://` without one.
const HTTP_PORT: u16 = 80;

/// `http://host:port/prefix`: where a webapi is. Two that mean the same are equal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Url {
    /// A name in lower case, or an address without brackets.
    host: String,
    port: u16,
    /// Empty, or a path that begins with a slash and ends with none, percent-encoded.
    prefix: String,
}

impl Url {
    /// Reads `http://host:port/prefix`, `http://[::1]:5556` or only `host`, which means port 5556. Fails (kind `Usage`) for
    /// anything else; the message shows the address without credentials, the reason alone is its source.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let url = parse(text).map_err(Error::usage);
        url.doing(|| format!("`{}` is no address of a webapi", Self::shown(text)))
    }

    /// What somebody typed as an address, for people: one line, no credentials.
    pub fn shown(text: &str) -> String {
        let text = text.trim();
        let start = text.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = text.split_at(start);
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("{scheme}{host}{path}").chars().take(200).collect::<String>().escape_debug().to_string()
    }

    /// The name or address of the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, without the port when it is that of HTTP.
    pub(super) fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let port = if self.port == HTTP_PORT { String::new() } else { format!(":{}", self.port) };
        format!("{open}{}{close}{port}", self.host)
    }

    /// The path of a request for `path`, which is plain text that begins with a slash.
    pub(super) fn target(&self, path: &str) -> String {
        format!("{}{}", self.prefix, encode(path, b"-._~/"))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.prefix)
    }
}

fn parse(text: &str) -> std::result::Result<Url, String> {
    let (default_port, rest) = match text.split_once("://") {
        None => (WEBAPI_PORT, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (HTTP_PORT, rest),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
            return Err("https is not spoken here; ask over http, where needed through a tunnel".into());
        }
        Some(_) => return Err("it must begin with http://".into()),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err("names and passwords do not belong into it; a token is given by --token-file".into());
    }
    if path.contains(['?', '#']) {
        return Err("it must end with a path".into());
    }
    let (host, port) = split_port(authority)?;
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err("its port is not a number from 1 to 65535".into()),
        },
    };
    let prefix = encode(path.trim_end_matches('/'), b"-._~/%!$&'()*+,;=:@");
    Ok(Url { host: host.to_ascii_lowercase(), port, prefix })
}

/// Host without brackets, and what follows a colon.
fn split_port(authority: &str) -> std::result::Result<(&str, Option<&str>), String> {
    let fits = |host: &str, more: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !host.is_empty() && host.len() <= 255 && host.chars().all(good)
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the bracket is not closed")?;
        let port = match port.strip_prefix(':') {
            None if !port.is_empty() => return Err("only a port can follow the bracket".into()),
            port => port,
        };
        return if fits(host, ":.%-_") { Ok((host, port)) } else { Err("there is no IPv6 address in it".into()) };
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    match port {
        Some(port) if port.contains(':') => {
            Err("an IPv6 address belongs into brackets, as in http://[::1]:5556".into())
        }
        _ if fits(host, ".-_") => Ok((host, port)),
        _ => Err("there is no name of a host in it".into()),
    }
}

/// Percent-encodes what is neither a letter, a digit nor one of these.
fn encode(text: &str, plain: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write() {
        for (text, want) in [
            ("http://10.0.0.5:5556", "http://10.0.0.5:5556"),
            ("http://10.0.0.5:5556/", "http://10.0.0.5:5556"),
            ("HTTP://App-Srv-01.example:80//", "http://app-srv-01.example"),
            ("10.0.0.5", "http://10.0.0.5:5556"),
            ("  srv_1:81/kb ", "http://srv_1:81/kb"),
            ("http://[::1]:5556/", "http://[::1]:5556"),
            ("[FE80::1%eth0]", "http://[fe80::1%eth0]:5556"),
            ("http://a/б b", "http://a/%D0%B1%20b"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), want, "{text}");
        }
        let url = Url::parse("http://a/kb/").unwrap();
        assert_eq!(url.target("/api/rl/2026/имя %.log"), "/kb/api/rl/2026/%D0%B8%D0%BC%D1%8F%20%25.log");
    }

    #[test]
    fn what_is_refused_and_why() {
        for (text, reason) in [
            ("https://a", "https is not spoken here"),
            ("ftp://a", "must begin with http://"),
            ("", "no name of a host"),
            ("http://", "no name of a host"),
            ("http://a b/", "no name of a host"),
            ("http://a\r\nX: y", "no name of a host"),
            ("http://пример", "no name of a host"),
            ("http://a:0", "port"),
            ("http://a:", "port"),
            ("http://a:65536", "port"),
            ("http://::1", "brackets"),
            ("http://[::1", "not closed"),
            ("http://[::1]x", "follow the bracket"),
            ("http://[]", "no IPv6"),
            ("http://a/?x", "end with a path"),
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\n'), "{text}: {error}");
        }
    }

    /// P15: a password in an address is shown nowhere.
    #[test]
    fn credentials_are_refused_and_not_shown() {
        for text in ["http://admin:canary@srv/x", "admin:canary@srv", "https://canary@srv"] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains("srv") && !error.contains("canary"), "{error}");
        }
    }
}
