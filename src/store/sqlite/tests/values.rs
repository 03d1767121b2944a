//! Ranges, pages and neighbours.

use decoders::reading::{Quantity, Stamp, Unit};

use super::{at, reading, store, water};
use crate::store::sqlite::SqliteStore;
use crate::store::{
    Aspect, Channel, ChannelId, Flags, Grain, MeterId, ReadingKey, ReadingQuery, ReadingRow, Side, Source,
    Store, StoredReading,
};

const METER: MeterId = MeterId(1);

/// Volumes at 100, 200 (live and history), 300 and 400 (flagged), and one temperature at 250.
fn filled() -> (super::Scratch, SqliteStore, ChannelId) {
    let (scratch, store) = store(2);
    let mut doubtful = reading(at(400), Source::Live, 4);
    doubtful.flags = Flags::BACKWARDS;
    let mut stamped = reading(at(200), Source::History, 2);
    stamped.stamp = Some(Stamp::Date {
        year: 2023,
        month: 12,
        day: 31,
    });
    let temperature = StoredReading {
        channel: Channel::index(Quantity::Temperature, Unit::DegreeCelsius),
        ..reading(at(250), Source::Live, 21_500)
    };
    let volumes = [
        reading(at(100), Source::Live, 1),
        stamped,
        reading(at(200), Source::Live, 2),
        reading(at(300), Source::Live, 3),
        doubtful,
        temperature,
    ];
    store.add_readings(METER, &volumes).unwrap();
    store.add_readings(MeterId(2), &volumes[..1]).unwrap();
    let id = store.channels(METER).unwrap()[0].0;
    (scratch, store, id)
}

fn short(rows: &[ReadingRow]) -> Vec<(i64, &'static str)> {
    rows.iter()
        .map(|row| (row.reading.at.as_second(), row.reading.source.name()))
        .collect()
}

fn everything() -> ReadingQuery {
    ReadingQuery {
        meter: METER,
        channel: None,
        from: at(0),
        until: at(1000),
        source: None,
        after: None,
        limit: 100,
    }
}

#[test]
fn a_meter_has_the_channels_it_spoke_in() {
    let (_scratch, store, id) = filled();
    let channels = store.channels(METER).unwrap();
    assert_eq!(channels.len(), 2);
    assert_eq!(channels[0], (id, water()));
    assert_eq!(store.channels(MeterId(2)).unwrap(), [(id, water())]);
    assert_eq!(store.channels(MeterId(99)).unwrap(), []);
    assert_eq!(
        store.index_channels(METER, Quantity::Volume).unwrap(),
        [(id, water())]
    );
    assert_eq!(store.channel(id).unwrap(), Some(water()));
    assert_eq!(store.channel(ChannelId(99)).unwrap(), None);
    let peak = Channel {
        aspect: Aspect::Max,
        ..water()
    };
    let row = StoredReading {
        channel: peak,
        ..reading(at(1), Source::Live, 9)
    };
    store.add_readings(METER, &[row]).unwrap();
    assert_eq!(store.index_channels(METER, Quantity::Volume).unwrap().len(), 1);
}

#[test]
fn pages_meet_without_gap_or_overlap() {
    let (_scratch, store, id) = filled();
    let all = store.readings(&everything()).unwrap();
    assert_eq!(all.len(), 6);
    for limit in 1..=7 {
        let mut pages = Vec::new();
        let mut query = ReadingQuery {
            limit,
            ..everything()
        };
        loop {
            let page = store.readings(&query).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= limit);
            query.after = Some(ReadingKey {
                channel: last.channel_id,
                at: last.reading.at,
                source: last.reading.source,
            });
            pages.extend(page);
        }
        assert_eq!(pages, all, "pages of {limit}");
    }
    let some = ReadingQuery {
        channel: Some(id),
        from: at(200),
        until: at(400),
        ..everything()
    };
    assert_eq!(
        short(&store.readings(&some).unwrap()),
        [(200, "live"), (200, "history"), (300, "live")]
    );
    let history = ReadingQuery {
        source: Some(Source::History),
        ..some
    };
    let rows = store.readings(&history).unwrap();
    assert_eq!(short(&rows), [(200, "history")]);
    assert_eq!(
        rows[0].reading.stamp,
        Some(Stamp::Date {
            year: 2023,
            month: 12,
            day: 31
        })
    );
}

#[test]
fn the_nearest_is_found_on_either_side() {
    let (_scratch, store, id) = filled();
    let nearest = |second, side, without| {
        store
            .nearest(METER, id, at(second), side, without)
            .unwrap()
            .map(|row| row.reading.value)
    };
    assert_eq!(nearest(300, Side::AtOrBefore, Flags::NONE), Some(3));
    assert_eq!(nearest(299, Side::AtOrBefore, Flags::NONE), Some(2));
    assert_eq!(nearest(99, Side::AtOrBefore, Flags::NONE), None);
    assert_eq!(nearest(500, Side::AtOrBefore, Flags::NONE), Some(4));
    assert_eq!(
        nearest(500, Side::AtOrBefore, Flags::BACKWARDS | Flags::CONFLICT),
        Some(3)
    );
    assert_eq!(nearest(301, Side::AtOrAfter, Flags::NONE), Some(4));
    assert_eq!(nearest(301, Side::AtOrAfter, Flags::BACKWARDS), None);
    assert_eq!(nearest(0, Side::AtOrAfter, Flags::NONE), Some(1));
}

#[test]
fn a_series_comes_with_its_surroundings() {
    let (_scratch, store, id) = filled();
    let series = |from, until| short(&store.series(METER, id, at(from), at(until)).unwrap());
    assert_eq!(
        series(250, 350),
        [(200, "live"), (200, "history"), (300, "live"), (400, "live")]
    );
    assert_eq!(series(310, 320), [(300, "live"), (400, "live")]);
    assert_eq!(series(500, 600), [(400, "live")]);
    assert_eq!(series(0, 50), [(100, "live")]);
    assert_eq!(
        series(300, 400),
        [(200, "live"), (200, "history"), (300, "live"), (400, "live")]
    );
}

#[test]
fn what_is_read_in_one_go_is_what_is_read_one_by_one() {
    let (_scratch, store, id) = filled();
    let other = MeterId(2);
    let channels = store.channels_of(&[other, METER, MeterId(99)]).unwrap();
    assert_eq!(
        channels,
        [
            store.channels(other).unwrap(),
            store.channels(METER).unwrap(),
            vec![]
        ]
    );
    for grain in [Grain::Days, Grain::Hours] {
        for (from, until) in [(0, 50), (150, 350), (500, 600)] {
            let one = |meter| store.shown(meter, id, at(from), at(until), grain).unwrap();
            let all = store
                .shown_of(&[(METER, id), (other, id)], at(from), at(until), grain)
                .unwrap();
            assert_eq!(all, [one(METER), one(other)]);
            let rows = store.series(METER, id, at(from), at(until)).unwrap();
            let seen: Vec<_> = all[0]
                .iter()
                .map(|shown| (shown.at, shown.source, shown.value, shown.flags))
                .collect();
            let wanted: Vec<_> = rows
                .iter()
                .map(|row| &row.reading)
                .map(|reading| (reading.at, reading.source, reading.value, reading.flags))
                .collect();
            assert_eq!(seen, wanted);
        }
    }
}

#[test]
fn extremes_of_numbers_and_instants_survive() {
    let (_scratch, store, _) = filled();
    let far = [
        StoredReading {
            resolution: -128,
            flags: Flags(u32::MAX),
            ..reading(at(-300_000_000_000), Source::Estimate, i64::MIN)
        },
        StoredReading {
            resolution: 127,
            ..reading(at(200_000_000_000), Source::Manual, i64::MAX)
        },
    ];
    store.add_readings(MeterId(2), &far).unwrap();
    let query = ReadingQuery {
        meter: MeterId(2),
        from: jiff::Timestamp::MIN,
        until: jiff::Timestamp::MAX,
        ..everything()
    };
    let rows = store.readings(&query).unwrap();
    assert_eq!(rows[0].reading, far[0]);
    assert_eq!(rows[2].reading, far[1]);
}

#[test]
fn what_asks_several_times_sees_one_state_of_the_store() {
    let (_scratch, store, id) = filled();
    let count = || {
        let all = store.series(METER, id, at(0), at(1000)).unwrap();
        (all.len(), store.channels(METER).unwrap().len())
    };
    let before = count();
    let flow = StoredReading {
        channel: Channel::index(Quantity::Flow, Unit::CubicMetrePerHour),
        ..reading(at(350), Source::Live, 7)
    };
    let new = [reading(at(350), Source::Live, 3), flow];
    let mut seen = Vec::new();
    let ask = &mut || {
        seen.push(count());
        store.add_readings(METER, &new).unwrap();
        seen.push(count());
        // Within another it is the same state.
        store.in_one_state(&mut || seen.push(count())).unwrap();
    };
    store.in_one_state(ask).unwrap();
    assert_eq!(seen, [before; 3]);
    assert_eq!(count(), (before.0 + 1, before.1 + 1));
    // Who panics leaves nothing behind that others would find.
    let panics = std::panic::AssertUnwindSafe(|| store.in_one_state(&mut || panic!("on purpose")));
    assert!(std::panic::catch_unwind(panics).is_err());
    store
        .add_readings(METER, &[reading(at(360), Source::Live, 3)])
        .unwrap();
    assert_eq!(count(), (before.0 + 2, before.1 + 1));
}
