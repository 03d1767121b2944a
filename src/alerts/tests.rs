//! The rules of alerts by example.

use decoders::reading::{Quantity, Stamp, Status, StatusWord};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::*;
use crate::consumption::Counter;
use crate::registry::MeterId;
use crate::store::MeterState;

const HOUR: i64 = 3600;

fn now() -> Timestamp {
    "2026-01-20T12:00:00Z".parse().unwrap()
}

fn state() -> MeterState {
    MeterState {
        meter: MeterId(1),
        first_heard: now() - (100 * 24).hours(),
        last_heard: now(),
        rssi_dbm: None,
        radio: "cellar".to_owned(),
        outcome: "read".to_owned(),
        evidence: None,
        telegrams: 2401,
        opened_at: Some(now()),
        device_time: None,
        status: Vec::new(),
    }
}

/// A meter heard every so many hours for a week; `value` from hours before now.
fn signs(quantity: Quantity, every: i64, value: impl Fn(i64) -> i64) -> Signs {
    let places = if quantity == Quantity::Volume { -6 } else { -3 };
    let points = |step: i64, hours: i64| {
        (0..=hours / step)
            .rev()
            .map(|n| Point {
                at: now().as_second() - n * step * HOUR,
                value: value(n * step),
            })
            .collect::<Vec<_>>()
    };
    Signs {
        now: now(),
        zone: TimeZone::get("Europe/Paris").unwrap(),
        counter: Counter::of(quantity, places).map(|counter| (quantity, counter)),
        step: 1000,
        hours: points(every, 7 * 24),
        days: points(24, 120 * 24),
        state: Some(state()),
        others_heard: Some(now()),
    }
}

fn with(word: StatusWord, past: bool) -> Signs {
    let mut signs = signs(Quantity::Volume, 1, |_| 5_000_000);
    signs.state.as_mut().unwrap().status = vec![Status { word, past }];
    signs
}

#[test]
fn a_leak_flows_in_every_slot_of_two_windows_and_one_quiet_slot_ends_it() {
    // 12 L/h and more by day.
    let leaking = |ago: i64| 900_000_000 - ago * 12_000;
    assert_eq!(
        judge(Kind::Leak, &signs(Quantity::Volume, 1, leaking)),
        Verdict::Is(Some(12_000))
    );
    // Heard every six hours: three days, twice.
    assert_eq!(
        judge(Kind::Leak, &signs(Quantity::Volume, 6, leaking)),
        Verdict::Is(Some(12_000))
    );
    // Half a day is too rare.
    assert_eq!(
        judge(Kind::Leak, &signs(Quantity::Volume, 12, leaking)),
        Verdict::Unknown
    );
    // One hour without a litre, thirty hours ago.
    let once = |ago: i64| leaking(ago) - if ago > 30 { 0 } else { 12_000 };
    let quiet = |ago: i64| {
        if ago == 30 {
            once(31) + 12_000 - 12_000
        } else {
            once(ago)
        }
    };
    assert_eq!(
        judge(Kind::Leak, &signs(Quantity::Volume, 1, quiet)),
        Verdict::IsNot
    );
    // A register of 100 litres can't tell.
    let mut coarse = signs(Quantity::Volume, 1, leaking);
    coarse.step = 100_000;
    assert_eq!(judge(Kind::Leak, &coarse), Verdict::Unknown);
    // The meter's own word is enough; that it was so once is not.
    assert_eq!(
        judge(Kind::Leak, &with(StatusWord::Leak, false)),
        Verdict::Is(None)
    );
    assert_eq!(judge(Kind::Leak, &with(StatusWord::Leak, true)), Verdict::IsNot);
    let words = explain(Kind::Leak, Some(12_000));
    assert!(
        words.fr.contains("12,0 L/h") && words.fr.contains("288 L par jour"),
        "{}",
        words.fr
    );
    assert!(words.en.contains("105 m³ a year"), "{}", words.en);
}

#[test]
fn a_meter_is_silent_by_its_own_rhythm_and_only_while_others_are_heard() {
    let mut quiet = signs(Quantity::Volume, 1, |_| 5_000_000);
    quiet.state.as_mut().unwrap().last_heard = now() - 23.hours();
    assert_eq!(judge(Kind::Silent, &quiet), Verdict::IsNot);
    quiet.state.as_mut().unwrap().last_heard = now() - 30.hours();
    assert_eq!(judge(Kind::Silent, &quiet), Verdict::Is(Some(30 * HOUR)));
    // One that pauses for two days every weekend is not missed on a Sunday.
    let weekend = 3 * 24;
    quiet.hours.retain(|point| {
        let ago = (now().as_second() - point.at) / HOUR;
        !(weekend..weekend + 48).contains(&ago)
    });
    assert_eq!(judge(Kind::Silent, &quiet), Verdict::IsNot);
    // Nobody was heard: that is the gateway.
    quiet.state.as_mut().unwrap().last_heard = now() - 200.hours();
    assert!(matches!(judge(Kind::Silent, &quiet), Verdict::Is(_)));
    quiet.others_heard = Some(now() - 200.hours());
    assert_eq!(judge(Kind::Silent, &quiet), Verdict::Unknown);
    quiet.state = None;
    assert_eq!(judge(Kind::Silent, &quiet), Verdict::Unknown);
}

#[test]
fn the_meter_s_own_words_are_taken_while_it_says_them() {
    for (word, kind) in [
        (StatusWord::BatteryLow, Kind::BatteryLow),
        (StatusWord::BatteryEnd, Kind::BatteryLow),
        (StatusWord::Tamper, Kind::Tamper),
        (StatusWord::Removed, Kind::Tamper),
        (StatusWord::ReverseFlow, Kind::ReverseFlow),
        (StatusWord::ClockInvalid, Kind::ClockOff),
    ] {
        assert_eq!(judge(kind, &with(word, false)), Verdict::Is(None), "{kind:?}");
        assert_ne!(judge(kind, &with(word, true)), Verdict::Is(None), "{kind:?}");
    }
    let mut sealed = with(StatusWord::Tamper, false);
    sealed.state.as_mut().unwrap().opened_at = None;
    assert_eq!(judge(Kind::Tamper, &sealed), Verdict::Unknown);
}

#[test]
fn water_that_flows_back_is_told_from_a_jump_and_from_a_rollover() {
    let fell = |by: i64| {
        signs(Quantity::Volume, 1, move |ago| {
            50_000_000 - if ago < 40 { by } else { 0 }
        })
    };
    assert_eq!(judge(Kind::ReverseFlow, &fell(15_000)), Verdict::IsNot);
    assert_eq!(judge(Kind::ReverseFlow, &fell(35_000)), Verdict::Is(Some(35_000)));
    assert_eq!(judge(Kind::Jump, &fell(35_000)), Verdict::IsNot);
    assert_eq!(judge(Kind::ReverseFlow, &fell(9_000_000)), Verdict::IsNot);
    assert_eq!(judge(Kind::Jump, &fell(9_000_000)), Verdict::Is(Some(-9_000_000)));
    // Ten cubic metres in an hour is more than Q4.
    assert_eq!(
        judge(Kind::Jump, &fell(-10_000_000)),
        Verdict::Is(Some(10_000_000))
    );
    let rolled = signs(Quantity::Volume, 1, |ago| {
        if ago < 40 { 20_000 } else { 99_999_990_000 }
    });
    assert_eq!(judge(Kind::Jump, &rolled), Verdict::IsNot);
}

#[test]
fn an_allocator_that_counted_and_stopped_is_frozen_and_a_closed_one_is_not() {
    let stopped = |days: i64| {
        signs(Quantity::HeatCost, 1, move |ago| {
            400_000 - (ago / 24).max(days) * 1000
        })
    };
    assert_eq!(judge(Kind::Frozen, &stopped(20)), Verdict::Is(Some(20)));
    assert_eq!(judge(Kind::Frozen, &stopped(9)), Verdict::IsNot);
    let closed = signs(Quantity::HeatCost, 1, |_| 5000);
    assert_eq!(judge(Kind::Frozen, &closed), Verdict::IsNot);
    let mut summer = stopped(20);
    summer.now = "2026-07-20T12:00:00Z".parse().unwrap();
    assert_eq!(judge(Kind::Frozen, &summer), Verdict::IsNot);
    assert_eq!(
        judge(Kind::Frozen, &signs(Quantity::Volume, 1, |_| 0)),
        Verdict::Unknown
    );
}

#[test]
fn a_key_that_does_not_open_and_a_clock_that_is_off() {
    let mut meter = signs(Quantity::Volume, 1, |_| 0);
    assert_eq!(judge(Kind::WrongKey, &meter), Verdict::IsNot);
    for outcome in ["wrong_key", "mac_failed", "no_key"] {
        outcome.clone_into(&mut meter.state.as_mut().unwrap().outcome);
        assert_eq!(judge(Kind::WrongKey, &meter), Verdict::Is(None));
    }
    "damaged".clone_into(&mut meter.state.as_mut().unwrap().outcome);
    assert_eq!(judge(Kind::WrongKey, &meter), Verdict::Unknown);
    let mut clock = |hour| {
        meter.state.as_mut().unwrap().device_time = Some(Stamp::DateTime {
            year: 2026,
            month: 1,
            day: 20,
            hour,
            minute: 0,
            second: None,
        });
        judge(Kind::ClockOff, &meter)
    };
    // It is 13:00 in Paris.
    assert_eq!(clock(13), Verdict::IsNot);
    assert_eq!(clock(12), Verdict::IsNot);
    assert_eq!(clock(16), Verdict::Is(Some(3 * HOUR)));
    assert_eq!(clock(8), Verdict::Is(Some(-5 * HOUR)));
    assert!(explain(Kind::ClockOff, Some(-5 * HOUR)).en.contains("5 h late"));
}

#[test]
fn every_kind_has_a_name_and_words_with_and_without_a_measure() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        for amount in [
            None,
            Some(0),
            Some(100_000),
            Some(-100_000),
            Some(i64::MAX),
            Some(i64::MIN),
        ] {
            let words = explain(kind, amount);
            assert!(
                words.fr.ends_with(['.', '?']) && words.en.ends_with(['.', '?']),
                "{words:?}"
            );
            assert!(!words.fr.contains("  ") && !words.en.contains("  "), "{words:?}");
        }
    }
}
