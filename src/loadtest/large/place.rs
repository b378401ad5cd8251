//! A data folder as the system has it. Owns: its size, a copy of it, and taking it out of the system's cache. Never: knows what is in a file.

use rustix::fs::{Advice, fadvise};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of all files; `None` where the folder cannot be read.
#[must_use]
pub(super) fn bytes(folder: &Path) -> Option<u64> {
    files(folder)?.iter().map(|file| fs::metadata(file).ok().map(|about| about.len())).sum()
}

/// Asks the system to forget what it has of these files, as after a start of the machine. One that forgets less makes a start no slower.
pub(super) fn forget(folder: &Path) {
    for file in files(folder).unwrap_or_default() {
        let Ok(file) = File::open(file) else { continue };
        // What is not on the disk yet would stay.
        let _ = file.sync_all();
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
    }
}

/// Copies a folder that nobody writes to.
///
/// # Errors
/// What the file system says.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        if entry.file_type().ok()?.is_dir() {
            all.extend(files(&entry.path())?);
        } else {
            all.push(entry.path());
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{bytes, copy, forget};

    #[test]
    fn files_in_folders_count() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("a"), "12").unwrap();
        std::fs::write(folder.path().join("db/b"), "345").unwrap();
        forget(folder.path());
        assert_eq!(bytes(folder.path()), Some(5));
        assert_eq!(bytes(&folder.path().join("none")), None);
        let other = tempfile::tempdir().unwrap();
        copy(folder.path(), &other.path().join("copy")).unwrap();
        assert_eq!(bytes(other.path()), Some(5));
        assert_eq!(std::fs::read(other.path().join("copy/db/b")).unwrap(), b"345");
    }
}
