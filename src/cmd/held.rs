//! What was heard and not stored when the daemon had to end: written beside the store as a capture, and read again first.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use collector::Telegram;
use collector::capture::Writer;
use decoders::Families;
use tracing::{info, warn};

use super::replay;
use crate::pipeline::Pipeline;
use crate::store::{Store, held_path};

/// Writes telegrams down behind those that are there already; where.
///
/// # Errors
/// The file can't be written.
pub(super) fn keep(store: &Path, telegrams: &[Telegram]) -> io::Result<PathBuf> {
    let path = held_path(store);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)?;
    let mut out = Writer::new(BufWriter::new(&file));
    for telegram in telegrams {
        out.write(telegram)?;
    }
    out.flush()?;
    file.sync_all()?;
    Ok(path)
}

/// Reads what was written down into the store, and removes it; how many telegrams. `None` when there is nothing.
///
/// # Errors
/// It can't be read, or the store refuses it: it stays there.
pub(super) fn read(
    path_of_store: &Path,
    store: &dyn Store,
    families: &Families,
) -> Result<Option<u64>, Box<dyn Error + Send + Sync>> {
    let path = held_path(path_of_store);
    if !path.exists() {
        return Ok(None);
    }
    let pipeline = Pipeline::on(store, families.clone())?;
    let summary = replay::into(store, pipeline, std::slice::from_ref(&path))?;
    wipe(&path)?;
    Ok(Some(summary.telegrams))
}

/// The same when a daemon begins: what goes wrong is said.
pub(super) fn take(path_of_store: &Path, store: &dyn Store, families: &Families) {
    match read(path_of_store, store, families) {
        Ok(None) => {}
        Ok(Some(telegrams)) => info!(
            event = "held.stored",
            telegrams, "what an earlier run heard and could not store is stored"
        ),
        Err(error) => {
            let path = held_path(path_of_store);
            warn!(event = "held.waiting", file = %path.display(), %error, "what an earlier run heard could not be stored yet")
        }
    }
}

/// Overwrites a file and removes it: what it held may be erased one day, and is in the store from now on.
fn wipe(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(length), &mut file)?;
    file.flush()?;
    file.sync_all()?;
    fs::remove_file(path)
}
