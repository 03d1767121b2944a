//! A simulated building on disk: what the receivers heard, the building's registry, and the truth beside them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use collector::capture::Writer;
use decoders::Families;
use wmbus::{Decimal, Key};

use super::{Building, Dwelling, Plan, Point, SimulateError, Use};

/// What was written where.
#[derive(Debug, Clone)]
pub struct Written {
    /// The capture.
    pub capture: PathBuf,
    /// The registry, with keys.
    pub registry: PathBuf,
    /// The truth, one JSON object a line.
    pub truth: PathBuf,
    /// What happened, one JSON object a line.
    pub events: PathBuf,
    /// Telegrams in the capture.
    pub telegrams: u64,
    /// Meters in the registry.
    pub meters: usize,
}

/// Writes capture, registry and truth of a building into a folder that exists.
///
/// `progress` is told how much of the time has been simulated, from 0 to 1000.
///
/// # Errors
/// A file can't be written, or a family's page is missing or can't say a value.
pub fn write(
    building: &Building,
    plan: &Plan,
    families: &Families,
    folder: &Path,
    mut progress: impl FnMut(u64),
) -> Result<Written, Box<dyn std::error::Error + Send + Sync>> {
    let (capture, registry, truth) = (
        folder.join("capture.txt"),
        folder.join("registry.csv"),
        folder.join("truth.jsonl"),
    );
    let events = folder.join("events.jsonl");
    let mut out = create(&registry)?;
    registry_list(building, &mut out)?;
    out.flush()?;
    let mut out = create(&events)?;
    for event in &building.happened {
        serde_json::to_writer(&mut out, event)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    let mut out = Writer::new(create(&capture)?);
    out.comment("Simulated by releve: invented meters, numbers and keys.")?;
    let mut facts = create(&truth)?;
    let mut telegrams = 0;
    let turns = u64::from(plan.days) * 1440 / u64::from(plan.every_minutes.max(1));
    for (turn, heard) in (0_u64..).zip(building.on_the_air(plan, families)) {
        for heard in heard.map_err(Box::<SimulateError>::new)? {
            out.write(&heard.telegram)?;
            telegrams += 1;
            if let Some(fact) = heard.truth {
                serde_json::to_writer(&mut facts, &fact)?;
                facts.write_all(b"\n")?;
            }
        }
        progress(turn * 1000 / turns.max(1));
    }
    out.flush()?;
    facts.flush()?;
    Ok(Written {
        capture,
        registry,
        truth,
        events,
        telegrams,
        meters: building.points().count(),
    })
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    File::create(path).map(BufWriter::new).map_err(named)
}

/// The building's list in the columns that `releve registry import` reads: a line for each meter, and one more for each
/// change of its factor.
///
/// # Errors
/// The list can't be written.
pub fn registry_list(building: &Building, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "site,site_name,address,time_zone,lot,client_ref,surface_m2,room,kind,manufacturer,id,version,type,\
         printed_serial,key,rating_factor,from,factor_from,to,start_index,end_index"
    )?;
    for dwelling in &building.dwellings {
        for point in &dwelling.points {
            let changed = point.life.new_factor.filter(|(at, _)| {
                // The old meter may have left before.
                point.life.until.is_none_or(|until| *at < until)
            });
            let first = (point.rating_thousandths, String::new());
            let lines = std::iter::once(first).chain(changed.map(|(at, factor)| (factor, at.to_string())));
            for (factor, factor_from) in lines {
                line(building, dwelling, point, (factor, &factor_from), out)?;
            }
        }
    }
    Ok(())
}

fn line(
    building: &Building,
    dwelling: &Dwelling,
    point: &Point,
    (factor, factor_from): (u32, &str),
    out: &mut impl Write,
) -> io::Result<()> {
    let surface = format!("{}.{:02}", dwelling.surface / 100, dwelling.surface % 100);
    let Point {
        address,
        printed_serial,
        room,
        ..
    } = point;
    let (kind, places, factor) = match point.use_ {
        Use::HotWater => ("hot_water", 6, String::new()),
        Use::Heating => ("heating", 3, format!("{}.{:03}", factor / 1000, factor % 1000)),
    };
    let key = point.key.map(Key::aes);
    let key: String = key
        .iter()
        .flat_map(|key| key.reveal())
        .map(|octet| format!("{octet:02X}"))
        .collect();
    let from = point
        .life
        .since
        .map_or_else(|| building.first_day().to_string(), |since| since.to_string());
    let to = point
        .life
        .until
        .map_or_else(String::new, |until| until.to_string());
    let shown = |at: Option<jiff::Timestamp>| {
        let index = at.and_then(|at| i64::try_from(point.current(at, &building.span)).ok());
        index.map_or_else(String::new, |index| Decimal::new(index, -places).to_string())
    };
    writeln!(
        out,
        "{},Les Tilleuls,\"{}\",{},{},{},{surface},{room},{kind},{},{},{},{},{printed_serial},{key},{factor},{from},\
         {factor_from},{to},{},{}",
        building.code,
        building.address,
        building.time_zone,
        dwelling.lot,
        dwelling.client_ref,
        address.manufacturer,
        address.identification_number,
        address.version,
        address.device_type,
        shown(point.life.since),
        shown(point.life.until),
    )
}
