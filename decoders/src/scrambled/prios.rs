//! PRIOS and "real data" of Diehl, Hydrometer and Sappel: data behind a shift register that the address seeds.
//!
//! ```text
//! offset  0   L C M M  A×6                    2–9 as on the air seed the register, together with 10–13
//!        10   CI
//!        11   alarms, counter, period         bit 7 general alarm; 6–4 counter; 3–0 p: a telegram every 2^(p+2) s
//!        12   leak, battery                   bit 7 leak; 6 was leaking; 5 blocked; 4–0 half years of battery
//!        13   conditions
//!        14   13: litres
//!        15   4B  I I I I  H H H H  D D        scrambled: index, stored index, date (type G) of the stored index
//! ```
//!
//! Source: observed.

use wmbus::apl::date::type_g;
use wmbus::{Content, Decimal};

use crate::decoded::Decoded;
use crate::quirks::SAP;
use crate::reading::{Quantity, Reading, Register, Stamp, Status, StatusWord, Unit};
use crate::speak::{Spoken, at_resolution};
use crate::status::add;

/// Keys that stand in all of these meters unless an operator changed them.
pub const DEFAULT_KEYS: [[u8; 8]; 2] = [
    [0x39, 0xBC, 0x8A, 0x10, 0xE6, 0x6D, 0x83, 0xF8],
    [0x51, 0x72, 0x89, 0x10, 0xE6, 0x6D, 0x83, 0xF8],
];

/// Offset of the first scrambled octet in a telegram.
pub const SCRAMBLED_AT: usize = 15;

/// Octets of a PRIOS payload in clear: mark, two indexes, a date.
const CLEAR: usize = 11;

/// Scrambles or descrambles octets 15 and on; the operation is its own inverse. `head` holds octets 2 to 13 as they are
/// on the air.
pub fn scramble(key: [u8; 8], head: [u8; 12], octets: &mut [u8]) {
    let word = |octets: &[u8]| {
        octets
            .iter()
            .fold(0_u32, |word, octet| word << 8 | u32::from(*octet))
    };
    let mut state = key
        .chunks(4)
        .chain(head.chunks(4))
        .fold(0, |state, part| state ^ word(part));
    for octet in octets {
        for _ in 0..8 {
            let bit = (state >> 1 ^ state >> 2 ^ state >> 11 ^ state >> 31) & 1;
            state = state << 1 | bit;
        }
        *octet ^= (state & 0xFF) as u8;
    }
}

/// The data of a PRIOS telegram in clear, by one of the keys or as they stand; `None` when no key fits.
pub fn open_prios(telegram: &[u8], keys: &[[u8; 8]]) -> Option<Vec<u8>> {
    open(telegram, keys, |clear| {
        clear.first() == Some(&0x4B) && clear.len() >= CLEAR
    })
}

/// The records of a "real data" telegram in clear; `None` when no key fits.
///
/// The sum over all octets is but seven bits: the first octet must look like a DIF as well.
pub fn open_real_data(telegram: &[u8], keys: &[[u8; 8]]) -> Option<Vec<u8>> {
    let check = telegram.get(SCRAMBLED_AT - 1)? & 0xEF;
    open(telegram, keys, |clear| {
        let sum = clear.iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
        sum & 0xEF == check && matches!(clear.first(), Some(0x04 | 0x0C | 0x02 | 0x0B))
    })
}

fn open(telegram: &[u8], keys: &[[u8; 8]], good: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let head = telegram.get(2..14)?.try_into().ok()?;
    let sealed = telegram.get(SCRAMBLED_AT..)?;
    if good(sealed) {
        return Some(sealed.to_vec());
    }
    keys.iter().find_map(|key| {
        let mut clear = sealed.to_vec();
        scramble(*key, head, &mut clear);
        good(&clear).then_some(clear)
    })
}

/// Scrambles records with the first default key, and gives access number and configuration field, which seed it.
pub(crate) fn hide_real_data(
    sender: wmbus::Address,
    access_number: u8,
    status: u8,
    records: &mut [u8],
) -> (u8, u16) {
    let sum = records.iter().fold(0_u8, |sum, octet| sum.wrapping_add(*octet));
    // Bit 4 of the high octet makes it a mode of Diehl's own.
    let configuration = u16::from_le_bytes([0x10, sum & 0xEF | 0x10]);
    let [low, _] = configuration.to_le_bytes();
    let mut seed = [0; 12];
    let octets = sender
        .link_octets()
        .into_iter()
        .chain([0x7A, access_number, status, low]);
    for (octet, value) in seed.iter_mut().zip(octets) {
        *octet = value;
    }
    let [key, _] = DEFAULT_KEYS;
    scramble(key, seed, records);
    (access_number, configuration)
}

/// Reads a message whose payload is octets 11 to 14 of the telegram and the rest in clear.
pub(crate) fn read(octets: &[u8], decoded: &mut Decoded) -> bool {
    if decoded.sender.manufacturer.without_flag() == SAP {
        let [_, _, serial @ ..] = decoded.sender.link_octets();
        if let Some(serial) = letter_serial(serial) {
            decoded.fact("printed_serial", serial);
        }
        decoded.sender = decoded.meter;
    }
    let [general, leak, conditions, unit, 0x4B, rest @ ..] = octets else {
        return false;
    };
    let (Some((index, rest)), true) = (rest.split_first_chunk::<4>(), *unit == 0x13) else {
        return false;
    };
    let Some((stored, rest)) = rest.split_first_chunk::<4>() else {
        return false;
    };
    let Some(date) = rest.first_chunk::<2>() else {
        return false;
    };
    let litres = |octets: [u8; 4]| Decimal::new(i64::from(u32::from_le_bytes(octets)), -3);
    decoded
        .readings
        .push(Reading::new(Quantity::Volume, litres(*index)));
    match type_g(*date).and_then(Stamp::of) {
        Some(at) => decoded.readings.push(Reading {
            register: Register::SetDate,
            at: Some(at),
            ..Reading::new(Quantity::Volume, litres(*stored))
        }),
        None => decoded.remark("absent", "the stored index has no date yet"),
    }
    decoded.readings.push(Reading {
        unit: Unit::Year,
        ..Reading::new(Quantity::Battery, Decimal::new(i64::from(leak & 0x1F) * 5, -1))
    });
    let period = 4_i64 << (general & 0x0F);
    decoded
        .readings
        .push(Reading::new(Quantity::Duration, Decimal::new(period, 0)));
    if general & 0x80 != 0 {
        add(&mut decoded.status, StatusWord::Alarm, false);
    }
    for (octet, bits) in [(*leak, &LEAK[..]), (*conditions, &CONDITIONS)] {
        for (bit, word, past) in bits {
            if octet & bit != 0 {
                add(&mut decoded.status, *word, *past);
            }
        }
    }
    true
}

/// The octets behind the CI-field for the index and the stored index, scrambled with the first default key.
pub(crate) fn write(spoken: &Spoken, sender: [u8; 8]) -> Option<(u8, Vec<u8>)> {
    let litres = |register| {
        let value = spoken.value(Quantity::Volume, register)?;
        u32::try_from(at_resolution(value, -3)?).ok()
    };
    let bits = |table: &[(u8, StatusWord, bool)]| {
        let said = |word: &StatusWord, past: &bool| {
            spoken.status.contains(&Status {
                word: *word,
                past: *past,
            })
        };
        table
            .iter()
            .filter(|(_, word, past)| said(word, past))
            .fold(0, |octet, (bit, ..)| octet | bit)
    };
    let alarm = spoken.status.contains(&Status {
        word: StatusWord::Alarm,
        past: false,
    });
    let head = [
        if alarm { 0x81 } else { 0x01 },
        bits(&LEAK) | BATTERY_HALF_YEARS,
        bits(&CONDITIONS),
        0x13,
    ];
    let mut clear = vec![0x4B];
    clear.extend(litres(Register::Current)?.to_le_bytes());
    match spoken.date(Register::SetDate).and_then(|at| at.day()) {
        Some(day) => {
            clear.extend(litres(Register::SetDate)?.to_le_bytes());
            clear.extend(day.to_type_g()?);
        }
        None => clear.extend([0, 0, 0, 0, 0xFF, 0xFF]),
    }
    let [a, b, c, _] = head;
    let mut seed = [0; 12];
    for (octet, value) in seed.iter_mut().zip(sender.into_iter().chain([CI, a, b, c])) {
        *octet = value;
    }
    let [key, _] = DEFAULT_KEYS;
    scramble(key, seed, &mut clear);
    Some((CI, [&head[..], &clear].concat()))
}

/// The content a PRIOS message has once it is in clear.
pub(crate) const CONTENT: Content = Content::Manufacturer;

/// The six address octets that a letter serial such as `C19UA145842` predicts, and back: supplier, year, type, diameter,
/// number.
pub fn address_of_letter_serial(serial: &str) -> Option<[u8; 6]> {
    let octets = serial.as_bytes();
    let letter = |at: usize| {
        octets
            .get(at)
            .filter(|octet| octet.is_ascii_uppercase())
            .map(|octet| u64::from(octet - 64))
    };
    let digits = |text: Option<&str>| {
        text.filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?
            .parse::<u64>()
            .ok()
    };
    let (year, count) = (digits(serial.get(1..3))?, digits(serial.get(5..11))?);
    // Year and number share 26 bits.
    let number = Some(year * 1_000_000 + count).filter(|number| *number < 1 << 26)?;
    let code = number | (letter(4)? << 29) | (letter(3)? << 34) | (letter(0)? << 39);
    (octets.len() == 11).then(|| code.to_le_bytes().first_chunk::<6>().copied())?
}

/// The letter serial of six address octets; `None` when they hold no letters.
pub fn letter_serial(address: [u8; 6]) -> Option<String> {
    let code = address
        .iter()
        .rev()
        .fold(0_u64, |code, octet| code << 8 | u64::from(*octet));
    let number = code & 0x3FF_FFFF;
    let letter = |shift: u32| {
        let value = u8::try_from(code >> shift & 31)
            .ok()
            .filter(|value| (1..=26).contains(value))?;
        Some(char::from(64 + value))
    };
    let (supplier, kind, diameter) = (letter(39)?, letter(34)?, letter(29)?);
    let (year, count) = (number / 1_000_000, number % 1_000_000);
    Some(format!("{supplier}{year:02}{kind}{diameter}{count:06}"))
}

const CI: u8 = 0xA1;

/// Ten years, for meters we invent.
const BATTERY_HALF_YEARS: u8 = 20;

const LEAK: [(u8, StatusWord, bool); 3] = [
    (0x80, StatusWord::Leak, false),
    (0x40, StatusWord::Leak, true),
    (0x20, StatusWord::Blocked, false),
];

const CONDITIONS: [(u8, StatusWord, bool); 8] = [
    (0x80, StatusWord::ReverseFlow, false),
    (0x40, StatusWord::Underflow, false),
    (0x20, StatusWord::Overflow, false),
    (0x10, StatusWord::Flooded, false),
    (0x08, StatusWord::Tamper, false),
    (0x04, StatusWord::Tamper, true),
    (0x02, StatusWord::Removed, false),
    (0x01, StatusWord::Removed, true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrambling_is_its_own_inverse() {
        let mut octets = b"any octets".to_vec();
        scramble(DEFAULT_KEYS[0], [7; 12], &mut octets);
        assert_ne!(octets, b"any octets");
        scramble(DEFAULT_KEYS[0], [7; 12], &mut octets);
        assert_eq!(octets, b"any octets");
    }

    #[test]
    fn letter_serials_and_addresses_name_each_other() {
        for serial in ["B21VC004217", "Z66ZZ999999", "A00AA000000"] {
            assert_eq!(
                letter_serial(address_of_letter_serial(serial).unwrap()).as_deref(),
                Some(serial)
            );
        }
        for text in [
            "",
            "B21VC00421",
            "b21vc004217",
            "B21VC0042170",
            "121VC004217",
            "B21VC00421é",
        ] {
            assert_eq!(address_of_letter_serial(text), None, "{text}");
        }
        assert_eq!(letter_serial([1, 2, 3, 4, 0, 0]), None);
    }
}
