//! All listeners together. Owns: binding and announcing each, and the tasks that serve them. Never: decides when to
//! stop (`serve` does).

use crate::announce::Announcer;
use crate::chat::{Admission, Chat};
use crate::exit::{Exit, Failure};
use crate::net::http::{self, Reception};
use crate::net::listener::{BindError, Bound, accept_loop};
use crate::net::stream::TcpLink;
use crate::net::tls::{self, Handshakes, TlsLink};
use crate::settings::{LinkKind, Listen, Settings};
use actors::session::link::Link;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use protocol::DialectId;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Sockets that listen, with nobody to serve them yet.
#[derive(Debug)]
pub(crate) struct AllBound {
    listens: Vec<(Bound, Listen)>,
    http: Option<Bound>,
    /// Where some listener has TLS.
    identity: Option<tls::Identity>,
}

/// Listeners that are served.
pub(crate) struct Listeners {
    stop: watch::Sender<bool>,
    loops: FuturesUnordered<JoinHandle<()>>,
    reception: Rc<Reception>,
}

/// What the listeners show that have TLS; `None` where none has.
pub(crate) fn identity(settings: &Settings) -> Result<Option<tls::Identity>, Failure> {
    if !settings.listen.values().any(|listen| listen.tls) {
        return Ok(None);
    }
    tls::load(&settings.tls).map(Some).map_err(|lines| Failure { exit: Exit::Settings, lines })
}

/// Binds every listener and announces each. All that fail are told, not only the first.
pub(crate) fn bind_all(
    settings: &Settings,
    identity: Option<tls::Identity>,
    announcer: &mut Announcer,
) -> Result<AllBound, Failure> {
    let mut all = AllBound { listens: Vec::new(), http: None, identity };
    let mut failed = Vec::new();
    for (name, listen) in &settings.listen {
        let what = format!("{name} {} {}", listen.carrier(), listen.dialect.get().name());
        let key = format!("listen.{name}.address");
        if let Some(bound) = bind(&format!("listener {name}"), &key, &what, listen.address, announcer, &mut failed) {
            all.listens.push((bound, listen.clone()));
        }
    }
    if let Some(address) = settings.http.address {
        all.http = bind("http", "http.address", "http http api", address, announcer, &mut failed);
    }
    if failed.is_empty() { Ok(all) } else { Err(Failure { exit: Exit::Listen, lines: failed }) }
}

fn bind(
    who: &str,
    key: &str,
    what: &str,
    address: SocketAddr,
    announcer: &mut Announcer,
    failed: &mut Vec<String>,
) -> Option<Bound> {
    match Bound::bind(address) {
        Ok(bound) => {
            announcer.line(&format!("listening {what} {}", bound.address()));
            return Some(bound);
        }
        Err(BindError::Taken) => failed.push(format!(
            "{who}: the address {address} is taken by another program; stop that one, or choose another with \
             --set {key}=ADDRESS:PORT"
        )),
        Err(BindError::Other(error)) => failed.push(format!("{who}: cannot listen on {address}: {error}")),
    }
    None
}

impl AllBound {
    /// Where each listens, in the order of the settings.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listens.iter().map(|(bound, _)| bound).chain(&self.http).map(Bound::address).collect()
    }

    /// Serves them: connections go to `chat`.
    pub(crate) fn serve(self, settings: &Settings, chat: &Rc<dyn Chat>) -> Result<Listeners, Failure> {
        let (stop, stopped) = watch::channel(false);
        let Some(api) = DialectId::by_name("framed") else {
            return Err(Failure::new(Exit::Settings, "http.address: no dialect is called framed"));
        };
        let reception = Rc::new(Reception::new(settings, Rc::clone(chat), api, stopped.clone()));
        let loops = FuturesUnordered::new();
        let keepalive = Duration::from_secs(settings.chat.session.keepalive_s);
        let handshakes =
            self.identity.map(|identity| Rc::new(Handshakes::new(&settings.tls, identity, keepalive, stopped.clone())));
        if let Some(handshakes) = handshakes.clone() {
            loops.push(actix_rt::spawn(handshakes.keep_current()));
        }
        for (bound, Listen { link, dialect, tls, .. }) in self.listens {
            let (chat, stopped) = (Rc::clone(chat), stopped.clone());
            if let Some(handshakes) = handshakes.clone().filter(|_| tls) {
                let reception = Rc::clone(&reception);
                loops.push(actix_rt::spawn(accept_loop(bound, stopped, move |stream, peer| {
                    let (handshakes, chat, reception) =
                        (Rc::clone(&handshakes), Rc::clone(&chat), Rc::clone(&reception));
                    actix_rt::spawn(async move {
                        // Boxed and dropped: it is large, and over soon.
                        let Some(stream) = Box::pin(handshakes.shake(link, stream, peer)).await else { return };
                        match link {
                            LinkKind::Tcp => admit(&*chat, dialect, peer, stream, keepalive),
                            LinkKind::Websocket => http::serve_web_over(reception, dialect, stream, peer).await,
                        }
                    });
                })));
                continue;
            }
            loops.push(match link {
                LinkKind::Tcp => actix_rt::spawn(accept_loop(bound, stopped, move |stream, peer| {
                    let open = move || Ok(Box::new(TcpLink::open(stream, keepalive)?) as Box<dyn Link>);
                    chat.admit(Admission { peer, dialect, visitor: false, open: Box::new(open) });
                })),
                LinkKind::Websocket => {
                    let reception = Rc::clone(&reception);
                    actix_rt::spawn(accept_loop(bound, stopped, move |stream, peer| {
                        actix_rt::spawn(http::serve_web(Rc::clone(&reception), dialect, stream, peer));
                    }))
                }
            });
        }
        if let Some(bound) = self.http {
            // From now on browsers are told to fetch and send files here.
            let told = match settings.http.public_port {
                0 => bound.address().port(),
                port => port,
            };
            chat.file_doors().set_web_port(told);
            let reception = Rc::clone(&reception);
            loops.push(actix_rt::spawn(async move {
                let accepting = accept_loop(bound, stopped, |stream, peer| {
                    actix_rt::spawn(http::serve_api(Rc::clone(&reception), stream, peer));
                });
                tokio::select! {
                    () = accepting => {}
                    () = reception.keep_house() => {}
                }
            }));
        }
        Ok(Listeners { stop, loops, reception })
    }
}

/// Hands a connection over whose handshake is done.
fn admit(chat: &dyn Chat, dialect: DialectId, peer: SocketAddr, stream: tls::TlsStream, keepalive: Duration) {
    match stream.part() {
        Ok(parted) => {
            let open = move || Ok(Box::new(TlsLink::open(parted, keepalive)?) as Box<dyn Link>);
            chat.admit(Admission { peer, dialect, visitor: false, open: Box::new(open) });
        }
        Err(error) => log::debug!("{peer}: gone after its TLS handshake: {error}"),
    }
}

impl Listeners {
    /// Ready once one has died. They end only when told to.
    pub(crate) async fn died(&mut self) {
        self.loops.next().await;
    }

    /// Lets nobody in any more. What is being asked over HTTP is still answered.
    pub(crate) async fn close(&mut self) {
        // Nobody left to tell would mean that all loops have ended already.
        let _ = self.stop.send(true);
        while self.loops.next().await.is_some() {}
        self.reception.see_off();
    }

    /// Waits for the last answers over HTTP to leave.
    pub(crate) async fn finish(&self, patience: Duration) {
        self.reception.empty(patience).await;
    }
}
