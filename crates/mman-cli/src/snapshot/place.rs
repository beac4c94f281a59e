//! Names of files from the root, as snapshots have them.

use super::LONGEST_PATH;
use crate::select::Found;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Makes names, and remembers the directory that is searched.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// As it was given, and from the root.
    root: Option<(PathBuf, PathBuf)>,
}

impl Names {
    /// The path of a file from the root, through no symbolic link but those below what was given; `None` where there is
    /// none any more, or where it is too long to be opened.
    pub(crate) fn of(&mut self, found: &Found<'_>) -> Option<PathBuf> {
        let path = self.whole(found)?;
        (path.as_os_str().len() <= LONGEST_PATH).then_some(path)
    }

    fn whole(&mut self, found: &Found<'_>) -> Option<PathBuf> {
        if found.below == found.path {
            return found.path.canonicalize().ok();
        }
        let (path, below) = (found.path.as_os_str(), found.below.as_os_str());
        let given = path.as_bytes().strip_suffix(below.as_bytes())?;
        let given = Path::new(OsStr::from_bytes(given));
        if let Some((known, real)) = &self.root
            && known == given
        {
            return Some(real.join(found.below));
        }
        let real = if given.as_os_str().is_empty() { Path::new(".") } else { given };
        let real = real.canonicalize().ok()?;
        let path = real.join(found.below);
        self.root = Some((given.to_owned(), real));
        Some(path)
    }
}
