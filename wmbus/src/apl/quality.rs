//! What speaks against a value: one flag for each reason that keeps it off a bill (EN 13757-3, data types and VIFE).

use super::date::Moment;
use super::dif::Function;
use super::quantity::Quantity;
use super::storage::{Dating, dating};
use super::{Record, Value};

/// Reasons not to take a value for a reading. The value itself is kept: nothing is dropped, nothing is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quality {
    /// The data are a pattern that says "there is no value".
    pub invalid: bool,
    /// A VIFE reports this record error.
    pub error: Option<u8>,
    /// The function field says: during an error state.
    pub error_state: bool,
    /// It looks like a number and is an empty slot or a maker's sentinel.
    pub suspect: bool,
    /// It is a stored value whose date record says that there is no date yet: not a value of the due date.
    pub no_date: bool,
    /// It is a time from a clock that is not to be trusted (IV): it dates nothing.
    pub time_invalid: bool,
    /// The maker's VIFEs qualify it.
    pub manufacturer_qualified: bool,
    /// The VIF is the maker's.
    pub manufacturer_specific: bool,
    /// It came as binary floating point.
    pub approximate: bool,
    /// An element of a profile later than the clock: set by [`super::profile::Profile::quality`] alone.
    pub future: bool,
    /// An earlier record of the telegram has the same name: the first one counts.
    pub duplicate_key: bool,
    /// Quantity or a qualifier is not known.
    pub unknown: bool,
}

impl Quality {
    /// What speaks against a record, among all records of its telegram in order.
    pub fn of(record: &Record<'_>, records: &[Record<'_>]) -> Self {
        let value = record.value();
        let is_value = !matches!(value, Value::Moment(_));
        let earlier = records.iter().take_while(|other| other.index < record.index);
        Self {
            invalid: value == Value::Invalid,
            error: record.vib.error,
            error_state: record.dib.function == Function::ErrorState,
            suspect: record.is_suspect(),
            no_date: record.dib.storage > 0
                && is_value
                && !record.is_date()
                && dating(records, &record.dib) == Dating::NoDate,
            time_invalid: matches!(
                value,
                Value::Moment(
                    Moment::DateTime { invalid: true, .. } | Moment::TimePattern { invalid: true, .. }
                )
            ),
            manufacturer_qualified: record.vib.manufacturer_qualified,
            manufacturer_specific: record.vib.quantity == Quantity::ManufacturerSpecific,
            approximate: matches!(value, Value::Approximate(_)),
            future: false,
            duplicate_key: earlier.into_iter().any(|other| other.same_key(record)),
            unknown: record.vib.unknown,
        }
    }

    /// True when nothing speaks against it. An approximate number may still be shown.
    pub fn is_billable(&self) -> bool {
        *self == Self::default()
    }

    /// The reasons, each as a word for people and machines.
    pub fn reasons(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            (self.invalid, "invalid"),
            (self.error.is_some(), "error"),
            (self.error_state, "error_state"),
            (self.suspect, "suspect"),
            (self.no_date, "no_date"),
            (self.time_invalid, "time_invalid"),
            (self.manufacturer_qualified, "mfct_qualified"),
            (self.manufacturer_specific, "mfct"),
            (self.approximate, "approximate"),
            (self.future, "future"),
            (self.duplicate_key, "duplicate_key"),
            (self.unknown, "unknown"),
        ]
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word))
    }
}
