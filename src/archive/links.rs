//! Files with several names: the first name met carries the content, the others are links to it.

use crate::archive::list::State;
use std::collections::HashMap;

/// The names of multi-link files stored so far. Memory grows with the number of such files whose other names have not been
/// met yet, and with nothing else.
#[derive(Debug, Default)]
pub struct Links {
    first: HashMap<(u64, u64), Known>,
}

#[derive(Debug)]
struct Known {
    /// The member with the content, and what that is worth.
    member: (Vec<u8>, State),
    /// Names not met yet.
    missing: u64,
}

impl Links {
    /// The member that already carries this file, if one does. Forgets it once all `nlink` names have been met.
    pub fn earlier(&mut self, id: (u64, u64), nlink: u64) -> Option<(Vec<u8>, State)> {
        if nlink < 2 {
            return None;
        }
        let known = self.first.get_mut(&id)?;
        known.missing -= 1;
        if known.missing == 0 {
            return self.first.remove(&id).map(|known| known.member);
        }
        Some(known.member.clone())
    }

    /// Remembers the member that carries a file with `nlink` names.
    pub fn remember(&mut self, id: (u64, u64), nlink: u64, member: (&[u8], State)) {
        if nlink > 1 {
            let member = (member.0.to_vec(), member.1);
            self.first.insert(id, Known { member, missing: nlink - 1 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P10: on two file systems the same number is not the same file.
    #[test]
    fn p10_files_of_two_file_systems_are_never_one() {
        let mut links = Links::default();
        links.remember((1, 2), 2, (b"a", State::Whole));
        assert_eq!(links.earlier((9, 2), 2), None);
        links.remember((9, 2), 2, (b"b", State::Whole));
        assert_eq!(links.earlier((1, 2), 2), Some((b"a".to_vec(), State::Whole)));
        assert_eq!(links.earlier((9, 2), 2), Some((b"b".to_vec(), State::Whole)));
    }

    #[test]
    fn a_file_is_forgotten_when_all_its_names_were_met() {
        let mut links = Links::default();
        assert_eq!(links.earlier((1, 2), 3), None);
        links.remember((1, 2), 3, (b"a", State::Damaged));
        assert_eq!(links.earlier((1, 2), 3), Some((b"a".to_vec(), State::Damaged)));
        assert_eq!(links.earlier((1, 2), 3), Some((b"a".to_vec(), State::Damaged)));
        assert!(links.first.is_empty());
        links.remember((1, 3), 1, (b"b", State::Whole));
        assert!(links.first.is_empty());
    }
}
