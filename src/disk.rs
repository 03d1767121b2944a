//! Where the store lies: how large it is, how much room is left beside it, and who else may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the system says of a store's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Free space where the store lies, in octets; `None` when the system does not say.
    pub free: Option<u64>,
    /// Size of the store's file, in octets; 0 when there is none.
    pub size: u64,
    /// Files of the store that others than their owner can read.
    pub open_files: Vec<PathBuf>,
    /// The folder of the store, when others than its owner can put files there.
    pub loose_folder: Option<PathBuf>,
}

impl Disk {
    /// Of the store in that file.
    pub fn of(db: &Path) -> Self {
        Self {
            free: free_space(db),
            size: fs::metadata(db).map_or(0, |data| data.len()),
            open_files: open_files(db),
            loose_folder: Some(folder_of(db))
                .filter(|folder| fs::metadata(folder).is_ok_and(|data| is_loose(data.permissions().mode())))
                .map(Path::to_owned),
        }
    }
}

/// Whether others than its owner may put files into a folder, and nothing keeps them from replacing ours.
fn is_loose(mode: u32) -> bool {
    const STICKY: u32 = 0o1000;
    mode & 0o022 != 0 && mode & STICKY == 0
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn free_space(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(folder_of(path)).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

fn open_files(db: &Path) -> Vec<PathBuf> {
    let name = db.file_name().unwrap_or_default().as_encoded_bytes();
    // Its log, what waits beside it, its master key, what was set aside of it: all begin with its name.
    let is_part = |entry: &fs::DirEntry| {
        let other = entry.file_name();
        let suffix = other.as_encoded_bytes().strip_prefix(name);
        suffix.is_some_and(|suffix| matches!(suffix.first(), None | Some(b'-' | b'.')))
    };
    let is_open = |data: fs::Metadata| data.is_file() && data.permissions().mode() & 0o077 != 0;
    let entries = fs::read_dir(folder_of(db)).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(is_part)
        .map(|entry| db.with_file_name(entry.file_name()))
        .filter(|path| fs::metadata(path).is_ok_and(is_open))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_size_and_a_disk_around_it() {
        let path = std::env::temp_dir().join(format!("releve-disk-{}", std::process::id()));
        fs::write(&path, [0; 321]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let disk = Disk::of(&path);
        assert_eq!(disk.size, 321);
        assert!(disk.free.is_some());
        assert_eq!(disk.open_files, std::slice::from_ref(&path));
        let heard = path.with_file_name(format!("releve-disk-{}-heard-1", std::process::id()));
        fs::write(&heard, [0]).unwrap();
        fs::set_permissions(&heard, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(Disk::of(&path).open_files, [path.clone(), heard.clone()]);
        fs::remove_file(heard).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Disk::of(&path).open_files, Vec::<PathBuf>::new());
        fs::remove_file(&path).unwrap();
        assert_eq!(Disk::of(&path).size, 0);
    }
}
