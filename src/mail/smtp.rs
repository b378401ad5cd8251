//! Letters to a mail server, by `lettre`. Owns: how it is connected to, and what of its answers is final. Never: keeps a
//! connection: codes are few, and one that was kept may be dead when it is needed.

use super::message::{compose, parse_mailbox};
use actors::mail::{Fate, Letter};
use actors::settings::{MailSettings, SmtpSecurity};
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::error::Error;
use std::time::Duration;

pub(super) struct Smtp {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// As logs name it.
    server: String,
    timeout: Duration,
}

impl Smtp {
    pub(super) fn new(settings: &MailSettings) -> Result<Self, String> {
        let from = parse_mailbox(&settings.from).map_err(|what| format!("mail.from: {what}"))?;
        let timeout = Duration::from_secs(settings.timeout_s);
        let tls = match settings.smtp_security {
            SmtpSecurity::Tls => Tls::Wrapper(trust(settings)?),
            SmtpSecurity::Starttls => Tls::Required(trust(settings)?),
            SmtpSecurity::None => Tls::None,
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.smtp_host)
            .port(settings.smtp_port)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(timeout))
            .tls(tls);
        if !settings.smtp_user.is_empty() {
            let credentials = Credentials::new(settings.smtp_user.clone(), settings.smtp_password.clone());
            transport = transport.credentials(credentials);
        }
        let server = format!("{}:{}", settings.smtp_host, settings.smtp_port);
        Ok(Self { from, transport: transport.build(), server, timeout })
    }

    /// One attempt, within the time for it.
    pub(super) async fn send(&self, letter: &Letter) -> Fate {
        let message = match compose(&self.from, letter) {
            Ok(message) => message,
            Err(what) => return Fate::Refused(what),
        };
        let server = &self.server;
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Fate::Sent(format!("mail: a letter to …@{} was taken by {server}", letter.domain())),
            Ok(Err(error)) if is_final(&error) => Fate::Refused(format!("{server}: {}", in_words(&error))),
            Ok(Err(error)) => Fate::Later(format!("{server}: {}", in_words(&error))),
            Err(_) => Fate::Later(format!("{server}: nothing was done within {} s", self.timeout.as_secs())),
        }
    }
}

/// What the server said no to for good, and what this side cannot do with it (such as STARTTLS that is not offered).
fn is_final(error: &smtp::Error) -> bool {
    error.is_permanent() || error.is_client()
}

/// The error with what lies under it.
fn in_words(error: &smtp::Error) -> String {
    let mut words = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        let said = error.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        under = error.source();
    }
    words
}

/// Whose certificates are good.
fn trust(settings: &MailSettings) -> Result<TlsParameters, String> {
    let host = settings.smtp_host.clone();
    let file = &settings.smtp_ca_file;
    if file.is_empty() {
        return TlsParameters::new(host).map_err(|error| format!("the system's certificates cannot be used: {error}"));
    }
    let unusable = |what: String| format!("mail.smtp_ca_file: {file} {what}");
    let pem = std::fs::read(file).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let none = || unusable("has no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
    let own = Certificate::from_pem(&pem).map_err(|_| none())?;
    if !pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE) {
        return Err(none());
    }
    TlsParameters::builder(host)
        .certificate_store(CertificateStore::None)
        .add_root_certificate(own)
        .build()
        .map_err(|error| unusable(format!("cannot be used: {error}")))
}

/// How a certificate begins.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
