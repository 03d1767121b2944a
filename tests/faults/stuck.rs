//! A disk that is slow, is stuck, has turned read-only, or answers with errors; and back.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rusqlite::Connection;

use crate::harness::{Daemon, Folder, import, json, replay, simulate};
use crate::layer;
use crate::stored::stored;

/// A store, what it should hold in the end, and a file that a receiver follows.
struct Ground {
    folder: Folder,
    prepared: PathBuf,
    capture: String,
    wanted: Vec<String>,
    live: PathBuf,
    receiver: String,
}

impl Ground {
    fn new(days: &str) -> Self {
        let folder = Folder::new();
        let [capture, registry, _] = simulate(&folder, &["--days", days, "--seed", "4"]);
        let prepared = import(&folder, &registry);
        let undisturbed = folder.path("undisturbed.db");
        fs::copy(&prepared, &undisturbed).unwrap();
        replay(&undisturbed, &capture);
        let wanted = stored(&undisturbed);
        let live = folder.write("live.txt", "");
        let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {live:?}\n");
        Self {
            capture: fs::read_to_string(capture).unwrap(),
            folder,
            prepared,
            wanted,
            live,
            receiver,
        }
    }

    /// So many tenths of the capture come.
    fn hear(&self, from: usize, until: usize) {
        let lines: Vec<&str> = self.capture.split_inclusive('\n').collect();
        let part = lines[lines.len() * from / 10..lines.len() * until / 10].concat();
        let mut file = OpenOptions::new().append(true).open(&self.live).unwrap();
        file.write_all(part.as_bytes()).unwrap();
    }

    fn until_stored(&self, daemon: &Daemon) {
        let readings = self.wanted.iter().filter(|row| row.contains("reading")).count() as u64;
        daemon.until_long("/metrics", |_| {
            daemon.figure("releve_reading_changes_total") >= readings
        });
    }
}

/// The disk is in a mood while telegrams come, and is well again; `reason` is what `/readyz` says meanwhile.
fn through(mood: &str, reason: Option<&str>) {
    let ground = Ground::new("10");
    let Some(library) = layer::build(&ground.folder) else {
        return;
    };
    let db = ground.folder.path("watched.db");
    fs::copy(&ground.prepared, &db).unwrap();
    let disk = ground.folder.write("mood", "");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LAYER_FILES", db.to_str().unwrap()),
        ("LAYER_DISK", disk.to_str().unwrap()),
    ];
    let daemon = Daemon::start_in(&ground.folder, &db, "", &ground.receiver, &environment);
    ground.hear(0, 2);
    daemon.until_long("/metrics", |_| daemon.figure("releve_reading_changes_total") > 0);
    fs::write(&disk, mood).unwrap();
    let begun = Instant::now();
    ground.hear(2, 10);
    if let Some(reason) = reason {
        let problem = daemon.until_long("/readyz", |answer| {
            answer["type"] == "urn:releve:problem:not-storing"
        });
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
        assert_eq!(daemon.figure("releve_store_up"), 0);
        // What is there can be read all the same, and nothing is lost.
        for path in [
            "/healthz",
            "/v1/meters?limit=5",
            "/v1/readings?limit=10",
            "/v1/radio",
        ] {
            assert_eq!(daemon.get(path).0, 200, "{path}");
        }
        assert_eq!(daemon.figure("releve_dropped_telegrams_total"), 0);
        assert!(daemon.resident_kilobytes() < 200_000);
        fs::write(&disk, "").unwrap();
        daemon.until_long("/readyz", |answer| answer["status"] == "ok");
    }
    ground.until_stored(&daemon);
    eprintln!("{mood}: all is stored after {} s", begun.elapsed().as_secs());
    fs::write(&disk, "").unwrap();
    daemon.stop();
    assert_eq!(stored(&db), ground.wanted);
}

#[test]
fn a_stuck_disk_is_told_and_holds_up_no_reader() {
    through("stuck", Some("slow"));
}

#[test]
fn a_slow_disk_loses_nothing() {
    // Each write of a page, and each sync.
    through("5", None);
}

#[test]
fn a_disk_that_turns_read_only_and_back_loses_nothing() {
    through("readonly", Some("since"));
}

#[test]
fn a_disk_that_answers_with_errors_for_a_while_loses_nothing() {
    through("broken", Some("io"));
}

#[test]
fn what_could_not_be_stored_when_the_daemon_ended_is_stored_by_the_next_one() {
    let ground = Ground::new("10");
    let db = ground.folder.path("taken.db");
    fs::copy(&ground.prepared, &db).unwrap();
    // What is said once and never again.
    let socket = ground.folder.path("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let receiver = format!("[[receiver]]\nname = \"cellar\"\nunix = {socket:?}\ntimes = \"recorded\"\n");
    let daemon = Daemon::start(&ground.folder, &db, &receiver);
    let (mut stream, _) = listener.accept().unwrap();
    let (first, rest) = ground.capture.split_at(ground.capture.len() / 4);
    stream.write_all(first.as_bytes()).unwrap();
    daemon.until_long("/metrics", |_| daemon.figure("releve_reading_changes_total") > 0);
    // Somebody else writes, and does not end.
    let other = Connection::open(&db).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    stream.write_all(rest.as_bytes()).unwrap();
    let telegrams = |rows: &[String]| rows.iter().filter(|row| row.contains("telegram")).count() as u64;
    let missing = telegrams(&ground.wanted) - telegrams(&stored(&db));
    daemon.until_long("/metrics", |_| {
        daemon.figure("releve_store_waiting_telegrams") >= missing
    });
    let token = daemon.token().to_owned();
    let (well, said) = daemon.end();
    assert!(!well && said.contains("held.kept"), "{said}");
    let held = ground.folder.path("taken.db-held.txt");
    assert!(held.exists());
    drop(other);

    // The next one has no receiver: all it knows is what lies there.
    let config = format!(
        "[store]\npath = {db:?}\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n[api]\nlisten = \"127.0.0.1:0\"\n"
    );
    let daemon = Daemon::begin(&ground.folder, token, &config, &[]);
    daemon.stop();
    assert!(!held.exists());
    assert_eq!(stored(&db), ground.wanted);
}

/// A small disk with a file system that turns read-only when it is told of an error; nothing (said on standard error)
/// where this process may not have one.
struct Fragile {
    path: PathBuf,
    image: PathBuf,
}

impl Fragile {
    fn new(folder: &Folder) -> Option<Self> {
        let image = folder.path("image");
        let path = folder.path("fragile");
        fs::create_dir(&path).unwrap();
        let file = fs::File::create(&image).unwrap();
        file.set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-O", "^has_journal"])
            .arg(&image)
            .output();
        let fragile = Self { path, image };
        if made.is_ok_and(|output| output.status.success()) && fragile.mount() {
            return Some(fragile);
        }
        eprintln!("skipped: only root may mount a small disk, and mkfs.ext4 makes it");
        None
    }

    fn mount(&self) -> bool {
        let done = Command::new("mount")
            .args(["-o", "loop,errors=remount-ro"])
            .arg(&self.image)
            .arg(&self.path)
            .output();
        done.is_ok_and(|output| output.status.success())
    }

    /// The system finds an error, and takes no writes from here on.
    fn break_it(&self) -> bool {
        let found = Command::new("findmnt")
            .args(["-n", "-o", "SOURCE"])
            .arg(&self.path)
            .output()
            .unwrap();
        let device = String::from_utf8_lossy(&found.stdout);
        let name = Path::new(device.trim()).file_name().unwrap().to_owned();
        let trigger = Path::new("/sys/fs/ext4").join(name).join("trigger_fs_error");
        fs::write(trigger, "simulated").is_ok()
    }

    fn unmount(&self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.unmount();
    }
}

#[test]
fn a_file_system_that_turned_read_only_is_told_and_begun_again_nothing_is_lost() {
    let ground = Ground::new("6");
    let Some(fragile) = Fragile::new(&ground.folder) else {
        return;
    };
    let db = fragile.path.join("releve.db");
    fs::copy(&ground.prepared, &db).unwrap();
    let daemon = Daemon::start(&ground.folder, &db, &ground.receiver);
    ground.hear(0, 3);
    daemon.until_long("/metrics", |_| daemon.figure("releve_reading_changes_total") > 0);
    if !fragile.break_it() {
        eprintln!("skipped: this system has no way to turn a file system read-only");
        return;
    }
    ground.hear(3, 10);
    daemon.until_long("/readyz", |answer| {
        answer["type"] == "urn:releve:problem:not-storing"
    });
    for path in ["/healthz", "/v1/meters?limit=5", "/v1/readings?limit=10"] {
        assert_eq!(daemon.get(path).0, 200, "{path}");
    }
    // Nobody can write there before it is mounted anew, which takes the daemon's end.
    daemon.kill();
    fragile.unmount();
    let checked = Command::new("fsck.ext4")
        .args(["-p", "-f"])
        .arg(&fragile.image)
        .output()
        .unwrap();
    assert!(checked.status.code().is_some_and(|code| code < 4), "{checked:?}");
    assert!(fragile.mount());
    let token = json(&[
        "token",
        "add",
        "again",
        "--scope",
        "operator",
        "--db",
        db.to_str().unwrap(),
        "--json",
    ]);
    let token = token["token"].as_str().unwrap().to_owned();
    let config = format!(
        "[store]\npath = {db:?}\ncommit_seconds = 1\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n[api]\nlisten = \"127.0.0.1:0\"\n{}",
        ground.receiver
    );
    let daemon = Daemon::begin(&ground.folder, token, &config, &[]);
    ground.until_stored(&daemon);
    daemon.stop();
    assert_eq!(stored(&db), ground.wanted);
}
