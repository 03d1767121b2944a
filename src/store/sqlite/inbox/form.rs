//! A batch as one octet string: short, since it is written to flash at once, and read once.
//!
//! ```text
//! form (1)   deflated: items, each   0 telegram | 1 stranger   and its fields
//! ```
//!
//! Integers are seven bits an octet, the low ones first; those that may be negative have their sign in the lowest bit.
//! A text is the number of an earlier one of this batch, or 0 and the text itself.

use std::io::{Read, Write};
use std::sync::Arc;

use decoders::reading::Stamp;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use wmbus::Address;

use super::super::codes;
use crate::hash::Map;
use crate::store::{Channel, Facts, Flags, Ingest, MeterId, Sighting, Source, StoredReading, Telegram, Word};

/// Why octets are no batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    /// Of a later release.
    #[error("its form is {0}, which is not known here")]
    Form(u8),
    /// The packing does not end well.
    #[error("it can't be unpacked")]
    Packed,
    /// It ends too early, or says what no item says.
    #[error("item {0} makes no sense")]
    Item(usize),
}

/// The only form so far.
const FORM: u8 = 1;
/// No batch is longer when it is unpacked.
const LARGEST: u64 = 16 << 20;

const TELEGRAM: u64 = 0;
const STRANGER: u64 = 1;

/// Bits of what a telegram may have or be.
const ASSUMED: u64 = 1;
const RSSI: u64 = 1 << 1;
const EVIDENCE: u64 = 1 << 2;
const OPENED: u64 = 1 << 3;
const DEVICE_TIME: u64 = 1 << 4;
const COUNTER: u64 = 1 << 5;

/// A batch as it grows.
#[derive(Default)]
pub(super) struct Form<'a> {
    octets: Vec<u8>,
    texts: Map<&'a str, u64>,
    at: i64,
}

/// A reading, and the id of its channel.
pub(super) type Placed<'a> = (i64, &'a StoredReading);

impl<'a> Form<'a> {
    /// Adds a telegram with these of its readings.
    pub(super) fn telegram(&mut self, telegram: &'a Telegram, readings: &[Placed<'_>]) {
        let Facts {
            opened,
            device_time,
            counter,
            status,
            more,
        } = &telegram.facts;
        let mut bits = 0;
        for (bit, is) in [
            (ASSUMED, telegram.assumed),
            (RSSI, telegram.rssi_dbm.is_some()),
            (EVIDENCE, telegram.evidence.is_some()),
            (OPENED, *opened),
            (DEVICE_TIME, device_time.is_some()),
            (COUNTER, counter.is_some()),
        ] {
            bits |= if is { bit } else { 0 };
        }
        self.number(TELEGRAM);
        self.number(bits);
        self.signed(telegram.meter.0);
        let at = self.instant(telegram.received_at);
        self.octets.extend(telegram.digest.to_be_bytes());
        self.octet_string(&telegram.octets);
        self.text(&telegram.radio);
        if let Some(rssi_dbm) = telegram.rssi_dbm {
            self.signed(rssi_dbm.into());
        }
        self.text(&telegram.outcome);
        if let Some(evidence) = &telegram.evidence {
            self.text(evidence);
        }
        if device_time.is_some() {
            self.stamp(*device_time);
        }
        if let Some(counter) = counter {
            self.number((*counter).into());
        }
        // Few, and mostly none.
        self.octet_string(codes::status_text(status).as_bytes());
        self.number(more.len() as u64);
        for (name, value) in more {
            self.text(name);
            self.text(value);
        }
        self.number(readings.len() as u64);
        for (channel, reading) in readings {
            self.signed(*channel);
            self.number(reading.source as u64);
            self.signed(reading.at.as_second().wrapping_sub(at));
            self.signed(reading.value);
            self.signed(reading.resolution.into());
            self.number(reading.flags.0.into());
            self.stamp(reading.stamp);
        }
    }

    /// Adds a sighting.
    pub(super) fn stranger(&mut self, sighting: &'a Sighting) {
        self.number(STRANGER);
        self.octets.extend(sighting.address.link_octets());
        self.instant(sighting.received_at);
        self.text(&sighting.radio);
        self.number(sighting.rssi_dbm.is_some().into());
        self.signed(sighting.rssi_dbm.unwrap_or_default().into());
    }

    /// The whole, packed.
    pub(super) fn packed(self) -> std::io::Result<Vec<u8>> {
        let mut packed = vec![FORM];
        let mut encoder = DeflateEncoder::new(&mut packed, Compression::fast());
        encoder.write_all(&self.octets)?;
        encoder.finish()?;
        Ok(packed)
    }

    fn instant(&mut self, at: Timestamp) -> i64 {
        let at = at.as_second();
        self.signed(at.wrapping_sub(self.at));
        self.at = at;
        at
    }

    /// A stamp, or 0 for none and for one that the tables could not give back either.
    fn stamp(&mut self, stamp: Option<Stamp>) {
        let number = stamp.map_or(0, codes::stamp_number);
        self.signed(if codes::stamp(number).is_some() { number } else { 0 });
    }

    fn text(&mut self, text: &'a str) {
        if let Some(number) = self.texts.get(text) {
            let number = *number;
            self.number(number);
            return;
        }
        self.number(0);
        self.octet_string(text.as_bytes());
        let number = self.texts.len() as u64 + 1;
        self.texts.insert(text, number);
    }

    fn octet_string(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.octets.extend(octets);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn number(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            self.octets.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return;
            }
        }
    }
}

/// The items of a packed batch; readings are of these channels, by their ids.
pub(super) fn items(packed: &[u8], channels: &Map<i64, Channel>) -> Result<Vec<Ingest>, FormError> {
    let octets = unpacked(packed)?;
    let mut reader = Reader {
        octets: &octets,
        texts: Vec::new(),
        at: 0,
        channels,
    };
    let mut items = Vec::new();
    while !reader.octets.is_empty() {
        let item = match reader.number() {
            Some(TELEGRAM) => reader.telegram().map(Ingest::Telegram),
            Some(STRANGER) => reader.stranger().map(Ingest::Stranger),
            _ => None,
        };
        items.push(item.ok_or(FormError::Item(items.len()))?);
    }
    Ok(items)
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, FormError> {
    let (form, packed) = packed.split_first().ok_or(FormError::Packed)?;
    if *form != FORM {
        return Err(FormError::Form(*form));
    }
    let mut octets = Vec::new();
    let mut decoder = DeflateDecoder::new(packed).take(LARGEST + 1);
    let read = decoder.read_to_end(&mut octets).map_err(|_| FormError::Packed)?;
    if read as u64 > LARGEST {
        return Err(FormError::Packed);
    }
    Ok(octets)
}

/// What is left of a batch; nothing of what makes no sense.
struct Reader<'a> {
    octets: &'a [u8],
    texts: Vec<Arc<str>>,
    at: i64,
    channels: &'a Map<i64, Channel>,
}

impl<'a> Reader<'a> {
    fn telegram(&mut self) -> Option<Telegram> {
        let bits = self.number()?;
        let has = |bit: u64| bits & bit != 0;
        let meter = MeterId(self.signed()?);
        let received_at = self.instant()?;
        let digest = u64::from_be_bytes(self.array()?);
        let octets = self.octet_string()?.to_vec();
        let radio = self.text()?;
        let rssi_dbm = self.when(has(RSSI), |reader| i16::try_from(reader.signed()?).ok())?;
        let outcome = Word::Shared(self.text()?);
        let evidence = self.when(has(EVIDENCE), |reader| Some(reader.text()?.to_string()))?;
        let device_time = self.when(has(DEVICE_TIME), Self::stamp)?.flatten();
        let counter = self.when(has(COUNTER), |reader| u32::try_from(reader.number()?).ok())?;
        let status = codes::status(std::str::from_utf8(self.octet_string()?).ok()?);
        let more =
            self.several(|reader| Some((Word::Shared(reader.text()?), Word::Shared(reader.text()?))))?;
        Some(Telegram {
            meter,
            received_at,
            assumed: has(ASSUMED),
            digest,
            octets,
            radio,
            rssi_dbm,
            outcome,
            evidence,
            facts: Facts {
                opened: has(OPENED),
                device_time,
                counter,
                status,
                more,
            },
            readings: self.several(Self::reading)?,
        })
    }

    fn reading(&mut self) -> Option<StoredReading> {
        let channel = self.signed()?;
        let source = usize::try_from(self.number()?).ok()?;
        let at = self.signed()?;
        Some(StoredReading {
            channel: *self.channels.get(&channel)?,
            at: Timestamp::from_second(self.at.checked_add(at)?).ok()?,
            source: *Source::ALL.get(source)?,
            value: self.signed()?,
            resolution: i8::try_from(self.signed()?).ok()?,
            flags: Flags(u32::try_from(self.number()?).ok()?),
            stamp: self.stamp()?,
        })
    }

    fn stranger(&mut self) -> Option<Sighting> {
        let address = Address::from_link_octets(self.array()?);
        let received_at = self.instant()?;
        let radio = self.text()?;
        let is_measured = self.number()? != 0;
        let rssi_dbm = i16::try_from(self.signed()?).ok()?;
        Some(Sighting {
            address,
            received_at,
            rssi_dbm: is_measured.then_some(rssi_dbm),
            radio,
        })
    }

    /// What is there only sometimes.
    fn when<T>(&mut self, there: bool, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match there {
            true => read(self).map(Some),
            false => Some(None),
        }
    }

    /// A number, and so many of them.
    fn several<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| read(self)).collect()
    }

    fn stamp(&mut self) -> Option<Option<Stamp>> {
        match self.signed()? {
            0 => Some(None),
            number => codes::stamp(number).map(Some),
        }
    }

    fn instant(&mut self) -> Option<Timestamp> {
        self.at = self.at.checked_add(self.signed()?)?;
        Timestamp::from_second(self.at).ok()
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let number = self.number()?;
        if number > 0 {
            let place = usize::try_from(number - 1).ok()?;
            return self.texts.get(place).cloned();
        }
        let text: Arc<str> = std::str::from_utf8(self.octet_string()?).ok()?.into();
        self.texts.push(Arc::clone(&text));
        Some(text)
    }

    fn octet_string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (taken, left) = self.octets.split_at_checked(length)?;
        self.octets = left;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.octets.split_first_chunk()?;
        self.octets = left;
        Some(*taken)
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let (octet, left) = self.octets.split_first()?;
            self.octets = left;
            let bits = u64::from(octet & 0x7F);
            // Of the tenth octet one bit has room.
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use decoders::reading::{Quantity, Status, StatusWord, Unit};
    use proptest::prelude::*;

    use super::*;

    fn channels() -> Map<i64, Channel> {
        [Quantity::Volume, Quantity::Temperature]
            .into_iter()
            .zip([7, 300])
            .map(|(quantity, id)| (id, Channel::index(quantity, Unit::CubicMetre)))
            .collect()
    }

    fn instant() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            Just(Timestamp::UNIX_EPOCH),
            (-377_000_000_000_i64..253_000_000_000)
                .prop_map(|second| Timestamp::from_second(second).unwrap()),
        ]
    }

    fn stamp() -> impl Strategy<Value = Option<Stamp>> {
        prop_oneof![
            Just(None),
            Just(Some(Stamp::EveryYear { month: 12, day: 31 })),
            (1900_u16..2300, 1_u8..13, 1_u8..29).prop_map(|(year, month, day)| Some(Stamp::Date {
                year,
                month,
                day
            })),
            (0_u8..24, prop::option::of(0_u8..60)).prop_map(|(hour, second)| Some(Stamp::DateTime {
                year: 2026,
                month: 2,
                day: 28,
                hour,
                minute: 59,
                second,
            })),
        ]
    }

    fn reading() -> impl Strategy<Value = (i64, StoredReading)> {
        let channel = prop_oneof![Just(7_i64), Just(300)];
        let source = prop::sample::select(Source::ALL.to_vec());
        (
            channel,
            instant(),
            source,
            any::<i64>(),
            any::<i8>(),
            any::<u32>(),
            stamp(),
        )
            .prop_map(|(channel, at, source, value, resolution, flags, stamp)| {
                let reading = StoredReading {
                    channel: channels()[&channel],
                    at,
                    source,
                    value,
                    resolution,
                    flags: Flags(flags),
                    stamp,
                };
                (channel, reading)
            })
    }

    fn facts() -> impl Strategy<Value = Facts> {
        let status = prop_oneof![
            Just(Vec::new()),
            Just(vec![
                Status {
                    word: StatusWord::BatteryLow,
                    past: false
                },
                Status {
                    word: StatusWord::Leak,
                    past: true
                }
            ]),
        ];
        let more = prop::collection::vec(("[a-c]{0,2}", "\\PC{0,9}"), 0..4);
        (any::<bool>(), stamp(), any::<Option<u32>>(), status, more).prop_map(
            |(opened, device_time, counter, status, more)| Facts {
                opened,
                device_time,
                counter,
                status,
                more: more
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            },
        )
    }

    fn telegram() -> impl Strategy<Value = (Telegram, Vec<i64>)> {
        (
            (any::<i64>(), instant(), any::<bool>(), any::<u64>()),
            (
                prop::collection::vec(any::<u8>(), 0..90),
                "[a-z]{0,3}",
                any::<Option<i16>>(),
                "[a-z_]{1,5}",
            ),
            (
                any::<Option<String>>(),
                facts(),
                prop::collection::vec(reading(), 0..5),
            ),
        )
            .prop_map(
                |(
                    (meter, received_at, assumed, digest),
                    (octets, radio, rssi_dbm, outcome),
                    (evidence, facts, readings),
                )| {
                    let (channels, readings) = readings.into_iter().unzip();
                    let telegram = Telegram {
                        meter: MeterId(meter),
                        received_at,
                        assumed,
                        digest,
                        octets,
                        radio: radio.as_str().into(),
                        rssi_dbm,
                        outcome: outcome.into(),
                        evidence,
                        facts,
                        readings,
                    };
                    (telegram, channels)
                },
            )
    }

    fn sighting() -> impl Strategy<Value = Sighting> {
        (any::<[u8; 8]>(), instant(), any::<Option<i16>>(), "[a-z]{0,3}").prop_map(
            |(address, received_at, rssi_dbm, radio)| Sighting {
                address: Address::from_link_octets(address),
                received_at,
                rssi_dbm,
                radio: radio.as_str().into(),
            },
        )
    }

    /// What an item says, whoever owns its texts.
    fn said(item: &Ingest) -> String {
        match item {
            Ingest::Telegram(telegram) => {
                let more: Vec<(&str, &str)> = telegram
                    .facts
                    .more
                    .iter()
                    .map(|(name, value)| (&**name, &**value))
                    .collect();
                let bare = Telegram {
                    outcome: "".into(),
                    facts: Facts {
                        more: Vec::new(),
                        ..telegram.facts.clone()
                    },
                    ..telegram.clone()
                };
                format!("{} {more:?} {bare:?}", &*telegram.outcome)
            }
            other => format!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(
            telegrams in prop::collection::vec(telegram(), 0..6),
            sightings in prop::collection::vec(sighting(), 0..6),
        ) {
            let mut form = Form::default();
            for (telegram, channels) in &telegrams {
                let readings: Vec<Placed<'_>> = channels.iter().copied().zip(&telegram.readings).collect();
                form.telegram(telegram, &readings);
            }
            for sighting in &sightings {
                form.stranger(sighting);
            }
            let read = items(&form.packed().unwrap(), &channels()).unwrap();
            let wanted = telegrams.into_iter().map(|(telegram, _)| Ingest::Telegram(telegram)).chain(sightings.into_iter().map(Ingest::Stranger));
            prop_assert_eq!(
                read.iter().map(said).collect::<Vec<_>>(),
                wanted.map(|item| said(&item)).collect::<Vec<_>>()
            );
        }

        #[test]
        fn octets_that_are_no_batch_are_refused_and_nothing_worse(
            (telegram, ids) in telegram(),
            noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut form = Form::default();
            let readings: Vec<Placed<'_>> = ids.iter().copied().zip(&telegram.readings).collect();
            form.telegram(&telegram, &readings);
            let mut bare = form.octets.clone();
            for (place, octet) in noise {
                let place = place.index(bare.len());
                bare[place] = octet;
            }
            bare.truncate(1 + cut.index(bare.len()));
            let spoilt = Form { octets: bare, ..Form::default() };
            if let Ok(read) = items(&spoilt.packed().unwrap(), &channels()) {
                prop_assert!(read.len() <= 100);
            }
            let whole = form.packed().unwrap();
            let _ = items(&whole[..cut.index(whole.len())], &channels());
        }
    }

    #[test]
    fn what_later_releases_write_and_bombs_are_refused() {
        let none = Map::default();
        assert_eq!(items(&[], &none).unwrap_err(), FormError::Packed);
        assert_eq!(items(&[2, 3, 4], &none).unwrap_err(), FormError::Form(2));
        assert_eq!(items(&[1, 0xFF, 0xFF], &none).unwrap_err(), FormError::Packed);
        let bomb = Form {
            octets: vec![0; LARGEST as usize + 1],
            ..Form::default()
        };
        assert_eq!(
            items(&bomb.packed().unwrap(), &none).unwrap_err(),
            FormError::Packed
        );
        // A count that nothing follows makes no room for what it counts.
        let endless = Form {
            octets: vec![0x80; 64],
            ..Form::default()
        };
        assert_eq!(
            items(&endless.packed().unwrap(), &none).unwrap_err(),
            FormError::Item(0)
        );
    }
}
