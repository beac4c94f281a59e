//! The numbers themselves: unsafe blocks, functions and impls, for each crate and side of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::rust_file::{Place, RustFile};
use crate::unsafe_use::{Kind, unsafe_uses};

/// What is counted apart: the code that is shipped, and all that tests and measures it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Src,
    Tests,
}

/// A side of a crate.
pub(super) type Key = (String, Side);

/// The numbers of one side of a crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) blocks: usize,
    pub(super) fns: usize,
    pub(super) impls: usize,
}

/// The numbers of all crates.
pub(super) type Counts = BTreeMap<Key, Numbers>;

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Src => "src",
            Self::Tests => "tests",
        }
    }
}

impl Numbers {
    /// The numbers with their names, in the order they are written in.
    pub(super) fn named(self) -> [(&'static str, usize); 3] {
        [("blocks", self.blocks), ("fns", self.fns), ("impls", self.impls)]
    }

    /// The smaller of each pair.
    pub(super) fn lowest(self, other: Self) -> Self {
        Self {
            blocks: self.blocks.min(other.blocks),
            fns: self.fns.min(other.fns),
            impls: self.impls.min(other.impls),
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} blocks, {} fns, {} impls", self.blocks, self.fns, self.impls)
    }
}

/// Counts what the files hold. A side of a crate that holds none is not among the counts.
pub(super) fn count(files: &[RustFile]) -> Counts {
    let mut counts = Counts::new();
    for file in files.iter().filter(|file| file.place != Place::Elsewhere) {
        for one in unsafe_uses(file) {
            let side = if file.is_test(one.line) { Side::Tests } else { Side::Src };
            let numbers = counts.entry((file.package.clone(), side)).or_default();
            match one.kind {
                Kind::Block => numbers.blocks += 1,
                Kind::Function => numbers.fns += 1,
                Kind::Impl => numbers.impls += 1,
                Kind::Trait | Kind::Extern | Kind::Attribute => {}
            }
        }
    }
    counts.retain(|_, numbers| *numbers != Numbers::default());
    counts
}

#[cfg(test)]
mod tests {
    use super::{Numbers, Side, count};
    use crate::rust_file::RustFile;

    #[test]
    fn code_and_its_tests_are_counted_apart() {
        let text = "unsafe fn a() { unsafe { b() } }\nunsafe impl Send for C {}\n\
                    #[cfg(test)]\nmod tests { fn d() { unsafe { e() } } }\n";
        let files = [
            RustFile::new("crates/a/src/lib.rs", text),
            RustFile::new("crates/a/tests/b.rs", "fn f() { unsafe { g() } }\n"),
            RustFile::new("crates/b/src/lib.rs", "// unsafe { }\n"),
        ];
        let counts = count(&files);
        assert_eq!(counts.len(), 2);
        let src = Numbers { blocks: 1, fns: 1, impls: 1 };
        let tests = Numbers { blocks: 2, ..Numbers::default() };
        assert_eq!(counts.get(&("a".into(), Side::Src)), Some(&src));
        assert_eq!(counts.get(&("a".into(), Side::Tests)), Some(&tests));
    }
}
