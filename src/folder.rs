//! The data folder. Owns: making it, for its owner only, and finding out at the start that it can be used. Never:
//! knows what is in it (the store does).

use crate::exit::{Exit, Failure};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes the folder with mode 0700 if it is not there, and tries to read and to write it.
///
/// # Errors
/// It cannot be used; the line says why.
pub fn prepare(path: &Path) -> Result<(), Failure> {
    let cannot = |what: &str, error: &io::Error| {
        Failure::new(Exit::DataFolder, format!("the data folder {} cannot be {what}: {error}", path.display()))
    };
    if path.exists() && !path.is_dir() {
        return Err(Failure::new(Exit::DataFolder, format!("the data folder {} is not a folder", path.display())));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| cannot("made", &error))?;
    let ours = path.join("db").is_dir() || fs::read_dir(path).map_err(|error| cannot("read", &error))?.next().is_none();
    let mode = fs::metadata(path).map_err(|error| cannot("read", &error))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        // An empty folder is surely meant for us, and one with our database is ours. Another may be `/tmp`, given by
        // mistake.
        if ours {
            fs::set_permissions(path, Permissions::from_mode(0o700))
                .map_err(|error| cannot("closed to others", &error))?;
        } else {
            log::warn!("others may look into the data folder {} (mode {mode:04o}): chmod 700 it", path.display());
        }
    }
    let probe = path.join(".writable");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(|error| cannot("written", &error))
}

#[cfg(test)]
mod tests {
    use super::prepare;
    use crate::exit::Exit;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        prepare(&path).unwrap();
        prepare(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_open_folder_is_closed_and_a_full_one_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        prepare(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o700);
        fs::write(dir.path().join("somebody's"), "x").unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        prepare(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o755);
    }

    #[test]
    fn a_file_in_its_place_is_one_clear_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "x").unwrap();
        for path in [path.clone(), path.join("below")] {
            let failure = prepare(&path).unwrap_err();
            assert_eq!(failure.exit, Exit::DataFolder);
            assert_eq!(failure.lines.len(), 1);
            assert!(failure.lines[0].contains(&path.display().to_string()), "{failure:?}");
        }
    }
}
