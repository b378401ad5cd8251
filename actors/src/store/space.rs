//! Room on the disk: while there is little, nothing new is taken, so that what was taken can still be kept.
//!
//! Owns: the question how much is free, and the bound below which senders are refused. Never: refuses a read, a login
//! or a receipt.

use std::fs::File;
use std::io;
use std::path::Path;

/// How much is free. A trait so that a test can fill a disk without one.
pub trait Space: Send {
    /// Bytes that this process may still write.
    ///
    /// # Errors
    /// What the file system says.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// The file system that a folder is on.
#[derive(Debug)]
pub struct Disk(File);

impl Disk {
    /// The file system under `folder`.
    ///
    /// # Errors
    /// Where the folder cannot be opened.
    pub fn of(folder: &Path) -> io::Result<Self> {
        File::open(folder).map(Self)
    }
}

impl Space for Disk {
    fn free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.0)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// How the disk stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// Enough.
    Plenty,
    /// Below the bound: what is new is refused.
    Little,
    /// So little that even a cursor might not fit.
    None,
}

/// The bound and the question together.
pub(super) struct Guard {
    space: Box<dyn Space>,
    min_free: u64,
    /// No more than this is ever in memory.
    most_unflushed: u64,
}

impl Guard {
    pub(super) fn new(space: Box<dyn Space>, min_free: u64, most_unflushed: u64) -> Self {
        Self { space, min_free, most_unflushed }
    }

    /// How the disk stands, where `unflushed` bytes are in memory and will need room of their own; they are only counted
    /// where it may matter. A disk that cannot be asked counts as roomy: the commit will tell.
    pub(super) fn room(&self, unflushed: impl FnOnce() -> u64) -> Room {
        match self.space.free_bytes() {
            Ok(free) if free < self.min_free / 4 => Room::None,
            Ok(free) if free >= self.min_free.saturating_add(self.most_unflushed) => Room::Plenty,
            Ok(free) if free < self.min_free.saturating_add(unflushed()) => Room::Little,
            Ok(_) => Room::Plenty,
            Err(error) => {
                log::warn!("cannot ask how much room the disk has: {error}");
                Room::Plenty
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl Space for Fixed {
        fn free_bytes(&self) -> io::Result<u64> {
            Ok(self.0)
        }
    }

    #[test]
    fn what_is_in_memory_needs_room_too() {
        let room = |free, unflushed| Guard::new(Box::new(Fixed(free)), 100, 60).room(|| unflushed);
        assert_eq!(room(100, 0), Room::Plenty);
        assert_eq!(room(99, 0), Room::Little);
        assert_eq!(room(149, 50), Room::Little);
        assert_eq!(room(150, 50), Room::Plenty);
        assert_eq!(
            Guard::new(Box::new(Fixed(160)), 100, 60).room(|| unreachable!()),
            Room::Plenty,
            "whatever there is"
        );
        assert_eq!(room(24, 0), Room::None);
    }

    #[test]
    fn a_real_disk_answers() {
        assert!(Disk::of(&std::env::temp_dir()).unwrap().free_bytes().unwrap() > 0);
    }
}
