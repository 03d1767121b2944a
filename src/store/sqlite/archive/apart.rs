//! Packs taken apart: when something more is said of one of their telegrams, when their time is over, and when somebody wants them
//! erased.

use rusqlite::{Connection, OptionalExtension, params};
use wmbus::Key;

use super::pack::{Item, Packing};
use super::packs::{Opened, hour_of, is_of, made_again, outcome_of, place_of};
use crate::store::TelegramKey;
use crate::store::sqlite::codes;
use crate::store::sqlite::write::{Batch, Fault};

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

impl Batch<'_> {
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
                if item.at != at {
                    return None;
                }
                let octets = made_again(item, key.and_then(|key| keys.get(key)))?;
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
            let Some(found) = self.stored(telegram)? else {
                return Ok(None);
            };
            let known = found.items.get(found.place).and_then(|item| item.rssi_dbm);
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
            let begin = hour.saturating_mul(3600);
            let whole = since <= begin && begin.saturating_add(3600) <= until;
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
