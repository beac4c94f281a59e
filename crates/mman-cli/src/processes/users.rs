//! The user of a process, by name.

use super::folder::Folder;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The effective user of a process. The owner of its folder would be root where it may not be looked into.
pub(super) fn of(folder: &Folder) -> Option<u32> {
    in_status(&folder.read("status").ok()?)
}

/// The same in what `status` tells.
pub(super) fn in_status(status: &[u8]) -> Option<u32> {
    field(status, "Uid:")?.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process has locked any memory, as `status` tells; where it does not, it may.
pub(super) fn has_locked(status: &[u8]) -> bool {
    let locked = field(status, "VmLck:").map(str::split_whitespace);
    locked.and_then(|mut words| words.next()) != Some("0")
}

/// The rest of a line of `status`.
fn field<'text>(status: &'text [u8], name: &str) -> Option<&'text str> {
    let mut lines = status.split(|byte| *byte == b'\n');
    str::from_utf8(lines.find_map(|line| line.strip_prefix(name.as_bytes()))?).ok()
}

/// The name of a user in `/etc/passwd`, or the number. Users of a directory service are told by number.
pub(super) fn name(user: u32) -> String {
    static NAMES: OnceLock<HashMap<u32, String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let text = std::fs::read("/etc/passwd").unwrap_or_default();
        names_in(&String::from_utf8_lossy(&text))
    });
    names.get(&user).cloned().unwrap_or_else(|| user.to_string())
}

/// Lines are `name:password:number:...`; of several names of a number the first is its name.
fn names_in(text: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let (name, number) = (fields.next(), fields.nth(1).and_then(|number| number.parse().ok()));
        if let (Some(name), Some(number)) = (name.filter(|name| !name.is_empty()), number) {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_is_its_name() {
        let names = names_in("root:x:0:0::/:/bin/sh\ntoor:x:0:0\n# comment\n:x:7:\nbad:x:y\na:x:9");
        assert_eq!(names.len(), 2);
        assert_eq!((names[&0].as_str(), names[&9].as_str()), ("root", "a"));
    }
}
