//! A program whose output is read, in a process group of its own, so that a whole pipeline ends with it.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::stream::Source;

/// A program that has closed its output is given this long to end, and as long again after it was asked to.
const GRACE: Duration = Duration::from_secs(1);

/// The program as a source of lines.
#[derive(Debug)]
pub(super) struct Command {
    program: String,
    arguments: Vec<String>,
    state: Arc<Mutex<State>>,
}

/// The running program; ends it when dropped, and keeps it from being started again.
#[derive(Debug)]
pub(super) struct Child(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: Option<process::Child>,
    is_over: bool,
}

impl Command {
    pub(super) fn new(program: &str, arguments: &[String]) -> (Self, Child) {
        let state = Arc::new(Mutex::new(State::default()));
        let command = Self {
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            state: state.clone(),
        };
        (command, Child(state))
    }
}

impl Source for Command {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        let mut state = lock(&self.state);
        if state.is_over {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut child = process::Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("{} can't be started: {error}", self.program),
                )
            })?;
        let output = child.stdout.take();
        state.running = Some(child);
        output
            .map(|output| Box::new(output) as Box<dyn Read + Send>)
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    fn end(&mut self) -> String {
        let Some(mut child) = lock(&self.state).running.take() else {
            return format!("{} was ended", self.program);
        };
        match end(&mut child) {
            Ok(status) => format!("{} ended: {status}", self.program),
            Err(error) => format!("{} can't be ended: {error}", self.program),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_over = true;
        if let Some(mut child) = state.running.take() {
            // Nobody is left to tell.
            let _ = end_now(&mut child);
        }
    }
}

/// Waits for a program that should be ending; the group is asked, then made to.
fn end(child: &mut process::Child) -> io::Result<process::ExitStatus> {
    match wait(child)? {
        Some(status) => Ok(status),
        None => end_now(child),
    }
}

fn end_now(child: &mut process::Child) -> io::Result<process::ExitStatus> {
    signal(child, Signal::TERM)?;
    if let Some(status) = wait(child)? {
        return Ok(status);
    }
    signal(child, Signal::KILL)?;
    child.wait()
}

fn wait(child: &mut process::Child) -> io::Result<Option<process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || begun.elapsed() >= GRACE {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Signals the whole group. The program has not been waited for, so its number is still its own.
fn signal(child: &process::Child, signal: Signal) -> io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    match group.map(|group| kill_process_group(group, signal)) {
        // Gone already.
        Some(Err(rustix::io::Errno::SRCH)) | None => Ok(()),
        Some(result) => Ok(result?),
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
