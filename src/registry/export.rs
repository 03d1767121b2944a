//! Export: the registry as a list that the import reads back.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use super::difference::yes;
use super::import::{Column, Format};
use super::{Dwelling, Factor, Installation, Meter, Occupancy, Point, Registry, Site, key};

/// The registry as a list. Keys are left out unless asked for.
///
/// One row an installation and rating factor; then households; then meters that hang nowhere, and points, dwellings and sites that hold
/// nothing. The text is wiped when it is dropped.
pub fn export(registry: &Registry, format: Format, with_keys: bool) -> Zeroizing<String> {
    let rows = Rows::new(registry, with_keys).collect();
    match format {
        Format::Csv => csv(&rows),
        Format::Toml => toml(&rows),
        Format::Json => json(&rows),
    }
}

/// The registry as rows of a list, their cells in the order of the columns. Without keys.
pub fn rows(registry: &Registry) -> Vec<Vec<(Column, String)>> {
    Rows::new(registry, false)
        .collect()
        .into_iter()
        .map(|mut line| {
            line.sort_by_key(|(column, _)| *column);
            line.into_iter()
                .map(|(column, text)| (column, text.to_string()))
                .collect()
        })
        .collect()
}

/// The cells of a line.
type Line = Vec<(Column, Zeroizing<String>)>;

struct Rows<'a> {
    registry: &'a Registry,
    with_keys: bool,
    sites: HashMap<i64, &'a Site>,
    dwellings: HashMap<i64, &'a Dwelling>,
    points: HashMap<i64, &'a Point>,
    meters: HashMap<i64, &'a Meter>,
    keys: HashMap<i64, Zeroizing<String>>,
}

impl<'a> Rows<'a> {
    fn new(registry: &'a Registry, with_keys: bool) -> Self {
        let mut keys: HashMap<i64, Zeroizing<String>> = HashMap::new();
        for meter_key in registry.keys.iter().filter(|_| with_keys) {
            let cell = keys.entry(meter_key.meter.0).or_default();
            if !cell.is_empty() {
                cell.push('|');
            }
            cell.push_str(&key::reveal(&meter_key.key));
        }
        Self {
            registry,
            with_keys,
            sites: registry.sites.iter().map(|row| (row.id.0, row)).collect(),
            dwellings: registry.dwellings.iter().map(|row| (row.id.0, row)).collect(),
            points: registry.points.iter().map(|row| (row.id.0, row)).collect(),
            meters: registry.meters.iter().map(|row| (row.id.0, row)).collect(),
            keys,
        }
    }

    fn collect(&self) -> Vec<Line> {
        let registry = self.registry;
        let mut lines = Vec::new();
        let mut factors: HashMap<i64, Vec<&Factor>> = HashMap::new();
        for factor in &registry.factors {
            factors.entry(factor.installation.0).or_default().push(factor);
        }
        let mut installations: Vec<&Installation> = registry.installations.iter().collect();
        installations.sort_by_key(|row| (row.point, row.from, row.id));
        for installation in installations {
            let factors = factors.get(&installation.id.0).map_or(&[][..], Vec::as_slice);
            if factors.is_empty() {
                lines.push(self.installation(installation));
            }
            for factor in factors {
                let mut line = self.installation(installation);
                let zone = self.site_of(installation).map_or(TimeZone::UTC, Site::zone);
                push(&mut line, Column::RatingFactor, factor.value.to_string());
                push(&mut line, Column::FactorFrom, moment(factor.from, &zone));
                lines.push(line);
            }
        }
        let hanging: HashSet<_> = registry.installations.iter().map(|row| row.meter).collect();
        let served: HashSet<_> = registry.installations.iter().map(|row| row.point).collect();
        let metered: HashSet<_> = registry.points.iter().map(|row| row.dwelling).collect();
        let inhabited: HashSet<_> = registry.dwellings.iter().map(|row| row.site).collect();
        let meters = registry.meters.iter().filter(|row| !hanging.contains(&row.id));
        lines.extend(meters.map(|meter| self.meter(meter)));
        let points = registry.points.iter().filter(|row| !served.contains(&row.id));
        lines.extend(points.map(|point| self.point(point)));
        let mut occupancies: Vec<_> = registry.occupancies.iter().collect();
        occupancies.sort_by_key(|row| (row.dwelling, row.from, row.id));
        lines.extend(occupancies.into_iter().map(|row| self.occupancy(row)));
        let lived_in: HashSet<_> = registry.occupancies.iter().map(|row| row.dwelling).collect();
        let dwellings = registry
            .dwellings
            .iter()
            .filter(|row| !metered.contains(&row.id) && !lived_in.contains(&row.id));
        lines.extend(dwellings.map(|dwelling| self.dwelling(dwelling)));
        let sites = registry.sites.iter().filter(|row| !inhabited.contains(&row.id));
        lines.extend(sites.map(|site| self.site(site)));
        lines
    }

    fn site(&self, site: &Site) -> Line {
        let mut line = Line::new();
        push(&mut line, Column::Site, site.code.to_string());
        push(&mut line, Column::SiteName, site.name.clone());
        push(&mut line, Column::Address, site.address.clone());
        push(&mut line, Column::TimeZone, site.time_zone.clone());
        line
    }

    fn dwelling(&self, dwelling: &Dwelling) -> Line {
        let site = self.sites.get(&dwelling.site.0);
        let mut line = site.map_or_else(Line::new, |site| self.site(site));
        push(&mut line, Column::Lot, dwelling.lot.clone());
        push(
            &mut line,
            Column::ClientRef,
            dwelling.client_ref.clone().unwrap_or_default(),
        );
        let surface = dwelling
            .surface
            .map(|hundredths| wmbus::Decimal::new(i64::from(hundredths), -2));
        push(
            &mut line,
            Column::Surface,
            surface.map_or_else(String::new, |surface| surface.to_string()),
        );
        line
    }

    fn occupancy(&self, occupancy: &Occupancy) -> Line {
        let dwelling = self.dwellings.get(&occupancy.dwelling.0);
        let mut line = dwelling.map_or_else(Line::new, |dwelling| self.dwelling(dwelling));
        let last = occupancy.until.map_or_else(String::new, |day| day.to_string());
        push(&mut line, Column::Occupant, occupancy.role.name().to_owned());
        push(&mut line, Column::MoveIn, occupancy.from.to_string());
        push(&mut line, Column::MoveOut, last);
        push(
            &mut line,
            Column::KeepsHourly,
            yes(occupancy.keeps_hourly).to_owned(),
        );
        line
    }

    fn point(&self, point: &Point) -> Line {
        let dwelling = self.dwellings.get(&point.dwelling.0);
        let mut line = dwelling.map_or_else(Line::new, |dwelling| self.dwelling(dwelling));
        push(&mut line, Column::Kind, point.kind.name().to_owned());
        push(&mut line, Column::Room, point.room.clone());
        push(&mut line, Column::PointNumber, point.number.to_string());
        line
    }

    fn meter(&self, meter: &Meter) -> Line {
        let mut line = Line::new();
        let address = meter.address;
        push(&mut line, Column::Manufacturer, address.manufacturer.to_string());
        push(&mut line, Column::Id, address.identification_number.to_string());
        push(
            &mut line,
            Column::Version,
            address
                .version
                .map_or_else(String::new, |octet| octet.to_string()),
        );
        push(
            &mut line,
            Column::Type,
            address
                .device_type
                .map_or_else(String::new, |octet| octet.to_string()),
        );
        push(
            &mut line,
            Column::PrintedSerial,
            meter.printed_serial.clone().unwrap_or_default(),
        );
        if self.with_keys
            && let Some(keys) = self.keys.get(&meter.id.0)
        {
            line.push((Column::Key, keys.clone()));
        }
        line
    }

    fn installation(&self, installation: &Installation) -> Line {
        let point = self.points.get(&installation.point.0);
        let mut line = point.map_or_else(Line::new, |point| self.point(point));
        if let Some(meter) = self.meters.get(&installation.meter.0) {
            line.extend(self.meter(meter));
        }
        let zone = self.site_of(installation).map_or(TimeZone::UTC, Site::zone);
        let index = |index: Option<wmbus::Decimal>| index.map_or_else(String::new, |index| index.to_string());
        push(&mut line, Column::From, moment(installation.from, &zone));
        push(&mut line, Column::To, moment(installation.until, &zone));
        push(&mut line, Column::StartIndex, index(installation.start_index));
        push(&mut line, Column::EndIndex, index(installation.end_index));
        line
    }

    fn site_of(&self, installation: &Installation) -> Option<&'a Site> {
        let point = self.points.get(&installation.point.0)?;
        let dwelling = self.dwellings.get(&point.dwelling.0)?;
        self.sites.get(&dwelling.site.0).copied()
    }
}

fn push(line: &mut Line, column: Column, text: String) {
    if !text.is_empty() {
        line.push((column, Zeroizing::new(text)));
    }
}

/// A day where the instant is its local 00:00, else the instant.
fn moment(instant: Option<Timestamp>, zone: &TimeZone) -> String {
    let Some(instant) = instant else {
        return String::new();
    };
    let local = instant.to_zoned_datetime(zone.clone());
    match local.date().to_zoned_datetime(zone.clone()) {
        Ok(midnight) if midnight.timestamp() == instant => local.date().to_string(),
        _ => instant.to_string(),
    }
}

/// Comma and quotes, the columns that any line uses.
fn csv(lines: &[Line]) -> Zeroizing<String> {
    let columns: Vec<Column> = Column::ALL
        .iter()
        .copied()
        .filter(|column| lines.iter().flatten().any(|(used, _)| used == column))
        .collect();
    let mut text = Zeroizing::new(String::with_capacity(room(lines)));
    let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
    text.push_str(&names.join(","));
    text.push('\n');
    for line in lines {
        for (number, column) in columns.iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            let Some((_, cell)) = line.iter().find(|(used, _)| used == column) else {
                continue;
            };
            let cell = crate::plain::cell(cell);
            if cell.contains([',', ';', '\t', '"', '\n', '\r']) {
                text.push('"');
                for character in cell.chars() {
                    if character == '"' {
                        text.push('"');
                    }
                    text.push(character);
                }
                text.push('"');
            } else {
                text.push_str(&cell);
            }
        }
        text.push('\n');
    }
    text
}

/// One table a line.
fn toml(lines: &[Line]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(room(lines)));
    for line in lines {
        text.push_str("[[meter]]\n");
        let mut line: Vec<_> = line.iter().collect();
        line.sort_by_key(|(column, _)| *column);
        for (column, cell) in line {
            text.push_str(column.name());
            text.push_str(" = \"");
            for character in cell.chars() {
                match character {
                    '"' | '\\' => text.extend(['\\', character]),
                    // The import lets none in; other ways into the store might.
                    control if control.is_control() => text.push(' '),
                    plain => text.push(plain),
                }
            }
            text.push_str("\"\n");
        }
        text.push('\n');
    }
    text
}

/// One object a line.
fn json(lines: &[Line]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(room(lines)));
    text.push_str("{\"meter\": [");
    for (number, line) in lines.iter().enumerate() {
        text.push_str(if number > 0 { ",\n{" } else { "\n{" });
        let mut line: Vec<_> = line.iter().collect();
        line.sort_by_key(|(column, _)| *column);
        for (number, (column, cell)) in line.into_iter().enumerate() {
            if number > 0 {
                text.push_str(", ");
            }
            text.push('"');
            text.push_str(column.name());
            text.push_str("\": \"");
            for character in cell.chars() {
                match character {
                    '"' | '\\' => text.extend(['\\', character]),
                    control if control.is_control() => text.push(' '),
                    plain => text.push(plain),
                }
            }
            text.push('"');
        }
        text.push('}');
    }
    text.push_str("\n]}\n");
    text
}

/// Enough room for the text, so that it never moves and leaves a copy behind.
fn room(lines: &[Line]) -> usize {
    let cells = lines.iter().flatten();
    let names: usize = Column::ALL.iter().map(|column| column.name().len() + 8).sum();
    names + cells.map(|(_, cell)| cell.len() * 2 + 32).sum::<usize>() + lines.len() * (Column::ALL.len() + 16)
}
