//! A finding: a place in the tree, what is wrong there, and what to do instead.

use std::fmt;

use crate::failure::{Done, Failure};

/// One thing that is wrong. The order of the fields is the order findings are listed in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Prints all findings, in order and each once; any at all is a failure.
pub(crate) fn report(check: &str, mut findings: Vec<Finding>) -> Done {
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::new(format!("{check}: 1 finding"))),
        count => Err(Failure::new(format!("{check}: {count} findings"))),
    }
}
