//! What is told of a process besides its memory: its command, its user, its cgroup. Everybody may read it.

use super::folder::Folder;
use super::users;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Who a process is.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) pid: u32,
    /// The name of what it runs: the kernel's, in full where its program's name was too long for the kernel.
    pub(crate) command: OsString,
    /// Its user's name, or number where that has none.
    pub(crate) user: String,
    /// The path of its cgroup; of the memory controller where each controller has cgroups of its own (version 1).
    pub(crate) cgroup: OsString,
}

impl About {
    /// Of a process that may end meanwhile: what cannot be read any more is `?`.
    pub(crate) fn of(pid: u32, folder: &Folder) -> Self {
        Self::of_user(pid, folder, users::of(folder))
    }

    /// The same, where its user is known.
    pub(super) fn of_user(pid: u32, folder: &Folder, user: Option<u32>) -> Self {
        let unknown = || "?".to_owned();
        let user = user.map_or_else(unknown, users::name);
        let cgroup = folder.read("cgroup").ok().and_then(|text| cgroup(&text));
        let cgroup = cgroup.unwrap_or_else(|| unknown().into());
        let command = Names::of(folder).map_or_else(|| unknown().into(), Names::into_shown);
        Self { pid, command, user, cgroup }
    }

    /// `postgres[812]`.
    pub(crate) fn label(&self) -> String {
        format!("{}[{}]", crate::output::terminal::shown(&self.command), self.pid)
    }
}

/// The kernel keeps so many bytes of a name.
const COMM: usize = 15;

/// What a process is called.
pub(super) struct Names {
    /// By the kernel.
    comm: Vec<u8>,
    /// By its first argument, without the folder; empty where it has no arguments.
    program: Vec<u8>,
}

impl Names {
    pub(super) fn of(folder: &Folder) -> Option<Self> {
        let mut comm = folder.read("comm").ok()?;
        if comm.last() == Some(&b'\n') {
            comm.pop();
        }
        let arguments = folder.read("cmdline").unwrap_or_default();
        let first = arguments.split(|byte| *byte == 0).next().unwrap_or_default();
        let program = first.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
        Some(Self { comm, program })
    }

    /// Whether it is called so.
    pub(super) fn is(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        !name.is_empty() && (self.comm == name || self.program == name)
    }

    /// The kernel's name, in full where the program's begins with it.
    fn into_shown(self) -> OsString {
        let cut = self.comm.len() >= COMM && self.program.starts_with(&self.comm);
        OsString::from_vec(if cut { self.program } else { self.comm })
    }
}

/// Lines are `number:controllers:path`; number 0 is version 2.
fn cgroup(text: &[u8]) -> Option<OsString> {
    let line = |wanted: fn(&[u8]) -> bool| {
        text.split(|byte| *byte == b'\n').find_map(|line| {
            let mut parts = line.splitn(3, |byte| *byte == b':');
            let (_number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            wanted(controllers).then(|| OsString::from_vec(path.to_vec()))
        })
    };
    let memory = |list: &[u8]| list.split(|byte| *byte == b',').any(|one| one == b"memory");
    line(memory).or_else(|| line(<[u8]>::is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_is_that_of_memory() {
        let path = |text: &str| cgroup(text.as_bytes()).map(|path| path.into_string().unwrap());
        assert_eq!(path("0::/system.slice/a:b.service\n").unwrap(), "/system.slice/a:b.service");
        assert_eq!(path("9:cpu:/c\n7:hugetlb,memory:/m\n0::/u\n").unwrap(), "/m");
        assert_eq!(path("9:cpu:/c\n"), None);
    }

    #[test]
    fn a_name_that_the_kernel_cut_is_shown_whole() {
        let names =
            |comm: &str, program: &str| Names { comm: comm.into(), program: program.into() };
        let long = names("a-very-long-nam", "a-very-long-name-indeed");
        assert!(long.is(OsStr::new("a-very-long-name-indeed")));
        assert_eq!(long.into_shown(), "a-very-long-name-indeed");
        // What calls itself otherwise is shown as the kernel knows it, and found by both.
        let renamed = names("postgres", "postgres: writer");
        assert!(renamed.is(OsStr::new("postgres")) && renamed.is(OsStr::new("postgres: writer")));
        assert_eq!(renamed.into_shown(), "postgres");
        assert!(!names("", "").is(OsStr::new("")));
    }
}
