//! People who speak any dialect over any link, for tests that mix them. Owns: how each dialect says and hears what all
//! of them can do; what only `binary` says is in `packets`. Never: hides an answer: every frame that comes is looked at
//! by a test, in its order.

use crate::packets;
use crate::wire::{Kind, Wire};
use crate::world::Server;
use serde_json::{Value, json};

/// What anybody may be told, in the words of no dialect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// Friends now, with that one.
    Friends(String),
    Asked(String),
    Online(String),
    Offline(String),
    /// From whom, and what.
    Private(String, String),
    /// Who, in which group, and what.
    Posted(String, String, String),
    /// A file from somebody: its length, and where to fetch it.
    File(String, u64, u16, Option<String>),
}

/// Somebody.
pub(crate) struct Person {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) wire: Wire,
}

impl Person {
    /// A new account, made and logged in by the kind's own words.
    pub(crate) fn new(server: &Server, kind: Kind, name: &str) -> Self {
        let wire = Wire::open(server, kind);
        let mut person = Self { kind, name: name.to_owned(), id: String::new(), wire };
        if kind.is_plain() {
            let reply = person.ask(json!({"cmd": "register", "user": name, "password": "11111"}));
            assert_eq!(reply, json!({"cmd": "register_reply", "result": "success"}));
        } else if kind.is_framed() {
            let reply = person.ask(json!({"command": "logon", "username": name, "password": "11111"}));
            assert_eq!((&reply["command"], &reply["status"]), (&json!("logon_return"), &json!("success")));
            reply["id"].as_str().unwrap().clone_into(&mut person.id);
        } else {
            packets::register(&mut person, server);
        }
        person.login();
        person
    }

    /// The same account on another connection, logged in.
    pub(crate) fn again(&self, server: &Server, kind: Kind) -> Self {
        let mut person = Self { kind, name: self.name.clone(), id: self.id.clone(), wire: Wire::open(server, kind) };
        person.login();
        person
    }

    /// Logs in on this connection; either identifier is learnt from the other.
    pub(crate) fn login(&mut self) {
        let name = &self.name;
        if self.kind.is_plain() {
            let reply = self.ask(json!({"cmd": "login", "user": name, "password": "11111"}));
            assert_eq!((&reply["cmd"], &reply["result"]), (&json!("login_reply"), &json!("success")), "{reply}");
            reply["id"].as_str().unwrap().clone_into(&mut self.id);
        } else if self.kind.is_framed() {
            let reply = self.ask(json!({"command": "login", "id": self.id, "password": "11111"}));
            let name = &self.name;
            assert_eq!(reply, json!({"command": "login_return", "status": "success", "username": name}));
        } else {
            packets::login(self);
        }
    }

    /// What comes next. In `binary` signs of life are answered, as every client does by itself.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Value {
        loop {
            let told = self.wire.hear().unwrap_or_else(|| panic!("{}: the server has closed", self.name));
            if told != packets::heartbeat() {
                return told;
            }
            self.wire.say(&told);
        }
    }

    /// In `binary` every question gets a number, where it has none, and the answer has the same.
    #[track_caller]
    pub(crate) fn ask(&mut self, mut object: Value) -> Value {
        if !self.kind.is_binary() {
            self.wire.say(&object);
            return self.hear();
        }
        if object["seq"].is_null() {
            object["seq"] = packets::next_number().to_string().into();
        }
        self.wire.say(&object);
        let reply = self.hear();
        assert_eq!(reply["seq"], object["seq"], "{} asks {object} and hears {reply}", self.name);
        reply
    }

    /// Nothing has come: the answer to a harmless question is next.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        if self.kind.is_binary() {
            let answer = self.ask(packets::heartbeat());
            assert_eq!(answer["heartbeat"], json!({}), "{} ({:?})", self.name, self.kind);
            return;
        }
        let (question, answer) = if self.kind.is_plain() {
            (json!({"cmd": "ping"}), json!({"cmd": "ping_reply", "result": "success"}))
        } else {
            (json!({"command": "ping"}), json!({"command": "ping_return", "status": "success"}))
        };
        assert_eq!(self.ask(question), answer, "{} ({:?})", self.name, self.kind);
    }

    /// The next news. Framed says "friends now" in two packets; in `binary` what is kept is acknowledged.
    #[track_caller]
    pub(crate) fn news(&mut self) -> News {
        let mut told = self.hear();
        if self.kind.is_binary() {
            return packets::news(self, &told);
        }
        if told == json!({"command": "add_friend_confirm_return", "status": "success"}) {
            told = self.hear();
        }
        let text = |key: &str| told[key].as_str().unwrap_or_else(|| panic!("no {key}: {told}")).to_owned();
        let port = || u16::try_from(told["port"].as_u64().unwrap()).unwrap();
        let path = || told["path"].as_str().map(str::to_owned);
        let length = || told["length"].as_u64().unwrap_or_else(|| panic!("{told}"));
        let word = told["cmd"].as_str().or(told["command"].as_str()).unwrap_or_else(|| panic!("{told}"));
        match word {
            "add_friend_reply" => News::Friends(text("result")),
            "friend_added" => News::Friends(text("username")),
            "add_request" => News::Asked(text("friend")),
            "add_friend" => News::Asked(text("src")),
            "friend_login" => News::Online(text("friend")),
            "friend_offline" => News::Offline(text("friend")),
            "friend_status" if told["online"] == "1" => News::Online(text("username")),
            "friend_status" => News::Offline(text("username")),
            "private_chat" => News::Private(text("user_from"), text("text")),
            "send_message" => News::Private(text("src"), text("message")),
            "group_chat" => News::Posted(text("user"), text("group"), text("text")),
            "send_group_message" => News::Posted(text("username"), text("groupname"), text("message")),
            "recv_file_port_reply" => News::File(text("user"), length(), port(), path()),
            "recv_file" => News::File(text("username"), length(), port(), path()),
            _ => panic!("{} hears {told}", self.name),
        }
    }

    /// How this one is pointed at in news that somebody of that kind hears, where dialects differ.
    pub(crate) fn as_seen_by(&self, kind: Kind) -> String {
        if kind.is_plain() { self.name.clone() } else { self.id.clone() }
    }

    #[track_caller]
    pub(crate) fn success(&mut self, object: Value) -> Value {
        let reply = self.ask(object);
        let success = match self.kind {
            kind if kind.is_plain() => reply["result"] == "success",
            kind if kind.is_framed() => reply["status"] == "success",
            _ => !packets::is_no(&reply),
        };
        assert!(success, "{reply}");
        reply
    }

    /// Becomes a friend of `other`, who is asked first where its account was made by `framed` or `binary`.
    #[track_caller]
    pub(crate) fn befriend(&mut self, other: &mut Self, asked_first: bool) {
        let reply = if self.kind.is_plain() {
            self.ask(json!({"cmd": "add", "user": self.name, "friend": other.name}))
        } else if self.kind.is_framed() {
            self.success(json!({"command": "add_friend", "src": self.id, "dst": other.id, "status": "0"}))
        } else {
            self.success(json!({"friendRequest": {"account": other.id}}))
        };
        if !asked_first {
            if self.kind.is_plain() {
                assert_eq!(reply["result"], "success", "{reply}");
            } else if self.kind.is_framed() {
                assert_eq!(self.news(), News::Friends(other.name.clone()));
            } else {
                assert_eq!(reply["friendAdded"]["profile"]["name"], *other.name, "{reply}");
            }
            assert_eq!(other.news(), News::Friends(self.name.clone()));
            return;
        }
        if self.kind.is_plain() {
            assert_eq!(reply["result"], "request_sent", "{reply}");
        } else if self.kind.is_binary() {
            assert_eq!(reply["friendRequestSent"], json!({"asker": self.id, "account": other.id}), "{reply}");
        }
        assert_eq!(other.news(), News::Asked(self.as_seen_by(other.kind)));
        let (asker, asked) = (&self.id, &other.id);
        if other.kind.is_plain() {
            other.success(json!({"cmd": "add_answer", "user": other.name, "friend": self.name, "result": "accept"}));
        } else if other.kind.is_framed() {
            let confirm = json!({"command": "add_friend_confirm", "src": asker, "dst": asked, "status": "0",
                "message": "confirm_two_way"});
            let reply = other.ask(confirm);
            assert_eq!(reply, json!({"command": "add_friend_confirm_return", "status": "success"}));
            assert_eq!(other.news(), News::Friends(self.name.clone()));
        } else {
            let reply = other.ask(json!({"acceptFriend": {"asker": asker}}));
            assert_eq!(reply["friendAccepted"]["profile"]["name"], *self.name, "{reply}");
        }
        assert_eq!(self.news(), News::Friends(other.name.clone()));
    }

    /// What this one says to send a private message.
    pub(crate) fn private(&self, to: &Self, text: &str) -> Value {
        if self.kind.is_plain() {
            json!({"cmd": "private_chat", "user_from": self.name, "user_to": to.name, "text": text})
        } else if self.kind.is_framed() {
            json!({"command": "send_message", "src": self.id, "dst": to.id, "message": text})
        } else {
            packets::private(packets::next_number(), &to.id, text)
        }
    }

    #[track_caller]
    pub(crate) fn write(&mut self, to: &Self, text: &str) {
        let object = self.private(to, text);
        self.success(object);
    }

    /// Makes an open group, by its name.
    #[track_caller]
    pub(crate) fn create_group(&mut self, group: &str) {
        self.success(if self.kind.is_plain() {
            json!({"cmd": "create_group", "user": self.name, "group": group, "join": "open"})
        } else if self.kind.is_framed() {
            json!({"command": "create_group", "src": self.id, "groupname": group, "join": "open"})
        } else {
            json!({"createGroup": {"name": group, "join": "CONSENT_OPEN"}})
        });
    }

    #[track_caller]
    pub(crate) fn join_group(&mut self, group: &str) {
        let object = if self.kind.is_plain() {
            json!({"cmd": "add_group", "user": self.name, "group": group})
        } else if self.kind.is_framed() {
            json!({"command": "join_group", "src": self.id, "groupname": group})
        } else {
            json!({"joinGroup": {"group": packets::group_of(self, group)}})
        };
        self.success(object);
    }

    #[track_caller]
    pub(crate) fn post(&mut self, group: &str, text: &str) {
        let object = if self.kind.is_plain() {
            json!({"cmd": "group_chat", "user": self.name, "group": group, "text": text})
        } else if self.kind.is_framed() {
            json!({"command": "send_group_message", "src": self.id, "groupname": group, "message": text})
        } else {
            packets::post(packets::next_number(), &packets::group_of(self, group), text)
        };
        self.success(object);
    }

    /// Offers a file; returns where to send it, where that is known before the other has heard of it.
    #[track_caller]
    pub(crate) fn offer_file(&mut self, to: &Self, length: usize) -> Option<(u16, Option<String>)> {
        const NAME: &str = "C:\\照片\\a.txt";
        let reply = if self.kind.is_plain() {
            let (from, to) = (&self.name, &to.name);
            let offer = json!({"cmd": "send_file", "from_user": from, "to_user": to, "length": length,
                "filename": NAME});
            self.ask(offer)
        } else if self.kind.is_framed() {
            let (src, dst) = (&self.id, &to.id);
            self.success(json!({"command": "send_file", "src": src, "dst": dst, "length": length, "filename": NAME}))
        } else {
            let reply = self.ask(json!({"offerFile": {"to": to.id, "name": NAME, "size": length}}));
            assert!(reply["fileOfferSent"]["transfer"].is_string(), "{reply}");
            return None;
        };
        assert_eq!(reply["filename"], NAME, "{reply}");
        let port = reply["port"].as_u64().unwrap_or_else(|| panic!("{reply}"));
        Some((u16::try_from(port).unwrap(), reply["path"].as_str().map(str::to_owned)))
    }

    /// Leaves, by closing in order, and everything that was delivered is received before.
    pub(crate) fn leave(mut self) {
        self.expect_nothing();
        self.wire.close();
    }
}
