//! Progress bars for long work: on a terminal only, and on standard error, so that they never end up in a file.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of this many steps.
pub(super) fn bar(steps: u64, what: &'static str) -> ProgressBar {
    styled(steps, what, "{msg} {wide_bar} {percent:>3} %  {eta}")
}

/// A bar of this many octets.
pub(super) fn octets(octets: u64, what: String) -> ProgressBar {
    styled(
        octets,
        what,
        "{msg} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}",
    )
}

fn styled(length: u64, what: impl Into<std::borrow::Cow<'static, str>>, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(what);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
