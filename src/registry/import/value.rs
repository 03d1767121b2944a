//! Values: what is written in one cell, as a number, an instant or a word; and what to write instead.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use wmbus::{Decimal, DeviceType, IdentificationNumber};

use crate::registry::{Kind, Role, serial, text};

/// An instant, or a local day or time whose instant follows from the site's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Instant(Timestamp),
    Local(DateTime),
}

impl Moment {
    /// The instant in a zone; a day begins at its 00:00. `None` outside the calendar.
    pub(super) fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(instant) => Some(instant),
            Self::Local(local) => Some(local.to_zoned_datetime(zone.clone()).ok()?.timestamp()),
        }
    }
}

/// What is counted, when the device type alone says it.
pub(super) fn kind_of(device_type: Option<DeviceType>) -> Option<Kind> {
    Some(match device_type?.0 {
        0x06 | 0x15 => Kind::HotWater,
        0x16 => Kind::ColdWater,
        0x08 => Kind::Heating,
        0x04 | 0x0C | 0x0D => Kind::HeatEnergy,
        0x0A | 0x0B => Kind::Cooling,
        0x02 => Kind::Electricity,
        0x03 => Kind::Gas,
        0x1A | 0x1B => Kind::Other,
        _ => return None,
    })
}

pub(super) fn kind(written: &str) -> Result<Kind, String> {
    let form = text::words(written).replace(' ', "_");
    Kind::from_name(&form)
        .or_else(|| {
            KINDS
                .iter()
                .find(|(name, _)| *name == form)
                .map(|(_, kind)| *kind)
        })
        .ok_or_else(|| {
            let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!("write one of {}", names.join(", "))
        })
}

pub(super) fn octet(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    match u8::from_str_radix(digits, 16) {
        Ok(octet) if hexadecimal && digits.len() <= 2 => Ok(octet),
        _ => Err("write two hexadecimal digits, such as 1B".to_owned()),
    }
}

pub(super) fn device_type(written: &str) -> Result<DeviceType, String> {
    let form = text::words(written).replace(' ', "_");
    let named = (0..=u8::MAX)
        .map(DeviceType)
        .find(|device_type| device_type.name() == form && form != "reserved");
    match named {
        Some(device_type) => Ok(device_type),
        None => octet(written)
            .map(DeviceType)
            .map_err(|_| "write two hexadecimal digits or a name, such as 06 or warm_water".to_owned()),
    }
}

pub(super) fn identification_number(written: &str) -> Result<IdentificationNumber, String> {
    let digits: String = written
        .chars()
        .filter(|character| !matches!(character, ' ' | '.' | '\''))
        .collect();
    digits.parse().map_err(|_| {
        if let Some((manufacturer, number)) = serial::fourteen(written) {
            format!("write {manufacturer} as manufacturer, {number} as id, and this as printed_serial")
        } else if digits.contains(['E', 'e']) && digits.contains(['+', ',']) {
            "the spreadsheet made a power of ten of it: format the column as text and write the digits"
                .to_owned()
        } else {
            "write the number of the radio address: up to eight digits".to_owned()
        }
    })
}

pub(super) fn surface(written: &str) -> Result<u32, String> {
    let trimmed = written.trim_end_matches("m²").trim_end_matches("m2").trim();
    let hundredths = decimal(trimmed)?
        .rescale(-2)
        .ok_or("write square metres with at most two decimals")?;
    match u32::try_from(hundredths) {
        Ok(surface @ 1..=100_000_000) => Ok(surface),
        _ => Err("write the square metres of the dwelling, such as 54,32".to_owned()),
    }
}

pub(super) fn index(written: &str) -> Result<Decimal, String> {
    match decimal(written)? {
        index if index.mantissa >= 0 => Ok(index),
        _ => Err("a display shows no number below 0".to_owned()),
    }
}

/// A decimal number with point or comma, as exact as it is written.
pub(super) fn decimal(written: &str) -> Result<Decimal, String> {
    let invalid = || "write a decimal number, such as 1,25 or 1.25".to_owned();
    let digits: String = written
        .chars()
        .filter(|character| !matches!(character, ' ' | '\u{a0}' | '\u{202f}'))
        .collect();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, digits.as_str()),
    };
    let (whole, fraction) = match digits.split_once([',', '.']) {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(invalid()),
        None => (digits, ""),
    };
    let digits_only = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
        return Err(invalid());
    }
    let mantissa: i64 = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
    let exponent = i8::try_from(fraction.len()).map_err(|_| invalid())?;
    Ok(Decimal::new(sign * mantissa, -exponent))
}

pub(super) fn moment(written: &str) -> Result<Moment, String> {
    let invalid = "write a day (2024-05-01 or 01/05/2024) or an instant (2024-05-01T10:00:00Z)";
    let instant = written.parse().map(Moment::Instant).ok();
    // A day alone is its 00:00.
    let local = || written.parse::<DateTime>().ok();
    let french = || {
        let mut parts = written.split(['/', '.']);
        let day = parts.next()?.parse().ok()?;
        let month = parts.next()?.parse().ok()?;
        let year = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
        let date = Date::new(year, month, day).ok()?;
        parts.next().is_none().then(|| date.at(0, 0, 0, 0))
    };
    instant
        .or_else(|| french().or_else(local).map(Moment::Local))
        .ok_or_else(|| invalid.to_owned())
}

/// A day, without an hour.
pub(super) fn day(written: &str) -> Result<Date, String> {
    match moment(written) {
        Ok(Moment::Local(local)) if local.time() == jiff::civil::Time::midnight() => Ok(local.date()),
        _ => Err("write a day (2024-05-01 or 01/05/2024)".to_owned()),
    }
}

/// In which capacity somebody lives in a dwelling.
pub(super) fn role(written: &str) -> Result<Role, String> {
    match text::words(written).replace(' ', "_").as_str() {
        "tenant" | "locataire" => Ok(Role::Tenant),
        "owner_occupier" | "owner" | "proprietaire" | "proprietaire_occupant" => Ok(Role::OwnerOccupier),
        _ => Err("write tenant or owner_occupier".to_owned()),
    }
}

/// Yes or no.
pub(super) fn yes(written: &str) -> Result<bool, String> {
    match text::words(written).as_str() {
        "yes" | "true" | "oui" | "1" => Ok(true),
        "no" | "false" | "non" | "0" => Ok(false),
        _ => Err("write yes or no".to_owned()),
    }
}

/// Words that French lists use.
const KINDS: &[(&str, Kind)] = &[
    ("ecs", Kind::HotWater),
    ("eau_chaude", Kind::HotWater),
    ("warm_water", Kind::HotWater),
    ("ef", Kind::ColdWater),
    ("efs", Kind::ColdWater),
    ("eau_froide", Kind::ColdWater),
    ("chauffage", Kind::Heating),
    ("rfc", Kind::Heating),
    ("repartiteur", Kind::Heating),
    ("heat_cost", Kind::Heating),
    ("energie", Kind::HeatEnergy),
    ("cet", Kind::HeatEnergy),
    ("froid", Kind::Cooling),
    ("electricite", Kind::Electricity),
    ("gaz", Kind::Gas),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_with_point_or_comma() {
        for (written, mantissa, exponent) in [
            ("1,25", 125, -2),
            ("1.250", 1250, -3),
            ("0,5", 5, -1),
            ("12 345,678", 12_345_678, -3),
            ("-3", -3, 0),
            ("007", 7, 0),
        ] {
            assert_eq!(
                decimal(written),
                Ok(Decimal::new(mantissa, exponent)),
                "{written}"
            );
        }
        for written in [
            "",
            ",5",
            "5,",
            "1,2,3",
            "1.234,5",
            "1e3",
            "٣",
            "--1",
            "99999999999999999999",
        ] {
            assert!(decimal(written).is_err(), "{written}");
        }
    }

    #[test]
    fn days_are_written_in_french_and_in_iso() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        for written in [
            "2024-05-01",
            "01/05/2024",
            "1.5.2024",
            "2024-05-01T00:00",
            "2024-04-30T22:00:00Z",
            "2024-05-01T00:00:00+02:00",
        ] {
            let instant = moment(written).unwrap().instant(&paris).unwrap();
            assert_eq!(instant.to_string(), "2024-04-30T22:00:00Z", "{written}");
        }
        for written in [
            "",
            "31/02/2024",
            "01/05/24",
            "05/2024",
            "tomorrow",
            "2024-13-01",
            "1/2/2024/5",
        ] {
            assert!(moment(written).is_err(), "{written}");
        }
    }

    #[test]
    fn surfaces_and_octets_and_kinds() {
        assert_eq!(surface("54,32 m²"), Ok(5432));
        assert_eq!(surface("54"), Ok(5400));
        assert!(surface("54,321").is_err() && surface("0").is_err() && surface("-1").is_err());
        assert_eq!(octet("1b"), Ok(0x1B));
        assert_eq!(octet("0x7"), Ok(7));
        assert!(octet("1BB").is_err() && octet("+1").is_err() && octet("").is_err());
        assert_eq!(device_type("Warm water"), Ok(DeviceType::WARM_WATER));
        assert_eq!(device_type("08"), Ok(DeviceType::HEAT_COST_ALLOCATOR));
        assert!(device_type("reserved").is_err());
        assert_eq!(kind("Eau chaude"), Ok(Kind::HotWater));
        assert_eq!(kind("heating"), Ok(Kind::Heating));
        assert!(kind("wind").unwrap_err().contains("hot_water"));
        for (name, _) in KINDS {
            assert_eq!(text::words(name).replace(' ', "_"), *name);
        }
    }

    #[test]
    fn numbers_that_a_spreadsheet_spoilt_say_so() {
        assert_eq!(
            identification_number("12 345 678").unwrap().to_string(),
            "12345678"
        );
        assert_eq!(identification_number("123").unwrap().to_string(), "00000123");
        assert!(
            identification_number("1,23457E+07")
                .unwrap_err()
                .contains("spreadsheet")
        );
        assert!(
            identification_number("9ABC1240123456")
                .unwrap_err()
                .contains("ABC as manufacturer, 40123456 as id")
        );
    }
}
