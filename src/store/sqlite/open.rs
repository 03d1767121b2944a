//! Opening a store: look first, touch later. What is not ours, or newer than us, or no database, stays as it is.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::SqliteStore;
use super::error::explain;
use super::migrate::{self, APPLICATION_ID, Found};
use super::read::Readers;
use super::vault::Vault;
use super::write::Writer;
use crate::store::{Result, StoreError};

/// How to open a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Make the file when it is not there.
    pub create: bool,
    /// How long to wait for another process that is writing.
    pub patience: Duration,
    /// At most so many readers at a time.
    pub readers: usize,
    /// Memory for the writer's pages, in KiB.
    pub cache_kib: u32,
    /// The log is carried over into the file when it has this many pages (4 KiB each): the more, the less is written in
    /// all, and the longer the log.
    pub log_pages: u32,
    /// Let the engine look up what each row refers to. Without it only ingest may write, which looks for meters itself,
    /// once each, and makes whatever else it refers to.
    pub references: bool,
    /// Each transaction waits for the disk. Without it a power cut may take the latest ones along, whole and in their order,
    /// until [`Store::sync`](crate::store::Store::sync) has been called.
    pub sync_each: bool,
}

/// Rows that a bulk writer adds with one statement.
const TOGETHER: usize = 16;

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            patience: Duration::from_secs(5),
            readers: 4,
            // What some hundred telegrams touch; the system keeps the rest of the file at hand anyway.
            cache_kib: 1024,
            log_pages: 4000,
            references: true,
            sync_each: true,
        }
    }
}

impl Options {
    /// For a process that has nothing else to do than to fill a store: more memory, fewer detours.
    pub fn bulk() -> Self {
        Self {
            cache_kib: 32 << 10,
            log_pages: 8000,
            references: false,
            sync_each: false,
            ..Self::default()
        }
    }
}

impl SqliteStore {
    /// Opens the store at a path; makes it when it is not there. The file can be read by its owner only.
    ///
    /// # Errors
    /// The folder is not there, the file is another program's, a newer release's, damaged, locked or read-only, or the
    /// disk is full.
    pub fn create(path: &Path) -> Result<Self> {
        Self::open_with(path, Options::default())
    }

    /// Opens the store at a path, which must exist.
    ///
    /// # Errors
    /// As [`SqliteStore::create`], and when the file is not there.
    pub fn open(path: &Path) -> Result<Self> {
        let options = Options {
            create: false,
            ..Options::default()
        };
        Self::open_with(path, options)
    }

    /// Opens the store at a path.
    ///
    /// # Errors
    /// As [`SqliteStore::create`].
    pub fn open_with(path: &Path, options: Options) -> Result<Self> {
        Self::open_under(path, options, Vault::of(path)?)
    }

    /// Opens the store at a path with what another one's keys are sealed with.
    pub(super) fn open_under(path: &Path, options: Options, vault: Vault) -> Result<Self> {
        let made = look(path, options.create)?;
        match open_writer(path, options) {
            Ok(writer) => {
                let store = Self::new(
                    Writer::new(
                        writer,
                        vault.clone(),
                        if options.references { 1 } else { TOGETHER },
                    ),
                    options.sync_each,
                    Readers::new(path, options.patience, options.readers),
                    vault,
                    path,
                );
                if store.read(|connection| store.pen.has_left(connection))? {
                    store.pen.settle_left()?;
                }
                Ok(store)
            }
            Err(error) => {
                // An empty file that we made a moment ago is no use to anyone; one with content stays.
                if made && fs::metadata(path).is_ok_and(|data| data.len() == 0) {
                    let _ = fs::remove_file(path);
                }
                Err(error)
            }
        }
    }
}

/// Judges the file by its header, which nothing but reading needs; makes an empty one where there is none.
/// True when it did.
pub(super) fn look(path: &Path, create: bool) -> Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if create {
                make(path)
            } else {
                Err(StoreError::Missing(path.to_owned()))
            };
        }
        Err(error) => return Err(refused_by_system(path, &error)),
    };
    let mut header = Vec::with_capacity(HEADER);
    file.by_ref()
        .take(HEADER as u64)
        .read_to_end(&mut header)
        .map_err(|error| refused_by_system(path, &error))?;
    if header.is_empty() {
        return Ok(false);
    }
    if !header.starts_with(MAGIC) || header.len() < HEADER {
        return Err(StoreError::NotADatabase(path.to_owned()));
    }
    let number = |offset: usize| {
        header
            .get(offset..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |octets| u32::from_be_bytes(*octets))
    };
    let (version, application_id) = (number(USER_VERSION), number(APPLICATION));
    // 0: an empty database, or a foreign one without a name; migrate() tells them apart.
    if application_id != APPLICATION_ID && application_id != 0 {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            application_id,
        });
    }
    newer(path, version)?;
    // What was committed last may still stand in the log beside the file.
    if fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        let (_, version) = look_through_the_log(path).map_err(|error| explain(path, error))?;
        newer(path, version)?;
    }
    Ok(false)
}

/// Reads the identity with the engine, but leaves file and log alone.
fn look_through_the_log(path: &Path) -> rusqlite::Result<(u32, u32)> {
    let connection = Connection::open_with_flags(path, READ_ONLY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    migrate::identify(&connection)
}

fn newer(path: &Path, found: u32) -> Result<()> {
    let known = migrate::newest();
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Makes an empty file that its owner alone can read: it will hold keys.
pub(super) fn make(path: &Path) -> Result<bool> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(StoreError::MissingFolder(folder.to_owned()));
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        // Someone was faster: theirs is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(refused_by_system(path, &error)),
    }
}

fn open_writer(path: &Path, options: Options) -> Result<Connection> {
    let explained = |error| explain(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, error))?;
    connection.busy_timeout(options.patience).map_err(explained)?;
    if connection.is_readonly("main").map_err(explained)? {
        return Err(StoreError::ReadOnly(path.to_owned()));
    }
    match migrate::migrate(&mut connection).map_err(|error| cannot_open(path, error))? {
        Found::Ours => {}
        Found::Foreign(application_id) => {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                application_id,
            });
        }
        Found::Newer(found) => newer(path, found)?,
    }
    configure(&connection, options).map_err(|error| cannot_open(path, error))?;
    Ok(connection)
}

/// The settings of a connection that writes.
fn configure(connection: &Connection, options: Options) -> rusqlite::Result<()> {
    write_ahead(connection, options.patience)?;
    // A commit returns when it is on the disk: what is reported as stored has survived a power cut.
    wait_for_disk(connection, options.sync_each)?;
    keep_plans(connection)?;
    connection.pragma_update(None, "foreign_keys", options.references)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A page that was damaged or forged is noticed when it is read, not when it is acted upon.
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", options.log_pages)?;
    // Behind a long read the log may grow further: give that space back.
    let limit = i64::from(options.log_pages) * 4096;
    connection.pragma_update(None, "journal_size_limit", limit)?;
    // Negative: KiB.
    connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Whether each commit waits until it is on the disk, or only the log's being carried over does.
pub(super) fn wait_for_disk(connection: &Connection, always: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", if always { "FULL" } else { "NORMAL" })
}

/// A statement's plan must not depend on what is bound to it: else each use of a prepared one plans it anew, which takes
/// longer than most of them run.
pub(super) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

/// Readers go on while we write. SQLite does not wait for others by itself when it changes the journal, so we do.
fn write_ahead(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && begun.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

/// "Can't open" and "read-only" have many reasons; the folder tells the frequent one.
fn cannot_open(path: &Path, error: rusqlite::Error) -> StoreError {
    match explain(path, error) {
        StoreError::Io { path, .. } if !can_be_written(&path) => StoreError::ReadOnly(path),
        other => other,
    }
}

/// Whether the log beside the file can be made.
fn can_be_written(path: &Path) -> bool {
    fs::OpenOptions::new().append(true).open(path).is_ok()
        && path
            .parent()
            .is_none_or(|folder| fs::metadata(folder).is_ok_and(|data| !data.permissions().readonly()))
}

pub(in crate::store) fn refused_by_system(path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly(path),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(path),
        _ => StoreError::Io {
            path,
            detail: error.to_string(),
        },
    }
}

/// The file that the engine keeps beside its database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Flags of connections that only read.
pub(super) const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The file format's header: its length, its first octets, and where it keeps the two numbers.
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const USER_VERSION: usize = 60;
const APPLICATION: usize = 68;
