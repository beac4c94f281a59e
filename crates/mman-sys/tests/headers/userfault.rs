//! The words of userfaultfd.

use crate::row::{Row, When, names};

pub(crate) fn add(rows: &mut Vec<Row>) {
    names!(rows, When::Defined, UserfaultFlags.bits(), "O_":
        CLOEXEC, NONBLOCK, USER_MODE_ONLY as "UFFD_USER_MODE_ONLY");
    names!(rows, When::Defined, UserfaultFeatures.bits(), "UFFD_FEATURE_":
        PAGEFAULT_FLAG_WP, EVENT_FORK, EVENT_REMAP, EVENT_REMOVE, MISSING_HUGETLBFS, MISSING_SHMEM,
        EVENT_UNMAP, SIGBUS, THREAD_ID, MINOR_HUGETLBFS, MINOR_SHMEM, EXACT_ADDRESS,
        WP_HUGETLBFS_SHMEM, WP_UNPOPULATED, POISON, WP_ASYNC, MOVE);
    names!(rows, When::Defined, RegisterMode.bits(), "UFFDIO_REGISTER_MODE_": MISSING, WP, MINOR);
    names!(rows, When::Defined, FaultFlags.bits(), "UFFD_PAGEFAULT_FLAG_": WRITE, WP, MINOR);
    names!(rows, When::Defined, CopyMode.bits(), "UFFDIO_COPY_MODE_": DONTWAKE, WP);
    names!(rows, When::Defined, ZeropageMode.bits(), "UFFDIO_ZEROPAGE_MODE_": DONTWAKE);
    names!(rows, When::Defined, WriteprotectMode.bits(), "UFFDIO_WRITEPROTECT_MODE_": WP, DONTWAKE);
    names!(rows, When::Defined, ContinueMode.bits(), "UFFDIO_CONTINUE_MODE_": DONTWAKE, WP);
    names!(rows, When::Defined, PoisonMode.bits(), "UFFDIO_POISON_MODE_": DONTWAKE);
    names!(rows, When::Defined, MoveMode.bits(), "UFFDIO_MOVE_MODE_": DONTWAKE, ALLOW_SRC_HOLES);
}
