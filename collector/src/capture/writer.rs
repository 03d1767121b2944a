//! Telegrams written down so that [`Reader`](super::Reader) reads them again.

use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use wmbus::{Frame, phy};

use super::hex::{self, MAX_OCTETS};
use super::stamped;
use crate::{Check, LinkMode, Telegram};

/// In which format lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Ours: all that a [`Telegram`] has. The only one that reads back equal.
    ///
    /// `2026-01-15T07:01:51.104Z -67 T checked 1E44AE4C… @attic`
    #[default]
    Recording,
    /// Octets only.
    Hex,
    /// As rtl_wmbus writes: local time, mode, octets without link CRCs.
    RtlWmbus,
    /// As rtl_433 writes in JSON.
    Rtl433Json,
    /// As wmbusmeters reads: octets and whole seconds since the first telegram.
    Simulation,
}

/// Writes telegrams as lines, one each.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    format: Format,
    zone: TimeZone,
    /// The line in the making, kept for its space.
    line: String,
    /// When the first telegram with a time came.
    start: Option<Timestamp>,
}

impl<W: Write> Writer<W> {
    /// A writer of our own format.
    pub fn new(sink: W) -> Self {
        Self::with_format(sink, Format::Recording)
    }

    /// A writer of any format, with local times in UTC.
    pub fn with_format(sink: W, format: Format) -> Self {
        Self {
            sink,
            format,
            zone: TimeZone::UTC,
            line: String::new(),
            start: None,
        }
    }

    /// The same, with local times (of rtl_wmbus and rtl_433) in this zone.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The same, with the seconds of a simulation counted from here instead of from the first telegram.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = Some(start);
        self
    }

    /// Writes one telegram as one line.
    ///
    /// # Errors
    /// Those of the sink; `InvalidInput` for a telegram of no octets or more than 1024, and for one whose link CRCs
    /// are wrong in a format that writes octets without them.
    pub fn write(&mut self, telegram: &Telegram) -> io::Result<()> {
        if telegram.octets.is_empty() || telegram.octets.len() > MAX_OCTETS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} octets are no telegram", telegram.octets.len()),
            ));
        }
        self.line.clear();
        match self.format {
            Format::Recording => stamped::push(telegram, &mut self.line),
            Format::Hex => hex::push_upper(&telegram.octets, &mut self.line),
            Format::RtlWmbus => self.push_rtl_wmbus(telegram)?,
            Format::Rtl433Json => self.push_rtl_433(telegram)?,
            Format::Simulation => self.push_simulation(telegram),
        }
        self.line.push('\n');
        self.sink.write_all(self.line.as_bytes())
    }

    /// Writes a comment, each of its lines with a `#` in front.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.sink, "# {line}")?;
        }
        Ok(())
    }

    /// Hands everything to the sink's own destination.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// The sink, with all that was written.
    pub fn into_inner(self) -> W {
        self.sink
    }

    fn push_rtl_wmbus(&mut self, telegram: &Telegram) -> io::Result<()> {
        let octets = stripped(telegram)?;
        let meter = Frame::parse_as(&octets, phy::FrameFormat::Stripped)
            .map_err(invalid)?
            .link()
            .sender;
        let mode = telegram.link_mode.unwrap_or(LinkMode::T);
        let time = self.local(telegram.received_at, "%Y-%m-%d %H:%M:%S%.6f");
        // Magnitudes are unknown; dBm are written as gateways do, where a minus tells them apart.
        let _ = match telegram.rssi_dbm.filter(|dbm| *dbm < 0) {
            Some(dbm) => write!(
                self.line,
                "{mode}1;1;1;{time};{dbm};;{};0x",
                meter.identification_number
            ),
            None => write!(
                self.line,
                "{mode}1;1;1;{time};;;{};0x",
                meter.identification_number
            ),
        };
        hex::push_lower(&octets, &mut self.line);
        Ok(())
    }

    fn push_rtl_433(&mut self, telegram: &Telegram) -> io::Result<()> {
        let octets = stripped(telegram)?;
        let time = self.local(telegram.received_at, "%Y-%m-%d %H:%M:%S");
        let mode = telegram.link_mode.unwrap_or(LinkMode::T);
        let _ = write!(
            self.line,
            r#"{{"time" : "{time}", "model" : "Wireless-MBus", "mode" : "{mode}", "data" : ""#
        );
        hex::push_lower(&octets, &mut self.line);
        self.line.push_str(r#"", "mic" : "CRC"}"#);
        Ok(())
    }

    fn push_simulation(&mut self, telegram: &Telegram) {
        self.line.push_str("telegram=|");
        hex::push_upper(&telegram.octets, &mut self.line);
        self.line.push('|');
        if let Some(at) = telegram.received_at {
            let start = *self.start.get_or_insert(at);
            let _ = write!(self.line, "+{}", at.duration_since(start).as_secs().max(0));
        }
    }

    fn local(&self, at: Option<Timestamp>, format: &str) -> String {
        at.map_or_else(String::new, |at| {
            self.zone.to_datetime(at).strftime(format).to_string()
        })
    }
}

/// The octets without link CRCs.
fn stripped(telegram: &Telegram) -> io::Result<Vec<u8>> {
    match telegram.check {
        Check::Receiver => Ok(telegram.octets.clone()),
        Check::Nobody => phy::strip(&telegram.octets)
            .map(|stripped| stripped.octets.into_owned())
            .map_err(invalid),
    }
}

fn invalid(error: wmbus::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Content, Origin, Reader};

    fn telegram() -> Telegram {
        Telegram {
            link_mode: Some(LinkMode::C),
            received_at: Some("2026-01-15T07:01:51.104Z".parse().unwrap()),
            rssi_dbm: Some(-67),
            ..Telegram::new(
                vec![
                    0x0E, 0x44, 1, 2, 0x78, 0x56, 0x34, 0x12, 1, 7, 0x78, 0, 0x11, 0x22, 0x33,
                ],
                Check::Receiver,
                "the attic".into(),
            )
        }
    }

    fn written(format: Format) -> String {
        let start = "2026-01-15T07:01:00Z".parse().unwrap();
        let mut writer = Writer::with_format(Vec::new(), format)
            .in_zone(TimeZone::get("Europe/Paris").unwrap())
            .starting_at(start);
        writer.write(&telegram()).unwrap();
        String::from_utf8(writer.into_inner()).unwrap()
    }

    fn read(text: &str) -> Telegram {
        let origin = Origin::new("the attic")
            .in_zone(TimeZone::get("Europe/Paris").unwrap())
            .starting_at("2026-01-15T07:01:00Z".parse().unwrap());
        let line = Reader::new(text.as_bytes(), origin).next().unwrap().unwrap();
        match line.content {
            Content::Telegrams(mut telegrams) => telegrams.remove(0),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_lines_are_those_of_the_programs() {
        let hex = "0E4401027856341201077800112233";
        let lower = hex.to_lowercase();
        assert_eq!(
            written(Format::Recording),
            format!("2026-01-15T07:01:51.104Z -67 C checked {hex} @the%20attic\n")
        );
        assert_eq!(written(Format::Hex), format!("{hex}\n"));
        assert_eq!(
            written(Format::RtlWmbus),
            format!("C1;1;1;2026-01-15 08:01:51.104000;-67;;12345678;0x{lower}\n")
        );
        assert_eq!(
            written(Format::Rtl433Json),
            format!(
                "{{\"time\" : \"2026-01-15 08:01:51\", \"model\" : \"Wireless-MBus\", \"mode\" : \"C\", \
                 \"data\" : \"{lower}\", \"mic\" : \"CRC\"}}\n"
            )
        );
        assert_eq!(written(Format::Simulation), format!("telegram=|{hex}|+51\n"));
    }

    #[test]
    fn every_format_gives_the_octets_back_and_ours_gives_all() {
        assert_eq!(read(&written(Format::Recording)), telegram());
        assert_eq!(read(&written(Format::RtlWmbus)), telegram());
        for format in [Format::Hex, Format::Rtl433Json, Format::Simulation] {
            assert_eq!(read(&written(format)).octets, telegram().octets, "{format:?}");
        }
    }

    #[test]
    fn link_crcs_are_removed_where_the_format_has_none() {
        let mut telegram = telegram();
        telegram.check = Check::Nobody;
        let stripped = std::mem::take(&mut telegram.octets);
        telegram.octets = phy::frame(&stripped, phy::FrameFormat::A).unwrap();
        let mut writer = Writer::with_format(Vec::new(), Format::RtlWmbus);
        writer.write(&telegram).unwrap();
        *telegram.octets.last_mut().unwrap() ^= 1;
        let error = writer.write(&telegram).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let text = String::from_utf8(writer.into_inner()).unwrap();
        assert_eq!(read(&text).octets, stripped);
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let mut writer = Writer::new(Vec::new());
        for count in [0, MAX_OCTETS + 1] {
            let telegram = Telegram::new(vec![0; count], Check::Nobody, "x".into());
            assert_eq!(
                writer.write(&telegram).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        }
        writer.comment("one\ntwo").unwrap();
        assert_eq!(writer.into_inner(), b"# one\n# two\n");
    }
}
