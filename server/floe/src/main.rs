//! The `floe` command.

use clap::Parser as _;
use std::process::ExitCode;

// The system's allocator gives memory back slowly and contends between workers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    floe::command::run(floe::command::Arguments::parse())
}
