//! `check`: every problem of the configuration with its place. Changes nothing.

use crate::actions::properties::Severity;
use crate::commands::list::Format;
use crate::config::{Config, Located};
use crate::error::{Exit, Result};
use crate::output::{self, Colour, Target};
use serde_json::json;
use std::path::Path;

/// Checks the configuration: 2 with errors, 3 with warnings only, 0 when there is nothing to say or only notes.
pub fn check(config_file: Option<&Path>, format: Format) -> Result<Exit> {
    let path = Config::find(config_file)?;
    let problems = match Config::examine(&path)? {
        Ok(config) => config.problems,
        Err(no_yaml) => vec![no_yaml],
    };
    let worst = problems.iter().map(|located| located.problem.severity).max();
    match format {
        Format::Json => output::json(&document(&path, &problems))?,
        Format::Table => {
            for located in &problems {
                let line = format!("{}:{located}", path.display());
                output::line(&coloured(Target::Stdout, located.problem.severity, &line))?;
            }
            let summary = format!("{}: {}", path.display(), summary(&problems));
            output::note(&worst.map_or(summary.clone(), |worst| coloured(Target::Stderr, worst, &summary)));
        }
    }
    Ok(match worst {
        Some(Severity::Error) => Exit::Usage,
        Some(Severity::Warning) => Exit::Warning,
        Some(Severity::Note) | None => Exit::Done,
    })
}

fn coloured(target: Target, severity: Severity, text: &str) -> String {
    match severity {
        Severity::Error => output::coloured(target, Colour::Red, text),
        Severity::Warning => output::coloured(target, Colour::Yellow, text),
        Severity::Note => text.to_owned(),
    }
}

/// `2 errors, 1 warning`.
fn summary(problems: &[Located]) -> String {
    let counted = [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(|severity| {
        let count = problems.iter().filter(|located| located.problem.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {severity}{plural}"))
    });
    let counted: Vec<_> = counted.collect();
    if counted.is_empty() { "no problems".to_owned() } else { counted.join(", ") }
}

fn document(path: &Path, problems: &[Located]) -> serde_json::Value {
    let count = |severity| problems.iter().filter(|located| located.problem.severity == severity).count();
    let problem = |located: &Located| {
        json!({
            "line": located.line,
            "column": located.column,
            "severity": located.problem.severity.to_string(),
            "path": located.problem.path,
            "message": located.problem.message,
        })
    };
    json!({
        "config": path,
        "errors": count(Severity::Error),
        "warnings": count(Severity::Warning),
        "notes": count(Severity::Note),
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::properties::Problem;

    fn located(severity: Severity, path: &[&str]) -> Located {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        Located { line: 3, column: 5, problem: Problem { severity, path, message: "it is wrong".into() } }
    }

    #[test]
    fn a_problem_is_one_line_with_its_place() {
        let problem = located(Severity::Error, &["actions", "tar0", "level"]);
        assert_eq!(problem.to_string(), "3:5: error: actions.tar0.level: it is wrong");
        assert_eq!(located(Severity::Note, &[]).to_string(), "3:5: note: it is wrong");
    }

    #[test]
    fn the_summary_counts_by_severity() {
        let problems = [located(Severity::Error, &[]), located(Severity::Error, &[]), located(Severity::Note, &[])];
        assert_eq!(summary(&problems), "2 errors, 1 note");
        assert_eq!(summary(&[]), "no problems");
    }
}
