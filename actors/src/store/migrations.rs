//! Steps from one schema to the next. Owns: what each has to do to a database that exists. Never: commits; `open.rs`
//! does, together with the new version, or changes once a version with it was released.

use super::rows::{self, Nothing, ReadError, RequestRow};
use super::schema::{Family, Waiting, last_number};
use super::view::View;
use rocksdb::WriteBatch;

/// Version 1 to 2: requests are found by their age, too. There were no invitations.
pub(super) fn requests_in_the_order_of_their_age(view: &View<'_>, batch: &mut WriteBatch) -> Result<(), ReadError> {
    let state = view.family(Family::State)?;
    let nothing = rows::encode(&Nothing).ok_or_else(|| ReadError::Database("cannot say nothing".into()))?;
    for what in [Waiting::Friend, Waiting::Join] {
        view.list(&[what.table() as u8], |key, value| {
            let row: RequestRow<'_> = rows::decode(key, value)?;
            let first = key.get(1..9).and_then(last_number);
            let (Some(first), Some(second), 17) = (first, last_number(key), key.len()) else {
                return Err(ReadError::row(key, "has not two numbers"));
            };
            batch.put_cf(state, what.due(row.at_ms, first, second), &nothing);
            Ok(())
        })?;
    }
    Ok(())
}

/// Version 2 to 3: what is there stays as it is. Messages that come from now on may have no row of their own in an inbox or in `dedup`: a
/// program that does not know runs would not find them, and must not open the database.
pub(super) fn runs(_: &View<'_>, _: &mut WriteBatch) -> Result<(), ReadError> {
    Ok(())
}
