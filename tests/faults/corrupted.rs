//! Pages and logs that a disk has spoilt: found, set aside, put together anew; what is lost is said, to the reading.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::harness::{Daemon, Folder, add_token, import, replay, run, simulate};
use crate::luck::{Luck, number};
use crate::stored::{readings, remove, stored};

/// A store with all that was heard, another that a copy was made of half way, and what they came from.
struct Ground {
    folder: Folder,
    /// The registry and a token alone.
    prepared: PathBuf,
    full: PathBuf,
    copy: PathBuf,
    capture: PathBuf,
    wanted: Vec<String>,
    token: String,
}

impl Ground {
    fn new() -> Self {
        let folder = Folder::new();
        let [capture, registry, _] = simulate(&folder, &["--days", "12", "--seed", "6"]);
        let prepared = import(&folder, &registry);
        let token = add_token(&prepared);
        let full = folder.path("full.db");
        fs::copy(&prepared, &full).unwrap();
        let text = fs::read_to_string(&capture).unwrap();
        let half: String = text
            .split_inclusive('\n')
            .take(text.lines().count() / 2)
            .collect();
        let half = folder.write("half.txt", &half);
        replay(&full, &half);
        let copy = folder.path("copy.db");
        let made = run(&["backup", copy.to_str().unwrap(), "--db", full.to_str().unwrap()]);
        assert!(made.status.success());
        replay(&full, &capture);
        let wanted = stored(&full);
        Self {
            folder,
            prepared,
            full,
            copy,
            capture,
            wanted,
            token,
        }
    }

    /// The store in a place of its own, with a copy made by the daemon or without.
    fn place(&self, name: &str, with_copy: bool) -> PathBuf {
        let db = self.folder.path(name);
        fs::copy(&self.full, &db).unwrap();
        if with_copy {
            let copies = beside(&db, ".backups");
            fs::create_dir(&copies).unwrap();
            fs::copy(&self.copy, copies.join("releve-20251008T000000Z.db")).unwrap();
            // A later one that is no good is passed over.
            fs::write(copies.join("releve-20251009T000000Z.db"), "nothing").unwrap();
        }
        db
    }

    /// Starts it as a service manager would, again and again, until its store is sound. What it said.
    fn serve(&self, db: &Path, receiver: &str) -> (Daemon, String) {
        let config = format!(
            "[store]\npath = {db:?}\ncommit_seconds = 1\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n[api]\nlisten = \"127.0.0.1:0\"\n{receiver}"
        );
        let mut said = String::new();
        for _ in 0..4 {
            let begun = Daemon::try_begin(&self.folder, self.token.clone(), &config, &[]);
            let mut daemon = match begun {
                Ok(daemon) => daemon,
                Err(ended) => {
                    assert!(ended.contains("damaged"), "{ended}");
                    said.push_str(&ended);
                    continue;
                }
            };
            loop {
                if daemon.said().contains("the store was examined and is sound") {
                    said.push_str(&daemon.said());
                    // The page of the tokens may have been among the spoilt ones.
                    if daemon.get("/metrics").0 == 401 {
                        let removed = run(&["token", "remove", "test", "--db", db.to_str().unwrap()]);
                        assert!(!removed.status.success(), "a token that is there is known");
                        daemon = daemon.with_token(add_token(db));
                    }
                    return (daemon, said);
                }
                if let Some(well) = daemon.has_ended() {
                    said.push_str(&daemon.said());
                    assert!(!well && said.contains("damaged"), "{said}");
                    break;
                }
            }
        }
        panic!("it never became sound: {said}");
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Some sectors of some pages overwritten; the header only where `first` says so.
fn spoil(db: &Path, luck: &mut Luck, first: bool) -> Vec<u64> {
    let file = OpenOptions::new().write(true).open(db).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    let mut spoilt = Vec::new();
    let count = 1 + luck.below(5);
    for number in 0..count {
        let page = if first && number == 0 {
            0
        } else {
            1 + luck.below(pages - 1)
        };
        let sectors = if luck.hits(300) { 8 } else { 1 };
        let sector = if sectors == 8 { 0 } else { luck.below(8) };
        let octets = if luck.hits(300) {
            vec![0; 512 * sectors]
        } else {
            luck.octets(512 * sectors)
        };
        file.write_all_at(&octets, page * 4096 + sector * 512).unwrap();
        spoilt.push(page);
    }
    spoilt
}

/// The files that lie aside.
fn aside(db: &Path) -> usize {
    let name = format!("{}.damaged-", db.file_name().unwrap().to_string_lossy());
    fs::read_dir(db.parent().unwrap())
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(&name)
        })
        .count()
}

/// The mending refused no row and met no torn table: whatever is missing then are readings and telegrams, and no key.
fn no_row_was_refused_and_no_table_torn(said: &str) -> bool {
    !said.contains("torn_tables=") || said.contains("refused_rows=0 torn_tables=0")
}

fn figure(daemon: &Daemon, name: &str) -> Option<u64> {
    let text = daemon.good("/metrics");
    let text = text.as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn spoilt_pages_are_found_and_what_is_lost_is_said_to_the_reading() {
    let ground = Ground::new();
    let seed = number("RELEVE_FAULT_SEED", 1);
    let rounds = number("RELEVE_FAULT_PAGES", 3);
    let (mut mended, mut lost_in_all, mut uncounted, mut whole) = (0, 0, 0, 0);
    for round in 0..rounds {
        let mut luck = Luck::new(seed * 1_000_003 + round);
        // With a copy, without, and with all that was heard still at hand.
        let (with_copy, with_capture) =
            [(true, false), (false, false), (false, true)][usize::try_from(round % 3).unwrap()];
        let db = ground.place(&format!("spoilt-{round}.db"), with_copy);
        let first = with_copy && luck.hits(200);
        let pages = spoil(&db, &mut luck, first);
        let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {:?}\n", ground.capture);
        let (daemon, said) = ground.serve(&db, if with_capture { &receiver } else { "" });
        let place = format!("seed {seed}, round {round}, pages {pages:?}: {said}");
        let is_mended = said.contains("put together anew");
        assert_eq!(aside(&db) > 0, is_mended, "{place}");
        assert_eq!(
            figure(&daemon, "releve_store_mended_timestamp_seconds").unwrap() > 0,
            is_mended,
            "{place}"
        );
        assert_eq!(daemon.get("/readyz").0, 200);
        let stated = figure(&daemon, "releve_store_lost_readings");
        // As long as no meter is lost, all comes back from the capture.
        if with_capture
            && daemon.all("/v1/meters?limit=100").len() == 58
            && no_row_was_refused_and_no_table_torn(&said)
        {
            daemon.until("/metrics", |_| {
                figure(&daemon, "releve_reading_changes_total").unwrap() >= readings(&ground.wanted)
            });
        }
        daemon.stop();
        let got = stored(&db);
        let invented: Vec<_> = got
            .iter()
            .filter(|row| ground.wanted.binary_search(row).is_err())
            .collect();
        assert!(invented.is_empty(), "nobody heard {invented:?}: {place}");
        let missing = readings(&ground.wanted) - readings(&got);
        match stated {
            Some(stated) if !with_capture => assert_eq!(stated, missing, "{place}"),
            Some(_) => {}
            None => uncounted += 1,
        }
        if got.len() < ground.wanted.len() {
            assert!(is_mended, "something is missing and nobody said so: {place}");
        } else {
            whole += 1;
        }
        mended += u64::from(is_mended);
        lost_in_all += missing;
        remove(&db);
    }
    eprintln!(
        "{rounds} stores with spoilt pages, seed {seed}: {mended} mended, {whole} without any loss, {lost_in_all} readings of {} \
         lost in all the others together, {uncounted} times uncounted",
        readings(&ground.wanted)
    );
    assert!(mended > 0);
}

#[test]
fn a_spoilt_log_is_told_and_what_it_held_is_heard_again() {
    let ground = Ground::new();
    let seed = number("RELEVE_FAULT_SEED", 1);
    let mut luck = Luck::new(seed);
    let db = ground.folder.path("logged.db");
    fs::copy(&ground.prepared, &db).unwrap();
    let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {:?}\n", ground.capture);
    let all = readings(&ground.wanted);
    let (daemon, _) = ground.serve(&db, &receiver);
    daemon.until_long("/metrics", |_| {
        figure(&daemon, "releve_reading_changes_total").unwrap() >= all
    });
    daemon.kill();
    // Nothing was carried over yet: all of it stands in the log.
    let log = File::options()
        .read(true)
        .write(true)
        .open(beside(&db, "-wal"))
        .unwrap();
    let length = log.metadata().unwrap().len();
    let at = length / 8 + luck.below(length / 4);
    let mut octet = [0];
    log.read_exact_at(&mut octet, at).unwrap();
    log.write_all_at(&[octet[0] ^ 0x10], at).unwrap();
    drop(log);
    let (daemon, said) = ground.serve(&db, &receiver);
    assert!(
        said.contains("the store's log was spoilt"),
        "seed {seed}, octet {at} of {length}: {said}"
    );
    assert!(aside(&db) > 0);
    assert!(figure(&daemon, "releve_store_mended_timestamp_seconds").unwrap() > 0);
    assert_eq!(
        figure(&daemon, "releve_store_lost_readings"),
        None,
        "nobody can know"
    );
    daemon.until_long("/metrics", |_| {
        figure(&daemon, "releve_reading_changes_total").unwrap() >= all
    });
    daemon.stop();
    assert_eq!(stored(&db), ground.wanted);
}
