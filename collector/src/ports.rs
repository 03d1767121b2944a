//! Serial ports of USB devices: what the kernel knows of them, without opening one.
//!
//! Opening a port can already disturb what is behind it, so that ids and names decide first which ports may be a receiver
//! of ours at all, and which models are worth a question.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::dongle::Model;

/// A serial port of a USB device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// `/dev/ttyUSB0`: changes from one time to the next.
    pub path: PathBuf,
    /// `/dev/serial/by-id/…`: stays, as long as the device has a number of its own.
    pub by_id: Option<PathBuf>,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// Who made it, as it says.
    pub manufacturer: String,
    /// What it is, as it says.
    pub name: String,
    /// Its own number, as it says.
    pub serial: String,
}

impl Port {
    /// The models that may be behind it, likely ones first; none for what is known to be something else.
    pub fn candidates(&self) -> &'static [Model] {
        let says = format!("{} {}", self.manufacturer, self.name).to_lowercase();
        if OTHERS.iter().any(|other| says.contains(other)) {
            return &[];
        }
        match (self.vendor, self.product) {
            (0x04B4, 0x0003) if says.contains("iu891a") || says.contains("imst") => &[Model::Iu891a],
            (0x03EB, 0x204B) => &[Model::Cul],
            (0x2047, 0x0863) => &[Model::Rawtty],
            (0x10C4, 0xEA60 | 0x87ED) => &[Model::Im871a],
            (0x0403, 0x6001) => &[Model::Amb8465, Model::Cul],
            (0x1A86, 0x7523) => &[Model::Cul],
            _ => &[],
        }
    }

    /// The name to configure it by.
    pub fn lasting(&self) -> &Path {
        self.by_id.as_deref().unwrap_or(&self.path)
    }
}

/// Words in the names of devices that share their chip with ours, and must not be asked anything.
const OTHERS: [&str; 10] = [
    "zigbee",
    "sonoff",
    "nabu casa",
    "skyconnect",
    "conbee",
    "z-wave",
    "zwave",
    "bluetooth",
    "arduino",
    "esp32",
];

/// All serial ports of USB devices.
pub fn usb_ports() -> Vec<Port> {
    ports_below(Path::new("/sys/class/tty"), Path::new("/dev"))
}

fn ports_below(class: &Path, dev: &Path) -> Vec<Port> {
    let Ok(entries) = fs::read_dir(class) else {
        return Vec::new();
    };
    let by_id: Vec<(PathBuf, PathBuf)> = fs::read_dir(dev.join("serial/by-id"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((fs::canonicalize(entry.path()).ok()?, entry.path())))
        .collect();
    let mut ports: Vec<Port> = entries
        .flatten()
        .filter_map(|entry| {
            let device = usb_device(&entry.path())?;
            let text = |name: &str| {
                let text = fs::read_to_string(device.join(name)).unwrap_or_default();
                // From a device: whatever it says, it is short and on one line.
                text.trim()
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(80)
                    .collect::<String>()
            };
            let path = dev.join(entry.file_name());
            let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            Some(Port {
                by_id: by_id
                    .iter()
                    .find(|(target, _)| *target == real)
                    .map(|(_, name)| name.clone()),
                path,
                vendor: u16::from_str_radix(&text("idVendor"), 16).ok()?,
                product: u16::from_str_radix(&text("idProduct"), 16).ok()?,
                manufacturer: text("manufacturer"),
                name: text("product"),
                serial: text("serial"),
            })
        })
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    ports
}

/// The folder of the USB device that a terminal belongs to.
fn usb_device(terminal: &Path) -> Option<PathBuf> {
    let terminal = fs::canonicalize(terminal.join("device")).ok()?;
    terminal
        .ancestors()
        .take(6)
        .find(|folder| folder.join("idVendor").is_file())
        .map(Path::to_owned)
}

/// Takes a USB device off its bus and puts it back, as if it had been unplugged. Needs the right to.
///
/// # Errors
/// It is no USB device, or the right is missing.
pub(crate) fn reset_usb(port: &Path) -> io::Result<()> {
    let real = fs::canonicalize(port)?;
    let name = real.file_name().ok_or(io::ErrorKind::NotFound)?;
    let device = usb_device(&Path::new("/sys/class/tty").join(name)).ok_or(io::ErrorKind::NotFound)?;
    let authorized = device.join("authorized");
    fs::write(&authorized, "0")?;
    fs::write(&authorized, "1")
}

/// Ports that receivers of this process use or try, so that two that look for one don't find the same.
static TAKEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A port that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Claim(PathBuf);

impl Claim {
    /// Claims a port; `None` when another receiver of this process has it.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A claim that is dropped gives its port back, so none is made of a port that is somebody else's.
        let is_free = taken().insert(real.clone());
        if is_free { Some(Self(real)) } else { None }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        taken().remove(&self.0);
    }
}

fn taken() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A piece of sysfs and /dev as a kernel shows it.
    fn plug(root: &Path, tty: &str, ids: [&str; 2], says: [&str; 3]) {
        let device = root.join("devices/usb1").join(format!("1-{tty}"));
        let terminal = device.join("1-1:1.0").join(tty).join("tty").join(tty);
        fs::create_dir_all(&terminal).unwrap();
        for (name, text) in [
            ("idVendor", ids[0]),
            ("idProduct", ids[1]),
            ("manufacturer", says[0]),
            ("product", says[1]),
            ("serial", says[2]),
        ] {
            fs::write(device.join(name), format!("{text}\n")).unwrap();
        }
        symlink(device.join("1-1:1.0").join(tty), terminal.join("device")).unwrap();
        fs::create_dir_all(root.join("class/tty")).unwrap();
        symlink(&terminal, root.join("class/tty").join(tty)).unwrap();
        let by_id = root.join("dev/serial/by-id");
        fs::create_dir_all(&by_id).unwrap();
        fs::write(root.join("dev").join(tty), "").unwrap();
        symlink(
            root.join("dev").join(tty),
            by_id.join(format!("usb-{}_{}", says[1], says[2])),
        )
        .unwrap();
    }

    #[test]
    fn ports_are_found_with_what_may_be_behind_them_and_strangers_are_left_alone() {
        let root = std::env::temp_dir().join(format!("releve-ports-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        plug(
            &root,
            "ttyUSB0",
            ["10c4", "ea60"],
            ["Silicon Labs", "CP2102 Smart Meter", "0042"],
        );
        plug(
            &root,
            "ttyUSB1",
            ["10c4", "ea60"],
            ["ITead", "Sonoff Zigbee 3.0", "7"],
        );
        plug(
            &root,
            "ttyUSB2",
            ["0403", "6001"],
            ["FTDI", "FT232R USB UART", "A1"],
        );
        plug(&root, "ttyACM0", ["04b4", "0003"], ["IMST", "iU891A", "IMS3015"]);
        plug(&root, "ttyACM1", ["2341", "0043"], ["Somebody", "Board", ""]);
        // No USB device at all.
        fs::create_dir_all(root.join("class/tty/ttyS0")).unwrap();
        let ports = ports_below(&root.join("class/tty"), &root.join("dev"));
        let found: Vec<_> = ports
            .iter()
            .map(|port| {
                (
                    port.path.file_name().unwrap().to_str().unwrap(),
                    port.candidates(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("ttyACM0", &[Model::Iu891a][..]),
                ("ttyACM1", &[]),
                ("ttyUSB0", &[Model::Im871a]),
                ("ttyUSB1", &[]),
                ("ttyUSB2", &[Model::Amb8465, Model::Cul]),
            ]
        );
        assert!(ports[2].lasting().ends_with("usb-CP2102 Smart Meter_0042"));
        assert_eq!(ports[2].serial, "0042");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_port_is_claimed_once() {
        let path = Path::new("/dev/null");
        let claim = Claim::new(path).unwrap();
        assert!(Claim::new(path).is_none());
        drop(claim);
        assert!(Claim::new(path).is_some());
    }
}
