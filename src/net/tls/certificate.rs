//! The server's certificate and key. Owns: reading them, and telling everything that would make clients turn away: files that
//! cannot be read, that do not belong together, or whose time is over. Never: makes a certificate.

use crate::settings::TlsSettings;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{CertificateError, Error, RootCertStore, ServerConfig};

/// What the server shows in a handshake, ready to use. TLS 1.2 and 1.3.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// For bare streams.
    pub(crate) bare: Arc<ServerConfig>,
    /// For HTTP/1.1, which is agreed on with clients that ask (ALPN).
    pub(crate) web: Arc<ServerConfig>,
}

/// Reads certificate and key.
///
/// # Errors
/// What is wrong, with the setting and the file's name, one line each.
pub(crate) fn load(settings: &TlsSettings) -> Result<Identity, Vec<String>> {
    let (chain, key) = match (chain(&settings.certificate), key(&settings.key)) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
    };
    let provider = Arc::new(ring::default_provider());
    let named = |what: String| vec![format!("tls.certificate = \"{}\": {what}", settings.certificate.display())];
    in_time(&chain, &provider, SystemTime::now()).map_err(named)?;
    let fine = |error: Error| vec![together(settings, &error)];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(fine)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(fine)?;
    // Clients that come again skip the signature. What is needed for that is in the ticket, which the client keeps: the server
    // remembers nothing for anybody.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new().map_err(fine)?;
    config.send_tls13_tickets = 1;
    let mut web = config.clone();
    web.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { bare: Arc::new(config), web: Arc::new(web) })
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |what: String| format!("tls.certificate = \"{}\": {what}", path.display());
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = read.map_err(|error| told(unread(&error, "certificate")))?;
    if chain.is_empty() {
        return Err(told("there is no certificate in PEM in it (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| format!("tls.key = \"{}\": {}", path.display(), unread(&error, "private key")))
}

fn unread(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => {
            format!("there is no {what} in PEM in it (-----BEGIN {}-----)", what.to_uppercase())
        }
        other => format!("is not PEM: {other}"),
    }
}

/// Why certificate and key cannot be used, although each could be read.
fn together(settings: &TlsSettings, error: &Error) -> String {
    let (certificate, key) = (settings.certificate.display(), settings.key.display());
    match error {
        Error::InconsistentKeys(_) => format!(
            "tls.key = \"{key}\": the key is another one than that of tls.certificate = \"{certificate}\": give the two that were \
             made together"
        ),
        Error::InvalidCertificate(_) => format!("tls.certificate = \"{certificate}\": is no certificate: {error}"),
        _ => format!("tls.key = \"{key}\": the key cannot be used: {error}"),
    }
}

/// Whether the certificate is good at this time. The library tells that only to clients, so one is asked: it looks at the time
/// first, and whatever else it misses (who has signed it, for which name) is not our question.
fn in_time(chain: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>, now: SystemTime) -> Result<(), String> {
    let (Some((first, others)), Ok(name)) = (chain.split_first(), ServerName::try_from("localhost")) else {
        return Ok(());
    };
    let mut roots = RootCertStore::empty();
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    if let Err(error) = roots.add(first.clone()) {
        return Err(format!("is no certificate: {error}"));
    }
    let client = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    let Ok(client) = client else { return Ok(()) };
    let days = |from: UnixTime, to: UnixTime| {
        Duration::from_secs(to.as_secs().saturating_sub(from.as_secs())).as_secs() / (24 * 60 * 60)
    };
    match client.verify_server_cert(first, others, &name, &[], now) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after })) => {
            Err(format!("has expired {} days ago: get a new one", days(not_after, time)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before })) => {
            Err(format!("is not good yet, but in {} days: look at this machine's clock", days(time, not_before)))
        }
        Err(Error::InvalidCertificate(CertificateError::Expired)) => Err("has expired: get a new one".to_owned()),
        Err(Error::InvalidCertificate(CertificateError::NotValidYet)) => {
            Err("is not good yet: look at this machine's clock".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{TlsSettings, load};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use std::fs;
    use std::path::PathBuf;

    struct Files {
        dir: tempfile::TempDir,
        settings: TlsSettings,
    }

    impl Files {
        fn with(certificate: &str, key: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str, text: &str| {
                let path = dir.path().join(name);
                fs::write(&path, text).unwrap();
                path
            };
            let (certificate, key) = (at("certificate.pem", certificate), at("key.pem", key));
            let settings = TlsSettings { certificate, key, handshake_timeout_s: 10, max_handshakes: 1 };
            Self { dir, settings }
        }

        /// What is wrong, without the folder's name.
        fn wrong(&self) -> Vec<String> {
            let folder = format!("{}/", self.dir.path().display());
            load(&self.settings).unwrap_err().into_iter().map(|line| line.replace(&folder, "")).collect()
        }
    }

    fn made(change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new(vec!["chat.example.org".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn what_belongs_together_and_is_in_time_is_taken() {
        let (certificate, key) = made(|_| ());
        let identity = load(&Files::with(&certificate, &key).settings).unwrap();
        assert_eq!(identity.web.alpn_protocols, [b"http/1.1"]);
        assert!(identity.bare.alpn_protocols.is_empty());
        // A chain, and other things between: as certbot and people leave them.
        let (other, _) = made(|_| ());
        assert!(load(&Files::with(&format!("hello\n{certificate}\n{other}"), &key).settings).is_ok());
    }

    #[test]
    fn each_mistake_has_its_words() {
        let (certificate, key) = made(|_| ());
        let (_, other_key) = made(|_| ());
        assert_eq!(
            Files::with(&certificate, &other_key).wrong(),
            [
                "tls.key = \"key.pem\": the key is another one than that of tls.certificate = \"certificate.pem\": give the two that were \
             made together"
            ]
        );
        assert_eq!(
            Files::with(&key, &certificate).wrong(),
            [
                "tls.certificate = \"certificate.pem\": there is no certificate in PEM in it (-----BEGIN CERTIFICATE-----)",
                "tls.key = \"key.pem\": there is no private key in PEM in it (-----BEGIN PRIVATE KEY-----)"
            ]
        );
        let mut gone = Files::with(&certificate, &key);
        gone.settings.key = PathBuf::from("/nowhere/key.pem");
        assert_eq!(
            gone.wrong(),
            ["tls.key = \"/nowhere/key.pem\": cannot be read: No such file or directory (os error 2)"]
        );
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let wrong = Files::with(garbage, &key).wrong();
        assert!(
            wrong.len() == 1 && wrong[0].starts_with("tls.certificate = \"certificate.pem\": is no certificate: "),
            "{wrong:?}"
        );
    }

    #[test]
    fn a_certificate_is_used_in_its_time_only() {
        let (old, key) = made(|params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        });
        let wrong = Files::with(&old, &key).wrong();
        assert!(wrong[0].contains("has expired ") && wrong[0].ends_with(" days ago: get a new one"), "{wrong:?}");
        let (young, key) = made(|params| {
            params.not_before = date_time_ymd(4000, 1, 1);
            params.not_after = date_time_ymd(4001, 1, 1);
        });
        let wrong = Files::with(&young, &key).wrong();
        assert!(wrong[0].contains("is not good yet, but in "), "{wrong:?}");
    }
}
