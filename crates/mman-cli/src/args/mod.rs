//! The command line: what clap parses, what `--help` says, and what the manual pages and completions are made of.

mod advise;
mod cat;
mod change;
mod generate;
mod lock;
mod log;
mod maps;
mod output;
mod select;
mod snapshot;
mod stat;
mod typed;
mod values;
mod watch;
mod who;

pub(crate) use advise::{Advise, How};
pub(crate) use cat::Cat;
pub(crate) use change::{Evict, Touch};
pub(crate) use generate::Generate;
pub(crate) use lock::Lock;
pub(crate) use log::{Log, LogCat, LogTail};
pub(crate) use maps::{Grouping, Maps};
pub(crate) use output::{Output, When};
pub(crate) use select::Select;
pub(crate) use snapshot::{Diff, Restore, Save};
pub(crate) use stat::{By, Sort, Stat};
pub(crate) use typed::Typed;
pub(crate) use values::{Bytes, Percent, SizeLimit};
pub(crate) use watch::Watch;
pub(crate) use who::Who;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// See and steer what Linux keeps in memory.
#[derive(Debug, Parser)]
#[command(
    name = "mman",
    version,
    about = "See and steer what Linux keeps in memory",
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Stat(Stat),
    Touch(Touch),
    Evict(Evict),
    Lock(Lock),
    Maps(Maps),
    Who(Who),
    Advise(Advise),
    Watch(Watch),
    Save(Save),
    Restore(Restore),
    Diff(Diff),
    Cat(Cat),
    #[command(subcommand)]
    Log(Log),
    Typed(Typed),
    Doctor(Doctor),
    #[command(subcommand)]
    Generate(Generate),
}

/// Say what this kernel, this process's rights and its limits allow, and what each means
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) output: Output,
}

const EXIT_CODES: &str = "\
A first word that is no command is a path for stat (a file named cat is ./cat).

Exit codes: 0 done or true; 1 ran, but the condition is false (below --min, pages left, differs);
2 error or unknown; 130 interrupted.";

/// Reads the words of the command line. Exits where clap says so: after help, or when they make no sense.
pub(crate) fn parse() -> Args {
    let command = Args::command();
    let words = with_command(&command, std::env::args_os().collect());
    // Of the definitions that are there already: making them takes longer than reading the words.
    let read = command.get_matches_from(words);
    Args::from_arg_matches(&read).unwrap_or_else(|error| error.exit())
}

/// `mman PATH` and `mman --json PATH` are for `stat`: the command is put where there is none.
fn with_command(command: &clap::Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let names = |word: &OsStr| {
        let known = command.get_subcommands().any(|known| known.get_name() == word);
        known || ["-h", "--help", "-V", "--version"].iter().any(|flag| word == *flag)
    };
    if words.get(1).is_some_and(|word| !word.as_bytes().is_empty() && !names(word)) {
        words.insert(1, "stat".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_first_word_that_is_no_command_is_a_path() {
        let read = |words: &[&str]| {
            let words = std::iter::once(&"mman").chain(words).map(OsString::from).collect();
            Args::try_parse_from(with_command(&Args::command(), words)).map(|args| args.command)
        };
        for words in [&["data"][..], &["--json", "data"], &["./cat"], &["-B"]] {
            assert!(matches!(read(words), Ok(Some(Command::Stat(_)))), "{words:?}");
        }
        assert!(matches!(read(&["cat", "x"]), Ok(Some(Command::Cat(_)))));
        assert!(matches!(read(&[]), Ok(None)));
        assert!(read(&["--no-such-flag"]).is_err());
    }
}
