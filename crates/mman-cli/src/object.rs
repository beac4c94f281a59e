//! `OBJECT[@RANGE]`: which object is meant, and which bytes of it.

use crate::failure::Failure;
use crate::range::{self, Asked};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where POSIX shared memory objects are on Linux (shm_overview(7)).
const SHARED_MEMORY: &str = "/dev/shm";

/// What a word of the command line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A file, and so everything else that has a path.
    Path(PathBuf),
    /// The memory of a process.
    Process(u32),
}

/// An object, the bytes of it, and the word that named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) object: Object,
    pub(crate) asked: Asked,
    /// The object as it was written, for messages.
    pub(crate) name: String,
}

/// Reads a word. The file system is asked whether a path exists as it is written.
pub(crate) fn parse(word: &OsStr) -> Result<Target, Failure> {
    let exists = |path: &OsStr| Path::new(path).symlink_metadata().is_ok();
    parse_with(word, exists)
}

fn parse_with(word: &OsStr, exists: impl Fn(&OsStr) -> bool) -> Result<Target, Failure> {
    if exists(word) {
        return Ok(target(Object::Path(word.into()), Asked::Whole, word));
    }
    let bytes = word.as_bytes();
    let Some(at) = bytes.iter().rposition(|byte| *byte == b'@') else {
        return Ok(target(object(word)?, Asked::Whole, word));
    };
    let (name, range) = bytes.split_at(at);
    let (name, range) = (OsStr::from_bytes(name), range.get(1..).unwrap_or_default());
    let object = object(name)?;
    let text = String::from_utf8_lossy(range);
    match range::parse(&text) {
        Ok(asked) => Ok(target(object, asked, name)),
        // A word whose object is not there either is a path that is not there: its @ may be part of it.
        Err(_) if matches!(object, Object::Path(_)) && !exists(name) => {
            Ok(target(Object::Path(word.into()), Asked::Whole, word))
        }
        Err(malformed) => Err(Failure::line(format!("{}: {malformed}", name.display()))),
    }
}

fn target(object: Object, asked: Asked, name: &OsStr) -> Target {
    Target { object, asked, name: name.display().to_string() }
}

fn object(name: &OsStr) -> Result<Object, Failure> {
    let bytes = name.as_bytes();
    if let Some(process) = bytes.strip_prefix(b"pid:") {
        let digits = process.iter().all(u8::is_ascii_digit).then_some(process);
        let number = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        let malformed = || Failure::line(format!("{}: expected pid: and a number", name.display()));
        return Ok(Object::Process(number.ok_or_else(malformed)?));
    }
    if let Some(shared) = bytes.strip_prefix(b"shm:") {
        return shared_memory(name, shared);
    }
    Ok(Object::Path(name.into()))
}

/// A shared memory object is named by one component, with or without a slash in front (shm_open(3)).
fn shared_memory(name: &OsStr, shared: &[u8]) -> Result<Object, Failure> {
    let slashes = shared.iter().take_while(|byte| **byte == b'/').count();
    let component = shared.get(slashes..).unwrap_or_default();
    if matches!(component, b"" | b"." | b"..") || component.contains(&b'/') {
        let message = format!("{}: expected shm: and a name without slashes", name.display());
        return Err(Failure::line(message));
    }
    Ok(Object::Path(Path::new(SHARED_MEMORY).join(OsString::from_vec(component.to_vec()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str, existing: &[&str]) -> Result<Target, Failure> {
        parse_with(OsStr::new(word), |path| existing.iter().any(|one| path == *one))
    }

    fn path(word: &str, existing: &[&str]) -> (String, Asked) {
        let target = read(word, existing).unwrap();
        match target.object {
            Object::Path(path) => (path.display().to_string(), target.asked),
            Object::Process(process) => panic!("process {process}"),
        }
    }

    #[test]
    fn the_last_at_divides_and_an_existing_path_wins() {
        let between = Asked::Between(0, 64);
        assert_eq!(path("a@b@0+64", &["a@b"]), ("a@b".into(), between));
        assert_eq!(path("a@0+64", &["a", "a@0+64"]), ("a@0+64".into(), Asked::Whole));
        assert_eq!(path("missing@0+64", &[]), ("missing".into(), between));
    }

    #[test]
    fn a_dot_and_slash_make_anything_a_path() {
        assert_eq!(path("./pid:12", &[]), ("./pid:12".into(), Asked::Whole));
        assert_eq!(path("./shm:x@-1", &[]), ("./shm:x".into(), Asked::Last(1)));
    }

    #[test]
    fn schemes_name_processes_and_shared_memory() {
        let target = read("pid:12@0x1000+16", &[]).unwrap();
        assert_eq!(target.object, Object::Process(12));
        assert_eq!(target.asked, Asked::Between(0x1000, 0x1010));
        assert_eq!(path("shm:/x", &[]).0, "/dev/shm/x");
        for bad in
            ["shm:", "shm:/", "shm:a/b", "shm:..", "pid:", "pid:x@0+1", "pid:-1@0+1", "pid:+1@0+1"]
        {
            assert!(read(bad, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_range_is_told_only_where_its_object_is_there() {
        assert!(
            matches!(read("a@12", &["a"]), Err(Failure::Line(line)) if line.contains("at its end"))
        );
        assert_eq!(path("user@host", &[]), ("user@host".into(), Asked::Whole));
    }
}
