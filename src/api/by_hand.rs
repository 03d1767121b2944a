//! Figures as JSON, written without a serializer: a dwelling's month is a thousand small fields, most of them names that
//! never change. What is written is what the derived `Serialize` would say, octet by octet.

use serde::Serialize;
use wmbus::Decimal;

use super::consumption::{Amounts, Figure, KindReport, PeriodFigure, PointReport, Report};
use super::json::{Number, Text};
use crate::json::decimal;

/// Writes a report.
pub(super) fn write(report: &Report) -> serde_json::Result<Vec<u8>> {
    let figures: usize = report
        .kinds
        .iter()
        .map(|kind| (kind.points.len() + 1) * (kind.periods.len() + 1))
        .sum();
    let mut json = Object(Vec::with_capacity(ROOM + figures * OF_A_FIGURE));
    json.begin(r#"{"dwelling":"#).other(&report.dwelling)?;
    json.begin(r#","from":"#).other(&report.from)?;
    json.begin(r#","to":"#).other(&report.to)?;
    json.begin(r#","step":"#).word(report.step);
    json.begin(r#","time_zone":"#).other(&report.time_zone)?;
    json.begin(r#","kinds":"#).list(&report.kinds, Object::kind)?;
    if let Some(compared) = &report.compared {
        json.begin(r#","compared":"#).other(compared)?;
    }
    if let Some(average) = &report.site_average {
        json.begin(r#","site_average":"#).other(average)?;
    }
    json.begin("}");
    Ok(json.0)
}

/// What is written so far.
struct Object(Vec<u8>);

impl Object {
    /// Anything that is known to need no escape: braces and names of fields.
    fn begin(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A word of ours, which needs no escape.
    fn word(&mut self, word: &str) {
        self.0.push(b'"');
        self.begin(word).0.push(b'"');
    }

    /// What people named, and what is rare.
    fn other<T: Serialize + ?Sized>(&mut self, value: &T) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.0, value)
    }

    fn list<T>(
        &mut self,
        items: &[T],
        write: impl Fn(&mut Self, &T) -> serde_json::Result<()>,
    ) -> serde_json::Result<()> {
        self.0.push(b'[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.0.push(b',');
            }
            write(self, item)?;
        }
        self.0.push(b']');
        Ok(())
    }

    fn kind(&mut self, kind: &KindReport) -> serde_json::Result<()> {
        self.begin(r#"{"kind":"#).word(kind.kind);
        self.begin(r#","unit":"#).word(kind.unit);
        self.begin(r#","total":{"#).figure(&kind.total)?;
        self.begin(r#"},"periods":"#).list(&kind.periods, Self::period)?;
        self.begin(r#","points":"#).list(&kind.points, Self::point)?;
        self.begin("}");
        Ok(())
    }

    fn point(&mut self, point: &PointReport) -> serde_json::Result<()> {
        self.begin(r#"{"point":"#).other(&point.point)?;
        self.begin(r#","meters":"#).other(&point.meters)?;
        self.begin(r#","total":{"#).figure(&point.total)?;
        self.begin(r#"},"periods":"#).list(&point.periods, Self::period)?;
        self.begin("}");
        Ok(())
    }

    fn period(&mut self, period: &PeriodFigure) -> serde_json::Result<()> {
        let fields: [(&str, &Text); 4] = [
            (r#"{"from":"#, &period.from),
            (r#","to":"#, &period.to),
            (r#","start":"#, &period.start),
            (r#","end":"#, &period.end),
        ];
        for (name, text) in fields {
            // A day or an instant.
            self.begin(name).word(text);
        }
        self.begin(",").figure(&period.figure)?;
        self.begin("}");
        Ok(())
    }

    /// The fields of a figure, without braces: they stand among others.
    fn figure(&mut self, figure: &Figure) -> serde_json::Result<()> {
        match &figure.amount {
            Amounts::Units(units) => {
                self.begin(r#""rated":"#).number(units.rated);
                self.begin(r#","rated_shown":"#).number(units.rated_shown);
                self.begin(r#","raw":"#).number(units.raw);
                self.begin(r#","raw_shown":"#).number(units.raw_shown);
            }
            Amounts::Plain(plain) => {
                self.begin(r#""value":"#).number(plain.value);
                self.begin(r#","shown":"#).number(plain.shown);
            }
        }
        self.begin(r#","quality":"#).word(figure.quality);
        self.begin(r#","age_seconds":"#)
            .number(figure.age_seconds.map(|age| Number(Decimal::new(age, 0))));
        self.begin(r#","flags":"#).list(&figure.flags, |json, flag| {
            json.word(flag);
            Ok(())
        })
    }

    fn number(&mut self, number: Option<Number>) {
        match number {
            Some(Number(value)) => decimal(&mut self.0, value),
            None => self.0.extend_from_slice(b"null"),
        }
    }
}

/// What a report has beside its figures.
const ROOM: usize = 1024;

/// A figure of a period, and a little more.
const OF_A_FIGURE: usize = 320;

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::super::consumption::{Plain, Units};
    use super::super::dwellings::Dwelling;
    use super::super::meters::PointName;
    use super::*;
    use crate::registry::{self, DwellingId, Site, SiteId};

    fn dwelling(surface: Option<u32>) -> Dwelling {
        let site = Site {
            id: SiteId(1),
            code: "AB123".parse().unwrap(),
            name: "Les Tilleuls".to_owned(),
            address: "12, rue des Lilas".to_owned(),
            time_zone: "Europe/Paris".to_owned(),
        };
        let dwelling = registry::Dwelling {
            id: DwellingId(7),
            site: site.id,
            lot: "12 \"B\"".to_owned(),
            client_ref: None,
            surface,
        };
        Dwelling::of(dwelling, &site)
    }

    fn number() -> impl Strategy<Value = Option<Number>> {
        prop::option::of((any::<i64>(), -9_i8..4).prop_map(|(m, e)| Number(Decimal::new(m, e))))
    }

    fn figure() -> impl Strategy<Value = Figure> {
        let amount = prop_oneof![
            (number(), number()).prop_map(|(value, shown)| Amounts::Plain(Plain { value, shown })),
            (number(), number(), number(), number()).prop_map(|(rated, rated_shown, raw, raw_shown)| {
                Amounts::Units(Units {
                    rated,
                    rated_shown,
                    raw,
                    raw_shown,
                })
            }),
        ];
        let flags = prop::sample::subsequence(vec!["restart", "factor_change", "running"], 0..3);
        (amount, prop::option::of(any::<i64>()), flags).prop_map(|(amount, age_seconds, flags)| Figure {
            amount,
            quality: "interpolated",
            age_seconds,
            flags,
        })
    }

    fn periods() -> impl Strategy<Value = Vec<PeriodFigure>> {
        let one = figure().prop_map(|figure| PeriodFigure {
            from: "2026-01-01".to_owned().into(),
            to: "2026-02-01".to_owned().into(),
            start: "2026-01-01T00:00:00+01:00".to_owned().into(),
            end: "2026-02-01T00:00:00+01:00".to_owned().into(),
            figure,
        });
        prop::collection::vec(one, 0..3)
    }

    fn kind() -> impl Strategy<Value = KindReport> {
        // With all that JSON has to escape.
        let point = (
            any::<String>(),
            any::<u16>(),
            any::<i64>(),
            ".{0,9}",
            figure(),
            periods(),
        )
            .prop_map(|(room, number, id, serial, total, periods)| PointReport {
                point: PointName {
                    id,
                    kind: "heating",
                    room,
                    number,
                },
                meters: vec![serial; usize::from(number % 3)],
                total,
                periods,
            });
        (figure(), periods(), prop::collection::vec(point, 0..3)).prop_map(|(total, periods, points)| {
            KindReport {
                kind: "heating",
                unit: "U",
                total,
                periods,
                points,
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_by_hand_is_what_would_be_derived(
            kinds in prop::collection::vec(kind(), 0..3),
            time_zone in any::<String>(),
            surface in prop::option::of(0_u32..20_000),
        ) {
            let report = Report {
                dwelling: dwelling(surface),
                from: "2026-01-01".to_owned(),
                to: "2026-02-01".to_owned(),
                step: "month",
                time_zone,
                kinds,
                compared: None,
                site_average: None,
                days: (date(2026, 1, 1), date(2026, 2, 1)),
                rests: None,
            };
            let written = String::from_utf8(write(&report).unwrap()).unwrap();
            prop_assert_eq!(written, serde_json::to_string(&report).unwrap());
        }
    }
}
