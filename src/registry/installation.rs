//! Installation: which meter served a point from when to when, and with which rating factor.

use jiff::Timestamp;
use wmbus::Decimal;

use super::{InstallationId, MeterId, PointId};

/// A meter at a point for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Its short name in this registry.
    pub id: InstallationId,
    /// The place.
    pub point: PointId,
    /// The device.
    pub meter: MeterId,
    /// Mounted at; `None`: before anyone kept count.
    pub from: Option<Timestamp>,
    /// Taken off at; `None`: still there.
    pub until: Option<Timestamp>,
    /// What its display showed when it was mounted, in m³, units or kWh as displayed.
    pub start_index: Option<Decimal>,
    /// What its display showed when it was taken off.
    pub end_index: Option<Decimal>,
}

impl Installation {
    /// Whether it was in place at an instant.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether both were in place at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        let starts_before_end =
            |a: Option<Timestamp>, b: Option<Timestamp>| a.zip(b).is_none_or(|(start, end)| start < end);
        starts_before_end(self.from, other.until) && starts_before_end(other.from, self.until)
    }
}

/// What a raw count is multiplied by, from an instant on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Whose counts.
    pub installation: InstallationId,
    /// From when; `None`: from its beginning.
    pub from: Option<Timestamp>,
    /// The factor, exactly as the list says it.
    pub value: Decimal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_half_open() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let place = |from: Option<i64>, until: Option<i64>| Installation {
            id: InstallationId(1),
            point: PointId(1),
            meter: MeterId(1),
            from: from.map(at),
            until: until.map(at),
            start_index: None,
            end_index: None,
        };
        let first = place(None, Some(100));
        assert!(first.covers(at(99)) && !first.covers(at(100)));
        assert!(!first.overlaps(&place(Some(100), None)));
        assert!(first.overlaps(&place(Some(99), None)));
        assert!(first.overlaps(&place(None, None)));
        assert!(!place(Some(100), Some(200)).overlaps(&place(Some(200), Some(300))));
    }
}
