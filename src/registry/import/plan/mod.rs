//! The plan: entries compared with the registry, and the changes that make it say what they say.
//!
//! An entry is taken whole or not at all. Entries that end come first, so that the order of lines in a list does not
//! matter; a cell that says nothing leaves what is known as it is.

mod places;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use wmbus::{Decimal, Key};

use super::entry::Entry;
use super::{Column, Fault, Report};
use crate::registry::{
    Change, Dwelling, DwellingId, Factor, Installation, InstallationId, Kind, Meter, MeterAddress, MeterId,
    MeterKey, Occupancy, OccupancyId, Point, Registry, Role, Site, SiteCode, SiteId,
};
use places::Placed;
use table::{State, Table, tally};

/// A registry on its way to saying what a list says.
pub(super) struct Draft<'a> {
    file: &'a str,
    sites: Table<Site>,
    dwellings: Table<Dwelling>,
    points: Table<Point>,
    meters: Table<Meter>,
    installations: Table<Installation>,
    factors: BTreeMap<(i64, Option<Timestamp>), (Decimal, State)>,
    keys: BTreeMap<i64, Vec<(Key, State)>>,
    occupancies: Table<Occupancy>,
    site_by_code: HashMap<SiteCode, i64>,
    dwelling_by_lot: HashMap<(i64, String), i64>,
    points_by_room: HashMap<(i64, Kind, String), Vec<i64>>,
    meters_by_number: HashMap<Number, Vec<i64>>,
    installations_by_point: HashMap<i64, Vec<i64>>,
    installations_by_meter: HashMap<i64, Vec<i64>>,
    /// Which line of this list said it, for contradictions.
    said: HashMap<(Noun, i64, Column), u64>,
}

/// What a row of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Noun {
    Site,
    Dwelling,
    Meter,
    Installation,
    Occupancy,
}

/// Maker and identification number: what every list says of a meter.
type Number = (u16, u32);

fn number(address: &MeterAddress) -> Number {
    (address.manufacturer.0, address.identification_number.0)
}

/// What is wrong with an entry, before the file and line are put to it.
type Refusal = (Column, String);

impl<'a> Draft<'a> {
    pub(super) fn new(file: &'a str, registry: &Registry) -> Self {
        let mut draft = Self {
            file,
            sites: Table::new(registry.sites.iter().map(|row| (row.id.0, row.clone()))),
            dwellings: Table::new(registry.dwellings.iter().map(|row| (row.id.0, row.clone()))),
            points: Table::new(registry.points.iter().map(|row| (row.id.0, row.clone()))),
            meters: Table::new(registry.meters.iter().map(|row| (row.id.0, row.clone()))),
            installations: Table::new(registry.installations.iter().map(|row| (row.id.0, row.clone()))),
            factors: registry
                .factors
                .iter()
                .map(|row| ((row.installation.0, row.from), (row.value, State::Silent)))
                .collect(),
            keys: BTreeMap::new(),
            occupancies: Table::new(registry.occupancies.iter().map(|row| (row.id.0, row.clone()))),
            site_by_code: registry.sites.iter().map(|row| (row.code, row.id.0)).collect(),
            dwelling_by_lot: registry
                .dwellings
                .iter()
                .map(|row| ((row.site.0, row.lot.clone()), row.id.0))
                .collect(),
            points_by_room: HashMap::new(),
            meters_by_number: HashMap::new(),
            installations_by_point: HashMap::new(),
            installations_by_meter: HashMap::new(),
            said: HashMap::new(),
        };
        for MeterKey { meter, key } in &registry.keys {
            let keys = draft.keys.entry(meter.0).or_default();
            keys.push((key.clone(), State::Silent));
        }
        for point in &registry.points {
            draft.index_point(point);
        }
        for meter in &registry.meters {
            draft.index_meter(meter);
        }
        for installation in &registry.installations {
            draft.index_installation(installation);
        }
        draft
    }

    /// Takes all entries; those that are refused come back as faults.
    pub(super) fn take(&mut self, mut entries: Vec<Entry>) -> Vec<Fault> {
        // A meter that was taken off frees its place and itself for the lines that follow.
        entries.sort_by_key(|entry| entry.to.is_none());
        let list = entries
            .iter()
            .filter_map(|entry| entry.meter.as_ref().map(number))
            .collect();
        let mut faults = Vec::new();
        for entry in &entries {
            if let Err((column, message)) = self.entry(entry, &list) {
                faults.push(Fault::new(self.file, entry.line, Some(column), message));
            }
        }
        self.follow_one_another();
        faults.sort_by_key(|fault| fault.line);
        faults
    }

    /// Takes the keys of an entry for a meter that is registered already, and nothing else of it.
    pub(super) fn take_keys(&mut self, entry: &Entry) -> Option<Fault> {
        let fault = |column, message: String| Some(Fault::new(self.file, entry.line, Some(column), message));
        let Some(address) = entry.meter else {
            return fault(Column::Id, "is missing: write whose key it is".to_owned());
        };
        match self.meter(entry, address) {
            Err((column, message)) => fault(column, message),
            Ok(meter) if self.meters.get(meter.id.0).is_none() => fault(
                Column::Id,
                format!("{address} is not registered: import the registry first"),
            ),
            Ok(meter) => {
                for key in &entry.keys {
                    self.key(meter.id, key);
                }
                None
            }
        }
    }

    /// What was done, and what has to be written.
    pub(super) fn finish(self) -> (Report, Vec<Change>) {
        let report = Report {
            sites: tally(self.sites.states()),
            dwellings: tally(self.dwellings.states()),
            points: tally(self.points.states()),
            meters: tally(self.meters.states()),
            installations: tally(self.installations.states()),
            factors: tally(self.factors.values().map(|(_, state)| *state)),
            occupancies: tally(self.occupancies.states()),
            keys: tally(self.keys.values().flatten().map(|(_, state)| *state)),
        };
        let mut changes: Vec<Change> = Vec::new();
        changes.extend(self.sites.news().map(Change::Site));
        changes.extend(self.dwellings.news().map(Change::Dwelling));
        changes.extend(self.points.news().map(Change::Point));
        changes.extend(self.meters.news().map(Change::Meter));
        changes.extend(self.installations.news().map(Change::Installation));
        let factors = self.factors.into_iter().filter(|(_, (_, state))| state.is_news());
        changes.extend(factors.map(|((installation, from), (value, _))| {
            Change::Factor(Factor {
                installation: InstallationId(installation),
                from,
                value,
            })
        }));
        changes.extend(self.occupancies.news().map(Change::Occupancy));
        for (meter, keys) in self.keys {
            let news = keys.into_iter().filter(|(_, state)| state.is_news());
            changes.extend(news.map(|(key, _)| {
                Change::Key(MeterKey {
                    meter: MeterId(meter),
                    key,
                })
            }));
        }
        (report, changes)
    }

    /// One entry: everything is looked at before anything is put.
    fn entry(&mut self, entry: &Entry, list: &BTreeSet<Number>) -> Result<(), Refusal> {
        let site = entry.site.map(|code| self.site(entry, code)).transpose()?;
        let dwelling = match (&site, &entry.lot) {
            (Some(site), Some(lot)) => Some(self.dwelling(entry, site, lot)?),
            _ => None,
        };
        let meter = entry
            .meter
            .map(|address| self.meter(entry, address))
            .transpose()?;
        let placed = match (&site, &dwelling) {
            (Some(site), Some(dwelling)) => self.placed(entry, site, dwelling, meter.as_ref(), list)?,
            _ => Placed::default(),
        };
        let occupancy = match (&dwelling, entry.move_in) {
            (Some(dwelling), Some(first)) => Some(self.occupancy(entry, dwelling, first)?),
            _ => None,
        };

        if let Some(site) = site {
            self.say(Noun::Site, site.id.0, entry);
            self.site_by_code.insert(site.code, site.id.0);
            self.sites.put(site.id.0, site);
        }
        if let Some(dwelling) = dwelling {
            self.say(Noun::Dwelling, dwelling.id.0, entry);
            self.dwelling_by_lot
                .insert((dwelling.site.0, dwelling.lot.clone()), dwelling.id.0);
            self.dwellings.put(dwelling.id.0, dwelling);
        }
        if let Some(occupancy) = occupancy {
            self.say(Noun::Occupancy, occupancy.id.0, entry);
            self.occupancies.put(occupancy.id.0, occupancy);
        }
        if let Some(point) = placed.point {
            if self.points.get(point.id.0).is_none() {
                self.index_point(&point);
            }
            self.points.put(point.id.0, point);
        }
        if let Some(meter) = meter {
            self.say(Noun::Meter, meter.id.0, entry);
            if self.meters.get(meter.id.0).is_none() {
                self.index_meter(&meter);
            }
            for key in &entry.keys {
                self.key(meter.id, key);
            }
            self.meters.put(meter.id.0, meter);
        }
        if let Some(installation) = placed.installation {
            self.say(Noun::Installation, installation.id.0, entry);
            if self.installations.get(installation.id.0).is_none() {
                self.index_installation(&installation);
            }
            if let Some(factor) = placed.factor {
                self.factor(factor);
            }
            self.installations.put(installation.id.0, installation);
        }
        Ok(())
    }

    fn site(&self, entry: &Entry, code: SiteCode) -> Result<Site, Refusal> {
        let known = self.site_by_code.get(&code).and_then(|id| self.sites.get(*id));
        let mut site = known.cloned().unwrap_or_else(|| Site {
            id: SiteId(self.sites.next),
            code,
            name: String::new(),
            address: String::new(),
            time_zone: Site::DEFAULT_TIME_ZONE.to_owned(),
        });
        let id = site.id.0;
        self.set(
            Noun::Site,
            id,
            Column::SiteName,
            &mut site.name,
            entry.site_name.clone(),
        )?;
        self.set(
            Noun::Site,
            id,
            Column::Address,
            &mut site.address,
            entry.address.clone(),
        )?;
        self.set(
            Noun::Site,
            id,
            Column::TimeZone,
            &mut site.time_zone,
            entry.time_zone.clone(),
        )?;
        Ok(site)
    }

    fn dwelling(&self, entry: &Entry, site: &Site, lot: &str) -> Result<Dwelling, Refusal> {
        let known = self.dwelling_by_lot.get(&(site.id.0, lot.to_owned()));
        let known = known.and_then(|id| self.dwellings.get(*id));
        let mut dwelling = known.cloned().unwrap_or_else(|| Dwelling {
            id: DwellingId(self.dwellings.next),
            site: site.id,
            lot: lot.to_owned(),
            client_ref: None,
            surface: None,
        });
        let id = dwelling.id.0;
        let client_ref = entry.client_ref.clone().map(Some);
        self.set(
            Noun::Dwelling,
            id,
            Column::ClientRef,
            &mut dwelling.client_ref,
            client_ref,
        )?;
        let surface = entry.surface.map(Some);
        self.set(
            Noun::Dwelling,
            id,
            Column::Surface,
            &mut dwelling.surface,
            surface,
        )?;
        Ok(dwelling)
    }

    /// The household that moved into a dwelling on a day.
    fn occupancy(&self, entry: &Entry, dwelling: &Dwelling, first: Date) -> Result<Occupancy, Refusal> {
        // Two people of one household may have moved in on one day: each line means another of them, if there is one left.
        let same: Vec<&Occupancy> = self
            .occupancies
            .iter()
            .filter(|known| known.dwelling == dwelling.id && known.from == first)
            .collect();
        let said = |id: i64| self.said.contains_key(&(Noun::Occupancy, id, Column::MoveIn));
        let known = same.iter().find(|known| !said(known.id.0)).or(same.first());
        let mut occupancy = known.map(|known| (*known).clone()).unwrap_or(Occupancy {
            id: OccupancyId(self.occupancies.next),
            dwelling: dwelling.id,
            role: Role::Tenant,
            from: first,
            until: None,
            keeps_hourly: false,
        });
        let id = occupancy.id.0;
        let noun = Noun::Occupancy;
        self.set(noun, id, Column::Occupant, &mut occupancy.role, entry.occupant)?;
        let last = entry.move_out.map(Some);
        self.set(noun, id, Column::MoveOut, &mut occupancy.until, last)?;
        let hourly = entry.keeps_hourly;
        self.set(noun, id, Column::KeepsHourly, &mut occupancy.keeps_hourly, hourly)?;
        self.apart(&occupancy)?;
        Ok(occupancy)
    }

    /// Refuses a household that the list lets live in the time of another.
    fn apart(&self, one: &Occupancy) -> Result<(), Refusal> {
        let others = self
            .occupancies
            .iter()
            .filter(|other| other.dwelling == one.dwelling);
        for other in others {
            let line = self.said.get(&(Noun::Occupancy, other.id.0, Column::MoveOut));
            if one.from < other.from && one.until.is_some_and(|last| last >= other.from) {
                return Err((
                    Column::MoveOut,
                    format!("lies in the time of the household that came on {}", other.from),
                ));
            }
            if let Some(line) = line
                && other.from < one.from
                && other.until.is_some_and(|last| last >= one.from)
            {
                return Err((
                    Column::MoveIn,
                    format!("lies in the time of the household of line {line}"),
                ));
            }
        }
        Ok(())
    }

    /// Ends each household on the day before the next one begins.
    fn follow_one_another(&mut self) {
        let mut all: Vec<Occupancy> = self.occupancies.iter().cloned().collect();
        all.sort_by_key(|one| (one.dwelling, one.from, one.id));
        for (position, one) in all.iter().enumerate() {
            let later = all.iter().skip(position + 1);
            let next = later
                .take_while(|other| other.dwelling == one.dwelling)
                .find(|other| other.from > one.from);
            let Some(day_before) = next.and_then(|next| next.from.yesterday().ok()) else {
                continue;
            };
            if one.until.is_none_or(|last| last > day_before) {
                let ended = Occupancy {
                    until: Some(day_before),
                    ..one.clone()
                };
                self.occupancies.put(one.id.0, ended);
            }
        }
    }

    /// The meter with an address: the same one, or the only one that it can be.
    fn meter(&self, entry: &Entry, address: MeterAddress) -> Result<Meter, Refusal> {
        let namesakes: Vec<&Meter> = self
            .meters_by_number
            .get(&number(&address))
            .into_iter()
            .flatten()
            .filter_map(|id| self.meters.get(*id))
            .collect();
        let alike = |known: &&&Meter| {
            let fits = |a: Option<u8>, b: Option<u8>| a.zip(b).is_none_or(|(a, b)| a == b);
            let octets = |address: MeterAddress| {
                (
                    address.version.map(|version| version.0),
                    address.device_type.map(|device_type| device_type.0),
                )
            };
            let ((version, kind), (known_version, known_kind)) = (octets(address), octets(known.address));
            fits(version, known_version) && fits(kind, known_kind)
        };
        let same = namesakes.iter().find(|known| known.address == address);
        let candidates: Vec<_> = match same {
            Some(same) => vec![*same],
            None => namesakes.iter().filter(alike).copied().collect(),
        };
        let mut meter = match candidates[..] {
            [] => Meter {
                id: MeterId(self.meters.next),
                address,
                printed_serial: None,
            },
            [known] => known.clone(),
            _ => {
                return Err((
                    Column::Type,
                    format!("several registered meters are {address}: write version and type"),
                ));
            }
        };
        meter.address.version = address.version.or(meter.address.version);
        meter.address.device_type = address.device_type.or(meter.address.device_type);
        let printed = entry.printed_serial.clone().map(Some);
        self.set(
            Noun::Meter,
            meter.id.0,
            Column::PrintedSerial,
            &mut meter.printed_serial,
            printed,
        )?;
        Ok(meter)
    }

    /// Sets a field to what an entry says, unless another line of the list has said something else.
    fn set<T: PartialEq>(
        &self,
        noun: Noun,
        id: i64,
        column: Column,
        field: &mut T,
        said: Option<T>,
    ) -> Result<(), Refusal> {
        let Some(said) = said.filter(|said| said != field) else {
            return Ok(());
        };
        if let Some(line) = self.said.get(&(noun, id, column)) {
            return Err((
                column,
                format!("line {line} says something else: write the same in both"),
            ));
        }
        *field = said;
        Ok(())
    }

    /// As [`Draft::set`] for numbers, of which 1.20 and 1.2 are the same.
    fn set_index(
        &self,
        id: i64,
        column: Column,
        field: &mut Option<Decimal>,
        said: Option<Decimal>,
    ) -> Result<(), Refusal> {
        let same = field
            .zip(said)
            .is_some_and(|(known, said)| known.compare(said).is_eq());
        let said = said.filter(|_| !same).map(Some);
        self.set(Noun::Installation, id, column, field, said)
    }

    fn say(&mut self, noun: Noun, id: i64, entry: &Entry) {
        for column in &entry.columns {
            self.said.entry((noun, id, *column)).or_insert(entry.line);
        }
    }

    fn key(&mut self, meter: MeterId, key: &Key) {
        let keys = self.keys.entry(meter.0).or_default();
        match keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, state @ State::Silent)) => *state = State::Same,
            Some(_) => {}
            None => keys.push((key.clone(), State::Added)),
        }
    }

    fn factor(&mut self, factor: Factor) {
        let place = (factor.installation.0, factor.from);
        let (value, state) = match self.factors.get(&place) {
            None => (factor.value, State::Added),
            Some((known, state)) if known.compare(factor.value).is_eq() => match state {
                State::Silent => (*known, State::Same),
                state => (*known, *state),
            },
            Some(_) => (factor.value, State::Changed),
        };
        self.factors.insert(place, (value, state));
    }

    fn installations_of_meter(&self, meter: i64) -> impl Iterator<Item = &Installation> {
        let ids = self.installations_by_meter.get(&meter).into_iter().flatten();
        ids.filter_map(|id| self.installations.get(*id))
    }

    fn installations_of_point(&self, point: i64) -> impl Iterator<Item = &Installation> {
        let ids = self.installations_by_point.get(&point).into_iter().flatten();
        ids.filter_map(|id| self.installations.get(*id))
    }

    fn index_point(&mut self, point: &Point) {
        let room = (point.dwelling.0, point.kind, point.room.clone());
        self.points_by_room.entry(room).or_default().push(point.id.0);
    }

    fn index_meter(&mut self, meter: &Meter) {
        self.meters_by_number
            .entry(number(&meter.address))
            .or_default()
            .push(meter.id.0);
    }

    fn index_installation(&mut self, installation: &Installation) {
        let (point, meter, id) = (installation.point.0, installation.meter.0, installation.id.0);
        self.installations_by_point.entry(point).or_default().push(id);
        self.installations_by_meter.entry(meter).or_default().push(id);
    }
}
