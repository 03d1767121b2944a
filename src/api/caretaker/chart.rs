//! Charts as inline SVG: bars of consumption, the line of an index. Whole numbers from end to end; the same figures stand
//! in a table beside them.

use maud::{Markup, html};
use wmbus::Decimal;

use super::{Language, words};

/// One period or instant of a chart.
pub(super) struct Mark {
    /// What stands below it on the axis.
    pub(super) label: String,
    /// What is said when one points at it.
    pub(super) title: String,
    /// How much; `None` leaves a gap.
    pub(super) value: Option<Decimal>,
    /// A class of the style sheet: how far to trust it.
    pub(super) class: &'static str,
}

/// A chart's name, unit and marks.
pub(super) struct Chart<'a> {
    /// Tells charts of a page apart.
    pub(super) id: &'static str,
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    pub(super) marks: &'a [Mark],
}

/// Marks as whole numbers of one power of ten, and the axis they stand on.
struct Scale {
    values: Vec<Option<i128>>,
    exponent: i8,
    low: i128,
    high: i128,
    step: i128,
}

impl Scale {
    /// `None` when there is nothing to draw.
    fn of(marks: &[Mark], from_zero: bool) -> Option<Self> {
        let exponent = marks
            .iter()
            .filter_map(|mark| mark.value)
            .map(|value| value.exponent)
            .min()?;
        let values: Vec<Option<i128>> = marks
            .iter()
            .map(|mark| {
                let value = mark.value?;
                let places = u32::try_from(i32::from(value.exponent) - i32::from(exponent)).ok()?;
                i128::from(value.mantissa).checked_mul(10_i128.checked_pow(places)?)
            })
            .collect();
        let known = values.iter().flatten();
        let (least, most) = (*known.clone().min()?, *known.max()?);
        let least = if from_zero { least.min(0) } else { least };
        let step = round(most.checked_sub(least)?.max(1) / LINES);
        let low = least.div_euclid(step) * step;
        let high = (most.max(low + 1) + step - 1).div_euclid(step) * step;
        Some(Self {
            values,
            exponent,
            low,
            high,
            step,
        })
    }

    /// Tenths of a pixel below the upper edge.
    fn y(&self, value: i128) -> i128 {
        let height = (self.high - self.low).max(1);
        let below = self.high - value.clamp(self.low, self.high);
        let tenths = match below.checked_mul(HEIGHT) {
            Some(product) => product / height,
            // Numbers of forty digits: what is lost is less than a tenth.
            None => below / (height / HEIGHT).max(1),
        };
        TOP + tenths.min(HEIGHT)
    }

    fn lines(&self) -> impl Iterator<Item = i128> {
        (0..=LINES * 2)
            .map(|line| self.low + line * self.step)
            .take_while(|line| *line <= self.high)
    }
}

/// The next of 1, 2, 5, 10, 20 … that is at least so much.
fn round(least: i128) -> i128 {
    let mut power: i128 = 1;
    loop {
        for factor in [1, 2, 5] {
            if power.saturating_mul(factor) >= least {
                return power.saturating_mul(factor).max(1);
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Bars from zero.
pub(super) fn bars(l: Language, chart: &Chart<'_>) -> Markup {
    let Some(scale) = Scale::of(chart.marks, true) else {
        return nothing(l);
    };
    let slot = slot(chart.marks.len());
    let body = html! {
        @for ((mark, value), left) in chart.marks.iter().zip(&scale.values).zip(lefts(slot)) {
            @match value {
                Some(value) => {
                    @let (top, bottom) = ends(&scale, *value);
                    rect .bar.(mark.class) x=(tenths(left + slot / 8)) y=(tenths(top))
                        width=(tenths(slot * 3 / 4)) height=(tenths(bottom - top)) {
                        title { (mark.title) }
                    }
                }
                None => {
                    rect .gap x=(tenths(left + slot / 8)) y=(tenths(TOP)) width=(tenths(slot * 3 / 4)) height=(tenths(HEIGHT)) {
                        title { (mark.title) }
                    }
                }
            }
        }
    };
    frame(l, chart, &scale, body)
}

/// Where a bar begins and ends: at least half a pixel where something was used.
fn ends(scale: &Scale, value: i128) -> (i128, i128) {
    let (a, b) = (scale.y(0), scale.y(value));
    let (top, bottom) = (a.min(b), a.max(b));
    if value != 0 && bottom - top < 5 {
        (bottom - 5, bottom)
    } else {
        (top, bottom)
    }
}

/// A line through the points that are known.
pub(super) fn line(l: Language, chart: &Chart<'_>) -> Markup {
    let Some(scale) = Scale::of(chart.marks, false) else {
        return nothing(l);
    };
    let slot = slot(chart.marks.len());
    let points: Vec<(i128, Option<i128>)> = scale
        .values
        .iter()
        .zip(lefts(slot))
        .map(|(value, left)| (left + slot / 2, value.map(|value| scale.y(value))))
        .collect();
    let mut path = String::new();
    let mut open = false;
    for (x, y) in &points {
        let Some(y) = y else {
            open = false;
            continue;
        };
        path.push_str(&format!(
            "{}{} {} ",
            if open { "L" } else { "M" },
            tenths(*x),
            tenths(*y)
        ));
        open = true;
    }
    let body = html! {
        path .line d=(path.trim_end()) {}
        @for ((x, y), mark) in points.iter().zip(chart.marks) {
            @if let Some(y) = y {
                circle .dot cx=(tenths(*x)) cy=(tenths(*y)) r="2.5" { title { (mark.title) } }
            }
        }
    };
    frame(l, chart, &scale, body)
}

fn frame(l: Language, chart: &Chart<'_>, scale: &Scale, body: Markup) -> Markup {
    let slot = slot(chart.marks.len());
    let every = chart.marks.len().div_ceil(LABELS).max(1);
    html! {
        figure .chart {
            figcaption { (chart.title) " " span .quiet { "(" (chart.unit) ")" } }
            svg viewBox="0 0 480 210" role="img" aria-labelledby={ (chart.id) "-title" } {
                title id={ (chart.id) "-title" } {
                    (chart.title) ". " (l.of("Les mêmes nombres sont dans le tableau.", "The same numbers are in the table."))
                }
                @for value in scale.lines() {
                    @let y = scale.y(value);
                    line .grid x1=(tenths(LEFT)) x2=(tenths(LEFT + WIDTH)) y1=(tenths(y)) y2=(tenths(y)) {}
                    text .tick x=(tenths(LEFT - 60)) y=(tenths(y + 40)) text-anchor="end" { (digits(l, value, scale.exponent)) }
                }
                (body)
                @for ((index, mark), left) in chart.marks.iter().enumerate().zip(lefts(slot)) {
                    @if index % every == 0 {
                        text .tick x=(tenths(left + slot / 2)) y="204" text-anchor="middle" { (mark.label) }
                    }
                }
            }
        }
    }
}

fn nothing(l: Language) -> Markup {
    html! { p .notice { (l.of("Rien à montrer pour cette période.", "Nothing to show for this time.")) } }
}

fn digits(l: Language, value: i128, exponent: i8) -> String {
    match i64::try_from(value) {
        Ok(value) => words::number(l, Decimal::new(value, exponent).normalised()),
        Err(_) => String::new(),
    }
}

/// The width of one mark's place.
fn slot(marks: usize) -> i128 {
    WIDTH / i128::try_from(marks.max(1)).unwrap_or(WIDTH)
}

fn lefts(slot: i128) -> impl Iterator<Item = i128> {
    (0..).map(move |index| LEFT + index * slot)
}

/// `12.3` of 123 tenths.
fn tenths(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}.{}", value.abs() / 10, value.abs() % 10)
}

/// In tenths of a pixel: where the marks begin, and how far they reach.
const LEFT: i128 = 600;
const WIDTH: i128 = 4150;
const TOP: i128 = 100;
const HEIGHT: i128 = 1700;

/// Steps on the axis, about.
const LINES: i128 = 4;

/// Labels below the axis, at most.
const LABELS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marks(values: &[Option<(i64, i8)>]) -> Vec<Mark> {
        values
            .iter()
            .map(|value| Mark {
                label: String::new(),
                title: String::new(),
                value: value.map(|(mantissa, exponent)| Decimal::new(mantissa, exponent)),
                class: "measured",
            })
            .collect()
    }

    #[test]
    fn the_axis_has_round_numbers() {
        assert_eq!([0, 1, 3, 6, 11, 99].map(round), [1, 1, 5, 10, 20, 100]);
        let scale = Scale::of(&marks(&[Some((12, -1)), None, Some((3, 0))]), true).unwrap();
        assert_eq!(scale.values, [Some(12), None, Some(30)]);
        assert_eq!((scale.low, scale.high, scale.step), (0, 30, 10));
        assert_eq!((scale.y(0), scale.y(30)), (TOP + HEIGHT, TOP));
        assert!(Scale::of(&marks(&[None]), true).is_none());
    }

    proptest! {
        #[test]
        fn whatever_the_numbers_marks_stay_inside(
            values in proptest::collection::vec(proptest::option::of((any::<i64>(), -9_i8..9)), 0..60),
            from_zero: bool,
        ) {
            let marks = marks(&values);
            let chart = Chart { id: "x", title: "t", unit: "u", marks: &marks };
            let _ = (bars(Language::English, &chart), line(Language::French, &chart));
            if let Some(scale) = Scale::of(&marks, from_zero) {
                for value in scale.values.iter().flatten() {
                    let y = scale.y(*value);
                    prop_assert!((TOP..=TOP + HEIGHT).contains(&y));
                }
                prop_assert!(scale.lines().count() <= 9);
            }
        }
    }
}
