//! Type K: when a meter's clock changes to daylight saving and back (EN 13757-3). For display only.
//!
//! ```text
//! g g g h h h h h   E g g d d d d d   S v v d d d d d   m m m m M M M M
//! ```
//!
//! Octet 0: hour of the begin, upper deviation from GMT; octet 1: day of the begin, lower deviation, enable; octet 2: day
//! of the end, deviation in summer and its sign; octet 3: month of the begin (low) and of the end (high).

use core::fmt;

/// A rule for daylight saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DaylightSaving {
    /// The meter follows the rule.
    pub enabled: bool,
    /// Hour at which it begins.
    pub begin_hour: u8,
    /// Day of the month at which it begins.
    pub begin_day: u8,
    /// Month in which it begins.
    pub begin_month: u8,
    /// Day of the month at which it ends.
    pub end_day: u8,
    /// Month in which it ends.
    pub end_month: u8,
    /// Hours by which the clock deviates meanwhile (the sign is unverified).
    pub deviation: i8,
    /// The five bits of the zone's deviation from GMT, as sent.
    pub zone: u8,
}

impl DaylightSaving {
    /// Reads the four octets; nothing in them can be wrong.
    pub fn parse(octets: [u8; 4]) -> Self {
        let [a, b, c, d] = octets;
        let hours = (c >> 5 & 3).cast_signed();
        Self {
            enabled: b & 0x80 != 0,
            begin_hour: a & 0x1F,
            begin_day: b & 0x1F,
            begin_month: d & 0x0F,
            end_day: c & 0x1F,
            end_month: d >> 4,
            deviation: if c & 0x80 == 0 { hours } else { -hours },
            zone: (a >> 5) << 2 | (b >> 5 & 3),
        }
    }

    /// The four octets; `None` when a field does not fit its bits.
    pub fn to_octets(self) -> Option<[u8; 4]> {
        let fits = self.begin_hour < 32
            && self.begin_day < 32
            && self.end_day < 32
            && self.begin_month < 16
            && self.end_month < 16
            && self.zone < 32
            && self.deviation.unsigned_abs() < 4;
        fits.then_some([
            (self.zone >> 2) << 5 | self.begin_hour,
            u8::from(self.enabled) << 7 | (self.zone & 3) << 5 | self.begin_day,
            u8::from(self.deviation < 0) << 7 | self.deviation.unsigned_abs() << 5 | self.end_day,
            self.end_month << 4 | self.begin_month,
        ])
    }
}

impl fmt::Display for DaylightSaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.enabled {
            f.write_str("off, ")?;
        }
        write!(
            f,
            "{:+} h from {:02}-{:02} {:02}:00 to {:02}-{:02}",
            self.deviation, self.begin_month, self.begin_day, self.begin_hour, self.end_month, self.end_day
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn european_summer() {
        let rule = DaylightSaving {
            enabled: true,
            begin_hour: 2,
            begin_day: 31,
            begin_month: 3,
            end_day: 27,
            end_month: 10,
            deviation: 1,
            zone: 1,
        };
        let octets = rule.to_octets().unwrap();
        assert_eq!(octets, [0x02, 0xBF, 0x3B, 0xA3]);
        assert_eq!(DaylightSaving::parse(octets), rule);
        assert_eq!(rule.to_string(), "+1 h from 03-31 02:00 to 10-27");
        assert_eq!(
            DaylightSaving {
                begin_hour: 32,
                ..rule
            }
            .to_octets(),
            None
        );
    }

    #[test]
    fn every_octet_has_a_meaning() {
        for value in 0..=u8::MAX {
            let octets = [value, value.rotate_left(3), value, value];
            let back = DaylightSaving::parse(octets).to_octets().unwrap();
            // Minus zero hours are written as plus.
            assert_eq!([back[0], back[1], back[3]], [octets[0], octets[1], octets[3]]);
            assert_eq!(back[2] & 0x7F, octets[2] & 0x7F);
        }
    }
}
