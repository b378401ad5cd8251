//! How far the database has durably come, kept beside it: the only way to notice that a write-ahead log is gone.
//!
//! Owns: one small file with the database's sequence number after the last synced commit. Never: is ahead of what was
//! synced, so a database behind it has lost something that was acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Milliseconds between two syncs of the file. Between them a power cut may leave an older number, which notices less;
/// a mere crash of the process leaves the newest.
pub const SYNC_EVERY_MS: u64 = 1000;

const MAGIC: &[u8; 8] = b"HYWATER1";
const SLOT: usize = 512;

/// The open file.
#[derive(Debug)]
pub struct HighWater {
    file: File,
    number: u64,
    slot: usize,
    synced_ms: Option<u64>,
}

/// Why there is no number to read.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// There is no such file.
    #[error("the high-water file is missing")]
    Missing,
    /// Neither of its two slots holds what was written.
    #[error("the high-water file is damaged")]
    Damaged,
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl HighWater {
    /// Opens an existing file.
    ///
    /// # Errors
    /// [`Unknown`], which says why there is no number.
    pub fn open(path: &Path) -> Result<Self, Unknown> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unknown::Missing),
            other => other?,
        };
        let mut bytes = Vec::new();
        (&mut file).take(4096).read_to_end(&mut bytes)?;
        let slots = [0, SLOT].map(|at| bytes.get(at..at + 24).and_then(read_slot));
        // The next write goes over the older slot, so that one torn by a power cut leaves the other.
        let (number, slot) = match slots {
            [Some(a), Some(b)] if b > a => (b, 0),
            [Some(a), _] => (a, 1),
            [None, Some(b)] => (b, 0),
            [None, None] => return Err(Unknown::Damaged),
        };
        Ok(Self { file, number, slot, synced_ms: None })
    }

    /// Makes the file anew, whole or not at all, and synced.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(path: &Path, number: u64) -> io::Result<Self> {
        let new = path.with_extension("new");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut bytes = vec![0; 2 * SLOT];
        for at in [0, SLOT] {
            bytes[at..at + 24].copy_from_slice(&write_slot(number));
        }
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file, number, slot: 0, synced_ms: None })
    }

    /// The highest number that was noted.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Takes note that everything up to `number` is synced. Lower ones are ignored.
    ///
    /// # Errors
    /// What the file system says. The commit itself stands; only its loss would be noticed less.
    pub fn note(&mut self, number: u64, now_ms: u64) -> io::Result<()> {
        if number > self.number {
            self.file.write_all_at(&write_slot(number), if self.slot == 0 { 0 } else { SLOT as u64 })?;
            self.number = number;
            self.slot ^= 1;
        }
        // A clock that went back counts as due.
        if self.synced_ms.is_none_or(|then| now_ms < then || now_ms - then >= SYNC_EVERY_MS) {
            self.file.sync_data()?;
            self.synced_ms = Some(now_ms);
        }
        Ok(())
    }

    /// Syncs the file now.
    ///
    /// # Errors
    /// What the file system says.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn write_slot(number: u64) -> [u8; 24] {
    let mut slot = [0; 24];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..16].copy_from_slice(&number.to_be_bytes());
    let sum = checksum(&slot[..16]);
    slot[16..].copy_from_slice(&sum.to_be_bytes());
    slot
}

fn read_slot(slot: &[u8]) -> Option<u64> {
    let (number, rest) = slot.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    let number = u64::from_be_bytes(*number);
    (rest == &write_slot(number)[16..]).then_some(number)
}

/// FNV-1a: enough against torn and rotten bytes, and nobody has a reason to forge one.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_folder(check: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("high-water"));
    }

    #[test]
    fn the_highest_number_comes_back() {
        in_folder(|path| {
            assert!(matches!(HighWater::open(path), Err(Unknown::Missing)));
            let mut water = HighWater::create(path, 5).unwrap();
            for number in [6, 9, 7, 12] {
                water.note(number, 0).unwrap();
            }
            assert_eq!(water.number(), 12);
            drop(water);
            let mut water = HighWater::open(path).unwrap();
            assert_eq!(water.number(), 12);
            water.note(13, 0).unwrap();
            assert_eq!(HighWater::open(path).unwrap().number(), 13);
        });
    }

    #[test]
    fn one_torn_slot_leaves_the_number_before() {
        for torn in [0, SLOT] {
            in_folder(|path| {
                let mut water = HighWater::create(path, 1).unwrap();
                water.note(2, 0).unwrap();
                water.note(3, 0).unwrap();
                let mut bytes = std::fs::read(path).unwrap();
                bytes[torn + 12] ^= 4;
                std::fs::write(path, &bytes).unwrap();
                let read = HighWater::open(path).unwrap().number();
                assert!((2..=3).contains(&read), "{read}");
            });
        }
    }

    #[test]
    fn rot_in_both_slots_is_noticed() {
        for bytes in [vec![], vec![0; 1024], b"HYWATER1".to_vec()] {
            in_folder(|path| {
                std::fs::write(path, &bytes).unwrap();
                assert!(matches!(HighWater::open(path), Err(Unknown::Damaged)));
            });
        }
    }
}
