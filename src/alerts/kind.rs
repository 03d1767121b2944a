//! The kinds of alerts, and the states they are in.

use crate::store::AlertRow;

/// What can be the matter. The names are a promise to whoever reads our answers: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Water flows without a pause; the amount is its least rate in ml/h.
    Leak,
    /// Not heard for longer than it ever is; the amount is the seconds since.
    Silent,
    /// The battery nears its end, says the meter.
    BatteryLow,
    /// Opened, magnet, or taken off, says the meter.
    Tamper,
    /// Water flows backwards; the amount is how much in a week, in ml.
    ReverseFlow,
    /// It gained more than it can count; the amount is in stored integers.
    Jump,
    /// An allocator that counted this season stands still; the amount is the days.
    Frozen,
    /// Its telegrams can't be opened with the registered keys.
    WrongKey,
    /// Its clock is off; the amount is by how many seconds (positive: early).
    ClockOff,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Leak,
        Self::Silent,
        Self::BatteryLow,
        Self::Tamper,
        Self::ReverseFlow,
        Self::Jump,
        Self::Frozen,
        Self::WrongKey,
        Self::ClockOff,
    ];

    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::Silent => "silent",
            Self::BatteryLow => "battery_low",
            Self::Tamper => "tamper",
            Self::ReverseFlow => "reverse_flow",
            Self::Jump => "jump",
            Self::Frozen => "frozen",
            Self::WrongKey => "wrong_key",
            Self::ClockOff => "clock_off",
        }
    }

    /// How soon somebody should see to it.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Leak | Self::Tamper => Severity::Now,
            Self::Silent | Self::ReverseFlow | Self::Jump | Self::WrongKey | Self::BatteryLow => {
                Severity::Soon
            }
            Self::Frozen | Self::ClockOff => Severity::Watch,
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How soon somebody should see to an alert, the soonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Today: water runs, or somebody laid hands on the device.
    Now,
    /// This week: readings are or will be missing.
    Soon,
    /// When one passes by.
    Watch,
}

impl Severity {
    /// All of them, the soonest first.
    pub const ALL: [Self; 3] = [Self::Now, Self::Soon, Self::Watch];
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Found in the latest look, and in no look before.
    Raised,
    /// Found again.
    StillThere,
    /// So no longer.
    Cleared,
}

impl State {
    /// Of a stored alert.
    pub fn of(alert: &AlertRow) -> Self {
        match alert.cleared {
            Some(_) => Self::Cleared,
            None if alert.seen == alert.raised => Self::Raised,
            None => Self::StillThere,
        }
    }

    /// The name, stable for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::StillThere => "still_there",
            Self::Cleared => "cleared",
        }
    }
}
