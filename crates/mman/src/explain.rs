//! Which of its causes an error number had: asked of the kernel after the fact, when time does not matter.

use crate::copy;
use crate::error::{Cause, Error, ObjectKind, Operation};
use crate::inspect::line;
use crate::mapping::guard;
use crate::object::Backing;
use crate::page::{HugePageSize, PageSize};
use core::ops::Range;
use mman_sys::{Errno, MapFlags, Prot};
use rustix::fs::OFlags;
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::Read;

/// What was asked of `mmap` when it refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) prot: Prot,
    pub(crate) flags: MapFlags,
    pub(crate) len: usize,
    pub(crate) page: usize,
    /// The address that was not the kernel's to choose.
    pub(crate) fixed: Option<usize>,
}

/// The error of a mapping that was refused.
pub(crate) fn map(
    operation: Operation,
    kind: ObjectKind,
    errno: Errno,
    asked: Asked,
    backing: &Backing<'_>,
) -> Error {
    let cause = match errno {
        Errno::EACCES => access_mode(asked, backing),
        Errno::EAGAIN => Cause::LockLimit { limit: limit_of(Resource::Memlock) },
        Errno::EBADF if matches!(backing, Backing::Descriptor(_)) => Cause::NotMappable,
        Errno::EEXIST => Cause::AddressTaken,
        Errno::EINVAL if asked.flags.contains(MapFlags::HUGETLB) => huge_page_size(asked.page),
        Errno::EINVAL if kind == ObjectKind::Secret && asked.flags.contains(MapFlags::PRIVATE) => {
            Cause::NotShared
        }
        Errno::ENODEV => no_device(kind, asked),
        Errno::ENOMEM => no_memory(asked),
        Errno::EOPNOTSUPP => Cause::UnknownFlag,
        Errno::EOVERFLOW => Cause::Range(crate::page::RangeError::Overflow),
        Errno::EPERM => not_permitted(asked),
        _ => Cause::Kernel,
    };
    Error::kernel(operation, kind, errno).because(cause)
}

/// What was asked of a call on memory that is mapped.
#[derive(Clone, Debug)]
pub(crate) struct Touched {
    pub(crate) addresses: Range<usize>,
    /// Where in the area they begin.
    pub(crate) at: usize,
    /// How long the range was to be: longer than it is where it was to grow.
    pub(crate) len: usize,
}

/// The error of a call on memory that is mapped.
pub(crate) fn range(
    operation: Operation,
    kind: ObjectKind,
    errno: Errno,
    touched: &Touched,
) -> Error {
    let cause = match errno {
        Errno::EACCES => Cause::Denied,
        Errno::EAGAIN if operation == Operation::Remap => {
            Cause::LockLimit { limit: limit_of(Resource::Memlock) }
        }
        // madvise says so where splitting a mapping would make one too many.
        Errno::EAGAIN => map_count_limit(MARGIN).unwrap_or(Cause::Kernel),
        Errno::EBUSY if operation == Operation::Sync => Cause::Locked,
        Errno::EFAULT if operation == Operation::Remap => Cause::SeveralMappings,
        Errno::EFAULT => first_fault(touched),
        Errno::EINVAL if touched.len as u64 > ADDRESS_SPACE => Cause::TooLong,
        Errno::ENOMEM if !is_mapped(&touched.addresses) => Cause::NotMapped,
        Errno::ENOMEM => no_memory_for(operation, touched.len),
        // Advice that destroys nothing is refused to who may not give it, never by a seal.
        Errno::EPERM if operation != Operation::Advise => Cause::Sealed,
        _ => Cause::Kernel,
    };
    Error::kernel(operation, kind, errno).because(cause)
}

/// Why memory at an address could not be read by the kernel, at byte `at` of a mapping.
pub(crate) fn fault(address: usize, at: u64) -> Cause {
    why_unreachable(address, at, Prot::READ)
}

/// Why memory at an address could not be written by the kernel, at byte `at` of a mapping.
pub(crate) fn write_fault(address: usize, at: u64) -> Cause {
    why_unreachable(address, at, Prot::WRITE)
}

fn why_unreachable(address: usize, at: u64, wanted: Prot) -> Cause {
    let mut found = Cause::NotMapped;
    let told = each_line("/proc/self/maps", |line| {
        if let Some(line) = line::parse(line)
            && line.addresses.contains(&address)
        {
            let allowed = line.protection.contains(wanted) && !guard::is_at(address, &line);
            found = if allowed { Cause::Truncated { at } } else { Cause::Denied };
        }
    });
    if told { found } else { Cause::Kernel } // no descriptor is left, or there is no /proc
}

/// The first page of a range that cannot be read, as the byte of it counted from the area's start.
fn first_fault(touched: &Touched) -> Cause {
    let page = PageSize::base();
    let mut passed = 0_usize;
    while passed < touched.addresses.len() {
        let address = touched.addresses.start.saturating_add(passed);
        if !copy::can_read(address) {
            return fault(address, touched.at.saturating_add(passed) as u64);
        }
        passed = passed.saturating_add(page.bytes());
    }
    Cause::Kernel
}

/// ENOMEM for memory that is mapped: what changed would have been too much.
fn no_memory_for(operation: Operation, len: usize) -> Cause {
    let asked = Asked {
        prot: Prot::READ | Prot::WRITE,
        flags: MapFlags::PRIVATE,
        len,
        page: PageSize::base().bytes(),
        fixed: None,
    };
    // mremap wants room for more mappings than it will make.
    if operation == Operation::Remap
        && let Some(limit) = map_count_limit(MARGIN_OF_MREMAP)
    {
        return limit;
    }
    match (operation, no_memory(asked)) {
        (Operation::Remap, Cause::Overcommit | Cause::NoAddressSpace) => Cause::NoRoom,
        (Operation::Protect | Operation::Commit | Operation::Remap, cause) => cause,
        (_, cause @ Cause::MapCountLimit { .. }) => cause,
        _ => Cause::Kernel,
    }
}

fn access_mode(asked: Asked, backing: &Backing<'_>) -> Cause {
    let Some(fd) = backing.fd() else { return Cause::Kernel };
    let Ok(flags) = rustix::fs::fcntl_getfl(fd) else { return Cause::Kernel };
    let shared = asked.flags.contains(MapFlags::SHARED);
    match flags & OFlags::ACCMODE {
        OFlags::WRONLY => Cause::NotReadable,
        OFlags::RDONLY if shared && asked.prot.contains(Prot::WRITE) => Cause::NotWritable,
        _ => Cause::Kernel,
    }
}

fn no_device(kind: ObjectKind, asked: Asked) -> Cause {
    let shared = asked.flags.contains(MapFlags::SHARED);
    match kind {
        ObjectKind::File if shared => Cause::SharedRefused,
        _ => Cause::NotMappable,
    }
}

/// A size that the machine has was refused for something else: a file that is no file of huge pages.
fn huge_page_size(page: usize) -> Cause {
    let there = HugePageSize::available().iter().any(|size| size.page_size().bytes() == page);
    if there { Cause::Kernel } else { Cause::HugePageSize { page } }
}

fn lowest_address() -> usize {
    let mut lowest = None;
    each_line("/proc/sys/vm/mmap_min_addr", |line| lowest = parse_decimal(line));
    lowest.and_then(|address| usize::try_from(address).ok()).unwrap_or(0)
}

fn not_permitted(asked: Asked) -> Cause {
    if asked.flags.contains(MapFlags::HUGETLB) {
        return Cause::Kernel;
    }
    if asked.fixed.is_some_and(|address| address < lowest_address()) {
        Cause::AddressOutOfBounds
    } else if asked.prot.contains(Prot::EXEC) {
        Cause::NoExec
    } else if asked.flags.contains(MapFlags::LOCKED) {
        Cause::LockLimit { limit: limit_of(Resource::Memlock) }
    } else if asked.fixed.is_some()
        || (asked.flags.contains(MapFlags::SHARED) && asked.prot.contains(Prot::WRITE))
    {
        Cause::Sealed
    } else {
        Cause::Kernel
    }
}

/// ENOMEM has the most causes of all. Those that can be checked are, from the certain to the likely.
fn no_memory(asked: Asked) -> Cause {
    if asked.flags.contains(MapFlags::HUGETLB) || asked.page > PageSize::base().bytes() {
        return Cause::HugePagePool { page: asked.page };
    }
    if let Some(cause) = map_count_limit(MARGIN) {
        return cause;
    }
    let pages = |index: usize| statm(index).saturating_mul(PageSize::base().bytes() as u64);
    let len = asked.len as u64;
    if let Some(limit) = getrlimit(Resource::As).current
        && pages(STATM_SIZE).saturating_add(len) > limit
    {
        return Cause::AddressSpaceLimit { limit };
    }
    let private_writable =
        asked.prot.contains(Prot::WRITE) && asked.flags.contains(MapFlags::PRIVATE);
    if private_writable
        && let Some(limit) = getrlimit(Resource::Data).current
        && pages(STATM_DATA).saturating_add(len) > limit
    {
        return Cause::DataLimit { limit };
    }
    if let Some(address) = asked.fixed
        && address.saturating_add(asked.len) as u64 > ADDRESS_SPACE
    {
        return Cause::AddressOutOfBounds;
    }
    // What nobody can write to is promised to nobody, and what is not reserved neither: a gap is missing for it. All else
    // the kernel refuses where it exceeds memory and swap, or strict accounting.
    let shared_memory = asked.flags.contains(MapFlags::SHARED | MapFlags::ANONYMOUS);
    let is_counted =
        (private_writable || shared_memory) && !asked.flags.contains(MapFlags::NORESERVE);
    if len >= ADDRESS_SPACE || !is_counted { Cause::NoAddressSpace } else { Cause::Overcommit }
}

/// User addresses have 47 bits, unless more are asked for by a hint (x86/x86_64/mm).
#[cfg(target_arch = "x86_64")]
const ADDRESS_SPACE: u64 = 1 << 47;
/// User addresses have 48 bits, unless more are asked for by a hint (arm64/memory).
#[cfg(not(target_arch = "x86_64"))]
const ADDRESS_SPACE: u64 = 1 << 48;

/// Fields of `/proc/self/statm`: total size, and data with stack, in pages.
const STATM_SIZE: usize = 0;
const STATM_DATA: usize = 5;

fn statm(index: usize) -> u64 {
    let mut value = 0;
    each_line("/proc/self/statm", |line| {
        let field = line.split(|byte| *byte == b' ').nth(index);
        value = field.and_then(parse_decimal).unwrap_or(0);
    });
    value
}

/// A call may need two mappings more than there are.
pub(crate) const MARGIN: u64 = 2;
/// mremap refuses unless four more fit (`mm/mremap.c`), and counts one that `/proc` does not show.
const MARGIN_OF_MREMAP: u64 = 6;

/// The limit of mappings, if so few more would reach it.
pub(crate) fn map_count_limit(margin: u64) -> Option<Cause> {
    let mut limit = None;
    each_line("/proc/sys/vm/max_map_count", |line| limit = parse_decimal(line));
    let limit = limit?;
    let mut count = 0_u64;
    each_line("/proc/self/maps", |_| count = count.saturating_add(1));
    (count.saturating_add(margin) >= limit).then_some(Cause::MapCountLimit { limit })
}

pub(crate) fn limit_of(resource: Resource) -> u64 {
    getrlimit(resource).current.unwrap_or(u64::MAX)
}

/// Whether every address of a range is mapped.
fn is_mapped(addresses: &Range<usize>) -> bool {
    let mut covered = addresses.start;
    each_line("/proc/self/maps", |line| {
        if let Some(line) = line::parse(line)
            && line.addresses.contains(&covered)
        {
            covered = line.addresses.end;
        }
    });
    covered >= addresses.end
}

/// How many mappings the kernel counts in a range; `None` where it cannot be asked.
pub(crate) fn mappings_in(addresses: &Range<usize>) -> Option<usize> {
    let mut count = 0_usize;
    let told = each_line("/proc/self/maps", |line| {
        if let Some(line) = line::parse(line)
            && line.addresses.start < addresses.end
            && addresses.start < line.addresses.end
        {
            count = count.saturating_add(1);
        }
    });
    told.then_some(count)
}

pub(crate) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.trim_ascii().parse().ok()
}

/// Calls `each` with every line of a file, without allocating: at the limit of mappings an allocation may
/// fail. Of a line longer than the buffer only the head is seen. Answers whether the file could be read: one that
/// cannot has no lines.
pub(crate) fn each_line(path: &str, mut each: impl FnMut(&[u8])) -> bool {
    const BUFFER: usize = 4096;
    let Ok(mut file) = File::open(path) else { return false };
    let mut buffer = [0_u8; BUFFER];
    let mut filled = 0_usize;
    let mut inside_long_line = false;
    loop {
        let read = match buffer.get_mut(filled..).map(|room| file.read(room)) {
            Some(Ok(read)) if read > 0 => read,
            _ => break,
        };
        filled = filled.saturating_add(read);
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, tail) = rest.split_at(end);
            if !inside_long_line {
                each(line);
            }
            inside_long_line = false;
            rest = tail.get(1..).unwrap_or_default();
        }
        let left = rest.len();
        if left == BUFFER {
            if !inside_long_line {
                each(&buffer);
            }
            inside_long_line = true;
            filled = 0;
        } else {
            buffer.copy_within(filled.saturating_sub(left)..filled, 0);
            filled = left;
        }
    }
    if filled > 0 && !inside_long_line {
        each(buffer.get(..filled).unwrap_or_default());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_are_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lines");
        let text = format!("one\n{}\nthree\n{}\nlast", "x".repeat(4096 * 3), "y".repeat(4095));
        std::fs::write(&path, text).unwrap();
        let mut heads = Vec::new();
        each_line(path.to_str().unwrap(), |line| heads.push((line[0], line.len())));
        assert_eq!(heads, [(b'o', 3), (b'x', 4096), (b't', 5), (b'y', 4095), (b'l', 4)]);
        each_line("/does/not/exist", |_| panic!("no lines in no file"));
    }

    #[test]
    fn our_own_stack_is_mapped_and_address_zero_is_not() {
        let here = 0_u8;
        let address = (&raw const here).addr();
        assert!(is_mapped(&(address..address + 1)));
        assert!(!is_mapped(&(0..1)));
        assert_eq!(fault(address, 7), Cause::Truncated { at: 7 });
        assert_eq!(fault(0, 7), Cause::NotMapped);
    }
}
