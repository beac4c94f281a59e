//! How much memory there is for us: what the machine has left, what its control group lets it have.

use std::path::{Path, PathBuf};

/// The control group above us with the least room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its name, from the root of all groups.
    pub(crate) name: String,
    /// In bytes.
    pub(crate) limit: u64,
    /// In bytes.
    pub(crate) used: u64,
    /// Of these, pages of files, which can be reclaimed.
    pub(crate) files: u64,
    /// How often it met its limit.
    pub(crate) met: u64,
}

impl Group {
    /// Bytes that it can still have, what can be reclaimed included.
    pub(crate) const fn room(&self) -> u64 {
        self.limit.saturating_sub(self.used.saturating_sub(self.files))
    }
}

/// Where version 1 and version 2 are mounted, and what their files are called.
const VERSIONS: [(&str, &str, [&str; 3]); 3] = [
    ("/sys/fs/cgroup/memory", "memory", ["limit_in_bytes", "usage_in_bytes", "failcnt"]),
    ("/sys/fs/cgroup", "", ["max", "current", "events"]),
    ("/sys/fs/cgroup/unified", "", ["max", "current", "events"]),
];

/// The group of ours, or above it, with the least room, where any has a limit.
pub(crate) fn group() -> Option<Group> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut tightest: Option<Group> = None;
    for (mount, controller, files) in VERSIONS {
        let Some(path) = path_of(&text, controller) else { continue };
        for path in path.ancestors() {
            let Some(found) = limit_at(Path::new(mount), path, files) else { continue };
            if tightest.as_ref().is_none_or(|other| found.room() < other.room()) {
                tightest = Some(found);
            }
        }
    }
    tightest
}

/// Of `number:controllers:path`, the path of the line that has the controller; an empty name is version 2.
fn path_of(text: &str, controller: &str) -> Option<PathBuf> {
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let has = parts.next()?.split(',').any(|one| one == controller);
        has.then(|| parts.next().map(PathBuf::from))?
    })
}

fn limit_at(mount: &Path, path: &Path, files: [&str; 3]) -> Option<Group> {
    let folder = mount.join(path.strip_prefix("/").unwrap_or(path));
    let [limit, used, met] =
        files.map(|file| std::fs::read_to_string(folder.join(format!("memory.{file}"))));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    // Where there is no limit it is `max`, or more than any machine has.
    let limit = number(&limit.ok()?).filter(|limit| *limit < 1 << 60)?;
    let met = met.unwrap_or_default();
    let met =
        number(&met).or_else(|| met.lines().find_map(|line| number(line.strip_prefix("max ")?)));
    let name = path.display().to_string();
    let stat = std::fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    Some(Group {
        name,
        limit,
        used: number(&used.ok()?)?,
        files: files_of(&stat),
        met: met.unwrap_or(0),
    })
}

/// Pages of files in the group and below it: version 1 has `total_` before those that count what is below.
fn files_of(stat: &str) -> u64 {
    let of = |name: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse::<u64>().ok())
    };
    let both = |one, other| Some(u64::saturating_add(of(one)?, of(other)?));
    let below = both("total_inactive_file", "total_active_file");
    below.or_else(|| both("inactive_file", "active_file")).unwrap_or(0)
}

/// Bytes that can be had without swapping (`MemAvailable`); `None` where `/proc` does not tell.
pub(crate) fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    kib.trim().trim_end_matches(" kB").parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_the_memory_controller_is_found() {
        let text = "9:cpu,memory:/a/b\n0::/c\n";
        assert_eq!(path_of(text, "memory"), Some("/a/b".into()));
        assert_eq!(path_of(text, ""), Some("/c".into()));
        assert_eq!(path_of(text, "pids"), None);
    }

    #[test]
    fn a_limit_is_read_in_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join("g")).unwrap();
            std::fs::write(folder.path().join("g").join(name), text).unwrap();
        };
        let read = |files| limit_at(folder.path(), Path::new("/g"), files);
        let [(_, _, first), (_, _, second), _] = VERSIONS;
        assert_eq!(read(second), None);
        write("memory.max", "max\n");
        write("memory.current", "5\n");
        assert_eq!(read(second), None, "no limit");
        write("memory.max", "4096\n");
        write("memory.events", "low 1\nhigh 2\nmax 3\noom 4\n");
        write("memory.stat", "inactive_file 1\nactive_file 2\n");
        let expected = Group { name: "/g".into(), limit: 4096, used: 5, files: 3, met: 3 };
        assert_eq!(read(second), Some(expected.clone()));
        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("memory.usage_in_bytes", "5\n");
        write("memory.failcnt", "3\n");
        assert_eq!(read(first), None, "no limit");
        write("memory.limit_in_bytes", "4096\n");
        assert_eq!(read(first), Some(expected));
    }

    #[test]
    fn the_machine_tells() {
        assert!(available().is_none_or(|bytes| bytes > 1 << 20));
    }
}
