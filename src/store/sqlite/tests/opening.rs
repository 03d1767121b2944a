//! Opening: what is made, what is refused, and that what is refused stays as it was.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{Scratch, building, content, live, store};
use crate::store::sqlite::migrate::{self, APPLICATION_ID};
use crate::store::sqlite::open::beside;
use crate::store::sqlite::{Options, SqliteStore};
use crate::store::{Store, StoreError};

/// The file and what stands beside it.
fn octets(path: &Path) -> Vec<Option<Vec<u8>>> {
    ["", "-wal", "-journal"]
        .iter()
        .map(|suffix| fs::read(beside(path, suffix)).ok())
        .collect()
}

fn refused(path: &Path) -> StoreError {
    let before = octets(path);
    let error = SqliteStore::create(path).unwrap_err();
    assert_eq!(octets(path), before, "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    error
}

#[test]
fn a_store_is_made_for_its_owner_alone_and_found_again() {
    let scratch = Scratch::new();
    let path = scratch.path();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Missing(_))));
    assert!(!path.exists());
    let made = SqliteStore::create(&path).unwrap();
    building(&made, 2);
    made.ingest(&[live(1, 1_700_000_000, 51_667_000)]).unwrap();
    #[cfg(unix)]
    for suffix in ["", "-wal"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(beside(&path, suffix)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{suffix}");
    }
    let before = content(&path);
    drop(made);
    assert!(!beside(&path, "-wal").exists(), "the log is tidied away");
    let again = SqliteStore::open(&path).unwrap();
    assert_eq!(content(&path), before);
    assert_eq!(again.counts().unwrap().readings, 1);
}

#[test]
fn an_empty_file_becomes_a_store() {
    let scratch = Scratch::new();
    fs::write(scratch.path(), "").unwrap();
    SqliteStore::create(&scratch.path()).unwrap();
    // And so does a database without a table.
    let path = scratch.0.join("empty.db");
    Connection::open(&path).unwrap().execute_batch("VACUUM").unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 0);
    SqliteStore::create(&path).unwrap();
}

#[test]
fn two_who_make_the_same_store_get_one() {
    let scratch = Scratch::new();
    let path = scratch.path();
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| SqliteStore::create(&path)))
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_newer_release_is_left_as_it_is() {
    let (scratch, made) = store(1);
    drop(made);
    let path = scratch.path();
    let newer = migrate::newest() + 1;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", newer).unwrap();
    // Still in the log, and the file itself does not know it yet.
    let error = refused(&path);
    assert!(
        matches!(error, StoreError::Newer { found, .. } if found == newer),
        "{error}"
    );
    assert!(octets(&path).iter().flatten().count() >= 2, "the log is gone");
    // Now in the file.
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    assert!(matches!(refused(&path), StoreError::Newer { .. }));
}

#[test]
fn another_programs_database_is_left_as_it_is() {
    let scratch = Scratch::new();
    let path = scratch.path();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE recipe (name TEXT); INSERT INTO recipe VALUES ('soup');")
        .unwrap();
    assert!(matches!(
        refused(&path),
        StoreError::Foreign {
            application_id: 0,
            ..
        }
    ));
    connection.pragma_update(None, "application_id", 42).unwrap();
    assert!(matches!(
        refused(&path),
        StoreError::Foreign {
            application_id: 42,
            ..
        }
    ));
    assert_ne!(APPLICATION_ID, 42);
}

#[test]
fn what_is_no_database_is_left_as_it_is() {
    let scratch = Scratch::new();
    let path = scratch.path();
    for text in ["x", "SQLite format 3\0", &"meter;key\n".repeat(100)] {
        fs::write(&path, text).unwrap();
        assert!(matches!(refused(&path), StoreError::NotADatabase(_)));
    }
}

#[test]
fn a_damaged_store_is_named_and_never_made_anew() {
    let (scratch, made) = store(2);
    for second in 0..2000 {
        made.ingest(&[live(1, 1_700_000_000 + second * 60, second * 1000)])
            .unwrap();
    }
    drop(made);
    let path = scratch.path();
    let mut octets = fs::read(&path).unwrap();
    let length = octets.len();
    octets[4096..].fill(0xA5);
    fs::write(&path, &octets).unwrap();
    let error = match SqliteStore::open(&path) {
        Ok(store) => store.counts().unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap().len(), length);
}

#[test]
fn a_missing_folder_is_named() {
    let scratch = Scratch::new();
    let path = scratch.0.join("not/there/releve.db");
    let error = SqliteStore::create(&path).unwrap_err();
    assert!(matches!(error, StoreError::MissingFolder(_)));
    assert!(error.to_string().contains("not/there"), "{error}");
}

#[test]
fn a_folder_in_the_files_place_is_an_error() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path()).unwrap();
    assert!(matches!(
        SqliteStore::create(&scratch.path()),
        Err(StoreError::Io { .. })
    ));
}

#[cfg(unix)]
#[test]
fn a_read_only_file_or_folder_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let (scratch, made) = store(1);
    drop(made);
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&scratch.path(), 0o400);
    if fs::OpenOptions::new().append(true).open(scratch.path()).is_ok() {
        println!("skipped: this user may write whatever the permissions say");
        return;
    }
    assert!(matches!(
        SqliteStore::open(&scratch.path()),
        Err(StoreError::ReadOnly(_))
    ));
    allow(&scratch.path(), 0o600);
    allow(&scratch.0, 0o500);
    assert!(matches!(
        SqliteStore::open(&scratch.path()),
        Err(StoreError::ReadOnly(_))
    ));
    assert!(matches!(
        SqliteStore::create(&scratch.0.join("new.db")),
        Err(StoreError::ReadOnly(_))
    ));
    allow(&scratch.0, 0o700);
}

#[test]
fn a_lock_held_too_long_is_named_and_nothing_is_half_stored() {
    let (scratch, made) = store(1);
    drop(made);
    let path = scratch.path();
    let impatient = Options {
        patience: Duration::from_millis(20),
        ..Options::default()
    };
    let here = SqliteStore::open_with(&path, impatient).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = content(&path);
    let error = here.ingest(&[live(1, 1_700_000_000, 1000)]).unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert_eq!(here.counts().unwrap().readings, 0, "reading goes on");
    assert_eq!(content(&path), before);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(here.ingest(&[live(1, 1_700_000_000, 1000)]).unwrap().readings, 1);
}

#[test]
fn a_full_disk_loses_one_batch_whole_and_later_batches_work() {
    let (scratch, made) = store(3);
    let pages = |number: u32| {
        made.pen
            .write(|open| Ok(open.transaction.pragma_update(None, "max_page_count", number)?))
            .unwrap();
    };
    let batch = |first: i64| -> Vec<_> {
        (first..first + 2000)
            .map(|number| live(1 + number % 3, 1_700_000_000 + number * 60, number * 1000))
            .collect()
    };
    made.ingest(&batch(0)).unwrap();
    let before = content(&scratch.path());
    pages(1);
    let error = made.ingest(&batch(2000)).unwrap_err();
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert_eq!(content(&scratch.path()), before);
    pages(1_000_000);
    assert_eq!(made.ingest(&batch(2000)).unwrap().readings, 2000);
    assert_eq!(made.counts().unwrap().readings, 4000);
}
