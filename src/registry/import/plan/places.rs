//! Places: at which point of a dwelling a meter hangs, next to which others, and since when.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::Column;
use super::super::entry::Entry;
use super::super::value::{Moment, kind_of};
use super::table::State;
use super::{Draft, Noun, Number, Refusal, number};
use crate::registry::{Dwelling, Factor, Installation, InstallationId, Kind, Meter, Point, PointId, Site};

/// The point that an entry asks for.
struct Wanted {
    kind: Kind,
    room: String,
    number: Option<u16>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// What an entry makes of a dwelling's points.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) point: Option<Point>,
    pub(super) installation: Option<Installation>,
    pub(super) factor: Option<Factor>,
}

impl Draft<'_> {
    /// Point, installation and factor of an entry that speaks of a dwelling.
    pub(super) fn placed(
        &self,
        entry: &Entry,
        site: &Site,
        dwelling: &Dwelling,
        meter: Option<&Meter>,
        list: &BTreeSet<Number>,
    ) -> Result<Placed, Refusal> {
        let device_type = meter.and_then(|meter| meter.address.device_type);
        let Some(kind) = entry.kind.or_else(|| kind_of(device_type)) else {
            return Ok(Placed::default());
        };
        let zone = site.zone();
        let instant = |column, moment: Option<Moment>| match moment {
            None => Ok(None),
            Some(moment) => moment
                .instant(&zone)
                .map(Some)
                .ok_or((column, "lies outside the calendar".to_owned())),
        };
        let wanted = Wanted {
            kind,
            room: entry.room.clone().unwrap_or_default(),
            number: entry.point_number,
            from: instant(Column::From, entry.from)?,
            until: instant(Column::To, entry.to)?,
        };
        let factor_from = instant(Column::FactorFrom, entry.factor_from)?;
        let Some(meter) = meter else {
            let point = self.point(dwelling, &wanted, entry.point_number.unwrap_or(1));
            return Ok(Placed {
                point: Some(point),
                ..Placed::default()
            });
        };
        let known = self.known_installation(dwelling, meter, &wanted);
        let (point, mut installation) = match known {
            Some((point, installation)) => (point.clone(), installation.clone()),
            None => {
                let fresh = Installation {
                    id: InstallationId(self.installations.next),
                    point: PointId(0),
                    meter: meter.id,
                    from: wanted.from,
                    until: wanted.until,
                    start_index: None,
                    end_index: None,
                };
                let point = self.free_point(dwelling, &wanted, &fresh, list)?;
                let point_id = point.id;
                (
                    point,
                    Installation {
                        point: point_id,
                        ..fresh
                    },
                )
            }
        };
        let id = installation.id.0;
        let noun = Noun::Installation;
        self.set(
            noun,
            id,
            Column::From,
            &mut installation.from,
            wanted.from.map(Some),
        )?;
        self.set(
            noun,
            id,
            Column::To,
            &mut installation.until,
            wanted.until.map(Some),
        )?;
        self.set_index(
            id,
            Column::StartIndex,
            &mut installation.start_index,
            entry.start_index,
        )?;
        self.set_index(id, Column::EndIndex, &mut installation.end_index, entry.end_index)?;
        if installation
            .from
            .zip(installation.until)
            .is_some_and(|(from, until)| from >= until)
        {
            return Err((Column::To, "is not after from".to_owned()));
        }
        self.nowhere_else(&installation)?;
        let factor = entry.rating_factor.map(|value| Factor {
            installation: installation.id,
            from: factor_from,
            value,
        });
        if let Some(factor) = factor {
            let inside = factor.from.is_none_or(|from| installation.covers(from));
            if !inside {
                return Err((Column::FactorFrom, "lies outside from and to".to_owned()));
            }
            if let Some((value, State::Same | State::Changed | State::Added)) =
                self.factors.get(&(id, factor.from))
                && value.compare(factor.value).is_ne()
            {
                return Err((
                    Column::RatingFactor,
                    format!("another line of this list says {value} for the same time: remove one"),
                ));
            }
        }
        Ok(Placed {
            point: Some(point),
            installation: Some(installation),
            factor,
        })
    }

    /// The installation of a meter at such a point that an entry speaks of: the one that begins then, or overlaps.
    fn known_installation(
        &self,
        dwelling: &Dwelling,
        meter: &Meter,
        wanted: &Wanted,
    ) -> Option<(&Point, &Installation)> {
        let here = self
            .installations_of_meter(meter.id.0)
            .filter_map(|installation| Some((self.points.get(installation.point.0)?, installation)))
            .filter(|(point, _)| {
                point.dwelling == dwelling.id
                    && point.kind == wanted.kind
                    && point.room == wanted.room
                    && wanted.number.is_none_or(|number| number == point.number)
            });
        let period = Installation {
            id: InstallationId(0),
            point: PointId(0),
            meter: meter.id,
            from: wanted.from,
            until: wanted.until,
            start_index: None,
            end_index: None,
        };
        here.filter(|(_, installation)| installation.overlaps(&period))
            .max_by_key(|(_, installation)| (installation.from == wanted.from, installation.from))
    }

    /// A point for a new installation: one that nothing serves at that time, or one more beside those that other lines
    /// of this list speak of.
    fn free_point(
        &self,
        dwelling: &Dwelling,
        wanted: &Wanted,
        fresh: &Installation,
        list: &BTreeSet<Number>,
    ) -> Result<Point, Refusal> {
        let room = (dwelling.id.0, wanted.kind, wanted.room.clone());
        let mut numbers: Vec<u16> = Vec::new();
        for point in self.points_by_room.get(&room).into_iter().flatten() {
            let Some(point) = self.points.get(*point) else {
                continue;
            };
            if wanted.number.is_some_and(|number| number != point.number) {
                continue;
            }
            let Some(serving) = self
                .installations_of_point(point.id.0)
                .find(|installation| installation.overlaps(fresh))
            else {
                return Ok(point.clone());
            };
            let address = self.meters.get(serving.meter.0).map(|meter| meter.address);
            let beside =
                wanted.number.is_none() && address.is_some_and(|address| list.contains(&number(&address)));
            if !beside {
                let other = address.map_or_else(String::new, |address| address.to_string());
                return Err((
                    Column::Id,
                    format!(
                        "this point is served by {other} at the same time: give that one's line a to, or this one a \
                         point_number of its own"
                    ),
                ));
            }
            numbers.push(point.number);
        }
        let number = match wanted.number {
            Some(number) => number,
            None => (1..=u16::MAX)
                .find(|number| !numbers.contains(number))
                .ok_or((Column::PointNumber, "the room has too many points".to_owned()))?,
        };
        Ok(self.point(dwelling, wanted, number))
    }

    /// The point of a number, known or not.
    fn point(&self, dwelling: &Dwelling, wanted: &Wanted, number: u16) -> Point {
        let room = (dwelling.id.0, wanted.kind, wanted.room.clone());
        self.points_by_room
            .get(&room)
            .into_iter()
            .flatten()
            .filter_map(|id| self.points.get(*id))
            .find(|point| point.number == number)
            .cloned()
            .unwrap_or_else(|| Point {
                id: PointId(self.points.next),
                dwelling: dwelling.id,
                kind: wanted.kind,
                room: wanted.room.clone(),
                number,
            })
    }

    /// Refuses an installation of a meter that hangs elsewhere, or twice, at the same time.
    fn nowhere_else(&self, installation: &Installation) -> Result<(), Refusal> {
        let Some(other) = self
            .installations_of_meter(installation.meter.0)
            .find(|other| other.id != installation.id && other.overlaps(installation))
        else {
            return Ok(());
        };
        let place = self.points.get(other.point.0).and_then(|point| {
            let dwelling = self.dwellings.get(point.dwelling.0)?;
            let site = self.sites.get(dwelling.site.0)?;
            Some(format!(
                "{} lot {}, {} {:?}",
                site.code,
                dwelling.lot,
                point.kind.name(),
                point.room
            ))
        });
        Err((
            Column::Id,
            format!(
                "the meter hangs in {} at the same time: give that line a to, or correct this one's from",
                place.unwrap_or_default()
            ),
        ))
    }
}
