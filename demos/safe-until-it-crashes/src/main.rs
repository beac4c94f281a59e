//! Safe functions of mapping crates in an unfriendly world: each case in a process of its own, and a table of how
//! it ended. See the README beside this.
#![forbid(unsafe_code)]

mod with_memmap2;
mod with_mman;
mod with_mmap_io;
mod with_vmap;
mod world;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, io, thread};

/// How a crate fares in a case.
enum Case {
    /// To be tried.
    Try(fn() -> String),
    /// Why there is nothing to try.
    Note(&'static str),
}

/// A crate, and its cases by the names of [`ROWS`].
type Column = (&'static str, fn(&str) -> Case);

const COLUMNS: [Column; 4] = [
    ("memmap2 0.9.12", with_memmap2::case),
    ("mmap-io 1.1.0", with_mmap_io::case),
    ("vmap 0.6.3", with_vmap::case),
    ("mman", with_mman::case),
];

/// Name and meaning.
const ROWS: &[(&str, &str)] = &[
    ("truncate", "the file is truncated while it is read"),
    ("rewrite", "the file is rewritten under a `&[u8]`"),
    ("punch", "a hole is punched into the file under a `&[u8]`"),
    ("two-views", "the file is written through another mapping, under a `&[u8]`"),
    ("discard", "\"will not need\" on private memory, under a `&[u8]`"),
    ("behind", "advice for a range just behind the mapping"),
    ("overflow-advise", "advice for a range whose end overflows"),
    ("overflow-lock", "locking a range whose end overflows"),
    ("overflow-read", "reading at an offset that overflows"),
    ("fork", "\"do not fork\" on memory in use, then a fork"),
    ("hwpoison", "poisoning memory, as a user without rights"),
    ("huge-length", "huge pages of odd length, dropped"),
    ("huge-no-reserve", "huge pages without reserve, from an empty pool"),
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [row, column] = arguments.as_slice() else { return table() };
    for (name, case) in COLUMNS {
        if name == column
            && let Case::Try(case) = case(row)
        {
            println!("{}", case());
        }
    }
    Ok(())
}

/// Tries every case, and prints a table in Markdown.
fn table() -> io::Result<()> {
    println!("| case | {} |", COLUMNS.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---|".repeat(COLUMNS.len()));
    for (row, meaning) in ROWS {
        print!("| {meaning} |");
        for (name, case) in COLUMNS {
            let seen = match case(row) {
                Case::Note(note) => note.to_owned(),
                Case::Try(_) => in_child(row, name)?,
            };
            print!(" {seen} |");
        }
        println!();
    }
    Ok(())
}

/// Runs one case in a process of its own, and answers how that ended.
fn in_child(row: &str, column: &str) -> io::Result<String> {
    let mut command = Command::new(env::current_exe()?);
    command.args([row, column]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // Who uses huge pages waits for whoever else does.
    let patience = Duration::from_secs(if row.starts_with("huge") { 120 } else { 3 });
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            return Ok("**hangs**".to_owned());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(match output.status.signal() {
        Some(signal) => format!("**{}**", world::killed_by(signal)),
        None if output.status.success() => said,
        None => format!("**fails**: {}", String::from_utf8_lossy(&output.stderr).trim()),
    })
}
