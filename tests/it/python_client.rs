//! The sample client in Python against the real server, and a real mail server for it to get its codes from. Owns: where
//! Python and its packages are (`make setup-python` puts them there). Never: passes over what is missing.

use crate::packets;
use crate::people::Person;
use crate::wire::{Kind, Wire};
use crate::world::{PATIENCE, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Python with the packages of `examples/python/requirements.txt`.
fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("python-venv/bin/python");
    assert!(python.exists(), "there is no {}: run `make setup-python` first", python.display());
    python
}

/// What a run that ends by itself says on standard output; it must end well.
fn output(command: &mut Command) -> String {
    let out = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[test]
fn the_sample_client_meets_chats_and_finds_what_waited() {
    let python = python();
    let generated = tempfile::tempdir().unwrap();
    let protoc = ["-m", "grpc_tools.protoc", "-I", "protocol/proto", "hongyan.proto", "--python_out"];
    output(Command::new(&python).current_dir(root()).args(protoc).arg(generated.path()));
    let server = Server::start();
    let port = server.listener("binary").port().to_string();
    let said = output(
        Command::new(&python)
            .env("PYTHONPATH", generated.path())
            .env("PYTHONIOENCODING", "utf-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(root().join("examples/python/chat.py"))
            .args(["--port", &port, "--at", "example.org", "--outbox"])
            .arg(server.data().join("outbox")),
    );
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.last(), Some(&"ok"), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("你好 🪿")), "{said:#?}");
    assert!(said.contains(&"waited for hua: are you there?"), "{said:#?}");
    // Short enough to be read at once.
    let length = std::fs::read_to_string(root().join("examples/python/chat.py")).unwrap().lines().count();
    assert!(length < 150, "{length} lines");
}

/// A mail server, and what it says.
struct Mailbox {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: String,
}

impl Mailbox {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(python());
        command.arg(root().join("tests/python/mailbox.py")).args(words);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().expect("it says its port").unwrap();
        Self { process, lines, port }
    }

    /// A server that sends its letters there.
    fn server(&self) -> Server {
        server_with_mail(&self.port)
    }

    fn letter(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("a letter").unwrap()).unwrap()
    }
}

fn server_with_mail(port: &str) -> Server {
    let port = format!("mail.smtp_port={port}");
    Server::with(&[
        "mail.transport=smtp",
        "mail.smtp_host=127.0.0.1",
        "mail.smtp_security=none",
        "mail.from=雁 <goose@example.org>",
        "mail.retry_s=1",
        "mail.timeout_s=2",
        &port,
    ])
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn guest(server: &Server) -> Person {
    let wire = Wire::open(server, Kind::BinaryTcp);
    Person { kind: Kind::BinaryTcp, name: "小明".to_owned(), id: String::new(), wire }
}

fn request_code(guest: &mut Person) {
    let reply = guest.ask(json!({"requestCode": {"email": "ming@example.org"}}));
    assert_eq!(reply["codeSent"], json!({"email": "ming@example.org", "validS": 600}), "{reply}");
}

/// The six digits in a letter.
fn code_in(letter: &Value) -> String {
    let text = letter["text"].as_str().unwrap();
    let mut runs = text.split(|letter: char| !letter.is_ascii_digit());
    runs.find(|run| run.len() == 6).unwrap_or_else(|| panic!("no code: {text}")).to_owned()
}

fn register(guest: &mut Person, code: &str) {
    let register = json!({"email": "ming@example.org", "nickname": guest.name, "password": "11111", "code": code});
    let reply = guest.ask(json!({"register": register}));
    assert_eq!(reply["registered"]["name"], *guest.name, "{reply}");
    reply["registered"]["account"].as_str().unwrap().clone_into(&mut guest.id);
    packets::login(guest);
}

#[test]
fn a_code_comes_through_a_real_mail_server() {
    let mut mailbox = Mailbox::start(&[]);
    let server = mailbox.server();
    let mut guest = guest(&server);
    request_code(&mut guest);
    let letter = mailbox.letter();
    assert_eq!((&letter["from"], &letter["to"]), (&json!("goose@example.org"), &json!(["ming@example.org"])));
    assert_eq!(letter["header_to"], "ming@example.org", "{letter}");
    let code = code_in(&letter);
    register(&mut guest, &code);
    let logged = server.logged();
    assert!(!logged.contains(&code) && !logged.contains("ming@"), "a log tells no secrets: {logged}");
}

#[test]
fn a_mail_server_that_is_busy_is_asked_again() {
    let mut mailbox = Mailbox::start(&["--later", "1"]);
    let server = mailbox.server();
    let mut guest = guest(&server);
    request_code(&mut guest);
    let letter = mailbox.letter();
    assert_eq!(letter["refused"], 1);
    register(&mut guest, &code_in(&letter));
}

#[test]
fn without_a_mail_server_everything_else_goes_on() {
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let nobody = server_with_mail(&port);
    // Somebody takes the connection there, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = server_with_mail(&mute.local_addr().unwrap().port().to_string());
    let mailbox = Mailbox::start(&["--never"]);
    let refusing = mailbox.server();
    let servers = [nobody, silent, refusing];
    for server in &servers {
        let start = Instant::now();
        let mut guest = guest(server);
        request_code(&mut guest);
        guest.expect_nothing();
        let mut client = server.user("b");
        client.expect_nothing();
        assert!(start.elapsed() < PATIENCE / 4, "{:?}", start.elapsed());
    }
    // Whoever runs the server is told why nobody gets a letter.
    for server in &servers {
        server.until("a line in the log", || server.logged().contains("…@example.org").then_some(()));
        assert!(!server.logged().contains("ming@"), "{}", server.logged());
    }
    // A stop does not wait for a mail server.
    for mut server in servers {
        let start = Instant::now();
        assert!(server.sigterm().success());
        assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    }
}
