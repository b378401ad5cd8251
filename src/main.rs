//! The binary `hongyan`. Owns: turning an outcome into an exit code. Never: anything else (see `cli`).

use clap::Parser;
use std::process::ExitCode;

/// docs/decisions/0015-allocator.md says why not the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    hongyan::exit::end(hongyan::cli::run(&hongyan::cli::Cli::parse()))
}
