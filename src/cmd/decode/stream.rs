//! A stream of telegrams as JSON: one thread reads and decodes, another one writes, so that each has a processor.
//!
//! Telegrams of one stream depend on each other (layouts, fragments), so they are decoded in their order, by one.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::Reader;
use super::input::{self, Lines};
use super::line::Line;

/// So many lines go from one thread to the other at a time, unless there are no more for now.
const BATCH: usize = 256;

/// So many batches may wait to be written.
const WAITING: usize = 4;

/// One object a line; true when all were read. What has been answered is written before more is waited for.
pub(super) fn run(reader: &mut Reader<'_>, mut lines: Lines) -> io::Result<bool> {
    let (full, to_write) = mpsc::sync_channel::<Vec<Line>>(WAITING);
    let (emptied, used) = mpsc::channel();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut text = Vec::new();
            for batch in to_write {
                write(&mut text, &batch)?;
                // Nobody waits for them at the end.
                let _ = emptied.send(batch);
            }
            Ok(())
        });
        let decoded = decode(reader, &mut lines, full, &used);
        let written = writing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes has ended")));
        // Whoever reads us may have gone: that is why nothing more could be handed over.
        written.and(decoded)
    })
}

fn decode(
    reader: &mut Reader<'_>,
    lines: &mut Lines,
    full: SyncSender<Vec<Line>>,
    used: &Receiver<Vec<Line>>,
) -> io::Result<bool> {
    let mut all_read = true;
    let mut batch = Vec::with_capacity(BATCH);
    let mut old: Vec<Line> = Vec::new();
    let mut text = Vec::new();
    while input::next_line(lines, &mut text)? {
        let line = match input::telegram_and_key(&text) {
            Ok((octets, key)) => {
                if let Some(decoded) = old.pop().and_then(Line::into_decoded) {
                    reader.memory.give_back(decoded);
                }
                reader.line(&octets, key)
            }
            Err(failure) => Line::refused(failure),
        };
        all_read &= line.is_read();
        batch.push(line);
        if batch.len() >= BATCH || lines.buffer().is_empty() {
            let next = used.try_recv().unwrap_or_default();
            if full.send(std::mem::take(&mut batch)).is_err() {
                return Ok(all_read);
            }
            old = next;
        }
    }
    // Blank lines and remarks at the end leave some behind.
    let _ = full.send(batch);
    Ok(all_read)
}

fn write(text: &mut Vec<u8>, batch: &[Line]) -> io::Result<()> {
    text.clear();
    for line in batch {
        line.write(text);
        text.push(b'\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}
