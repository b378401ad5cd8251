//! A throw-away server: this same program, or another, as a second process. Owns: its folder, its settings, its life and death. Never: outlives
//! its [`Own`]: dropping it kills the process.

use super::proc::{self, Sample};
use crate::exit::{Exit, Failure};
use crate::loadtest::options::Loadtest;
use crate::loadtest::plan::{Plan, Voice};
use crate::settings::Override;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take, on a database of any size that a run makes.
const START: Duration = Duration::from_secs(60);
/// How long a stop may take before it is made short.
const STOP: Duration = Duration::from_secs(10);
/// Its listeners, by their names in the built-in settings. Those under TLS have names of their own, since accounts are made without it.
const LISTENERS: [&str; 4] = ["plain", "framed", "binary", "web"];
/// What is behind the names of those under TLS.
const SECURE: &str = "tls";
/// Connections besides the sessions': those that make accounts.
const SPARE_SESSIONS: usize = 200;
/// Lines of its log that a failure shows.
const LOG_LINES: usize = 20;

/// The server.
pub struct Own {
    program: PathBuf,
    sets: Vec<String>,
    data: PathBuf,
    log: PathBuf,
    listeners: BTreeMap<String, SocketAddr>,
    /// The certificate that its listeners under TLS show; it is its own authority.
    certificate: Option<PathBuf>,
    process: Option<(Child, Receiver<String>)>,
    /// What processes before the present one took, in user mode and in the kernel.
    before: (u64, u64),
    pin: bool,
    /// It is this program, not another one.
    is_own_program: bool,
    /// What a reader of the report should know of its settings.
    pub notes: Vec<String>,
    /// Goes with it, unless the data are to be kept.
    _folder: TempDir,
}

impl Own {
    /// Starts it on free ports, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start; with the end of its log.
    pub fn start(plan: &Plan, options: &Loadtest, sessions: usize) -> Result<Self, Failure> {
        let failed = |what: &str, error: io::Error| Failure::new(Exit::DataFolder, format!("--self: {what}: {error}"));
        let folder = folder().map_err(|error| failed("no temporary folder", error))?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|error| failed("this program is not found", error))?,
        };
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("data"));
        let (mut sets, notes) = settings(&options.set, sessions, plan);
        let certificate = match plan.voices.iter().any(|voice| voice.tls) {
            true => Some(certify(folder.path(), &mut sets).map_err(|error| failed("no certificate", error))?),
            false => None,
        };
        let mut own = Self::idle(program, data, sets, options.pin, folder);
        own.is_own_program = options.program.is_none();
        (own.certificate, own.notes) = (certificate, notes);
        own.spawn()?;
        own.wait()?;
        Ok(own)
    }

    /// One that is not started yet, with these settings over those in the program.
    #[must_use]
    pub fn idle(program: PathBuf, data: PathBuf, sets: Vec<String>, pin: bool, folder: TempDir) -> Self {
        Self {
            program,
            sets,
            log: folder.path().join("log"),
            data,
            listeners: BTreeMap::new(),
            certificate: None,
            process: None,
            before: (0, 0),
            pin,
            is_own_program: true,
            notes: Vec::new(),
            _folder: folder,
        }
    }

    /// Where a voice is spoken.
    #[must_use]
    pub fn address(&self, voice: Voice) -> Option<SocketAddr> {
        let name = voice.to_string();
        let name = if voice.web { "web" } else { name.split('+').next().unwrap_or_default() };
        self.listeners.get(&format!("{name}{}", if voice.tls { SECURE } else { "" })).copied()
    }

    /// The authority that signed the certificate it shows, in PEM; `None` where nothing is spoken under TLS.
    #[must_use]
    pub fn authority(&self) -> Option<&Path> {
        self.certificate.as_deref()
    }

    /// Begins a process, on the ports of the one before.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn spawn(&mut self) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            Failure::new(Exit::ActorDied, format!("--self: {} cannot be started: {error}", self.program.display()))
        };
        let log = File::options().create(true).append(true).open(&self.log).map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.arg("serve");
        // So that it ends even when this process is killed with SIGKILL: its standard input does, then. Other programs may be too old to know that.
        if self.is_own_program {
            command.arg("--stop-with-stdin").stdin(Stdio::piped());
        } else {
            command.stdin(Stdio::null());
        }
        command.arg("--data").arg(&self.data).current_dir(std::env::temp_dir());
        let ends: &[&str] = if self.certificate.is_some() { &["", SECURE] } else { &[""] };
        for name in ends.iter().flat_map(|end| LISTENERS.map(|name| format!("{name}{end}"))) {
            let address = self.listeners.get(&name).map_or_else(|| "127.0.0.1:0".to_owned(), ToString::to_string);
            command.args(["--set", &format!("listen.{name}.address={address}")]);
        }
        for set in &self.sets {
            command.args(["--set", set]);
        }
        // A measured server has the settings that are said here and no others.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HONGYAN__") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = elsewhere(self.pin, || command.spawn()).map_err(failed)?;
        let (tell, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
            });
        }
        self.process = Some((child, lines));
        Ok(())
    }

    fn note_line(&mut self, line: &str) -> bool {
        if let ["listening", name, _, _, address] = line.split(' ').collect::<Vec<_>>()[..]
            && let Ok(address) = address.parse()
        {
            self.listeners.insert(name.to_owned(), address);
        }
        line == "ready"
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It ends instead, or takes too long.
    pub fn wait(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + START;
        loop {
            let Some((_, lines)) = &self.process else { return Err(self.failure("it is not running")) };
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if self.note_line(&line) {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(self.failure("it is not ready after a minute")),
                Err(RecvTimeoutError::Disconnected) => return Err(self.failure("it ended instead of being ready")),
            }
        }
    }

    /// Whether a start that was begun so long ago is over.
    ///
    /// # Errors
    /// It ended instead, or takes too long.
    pub fn is_ready(&mut self, since: Duration) -> Result<bool, Failure> {
        loop {
            let Some((_, lines)) = &self.process else { return Err(self.failure("it is not running")) };
            match lines.try_recv() {
                Ok(line) => {
                    if self.note_line(&line) {
                        return Ok(true);
                    }
                }
                Err(TryRecvError::Empty) if since > START => {
                    return Err(self.failure("it is not ready again after a minute"));
                }
                Err(TryRecvError::Empty) => return Ok(false),
                Err(TryRecvError::Disconnected) => return Err(self.failure("it ended instead of being ready again")),
            }
        }
    }

    /// Whether it ended by itself.
    pub fn has_died(&mut self) -> Option<Failure> {
        let (child, _) = self.process.as_mut()?;
        let status = child.try_wait().ok().flatten()?;
        Some(self.failure(&format!("it ended during the run ({status})")))
    }

    /// Kills it without a warning.
    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.process.take() {
            if let Some(sample) = proc::sample(child.id()) {
                self.before.0 += sample.user_us;
                self.before.1 += sample.system_us;
            }
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in order, and waits for that.
    pub fn stop(&mut self) {
        if let Some((child, lines)) = &mut self.process {
            // One that has ended takes no signal.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let until = Instant::now() + STOP;
            // Its standard output ends when it does.
            while lines.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        }
        self.kill();
    }

    /// What it has taken, over all its processes.
    #[must_use]
    pub fn sample(&self) -> Option<Sample> {
        let (child, _) = self.process.as_ref()?;
        proc::sample(child.id()).map(|sample| sample.with(self.before))
    }

    /// Its process, while there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|(child, _)| child.id())
    }

    fn failure(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].iter().map(|line| format!("server: {line}"));
        let mut all = vec![format!("--self: the server is not there: {what}; its log ends:")];
        all.extend(last);
        Failure { exit: Exit::ActorDied, lines: all }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder for a run's data. Not where the system keeps files in memory: nothing is synced there.
pub(in crate::loadtest) fn folder() -> io::Result<TempDir> {
    let place = if Path::new("/var/tmp").is_dir() { PathBuf::from("/var/tmp") } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("hongyan-loadtest-").tempdir_in(&place)
}

/// What differs from the built-in settings, and why; what was asked for on the command line wins.
pub(in crate::loadtest) fn settings(asked: &[Override], sessions: usize, plan: &Plan) -> (Vec<String>, Vec<String>) {
    let mut sets = vec!["http.address=127.0.0.1:0".to_owned(), "relay.ports=0".to_owned()];
    let mut notes = Vec::new();
    let is_asked = |key: &str| asked.iter().any(|set| set.key == key);
    if !is_asked("auth.memory_kib") && !is_asked("auth.passes") {
        sets.extend(["auth.memory_kib=8".to_owned(), "auth.passes=1".to_owned()]);
        notes.push(
            "the server hashes passwords cheaply (auth.memory_kib=8, auth.passes=1): the hash is not what is measured"
                .to_owned(),
        );
    }
    let seats = sessions + SPARE_SESSIONS;
    if seats > 12_000 {
        // Its limit of open files is this process's: what sessions do not need is kept small.
        let least = [
            ("session.max", seats.to_string()),
            ("storage.max_open_files", "256".to_owned()),
            ("relay.max", "16".to_owned()),
            ("http.max_connections", "64".to_owned()),
        ];
        let web = plan.voices.iter().any(|voice| voice.web);
        let handshakes = (!web).then(|| ("web.max_handshakes", "64".to_owned()));
        for (key, value) in least.into_iter().chain(handshakes) {
            if !is_asked(key) {
                notes.push(format!("so that all sessions fit: {key}={value}"));
                sets.push(format!("{key}={value}"));
            }
        }
    }
    for Override { key, value, .. } in asked {
        notes.push(format!("as asked: {key}={value}"));
        sets.push(format!("{key}={value}"));
    }
    (sets, notes)
}

/// Makes a certificate for the loopback address, and the settings of listeners that show it.
fn certify(folder: &Path, sets: &mut Vec<String>) -> io::Result<PathBuf> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    sets.push(format!("tls.certificate={}", toml::Value::String(certificate.display().to_string())));
    sets.push(format!("tls.key={}", toml::Value::String(key.display().to_string())));
    for name in LISTENERS {
        let (link, dialect) = if name == "web" { ("websocket", "framed") } else { ("tcp", name) };
        let listener = format!("listen.{name}{SECURE}");
        sets.extend([
            format!("{listener}.link={link}"),
            format!("{listener}.dialect={dialect}"),
            format!("{listener}.tls=true"),
        ]);
    }
    Ok(certificate)
}

/// The last processor that this thread may use, for the generator, and the others, for the server.
fn split() -> Option<(CpuSet, CpuSet)> {
    let all = sched_getaffinity(None).ok()?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu))?;
    let (mut mine, mut others) = (CpuSet::new(), all);
    mine.set(last);
    others.unset(last);
    (others.count() > 0).then_some((mine, others))
}

/// Does something on the server's processors, and then stays on the generator's. A process that is begun there stays there.
pub(super) fn elsewhere<T>(pin: bool, action: impl FnOnce() -> T) -> T {
    // With one processor, or where the system forbids it, there is nothing to keep apart.
    let Some((mine, others)) = pin.then(|| PROCESSORS.get_or_init(split).as_ref()).flatten() else { return action() };
    let _ = sched_setaffinity(None, others);
    let result = action();
    let _ = sched_setaffinity(None, mine);
    result
}

/// As they were before anything was pinned.
static PROCESSORS: std::sync::OnceLock<Option<(CpuSet, CpuSet)>> = std::sync::OnceLock::new();
