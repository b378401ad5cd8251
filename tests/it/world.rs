//! The world around the server: the process, and a client that reads lines.

use crate::qt::QtClient;
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What only a failure waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Every listener on a free port, so that tests run side by side.
pub(crate) const ANY_PORTS: [&str; 5] = [
    "listen.plain.address=127.0.0.1:0",
    "listen.framed.address=127.0.0.1:0",
    "listen.binary.address=127.0.0.1:0",
    "listen.web.address=127.0.0.1:0",
    "http.address=127.0.0.1:0",
];

/// The binary with some words, and without settings from the environment.
pub(crate) fn hongyan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hongyan"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HONGYAN__") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// What a run that ends by itself says, as (code, standard output, standard error).
pub(crate) fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = hongyan().args(words).stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A server, its data and its process.
pub(crate) struct Server {
    dir: TempDir,
    sets: Vec<String>,
    process: Option<(Child, Receiver<String>)>,
    /// Where each listener is, by its name in the settings.
    listeners: BTreeMap<String, SocketAddr>,
    /// Where `plain` is spoken over TCP, and where the other listeners are.
    pub(crate) address: SocketAddr,
    pub(crate) framed_address: SocketAddr,
    pub(crate) web_address: SocketAddr,
    pub(crate) http_address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With some settings.
    pub(crate) fn with(sets: &[&str]) -> Self {
        // All of a test's people register from one address.
        let cheap = ["auth.memory_kib=8", "auth.passes=1", "relay.ports=0", "mail.codes_per_ip=100000"];
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            dir: tempfile::tempdir().unwrap(),
            sets: ANY_PORTS.iter().chain(&cheap).chain(sets).map(|&set| set.to_owned()).collect(),
            process: None,
            listeners: BTreeMap::new(),
            address: nowhere,
            framed_address: nowhere,
            web_address: nowhere,
            http_address: nowhere,
        };
        server.restart();
        server
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Everything it has logged, over all restarts.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// Starts it again on the same data, after it was stopped or killed.
    pub(crate) fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = hongyan();
        command.arg("serve").arg("--data").arg(self.data());
        for set in &self.sets {
            command.args(["--set", set]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let (tell, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        self.process = Some((child, lines));
        loop {
            let line = self.said();
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["listening", name, _, _, address] => {
                    self.listeners.insert(name.to_owned(), address.parse().unwrap());
                    let place = match name {
                        "plain" => &mut self.address,
                        "framed" => &mut self.framed_address,
                        "web" => &mut self.web_address,
                        "http" => &mut self.http_address,
                        _ => continue,
                    };
                    *place = address.parse().unwrap();
                }
                ["ready"] => return,
                _ => panic!("{line}"),
            }
        }
    }

    /// The next line on standard output.
    fn said(&mut self) -> String {
        match self.process.as_mut().unwrap().1.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("no line on standard output: {error}\n{}", self.logged()),
        }
    }

    /// The six digits in the `nth` letter to an address, from 1, once it is there.
    pub(crate) fn code(&self, address: &str, nth: usize) -> String {
        let outbox = self.data().join("outbox");
        self.until(&format!("letter {nth} to {address}"), || {
            crate::letters::codes(&outbox, address).into_iter().nth(nth - 1)
        })
    }

    /// Waits for what is told over no connection: looks again and again, and between two looks lets the server answer
    /// something harmless.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        if let Some(found) = look() {
            return found;
        }
        let mut client = self.client();
        loop {
            client.expect_nothing();
            if let Some(found) = look() {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "waits in vain for {what}\n{}", self.logged());
        }
    }

    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        *self.listeners.get(name).unwrap_or_else(|| panic!("no listener is called {name}"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Ends it as a power cut would end the process.
    pub(crate) fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn sigterm(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits for its end. It must not say anything more.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let (mut child, lines) = self.process.take().unwrap();
        match lines.recv_timeout(PATIENCE) {
            // Standard output is closed: the process is over, or about to be.
            Err(RecvTimeoutError::Disconnected) => child.wait().unwrap(),
            other => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it did not end: {other:?}\n{}", self.logged())
            }
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    /// A client whose system has another address.
    pub(crate) fn client_from(&self, ip: &str) -> Client {
        Client::new(connect_from(ip, self.address))
    }

    /// A new account, registered and logged in.
    pub(crate) fn user(&self, name: &str) -> Client {
        let mut client = self.client();
        client.register(name);
        client.login(name);
        client
    }

    /// An account that is there already.
    pub(crate) fn again(&self, name: &str) -> Client {
        let mut client = self.client();
        client.login(name);
        client
    }

    /// The same, with another password than everybody's.
    pub(crate) fn again_with(&self, name: &str, password: &str) -> Client {
        let mut client = self.client();
        client.ask(
            &format!(r#"{{"cmd":"login","user":"{name}","password":"{password}"}}"#),
            r#"{"cmd":"login_reply","result":"success","friend":"","group":"","id":"<N>"}"#,
        );
        name.clone_into(&mut client.name);
        client
    }

    /// A second passes on the server, where `session.frame_timeout_s` is one.
    pub(crate) fn pass_a_second(&self) {
        let mut half = self.client();
        half.raw(b"{");
        assert!(half.line().starts_with(r#"{"cmd":"error","result":"timeout""#));
    }

    pub(crate) fn qt(&self) -> QtClient {
        QtClient::new(TcpStream::connect(self.address).unwrap())
    }

    /// Makes two people friends; `a` asks.
    pub(crate) fn befriend(a: &mut Client, b: &mut Client) {
        let (from, to) = (a.name.clone(), b.name.clone());
        a.ask(
            &format!(r#"{{"cmd":"add","user":"{from}","friend":"{to}"}}"#),
            &format!(r#"{{"cmd":"add_reply","result":"success","friend":"{to}"}}"#),
        );
        b.expect(&format!(r#"{{"cmd":"add_friend_reply","result":"{from}"}}"#));
    }

    /// Makes a group of the first one's, with all others in it.
    pub(crate) fn group(group: &str, members: &mut [&mut Client]) {
        for (at, member) in members.iter_mut().enumerate() {
            let (cmd, user) = (if at == 0 { "create_group" } else { "add_group" }, member.name.clone());
            member.ask(
                &format!(r#"{{"cmd":"{cmd}","user":"{user}","group":"{group}"}}"#),
                &format!(r#"{{"cmd":"{cmd}_reply","result":"success","group":"{group}"}}"#),
            );
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        if thread::panicking() {
            eprintln!("--- the server's log:\n{log}---");
        } else {
            assert!(!log.contains("panicked"), "a panic in the server:\n{log}");
        }
    }
}

/// A connection from one of this machine's other addresses.
pub(crate) fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0))).unwrap();
    socket.connect(&SockAddr::from(to)).unwrap();
    socket.into()
}

/// Closes a connection with a reset, as a machine that dies with unread bytes does.
pub(crate) fn reset(stream: TcpStream) {
    let socket = Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

/// A client that writes one compact object a line and reads line by line.
pub(crate) struct Client {
    pub(crate) name: String,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { name: String::new(), reader: BufReader::new(stream) }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.reader.get_mut()
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn say(&mut self, object: &str) {
        self.raw(format!("{object}\n").as_bytes());
    }

    /// Says something, unless the server is gone.
    pub(crate) fn try_say(&mut self, object: &str) -> bool {
        self.reader.get_mut().write_all(format!("{object}\n").as_bytes()).is_ok()
    }

    /// The next line, or `None` where the connection has ended, in whatever way.
    pub(crate) fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => {
                if line.pop() != Some('\n') {
                    // Cut off in the middle by the server's death.
                    return None;
                }
                assert!(!line.is_empty(), "{}: a lone newline to a line client", self.name);
                Some(line)
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => None,
            Err(error) => panic!("{} waits in vain: {error}", self.name),
        }
    }

    pub(crate) fn line(&mut self) -> String {
        self.try_line().unwrap_or_else(|| panic!("{}: the server has closed", self.name))
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        let got = self.line();
        assert!(matches(line, &got), "{} expected\n  {line}\nand got\n  {got}", self.name);
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, object: &str, reply: &str) {
        self.say(object);
        self.expect(reply);
    }

    /// Nothing has come, as far as the server has got: the answer to a harmless question is next.
    #[track_caller]
    pub(crate) fn expect_nothing(&mut self) {
        self.say(r#"{"cmd":"ping"}"#);
        self.expect(r#"{"cmd":"ping_reply","result":"success"}"#);
    }

    /// The server closes, and says no more before.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        if let Some(line) = self.try_line() {
            panic!("{}: the server says {line} instead of closing", self.name);
        }
    }

    #[track_caller]
    pub(crate) fn register(&mut self, name: &str) {
        self.ask(
            &format!(r#"{{"cmd":"register","user":"{name}","password":"11111"}}"#),
            r#"{"cmd":"register_reply","result":"success"}"#,
        );
    }

    /// Logs in, and returns the reply.
    #[track_caller]
    pub(crate) fn login(&mut self, name: &str) -> String {
        self.say(&format!(r#"{{"cmd":"login","user":"{name}","password":"11111"}}"#));
        name.clone_into(&mut self.name);
        let reply = self.line();
        assert!(reply.starts_with(r#"{"cmd":"login_reply","result":"success","friend":""#), "{name}: {reply}");
        reply
    }

    pub(crate) fn private(&self, to: &str, text: &str) -> String {
        format!(r#"{{"cmd":"private_chat","user_from":"{}","user_to":"{to}","text":"{text}"}}"#, self.name)
    }

    pub(crate) fn post(&self, group: &str, text: &str) -> String {
        format!(r#"{{"cmd":"group_chat","user":"{}","group":"{group}","text":"{text}"}}"#, self.name)
    }

    pub(crate) fn file(&self, to: &str, length: usize) -> String {
        let from = &self.name;
        format!(r#"{{"cmd":"send_file","from_user":"{from}","to_user":"{to}","length":{length},"filename":"a"}}"#)
    }

    /// The texts of what this client's own buffer holds already: it has them, although nobody has asked yet.
    pub(crate) fn read_ahead(&mut self) -> Vec<String> {
        let whole = self.reader.buffer().iter().filter(|&&byte| byte == b'\n').count();
        (0..whole).filter_map(|_| text_of(&self.line())).collect()
    }

    /// Another way to read and write on the same connection, for a thread of its own. What was read ahead stays here.
    pub(crate) fn twin(&self) -> Self {
        assert!(self.reader.buffer().is_empty());
        Self { name: self.name.clone(), reader: BufReader::new(self.reader.get_ref().try_clone().unwrap()) }
    }

    /// Dies with a reset.
    pub(crate) fn reset(self) {
        reset(self.reader.into_inner());
    }
}

/// Whether a line is the expected one, in which `<N>` stands for any whole number.
pub(crate) fn matches(expected: &str, got: &str) -> bool {
    let mut got = got;
    let mut parts = expected.split("<N>");
    let Some(rest) = got.strip_prefix(parts.next().unwrap()) else { return false };
    got = rest;
    for part in parts {
        let digits = got.bytes().take_while(u8::is_ascii_digit).count();
        match got[digits..].strip_prefix(part) {
            Some(rest) if digits > 0 => got = rest,
            _ => return false,
        }
    }
    got.is_empty()
}

/// The text of a message that was delivered, if the line is one.
pub(crate) fn text_of(line: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let is_message = value["cmd"] == "private_chat" || value["cmd"] == "group_chat";
    is_message.then(|| value["text"].as_str().unwrap().to_owned())
}

/// The port in a reply to `send_file`, of either side.
pub(crate) fn port_of(line: &str) -> u16 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    value["port"].as_u64().unwrap_or_else(|| panic!("{line}")).try_into().unwrap()
}
