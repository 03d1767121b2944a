//! Folders, commands and daemons of a benchmark, and what the system counts of a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use serde_json::Value;

/// A folder that is gone when the benchmark is over; under `RELEVE_BENCH_DIR`, else where temporary files go.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let root = env::var_os("RELEVE_BENCH_DIR").map_or_else(env::temp_dir, PathBuf::from);
        let path = root.join(format!("releve-figures-{}-{name}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn releve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_releve"));
    command.args(arguments).env_remove("RELEVE_LOG");
    command
}

/// Runs a command, which must succeed; what it printed.
pub(crate) fn run(arguments: &[&str]) -> String {
    let output = releve(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command says as JSON.
pub(crate) fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(arguments)).unwrap()
}

/// A simulated building: its capture, and a store with its registry. How many meters and telegrams there are.
pub(crate) struct Simulated {
    pub(crate) capture: PathBuf,
    pub(crate) db: PathBuf,
    pub(crate) meters: u64,
    pub(crate) telegrams: u64,
}

pub(crate) fn simulate(folder: &Folder, name: &str, arguments: &[&str]) -> Simulated {
    let target = folder.path(name);
    let first = [
        "simulate",
        "--json",
        "--from",
        "2025-10-01",
        target.to_str().unwrap(),
    ];
    let said = json(&[&first[..], arguments].concat());
    let db = folder.path(&format!("{name}.db"));
    run(&[
        "registry",
        "import",
        said["registry"].as_str().unwrap(),
        "--db",
        db.to_str().unwrap(),
    ]);
    Simulated {
        capture: said["capture"].as_str().unwrap().into(),
        db,
        meters: said["meters"].as_u64().unwrap(),
        telegrams: said["telegrams"].as_u64().unwrap(),
    }
}

/// A daemon at work.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
    /// From its start until it answered that it is ready.
    pub(crate) ready_after: Duration,
    /// Where it hears telegrams, when it does.
    pub(crate) air: Option<ChildStdin>,
}

impl Daemon {
    /// Starts on a store; it hears what comes on its standard input when `hears`.
    pub(crate) fn start(folder: &Folder, db: &Path, hears: bool) -> Self {
        let receiver = if hears {
            "[[receiver]]\nname = \"cellar\"\nstdin = true\n"
        } else {
            ""
        };
        Self::begin(folder, db, receiver, hears, 0)
    }

    /// Starts on a store; it hears a capture, each telegram at its time, and keeps every value for so many days.
    pub(crate) fn hearing(folder: &Folder, db: &Path, capture: &Path, every_value_days: u32) -> Self {
        let receiver = format!("[[receiver]]\nname = \"cellar\"\nfile = {capture:?}\n");
        Self::begin(folder, db, &receiver, false, every_value_days)
    }

    fn begin(folder: &Folder, db: &Path, receiver: &str, hears: bool, every_value_days: u32) -> Self {
        let db = db.to_str().unwrap();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bench-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let token = json(&["token", "add", &name, "--scope", "operator", "--db", db, "--json"]);
        let config = folder.path("releve.toml");
        // A batch is what fifty telegrams a second make in two seconds, also while they come faster.
        let text = format!(
            "[store]\npath = {db:?}\nlive_days = 3650\nevery_value_days = {every_value_days}\ncommit_telegrams = 100\n[api]\nlisten = \"127.0.0.1:0\"\n{receiver}"
        );
        fs::write(&config, text).unwrap();
        let begun = Instant::now();
        let mut child = releve(&["run", "--config", config.to_str().unwrap()])
            // As in deploy/releve.service.
            .env("MALLOC_ARENA_MAX", "1")
            .env("MALLOC_TRIM_THRESHOLD_", "131072")
            .stdin(if hears { Stdio::piped() } else { Stdio::null() })
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let base = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| {
                Some(
                    line.split("api=http://")
                        .nth(1)?
                        .split_whitespace()
                        .next()?
                        .to_owned(),
                )
            })
            .expect("the daemon says where it listens");
        thread::spawn(move || lines.for_each(drop));
        let mut daemon = Self {
            air: child.stdin.take(),
            child,
            address: base,
            token: token["token"].as_str().unwrap().to_owned(),
            ready_after: Duration::ZERO,
        };
        while daemon.get("/readyz").0 != 200 {
            thread::sleep(Duration::from_millis(1));
        }
        daemon.ready_after = begun.elapsed();
        daemon
    }

    /// One question, its status and the octets of its answer.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, body.to_owned())
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted::of(self.child.id())
    }

    /// Ends it well; everything heard is stored then.
    pub(crate) fn stop(mut self) {
        let stopped = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(stopped.unwrap().success());
        self.child.wait().unwrap();
    }
}

/// What the system counts of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Memory that is its own: resident, without what is read from files.
    pub(crate) own_kib: u64,
    /// All that is resident.
    pub(crate) resident_kib: u64,
    /// The most that ever was.
    pub(crate) peak_kib: u64,
    /// Time on a processor.
    pub(crate) busy: Duration,
    /// Octets that it caused to be written to a disk.
    pub(crate) written: u64,
}

impl Counted {
    pub(crate) fn of(pid: u32) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        let status = read("status");
        let stat = read("stat");
        // Behind the name, which may hold blanks; ticks of a hundredth of a second.
        let ticks: u64 = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum();
        Self {
            own_kib: field(&status, "RssAnon:"),
            resident_kib: field(&status, "VmRSS:"),
            peak_kib: field(&status, "VmHWM:"),
            busy: Duration::from_millis(ticks * 10),
            written: field(&read("io"), "write_bytes:"),
        }
    }
}
