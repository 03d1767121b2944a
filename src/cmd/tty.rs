//! `releve simulate --tty`: the building's telegrams through a simulated dongle on a pseudo-terminal, with its faults.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use collector::capture::{Content, Origin, Reader};
use collector::dongle::Model;
use collector::pty::Plugged;
use wmbus::Frame;

/// The dongle, and what is wrong with it.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct TtyArgs {
    /// Then plug a simulated dongle in, and let it hear the building: im871a, iu891a, amb8465, rc1180, cul or rawtty.
    #[arg(long, value_name = "MODEL", value_parser = model)]
    pub(super) tty: Option<Model>,
    /// With --tty: a link to its pseudo-terminal, so that it comes back under the same name.
    #[arg(long, value_name = "PATH", requires = "tty")]
    link: Option<PathBuf>,
    /// With --tty: telegrams a second.
    #[arg(long, default_value_t = 5, requires = "tty", value_parser = clap::value_parser!(u32).range(1..=1000))]
    per_second: u32,
    /// With --tty: a burst of garbage after so many telegrams, per thousand.
    #[arg(long, default_value_t = 0, requires = "tty", value_parser = clap::value_parser!(u32).range(0..=1000))]
    garbage_per_mille: u32,
    /// With --tty: messages cut in half, per thousand.
    #[arg(long, default_value_t = 0, requires = "tty", value_parser = clap::value_parser!(u32).range(0..=1000))]
    half_per_mille: u32,
    /// With --tty: after so many telegrams it answers, but hears nothing until it is reset.
    #[arg(long, value_name = "TELEGRAMS", requires = "tty")]
    deaf_after: Option<u64>,
    /// With --tty: after so many telegrams it is unplugged, and plugged in again ten seconds later. Needs --link.
    #[arg(long, value_name = "TELEGRAMS", requires = "link")]
    unplug_after: Option<u64>,
}

fn model(name: &str) -> Result<Model, String> {
    Model::from_name(name).ok_or_else(|| format!("write one of {}", Model::ALL.map(Model::name).join(", ")))
}

/// What was played.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) delivered: u64,
    pub(super) halves: u64,
    pub(super) garbage: u64,
    pub(super) resets: u64,
}

/// How long it is out.
const UNPLUGGED: Duration = Duration::from_secs(10);

/// Plays a capture to whoever opens the dongle, until its end or until told to stop.
pub(super) fn play(
    capture: &Path,
    args: &TtyArgs,
    model: Model,
    stop: &AtomicBool,
) -> Result<Played, Box<dyn Error + Send + Sync>> {
    let mut plugged = Plugged::new(model, args.link.as_deref())?;
    super::print(&format!("{} on {}\n", model.name(), plugged.path().display()))?;
    std::io::stdout().flush()?;
    let mut played = Played::default();
    let pause = Duration::from_secs(1) / args.per_second.max(1);
    let mut reader = Reader::new(BufReader::new(File::open(capture)?), Origin::new("tty"));
    // Faults come as regularly as asked for, whatever the seed.
    let (mut garbage_due, mut half_due) = (0, 0);
    while let Some(line) = reader.read_line()? {
        let Content::Telegrams(telegrams) = line.content else {
            continue;
        };
        for telegram in telegrams {
            let Ok(frame) = Frame::parse(&telegram.octets) else {
                continue;
            };
            if args.unplug_after == Some(played.delivered) {
                let resets = plugged.dongle().resets();
                drop(plugged);
                wait(UNPLUGGED, stop);
                plugged = Plugged::new(model, args.link.as_deref())?;
                played.resets += resets;
                played.delivered += 1;
            }
            if args.deaf_after == Some(played.delivered) {
                plugged.go_deaf();
                played.delivered += 1;
            }
            // Nothing is lost for want of a listener: it waits to be set up.
            while !plugged.dongle().is_listening() {
                if stop.load(Ordering::Relaxed) {
                    return Ok(played);
                }
                plugged.turn(Duration::from_millis(50))?;
            }
            let next = Instant::now() + pause;
            if is_due(&mut garbage_due, args.garbage_per_mille) {
                plugged.say(&[0x55, 0xFF, 0xA5, 0x00, 0xC0, 0x13, 0x37])?;
                played.garbage += 1;
            }
            if is_due(&mut half_due, args.half_per_mille) {
                let whole = plugged.dongle().deliver(frame.octets());
                plugged.say(whole.get(..whole.len() / 2).unwrap_or_default())?;
                played.halves += 1;
            }
            plugged.deliver(frame.octets())?;
            played.delivered += 1;
            loop {
                if stop.load(Ordering::Relaxed) {
                    played.resets += plugged.dongle().resets();
                    return Ok(played);
                }
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                plugged.turn(left.min(Duration::from_millis(50)))?;
            }
        }
    }
    // Whoever listens reads what is still on the line.
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        plugged.turn(Duration::from_millis(50))?;
    }
    played.resets += plugged.dongle().resets();
    Ok(played)
}

fn is_due(sum: &mut u32, per_mille: u32) -> bool {
    *sum += per_mille;
    let due = *sum >= 1000;
    *sum %= 1000;
    due
}

fn wait(duration: Duration, stop: &AtomicBool) {
    let until = Instant::now() + duration;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(50));
    }
}
