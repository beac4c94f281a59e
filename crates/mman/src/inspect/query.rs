//! The mapping of one address: asked of the kernel by ioctl, or looked up in the list.
#![expect(unsafe_code, reason = "asks by ioctl on a file of /proc")]

use super::entry::Entry;
use super::maps::{Maps, maps};
use crate::error::Result;
use crate::process::Process;
use mman_sys::{Errno, ProcmapQuery, procmap_query};
use std::fs::File;
use std::os::fd::AsRawFd;

/// The longest path there is, with its zero byte (`PATH_MAX`).
const LONGEST_NAME: usize = 4096;

/// The mapping of an address in a process; `None` where nothing is mapped.
///
/// It is one call where the kernel has `PROCMAP_QUERY` (6.11), whatever the number of mappings; else the list is
/// read up to the address.
///
/// # Errors
///
/// Those of [`maps`](maps()).
///
/// ```
/// use mman::{Anonymous, inspect, process::Process};
///
/// let memory = Anonymous::new(1).map()?;
/// let entry = inspect::find(&Process::myself(), memory.as_ptr().addr())?.expect("it is mapped");
/// assert!(entry.addresses().contains(&memory.as_ptr().addr()));
/// assert_eq!(inspect::find(&Process::myself(), 0)?, None);
/// # Ok::<(), mman::Error>(())
/// ```
pub fn find(process: &Process, address: usize) -> Result<Option<Entry>> {
    // The kernel's own page at the top of the list is in no answer.
    if isize::try_from(address).is_ok()
        && let Ok(answer) = ask(&process.file("maps")?, address)
    {
        return Ok(answer);
    }
    find_in(maps(process)?, address)
}

/// The same by reading the list, which every kernel has.
pub(super) fn find_in(mut maps: Maps<'_>, address: usize) -> Result<Option<Entry>> {
    let mut entry = Entry::default();
    while maps.read_into(&mut entry)? {
        let addresses = entry.addresses();
        if addresses.contains(&address) {
            return Ok(Some(entry));
        }
        if addresses.start > address {
            break;
        }
    }
    Ok(None)
}

/// The answer of the ioctl. Any error but "nothing is there" says to read the list instead.
pub(super) fn ask(maps: &File, address: usize) -> Result<Option<Entry>, Errno> {
    let mut query = ProcmapQuery { query_addr: address as u64, ..ProcmapQuery::default() };
    let mut name = vec![0; LONGEST_NAME];
    // SAFETY: the file is open.
    match unsafe { procmap_query(maps.as_raw_fd(), &mut query, &mut name) } {
        Ok(len) => {
            name.truncate(len);
            name.shrink_to_fit();
            Entry::of_query(&query, name).map(Some).ok_or(Errno::EINVAL)
        }
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Feature;

    #[test]
    fn the_ioctl_and_the_list_agree_about_every_mapping_of_ours() {
        let process = Process::myself();
        let file = process.file("maps").unwrap();
        let all: Vec<Entry> = maps(&process).unwrap().map(Result::unwrap).collect();
        let mut agreed = 0;
        for entry in &all {
            let address = entry.addresses().start;
            let listed = find_in(maps(&process).unwrap(), address).unwrap();
            let found = find(&process, address).unwrap();
            let asked = match ask(&file, address) {
                Err(errno) if Feature::ProcmapQuery.support().is_err() => {
                    eprintln!("skipped: needs a kernel with PROCMAP_QUERY: {errno}");
                    return;
                }
                answer => answer.unwrap(),
            };
            // Other tests map and unmap: what stayed must agree.
            if listed.as_ref() == Some(entry) && found.as_ref() == Some(entry) && asked.is_some() {
                assert_eq!(asked, listed);
                agreed += 1;
            }
        }
        assert!(agreed > 10, "{agreed} of {}", all.len());
    }
}
