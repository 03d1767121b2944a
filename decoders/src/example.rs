//! Examples of a page: a meter nobody owns says invented numbers, our own encoder puts them into a telegram, and our own
//! decoder has to find them there.

use wmbus::apl::Date;
use wmbus::{Address, Decimal, DeviceType, IdentificationNumber, Key, Version};

use crate::family::Family;
use crate::page::Example;
use crate::reading::{Direction, Quantity, Reading, Register, Stamp, Unit};
use crate::speak::Spoken;
use crate::telegram::Sealing;
use crate::{Context, Decoded, Families, statement};

impl Example {
    /// Who says what in this example, and how it is sealed.
    ///
    /// # Errors
    /// What is wrong in it, and what to write.
    pub fn speaker(&self) -> Result<(Address, Spoken, Sealing), String> {
        let readings = self
            .says
            .iter()
            .map(|line| statement::parse(line))
            .collect::<Result<_, _>>()?;
        let status = self
            .status
            .iter()
            .map(|text| statement::parse_status(text).ok_or_else(|| format!("{text:?} is no status word")))
            .collect::<Result<_, _>>()?;
        let clock = self
            .clock
            .as_deref()
            .map(|text| {
                statement::stamp(text).ok_or_else(|| format!("clock = {text:?}: write 2026-01-14T10:15"))
            })
            .transpose()?;
        let key = || match &self.key {
            Some(text) => text.parse::<Key>().map_err(|error| error.to_string()),
            None => Err("it is sealed, and has no key".to_owned()),
        };
        let sealing = match self.sealed.as_deref() {
            None => Sealing::Clear,
            Some("mode 5") => Sealing::Mode5(key()?),
            Some("mode 7") => Sealing::Mode7(key()?),
            Some("mode 10") => Sealing::Mode10(key()?),
            Some("link") => Sealing::Link(key()?),
            Some(other) => {
                return Err(format!(
                    "sealed = {other:?}: write \"mode 5\", \"mode 7\", \"mode 10\" or \"link\""
                ));
            }
        };
        let spoken = Spoken {
            readings,
            // A meter without clock still knows its months.
            device_time: clock.or(self.context()?.received.map(Stamp::date)),
            status,
            telegram: self.sent_as.clone(),
        };
        Ok((address(&self.meter)?, spoken, sealing))
    }
}

impl Example {
    fn context(&self) -> Result<Context, String> {
        let wrong = |text: &str| format!("received = {text:?}: write a day such as 2026-01-14");
        let day = |text: &String| {
            let stamp = statement::stamp(text).and_then(|stamp| stamp.day());
            stamp.ok_or_else(|| wrong(text))
        };
        let received = self.received.as_ref().map(day).transpose()?;
        Ok(Context {
            received,
            ..Context::default()
        })
    }
}

impl Family {
    /// Holds an example against the page: the telegram is what our encoder makes of its readings, and says them all.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&self, families: &Families, example: &Example) -> Result<(), String> {
        let made = self.remake(families, example)?;
        if made.telegram != example.telegram {
            return Err(format!("the telegram should be {}", made.telegram));
        }
        if made.says != example.says || made.clock != example.clock || made.status != example.status {
            return Err(format!(
                "the telegram says {:?}, clock {:?}, status {:?}",
                made.says, made.clock, made.status
            ));
        }
        Ok(())
    }

    /// The example with the telegram that its readings make, and with what that telegram says.
    ///
    /// # Errors
    /// It can't be said, or is not understood.
    pub fn remake(&self, families: &Families, example: &Example) -> Result<Example, String> {
        let (meter, spoken, sealing) = example.speaker()?;
        let telegram = self
            .telegram(meter, &spoken, &sealing)
            .map_err(|error| error.to_string())?;
        let keys: Vec<Key> = match sealing {
            Sealing::Clear => Vec::new(),
            Sealing::Mode5(key) | Sealing::Mode7(key) | Sealing::Mode10(key) | Sealing::Link(key) => {
                vec![key]
            }
        };
        let context = example.context()?;
        let decoded = families
            .read(&telegram, &keys, &context)
            .map_err(|error| error.to_string())?;
        if decoded.decoder != self.name {
            return Err(format!("is read by {:?}", decoded.decoder));
        }
        Ok(Example {
            telegram: telegram.iter().map(|octet| format!("{octet:02X}")).collect(),
            says: decoded.readings.iter().map(statement::write).collect(),
            clock: clock_of(&decoded),
            status: decoded.status.iter().map(statement::write_status).collect(),
            ..example.clone()
        })
    }

    /// An example with invented numbers for the usual telegram of this family, or for one of its others.
    ///
    /// # Errors
    /// The page can't say it.
    pub fn invent(&self, families: &Families, sent_as: Option<&str>) -> Result<Example, String> {
        let meter = self.inhabitant().ok_or("the page answers for no address")?;
        let seed = self
            .name
            .bytes()
            .fold(7_i64, |seed, octet| (seed * 31 + i64::from(octet)) % 97);
        let spoken = story(seed, sent_as);
        let telegram = self
            .telegram(meter, &spoken, &Sealing::Clear)
            .map_err(|error| error.to_string())?;
        let received = spoken.today();
        let decoded = families
            .read(
                &telegram,
                &[],
                &Context {
                    received,
                    ..Context::default()
                },
            )
            .map_err(|error| error.to_string())?;
        let clock = clock_of(&decoded);
        let example = Example {
            received: received.filter(|_| clock.is_none()).map(|day| day.to_string()),
            meter: meter.to_string(),
            sent_as: sent_as.map(str::to_owned),
            sealed: None,
            key: None,
            clock,
            status: Vec::new(),
            says: decoded.readings.iter().map(statement::write).collect(),
            telegram: String::new(),
        };
        self.remake(families, &example)
    }

    /// A meter that this page answers for.
    pub fn inhabitant(&self) -> Option<Address> {
        let claim = self.claims.iter().find(|claim| !claim.manufacturer.is_local())?;
        Some(Address {
            manufacturer: claim.manufacturer,
            identification_number: IdentificationNumber(0x1234_5678),
            version: claim.version.unwrap_or(Version(0)),
            device_type: claim.device_type.unwrap_or(DeviceType::WATER),
        })
    }
}

/// A clock that says the time; one that only says the day is none to be written.
fn clock_of(decoded: &Decoded) -> Option<String> {
    let date = |name: &&crate::Fact| &*name.name == "device_date";
    let stamp = decoded.device_time.map(|stamp| stamp.to_string());
    stamp.or_else(|| decoded.facts.iter().find(date).map(|fact| fact.value.clone()))
}

/// Some years of a meter that counts everything, on a morning of March: a page takes what it has room for.
pub fn story(seed: i64, sent_as: Option<&str>) -> Spoken {
    let day = |year, month, day| Date { year, month, day };
    let today = day(2026, 3, 11);
    let at_end = |n: u16| crate::dating::month_end(today, n);
    // What had been counted n months ago: less the further back, and a little irregular.
    let state = |n: i64| (1200 + seed * 3) * (34 - n) + (n * n * 17 + seed) % 400;
    let mut readings = Vec::new();
    for direction in [Direction::Forward, Direction::Reverse] {
        for register in [Register::Current, Register::SetDate] {
            let months = if register == Register::Current { 0 } else { 3 };
            readings.push(Reading {
                register,
                direction,
                at: at_end(3).filter(|_| months > 0).map(Stamp::date),
                ..Reading::new(Quantity::Energy, Decimal::new(state(months) / 2, 3))
            });
        }
    }
    let counters = [
        (Quantity::Volume, Unit::CubicMetre, -3_i8, 1),
        (Quantity::Energy, Unit::WattHour, 3, 1),
        (Quantity::Energy, Unit::Joule, 6, 1),
    ];
    for (quantity, unit, exponent, factor) in counters {
        let stored = |n: i64, register, at: Option<Date>| Reading {
            unit,
            register,
            at: at.map(Stamp::date),
            ..Reading::new(quantity, Decimal::new(state(n) * factor, exponent))
        };
        readings.push(stored(0, Register::Current, None));
        readings.push(stored(3, Register::SetDate, at_end(3)));
        for n in 1..=32_u16 {
            readings.push(stored(i64::from(n), Register::History(n), at_end(n)));
        }
    }
    // An allocator restarted at the turn of the year.
    let units = |n: i64| {
        if n < 3 {
            90 + seed - 30 * n
        } else {
            900 + seed - 25 * n
        }
    };
    let heat = |n: i64, register, at: Option<Date>| Reading {
        register,
        at: at.map(Stamp::date),
        ..Reading::new(Quantity::HeatCost, Decimal::new(units(n), 0))
    };
    readings.push(heat(0, Register::Current, None));
    readings.push(heat(3, Register::SetDate, at_end(3)));
    for n in 1..=32_u16 {
        readings.push(heat(i64::from(n), Register::History(n), at_end(n)));
    }
    for register in [Register::Current, Register::SetDate] {
        readings.push(Reading {
            direction: Direction::Reverse,
            register,
            at: at_end(3)
                .filter(|_| register == Register::SetDate)
                .map(Stamp::date),
            ..Reading::new(Quantity::Volume, Decimal::new(21 + seed % 5, -3))
        });
    }
    let others = [
        (Quantity::Flow, 112 + seed, -3),
        (Quantity::Power, 800 + seed, 0),
        (Quantity::Temperature, 2150 + seed, -2),
        (Quantity::ReturnTemperature, 1980 + seed, -2),
        (Quantity::AmbientTemperature, 2040 + seed, -2),
        (Quantity::Humidity, 430 + seed, -1),
    ];
    for (quantity, mantissa, exponent) in others {
        for register in [
            Register::Current,
            Register::SetDate,
            Register::Max,
            Register::Min,
            Register::Average,
        ] {
            readings.push(Reading {
                register,
                at: at_end(3)
                    .filter(|_| register == Register::SetDate)
                    .map(Stamp::date),
                ..Reading::new(quantity, Decimal::new(mantissa, exponent))
            });
        }
    }
    for (unit, mantissa, exponent) in [
        (Unit::Day, 2900 + seed, 0),
        (Unit::Month, 95, 0),
        (Unit::Year, 75, -1),
        (Unit::Percent, 87, 0),
        (Unit::Volt, 36, -1),
    ] {
        readings.push(Reading {
            unit,
            ..Reading::new(Quantity::Battery, Decimal::new(mantissa, exponent))
        });
    }
    // Pulses of two inputs.
    for subunit in 0..=1_u16 {
        readings.push(Reading {
            subunit,
            ..Reading::new(Quantity::Count, Decimal::new(state(i64::from(subunit)), 0))
        });
    }
    readings.extend(mains(seed));
    let clock = Stamp::DateTime {
        year: today.year,
        month: today.month,
        day: today.day,
        hour: 6,
        minute: 40,
        second: None,
    };
    Spoken {
        readings,
        device_time: Some(clock),
        status: Vec::new(),
        telegram: sent_as.map(str::to_owned),
    }
}

/// What a meter of electricity sees: as a whole, and of each phase as a subunit.
fn mains(seed: i64) -> Vec<Reading> {
    let mut readings = vec![
        Reading::new(Quantity::Frequency, Decimal::new(4998, -2)),
        Reading::new(Quantity::PowerFactor, Decimal::new(96, -2)),
        Reading::new(Quantity::CarbonDioxide, Decimal::new(612 + seed, 0)),
        Reading::new(Quantity::Reactive, Decimal::new(5400 + seed, 3)),
        Reading::new(Quantity::Apparent, Decimal::new(7300 + seed, 3)),
    ];
    for subunit in 0..=3_u16 {
        let own = i64::from(subunit) + seed;
        let values = [
            (Quantity::Voltage, Unit::Volt, 2300 + own, -1),
            (Quantity::Current, Unit::Ampere, 1200 + own, -3),
            (Quantity::Reactive, Unit::Var, 100 + own, 0),
            (Quantity::Apparent, Unit::VoltAmpere, 900 + own, 0),
            (Quantity::Power, Unit::Watt, 800 + own, 0),
        ];
        // The power of the whole has been told.
        let told = if subunit == 0 { 4 } else { 5 };
        for (quantity, unit, mantissa, exponent) in values.into_iter().take(told) {
            readings.push(Reading {
                unit,
                subunit,
                ..Reading::new(quantity, Decimal::new(mantissa, exponent))
            });
        }
    }
    readings
}

/// `QDS 12345678 34 08`.
fn address(text: &str) -> Result<Address, String> {
    let wrong =
        || format!("meter = {text:?}: write maker, number, version and type, such as \"QDS 12345678 34 08\"");
    let words: Vec<_> = text.split_whitespace().collect();
    let [maker, number, version, device_type] = words[..] else {
        return Err(wrong());
    };
    let octet = |text: &str| u8::from_str_radix(text, 16).map_err(|_| wrong());
    Ok(Address {
        manufacturer: maker.parse().map_err(|_| wrong())?,
        identification_number: number.parse().map_err(|_| wrong())?,
        version: Version(octet(version)?),
        device_type: DeviceType(octet(device_type)?),
    })
}
