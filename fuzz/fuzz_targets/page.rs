//! A family page of any text: refused with a place and a reason, or usable both ways.
#![no_main]

use std::sync::LazyLock;

use decoders::{Context, Families};
use libfuzzer_sys::fuzz_target;

static FAMILIES: LazyLock<Families> = LazyLock::new(|| Families::embedded().unwrap());

fuzz_target!(|page: &[u8]| {
    let Ok(text) = std::str::from_utf8(page) else { return };
    if text.len() > 16 << 10 {
        return;
    }
    let mut families = FAMILIES.clone();
    match families.add("fuzz.toml", text) {
        Err(error) => {
            assert_eq!(error.file, "fuzz.toml");
            assert!(!error.message.is_empty());
            assert!(error.line.is_none_or(|line| line <= text.lines().count() + 1));
        }
        Ok(()) => {
            for family in families.iter() {
                if FAMILIES.named(&family.name).is_some() {
                    continue;
                }
                if let Ok(example) = family.invent(&families, None) {
                    let octets = releve_fuzz::octets(&example.telegram);
                    let _ = families.read(&octets, &[], &Context::default());
                }
            }
        }
    }
});
