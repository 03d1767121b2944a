//! A capture file of any octets: every line ends on a pile, and a telegram that was read is read the same once written.
#![no_main]

use std::io::Cursor;

use collector::capture::{Origin, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let mut reader = Reader::new(Cursor::new(file), Origin::new("fuzz"));
    let mut telegrams = Vec::new();
    let mut lines = 0_usize;
    while let Ok(Some(line)) = reader.read_line() {
        lines += 1;
        releve_fuzz::telegrams_of(line.content, &mut telegrams);
    }
    if let Some(line) = reader.finish() {
        lines += 1;
        releve_fuzz::telegrams_of(line.content, &mut telegrams);
    }
    assert!(lines <= file.len() + 1, "more lines than octets");
    for telegram in telegrams.iter().take(8) {
        releve_fuzz::written_is_read(telegram);
    }
});
