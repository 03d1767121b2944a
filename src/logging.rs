//! The log: on standard error, one line an event, each with a name that stays.
//!
//! ```text
//! 2026-11-25T10:00:00Z WARN receiver lost, trying to get it back event=receiver.lost radio=cellar reason="no such device"
//! ```
//!
//! Where the journal listens, time and level are its own: the line begins with `<4>` instead, which it takes for the
//! priority. `docs/operations.md` lists the events. What came from outside can't begin a line of its own.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::plain::one_line;

/// Log lines from this level on; `RELEVE_LOG` says another one.
pub(crate) fn begin(level: Level) {
    let level = std::env::var("RELEVE_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(level);
    // A second call, in a test process, finds the first one's subscriber and changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(Lines {
            journal: to_journal(),
        })
        .try_init();
}

/// How an event becomes a line.
struct Lines {
    journal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let level = *event.metadata().level();
        if self.journal {
            write!(writer, "<{}>", priority(level))?;
        } else {
            let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
            write!(writer, "{now} {level} ")?;
        }
        writeln!(writer, "{}{}", one_line(&said.message), said.fields)
    }
}

/// Whether standard error goes to the journal: systemd names the device and the file that it connected, which a shell that
/// it started may pass on to programs that write elsewhere.
fn to_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(std::io::stderr()).is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// The journal's number of a level.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), &format!("{value:?}"));
    }
}

impl Said {
    fn put(&mut self, name: &str, value: &str) {
        if name == "message" {
            value.clone_into(&mut self.message);
            return;
        }
        let value = one_line(value);
        let quoted = value.is_empty() || value.contains([' ', '"', '=']);
        let value = if quoted {
            format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            value.into_owned()
        };
        self.fields.push_str(&format!(" {name}={value}"));
    }
}

/// Tells of something that happens again and again at its 1st, 10th, 100th … time; after ten quiet minutes it begins anew.
#[derive(Debug)]
pub(crate) struct Often(Mutex<Option<(u64, Instant)>>);

impl Often {
    /// For something that has not happened yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// It happened: how often so far, when that is worth telling.
    pub(crate) fn again(&self) -> Option<u64> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Option<u64> {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = seen
            .filter(|(_, last)| now.duration_since(*last) < QUIET)
            .map_or(0, |(times, _)| times);
        let times = before + 1;
        *seen = Some((times, now));
        (times == 10_u64.pow(times.ilog10())).then_some(times)
    }
}

/// After so long without it, the next time is news.
const QUIET: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(journal: bool, work: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(Lines { journal })
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let octets = kept.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn what_comes_from_outside_begins_no_line_and_moves_no_cursor() {
        let evil = "x\n<3>nothing was stored\r\u{1b}[2J\" event=forged";
        let text = logged(true, || {
            tracing::warn!(event = "receiver.lost", radio = %evil, octets = 3, reason = evil, "receiver {evil} lost");
        });
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.trim_end().contains(char::is_control), "{text:?}");
        assert!(text.starts_with("<4>receiver x\\n<3>nothing"), "{text}");
        assert!(text.contains(" event=receiver.lost "), "{text}");
        assert!(text.contains("\\\" event=forged\""), "{text}");
        let text = logged(
            false,
            || tracing::info!(event = "ready", api = %"http://[::1]:80", "ready"),
        );
        assert!(
            text.ends_with(" INFO ready event=ready api=http://[::1]:80\n"),
            "{text}"
        );
    }

    #[test]
    fn what_happens_again_and_again_is_told_ever_more_rarely() {
        let often = Often::new();
        let start = Instant::now();
        let told: Vec<u64> = (0..10_000).filter_map(|_| often.at(start)).collect();
        assert_eq!(told, [1, 10, 100, 1000, 10_000]);
        assert_eq!(often.at(start + QUIET / 2), None);
        assert_eq!(often.at(start + QUIET * 2), Some(1));
    }
}
