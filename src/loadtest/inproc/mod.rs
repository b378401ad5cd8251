//! Server and people in one process, over links in memory: how far the actors go where the system's limit of open files
//! ends. Owns: [`Within`], both halves of such a run; [`lane`], the links; [`host`], the server; [`world`], the engine. Never: a socket.

pub mod host;
pub mod lane;
pub mod world;

use super::options::Loadtest;
use super::plan::{Plan, Speech};
use super::target::own;
use crate::exit::{Exit, Failure};
use crate::settings::{self, Override, Sources};
use host::Host;
use protocol::DialectId;
use tempfile::TempDir;
use world::Memory;

/// A server and its people.
pub struct Within {
    /// The people's side.
    pub engine: Memory,
    notes: Vec<String>,
    /// Goes with it, unless the data are to be kept.
    _folder: TempDir,
}

impl Within {
    /// Starts the server, as `--self` would in a process of its own.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(plan: &Plan, options: &Loadtest, sessions: usize, places: &[Speech]) -> Result<Self, Failure> {
        let folder = own::folder()
            .map_err(|error| Failure::new(Exit::DataFolder, format!("--in-process: no temporary folder: {error}")))?;
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("data"));
        let (sets, mut notes) = own::settings(&options.set, sessions, plan);
        notes.push("server and people are one process: its CPU and its memory are those of both".into());
        let folder_value = toml::Value::String(data.display().to_string()).to_string();
        let pairs = sets.iter().filter_map(|set| set.split_once('=')).chain([("server.data", folder_value.as_str())]);
        let said = |(key, value): (&str, &str)| Override { flag: "--set", key: key.into(), value: value.into() };
        let sources = Sources { overrides: pairs.map(said).collect(), ..Sources::default() };
        let loaded = settings::load(&sources).map_err(|mistakes| Failure {
            exit: Exit::Settings,
            lines: mistakes.iter().map(|mistake| format!("--in-process: settings: {mistake}")).collect(),
        })?;
        let dialect = |speech: &Speech| {
            let name = match speech {
                Speech::Plain | Speech::Line => "plain",
                Speech::Framed => "framed",
                Speech::Binary => "binary",
            };
            DialectId::by_name(name)
        };
        let places = places.iter().filter_map(dialect).collect();
        Ok(Self { engine: Memory::new(Host::start(loaded.settings)?, places), notes, _folder: folder })
    }

    /// Ends everybody's connection and then the server, in order; gives what a reader should know.
    ///
    /// # Errors
    /// What the server died of, if it did.
    pub fn stop(self) -> Result<Vec<String>, Failure> {
        self.engine.stop()?;
        Ok(self.notes)
    }
}
