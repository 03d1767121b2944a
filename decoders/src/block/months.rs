//! Month ends that a block sends as differences.

use wmbus::Decimal;

use super::field::Field;
use crate::decoded::Decoded;
use crate::reading::{Kind, Quantity, Reading, Register, Stamp};

/// Month ends before that of `history 1`, from differences sent oldest first: each is the next newer minus its difference,
/// which is negative across a restart. 8000 ends the row. With `kind = "increment"` what was gained in each month is reported
/// beside the states.
pub(super) fn read(field: &Field, quantity: Quantity, octets: &[u8], decoded: &mut Decoded) {
    let newest = decoded
        .readings
        .iter()
        .find(|reading| reading.quantity == quantity && reading.register == Register::History(1))
        .and_then(|reading| Some((reading.value, reading.unit, reading.at?.day()?)));
    let Some((mut value, unit, day)) = newest else {
        return;
    };
    let mut end = day;
    for n in 1..=field.months_before {
        let back = usize::from(field.months_before - n) * 2;
        let difference = octets
            .get(field.at + back..)
            .and_then(|octets| octets.first_chunk::<2>());
        let Some(difference) = difference.map(|octets| i16::from_le_bytes(*octets)) else {
            return;
        };
        let gained = Decimal::new(i64::from(difference), field.scale);
        let (Some(older), Some(at)) = (
            value.checked_sub(gained).filter(|_| difference != i16::MIN),
            day.add_months(-i32::from(n)),
        ) else {
            return;
        };
        if field.kind == Kind::Increment && difference >= 0 {
            decoded.readings.push(Reading {
                unit,
                kind: Kind::Increment,
                register: Register::History(n),
                at: Some(Stamp::date(end)),
                ..Reading::new(quantity, gained)
            });
        }
        (value, end) = (older, at);
        decoded.readings.push(Reading {
            unit,
            register: Register::History(n + 1),
            at: Some(Stamp::date(at)),
            ..Reading::new(quantity, value)
        });
    }
}
