//! Where fuzzing begins: telegrams that our own encoder makes, and the project's own fixtures. `cargo run --example seeds`.

use std::fs;
use std::path::Path;
use std::slice;

use decoders::example::story;
use decoders::{Families, Sealing};
use wmbus::bare::take_off;
use wmbus::{Frame, Key};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let families = Families::embedded()?;
    let key: Key = releve_fuzz::KEY.parse()?;
    for target in ["frame", "bare", "records", "capture", "page", "registry", "dongle"] {
        fs::create_dir_all(home.join("corpus").join(target))?;
    }
    let seed = |target: &str, name: &str, octets: &[u8]| {
        fs::write(home.join("corpus").join(target).join(name), octets)
    };
    for family in families.iter() {
        let Some(meter) = family.inhabitant() else { continue };
        let sealings = [
            ("clear", Sealing::Clear),
            ("mode5", Sealing::Mode5(key.clone())),
            ("mode7", Sealing::Mode7(key.clone())),
            ("mode10", Sealing::Mode10(key.clone())),
            ("link", Sealing::Link(key.clone())),
        ];
        for (name, sealing) in sealings {
            let Ok(telegram) = family.telegram(meter, &story(7, None), &sealing) else { continue };
            let name = format!("{}-{name}", family.name);
            seed("frame", &name, &telegram)?;
            // As received, and as it stands on a disk.
            seed("bare", &name, &[&[0][..], &telegram].concat())?;
            if let Some(bare) = take_off(&telegram, slice::from_ref(&key), |_| true) {
                seed("bare", &format!("{name}-kept"), &[&[bare.way][..], &bare.octets].concat())?;
            }
            let hex: String = telegram.iter().map(|octet| format!("{octet:02X}")).collect();
            seed("capture", &name, format!("2026-01-15T07:01:51.104Z -67 T checked {hex} @attic\n").as_bytes())?;
            for model in 0..6_u8 {
                let mut line = vec![model, 16];
                line.extend(&telegram);
                if model == 0 {
                    seed("dongle", &name, &line)?;
                }
            }
            if let Ok(frame) = Frame::parse(&telegram)
                && let Ok(message) = families.open(&frame, &[key.clone()])
            {
                seed("records", &name, &message.payload)?;
            }
        }
    }
    let project = home.join("..");
    for (folder, target) in [
        ("decoders/families", "page"),
        ("fixtures/registries", "registry"),
        ("fixtures/captures", "capture"),
        ("fixtures/rejected", "capture"),
        ("fixtures/dongles", "dongle"),
    ] {
        let Ok(entries) = fs::read_dir(project.join(folder)) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_file() {
                let octets = fs::read(&path)?;
                let start = octets.get(..octets.len().min(8192)).unwrap_or_default();
                seed(target, &entry_name(&path), start)?;
            }
        }
    }
    Ok(())
}

fn entry_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
