//! Whom the administrator lets in: `web.allow` and `web.token`.

use crate::config::network::Network;
use crate::config::secret::Secret;
use crate::webapi::gate::head::Head;
use crate::webapi::gate::refusal::Refusal;
use std::net::IpAddr;

/// What needs no token, so that a balancer or a watchdog can ask whether anybody is there.
const OPEN: &str = "/healthz";

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Networks of clients; all when empty.
    pub allow: Vec<Network>,
    /// What a client has to know; nothing when none.
    pub token: Option<Secret>,
}

impl Rules {
    /// Whether this client may say anything at all.
    pub fn lets_in(&self, peer: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(peer))
    }

    /// Why a request that is in order is refused all the same.
    pub fn refusal(&self, request: &Head) -> Option<Refusal> {
        let token = self.token.as_ref().filter(|_| request.path != OPEN)?;
        let is_known = request.token.as_deref().is_some_and(|said| token.is(said));
        (!is_known).then_some(Refusal::new(401, "a token is needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webapi::gate::head;

    #[test]
    fn networks_and_tokens() {
        let allow = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap()).to_vec();
        let rules = Rules { allow, token: Some(Secret::new("k3y".into())) };
        let in_: Vec<_> =
            ["10.255.0.1", "11.0.0.1", "::1", "::2"].map(|text| rules.lets_in(text.parse().unwrap())).into();
        assert_eq!(in_, [true, false, true, false]);
        assert!(Rules::default().lets_in("8.8.8.8".parse().unwrap()));
        let code = |path: &str, field: &str| {
            let head = head::parse(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n").as_bytes()).unwrap();
            rules.refusal(&head).map_or(200, |refusal| refusal.code)
        };
        assert_eq!(code("/healthz", ""), 200);
        for (field, expected) in [
            ("", 401),
            ("Authorization: Bearer k3y", 200),
            ("authorization: bearer  k3y", 200),
            ("Authorization: Bearer k3", 401),
            ("Authorization: Bearer k3yy", 401),
            ("Authorization: Bearer", 401),
            ("Authorization: Basic k3y", 401),
            ("Authorization: k3y", 401),
        ] {
            assert_eq!(code("/api/si", field), expected, "{field}");
        }
    }
}
