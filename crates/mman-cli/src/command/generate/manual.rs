//! The manual: mman(1) and a page for each command.

use super::examples;
use crate::args::Args;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done, or true."),
    ("1", "It ran, and the condition is false: below --min, pages left, differs, changed since."),
    ("2", "An error, or something is not known: numbers are shown as ? with the reason."),
    ("130", "Interrupted (Ctrl-C). What was done until then is said."),
];

/// What vmtouch's flags are here.
const VMTOUCH: &[(&str, &str)] = &[
    ("vmtouch PATH", "mman PATH, mman stat PATH"),
    ("vmtouch -v", "mman stat --map"),
    ("vmtouch -t", "mman touch"),
    ("vmtouch -e", "mman evict"),
    ("vmtouch -l, -L", "mman lock"),
    ("vmtouch -dl", "mman lock --systemd-unit prints a unit that runs it"),
    ("vmtouch -w", "(always: lock says when it is ready)"),
    ("vmtouch -P FILE", "mman lock --pidfile FILE"),
    ("vmtouch -p RANGE", "-r RANGE"),
    ("vmtouch -m SIZE", "-S -SIZE"),
    ("vmtouch -f", "-L"),
    ("vmtouch -F", "-x"),
    ("vmtouch -h", "(never: names of one file are counted once)"),
    ("vmtouch -i GLOB", "-E GLOB"),
    ("vmtouch -I GLOB", "-g GLOB"),
    ("vmtouch -b FILE, -b -", "--files-from FILE, --files-from -"),
    ("vmtouch -0", "-0"),
    ("vmtouch -o kv", "--json"),
    ("vmtouch -q", "-q"),
];

/// Writes all pages into a directory.
pub(super) fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut command = Args::command();
    command.build();
    pages(directory, &command)
}

fn pages(directory: &Path, command: &Command) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(directory, below)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    page(&name, command.clone(), &mut text)?;
    let mut file = fs::File::create(directory.join(format!("{name}.1")))?;
    file.write_all(&text)
}

fn page(name: &str, command: Command, out: &mut Vec<u8>) -> io::Result<()> {
    let is_main = name == "mman";
    let extra = command.get_after_help().map(ToString::to_string).filter(|_| !is_main);
    let version = env!("CARGO_PKG_VERSION");
    let has_commands = command.get_subcommands().next().is_some();
    let man = Man::new(command).title(name.to_uppercase()).source(format!("mman {version}"));
    let man = man.manual("Memory of Linux");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    let mut roff = Roff::default();
    if let Some(extra) = extra {
        roff.control("SH", ["NOTES"]);
        verbatim(&mut roff, extra.lines());
    }
    if is_main {
        roff.control("SH", ["FILES THAT ARE NAMED LIKE COMMANDS"]);
        roff.text([roman(
            "A first word that is no command is a path for stat. A file that is named cat is ./cat.",
        )]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_STATUS {
        roff.control("TP", []);
        roff.text([bold(*code)]);
        roff.text([roman(*meaning)]);
    }
    let examples = examples::of(name);
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
    }
    for (line, meaning) in examples {
        roff.control("TP", []);
        roff.text([bold(*line)]);
        roff.text([roman(*meaning)]);
    }
    if is_main {
        vmtouch(&mut roff);
    }
    see_also(&mut roff, name);
    roff.to_writer(out)
}

fn vmtouch(roff: &mut Roff) {
    roff.control("SH", ["COMING FROM VMTOUCH"]);
    let width = VMTOUCH.iter().map(|(theirs, _)| theirs.len()).max().unwrap_or(0);
    let line = |(theirs, ours): &(&str, &str)| format!("{theirs:width$}   {ours}");
    let lines: Vec<String> = VMTOUCH.iter().map(line).collect();
    verbatim(roff, lines.iter().map(String::as_str));
}

/// Lines as they are.
fn verbatim<'line>(roff: &mut Roff, lines: impl Iterator<Item = &'line str>) {
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

fn see_also(roff: &mut Roff, name: &str) {
    roff.control("SH", ["SEE ALSO"]);
    let pages = match name {
        "mman" => {
            "cachestat(2), mincore(2), posix_fadvise(2), mlock(2), process_madvise(2), proc_pid_smaps(5)"
        }
        "mman-lock" => "mman(1), mlock(2), setrlimit(2), systemd.service(5)",
        "mman-maps" => "mman(1), pmap(1), proc_pid_smaps(5)",
        "mman-evict" | "mman-touch" => "mman(1), posix_fadvise(2), madvise(2)",
        "mman-advise" => "mman(1), process_madvise(2), madvise(2)",
        "mman-stat" | "mman-watch" => "mman(1), cachestat(2), mincore(2)",
        "mman-save" | "mman-restore" | "mman-diff" => {
            "mman(1), mman-save(1), mman-restore(1), mman-diff(1), mincore(2)"
        }
        "mman-typed" => "mman(1), mman(3), mman-typed.conf(5)",
        _ => "mman(1)",
    };
    roff.text([roman(pages)]);
}
