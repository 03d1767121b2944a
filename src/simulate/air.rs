//! What goes over the air: each meter's telegrams through the year, and what happens to them on the way.
//!
//! Losses, damage, a second receiver that hears some of them too, and the neighbours' meters.

use std::sync::Arc;

use collector::{Check, LinkMode, Telegram};
use decoders::reading::Stamp;
use decoders::{Families, Spoken};
use jiff::{Timestamp, ToSpan};
use wmbus::afl;
use wmbus::apl::compact;
use wmbus::dll::{self, Control};
use wmbus::ell::{self, CommunicationControl, SessionNumber};
use wmbus::tpl::{self, Configuration, Extension, Fields};
use wmbus::{Error, FrameFormat, Key, Plan as Frame};

use super::building::{Building, Plan, Point};
use super::chance::Chance;
use super::events::within;
use super::fleet::Protection;
use super::habits::Span;
use super::truth::Fact;

/// One telegram on the air, and what it truly says.
#[derive(Debug)]
pub struct Heard<'a> {
    /// As the receiver gives it.
    pub telegram: Telegram,
    /// What the meter showed then; nothing for telegrams that can't be read, repeat another or are a neighbour's.
    pub truth: Option<Fact<'a>>,
}

/// Why a building can't be simulated with these families.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// No page of that name.
    #[error("there is no family {0:?}: its page is missing from this build")]
    NoFamily(&'static str),
    /// A value does not fit the family's telegram.
    #[error("{family}: {error}")]
    Unspeakable {
        /// Whose page.
        family: &'static str,
        /// Why.
        error: Error,
    },
}

impl Building {
    /// All telegrams that reach the receivers, in the order of time, one batch for each turn of the meters.
    pub fn on_the_air<'a>(
        &'a self,
        plan: &'a Plan,
        families: &'a Families,
    ) -> impl Iterator<Item = Result<Vec<Heard<'a>>, SimulateError>> {
        let every = i64::from(plan.every_minutes.max(1)) * 60;
        let turns = i64::from(self.span.hours) * 3600 / every;
        let chance = Chance::new(plan.seed).of("air");
        let points: Vec<&Point> = self.points().chain(&self.neighbours).collect();
        (0..turns).map(move |turn| {
            let mut heard = Vec::with_capacity(points.len());
            for (index, point) in (0_u64..).zip(&points) {
                let place = chance.at(index);
                // Each meter has its own second of the turn, and is never quite punctual.
                let own = i64::try_from(place.of("second").range(0, 40)).unwrap_or(0) * every / 42;
                let late = i64::try_from(place.at(turn.unsigned_abs()).range(0, 1)).unwrap_or(0) * every / 80;
                let at = self.span.start + (turn * every + own + late).seconds();
                self.send(
                    point,
                    at,
                    turn,
                    place.at(turn.unsigned_abs()),
                    plan,
                    families,
                    &mut heard,
                )?;
            }
            heard.sort_by_key(|heard| heard.telegram.received_at);
            Ok(heard)
        })
    }

    /// One telegram of one meter, as often as it is heard.
    #[expect(
        clippy::too_many_arguments,
        reason = "a telegram's circumstances, each used once"
    )]
    fn send<'a>(
        &'a self,
        point: &'a Point,
        at: Timestamp,
        turn: i64,
        chance: Chance,
        plan: &Plan,
        families: &Families,
        heard: &mut Vec<Heard<'a>>,
    ) -> Result<(), SimulateError> {
        if !point.life.speaks(at) || within(&self.outages, at) {
            return Ok(());
        }
        if chance.of("lost").hits(u64::from(plan.lost_per_mille), 1000) {
            return Ok(());
        }
        let model = point.model;
        let unspeakable = |error| SimulateError::Unspeakable {
            family: model.family,
            error,
        };
        let stripped = self
            .telegram(point, at, turn, families)?
            .encode()
            .map_err(unspeakable)?;
        let mut octets = wmbus::phy::frame(&stripped, FrameFormat::A).map_err(unspeakable)?;
        let damaged = chance.of("damaged").hits(3, 1000);
        if damaged {
            let place = chance
                .of("bit")
                .range(0, u64::try_from(octets.len() * 8 - 1).unwrap_or(0));
            if let Some(octet) = usize::try_from(place / 8)
                .ok()
                .and_then(|place| octets.get_mut(place))
            {
                *octet ^= 1 << (place % 8);
            }
        }
        let rssi = -i16::try_from(50 + chance.of("rssi").range(0, 45)).unwrap_or(70);
        let telegram = Telegram {
            link_mode: Some(if model.protection == Protection::LinkCtr {
                LinkMode::C
            } else {
                LinkMode::T
            }),
            received_at: Some(at),
            rssi_dbm: Some(rssi),
            ..Telegram::new(octets, Check::Nobody, Arc::from("cellar"))
        };
        if chance.of("twice").hits(1, 100) {
            // A receiver on the stairs has heard it too, a moment later.
            let received_at = Some(at + 2.seconds());
            let echo = Telegram {
                received_at,
                radio: Arc::from("stairs"),
                ..telegram.clone()
            };
            heard.push(Heard {
                telegram: echo,
                truth: None,
            });
        }
        let registered = self.points().any(|own| own.address == point.address);
        let truth = (registered && !damaged).then(|| point.fact(at, &self.span));
        heard.push(Heard { telegram, truth });
        Ok(())
    }

    /// What a meter sends in a turn.
    fn telegram(
        &self,
        point: &Point,
        at: Timestamp,
        turn: i64,
        families: &Families,
    ) -> Result<Frame, SimulateError> {
        let model = point.model;
        let family = families
            .named(model.family)
            .ok_or(SimulateError::NoFamily(model.family))?;
        let spoken = Spoken {
            readings: point.registers(at, &self.span),
            device_time: Some(clock(point.clock(at), &self.span)),
            ..Spoken::default()
        };
        let speech = family
            .speak(point.address, &spoken)
            .map_err(|error| SimulateError::Unspeakable {
                family: model.family,
                error,
            })?;
        let number = turn.unsigned_abs();
        let access_number = u8::try_from(number & 0xFF).unwrap_or(0);
        let counter = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let mode = match model.protection {
            Protection::Plain | Protection::LinkCtr => 0,
            Protection::Mode5 => 5,
            Protection::Mode7 => 7,
        };
        let extension = Extension {
            configuration: (mode == 7).then_some(0x10),
            ..Extension::default()
        };
        let fields = Fields {
            access_number,
            status: speech.status,
            configuration: Configuration(mode << 8),
            extension,
        };
        let mut transport = tpl::Header {
            ci: speech.ci,
            address: (speech.ci == 0x72).then_some(point.address),
            fields: matches!(speech.ci, 0x72 | 0x7A).then_some(fields),
        };
        let control = CommunicationControl(0x20);
        let extended_link = match model.protection {
            Protection::Mode7 => Some(ell::Header {
                control,
                access_number,
                receiver: None,
                session: None,
            }),
            Protection::LinkCtr => {
                let session = Some(SessionNumber::new(1, counter, 0));
                Some(ell::Header {
                    control,
                    access_number,
                    receiver: None,
                    session,
                })
            }
            Protection::Plain | Protection::Mode5 => None,
        };
        let authentication = (mode == 7).then(|| afl::Header {
            message_control: Some(0x25),
            message_counter: Some(counter),
            ..afl::Header::default()
        });
        let mut payload = speech.payload;
        // Seven of eight telegrams are compact where the full one has been heard before.
        if model.protection == Protection::LinkCtr
            && !number.is_multiple_of(8)
            && let Some(short) = compact::compact(&payload)
        {
            payload = short;
            transport.ci = 0x79;
        }
        Ok(Frame {
            link: dll::Header {
                control: Control::SND_NR,
                sender: speech.sender,
            },
            extended_link,
            authentication,
            transport: Some(transport),
            payload,
            clear: Vec::new(),
            link_key: None,
            key: point.key.map(Key::aes),
        })
    }
}

/// A meter's clock: that of the site, by which it also closes its months.
fn clock(at: Timestamp, span: &Span) -> Stamp {
    let local = at.to_zoned_datetime(span.zone.clone());
    let field = |value: i8| value.unsigned_abs();
    Stamp::DateTime {
        year: local.year().unsigned_abs(),
        month: field(local.month()),
        day: field(local.day()),
        hour: field(local.hour()),
        minute: field(local.minute()),
        second: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use decoders::reading::{Quantity, Register};

    use super::*;
    use crate::pipeline::Memory;

    /// Every telegram of a simulated month, opened and decoded, says what the meter showed.
    #[test]
    fn what_is_sent_is_what_the_meter_shows() {
        let plan = Plan {
            seed: 3,
            from: "2025-12-15".parse().unwrap(),
            days: 60,
            dwellings: 12,
            every_minutes: 720,
            lost_per_mille: 20,
            time_zone: "Europe/Paris".to_owned(),
            events: crate::simulate::Events::Calm,
        };
        let families = Families::embedded().unwrap();
        let building = Building::new(&plan).unwrap();
        let mut memory = Memory::new(&families);
        let mut seen: HashMap<&str, (u32, u32)> = HashMap::new();
        for turn in building.on_the_air(&plan, &families) {
            for heard in turn.unwrap() {
                let Some(truth) = heard.truth else { continue };
                let point = building
                    .points()
                    .find(|point| point.printed_serial == truth.serial)
                    .unwrap();
                let frame = wmbus::Frame::parse(&heard.telegram.octets).unwrap();
                assert_eq!(families.identify(&frame), point.address);
                let keys: Vec<_> = point.key.map(Key::aes).into_iter().collect();
                let decoded = memory
                    .read(&families, &frame, &keys, &decoders::Context::default(), 0)
                    .unwrap();
                assert_eq!(&*decoded.decoder, point.model.family);
                assert_eq!(decoded.authenticated, point.model.protection == Protection::Mode7);
                let quantity = Quantity::from_name(truth.quantity).unwrap();
                let said = |register| {
                    decoded
                        .readings
                        .iter()
                        .find(|r| r.quantity == quantity && r.register == register)
                };
                let (places, wanted) = (if quantity == Quantity::Volume { -6 } else { -3 }, truth.value);
                let current = said(Register::Current).unwrap();
                assert_eq!(
                    current.value.rescale(places),
                    i64::try_from(wanted).ok(),
                    "{decoded:?}"
                );
                let count = seen.entry(point.model.family).or_default();
                count.0 += 1;
                if let Some(set_date) = said(Register::SetDate) {
                    let due = point.registers(truth.at, &building.span);
                    let due = due.iter().find(|r| r.register == Register::SetDate).unwrap();
                    assert_eq!((set_date.value, set_date.at), (due.value, due.at), "{decoded:?}");
                    count.1 += 1;
                }
            }
        }
        assert!(seen.len() >= 8, "{seen:?}");
        assert!(seen.values().all(|(telegrams, _)| *telegrams > 50), "{seen:?}");
        let with_due_date = seen.values().filter(|(_, due)| *due > 20).count();
        assert!(with_due_date >= 7, "{seen:?}");
    }
}
