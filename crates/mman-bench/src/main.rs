//! Side-by-side measurements of mman and its peers: `mman-bench NAME...`.

mod access;
mod broadcast;
mod c_calls;
mod calls;
mod cat;
mod child;
mod contender;
mod evict;
mod failure;
mod file;
mod frozen;
mod log;
mod machine;
mod maps;
mod measure;
mod ours_cat;
mod peak;
mod residency;
mod restore;
mod sync;
mod table;
mod touch;
mod touch_by;
mod tree;
mod typed;
mod typed_hold;
mod views;
mod when;
mod windows;

use failure::Result;
use std::path::Path;
use std::process::ExitCode;

/// A name, what it measures, and how.
struct Measurement {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<()>,
}

const MEASUREMENTS: &[Measurement] = &[
    // First: threads that others start change what the C library does.
    Measurement { name: "c-calls", about: "libmman's calls against libc's", run: c_calls::run },
    Measurement {
        name: "broadcast",
        about: "messages between processes, beside a pipe",
        run: broadcast::run,
    },
    Measurement { name: "calls", about: "the cost of a call, by whom it is made", run: calls::run },
    Measurement { name: "cat", about: "mman cat, cat and memmap2's example", run: cat::run },
    Measurement { name: "evict", about: "mman evict and vmtouch -e", run: evict::run },
    Measurement { name: "frozen", about: "a file frozen by copy", run: frozen::run },
    Measurement { name: "restore", about: "scattered runs brought back", run: restore::run },
    Measurement {
        name: "residency",
        about: "what of files is cached, by mman stat, vmtouch and fincore",
        run: residency::run,
    },
    Measurement { name: "sync", about: "scattered stores and a sync", run: sync::run },
    Measurement { name: "log", about: "appending records to a log", run: log::run },
    Measurement { name: "maps", about: "mman maps and who, smaps, pmap, lsof", run: maps::run },
    Measurement { name: "touch", about: "mman touch, vmtouch -t and others", run: touch::run },
    Measurement { name: "typed", about: "memory of a pool, beside plain memory", run: typed::run },
    Measurement { name: "views", about: "bytes through a view", run: views::run },
    Measurement { name: "when", about: "mapping against reading", run: when::run },
    Measurement { name: "windows", about: "ways to write a file out in pieces", run: windows::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match chosen(&arguments) {
        None => {
            usage();
            ExitCode::from(2)
        }
        Some(Err(error)) => {
            eprintln!("mman-bench: {error}");
            ExitCode::FAILURE
        }
        Some(Ok(())) => ExitCode::SUCCESS,
    }
}

/// Runs what the arguments say; `None` where they say nothing that is known.
fn chosen(arguments: &[&str]) -> Option<Result<()>> {
    match arguments {
        // What the measurements run as children.
        ["ours-cat", how, window, file] => {
            let window = window.parse().ok()?;
            return Some(ours_cat::ours(Path::new(file), how, window));
        }
        ["broadcast-echo", way, len, name, placed] => {
            return Some(broadcast::echo(way, len.parse().ok()?, name, placed));
        }
        ["maps-hold"] => return Some(maps::hold()),
        ["read-smaps", pid] => return Some(maps::read_smaps(pid)),
        ["serial-read", file, list] => {
            return Some(restore::serial(Path::new(file), Path::new(list)));
        }
        ["touch-by", way, file] => return Some(touch_by::run(way, Path::new(file))),
        ["typed-hold", conf] => return Some(typed_hold::hold(conf)),
        ["walk", root] => return Some(residency::walk(root)),
        ["peer-cat", file] => return Some(ours_cat::peer(Path::new(file))),
        ["all"] => return Some(MEASUREMENTS.iter().try_for_each(|one| (one.run)())),
        [] => return None,
        _ => {}
    }
    let find = |name| MEASUREMENTS.iter().find(|one| one.name == name);
    let chosen: Option<Vec<_>> = arguments.iter().map(|name| find(*name)).collect();
    Some(chosen?.iter().try_for_each(|one| (one.run)()))
}

fn usage() {
    eprintln!("usage: mman-bench NAME...\n");
    for one in MEASUREMENTS {
        eprintln!("  {:<8} {}", one.name, one.about);
    }
    eprintln!("  {:<8} all of them, one after the other", "all");
}
