//! Replay to durable SQLite, as the command does it: telegrams a second, memory, and the same again.

use std::fs;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::figure::{Bar, Figure};
use crate::process::{Counted, Folder, Simulated, releve, simulate};
use crate::{Extent, Say};

#[allow(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn figures(extent: Extent, say: &mut Say<'_>) {
    let folder = Folder::new("replay");
    // A building of some two hundred meters of all families, every quarter of an hour.
    let days = extent.pick("15", "90");
    let building = simulate(
        &folder,
        "building",
        &["--dwellings", "24", "--every-minutes", "15", "--days", days],
    );
    // Into a new store each time, the quickest counts: machines are shared.
    let turns: Vec<Simulated> = (0..3)
        .map(|turn| {
            let db = folder.path(&format!("turn-{turn}.db"));
            fs::copy(&building.db, &db).unwrap();
            Simulated {
                db,
                capture: building.capture.clone(),
                ..building
            }
        })
        .collect();
    let (took, peak, _) = turns.iter().map(replay).min_by_key(|(took, ..)| *took).unwrap();
    let building = turns.into_iter().next_back().unwrap();
    let rate = building.telegrams as f64 / took.as_secs_f64();
    say(Figure::new("replay to durable SQLite", rate, "1/s")
        .against(Bar::AtLeast(100_000.0))
        .noting(format!(
            "{} telegrams of {} meters",
            building.telegrams, building.meters
        )));
    let (again, _, written) = replay(&building);
    say(Figure::new(
        "the same file again",
        building.telegrams as f64 / again.as_secs_f64(),
        "1/s",
    )
    .noting(format!("adds nothing, {written} octets written")));

    // Ten times the file, the same memory.
    let tenth = folder.path("tenth.txt");
    let text = fs::read(&building.capture).unwrap();
    let cut = text.len() / 10;
    let end = cut + text[cut..].iter().position(|octet| *octet == b'\n').unwrap() + 1;
    fs::File::create(&tenth).unwrap().write_all(&text[..end]).unwrap();
    let small = simulate(
        &folder,
        "small",
        &["--dwellings", "24", "--every-minutes", "15", "--days", "1"],
    );
    let small = Simulated {
        capture: tenth,
        ..small
    };
    let (_, least, _) = replay(&small);
    say(Figure::new(
        "memory of a replay, a tenth of the file",
        least as f64 / 1024.0,
        "MB",
    ));
    say(Figure::new(
        "memory of a replay, the whole file",
        peak as f64 / 1024.0,
        "MB",
    ));
}

/// How long it took until all was durable, the most memory it held, and what it wrote.
fn replay(building: &Simulated) -> (Duration, u64, u64) {
    let begun = Instant::now();
    let mut child = releve(&[
        "replay",
        "--json",
        building.capture.to_str().unwrap(),
        "--db",
        building.db.to_str().unwrap(),
    ])
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    let (mut peak, mut written) = (0, 0);
    let took = loop {
        let now = Counted::of(child.id());
        peak = peak.max(now.peak_kib);
        written = written.max(now.written);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break begun.elapsed();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    (took, peak, written)
}
