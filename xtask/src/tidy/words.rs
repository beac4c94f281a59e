//! Words that belong to a machine or to unfinished work, not to a tracked file.

use crate::finding::Finding;
use crate::tree::TextFile;

/// This file names the words, so it is not searched for them.
const SELF: &str = "xtask/src/tidy/words.rs";

/// Folders of one machine.
const FOLDERS: &[&str] = &["/work/", "/root/"];

/// Marks of unfinished work.
const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.path == SELF {
        return found;
    }
    for (index, line) in file.text.lines().enumerate() {
        for folder in FOLDERS.iter().filter(|folder| has_path(line, folder)) {
            let message = format!("`{folder}` is a path of one machine: make it relative");
            found.push(Finding::new(&file.path, index + 1, message));
        }
        for mark in MARKS.iter().filter(|mark| has_word(line, mark)) {
            let message = format!("`{mark}`: do it now, or write down as a limit what is so");
            found.push(Finding::new(&file.path, index + 1, message));
        }
    }
    found
}

/// Whether an absolute path starts with this folder.
fn has_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~})>$*".contains(c))
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::TextFile;

    fn count(path: &str, text: &str) -> usize {
        check(&TextFile { path: path.into(), text: text.into() }).len()
    }

    #[test]
    fn ordinary_words_pass() {
        assert_eq!(count("a.md", "the folder a/work/b, ./root/c and $HOME/work/d\n"), 0);
        assert_eq!(count("a.sh", "mktemp /tmp/a.XXXXXX # todo list\n"), 0);
        assert_eq!(count("xtask/src/tidy/words.rs", "TODO /work/a\n"), 0);
    }

    #[test]
    fn each_word_is_found() {
        for text in ["in /work/main\n", "\"/root/a\"\n", "// TODO\n", "// FIXME: a\n", "(XXX)\n"] {
            assert_eq!(count("a.rs", text), 1, "{text}");
        }
    }
}
