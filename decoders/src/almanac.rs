//! The dates in a telegram: which stored value each stands for, and what a page says about them.

use smallvec::SmallVec;
use wmbus::apl::{Date, Dib, Record};

use crate::decoded::Decoded;
use crate::family::Family;
use crate::reading::Stamp;
use crate::table::Hex;

/// Dates, and where they stand; `None` for one that says "never".
pub(crate) type Dates = SmallVec<[(Dib, Option<Stamp>); 8]>;

/// What a page says about dates.
#[derive(Clone, Copy)]
pub(crate) struct Almanac<'p> {
    /// Those that say "never".
    unset: &'p [Date],
    /// Years that stand for every year.
    every_year: &'p [u16],
}

impl<'p> Almanac<'p> {
    pub(crate) fn of(family: Option<&'p Family>) -> Self {
        Self {
            unset: family.map_or(&[], |family| &family.unset_dates),
            every_year: family.map_or(&[], |family| &family.every_year),
        }
    }

    /// The stamp of a date record, and whether it says when; no date at all says "never" too.
    fn read(self, record: &Record<'_>) -> (Option<Stamp>, bool) {
        let stamp = match record.value().moment().and_then(Stamp::of) {
            Some(Stamp::Date { year, month, day }) if self.every_year.contains(&year) => {
                Some(Stamp::EveryYear { month, day })
            }
            stamp => stamp,
        };
        let unset = |day: Date| self.unset.contains(&day);
        let never = |stamp: Stamp| !self.unset.is_empty() && stamp.day().is_some_and(unset);
        (stamp, stamp.is_some_and(|stamp| !never(stamp)))
    }

    /// The date of storage number 0, for what hangs on the clock: hardly anybody asks.
    pub(crate) fn clock(self, records: &[Record<'_>], dib: &Dib) -> Option<Option<Stamp>> {
        let clocks = records
            .iter()
            .filter(|record| record.dib.storage == 0 && record.is_date());
        let dates: Dates = clocks
            .map(|record| {
                let (stamp, is_set) = self.read(record);
                (record.dib, stamp.filter(|_| is_set))
            })
            .collect();
        beside(dates.iter(), dib)
    }
}

/// Of the dates of one storage number preferably one with the same tariff and subunit, else the first.
pub(crate) fn beside<'a>(
    mut dates: impl Iterator<Item = &'a (Dib, Option<Stamp>)> + Clone,
    dib: &Dib,
) -> Option<Option<Stamp>> {
    let place = (dib.tariff, dib.subunit);
    let same = dates.clone().find(|(dib, _)| (dib.tariff, dib.subunit) == place);
    same.or_else(|| dates.next()).map(|(_, stamp)| *stamp)
}

/// The dates of stored values and where they stand; `None` for one that says "never".
pub(crate) fn dates(records: &[Record<'_>], almanac: Almanac<'_>, dates: &mut Dates, decoded: &mut Decoded) {
    for record in records
        .iter()
        .filter(|record| record.dib.storage > 0 && record.is_date())
    {
        let (stamp, is_set) = almanac.read(record);
        if let (Some(stamp), false) = (stamp, is_set) {
            decoded.remark_with("absent", || {
                format!("record {} is {stamp}, which says never", Hex(record.header())).into()
            });
        }
        dates.push((record.dib, stamp.filter(|_| is_set)));
    }
}
