//! A report as a file. Owns: writing and reading it, and refusing what another version wrote. Never: leaves half a file.

use super::{Report, VERSION};
use crate::exit::{Exit, Failure};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Where a report may have no value; elsewhere `null` is a figure that was not a number.
const MAY_BE_NULL: [&str; 3] = ["server", "value", "note"];

/// The report as JSON. A figure that is not a number (nothing divided by nothing) becomes 0, so that what was written
/// can be read again, and a note says so.
///
/// # Errors
/// Never for a [`Report`]; the library does not promise it.
pub fn value(report: &Report) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(report)?;
    let zeroed = zero_nulls(&mut value);
    if zeroed > 0
        && let Some(notes) = value.get_mut("notes").and_then(Value::as_array_mut)
    {
        notes.push(format!("{zeroed} figures were not numbers (nothing divided by nothing) and are told as 0").into());
    }
    Ok(value)
}

fn zero_nulls(value: &mut Value) -> u64 {
    match value {
        Value::Array(all) => all
            .iter_mut()
            .map(|value| {
                if value.is_null() {
                    *value = 0.0.into();
                    1
                } else {
                    zero_nulls(value)
                }
            })
            .sum(),
        Value::Object(all) => all
            .iter_mut()
            .map(|(key, value)| {
                if value.is_null() && !MAY_BE_NULL.contains(&key.as_str()) {
                    *value = 0.0.into();
                    1
                } else {
                    zero_nulls(value)
                }
            })
            .sum(),
        _ => 0,
    }
}

/// Writes the report.
///
/// # Errors
/// [`Exit::StorageWrite`]: the file cannot be written; what was there before is still there.
pub fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let text = value(report).and_then(|value| serde_json::to_string_pretty(&value));
    let text = text.map_err(|error| unwritable(path, &error.into()))?;
    replace(path, format!("{text}\n").as_bytes())
}

/// Puts `bytes` in the place of a file at once: into a temporary file beside it, which then takes its name.
///
/// # Errors
/// [`Exit::StorageWrite`]: it cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = || {
        if is_device(path) {
            return fs::write(path, bytes);
        }
        let mut file = beside(path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    written().map_err(|error| unwritable(path, &error))
}

/// Finds out before a run of an hour that its report could not be written after it.
///
/// # Errors
/// [`Exit::Usage`]: the file's name is of no use.
pub fn try_place(path: &Path) -> Result<(), Failure> {
    let tried = || {
        if path.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if is_device(path) { Ok(()) } else { beside(path).map(drop) }
    };
    tried().map_err(|error| Failure { exit: Exit::Usage, ..unwritable(path, &error) })
}

/// `/dev/stdout`, a pipe: what cannot be replaced by a file of its name.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Others may read a report, as any file; the library's own mode is for secrets. The process's mask applies.
    tempfile::Builder::new().prefix(".hongyan-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::StorageWrite, format!("{} cannot be written: {error}", path.display()))
}

/// Reads a report.
///
/// # Errors
/// [`Exit::Usage`]: there is no such file, it is not a report, or another version wrote it; the line says which.
pub fn read(path: &Path) -> Result<Report, Failure> {
    let unusable = |what: String| Failure::new(Exit::Usage, format!("{}: {what}", path.display()));
    let text = fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let no_report = "is not a report of `hongyan loadtest --json`";
    let value: Value = serde_json::from_slice(&text).map_err(|error| unusable(format!("{no_report}: {error}")))?;
    // Before its shape is looked at: another version's shape is another.
    match value.get("version").and_then(Value::as_u64) {
        None => return Err(unusable(format!("{no_report}: it has no `version`"))),
        Some(version) if version != u64::from(VERSION) => {
            let program = value.get("program").and_then(Value::as_str).unwrap_or("another program");
            return Err(unusable(format!(
                "was written by {program} in version {version} of the format; this program reads version {VERSION}: run the test again with it"
            )));
        }
        Some(_) => {}
    }
    serde_json::from_value(value).map_err(|error| unusable(format!("{no_report}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{read, replace, try_place, write};
    use crate::exit::Exit;
    use crate::loadtest::report::samples;
    use std::fs;

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for report in [samples::private(), samples::login_elsewhere(), samples::chaos()] {
            write(&report, &path).unwrap();
            assert_eq!(read(&path).unwrap(), report);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "a temporary file stayed");
    }

    #[test]
    fn what_is_not_a_number_can_be_written_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        let mut report = samples::login_elsewhere();
        report.rates.sent = f64::NAN;
        report.latencies.get_mut("login").unwrap().curve[0].1 = f64::INFINITY;
        write(&report, &path).unwrap();
        let found = read(&path).unwrap();
        assert_eq!((found.rates.sent, found.latencies["login"].curve[0].1), (0.0, 0.0));
        assert!(found.notes.last().unwrap().starts_with("2 figures were not numbers"), "{:?}", found.notes);
        assert_eq!(found.cpu.server, None);
    }

    #[test]
    fn another_version_and_other_files_are_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for (text, part) in [
            ("", "is not a report"),
            ("{}", "it has no `version`"),
            (
                r#"{"version":7,"program":"hongyan 9.1"}"#,
                "written by hongyan 9.1 in version 7 of the format; this program reads version 1",
            ),
            (r#"{"version":1}"#, "missing field"),
        ] {
            fs::write(&path, text).unwrap();
            let failure = read(&path).unwrap_err();
            assert_eq!((failure.exit, failure.lines.len()), (Exit::Usage, 1));
            assert!(failure.lines[0].contains(part) && failure.lines[0].contains("a.json"), "{failure:?}");
        }
        assert!(read(&dir.path().join("none")).unwrap_err().lines[0].contains("cannot be read"));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in [dir.path().to_owned(), dir.path().join("no/such/folder.json")] {
            assert_eq!(try_place(&wrong).unwrap_err().exit, Exit::Usage, "{wrong:?}");
            assert_eq!(replace(&wrong, b"x").unwrap_err().exit, Exit::StorageWrite, "{wrong:?}");
        }
        try_place(&dir.path().join("a.json")).unwrap();
        try_place("/dev/null".as_ref()).unwrap();
        replace("/dev/null".as_ref(), b"x").unwrap();
        assert!(fs::symlink_metadata("/dev/null").is_ok_and(|found| !found.is_file()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
