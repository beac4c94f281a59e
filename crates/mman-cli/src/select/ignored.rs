//! What `.gitignore` and `.ignore` name.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file of a directory that has one, and those of the directories above it.
#[derive(Debug)]
pub(super) struct Ignored {
    /// The stronger first.
    files: Vec<Gitignore>,
    /// From this directory to the one that was given, where this one is above it.
    lead: PathBuf,
    /// How many bytes of a path are the way to this directory.
    skip: usize,
    above: Option<Arc<Self>>,
}

impl Ignored {
    /// What holds in a directory, which is open: `above`, and what its own files say. `path` is what stands before the
    /// names in it.
    pub(super) fn of(
        path: &[u8],
        directory: impl AsFd,
        above: Option<Arc<Self>>,
    ) -> Option<Arc<Self>> {
        // By descriptor: a path may be longer than the kernel takes.
        let way = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
        Self::at(Path::new(&way), PathBuf::new(), path.len(), above)
    }

    /// What the directories above one that was given say about it: up to the one that has a `.git`. `skip` is how long
    /// the paths in it are without their names.
    pub(super) fn above(path: &Path, skip: usize) -> Option<Arc<Self>> {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let whole = here.canonicalize().ok()?;
        let count = whole.ancestors().position(|one| one.join(".git").exists())?;
        let mut directories: Vec<_> = whole.ancestors().skip(1).take(count).collect();
        directories.reverse();
        directories.into_iter().fold(None, |level, directory| {
            let lead = whole.strip_prefix(directory).unwrap_or(&whole).to_owned();
            Self::at(directory, lead, skip, level)
        })
    }

    fn at(
        directory: &Path,
        lead: PathBuf,
        skip: usize,
        above: Option<Arc<Self>>,
    ) -> Option<Arc<Self>> {
        let read = |name: &str| {
            let file = directory.join(name);
            if !file.is_file() {
                return None;
            }
            let mut builder = GitignoreBuilder::new("");
            let _some_lines_are_no_globs = builder.add(file);
            builder.build().ok()
        };
        let files: Vec<_> = [".ignore", ".gitignore"].into_iter().filter_map(read).collect();
        if files.is_empty() {
            return above;
        }
        Some(Arc::new(Self { files, lead, skip, above }))
    }

    /// Whether a path is to be left out.
    pub(super) fn names(&self, path: &Path, is_directory: bool) -> bool {
        let rest = path.as_os_str().as_bytes().get(self.skip..).unwrap_or_default();
        let rest = Path::new(OsStr::from_bytes(rest));
        let joined;
        let relative = if self.lead.as_os_str().is_empty() {
            rest
        } else {
            joined = self.lead.join(rest);
            &joined
        };
        for file in &self.files {
            match file.matched(relative, is_directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        self.above.as_ref().is_some_and(|above| above.names(path, is_directory))
    }
}
