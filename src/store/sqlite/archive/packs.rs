//! Packs in their table: what is settled together becomes a row for each meter and hour. Nothing is added to a row later; it is
//! only taken apart, when something more is said of one of its telegrams.

use std::collections::BTreeMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};
use wmbus::bare::Bare;
use wmbus::{Key, bare};

use super::pack::{self, Item, LONGEST, MOST, Packing};
use crate::hash::Map;
use crate::store::sqlite::codes;
use crate::store::sqlite::ingest::{NO_VALUE_ID, READ_ID};
use crate::store::sqlite::keys;
use crate::store::sqlite::repeat::{APART, Kept, Window};
use crate::store::sqlite::write::{Batch, Fault};
use crate::store::{NO_VALUE, READ, Telegram, TelegramKey, digest_of};

/// The hour of an instant, as the table has it.
pub(in super::super) fn hour_of(at: i64) -> i64 {
    at.div_euclid(3600)
}

/// What a transaction packs, and what it has looked up of what is packed.
#[derive(Default)]
pub(in super::super) struct Packs {
    /// Telegrams are packed, as far as they can be.
    on: bool,
    /// Whether there are any; not known until it is asked.
    some: Option<bool>,
    /// By hour and meter.
    pub(super) hours: BTreeMap<(i64, i64), Hour>,
    keys: Map<i64, Rc<Vec<Key>>>,
}

/// What a meter sent in an hour.
#[derive(Default)]
pub(super) struct Hour {
    /// Packs that are there already.
    pub(super) stored: Vec<Part>,
    /// The one that is made, and what is in it.
    pub(super) packing: Packing,
    marks: Vec<Mark>,
    /// The key that seals it, among the meter's.
    key: Option<usize>,
}

/// A pack that is there already: its number, and the instants of its first and last telegram.
pub(super) struct Part {
    number: i64,
    first: i64,
    last: i64,
    /// What is in it, once somebody looked for a repeat: to make digests again takes time.
    pub(super) digests: Option<Vec<Digest>>,
}

/// A packed telegram: when it was received, its digest, and whether it gave no value.
pub(super) type Digest = (i64, u64, bool);

/// A telegram in the pack that is made, and where in it.
struct Mark {
    at: i64,
    digest: u64,
    place: usize,
}

impl Hour {
    /// Where a telegram is in the pack that is made.
    pub(super) fn mark(&self, at: i64, digest: u64) -> Option<usize> {
        let mark = self
            .marks
            .iter()
            .find(|mark| mark.at == at && mark.digest == digest);
        mark.map(|mark| mark.place)
    }

    /// The packs that may have something between two instants.
    pub(super) fn parts(&self, from: i64, until: i64) -> Vec<i64> {
        let near = self
            .stored
            .iter()
            .filter(|part| part.first <= until && from <= part.last);
        near.map(|part| part.number).collect()
    }
}

/// What is in a pack: its telegrams, and the key that sealed them, among the meter's.
pub(super) type Opened = (Vec<Item>, Option<usize>);

impl Batch<'_> {
    /// From here on telegrams are packed.
    pub(in super::super) fn pack_telegrams(&mut self) {
        self.packs.on = true;
    }

    /// A telegram out of its seal, if it was opened, nothing more is to be said of it, and it can be made again octet for octet.
    pub(in super::super) fn bare(&mut self, telegram: &Telegram) -> Result<Option<Bare>, Fault> {
        let opened = matches!(&*telegram.outcome, READ | NO_VALUE) && telegram.evidence.is_none();
        if !opened || telegram.octets.len() > LONGEST {
            return Ok(None);
        }
        let keys = self.keys_of(telegram.meter.0)?;
        let is_it = |canonical: &[u8]| digest_of(canonical) == telegram.digest;
        Ok(bare::take_off(&telegram.octets, &keys, is_it))
    }

    /// A telegram of a meter in its seal again, with the key that gives it a digest of this kind, and the digest; `None` when there is
    /// none.
    pub(in super::super) fn sealed_again(
        &mut self,
        meter: i64,
        way: u8,
        bare: &[u8],
        is_it: impl Fn(u64) -> bool,
    ) -> rusqlite::Result<Option<(Vec<u8>, u64)>> {
        let keys = self.keys_of(meter)?;
        // Most are sealed, with the first of them.
        let mut sealed = keys.iter().map(Some).chain([None]).filter_map(|key| {
            let octets = bare::put_on(way, bare, key)?;
            let digest = digest_of(&bare::canonical(way, &octets)?);
            is_it(digest).then_some((octets, digest))
        });
        Ok(sealed.next())
    }

    /// Packs a telegram, if telegrams are packed and this one can be: read, with nothing more to be said of it, and such that
    /// it can be made again octet for octet.
    pub(super) fn pack(&mut self, telegram: &Telegram, radio: i64, outcome: i64) -> Result<bool, Fault> {
        if !self.packs.on {
            return Ok(false);
        }
        let (meter, at, digest) = (
            telegram.meter.0,
            telegram.received_at.as_second(),
            telegram.digest,
        );
        let Some(bare) = self.bare(telegram)? else {
            return Ok(false);
        };
        let Hour {
            packing, marks, key, ..
        } = self.hour(hour_of(at), meter)?;
        if packing.count() == 0 {
            *key = bare.key;
        } else if *key != bare.key || packing.count() as usize >= MOST {
            return Ok(false);
        }
        let item = Item {
            at,
            assumed: telegram.assumed,
            no_value: outcome == NO_VALUE_ID,
            radio,
            rssi_dbm: telegram.rssi_dbm,
            way: bare.way,
            octets: bare.octets,
        };
        let place = packing.push(item);
        marks.extend(place.map(|place| Mark { at, digest, place }));
        Ok(place.is_some())
    }

    /// Writes the packs that were made.
    pub(in super::super) fn store_packs(&mut self) -> Result<(), Fault> {
        let made: Vec<(i64, i64)> = self
            .packs
            .hours
            .iter()
            .filter(|(_, hour)| hour.packing.count() > 0)
            .map(|(place, _)| *place)
            .collect();
        for (hour, meter) in made {
            self.store_pack(hour, meter)?;
        }
        // Those that come later look again.
        self.packs.hours.clear();
        Ok(())
    }

    pub(super) fn store_pack(&mut self, hour: i64, meter: i64) -> Result<(), Fault> {
        let keys = self.keys_of(meter)?;
        let Some(of) = self.packs.hours.get_mut(&(hour, meter)) else {
            return Ok(());
        };
        let Hour {
            stored,
            packing,
            marks,
            key,
        } = of;
        let first = stored.iter().map(|part| part.number + 1).max().unwrap_or(0);
        let key = key.and_then(|key| keys.get(key));
        let packs = packing
            .in_parts(key)
            .ok_or_else(|| super::refused("telegrams can't be packed"))?;
        let mut marks_left = marks.as_slice();
        for (number, (pack, telegrams)) in (first..).zip(packs) {
            self.transaction
                .prepare_cached(
                    "INSERT OR ROLLBACK INTO telegram_pack (hour, meter, number, telegrams, octets)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![hour, meter, number, telegrams, pack])?;
            let these;
            (these, marks_left) = marks_left
                .split_at_checked(telegrams as usize)
                .unwrap_or((marks_left, &[]));
            stored.extend(part(number, these.iter().map(|mark| mark.at)));
        }
        *packing = Packing::default();
        marks.clear();
        self.packs.some = Some(true);
        Ok(())
    }

    /// Adds to a window what is packed of these telegrams, each an instant, a meter and a digest.
    pub(in super::super) fn packed_near(
        &mut self,
        wanted: &[(i64, i64, u64)],
        window: &mut Window,
    ) -> Result<(), Fault> {
        if !self.packs.on {
            // Each hour of a long replay is looked at once, and then forgotten.
            self.packs.hours.clear();
        }
        if !self.has_packs()? {
            return Ok(());
        }
        for (at, meter, digest) in wanted {
            let (from, until) = (at.saturating_sub(APART), at.saturating_add(APART));
            for hour in hour_of(from)..=hour_of(until) {
                for (received_at, no_value) in self.packed_as(hour, *meter, *digest, (from, until))? {
                    let outcome = outcome_of(no_value);
                    window.add(*meter, *digest, Kept { received_at, outcome });
                }
            }
        }
        Ok(())
    }

    /// The instants of what is packed with this digest in an hour, from one second to another, and whether it gave no value.
    fn packed_as(
        &mut self,
        hour: i64,
        meter: i64,
        digest: u64,
        (from, until): (i64, i64),
    ) -> Result<Vec<(i64, bool)>, Fault> {
        let within = |at: i64| from <= at && at <= until;
        let of = self.hour(hour, meter)?;
        let marks = of
            .marks
            .iter()
            .filter(|mark| mark.digest == digest && within(mark.at));
        let mut found: Vec<(i64, bool)> = marks
            .filter_map(|mark| Some((mark.at, of.packing.told(mark.place)?.1)))
            .collect();
        for number in of.parts(from, until) {
            self.look_into(hour, meter, number)?;
        }
        let known = self.hour(hour, meter)?.stored.iter();
        let same = known
            .filter_map(|part| part.digests.as_ref())
            .flatten()
            .filter(|(at, other, _)| *other == digest && within(*at));
        found.extend(same.map(|(at, _, no_value)| (*at, *no_value)));
        Ok(found)
    }

    /// Makes the digests of a pack again, unless that was done.
    fn look_into(&mut self, hour: i64, meter: i64, number: i64) -> Result<(), Fault> {
        let parts = &self.hour(hour, meter)?.stored;
        if !parts
            .iter()
            .any(|part| part.number == number && part.digests.is_none())
        {
            return Ok(());
        }
        let keys = self.keys_of(meter)?;
        let (items, key) = self.items(hour, meter, number, &keys)?.unwrap_or_default();
        let key = key.and_then(|key| keys.get(key));
        let digests = items.iter().filter_map(|item| {
            let octets = made_again(item, key)?;
            Some((item.at, digest_again(item, &octets)?, item.no_value))
        });
        let digests = Some(digests.collect());
        let parts = self.hour(hour, meter)?.stored.iter_mut();
        for part in parts.filter(|part| part.number == number) {
            part.digests.clone_from(&digests);
        }
        Ok(())
    }

    pub(super) fn has_packs(&mut self) -> rusqlite::Result<bool> {
        let some = match self.packs.some {
            Some(some) => some,
            None => self
                .transaction
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM telegram_pack)")?
                .query_row([], |row| row.get(0))?,
        };
        self.packs.some = Some(some);
        Ok(some || self.packs.on)
    }

    /// What is known of a meter's hour.
    pub(super) fn hour(&mut self, hour: i64, meter: i64) -> Result<&mut Hour, Fault> {
        if !self.packs.hours.contains_key(&(hour, meter)) {
            let mut of = Hour::default();
            let numbers: Vec<i64> = self
                .transaction
                .prepare_cached("SELECT number FROM telegram_pack WHERE hour = ?1 AND meter = ?2")?
                .query_map([hour, meter], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if !numbers.is_empty() {
                let keys = self.keys_of(meter)?;
                for number in numbers {
                    let items = self.items(hour, meter, number, &keys)?.unwrap_or_default().0;
                    let unknown = Part {
                        number,
                        first: i64::MAX,
                        last: i64::MIN,
                        digests: None,
                    };
                    of.stored
                        .push(part(number, items.iter().map(|item| item.at)).unwrap_or(unknown));
                }
            }
            self.packs.hours.insert((hour, meter), of);
        }
        Ok(self.packs.hours.entry((hour, meter)).or_default())
    }

    /// The telegrams of a pack and the key that sealed it; nothing when it can't be opened, or went as a whole.
    pub(super) fn items(
        &self,
        hour: i64,
        meter: i64,
        number: i64,
        keys: &[Key],
    ) -> rusqlite::Result<Option<Opened>> {
        self.transaction
            .prepare_cached(
                "SELECT octets FROM telegram_pack WHERE hour = ?1 AND meter = ?2 AND number = ?3",
            )?
            .query_row([hour, meter, number], |row| {
                Ok(pack::items(row.get_ref(0)?.as_blob()?, keys).ok())
            })
            .optional()
            .map(Option::flatten)
    }

    /// The keys of a meter; none when they can't be opened.
    pub(super) fn keys_of(&mut self, meter: i64) -> rusqlite::Result<Rc<Vec<Key>>> {
        if let Some(keys) = self.packs.keys.get(&meter) {
            return Ok(Rc::clone(keys));
        }
        let keys = Rc::new(keys::of(self.transaction, self.vault, meter)?.unwrap_or_default());
        self.packs.keys.insert(meter, Rc::clone(&keys));
        Ok(keys)
    }
}

/// Meter, instant and digest.
pub(super) fn place_of(telegram: TelegramKey) -> (i64, i64, u64) {
    (
        telegram.meter.0,
        telegram.received_at.as_second(),
        telegram.digest,
    )
}

/// The id of its outcome.
pub(super) fn outcome_of(no_value: bool) -> i64 {
    if no_value { NO_VALUE_ID } else { READ_ID }
}

/// A telegram as it was received.
pub(super) fn made_again(item: &Item, key: Option<&Key>) -> Option<Vec<u8>> {
    bare::put_on(item.way, &item.octets, key)
}

/// Whether a telegram that was made again has this digest.
pub(super) fn is_of(item: &Item, octets: &[u8], digest: u64) -> bool {
    digest_again(item, octets) == Some(digest)
}

/// The digest of a telegram that was made again.
pub(super) fn digest_again(item: &Item, octets: &[u8]) -> Option<u64> {
    bare::canonical(item.way, octets).map(|canonical| digest_of(&canonical))
}

/// A pack of that number, with telegrams of these instants; nothing when there are none.
fn part(number: i64, instants: impl Iterator<Item = i64> + Clone) -> Option<Part> {
    Some(Part {
        number,
        first: instants.clone().min()?,
        last: instants.max()?,
        digests: None,
    })
}

/// How many telegrams are packed.
pub(in super::super) fn packed(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT ifnull(sum(telegrams), 0) FROM telegram_pack")?
        .query_row([], |row| row.get(0))
        .map(codes::unsigned)
}
