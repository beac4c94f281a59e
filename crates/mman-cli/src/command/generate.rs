//! `mman generate`: completions, manual pages and the schema of the JSON, from the definitions that parse.

mod examples;
mod manual;

use crate::args::{Args, Generate};
use crate::failure::{Failure, exit_code, text_of};
use clap::CommandFactory;
use std::io::{self, Write};
use std::process::ExitCode;

const SCHEMA: &str = include_str!("../../../../docs/json.schema.json");

/// Writes what is asked for.
pub(crate) fn run(args: &Generate) -> ExitCode {
    exit_code([match args {
        Generate::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "mman", &mut text);
            write(&text)
        }
        Generate::Man { directory } => manual::write(directory).map_err(|error| {
            Failure::line(format!("{}: {}", directory.display(), text_of(&error)))
        }),
        Generate::Schema => write(SCHEMA.as_bytes()),
    }])
}

fn write(text: &[u8]) -> Result<(), Failure> {
    io::stdout().write_all(text).map_err(|error| Failure::writing(&error))
}
