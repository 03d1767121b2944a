//! `releve radios`: what is plugged in, and, when asked, what it is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use collector::dongle::{Model, Wanted};
use collector::ports::{Port, usb_ports};
use collector::serial::{Dongle, Settings, Silence};
use collector::{Event, LinkMode, Receiver};
use serde_json::json;

use super::{Done, Outcome};

/// What to show.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  releve radios
  releve radios --ask
  releve radios --ask --device /dev/ttyUSB3

Without --ask nothing is opened: the kernel knows ids and names. With --ask every port behind which one of our dongles may be
is opened and asked who it is; ports of other devices (Zigbee, Z-Wave, Bluetooth, boards) are left alone, and so is a port that
another program has open.")]
pub(super) struct Args {
    /// Open the ports that may be ours, and ask who is there.
    #[arg(long)]
    ask: bool,
    /// Only this port, whatever is said to be behind it.
    #[arg(long, value_name = "PORT", requires = "ask")]
    device: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found at a port.
struct Found {
    port: Option<Port>,
    path: PathBuf,
    answer: Option<Result<String, String>>,
}

/// A set-up that takes longer than all questions with all their patience has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(args: &Args) -> Outcome {
    super::run::log_warnings();
    let mut found: Vec<Found> = match &args.device {
        Some(path) => vec![Found {
            port: None,
            path: path.clone(),
            answer: None,
        }],
        None => usb_ports()
            .into_iter()
            .map(|port| Found {
                path: port.lasting().to_owned(),
                port: Some(port),
                answer: None,
            })
            .collect(),
    };
    if args.ask {
        for found in &mut found {
            let may_ask = found
                .port
                .as_ref()
                .is_none_or(|port| !port.candidates().is_empty());
            found.answer = may_ask.then(|| ask(&found.path));
        }
    }
    super::print(&if args.json {
        format!("{}\n", answer(&found))
    } else {
        table(args, &found)
    })?;
    let all_well = found.iter().all(|found| !matches!(found.answer, Some(Err(_))));
    Ok(if all_well { Done::Whole } else { Done::InPart })
}

/// Opens a port and sets what is there up, as the daemon would; who it is, or why nobody knows.
fn ask(path: &std::path::Path) -> Result<String, String> {
    let mut dongle = Dongle::new(Settings {
        radio: "radios".into(),
        port: Some(path.to_owned()),
        model: None,
        baud: None,
        wanted: Wanted {
            modes: vec![LinkMode::C, LinkMode::T],
            may_write_flash: false,
        },
        silence: Silence::new(Duration::ZERO),
        retry: PATIENCE,
    });
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        match dongle.next(Duration::from_millis(200)) {
            Event::Ready(identity) => return Ok(identity),
            Event::Lost(reason) => return Err(reason),
            _ => {}
        }
    }
    Err("no answer".to_owned())
}

fn names(models: &[Model]) -> Vec<&'static str> {
    models.iter().map(|model| model.name()).collect()
}

fn table(args: &Args, found: &[Found]) -> String {
    let mut text = String::new();
    for Found { port, path, answer } in found {
        let _ = writeln!(text, "{}", path.display());
        if let Some(port) = port {
            let says: Vec<&str> = [&port.manufacturer, &port.name, &port.serial]
                .into_iter()
                .map(String::as_str)
                .filter(|text| !text.is_empty())
                .collect();
            let _ = writeln!(
                text,
                "    {:04x}:{:04x} {}",
                port.vendor,
                port.product,
                says.join(", ")
            );
            if port.candidates().is_empty() {
                let _ = writeln!(text, "    not one of ours, and left alone");
            } else if answer.is_none() {
                let _ = writeln!(
                    text,
                    "    may be: {} (--ask asks it)",
                    names(port.candidates()).join(", ")
                );
            }
        }
        match answer {
            Some(Ok(identity)) => {
                let _ = writeln!(text, "    {identity}");
            }
            Some(Err(reason)) => {
                let _ = writeln!(text, "    {reason}");
            }
            None => {}
        }
    }
    if found.is_empty() {
        text.push_str("no USB device with a serial port is plugged in\n");
    } else if !args.ask {
        text.push_str("\nIn a configuration: device = \"…\" with the name above, and model = \"…\", or device = \"auto\"\n");
    }
    text
}

fn answer(found: &[Found]) -> serde_json::Value {
    let rows: Vec<_> = found
        .iter()
        .map(|Found { port, path, answer }| {
            json!({
                "device": path.display().to_string(),
                "port": port.as_ref().map(|port| port.path.display().to_string()),
                "usb": port.as_ref().map(|port| format!("{:04x}:{:04x}", port.vendor, port.product)),
                "manufacturer": port.as_ref().map(|port| &port.manufacturer),
                "name": port.as_ref().map(|port| &port.name),
                "serial": port.as_ref().map(|port| &port.serial),
                "may_be": port.as_ref().map(|port| names(port.candidates())),
                "identity": answer.as_ref().and_then(|answer| answer.as_ref().ok()),
                "reason": answer.as_ref().and_then(|answer| answer.as_ref().err()),
            })
        })
        .collect();
    json!({ "radios": rows })
}
