//! A link to a page or a section that was renamed leads nowhere.

use crate::markdown::{all_pages, anchor, prose_and_code, text};
use std::path::Path;

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for page in all_pages() {
        let dir = Path::new(&page).parent().unwrap().to_owned();
        for line in prose_and_code(&page).0 {
            for link in line.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
                if link.contains("://") {
                    continue;
                }
                let (file, section) = link.split_once('#').unwrap_or((link, ""));
                let target = if file.is_empty() { page.clone().into() } else { dir.join(file) };
                assert!(target.exists(), "{page}: {link} leads nowhere");
                if !section.is_empty() {
                    let text = text(target.to_str().unwrap());
                    let anchors: Vec<_> = text.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
                    assert!(anchors.iter().any(|own| own == section), "{page}: {link}: the section is not there");
                }
                followed += 1;
            }
        }
    }
    assert!(followed > 150, "only {followed} links");
}
