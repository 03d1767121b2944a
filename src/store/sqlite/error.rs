//! From the engine's codes to errors that say what to do.

use std::path::Path;

use rusqlite::ErrorCode;

use super::vault::{Sealed, master_path};
use crate::store::StoreError;

/// Names the path and the remedy. Values never appear: the engine's messages name tables and columns only.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    let (code, detail) = match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            (failure.code, message.unwrap_or_else(|| failure.to_string()))
        }
        rusqlite::Error::FromSqlConversionFailure(_, _, cause) if cause.is::<Sealed>() => {
            let master = master_path(&path);
            return StoreError::Sealed { path, master };
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => {
            return StoreError::Damaged {
                path,
                detail: error.to_string(),
            };
        }
        other => {
            return StoreError::Engine {
                path,
                detail: other.to_string(),
            };
        }
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreError::Busy(path)
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => StoreError::ReadOnly(path),
        ErrorCode::DiskFull => StoreError::Full(path),
        ErrorCode::DatabaseCorrupt => StoreError::Damaged { path, detail },
        ErrorCode::NotADatabase => StoreError::NotADatabase(path),
        ErrorCode::ConstraintViolation if detail.starts_with("FOREIGN KEY") => StoreError::Refused(
            "a row speaks of a meter, a point, a dwelling or a site that is not registered".to_owned(),
        ),
        ErrorCode::ConstraintViolation => StoreError::Refused(detail),
        // A disk that the system has made read-only refuses like one that is broken.
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure if is_read_only(&path) => {
            StoreError::ReadOnly(path)
        }
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => StoreError::Io { path, detail },
        _ => StoreError::Engine { path, detail },
    }
}

/// Whether the file system under a path takes no writes at present.
fn is_read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path)
        .is_ok_and(|system| system.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}
