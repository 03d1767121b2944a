//! Packs in their table: what is settled together becomes a row for each meter and hour. Nothing is added to a row later; it is
//! only taken apart, when something more is said of one of its telegrams.

use std::collections::BTreeMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};
use wmbus::{Key, bare};

use super::pack::{self, Item, LONGEST, MOST, Packing};
use crate::hash::Map;
use crate::store::sqlite::codes;
use crate::store::sqlite::ingest::{NO_VALUE_ID, READ_ID};
use crate::store::sqlite::keys;
use crate::store::sqlite::repeat::{APART, Kept, Window};
use crate::store::sqlite::write::{Batch, Fault};
use crate::store::{Telegram, TelegramKey, digest_of};

/// The hour of an instant, as the table has it.
pub(super) fn hour_of(at: i64) -> i64 {
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
    hours: BTreeMap<(i64, i64), Hour>,
    keys: Map<i64, Rc<Vec<Key>>>,
}

/// What a meter sent in an hour.
#[derive(Default)]
struct Hour {
    /// Packs that are there already.
    stored: Vec<Part>,
    /// The one that is made, and what is in it.
    packing: Packing,
    marks: Vec<Mark>,
    /// The key that seals it, among the meter's.
    key: Option<usize>,
}

/// A pack that is there already: its number, and the instants of its first and last telegram.
struct Part {
    number: i64,
    first: i64,
    last: i64,
    /// What is in it, once somebody looked for a repeat: to make digests again takes time.
    digests: Option<Vec<Digest>>,
}

/// A packed telegram: when it was received, its digest, and whether it gave no value.
type Digest = (i64, u64, bool);

/// A telegram in the pack that is made, and where in it.
struct Mark {
    at: i64,
    digest: u64,
    place: usize,
}

impl Hour {
    /// Where a telegram is in the pack that is made.
    fn mark(&self, at: i64, digest: u64) -> Option<usize> {
        let mark = self
            .marks
            .iter()
            .find(|mark| mark.at == at && mark.digest == digest);
        mark.map(|mark| mark.place)
    }

    /// The packs that may have something between two instants.
    fn parts(&self, from: i64, until: i64) -> Vec<i64> {
        let near = self
            .stored
            .iter()
            .filter(|part| part.first <= until && from <= part.last);
        near.map(|part| part.number).collect()
    }
}

/// A telegram in a pack that is there already.
struct Stored {
    /// The pack, and what is in it.
    number: i64,
    items: Vec<Item>,
    key: Option<usize>,
    /// Which of the items it is, and as it was received.
    place: usize,
    octets: Vec<u8>,
}

/// What is in a pack: its telegrams, and the key that sealed them, among the meter's.
type Opened = (Vec<Item>, Option<usize>);

impl Batch<'_> {
    /// From here on telegrams are packed.
    pub(in super::super) fn pack_telegrams(&mut self) {
        self.packs.on = true;
    }

    /// Packs a telegram, if telegrams are packed and this one can be: read, with nothing more to be said of it, and such that
    /// it can be made again octet for octet.
    pub(super) fn pack(&mut self, telegram: &Telegram, radio: i64, outcome: i64) -> Result<bool, Fault> {
        let opened = matches!(outcome, READ_ID | NO_VALUE_ID) && telegram.evidence.is_none();
        if !self.packs.on || !opened || telegram.octets.len() > LONGEST {
            return Ok(false);
        }
        let (meter, at, digest) = (
            telegram.meter.0,
            telegram.received_at.as_second(),
            telegram.digest,
        );
        let keys = self.keys_of(meter)?;
        let is_it = |canonical: &[u8]| digest_of(canonical) == digest;
        let Some(bare) = bare::take_off(&telegram.octets, &keys, is_it) else {
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

    fn store_pack(&mut self, hour: i64, meter: i64) -> Result<(), Fault> {
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
        let number = stored.iter().map(|part| part.number + 1).max().unwrap_or(0);
        let key = key.and_then(|key| keys.get(key));
        let pack = packing
            .sealed(key)
            .ok_or_else(|| super::refused("telegrams can't be packed"))?;
        self.transaction
            .prepare_cached(
                "INSERT OR ROLLBACK INTO telegram_pack (hour, meter, number, telegrams, octets)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![hour, meter, number, packing.count(), pack])?;
        stored.extend(part(number, marks.iter().map(|mark| mark.at)));
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

    /// Makes sure that a telegram of the archive is a row of its own, of which more can be said; whether it was packed.
    pub(in super::super) fn unpack(&mut self, telegram: TelegramKey) -> Result<bool, Fault> {
        if !self.has_packs()? {
            return Ok(false);
        }
        let (meter, at, digest) = place_of(telegram);
        let hour = hour_of(at);
        if self.hour(hour, meter)?.mark(at, digest).is_some() {
            self.store_pack(hour, meter)?;
        }
        let Some(mut found) = self.stored(telegram)? else {
            return Ok(false);
        };
        let item = found.items.remove(found.place);
        for part in &mut self.hour(hour, meter)?.stored {
            part.digests = None;
        }
        let keys = self.keys_of(meter)?;
        self.store_again((hour, meter, found.number), (found.items, found.key), &keys)?;
        self.file(telegram, &item, &found.octets)?;
        Ok(true)
    }

    /// A telegram in a pack that is there already.
    fn stored(&mut self, telegram: TelegramKey) -> Result<Option<Stored>, Fault> {
        let (meter, at, digest) = place_of(telegram);
        let numbers = self.hour(hour_of(at), meter)?.parts(at, at);
        let keys = self.keys_of(meter)?;
        for number in numbers {
            let Some((items, key)) = self.items(hour_of(at), meter, number, &keys)? else {
                continue;
            };
            let found = items.iter().enumerate().find_map(|(place, item)| {
                let key = key.and_then(|key| keys.get(key));
                let octets = made_again(item, key).filter(|_| item.at == at)?;
                is_of(item, &octets, digest).then_some((place, octets))
            });
            if let Some((place, octets)) = found {
                return Ok(Some(Stored {
                    number,
                    items,
                    key,
                    place,
                    octets,
                }));
            }
        }
        Ok(None)
    }

    /// A telegram of the archive was heard louder by somebody else: whether that was news, where it is packed; nothing where it is
    /// not.
    pub(in super::super) fn louder_packed(
        &mut self,
        telegram: TelegramKey,
        rssi_dbm: i16,
    ) -> Result<Option<bool>, Fault> {
        let (meter, at, digest) = place_of(telegram);
        if !self.has_packs()? {
            return Ok(None);
        }
        let hour = self.hour(hour_of(at), meter)?;
        if let Some(place) = hour.mark(at, digest)
            && let Some((known, _)) = hour.packing.told(place)
        {
            if known.is_some_and(|known| known >= rssi_dbm) {
                return Ok(Some(false));
            }
            if hour.packing.raise_rssi(place, rssi_dbm) {
                return Ok(Some(true));
            }
        } else {
            let known = self.stored(telegram)?;
            let known = known.and_then(|found| found.items.get(found.place)?.rssi_dbm);
            if known.is_some_and(|known| known >= rssi_dbm) {
                return Ok(Some(false));
            }
        }
        self.unpack(telegram)?;
        Ok(None)
    }

    /// A telegram that is in a pack that is made gave values after all; false where that has to be said otherwise.
    pub(in super::super) fn read_packed(&mut self, telegram: TelegramKey) -> Result<bool, Fault> {
        let (meter, at, digest) = place_of(telegram);
        if !self.has_packs()? {
            return Ok(false);
        }
        let hour = self.hour(hour_of(at), meter)?;
        match hour.mark(at, digest) {
            Some(place) => {
                hour.packing.set_no_value(place, false);
                Ok(true)
            }
            None => self.unpack(telegram).map(|_| false),
        }
    }

    /// Deletes what is packed of a meter between two instants; how many telegrams went.
    pub(in super::super) fn erase_packed(
        &mut self,
        meter: i64,
        since: i64,
        until: i64,
    ) -> Result<u64, Fault> {
        self.packs.hours.clear();
        let keys = self.keys_of(meter)?;
        let parts: Vec<(i64, i64, i64)> = self
            .transaction
            .prepare_cached(
                "SELECT hour, number, telegrams FROM telegram_pack WHERE hour BETWEEN ?1 AND ?2 AND meter = ?3",
            )?
            .query_map([hour_of(since), hour_of(until.saturating_sub(1)), meter], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let mut erased = 0;
        for (hour, number, telegrams) in parts {
            let place = (hour, meter, number);
            let whole = since <= hour * 3600 && (hour + 1) * 3600 <= until;
            // What can't be looked into goes as a whole, too.
            let items = if whole {
                None
            } else {
                self.items(hour, meter, number, &keys)?
            };
            let Some((mut items, key)) = items else {
                self.delete_pack(place)?;
                erased += telegrams.unsigned_abs();
                continue;
            };
            let before = items.len();
            items.retain(|item| item.at < since || item.at >= until);
            if items.len() < before {
                erased += (before - items.len()) as u64;
                self.store_again(place, (items, key), &keys)?;
            }
        }
        Ok(erased)
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

    fn has_packs(&mut self) -> rusqlite::Result<bool> {
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
    fn hour(&mut self, hour: i64, meter: i64) -> Result<&mut Hour, Fault> {
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
    fn items(&self, hour: i64, meter: i64, number: i64, keys: &[Key]) -> rusqlite::Result<Option<Opened>> {
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

    /// Puts what is left of a pack in its place.
    fn store_again(
        &mut self,
        place: (i64, i64, i64),
        (items, key): Opened,
        keys: &[Key],
    ) -> Result<(), Fault> {
        let (hour, meter, number) = place;
        if items.is_empty() {
            return self.delete_pack(place);
        }
        let mut packing = Packing::default();
        for item in items {
            packing.push(item);
        }
        let pack = packing
            .sealed(key.and_then(|key| keys.get(key)))
            .ok_or_else(|| super::refused("telegrams can't be packed"))?;
        self.transaction
            .prepare_cached(
                "UPDATE telegram_pack SET telegrams = ?4, octets = ?5 WHERE hour = ?1 AND meter = ?2 AND number = ?3",
            )?
            .execute(params![hour, meter, number, packing.count(), pack])?;
        Ok(())
    }

    fn delete_pack(&self, (hour, meter, number): (i64, i64, i64)) -> Result<(), Fault> {
        self.transaction
            .prepare_cached("DELETE FROM telegram_pack WHERE hour = ?1 AND meter = ?2 AND number = ?3")?
            .execute([hour, meter, number])?;
        Ok(())
    }

    /// Files an item as a row of its own.
    fn file(&self, telegram: TelegramKey, item: &Item, octets: &[u8]) -> rusqlite::Result<()> {
        let (meter, at, digest) = place_of(telegram);
        self.transaction
            .prepare_cached(
                "INSERT INTO telegram (received_at, meter, digest, octets, radio, rssi_dbm, outcome, assumed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                at,
                meter,
                codes::signed(digest),
                octets,
                item.radio,
                item.rssi_dbm,
                outcome_of(item.no_value),
                item.assumed,
            ])
            .map(drop)
    }

    /// The keys of a meter; none when they can't be opened.
    fn keys_of(&mut self, meter: i64) -> rusqlite::Result<Rc<Vec<Key>>> {
        if let Some(keys) = self.packs.keys.get(&meter) {
            return Ok(Rc::clone(keys));
        }
        let keys = Rc::new(keys::of(self.transaction, self.vault, meter)?.unwrap_or_default());
        self.packs.keys.insert(meter, Rc::clone(&keys));
        Ok(keys)
    }
}

/// Meter, instant and digest.
fn place_of(telegram: TelegramKey) -> (i64, i64, u64) {
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
fn is_of(item: &Item, octets: &[u8], digest: u64) -> bool {
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

/// Lets go of packs of hours that were over before an instant, until enough telegrams went; how many did.
pub(in super::super) fn let_go(
    connection: &Connection,
    before: i64,
    left: &mut usize,
) -> rusqlite::Result<u64> {
    let mut gone = 0;
    while *left > 0 {
        let first: Option<(i64, i64, i64, i64)> = connection
            .prepare_cached(
                "SELECT hour, meter, number, telegrams FROM telegram_pack WHERE hour < ?1 ORDER BY hour, meter, number LIMIT 1",
            )?
            .query_row([hour_of(before)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((hour, meter, number, telegrams)) = first else {
            break;
        };
        connection
            .prepare_cached("DELETE FROM telegram_pack WHERE hour = ?1 AND meter = ?2 AND number = ?3")?
            .execute([hour, meter, number])?;
        gone += telegrams.unsigned_abs();
        *left = left.saturating_sub(usize::try_from(telegrams).unwrap_or(1).max(1));
    }
    Ok(gone)
}
