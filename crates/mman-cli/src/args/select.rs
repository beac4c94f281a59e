//! Which files are meant: what every command takes that looks at trees of files.

use super::values::SizeLimit;
use crate::failure::Failure;
use std::path::PathBuf;

/// Which files.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Which files")]
pub(crate) struct Select {
    /// Files and directories; directories are searched, hidden files included
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Only files whose name, or path where GLOB has a slash, matches
    #[arg(short, long, value_name = "GLOB")]
    pub(crate) glob: Vec<String>,

    /// No files, and nothing below directories, whose name or path matches
    #[arg(short = 'E', long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Leave out what .gitignore and .ignore name
    #[arg(long)]
    pub(crate) ignore: bool,

    /// Follow symbolic links
    #[arg(short = 'L', long)]
    pub(crate) follow: bool,

    /// Stay on the file system of each PATH
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,

    /// How many levels of directories below each PATH (0: PATH alone)
    #[arg(short = 'd', long, value_name = "N")]
    pub(crate) max_depth: Option<usize>,

    /// Only files of a size: +N at least, -N at most, N just so many (K M G T)
    #[arg(short = 'S', long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(crate) size: Vec<SizeLimit>,

    /// Read paths from FILE, a line each; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,

    /// The paths of --files-from end with a NUL byte instead of a line break
    #[arg(short = '0', long, requires = "files_from")]
    pub(crate) null: bool,

    /// How many threads search [default: one a processor]
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
}

impl Select {
    /// Refuses what names nothing: a command that changes something never takes the current directory by itself.
    pub(crate) fn must_name(&self, command: &str) -> Result<(), Failure> {
        if self.paths.is_empty() && self.files_from.is_none() {
            return Err(Failure::line(format!(
                "{command}: no PATH is given (. is the current directory)"
            )));
        }
        Ok(())
    }
}
