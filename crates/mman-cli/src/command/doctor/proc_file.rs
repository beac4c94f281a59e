//! Values from the files of /proc and /sys: `None` where one cannot be read.

use std::fs;

/// The first line of a file, without its end.
pub(super) fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()?.lines().next().map(str::to_owned)
}

/// A file that holds one number.
pub(super) fn number(path: &str) -> Option<u64> {
    line(path)?.trim().parse().ok()
}

/// What stands behind `key:` in a file of such lines.
pub(super) fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(rest.trim().to_owned())
    })
}

/// The word in brackets, which is how a file of choices shows the one that holds.
pub(super) fn chosen(path: &str) -> Option<String> {
    let line = line(path)?;
    let (_, rest) = line.split_once('[')?;
    let (word, _) = rest.split_once(']')?;
    Some(word.to_owned())
}
