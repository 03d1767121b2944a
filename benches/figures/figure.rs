//! A figure, its bar, and how both are shown.

use serde_json::{Value, json};

/// What a figure is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// It should be this much or more.
    AtLeast(f64),
    /// It should be this much or less.
    AtMost(f64),
}

/// Something that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    bar: Option<Bar>,
    note: String,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            bar: None,
            note: String::new(),
        }
    }

    /// With what it is held against.
    pub(crate) fn against(self, bar: Bar) -> Self {
        Self {
            bar: Some(bar),
            ..self
        }
    }

    /// With what one should know of it.
    pub(crate) fn noting(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    /// Whether it reaches its bar; nothing without one.
    fn is_met(&self) -> Option<bool> {
        self.bar.map(|bar| match bar {
            Bar::AtLeast(least) => self.value >= least,
            Bar::AtMost(most) => self.value <= most,
        })
    }

    /// The head of the table that [`Figure::line`] fills.
    pub(crate) fn head() -> String {
        format!(
            "{:<58} {:>12} {:<12} {:>14}  {:<8}\n{}",
            "figure",
            "measured",
            "",
            "bar",
            "",
            "-".repeat(110)
        )
    }

    pub(crate) fn line(&self) -> String {
        let bar = match self.bar {
            None => String::new(),
            Some(Bar::AtLeast(least)) => format!(">= {}", number(least)),
            Some(Bar::AtMost(most)) => format!("<= {}", number(most)),
        };
        let met = match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "NOT MET",
        };
        format!(
            "{:<58} {:>12} {:<12} {bar:>14}  {met:<8} {}",
            self.name,
            number(self.value),
            self.unit,
            self.note
        )
        .trim_end()
        .to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        let (kind, bar) = match self.bar {
            None => (None, None),
            Some(Bar::AtLeast(least)) => (Some("at_least"), Some(least)),
            Some(Bar::AtMost(most)) => (Some("at_most"), Some(most)),
        };
        json!({
            "figure": self.name, "value": self.value, "unit": self.unit, "bar": bar, "bar_is": kind,
            "met": self.is_met(), "note": self.note,
        })
    }
}

/// Three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
