//! Combinable VIFEs: what makes a value more special than its VIF (EN 13757-3, orthogonal VIFE).

/// One combinable VIFE, without its extension bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Qualifier {
    /// True for a code of the second table, behind `FC`.
    pub second_table: bool,
    /// The code.
    pub code: u8,
}

/// What the data of a record are when a VIFE says that they are not the VIF's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// How often a limit was exceeded: type C.
    Count,
    /// How long: the two bits say seconds, minutes, hours or days.
    Duration(u8),
    /// When.
    Moment,
}

/// Which of the three profile VIFEs a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProfileKind {
    /// 1F: element 1 is one spacing after the base.
    Forward,
    /// 1E: the same, and storage numbers are register numbers.
    ForwardRegisters,
    /// 13: element 1 is one spacing before the base.
    Inverse,
}

/// The qualifiers of a VIB, from left to right, up to and including a 7F.
#[derive(Clone, Copy, Debug)]
pub struct Qualifiers<'a> {
    vifes: &'a [u8],
}

impl<'a> Qualifiers<'a> {
    pub(super) fn new(vifes: &'a [u8]) -> Self {
        Self { vifes }
    }

    /// The maker's octets after a 7F.
    pub(super) fn rest(mut self) -> &'a [u8] {
        while let Some(qualifier) = self.advance() {
            if qualifier.is_manufacturer() {
                return self.vifes;
            }
        }
        &[]
    }

    fn advance(&mut self) -> Option<Qualifier> {
        let (first, rest) = self.vifes.split_first()?;
        // Behind FC stands a code of the second table; when nothing does, FC itself is what nobody understands.
        let (second_table, octet, rest) = match (first & 0x7F, rest.split_first()) {
            (0x7C, Some((second, rest))) => (true, second, rest),
            _ => (false, first, rest),
        };
        self.vifes = rest;
        Some(Qualifier {
            second_table,
            code: octet & 0x7F,
        })
    }
}

impl Iterator for Qualifiers<'_> {
    type Item = Qualifier;

    fn next(&mut self) -> Option<Qualifier> {
        let qualifier = self.advance()?;
        if qualifier.is_manufacturer() {
            self.vifes = &[];
        }
        Some(qualifier)
    }
}

impl Qualifier {
    /// Power of ten by which it multiplies, if it does.
    pub(super) fn correction(self) -> Option<i8> {
        match (self.second_table, self.code) {
            (false, 0x70..=0x77) => i8::try_from(self.code & 7).ok().map(|n| n - 6),
            (false, 0x7D) => Some(3),
            _ => None,
        }
    }

    /// Power of ten of the constant that it adds, in the unit as scaled so far, if it does.
    pub(super) fn addend(self) -> Option<i8> {
        match (self.second_table, self.code) {
            (false, 0x78..=0x7B) => i8::try_from(self.code & 3).ok().map(|n| n - 3),
            _ => None,
        }
    }

    /// What it makes of the data, if it does.
    pub(super) fn event(self) -> Option<Event> {
        match (self.second_table, self.code) {
            (false, 0x41 | 0x49) => Some(Event::Count),
            (false, 0x50..=0x67) => Some(Event::Duration(self.code & 3)),
            (
                false,
                0x39 | 0x42 | 0x43 | 0x46 | 0x47 | 0x4A | 0x4B | 0x4E | 0x4F | 0x6A | 0x6B | 0x6E | 0x6F,
            )
            | (true, 0x13) => Some(Event::Moment),
            _ => None,
        }
    }

    /// The record error it reports, if any; code 0 is none.
    pub(super) fn record_error(self) -> Option<u8> {
        match (self.second_table, self.code) {
            (false, code @ (0x01..=0x0F | 0x15..=0x1C)) => Some(code),
            _ => None,
        }
    }

    pub(super) fn profile(self) -> Option<ProfileKind> {
        match (self.second_table, self.code) {
            (false, 0x13) => Some(ProfileKind::Inverse),
            (false, 0x1E) => Some(ProfileKind::ForwardRegisters),
            (false, 0x1F) => Some(ProfileKind::Forward),
            _ => None,
        }
    }

    fn is_manufacturer(self) -> bool {
        (self.second_table, self.code) == (false, 0x7F)
    }

    /// True when nobody has given the code a meaning.
    pub(super) fn is_unknown(self) -> bool {
        if self.second_table {
            matches!(self.code, 0x00 | 0x19..=0x24 | 0x28..=0x7F)
        } else {
            matches!(self.code, 0x10 | 0x11 | 0x44 | 0x45 | 0x4C | 0x4D | 0x7C)
        }
    }

    /// True when it changes no meaning: error "none", powers of ten.
    pub fn is_neutral(self) -> bool {
        self == NO_ERROR || self.correction().is_some()
    }

    /// A name for people.
    pub fn name(self) -> &'static str {
        if self.second_table {
            second(self.code)
        } else {
            first(self.code)
        }
    }
}

impl Qualifier {
    /// 3B: what flowed forward only.
    pub const FORWARD: Self = Self {
        second_table: false,
        code: 0x3B,
    };
    /// 3C: what flowed backward only.
    pub const BACKWARD: Self = Self {
        second_table: false,
        code: 0x3C,
    };
    /// 7E: a value of the future, such as the next due date.
    pub const FUTURE: Self = Self {
        second_table: false,
        code: 0x7E,
    };
    /// 12: an average.
    pub const AVERAGE: Self = Self {
        second_table: false,
        code: 0x12,
    };
}

const NO_ERROR: Qualifier = Qualifier {
    second_table: false,
    code: 0x00,
};

fn first(code: u8) -> &'static str {
    match code {
        0x00 => "no error",
        0x01 => "error: too many DIFEs",
        0x02 => "error: storage number not implemented",
        0x03 => "error: unit number not implemented",
        0x04 => "error: tariff number not implemented",
        0x05 => "error: function not implemented",
        0x06 => "error: data class not implemented",
        0x07 => "error: data size not implemented",
        0x0B => "error: too many VIFEs",
        0x0C => "error: illegal VIF group",
        0x0D => "error: illegal VIF exponent",
        0x0E => "error: VIF and DIF do not match",
        0x0F => "error: unimplemented action",
        0x12 => "average",
        0x13 => "inverse compact profile",
        0x14 => "relative deviation",
        0x15 => "error: no data available",
        0x16 => "error: data overflow",
        0x17 => "error: data underflow",
        0x18 => "error: data error",
        0x1C => "error: premature end of record",
        0x08..=0x0A | 0x19..=0x1B => "error: reserved code",
        0x1D => "standard-conform content",
        0x1E => "compact profile with register numbers",
        0x1F => "compact profile",
        0x20 => "per second",
        0x21 => "per minute",
        0x22 => "per hour",
        0x23 => "per day",
        0x24 => "per week",
        0x25 => "per month",
        0x26 => "per year",
        0x27 => "per revolution or measurement",
        0x28 | 0x29 => "per input pulse",
        0x2A | 0x2B => "per output pulse",
        0x2C => "per litre",
        0x2D => "per m³",
        0x2E => "per kg",
        0x2F => "per K",
        0x30 => "per kWh",
        0x31 => "per GJ",
        0x32 => "per kW",
        0x33 => "per K·l",
        0x34 => "per V",
        0x35 => "per A",
        0x36 => "times s",
        0x37 => "times s/V",
        0x38 => "times s/A",
        0x39 => "start of",
        0x3A => "uncorrected",
        0x3B => "forward",
        0x3C => "backward",
        0x3D => "non-metric units",
        0x3E => "at base conditions",
        0x3F => "OBIS declaration",
        // From one source, 2025 edition.
        0x44 => "times flow temperature / 100",
        0x45 => "times return temperature / 100",
        0x40 => "lower limit",
        0x48 => "upper limit",
        0x41 => "number of exceeds of the lower limit",
        0x49 => "number of exceeds of the upper limit",
        0x42 => "begin of the first exceed of the lower limit",
        0x43 => "end of the first exceed of the lower limit",
        0x46 => "begin of the last exceed of the lower limit",
        0x47 => "end of the last exceed of the lower limit",
        0x4A => "begin of the first exceed of the upper limit",
        0x4B => "end of the first exceed of the upper limit",
        0x4E => "begin of the last exceed of the upper limit",
        0x4F => "end of the last exceed of the upper limit",
        0x50..=0x53 => "duration of the first exceed of the lower limit",
        0x54..=0x57 => "duration of the last exceed of the lower limit",
        0x58..=0x5B => "duration of the first exceed of the upper limit",
        0x5C..=0x5F => "duration of the last exceed of the upper limit",
        0x60..=0x63 => "duration of the first event",
        0x64..=0x67 => "duration of the last event",
        0x68 => "value during an exceed of the lower limit",
        0x6C => "value during an exceed of the upper limit",
        0x69 => "leakage",
        0x6D => "overflow",
        0x6A => "begin of the first event",
        0x6B => "end of the first event",
        0x6E => "begin of the last event",
        0x6F => "end of the last event",
        0x70..=0x77 | 0x7D => "power of ten",
        0x78..=0x7B => "additive correction",
        0x7E => "future value",
        0x7F => "maker's qualifier",
        _ => "unknown qualifier",
    }
}

fn second(code: u8) -> &'static str {
    match code {
        0x01 => "phase L1",
        0x02 => "phase L2",
        0x03 => "phase L3",
        0x04 => "neutral",
        0x05 => "L1–L2",
        0x06 => "L2–L3",
        0x07 => "L3–L1",
        0x08..=0x0B => "quadrant",
        0x0C => "import − export",
        0x0D => "non-metric units",
        0x0E => "secondary sensor",
        0x0F => "higher resolution",
        0x10 => "absolute values, both directions",
        0x11 => "unsigned",
        0x12 => "bits",
        0x13 => "end of",
        0x14 => "from partner to meter",
        0x15 => "from meter to partner",
        0x16 => "liquid pressure",
        0x17 => "gas pressure",
        0x18 => "outdoors",
        0x25 => "L1→L2",
        0x26 => "L2→L3",
        0x27 => "L3→L1",
        _ => "unknown qualifier",
    }
}
