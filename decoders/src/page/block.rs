//! What a page may say about octets that are no records.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A maker's own layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRule {
    /// `ci A2` (all application data), `after 0F` (what follows that DIF) or `record 0DFF5F` (the data of that record).
    pub place: String,
    /// Octets it has at least; and exactly when `exact`.
    pub length: usize,
    /// No other length is this block.
    #[serde(default)]
    pub exact: bool,
    /// Versions that have this block; without it all.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Octets that must be so: `1 = 82`.
    #[serde(default)]
    pub when: Vec<String>,
    /// What stands where.
    pub fields: Vec<FieldRule>,
}

/// A field of a maker's own layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// Offset in the block.
    pub at: usize,
    /// `u8`, `u16`, `u16be`, `u24`, `u32`, `i16`, `bcd3`, `bcd4`, `date_g`, `date_p`, `date_t`, `datetime_f` …
    #[serde(rename = "type")]
    pub type_: String,
    /// A quantity (`heat_cost`, `volume`, `temperature` …), `date`, `clock`, `status`, `ignored`.
    #[serde(rename = "is")]
    pub role: String,
    /// Bits of the field that count, shifted down: `0xF8`.
    #[serde(default)]
    pub mask: Option<String>,
    /// The number is multiplied by this.
    #[serde(default)]
    pub times: Option<i64>,
    /// Power of ten of the value.
    #[serde(default)]
    pub scale: i8,
    /// The unit, where it is not the quantity's usual one.
    #[serde(default)]
    pub unit: Option<String>,
    /// What the bits mean, for `is = "flags"`.
    #[serde(default)]
    pub bits: BTreeMap<String, String>,
    /// Conditions that a date or number here stands for, unless it is zero: `tamper`.
    #[serde(default)]
    pub raises: Option<String>,
    /// This many values one after the other; `history 1` counts on.
    #[serde(default)]
    pub repeat: Option<u16>,
    /// How many octets lie between the beginnings of two of them; without it they touch.
    #[serde(default)]
    pub stride: Option<usize>,
    /// The last one is the newest.
    #[serde(default)]
    pub oldest_first: bool,
    /// `month_end`, `month_start` or `half_month_end` before the clock.
    #[serde(default)]
    pub dated: Option<String>,
    /// `increment` for what was gained in a closed slot.
    #[serde(default)]
    pub kind: Option<String>,
    /// `forward` or `reverse`.
    #[serde(default)]
    pub direction: Option<String>,
    /// `current` (default), `set_date`, `history 1`, `average` …
    #[serde(default)]
    pub register: Option<String>,
    /// For a date: the register whose values it dates.
    #[serde(default)]
    pub dates: Option<String>,
    /// The value counts on top of this register's.
    #[serde(default)]
    pub on_top_of: Option<String>,
    /// Differences of months, oldest first, ending at the date of `history 1`: this many, two octets each.
    #[serde(default)]
    pub months_before: Option<u16>,
    /// Octets that say that there is no value.
    #[serde(default)]
    pub absent: Option<String>,
    /// Octets sent when speaking as this family.
    #[serde(default)]
    pub value: Option<String>,
}
