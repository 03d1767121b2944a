//! What must never happen, with any dongle and any octets.

use std::time::Duration;

use collector::LinkMode::T;
use collector::dongle::Model;
use proptest::prelude::*;

use super::{Bench, amb8465, cul, exchanges, im871a, iu891a, rawtty, rc1180, said};

/// A dongle of this model, set up, with a telegram as it says it.
fn set_up(model: Model, piece: usize) -> Option<(Bench, Vec<u8>)> {
    let first = |tag: &str, start: &[u8]| {
        said(&exchanges(tag)?)
            .into_iter()
            .find(|said| said.starts_with(start))
    };
    Some(match model {
        Model::Im871a => (im871a::ready(piece)?, first("im871a", &[0xA5, 0xC2])?),
        Model::Iu891a => (iu891a::ready(piece)?, first("iu891a", &[0xC0, 0x09, 0x20])?),
        Model::Amb8465 => {
            let bench = amb8465::ready(&mut amb8465::Module::new(1, 1, 0), false, piece);
            (bench, first("amber", &[0xFF, 0x03])?)
        }
        Model::Cul => (cul::ready(piece)?, first("cul", b"b1E")?),
        Model::Rc1180 => (
            rc1180::ready(&mut rc1180::script()?, true, piece),
            first("rc1180", &[0x1F, 0x44])?,
        ),
        Model::Rawtty => (rawtty::ready(piece), first("rawtty", &[0x1E])?[..31].to_vec()),
    })
}

/// Those whose messages carry a check.
const CHECKED: [Model; 4] = [Model::Im871a, Model::Iu891a, Model::Amb8465, Model::Cul];

proptest! {
    #[test]
    fn one_bit_or_octet_wrong_costs_no_other_telegram(
        model in proptest::sample::select(CHECKED.to_vec()),
        kind in 0..3,
        at in any::<prop::sample::Index>(),
        bit in 0..8,
        piece in proptest::sample::select(super::PIECES.to_vec()),
    ) {
        let Some((mut bench, good)) = set_up(model, piece) else { return Ok(()) };
        let mut bad = good.clone();
        let at = at.index(bad.len());
        match kind {
            0 => bad[at] ^= 1_u8 << bit,
            1 => drop(bad.remove(at)),
            _ => bad.insert(at, bad[at]),
        }
        bench.hear(&bad).hear(&good).fall_silent();
        let whole = bench.octets();
        let telegram = whole.last();
        bench.hear(&good);
        let again = bench.octets();
        prop_assert_eq!(again.last(), telegram, "{:?}", model);
        // A doubled or turned octet at an end may leave the bad one whole: never more than two, nor a third kind.
        prop_assert!((1..=2).contains(&whole.len()), "{:?}: {:02X?}", model, whole);
        prop_assert!(whole.iter().all(|octets| Some(octets) == telegram));
    }

    #[test]
    fn any_octets_from_the_start_on(
        model in proptest::sample::select(Model::ALL.to_vec()),
        octets in proptest::collection::vec(any::<u8>(), 0..600),
        piece in proptest::sample::select(super::PIECES.to_vec()),
    ) {
        // As answers to whatever it asks: it gets ready, or fails, in a number of steps that the bench limits.
        let mut bench = Bench::new(model, &[T], false, piece);
        bench.set_up(|_| octets.clone());
        let heard: usize = bench.telegrams.iter().map(|telegram| telegram.octets.len()).sum();
        prop_assert!(heard <= octets.len() * bench.sent.len());
    }
}

#[test]
fn a_mebibyte_of_noise_and_then_a_telegram() {
    for model in Model::ALL {
        let Some((mut bench, good)) = set_up(model, usize::MAX) else {
            return;
        };
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let noise: Vec<u8> = (0..1 << 20)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        bench.hear(&noise).fall_silent();
        let before = bench.telegrams.len();
        bench.hear(&good);
        assert_eq!(bench.telegrams.len(), before + 1, "{model:?}");
        // Where nothing checks them, every 32nd octet may begin a telegram, and most of the noise is believed.
        let least = if CHECKED.contains(&model) {
            1 << 19
        } else {
            1 << 16
        };
        assert!(
            bench.framer.noise() > least,
            "{model:?}: {}",
            bench.framer.noise()
        );
    }
}

#[test]
fn ten_thousand_telegrams_in_a_row() {
    for model in Model::ALL {
        let Some((mut bench, good)) = set_up(model, 64) else {
            return;
        };
        let noise = bench.framer.noise();
        bench.hear(&good.repeat(10_000));
        assert_eq!(bench.telegrams.len(), 10_000, "{model:?}");
        assert_eq!(bench.framer.noise(), noise, "{model:?}");
    }
}

#[test]
fn another_model_on_the_port_is_no_answer() {
    let Some(answers) = exchanges("im871a") else {
        return;
    };
    let foreign = said(&answers).concat();
    for model in [Model::Iu891a, Model::Amb8465, Model::Cul, Model::Rc1180] {
        let mut bench = Bench::new(model, &[T], true, 7);
        bench.set_up(|_| foreign.clone());
        assert!(bench.failed.is_some(), "{model:?}");
        assert!(bench.now < Duration::from_secs(10), "{model:?}");
    }
}

/// Whoever asks a receiver may be away for a while: a slow disk, a full queue. The rest of a message that came meanwhile is on the
/// line, and its beginning must not have been given up.
#[test]
fn half_a_message_waits_while_nobody_asks() {
    use collector::dongle::Wanted;
    use collector::pty::Plugged;
    use collector::serial::{Dongle, Settings, Silence};
    use collector::{Event, LinkMode, Receiver};

    let telegram = [
        0x0F, 0x44, 0x01, 0x02, 0x78, 0x56, 0x34, 0x12, 0x01, 0x07, 0x78, 4, 0x13, 1, 2, 3,
    ];
    for model in [Model::Im871a, Model::Iu891a, Model::Amb8465, Model::Cul] {
        let mut plugged = Plugged::new(model, None).unwrap();
        let mut dongle = Dongle::new(Settings {
            radio: "bench".into(),
            port: Some(plugged.path().to_owned()),
            model: Some(model),
            baud: None,
            wanted: Wanted {
                modes: vec![LinkMode::C, LinkMode::T],
                may_write_flash: false,
            },
            silence: Silence::new(Duration::ZERO),
            retry: Duration::from_millis(50),
        });
        while !plugged.dongle().is_listening() {
            plugged.turn(Duration::from_millis(5)).unwrap();
            let event = dongle.next(Duration::from_millis(5));
            assert!(
                matches!(event, Event::Idle | Event::Ready(_)),
                "{model:?}: {event:?}"
            );
        }
        while dongle.next(Duration::from_millis(20)) != Event::Idle {}
        let octets = plugged.dongle().deliver(&telegram);
        let (first, rest) = octets.split_at(octets.len() / 2);
        plugged.say(first).unwrap();
        assert_eq!(dongle.next(Duration::from_millis(20)), Event::Idle);
        plugged.say(rest).unwrap();
        // Longer than any model is quiet between two messages.
        std::thread::sleep(Duration::from_secs(3));
        let event = dongle.next(Duration::from_secs(5));
        assert!(
            matches!(&event, Event::Telegram(heard) if heard.octets == telegram || heard.octets.len() > telegram.len()),
            "{model:?}: {event:?}"
        );
        assert_eq!(dongle.health().unwrap().noise, 0, "{model:?}");
    }
}
