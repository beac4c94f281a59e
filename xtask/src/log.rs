//! What a run prints, with every `skipped:` line remembered for the end.

use std::sync::{Mutex, PoisonError};

/// The lines of a run. Threads that read a program's two streams share it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Prints nothing: for tests of this program, whose own lines would be taken for real ones.
    quiet: bool,
    skipped: Mutex<Vec<(String, Vec<String>)>>,
}

impl Log {
    #[cfg(test)]
    pub(crate) fn quiet() -> Self {
        Self { quiet: true, ..Self::default() }
    }

    /// Prints a line.
    pub(crate) fn line(&self, line: &str) {
        if !self.quiet {
            println!("{line}");
        }
    }

    /// Prints and remembers that something was skipped, and by whom.
    pub(crate) fn skip(&self, reason: &str, who: &str) {
        self.line(&format!("skipped: {reason}"));
        self.remember(reason, who);
    }

    /// Remembers what was skipped, and by whom. A reason is kept once.
    pub(crate) fn remember(&self, reason: &str, who: &str) {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let position = skipped.iter().position(|(known, _)| known == reason);
        let at = position.unwrap_or(skipped.len());
        if position.is_none() {
            skipped.push((reason.to_owned(), Vec::new()));
        }
        if let Some((_, names)) = skipped.get_mut(at)
            && !who.is_empty()
            && !names.iter().any(|name| name == who)
        {
            names.push(who.to_owned());
        }
    }

    /// One line for each reason, with those who gave it.
    pub(crate) fn skipped(&self) -> Vec<String> {
        let skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |(reason, names): &(String, Vec<String>)| match names.is_empty() {
            true => format!("skipped: {reason}"),
            false => format!("skipped: {reason} [{}]", names.join(", ")),
        };
        skipped.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn a_reason_is_listed_once_with_all_who_gave_it() {
        let log = Log::quiet();
        log.skip("needs root", "a");
        log.skip("needs nightly", "");
        log.skip("needs root", "b");
        log.skip("needs root", "a");
        assert_eq!(log.skipped(), ["skipped: needs root [a, b]", "skipped: needs nightly"]);
    }
}
