//! Names that the source uses without giving them a name of its own: call numbers, commands, masks, ioctls.

use crate::row::{Row, When, taken};
use crate::source;
use linux_raw_sys::general as raw;
use mman_sys::{ProcmapQuery, ScanArg, UffdRange};

pub(crate) fn add(rows: &mut Vec<Row>) {
    taken!(rows, general:
        __NR_cachestat, __NR_close, __NR_symlinkat,  __NR_fallocate, __NR_fchmod, __NR_fcntl, __NR_fstat, __NR_fstatfs, __NR_ftruncate, __NR_futex, __NR_get_mempolicy,
        __NR_getdents64, __NR_geteuid, __NR_getpid, __NR_gettid, __NR_ioctl, __NR_ioprio_set, __NR_lseek, __NR_madvise, __NR_map_shadow_stack, __NR_mbind,
        __NR_memfd_create, __NR_mkdirat, __NR_shmat, __NR_shmctl, __NR_shmdt, __NR_shmget, __NR_memfd_secret, __NR_mincore, __NR_mlock, __NR_mlock2, __NR_mlockall,
        __NR_mmap, __NR_mprotect, __NR_mremap, __NR_mseal, __NR_msync, __NR_munlock,
        __NR_munlockall, __NR_munmap, __NR_openat, __NR_pidfd_open, __NR_pkey_alloc,
        __NR_pkey_free, __NR_pkey_mprotect, __NR_ppoll, __NR_prctl, __NR_prlimit64, __NR_pread64, __NR_process_madvise,
        __NR_process_mrelease, __NR_process_vm_readv, __NR_process_vm_writev, __NR_read,
        __NR_remap_file_pages, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigtimedwait, __NR_rt_tgsigqueueinfo,
        __NR_tgkill, __NR_unlinkat, __NR_userfaultfd, __NR_write);
    taken!(rows, general:
        F_ADD_SEALS, F_DUPFD_CLOEXEC, F_GETLEASE, F_GETOWN_EX, F_GETSIG, F_GET_SEALS, F_SETLEASE, F_SETOWN_EX,
        F_SETSIG, HUGETLBFS_MAGIC, RLIMIT_FSIZE, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, FUTEX_WAIT, FUTEX_WAKE);
    taken!(rows, general:
        MAP_TYPE, MAP_HUGE_MASK, MAP_HUGE_SHIFT, MFD_HUGE_MASK, MFD_HUGE_SHIFT, O_ACCMODE, SEEK_DATA);
    taken!(rows, general:
        UFFD_API, UFFD_EVENT_PAGEFAULT, UFFD_EVENT_FORK, UFFD_EVENT_REMAP, UFFD_EVENT_REMOVE,
        UFFD_EVENT_UNMAP);
    taken!(rows, prctl: PR_SET_VMA, PR_SET_VMA_ANON_NAME);
    // The one call number that stands as a literal: in the code that a signal handler returns to.
    #[cfg(target_arch = "x86_64")]
    rows.push(Row::new("mov rax, 15", "__NR_rt_sigreturn", 15, When::Defined));
    ioctls(rows);
}

/// The numbers of the ioctls are private: they are computed here from how the source writes them.
fn ioctls(rows: &mut Vec<Row>) {
    let ioctls = source::ioctls();
    assert!(ioctls.len() > 12, "only {} ioctls found in the source", ioctls.len());
    for ioctl in ioctls {
        let direction = match ioctl.shape.as_str() {
            "io" => 0,
            "ior" => 2,
            "iowr" => 3,
            other => panic!("{}: what `{other}` means is not known here", ioctl.name),
        };
        let size = ioctl.argument.as_deref().map_or(0, argument_size);
        let number = direction << 30 | size << 16 | ioctl.kind << 8 | ioctl.index;
        let ours = format!("{} ({})", ioctl.name, ioctl.file);
        rows.push(Row::new(&ours, &ioctl.name, number, When::Defined));
    }
}

fn argument_size(name: &str) -> usize {
    match name {
        "raw::uffdio_api" => size_of::<raw::uffdio_api>(),
        "raw::uffdio_register" => size_of::<raw::uffdio_register>(),
        "raw::uffdio_copy" => size_of::<raw::uffdio_copy>(),
        "raw::uffdio_zeropage" => size_of::<raw::uffdio_zeropage>(),
        "raw::uffdio_move" => size_of::<raw::uffdio_move>(),
        "raw::uffdio_writeprotect" => size_of::<raw::uffdio_writeprotect>(),
        "raw::uffdio_continue" => size_of::<raw::uffdio_continue>(),
        "raw::uffdio_poison" => size_of::<raw::uffdio_poison>(),
        "UffdRange" => size_of::<UffdRange>(),
        "ScanArg" => size_of::<ScanArg>(),
        "ProcmapQuery" => size_of::<ProcmapQuery>(),
        "FiemapHead" => 32, // private; its own test holds it to `struct fiemap` without its extents
        "VerityHead" => 4,  // private, as above: `struct fsverity_digest`
        "usize" => size_of::<usize>(),
        other => panic!("the size of `{other}`, an argument of an ioctl, is not known here"),
    }
}
