//! The logs of another server, through its webapi, ours or KB17's.

use super::{List, Reading, Row, Which, show_line};
use crate::commands::list::Format;
use crate::error::{Doing, Error, Exit, Result};
use crate::output;
use crate::remote::http::{self, Ask};
use crate::remote::token;
use crate::remote::url::Url;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of the largest answer: a log with its limit, every character escaped.
const CAP: u64 = 128 << 20;

/// Lists or shows them.
pub(super) fn logs(url: &Url, which: Which, reading: &Reading) -> Result<Exit> {
    let token = reading.token_file.as_deref().map(token::read).transpose()?;
    let ask = |path: &str| ask(url, path, token.as_deref());
    match which {
        Which::One { dir, name } => {
            let document = ask(&format!("/api/rl/{dir}/{name}"))?;
            show(&document, reading.format, &format!("{url}: there is no log {dir}/{name}"))
        }
        Which::All | Which::Last(_) => list(&ask("/api/cf")?).show(reading.format),
    }
}

fn ask(url: &Url, path: &str, token: Option<&str>) -> Result<Value> {
    let ask = Ask { url, path, token, deadline: Instant::now() + PATIENCE, cap: CAP };
    let answer = http::get(&ask)?;
    let code = answer.code;
    let doing = || format!("asking {url}{}", path.escape_debug());
    let document: Option<Value> = serde_json::from_slice(&answer.bytes(&ask)?).ok();
    match (code, document) {
        (200, Some(document)) => Ok(document),
        (200, None) => Err(Error::failed("the answer is no JSON: is this a webapi?")).doing(doing),
        (code, document) => {
            let reason = document.as_ref().and_then(|document| document.get("error")?.as_str());
            let reason = reason.map(|reason| format!(": {}", super::visible(reason))).unwrap_or_default();
            Err(Error::failed(format!("HTTP status {code}{reason}"))).doing(doing)
        }
    }
}

fn list(document: &Value) -> List {
    let mut rows = Vec::new();
    let shelves = document.get("logs").and_then(Value::as_object).into_iter().flatten();
    // in reverse alphabetical order, as it was sent; reading it has put it in alphabetical order
    for (dir, logs) in shelves.rev() {
        rows.extend(logs.as_array().into_iter().flatten().map(|log| row(dir, log)));
    }
    let server = text(document, "full_name");
    let troubles = Some(text(document, "error")).filter(|error| !error.is_empty());
    List { server, rows, troubles: troubles.into_iter().collect() }
}

fn row(dir: &str, log: &Value) -> Row {
    let flag = |key| log.get(key).and_then(Value::as_bool).unwrap_or_default();
    Row {
        dir: dir.to_owned(),
        name: text(log, "name"),
        debug: Some(text(log, "debugname")).filter(|name| flag("exist") && !name.is_empty()),
        error: flag("error"),
        warning: flag("warning"),
        message: text(log, "msg"),
    }
}

fn text(document: &Value, key: &str) -> String {
    document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn show(document: &Value, format: Format, missing: &str) -> Result<Exit> {
    let error = text(document, "error");
    if !error.is_empty() {
        return Err(Error::failed(super::visible(&error)));
    }
    let lines = document.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
    // both answer like this to a name they do not know
    let Some(filename) = document.get("filename") else { return Err(Error::failed(missing)) };
    match format {
        Format::Json => output::json(&json!({"filename": filename, "lines": lines}))?,
        Format::Table => lines.iter().filter_map(Value::as_str).try_for_each(show_line)?,
    }
    Ok(Exit::Done)
}
