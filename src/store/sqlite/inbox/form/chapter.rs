//! What a chapter has said so far, as its writer remembers it. Of a base no more than where it lies: it is read again from the file.

use std::sync::Arc;

use flate2::Crc;

use super::{LONGEST, NAMES};
use crate::hash::Map;
use crate::store::Channel;

/// A chapter as it grows.
pub(in super::super) struct Chapter {
    pub(super) number: u32,
    batches: u32,
    texts: Map<Arc<str>, u32>,
    channels: Map<Channel, u32>,
    /// By meter and length.
    bases: Map<(i64, u16), Base>,
    pub(super) bases_told: u32,
    /// Bases of batches that are not in the file yet.
    fresh: Vec<Fresh>,
    /// Batches that are not in the file yet.
    forms: usize,
}

/// A telegram that later ones differ from: its number in the chapter, and where it lies.
#[derive(Clone, Copy)]
struct Base {
    number: u32,
    at: u32,
    sum: u32,
}

struct Fresh {
    meter: i64,
    number: u32,
    octets: Vec<u8>,
    /// In which batch, and where in it.
    place: (usize, usize),
}

/// Where the octets of a batch begin in the file.
pub(super) type Place = u32;

/// So many batches are in a chapter at most: some minutes, in which what is lost takes more along.
const MOST: u32 = 500;

impl Chapter {
    pub(in super::super) fn new(number: u32) -> Self {
        Self {
            number,
            batches: 0,
            texts: Map::default(),
            channels: Map::default(),
            bases: Map::default(),
            bases_told: 0,
            fresh: Vec::new(),
            forms: 0,
        }
    }

    /// Whether another batch may be of it.
    pub(in super::super) fn goes_on(&self) -> bool {
        let half = NAMES / 2;
        self.batches < MOST
            && self.texts.len() < half
            && self.channels.len() < half
            && (self.bases_told as usize) < half
    }

    /// The number of a text, new or not.
    pub(super) fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        let number = next(&self.texts);
        self.texts.insert(Arc::from(text), number);
        number
    }

    /// The number of a channel, new or not.
    pub(super) fn channel(&mut self, channel: &Channel) -> u32 {
        let number = next(&self.channels);
        *self.channels.entry(*channel).or_insert(number)
    }

    /// The number of a base of a meter that is so long, and its octets, which `read` brings.
    pub(super) fn base(
        &self,
        meter: i64,
        length: usize,
        read: &mut dyn FnMut(Place, usize) -> Option<Vec<u8>>,
    ) -> Option<(u32, Vec<u8>)> {
        let fresh = self
            .fresh
            .iter()
            .find(|fresh| fresh.meter == meter && fresh.octets.len() == length);
        if let Some(Fresh { number, octets, .. }) = fresh {
            return Some((*number, octets.clone()));
        }
        let Base { number, at, sum } = self.bases.get(&(meter, u16::try_from(length).ok()?))?;
        let octets = read(*at, length)?;
        (sum_of(&octets) == *sum).then_some((*number, octets))
    }

    /// Whether a telegram of a meter can be a base for later ones.
    pub(super) fn wants(&self, meter: i64, length: usize) -> bool {
        length < LONGEST
            && (self.bases_told as usize) < NAMES
            && u16::try_from(length).is_ok_and(|length| !self.bases.contains_key(&(meter, length)))
    }

    /// A telegram is a base from now on; it lies there in the batch that is made.
    pub(super) fn add_base(&mut self, meter: i64, octets: Vec<u8>, at: usize) {
        self.fresh.push(Fresh {
            meter,
            number: self.bases_told,
            octets,
            place: (self.forms, at),
        });
        self.bases_told += 1;
    }

    /// A batch is made.
    pub(super) fn end_form(&mut self) {
        self.forms += 1;
        self.batches += 1;
    }

    /// The batches that were made lie in the file, and these are their places.
    pub(in super::super) fn kept(&mut self, places: &[Place]) {
        for fresh in self.fresh.drain(..) {
            let (form, at) = fresh.place;
            let at = u32::try_from(at)
                .ok()
                .zip(places.get(form))
                .and_then(|(at, begin)| begin.checked_add(at));
            if let (Some(at), Ok(length)) = (at, u16::try_from(fresh.octets.len())) {
                let base = Base {
                    number: fresh.number,
                    at,
                    sum: sum_of(&fresh.octets),
                };
                self.bases.insert((fresh.meter, length), base);
            }
        }
        self.forms = 0;
    }
}

fn next<K>(names: &Map<K, u32>) -> u32 {
    u32::try_from(names.len()).unwrap_or(u32::MAX)
}

fn sum_of(octets: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(octets);
    crc.sum()
}
