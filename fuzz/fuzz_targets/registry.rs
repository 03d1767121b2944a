//! A registry file of any octets, as CSV and as TOML: each fault has its line, and what was planned can be exported.
#![no_main]

use libfuzzer_sys::fuzz_target;
use releve::registry::Registry;
use releve::registry::import::{Format, plan};

fuzz_target!(|file: &[u8]| {
    let registry = Registry::default();
    for format in [Format::Csv, Format::Toml] {
        let plan = plan(&registry, "fuzz", file, format, None);
        let lines = file.iter().filter(|octet| matches!(octet, b'\n' | b'\r')).count() as u64 + 1;
        for fault in &plan.faults {
            assert!(fault.line <= lines + 1, "a fault in line {} of {lines}", fault.line);
            assert!(!fault.to_string().is_empty());
        }
    }
});
