//! One vocabulary for every maker's status bits.

/// One word of a meter's condition, with the time it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// What is the matter.
    pub word: StatusWord,
    /// True when it was so and is no longer ("was leaking").
    pub past: bool,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$item])* $variant,)* }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, stable for machines.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.name() == name)
            }
        }
    };
}

words! {
    /// One list for every maker's status bits (`manufacturer_bits` for those nobody named).
    StatusWord {
        /// Application busy.
        Busy = "busy",
        /// Any application error.
        ApplicationError = "application_error",
        /// Abnormal condition.
        Alarm = "alarm",
        /// Power low, end of battery approaching.
        BatteryLow = "battery_low",
        /// Permanent error.
        PermanentError = "permanent_error",
        /// Temporary error.
        TemporaryError = "temporary_error",
        /// Set bits that are not named, or not known to be a fault.
        ManufacturerBits = "manufacturer_bits",
        /// Battery exhausted.
        BatteryEnd = "battery_end",
        /// Planned years of service used up.
        EndOfLife = "end_of_life",
        /// Continuous small flow.
        Leak = "leak",
        /// High flow for a short time: a broken pipe.
        Burst = "burst",
        /// No water, air in the tube.
        Dry = "dry",
        /// Backward flow seen.
        ReverseFlow = "reverse_flow",
        /// Jammed, or no consumption for a long time.
        Blocked = "blocked",
        /// No consumption in the period.
        NoFlow = "no_flow",
        /// Flow above the limit.
        Overflow = "overflow",
        /// Flow below the limit.
        Underflow = "underflow",
        /// Magnet, light, opened housing, broken seal.
        Tamper = "tamper",
        /// Taken off the radiator or the meter body.
        Removed = "removed",
        /// Radio module under water.
        Flooded = "flooded",
        /// Frost risk.
        LowTemperature = "low_temperature",
        /// Hot water in a cold meter.
        HighTemperature = "high_temperature",
        /// Sensor break, short, out of range.
        SensorFault = "sensor_fault",
        /// Checksum, CRC, memory.
        MemoryFault = "memory_fault",
        /// Electronics, software.
        HardwareFault = "hardware_fault",
        /// Clock lost or marked wrong.
        ClockInvalid = "clock_invalid",
        /// The device restarted.
        Reset = "reset",
        /// Installation mode.
        InstallMode = "install_mode",
        /// A remote sensor is connected.
        RemoteSensor = "remote_sensor",
    }
}
