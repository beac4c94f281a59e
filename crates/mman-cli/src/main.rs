//! The command `mman`: see and steer what Linux keeps in memory.
#![forbid(unsafe_code)]

mod args;
mod cache;
mod command;
mod extent;
mod failure;
mod hex;
mod interrupt;
mod memory;
mod object;
mod outcome;
mod output;
mod processes;
mod range;
mod select;
mod snapshot;

use args::Command;
use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse().command {
        None => command::overview::run(),
        Some(Command::Stat(args)) => command::stat::run(&args),
        Some(Command::Touch(args)) => command::touch::run(&args),
        Some(Command::Evict(args)) => command::evict::run(&args),
        Some(Command::Lock(args)) => command::lock::run(&args),
        Some(Command::Maps(args)) => command::maps::run(&args),
        Some(Command::Who(args)) => command::who::run(&args),
        Some(Command::Advise(args)) => command::advise::run(&args),
        Some(Command::Watch(args)) => command::watch::run(&args),
        Some(Command::Save(args)) => command::save::run(&args),
        Some(Command::Restore(args)) => command::restore::run(&args),
        Some(Command::Diff(args)) => command::diff::run(&args),
        Some(Command::Cat(args)) => command::cat::run(&args),
        Some(Command::Log(args)) => command::log::run(&args),
        Some(Command::Typed(args)) => command::typed::run(&args),
        Some(Command::Doctor(args)) => command::doctor::run(&args),
        Some(Command::Generate(args)) => command::generate::run(&args),
    }
}
