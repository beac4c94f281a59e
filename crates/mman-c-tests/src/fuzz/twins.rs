//! One of the two processes: started, read line by line, and cleaned up after.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// How many functions the driver calls.
const FUNCTIONS: usize = 27;

/// A running driver.
#[derive(Debug)]
pub(super) struct Twin {
    child: Child,
    out: BufReader<ChildStdout>,
    line: String,
    /// What the names of its shared memory objects begin with.
    prefix: String,
}

impl Twin {
    pub(super) fn start(command: &[OsString; 6], preloaded: Option<&[PathBuf]>) -> Self {
        let [program, arguments @ ..] = command;
        let mut started = Command::new(program);
        started.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        match preloaded {
            Some(paths) => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                started.env("LD_PRELOAD", paths.join(":"))
            }
            None => started.env_remove("LD_PRELOAD"),
        };
        let mut child = started.spawn().expect("the driver starts");
        let out = child.stdout.take().expect("it was asked for");
        let prefix = command[4].to_string_lossy().into_owned();
        Self { child, out: BufReader::with_capacity(1 << 16, out), line: String::new(), prefix }
    }

    /// The next line; empty at the end.
    pub(super) fn line(&mut self) -> &str {
        self.line.clear();
        // Not text, or not readable: the same as an early end, which the comparison finds.
        let _ = self.out.read_line(&mut self.line);
        self.line.trim_end_matches('\n')
    }

    /// Reads in which objects the driver found its functions: all of them must be wanted.
    pub(super) fn check_symbols(&mut self, wanted: impl Fn(&str) -> bool) {
        for _ in 0..FUNCTIONS {
            let line = self.line().to_owned();
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["symbol", _, object] = words[..] else { panic!("no symbol but {line:?}") };
            assert!(wanted(object), "the wrong library has this: {line}");
        }
    }

    pub(super) fn end(mut self) {
        let status = self.child.wait().expect("a child of ours");
        assert!(status.success(), "the driver ended with {status}");
    }
}

/// Also after a difference, in the midst of the calls.
impl Drop for Twin {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The child that makes the calls dies with it; then nobody writes any more.
        let _ = std::io::copy(&mut self.out, &mut std::io::sink());
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.prefix) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
