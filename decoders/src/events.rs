//! Limits that were exceeded: how often, how long, from when to when. The VIF says of what; the value is no reading.

use wmbus::apl::{Event, Qualifier, Quantity as Vif, Record, Unit};

use crate::reading::{Quantity, Stamp};

/// Name and value of the fact: `flow_last_upper_exceed_begin` and `2026-01-14T10:15`. Of the meter itself only, and of now.
pub(crate) fn read(record: &Record<'_>) -> Option<(String, String)> {
    if record.dib.storage != 0 || record.dib.tariff != 0 || record.dib.subunit != 0 {
        return None;
    }
    let quantity = of(record.vib.quantity)?.name();
    let value = match record.vib.event? {
        Event::Moment => Stamp::of(record.value().moment()?)?.to_string(),
        Event::Count => record.value().number()?.to_string(),
        Event::Duration(_) => {
            let unit = match record.vib.unit {
                Unit::Second => "s",
                Unit::Minute => "min",
                Unit::Hour => "h",
                _ => "d",
            };
            format!("{} {unit}", record.value().number()?)
        }
    };
    let mut others = record
        .vib
        .qualifiers()
        .filter(|qualifier| !qualifier.is_neutral());
    let what = what(others.next()?)?;
    // Two of them say something that has no name here.
    others
        .next()
        .is_none()
        .then(|| (format!("{quantity}_{what}"), value))
}

/// What happened, as the bits of the VIFE say it.
fn what(qualifier: Qualifier) -> Option<String> {
    let Qualifier {
        second_table: false,
        code,
    } = qualifier
    else {
        return None;
    };
    let choose = |bit: u8, set: &'static str, clear: &'static str| if code & bit != 0 { set } else { clear };
    let edge = || choose(1, "end", "begin");
    Some(match code {
        0x41 => "lower_exceeds".into(),
        0x49 => "upper_exceeds".into(),
        0x42 | 0x43 | 0x46 | 0x47 | 0x4A | 0x4B | 0x4E | 0x4F => {
            format!(
                "{}_{}_exceed_{}",
                choose(4, "last", "first"),
                choose(8, "upper", "lower"),
                edge()
            )
        }
        0x50..=0x5F => format!(
            "{}_{}_exceed_duration",
            choose(4, "last", "first"),
            choose(8, "upper", "lower")
        ),
        0x60..=0x67 => format!("{}_event_duration", choose(4, "last", "first")),
        0x6A | 0x6B | 0x6E | 0x6F => format!("{}_event_{}", choose(4, "last", "first"), edge()),
        _ => return None,
    })
}

fn of(vif: Vif) -> Option<Quantity> {
    Some(match vif {
        Vif::Energy => Quantity::Energy,
        Vif::Volume => Quantity::Volume,
        Vif::Power => Quantity::Power,
        Vif::VolumeFlow => Quantity::Flow,
        Vif::FlowTemperature => Quantity::Temperature,
        Vif::ReturnTemperature => Quantity::ReturnTemperature,
        Vif::TemperatureDifference => Quantity::TemperatureDifference,
        Vif::ExternalTemperature => Quantity::AmbientTemperature,
        Vif::Humidity => Quantity::Humidity,
        Vif::Pressure => Quantity::Pressure,
        Vif::Voltage => Quantity::Voltage,
        Vif::Current => Quantity::Current,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wmbus::apl::{Item, Records};

    fn fact(octets: &[u8]) -> Option<(String, String)> {
        match Records::new(octets, 0).next() {
            Some(Item::Record(record)) => read(&record),
            _ => None,
        }
    }

    fn is(octets: &[u8], name: &str, value: &str) {
        assert_eq!(fact(octets), Some((name.to_owned(), value.to_owned())));
    }

    #[test]
    fn limits_of_a_flow() {
        is(&[0x02, 0xBB, 0x41, 3, 0], "flow_lower_exceeds", "3");
        is(
            &[0x02, 0xBB, 0x5E, 7, 0],
            "flow_last_upper_exceed_duration",
            "7 h",
        );
        is(
            &[0x04, 0xBE, 0x50, 60, 0, 0, 0],
            "flow_first_lower_exceed_duration",
            "60 s",
        );
        is(
            &[0x02, 0xDB, 0x4A, 0x4E, 0x31],
            "temperature_first_upper_exceed_begin",
            "2026-01-14",
        );
        is(
            &[0x02, 0x93, 0x6F, 0x4E, 0x31],
            "volume_last_event_end",
            "2026-01-14",
        );
    }

    #[test]
    fn what_has_no_name_is_no_fact() {
        assert_eq!(fact(&[0x02, 0x3B, 3, 0]), None);
        assert_eq!(fact(&[0x42, 0xBB, 0x41, 3, 0]), None);
        assert_eq!(fact(&[0x02, 0xBB, 0xC1, 0x3B, 3, 0]), None);
    }
}
