//! Numbers and readings as JSON: exact decimals, never binary floats.

use decoders::Decoded;
use decoders::reading::{Direction, Kind, Reading, Register, Status};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use wmbus::{Address, Decimal, Error};

/// A decimal number with all its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// One line of `releve decode --json`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Line<'a> {
    /// A telegram that was read.
    Decoded(Box<Telegram<'a>>),
    /// A telegram that could not be read, with as much of its address as is known.
    Failed {
        /// The meter, when the telegram got that far.
        #[serde(skip_serializing_if = "Option::is_none")]
        meter: Option<Meter>,
        /// Why.
        error: Failure,
    },
}

/// A code for machines and a sentence for people.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Stable for machines.
    pub code: &'static str,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// What a telegram says.
#[derive(Serialize)]
pub struct Telegram<'a> {
    meter: Meter,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Meter>,
    decoder: &'a str,
    mode: u8,
    authenticated: bool,
    status: Vec<String>,
    device_time: Option<String>,
    readings: Vec<Value>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    facts: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<Remark<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<Line<'a>>,
}

/// A meter's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Meter {
    manufacturer: String,
    id: String,
    version: String,
    medium: &'static str,
}

#[derive(Serialize)]
struct Value {
    quantity: &'static str,
    unit: &'static str,
    value: Number,
    register: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<&'static str>,
    #[serde(skip_serializing_if = "is_zero")]
    tariff: u32,
    #[serde(skip_serializing_if = "is_zero")]
    subunit: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

#[derive(Serialize)]
struct Remark<'a> {
    code: &'static str,
    message: &'a str,
}

impl<'a> Line<'a> {
    /// The line of a telegram that was read.
    pub fn read(decoded: &'a Decoded) -> Self {
        let meter = Meter::from(decoded.meter);
        let sender = Meter::from(decoded.sender);
        let mut facts = serde_json::Map::new();
        for fact in &decoded.facts {
            facts.insert(fact.name.to_string(), fact.value.clone().into());
        }
        Self::Decoded(Box::new(Telegram {
            sender: Some(sender).filter(|sender| *sender != meter),
            meter,
            decoder: &decoded.decoder,
            mode: decoded.mode,
            authenticated: decoded.authenticated,
            status: decoded.status.iter().map(status).collect(),
            device_time: decoded.device_time.map(|stamp| stamp.to_string()),
            readings: decoded.readings.iter().map(Value::from).collect(),
            facts,
            remarks: decoded
                .remarks
                .iter()
                .map(|remark| Remark {
                    code: remark.code,
                    message: &remark.text,
                })
                .collect(),
            also: Vec::new(),
        }))
    }

    /// The same with the other telegrams of its transmission, in their order.
    #[must_use]
    pub fn with(mut self, others: Vec<Self>) -> Self {
        if let Self::Decoded(telegram) = &mut self {
            telegram.also = others;
        }
        self
    }

    /// The line of a telegram that could not be read.
    pub fn failed(meter: Option<Address>, error: &Error) -> Self {
        Self::Failed {
            meter: meter.map(Meter::from),
            error: Failure {
                code: error.kind.code(),
                message: error.to_string(),
            },
        }
    }
}

/// `leak`, or `leak past`.
pub fn status(status: &Status) -> String {
    let past = if status.past { " past" } else { "" };
    format!("{}{past}", status.word.name())
}

impl From<Address> for Meter {
    fn from(address: Address) -> Self {
        Self {
            manufacturer: address.manufacturer.to_string(),
            id: address.identification_number.to_string(),
            version: address.version.to_string(),
            medium: address.device_type.name(),
        }
    }
}

impl From<&Reading> for Value {
    fn from(reading: &Reading) -> Self {
        let (value, unit) = reading.shown();
        Self {
            quantity: reading.quantity.name(),
            unit,
            value: Number(value),
            register: reading.register.name(),
            n: if let Register::History(n) = reading.register {
                Some(n)
            } else {
                None
            },
            kind: (reading.kind != Kind::Absolute).then(|| reading.kind.name()),
            direction: (reading.direction != Direction::Net).then(|| reading.direction.name()),
            tariff: reading.tariff,
            subunit: u32::from(reading.subunit),
            at: reading.at.map(|at| at.to_string()),
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_reaches_the_reader() {
        let number = Number(Decimal::new(123_456_789_012_345_678, -9));
        assert_eq!(serde_json::to_string(&number).unwrap(), "123456789.012345678");
    }
}
