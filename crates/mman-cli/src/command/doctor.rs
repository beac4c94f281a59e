//! `mman doctor`: what this kernel, this process's rights and its limits allow, and what each means.

mod features;
mod library;
mod limits;
mod proc_file;
mod rights;
mod typed;

use crate::args;
use crate::failure::{Failure, exit_code};
use crate::output::Printer;
use crate::output::json::Record;
use serde::Serialize;
use std::fmt::Write;
use std::process::ExitCode;

/// One thing looked at.
pub(super) struct Finding {
    /// What it is called.
    name: &'static str,
    /// How it is: `yes`, `no`, or a value.
    state: String,
    /// What that means for who maps memory.
    meaning: String,
}

/// Findings under a heading.
struct Section {
    title: &'static str,
    findings: Vec<Finding>,
}

/// The machine, in JSON.
#[derive(Serialize)]
struct Machine {
    release: Option<String>,
    architecture: &'static str,
    page_size: u64,
}

/// A finding, in JSON.
#[derive(Serialize)]
struct Row<'found> {
    section: &'static str,
    name: &'static str,
    state: &'found str,
    meaning: &'found str,
}

impl Record for Machine {
    const TYPE: &'static str = "machine";
}

impl Record for Row<'_> {
    const TYPE: &'static str = "finding";
}

/// Looks, and prints.
pub(crate) fn run(args: &args::Doctor) -> ExitCode {
    let sections = [
        Section { title: "KERNEL FEATURES", findings: features::look() },
        Section { title: "RIGHTS", findings: rights::look() },
        Section { title: "LIMITS AND SETTINGS", findings: limits() },
        Section { title: "C LIBRARY", findings: library::look() },
    ];
    exit_code([print(&mut Printer::new(args.output), &sections)])
}

fn limits() -> Vec<Finding> {
    let mut findings = limits::look();
    findings.push(typed::look());
    findings
}

fn print(printer: &mut Printer, sections: &[Section]) -> Result<(), Failure> {
    let machine = machine();
    printer.json(&machine)?;
    for section in sections {
        for Finding { name, state, meaning } in &section.findings {
            printer.json(&Row { section: section.title, name, state, meaning })?;
        }
    }
    let Machine { release, architecture, page_size } = machine;
    let release = release.as_deref().unwrap_or("?");
    printer.text(&format!("Linux {release}, {architecture}, pages of {page_size} bytes\n"))?;
    printer.text(&table(sections))?;
    printer.finish()
}

fn machine() -> Machine {
    Machine {
        release: proc_file::line("/proc/sys/kernel/osrelease"),
        architecture: std::env::consts::ARCH,
        page_size: mman::PageSize::base().bytes() as u64,
    }
}

/// Columns as wide as their widest entry in the whole report, so that it reads as one table.
fn table(sections: &[Section]) -> String {
    let all = || sections.iter().flat_map(|section| &section.findings);
    let name_width = all().map(|finding| finding.name.len()).max().unwrap_or(0);
    let state_width = all().map(|finding| finding.state.len()).max().unwrap_or(0);
    let mut text = String::new();
    for section in sections {
        text.push('\n');
        text.push_str(section.title);
        text.push('\n');
        for Finding { name, state, meaning } in &section.findings {
            let line = format!("  {name:name_width$}  {state:state_width$}  {meaning}");
            // Writing to a string cannot fail.
            let _always_ok = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_over_sections() {
        let finding =
            |name, state: &str| Finding { name, state: state.into(), meaning: "m".into() };
        let sections = [
            Section { title: "A", findings: vec![finding("short", "yes")] },
            Section { title: "B", findings: vec![finding("longer name", "12345")] },
        ];
        let text = table(&sections);
        let columns: Vec<_> = text.lines().filter_map(|line| line.rfind('m')).collect();
        assert_eq!(columns.len(), 2, "{text}");
        assert_eq!(columns[0], columns[1], "{text}");
    }
}
