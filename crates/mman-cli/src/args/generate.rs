//! What `mman generate` takes.

use clap::Subcommand;
use clap_complete::Shell;
use std::path::PathBuf;

/// Write completions for a shell, manual pages, or the schema of the JSON
#[derive(Debug, Subcommand)]
pub(crate) enum Generate {
    /// Write the completions for a shell to standard output
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write mman(1) and a page for each command into a directory
    Man {
        /// The directory
        directory: PathBuf,
    },
    /// Write the JSON schema of what --json prints to standard output
    Schema,
}
