//! `--accounts FILE`: one account a line, as JSON with name, number and password. Owns: reading it, and adding to it so that nothing is
//! forgotten after a crash. Never: changes what is there.

use super::Account;
use crate::client::Person;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    name: String,
    id: u64,
    password: std::borrow::Cow<'a, str>,
}

/// Up to `most` accounts of the file, in its order; none where it does not exist.
///
/// # Errors
/// It cannot be read, or a line is no account; with the line's number.
pub fn read(path: &Path, most: usize) -> Result<Vec<Account>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("--accounts {}: {error}", path.display())),
    };
    let mut accounts: Vec<Account> = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        if accounts.len() == most {
            break;
        }
        let line = line.map_err(|error| format!("--accounts {}: {error}", path.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let Line { name, id, password } = serde_json::from_str(&line)
            .map_err(|error| format!("--accounts {}, line {number}: not an account ({error})", path.display()))?;
        // Nearly all have the password of the one before.
        let password = match accounts.last() {
            Some(last) if *last.password == *password => last.password.clone(),
            _ => password.into(),
        };
        accounts.push(Account { person: Person { name, id }, password, exists: true });
    }
    Ok(accounts)
}

/// Adds accounts, and waits until they are on the disk.
///
/// # Errors
/// They cannot be written.
pub fn append(path: &Path, accounts: &[Account]) -> io::Result<()> {
    let mut text = Vec::new();
    for Account { person, password, .. } in accounts {
        let line = Line { name: person.name.clone(), id: person.id, password: password.as_ref().into() };
        serde_json::to_writer(&mut text, &line)?;
        text.push(b'\n');
    }
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(&text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{append, read};
    use crate::loadtest::people::account;
    use std::fs;

    #[test]
    fn what_is_added_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("accounts");
        assert_eq!(read(&path, 10), Ok(vec![]));
        let mut made: Vec<_> = (0..3).map(|at| account(9, at)).collect();
        for (at, account) in made.iter_mut().enumerate() {
            (account.exists, account.person.id) = (true, 10_000 + at as u64);
        }
        append(&path, &made[..2]).unwrap();
        append(&path, &made[2..]).unwrap();
        assert_eq!(read(&path, 10).unwrap(), made);
        assert_eq!(read(&path, 2).unwrap(), made[..2]);
    }

    #[test]
    fn a_line_that_is_no_account_is_told_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("accounts");
        fs::write(&path, "{\"name\":\"a\",\"id\":1,\"password\":\"p\"}\n\nnonsense\n").unwrap();
        let error = read(&path, 10).unwrap_err();
        assert!(error.contains("line 3") && error.contains("--accounts"), "{error}");
        assert_eq!(read(&path, 1).unwrap().len(), 1);
    }
}
