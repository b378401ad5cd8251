//! Where each voice is spoken. Owns: asking for addresses of names, TLS's trust, and the voices that are needed for preparing only. Never: connects.

use crate::exit::{Exit, Failure};
use crate::loadtest::engine::net::Door;
use crate::loadtest::people;
use crate::loadtest::plan::{Against, Place, Plan, Speech, Voice};
use crate::loadtest::target::Target;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer, pki_types::pem::PemObject,
};

/// All places of a run.
pub(super) struct Doors {
    /// The plan's voices in their order, and behind them what is needed for preparing.
    pub(super) all: Vec<Door>,
    /// Where accounts are made; `None`: nowhere.
    pub(super) registrar: Option<usize>,
    /// Where groups are made.
    pub(super) groups: Option<usize>,
}

impl Doors {
    /// What is spoken at each.
    pub(super) fn speeches(&self) -> Vec<Speech> {
        self.all.iter().map(|door| door.voice.speech).collect()
    }
}

fn bare(speech: Speech) -> Voice {
    Voice { speech, web: false, tls: false }
}

/// Finds them.
///
/// # Errors
/// A name has no address, or a certificate cannot be read.
pub(super) fn find(plan: &Plan, target: &Target) -> Result<Doors, Failure> {
    let authority = match target {
        Target::Own(own) => own.authority(),
        Target::Here(_) | Target::Elsewhere => plan.ca.as_deref(),
    };
    let tls = if plan.voices.iter().any(|voice| voice.tls) { Some(trust(authority)?) } else { None };
    let door = |voice: Voice| -> Result<Option<Door>, Failure> {
        let (host, address) = match (&plan.against, target) {
            // Nothing is connected to: the places are dialects.
            (Against::InProcess, _) => (String::new(), SocketAddr::from(([0, 0, 0, 0], 0))),
            (_, Target::Own(own)) => match own.address(voice) {
                Some(address) => (address.ip().to_string(), address),
                None => return Ok(None),
            },
            (Against::Places(places), _) => match places.iter().find(|place| place.voice == voice) {
                Some(place) => (place.host.clone(), resolve(place)?),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(Door { voice, host, address, tls: tls.clone().filter(|_| voice.tls) }))
    };
    let mut all = Vec::new();
    for voice in &plan.voices {
        let missing = || Failure::new(Exit::Usage, format!("{voice} is not spoken by this server"));
        all.push(door(*voice)?.ok_or_else(missing)?);
    }
    let known: Vec<Voice> = match &plan.against {
        Against::Places(places) => places.iter().map(|place| place.voice).collect(),
        Against::Own | Against::InProcess => vec![bare(Speech::Plain), bare(Speech::Binary)],
    };
    let mut at = |wanted: Option<Voice>| -> Result<Option<usize>, Failure> {
        let Some(voice) = wanted else { return Ok(None) };
        if let Some(at) = all.iter().position(|door| door.voice == voice) {
            return Ok(Some(at));
        }
        Ok(door(voice)?.map(|door| {
            all.push(door);
            all.len() - 1
        }))
    };
    let registrar = at(people::registrar(known.iter().copied()))?;
    // Only `binary` tells a new group's number, which `framed` and `binary` need, and lets anybody join.
    let numbers = plan.voices.iter().any(|voice| voice.speech != Speech::Plain);
    let binary = known.iter().copied().filter(|voice| voice.speech == Speech::Binary).min();
    let groups = if numbers { at(binary)? } else { registrar };
    Ok(Doors { all, registrar, groups })
}

fn resolve(place: &Place) -> Result<SocketAddr, Failure> {
    let Place { voice, host, port } = place;
    let failed = |why: String| Failure::new(Exit::Listen, format!("--to {voice}={host}:{port}: {why}"));
    let mut found = (host.as_str(), *port).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
    found.next().ok_or_else(|| failed("the name has no address".into()))
}

fn trust(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let Some(path) = ca else {
        return Err(Failure::new(
            Exit::Usage,
            "--tls needs --ca FILE, with the authority of the server's certificate in PEM",
        ));
    };
    let failed = |why: String| Failure::new(Exit::Usage, format!("--ca {}: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("there is no certificate in it".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
