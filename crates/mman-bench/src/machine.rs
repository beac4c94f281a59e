//! What was measured on: the lines above every table.

use std::fmt::Write as _;
use std::fs;
use std::os::linux::fs::MetadataExt;

/// A header in Markdown.
pub fn header(title: &str, rounds: &str) -> String {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy().into_owned();
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    let mut text = format!("## {title}\n\n");
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&info, "model name").unwrap_or("unknown processor");
    let mut hardware = format!("{model}, {cores} cores");
    if info.contains(" hypervisor") {
        hardware.push_str(", a virtual machine");
    }
    writeln!(text, "Linux {release}; {hardware}; {rounds}; load {}; {}.", load(), disk())
        .expect("writing to a string");
    text
}

fn field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// What is special about the folder for temporary files.
fn disk() -> String {
    let Ok(folder) = fs::metadata(std::env::temp_dir()) else {
        return "no temporary folder".into();
    };
    let device = folder.st_dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let path = format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb");
    let read_ahead = fs::read_to_string(path).unwrap_or_else(|_| "unknown".into());
    format!("read-ahead {} KiB", read_ahead.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_stands_after_the_colon() {
        assert_eq!(field("a\t: b\nmodel name\t: A: B\n", "model name"), Some("A: B"));
        assert_eq!(field("", "model name"), None);
    }
}
