//! Sizes of structs, and where their fields are. Private fields: `probe.rs`.

use crate::row::{KERNEL, LIBRARY, Row, Set, When, layout};
use linux_raw_sys::general::{
    flock, uffdio_api, uffdio_continue, uffdio_copy, uffdio_move, uffdio_poison, uffdio_register,
    uffdio_writeprotect, uffdio_zeropage,
};
use mman_sys::{
    Cachestat, CachestatRange, Extent, IoVec, Owner, PageRegion, ProcmapQuery, ScanArg, ShmStat,
    SigAction, SigInfo, Stat, Timespec, UffdMessage, UffdRange,
};

pub(crate) fn add(rows: &mut Vec<Row>) {
    stat(rows);
    for when in [KERNEL, LIBRARY] {
        layout!(rows, when, aligned IoVec = "struct iovec" {
            iov_base = "iov_base", iov_len = "iov_len",
        });
        layout!(rows, when, aligned flock = "struct flock" {
            l_type = "l_type", l_whence = "l_whence", l_start = "l_start", l_len = "l_len",
            l_pid = "l_pid",
        });
        layout!(rows, when, aligned Owner = "struct f_owner_ex" { kind = "type", id = "pid" });
        layout!(rows, when, aligned SigInfo = "siginfo_t" {
            signal = "si_signo", errno = "si_errno", code = "si_code",
        });
    }
    layout!(rows, KERNEL, aligned Timespec = "struct __kernel_timespec" {
        tv_sec = "tv_sec", tv_nsec = "tv_nsec",
    });
    layout!(rows, KERNEL, aligned ShmStat = "struct shmid64_ds" {
        key = "shm_perm.key", owner = "shm_perm.uid", mode = "shm_perm.mode", size = "shm_segsz",
        creator = "shm_cpid", attached = "shm_nattch",
    });
    // The C library's own struct is another one.
    layout!(rows, KERNEL, aligned SigAction = "struct sigaction" {
        handler = "sa_handler", flags = "sa_flags", restorer = "sa_restorer", mask = "sa_mask",
    });
    let cachestat = When::In(Set::Kernel, "LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)");
    layout!(rows, cachestat, aligned CachestatRange = "struct cachestat_range" {
        off = "off", len = "len",
    });
    layout!(rows, cachestat, aligned Cachestat = "struct cachestat" {
        nr_cache = "nr_cache", nr_dirty = "nr_dirty", nr_writeback = "nr_writeback",
        nr_evicted = "nr_evicted", nr_recently_evicted = "nr_recently_evicted",
    });
    proc_files(rows);
    userfault(rows);
}

fn stat(rows: &mut Vec<Row>) {
    for when in [KERNEL, LIBRARY] {
        layout!(rows, when, aligned Stat = "struct stat" {
            st_dev = "st_dev", st_ino = "st_ino", st_mode = "st_mode", st_nlink = "st_nlink",
            st_uid = "st_uid", st_gid = "st_gid", st_rdev = "st_rdev", st_size = "st_size",
            st_blksize = "st_blksize", st_blocks = "st_blocks",
        });
    }
    layout!(rows, KERNEL, Stat = "struct stat" {
        st_atime = "st_atime", st_atime_nsec = "st_atime_nsec",
        st_mtime = "st_mtime", st_mtime_nsec = "st_mtime_nsec",
        st_ctime = "st_ctime", st_ctime_nsec = "st_ctime_nsec",
    });
    layout!(rows, LIBRARY, Stat = "struct stat" {
        st_atime = "st_atim.tv_sec", st_atime_nsec = "st_atim.tv_nsec",
        st_mtime = "st_mtim.tv_sec", st_mtime_nsec = "st_mtim.tv_nsec",
        st_ctime = "st_ctim.tv_sec", st_ctime_nsec = "st_ctim.tv_nsec",
    });
}

fn proc_files(rows: &mut Vec<Row>) {
    layout!(rows, KERNEL, aligned Extent = "struct fiemap_extent" {
        logical = "fe_logical", physical = "fe_physical", length = "fe_length", flags = "fe_flags",
    });
    let scan = When::In(Set::Kernel, "defined PAGEMAP_SCAN");
    layout!(rows, scan, aligned PageRegion = "struct page_region" {
        start = "start", end = "end", categories = "categories",
    });
    layout!(rows, scan, aligned ScanArg = "struct pm_scan_arg" {
        flags = "flags", start = "start", end = "end", walk_end = "walk_end",
        max_pages = "max_pages", category_inverted = "category_inverted",
        category_mask = "category_mask", category_anyof_mask = "category_anyof_mask",
        return_mask = "return_mask",
    });
    let query = When::In(Set::Kernel, "defined PROCMAP_QUERY");
    layout!(rows, query, aligned ProcmapQuery = "struct procmap_query" {
        query_flags = "query_flags", query_addr = "query_addr", vma_start = "vma_start",
        vma_end = "vma_end", vma_flags = "vma_flags", vma_page_size = "vma_page_size",
        vma_offset = "vma_offset", inode = "inode", dev_major = "dev_major",
        dev_minor = "dev_minor", build_id_size = "build_id_size", build_id_addr = "build_id_addr",
    });
}

fn userfault(rows: &mut Vec<Row>) {
    // The kernel's is packed: ours, aligned to 8, may be stricter.
    layout!(rows, KERNEL, UffdMessage = "struct uffd_msg" {});
    layout!(rows, KERNEL, aligned UffdRange = "struct uffdio_range" { start = "start", len = "len" });
    layout!(rows, KERNEL, aligned uffdio_api = "struct uffdio_api" {
        api = "api", features = "features", ioctls = "ioctls",
    });
    layout!(rows, KERNEL, aligned uffdio_register = "struct uffdio_register" {
        range = "range", mode = "mode", ioctls = "ioctls",
    });
    layout!(rows, KERNEL, aligned uffdio_copy = "struct uffdio_copy" {
        dst = "dst", src = "src", len = "len", mode = "mode", copy = "copy",
    });
    layout!(rows, KERNEL, aligned uffdio_zeropage = "struct uffdio_zeropage" {
        range = "range", mode = "mode", zeropage = "zeropage",
    });
    let protect = When::In(Set::Kernel, "defined UFFDIO_WRITEPROTECT");
    layout!(rows, protect, aligned uffdio_writeprotect = "struct uffdio_writeprotect" {
        range = "range", mode = "mode",
    });
    let minor = When::In(Set::Kernel, "defined UFFDIO_CONTINUE");
    layout!(rows, minor, aligned uffdio_continue = "struct uffdio_continue" {
        range = "range", mode = "mode", mapped = "mapped",
    });
    let poison = When::In(Set::Kernel, "defined UFFDIO_POISON");
    layout!(rows, poison, aligned uffdio_poison = "struct uffdio_poison" {
        range = "range", mode = "mode", updated = "updated",
    });
    let moving = When::In(Set::Kernel, "defined UFFDIO_MOVE");
    layout!(rows, moving, aligned uffdio_move = "struct uffdio_move" {
        dst = "dst", src = "src", len = "len", mode = "mode", move_ = "move",
    });
}
