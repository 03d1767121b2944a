//! What the tests share: a folder of their own, the binary, a running daemon, its API.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::{env, fs, process, thread, time};

use serde_json::Value;

/// A folder that is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "releve-test-{}-{}",
            process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The shared reference folder, or nothing (said on standard error) when it is not beside the project.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// The binary with these arguments.
pub(crate) fn releve(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_releve"));
    command.args(arguments).env_remove("RELEVE_LOG");
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    releve(arguments).output().unwrap()
}

/// Runs the binary, which must succeed, and gives what it says as JSON.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Puts a capture into a store; what the command says of it.
pub(crate) fn replay(db: &Path, capture: &Path) -> Value {
    json(&[
        "replay",
        "--json",
        "--db",
        db.to_str().unwrap(),
        capture.to_str().unwrap(),
    ])
}

/// A simulated building in a folder: capture, registry and truth.
pub(crate) fn simulate(folder: &Folder, more: &[&str]) -> [PathBuf; 3] {
    let target = folder.path("building");
    let target = target.to_str().unwrap();
    let arguments = [&["simulate", target, "--json", "--from", "2025-10-01"], more].concat();
    let written = json(&arguments);
    ["capture", "registry", "truth"].map(|name| PathBuf::from(written[name].as_str().unwrap()))
}

/// A store with a registry in it.
pub(crate) fn import(folder: &Folder, registry: &Path) -> PathBuf {
    let db = folder.path("releve.db");
    let output = run(&[
        "registry",
        "import",
        registry.to_str().unwrap(),
        "--db",
        db.to_str().unwrap(),
    ]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    db
}

/// The answer of an address.
pub(crate) fn get(address: &str, token: &str) -> (u16, Value) {
    let mut response = ureq::get(address)
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {token}"))
        .call()
        .unwrap();
    let text = response
        .body_mut()
        .with_config()
        .limit(64 << 20)
        .read_to_string()
        .unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// A daemon that answers on a port of its own, and a token for all of it.
pub(crate) struct Daemon {
    child: Child,
    base: String,
    token: String,
    said: Arc<Mutex<String>>,
    /// Reads what it says.
    reading: Option<thread::JoinHandle<()>>,
}

/// A token for all of a store.
pub(crate) fn add_token(db: &Path) -> String {
    let added = json(&[
        "token",
        "add",
        "test",
        "--scope",
        "operator",
        "--db",
        db.to_str().unwrap(),
        "--json",
    ]);
    added["token"].as_str().unwrap().to_owned()
}

/// A configuration that commits every second and keeps ten years.
pub(crate) fn configuration(db: &Path, top: &str, receivers: &str) -> String {
    format!(
        "{top}[store]\npath = {:?}\ncommit_seconds = 1\nlive_days = 3650\nevery_value_days = 3650\nraw_days = 3650\n[api]\nlisten = \"127.0.0.1:0\"\n{receivers}",
        db.to_str().unwrap()
    )
}

impl Daemon {
    /// Starts on a store; `receivers` is what the configuration says of them.
    pub(crate) fn start(folder: &Folder, db: &Path, receivers: &str) -> Self {
        Self::start_with(folder, db, "", receivers)
    }

    /// The same, with more at the top of the configuration.
    pub(crate) fn start_with(folder: &Folder, db: &Path, top: &str, receivers: &str) -> Self {
        Self::start_in(folder, db, top, receivers, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_in(
        folder: &Folder,
        db: &Path,
        top: &str,
        receivers: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::begin(
            folder,
            add_token(db),
            &configuration(db, top, receivers),
            environment,
        )
    }

    /// Starts with a configuration and a token that its store knows.
    pub(crate) fn begin(folder: &Folder, token: String, config: &str, environment: &[(&str, &str)]) -> Self {
        Self::try_begin(folder, token, config, environment)
            .unwrap_or_else(|said| panic!("the daemon did not say where it listens, but {said}"))
    }

    /// The same, or what it said when it ended at once.
    pub(crate) fn try_begin(
        folder: &Folder,
        token: String,
        config: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self, String> {
        let config = folder.write("releve.toml", config);
        let mut child = releve(&["run", "--config", config.to_str().unwrap()])
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let keep = {
            let said = Arc::clone(&said);
            move |line: String| {
                let mut said = said.lock().unwrap();
                // The last megabyte at least.
                if said.len() > 2 << 20 {
                    said.clear();
                }
                said.push_str(&line);
                said.push('\n');
            }
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let base = lines.by_ref().find_map(|line| {
            keep(line.clone());
            Some(line.split("api=").nth(1)?.split_whitespace().next()?.to_owned())
        });
        let Some(base) = base else {
            let _ = child.wait();
            return Err(said.lock().unwrap().clone());
        };
        // What it says from now on is read, so that it never waits for us.
        let reading = Some(thread::spawn(move || lines.for_each(keep)));
        Ok(Self {
            child,
            base,
            token,
            said,
            reading,
        })
    }

    /// What it has said so far, on standard error.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Whether it has ended by itself, and then whether well.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn has_ended(&mut self) -> Option<bool> {
        thread::sleep(time::Duration::from_millis(50));
        let status = self.child.try_wait().unwrap()?;
        Some(status.success())
    }

    /// Goes on with another token.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn with_token(mut self, token: String) -> Self {
        self.token = token;
        self
    }

    /// The token that it was given.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    #[allow(dead_code, reason = "for the tests of faults")]
    /// Ends it as a power cut would, as far as a process can tell.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The whole address of a path.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// An answer; the path begins with `/`.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        if path == "/metrics" {
            // What is watched all day long does not count what was heard lately, until somebody asks for something else.
            let _ = get(&self.address("/v1/radio"), &self.token);
        }
        get(&format!("{}{path}", self.base), &self.token)
    }

    /// Sends JSON, and gives what came back.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut response = ureq::post(self.address(path))
            .config()
            .http_status_as_error(false)
            .build()
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// Asks for something to be deleted, and gives what came back.
    #[allow(dead_code, reason = "for the tests of erasure")]
    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        let mut response = ureq::delete(self.address(path))
            .config()
            .http_status_as_error(false)
            .build()
            .header("Authorization", format!("Bearer {}", self.token))
            .call()
            .unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), serde_json::from_str(&text).unwrap())
    }

    /// An answer that is good.
    pub(crate) fn good(&self, path: &str) -> Value {
        let (status, value) = self.get(path);
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// All items of a list, page by page.
    pub(crate) fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let next = if cursor.is_empty() {
                path.to_owned()
            } else {
                format!("{path}{separator}cursor={cursor}")
            };
            let page = self.good(&next);
            let list = page["items"].as_array().expect("a list").clone();
            items.extend(list);
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return items,
            }
        }
    }

    /// Asks until the answer satisfies, for at most a minute.
    pub(crate) fn until(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.until_after(600, path, good)
    }

    /// The same, for at most an hour.
    pub(crate) fn until_long(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        self.until_after(36_000, path, good)
    }

    fn until_after(&self, tenths: u32, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..tenths {
            (_, last) = self.get(path);
            if good(&last) {
                return last;
            }
            thread::sleep(time::Duration::from_millis(100));
        }
        let last: String = last.to_string().chars().take(2000).collect();
        panic!("{path} never gave what was awaited, but {last}");
    }

    /// One of its figures, by its name and labels as `/metrics` writes them.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let text = self.good("/metrics");
        let text = text.as_str().unwrap();
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    }

    /// Memory that it holds, in kilobytes.
    pub(crate) fn resident_kilobytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that it has held so far, in kilobytes.
    #[allow(dead_code, reason = "for the tests of faults")]
    pub(crate) fn peak_kilobytes(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Tells it to read everything again.
    pub(crate) fn hang_up(&self) {
        let status = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Ends it as systemd would; it must end well.
    pub(crate) fn stop(self) {
        self.last_words();
    }

    /// The same, and what it has said until its end.
    pub(crate) fn last_words(self) -> String {
        let (well, said) = self.end();
        assert!(well, "{said}");
        said
    }

    /// Ends it as systemd would: whether it ended well, and what it has said.
    pub(crate) fn end(mut self) -> (bool, String) {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
        let well = self.child.wait().unwrap().success();
        self.reading.take().unwrap().join().unwrap();
        (well, self.said())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
