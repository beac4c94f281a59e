//! How every command may be told to print.

use clap::ValueEnum;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// In a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    Always,
    Never,
}

/// How to print.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print an object of JSON a line, numbers as integers, sizes in bytes
    #[arg(long)]
    pub(crate) json: bool,

    /// Print sizes in bytes
    #[arg(short = 'B', long)]
    pub(crate) bytes: bool,

    /// Print errors only: the exit code tells the rest
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
}
