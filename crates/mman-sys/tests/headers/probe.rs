//! Where the private fields are, found out from what the functions read and write.
#![expect(unsafe_code, reason = "looks at structs as bytes")]

use crate::row::{KERNEL, LIBRARY, Row, Set, When};
use mman_sys::{PageRegion, ProcmapQuery, ScanArg, SigInfo, UffdEvent, UffdMessage};

pub(crate) fn add(rows: &mut Vec<Row>) {
    signal(rows);
    message(rows);
    scan(rows);
    query(rows);
}

/// A struct of plain numbers, for which any bytes will do.
///
/// # Safety
///
/// Every field is an integer or made of integers, and no byte is padding.
unsafe trait Plain: Copy {}

// SAFETY: three words of 32 bits, one that fills the gap, 14 of 64 bits.
unsafe impl Plain for SigInfo {}
// SAFETY: eight bytes and three words of 64 bits.
unsafe impl Plain for UffdMessage {}
// SAFETY: twelve words of 64 bits.
unsafe impl Plain for ScanArg {}
// SAFETY: nine words of 64 bits, four of 32, two of 64.
unsafe impl Plain for ProcmapQuery {}

fn from_bytes<T: Plain>(bytes: &[u8]) -> T {
    assert_eq!(bytes.len(), size_of::<T>());
    // SAFETY: as many bytes as the struct has are read, and any bytes are one: it is plain.
    unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }
}

fn to_bytes<T: Plain>(value: &T) -> Vec<u8> {
    // SAFETY: the bytes are those of `value`, all of them written: it is plain and without padding.
    unsafe { core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
        .to_vec()
}

/// Where `bytes` stand, each in turn replaced, when `read` gives something else: start and length.
fn where_read<T: PartialEq>(bytes: &[u8], read: impl Fn(&[u8]) -> T) -> (usize, usize) {
    let before = read(bytes);
    let changes: Vec<usize> = (0..bytes.len())
        .filter(|at| {
            let mut changed = bytes.to_vec();
            changed[*at] ^= 1;
            read(&changed) != before
        })
        .collect();
    let (first, last) = (changes[0], changes[changes.len() - 1]);
    assert_eq!(changes.len(), last - first + 1, "one field is one run of bytes");
    (first, changes.len())
}

/// Where the only word equal to this one stands.
fn where_written(bytes: &[u8], wanted: &[u8]) -> usize {
    let places = (0..bytes.len()).step_by(wanted.len());
    let found: Vec<usize> = places.filter(|at| bytes[*at..].starts_with(wanted)).collect();
    assert_eq!(found.len(), 1, "{wanted:?} stands once in {bytes:?}");
    found[0]
}

/// A row each for the place and the size of a field.
fn field(rows: &mut Vec<Row>, ours: &str, of: &str, c: &str, place: (usize, usize), when: When) {
    rows.push(Row::new(ours, &format!("offsetof({of}, {c})"), place.0, when));
    rows.push(Row::new(ours, &format!("sizeof((({of} *)0)->{c})"), place.1, when));
}

fn signal(rows: &mut Vec<Row>) {
    let bytes = [0; size_of::<SigInfo>()];
    let address = where_read(&bytes, |bytes| from_bytes::<SigInfo>(bytes).address());
    let descriptor = where_read(&bytes, |bytes| from_bytes::<SigInfo>(bytes).descriptor());
    for when in [KERNEL, LIBRARY] {
        field(rows, "SigInfo::address", "siginfo_t", "si_addr", address, when);
        field(rows, "SigInfo::descriptor", "siginfo_t", "si_fd", descriptor, when);
    }
}

/// Where each part of each kind of message is read from.
fn message(rows: &mut Vec<Row>) {
    const STRUCT: &str = "struct uffd_msg";
    let kind = where_read(&[0; size_of::<UffdMessage>()], |bytes| {
        matches!(from_bytes::<UffdMessage>(bytes).event(), UffdEvent::Other(0))
    });
    field(rows, "UffdMessage, the kind", STRUCT, "event", kind, KERNEL);
    let mut part = |kind: u8, ours: &str, c: &str, index: usize| {
        let mut bytes = [0; size_of::<UffdMessage>()];
        bytes[0] = kind;
        // Without the first byte: another kind is another event.
        let (place, size) = where_read(&bytes[1..], |rest| {
            let whole = [&[kind], rest].concat();
            parts(from_bytes::<UffdMessage>(&whole).event())[index]
        });
        field(rows, ours, STRUCT, c, (place + 1, size), KERNEL);
    };
    part(0x12, "Pagefault.flags", "arg.pagefault.flags", 0);
    part(0x12, "Pagefault.address", "arg.pagefault.address", 1);
    part(0x12, "Pagefault.thread", "arg.pagefault.feat.ptid", 2);
    part(0x13, "Fork.fd", "arg.fork.ufd", 0);
    part(0x14, "Remap.from", "arg.remap.from", 0);
    part(0x14, "Remap.to", "arg.remap.to", 1);
    part(0x14, "Remap.len", "arg.remap.len", 2);
    part(0x15, "Remove.start", "arg.remove.start", 0);
    part(0x15, "Remove.end", "arg.remove.end", 1);
    // The kernel tells of `munmap` in the same words.
    part(0x16, "Unmap.start", "arg.remove.start", 0);
    part(0x16, "Unmap.end", "arg.remove.end", 1);
}

fn parts(event: UffdEvent) -> [i128; 3] {
    match event {
        UffdEvent::Pagefault { flags, address, thread } => {
            [flags.bits().into(), address.into(), thread.into()]
        }
        UffdEvent::Fork { fd } => [fd.into(), 0, 0],
        UffdEvent::Remap { from, to, len } => [from.into(), to.into(), len.into()],
        UffdEvent::Remove { start, end } | UffdEvent::Unmap { start, end } => {
            [start.into(), end.into(), 0]
        }
        UffdEvent::Other(kind) => panic!("kind {kind} is not known"),
    }
}

fn scan(rows: &mut Vec<Row>) {
    let (mut argument, mut regions) = (ScanArg::default(), [PageRegion::default(); 3]);
    let at = regions.as_ptr().addr();
    // SAFETY: there is no descriptor -1: the call fills the argument and fails.
    unsafe { mman_sys::pagemap_scan(-1, &mut argument, &mut regions) }.unwrap_err();
    let bytes = to_bytes(&argument);
    let mut row = |field: &str, word: usize| {
        let place = where_written(&bytes, &(word as u64).to_ne_bytes());
        let when = When::In(Set::Kernel, "defined PAGEMAP_SCAN");
        let c = format!("offsetof(struct pm_scan_arg, {field})");
        rows.push(Row::new(&format!("ScanArg.{field}"), &c, place, when));
    };
    row("size", size_of::<ScanArg>());
    row("vec", at);
    row("vec_len", regions.len());
}

fn query(rows: &mut Vec<Row>) {
    let (mut query, mut name) = (ProcmapQuery::default(), [0; 77]);
    let at = name.as_ptr().addr();
    // SAFETY: there is no descriptor -1: the call fills the query and fails.
    unsafe { mman_sys::procmap_query(-1, &mut query, &mut name) }.unwrap_err();
    let bytes = to_bytes(&query);
    let mut row = |field: &str, wanted: &[u8]| {
        let when = When::In(Set::Kernel, "defined PROCMAP_QUERY");
        let c = format!("offsetof(struct procmap_query, {field})");
        let place = where_written(&bytes, wanted);
        rows.push(Row::new(&format!("ProcmapQuery.{field}"), &c, place, when));
    };
    row("size", &(size_of::<ProcmapQuery>() as u64).to_ne_bytes());
    row("vma_name_size", &77_u32.to_ne_bytes());
    row("vma_name_addr", &(at as u64).to_ne_bytes());
}
