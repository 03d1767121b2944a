//! Receivers, as the configuration describes them.

use std::error::Error;
use std::path::Path;

use collector::Receiver;
use collector::capture::Origin;
use collector::receiver::{Clock, File, Growing, Stream};
use collector::serial::Dongle;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::config::{self, Times};

/// The receiver that a block of the configuration describes.
///
/// # Errors
/// It names something that is not there, or can't be begun.
pub fn open(config: &config::Receiver) -> Result<Box<dyn Receiver>, Box<dyn Error + Send + Sync>> {
    let origin = Origin::new(&config.name).in_zone(TimeZone::get(&config.time_zone)?);
    let named = |path: &Path, error: std::io::Error| {
        format!("receiver {:?}: {}: {error}", config.name, path.display())
    };
    let live = match config.times {
        Times::Now => Clock::Now,
        Times::Recorded => Clock::RecordedOrNow,
    };
    if let Some(path) = &config.file {
        return Ok(if config.follow {
            Box::new(Growing::new(path, origin))
        } else {
            Box::new(File::open(path, origin).map_err(|error| named(path, error))?)
        });
    }
    if let Some(path) = &config.pipe {
        return Ok(Box::new(
            Stream::pipe(path, origin, live).map_err(|error| named(path, error))?,
        ));
    }
    if let Some(settings) = config.dongle()? {
        return Ok(Box::new(Dongle::new(settings)));
    }
    if let Some(address) = &config.tcp {
        let stream = Stream::tcp(address, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(address), error))?,
        ));
    }
    if let Some(path) = &config.unix {
        return Ok(Box::new(
            Stream::unix(path, origin, live).map_err(|error| named(path, error))?,
        ));
    }
    if let Some(address) = &config.udp {
        let stream = Stream::udp(address, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(address), error))?,
        ));
    }
    if let Some(mut broker) = config.broker()? {
        if let (Some((_, password)), Some(path)) = (&mut broker.login, &config.password_file) {
            let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| named(path, error))?);
            text.lines().next().unwrap_or_default().clone_into(password);
        }
        let host = broker.host.clone();
        let stream = Stream::mqtt(broker, origin, live);
        return Ok(Box::new(stream.map_err(|error| named(Path::new(&host), error))?));
    }
    if let Some((program, arguments)) = config.command.split_first() {
        let stream = Stream::command(program, arguments, origin, live);
        return Ok(Box::new(
            stream.map_err(|error| named(Path::new(program), error))?,
        ));
    }
    Ok(Box::new(Stream::stdin(origin, live)?))
}
