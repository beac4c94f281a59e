//! A file with the number of this process, as long as all is locked.

use crate::failure::{Failure, text_of};
use std::path::{Path, PathBuf};

/// A file that may be written: no process that runs stands in it.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

/// It is written, and is removed when this goes.
#[derive(Debug)]
pub(super) struct Written(PathBuf);

impl PidFile {
    pub(super) fn check(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let number = text.trim().parse::<u32>().ok();
                if text.trim().is_empty() || number.is_some_and(|number| !runs(number)) {
                    return Ok(Self(path.to_owned()));
                }
                let whose = number.map_or_else(
                    || "is not the number of a process".to_owned(),
                    |number| format!("is that of process {number}, which runs"),
                );
                Err(Failure::line(format!("{name}: what stands there {whose}")))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let folder = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent,
                    _ => Path::new("."),
                };
                if folder.is_dir() {
                    return Ok(Self(path.to_owned()));
                }
                Err(Failure::line(format!("{name}: its directory is not there")))
            }
            Err(error) => Err(Failure::line(format!("{name}: {}", text_of(&error)))),
        }
    }

    /// Writes it whole or not at all.
    pub(super) fn write(self) -> Result<Written, Failure> {
        let text = format!("{}\n", std::process::id());
        mman::write_file(&self.0, text.as_bytes())
            .map_err(|error| Failure::of(&self.0.display().to_string(), &error))?;
        Ok(Written(self.0))
    }
}

fn runs(number: u32) -> bool {
    Path::new(&format!("/proc/{number}")).exists()
}

impl Drop for Written {
    fn drop(&mut self) {
        let ours = std::process::id().to_string();
        if std::fs::read_to_string(&self.0).is_ok_and(|text| text.trim() == ours) {
            // At the end nobody could do more about it.
            let _removed_or_not = std::fs::remove_file(&self.0);
        }
    }
}
