//! Lines of JSON.

use super::layout::Total;
use super::row::{Row, Sums};
use crate::args::By;
use crate::output::json::{self, JsonPath, Record};
use crate::output::units::pages;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A file, or all files of a directory or of an extension.
#[derive(Serialize)]
struct Line<'row> {
    #[serde(flatten)]
    path: Option<JsonPath<'row>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<String>,
    #[serde(flatten)]
    numbers: Numbers,
    /// Why nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many folios by their size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    folios: Option<BTreeMap<u64, u64>>,
}

impl Record for Line<'_> {
    const TYPE: &'static str = "stat";
}

/// All of them.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    numbers: Numbers,
    directories: u64,
    vanished: u64,
    problems: u64,
    interrupted: bool,
    seconds: f64,
}

impl Record for Whole {
    const TYPE: &'static str = "stat_total";
}

/// In bytes and in pages. What is not known is not there.
#[derive(Serialize)]
struct Numbers {
    files: u64,
    unknown: u64,
    size: u64,
    pages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_pages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    details: Option<Details>,
}

/// What only `cachestat` tells, in bytes.
#[derive(Serialize)]
struct Details {
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

impl Numbers {
    fn of(sums: &Sums) -> Self {
        let is_known = !sums.is_unknown();
        let details = (is_known && sums.half_known == 0).then(|| Details {
            dirty: pages(sums.dirty),
            writeback: pages(sums.writeback),
            evicted: pages(sums.evicted),
            recently_evicted: pages(sums.recently_evicted),
        });
        Self {
            files: sums.files,
            unknown: sums.unknown,
            size: sums.size,
            pages: sums.pages,
            cached: is_known.then(|| pages(sums.cached)),
            cached_pages: is_known.then_some(sums.cached),
            details,
        }
    }
}

pub(super) fn row(out: &mut Vec<u8>, row: &Row, by: By) {
    let name = OsStr::from_bytes(&row.name);
    let is_extension = by == By::Ext;
    let folios = row.folios.as_ref().map(|sizes| {
        sizes.iter().map(|(size, count)| (pages(*size), *count)).collect::<BTreeMap<_, _>>()
    });
    let line = Line {
        path: (!is_extension).then(|| JsonPath::new(name)),
        extension: is_extension.then(|| name.to_string_lossy().into_owned()),
        numbers: Numbers::of(&row.sums),
        reason: row.why.map(super::row::Why::short),
        folios,
    };
    // Writing to memory cannot fail.
    let _always_ok = json::write(out, &line);
}

pub(super) fn total(out: &mut Vec<u8>, total: &Total) {
    let line = Whole {
        numbers: Numbers::of(&total.sums),
        directories: total.counts.directories,
        vanished: total.counts.vanished,
        problems: total.problems,
        interrupted: total.counts.interrupted,
        seconds: total.took.as_secs_f64(),
    };
    let _always_ok = json::write(out, &line);
}
