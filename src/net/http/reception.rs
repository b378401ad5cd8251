//! What all HTTP connections share. Owns: the counts of connections, the visitors, and the settings that matter here.
//! Never: leaves the listeners' thread.

use super::origin::{List, Origins};
use super::visitors::Visitors;
use crate::chat::Chat;
use crate::net::relay::Doors;
use crate::net::seats::Seats;
use crate::settings::{HttpSettings, Settings};
use actors::settings::WebSettings;
use protocol::{Carrier, DialectId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::watch;

/// One for the server.
pub(crate) struct Reception {
    pub(super) chat: Rc<dyn Chat>,
    /// What is spoken over the api.
    pub(super) api: DialectId,
    pub(super) origins: Origins,
    pub(super) web: WebSettings,
    pub(super) http: HttpSettings,
    pub(super) keepalive: Duration,
    pub(super) answer_timeout: Duration,
    pub(super) visitors: RefCell<Visitors>,
    pub(super) handshakes: Seats,
    pub(super) connections: Seats,
    /// Where files come and go.
    pub(super) files: Doors,
    stopped: watch::Receiver<bool>,
    most: Vec<usize>,
}

impl Reception {
    /// With nobody at them. `stopped` tells when no more are to be let in.
    pub(crate) fn new(settings: &Settings, chat: Rc<dyn Chat>, api: DialectId, stopped: watch::Receiver<bool>) -> Self {
        let manners = actors::session::Manners::of_all(&settings.chat);
        let files = chat.file_doors();
        Self {
            chat,
            api,
            // The settings were checked; a list that cannot be read lets nobody's page in.
            origins: Origins::new(super::origin::parse(&settings.chat.web.origins).unwrap_or_else(|_| List::default())),
            web: settings.chat.web.clone(),
            http: settings.http.clone(),
            keepalive: Duration::from_secs(settings.chat.session.keepalive_s),
            answer_timeout: Duration::from_secs(settings.chat.session.answer_timeout_s),
            visitors: RefCell::new(Visitors::new(
                // They must not keep everybody else out.
                settings.http.max_visitors.min(settings.chat.session.max.div_ceil(4)),
                Duration::from_secs(settings.http.visitor_ttl_s),
            )),
            handshakes: Seats::new(settings.chat.web.max_handshakes),
            connections: Seats::new(settings.http.max_connections),
            files,
            stopped,
            most: manners.iter().map(|manners| manners.limits(Carrier::Message).frame_bytes).collect(),
        }
    }

    /// Bytes of one message in that dialect.
    pub(super) fn most_of(&self, dialect: DialectId) -> usize {
        self.most[dialect.index()]
    }

    /// How long a request may take to come.
    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.web.handshake_timeout_s)
    }

    /// Ready once nobody is let in any more.
    pub(super) async fn stopped(&self) {
        // An error means that whoever would tell is gone, which is the same.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }

    /// Forgets who has not come for a while, every so often. Never ends.
    pub(crate) async fn keep_house(&self) {
        let every = Duration::from_secs(self.http.visitor_ttl_s.clamp(1, 60));
        loop {
            tokio::time::sleep(every).await;
            self.visitors.borrow_mut().sweep(tokio::time::Instant::now());
        }
    }

    /// Lets all visitors go: their sessions end in order.
    pub(crate) fn see_off(&self) {
        self.visitors.borrow_mut().clear();
    }

    /// Waits until no connection is left, for `patience` at the most.
    pub(crate) async fn empty(&self, patience: Duration) {
        let step = Duration::from_millis(5);
        let _ = tokio::time::timeout(patience, async {
            while self.connections.count() > 0 {
                tokio::time::sleep(step).await;
            }
        })
        .await;
    }
}
