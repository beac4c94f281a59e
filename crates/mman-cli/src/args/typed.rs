//! What `mman typed` takes.

use super::Output;

/// Show pools of typed memory: what is configured, how full they are, who holds what
///
/// Without a name: a line for each port that programs can open, and what of the configuration counts for nothing. With
/// names: all of their pools, with a picture of what is used and free. Looking makes nothing: a pool that nobody has opened
/// yet stays so.
///
/// --make is for pools that several users share: whoever opens a pool first owns its files. Root makes the directory of the
/// configuration, with the group of the users and mode 2755, and then, at each boot, the pools: files with the modes of
/// their lines (mode=0660) and the group of the directory. A line says of each pool whether it was made or was there.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Typed {
    /// Names as programs open them: /huge/2M, or the last parts of one, 2M
    #[arg(value_name = "PORT")]
    pub(crate) ports: Vec<String>,

    /// Make the files of the pools that the configuration names (or of those of PORT), as the user who runs this
    #[arg(long, conflicts_with_all = ["runs", "check"])]
    pub(crate) make: bool,

    /// Count the free runs by their length (with --json: a line for each)
    #[arg(long)]
    pub(crate) runs: bool,

    /// Look whether the table of each pool agrees with itself
    #[arg(long)]
    pub(crate) check: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

const EXIT_CODES: &str = "\
Exit codes: 0 all is told, or made; 1 lines of the configuration count for
nothing, --check finds a table that does not agree with itself, or --make
could not make a pool; 2 a name is unknown, or a pool cannot be looked at.";
