//! Which servers are meant: addresses on the command line and KB17's `servers.yaml`.

use crate::config::yaml;
use crate::error::{Doing, Error, Result};
use crate::remote::url::Url;
use crate::value::Value;
use std::collections::HashSet;
use std::error::Error as _;
use std::path::Path;

/// Addresses, each once, in the order in which they are given.
pub struct Servers {
    /// Those that can be asked.
    pub urls: Vec<Url>,
    /// What is written like one but cannot be asked: the text, and why.
    pub wrong: Vec<(String, String)>,
}

/// Brings them together. One wrong address does not hide the others; a file that cannot be read is an error.
pub fn collect(given: &[String], file: Option<&Path>) -> Result<Servers> {
    let listed = file.map(read).transpose()?.unwrap_or_default();
    let mut servers = Servers { urls: Vec::new(), wrong: Vec::new() };
    let mut known = HashSet::new();
    for text in given.iter().chain(&listed) {
        match Url::parse(text) {
            Ok(url) if known.insert(url.clone()) => servers.urls.push(url),
            Ok(_) => {}
            Err(error) => {
                let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                servers.wrong.push((Url::shown(text), reason));
            }
        }
    }
    if servers.urls.is_empty() && servers.wrong.is_empty() {
        return Err(Error::usage("no server to ask"));
    }
    Ok(servers)
}

/// `servers: [URL, …]`, also one below the other or separated by commas.
fn read(path: &Path) -> Result<Vec<String>> {
    let doing = || format!("reading the servers in {}", path.display());
    let bytes = std::fs::read(path)
        .map_err(|error| Error::usage(format!("the servers in {} cannot be read: {error}", path.display())))?;
    let document = yaml::decode(&bytes).and_then(|text| yaml::read(&text));
    let document = document.map_err(|located| Error::usage(format!("{}:{located}", path.display())))?;
    let Value::Map(root) = &document.value else {
        return Err(Error::usage("it must say `servers: [URL, ...]`")).doing(doing);
    };
    match root.iter().find(|(key, _)| key == "servers").map(|(_, value)| value) {
        Some(Value::List(items)) => {
            let text = |item: &Value| item.text().ok_or_else(|| Error::usage("every server must be one address"));
            items.iter().filter(|item| **item != Value::Null).map(text).collect::<Result<_>>().doing(doing)
        }
        Some(Value::Scalar(scalar)) => {
            Ok(scalar.text().split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        _ => Err(Error::usage("it must say `servers: [URL, ...]`")).doing(doing),
    }
}
