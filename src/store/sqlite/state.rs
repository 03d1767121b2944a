//! What a batch says about meters, receivers and strangers, gathered first and written once per row.
//!
//! Each rule gives the same rows in whatever order telegrams come: the latest speaks for a meter (of two in one second
//! the one with the larger digest), first and last are a minimum and a maximum, and only what the archive took counts.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use wmbus::{Address, DeviceType, Manufacturer, Version};

use super::codes;
use super::write::{Batch, Fault};
use crate::hash::Map;
use crate::registry::MeterAddress;
use crate::store::{Sighting, Telegram, TelegramKey, Word};

/// Written in the order of their numbers, so that the same batch always writes in the same order.
#[derive(Default)]
pub(super) struct Gathered {
    meters: Map<i64, Meter>,
    outcomes: Map<(i64, i64), Tally>,
    facts: Map<i64, Vec<Fact>>,
    radios: BTreeMap<i64, Span>,
    strangers: BTreeMap<i64, Stranger>,
    live: Map<i64, i64>,
    /// Strengths that another receiver of the same transmission had, by meter, instant and digest.
    louder: BTreeMap<(i64, i64, i64), i16>,
}

/// The columns of `meter_state`.
struct Meter {
    first_heard: i64,
    last: (i64, i64),
    rssi_dbm: Option<i16>,
    radio: i64,
    outcome: i64,
    telegrams: i64,
    opened: Option<Opened>,
    counter: Option<Counter>,
}

/// The columns that the latest authenticated telegram fills: when, and its message counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Counter {
    at: i64,
    value: u32,
}

/// The columns that the latest opened telegram fills.
struct Opened {
    last: (i64, i64),
    device_time: Option<i64>,
    status: String,
}

/// Something that a meter said of itself, and when it said so last.
struct Fact {
    name: Word,
    at: i64,
    value: Word,
}

struct Tally {
    telegrams: i64,
    last_at: i64,
}

struct Span {
    first: i64,
    last: i64,
    telegrams: i64,
}

/// The columns of `heard`.
struct Stranger {
    first_heard: i64,
    last_heard: i64,
    telegrams: i64,
    rssi_dbm: Option<i16>,
    radio: i64,
    new: bool,
}

impl Gathered {
    /// A telegram of a registered meter; `count` is 1 when the archive took it and 0 when not.
    pub(super) fn telegram(
        &mut self,
        telegram: &Telegram,
        received_at: i64,
        radio: i64,
        outcome: i64,
        count: i64,
    ) {
        let last = (received_at, codes::signed(telegram.digest));
        let opened = telegram.facts.opened.then(|| Opened {
            last,
            device_time: telegram.facts.device_time.map(codes::stamp_number),
            status: codes::status_text(&telegram.facts.status),
        });
        let news = Meter {
            first_heard: received_at,
            last,
            rssi_dbm: telegram.rssi_dbm,
            radio,
            outcome,
            telegrams: count,
            opened,
            counter: telegram.facts.counter.map(|value| Counter {
                at: received_at,
                value,
            }),
        };
        match self.meters.get_mut(&telegram.meter.0) {
            Some(meter) => meter.merge(news),
            None => {
                self.meters.insert(telegram.meter.0, news);
            }
        }
    }

    /// A kept telegram was received by somebody else, too: the best strength of all stays, whoever came first.
    pub(super) fn louder(
        &mut self,
        batch: &mut Batch<'_>,
        telegram: TelegramKey,
        rssi_dbm: Option<i16>,
    ) -> Result<(), Fault> {
        let Some(rssi_dbm) = rssi_dbm else {
            return Ok(());
        };
        let (meter, digest) = (telegram.meter.0, codes::signed(telegram.digest));
        let kept_at = telegram.received_at.as_second();
        let louder = match batch.louder_packed(telegram, rssi_dbm)? {
            Some(louder) => louder,
            None => {
                batch
                    .transaction
                    .prepare_cached(
                        "UPDATE telegram SET rssi_dbm = ?4
                         WHERE received_at = ?1 AND meter = ?2 AND digest = ?3 AND ifnull(rssi_dbm, -32768) < ?4",
                    )?
                    .execute(params![kept_at, meter, digest, rssi_dbm])?
                    > 0
            }
        };
        if louder {
            self.louder.insert((meter, kept_at, digest), rssi_dbm);
        }
        Ok(())
    }

    /// So many telegrams more (or fewer) ended in this way.
    pub(super) fn outcome(&mut self, meter: i64, outcome: i64, at: i64, count: i64) {
        let tally = self.outcomes.entry((meter, outcome)).or_insert(Tally {
            telegrams: 0,
            last_at: at,
        });
        tally.telegrams += count;
        tally.last_at = tally.last_at.max(at);
    }

    /// What a meter says of itself.
    pub(super) fn facts(&mut self, meter: i64, said: &[(Word, Word)], at: i64) {
        // A handful, and mostly the same in the same order as before: looked through without making a text of each.
        let facts = self.facts.entry(meter).or_default();
        let mut likely = 0;
        for (name, value) in said {
            let is_meant = |fact: &Fact| fact.name == *name;
            let place = if facts.get(likely).is_some_and(is_meant) {
                Some(likely)
            } else {
                facts.iter().position(is_meant)
            };
            likely = place.map_or(0, |place| place + 1);
            let Some(fact) = place.and_then(|place| facts.get_mut(place)) else {
                facts.push(Fact {
                    name: name.clone(),
                    at,
                    value: value.clone(),
                });
                continue;
            };
            if fact.value == *value {
                fact.at = fact.at.max(at);
            } else if (fact.at, &*fact.value) < (at, &**value) {
                fact.at = at;
                fact.value = value.clone();
            }
        }
    }

    /// A receiver heard something.
    pub(super) fn radio(&mut self, radio: i64, at: i64, count: i64) {
        let span = self.radios.entry(radio).or_insert(Span {
            first: at,
            last: at,
            telegrams: 0,
        });
        span.first = span.first.min(at);
        span.last = span.last.max(at);
        span.telegrams += count;
    }

    /// A live reading was added or was there: its day may have to be thinned again.
    pub(super) fn live(&mut self, meter: i64, at: i64) {
        let earliest = self.live.entry(meter).or_insert(at);
        *earliest = at.min(*earliest);
    }

    /// An unregistered meter was heard. Counted only when it is later than what was known: a replay adds nothing.
    pub(super) fn stranger(
        &mut self,
        connection: &Connection,
        sighting: &Sighting,
        radio: i64,
    ) -> rusqlite::Result<()> {
        let address = codes::signed(u64::from_be_bytes(sighting.address.link_octets()));
        let at = sighting.received_at.as_second();
        if !self.strangers.contains_key(&address)
            && let Some(known) = Stranger::load(connection, address)?
        {
            self.strangers.insert(address, known);
        }
        match self.strangers.get_mut(&address) {
            Some(stranger) if at > stranger.last_heard => {
                stranger.last_heard = at;
                stranger.telegrams += 1;
                stranger.rssi_dbm = sighting.rssi_dbm;
                stranger.radio = radio;
            }
            Some(stranger) => stranger.first_heard = stranger.first_heard.min(at),
            None => {
                let stranger = Stranger {
                    first_heard: at,
                    last_heard: at,
                    telegrams: 1,
                    rssi_dbm: sighting.rssi_dbm,
                    radio,
                    new: true,
                };
                self.strangers.insert(address, stranger);
            }
        }
        Ok(())
    }

    /// How many unregistered meters are waiting to be written.
    pub(super) fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// Writes all of it.
    pub(super) fn store(self, connection: &Connection) -> rusqlite::Result<()> {
        for (meter, news) in in_order(self.meters) {
            let merged = match Meter::load(connection, meter)? {
                Some(mut known) => {
                    known.merge(news);
                    known
                }
                None => news,
            };
            merged.store(connection, meter)?;
        }
        let mut louder = connection.prepare_cached(
            "UPDATE meter_state SET rssi_dbm = ?4
             WHERE meter = ?1 AND last_heard = ?2 AND last_digest = ?3 AND ifnull(rssi_dbm, -32768) < ?4",
        )?;
        for ((meter, at, digest), rssi_dbm) in &self.louder {
            louder.execute(params![meter, at, digest, rssi_dbm])?;
        }
        store_outcomes(connection, in_order(self.outcomes))?;
        store_facts(connection, in_order(self.facts))?;
        store_radios(connection, &self.radios)?;
        let mut thinned =
            connection.prepare_cached("UPDATE thinned SET until = ?2 WHERE meter = ?1 AND until > ?2")?;
        let mut hourly =
            connection.prepare_cached("UPDATE hourly SET until = ?2 WHERE meter = ?1 AND until > ?2")?;
        for (meter, earliest) in in_order(self.live) {
            thinned.execute([meter, earliest])?;
            hourly.execute([meter, earliest])?;
        }
        let mut newcomers = false;
        for (address, stranger) in &self.strangers {
            stranger.store(connection, *address)?;
            newcomers |= stranger.new;
        }
        if newcomers {
            evict(connection, STRANGERS)?;
        }
        Ok(())
    }
}

impl Meter {
    fn load(connection: &Connection, meter: i64) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT first_heard, last_heard, last_digest, rssi_dbm, radio, outcome, telegrams, opened_at,
                 opened_digest, device_time, status, counter_at, counter FROM meter_state WHERE meter = ?1",
            )?
            .query_row([meter], |row| {
                let opened = match (row.get(7)?, row.get(8)?) {
                    (Some(at), Some(digest)) => Some(Opened {
                        last: (at, digest),
                        device_time: row.get(9)?,
                        status: row.get(10)?,
                    }),
                    _ => None,
                };
                Ok(Self {
                    first_heard: row.get(0)?,
                    last: (row.get(1)?, row.get(2)?),
                    rssi_dbm: row.get(3)?,
                    radio: row.get(4)?,
                    outcome: row.get(5)?,
                    telegrams: row.get(6)?,
                    opened,
                    counter: match (row.get(11)?, row.get(12)?) {
                        (Some(at), Some(value)) => Some(Counter { at, value }),
                        _ => None,
                    },
                })
            })
            .optional()
    }

    fn merge(&mut self, news: Self) {
        self.first_heard = self.first_heard.min(news.first_heard);
        self.telegrams += news.telegrams;
        if news.last > self.last {
            self.last = news.last;
            self.rssi_dbm = news.rssi_dbm;
            self.radio = news.radio;
        }
        // The same telegram again was read this time; who brought it first stays.
        if news.last == self.last {
            self.outcome = news.outcome;
        }
        if let Some(opened) = news.opened
            && self.opened.as_ref().is_none_or(|known| opened.last >= known.last)
        {
            self.opened = Some(opened);
        }
        self.counter = self.counter.max(news.counter);
    }

    fn store(&self, connection: &Connection, meter: i64) -> rusqlite::Result<()> {
        let opened = self.opened.as_ref();
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO meter_state (meter, first_heard, last_heard, last_digest, rssi_dbm, radio,
                 outcome, telegrams, opened_at, opened_digest, device_time, status, counter_at, counter)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                meter,
                self.first_heard,
                self.last.0,
                self.last.1,
                self.rssi_dbm,
                self.radio,
                self.outcome,
                self.telegrams,
                opened.map(|opened| opened.last.0),
                opened.map(|opened| opened.last.1),
                opened.and_then(|opened| opened.device_time),
                opened.map_or("", |opened| opened.status.as_str()),
                self.counter.map(|counter| counter.at),
                self.counter.map(|counter| counter.value),
            ])?;
        Ok(())
    }
}

impl Stranger {
    fn load(connection: &Connection, address: i64) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT first_heard, last_heard, telegrams, rssi_dbm, radio FROM heard WHERE address = ?1",
            )?
            .query_row([address], |row| {
                Ok(Self {
                    first_heard: row.get(0)?,
                    last_heard: row.get(1)?,
                    telegrams: row.get(2)?,
                    rssi_dbm: row.get(3)?,
                    radio: row.get(4)?,
                    new: false,
                })
            })
            .optional()
    }

    fn store(&self, connection: &Connection, address: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO heard (address, first_heard, last_heard, telegrams, rssi_dbm, radio)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                address,
                self.first_heard,
                self.last_heard,
                self.telegrams,
                self.rssi_dbm,
                self.radio
            ])?;
        Ok(())
    }
}

/// By number.
fn in_order<K: Ord + Copy, V>(map: Map<K, V>) -> Vec<(K, V)> {
    let mut all: Vec<(K, V)> = map.into_iter().collect();
    all.sort_unstable_by_key(|(number, _)| *number);
    all
}

fn store_outcomes(connection: &Connection, outcomes: Vec<((i64, i64), Tally)>) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO meter_outcome (meter, outcome, telegrams, last_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (meter, outcome) DO UPDATE
         SET telegrams = telegrams + excluded.telegrams, last_at = max(last_at, excluded.last_at)",
    )?;
    let mut emptied = connection
        .prepare_cached("DELETE FROM meter_outcome WHERE meter = ?1 AND outcome = ?2 AND telegrams <= 0")?;
    for ((meter, outcome), tally) in outcomes {
        add.execute([meter, outcome, tally.telegrams, tally.last_at])?;
        if tally.telegrams <= 0 {
            emptied.execute([meter, outcome])?;
        }
    }
    Ok(())
}

fn store_facts(connection: &Connection, facts: Vec<(i64, Vec<Fact>)>) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO meter_fact (meter, name, value, at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (meter, name) DO UPDATE SET value = excluded.value, at = excluded.at
         WHERE (excluded.at, excluded.value) > (at, value)",
    )?;
    for (meter, mut facts) in facts {
        facts.sort_unstable_by(|a, b| str::cmp(&a.name, &b.name));
        for Fact { name, at, value } in facts {
            put.execute(params![meter, &*name, &*value, at])?;
        }
    }
    Ok(())
}

fn store_radios(connection: &Connection, radios: &BTreeMap<i64, Span>) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE radio SET first_heard = min(first_heard, ?2), last_heard = max(last_heard, ?3),
         telegrams = telegrams + ?4 WHERE id = ?1",
    )?;
    for (radio, span) in radios {
        update.execute([*radio, span.first, span.last, span.telegrams])?;
    }
    Ok(())
}

/// Forgets the strangers not heard for longest, until there are no more than so many.
fn evict(connection: &Connection, most: i64) -> rusqlite::Result<usize> {
    let excess: i64 = connection.query_row("SELECT count(*) - ?1 FROM heard", [most], |row| row.get(0))?;
    if excess <= 0 {
        return Ok(0);
    }
    connection.execute(
        "DELETE FROM heard WHERE address IN (SELECT address FROM heard ORDER BY last_heard, address LIMIT ?1)",
        [excess],
    )
}

/// Forgets that a meter was a stranger.
pub(super) fn no_stranger(connection: &Connection, meter: &MeterAddress) -> rusqlite::Result<()> {
    // The maker's flag may be set in what was heard.
    for manufacturer in [meter.manufacturer.0, meter.manufacturer.0 | 0x8000] {
        let address = |version: u8, device_type: u8| {
            let address = Address {
                manufacturer: Manufacturer(manufacturer),
                identification_number: meter.identification_number,
                version: Version(version),
                device_type: DeviceType(device_type),
            };
            codes::signed(u64::from_be_bytes(address.link_octets()))
        };
        // Version and device type are the last two octets: all of them stand side by side.
        connection
            .prepare_cached(
                "DELETE FROM heard WHERE address BETWEEN ?1 AND ?2
                 AND (?3 IS NULL OR address >> 8 & 255 = ?3) AND (?4 IS NULL OR address & 255 = ?4)",
            )?
            .execute(params![
                address(0, 0),
                address(0xFF, 0xFF),
                meter.version.map(|version| version.0),
                meter.device_type.map(|device_type| device_type.0),
            ])?;
    }
    Ok(())
}

/// A street's worth of neighbours; whoever invents more addresses than that pushes out the oldest.
const STRANGERS: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::migrate;

    #[test]
    fn the_strangers_heard_longest_ago_are_forgotten_first() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut connection).unwrap();
        connection
            .execute_batch(
                "INSERT INTO radio VALUES (1, 'a', 0, 0, 0);
                 INSERT INTO heard VALUES (5, 0, 30, 1, NULL, 1), (6, 0, 10, 1, NULL, 1), (7, 0, 20, 1, NULL, 1);",
            )
            .unwrap();
        assert_eq!(evict(&connection, 3).unwrap(), 0);
        assert_eq!(evict(&connection, 1).unwrap(), 2);
        let left: i64 = connection
            .query_row("SELECT address FROM heard", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 5);
    }
}
