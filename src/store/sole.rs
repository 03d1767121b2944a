//! One daemon a store: two that listen to the same receivers would fight over them and over the file. Commands that
//! would change the store behind a daemon's back (`restore`, `redecode`) take its place for as long as they run.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::sqlite::refused_by_system;
use super::{Result, StoreError};

/// Held by the one daemon of a store, or by a command in its place, as long as it lives; the system takes it back however the process ends.
#[derive(Debug)]
pub struct Sole {
    _file: File,
}

impl Sole {
    /// Becomes the daemon of a store. The lock is a file beside it, `-daemon` behind its name, which stays; commands that
    /// read or import need none.
    ///
    /// # Errors
    /// Another process is it ([`StoreError::Taken`]), or the file can't be made.
    pub fn take(store: &Path) -> Result<Self> {
        let mut name = store.as_os_str().to_owned();
        name.push("-daemon");
        let path = PathBuf::from(name);
        if let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            return Err(StoreError::MissingFolder(folder.to_owned()));
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| refused_by_system(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Taken(store.to_owned())),
            Err(TryLockError::Error(error)) => Err(refused_by_system(&path, &error)),
        }
    }
}
