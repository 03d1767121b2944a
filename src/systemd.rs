//! What a service and systemd tell each other: ready, reloading, still at work, stopping (`sd_notify(3)`), and what it was
//! trusted with (`systemd.exec(5)`, `LoadCredential=`). Everything here does nothing where there is no systemd.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::time::Duration;

/// Where messages go.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Notifier {
    /// The one that the environment names; `None` when there is none, or it can't be reached.
    pub fn from_environment() -> Option<Self> {
        let name = env::var_os("NOTIFY_SOCKET")?;
        Self::to(name.as_encoded_bytes()).ok()
    }

    /// The one at a path, or with an abstract name behind `@`.
    ///
    /// # Errors
    /// It is no name for a socket.
    pub fn to(name: &[u8]) -> io::Result<Self> {
        let to = match name.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(std::ffi::OsStr::new(
                str::from_utf8(name).map_err(io::Error::other)?,
            ))?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop us.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }

    /// It answers and listens.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// It is about to read its configuration again; [`Notifier::ready`] ends that.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = now
            .tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// It gets on with its work.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// It is about to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, message: &str) {
        // Nobody is worse off when systemd does not hear it.
        let _ = self.socket.send_to_addr(message.as_bytes(), &self.to);
    }
}

/// How long the manager waits for a sign of life of this process; `None` when it does not.
pub fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC")
        .filter(|microseconds| ours && *microseconds > 0)
        .map(Duration::from_micros)
}

/// The file with a credential of that name, when it was passed to this service.
pub fn credential(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_and_nobody_waits_for_a_manager_that_does_not_read() {
        let path = env::temp_dir().join(format!("releve-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(path.as_os_str().as_encoded_bytes()).unwrap();
        notifier.ready("listening");
        notifier.reloading();
        let mut buffer = [0; 256];
        let mut heard = || {
            let length = manager.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(heard(), "READY=1\nSTATUS=listening");
        let reloading = heard();
        let microseconds = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(microseconds.parse::<u64>().unwrap() > 0);
        for _ in 0..100_000 {
            notifier.alive();
        }
        std::fs::remove_file(&path).unwrap();
        notifier.stopping();
    }
}
