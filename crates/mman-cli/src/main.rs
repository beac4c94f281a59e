//! The command `mman`: see and steer what Linux keeps in memory.
#![forbid(unsafe_code)]

mod args;
mod command;
mod failure;
mod hex;
mod object;
mod range;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Args::parse().command {
        None => command::overview::run(),
        Some(Command::Cat(args)) => command::cat::run(&args),
        Some(Command::Log(args)) => command::log::run(&args),
        Some(Command::Doctor) => command::doctor::run(),
    }
}
