//! Letters as files, for whoever tries the server out. Owns: the folder `outbox` of the data folder, and the names in it.
//! Never: removes one.

use super::message::{compose, parse_mailbox};
use actors::mail::{Fate, Letter};
use actors::settings::MailSettings;
use lettre::message::Mailbox;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Letters of one millisecond.
const SAME_MOMENT: u32 = 10_000;

pub(super) struct Outbox {
    from: Mailbox,
    folder: PathBuf,
}

impl Outbox {
    /// Below the data folder. The folder is made with the first letter.
    pub(super) fn new(settings: &MailSettings, data: &Path) -> Result<Self, String> {
        let from = parse_mailbox(&settings.from).map_err(|what| format!("mail.from: {what}"))?;
        Ok(Self { from, folder: data.join("outbox") })
    }

    /// Writes a letter.
    pub(super) fn write(&self, letter: &Letter) -> Fate {
        let message = match compose(&self.from, letter) {
            Ok(message) => message.formatted(),
            Err(what) => return Fate::Refused(what),
        };
        match self.keep(&message) {
            Ok(path) => {
                let (domain, path) = (letter.domain(), path.display());
                Fate::Sent(format!("mail.transport is \"file\": a letter to …@{domain} is in {path}"))
            }
            Err(error) => Fate::Later(format!("{} cannot be written: {error}", self.folder.display())),
        }
    }

    /// Under another name first: whoever waits for letters sees whole ones.
    fn keep(&self, message: &[u8]) -> io::Result<PathBuf> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        for n in 0..SAME_MOMENT {
            let path = self.folder.join(format!("{since:013}-{n}.eml"));
            let unfinished = path.with_extension("tmp");
            // Whoever makes that file has the name.
            let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            if path.exists() {
                std::fs::remove_file(&unfinished)?;
                continue;
            }
            file.write_all(message)?;
            std::fs::rename(&unfinished, &path)?;
            return Ok(path);
        }
        Err(io::Error::other("too many letters in one millisecond"))
    }
}
