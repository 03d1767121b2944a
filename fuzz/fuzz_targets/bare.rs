//! Telegrams out of their seals and back, and octets of a damaged disk: nothing panics, and what came off goes on again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wmbus::Key;
use wmbus::bare::{canonical, put_on, take_off};

static KEYS: LazyLock<[Key; 2]> = LazyLock::new(|| [releve_fuzz::KEY.parse().unwrap(), Key::des([7; 8])]);

fuzz_target!(|octets: &[u8]| {
    let Some((way, octets)) = octets.split_first() else { return };
    if let Some(bare) = take_off(octets, &*KEYS, |_| true) {
        let key = bare.key.and_then(|index| KEYS.get(index));
        assert_eq!(put_on(bare.way, &bare.octets, key).as_deref(), Some(octets));
        assert!(canonical(bare.way, octets).is_some());
    }
    for key in KEYS.iter().map(Some).chain([None]) {
        if let Some(made) = put_on(*way, octets, key) {
            assert!(made.len() >= octets.len());
            assert!(canonical(*way, &made).is_some());
        }
    }
    let _ = canonical(*way, octets);
});
