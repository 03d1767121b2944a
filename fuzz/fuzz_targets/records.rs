//! A payload of any octets as data records: they cover it without overlap, and layouts learned from it give it back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wmbus::apl::compact::{self, Compact, Layout};
use wmbus::apl::fixed::FixedData;
use wmbus::apl::{self, Item, Records, profile};

fuzz_target!(|payload: &[u8]| {
    let mut records = Vec::new();
    let mut end = 0;
    for item in Records::new(payload, 7) {
        if let Item::Record(record) = item {
            assert!(record.at >= 7 + end, "records overlap");
            end = record.at - 7 + record.octets.len();
            assert!(end <= payload.len());
            assert!(record.data.len() <= record.octets.len());
            let value = record.value();
            let _ = (value.number(), value.moment(), value.characters().count());
            let _ = (record.vib.label().count(), record.vib.addend(), record.is_usable());
            records.push(record);
        }
    }
    for (at, profile) in profile::expand_all(&records) {
        let record = &records[at];
        // A profile can't hold more entries than its record has octets.
        assert!(profile.entries.len() <= record.data.len() + 1);
    }
    let _ = apl::clock_of(&records);
    for record in records.iter().take(16) {
        let _ = apl::dating(&records, &record.dib);
        let _ = apl::series_date(&records, record);
    }
    let _ = FixedData::parse(payload, 0);
    if let (Some(short), Some(layout)) = (compact::compact(payload), Layout::of_full_frame(payload)) {
        let short = Compact::parse(&short, 0).unwrap();
        // Fillers between records are no part of a layout.
        let full: Vec<u8> = records.iter().flat_map(|record| record.octets).copied().collect();
        assert_eq!(layout.expand(&short).unwrap(), full, "a compact frame gives its full frame back");
    }
    if let Ok(layout) = Layout::of_format_frame(payload, 0)
        && let Ok(short) = Compact::parse(payload, 0)
    {
        let _ = layout.expand(&short);
    }
});
