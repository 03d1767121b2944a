//! Conditions of a meter: the standard's status octet, makers' bits, and words of error flags.

use std::collections::BTreeMap;

use wmbus::apl::Record;

use crate::page::{FlagsRule, StatusRule};
use crate::reading::{Status, StatusWord};
use crate::rule::hex;

/// What the status octet of the transport layer means.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatusTable {
    /// A page describes the octet; without one the standard's meaning holds.
    described: bool,
    standard: bool,
    bits: Vec<(u64, Vec<Status>)>,
    mask: u64,
    values: Vec<(u64, Vec<Status>)>,
}

/// What the bits of a word of error flags mean, or what the number under a mask means.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) header: Vec<u8>,
    bits: Vec<(u64, Vec<Status>)>,
    mask: u64,
    values: Vec<(u64, Vec<Status>)>,
}

impl StatusTable {
    /// As the standard has it, without a page.
    pub(crate) const STANDARD: &'static Self = &Self {
        described: false,
        standard: false,
        bits: Vec::new(),
        mask: 0,
        values: Vec::new(),
    };

    pub(crate) fn new(rule: Option<&StatusRule>) -> Result<Self, String> {
        let Some(rule) = rule else {
            return Ok(Self::default());
        };
        Ok(Self {
            described: true,
            standard: rule.standard,
            bits: bits(&rule.bits)?,
            mask: rule.mask.as_deref().map(number).transpose()?.unwrap_or(0),
            values: bits(&rule.values)?,
        })
    }

    /// The conditions that a status octet reports.
    pub(crate) fn read(&self, octet: u8, status: &mut Vec<Status>) {
        if !self.described {
            standard(octet, status);
            if octet & 0xE0 != 0 {
                add(status, StatusWord::ManufacturerBits, false);
            }
            return;
        }
        let rest = read_value(self.mask, &self.values, u64::from(octet), status);
        let mut rest = read_bits(&self.bits, rest, status);
        if self.standard {
            standard(u8::try_from(rest & 0x1F).unwrap_or(0), status);
            rest &= !0x1F;
        }
        if rest != 0 {
            add(status, StatusWord::ManufacturerBits, false);
        }
    }

    /// The octet that reports these conditions, as far as it can.
    pub(crate) fn write(&self, status: &[Status]) -> u8 {
        let mut octet = write_bits(&self.bits, status);
        if !self.described || self.standard {
            for (word, bit) in STANDARD {
                if status.contains(&Status { word, past: false }) {
                    octet |= u64::from(bit);
                }
            }
        }
        u8::try_from(octet & 0xFF).unwrap_or(0)
    }
}

impl Flags {
    pub(crate) fn new(rule: &FlagsRule) -> Result<Self, String> {
        if rule.mask.is_none() != rule.values.is_empty() {
            return Err("mask and values go together".into());
        }
        Ok(Self {
            header: hex(&rule.record)?,
            bits: bits(&rule.bits)?,
            mask: rule.mask.as_deref().map(number).transpose()?.unwrap_or(0),
            values: bits(&rule.values)?,
        })
    }

    /// The conditions that flags report; gives back what they leave unnamed, for further lines on the same record.
    pub(crate) fn read(&self, flags: u64, status: &mut Vec<Status>) -> u64 {
        let rest = read_value(self.mask, &self.values, flags, status);
        read_bits(&self.bits, rest, status)
    }

    /// The flags of these conditions.
    pub(crate) fn write(&self, status: &[Status]) -> u64 {
        let said = |words: &[Status]| !words.is_empty() && words.iter().all(|word| status.contains(word));
        let value = self.values.iter().find(|(_, words)| said(words));
        write_bits(&self.bits, status) | value.map_or(0, |(value, _)| *value)
    }
}

/// The bits of a record of flags as a number.
pub(crate) fn raw(record: &Record<'_>) -> u64 {
    record
        .data
        .iter()
        .rev()
        .fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// Sorted, each once; what is so now is not reported as what was.
pub(crate) fn tidy(status: &mut Vec<Status>) {
    if status.is_empty() {
        return;
    }
    status.sort_unstable();
    status.dedup();
    let now: Vec<StatusWord> = status
        .iter()
        .filter(|status| !status.past)
        .map(|status| status.word)
        .collect();
    status.retain(|status| !status.past || !now.contains(&status.word));
}

pub(crate) fn add(status: &mut Vec<Status>, word: StatusWord, past: bool) {
    status.push(Status { word, past });
}

/// The standard's five bits.
fn standard(octet: u8, status: &mut Vec<Status>) {
    match octet & 3 {
        1 => add(status, StatusWord::Busy, false),
        2 => add(status, StatusWord::ApplicationError, false),
        3 => add(status, StatusWord::Alarm, false),
        _ => {}
    }
    for (word, bit) in STANDARD.into_iter().skip(3) {
        if octet & bit != 0 {
            add(status, word, false);
        }
    }
}

/// Names the number under a mask, and gives back the bits without it; with it where it has no name.
fn read_value(mask: u64, values: &[(u64, Vec<Status>)], bits: u64, status: &mut Vec<Status>) -> u64 {
    let masked = bits & mask;
    match values.iter().find(|(value, _)| *value == masked && masked != 0) {
        Some((_, words)) => {
            status.extend(words);
            bits & !mask
        }
        None => bits,
    }
}

/// Names the set bits and gives back those without a name; `nothing` names a bit that is no condition.
pub(crate) fn read_bits(bits: &[(u64, Vec<Status>)], mut value: u64, status: &mut Vec<Status>) -> u64 {
    for (bit, words) in bits {
        if value & bit == *bit {
            status.extend(words);
            value &= !bit;
        }
    }
    value
}

pub(crate) fn write_bits(bits: &[(u64, Vec<Status>)], status: &[Status]) -> u64 {
    let said = |words: &[Status]| !words.is_empty() && words.iter().all(|word| status.contains(word));
    bits.iter()
        .filter(|(_, words)| said(words))
        .fold(0, |value, (bit, _)| value | bit)
}

pub(crate) fn bits(table: &BTreeMap<String, String>) -> Result<Vec<(u64, Vec<Status>)>, String> {
    table
        .iter()
        .map(|(bit, text)| Ok((number(bit)?, words(text)?)))
        .collect()
}

pub(crate) fn words(text: &str) -> Result<Vec<Status>, String> {
    if text == "nothing" {
        return Ok(Vec::new());
    }
    text.split(',').map(|part| word(part.trim())).collect()
}

/// `leak` or `leak past`.
fn word(text: &str) -> Result<Status, String> {
    let (name, past) = text
        .strip_suffix(" past")
        .map_or((text, false), |name| (name, true));
    let word = StatusWord::from_name(name).ok_or_else(|| {
        let known: Vec<_> = StatusWord::ALL.iter().map(|word| word.name()).collect();
        format!("{name:?} is no status word: there are {}", known.join(", "))
    })?;
    Ok(Status { word, past })
}

/// `0x20`.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    text.strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| format!("{text:?}: write the bit in hexadecimal, such as 0x20"))
}

const STANDARD: [(StatusWord, u8); 6] = [
    (StatusWord::Busy, 0x01),
    (StatusWord::ApplicationError, 0x02),
    (StatusWord::Alarm, 0x03),
    (StatusWord::BatteryLow, 0x04),
    (StatusWord::PermanentError, 0x08),
    (StatusWord::TemporaryError, 0x10),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_octet_there_and_back() {
        let table = StatusTable::default();
        for octet in 0..32 {
            let mut status = Vec::new();
            table.read(octet, &mut status);
            assert_eq!(table.write(&status), octet);
        }
        let mut status = Vec::new();
        table.read(0x40, &mut status);
        assert_eq!(
            status,
            [Status {
                word: StatusWord::ManufacturerBits,
                past: false
            }]
        );
    }
}
