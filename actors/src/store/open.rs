//! Opening the data folder: what may be opened, and what is refused rather than silently shortened.
//!
//! Owns: the layout of the folder (`db/`, `high-water`, `lock`), its permissions, and [`OpenError`]. Never: changes a
//! byte of a database that it then refuses: the first look is read-only.

use super::high_water::{HighWater, Unknown};
use super::rocks::{Recovery, Rocks};
use super::rows::{self, Number};
use super::salvage;
use super::schema::{Family, MIGRATIONS, Meta, SCHEMA_VERSION, Table};
use super::view::View;
use crate::settings::StorageSettings;
use rocksdb::{ErrorKind, WriteBatch, WriteOptions};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a data folder was not opened. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The file system says no.
    #[error("cannot use the data folder {path}: {source}")]
    Unreadable {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is there is not what was written.
    #[error(
        "{path} is damaged ({detail}); restore a backup, or start once with --accept-loss to keep a copy and go on with what is left"
    )]
    Damaged {
        /// What is damaged.
        path: PathBuf,
        /// How that was noticed.
        detail: String,
    },
    /// The database is whole, but older than what was acknowledged.
    #[error(
        "{path} has lost what was acknowledged (it ends at {database}, and {high_water} was committed); restore a backup, or start once with --accept-loss to keep a copy and go on with what is left"
    )]
    BehindHighWater {
        /// The database.
        path: PathBuf,
        /// Its sequence number.
        database: u64,
        /// What it was.
        high_water: u64,
    },
    /// A newer program wrote it.
    #[error("{path} was written by a newer version of this program (schema {found}, this one knows {known})")]
    TooNew {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: String,
        /// The newest that is known here.
        known: u64,
    },
    /// Anything else that the database says.
    #[error("cannot open the database in {path}: {detail}")]
    Other {
        /// The database.
        path: PathBuf,
        /// What it says.
        detail: String,
    },
}

/// What is open.
pub(super) struct Opened {
    pub(super) rocks: Rocks,
    pub(super) high_water: HighWater,
    /// Held for as long as the ledger lives; the system lets go of it when the process ends, however it ends.
    pub(super) lock: File,
}

/// Opens or creates a data folder. With `accept_loss`, an existing one is copied aside first, then opened as far as
/// it can be read.
pub(super) fn open(data: &Path, settings: &StorageSettings, accept_loss: bool) -> Result<Opened, OpenError> {
    folder(data).map_err(|source| unreadable(data, source))?;
    let lock = lock(data)?;
    let path = data.join("db");
    let water_path = data.join("high-water");
    if accept_loss && path.exists() {
        let copy = salvage::keep_copy(data).map_err(|source| unreadable(data, source))?;
        log::warn!("accepting loss: what was there is kept in {}", copy.display());
    }
    let exists = path.join("CURRENT").exists();
    let water = water(&water_path, exists, accept_loss)?;
    let expected = water.as_ref().map_or(0, HighWater::number);
    let whole = |found: u64| {
        if accept_loss || found >= expected {
            return Ok(());
        }
        Err(OpenError::BehindHighWater { path: path.clone(), database: found, high_water: expected })
    };
    // A first start that was cut off, or a restored backup, may have no log; the strict way refuses that for its own
    // sake. The high water says whether anything is lost.
    let bare = exists && (expected == 0 || !has_log(&path).map_err(|source| unreadable(&path, source))?);
    let recovery = if bare { Recovery::UpToDamage } else { Recovery::Strict };
    if exists {
        let families = Rocks::families_on_disk(&path).map_err(|error| refused(&path, error))?;
        if let Some(found) = families.iter().find(|name| !known_family(name)) {
            let found = format!("has {found:?}");
            return Err(OpenError::TooNew { path, found, known: SCHEMA_VERSION });
        }
        // Opening writes: it replays the log into tables and deletes it. What is to be refused must stay as it is.
        // Where families are missing, an earlier start was cut off before anything was stored.
        if !accept_loss && Family::FIRST.iter().all(|family| families.iter().any(|name| name == family.name())) {
            let found = Rocks::look(&path, settings, recovery, &families).map_err(|error| refused(&path, error))?;
            whole(found.db().latest_sequence_number())?;
        }
    } else {
        whole(0)?;
    }
    // The number is there before the database: if it is missing later, somebody took it away.
    let water = match water {
        Some(water) => water,
        None => HighWater::create(&water_path, 0).map_err(|source| unreadable(&water_path, source))?,
    };
    if accept_loss && exists {
        salvage::rewrite(&path, settings)
    } else if bare {
        Rocks::open(&path, settings, recovery).map(drop) // makes a log
    } else {
        Ok(())
    }
    .map_err(|error| refused(&path, error))?;
    let rocks = Rocks::open(&path, settings, Recovery::Strict).map_err(|error| refused(&path, error))?;
    fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(|source| unreadable(&path, source))?;
    if rocks.numbers().is_none() {
        let detail = "it has other batches than this program writes: a fault of the program".into();
        return Err(OpenError::Other { path, detail });
    }
    whole(rocks.db().latest_sequence_number())?;
    migrate(&rocks, &path)?;
    // What was replayed is in tables now, and those are synced.
    let found = rocks.db().latest_sequence_number();
    let high_water = if found >= water.number() {
        let mut water = water;
        water.note(found, 0).map_err(|source| unreadable(&water_path, source))?;
        water
    } else {
        HighWater::create(&water_path, found).map_err(|source| unreadable(&water_path, source))?
    };
    Ok(Opened { rocks, high_water, lock })
}

fn has_log(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        if Path::new(&entry?.file_name()).extension().is_some_and(|extension| extension == "log") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn known_family(name: &str) -> bool {
    name == "default" || Family::ALL.iter().any(|family| family.name() == name)
}

fn water(path: &Path, database_exists: bool, accept_loss: bool) -> Result<Option<HighWater>, OpenError> {
    let damaged = |detail: Unknown| {
        if accept_loss {
            log::error!("accepting loss: {detail}");
            return Ok(None);
        }
        Err(OpenError::Damaged { path: path.to_owned(), detail: detail.to_string() })
    };
    match HighWater::open(path) {
        Ok(water) => Ok(Some(water)),
        Err(Unknown::Missing) if !database_exists => Ok(None),
        Err(Unknown::Io(source)) => Err(unreadable(path, source)),
        Err(unknown) => damaged(unknown),
    }
}

fn unreadable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unreadable { path: path.to_owned(), source }
}

/// What the database's own refusal means.
fn refused(path: &Path, error: rocksdb::Error) -> OpenError {
    let path = path.to_owned();
    let kind = error.kind();
    let detail = error.into_string();
    match kind {
        ErrorKind::Corruption => OpenError::Damaged { path, detail },
        ErrorKind::IOError if detail.contains("lock hold by current process") || detail.contains("While lock file") => {
            OpenError::Locked(path)
        }
        ErrorKind::IOError => OpenError::Unreadable { path, source: io::Error::other(detail) },
        _ => OpenError::Other { path, detail },
    }
}

/// Nobody else may look into the folder: it holds everything that was ever said.
fn folder(data: &Path) -> io::Result<()> {
    match data.metadata() {
        Ok(found) if found.is_dir() => {
            // A folder with something else in it may be `/tmp`, given by mistake.
            let ours = data.join("db").is_dir() || fs::read_dir(data)?.next().is_none();
            if ours && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o777 != 0o700 {
                fs::set_permissions(data, Permissions::from_mode(0o700))?;
            }
            Ok(())
        }
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = data.parent() {
                fs::create_dir_all(parent)?;
            }
            DirBuilder::new().mode(0o700).create(data)
        }
        Err(error) => Err(error),
    }
}

/// One process at a time, decided before anything is read. (The database's own lock would only come after the look.)
fn lock(data: &Path) -> Result<File, OpenError> {
    let path = data.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| unreadable(&path, source))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked(data.to_owned())),
        Err(error) => Err(unreadable(&path, error.into())),
    }
}

/// Brings the schema forward, one synced batch per step.
fn migrate(rocks: &Rocks, path: &Path) -> Result<(), OpenError> {
    let other = |detail: String| OpenError::Other { path: path.to_owned(), detail };
    let key = Table::meta(Meta::Schema);
    let found = View::now(rocks).number(&key).map_err(|error| other(error.to_string()))?;
    let mut version = found.unwrap_or(0);
    if version > SCHEMA_VERSION {
        return Err(OpenError::TooNew { path: path.to_owned(), found: version.to_string(), known: SCHEMA_VERSION });
    }
    while version < SCHEMA_VERSION {
        let mut batch = WriteBatch::default();
        if version == 0 {
            version = SCHEMA_VERSION; // a new database is born with the newest
        } else {
            let step = usize::try_from(version - 1).ok().and_then(|at| MIGRATIONS.get(at));
            let step = step.ok_or_else(|| other(format!("there is no migration from schema {version}")))?;
            step(&View::now(rocks), &mut batch).map_err(|error| other(error.to_string()))?;
            version += 1;
        }
        let row = rows::encode(&Number(version)).ok_or_else(|| other("cannot say the schema's version".into()))?;
        let state = rocks.family(Family::State).ok_or_else(|| other("no column family state".into()))?;
        batch.put_cf(state, &key, row);
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        rocks.db().write_opt(batch, &synced).map_err(|error| refused(path, error))?;
    }
    Ok(())
}
