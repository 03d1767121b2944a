//! What was heard and not stored when the daemon had to end: written beside the store as a capture, and read again first.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use collector::Telegram;
use collector::capture::Writer;
use decoders::Families;
use tracing::{info, warn};

use super::replay;
use crate::pipeline::Pipeline;
use crate::store::Store;

/// Where a store's are.
fn path(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-held.txt");
    PathBuf::from(name)
}

/// Writes telegrams down behind those that are there already; where.
///
/// # Errors
/// The file can't be written.
pub(super) fn keep(store: &Path, telegrams: &[Telegram]) -> io::Result<PathBuf> {
    let path = path(store);
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

/// Reads what was written down into the store, and removes it. What goes wrong is said, and leaves it there.
pub(super) fn take(path_of_store: &Path, store: &dyn Store, families: &Families) {
    let path = path(path_of_store);
    if !path.exists() {
        return;
    }
    let taken = || -> Result<u64, Box<dyn Error + Send + Sync>> {
        let pipeline = Pipeline::on(store, families.clone())?;
        let summary = replay::into(store, pipeline, std::slice::from_ref(&path))?;
        fs::remove_file(&path)?;
        Ok(summary.telegrams)
    };
    match taken() {
        Ok(telegrams) => info!(
            event = "held.stored",
            telegrams, "what an earlier run heard and could not store is stored"
        ),
        Err(error) => {
            warn!(event = "held.waiting", file = %path.display(), %error, "what an earlier run heard could not be stored yet")
        }
    }
}
