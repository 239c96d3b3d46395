//! Packs the pages that `krista-backup help` prints from into one compressed file; docs/decisions.md says why.

use bzip2::Compression;
use bzip2::write::BzEncoder;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Pages for those who build or change the program; whoever only has the binary does not need them.
const NOT_PACKED: [&str; 3] = ["architecture.md", "decisions.md", "performance.md"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("README.ru.md")];
    for dir in ["docs", "docs/ru"] {
        pages.extend(pages_in(Path::new(dir))?);
    }
    let mut stdout = std::io::stdout();
    for watched in ["docs", "README.md", "README.ru.md"] {
        writeln!(stdout, "cargo::rerun-if-changed={watched}")?;
    }
    let target = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?).join("pages");
    let mut packed = BzEncoder::new(fs::File::create(target)?, Compression::best());
    for page in pages {
        // a start of heading, the name, the text: what src/commands/help/pages.rs takes apart
        write!(packed, "\u{1}{}\n{}", page.display(), fs::read_to_string(&page)?)?;
    }
    packed.finish()?.sync_all()?;
    Ok(())
}

/// Sorted, so that the same pages always give the same bytes.
fn pages_in(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let packed = |path: &PathBuf| {
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        is_page && !path.file_name().and_then(|name| name.to_str()).is_some_and(|name| NOT_PACKED.contains(&name))
    };
    let mut pages: Vec<_> = entries.into_iter().filter(packed).collect();
    pages.sort();
    Ok(pages)
}
