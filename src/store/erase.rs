//! Erasure: a dwelling's data, or those of a household that has left, deleted on request; and the receipt that proves it
//! without telling anything of what was deleted.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{DwellingId, OccupancyId};

/// What is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// All that was measured in a dwelling so far, and the households that have left it.
    Dwelling(DwellingId),
    /// A household that has left: what was measured on its days, and itself.
    Household(OccupancyId),
}

/// The receipt of an erasure. It names the dwelling, the meters and the days, and nothing that was measured; households are
/// the days on which they moved in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Its name, random; the same wherever the erasure is carried out again.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Who: a token's name, or the command line and its user.
    pub who: String,
    /// Code of the site.
    pub site: String,
    /// The dwelling's lot.
    pub lot: String,
    /// First day whose data are gone; `None` for all from the beginning.
    pub first_day: Option<Date>,
    /// The last one.
    pub last_day: Date,
    /// Which instants of which meters are gone, and are never taken again.
    pub meters: Vec<ErasedMeter>,
    /// First days of the households that are gone.
    pub households: Vec<Date>,
    /// How many rows were deleted.
    pub deleted: Deleted,
    /// The seal of the receipt before this one; empty for the first.
    pub before: String,
    /// SHA-256 of all the above, in hexadecimal digits.
    pub seal: String,
}

/// What is gone of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasedMeter {
    /// Its address as the registry writes it: `KAM 12345678 1B 16`.
    pub meter: String,
    /// Readings after this instant …
    pub since: Option<Timestamp>,
    /// … and before this one.
    pub until: Timestamp,
    /// Telegrams that were read are gone up to here: they repeat values of the months before them.
    pub repeated_until: Timestamp,
}

/// How many rows of what were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deleted {
    /// Readings.
    pub readings: u64,
    /// Other values that were reported for them.
    pub conflicts: u64,
    /// Raw telegrams.
    pub telegrams: u64,
    /// Alerts.
    pub alerts: u64,
    /// Households.
    pub households: u64,
    /// Lines of the registry's history that told of them.
    pub history: u64,
}

impl Deleted {
    /// Name and number of each, in a fixed order.
    pub fn each(&self) -> [(&'static str, u64); 6] {
        [
            ("readings", self.readings),
            ("conflicts", self.conflicts),
            ("telegrams", self.telegrams),
            ("alerts", self.alerts),
            ("households", self.households),
            ("history", self.history),
        ]
    }
}

impl Erasure {
    /// The seal that this receipt should have.
    pub fn sealed(&self) -> String {
        let mut bare = self.clone();
        bare.seal.clear();
        // A receipt is made of text and numbers alone; serialising it can't fail.
        let text = serde_json::to_vec(&bare).unwrap_or_default();
        Sha256::digest(&text)
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    }
}

/// What is wrong with a store's receipts, in the order in which they were made: one that was changed, or one that is
/// missing before another.
pub fn broken_receipts(receipts: &[Erasure]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut before = "";
    for receipt in receipts {
        if receipt.sealed() != receipt.seal {
            faults.push(format!("the receipt of erasure {} was changed", receipt.name));
        } else if receipt.before != before {
            faults.push(format!(
                "a receipt before that of erasure {} is missing",
                receipt.name
            ));
        }
        before = &receipt.seal;
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(name: &str, before: &str) -> Erasure {
        let mut receipt = Erasure {
            name: name.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            who: "test".to_owned(),
            site: "AB123".to_owned(),
            lot: "7".to_owned(),
            first_day: None,
            last_day: Date::constant(2026, 1, 31),
            meters: Vec::new(),
            households: Vec::new(),
            deleted: Deleted::default(),
            before: before.to_owned(),
            seal: String::new(),
        };
        receipt.seal = receipt.sealed();
        receipt
    }

    #[test]
    fn a_receipt_that_was_changed_or_taken_out_is_noticed() {
        let first = receipt("a", "");
        let second = receipt("b", &first.seal);
        let third = receipt("c", &second.seal);
        assert!(broken_receipts(&[first.clone(), second.clone(), third.clone()]).is_empty());
        let mut changed = second;
        changed.deleted.readings = 5;
        let said = broken_receipts(&[first.clone(), changed, third.clone()]);
        assert_eq!(said, ["the receipt of erasure b was changed"]);
        let said = broken_receipts(&[first, third]);
        assert_eq!(said, ["a receipt before that of erasure c is missing"]);
    }

    #[test]
    fn a_receipt_comes_back_as_it_was_written() {
        let receipt = receipt("a", "");
        let text = serde_json::to_string(&receipt).unwrap();
        assert_eq!(serde_json::from_str::<Erasure>(&text).unwrap(), receipt);
    }
}
