//! What a plan changes, in words: row by row, field by field. For rehearsals, and for the history that is kept.

use std::collections::HashMap;

use jiff::Timestamp;
use wmbus::Decimal;

use super::{Change, Dwelling, Factor, Installation, Meter, Occupancy, Point, Registry, Site};

/// What happens to one row of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind of row: `site`, `dwelling`, `point`, `meter`, `installation`, `factor`, `occupancy` or `key`.
    pub noun: &'static str,
    /// Its id; of a factor that of its installation, of a key that of its meter.
    pub id: i64,
    /// What people call it: `AB123 lot A-007`, `KAM 12345678 at AB123 lot A-007, hot_water Cuisine`.
    pub name: String,
    /// What changes; all that is said of a row that is new.
    pub fields: Vec<FieldChange>,
    /// Whether the row is new.
    pub added: bool,
}

/// What happens to one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field, by the name of its column in lists.
    pub name: String,
    /// What it said; `None` where it said nothing.
    pub before: Option<String>,
    /// What it says now.
    pub after: Option<String>,
}

/// The differences that changes make to a registry, in their order. Rows that stay as they are are left out; of a key
/// nothing is said but that it came.
pub fn differences(registry: &Registry, changes: &[Change]) -> Vec<Difference> {
    let mut book = Book::of(registry);
    changes.iter().filter_map(|change| book.turn(change)).collect()
}

/// The registry by id, on its way through the changes.
struct Book {
    sites: HashMap<i64, Site>,
    dwellings: HashMap<i64, Dwelling>,
    points: HashMap<i64, Point>,
    meters: HashMap<i64, Meter>,
    installations: HashMap<i64, Installation>,
    factors: HashMap<(i64, Option<Timestamp>), Decimal>,
    occupancies: HashMap<i64, Occupancy>,
}

type Fields = Vec<(&'static str, Option<String>)>;

impl Book {
    fn of(registry: &Registry) -> Self {
        Self {
            sites: registry.sites.iter().map(|row| (row.id.0, row.clone())).collect(),
            dwellings: registry
                .dwellings
                .iter()
                .map(|row| (row.id.0, row.clone()))
                .collect(),
            points: registry
                .points
                .iter()
                .map(|row| (row.id.0, row.clone()))
                .collect(),
            meters: registry
                .meters
                .iter()
                .map(|row| (row.id.0, row.clone()))
                .collect(),
            installations: registry
                .installations
                .iter()
                .map(|row| (row.id.0, row.clone()))
                .collect(),
            factors: registry
                .factors
                .iter()
                .map(|row| ((row.installation.0, row.from), row.value))
                .collect(),
            occupancies: registry
                .occupancies
                .iter()
                .map(|row| (row.id.0, row.clone()))
                .collect(),
        }
    }

    /// Takes a change in, and says what it changed.
    fn turn(&mut self, change: &Change) -> Option<Difference> {
        let (noun, id, before, after) = match change {
            Change::Site(row) => {
                let before = self.sites.insert(row.id.0, row.clone());
                ("site", row.id.0, before.map(|row| site(&row)), site(row))
            }
            Change::Dwelling(row) => {
                let before = self.dwellings.insert(row.id.0, row.clone());
                let before = before.map(|row| self.dwelling(&row));
                ("dwelling", row.id.0, before, self.dwelling(row))
            }
            Change::Point(row) => {
                let before = self.points.insert(row.id.0, row.clone());
                let before = before.map(|row| self.point(&row));
                ("point", row.id.0, before, self.point(row))
            }
            Change::Meter(row) => {
                let before = self.meters.insert(row.id.0, row.clone());
                ("meter", row.id.0, before.map(|row| meter(&row)), meter(row))
            }
            Change::Installation(row) => {
                let before = self.installations.insert(row.id.0, row.clone());
                let before = before.map(|row| self.installation(&row));
                ("installation", row.id.0, before, self.installation(row))
            }
            Change::Factor(row) => {
                let key = (row.installation.0, row.from);
                let before = self.factors.insert(key, row.value);
                let before = before.map(|value| factor(&Factor { value, ..*row }));
                ("factor", row.installation.0, before, factor(row))
            }
            Change::Occupancy(row) => {
                let before = self.occupancies.insert(row.id.0, row.clone());
                let before = before.map(|row| self.occupancy(&row));
                ("occupancy", row.id.0, before, self.occupancy(row))
            }
            Change::Key(row) => {
                let added = vec![("key", Some("a key".to_owned()))];
                ("key", row.meter.0, None, added)
            }
        };
        let added = before.is_none();
        let fields = fields(before.unwrap_or_default(), after);
        let said = added || !fields.is_empty();
        said.then(|| Difference {
            noun,
            id,
            name: self.name(noun, id),
            fields,
            added,
        })
    }

    fn name(&self, noun: &str, id: i64) -> String {
        match noun {
            "site" => self
                .sites
                .get(&id)
                .map_or_else(String::new, |row| row.code.to_string()),
            "dwelling" => self.dwelling_name(id),
            "point" => self.point_name(id),
            "meter" | "key" => self.meter_name(id),
            "occupancy" => self.occupancies.get(&id).map_or_else(String::new, |row| {
                format!("{} in {}", row.id.0, self.dwelling_name(row.dwelling.0))
            }),
            _ => self.installations.get(&id).map_or_else(String::new, |row| {
                format!(
                    "{} at {}",
                    self.meter_name(row.meter.0),
                    self.point_name(row.point.0)
                )
            }),
        }
    }

    fn dwelling_name(&self, id: i64) -> String {
        let Some(row) = self.dwellings.get(&id) else {
            return String::new();
        };
        let site = self.sites.get(&row.site.0);
        let code = site.map_or_else(String::new, |site| site.code.to_string());
        format!("{code} lot {}", row.lot)
    }

    fn point_name(&self, id: i64) -> String {
        let Some(row) = self.points.get(&id) else {
            return String::new();
        };
        let number = if row.number > 1 {
            format!(" {}", row.number)
        } else {
            String::new()
        };
        let name = format!(
            "{}, {} {}{number}",
            self.dwelling_name(row.dwelling.0),
            row.kind.name(),
            row.room
        );
        name.trim_end().to_owned()
    }

    fn meter_name(&self, id: i64) -> String {
        self.meters.get(&id).map_or_else(String::new, |row| {
            row.printed_serial
                .clone()
                .unwrap_or_else(|| row.address.to_string())
        })
    }

    fn dwelling(&self, row: &Dwelling) -> Fields {
        let surface = row
            .surface
            .map(|hundredths| Decimal::new(i64::from(hundredths), -2).to_string());
        let site = self.sites.get(&row.site.0).map(|site| site.code.to_string());
        vec![
            ("site", site),
            ("lot", Some(row.lot.clone())),
            ("client_ref", row.client_ref.clone()),
            ("surface_m2", surface),
        ]
    }

    fn point(&self, row: &Point) -> Fields {
        vec![
            ("dwelling", Some(self.dwelling_name(row.dwelling.0))),
            ("kind", Some(row.kind.name().to_owned())),
            ("room", text(&row.room)),
            ("point_number", Some(row.number.to_string())),
        ]
    }

    fn occupancy(&self, row: &Occupancy) -> Fields {
        vec![
            ("dwelling", Some(self.dwelling_name(row.dwelling.0))),
            ("occupant", Some(row.role.name().to_owned())),
            ("move_in", Some(row.from.to_string())),
            ("move_out", row.until.map(|day| day.to_string())),
            ("keeps_hourly", Some(yes(row.keeps_hourly).to_owned())),
        ]
    }

    fn installation(&self, row: &Installation) -> Fields {
        let instant = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string());
        let index = |index: Option<Decimal>| index.map(|index| index.to_string());
        vec![
            ("meter", Some(self.meter_name(row.meter.0))),
            ("point", Some(self.point_name(row.point.0))),
            ("from", instant(row.from)),
            ("to", instant(row.until)),
            ("start_index", index(row.start_index)),
            ("end_index", index(row.end_index)),
        ]
    }
}

fn site(row: &Site) -> Fields {
    vec![
        ("site", Some(row.code.to_string())),
        ("site_name", text(&row.name)),
        ("address", text(&row.address)),
        ("time_zone", text(&row.time_zone)),
    ]
}

fn meter(row: &Meter) -> Fields {
    let address = row.address;
    vec![
        ("manufacturer", Some(address.manufacturer.to_string())),
        ("id", Some(address.identification_number.to_string())),
        ("version", address.version.map(|octet| octet.to_string())),
        ("type", address.device_type.map(|octet| octet.to_string())),
        ("printed_serial", row.printed_serial.clone()),
    ]
}

fn factor(row: &Factor) -> Fields {
    vec![
        ("rating_factor", Some(row.value.to_string())),
        ("factor_from", row.from.map(|from| from.to_string())),
    ]
}

/// As lists write it.
pub(super) const fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn fields(before: Fields, after: Fields) -> Vec<FieldChange> {
    let said = |name: &str| {
        before
            .iter()
            .find(|(of, _)| *of == name)
            .and_then(|(_, text)| text.clone())
    };
    after
        .into_iter()
        .map(|(name, after)| FieldChange {
            name: name.to_owned(),
            before: said(name),
            after,
        })
        .filter(|field| field.before != field.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{DwellingId, Kind, MeterAddress, MeterId, MeterKey, PointId, SiteId};
    use wmbus::Address;

    fn site() -> Site {
        Site {
            id: SiteId(1),
            code: "AB123".parse().unwrap(),
            name: String::new(),
            address: "12, rue des Lilas".to_owned(),
            time_zone: "Europe/Paris".to_owned(),
        }
    }

    #[test]
    fn a_row_that_changes_names_its_fields_and_a_key_shows_nothing() {
        let registry = Registry {
            sites: vec![site()],
            ..Registry::default()
        };
        let address = Address::from_link_octets([0x2D, 0x2C, 0x78, 0x56, 0x34, 0x12, 0x1B, 0x06]);
        let changes = [
            Change::Site(Site {
                name: "Les Lilas".to_owned(),
                ..site()
            }),
            Change::Dwelling(Dwelling {
                id: DwellingId(1),
                site: SiteId(1),
                lot: "A-007".to_owned(),
                client_ref: None,
                surface: Some(5432),
            }),
            Change::Point(Point {
                id: PointId(1),
                dwelling: DwellingId(1),
                kind: Kind::HotWater,
                room: "Cuisine".to_owned(),
                number: 1,
            }),
            Change::Meter(Meter {
                id: MeterId(1),
                address: MeterAddress::from(address),
                printed_serial: None,
            }),
            Change::Key(MeterKey {
                meter: MeterId(1),
                key: "000102030405060708090A0B0C0D0E0F".parse().unwrap(),
            }),
        ];
        let said = differences(&registry, &changes);
        assert_eq!(said.len(), 5);
        assert_eq!((said[0].noun, said[0].added), ("site", false));
        assert_eq!(
            said[0].fields,
            [FieldChange {
                name: "site_name".to_owned(),
                before: None,
                after: Some("Les Lilas".to_owned()),
            }]
        );
        assert_eq!(said[1].name, "AB123 lot A-007");
        assert_eq!(said[2].name, "AB123 lot A-007, hot_water Cuisine");
        assert!(said[2].added);
        assert!(!format!("{said:?}").contains("0001020"), "a key is shown");
        // The same again says nothing, but for the key, which the store drops when it has it.
        let known = Registry {
            sites: vec![site()],
            ..Registry::default()
        };
        assert!(differences(&known, &[Change::Site(site())]).is_empty());
    }
}
