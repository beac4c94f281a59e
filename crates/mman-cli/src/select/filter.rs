//! Which names, paths and sizes are wanted.

use crate::args::{self, SizeLimit};
use crate::failure::Failure;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Globs of `-g` and `-E`, and the limits of `-S`.
#[derive(Debug)]
pub(super) struct Filter {
    wanted: Globs,
    unwanted: Globs,
    sizes: Vec<SizeLimit>,
}

/// A name: its last part, as it was given, and from the directory on that was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'walk> {
    pub(super) last: &'walk [u8],
    pub(super) path: &'walk Path,
    pub(super) below: &'walk Path,
}

impl Filter {
    pub(super) fn new(args: &args::Select) -> Result<Self, Failure> {
        Ok(Self {
            wanted: Globs::new(&args.glob)?,
            unwanted: Globs::new(&args.exclude)?,
            sizes: args.size.clone(),
        })
    }

    pub(super) fn wants_file(&self, name: Name<'_>) -> bool {
        (self.wanted.is_empty() || self.wanted.match_file(name)) && !self.unwanted.match_file(name)
    }

    pub(super) fn wants_directory(&self, name: Name<'_>) -> bool {
        !self.unwanted.match_directory(name)
    }

    pub(super) fn wants_size(&self, size: u64) -> bool {
        self.sizes.iter().all(|limit| limit.allows(size))
    }
}

/// Globs: those without a slash match the last part of a path, the others the path.
#[derive(Debug)]
struct Globs {
    names: GlobSet,
    paths: GlobSet,
    /// `name/`: directories only.
    directories: GlobSet,
}

impl Globs {
    fn new(texts: &[String]) -> Result<Self, Failure> {
        let [mut names, mut paths, mut directories] = [(); 3].map(|()| GlobSetBuilder::new());
        for text in texts {
            let bare = text.strip_suffix('/').unwrap_or(text);
            let glob = GlobBuilder::new(bare).literal_separator(true).build();
            let malformed =
                |error: &globset::Error| Failure::line(format!("glob '{text}': {}", error.kind()));
            let glob = glob.map_err(|error| malformed(&error))?;
            let _builder = match (bare.contains('/'), bare == text) {
                (true, _) => paths.add(glob),
                (false, true) => names.add(glob),
                (false, false) => directories.add(glob),
            };
        }
        let set = |builder: GlobSetBuilder| {
            builder.build().map_err(|error| Failure::line(format!("globs: {error}")))
        };
        Ok(Self { names: set(names)?, paths: set(paths)?, directories: set(directories)? })
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty() && self.directories.is_empty()
    }

    fn match_file(&self, name: Name<'_>) -> bool {
        let last = Path::new(OsStr::from_bytes(name.last));
        (!self.names.is_empty() && self.names.is_match(last))
            || (!self.paths.is_empty()
                && (self.paths.is_match(name.path) || self.paths.is_match(name.below)))
    }

    fn match_directory(&self, name: Name<'_>) -> bool {
        let last = Path::new(OsStr::from_bytes(name.last));
        self.match_file(name) || (!self.directories.is_empty() && self.directories.is_match(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(texts: &[&str]) -> Globs {
        Globs::new(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn name<'path>(path: &'path str, below: &'path str) -> Name<'path> {
        let last = path.rsplit('/').next().unwrap_or(path).as_bytes();
        Name { last, path: Path::new(path), below: Path::new(below) }
    }

    #[test]
    fn a_glob_with_a_slash_is_about_the_path() {
        let file = name("data/base/1.db", "base/1.db");
        for matching in ["*.db", "base/*.db", "data/base/*", "**/1.db", "{a,1}.*"] {
            assert!(globs(&[matching]).match_file(file), "{matching}");
        }
        for other in ["base", "*/1.dbx", "data/*", "ase/*.db", "1.db/"] {
            assert!(!globs(&[other]).match_file(file), "{other}");
        }
    }

    #[test]
    fn a_slash_at_the_end_is_about_directories() {
        let directory = name("data/base", "base");
        assert!(globs(&["base/"]).match_directory(directory));
        assert!(globs(&["base"]).match_directory(directory));
        assert!(!globs(&["base/"]).match_file(directory));
    }

    #[test]
    fn names_that_are_no_text_match_too() {
        let path = Path::new(OsStr::from_bytes(b"a/\xff.db"));
        let file = Name { last: b"\xff.db", path, below: path };
        assert!(globs(&["*.db"]).match_file(file) && globs(&["a/*.db"]).match_file(file));
    }

    #[test]
    fn a_malformed_glob_is_a_line() {
        let failure = Globs::new(&["[".to_owned()]).unwrap_err();
        assert!(matches!(failure, Failure::Line(line) if line.contains("glob '['")));
    }
}
