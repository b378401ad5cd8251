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
    web_port: Option<u16>,
}

struct Hold(u64, Arc<Mutex<Vec<u64>>>);

impl RelayHold for Hold {}

impl Drop for Hold {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

impl Relays for Books {
    fn open(&self, plan: RelayPlan, when_ended: WhenEnded) -> io::Result<(Option<u16>, Box<dyn RelayHold>)> {
        if plan.needs_port() && self.taken.contains(&plan.port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (ticket, port) = (plan.ticket, if plan.port == 0 { 50000 } else { plan.port });
        let port = plan.needs_port().then_some(port);
        self.open.lock().unwrap().insert(ticket, (plan, when_ended));
        Ok((port, Box::new(Hold(ticket, Arc::clone(&self.dropped)))))
    }

    fn web_port(&self) -> Option<u16> {
        self.web_port
    }
}

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct World {
    books: Arc<Books>,
    heard: Arc<Mutex<Vec<(u64, RelayEnd)>>>,
    broker: Broker<&'static str>,
}

fn world(ports: &str, change: impl FnOnce(&mut RelaySettings), taken: Vec<u16>) -> World {
    world_of(ports, change, Books { taken, ..Books::default() })
}

/// A world whose HTTP listener is on port 8080.
fn web_world() -> World {
    world_of("20000-20999", |_| {}, Books { web_port: Some(8080), ..Books::default() })
}

fn world_of(ports: &str, change: impl FnOnce(&mut RelaySettings), books: Books) -> World {
    let mut settings = RelaySettings {
        bind: [127, 0, 0, 1].into(),
        ports: ports.to_owned(),
        max: 500,
        per_account: 4,
        timeout_s: 10,
        max_bytes: 1000,
        buffer_bytes: 4096,
        settle_ms: 250,
        offer_s: 300,
        resume_s: 600,
        progress_ms: 1000,
    };
    change(&mut settings);
    let books = Arc::new(books);
    let heard: Arc<Mutex<Vec<_>>> = Arc::default();
    let ears = Arc::clone(&heard);
    let tell: TellEnded = Arc::new(move |id, end| ears.lock().unwrap().push((id, end)));
    let relays: Arc<dyn Relays> = books.clone();
    World { books, heard, broker: Broker::new(relays, settings, tell).unwrap() }
}

fn offer(sender: u64, length: u64) -> Offer<&'static str> {
    offer_between(sender, length, [false, false])
}

/// An offer whose sender, or receiver, is a browser.
fn offer_between(sender: u64, length: u64, browse: [bool; 2]) -> Offer<&'static str> {
    let [from, to] = browse.map(|browses| Side { addresses: vec![HERE], browses });
    Offer { sender: UserId(sender), from, to, length, name: "a.txt".into(), tag: "tag" }
}

/// A ticket for two sides on one port.
fn on_port(id: u64, port: u16) -> Ticket {
    Ticket { id, sender: Door::Port(port), receiver: Door::Port(port) }
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
    assert_eq!(ticket, on_port(1, 20000));
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
    assert_eq!((transfer.sender, transfer.port, transfer.length, transfer.tag), (UserId(1), Some(20000), 1000, "tag"));
    assert_eq!(world.broker.ended(1), None, "told once");
    assert_eq!(world.broker.offer(offer(1, 0)).unwrap(), on_port(2, 20001));
}

#[test]
fn what_is_too_large_or_for_nobody_is_refused_and_leases_nothing() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    let nobody = Side { addresses: vec![], browses: false };
    assert_eq!(world.broker.offer(offer(1, 1001)), Err(Refusal::TooLarge));
    assert_eq!(world.broker.offer(Offer { to: nobody.clone(), ..offer(1, 1) }), Err(Refusal::BadValue));
    assert_eq!(world.broker.offer(Offer { from: nobody, ..offer(1, 1) }), Err(Refusal::BadValue));
    assert!(world.broker.is_empty() && world.broker.ports.leased() == 0);
}

#[test]
fn a_thousand_offers_of_one_account_lease_four_ports_and_all_come_back() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    let granted: Vec<_> = (0..1000).filter_map(|_| world.broker.offer(offer(1, 10)).ok()).collect();
    assert_eq!((granted.len(), world.broker.ports.leased()), (4, 4));
    let other = world.broker.offer(offer(2, 10)).unwrap();
    assert!(granted.iter().all(|ticket| ticket.sender.port() != other.sender.port()));
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
    assert_eq!(world.broker.offer(offer(1, 1)).unwrap().sender.port(), 20002);
    assert_eq!(world.broker.offer(offer(2, 1)).unwrap().sender.port(), 20003);
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

/// The token behind a door over HTTP.
fn token_of(door: &Door) -> &str {
    assert_eq!(door.port(), 8080);
    door.path().unwrap().strip_prefix(WEB_PATH).unwrap()
}

#[test]
fn each_side_has_a_door_of_its_own_kind_and_the_plan_says_the_same() {
    let mut world = web_world();
    for (index, browse) in [[false, false], [true, false], [false, true], [true, true]].into_iter().enumerate() {
        let ticket = world.broker.offer(offer_between(index as u64, 10, browse)).unwrap();
        let open = world.books.open.lock().unwrap();
        let plan = &open[&ticket.id].0;
        assert_eq!(&*plan.name, "a.txt");
        let sides = [(&ticket.sender, &plan.sender, browse[0]), (&ticket.receiver, &plan.receiver, browse[1])];
        for (door, way, browses) in sides {
            match way {
                Way::Web(token) => assert_eq!((token_of(door), browses), (token.as_str(), true)),
                Way::Port(addresses) => {
                    assert_eq!((door, browses), (&Door::Port(plan.port), false));
                    assert_eq!(addresses, &[HERE]);
                }
            }
        }
    }
}

#[test]
fn the_two_sides_of_a_transfer_and_two_transfers_have_different_tokens() {
    let mut world = web_world();
    let tickets: Vec<_> = (1..=50).map(|user| world.broker.offer(offer_between(user, 1, [true; 2])).unwrap()).collect();
    let tokens: std::collections::HashSet<_> =
        tickets.iter().flat_map(|ticket| [token_of(&ticket.sender), token_of(&ticket.receiver)]).collect();
    assert_eq!(tokens.len(), 100);
}

#[test]
fn those_that_wait_count_as_if_they_ran() {
    let mut world = world("0", |settings| (settings.max, settings.per_account) = (3, 2), vec![]);
    let waiting = |all, of_sender| Waiting { all, of_sender };
    let has_room = |world: &World, waiting| world.broker.check(UserId(1), 1000, waiting).is_ok();
    assert_eq!(world.broker.check(UserId(1), 1001, Waiting::default()), Err(Refusal::TooLarge));
    assert!(has_room(&world, waiting(2, 1)));
    assert!(!has_room(&world, waiting(3, 0)) && !has_room(&world, waiting(2, 2)));
    world.broker.offer(offer(1, 10)).unwrap();
    assert!(has_room(&world, waiting(1, 0)));
    assert!(!has_room(&world, waiting(2, 0)) && !has_room(&world, waiting(1, 1)));
}

#[test]
fn what_the_relay_has_moved_can_be_looked_at_until_the_end() {
    let mut world = world("0", |_| {}, vec![]);
    let [one, other] = [1, 2].map(|user| world.broker.offer(offer(user, 10)).unwrap().id);
    world.books.open.lock().unwrap()[&one].0.moved.fetch_add(7, Ordering::Relaxed);
    assert_eq!([world.broker.moved(one), world.broker.moved(other), world.broker.moved(99)], [7, 0, 0]);
    world.end(one, RelayEnd::Broken);
    assert_eq!(world.broker.moved(one), 7, "until it is told");
    world.broker.ended(one).unwrap();
    assert_eq!(world.broker.moved(one), 0);
}

#[test]
fn browsers_among_themselves_lease_no_port_and_are_bounded_all_the_same() {
    let mut world = web_world();
    let granted: Vec<_> = (0..1000).filter_map(|_| world.broker.offer(offer_between(1, 10, [true; 2])).ok()).collect();
    assert_eq!((granted.len(), world.broker.len(), world.broker.ports.leased()), (4, 4, 0));
    for ticket in granted {
        world.end(ticket.id, RelayEnd::Complete);
        assert_eq!(world.broker.ended(ticket.id).unwrap().port, None);
    }
    assert!(world.broker.is_empty());
    let mixed = world.broker.offer(offer_between(1, 10, [true, false])).unwrap();
    assert_eq!((world.broker.ports.leased(), world.broker.get(mixed.id).unwrap().port), (1, Some(20000)));
}

#[test]
fn without_an_http_listener_browsers_are_told_the_port() {
    let mut world = world("20000-20999", |_| {}, vec![]);
    assert_eq!(world.broker.offer(offer_between(1, 10, [true; 2])).unwrap(), on_port(1, 20000));
}
