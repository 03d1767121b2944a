//! `layer.c`, built and put between releve and the system; and what it wrote down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::Folder;
use crate::luck::Luck;

/// The layer as a library; nothing (said on standard error) where there is no C compiler.
pub(crate) fn build(folder: &Folder) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/layer.c");
    let library = folder.path("layer.so");
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output();
    match done {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("skipped: no C compiler ({error})");
            None
        }
    }
}

/// One change of a watched file, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
    Synchronise,
    Create,
    Remove,
    Rename(String),
    SynchroniseFolder,
}

/// What was written down, with the place in the log behind each record.
pub(crate) fn records(log: &[u8]) -> Vec<(u64, String, Change)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 20 <= log.len() {
        let number = |from: usize| u64::from_le_bytes(log[from..from + 8].try_into().unwrap());
        let (kind, name_length) = (log[at], usize::from(log[at + 1]));
        let (offset, length) = (number(at + 4), usize::try_from(number(at + 12)).unwrap());
        let name_at = at + 20;
        let data_at = name_at + name_length;
        let name = String::from_utf8(log[name_at..data_at].to_vec()).unwrap();
        let data = log[data_at..data_at + length].to_vec();
        let offset = usize::try_from(offset).unwrap();
        let change = match kind {
            b'W' => Change::Write { at: offset, data },
            b'T' => Change::Truncate(offset),
            b'S' => Change::Synchronise,
            b'C' => Change::Create,
            b'U' => Change::Remove,
            b'R' => Change::Rename(String::from_utf8(data).unwrap()),
            b'D' => Change::SynchroniseFolder,
            other => panic!("record {other} at {at}"),
        };
        at = data_at + length;
        found.push((at as u64, name, change));
    }
    assert_eq!(at, log.len(), "a record was cut");
    found
}

/// Files as a disk has them: what is on it for certain, and what was asked for since.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    /// What is certain to be found under a name.
    files: BTreeMap<String, File>,
    /// Entries of the folder as a running system sees them, where they differ from what is certain.
    entries: Vec<(String, Change)>,
}

#[derive(Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Its entry in the folder is on the disk.
    entered: bool,
}

impl Disk {
    /// With a file that lies there since long ago.
    pub(crate) fn with(name: &str, content: Vec<u8>) -> Self {
        let file = File {
            durable: content,
            pending: Vec::new(),
            entered: true,
        };
        Self {
            files: BTreeMap::from([(name.to_owned(), file)]),
            entries: Vec::new(),
        }
    }

    /// Something is asked of it.
    pub(crate) fn take(&mut self, name: &str, change: &Change) {
        match change {
            Change::Write { .. } | Change::Truncate(_) => {
                self.files
                    .entry(name.to_owned())
                    .or_default()
                    .pending
                    .push(change.clone());
            }
            Change::Synchronise => {
                let file = self.files.entry(name.to_owned()).or_default();
                for change in std::mem::take(&mut file.pending) {
                    apply(&mut file.durable, &change);
                }
            }
            Change::Create => {
                self.files.insert(name.to_owned(), File::default());
            }
            Change::Remove | Change::Rename(_) => self.entries.push((name.to_owned(), change.clone())),
            Change::SynchroniseFolder => {
                for (name, change) in std::mem::take(&mut self.entries) {
                    self.enter(&name, &change);
                }
                for file in self.files.values_mut() {
                    file.entered = true;
                }
            }
        }
    }

    fn enter(&mut self, name: &str, change: &Change) {
        match change {
            Change::Remove => drop(self.files.remove(name)),
            Change::Rename(to) => {
                if let Some(file) = self.files.remove(name) {
                    self.files.insert(to.clone(), file);
                }
            }
            _ => {}
        }
    }

    /// What a power cut at this moment may leave, one of many: of what was not synchronised each change is there, or is
    /// not, or some of its sectors are.
    pub(crate) fn after_power_cut(&self, luck: &mut Luck) -> BTreeMap<String, Vec<u8>> {
        let mut left = self.clone();
        // Entries of a folder keep their order; how many of them are there is chance.
        let entries = left.entries.clone();
        for (name, change) in entries.iter().take(luck.index(entries.len() + 1)) {
            left.enter(name, change);
        }
        let mood = luck.below(4);
        let mut found = BTreeMap::new();
        for (name, file) in left.files {
            if !file.entered && luck.hits(500) {
                continue;
            }
            let mut content = file.durable;
            let count = file.pending.len();
            for (number, change) in file.pending.iter().enumerate() {
                match mood {
                    // Nothing of it, all but the last one, or each by chance.
                    0 => {}
                    1 if number + 1 < count => apply(&mut content, change),
                    2 if luck.hits(500) => apply(&mut content, change),
                    _ => torn(&mut content, change, luck),
                }
            }
            found.insert(name, content);
        }
        found
    }
}

/// The smallest piece that a disk writes whole.
const SECTOR: usize = 512;

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, data } => {
            if content.len() < at + data.len() {
                content.resize(at + data.len(), 0);
            }
            content[*at..at + data.len()].copy_from_slice(data);
        }
        Change::Truncate(length) => content.resize(*length, 0),
        _ => {}
    }
}

/// Some sectors of a write; a change of length whole or not at all.
fn torn(content: &mut Vec<u8>, change: &Change, luck: &mut Luck) {
    let Change::Write { at, data } = change else {
        if luck.hits(500) {
            apply(content, change);
        }
        return;
    };
    let mut from = 0;
    while from < data.len() {
        let until = data.len().min(((at + from) / SECTOR + 1) * SECTOR - at);
        if luck.hits(500) {
            let part = Change::Write {
                at: at + from,
                data: data[from..until].to_vec(),
            };
            apply(content, &part);
        }
        from = until;
    }
}

/// Writes an image under another name for its first file, which the others begin with.
pub(crate) fn lay_down(image: &BTreeMap<String, Vec<u8>>, name: &str, target: &Path) {
    for (file, content) in image {
        let Some(suffix) = file.strip_prefix(name) else {
            continue;
        };
        // Shared memory does not outlive a system.
        if suffix == "-shm" {
            continue;
        }
        let mut path = target.as_os_str().to_owned();
        path.push(suffix);
        fs::write(PathBuf::from(path), content).unwrap();
    }
}
