//! A load test through TLS: a small proxy with a certificate of its own stands before the server.

use super::{proved, try_load};
use crate::world::Server;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// Where the proxy listens, and its certificate in PEM.
fn proxy(to: SocketAddr) -> (SocketAddr, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, address) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (outside, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::task::spawn_local(async move {
                    let Ok(outside) = acceptor.accept(outside).await else { return };
                    let inside = TcpStream::connect(to).await.unwrap();
                    let ((mut from, mut back), (mut answers, mut asks)) =
                        (tokio::io::split(outside), inside.into_split());
                    let out = async {
                        let mut buffer = [0; 4096];
                        while let Ok(count @ 1..) = from.read(&mut buffer).await {
                            asks.write_all(&buffer[..count]).await.unwrap_or(());
                        }
                        asks.shutdown().await.unwrap_or(());
                    };
                    let home = async {
                        let mut buffer = [0; 4096];
                        while let Ok(count @ 1..) = answers.read(&mut buffer).await {
                            back.write_all(&buffer[..count]).await.unwrap_or(());
                        }
                        back.shutdown().await.unwrap_or(());
                    };
                    tokio::join!(out, home);
                });
            }
        }));
    });
    (address.recv().unwrap(), cert.pem())
}

#[test]
fn what_goes_through_tls_is_proved_as_well_and_a_strange_certificate_is_refused() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let (plain, certificate) = proxy(server.address);
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, certificate).unwrap();
    proved(&format!("private --to {plain} --tls --ca {} --sessions 6 --duration 1s", ca.display()));

    let (web, certificate) = proxy(server.web_address);
    let (other, theirs) = (dir.path().join("web.pem"), certificate);
    std::fs::write(&other, theirs).unwrap();
    let words = "--link ws --dialect plain,framed,binary --tls --sessions 6 --duration 1s";
    proved(&format!("private --to {web} {words} --ca {}", other.display()));
    let (code, _, said) = try_load(&format!("private --to {web} {words} --ca {}", ca.display()));
    assert!(code == Some(70) && said.contains("certificate"), "{said}");
}
