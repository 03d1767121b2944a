//! The building: dwellings with their rooms, and a meter of a real family at each point.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use wmbus::{Address, DeviceType, IdentificationNumber, Version};

use super::chance::Chance;
use super::fleet::{HEATING, HOT_WATER, Model, Protection};
use super::habits::{Counter, Household, Radiator, Span};

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything drawn by chance depends on it.
    pub seed: u64,
    /// First day, local.
    pub from: Date,
    /// How many days.
    pub days: u32,
    /// How many dwellings, at least 1.
    pub dwellings: u32,
    /// Minutes between two telegrams of one meter, 1 to 1440.
    pub every_minutes: u32,
    /// Telegrams lost on the way, per thousand.
    pub lost_per_mille: u32,
    /// IANA name of the site's time zone.
    pub time_zone: String,
}

/// A simulated site.
#[derive(Debug)]
pub struct Building {
    /// Two letters and three digits.
    pub code: String,
    /// Postal address.
    pub address: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Who lives where.
    pub dwellings: Vec<Dwelling>,
    /// Meters of the house next door, which the receivers hear too.
    pub(crate) neighbours: Vec<Point>,
    pub(crate) span: Span,
}

/// One apartment.
#[derive(Debug)]
pub struct Dwelling {
    /// Lot number.
    pub lot: String,
    /// The operator's reference of the client.
    pub client_ref: String,
    /// Habitable surface in hundredths of a square metre.
    pub surface: u32,
    /// What is metered.
    pub points: Vec<Point>,
}

/// One place where something is counted, with its meter.
#[derive(Debug)]
pub struct Point {
    /// Hot water or heating.
    pub use_: Use,
    /// The room.
    pub room: &'static str,
    /// The meter's address.
    pub address: Address,
    /// What stands on its housing.
    pub printed_serial: String,
    /// Its key, when it encrypts.
    pub key: Option<[u8; 16]>,
    /// What a raw count is multiplied by, in thousandths; 1000 for water.
    pub rating_thousandths: u32,
    pub(crate) model: &'static Model,
    pub(crate) counter: Counter,
}

/// What a point counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Hot water, in millilitres.
    HotWater,
    /// Heat, in thousandths of an allocation unit.
    Heating,
}

impl Building {
    /// The building of a plan: the same plan gives the same building on every machine.
    ///
    /// # Errors
    /// The time zone is not known, or the days lie outside the calendar.
    pub fn new(plan: &Plan) -> Result<Self, jiff::Error> {
        let zone = TimeZone::get(&plan.time_zone)?;
        let start: Timestamp = plan.from.to_zoned_datetime(zone.clone())?.timestamp();
        // The end in local days: a year has 8760 hours only if no clock change is missing its partner.
        let end = plan
            .from
            .checked_add(i64::from(plan.days).days())?
            .to_zoned_datetime(zone.clone())?
            .timestamp();
        let hours = u32::try_from((end.as_second() - start.as_second()).max(0) / 3600).unwrap_or(0);
        let span = Span { start, hours, zone };
        let chance = Chance::new(plan.seed);
        // The models in turn, so that even a small building has many; one dwelling has one maker's allocators.
        let models = HOT_WATER.iter().cycle().zip(HEATING.iter().cycle());
        let dwellings = (0..plan.dwellings.max(1))
            .zip(models)
            .map(|(number, models)| Dwelling::new(number, models, &span, chance))
            .collect();
        let next_door = chance.of("next door");
        let neighbours = (0..NEIGHBOURS)
            .zip(HOT_WATER)
            .map(|(number, model)| Dwelling::new(9000 + number, (model, model), &span, next_door))
            .flat_map(|dwelling| dwelling.points.into_iter().take(1))
            .collect();
        Ok(Self {
            neighbours,
            code: "RL001".to_owned(),
            address: "12 rue des Tilleuls, 93100 Montreuil".to_owned(),
            time_zone: plan.time_zone.clone(),
            dwellings,
            span,
        })
    }

    /// How many families of meters hang in it.
    pub fn families(&self) -> usize {
        let mut names: Vec<_> = self.points().map(|point| point.model.family).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    /// The day on which the meters were mounted: the first one simulated.
    pub fn first_day(&self) -> Date {
        self.span.start.to_zoned_datetime(self.span.zone.clone()).date()
    }

    /// All points, dwelling by dwelling.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.dwellings.iter().flat_map(|dwelling| &dwelling.points)
    }
}

impl Dwelling {
    fn new(
        number: u32,
        (water, heating): (&'static Model, &'static Model),
        span: &Span,
        site: Chance,
    ) -> Self {
        let chance = site.of("dwelling").at(u64::from(number));
        let people = chance.of("people").range(1, 5);
        let surface = u32::try_from(chance.of("surface").range(2100, 3400)).unwrap_or(2500)
            + u32::try_from(people * 1050).unwrap_or(0);
        let household = Household {
            people,
            away_from: i16::try_from(chance.of("away").range(186, 226)).unwrap_or(200),
        };
        let radiators = chance.of("radiators").range(3, 5);
        let mut points = Vec::new();
        points.push(Point::hot_water(number, water, household, span, site));
        for (index, room) in (0..radiators).zip(ROOMS) {
            points.push(Point::heating(number, heating, index, room, span, site));
        }
        let (floor, door) = (number / 3, number % 3 + 1);
        Self {
            lot: format!("{:03}", 101 + number),
            client_ref: format!("LOC-{floor:02}{door:02}"),
            surface,
            points,
        }
    }
}

impl Point {
    fn hot_water(
        dwelling: u32,
        model: &'static Model,
        household: Household,
        span: &Span,
        site: Chance,
    ) -> Self {
        let chance = site.of("water").at(u64::from(dwelling));
        let first = chance.of("first").range(2_000_000, 240_000_000);
        let counter = household.hot_water(span, first, chance.of("draws"));
        Self::new(
            Use::HotWater,
            "Cuisine",
            1000,
            model,
            counter,
            u64::from(dwelling) * 16,
            chance,
        )
    }

    fn heating(
        dwelling: u32,
        model: &'static Model,
        index: u64,
        room: &'static str,
        span: &Span,
        site: Chance,
    ) -> Self {
        let chance = site.of("heat").at(u64::from(dwelling)).at(index);
        let radiator = Radiator {
            winter_units: chance.of("units").range(3, 14),
            closed: chance.of("closed").hits(1, 8),
        };
        let first = chance.of("first").range(0, 900) * 1000;
        let counter = radiator.heat(span, first, chance.of("hours"));
        let rating = u32::try_from(chance.of("rating").range(420, 2650)).unwrap_or(1000);
        Self::new(
            Use::Heating,
            room,
            rating,
            model,
            counter,
            u64::from(dwelling) * 16 + 1 + index,
            chance,
        )
    }

    fn new(
        use_: Use,
        room: &'static str,
        rating_thousandths: u32,
        model: &'static Model,
        counter: Counter,
        serial: u64,
        chance: Chance,
    ) -> Self {
        // Eight decimal digits; the step spreads them, and being coprime to 10^8 it never repeats one.
        let digits = (serial * 7_368_787 + 41_530_077) % 100_000_000;
        let identification_number = format!("{digits:08}")
            .parse()
            .unwrap_or(IdentificationNumber(0x4153_0077));
        let address = Address {
            manufacturer: model.manufacturer(),
            identification_number,
            version: Version(model.version),
            device_type: DeviceType(model.device_type),
        };
        let key = (model.protection != Protection::Plain).then(|| chance.of("key").octets16());
        let printed_serial = format!("{digits:08}");
        Self {
            use_,
            room,
            address,
            printed_serial,
            key,
            rating_thousandths,
            model,
            counter,
        }
    }
}

const NEIGHBOURS: u32 = 3;

const ROOMS: [&str; 5] = ["Séjour", "Chambre 1", "Cuisine", "Salle de bains", "Chambre 2"];
