use super::{Baseline, bind, serve};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr, person: usize, group: usize) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(address).unwrap()));
        client.say(&format!("L {person}\nJ {group}\n"));
        assert_eq!((client.hear(), client.hear()), ("L".into(), "J".into()));
        client
    }

    fn say(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A relay of that kind, for as long as `script` talks to it; it ends in order.
fn with(kind: Baseline, script: impl FnOnce(SocketAddr)) {
    let bound = bind().unwrap();
    let address = bound.address;
    let (keep, stop) = mio::unix::pipe::new().unwrap();
    let server = thread::spawn(move || serve(bound, kind, stop));
    script(address);
    drop(keep);
    server.join().unwrap().unwrap();
}

#[test]
fn it_relays_and_acknowledges() {
    for kind in [Baseline::Relay, Baseline::Durable] {
        with(kind, |address| {
            let mut ming = Client::new(address, 0, 0);
            let mut hua = Client::new(address, 1, 0);
            let mut li = Client::new(address, 2, 1);
            ming.say("T 1 hello");
            ming.say(" there\nT 1 more\nT 9 nobody\n");
            assert_eq!((hua.hear(), hua.hear()), ("M hello there".into(), "M more".into()));
            assert_eq!((ming.hear(), ming.hear(), ming.hear()), ("A".into(), "A".into(), "N".into()));
            hua.say("G all\nP\n");
            assert_eq!((hua.hear(), hua.hear(), ming.hear()), ("A".into(), "P".into(), "G all".into()));
            // Nothing of the other group came here.
            li.say("P\n");
            assert_eq!(li.hear(), "P");
        });
    }
}

#[test]
fn it_drops_what_is_no_line_and_forgets_who_left() {
    with(Baseline::Relay, |address| {
        let mut ming = Client::new(address, 0, 0);
        let mut wrong = Client::new(address, 1, 0);
        wrong.say("X\n");
        assert_eq!(wrong.hear(), "");
        ming.say("T 1 hello\n");
        assert_eq!(ming.hear(), "N");
        let mut again = Client::new(address, 1, 0);
        ming.say("T 1 hello\n");
        assert_eq!((ming.hear(), again.hear()), ("A".into(), "M hello".into()));
        let mut far = Client::new(address, super::MOST - 1, 0);
        far.say(&format!("L {}\n", super::MOST));
        assert_eq!(far.hear(), "");
    });
}

#[test]
fn the_client_of_this_program_understands_it() {
    use crate::client::{Circle, Conversation, Heard, Person, Say, Verdict};
    use std::io::Read;

    struct Talker(Conversation, TcpStream);
    impl Talker {
        fn say(&mut self, say: &Say<'_>) {
            let mut out = Vec::new();
            self.0.say(say, &mut out).unwrap();
            self.1.write_all(&out).unwrap();
        }
        /// The next thing heard, in a few words.
        fn hear(&mut self) -> String {
            let (mut byte, mut heard) = ([0], None);
            while heard.is_none() {
                self.1.read_exact(&mut byte).unwrap();
                let mut each = |what: Heard<'_>| {
                    heard = Some(match what {
                        Heard::Answer { number, verdict: Verdict::Done { .. } } => format!("done {number}"),
                        Heard::Answer { number, verdict: Verdict::Refused(why) } => format!("{number}: {why}"),
                        Heard::Private { text, .. } => format!("private {text}"),
                        Heard::Post { text, .. } => format!("post {text}"),
                        other => format!("{other:?}"),
                    });
                };
                self.0.hear(&byte, &mut Vec::new(), &mut each).unwrap();
            }
            heard.unwrap()
        }
    }

    with(Baseline::Relay, |address| {
        let person = |id| Person { name: String::new(), id };
        let group = Circle { name: String::new(), id: 5 };
        let mut people = [1, 2].map(|id| {
            let mut talker = Talker(Conversation::with_relay(), TcpStream::connect(address).unwrap());
            talker.say(&Say::Register { name: "x", password: "x" });
            talker.say(&Say::Login { me: &person(id), password: "x", instance: None });
            talker.say(&Say::JoinGroup(&group));
            assert_eq!([talker.hear(), talker.hear(), talker.hear()], ["done 1", "done 2", "done 3"]);
            talker
        });
        let [ming, hua] = &mut people;
        ming.say(&Say::Private { to: &person(2), text: "hello" });
        ming.say(&Say::Private { to: &person(3), text: "nobody" });
        assert_eq!([hua.hear(), ming.hear(), ming.hear()], ["private hello", "done 4", "5: offline"]);
        hua.say(&Say::Post { group: &group, text: "all" });
        assert_eq!([ming.hear(), hua.hear()], ["post all", "done 4"]);
    });
}

#[test]
fn a_long_line_comes_whole() {
    with(Baseline::Durable, |address| {
        let mut ming = Client::new(address, 0, 0);
        let mut hua = Client::new(address, 1, 0);
        let text = "x".repeat(200_000);
        ming.say(&format!("T 1 {text}\n"));
        assert_eq!(hua.hear(), format!("M {text}"));
        assert_eq!(ming.hear(), "A");
    });
}
