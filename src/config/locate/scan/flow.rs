//! Flow style: `[a, b]` and `{a: b}`.

use super::{Decoration, Scanner};
use crate::config::locate::{Shape, SpotId};

impl Scanner<'_> {
    pub(super) fn flow_list(&mut self) -> Shape {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.skip();
            match self.peek() {
                None => return Shape::List(items),
                Some(b']') => {
                    self.at += 1;
                    return Shape::List(items);
                }
                Some(b',') => self.at += 1,
                Some(_) => {
                    let before = self.at;
                    let (key, value) = self.flow_pair();
                    let item = match value {
                        None => key,
                        Some(value) => {
                            let pair = self.add(Shape::Map(vec![(key, value)]));
                            if let Some(spot) = self.spots.get_mut(pair) {
                                spot.start = before;
                            }
                            pair
                        }
                    };
                    items.push(item);
                    self.progress(before);
                }
            }
        }
    }

    pub(super) fn flow_map(&mut self) -> Shape {
        let mut pairs = Vec::new();
        self.at += 1;
        loop {
            self.skip();
            match self.peek() {
                None => return Shape::Map(pairs),
                Some(b'}') => {
                    self.at += 1;
                    return Shape::Map(pairs);
                }
                Some(b',') => self.at += 1,
                Some(_) => {
                    let before = self.at;
                    let (key, value) = self.flow_pair();
                    let value = value.unwrap_or_else(|| self.add(Shape::Empty));
                    pairs.push((key, value));
                    self.progress(before);
                }
            }
        }
    }

    pub(super) fn flow_pair(&mut self) -> (SpotId, Option<SpotId>) {
        if self.indicator(b'?') {
            self.at += 1;
            self.skip();
        }
        let key = self.flow_node();
        self.skip();
        if self.peek() != Some(b':') {
            return (key, None);
        }
        self.at += 1;
        self.skip();
        (key, Some(self.flow_node()))
    }

    pub(super) fn flow_node(&mut self) -> SpotId {
        let id = self.add(Shape::Empty);
        if !self.enter() {
            return id;
        }
        let mut tagged = false;
        while let Some(decoration) = self.decoration() {
            match decoration {
                Decoration::Anchor(name) => drop(self.anchors.insert(name, id)),
                Decoration::TextTag => tagged = true,
                Decoration::Tag => {}
            }
            self.skip();
        }
        let shape = match self.peek() {
            None | Some(b',' | b']' | b'}') => Shape::Empty,
            Some(b':') if self.indicator(b':') => Shape::Empty,
            Some(b'*') => self.alias(),
            Some(b'[') => self.flow_list(),
            Some(b'{') => self.flow_map(),
            Some(quote @ (b'"' | b'\'')) => {
                self.quoted(quote);
                Shape::Quoted
            }
            Some(_) => {
                let plain = self.flow_plain();
                if tagged { Shape::Quoted } else { plain }
            }
        };
        self.set(id, shape);
        self.depth -= 1;
        id
    }
}
