//! What only shows in the whole. Owns: incomplete listeners and values that cannot be true together. Never: checks
//! a value by itself (`rules` does).

use super::format::{PortRange, collide, overlap, parse_ports};
use super::{Mistake, Origin, rules};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The merged settings and what is known about them.
pub(super) struct Whole<'a> {
    pub(super) effective: &'a toml::Table,
    /// Who had the last word on each key.
    pub(super) origins: &'a BTreeMap<String, Origin>,
    /// Keys with a mistake of their own: nothing is concluded from what stands in for them.
    pub(super) bad: &'a BTreeSet<String>,
}

/// Finds all of them.
pub(super) fn find(whole: &Whole<'_>, mistakes: &mut Vec<Mistake>) {
    let mut listeners = listeners(whole, mistakes);
    listeners.extend(http(whole));
    same_address(whole, &listeners, mistakes);
    relay_ports(whole, &listeners, mistakes);
    not_above(
        whole,
        ("plain.max_object_bytes", "session.outbox_bytes"),
        "what one client may send must fit into what waits for another",
        mistakes,
    );
    not_above(
        whole,
        ("framed.max_message_bytes", "session.outbox_bytes"),
        "what one client may send must fit into what waits for another",
        mistakes,
    );
    not_above(whole, ("binary.heartbeat_s", "binary.patience_s"), "whoever is let go was asked before", mistakes);
    not_above(
        whole,
        ("binary.max_packet_bytes", "session.outbox_bytes"),
        "what one client may send must fit into what waits for another",
        mistakes,
    );
    fits_around(whole, ("message.max_bytes", 1024), "binary.max_packet_bytes", "a message", mistakes);
    fits_around(whole, ("profile.max_avatar_bytes", 8 * 1024), "binary.max_packet_bytes", "a profile", mistakes);
    not_above(
        whole,
        ("storage.write_buffer_bytes", "storage.cache_bytes"),
        "write buffers are counted in the cache",
        mistakes,
    );
    tls(whole, mistakes);
    mail(whole, mistakes);
}

impl Whole<'_> {
    fn get(&self, key: &str) -> Option<&toml::Value> {
        let mut keys = key.split('.');
        let first = self.effective.get(keys.next()?)?;
        keys.try_fold(first, |value, key| value.get(key))
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str().filter(|_| !self.bad.contains(key))
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_integer().filter(|_| !self.bad.contains(key))
    }

    /// The mistake, at whichever of the two keys the user said something about.
    fn between(&self, one: &str, other: &str, what: String) -> Mistake {
        let said = |key: &str| self.origins.get(key).filter(|origin| **origin != Origin::Embedded).cloned();
        let (key, origin) = match (said(one), said(other)) {
            (None, Some(origin)) => (other, Some(origin)),
            (origin, _) => (one, origin),
        };
        Mistake { key: key.to_owned(), origin, what }
    }
}

/// The HTTP listener, if there is one.
fn http(whole: &Whole<'_>) -> Option<(String, SocketAddr)> {
    Some(("http.address".into(), whole.text("http.address")?.parse().ok()?))
}

/// The listeners that will be opened: the keys of their addresses, and those.
fn listeners(whole: &Whole<'_>, mistakes: &mut Vec<Mistake>) -> Vec<(String, SocketAddr)> {
    let mut found = Vec::new();
    let mut named = 0;
    let tables = whole.effective.get("listen").and_then(toml::Value::as_table);
    for (name, table) in tables.into_iter().flatten() {
        let address = table.get("address").and_then(toml::Value::as_str);
        if address == Some("") {
            continue;
        }
        named += 1;
        let has = |key: &str| table.get(key).is_some() || whole.bad.contains(&format!("listen.{name}.{key}"));
        for key in rules::LISTEN_KEYS.into_iter().filter(|key| !has(key)) {
            let said = whole.origins.iter().find(|(at, _)| at.starts_with(&format!("listen.{name}.")));
            mistakes.push(Mistake {
                key: format!("listen.{name}.{key}"),
                origin: said.map(|(_, origin)| origin.clone()),
                what: format!("is missing: a listener has an address, a link and a dialect{}", rules::LISTEN_EXAMPLE),
            });
        }
        if let Some(address) = address.and_then(|address| address.parse().ok()) {
            found.push((format!("listen.{name}.address"), address));
        }
    }
    let is_bad = whole.bad.iter().any(|key| key.starts_with("listen."));
    if named == 0 && !is_bad {
        let what = format!("leaves no listener: give one an address{}", rules::LISTEN_EXAMPLE);
        mistakes.push(Mistake { key: "listen".into(), origin: None, what });
    }
    found
}

fn same_address(whole: &Whole<'_>, listeners: &[(String, SocketAddr)], mistakes: &mut Vec<Mistake>) {
    for (at, (one, address)) in listeners.iter().enumerate() {
        for (other, taken) in &listeners[..at] {
            if collide(*address, *taken) && !whole.bad.contains(one) && !whole.bad.contains(other) {
                let what = format!("{one} = \"{address}\" and {other} = \"{taken}\" collide: give each its own port");
                mistakes.push(whole.between(one, other, what));
            }
        }
    }
}

fn relay_ports(whole: &Whole<'_>, listeners: &[(String, SocketAddr)], mistakes: &mut Vec<Mistake>) {
    let Some(Ok(PortRange::Between(first, last))) = whole.text("relay.ports").map(parse_ports) else { return };
    let Some(bind) = whole.text("relay.bind").and_then(|bind| bind.parse::<IpAddr>().ok()) else { return };
    for (key, address) in listeners {
        if (first..=last).contains(&address.port()) && overlap(bind, address.ip()) {
            let what = format!(
                "{key} = \"{address}\" lies within relay.ports = \"{first}-{last}\": a file transfer would be given \
                 a port that is taken; move one of them"
            );
            mistakes.push(whole.between(key, "relay.ports", what));
        }
    }
}

/// Whether `large` has room for what is `small`, and for what comes `around` it.
fn fits_around(whole: &Whole<'_>, (small, around): (&str, i64), large: &str, what: &str, mistakes: &mut Vec<Mistake>) {
    let (Some(low), Some(high)) = (whole.number(small), whole.number(large)) else { return };
    // Clients that speak in texts write bytes in base64.
    let needed = low.saturating_add(low / 3).saturating_add(around);
    if needed > high {
        let what = format!(
            "{large} = {high} must be at least {needed} ({small} = {low}, a third more in base64, and {around} around \
             it): {what} travels in one packet"
        );
        mistakes.push(whole.between(small, large, what));
    }
}

/// What a listener with TLS shows its clients.
fn tls(whole: &Whole<'_>, mistakes: &mut Vec<Mistake>) {
    let tables = whole.effective.get("listen").and_then(toml::Value::as_table);
    let is_open = |table: &toml::Value| table.get("address").and_then(toml::Value::as_str) != Some("");
    let has_tls = |table: &toml::Value| table.get(rules::LISTEN_TLS).and_then(toml::Value::as_bool) == Some(true);
    let first = tables.into_iter().flatten().find(|(_, table)| is_open(table) && has_tls(table));
    let Some((name, _)) = first else { return };
    for (key, what) in [("tls.certificate", "the certificate"), ("tls.key", "its private key")] {
        if whole.text(key) == Some("") {
            let because = format!("listen.{name}.{}", rules::LISTEN_TLS);
            let what = format!("{because} = true needs {key} to name the file with {what}, in PEM, and it is empty");
            mistakes.push(whole.between(key, &because, what));
        }
    }
}

/// What mail needs to be sent at all, and what must not travel as it is.
fn mail(whole: &Whole<'_>, mistakes: &mut Vec<Mistake>) {
    let Some(transport) = whole.text("mail.transport") else { return };
    if let Some(needed) = whole.text("auth.verify_login").filter(|needed| transport == "off" && *needed != "never") {
        let what = format!(
            "auth.verify_login = \"{needed}\" asks for codes that mail.transport = \"off\" never sends: nobody who \
             needs one could log in"
        );
        mistakes.push(whole.between("auth.verify_login", "mail.transport", what));
    }
    if transport != "smtp" {
        return;
    }
    let Some(host) = whole.text("mail.smtp_host") else { return };
    if host.is_empty() {
        let what = "must name a mail server for mail.transport = \"smtp\", and is empty".to_owned();
        mistakes.push(whole.between("mail.smtp_host", "mail.transport", what));
        return;
    }
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    let secret = whole.text("mail.smtp_password").is_some_and(|password| !password.is_empty());
    if whole.text("mail.smtp_security") == Some("none") && !here && secret {
        let what = format!(
            "mail.smtp_security = \"none\": the password would travel in the clear to mail.smtp_host = {}; take \
             \"tls\" or \"starttls\"",
            rules::quoted(host)
        );
        mistakes.push(whole.between("mail.smtp_security", "mail.smtp_host", what));
    }
}

fn not_above(whole: &Whole<'_>, (small, large): (&str, &str), why: &str, mistakes: &mut Vec<Mistake>) {
    let (Some(low), Some(high)) = (whole.number(small), whole.number(large)) else { return };
    if low > high {
        let what = format!("{small} = {low} must not be above {large} = {high}: {why}");
        mistakes.push(whole.between(small, large, what));
    }
}
