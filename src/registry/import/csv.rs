//! Lists as CSV: a heading line, then one line a row; comma, semicolon or tab; quotes as spreadsheets write them.
//!
//! Cut with `csv-core`, which keeps no copy of what it reads: the cells may be keys.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use zeroize::Zeroizing;

use super::fault::quoted;
use super::{Column, Fault, Row};
use crate::plain::uncell;

/// The rows of a text.
///
/// Faults are collected, so that all of them can be corrected at once; a row that has one is left out.
pub(super) fn rows(file: &str, text: &str) -> (Vec<Row>, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut records = Records::new(text);
    let Some((line, heading)) = records.next() else {
        faults.push(Fault::new(
            file,
            0,
            None,
            "is empty: write a heading line and one line a meter",
        ));
        return (Vec::new(), faults);
    };
    let columns = columns(file, line, &heading, &mut faults);
    if !faults.is_empty() {
        return (Vec::new(), faults);
    }
    let mut rows = Vec::new();
    for (line, cells) in records {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if cells.len() > columns.len() {
            let message = format!(
                "has {} cells under {} headings: put quotes around a cell that holds the separator",
                cells.len(),
                columns.len()
            );
            faults.push(Fault::new(file, line, None, message));
            continue;
        }
        let cells = columns
            .iter()
            .zip(cells)
            .map(|(column, cell)| (*column, Zeroizing::new(uncell(cell.trim()).to_owned())))
            .filter(|(_, cell)| !cell.is_empty())
            .collect();
        rows.push(Row { line, cells });
    }
    (rows, faults)
}

/// What each heading means.
fn columns(file: &str, line: u64, heading: &[Zeroizing<String>], faults: &mut Vec<Fault>) -> Vec<Column> {
    let mut columns = Vec::new();
    for (number, name) in (1..).zip(heading) {
        let Some(column) = Column::of_heading(name) else {
            let message = match Column::nearest(name) {
                Some(near) => format!(
                    "column {number} is called {}: did you mean {near:?}?",
                    quoted(name)
                ),
                None => format!(
                    "column {number} is called {}, which no column is: is the heading line missing? Valid names: {}",
                    quoted(name),
                    Column::names()
                ),
            };
            faults.push(Fault::new(file, line, None, message));
            continue;
        };
        if columns.contains(&column) {
            let message = format!(
                "column {number} is the second one called {:?}: remove one",
                column.name()
            );
            faults.push(Fault::new(file, line, None, message));
        }
        columns.push(column);
    }
    columns
}

/// The records of a text, each with the line where it begins.
struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    output: Zeroizing<Vec<u8>>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter(text)).build(),
            rest: text.as_bytes(),
            // No record is longer than the text, so that nothing grows and leaves a copy behind.
            output: Zeroizing::new(vec![0; longest_record(text)]),
            ends: vec![0; 64],
        }
    }
}

impl Iterator for Records<'_> {
    type Item = (u64, Vec<Zeroizing<String>>);

    fn next(&mut self) -> Option<Self::Item> {
        // Blank lines before a record are skipped by the reader, and counted.
        let blank = self
            .rest
            .iter()
            .take_while(|octet| matches!(octet, b'\n' | b'\r'))
            .filter(|octet| **octet == b'\n')
            .count() as u64;
        let line = self.reader.line() + blank;
        let (mut written, mut ended) = (0, 0);
        loop {
            let output = self.output.get_mut(written..)?;
            let ends = self.ends.get_mut(ended..)?;
            let (result, read, more_written, more_ended) = self.reader.read_record(self.rest, output, ends);
            self.rest = self.rest.get(read..)?;
            written += more_written;
            ended += more_ended;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
                // The end of the input is said by an empty rest.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    let larger = self.output.len() * 2 + 16;
                    self.output.resize(larger, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    let larger = self.ends.len() * 2;
                    self.ends.resize(larger, 0);
                }
            }
        }
        let mut cells = Vec::with_capacity(ended);
        let mut start = 0;
        for end in self.ends.iter().take(ended) {
            let cell = self.output.get(start..*end).unwrap_or_default();
            // The text is UTF-8 and is cut at ASCII characters only.
            cells.push(Zeroizing::new(String::from_utf8_lossy(cell).into_owned()));
            start = *end;
        }
        Some((line, cells))
    }
}

/// The separator that the heading line has most of.
fn delimiter(text: &str) -> u8 {
    let heading = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let count = |separator: u8| heading.bytes().filter(|octet| *octet == separator).count();
    [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|separator| count(*separator))
        .unwrap_or(b',')
}

/// A cell in quotes may hold line ends: then it is as long as the whole text at most.
fn longest_record(text: &str) -> usize {
    if text.contains('"') {
        text.len() + 1
    } else {
        text.split('\n').map(str::len).max().unwrap_or(0) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Vec<(&'static str, String)>)> {
        let (rows, faults) = rows("list.csv", text);
        assert_eq!(faults, []);
        rows.iter()
            .map(|row| {
                let cells = row.cells.iter();
                (
                    row.line,
                    cells
                        .map(|(column, text)| (column.name(), text.to_string()))
                        .collect(),
                )
            })
            .collect()
    }

    fn refused(text: &str) -> Vec<String> {
        rows("list.csv", text).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn spreadsheets_write_in_many_ways() {
        let wanted = vec![
            (
                2,
                vec![("lot", "7".to_owned()), ("room", "Salon, \"sud\"".to_owned())],
            ),
            (3, vec![("lot", "8".to_owned())]),
        ];
        for text in [
            "lot,room\n7,\"Salon, \"\"sud\"\"\"\n8,\n",
            "Lot;Room\r\n7;\"Salon, \"\"sud\"\"\"\r\n8;\r\n",
            "lot\troom\n7\t\"Salon, \"\"sud\"\"\"\n8",
            "lot,room\n 7 ,\"Salon, \"\"sud\"\"\"\n8,\n,\n  ,  \n\n",
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        let lines = |text| read(text).iter().map(|(line, _)| *line).collect::<Vec<_>>();
        assert_eq!(lines("\nlot\n\n1\n\r\n\n2\n"), [4, 7]);
        assert_eq!(lines("lot,room\n1,\"a\nb\"\n2,c\n"), [2, 4]);
        assert_eq!(lines("lot\r\n1\r\n2\r\n"), [2, 3]);
    }

    #[test]
    fn headings_that_mean_nothing_name_the_nearest_that_do() {
        assert_eq!(
            refused("sites,id\n"),
            ["list.csv:1: column 1 is called \"sites\": did you mean \"site\"?"]
        );
        assert_eq!(
            refused("id,ID\n"),
            ["list.csv:1: column 2 is the second one called \"id\": remove one"]
        );
        assert!(refused("")[0].contains("is empty"));
        let headless = refused("KAM,12345678,000102030405060708090A0B0C0D0E0F\n").join(" ");
        assert!(
            headless.contains("heading line missing") && !headless.contains("0102"),
            "{headless}"
        );
        assert_eq!(
            refused("lot\n1,2\n"),
            ["list.csv:2: has 2 cells under 1 headings: put quotes around a cell that holds the separator"]
        );
    }

    #[test]
    fn what_is_no_list_ends_in_faults_and_not_in_memory() {
        for text in [
            "\"",
            "\"\n\"",
            "lot\n\"",
            "lot\n\"\"\"\n",
            "\u{0}",
            ",,,,\n,,,,,,,",
        ] {
            let _ = rows("x", text);
        }
        let wide = format!("lot\n{}", ",".repeat(10_000));
        assert_eq!(refused(&wide).len(), 0, "only empty cells");
    }
}
