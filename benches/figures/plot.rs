//! Small charts side by side, as SVG that reads on light and dark pages.

use std::fmt::Write as _;

/// A line of a chart.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart, whose upright axis begins at 0.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
}

const WIDTH: f64 = 230.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 30.0;
const APART: f64 = 300.0;
const COLOURS: [&str; 4] = ["#2f7ed8", "#d8742f", "#3a9a5b", "#8a4fc7"];

/// The charts in two columns; the level axis is logarithmic.
pub(crate) fn svg(level: &str, panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2);
    let (width, height) = (LEFT + 2.0 * APART, 24.0 + APART * 0.78 * rows as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#777\">\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        let x = LEFT + APART * (place % 2) as f64;
        let y = TOP + APART * 0.78 * (place / 2) as f64;
        chart(&mut text, panel, level, (x, y));
    }
    text.push_str("</svg>\n");
    text
}

fn chart(text: &mut String, panel: &Panel, level: &str, (x, y): (f64, f64)) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let most = points().map(|(_, value)| *value).fold(0.0, f64::max).max(1e-9) * 1.15;
    let first = points().map(|(at, _)| *at).fold(f64::MAX, f64::min);
    let last = points().map(|(at, _)| *at).fold(0.0, f64::max).max(first * 1.01);
    let along = |at: f64| x + (at / first).ln() / (last / first).ln() * WIDTH;
    let up = |value: f64| y + HEIGHT - value / most * HEIGHT;
    let _ = writeln!(
        text,
        "<text x=\"{x:.0}\" y=\"{:.0}\" font-weight=\"bold\">{}</text>\n\
         <path d=\"M{x:.0} {y:.0}v{HEIGHT:.0}h{WIDTH:.0}\" fill=\"none\" stroke=\"#999\"/>",
        y - 10.0,
        panel.title
    );
    for part in [0.0, 0.5, 1.0] {
        let value = most / 1.15 * part;
        let label = crate::figure::number(if most > 20.0 { value.round() } else { value });
        let _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            x - 5.0,
            up(value) + 4.0
        );
    }
    let mut ages: Vec<f64> = points().map(|(at, _)| *at).collect();
    ages.sort_by(f64::total_cmp);
    ages.dedup();
    for at in ages {
        let _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{at:.0}</text>",
            along(at),
            y + HEIGHT + 15.0
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{level}</text>",
        x + WIDTH / 2.0,
        y + HEIGHT + 30.0
    );
    for (place, (line, colour)) in panel.lines.iter().zip(COLOURS).enumerate() {
        let path: Vec<String> = line
            .points
            .iter()
            .map(|(at, value)| format!("{:.1} {:.1}", along(*at), up(*value)))
            .collect();
        let _ = writeln!(
            text,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{}</text>",
            path.join("L"),
            x + 8.0,
            y + HEIGHT - 8.0 - 13.0 * place as f64,
            line.name
        );
    }
}
