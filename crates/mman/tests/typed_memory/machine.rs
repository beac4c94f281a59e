//! What the pool is made of: huge pages, and a file system that is full.

use crate::setup::{free, port};
use mman::{
    Cause, HugePageSize, MapOptions, MemFd, MemFdOptions, Reservation, SharedMut, TypedMemory,
};
use mman_testkit::files::Folder;
use mman_testkit::huge::Pool;
use mman_testkit::mount::{self, Mount};
use mman_testkit::{child, require};
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

const MIB: usize = 1 << 20;

fn use_lines(folder: &Path, lines: &str) {
    let file = folder.join("conf");
    fs::write(&file, format!("directory {}\ndefaults no\n{lines}\n", folder.display())).unwrap();
    TypedMemory::use_configuration(file).unwrap();
}

#[test]
fn units_that_are_huge_pages() {
    if !require::root() {
        return;
    }
    child::run(|| {
        let Some(_pool) = Pool::with(8) else { return };
        if Pool::page_size() != 2 * MIB {
            return require::skip("huge pages of 2 MiB");
        }
        mount::be_alone();
        let folder = Folder::in_shared_memory();
        let huge = folder.name("huge");
        fs::create_dir(&huge).unwrap();
        let mounted = Mount::new("hugetlbfs", &huge, c"pagesize=2M").unwrap();
        let path = huge.display();
        let tables = folder.path();
        use_lines(
            tables,
            &format!("pool h kind=huge page=2M size=16M path={path}\nport /a pool=h"),
        );
        let pool = port();
        let page = HugePageSize::MIB_2.page_size();
        assert_eq!((pool.info().unwrap().unit, free(&pool)), (page, (8, 8)));
        let block = pool.allocate(3 * MIB).unwrap();
        assert_eq!((block.len(), block.mapped_len(), block.page_size()), (3 * MIB, 4 * MIB, page));
        assert_eq!(free(&pool).0, 6);
        block.write_at(3 * MIB - 1, b"x").unwrap();
        // A part of a page is no part of a mapping; a page is.
        let refused = block.unmap_range(..4096).unwrap_err();
        assert!(matches!(refused.error.cause(), Cause::Range(_)));
        let (_, rest) = refused.given.unmap_range(..2 * MIB).unwrap();
        assert_eq!((rest.len(), free(&pool)), (MIB, (7, 6)));
        // Not whole pages of the pool: the pages that hold the bytes are held.
        let range = pool.map(9 * MIB as u64..9 * MIB as u64 + 5).unwrap();
        assert_eq!((range.len(), range.mapped_len(), free(&pool).0), (5, 2 * MIB, 6));
        let other_size = MapOptions::shared().huge_pages(HugePageSize::GIB_1);
        let refused = other_size.map(&pool.allocation(1)).unwrap_err();
        assert_eq!(refused.cause(), Cause::HugePageSize { page: 1 << 30 });
        let options = MapOptions::shared().huge_pages(HugePageSize::MIB_2);
        let view = SharedMut::map(&options, &pool.contiguous_allocation(2 * MIB)).unwrap();
        view.store(MIB, 3_u64).unwrap();
        let mut space = Reservation::aligned(8 * MIB, page).unwrap();
        let at = space.place(2 * MIB, &MapOptions::shared().read_write(), &pool.allocation(MIB));
        assert_eq!((at.unwrap(), free(&pool).0), (2 * MIB..3 * MIB, 4));
        let full = pool.allocate(9 * MIB).unwrap_err();
        let longest = pool.info().unwrap().longest;
        assert_eq!(full.cause(), Cause::PoolFull { free: 8 * MIB as u64, longest });
        drop((rest, range, view, space));
        assert_eq!((free(&pool), mman::leaked()), ((8, 8), 0));
        drop(pool);
        // More than the machine has: the kernel says so when it is mapped.
        use_lines(tables, &format!("pool m kind=huge page=2M size=1G path={path}\nport /a pool=m"));
        let pool = port();
        let refused = pool.allocate(512 * MIB).unwrap_err();
        assert_eq!(refused.cause(), Cause::HugePagePool { page: 2 * MIB }, "{refused}");
        assert_eq!(free(&pool), (512, 512));
        for file in fs::read_dir(&huge).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        drop(mounted);
    });
}

/// An object of huge pages behind a pool whose unit is smaller: a mapping would be longer than its owner believes.
#[test]
fn a_store_whose_pages_are_larger_than_its_units_is_refused() {
    child::run(|| {
        let Some(_pool) = Pool::with(2) else { return };
        let size = HugePageSize::usual().unwrap();
        let bytes = size.page_size().bytes() as u64;
        let memfd = MemFdOptions::new(2 * bytes).huge_pages(size).create().unwrap();
        let fd = memfd.as_fd().as_raw_fd();
        let folder = Folder::in_shared_memory();
        let lines = format!("pool s kind=store path=/proc/self/fd/{fd}\nport /a pool=s");
        use_lines(folder.path(), &lines);
        match TypedMemory::open("/a") {
            Err(error) => assert_eq!(error.cause(), Cause::NotMappable, "{error}"),
            Ok(pool) => assert_eq!(pool.info().unwrap().unit, size.page_size()),
        }
    });
}

#[test]
fn a_pool_of_a_node() {
    child::run(|| {
        let folder = Folder::in_shared_memory();
        use_lines(
            folder.path(),
            "pool n kind=node node=0 size=1M\nport /a pool=n\npool m kind=node node=63 size=1M\nport /b pool=m",
        );
        let block = port().allocate(MIB).unwrap();
        block.write_at(MIB - 1, b"x").unwrap();
        assert_eq!(block.pages().node_of(MIB - 1).unwrap(), 0);
        // One that there is not, unless this is a very large machine.
        if let Err(error) = TypedMemory::open("/b") {
            assert_eq!(error.cause(), Cause::PoolLacks, "{error}");
        }
    });
}

/// A memfd of somebody's as the store of a pool.
#[test]
fn a_pool_of_an_object_that_is_there() {
    child::run(|| {
        let memfd = MemFd::new(MIB as u64).unwrap();
        let fd = memfd.as_fd().as_raw_fd();
        let folder = Folder::in_shared_memory();
        let lines = format!("pool s kind=store path=/proc/self/fd/{fd}\nport /a pool=s");
        use_lines(folder.path(), &lines);
        let pool = port();
        assert_eq!(pool.info().unwrap().size, MIB as u64);
        let block = pool.allocate(100_000).unwrap();
        block.write_at(99_999, b"x").unwrap();
        let at = usize::try_from(block.typed_pieces(99_999..).unwrap()[0].start).unwrap();
        let mut byte = [0];
        memfd.map().unwrap().read_at(at, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
    });
}

/// A tmpfs that has less than its pool promises: the lack is an error when memory is allocated, and no signal when it is
/// touched. What was refused keeps nothing.
#[test]
fn a_full_file_system_is_an_error_at_once() {
    if !require::root() {
        return;
    }
    child::run(|| {
        mount::be_alone();
        let folder = Folder::new();
        let mounted = Mount::new("tmpfs", folder.path(), c"size=4m,mode=755").unwrap();
        use_lines(folder.path(), "pool p kind=shm size=64M\nport /a pool=p");
        let pool = port();
        let kept = pool.allocate(MIB).unwrap();
        let filler = folder.name("filler");
        fs::write(&filler, vec![1; MIB]).unwrap();
        for refused in [
            pool.allocate(4 * MIB),
            pool.allocate_contiguous(4 * MIB),
            pool.map(8 * MIB as u64..12 * MIB as u64),
            MapOptions::shared().read_write().populate().map(&pool.allocation(4 * MIB)),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.cause(), Cause::NoSpace, "{error}");
        }
        let view = SharedMut::map(&MapOptions::shared(), &pool.allocation(4 * MIB));
        assert_eq!(view.unwrap_err().cause(), Cause::NoSpace);
        // Nothing of it was kept, and what there is can be had.
        assert_eq!(pool.info().unwrap().free, 63 * MIB as u64);
        let fits = pool.allocate(MIB).unwrap();
        for at in (0..MIB).step_by(4096) {
            fits.write_at(at, b"x").unwrap();
        }
        // On request the lack is met later; a view has an error then.
        let sparse = MapOptions::shared().sparse();
        let view = SharedMut::map(&sparse, &pool.allocation(8 * MIB)).unwrap();
        let stored = (0..8 * MIB).step_by(4096).try_for_each(|at| view.store(at, 1_u64));
        assert!(matches!(
            stored.unwrap_err().cause(),
            Cause::Truncated { .. } | Cause::Storage { .. }
        ));
        drop((kept, fits, view));
        assert_eq!((pool.info().unwrap().free, mman::leaked()), (64 * MIB as u64, 0));
        drop(mounted);
    });
}
