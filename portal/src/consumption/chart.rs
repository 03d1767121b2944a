//! Bars as inline SVG: all geometry stands in attributes, so that a page needs no inline style, and no script to be complete.
//!
//! What is missing is drawn as missing, never as 0. The numbers themselves stand in the table beside it.

use maud::{Markup, html};

use crate::Language;
use crate::query::Decimal;

use super::words;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// Under it, short.
    pub(super) label: String,
    /// In full.
    pub(super) name: String,
    /// How high; `None` when nobody knows.
    pub(super) value: Option<Decimal>,
    /// The amount in words, with its unit.
    pub(super) text: String,
    /// What it is compared with; `None` when there is nothing to compare, or when nobody knows.
    pub(super) was: Option<Decimal>,
    /// The same in words; empty when there is nothing to compare.
    pub(super) was_text: String,
    /// Whether the time has not ended, or the figure is not measured: drawn lighter.
    pub(super) is_soft: bool,
    /// Whether the time has not begun: nothing is missing.
    pub(super) is_ahead: bool,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart<'a> {
    /// Distinguishes it from others on the page, as part of ids.
    pub(super) id: &'a str,
    /// What it shows, in a few words.
    pub(super) title: &'a str,
    /// What stands out, in a sentence.
    pub(super) description: &'a str,
    /// The bars from left to right.
    pub(super) bars: &'a [Bar],
}

/// A bar's box in tenths of a unit of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    y: i64,
    height: i64,
}

/// From numbers to heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    /// The highest and the lowest number drawn, in millionths; the one is not below 0, the other not above, and they differ.
    top: i128,
    bottom: i128,
}

impl Scale {
    fn of(bars: &[Bar]) -> Self {
        let numbers = bars.iter().flat_map(|bar| [bar.value, bar.was]).flatten();
        let (mut top, mut bottom) = (0, 0);
        for number in numbers {
            let size = number.scaled(PLACES);
            top = size.max(top);
            bottom = size.min(bottom);
        }
        if top == 0 && bottom == 0 {
            return Self {
                top: 1_000_000,
                bottom,
            };
        }
        Self {
            top: round_up(top),
            bottom: -round_up(-bottom),
        }
    }

    /// Where a number lies, from the upper edge of the plot.
    fn depth(self, millionths: i128) -> i64 {
        let span = (self.top - self.bottom).max(1);
        let depth = (self.top - millionths).saturating_mul(i128::from(PLOT)) / span;
        i64::try_from(depth).unwrap_or(PLOT).clamp(0, PLOT)
    }

    /// The bar of a number; one that is not 0 is seen.
    fn place(self, number: Decimal) -> Place {
        let (zero, end) = (self.depth(0), self.depth(number.scaled(PLACES)));
        let height = (zero - end).abs();
        let least = if number.is_zero() { 0 } else { 10 };
        let height = height.max(least);
        let y = if number.is_negative() { zero } else { zero - height };
        Place { y: TOP + y, height }
    }
}

/// The next number of one significant digit that charts like, not below this one.
fn round_up(millionths: i128) -> i128 {
    if millionths <= 0 {
        return 0;
    }
    let mut step: i128 = 1;
    loop {
        for digit in [1, 2, 3, 4, 5, 6, 8] {
            if digit * step >= millionths {
                return digit * step;
            }
        }
        match step.checked_mul(10) {
            Some(next) if next < i128::MAX / 10 => step = next,
            _ => return millionths,
        }
    }
}

/// A number of the axis, without decimals that say nothing.
fn tick(millionths: i128, language: Language) -> String {
    let places = (0..PLACES)
        .find(|places| millionths % 10_i128.pow(u32::from(PLACES - places)) == 0)
        .unwrap_or(PLACES);
    i64::try_from(millionths).map_or_else(
        |_| String::new(),
        |number| words::number(Decimal::new(number, PLACES), places, language),
    )
}

/// Tenths of a unit as an attribute's number.
fn units(tenths: i64) -> String {
    if tenths % 10 == 0 {
        (tenths / 10).to_string()
    } else {
        let sign = if tenths < 0 { "-" } else { "" };
        format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
    }
}

/// Every how many bars there is room for a label.
fn every(bars: usize) -> usize {
    match bars {
        0..=12 => 1,
        13..=25 => 3,
        26..=40 => 5,
        more => more.div_ceil(8),
    }
}

impl Chart<'_> {
    /// The drawing: a picture with a name and a description for those who do not see it.
    #[must_use]
    pub(super) fn draw(&self, language: Language) -> Markup {
        let scale = Scale::of(self.bars);
        let count = i64::try_from(self.bars.len()).unwrap_or(1).max(1);
        let slot = (WIDTH - LEFT - RIGHT) / count;
        let zero = TOP + scale.depth(0);
        let known = self
            .bars
            .iter()
            .any(|bar| bar.value.is_some() || bar.was.is_some());
        let ticks: Vec<i128> = if scale.bottom == 0 {
            vec![scale.top, scale.top / 2]
        } else {
            vec![scale.top, scale.bottom]
        };
        let (title, description) = (format!("{}-title", self.id), format!("{}-text", self.id));
        html! {
            svg class="chart" role="img" viewBox=(format!("0 0 {} {}", units(WIDTH), units(HEIGHT)))
                aria-labelledby=(title) aria-describedby=(description) {
                title id=(title) { (self.title) }
                desc id=(description) { (self.description) }
                @if known {
                    @for number in ticks {
                        @if number != 0 {
                            @let y = TOP + scale.depth(number);
                            line class="grid" x1=(units(LEFT)) x2=(units(WIDTH - RIGHT)) y1=(units(y)) y2=(units(y)) {}
                            text class="tick" x=(units(LEFT - 40)) y=(units(y + 30)) text-anchor="end" { (tick(number, language)) }
                        }
                    }
                }
                @for (number, bar) in (0_i64..).zip(self.bars) {
                    (self.bar(bar, (LEFT + number * slot, slot), (scale, zero), number))
                }
                line class="axis" x1=(units(LEFT)) x2=(units(WIDTH - RIGHT)) y1=(units(zero)) y2=(units(zero)) {}
                @if !known {
                    text class="nothing" x=(units(WIDTH / 2)) y=(units(HEIGHT / 2)) text-anchor="middle" {
                        (language.of("Aucune donnée pour cette période", "No data for this time"))
                    }
                }
            }
        }
    }

    /// One bar, before it what it is compared with, and its label.
    fn bar(&self, bar: &Bar, (x, slot): (i64, i64), (scale, zero): (Scale, i64), number: i64) -> Markup {
        let (wide, slim) = (slot * 84 / 100, slot * 52 / 100);
        let slim = if self.bars.iter().any(|bar| bar.was.is_some()) {
            slim
        } else {
            slot * 70 / 100
        };
        let middle = x + slot / 2;
        let every = i64::try_from(every(self.bars.len())).unwrap_or(1);
        let labelled = match self.bars.len() {
            // Days of a month, which begin with 1: after the first those that are round.
            26..=40 => number == 0 || (number + 1) % every == 0,
            _ => number % every == 0,
        };
        let class = match (bar.value, bar.is_soft) {
            (None, _) if bar.is_ahead => "ahead",
            (None, _) => "missing",
            (Some(_), true) => "now soft",
            (Some(_), false) => "now",
        };
        html! {
            g class="bar" data-name=(bar.name) data-text=(bar.text) data-was=(bar.was_text) {
                // As high as the plot, so that a finger finds it.
                rect class="room" x=(units(x)) y=(units(TOP)) width=(units(slot)) height=(units(PLOT)) {}
                @if let Some(was) = bar.was {
                    @let place = scale.place(was);
                    rect class="was" x=(units(middle - wide / 2)) y=(units(place.y)) width=(units(wide)) height=(units(place.height)) {}
                }
                @if let Some(value) = bar.value {
                    @let place = scale.place(value);
                    @if value.is_zero() {
                        rect class="zero" x=(units(middle - slim / 2)) y=(units(zero - 15)) width=(units(slim)) height="3" {}
                    } @else {
                        rect class=(class) x=(units(middle - slim / 2)) y=(units(place.y)) width=(units(slim)) height=(units(place.height)) {}
                    }
                } @else if !bar.is_ahead {
                    rect class="missing" x=(units(middle - slim / 2)) y=(units(zero - 120)) width=(units(slim)) height="12" {}
                }
                @if labelled {
                    text class="label" x=(units(middle)) y=(units(HEIGHT - 30)) text-anchor="middle" { (bar.label) }
                }
            }
        }
    }
}

/// Places to which numbers are drawn: those of a millilitre in cubic metres.
const PLACES: u8 = 6;

/// The drawing's size and margins, and the height of the plot, in tenths of a unit.
const WIDTH: i64 = 3600;
const HEIGHT: i64 = 1760;
const LEFT: i64 = 340;
const RIGHT: i64 = 40;
const TOP: i64 = 100;
const PLOT: i64 = 1480;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bar(value: Option<&str>) -> Bar {
        Bar {
            label: "1".to_owned(),
            name: "Jeudi 1er janvier 2026".to_owned(),
            value: value.map(|text| text.parse().unwrap()),
            text: "x".to_owned(),
            was: None,
            was_text: String::new(),
            is_soft: false,
            is_ahead: false,
        }
    }

    fn draw(bars: &[Bar]) -> String {
        let chart = Chart {
            id: "c",
            title: "Eau <chaude>",
            description: "d",
            bars,
        };
        chart.draw(Language::French).into_string()
    }

    #[test]
    fn what_is_missing_is_not_drawn_as_nothing() {
        let drawn = draw(&[bar(Some("2")), bar(Some("0")), bar(None)]);
        for class in ["now", "zero", "missing"] {
            assert_eq!(
                drawn.matches(&format!("rect class=\"{class}\"")).count(),
                1,
                "{class}: {drawn}"
            );
        }
        let ahead = draw(&[
            bar(Some("1")),
            Bar {
                is_ahead: true,
                ..bar(None)
            },
        ]);
        assert!(!ahead.contains("rect class=\"missing\""));
        assert!(drawn.contains("Eau &lt;chaude&gt;") && drawn.contains("role=\"img\""));
    }

    #[test]
    fn nothing_known_is_said_and_nothing_used_is_drawn() {
        let missing = draw(&[bar(None), bar(None)]);
        assert!(missing.contains("Aucune donnée"));
        assert!(!missing.contains("class=\"tick\""));
        let zeros = draw(&[bar(Some("0")), bar(Some("0.000"))]);
        assert!(!zeros.contains("Aucune donnée"));
        assert_eq!(zeros.matches("rect class=\"zero\"").count(), 2);
        assert!(draw(&[]).contains("Aucune donnée"));
    }

    #[test]
    fn what_flowed_back_hangs_below_the_line() {
        let scale = Scale::of(&[bar(Some("3")), bar(Some("-1"))]);
        let (up, down) = (
            scale.place("3".parse().unwrap()),
            scale.place("-1".parse().unwrap()),
        );
        assert_eq!((up.y, up.y + up.height), (TOP, down.y));
        assert_eq!(down.y + down.height, TOP + PLOT);
    }

    #[test]
    fn axes_end_on_round_numbers() {
        for (value, top, half) in [
            ("2.85", "3", "1,5"),
            ("0.12", "0,2", "0,1"),
            ("1082.63", "2\u{202F}000", "1\u{202F}000"),
        ] {
            let scale = Scale::of(&[bar(Some(value))]);
            assert_eq!(tick(scale.top, Language::French), top);
            assert_eq!(tick(scale.top / 2, Language::French), half);
        }
    }

    #[test]
    fn no_style_and_no_handler_stands_in_it() {
        let drawn = draw(&[bar(Some("2")), bar(None)]);
        assert!(!drawn.contains("style=") && !drawn.contains(" on") && !drawn.contains("<script"));
    }

    proptest! {
        /// Bars lie within the plot, grow with their number, and are seen when they are not 0.
        #[test]
        fn bars_keep_to_their_plot(numbers in prop::collection::vec(proptest::option::of(any::<i64>()), 0..40), places in 0_u8..9) {
            let bars: Vec<Bar> = numbers
                .iter()
                .map(|number| Bar { value: number.map(|number| Decimal::new(number, places)), ..bar(None) })
                .collect();
            let scale = Scale::of(&bars);
            let mut drawn: Vec<(Decimal, Place)> = Vec::new();
            for value in bars.iter().filter_map(|bar| bar.value) {
                let place = scale.place(value);
                // What is too small to be drawn to scale is drawn a unit high.
                prop_assert!(place.y >= TOP - 10 && place.y + place.height <= TOP + PLOT + 10);
                prop_assert!(value.is_zero() || place.height >= 10);
                drawn.push((value, place));
            }
            drawn.sort_by_key(|(value, _)| *value);
            for pair in drawn.windows(2) {
                if !pair[0].0.is_negative() {
                    prop_assert!(pair[0].1.height <= pair[1].1.height);
                }
            }
            draw(&bars);
        }
    }
}
