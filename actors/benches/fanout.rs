//! The hand-over of one group post to its listeners: from the writer's line to the last listener's, over links in
//! memory, with the store's commit in between. Run with `make bench`; divide by the members for the cost of one.

use actors::settings::ActorSettings;
use actors::testing::{Peer, TestWorld, cheap};
use divan::Bencher;
use protocol::{Body, Carrier, DialectId, Event, GroupId, GroupRef, Name, Outgoing, Person, Seq, UserId};
use std::hint::black_box;

fn main() {
    divan::main();
}

/// A world of its own, and the thread's runtime to drive it.
struct Hall {
    members: Vec<Peer>,
    /// Before the runtime: it says that its actors may end now.
    _world: TestWorld,
    system: actix::SystemRunner,
    _data: tempfile::TempDir,
}

impl Hall {
    fn of(members: usize) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let settings: ActorSettings = toml::from_str(include_str!("../../settings.toml")).expect("the settings");
        let system = actix::System::new();
        let (world, members) = system.block_on(async {
            let world = TestWorld::start(data.path(), cheap(settings));
            let mut peers = Vec::new();
            for n in 0..members {
                let peer = world.enter(&format!("m{n}")).await;
                let cmd = if n == 0 { "create_group" } else { "add_group" };
                let reply = peer.ask(&format!(r#"{{"cmd":"{cmd}","user":"m{n}","group":"g"}}"#)).await;
                assert!(reply.contains("success"), "{reply}");
                peers.push(peer);
            }
            (world, peers)
        });
        Self { system, members, _world: world, _data: data }
    }

    fn post(&self) {
        self.system.block_on(async {
            self.members[0].say(r#"{"cmd":"group_chat","user":"m0","group":"g","text":"hello"}"#);
            for member in &self.members {
                black_box(member.hear().await);
            }
        });
    }
}

#[divan::bench(args = [10, 100, 1000], sample_count = 30)]
fn post_to_members(bencher: Bencher<'_, '_>, members: usize) {
    let hall = Hall::of(members);
    bencher.counter(members).bench_local(|| hall.post());
}

#[divan::bench]
fn encode_once_for_all(bencher: Bencher<'_, '_>) {
    let dialect = DialectId::by_name("plain").expect("plain");
    let name = |text| Name::from_stored(text);
    bencher.bench_local(|| {
        let event = Event::Posted {
            from: Person { id: UserId(10_000), name: name("小明") },
            group: GroupRef { id: GroupId(1), name: name("学习") },
            seq: Seq(1),
            at_ms: 0,
            body: Body::text("hello"),
        };
        let outgoing = Outgoing::new(event);
        for _ in 0..1000 {
            black_box(outgoing.frames(dialect, Carrier::Stream));
        }
    });
}
