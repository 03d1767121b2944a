//! What can go wrong with the store: which file, and what to do about it.

use std::path::PathBuf;

/// Why the store refused, as a sentence for people; the variants are for code.
///
/// No variant holds a key, a token or a telegram.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is not there, and making one was not asked for.
    #[error("{}: there is no such store: check the path, or import a registry or run the daemon to make one", .0.display())]
    Missing(PathBuf),
    /// A file is in the way of one that was to be made.
    #[error("{}: is there already and was left as it is: choose another name, or say --replace where a command knows it", .0.display())]
    Exists(PathBuf),
    /// The folder of the file is not there.
    #[error("{}: the folder is not there: make it first, and give it to the user that releve runs as", .0.display())]
    MissingFolder(PathBuf),
    /// The file holds something else than a SQLite database.
    #[error("{}: is not a releve store (no SQLite file): left as it is; choose another path", .0.display())]
    NotADatabase(PathBuf),
    /// A SQLite database of another program.
    #[error("{path}: is another program's database (application id {application_id:#010x}): left as it is; choose another path", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        application_id: u32,
    },
    /// Written by a newer release.
    #[error("{path}: was written by a newer release (schema {found}, this one knows up to {known}): left as it is; install that release again", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Pages contradict each other.
    #[error("{path}: is damaged ({detail}): left as it is; stop releve, copy the file aside, restore a backup", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        detail: String,
    },
    /// Another process holds it for longer than we wait.
    #[error("{}: another process is writing and did not finish in time: try again, or stop it", .0.display())]
    Busy(PathBuf),
    /// A daemon, or a command that may not run beside one, works on it.
    #[error("{}: another `releve run` works on this store, or a command that it may not run beside: stop it (`systemctl stop releve`), or give this one a store of its own", .0.display())]
    Taken(PathBuf),
    /// The file or its folder can't be written.
    #[error("{}: can't be written: give the file and its folder to the user that releve runs as", .0.display())]
    ReadOnly(PathBuf),
    /// The disk, or the size allowed to the file, is used up. Nothing of the batch was stored.
    #[error("{}: the disk is full, nothing of this batch was stored: free some space and it goes on", .0.display())]
    Full(PathBuf),
    /// The keys in it are sealed, and the master key is another or is not there.
    #[error("{path}: its keys are sealed, and their master key is not at {master}: put it back there, or name it in RELEVE_MASTER_KEY_FILE", path = path.display(), master = master.display())]
    Sealed {
        /// The store.
        path: PathBuf,
        /// Where the master key was looked for.
        master: PathBuf,
    },
    /// The file of the master key can't be used.
    #[error("{path}: {detail}", path = path.display())]
    Master {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        detail: &'static str,
    },
    /// The operating system refused.
    #[error("{path}: {detail}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// A row refers to a meter, dwelling or point that is not registered, or breaks another promise of the tables.
    #[error("refused: {0}")]
    Refused(String),
    /// The dwelling has an occupancy that begins later than that day.
    #[error("the last occupancy of this dwelling begins on {last}: a new one can't begin before it")]
    MoveInTooEarly {
        /// First day of the last recorded occupancy.
        last: jiff::civil::Date,
    },
    /// An occupancy can't end on that day.
    #[error(
        "this occupancy can't end on that day: it must lie between its first day and the latest that is allowed"
    )]
    EndOutside,
    /// The key of a request that may come twice was used for another one.
    #[error("this key was used for another request: choose a new one for each request")]
    KeyReused,
    /// The registry changed between planning and applying: plan again.
    #[error("the registry was changed by someone else in the meantime: try again")]
    Stale,
    /// The engine said something that none of the above covers.
    #[error("{path}: {detail}", path = path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        detail: String,
    },
}

impl StoreError {
    /// Whether octets of the file are wrong.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::NotADatabase(_))
    }

    /// One stable word for machines and people who may not see paths.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full(_) => "disk_full",
            Self::ReadOnly(_) => "read_only",
            Self::Damaged { .. } | Self::NotADatabase(_) => "damaged",
            Self::Busy(_) | Self::Taken(_) | Self::Stale => "busy",
            Self::Io { .. } | Self::Missing(_) | Self::MissingFolder(_) => "io",
            _ => "other",
        }
    }
}

/// What the store gives back.
pub type Result<T> = std::result::Result<T, StoreError>;
