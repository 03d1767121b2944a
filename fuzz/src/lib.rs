//! What the targets share.

use std::io::Cursor;

use collector::Telegram;
use collector::capture::{Content, Origin, Reader, Writer};
use wmbus::{Frame, Reassembler};

/// An invented key, with which the seeds are sealed.
pub const KEY: &str = "9F3C6A1E58D4720BB1E64C0597A8D23F";

/// Octets of a hexadecimal text; empty when it is none.
pub fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .filter_map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
        .collect()
}

/// The same telegram as its own fragments, over and over: never more than the limits of a message.
pub fn reassemble(reassembler: &mut Reassembler, frame: Frame<'_>) -> usize {
    let whole = (0..3).filter(|second| reassembler.push(&frame, *second).is_ok()).count();
    reassembler.expired(1_000_000).len() + whole
}

/// The telegrams in what a line turned out to be.
pub fn telegrams_of(content: Content, into: &mut Vec<Telegram>) {
    if let Content::Telegrams(telegrams) = content {
        into.extend(telegrams);
    }
}

/// A telegram that was read, written in our own format, is read again as it was.
pub fn written_is_read(telegram: &Telegram) {
    let mut writer = Writer::new(Vec::new());
    if writer.write(telegram).is_err() {
        return;
    }
    let line = writer.into_inner();
    let mut reader = Reader::new(Cursor::new(&line), Origin::new("elsewhere"));
    let again = reader.read_line().ok().flatten().map(|line| line.content);
    let Some(Content::Telegrams(again)) = &again else {
        panic!("{telegram:?} was written as {:?}, which is {again:?}", String::from_utf8_lossy(&line))
    };
    assert_eq!(again[..], [telegram.clone()]);
}
