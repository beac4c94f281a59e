//! The paths that were given: on the command line, and in the list of `--files-from`.

use crate::args;
use crate::failure::{Failure, text_of};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// All of them.
pub(super) struct Roots {
    paths: Vec<PathBuf>,
    /// The list as it was read, and what ends each path in it.
    list: Vec<u8>,
    separator: u8,
    /// Nothing was given: the current directory is meant.
    is_here: bool,
}

impl std::fmt::Debug for Roots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roots").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Roots {
    pub(super) fn new(args: &args::Select) -> Result<Self, Failure> {
        let mut list = Vec::new();
        if let Some(from) = &args.files_from {
            read(from, &mut list).map_err(|error| {
                Failure::line(format!("--files-from {}: {}", from.display(), text_of(&error)))
            })?;
        }
        Ok(Self {
            paths: args.paths.clone(),
            list,
            separator: if args.null { 0 } else { b'\n' },
            is_here: args.paths.is_empty() && args.files_from.is_none(),
        })
    }

    /// Each path. An empty one is the current directory, which nobody named.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Path> {
        let here = self.is_here.then_some(Path::new(""));
        let separator = self.separator;
        let lines = self.list.split(move |byte| *byte == separator);
        let listed = lines.filter(|line| !line.is_empty());
        here.into_iter()
            .chain(self.paths.iter().map(PathBuf::as_path))
            .chain(listed.map(|line| Path::new(OsStr::from_bytes(line))))
    }

    /// Whether these are a few files, and no directories: not worth a second thread.
    pub(super) fn are_few_files(&self) -> bool {
        const FEW: usize = 16;
        self.iter().nth(FEW).is_none()
            && !self.iter().any(|path| path.as_os_str().is_empty() || path.is_dir())
    }

    pub(super) fn is_one_directory(&self) -> bool {
        let mut paths = self.iter();
        match (paths.next(), paths.next()) {
            (Some(path), None) => path.as_os_str().is_empty() || path.is_dir(),
            _ => false,
        }
    }
}

/// Reads a list of paths; `-` is standard input.
fn read(from: &Path, list: &mut Vec<u8>) -> io::Result<()> {
    if from == Path::new("-") {
        io::stdin().lock().read_to_end(list)?;
    } else {
        File::open(from)?.read_to_end(list)?;
    }
    Ok(())
}
