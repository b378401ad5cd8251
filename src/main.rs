//! The binary `hongyan`. Owns: turning an outcome into an exit code. Never: anything else (see `cli`).

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    hongyan::exit::end(hongyan::cli::run(&hongyan::cli::Cli::parse()))
}
