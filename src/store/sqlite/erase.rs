//! Erasure: what is deleted, what is remembered of it, and what is refused ever after.
//!
//! Readings strictly between two instants go: an index at the very beginning or end belongs to the household before or
//! after as well. Telegrams go with the instants at which they were received; later ones that were read go too, since
//! meters repeat the months before. What was deleted is named by meters' addresses and days, so that it can be deleted
//! again from a copy that is older.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, OptionalExtension, params};

use super::codes::{instant_or_none, invalid};
use super::find::{self, many, rows};
use super::packed;
use super::people;
use super::registry::{self, METER, METER_COLUMNS, METER_OF};
use super::write::{Batch, Fault, counter, set_counter};
use crate::registry::difference::{Difference, FieldChange};
use crate::registry::{MeterAddress, Occupancy, Site, SiteCode};
use crate::store::{By, Deleted, DwellingId, Erase, ErasedMeter, Erasure, MeterId, OccupancyId, StoreError};

/// Deletes what is asked for, or only says what would be deleted.
pub(super) fn erase(
    batch: &mut Batch<'_>,
    wanted: Erase,
    rehearse: bool,
    by: &By<'_>,
) -> Result<Erasure, Fault> {
    let plan = plan(batch.transaction, wanted, by.at)?;
    batch.transaction.execute_batch("SAVEPOINT erasing")?;
    let deleted = carry_out(batch, &plan)?;
    let before: Option<String> = batch
        .transaction
        .query_row(
            "SELECT receipt FROM erasure ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let before = before.map(|text| receipt(&text)).transpose()?;
    let mut receipt = Erasure {
        name: random_name()?,
        at: by.at,
        who: by.who.to_owned(),
        site: plan.site,
        lot: plan.lot,
        first_day: plan.first_day,
        last_day: plan.last_day,
        meters: plan.meters.into_iter().map(|(_, meter)| meter).collect(),
        households: plan.households.iter().map(|household| household.from).collect(),
        deleted,
        before: before.map(|before| before.seal).unwrap_or_default(),
        seal: String::new(),
    };
    receipt.seal = receipt.sealed();
    if rehearse {
        batch
            .transaction
            .execute_batch("ROLLBACK TO erasing; RELEASE erasing")?;
        return Ok(receipt);
    }
    batch.transaction.execute_batch("RELEASE erasing")?;
    remember(batch, &receipt, plan.dwelling, by)?;
    Ok(receipt)
}

/// Deletes once more what a receipt names, where the store does not know of it; what it deleted now. `None` when the store
/// has the receipt already.
pub(super) fn erase_again(
    batch: &mut Batch<'_>,
    receipt: &Erasure,
    by: &By<'_>,
) -> Result<Option<Deleted>, Fault> {
    let connection = batch.transaction;
    let known: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM erasure WHERE name = ?1)",
        [&receipt.name],
        |row| row.get(0),
    )?;
    if known {
        return Ok(None);
    }
    let dwelling = dwelling_of(connection, receipt)?;
    let addresses = meters_by_address(connection)?;
    let households = match dwelling {
        Some(dwelling) => people::occupancies(connection, dwelling)?,
        None => Vec::new(),
    };
    let plan = Plan {
        dwelling,
        site: receipt.site.clone(),
        lot: receipt.lot.clone(),
        first_day: receipt.first_day,
        last_day: receipt.last_day,
        meters: receipt
            .meters
            .iter()
            .filter_map(|meter| Some((*addresses.get(&meter.meter)?, meter.clone())))
            .collect(),
        households: households
            .into_iter()
            .filter(|household| receipt.households.contains(&household.from))
            .collect(),
    };
    let deleted = carry_out(batch, &plan)?;
    remember(batch, receipt, dwelling, by)?;
    Ok(Some(deleted))
}

/// The receipts behind one, in the order in which they were made, each with its number.
pub(super) fn list(
    connection: &Connection,
    after: Option<i64>,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, Erasure)>> {
    many(
        connection,
        "SELECT id, receipt FROM erasure WHERE id > ?1 ORDER BY id LIMIT ?2",
        params![after.unwrap_or(i64::MIN), rows(limit)],
        |row| Ok((row.get(0)?, receipt(row.get_ref(1)?.as_str()?)?)),
    )
}

/// The latest day on which a household moved in whose data are gone: nobody may claim to have lived there before.
pub(super) fn latest_move_in(
    connection: &Connection,
    dwelling: DwellingId,
) -> rusqlite::Result<Option<Date>> {
    let day: Option<String> = connection
        .prepare_cached("SELECT max(move_in) FROM erasure WHERE dwelling = ?1")?
        .query_row([dwelling.0], |row| row.get(0))?;
    day.map(|day| day.parse())
        .transpose()
        .map_err(|error: jiff::Error| invalid(0, rusqlite::types::Type::Text, error))
}

/// What is to be deleted.
struct Plan {
    dwelling: Option<DwellingId>,
    site: String,
    lot: String,
    first_day: Option<Date>,
    last_day: Date,
    meters: Vec<(MeterId, ErasedMeter)>,
    households: Vec<Occupancy>,
}

fn plan(connection: &Connection, wanted: Erase, now: Timestamp) -> Result<Plan, Fault> {
    let refused = |sentence: String| Fault::Store(StoreError::Refused(sentence));
    let household = match wanted {
        Erase::Dwelling(_) => None,
        Erase::Household(id) => Some(
            people::occupancy(connection, id)?
                .ok_or_else(|| refused(format!("there is no occupancy {}", id.0)))?,
        ),
    };
    let id = match (wanted, &household) {
        (Erase::Dwelling(id), _) => id,
        (Erase::Household(_), household) => household
            .as_ref()
            .map_or(DwellingId(0), |household| household.dwelling),
    };
    let dwelling = find::dwelling_by_id(connection, id)?
        .ok_or_else(|| refused(format!("there is no dwelling {}", id.0)))?;
    let site = find::site_by_id(connection, dwelling.site)?
        .ok_or_else(|| refused("its site is not registered".to_owned()))?;
    let today = now.to_zoned_datetime(site.zone()).date();
    let all = people::occupancies(connection, id)?;
    let (first_day, last_day, households) = match household {
        None => {
            let gone = all
                .into_iter()
                .filter(|household| household.until.is_some_and(|until| until < today));
            (None, today, gone.collect())
        }
        Some(household) => {
            let last_day = left(&household, &all, today).map_err(refused)?;
            (Some(household.from), last_day, vec![household])
        }
    };
    let (start, end) = match first_day {
        None => (None, now),
        Some(first) => (
            Some(midnight(first, &site)?),
            midnight(last_day.checked_add(1.day()).unwrap_or(last_day), &site)?,
        ),
    };
    Ok(Plan {
        meters: meters(connection, id, start, end, now)?,
        dwelling: Some(id),
        site: site.code.to_string(),
        lot: dwelling.lot,
        first_day,
        last_day,
        households,
    })
}

/// The last day of a household that may be erased alone, or why it may not.
fn left(household: &Occupancy, all: &[Occupancy], today: Date) -> Result<Date, String> {
    let last = household.until.filter(|until| *until < today).ok_or(
        "this household still lives there: give it its last day first, or erase what was measured in the dwelling so far",
    )?;
    let shared = all.iter().any(|other| {
        other.id != household.id
            && other.from <= last
            && other.until.is_none_or(|until| until >= household.from)
    });
    if shared {
        return Err(
            "another occupancy shares days with this one, and its data are the same: erase those of the dwelling, or end \
             the other on another day"
                .to_owned(),
        );
    }
    Ok(last)
}

fn midnight(day: Date, site: &Site) -> Result<Timestamp, Fault> {
    day.to_zoned_datetime(site.zone())
        .map(|midnight| midnight.timestamp())
        .map_err(|_| StoreError::Refused(format!("{day} lies outside the calendar")).into())
}

/// Which instants of which meters: those at which they hung in the dwelling. A meter that hung nowhere else before is the
/// dwelling's from its beginning: it may tell of months before it was registered.
fn meters(
    connection: &Connection,
    dwelling: DwellingId,
    start: Option<Timestamp>,
    end: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<Vec<(MeterId, ErasedMeter)>> {
    let sql = format!(
        "SELECT {METER_OF}, point.dwelling, installation.since, installation.until
         FROM installation JOIN point ON point.id = installation.point JOIN meter ON meter.id = installation.meter
         WHERE installation.meter IN (SELECT installation.meter FROM installation
             JOIN point ON point.id = installation.point WHERE point.dwelling = ?1)
         ORDER BY meter.id, installation.since"
    );
    let hung = many(connection, &sql, [dwelling.0], |row| {
        Ok(Hung {
            meter: registry::meter(row, 0)?.id,
            address: registry::meter(row, 0)?.address,
            here: row.get::<_, i64>(METER_COLUMNS)? == dwelling.0,
            since: instant_or_none(row, METER_COLUMNS + 1)?,
            until: instant_or_none(row, METER_COLUMNS + 2)?,
        })
    })?;
    let mut spans: BTreeMap<(i64, Option<Timestamp>), ErasedMeter> = BTreeMap::new();
    for here in hung.iter().filter(|hung| hung.here) {
        let elsewhere = || {
            hung.iter()
                .filter(|other| other.meter == here.meter && !other.here)
        };
        let since = here.since.filter(|since| {
            start.is_some() || elsewhere().any(|other| other.since.is_none_or(|begins| begins < *since))
        });
        let since = since.max(start);
        let until = here.until.unwrap_or(now).min(end);
        if since.is_some_and(|since| since >= until) {
            continue;
        }
        let next = elsewhere()
            .filter_map(|other| other.since)
            .filter(|begins| *begins >= until)
            .min();
        let repeated_until = next.unwrap_or(now).max(until);
        let span = spans.entry((here.meter.0, since)).or_insert_with(|| ErasedMeter {
            meter: here.address.to_string(),
            since,
            until,
            repeated_until,
        });
        span.until = span.until.max(until);
        span.repeated_until = span.repeated_until.max(repeated_until);
    }
    Ok(spans
        .into_iter()
        .map(|((meter, _), span)| (MeterId(meter), span))
        .collect())
}

/// Where a meter hung, and when.
struct Hung {
    meter: MeterId,
    address: MeterAddress,
    here: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

fn carry_out(batch: &mut Batch<'_>, plan: &Plan) -> Result<Deleted, Fault> {
    let connection = batch.transaction;
    let mut deleted = Deleted::default();
    for (meter, span) in &plan.meters {
        packed::forget(connection, meter.0)?;
        let since = span.since.map_or(i64::MIN, Timestamp::as_second);
        let place = params![meter.0, since, span.until.as_second()];
        let delete = |sql: &str| {
            connection
                .prepare_cached(sql)?
                .execute(place)
                .map(|rows| rows as u64)
        };
        deleted.conflicts += delete("DELETE FROM conflict WHERE meter = ?1 AND at > ?2 AND at < ?3")?;
        deleted.readings += batch.erase_dense(meter.0, (since, span.until.as_second()))?;
        deleted.readings += delete("DELETE FROM reading WHERE meter = ?1 AND at > ?2 AND at < ?3")?;
        deleted.readings += delete("DELETE FROM hour WHERE meter = ?1 AND at > ?2 AND at < ?3")?;
        deleted.readings += delete(
            "DELETE FROM recent WHERE quarter IN (SELECT number FROM quarter) AND meter = ?1 AND at > ?2 AND at < ?3",
        )?;
        deleted.alerts +=
            delete("DELETE FROM alert WHERE meter = ?1 AND ifnull(cleared, seen) > ?2 AND raised < ?3")?;
        // Outcomes 1 and 2 are those of telegrams that were opened; what was not may still tell of others' days.
        deleted.telegrams += connection
            .prepare_cached(
                "DELETE FROM telegram WHERE meter = ?1 AND received_at >= ?2
                 AND (received_at < ?3 OR received_at < ?4 AND outcome <= 2)",
            )?
            .execute(params![
                meter.0,
                since,
                span.until.as_second(),
                span.repeated_until.as_second()
            ])? as u64;
        // All of these were opened.
        let until = span.until.max(span.repeated_until).as_second();
        deleted.telegrams += batch.erase_packed(meter.0, since, until)?;
    }
    for OccupancyId(id) in plan.households.iter().map(|household| household.id) {
        deleted.households += connection.execute("DELETE FROM occupancy WHERE id = ?1", [id])? as u64;
        deleted.history += connection.execute(
            "DELETE FROM registry_history WHERE noun = 'occupancy' AND row = ?1",
            [id],
        )? as u64;
    }
    Ok(deleted)
}

/// Writes down the receipt, what is never taken again, and a line of history.
fn remember(
    batch: &mut Batch<'_>,
    receipt: &Erasure,
    dwelling: Option<DwellingId>,
    by: &By<'_>,
) -> Result<(), Fault> {
    let connection = batch.transaction;
    let text = serde_json::to_string(receipt)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let erasure = connection
        .prepare_cached("INSERT INTO erasure (name, dwelling, move_in, receipt) VALUES (?1, ?2, ?3, ?4)")?
        .insert(params![
            receipt.name,
            dwelling.map(|id| id.0),
            receipt.households.iter().max().map(Date::to_string),
            text
        ])?;
    for meter in &receipt.meters {
        connection
            .prepare_cached("INSERT INTO erased (erasure, address, since, until) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                erasure,
                meter.meter,
                meter.since.map_or(i64::MIN, Timestamp::as_second),
                meter.until.as_second()
            ])?;
    }
    let erasures = counter(connection, ERASURES)?.unwrap_or(0);
    set_counter(connection, ERASURES, erasures + 1)?;
    let gone = receipt
        .deleted
        .each()
        .into_iter()
        .filter(|(_, rows)| *rows > 0)
        .map(|(name, rows)| (name, Some(rows.to_string()), None));
    let said = [
        ("erasure", None, Some(receipt.name.clone())),
        ("first_day", None, receipt.first_day.map(|day| day.to_string())),
        ("last_day", None, Some(receipt.last_day.to_string())),
    ];
    let fields = said
        .into_iter()
        .chain(gone)
        .map(|(name, before, after)| FieldChange {
            name: name.to_owned(),
            before,
            after,
        });
    let difference = Difference {
        noun: "erasure",
        id: dwelling.map_or(0, |id| id.0),
        name: format!("{} lot {}", receipt.site, receipt.lot),
        fields: fields.collect(),
        added: true,
    };
    registry::note(batch, by, difference)?;
    batch.memory.forget();
    Ok(())
}

/// Instants of meters that are never taken again, as the writer knows them.
#[derive(Default)]
pub(super) struct Erased {
    /// The numbers of erasures and of the registry's changes that this was read at.
    version: (i64, i64),
    spans: HashMap<i64, Vec<(i64, i64)>>,
}

impl Erased {
    /// Reads them again where something has changed.
    pub(super) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let erasures = counter(connection, ERASURES)?.unwrap_or(0);
        if erasures == 0 {
            self.spans.clear();
            return Ok(());
        }
        let version = (erasures, counter(connection, "registry")?.unwrap_or(0));
        if version == self.version {
            return Ok(());
        }
        let meters = meters_by_address(connection)?;
        self.spans.clear();
        for (address, since, until) in many(
            connection,
            "SELECT address, since, until FROM erased",
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)),
        )? {
            if let Some(meter) = meters.get(&address) {
                self.spans.entry(meter.0).or_default().push((since, until));
            }
        }
        self.version = version;
        Ok(())
    }

    /// Whether a reading for that instant may not be kept.
    pub(super) fn reading(&self, meter: i64, at: i64) -> bool {
        self.within(meter, |since, until| since < at && at < until)
    }

    /// Whether a telegram that was received then may not be kept.
    pub(super) fn telegram(&self, meter: i64, received_at: i64) -> bool {
        self.within(meter, |since, until| since <= received_at && received_at < until)
    }

    fn within(&self, meter: i64, is: impl Fn(i64, i64) -> bool) -> bool {
        !self.spans.is_empty()
            && self
                .spans
                .get(&meter)
                .is_some_and(|spans| spans.iter().any(|(since, until)| is(*since, *until)))
    }
}

fn meters_by_address(connection: &Connection) -> rusqlite::Result<HashMap<String, MeterId>> {
    let sql = format!("SELECT {METER} FROM meter");
    Ok(many(connection, &sql, [], |row| registry::meter(row, 0))?
        .into_iter()
        .map(|meter| (meter.address.to_string(), meter.id))
        .collect())
}

fn dwelling_of(connection: &Connection, receipt: &Erasure) -> rusqlite::Result<Option<DwellingId>> {
    let Ok(code) = receipt.site.parse::<SiteCode>() else {
        return Ok(None);
    };
    let Some(site) = find::site_by_code(connection, code)? else {
        return Ok(None);
    };
    let found = find::dwellings_by_lot(connection, site.id, &receipt.lot)?;
    Ok(found
        .into_iter()
        .find(|dwelling| dwelling.lot == receipt.lot)
        .map(|dwelling| dwelling.id))
}

fn receipt(text: &str) -> rusqlite::Result<Erasure> {
    serde_json::from_str(text).map_err(|error| invalid(0, rusqlite::types::Type::Text, error.to_string()))
}

fn random_name() -> Result<String, Fault> {
    let mut octets = [0_u8; 12];
    getrandom::fill(&mut octets)
        .map_err(|error| StoreError::Refused(format!("the system gives no random numbers: {error}")))?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// The counter of erasures.
const ERASURES: &str = "erasure";
