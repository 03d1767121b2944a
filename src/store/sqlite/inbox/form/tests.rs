use decoders::reading::{Quantity, Stamp, Status, StatusWord, Unit};
use jiff::Timestamp;
use proptest::prelude::*;

use super::read::Names;
use super::write::deflated;
use super::*;
use crate::registry::MeterAddress;
use crate::store::{
    Aspect, Channel, Facts, Flags, Ingest, MeterId, Sighting, Source, StoredReading, Telegram,
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
        (any::<u32>(), instant(), any::<bool>(), any::<u64>()),
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

fn add<'a>(form: &mut Form<'a>, telegram: &'a Telegram) {
    let readings: Vec<&StoredReading> = telegram.readings.iter().collect();
    form.telegram(whose(telegram.meter), telegram, &readings).unwrap();
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
        for telegram in &telegrams {
            add(&mut form, telegram);
        }
        for sighting in &sightings {
            form.stranger(sighting);
        }
        let read = items(&form.packed().unwrap(), &mut Registered).unwrap();
        let wanted = telegrams.into_iter().map(Ingest::Telegram).chain(sightings.into_iter().map(Ingest::Stranger));
        prop_assert_eq!(
            read.iter().map(said).collect::<Vec<_>>(),
            wanted.map(|item| said(&item)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn octets_that_are_no_batch_are_refused_and_nothing_worse(
        telegram in telegram(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut form = Form::default();
        add(&mut form, &telegram);
        let mut bare = form.octets.clone();
        for (place, octet) in noise {
            let place = place.index(bare.len());
            bare[place] = octet;
        }
        bare.truncate(1 + cut.index(bare.len()));
        if let Ok(read) = items(&deflated(NAMED, &bare).unwrap(), &mut Registered) {
            prop_assert!(read.len() <= 100);
        }
        let whole = form.packed().unwrap();
        let _ = items(&whole[..cut.index(whole.len())], &mut Registered);
    }
}

#[test]
fn what_later_releases_write_and_bombs_are_refused() {
    assert_eq!(items(&[], &mut Registered).unwrap_err(), FormError::Packed);
    assert_eq!(
        items(&[3, 3, 4], &mut Registered).unwrap_err(),
        FormError::Form(3)
    );
    assert_eq!(
        items(&[1, 0xFF, 0xFF], &mut Registered).unwrap_err(),
        FormError::Packed
    );
    let bomb = deflated(NAMED, &vec![0; LARGEST as usize + 1]).unwrap();
    assert_eq!(items(&bomb, &mut Registered).unwrap_err(), FormError::Packed);
    // A count that nothing follows makes no room for what it counts.
    let endless = deflated(NAMED, &[0x80; 64]).unwrap();
    assert_eq!(items(&endless, &mut Registered).unwrap_err(), FormError::Item(0));
}

#[test]
fn what_is_of_meters_that_are_not_registered_is_passed_over() {
    let telegram = |meter: u32| Telegram {
        meter: MeterId(meter.into()),
        received_at: Timestamp::UNIX_EPOCH,
        assumed: false,
        digest: 1,
        octets: vec![1, 2],
        radio: "cellar".into(),
        rssi_dbm: None,
        outcome: "read".into(),
        evidence: None,
        facts: Facts::default(),
        readings: Vec::new(),
    };
    let (known, unknown) = (telegram(1), telegram(2));
    let mut form = Form::default();
    let elsewhere = MeterAddress {
        manufacturer: Manufacturer(1),
        ..whose(MeterId(2))
    };
    form.telegram(elsewhere, &unknown, &[]).unwrap();
    add(&mut form, &known);
    let read = items(&form.packed().unwrap(), &mut Registered).unwrap();
    assert_eq!(
        read.iter().map(said).collect::<Vec<_>>(),
        [said(&Ingest::Telegram(known))]
    );
}

#[test]
fn what_an_earlier_release_packed_is_read() {
    let octets = [
        // A telegram without anything that not all have, of meter 5, at second 100, with a digest.
        0, 0, 10, 0xC8, 0x01, 0, 0, 0, 0, 0, 0, 0, 9, 2, 0xAA, 0xBB,
        // Receiver, outcome, no status, no facts.
        0, 1, b'x', 0, 4, b'r', b'e', b'a', b'd', 0, 0,
        // One reading of channel 7, live, a second before, value -3 of thousandths, no flags, no stamp.
        1, 14, 0, 1, 5, 5, 0, 0,
    ];
    let packed = deflated(NUMBERED, &octets).unwrap();
    let read = items(&packed, &mut Registered).unwrap();
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
