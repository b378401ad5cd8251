//! TLS for listeners (docs/decisions/0016-tls.md). Owns: the certificate (`certificate`), handshakes and their bounds
//! (`handshakes`), a connection after its handshake as a stream (`stream`) and as a link (`link`). Never: lets a connection in
//! before its handshake is done, or looks at a client's certificate.

mod certificate;
mod handshakes;
mod link;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use certificate::{Identity, load};
pub(crate) use handshakes::Handshakes;
pub(crate) use link::TlsLink;
pub(crate) use stream::TlsStream;
