//! Processes by number or by name.

use super::about::Names;
use super::folder::Folder;
use crate::failure::Failure;
use mman::process::Process;
use mman::{Cause, Error};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;

/// The numbers of all processes that `/proc` shows, in their order.
pub(super) fn all() -> io::Result<Vec<u32>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let number: Option<u32> = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        all.extend(number);
    }
    all.sort_unstable();
    Ok(all)
}

/// The processes that the words mean, each once, in the order of their numbers; for each word that means none a
/// failure, in one line. A word of digits is a number; any other is the name of a process as the kernel knows it,
/// or that of its program, and means all processes of that name but this command.
pub(crate) fn find(words: &[String]) -> (Vec<Process>, Vec<Failure>) {
    let (mut numbers, mut failures) = (BTreeSet::new(), Vec::new());
    for word in words {
        match number(word).map_or_else(|| named(word), |number| there(word, number)) {
            Ok(found) => numbers.extend(found),
            Err(failure) => failures.push(failure),
        }
    }
    // One that ended since is not there any more, and that is no failure: it was found.
    (numbers.into_iter().filter_map(|number| Process::open(number).ok()).collect(), failures)
}

fn number(word: &str) -> Option<&str> {
    let digits = word.strip_prefix("pid:").unwrap_or(word);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

fn there(word: &str, digits: &str) -> Result<Vec<u32>, Failure> {
    let none = || Failure::line(format!("{word}: no process has this number"));
    let number = digits.parse().map_err(|_| none())?;
    match Process::open(number) {
        Ok(_) => Ok(vec![number]),
        Err(error) if error.cause() == Cause::NoProcess => Err(none()),
        Err(error) => Err(failure(word, &error)),
    }
}

fn failure(word: &str, error: &Error) -> Failure {
    Failure::line(format!("{word}: {error}"))
}

fn named(word: &str) -> Result<Vec<u32>, Failure> {
    let unreadable = |error| Failure::line(format!("/proc: {}", crate::failure::text_of(&error)));
    let ours = std::process::id();
    let is_called_so = |number: &u32| {
        let names = Process::open(*number).and_then(|process| Folder::of(&process));
        names
            .ok()
            .and_then(|folder| Names::of(&folder))
            .is_some_and(|names| names.is(OsStr::new(word)))
    };
    let others = all().map_err(unreadable)?.into_iter().filter(|number| *number != ours);
    let found: Vec<u32> = others.filter(is_called_so).collect();
    if found.is_empty() {
        return Err(Failure::line(format!("{word}: no process has this name")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number() {
        assert_eq!((number("12"), number("pid:12")), (Some("12"), Some("12")));
        assert_eq!(
            (number("pid:"), number("a12"), number("-1"), number("")),
            (None, None, None, None)
        );
    }

    #[test]
    fn we_are_found_by_number_and_not_by_name() {
        let (found, failures) = find(&[std::process::id().to_string()]);
        assert!(failures.is_empty() && found.len() == 1);
        let ours = std::fs::read_to_string("/proc/self/comm").unwrap();
        let (found, _) = find(&[ours.trim_end().to_owned()]);
        assert!(found.iter().all(|process| process.pid() != std::process::id()));
    }

    #[test]
    fn what_means_no_process_is_told() {
        let (found, failures) =
            find(&["4294967295".into(), "99999999999".into(), "no such".into()]);
        assert!(found.is_empty());
        assert_eq!(failures.len(), 3);
    }
}
