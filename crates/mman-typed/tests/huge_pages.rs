//! Pools of huge pages: units of that size, in a hugetlbfs, with the kernel's own promise of pages.
#![allow(
    unsafe_code,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "test code: it may panic, and maps memory of its own"
)]

mod common;

use common::{RW, Setup, free, info, open};
use mman_sys::{Errno, MapFlags};
use mman_testkit::huge::Pool;
use mman_testkit::{child, require};
use mman_typed::{Cause, TypedFlags};
use std::ffi::CString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::ptr::null_mut;

// SAFETY: the C library's own declarations, in these types.
unsafe extern "C" {
    fn mount(from: *const i8, to: *const i8, kind: *const i8, flags: u64, data: *const i8) -> i32;
    fn umount2(at: *const i8, flags: i32) -> i32;
}

/// A hugetlbfs, for as long as the value lives.
#[derive(Debug)]
struct Mounted(CString);

impl Mounted {
    fn new(at: &std::path::Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let at = CString::new(at.to_str().unwrap()).unwrap();
        let kind = c"hugetlbfs".as_ptr();
        // SAFETY: the strings end with a zero.
        let done = unsafe { mount(kind, at.as_ptr(), kind, 0, c"pagesize=2M".as_ptr()) };
        require::holds(done == 0, "the right to mount a hugetlbfs").then_some(Self(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // SAFETY: the string ends with a zero; 2 is MNT_DETACH.
        let _gone = unsafe { umount2(self.0.as_ptr(), 2) };
    }
}

#[test]
fn units_are_huge_pages() {
    child::run(|| {
        let Some(_pool) = Pool::with(8) else { return };
        if Pool::page_size() != 2 << 20 {
            return require::skip("huge pages of 2 MiB");
        }
        let directory = tempfile::tempdir().unwrap();
        let Some(mounted) = Mounted::new(&directory.path().join("huge")) else { return };
        let path = mounted.0.to_str().unwrap();
        let setup = Setup::new(&format!(
            "pool h kind=huge page=2M size=16M path={path}\nport /huge/2M pool=h\npool i kind=huge page=2M size=4M\nport /i pool=i"
        ));
        let fd = open("2M", TypedFlags::ALLOCATE).unwrap();
        assert_eq!((info(fd).unit, free(fd)), (2 << 20, (8, 8)));
        let promised = Pool::promised();
        let map = |len, at| {
            // SAFETY: the kernel chooses the place.
            unsafe { mman_typed::map(null_mut(), len, RW, MapFlags::SHARED, fd, at) }
        };
        let (one, two) = (map(6 << 20, 0).unwrap(), map(4 << 20, 0).unwrap());
        assert_eq!(Pool::promised(), promised + 5, "the kernel has promised the pages");
        assert_eq!(free(fd), (3, 3));
        // From outside the same is seen.
        let mut seen = None;
        mman_typed::config::each(&mut |line| {
            if let Ok(mman_typed::config::Line::Pool(pool)) = line.said
                && pool.name == b"h"
            {
                let directory = setup.directory.path().as_os_str().as_encoded_bytes();
                seen = mman_typed::Look::at(&pool, Some(directory)).unwrap();
            }
        })
        .unwrap();
        let sizes = seen.unwrap().sizes();
        assert_eq!((sizes.unit, sizes.size, sizes.free), (2 << 20, 16 << 20, 6 << 20));
        common::fill(one.cast(), (6 << 20) / 4096, 5);
        let unmap = |at: *mut std::ffi::c_void, len| {
            // SAFETY: mapped above.
            unsafe { mman_typed::unmap(at, len) }
        };
        // Part of a unit is no part of a mapping of huge pages.
        assert_eq!(unmap(one, 4096).unwrap_err().errno, Errno::EINVAL);
        unmap(one.wrapping_byte_add(2 << 20), 2 << 20).unwrap();
        assert_eq!(free(fd), (4, 3));
        // Four units in two pieces, a byte of the last one wanted.
        let pieces = map((6 << 20) + 1, 0).unwrap();
        assert_eq!(pieces.addr() % (2 << 20), 0);
        common::fill(pieces.cast(), (8 << 20) / 4096, 6);
        assert_eq!((common::byte(one.cast(), 0), free(fd)), (5, (0, 0)));
        for (at, len) in [(one, 6 << 20), (two, 4 << 20), (pieces, 8 << 20)] {
            unmap(at, len).unwrap();
        }
        assert_eq!(free(fd), (8, 8));
        // The kernel's promise of pages that nobody touched stays with the file: the pool's, not the mapping's.
        assert_eq!(Pool::promised(), promised + 2);
        // Mounted, it is found without a path.
        assert!(open("/i", TypedFlags::NONE).is_ok());
    });
}

/// Anybody can leave a file in a hugetlbfs that is for all: root's pool was that file, and its owner read what root wrote.
#[test]
fn a_pool_is_not_what_somebody_left_in_a_hugetlbfs() {
    child::run(|| {
        let Some(_pool) = Pool::with(4) else { return };
        if Pool::page_size() != 2 << 20 {
            return require::skip("huge pages of 2 MiB");
        }
        let directory = tempfile::tempdir().unwrap();
        let Some(mounted) = Mounted::new(&directory.path().join("huge")) else { return };
        let path = mounted.0.to_str().unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o1777)).unwrap();
        let setup =
            Setup::new(&format!("pool h kind=huge page=2M size=4M path={path}\nport /h pool=h"));
        let tables = setup.directory.path().metadata().unwrap();
        let name = format!("{path}/mman-typed-{}-{}-h", tables.dev(), tables.ino());
        let theirs = std::fs::File::create_new(&name).unwrap();
        theirs.set_permissions(std::fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::chown(&name, Some(65534), Some(65534)).unwrap();
        assert!(open("/h", TypedFlags::ALLOCATE).is_ok());
        let ours = std::fs::metadata(&name).unwrap();
        assert_eq!((ours.uid(), ours.mode() & 0o777), (mman_sys::geteuid(), 0o600));
        assert_eq!((theirs.metadata().unwrap().len(), ours.len()), (0, 4 << 20));
    });
}

/// A path that is no hugetlbfs, one of other pages, or not there, lacks what the pool is made of: small pages in its place
/// were a pool whose addresses are not as promised.
#[test]
fn a_path_that_is_no_hugetlbfs_is_said() {
    child::run(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = directory.path().display();
        let mounted = Mounted::new(&directory.path().join("huge"));
        let _setup = Setup::new(&format!(
            "pool a kind=huge page=2M size=4M path={path}\nport /a pool=a
             pool b kind=huge page=2M size=4M path={path}/none\nport /b pool=b
             pool c kind=huge page=64K size=4M path={path}/huge\nport /c pool=c"
        ));
        let lacks = |failure: mman_typed::Failure| {
            assert_eq!((failure.errno, failure.cause), (Errno::ENODEV, Cause::Lacks));
        };
        for name in ["/a", "/b", "/c"] {
            lacks(open(name, TypedFlags::ALLOCATE).unwrap_err());
        }
        let mut seen = 0;
        mman_typed::config::each(&mut |line| {
            if let Ok(mman_typed::config::Line::Pool(pool)) = line.said {
                lacks(mman_typed::planned(&pool, None).unwrap_err());
                seen += 1;
            }
        })
        .unwrap();
        assert_eq!(seen, 3);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "{mounted:?}");
    });
}

/// An object of huge pages that is there already is allocated in these.
#[test]
fn a_memfd_of_huge_pages_is_a_pool_of_huge_pages() {
    child::run(|| {
        let Some(_pool) = Pool::with(2) else { return };
        let huge = Pool::page_size();
        let flags = mman_sys::MemfdFlags::CLOEXEC | mman_sys::MemfdFlags::HUGETLB;
        // SAFETY: the name ends with a zero.
        let fd = unsafe { mman_sys::memfd_create(c"typed".as_ptr(), flags) }.unwrap();
        // SAFETY: the descriptor is new.
        unsafe { mman_sys::ftruncate(fd, 2 * huge as u64) }.unwrap();
        let path = format!("/proc/{}/fd/{fd}", mman_sys::getpid());
        let _setup = Setup::new(&format!("pool s kind=store path={path}\nport /s pool=s"));
        let typed = open("/s", TypedFlags::ALLOCATE).unwrap();
        assert_eq!((info(typed).unit, free(typed)), (huge as u64, (2, 2)));
        // SAFETY: the kernel chooses the place.
        let at = unsafe { mman_typed::map(null_mut(), 1, RW, MapFlags::SHARED, typed, 0) };
        assert_eq!(free(typed), (1, 1));
        // SAFETY: mapped above.
        unsafe { mman_typed::unmap(at.unwrap(), huge) }.unwrap();
        assert_eq!(free(typed), (2, 2));
    });
}

#[test]
fn no_hugetlbfs_is_said() {
    child::run(|| {
        let _setup = Setup::new("pool h kind=huge page=16K size=64M\nport /h pool=h");
        let refused = open("/h", TypedFlags::NONE).unwrap_err();
        assert_eq!((refused.errno, refused.cause), (Errno::ENODEV, Cause::Lacks));
    });
}
