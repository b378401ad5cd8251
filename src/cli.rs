//! The command line. Owns: its grammar, its help, and which part of the program each command starts. Never: does the
//! work itself.

use crate::exit::{self, Exit, Failure};
use crate::settings::{self, Loaded, Override, Sources};
use crate::{announce, chat, serve, signals};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A self-hosted chat server: one binary, one community.
#[derive(Debug, Parser)]
#[command(name = "hongyan", bin_name = "hongyan", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  hongyan serve                                  on 127.0.0.1, with the database in ./data
  hongyan serve --data /srv/chat --set listen.plain.address=0.0.0.0:8000
  hongyan settings > hongyan.toml                every setting, explained; edit what you need
  hongyan serve --settings hongyan.toml";

const SERVE_EXAMPLES: &str = "Examples:
  hongyan serve --data /srv/chat
  hongyan serve --settings hongyan.toml --set log.filter=debug
  HONGYAN__LISTEN__PLAIN__ADDRESS=0.0.0.0:8000 hongyan serve

Standard output has one line for each listener, `listening NAME LINK DIALECT ADDRESS:PORT`, and then `ready`.
The log goes to standard error. SIGTERM and SIGINT stop the server in order; a second one hurries it.
";

const SETTINGS_EXAMPLES: &str = "Examples:
  hongyan settings                               the defaults, with a comment for each
  hongyan settings --settings hongyan.toml       what is in force with that file
  hongyan settings --set session.max=100 > my.toml

Later layers win: the built-in settings, --settings FILE, the environment (HONGYAN__SECTION__KEY), then --set.
Mistakes are all reported at once, each on a line of its own, with exit code 78.
";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until it is told to stop.
    #[command(after_help = format!("{SERVE_EXAMPLES}\n{}", exit::help()))]
    Serve(Serve),
    /// Print the settings in force, with their comments, as a settings file.
    #[command(after_help = SETTINGS_EXAMPLES)]
    Settings(Layers),
    /// Measure a server with many simulated sessions, and prove what became of every message.
    Loadtest(Box<crate::loadtest::options::Loadtest>),
}

/// `hongyan serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Where settings come from.
    #[command(flatten)]
    pub layers: Layers,
    /// Start although the database is damaged, without what cannot be read any more. Back the data folder up first.
    #[arg(long)]
    pub accept_loss: bool,
    /// Stop in order, as for SIGTERM, also when standard input ends: for a program that starts the server, holds the other end of a
    /// pipe, and may be killed.
    #[arg(long)]
    pub stop_with_stdin: bool,
}

/// Where settings come from, besides the built-in ones and the environment.
#[derive(Debug, Args)]
pub struct Layers {
    /// A settings file; only what differs from the built-in settings needs to be in it.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// The data folder; the same as `--set server.data=DIR`.
    #[arg(long, value_name = "DIR")]
    pub data: Option<String>,
    /// One setting, such as `session.max=100`; wins over the file and the environment. May be given many times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<Override>,
}

pub(crate) fn key_value(text: &str) -> Result<Override, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok(Override { flag: "--set", key: key.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err("must be KEY=VALUE, such as session.max=100".into()),
    }
}

impl Layers {
    /// The layers, and the process's environment.
    #[must_use]
    pub fn sources(&self) -> Sources {
        let mut overrides = self.set.clone();
        if let Some(data) = &self.data {
            // A literal string, whatever characters the folder's name has.
            let value = toml::Value::String(data.clone()).to_string();
            overrides.push(Override { flag: "--data", key: "server.data".into(), value });
        }
        Sources { file: self.settings.clone(), environment: std::env::vars_os().collect(), overrides }
    }

    fn load(&self) -> Result<Loaded, Failure> {
        settings::load(&self.sources()).map_err(|mistakes| Failure {
            exit: Exit::Settings,
            lines: mistakes.iter().map(|mistake| format!("settings: {mistake}")).collect(),
        })
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// Whatever ends the process with another code than 0.
pub fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Serve(serve) => {
            let watched = serve.stop_with_stdin.then(signals::Watched::stdin);
            serve::serve(serve.layers.load()?.settings, serve.accept_loss, chat::start, watched)
        }
        Command::Loadtest(options) => crate::loadtest::run::run(options),
        Command::Settings(layers) => announce::print(&layers.load()?.print())
            .map_err(|error| Failure::new(Exit::StorageWrite, format!("standard output cannot be written: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cli, Command};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_takes_its_layers_in_order() {
        let line = "hongyan serve --settings f.toml --set a.b=1 --data /srv/x --set c.d=x=y --accept-loss";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Serve(serve) = cli.command else { panic!("not serve") };
        assert!(serve.accept_loss);
        let sources = serve.layers.sources();
        let said: Vec<String> = sources.overrides.iter().map(|o| format!("{} {}={}", o.flag, o.key, o.value)).collect();
        assert_eq!(said, ["--set a.b=1", "--set c.d=x=y", "--data server.data=\"/srv/x\""]);
        assert_eq!(sources.file.unwrap().to_str(), Some("f.toml"));
    }

    #[test]
    fn a_wrong_line_is_a_usage_error_and_help_and_version_are_not() {
        let code = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap_err().exit_code();
        for wrong in
            ["hongyan", "hongyan dance", "hongyan serve --set x", "hongyan serve --set =1", "hongyan serve now"]
        {
            assert_eq!(code(wrong), 2, "{wrong}");
        }
        for asked in ["hongyan --help", "hongyan --version", "hongyan serve --help", "hongyan settings --version"] {
            assert_eq!(code(asked), 0, "{asked}");
        }
    }

    #[test]
    fn help_tells_the_exit_codes() {
        let help = Cli::try_parse_from(["hongyan", "serve", "--help"]).unwrap_err().to_string();
        for (_, code, what) in crate::exit::TABLE {
            assert!(help.contains(&format!("{code:>2}  {what}")), "{what} in {help}");
        }
    }
}
