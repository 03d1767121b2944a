//! A simulated building on disk: what the receivers heard, the building's registry, and the truth beside them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use collector::capture::Writer;
use decoders::Families;
use wmbus::Key;

use super::{Building, Plan, Point, SimulateError, Use};

/// What was written where.
#[derive(Debug, Clone)]
pub struct Written {
    /// The capture.
    pub capture: PathBuf,
    /// The registry, with keys.
    pub registry: PathBuf,
    /// The truth, one JSON object a line.
    pub truth: PathBuf,
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
    write_registry(building, &registry)?;
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
        telegrams,
        meters: building.points().count(),
    })
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    File::create(path).map(BufWriter::new).map_err(named)
}

/// One line for each meter, in the columns that `releve registry import` reads.
fn write_registry(building: &Building, path: &Path) -> io::Result<()> {
    let mut out = create(path)?;
    writeln!(
        out,
        "site,site_name,address,time_zone,lot,client_ref,surface_m2,room,kind,manufacturer,id,version,type,\
         printed_serial,key,rating_factor,from"
    )?;
    for dwelling in &building.dwellings {
        for point in &dwelling.points {
            let surface = format!("{}.{:02}", dwelling.surface / 100, dwelling.surface % 100);
            let Point {
                address,
                printed_serial,
                room,
                ..
            } = point;
            let kind = match point.use_ {
                Use::HotWater => "hot_water",
                Use::Heating => "heating",
            };
            let key = point.key.map(Key::aes);
            let key: String = key
                .iter()
                .flat_map(|key| key.reveal())
                .map(|octet| format!("{octet:02X}"))
                .collect();
            let factor = match point.use_ {
                Use::HotWater => String::new(),
                Use::Heating => format!(
                    "{}.{:03}",
                    point.rating_thousandths / 1000,
                    point.rating_thousandths % 1000
                ),
            };
            writeln!(
                out,
                "{},Les Tilleuls,\"{}\",{},{},{},{surface},{room},{kind},{},{},{},{},{printed_serial},{key},{factor},{}",
                building.code,
                building.address,
                building.time_zone,
                dwelling.lot,
                dwelling.client_ref,
                address.manufacturer,
                address.identification_number,
                address.version,
                address.device_type,
                building.first_day(),
            )?;
        }
    }
    out.flush()
}
