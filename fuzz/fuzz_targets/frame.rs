//! A telegram of any octets: headers, keys, records, readings. Nothing panics, and what is said of it agrees with itself.
#![no_main]

use std::sync::LazyLock;

use decoders::{Context, Families};
use libfuzzer_sys::fuzz_target;
use wmbus::{Frame, FrameFormat, Key, Reassembler};

static FAMILIES: LazyLock<Families> = LazyLock::new(|| Families::embedded().unwrap());
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| vec![releve_fuzz::KEY.parse().unwrap()]);

fuzz_target!(|octets: &[u8]| {
    for format in [FrameFormat::A, FrameFormat::B] {
        let _ = Frame::parse_as(octets, format);
    }
    let Ok(frame) = Frame::parse(octets) else { return };
    assert!(frame.octets().len() <= octets.len());
    assert!(frame.body().len() <= frame.octets().len());
    // What repeaters change is masked, and masking twice changes nothing more.
    let canonical = frame.canonical().into_owned();
    assert!(canonical.len() <= frame.octets().len());
    // Unless its last octets happen to look like a checksum, which is then taken off.
    if let Ok(again) = Frame::parse(&canonical)
        && again.octets().len() == canonical.len()
    {
        assert_eq!(&*again.canonical(), &canonical[..]);
    }
    if let Some(next) = frame.following() {
        assert!(next.octets().len() < octets.len());
    }
    let context = Context::default();
    let _ = FAMILIES.read(octets, &KEYS, &context);
    let opened = FAMILIES.open(&frame, &KEYS);
    if let Ok(message) = &opened {
        // A message grows by at most what an expanded compact layout adds: the payload itself never exceeds its frame.
        assert!(message.payload.len() <= octets.len());
        let first = FAMILIES.decode(message, &context);
        let second = FAMILIES.decode(message, &context);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
    let mut reassembler = Reassembler::default();
    let _ = releve_fuzz::reassemble(&mut reassembler, frame);
});
