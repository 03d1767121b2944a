//! Opening the file: pragmas, then all migrations that are still to come, each whole or not at all.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::{AccountsError, Result};

/// In order; a file's `user_version` is how many of them it has had.
const MIGRATIONS: [&str; 2] = [
    include_str!("migrations/0001_accounts.sql"),
    include_str!("migrations/0002_outbox.sql"),
];

pub(super) fn open(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    private(path);
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(AccountsError::Newer { found, known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(connection)
}

/// Names and addresses are nobody else's on this machine.
#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // A file system without permissions has nothing to set; the folder's keep others out then.
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600));
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{AccountsError, MIGRATIONS, open};

    #[test]
    fn a_file_of_an_older_portal_keeps_what_it_has() {
        let folder = std::env::temp_dir().join(format!("releve-portal-older-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("portal.db");
        for version in 1..MIGRATIONS.len() {
            let older = Connection::open(&path).unwrap();
            for migration in &MIGRATIONS[..version] {
                older.execute_batch(migration).unwrap();
            }
            older
                .pragma_update(None, "user_version", i64::try_from(version).unwrap())
                .unwrap();
            older
                .execute("INSERT INTO audit (at, event) VALUES (0, 'login')", [])
                .unwrap();
            drop(older);
            let newer = open(&path).unwrap();
            let count = |table: &str| -> i64 {
                let sql = format!("SELECT count(*) FROM {table}");
                newer.query_row(&sql, [], |row| row.get(0)).unwrap()
            };
            assert_eq!(
                (count("audit"), count("outbox")),
                (1, 0),
                "from version {version}"
            );
            drop(newer);
            std::fs::remove_file(&path).unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_new_file_is_made_opened_again_and_one_of_a_newer_portal_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("releve-portal-open-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("portal.db");
        drop(open(&path).unwrap());
        drop(open(&path).unwrap());
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
        let refused = open(&path).unwrap_err();
        assert!(
            matches!(refused, AccountsError::Newer { found: 99, .. }),
            "{refused}"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
