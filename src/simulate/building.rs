//! The building: dwellings with their rooms, and a meter of a real family at each point.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use wmbus::{Address, DeviceType, IdentificationNumber, Version};

use super::chance::Chance;
use super::events::{Events, Fate, Happened, Life};
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
    /// How much happens besides everyday life.
    pub events: Events,
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
    /// What happened, in no order.
    pub happened: Vec<Happened>,
    /// When the gateway was off.
    pub(crate) outages: Vec<(Timestamp, Timestamp)>,
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
    /// What is metered; a meter that replaced another stands behind it.
    pub points: Vec<Point>,
    household: Household,
    leaks: Vec<(Timestamp, Timestamp, u64)>,
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
    pub(crate) life: Life,
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
        let dwellings: Vec<_> = (0..plan.dwellings.max(1))
            .zip(models)
            .map(|(number, models)| Dwelling::new(number, models, &span, chance, plan.events))
            .collect();
        let next_door = chance.of("next door");
        let neighbours = (0..NEIGHBOURS)
            .zip(HOT_WATER)
            .map(|(number, model)| {
                Dwelling::new(9000 + number, (model, model), &span, next_door, Events::Calm)
            })
            .flat_map(|dwelling| dwelling.points.into_iter().take(1))
            .collect();
        let outages = plan.events.outages(&span, chance.of("gateway"));
        let mut happened: Vec<Happened> = outages
            .iter()
            .map(|(from, until)| Happened {
                event: "gateway_outage",
                serial: None,
                from: *from,
                until: Some(*until),
            })
            .collect();
        for dwelling in &dwellings {
            happened.extend(dwelling.happened(&span));
        }
        Ok(Self {
            neighbours,
            happened,
            outages,
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
        events: Events,
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
        let mut leaks = Vec::new();
        let fate = events.fate(true, span, chance.of("water"));
        leaks.extend(fate.leak);
        points.extend(Point::hot_water(number, water, household, span, site, &fate));
        for (index, room) in (0..radiators).zip(ROOMS) {
            let fate = events.fate(false, span, chance.of("heat").at(index));
            points.extend(Point::heating(number, heating, index, room, span, site, &fate));
        }
        let (floor, door) = (number / 3, number % 3 + 1);
        Self {
            lot: format!("{:03}", 101 + number),
            client_ref: format!("LOC-{floor:02}{door:02}"),
            surface,
            points,
            household,
            leaks,
        }
    }

    /// What happened here, as the plan's events and everyday life had it.
    fn happened(&self, span: &Span) -> Vec<Happened> {
        let mut all = Vec::new();
        for point in &self.points {
            let mut add = |event, from: Timestamp, until| {
                all.push(Happened {
                    event,
                    serial: Some(point.printed_serial.clone()),
                    from,
                    until,
                });
            };
            let begin = point.life.since.unwrap_or(span.start);
            if point.use_ == Use::HotWater && point.life.since.is_none() {
                for (from, until, _) in &self.leaks {
                    add("leak", *from, Some(*until));
                }
                for (from, until) in self.household.holidays(span) {
                    add("holiday", from, Some(until));
                }
            }
            if let Some(until) = point.life.until {
                add("replacement", until, None);
            }
            if let Some(at) = point.rolls_over_at(span) {
                add("rollover", at, None);
            }
            for (from, until) in &point.life.silent {
                if *until == Timestamp::MAX {
                    add("dead_battery", *from, None);
                } else {
                    add("radio_loss", *from, Some(*until));
                }
            }
            if point.life.skew != 0 {
                add("wrong_clock", begin, point.life.until);
            }
            if let Some((at, _)) = point.life.new_factor {
                add("factor_change", at, None);
            }
            if point.closed() {
                add("closed_radiator", begin, point.life.until);
            }
        }
        all
    }
}

impl Point {
    fn hot_water(
        dwelling: u32,
        model: &'static Model,
        household: Household,
        span: &Span,
        site: Chance,
        fate: &Fate,
    ) -> Vec<Self> {
        let chance = site.of("water").at(u64::from(dwelling));
        let first = chance.of("first").range(2_000_000, 240_000_000);
        let counter = household.hot_water(span, first, chance.of("draws"), fate.leak);
        let serial = u64::from(dwelling) * 16;
        Self::devices(
            Use::HotWater,
            "Cuisine",
            1000,
            model,
            counter,
            serial,
            chance,
            fate,
        )
    }

    fn heating(
        dwelling: u32,
        model: &'static Model,
        index: u64,
        room: &'static str,
        span: &Span,
        site: Chance,
        fate: &Fate,
    ) -> Vec<Self> {
        let chance = site.of("heat").at(u64::from(dwelling)).at(index);
        let radiator = Radiator {
            winter_units: chance.of("units").range(3, 14),
            closed: chance.of("closed").hits(1, 8),
        };
        let first = chance.of("first").range(0, 900) * 1000;
        let counter = radiator.heat(span, first, chance.of("hours"));
        let rating = u32::try_from(chance.of("rating").range(420, 2650)).unwrap_or(1000);
        let serial = u64::from(dwelling) * 16 + 1 + index;
        Self::devices(Use::Heating, room, rating, model, counter, serial, chance, fate)
    }

    /// The meter of a place, and the one that replaced it.
    #[expect(clippy::too_many_arguments, reason = "what makes a meter, each used once")]
    fn devices(
        use_: Use,
        room: &'static str,
        rating_thousandths: u32,
        model: &'static Model,
        counter: Counter,
        serial: u64,
        chance: Chance,
        fate: &Fate,
    ) -> Vec<Self> {
        let mut silent: Vec<_> = fate.lost.into_iter().collect();
        silent.extend(fate.dies.map(|dies| (dies, Timestamp::MAX)));
        let mut life = Life {
            until: fate.replaced,
            skew: fate.skew,
            silent,
            new_factor: fate.new_factor,
            ..Life::default()
        };
        let counted = |at| i64::try_from(counter.at(at)).unwrap_or(i64::MAX);
        if let Some(at) = fate.rolls_over {
            life.width = Some(WIDTH);
            life.offset = i64::try_from(WIDTH).unwrap_or(0) - counted(at);
        }
        let old = Self::new(
            use_,
            room,
            rating_thousandths,
            model,
            counter.clone(),
            serial,
            chance,
            life,
        );
        let Some(replaced) = fate.replaced else {
            return vec![old];
        };
        let start = if use_ == Use::HotWater { 12_000 } else { 0 };
        let successor = Life {
            since: Some(replaced),
            offset: start - counted(replaced),
            silent: fate.lost.into_iter().collect(),
            ..Life::default()
        };
        let rating = fate.new_factor.map_or(rating_thousandths, |(_, factor)| factor);
        let new = Self::new(
            use_,
            room,
            rating,
            model,
            counter,
            serial + 8,
            chance.of("successor"),
            successor,
        );
        vec![old, new]
    }

    #[expect(clippy::too_many_arguments, reason = "what makes a meter, each used once")]
    fn new(
        use_: Use,
        room: &'static str,
        rating_thousandths: u32,
        model: &'static Model,
        counter: Counter,
        serial: u64,
        chance: Chance,
        life: Life,
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
            life,
        }
    }

    /// From when to when it served its place: `None` for the ends of the simulated time.
    pub fn service(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.life.since, self.life.until)
    }

    /// What a raw count is multiplied by at an instant, in thousandths.
    pub fn factor_at(&self, instant: Timestamp) -> u32 {
        match self.life.new_factor {
            Some((since, factor)) if since <= instant => factor,
            _ => self.rating_thousandths,
        }
    }

    /// When the register went over its end.
    fn rolls_over_at(&self, span: &Span) -> Option<Timestamp> {
        let width = self.life.width?;
        let end = self.life.until.unwrap_or(Timestamp::MAX);
        (0..=i64::from(span.hours))
            .filter_map(|hour| span.start.checked_add(hour.hours()).ok())
            .take_while(|at| *at < end)
            .find(|at| self.index(*at) >= width)
    }

    /// Whether it stands still all the time.
    fn closed(&self) -> bool {
        self.use_ == Use::Heating && self.counter.stands_still()
    }
}

/// Five digits before the point, in millilitres: what the totaliser of a flat's meter shows.
const WIDTH: u64 = 100_000_000_000;

const NEIGHBOURS: u32 = 3;

const ROOMS: [&str; 5] = ["Séjour", "Chambre 1", "Cuisine", "Salle de bains", "Chambre 2"];
