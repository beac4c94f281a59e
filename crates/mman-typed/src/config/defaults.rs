//! The pools that there are without a word of configuration, as the lines that would say them.

use super::source::{Decision, next_name};
use crate::file::File;
use crate::number::number_of;
use crate::path::Path;
use mman_sys::{HUGE_PAGE_LOG2, OpenFlags};

/// A number in a file of `/proc` or `/sys`: the first that stands there after a word.
fn number(path: &Path, after: &[u8]) -> Option<u64> {
    let mut text = [0_u8; 1024];
    let file = File::open(path, OpenFlags::empty(), 0).ok()?;
    let len = file.read(&mut text).ok()?;
    let text = text.get(..len)?;
    let at = text.windows(after.len().max(1)).position(|here| here.starts_with(after))?;
    let rest = text.get(at..)?.strip_prefix(after)?.trim_ascii_start();
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    number_of(rest.get(..end)?)
}

/// Half of the memory, in bytes.
fn half() -> Option<u64> {
    number(&Path::of(&[b"/proc/meminfo"]), b"MemTotal:")?.checked_mul(512)
}

/// Tells the lines of the built-in pools.
pub(super) fn each_line(tell: &mut dyn FnMut(&[u8]) -> Decision) {
    let half = half().unwrap_or(1 << 30);
    let mut both = |pool: &mut Path, name: &mut dyn FnMut(&mut Path)| {
        let mut port = Path::of(&[b"port /"]);
        name(&mut port);
        tell(pool.bytes()) == Decision::GoOn && tell(port.bytes()) == Decision::GoOn
    };
    let mut shm = Path::of(&[b"pool shm kind=shm size="]);
    shm.push_number(half);
    if !both(&mut shm, &mut |port| port.push(b"shm pool=shm")) {
        return;
    }
    for log2 in HUGE_PAGE_LOG2 {
        let page = 1_u64.checked_shl(log2).unwrap_or(0);
        let Some(pages) = huge_pages(page).filter(|pages| *pages > 0) else { continue };
        let (count, letter) = match log2 {
            30.. => (page >> 30, b"G"),
            20.. => (page >> 20, b"M"),
            _ => (page >> 10, b"K"),
        };
        let mut name = Path::new();
        name.push_number(count);
        name.push(letter);
        let mut pool = Path::of(&[b"pool huge-", name.bytes(), b" kind=huge page="]);
        pool.push_number(page);
        pool.push(b" size=");
        pool.push_number(pages.saturating_mul(page));
        let mut name = |port: &mut Path| {
            let parts = [b"huge/", name.bytes(), b" pool=huge-", name.bytes()];
            parts.iter().for_each(|part| port.push(part));
        };
        if !both(&mut pool, &mut name) {
            return;
        }
    }
    for node in 0..64_u32 {
        let mut digits = Path::new();
        digits.push_number(node.into());
        let node = digits.bytes();
        let path = Path::of(&[b"/sys/devices/system/node/node", node, b"/meminfo"]);
        let Some(size) = number(&path, b"MemTotal:") else { continue };
        let mut pool = Path::of(&[b"pool node-", node, b" kind=node node=", node, b" size="]);
        pool.push_number(size.saturating_mul(512));
        let mut name = |port: &mut Path| {
            [b"node/", node, b" pool=node-", node].iter().for_each(|part| port.push(part));
        };
        if !both(&mut pool, &mut name) {
            return;
        }
    }
    let mut last = Path::new();
    while let Some(device) = next_name(&Path::of(&[b"/sys/bus/dax/devices"]), last.bytes(), b"") {
        if let Some(number) = device.bytes().strip_prefix(b"dax") {
            let mut pool =
                Path::of(&[b"pool dax-", number, b" kind=dax path=/dev/", device.bytes()]);
            let mut name = |port: &mut Path| {
                [b"dax/", number, b" pool=dax-", number].iter().for_each(|part| port.push(part));
            };
            if !both(&mut pool, &mut name) {
                return;
            }
        }
        last = device;
    }
}

/// How many huge pages of a size there are.
fn huge_pages(page: u64) -> Option<u64> {
    let mut path = Path::of(&[b"/sys/kernel/mm/hugepages/hugepages-"]);
    path.push_number(page >> 10);
    path.push(b"kB/nr_hugepages");
    number(&path, b"")
}
