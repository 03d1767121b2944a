//! What truly happened: what each meter showed at each instant, to be held against what the API says.

use jiff::Timestamp;
use serde::Serialize;

use super::building::{Point, Use};
use super::habits::Span;

/// What a meter showed at an instant; one line of `truth.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact<'a> {
    /// What stands on its housing.
    pub serial: &'a str,
    /// `volume` or `heat_cost`.
    pub quantity: &'static str,
    /// When, to the second.
    pub at: Timestamp,
    /// The current register in the store's unit: millilitres, thousandths of an allocation unit.
    pub value: u64,
    /// The index that never restarts, in the same unit.
    pub index: u64,
}

impl Point {
    /// What the meter shows at an instant.
    pub(crate) fn fact(&self, at: Timestamp, span: &Span) -> Fact<'_> {
        Fact {
            serial: &self.printed_serial,
            quantity: match self.use_ {
                Use::HotWater => "volume",
                Use::Heating => "heat_cost",
            },
            at,
            value: self.current(at, span),
            index: self.index(at),
        }
    }
}
