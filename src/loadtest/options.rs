//! `hongyan loadtest` on the command line. Owns: its grammar. Never: runs anything.

use crate::settings::Override;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What the simulated people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Log in and do nothing: memory and CPU of a session.
    Idle,
    /// Log in and out, again and again, on connections that stay.
    Login,
    /// Everybody joins a group, or several.
    Join,
    /// Pairs write to each other.
    Private,
    /// People write to those who are away; then those come and get it all.
    Offline,
    /// One large group, or many small ones.
    Group,
    /// Friends come and go, and others are told.
    Presence,
    /// A day: logins, chat, groups, typing, reconnects.
    Mixed,
    /// Files go from one to another.
    File,
}

/// A dialect to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// JSON objects with `cmd`.
    Plain,
    /// JSON behind a length, with `command`.
    Framed,
    /// Packets.
    Binary,
}

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Link {
    /// A bare stream.
    Tcp,
    /// A WebSocket.
    Ws,
}

/// A bare relay to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Baseline {
    /// One read, one write to the recipient, one acknowledgement; nothing is stored.
    Relay,
    /// The same with a log that is synced in groups before anything is said.
    Durable,
    /// For files: bytes from one socket to another through a pipe of the kernel's, never in memory.
    Splice,
    /// For files: the same through 256 KiB of memory.
    Copy,
}

/// `hongyan loadtest`
#[derive(Debug, Args)]
pub struct Loadtest {
    /// What the simulated people do.
    #[arg(value_enum, required_unless_present_any = ["compare", "figures", "large", "serve_baseline"])]
    pub scenario: Option<Scenario>,
    /// A server to test: HOST:PORT, or DIALECT+LINK[+tls]=HOST:PORT once for each voice.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["own", "in_process"])]
    pub to: Vec<String>,
    /// Start a throw-away server of this same program as a second process, with a folder of its own.
    #[arg(long = "self", conflicts_with = "in_process")]
    pub own: bool,
    /// Run server and people in this one process, over links in memory: beyond the limit of open files.
    #[arg(long)]
    pub in_process: bool,
    /// Dialects to speak; sessions are dealt over them in turn.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "plain")]
    pub dialect: Vec<Dialect>,
    /// Links to speak over; sessions are dealt over them in turn.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "tcp")]
    pub link: Vec<Link>,
    /// Wrap the links in TLS.
    #[arg(long)]
    pub tls: bool,
    /// A file with the certificate authority of the server, in PEM, for --tls.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub ca: Option<PathBuf>,
    /// Simulated sessions [default: 1000; file: 16, each two of them one transfer].
    #[arg(long, value_name = "N")]
    pub sessions: Option<usize>,
    /// Messages a second over all senders, at fixed times whatever the server does. Without it: a closed loop.
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// In a closed loop: messages that each sender has outstanding.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub outstanding: usize,
    /// How long the load lasts: 30s, 5m, 1h.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub duration: String,
    /// Of private and group: how long the load lasts before it is measured, since a process that has just begun is slower.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub warm: String,
    /// Over how long the logins are spread; 0s: as fast as they are answered.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub ramp: String,
    /// Bytes of one text (or of one file: 64, 10KiB, 1GiB).
    #[arg(long, value_name = "BYTES", default_value = "64")]
    pub size: String,
    /// Groups that the sessions are dealt over; of join: groups that each of them joins.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub groups: usize,
    /// Of group: members of each group that post [default: 4 in a closed loop, 16 with --rate].
    #[arg(long, value_name = "N")]
    pub posters: Option<usize>,
    /// Of idle and login: everybody is a member of a group (of --groups) before it begins.
    #[arg(long)]
    pub members: bool,
    /// Of login: a new connection for each login, as after a restart of the server.
    #[arg(long)]
    pub reconnect: bool,
    /// Seed of all choices: the same seed, the same choices.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// A file that accounts are taken from; what is missing is created and added.
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    /// Do something to the server during the run: `restart=10s` kills it with SIGKILL every ten seconds and starts it again.
    #[arg(long, value_name = "WHAT", requires = "own")]
    pub chaos: Option<String>,
    /// Fail (exit code 3) if this is so: 'p99>20ms', 'lost>0', 'rate<45000', 'server_cpu_us>10'. May be given many times.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    /// Run the same scenario against bare relays too, in the same run, and tell the ratios.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub baseline: Vec<Baseline>,
    /// With --baseline: in how many turns the server has its time, the relays before, between and behind them [default: of half a second each, for files of 2.5 s].
    #[arg(long, value_name = "N", requires = "baseline", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub turns: Option<u32>,
    /// Write everything as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with plots, in one file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Compare two runs' JSON files instead of running anything.
    #[arg(long, value_names = ["A.json", "B.json"], num_args = 2)]
    pub compare: Vec<PathBuf>,
    /// Measure the server's figures beside bare relays, in ten minutes, and print them as a table in Markdown. With WORD: only rows
    /// with that in their names, such as `login`.
    #[arg(long, value_name = "WORD", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["scenario", "to"])]
    pub figures: Option<String>,
    /// Measure what a large store costs: fill one, in minutes, then start on it, write to it and read from it; prints a table in Markdown.
    #[arg(long, conflicts_with_all = ["scenario", "to", "own", "in_process", "figures", "compare"])]
    pub large: bool,
    /// Accounts of the large store.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, requires = "large", value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    pub people: u64,
    /// Messages of the large store.
    #[arg(long, value_name = "N", default_value_t = 10_000_000, requires = "large", value_parser = clap::value_parser!(u64).range(1000..=10_000_000_000))]
    pub messages: u64,
    /// Print only the summary.
    #[arg(long)]
    pub quiet: bool,
    /// Keep this process to one processor and the server to the others, so that they do not disturb each other.
    #[arg(long)]
    pub pin: bool,
    /// A setting of the throw-away server, such as `storage.sync=interval`. May be given many times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = crate::cli::key_value)]
    pub set: Vec<Override>,
    /// Another program to start as the throw-away server, such as an older build.
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["to", "in_process"])]
    pub program: Option<PathBuf>,
    /// Keep the throw-away server's data in this folder.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Serve a bare relay on a free port of 127.0.0.1, until standard input ends. Used by --baseline.
    #[arg(long, value_enum, hide = true)]
    pub serve_baseline: Option<Baseline>,
}
