//! Huge pages of every size that the machine has, through every object that can have them; and the pool is as it was
//! afterwards. (A crate of the field never gave them back: it unmapped the length that was asked for.)

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test may stop at what it does not expect"
)]

use mman::{
    Anonymous, Cause, FileObject, HugePageSize, Immutability, Immutable, MapOptions, Mapping,
    MemFd, MemFdOptions, MemoryObject, ObjectKind, Unsealed,
};
use mman_testkit::files::Folder;
use mman_testkit::huge::{Counts, SizedPool};
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, page, pattern, require};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::OwnedFd;

/// How many pages each pool has to have.
const PAGES: usize = 2;

/// Calls `body` with each size and its pool, and then looks at the pool.
fn with_each_size(mut body: impl FnMut(HugePageSize, &SizedPool)) {
    let sizes = HugePageSize::available();
    if !require::holds(!sizes.is_empty(), "huge pages in the kernel") {
        return;
    }
    for size in sizes {
        let Some(pool) = SizedPool::with(size.page_size().bytes(), PAGES) else { continue };
        let before = pool.counts();
        body(size, &pool);
        assert_eq!(pool.counts(), before, "the pool of {size:?}, afterwards");
        assert_eq!(mman::leaked(), 0);
    }
}

/// A mapping of `len` bytes that is one huge page. Two bytes of it are touched.
fn assert_one_page(mapping: &Mapping, size: HugePageSize, len: usize, pool: &SizedPool) {
    let bytes = size.page_size().bytes();
    assert_eq!((mapping.len(), mapping.mapped_len()), (len, bytes));
    assert_eq!(mapping.page_size(), size.page_size());
    assert_eq!(mapping.as_ptr().addr() % bytes, 0);
    mapping.write_at(0, b"first").unwrap();
    mapping.write_at(len - 4, b"last").unwrap();
    let mut found = [0; 4];
    mapping.read_at(len - 4, &mut found).unwrap();
    assert_eq!(&found, b"last");
    let Counts { total, free, .. } = pool.counts();
    assert!(free < total, "a page of the pool is in use");
}

#[test]
fn anonymous_memory() {
    with_each_size(|size, pool| {
        let len = size.page_size().bytes() - page() + 1;
        for options in [MapOptions::private(), MapOptions::shared()] {
            let before = pool.counts();
            let mapping = options.read_write().huge_pages(size).map(&Anonymous::new(len)).unwrap();
            assert_one_page(&mapping, size, len, pool);
            mapping.unmap().unwrap();
            assert_eq!(pool.counts(), before, "{options:?}");
        }
        let many = Anonymous::new((pool.counts().free + 1) * size.page_size().bytes());
        let error = MapOptions::private().huge_pages(size).map(&many).unwrap_err();
        assert_eq!(error.cause(), Cause::HugePagePool { page: size.page_size().bytes() });
    });
}

#[test]
fn memfds() {
    with_each_size(|size, pool| {
        let bytes = size.page_size().bytes();
        let memory = MemFdOptions::new(5).name("huge").huge_pages(size).create().unwrap();
        assert_eq!(memory.size().unwrap(), Some(bytes as u64), "whole pages");
        assert_one_page(&memory.map().unwrap(), size, bytes, pool);
        let part = MapOptions::shared().range(5000..6000).map(&memory).unwrap();
        assert_eq!((part.len(), part.mapped_len()), (1000, bytes));
        drop(part);
        memory.set_size(bytes as u64 + 1).unwrap();
        assert_eq!(memory.size().unwrap(), Some(2 * bytes as u64));
        memory.reserve(..).unwrap();
        assert_eq!(pool.counts().free, pool.counts().total - 2);
        // One page more than there are, whoever else left some in the pool.
        let all = pool.counts().free as u64 + 2;
        memory.set_size((all + 1) * bytes as u64).unwrap();
        let error = memory.reserve(..).unwrap_err();
        assert_eq!(error.cause(), Cause::HugePagePool { page: bytes }, "{error}");
        memory.set_size(1).unwrap();
        assert_eq!(memory.set_size(u64::MAX).unwrap_err().cause(), Cause::TooLong);
        // Sent and received, as one of small pages.
        let memory = MemFd::<Unsealed>::from_fd(OwnedFd::from(memory)).unwrap();
        let fixed = memory.fix_size().unwrap();
        let frozen = MemFd::<Immutable>::from_fd(fixed.freeze().unwrap().into()).unwrap();
        assert_eq!(frozen.immutability().unwrap(), Immutability::Bytes);
        // Every page of the pool but this one is taken: what is immutable needs none to be mapped.
        let free = Anonymous::new(pool.counts().free * bytes);
        let taken = MapOptions::private().read_write().huge_pages(size).map(&free);
        let mapping = frozen.map().unwrap();
        assert_eq!((mapping.mapped_len(), mapping.page_size()), (bytes, size.page_size()));
        let mut found = [0; 5];
        mapping.read_at(0, &mut found).unwrap();
        assert_eq!(&found, b"first");
        drop((taken, mapping));
    });
}

#[test]
fn files_of_hugetlbfs() {
    child::run(|| {
        if !require::root() {
            return;
        }
        mount::be_alone();
        with_each_size(|size, pool| {
            let bytes = size.page_size().bytes();
            let folder = Folder::new();
            let data = CString::new(format!("pagesize={}K", bytes / 1024)).unwrap();
            let mounted = Mount::new("hugetlbfs", folder.path(), &data).unwrap();
            let path = folder.name("file");
            File::create_new(&path).unwrap().set_len(bytes as u64).unwrap();
            let object = FileObject::open_read_write(&path).unwrap();
            assert_eq!(
                (object.kind(), object.size().unwrap()),
                (ObjectKind::File, Some(bytes as u64))
            );
            let options = MapOptions::shared().read_write();
            for options in [options, options.huge_pages(size), options.sparse()] {
                let mapping = options.map(&object).unwrap();
                assert_one_page(&mapping, size, bytes, pool);
            }
            assert_eq!(object.immutability().unwrap(), Immutability::Nothing);
            // No memfd, though it has seals and pages as one.
            let refused = MemFd::<Unsealed>::from_fd(object.into_file().into()).unwrap_err();
            assert_eq!(refused.error.cause(), Cause::NotMappable);
            drop(refused);
            std::fs::remove_file(&path).unwrap();
            drop(mounted);
        });
    });
}

#[test]
fn bytes_of_every_page_are_its_own() {
    with_each_size(|size, pool| {
        let bytes = size.page_size().bytes();
        let memory = MemFdOptions::new(2 * bytes as u64).huge_pages(size).create().unwrap();
        let mapping = memory.map().unwrap();
        mapping.write_at(bytes - 5000, &pattern::bytes(0, 10_000)).unwrap();
        let second = MapOptions::shared().range(bytes as u64..).map(&memory).unwrap();
        let mut found = vec![0; 5000];
        second.read_at(0, &mut found).unwrap();
        pattern::assert_is(&found, 5000);
        let (low, high) = mapping.split_at(bytes).unwrap();
        drop(low);
        high.read_at(0, &mut found).unwrap();
        pattern::assert_is(&found, 5000);
        assert_eq!(pool.counts().free, pool.counts().total - 2, "the object has them");
    });
}
