//! Packing a batch.

use std::io::{self, Write};

use decoders::reading::Stamp;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;

use super::{ASSUMED, COUNTER, DEVICE_TIME, EVIDENCE, NAMED, OPENED, RSSI, STRANGER, TELEGRAM};
use crate::hash::Map;
use crate::registry::MeterAddress;
use crate::store::sqlite::codes;
use crate::store::{Channel, Facts, Sighting, StoredReading, Telegram};

/// A batch as it grows.
#[derive(Default)]
pub(in super::super) struct Form<'a> {
    pub(super) octets: Vec<u8>,
    texts: Map<&'a str, u64>,
    channels: Map<Channel, u64>,
    at: i64,
}

impl<'a> Form<'a> {
    /// Adds a telegram of the meter with this address, with these of its readings; `None` when there is no word for what one
    /// of them is.
    pub(in super::super) fn telegram(
        &mut self,
        whose: MeterAddress,
        telegram: &'a Telegram,
        readings: &[&StoredReading],
    ) -> Option<()> {
        let Facts {
            opened,
            device_time,
            counter,
            status,
            more,
        } = &telegram.facts;
        let mut bits = 0;
        for (bit, is) in [
            (ASSUMED, telegram.assumed),
            (RSSI, telegram.rssi_dbm.is_some()),
            (EVIDENCE, telegram.evidence.is_some()),
            (OPENED, *opened),
            (DEVICE_TIME, device_time.is_some()),
            (COUNTER, counter.is_some()),
        ] {
            bits |= if is { bit } else { 0 };
        }
        self.number(TELEGRAM);
        self.number(bits);
        self.address(whose);
        let at = self.instant(telegram.received_at);
        self.octets.extend(telegram.digest.to_be_bytes());
        self.octet_string(&telegram.octets);
        self.text(&telegram.radio);
        if let Some(rssi_dbm) = telegram.rssi_dbm {
            self.signed(rssi_dbm.into());
        }
        self.text(&telegram.outcome);
        if let Some(evidence) = &telegram.evidence {
            self.text(evidence);
        }
        if device_time.is_some() {
            self.stamp(*device_time);
        }
        if let Some(counter) = counter {
            self.number((*counter).into());
        }
        // Few, and mostly none.
        self.octet_string(codes::status_text(status).as_bytes());
        self.number(more.len() as u64);
        for (name, value) in more {
            self.text(name);
            self.text(value);
        }
        self.number(readings.len() as u64);
        for reading in readings {
            self.channel(&reading.channel)?;
            self.number(reading.source as u64);
            self.signed(reading.at.as_second().wrapping_sub(at));
            self.signed(reading.value);
            self.signed(reading.resolution.into());
            self.number(reading.flags.0.into());
            self.stamp(reading.stamp);
        }
        Some(())
    }

    /// Adds a sighting.
    pub(in super::super) fn stranger(&mut self, sighting: &'a Sighting) {
        self.number(STRANGER);
        self.octets.extend(sighting.address.link_octets());
        self.instant(sighting.received_at);
        self.text(&sighting.radio);
        self.number(sighting.rssi_dbm.is_some().into());
        self.signed(sighting.rssi_dbm.unwrap_or_default().into());
    }

    /// The whole, packed.
    pub(in super::super) fn packed(self) -> io::Result<Vec<u8>> {
        deflated(NAMED, &self.octets)
    }

    /// As the link layer has it, so that the telegram's own octets repeat it; 0 for any version or device type.
    fn address(&mut self, address: MeterAddress) {
        self.octets.extend(address.manufacturer.octets());
        self.octets.extend(address.identification_number.octets());
        self.number(address.version.map_or(0, |version| u64::from(version.0) + 1));
        self.number(address.device_type.map_or(0, |kind| u64::from(kind.0) + 1));
    }

    fn channel(&mut self, channel: &Channel) -> Option<()> {
        if let Some(number) = self.channels.get(channel) {
            let number = *number;
            self.number(number);
            return Some(());
        }
        let words = codes::channel_words(channel)?;
        self.number(0);
        for word in [
            words.quantity,
            words.unit,
            words.direction,
            words.aspect,
            words.kind,
        ] {
            self.text(word);
        }
        self.signed(channel.exponent.into());
        self.number(channel.tariff.into());
        self.number(channel.subunit.into());
        let number = self.channels.len() as u64 + 1;
        self.channels.insert(*channel, number);
        Some(())
    }

    fn instant(&mut self, at: Timestamp) -> i64 {
        let at = at.as_second();
        self.signed(at.wrapping_sub(self.at));
        self.at = at;
        at
    }

    /// A stamp, or 0 for none and for one that the tables could not give back either.
    fn stamp(&mut self, stamp: Option<Stamp>) {
        let number = stamp.map_or(0, codes::stamp_number);
        self.signed(if codes::stamp(number).is_some() { number } else { 0 });
    }

    fn text(&mut self, text: &'a str) {
        if let Some(number) = self.texts.get(text) {
            let number = *number;
            self.number(number);
            return;
        }
        self.number(0);
        self.octet_string(text.as_bytes());
        let number = self.texts.len() as u64 + 1;
        self.texts.insert(text, number);
    }

    fn octet_string(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        self.octets.extend(octets);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn number(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            self.octets.push(if number == 0 { low } else { low | 0x80 });
            if number == 0 {
                return;
            }
        }
    }
}

/// Octets of this form, packed.
pub(super) fn deflated(form: u8, octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = vec![form];
    let mut encoder = DeflateEncoder::new(&mut packed, Compression::fast());
    encoder.write_all(octets)?;
    encoder.finish()?;
    Ok(packed)
}
