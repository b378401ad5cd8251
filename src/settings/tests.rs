//! Settings as users meet them: layers, mistakes, and the printed file.

use super::{DEFAULTS, Loaded, Mistake, Origin, Override, PortRange, Sources, check, layers, load, parse_ports, rules};
use std::collections::BTreeSet;
use std::fs;

#[derive(Default)]
struct Given<'a> {
    file: &'a str,
    environment: &'a [(&'a str, &'a str)],
    set: &'a [&'a str],
}

fn read(given: &Given<'_>) -> Result<Loaded, Vec<Mistake>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.toml");
    fs::write(&path, given.file).unwrap();
    let set = |text: &&str| {
        let (key, value) = text.split_once('=').unwrap();
        Override { flag: "--set", key: key.into(), value: value.into() }
    };
    load(&Sources {
        file: (!given.file.is_empty()).then_some(path),
        environment: given.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        overrides: given.set.iter().map(set).collect(),
    })
}

/// Each mistake as `key: what`, without the folder's name.
fn mistakes(given: &Given<'_>) -> Vec<String> {
    read(given).unwrap_err().iter().map(|mistake| format!("{}: {}", mistake.key, mistake.what)).collect()
}

fn set(set: &[&str]) -> Result<Loaded, Vec<Mistake>> {
    read(&Given { set, ..Given::default() })
}

#[test]
fn the_embedded_file_is_good_and_complete() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.settings.server.drain_s, 4);
    assert_eq!(loaded.settings.listen["plain"].address.to_string(), "127.0.0.1:8000");
    assert_eq!(loaded.settings.listen["web"].link, super::LinkKind::Websocket);
    assert_eq!(loaded.settings.http.address.unwrap().to_string(), "127.0.0.1:9001");
    assert_eq!(set_ok(&["http.address="]).settings.http.address, None);
    assert_eq!(loaded.print(), DEFAULTS, "unchanged settings print as they were written");
}

#[test]
fn every_number_has_a_range_and_every_range_a_number() {
    let mut keys = Vec::new();
    check::all_keys("", &layers::embedded(), &mut keys);
    let is_number = |key: &str| {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        layers::embedded()[section].get(name).is_some_and(toml::Value::is_integer)
    };
    let numbers: BTreeSet<&str> = keys.iter().map(String::as_str).filter(|key| is_number(key)).collect();
    assert_eq!(numbers, rules::RANGES.iter().map(|range| range.key).collect());
}

#[test]
fn every_key_is_somebodys_field() {
    let table = layers::embedded();
    for (section, keys) in &table {
        for key in keys.as_table().unwrap().keys().filter(|_| section != "listen") {
            let mut without = table.clone();
            without[section].as_table_mut().unwrap().remove(key);
            let typed = toml::Value::Table(without).try_into::<super::Settings>();
            assert!(typed.is_err(), "{section}.{key} is read by nobody");
        }
    }
}

#[test]
fn later_layers_win() {
    let file = "[session]\nmax = 2\nwindow = 2\nmailbox = 20\n[relay]\nports = 0\n";
    let environment = [
        ("HONGYAN__SESSION__WINDOW", "3"),
        ("HONGYAN__SESSION__MAILBOX", "30"),
        ("HONGYAN__PLAIN__GROUP_ECHO", "true"),
        ("HONGYAN__LOG__FILTER", "debug"),
        ("HONGYAN_OTHER", "x"),
        ("PATH", "/bin"),
    ];
    let set = ["session.mailbox=40", "session.mailbox=41", "log.filter=info,actors::store=trace"];
    let settings = read(&Given { file, environment: &environment, set: &set }).unwrap().settings;
    let session = &settings.chat.session;
    assert_eq!((session.per_account, session.max, session.window, session.mailbox), (8, 2, 3, 41));
    assert!(settings.chat.plain.group_echo);
    assert_eq!(settings.log.filter, "info,actors::store=trace");
    assert_eq!(settings.chat.relay.ports, "0");
}

#[test]
fn values_are_taken_gently_where_they_come_as_text() {
    let set = ["server.data=2024-01-01", "relay.ports=0", "session={max=7, window=\"9\"}", "relay.bind=0.0.0.0"];
    let settings = set_ok(&set);
    assert_eq!(settings.settings.server.data.to_str(), Some("2024-01-01"));
    assert_eq!((settings.settings.chat.session.max, settings.settings.chat.session.window), (7, 9));
    assert_eq!(set_ok(&["server.data=0x10"]).settings.server.data.to_str(), Some("0x10"));
    assert_eq!(set_ok(&["server.data=\"with \\\"quotes\\\"\""]).settings.server.data.to_str(), Some("with \"quotes\""));
    assert_eq!(set_ok(&["session.outbox_bytes=1_000_000"]).settings.chat.session.outbox_bytes, 1_000_000);
}

fn set_ok(sets: &[&str]) -> Loaded {
    set(sets).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let file = "[session]\nmaxx = 5\nwindow = \"many\"\n[storage]\nsync = \"sometimes\"\n[sesion]\n";
    let environment = [("HONGYAN__RELAY__BIND", "localhost"), ("HONGYAN__SERVER__DTA", "x")];
    let set = ["auth.passes=0", "plain.group_echo=maybe", "nonsense=1", "session=5", "server.data.x=1"];
    let told = read(&Given { file, environment: &environment, set: &set }).unwrap_err();
    let keys: BTreeSet<&str> = told.iter().map(|mistake| mistake.key.as_str()).collect();
    let expected = [
        "session.maxx",
        "session.window",
        "storage.sync",
        "sesion",
        "relay.bind",
        "server.dta",
        "auth.passes",
        "plain.group_echo",
        "nonsense",
        "session",
        "server.data.x",
    ];
    assert_eq!(keys, expected.into());
    assert_eq!(told.len(), expected.len());
    let origin = |key: &str| told.iter().find(|mistake| mistake.key == key).unwrap().origin.clone();
    assert!(matches!(origin("session.maxx"), Some(Origin::File(_))));
    assert_eq!(origin("relay.bind"), Some(Origin::Variable("HONGYAN__RELAY__BIND".into())));
    assert_eq!(origin("auth.passes"), Some(Origin::Option("--set")));
    assert!(told.iter().all(|mistake| !mistake.to_string().contains('\n')));
}

#[test]
fn mistakes_say_what_would_be_right() {
    let cases = [
        ("session.maxx=5", "session.maxx: does not exist; did you mean session.max?"),
        ("plain.window=5", "plain.window: does not exist; did you mean session.window?"),
        ("listen.plain.adress=x", "listen.plain.adress: does not exist; did you mean listen.plain.address?"),
        ("qqqqqqq.zzzzz=5", "qqqqqqq.zzzzz: does not exist; `hongyan settings` prints all that do"),
        ("session=5", "session: is a section, not a key; write [session] and its keys below"),
        ("server.data.x=5", "server.data.x: does not exist: server.data is a value, not a section"),
        ("session.max=1.5", "session.max: must be a whole number, and is the number 1.5"),
        ("session.max=lots", "session.max: must be a whole number, and is \"lots\""),
        ("plain.group_echo=1", "plain.group_echo: must be true or false, and is the number 1"),
        ("auth.passes=0", "auth.passes: must be from 1 to 1000, and is 0 (argon2's least; each pass takes time)"),
        ("actors.reader_threads=0", "must be from 1 to 256, and is 0 (somebody must read from the store)"),
        ("storage.sync=never", "storage.sync: must be \"always\" or \"interval\", and is \"never\""),
        ("listen.plain.dialect=irc", "listen.plain.dialect: must be \"plain\""),
        ("listen.plain.link=udp", "listen.plain.link: must be \"tcp\" or \"websocket\", and is \"udp\""),
        ("listen.plain.address=localhost:8000", "must be ADDRESS:PORT with a numeric address"),
        ("listen.Plain.address=127.0.0.1:1", "cannot be: a listener's name is 1 to 32 of a-z"),
        ("relay.ports=30000-20000", "relay.ports: must go upwards: \"20000-30000\""),
        ("relay.ports=0-5", "must be a range of ports"),
        ("relay.ports=70000", "must be a range of ports"),
        ("log.filter=inof", "log.filter: must be off, error, warn, info, debug or trace"),
        ("server.data=", "server.data: must name a folder, and is empty"),
        ("http.address=9001", "http.address: must be ADDRESS:PORT with a numeric address"),
        (
            "web.origins=chat.example.com",
            "web.origins: must be \"same\", \"null\", \"*\" or origins as browsers write them",
        ),
        ("mail.from=nobody", "mail.from: must be an e-mail address, or \"name <address>\", and is \"nobody\""),
        ("mail.transport=post", "mail.transport: must be \"file\" or \"smtp\" or \"off\", and is \"post\""),
        ("mail.code_ttl=10", "mail.code_ttl: must be a whole number and one of s, m, h and d"),
        ("mail.smtp_port=0", "mail.smtp_port: must be from 1 to 65535, and is 0 (a port)"),
        ("web.max_header_bytes=100", "web.max_header_bytes: must be from 8192 to 1048576, and is 100"),
        ("listen.web.link=ws", "listen.web.link: must be \"tcp\" or \"websocket\", and is \"ws\""),
    ];
    for (wrong, right) in cases {
        let told = mistakes(&Given { set: &[wrong], ..Given::default() });
        assert_eq!(told.len(), 1, "{wrong}: {told:?}");
        assert!(told[0].contains(right), "{wrong}: {told:?}");
    }
}

#[test]
fn files_that_cannot_be_read_do_not_hide_other_mistakes() {
    let given = Given { file: "[session]\nmax = = 5\n", set: &["auth.passes=0"], ..Given::default() };
    let told = mistakes(&given);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("my.toml: line 2 is not TOML"), "{told:?}");
    let told = load(&Sources { file: Some("/nowhere/at/all.toml".into()), ..Sources::default() }).unwrap_err();
    assert!(told[0].to_string().starts_with("/nowhere/at/all.toml: cannot be read"), "{told:?}");
}

#[test]
fn contradictions_are_found_in_the_whole() {
    let cases: &[(&[&str], &str)] = &[
        (
            &[
                "session.outbox_bytes=40000",
                "framed.max_message_bytes=40000",
                "message.max_bytes=16384",
                "binary.max_packet_bytes=40000",
                "profile.max_avatar_bytes=8192",
            ],
            "plain.max_object_bytes = 65536 must not be above session.outbox_bytes = 40000",
        ),
        (
            &["message.max_bytes=600000"],
            "binary.max_packet_bytes = 98304 must be at least 801024 (message.max_bytes = 600000, a third more in base64, and 1024 around",
        ),
        (&["profile.max_avatar_bytes=90000"], "binary.max_packet_bytes = 98304 must be at least 128192"),
        (
            &["binary.max_packet_bytes=600000"],
            "binary.max_packet_bytes = 600000 must not be above session.outbox_bytes = 524288",
        ),
        (&["binary.heartbeat_s=61"], "binary.heartbeat_s = 61 must not be above binary.patience_s = 60"),
        (&["storage.cache_bytes=2000000"], "must not be above storage.cache_bytes = 2000000"),
        (&["listen.plain.address=127.0.0.1:20500"], "lies within relay.ports"),
        (
            &["listen.plain.address=", "listen.framed.address=", "listen.binary.address=", "listen.web.address="],
            "leaves no listener",
        ),
        (&["http.address=127.0.0.1:20500"], "http.address = \"127.0.0.1:20500\" lies within relay.ports"),
        (
            &["http.address=0.0.0.0:9002"],
            "http.address = \"0.0.0.0:9002\" and listen.web.address = \"127.0.0.1:9002\" collide",
        ),
        (
            &["framed.max_message_bytes=600000"],
            "framed.max_message_bytes = 600000 must not be above session.outbox_bytes = 524288",
        ),
        (&["listen.b.address=127.0.0.1:1", "listen.b.link=tcp"], "listen.b.dialect: is missing"),
        (
            &["mail.transport=off", "auth.verify_login=always"],
            "auth.verify_login = \"always\" asks for codes that mail.transport = \"off\" never sends",
        ),
        (
            &["mail.transport=smtp", "mail.smtp_host="],
            "mail.smtp_host: must name a mail server for mail.transport = \"smtp\", and is empty",
        ),
        (
            &[
                "mail.transport=smtp",
                "mail.smtp_security=none",
                "mail.smtp_host=mail.example.org",
                "mail.smtp_user=chat",
                "mail.smtp_password=secret",
            ],
            "mail.smtp_security: mail.smtp_security = \"none\": the password would travel in the clear",
        ),
        (
            &["listen.b.address=0.0.0.0:8000", "listen.b.link=tcp", "listen.b.dialect=plain"],
            "listen.plain.address = \"127.0.0.1:8000\" and listen.b.address = \"0.0.0.0:8000\" collide",
        ),
    ];
    for (set, right) in cases {
        let told = mistakes(&Given { set, ..Given::default() });
        assert_eq!(told.len(), 1, "{set:?}: {told:?}");
        assert!(told[0].contains(right), "{set:?}: {told:?}");
    }
    // The key that the user said something about is the one that is named.
    assert_eq!(set(&["session.outbox_bytes=65000"]).unwrap_err()[0].key, "session.outbox_bytes");
    // Nothing is concluded from a default that stands in for a mistake.
    let told =
        mistakes(&Given { set: &["session.outbox_bytes=x", "framed.max_message_bytes=600000"], ..Given::default() });
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_mail_server_on_this_machine_needs_no_tls() {
    for host in ["localhost", "127.0.0.1", "::1"] {
        let host = format!("mail.smtp_host={host}");
        set_ok(&["mail.transport=smtp", "mail.smtp_security=none", &host, "mail.smtp_user=a", "mail.smtp_password=b"]);
    }
    set_ok(&["mail.transport=smtp", "mail.smtp_security=none", "mail.smtp_host=mail.example.org"]);
    set_ok(&["mail.from=鸿雁 <chat@example.org>"]);
}

#[test]
fn listeners_come_and_go() {
    let file =
        "[listen.plain]\naddress = \"\"\n[listen.lan-2]\naddress = \"[::1]:0\"\nlink = \"tcp\"\ndialect = \"plain\"\n";
    let environment = [("HONGYAN__LISTEN__THIRD__ADDRESS", "127.0.0.1:0")];
    let set = ["listen.third.link=tcp", "listen.third.dialect=plain"];
    let settings = read(&Given { file, environment: &environment, set: &set }).unwrap().settings;
    assert_eq!(settings.listen.keys().collect::<Vec<_>>(), ["binary", "framed", "lan-2", "third", "web"]);
    // Any number of free ports.
    set_ok(&[
        "listen.plain.address=127.0.0.1:0",
        "listen.b.address=127.0.0.1:0",
        "listen.b.link=tcp",
        "listen.b.dialect=plain",
    ]);
}

#[test]
fn what_is_printed_is_a_settings_file_that_gives_the_same() {
    let set = [
        "server.data=/srv/\"odd\" folder\\",
        "session.max=123",
        "plain.group_echo=true",
        "relay.ports=0",
        "listen.plain.address=",
        "listen.a-2.address=[::]:9100",
        "listen.a-2.link=tcp",
        "listen.a-2.dialect=plain",
    ];
    let loaded = set_ok(&set);
    let printed = loaded.print();
    let again = read(&Given { file: &printed, ..Given::default() }).unwrap();
    assert_eq!(again.effective, loaded.effective);
    assert_eq!(format!("{:?}", again.settings), format!("{:?}", loaded.settings));
    assert_eq!(again.print(), printed);
    // Every comment is still there, and the new listener follows the old one.
    for comment in DEFAULTS.lines().filter(|line| line.starts_with('#')) {
        assert!(printed.contains(comment), "{comment}");
    }
    assert!(printed.contains("\n[listen.a-2]\naddress = \"[::]:9100\"\n"), "{printed}");
    let place = |text: &str| printed.find(text).unwrap();
    assert!(place("[listen.plain]") < place("[listen.a-2]") && place("[listen.a-2]") < place("[actors]"), "{printed}");
}

#[test]
fn ports_are_read() {
    assert_eq!(parse_ports("0"), Ok(PortRange::Ephemeral));
    assert_eq!(parse_ports("20000"), Ok(PortRange::Between(20000, 20000)));
    assert_eq!(parse_ports(" 20000 - 20999 "), Ok(PortRange::Between(20000, 20999)));
    for wrong in ["", "-", "1-", "-5", "1-2-3", "0-1", "65536", "a"] {
        assert!(parse_ports(wrong).is_err(), "{wrong}");
    }
}
