//! An entry: what a row says, cell by cell turned into values, before it is compared with the registry.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use wmbus::{Decimal, Key, Manufacturer, Version};

use super::fault::quoted;
use super::value::{
    Moment, day, decimal, device_type, identification_number, index, kind, kind_of, moment, octet, role,
    surface, yes,
};
use super::{Column, Fault, Row};
use crate::registry::serial::{self, AddressOfSerial};
use crate::registry::{Kind, MeterAddress, Role, SiteCode, key};

/// What a row says. `None` where it says nothing.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: u64,
    /// The columns in which something was written.
    pub(super) columns: Vec<Column>,
    pub(super) site: Option<SiteCode>,
    pub(super) site_name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) lot: Option<String>,
    pub(super) client_ref: Option<String>,
    pub(super) surface: Option<u32>,
    pub(super) kind: Option<Kind>,
    pub(super) room: Option<String>,
    pub(super) point_number: Option<u16>,
    pub(super) meter: Option<MeterAddress>,
    pub(super) printed_serial: Option<String>,
    pub(super) keys: Vec<Key>,
    pub(super) rating_factor: Option<Decimal>,
    pub(super) factor_from: Option<Moment>,
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
    pub(super) start_index: Option<Decimal>,
    pub(super) end_index: Option<Decimal>,
    pub(super) occupant: Option<Role>,
    pub(super) move_in: Option<Date>,
    pub(super) move_out: Option<Date>,
    pub(super) keeps_hourly: Option<bool>,
}

impl Entry {
    /// Reads every cell; all that is wrong in the row comes back at once.
    pub(super) fn read(file: &str, row: &Row, computed: Option<AddressOfSerial>) -> Result<Self, Vec<Fault>> {
        let mut cells = Cells {
            file,
            row,
            faults: Vec::new(),
        };
        let entry = Self {
            line: row.line,
            columns: row.cells.iter().map(|(column, _)| *column).collect(),
            site: cells.parse(Column::Site, |text| {
                text.parse()
                    .map_err(|error: crate::registry::InvalidSiteCode| error.to_string())
            }),
            site_name: cells.text(Column::SiteName),
            address: cells.text(Column::Address),
            time_zone: cells.parse(Column::TimeZone, |text| match TimeZone::get(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => {
                    Err("is no time zone known here: write an IANA name such as Europe/Paris".to_owned())
                }
            }),
            lot: cells.text(Column::Lot),
            client_ref: cells.text(Column::ClientRef),
            surface: cells.parse(Column::Surface, surface),
            kind: cells.parse(Column::Kind, kind),
            room: cells.text(Column::Room),
            point_number: cells.parse(Column::PointNumber, |text| match text.parse() {
                Ok(number @ 1..=u16::MAX) => Ok(number),
                _ => Err("write a number from 1 on".to_owned()),
            }),
            meter: cells.meter(computed),
            printed_serial: cells.text(Column::PrintedSerial),
            keys: cells
                .parse_unseen(Column::Key, |text| {
                    key::parse(text).map_err(|error| error.to_string())
                })
                .unwrap_or_default(),
            rating_factor: cells.parse(Column::RatingFactor, |text| match decimal(text)? {
                factor if factor.mantissa > 0 => Ok(factor),
                _ => Err("a rating factor is larger than 0".to_owned()),
            }),
            factor_from: cells.parse(Column::FactorFrom, moment),
            from: cells.parse(Column::From, moment),
            to: cells.parse(Column::To, moment),
            start_index: cells.parse(Column::StartIndex, index),
            end_index: cells.parse(Column::EndIndex, index),
            occupant: cells.parse(Column::Occupant, role),
            move_in: cells.parse(Column::MoveIn, day),
            move_out: cells.parse(Column::MoveOut, day),
            keeps_hourly: cells.parse(Column::KeepsHourly, yes),
        };
        cells.complete(&entry);
        if cells.faults.is_empty() {
            Ok(entry)
        } else {
            Err(cells.faults)
        }
    }
}

/// The cells of a row on their way to values.
struct Cells<'a> {
    file: &'a str,
    row: &'a Row,
    faults: Vec<Fault>,
}

impl Cells<'_> {
    fn text(&mut self, column: Column) -> Option<String> {
        let text = self.row.get(column)?;
        if text.chars().count() > LONGEST {
            self.fault(column, format!("is longer than {LONGEST} characters"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.fault(
                column,
                "holds a line end or another control character: remove it".to_owned(),
            );
            return None;
        }
        Some(text.to_owned())
    }

    fn parse<T>(&mut self, column: Column, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.row.get(column)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(column, format!("{}: {message}", quoted(text)));
                None
            }
        }
    }

    /// As [`Cells::parse`], for what must not be quoted.
    fn parse_unseen<T>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(self.row.get(column)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(column, message);
                None
            }
        }
    }

    /// The meter's address: from manufacturer and id, or from the printed serial where a maker made that possible.
    fn meter(&mut self, computed: Option<AddressOfSerial>) -> Option<MeterAddress> {
        let version = self.parse(Column::Version, |text| octet(text).map(Version));
        let device_type = self.parse(Column::Type, device_type);
        let manufacturer: Option<Manufacturer> = self.parse(Column::Manufacturer, |text| {
            text.parse()
                .map_err(|error: wmbus::address::InvalidAddress| error.to_string())
        });
        let number = self.parse(Column::Id, identification_number);
        let said = |column| self.row.get(column).is_some();
        let (said_maker, said_number) = (said(Column::Manufacturer), said(Column::Id));
        let by_serial = self.row.get(Column::PrintedSerial).and_then(|printed| {
            let address = computed.and_then(|computed| computed(&serial::search_form(printed)));
            let address =
                address.map(|address| (address.manufacturer.without_flag(), address.identification_number));
            address.or_else(|| serial::fourteen(printed))
        });
        let (manufacturer, identification_number) = match (manufacturer, number) {
            (Some(manufacturer), Some(number)) => (manufacturer, number),
            // Their faults are told already.
            _ if (said_maker && manufacturer.is_none()) || (said_number && number.is_none()) => return None,
            (manufacturer, number) => {
                let fits = by_serial.filter(|(by_maker, by_number)| {
                    manufacturer.is_none_or(|manufacturer| manufacturer == *by_maker)
                        && number.is_none_or(|number| number == *by_number)
                });
                if let Some(address) = fits {
                    address
                } else if said_number {
                    self.fault(
                        Column::Manufacturer,
                        "is missing: write the maker's three letters".to_owned(),
                    );
                    return None;
                } else if said_maker || said_any(self.row, METER) {
                    self.fault(
                        Column::Id,
                        "is missing: write the number of the radio address (up to eight digits)".to_owned(),
                    );
                    return None;
                } else {
                    return None;
                }
            }
        };
        Some(MeterAddress {
            manufacturer,
            identification_number,
            version,
            device_type,
        })
    }

    /// What a row must say besides what it says.
    fn complete(&mut self, entry: &Entry) {
        if !self.faults.is_empty() {
            return;
        }
        let missing = |what: &str| format!("is missing: {what}");
        if entry.site.is_none() && said_any(self.row, SITE) {
            self.fault(Column::Site, missing("write the site's code, such as AB123"));
        }
        if entry.lot.is_none() && said_any(self.row, DWELLING) {
            self.fault(Column::Lot, missing("write the dwelling's lot number"));
        }
        if entry.meter.is_none() && said_any(self.row, INSTALLATION) {
            self.fault(
                Column::Id,
                missing("these cells speak of a meter, so write which"),
            );
        }
        if entry.lot.is_none() && entry.meter.is_some() && said_any(self.row, INSTALLATION) {
            self.fault(
                Column::Lot,
                missing("these cells speak of a meter in a dwelling, so write which"),
            );
        }
        if entry.kind.is_none()
            && entry.lot.is_some()
            && (entry.meter.is_some() || entry.room.is_some())
            && kind_of(entry.meter.and_then(|meter| meter.device_type)).is_none()
        {
            self.fault(
                Column::Kind,
                missing("its type leaves open what is counted: write hot_water, cold_water, heating or another kind"),
            );
        }
        if entry.move_in.is_none() && said_any(self.row, OCCUPANCY) {
            self.fault(Column::MoveIn, missing("write the household's first day"));
        }
        if entry.lot.is_none() && entry.move_in.is_some() {
            self.fault(
                Column::Lot,
                missing("write in which dwelling the household lives"),
            );
        }
        if entry
            .move_out
            .zip(entry.move_in)
            .is_some_and(|(out, first)| out < first)
        {
            self.fault(Column::MoveOut, "lies before move_in".to_owned());
        }
        if entry.factor_from.is_some() && entry.rating_factor.is_none() {
            self.fault(
                Column::RatingFactor,
                missing("factor_from says from when it holds"),
            );
        }
        if entry.site.is_none() && entry.meter.is_none() && self.faults.is_empty() {
            self.faults.push(Fault::new(
                self.file,
                self.row.line,
                None,
                "speaks of no site and of no meter: write site, or manufacturer and id",
            ));
        }
    }

    fn fault(&mut self, column: Column, message: String) {
        self.faults
            .push(Fault::new(self.file, self.row.line, Some(column), message));
    }
}

fn said_any(row: &Row, columns: &[Column]) -> bool {
    columns.iter().any(|column| row.get(*column).is_some())
}

/// Columns that speak of a site.
const SITE: &[Column] = &[Column::SiteName, Column::Address, Column::TimeZone, Column::Lot];
/// Columns that speak of a dwelling.
const DWELLING: &[Column] = &[
    Column::ClientRef,
    Column::Surface,
    Column::Kind,
    Column::Room,
    Column::PointNumber,
];
/// Columns that speak of a household.
const OCCUPANCY: &[Column] = &[Column::Occupant, Column::MoveOut, Column::KeepsHourly];
/// Columns that speak of a meter.
const METER: &[Column] = &[Column::Version, Column::Key, Column::PrintedSerial];
/// Columns that speak of a meter in a dwelling.
const INSTALLATION: &[Column] = &[
    Column::RatingFactor,
    Column::FactorFrom,
    Column::From,
    Column::To,
    Column::StartIndex,
    Column::EndIndex,
];

/// No text in a list is longer.
const LONGEST: usize = 200;
