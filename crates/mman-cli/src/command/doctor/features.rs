//! What the kernel can do for this process, tried out.

use super::Finding;
use mman::Errno;
use mman::kernel::Feature;

/// Tries every feature.
pub(super) fn look() -> Vec<Finding> {
    Feature::ALL.iter().filter_map(|feature| finding(*feature)).collect()
}

fn finding(feature: Feature) -> Option<Finding> {
    let (name, with, without) = words(feature)?;
    let (state, meaning) = match feature.support() {
        Ok(()) => ("yes".to_owned(), with.to_owned()),
        Err(errno @ (Errno::EPERM | Errno::EACCES)) => {
            (format!("not permitted ({errno})"), without.to_owned())
        }
        Err(errno) => (format!("no ({errno})"), without.to_owned()),
    };
    Some(Finding { name, state, meaning })
}

/// Name, with it, without it.
type Words = (&'static str, &'static str, &'static str);

/// Name, what it means to have it, and what it means to lack it. `None` for a feature newer than this command.
fn words(feature: Feature) -> Option<Words> {
    mapping_words(feature)
        .or_else(|| advice_words(feature))
        .or_else(|| object_words(feature))
        .or_else(|| fault_words(feature))
}

fn mapping_words(feature: Feature) -> Option<Words> {
    Some(match feature {
        Feature::FixedNoReplace => (
            "map at an address, never over another",
            "the kernel refuses a taken address",
            "taken addresses are found out after the fact",
        ),
        Feature::Droppable => (
            "droppable memory",
            "caches that vanish when memory is short",
            "map anonymous memory, and discard it by hand",
        ),
        Feature::LockOnFault => (
            "lock on fault",
            "pages can be locked as they are touched",
            "locking reads everything in",
        ),
        Feature::RemapKeepOld => (
            "take pages, keep the range",
            "pages move away while the addresses stay mapped",
            "pages have to be copied",
        ),
        Feature::RemapFilePages => (
            "remap_file_pages",
            "deprecated, emulated, works",
            "use fixed mappings in a reservation, as everybody should",
        ),
        Feature::Seal => {
            ("seal", "mappings can be made unchangeable until exit", "mappings stay changeable")
        }
        Feature::ProtectionKeys => (
            "protection keys",
            "access can be switched without a call",
            "access is switched by mprotect",
        ),
        Feature::ShadowStack => (
            "shadow stacks",
            "return addresses can be protected",
            "this kernel or processor has none",
        ),
        Feature::NumaPolicy => (
            "NUMA policy",
            "memory can be bound to nodes",
            "memory comes from where the kernel likes",
        ),
        Feature::AnonymousNames => (
            "names for anonymous memory",
            "maps show what memory is for",
            "anonymous memory has no names in maps",
        ),
        _ => return None,
    })
}

fn advice_words(feature: Feature) -> Option<Words> {
    Some(match feature {
        Feature::Free => (
            "discard when needed",
            "memory can be given back lazily",
            "memory can be given back at once only",
        ),
        Feature::PageOut => {
            ("cold and pageout", "pages can be reclaimed on request", "reclaim cannot be steered")
        }
        Feature::Populate => (
            "populate with a result",
            "prefaulting says whether it worked",
            "MAP_POPULATE fails in silence; reading ahead has to do",
        ),
        Feature::Collapse => (
            "collapse",
            "huge pages can be made at once",
            "huge pages come when khugepaged finds time",
        ),
        Feature::HugePages => (
            "transparent huge pages",
            "can be asked for",
            "not built: only the huge page pool has huge pages",
        ),
        Feature::GuardRegions => (
            "guard regions",
            "guards cost no mapping of their own",
            "each guard is a mapping and counts to the limit",
        ),
        _ => return None,
    })
}

fn object_words(feature: Feature) -> Option<Words> {
    Some(match feature {
        Feature::Memfd => {
            ("memfd", "memory objects without a path", "shared memory needs a path in /dev/shm")
        }
        Feature::MemfdNoExec => (
            "memfd that cannot be executed",
            "can be sealed so at birth",
            "every memfd may be made executable",
        ),
        Feature::SecretMemory => (
            "secret memory",
            "memory that the kernel itself cannot read",
            "switched off: see the boot option secretmem.enable",
        ),
        Feature::Cachestat => (
            "cachestat",
            "the page cache is counted without mapping",
            "residency is counted by mincore, page by page",
        ),
        Feature::PagemapScan => (
            "PAGEMAP_SCAN",
            "written pages are found in one call",
            "pagemap is read entry by entry",
        ),
        Feature::ProcmapQuery => (
            "PROCMAP_QUERY",
            "a mapping is looked up by address",
            "maps is read and parsed as text",
        ),
        Feature::CopyBySystemCall => (
            "copy by system call",
            "reads of shared mappings cannot raise a signal",
            "forbidden here: Mapping::read_at and write_at fail",
        ),
        Feature::ProcessAdvise => {
            ("advise other processes", "their memory can be steered", "only they can steer it")
        }
        Feature::ProcessRelease => (
            "release a dying process",
            "its memory is freed without waiting for it",
            "its memory is freed when it gets to run",
        ),
        _ => return None,
    })
}

fn fault_words(feature: Feature) -> Option<Words> {
    Some(match feature {
        Feature::Userfaultfd => (
            "userfaultfd",
            "page faults can be served, also those of system calls",
            "needs CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd = 1",
        ),
        Feature::UserfaultfdUserMode => (
            "userfaultfd, user mode only",
            "faults of the program's own code can be served",
            "page faults cannot be served here",
        ),
        Feature::UserfaultfdDevice => (
            "/dev/userfaultfd",
            "whoever may open it serves all faults",
            "no way round the privilege",
        ),
        Feature::UserfaultfdMinor => (
            "userfaultfd minor faults",
            "pages of shared memory are installed without a copy",
            "pages are copied in",
        ),
        Feature::UserfaultfdPoison => (
            "userfaultfd poison",
            "failed pages can be marked",
            "failed pages have to be filled or unmapped",
        ),
        Feature::UserfaultfdWriteTracking => (
            "userfaultfd asynchronous write-protect",
            "written pages are tracked at one short fault each",
            "tracking writes takes a message for each page",
        ),
        Feature::UserfaultfdMove => (
            "userfaultfd move",
            "pages move in and out without a copy",
            "pages are copied in, and dropped",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_library_has_its_words() {
        for feature in Feature::ALL {
            assert!(words(feature).is_some(), "{feature:?}");
        }
    }
}
