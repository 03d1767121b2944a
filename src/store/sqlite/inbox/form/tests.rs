use decoders::reading::{Quantity, Stamp, Status, StatusWord, Unit};
use jiff::Timestamp;
use proptest::prelude::*;

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use wmbus::bare::Bare;

use super::*;
use crate::registry::MeterAddress;
use crate::store::sqlite::inbox::{Position, Segments, Turn};
use crate::store::{
    Aspect, Channel, Facts, Flags, Ingest, MeterId, Redecoded, Sighting, Source, StoredReading, Telegram,
    TelegramKey,
};
use wmbus::{Address, DeviceType, IdentificationNumber, Manufacturer, Version};

/// Meters by the number in their address; all others are not registered.
struct Registered;

impl Names for Registered {
    fn meter(&mut self, address: &MeterAddress) -> Option<MeterId> {
        Some(MeterId(i64::from(address.identification_number.0))).filter(|meter| whose(*meter) == *address)
    }

    fn channel(&self, id: i64) -> Option<Channel> {
        (id == 7).then(|| Channel::index(Quantity::Volume, Unit::CubicMetre))
    }

    /// A seal of these tests: the way and the octets, one more each. Its digest has nothing but the mark.
    fn sealed(&mut self, _: MeterId, way: u8, bare: &[u8], mark: u16) -> Option<(Vec<u8>, u64)> {
        let mut sealed = [&[way], bare].concat();
        for octet in &mut sealed {
            *octet = octet.wrapping_add(1);
        }
        (mark != LOST).then(|| (sealed, mark.into()))
    }
}

/// The digest of a telegram whose key is not here.
const LOST: u16 = 7;

/// A telegram out of the seal of these tests, when it is in one.
fn bare(telegram: &Telegram) -> Option<Bare> {
    let (way, octets) = telegram.octets.split_first()?;
    (telegram.digest <= u64::from(u16::MAX)).then(|| Bare {
        way: way.wrapping_sub(1),
        octets: octets.iter().map(|octet| octet.wrapping_sub(1)).collect(),
        key: Some(0),
    })
}

fn whose(meter: MeterId) -> MeterAddress {
    let number = u32::try_from(meter.0).unwrap();
    MeterAddress {
        manufacturer: Manufacturer(0x1234),
        identification_number: IdentificationNumber(number),
        version: (number % 3 > 0).then_some(Version(255)),
        device_type: (number % 2 > 0).then_some(DeviceType(0)),
    }
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::UNIX_EPOCH),
        (-377_000_000_000_i64..253_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap()),
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

fn channel() -> impl Strategy<Value = Channel> {
    (
        prop::sample::select(vec![Quantity::Volume, Quantity::Temperature, Quantity::HeatCost]),
        any::<i8>(),
        any::<u32>(),
        any::<u16>(),
    )
        .prop_map(|(quantity, exponent, tariff, subunit)| Channel {
            exponent,
            tariff,
            subunit,
            aspect: if tariff % 2 == 0 {
                Aspect::Index
            } else {
                Aspect::Max
            },
            ..Channel::index(quantity, Unit::CubicMetre)
        })
}

fn reading() -> impl Strategy<Value = StoredReading> {
    let source = prop::sample::select(Source::ALL.to_vec());
    let channels = [
        Channel::index(Quantity::Volume, Unit::CubicMetre),
        Channel::index(Quantity::HeatCost, Unit::CubicMetre),
    ];
    let channel = prop_oneof![prop::sample::select(channels.to_vec()), channel()];
    (
        channel,
        instant(),
        source,
        any::<i64>(),
        any::<i8>(),
        any::<u32>(),
        stamp(),
    )
        .prop_map(
            |(channel, at, source, value, resolution, flags, stamp)| StoredReading {
                channel,
                at,
                source,
                value,
                resolution,
                flags: Flags(flags),
                stamp,
            },
        )
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

fn telegram() -> impl Strategy<Value = Telegram> {
    (
        (
            0_u32..4,
            instant(),
            any::<bool>(),
            prop_oneof![any::<u64>(), 8_u64..0x1_0000],
        ),
        (
            prop::collection::vec(prop_oneof![9 => Just(5_u8), 1 => any::<u8>()], 40..43),
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
                Telegram {
                    meter: MeterId(meter.into()),
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
                }
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

/// What is in a file, and where its batches begin.
#[derive(Default)]
struct File {
    octets: Vec<u8>,
    batches: Vec<Range<usize>>,
}

impl File {
    /// Adds a batch, as one that hears does.
    fn add(&mut self, chapter: &mut Chapter, items: &[Ingest]) {
        let mut read = |at: u32, length: usize| {
            let at = at as usize;
            self.octets.get(at..at + length).map(<[u8]>::to_vec)
        };
        let mut form = Form::new(chapter, &mut read);
        for item in items {
            match item {
                Ingest::Telegram(telegram) => {
                    let readings: Vec<&StoredReading> = telegram.readings.iter().collect();
                    let whose = whose(telegram.meter);
                    form.telegram(whose, telegram, bare(telegram).as_ref(), &readings)
                        .unwrap();
                }
                Ingest::Stranger(sighting) => form.stranger(sighting),
                Ingest::Again(again) => form.again(whose(again.key.meter), again),
                other => panic!("{other:?}"),
            }
        }
        let packed = form.packed();
        let begin = self.octets.len();
        self.octets.extend(packed);
        self.batches.push(begin..self.octets.len());
        chapter.kept(&[u32::try_from(begin).unwrap()]);
    }

    fn batches(&self) -> impl Iterator<Item = &[u8]> {
        self.batches.iter().map(|range| &self.octets[range.clone()])
    }
}

/// The items of a batch alone.
fn alone(packed: &[u8]) -> Result<Vec<Ingest>, FormError> {
    items(packed, 1, &mut Before::default(), &mut Registered).map(|read| read.items)
}

fn deflated(form: u8, octets: &[u8]) -> Vec<u8> {
    let mut packed = vec![form];
    let mut encoder = DeflateEncoder::new(&mut packed, Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap();
    packed
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
        Ingest::Again(again) => {
            let (outcome, evidence) = (&*again.outcome, &again.evidence);
            format!("{:?} {outcome} {evidence:?}", again.key)
        }
        other => format!("{other:?}"),
    }
}

fn again() -> impl Strategy<Value = Redecoded> {
    let evidence = prop_oneof![Just(None), any::<Option<String>>()];
    (0_u32..4, instant(), any::<u64>(), "[a-z_]{1,5}", evidence).prop_map(
        |(meter, received_at, digest, outcome, evidence)| Redecoded {
            key: TelegramKey {
                received_at,
                meter: MeterId(meter.into()),
                digest,
            },
            outcome: outcome.into(),
            evidence,
            facts: Facts::default(),
            readings: Vec::new(),
        },
    )
}

fn item() -> impl Strategy<Value = Ingest> {
    prop_oneof![
        4 => telegram().prop_map(Ingest::Telegram),
        1 => sighting().prop_map(Ingest::Stranger),
        1 => again().prop_map(Ingest::Again),
    ]
}

proptest! {
    #[test]
    fn what_is_packed_is_read_back(
        batches in prop::collection::vec((prop::collection::vec(item(), 0..8), prop::bool::weighted(0.2)), 1..6),
        lost in any::<prop::sample::Index>(),
    ) {
        let mut file = File::default();
        let mut chapter = Chapter::new(0);
        for (batch, anew) in &batches {
            if *anew {
                chapter = Chapter::new(chapter.number + 1);
            }
            file.add(&mut chapter, batch);
        }
        let wanted: Vec<Vec<String>> =
            batches.iter().map(|(batch, _)| batch.iter().map(said).collect()).collect();
        let mut before = Before::default();
        for (packed, wanted) in file.batches().zip(&wanted) {
            let read = items(packed, 1, &mut before, &mut Registered).unwrap();
            prop_assert_eq!(&read.items.iter().map(said).collect::<Vec<_>>(), wanted);
            prop_assert_eq!(read.lost, 0);
        }
        // Without one of them the others say the same, or that they can't.
        let lost = lost.index(batches.len());
        let mut before = Before::default();
        for (place, (packed, wanted)) in file.batches().zip(&wanted).enumerate() {
            if place == lost {
                continue;
            }
            let read = items(packed, 1, &mut before, &mut Registered).unwrap();
            let found: Vec<String> = read.items.iter().map(said).collect();
            prop_assert_eq!(found.len() + read.lost as usize, wanted.len());
            let mut rest = wanted.iter();
            prop_assert!(found.iter().all(|found| rest.any(|wanted| wanted == found)));
            if place < lost {
                prop_assert_eq!(read.lost, 0);
            }
        }
        // Of another file nothing is taken over.
        let mut elsewhere = Before::default();
        for (number, packed) in file.batches().enumerate() {
            let in_between = items(packed, u32::try_from(number).unwrap(), &mut elsewhere, &mut Registered).unwrap();
            let by_itself = items(packed, 1, &mut Before::default(), &mut Registered).unwrap();
            prop_assert_eq!(in_between.lost, by_itself.lost);
        }
    }

    #[test]
    fn octets_that_are_no_batch_are_refused_and_nothing_worse(
        batches in prop::collection::vec(prop::collection::vec(item(), 1..4), 2),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut file = File::default();
        let mut chapter = Chapter::new(0);
        for batch in &batches {
            file.add(&mut chapter, batch);
        }
        let mut before = Before::default();
        for packed in file.batches() {
            let mut changed = packed.to_vec();
            for (place, octet) in &noise {
                let place = 1 + place.index(changed.len() - 1);
                changed[place] = *octet;
            }
            changed.truncate(1 + cut.index(changed.len()));
            for form in [NUMBERED, NAMED] {
                if let Ok(read) = alone(&deflated(form, &changed)) {
                    prop_assert!(read.len() <= 100);
                }
            }
            let mut known = Before::default();
            let _ = items(&changed, 1, &mut known, &mut Registered);
            let _ = items(&changed, 1, &mut before, &mut Registered);
        }
    }
}

#[test]
fn what_repeats_a_telegram_is_a_few_octets_until_the_chapter_ends() {
    let heard = |number: u8| {
        let mut telegram = plain(3);
        telegram.received_at = Timestamp::from_second(1_700_000_000 + i64::from(number) * 40).unwrap();
        telegram.octets = vec![5; 90];
        telegram.octets[20] = number;
        telegram.digest = 1000 + u64::from(number);
        Ingest::Telegram(telegram)
    };
    let mut file = File::default();
    let mut chapter = Chapter::new(0);
    for number in 0..4 {
        file.add(&mut chapter, &[heard(number)]);
    }
    file.add(&mut Chapter::new(chapter.number + 1), &[heard(4)]);
    let lengths: Vec<usize> = file.batches().map(<[u8]>::len).collect();
    assert!(lengths[0] > 110 && lengths[4] > 110, "{lengths:?}");
    assert!(lengths[1..4].iter().all(|length| *length < 40), "{lengths:?}");
    // A base that can't be read back any more is not relied on.
    file.octets[50] ^= 1;
    file.add(&mut chapter, &[heard(5)]);
    assert!(file.batches().last().unwrap().len() > 100);
}

#[test]
fn a_telegram_whose_key_is_gone_is_said_to_be_lost_and_no_other() {
    let (mut gone, mut here) = (plain(1), plain(1));
    (gone.digest, here.digest) = (LOST.into(), 8);
    let mut file = File::default();
    file.add(
        &mut Chapter::new(0),
        &[Ingest::Telegram(gone), Ingest::Telegram(here.clone())],
    );
    let read = items(&file.octets, 1, &mut Before::default(), &mut Registered).unwrap();
    assert_eq!(read.lost, 1);
    assert_eq!(
        read.items.iter().map(said).collect::<Vec<_>>(),
        [said(&Ingest::Telegram(here))]
    );
}

/// A telegram without anything that not all have.
fn plain(meter: u32) -> Telegram {
    Telegram {
        meter: MeterId(meter.into()),
        received_at: Timestamp::UNIX_EPOCH,
        assumed: false,
        digest: 1 << 20,
        octets: vec![1, 2],
        radio: "cellar".into(),
        rssi_dbm: None,
        outcome: "read".into(),
        evidence: None,
        facts: Facts::default(),
        readings: Vec::new(),
    }
}

#[test]
fn what_later_releases_write_and_bombs_are_refused() {
    assert_eq!(alone(&[]).unwrap_err(), FormError::Packed);
    assert_eq!(alone(&[4, 3, 4]).unwrap_err(), FormError::Form(4));
    assert_eq!(alone(&[1, 0xFF, 0xFF]).unwrap_err(), FormError::Packed);
    let bomb = deflated(NAMED, &vec![0; LARGEST as usize + 1]);
    assert_eq!(alone(&bomb).unwrap_err(), FormError::Packed);
    // A count that nothing follows makes no room for what it counts.
    let endless = deflated(NAMED, &[0x80; 64]);
    assert_eq!(alone(&endless).unwrap_err(), FormError::Item(0));
    // Nor do more names before it than a chapter has, or more items than a batch.
    assert_eq!(alone(&[3, 0, 0xFF, 0xFF, 0x7F]).unwrap_err(), FormError::Packed);
    assert_eq!(
        alone(&[3, 0, 0, 5, 2, 0xFF, 0xFF, 0x7F, b'x']).unwrap_err(),
        FormError::Item(0)
    );
    let mut crowd = vec![3, 0, 1];
    for _ in 0..=MOST {
        crowd.extend([6, DIFFERS as u8 | BARE as u8, 0, 0, 0, 0, 0]);
    }
    assert_eq!(alone(&crowd).unwrap_err(), FormError::Item(MOST));
}

#[test]
fn what_is_of_meters_that_are_not_registered_is_passed_over() {
    let (known, unknown) = (plain(1), plain(2));
    let elsewhere = MeterAddress {
        manufacturer: Manufacturer(1),
        ..whose(MeterId(2))
    };
    let mut chapter = Chapter::new(0);
    let mut read = |_, _| None;
    let mut form = Form::new(&mut chapter, &mut read);
    form.telegram(elsewhere, &unknown, None, &[]).unwrap();
    form.telegram(whose(known.meter), &known, None, &[]).unwrap();
    let read = alone(&form.packed()).unwrap();
    assert_eq!(
        read.iter().map(said).collect::<Vec<_>>(),
        [said(&Ingest::Telegram(known))]
    );
}

#[test]
fn what_earlier_releases_packed_is_read() {
    // A telegram without anything that not all have: of meter 5, at second 100, with a digest.
    let of_meter_5 = [0, 0, 10];
    let in_words = [0, 0, 0x34, 0x12, 5, 0, 0, 0, 0x80, 2, 1];
    let telegram = [0xC8, 0x01, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0xAA, 0xBB];
    // Receiver, outcome, no status, no facts.
    let more = [0, 1, b'x', 0, 4, b'r', b'e', b'a', b'd', 0, 0];
    // One reading of channel 7, or of the first channel that is told in words.
    let channel = [
        &[0, 0, 6][..],
        b"volume",
        &[0, 2],
        b"m3",
        &[0, 3],
        b"net",
        &[0, 5],
        b"index",
        &[0, 8],
        b"absolute",
        &[11, 0, 0],
    ]
    .concat();
    // Live, a second before, value -3 of thousandths, no flags, no stamp.
    let reading = [0, 1, 5, 5, 0, 0];
    let numbered = [&of_meter_5[..], &telegram, &more, &[1, 14], &reading].concat();
    let named = [&in_words[..], &telegram, &more, &[1], &channel, &reading].concat();
    for packed in [deflated(NUMBERED, &numbered), deflated(NAMED, &named)] {
        let read = alone(&packed).unwrap();
        let [Ingest::Telegram(telegram)] = read.as_slice() else {
            panic!("{read:?}");
        };
        assert_eq!(
            (telegram.meter, telegram.received_at.as_second(), telegram.digest),
            (MeterId(5), 100, 9)
        );
        assert_eq!((&*telegram.octets, &*telegram.radio), (&[0xAA, 0xBB][..], "x"));
        let [reading] = telegram.readings.as_slice() else {
            panic!("{telegram:?}");
        };
        assert_eq!(
            reading.channel,
            Channel::index(Quantity::Volume, Unit::CubicMetre)
        );
        assert_eq!(
            (reading.at.as_second(), reading.value, reading.resolution),
            (99, -3, -3)
        );
    }
}

#[test]
fn a_chapter_that_was_not_finished_and_the_next_one_have_different_numbers() {
    let mut turn = Turn::new(Segments::of(Path::new("nowhere.db")));
    let begun = turn.chapter(Position::default()).number;
    // Its batch could not be appended: it was not given back.
    assert_ne!(turn.chapter(Position::default()).number, begun);
}
