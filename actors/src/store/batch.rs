//! The bytes of the open batch, written here as RocksDB's log has them: through its own interface each row is a call and a
//! string that grows in four steps, which cost more than all else that staging a message does.
//!
//! Owns: that format, and the proof at each start that it is the database's own ([`Numbers::learn`]). Never: knows what is in
//! a row, or writes to the database.
//!
//! A batch is 8 bytes that the database fills, the number of rows (4 bytes, the lowest first), then the rows: what it is, the
//! family's number, the key, and unless it is a deletion the value; each with its length before it. Numbers and lengths have
//! seven bits a byte, the lowest first.

use super::schema::Family;
use rocksdb::{ColumnFamily, WriteBatch};

const HEADER: usize = 12;
const COUNT: usize = 8;
const DELETE: u8 = 4;
const PUT: u8 = 5;

/// What is kept of a buffer for the next batch.
const KEPT_BYTES: usize = 256 << 10;

/// By what numbers the database knows the families.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Numbers([u32; Family::ALL.len()]);

impl Numbers {
    /// Reads them from what the database itself makes of a row, and compares a batch of both kinds of rows with its own. `None`
    /// where a family is missing, or where a batch is not what is written here.
    pub(super) fn learn<'a>(handle: impl Fn(Family) -> Option<&'a ColumnFamily>) -> Option<Self> {
        let mut numbers = Self([0; Family::ALL.len()]);
        for family in Family::ALL {
            let mut theirs = WriteBatch::default();
            theirs.put_cf(handle(family)?, b"k", b"v");
            let number = theirs.data().get(HEADER..)?.strip_prefix(&[PUT])?.strip_suffix(b"\x01k\x01v")?;
            numbers.0[family as usize] = read_number(number)?;
        }
        let mut ours = Batch::new(Some(numbers));
        let mut theirs = WriteBatch::default();
        for family in Family::ALL {
            let (key, value) = ([7; 200], [family as u8; 20_000]);
            ours.put(family, &key, [&value[..3], &value[3..]]).then_some(())?;
            theirs.put_cf(handle(family)?, key, value);
            ours.delete(family, b"").then_some(())?;
            theirs.delete_cf(handle(family)?, b"");
        }
        (ours.bytes == theirs.data()).then_some(numbers)
    }
}

/// An open batch.
pub(super) struct Batch {
    numbers: Option<Numbers>,
    bytes: Vec<u8>,
    rows: u32,
}

impl Batch {
    /// An empty one. Without numbers it takes no rows.
    pub(super) fn new(numbers: Option<Numbers>) -> Self {
        Self { numbers, bytes: vec![0; HEADER], rows: 0 }
    }

    /// Bytes so far, 12 of them without a row.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Puts a row, whose value is given in parts. Returns whether it could be said.
    #[must_use]
    pub(super) fn put<const N: usize>(&mut self, family: Family, key: &[u8], value: [&[u8]; N]) -> bool {
        let whole = value.iter().map(|part| part.len()).sum();
        if !self.begin(PUT, family, key, whole) {
            return false;
        }
        write_number(&mut self.bytes, whole);
        for part in value {
            self.bytes.extend_from_slice(part);
        }
        true
    }

    /// Deletes a row. Returns whether it could be said.
    #[must_use]
    pub(super) fn delete(&mut self, family: Family, key: &[u8]) -> bool {
        self.begin(DELETE, family, key, 0)
    }

    fn begin(&mut self, kind: u8, family: Family, key: &[u8], value: usize) -> bool {
        let Some(Numbers(numbers)) = self.numbers else { return false };
        let (Some(rows), Ok(_), Ok(_)) = (self.rows.checked_add(1), u32::try_from(key.len()), u32::try_from(value))
        else {
            return false;
        };
        self.rows = rows;
        self.bytes[COUNT..HEADER].copy_from_slice(&rows.to_le_bytes());
        self.bytes.reserve(key.len() + value + 16); // the kind, and three numbers of at most five bytes
        self.bytes.push(kind);
        write_number(&mut self.bytes, numbers[family as usize] as usize);
        write_number(&mut self.bytes, key.len());
        self.bytes.extend_from_slice(key);
        true
    }

    /// Hands it out as the database takes it, and starts an empty one.
    pub(super) fn take(&mut self) -> WriteBatch {
        let batch = WriteBatch::from_data(&self.bytes);
        self.rows = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.bytes.resize(HEADER, 0);
        batch
    }
}

fn write_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A number that is all of `bytes`.
fn read_number(bytes: &[u8]) -> Option<u32> {
    let (last, rest) = bytes.split_last().filter(|(last, rest)| **last < 0x80 && rest.len() < 4)?;
    rest.iter()
        .rev()
        .try_fold(u32::from(*last), |number, byte| (byte & 0x80 != 0).then(|| number << 7 | u32::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_the_log_has() {
        let mut batch = Batch::new(Some(Numbers([1, 2, 3, 300])));
        assert_eq!(batch.size(), HEADER);
        assert!(batch.put(Family::Log, b"key", [b"a", b"", b"bc"]));
        assert!(batch.delete(Family::Dedup, b"x"));
        let expected = b"\0\0\0\0\0\0\0\0\x02\0\0\0\x05\x02\x03key\x03abc\x04\xac\x02\x01x";
        assert_eq!(batch.take().data(), expected);
        assert!(batch.put(Family::State, b"", [&[7; 300]]));
        let long = [&b"\0\0\0\0\0\0\0\0\x01\0\0\0\x05\x01\0\xac\x02"[..], &[7; 300]].concat();
        assert_eq!(batch.size(), long.len());
        assert_eq!(batch.take().data(), long, "nothing is left of the one before");
        assert_eq!(batch.take().len(), 0);
    }

    #[test]
    fn nothing_is_written_for_families_that_are_not_known() {
        let mut batch = Batch::new(None);
        assert!(!batch.put(Family::Log, b"key", [b"value"]) && !batch.delete(Family::Log, b"key"));
        assert_eq!(batch.take().len(), 0);
    }

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 27] {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number);
            assert_eq!(read_number(&bytes).map(|read| read as usize), Some(number));
        }
        for bytes in [&b""[..], b"\x80", b"\x01\x01", b"\x80\x80\x80\x80\x01"] {
            assert_eq!(read_number(bytes), None, "{bytes:?}");
        }
    }
}
