//! The broker against a relay that only keeps books.

use super::*;
use crate::transfer::relay::WhenEnded;
use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;

/// Relays that bind nothing: they note what was asked, and end when the test says so.
#[derive(Default)]
struct Books {
    open: Mutex<BTreeMap<u64, (RelayPlan, WhenEnded)>>,
    dropped: Arc<Mutex<Vec<u64>>>,
    taken: Vec<u16>,
}

struct Hold(u64, Arc<Mutex<Vec<u64>>>);

impl RelayHold for Hold {}

impl Drop for Hold {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl Relays for Books {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(u16, Box<dyn RelayHold>)> {
        if self.taken.contains(&plan.port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (ticket, port) = (plan.ticket, plan.port);
        self.open.lock().unwrap().insert(ticket, (plan, when_ended));
        let port = if port == 0 { 50000 } else { port };
        Ok((port, Box::new(Hold(ticket, Arc::clone(&self.dropped)))))
    }
}

struct World {
    books: Arc<Books>,
    heard: Arc<Mutex<Vec<(u64, RelayEnd)>>>,
    broker: Broker<&'static str>,
}

fn world(ports: &str, change: impl FnOnce(&mut RelaySettings), taken: Vec<u16>) -> World {
    let mut settings = RelaySettings {
        bind: [127, 0, 0, 1].into(),
        ports: ports.to_owned(),
        max: 500,
        per_account: 4,
        timeout_s: 10,
        max_bytes: 1000,
        buffer_bytes: 4096,
        settle_ms: 250,
    };
    change(&mut settings);
    let books = Arc::new(Books { taken, ..Books::default() });
    let heard: Arc<Mutex<Vec<_>>> = Arc::default();
    let ears = Arc::clone(&heard);
    let tell: TellEnded = Arc::new(move |id, end| ears.lock().unwrap().push((id, end)));
    let relays: Arc<dyn Relays> = books.clone();
    World { books, heard, broker: Broker::new(relays, settings, tell).unwrap() }
}

fn offer(sender: u64, length: u64) -> Offer<&'static str> {
    let ip = IpAddr::from([127, 0, 0, 1]);
    Offer { sender: UserId(sender), sender_ip: ip, receiver_ips: vec![ip], length, tag: "tag" }
}

impl World {
    /// What the relay's thread does at the end.
    fn end(&self, id: u64, end: RelayEnd) {
        let (_, when_ended) = self.books.open.lock().unwrap().remove(&id).unwrap();
        when_ended(end);
    }
}

#[test]
fn an_offer_becomes_a_plan_and_its_end_comes_back() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    let ticket = world.broker.offer(offer(1, 1000)).unwrap();
    assert_eq!(ticket, Ticket { id: 1, port: 20000 });
    {
        let open = world.books.open.lock().unwrap();
        let plan = &open[&1].0;
        assert_eq!((plan.port, plan.length, plan.buffer_bytes), (20000, 1000, 4096));
        assert_eq!((plan.timeout, plan.settle), (Duration::from_secs(10), Duration::from_millis(250)));
    }
    world.end(1, RelayEnd::Complete);
    assert_eq!(*world.heard.lock().unwrap(), [(1, RelayEnd::Complete)]);
    assert_eq!(world.broker.ports.leased(), 0, "the port is back before anybody is told");
    let transfer = world.broker.ended(1).unwrap();
    assert_eq!((transfer.sender, transfer.port, transfer.length, transfer.tag), (UserId(1), 20000, 1000, "tag"));
    assert_eq!(world.broker.ended(1), None, "told once");
    assert_eq!(world.broker.offer(offer(1, 0)).unwrap(), Ticket { id: 2, port: 20001 });
}

#[test]
fn what_is_too_large_or_for_nobody_is_refused_and_leases_nothing() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    assert_eq!(world.broker.offer(offer(1, 1001)), Err(Refusal::TooLarge));
    assert_eq!(world.broker.offer(Offer { receiver_ips: vec![], ..offer(1, 1) }), Err(Refusal::BadValue));
    assert!(world.broker.is_empty() && world.broker.ports.leased() == 0);
}

#[test]
fn a_thousand_offers_of_one_account_lease_four_ports_and_all_come_back() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    let granted: Vec<_> = (0..1000).filter_map(|_| world.broker.offer(offer(1, 10)).ok()).collect();
    assert_eq!((granted.len(), world.broker.ports.leased()), (4, 4));
    let other = world.broker.offer(offer(2, 10)).unwrap();
    assert!(granted.iter().all(|ticket| ticket.port != other.port));
    for ticket in granted {
        world.end(ticket.id, RelayEnd::TimedOut);
        assert!(world.broker.ended(ticket.id).is_some());
    }
    assert_eq!((world.broker.len(), world.broker.ports.leased()), (1, 1));
    assert!(world.broker.offer(offer(1, 10)).is_ok());
}

#[test]
fn the_total_is_bounded_by_the_setting_and_by_the_ports() {
    let mut few = world("0", |settings| settings.max = 3, vec![]);
    assert_eq!((1..=9).filter(|&user| few.broker.offer(offer(user, 1)).is_ok()).count(), 3);
    assert_eq!(few.broker.offer(offer(10, 1)), Err(Refusal::Busy));
    let mut narrow = world("20000-20001", |_| {}, vec![]);
    assert_eq!((1..=9).filter(|&user| narrow.broker.offer(offer(user, 1)).is_ok()).count(), 2);
}

#[test]
fn ports_that_others_hold_are_passed_over() {
    let mut world = world("20000-20003", |_| {}, vec![20000, 20001]);
    assert_eq!(world.broker.offer(offer(1, 1)).unwrap().port, 20002);
    assert_eq!(world.broker.offer(offer(2, 1)).unwrap().port, 20003);
    assert_eq!(world.broker.offer(offer(3, 1)), Err(Refusal::Busy));
    assert_eq!(world.broker.ports.leased(), 2, "what failed was put back");
}

#[test]
fn a_search_for_a_port_ends() {
    let mut world = world("20000-20999", |_| {}, (20000..=20999).collect());
    assert_eq!(world.broker.offer(offer(1, 1)), Err(Refusal::Busy));
    assert!(world.broker.is_empty() && world.broker.ports.leased() == 0);
}

#[test]
fn a_cancelled_transfer_drops_its_hold_and_counts_until_its_end() {
    let mut world = world("20000-20999", |settings| settings.per_account = 1, vec![]);
    let ticket = world.broker.offer(offer(1, 1)).unwrap();
    world.broker.cancel(ticket.id);
    assert_eq!(*world.books.dropped.lock().unwrap(), [ticket.id]);
    assert_eq!(world.broker.offer(offer(1, 1)), Err(Refusal::Busy));
    world.end(ticket.id, RelayEnd::Broken);
    assert!(world.broker.ended(ticket.id).is_some());
    let again = world.broker.offer(offer(1, 1)).unwrap();
    world.broker.cancel_all();
    assert_eq!(*world.books.dropped.lock().unwrap(), [ticket.id, again.id]);
}

#[test]
fn a_relay_that_vanishes_gives_its_port_back() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    world.broker.offer(offer(1, 1)).unwrap();
    world.books.open.lock().unwrap().clear();
    assert_eq!(world.broker.ports.leased(), 0);
}
