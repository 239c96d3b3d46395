//! From a place inside to its client.

use crate::webapi::gate::answer::Part;
use crate::webapi::gate::client::{Client, Phase};
use crate::webapi::gate::inside::Place;
use crate::webapi::gate::refusal::Refusal;
use std::time::Instant;

/// Passes on what has come of an answer, to nobody when its client has gone. What is refused is returned: the answer, when it
/// broke off before it began, or the next request of a client that had sent it already.
pub fn pass_on(place: &mut Place, mut bytes: &[u8], mut client: Option<&mut Client>, now: Instant) -> Option<Refusal> {
    let mut refusal = None;
    while let Some(unwrapping) = &mut place.unwrapping {
        match (unwrapping.next(&mut bytes), &mut client) {
            (Ok(Some(Part::Head(head))), Some(client)) => client.begin(&head, now),
            (Ok(Some(Part::Body(piece))), Some(client)) => client.body(piece, now),
            (Ok(Some(Part::End)), client) => match (place.finish(), client) {
                (true, Some(client)) => refusal = client.end(now),
                (false, Some(client)) => client.break_off(now),
                (_, None) => {}
            },
            (Ok(Some(_)), None) => {}
            (Ok(None), _) => break,
            (Err(_), _) => place.kill(),
        }
    }
    let client = client?;
    if place.is_dead() {
        place.client = None;
        if client.has_begun() {
            client.phase = Phase::Gone;
        } else {
            refusal = Some(Refusal::new(502, "the answer broke off"));
        }
    }
    client.flush(now);
    refusal
}
