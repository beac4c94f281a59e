//! `mman stat`: how much of files is in the page cache.

use crate::args;
use crate::cache::{self, Residency};
use crate::interrupt::Interrupt;
use crate::select::{Found, Problem, Selection, Visitor};
use std::process::ExitCode;

struct V(u64, u64, u64);
impl Visitor for V {
    fn file(&mut self, found: Found<'_>) {
        if std::env::var_os("NOCACHE").is_some() {
            return;
        }
        match cache::look(&found, &(0..u64::MAX)) {
            Residency::Known(known) => {
                self.0 += known.pages;
                self.1 += known.cached;
            }
            Residency::Unknown(_) => self.2 += 1,
        }
    }
    fn problem(&mut self, problem: &Problem<'_>) {
        eprintln!("{}: {}", problem.path.display(), problem.what);
    }
}

/// Does it.
pub(crate) fn run(args: &args::Stat) -> ExitCode {
    let selection = Selection::new(&args.select).unwrap();
    let interrupt = Interrupt::listen();
    let (v, counts) = selection.visit(&interrupt, || V(0, 0, 0));
    for v in v {
        println!("{} {} {}", v.0, v.1, v.2);
    }
    println!("{counts:?}");
    ExitCode::SUCCESS
}
