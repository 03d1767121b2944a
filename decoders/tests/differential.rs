//! Our records beside those of another library, over telegrams of our own encoder: every family, several stories, and a
//! record of every kind. What differs stands in [`EXPLAINED`] with the reason, and nothing stands there that agrees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use decoders::{Families, Sealing, example};
use m_bus_parser::user_data::DataRecords;
use m_bus_parser::user_data::data_information::{DataType, FunctionField, SingleEveryOrInvalid};
use m_bus_parser::user_data::data_record::DataRecord;
use m_bus_parser::user_data::variable_user_data::DataRecordError;
use wmbus::apl::{Function, Item, Moment, Record, Records, Value};
use wmbus::{Content, Frame, FrameFormat};

/// A kind of difference, and why we are right.
struct Explained {
    because: &'static str,
    /// The record may end elsewhere there.
    elsewhere: bool,
    holds: fn(&Record<'_>, &Word, &Theirs) -> bool,
}

/// What the other library says of a record: words, or the name of an error.
type Theirs = Result<Word, String>;

const EXPLAINED: &[Explained] = &[
    Explained {
        because: "names, versions, flags and makers' octets are no quantity: read as a number, they would be billed",
        elsewhere: false,
        holds: |_, ours, theirs| matches!((ours, theirs), (Word::Other, Ok(Word::Number(_)))),
    },
    Explained {
        because: "the most negative integer, digits of F, a floating point that is none: the meter says that there is no value",
        elsewhere: false,
        holds: |record, ours, theirs| {
            let number = matches!(theirs, Ok(Word::Number(_))) || theirs.is_err();
            number && *ours == Word::Invalid && record.dib.data_field != 0xD
        },
    },
    Explained {
        because: "a date of FFFF is none at all, not the 31st of some month",
        elsewhere: false,
        holds: |_, ours, theirs| matches!((ours, theirs), (Word::Invalid, Ok(Word::Day(..)))),
    },
    Explained {
        because: "months have a 31st day",
        elsewhere: false,
        holds: |_, ours, theirs| {
            matches!(
                (ours, theirs),
                (Word::Day(_, _, Some(31), _), Ok(Word::Day(_, _, None, _)))
            )
        },
    },
    Explained {
        because: "a date has 16 bits and a date with time 32 or 48: other widths, floating points and digits are no dates, \
                  and are as long as their DIF says",
        elsewhere: true,
        holds: |record, ours, theirs| {
            let theirs = matches!(theirs, Ok(Word::Day(..))) || theirs.is_err();
            theirs && *ours == Word::Other && matches!(record.vib.code, 0x6C | 0x6D)
        },
    },
    Explained {
        because: "VIF FD 30 and FD 70 announce a date: the day of a tariff's start, of the battery's change",
        elsewhere: false,
        holds: |record, ours, theirs| {
            let date = matches!((ours, theirs), (Word::Day(..), Ok(Word::Number(_))));
            date && matches!(record.vib.octets, [0xFD, 0x30 | 0x70])
        },
    },
    Explained {
        because: "VIF 6F is reserved: its octets are kept, and the records behind it read",
        elsewhere: false,
        holds: |record, _, theirs| theirs.is_err() && record.vib.octets == [0x6F],
    },
    Explained {
        because: "tonnes there, kilograms here",
        elsewhere: false,
        holds: |record, ours, theirs| {
            let Word::Number(ours) = ours else { return false };
            let same = Word::Number(ours / 1000.0);
            matches!(record.vib.octets, [0xFB, 0x18 | 0x19]) && theirs.as_ref() == Ok(&same)
        },
    },
    Explained {
        because: "FB 22 to 24 are tenths of a gallon, gallons and thousandths of a gallon a minute: there they are one place off",
        elsewhere: false,
        holds: |record, ours, theirs| {
            let numbers = matches!((ours, theirs), (Word::Number(_), Ok(Word::Number(_))));
            numbers && matches!(record.vib.octets, [0xFB, 0x22..=0x24])
        },
    },
    Explained {
        because: "variable data that hold a profile, a bit field or a maker's block are no text",
        elsewhere: false,
        holds: |record, ours, theirs| {
            record.dib.data_field == 0xD && matches!((ours, theirs), (Word::Other, Ok(Word::Text)))
        },
    },
];

/// Payloads of records, as our encoder makes them.
fn payloads() -> Vec<(String, Vec<u8>)> {
    let families = Families::embedded().unwrap();
    let mut payloads = Vec::new();
    for family in families.iter() {
        let meter = family.inhabitant().unwrap();
        let kinds = [None]
            .into_iter()
            .chain(family.telegrams.iter().map(|(name, _)| Some(&**name)));
        for kind in kinds {
            for seed in [0, 3, 7, 40, 96] {
                let Ok(telegram) = family.telegram(meter, &example::story(seed, kind), &Sealing::Clear)
                else {
                    continue;
                };
                let frame = Frame::parse_as(&telegram, FrameFormat::Stripped).unwrap();
                let message = families.open(&frame, &[]).unwrap();
                if message.content == Content::Records {
                    payloads.push((family.name.to_string(), message.payload.to_vec()));
                }
            }
        }
    }
    // Every data field with every VIF of the main table and its two extensions.
    for data_field in 0..=0xE_u8 {
        for vib in (0..=0x7F_u8)
            .map(|code| vec![code])
            .chain((0..=0x7F).map(|code| vec![0xFD, code]))
            .chain((0..=0x7F).map(|code| vec![0xFB, code]))
        {
            let data: &[u8] = match data_field {
                0 | 8 => &[],
                1 | 9 => &[0x25],
                2 | 0xA => &[0x41, 0x33],
                3 | 0xB => &[0x41, 0x33, 0x02],
                4 | 0xC => &[0x15, 0x29, 0x11, 0x32],
                5 => &[0x00, 0x00, 0x28, 0x42],
                6 | 0xE => &[0x16, 0x14, 0x11, 0x31, 0x27, 0x00],
                7 => &[0x16, 0x14, 0x11, 0x31, 0x27, 0x00, 0x00, 0x00],
                _ => &[0x04, 0x44, 0x43, 0x42, 0x41],
            };
            payloads.push((
                "every record".to_owned(),
                [&[data_field], &vib[..], data].concat(),
            ));
        }
    }
    payloads
}

/// A record in words that both can say.
struct Said {
    octets: Vec<u8>,
    storage: u64,
    tariff: u64,
    subunit: u64,
    function: &'static str,
    value: Word,
}

impl Said {
    fn place(&self) -> (&[u8], u64, u64, u64, &str) {
        (
            &self.octets,
            self.storage,
            self.tariff,
            self.subunit,
            self.function,
        )
    }
}

#[derive(Debug)]
enum Word {
    Number(f64),
    Day(Option<u16>, Option<u8>, Option<u8>, Option<(u8, u8, Option<u8>)>),
    /// Its octets are compared as such.
    Text,
    /// A pattern that says that there is none.
    Invalid,
    Other,
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // A floating point of 32 bits is read to its last digit there, and to its meaning here: 230.1.
            (Self::Number(a), Self::Number(b)) => (a - b).abs() <= 1e-7 * a.abs().max(b.abs()),
            (Self::Day(y, m, d, t), Self::Day(v, n, e, u)) => (y, m, d, t) == (v, n, e, u),
            (Self::Text, Self::Text) | (Self::Other, Self::Other) | (Self::Invalid, Self::Invalid) => true,
            _ => false,
        }
    }
}

fn ours(record: &Record<'_>) -> Said {
    let value = match record.value() {
        Value::Number(value) | Value::Approximate(value) => Word::Number(value.to_string().parse().unwrap()),
        Value::Moment(Moment::Date(date)) => {
            Word::Day(Some(date.year), Some(date.month), Some(date.day), None)
        }
        Value::Moment(Moment::DateTime {
            date,
            hour,
            minute,
            second,
            ..
        }) => Word::Day(
            Some(date.year),
            Some(date.month),
            Some(date.day),
            Some((hour, minute, second)),
        ),
        Value::Text(_) => Word::Text,
        Value::Invalid => Word::Invalid,
        _ => Word::Other,
    };
    Said {
        octets: record.octets.to_vec(),
        storage: record.dib.storage,
        tariff: record.dib.tariff.into(),
        subunit: record.dib.subunit.into(),
        function: match record.dib.function {
            Function::Instantaneous => "now",
            Function::Maximum => "max",
            Function::Minimum => "min",
            Function::ErrorState => "error",
        },
        value,
    }
}

fn theirs(record: &DataRecord<'_>) -> Said {
    let dib = record.data_information();
    let exponent = record
        .value_information()
        .map_or(0, |vib| vib.decimal_scale_exponent);
    let single = |value: &SingleEveryOrInvalid<u8>| match value {
        SingleEveryOrInvalid::Single(value) => Some(*value),
        _ => None,
    };
    let day =
        |d: &SingleEveryOrInvalid<u8>, m: &SingleEveryOrInvalid<_>, y: &SingleEveryOrInvalid<u16>, time| {
            let month = match m {
                SingleEveryOrInvalid::Single(month) => Some(*month as u8 + 1),
                _ => None,
            };
            let year = match y {
                SingleEveryOrInvalid::Single(year) => Some(*year),
                _ => None,
            };
            Word::Day(year, month, single(d), time)
        };
    let value = match record.value() {
        Some(DataType::Number(value) | DataType::LossyNumber(value)) => {
            Word::Number(value * 10_f64.powi(i32::try_from(exponent).unwrap()))
        }
        Some(DataType::Date(d, m, y)) => day(d, m, y, None),
        Some(DataType::DateTime(d, m, y, hour, minute)) => day(
            d,
            m,
            y,
            single(hour).zip(single(minute)).map(|(h, n)| (h, n, None)),
        ),
        Some(DataType::DateTimeWithSeconds(d, m, y, hour, minute, second)) => day(
            d,
            m,
            y,
            single(hour)
                .zip(single(minute))
                .map(|(h, n)| (h, n, single(second))),
        ),
        Some(DataType::Text(_)) => Word::Text,
        _ => Word::Other,
    };
    Said {
        octets: record.raw_bytes().to_vec(),
        storage: dib.map_or(0, |dib| dib.storage_number),
        tariff: dib.map_or(0, |dib| dib.tariff),
        subunit: dib.map_or(0, |dib| dib.device),
        function: match dib.map(|dib| dib.function_field) {
            Some(FunctionField::MaximumValue) => "max",
            Some(FunctionField::MinimumValue) => "min",
            Some(FunctionField::ValueDuringErrorState) => "error",
            _ => "now",
        },
        value,
    }
}

#[test]
fn records_are_those_that_another_library_reads_or_we_say_why() {
    let mut unexplained: BTreeMap<String, String> = BTreeMap::new();
    let mut used = BTreeMap::new();
    let (mut compared, mut agreed) = (0, 0);
    for (family, payload) in payloads() {
        let own = Records::new(&payload, 0).filter_map(|item| match item {
            Item::Record(record) => Some(record),
            _ => None,
        });
        let mut other = DataRecords::new(&payload, None);
        for record in own {
            compared += 1;
            let mine = ours(&record);
            let said = other.next().unwrap_or(Err(DataRecordError::InsufficientData));
            let yours = said.as_ref().map(theirs).map_err(|error| format!("{error:?}"));
            // Where it stands and how long it is, must be the same; only what it says may be explained.
            let same_place =
                yours.as_ref().is_ok_and(|yours| yours.place() == mine.place()) || yours.is_err();
            if same_place && yours.as_ref().is_ok_and(|yours| yours.value == mine.value) {
                agreed += 1;
                continue;
            }
            let value = yours.map(|yours| yours.value);
            match EXPLAINED
                .iter()
                .find(|known| (same_place || known.elsewhere) && (known.holds)(&record, &mine.value, &value))
            {
                Some(known) => *used.entry(known.because).or_insert(0) += 1,
                None => {
                    let header: String = record
                        .header()
                        .iter()
                        .map(|octet| format!("{octet:02X}"))
                        .collect();
                    unexplained.insert(header, format!("{family}: {:?}, there {value:?}", mine.value));
                }
            }
        }
    }
    println!("{compared} records compared, {agreed} say the same");
    for (because, times) in &used {
        println!("{times:5} {because}");
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    for known in EXPLAINED {
        assert!(
            used.contains_key(known.because),
            "no longer differs: {}",
            known.because
        );
    }
}
