//! What this kernel can do for this process: asked once, at run time, and remembered.
//!
//! Versions tell little (features are built in or not, and sandboxes forbid calls), so each feature is tried in
//! a way that changes nothing.
#![expect(unsafe_code, reason = "tries calls, on nothing or on memory of its own")]

use crate::copy;
use crate::object::Anonymous;
use crate::options::MapOptions;
use core::ffi::CStr;
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicI32, Ordering};
use mman_sys as sys;
use mman_sys::{
    Advice, Cachestat, CachestatRange, Errno, LockFlags, MapFlags, MemfdFlags, MempolicyFlags,
    PkeyRights, ProcmapQuery, Prot, RawFd, ScanArg, SecretFlags, ShadowStackFlags,
    UserfaultFeatures, UserfaultFlags,
};
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Something that one kernel has and another has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// `MAP_FIXED_NOREPLACE` (4.17).
    FixedNoReplace,
    /// `MAP_DROPPABLE` (6.11).
    Droppable,
    /// `mlock2` (4.4).
    LockOnFault,
    /// `MREMAP_DONTUNMAP` (5.7).
    RemapKeepOld,
    /// `remap_file_pages` (2.5.46, emulated since 4.0).
    RemapFilePages,
    /// `MADV_FREE` (4.5).
    Free,
    /// `MADV_COLD` and `MADV_PAGEOUT` (5.4).
    PageOut,
    /// `MADV_POPULATE_READ` and `_WRITE` (5.14).
    Populate,
    /// `MADV_COLLAPSE` (6.1).
    Collapse,
    /// Transparent huge pages: `MADV_HUGEPAGE`.
    HugePages,
    /// `MADV_GUARD_INSTALL` (6.13).
    GuardRegions,
    /// `memfd_create` (3.17).
    Memfd,
    /// `MFD_NOEXEC_SEAL` (6.3).
    MemfdNoExec,
    /// `memfd_secret` (5.14).
    SecretMemory,
    /// `mseal` (6.10).
    Seal,
    /// Protection keys (4.9, and a processor that has them).
    ProtectionKeys,
    /// `map_shadow_stack` (6.6, and a processor that has them).
    ShadowStack,
    /// `mbind`, `get_mempolicy`.
    NumaPolicy,
    /// `PR_SET_VMA_ANON_NAME` (5.17).
    AnonymousNames,
    /// `cachestat` (6.5).
    Cachestat,
    /// `PAGEMAP_SCAN` (6.7).
    PagemapScan,
    /// `PROCMAP_QUERY` (6.11).
    ProcmapQuery,
    /// `process_vm_readv` on ourselves: how this crate copies without signals.
    CopyBySystemCall,
    /// `process_madvise` (5.10).
    ProcessAdvise,
    /// `process_mrelease` (5.15).
    ProcessRelease,
    /// `userfaultfd` that serves the kernel's faults too.
    Userfaultfd,
    /// `userfaultfd` for faults of user code only (5.11).
    UserfaultfdUserMode,
    /// `/dev/userfaultfd` (6.1).
    UserfaultfdDevice,
    /// `UFFDIO_CONTINUE` on shared memory (5.14).
    UserfaultfdMinor,
    /// `UFFDIO_POISON` (6.6).
    UserfaultfdPoison,
    /// Asynchronous write-protect (6.7).
    UserfaultfdWriteTracking,
    /// `UFFDIO_MOVE` (6.8).
    UserfaultfdMove,
}

impl Feature {
    /// Every feature, in the order of the list above.
    pub const ALL: [Self; 32] = [
        Self::FixedNoReplace,
        Self::Droppable,
        Self::LockOnFault,
        Self::RemapKeepOld,
        Self::RemapFilePages,
        Self::Free,
        Self::PageOut,
        Self::Populate,
        Self::Collapse,
        Self::HugePages,
        Self::GuardRegions,
        Self::Memfd,
        Self::MemfdNoExec,
        Self::SecretMemory,
        Self::Seal,
        Self::ProtectionKeys,
        Self::ShadowStack,
        Self::NumaPolicy,
        Self::AnonymousNames,
        Self::Cachestat,
        Self::PagemapScan,
        Self::ProcmapQuery,
        Self::CopyBySystemCall,
        Self::ProcessAdvise,
        Self::ProcessRelease,
        Self::Userfaultfd,
        Self::UserfaultfdUserMode,
        Self::UserfaultfdDevice,
        Self::UserfaultfdMinor,
        Self::UserfaultfdPoison,
        Self::UserfaultfdWriteTracking,
        Self::UserfaultfdMove,
    ];

    /// Whether this process can use it here.
    ///
    /// # Errors
    ///
    /// What the kernel answered: `EPERM` and `EACCES` for what is there but not for this process, any other for
    /// what is not there.
    pub fn support(self) -> Result<(), Errno> {
        const NOT_ASKED: i32 = -1;
        const YES: i32 = 0;
        static ANSWERS: [AtomicI32; Feature::ALL.len()] =
            [const { AtomicI32::new(NOT_ASKED) }; Feature::ALL.len()];
        let Some(answer) = ANSWERS.get(self as usize) else { return Err(Errno::EINVAL) };
        let known = match answer.load(Ordering::Relaxed) {
            NOT_ASKED => {
                let errno = self.ask().map_or_else(Errno::raw, |()| YES);
                // Of threads that ask at once, the first one's answer is everybody's: the kernel's error numbers can differ.
                let first =
                    answer.compare_exchange(NOT_ASKED, errno, Ordering::Relaxed, Ordering::Relaxed);
                first.map_or_else(|first| first, |_| errno)
            }
            known => known,
        };
        if known == YES { Ok(()) } else { Err(Errno::from_raw(known)) }
    }

    fn ask(self) -> Result<(), Errno> {
        match self {
            Self::FixedNoReplace => fixed_no_replace(),
            Self::Droppable => map_page(&MapOptions::droppable()),
            Self::LockOnFault => sys::mlock2(null(), 0, LockFlags::ONFAULT),
            Self::RemapKeepOld => keep_old(),
            Self::RemapFilePages => remap_file_pages(),
            Self::Free => advice(Advice::FREE),
            Self::PageOut => advice(Advice::PAGEOUT),
            Self::Populate => advice(Advice::POPULATE_READ),
            Self::Collapse => advice(Advice::COLLAPSE),
            Self::HugePages => advice(Advice::HUGEPAGE),
            Self::GuardRegions => advice(Advice::GUARD_INSTALL),
            Self::Memfd => memfd(MemfdFlags::CLOEXEC),
            Self::MemfdNoExec => memfd(MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL),
            Self::SecretMemory => sys::memfd_secret(SecretFlags::CLOEXEC).map(close),
            Self::Seal => seal(),
            Self::ProtectionKeys => protection_key(),
            Self::ShadowStack => shadow_stack(),
            Self::NumaPolicy => numa_policy(),
            Self::AnonymousNames => anonymous_names(),
            Self::Cachestat => cachestat(),
            Self::PagemapScan => pagemap_scan(),
            Self::ProcmapQuery => procmap_query(),
            Self::CopyBySystemCall => copy_by_system_call(),
            Self::ProcessAdvise => process_advise(),
            Self::ProcessRelease => process_release(),
            Self::Userfaultfd => userfaultfd(UserfaultFlags::empty(), UserfaultFeatures::empty()),
            Self::UserfaultfdUserMode => {
                userfaultfd(UserfaultFlags::USER_MODE_ONLY, UserfaultFeatures::empty())
            }
            Self::UserfaultfdDevice => userfaultfd_device(),
            Self::UserfaultfdMinor => uffd_feature(UserfaultFeatures::MINOR_SHMEM),
            Self::UserfaultfdPoison => uffd_feature(UserfaultFeatures::POISON),
            Self::UserfaultfdWriteTracking => uffd_feature(UserfaultFeatures::WP_ASYNC),
            Self::UserfaultfdMove => uffd_feature(UserfaultFeatures::MOVE),
        }
    }
}

/// Whether this kernel knows an advice: asked about no byte, each time.
///
/// ```
/// use mman::{Advice, Errno, kernel};
///
/// assert_eq!(kernel::knows_advice(Advice::RANDOM), Ok(()));
/// assert_eq!(kernel::knows_advice(Advice::from_raw(12345)), Err(Errno::EINVAL));
/// ```
///
/// # Errors
///
/// `EINVAL` for what the kernel does not know; `EPERM` for what it does not let this process do.
pub fn knows_advice(about: Advice) -> Result<(), Errno> {
    advice(about)
}

fn owned(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel just made the descriptor for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn close(fd: RawFd) {
    drop(owned(fd));
}

/// A call that is made on nothing: any answer but "no such call" says that it is there.
fn there_unless_enosys<T>(answer: Result<T, Errno>) -> Result<(), Errno> {
    match answer {
        Err(Errno::ENOSYS) => Err(Errno::ENOSYS),
        _ => Ok(()),
    }
}

/// Advice about no bytes: the kernel looks at the number first.
fn advice(advice: Advice) -> Result<(), Errno> {
    // SAFETY: no byte is advised about.
    unsafe { sys::madvise(null_mut(), 0, advice) }
}

fn map_page(options: &MapOptions) -> Result<(), Errno> {
    let page = Anonymous::new(1);
    match options.read_write().map(&page) {
        Ok(_unmapped_again) => Ok(()),
        Err(error) => Err(error.errno().unwrap_or(Errno::EINVAL)),
    }
}

fn fixed_no_replace() -> Result<(), Errno> {
    let taken = Anonymous::new(1).map().map_err(|error| error.errno().unwrap_or(Errno::ENOMEM))?;
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS | MapFlags::FIXED_NOREPLACE;
    let address = taken.as_ptr().cast_mut().cast();
    // SAFETY: nothing is replaced: where the flag is not known, the address is a hint.
    match unsafe { sys::mmap(address, taken.mapped_len(), Prot::NONE, flags, -1, 0) } {
        Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno),
        Ok(elsewhere) => {
            // SAFETY: just mapped, and nobody knows of it.
            let _gone = unsafe { sys::munmap(elsewhere, taken.mapped_len()) };
            Err(Errno::EINVAL)
        }
    }
}

fn keep_old() -> Result<(), Errno> {
    let errno = |error: crate::Error| error.errno().unwrap_or(Errno::ENOMEM);
    let mut memory = Anonymous::new(1).map().map_err(errno)?;
    memory.take_pages().map(drop).map_err(errno)
}

fn remap_file_pages() -> Result<(), Errno> {
    // SAFETY: length 0 is refused.
    let answer = unsafe { sys::remap_file_pages(null_mut(), 0, Prot::NONE, 0, MapFlags::empty()) };
    there_unless_enosys(answer)
}

fn memfd(flags: MemfdFlags) -> Result<(), Errno> {
    const NAME: &CStr = c"mman-probe";
    // SAFETY: the name ends with a zero.
    unsafe { sys::memfd_create(NAME.as_ptr(), flags) }.map(close)
}

fn seal() -> Result<(), Errno> {
    // SAFETY: no byte is sealed.
    unsafe { sys::mseal(null_mut(), 0, 0) }
}

fn protection_key() -> Result<(), Errno> {
    let key = sys::pkey_alloc(0, PkeyRights::UNRESTRICTED)?;
    // SAFETY: no page has the key.
    unsafe { sys::pkey_free(key) }
}

fn shadow_stack() -> Result<(), Errno> {
    let unknown = ShadowStackFlags::from_bits(1 << 63);
    // SAFETY: a flag that does not exist is refused, where shadow stacks do.
    match unsafe { sys::map_shadow_stack(null_mut(), 4096, unknown) } {
        Err(errno @ (Errno::ENOSYS | Errno::EOPNOTSUPP)) => Err(errno),
        _ => Ok(()),
    }
}

fn numa_policy() -> Result<(), Errno> {
    // SAFETY: nothing is to be written.
    unsafe { sys::get_mempolicy(null_mut(), null_mut(), 0, null(), MempolicyFlags::empty()) }
}

fn anonymous_names() -> Result<(), Errno> {
    let memory = Anonymous::new(1).map().map_err(|error| error.errno().unwrap_or(Errno::ENOMEM))?;
    sys::set_anonymous_name(memory.as_ptr().cast(), memory.mapped_len(), Some(c"mman-probe"))
}

fn cachestat() -> Result<(), Errno> {
    let range = CachestatRange::default();
    let mut counts = Cachestat::default();
    // SAFETY: -1 is nobody's descriptor, and is refused.
    there_unless_enosys(unsafe { sys::cachestat(-1, &raw const range, &raw mut counts, 0) })
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO.raw()))
}

fn open(path: &str) -> Result<File, Errno> {
    File::open(path).map_err(|error| errno_of(&error))
}

/// An ioctl that the file does not know is `ENOTTY`.
fn there_unless_enotty<T>(answer: Result<T, Errno>) -> Result<(), Errno> {
    match answer {
        Err(Errno::ENOTTY) => Err(Errno::ENOTTY),
        _ => Ok(()),
    }
}

fn pagemap_scan() -> Result<(), Errno> {
    let file = open("/proc/self/pagemap")?;
    // SAFETY: the file is open.
    there_unless_enotty(unsafe {
        sys::pagemap_scan(file.as_raw_fd(), &mut ScanArg::default(), &mut [])
    })
}

fn procmap_query() -> Result<(), Errno> {
    let file = open("/proc/self/maps")?;
    let mut query = ProcmapQuery::default();
    // SAFETY: the file is open.
    there_unless_enotty(unsafe { sys::procmap_query(file.as_raw_fd(), &mut query, &mut []) })
}

fn copy_by_system_call() -> Result<(), Errno> {
    let byte = 0_u8;
    if copy::can_read((&raw const byte).expose_provenance()) { Ok(()) } else { Err(Errno::EPERM) }
}

fn process_advise() -> Result<(), Errno> {
    // SAFETY: -1 is nobody's descriptor, and is refused.
    there_unless_enosys(unsafe { sys::process_madvise(-1, null(), 0, Advice::COLD, 0) })
}

fn process_release() -> Result<(), Errno> {
    // SAFETY: -1 is nobody's descriptor, and is refused.
    there_unless_enosys(unsafe { sys::process_mrelease(-1, 0) })
}

fn userfaultfd(flags: UserfaultFlags, features: UserfaultFeatures) -> Result<(), Errno> {
    let fd = owned(sys::userfaultfd(flags | UserfaultFlags::CLOEXEC)?);
    // SAFETY: the descriptor is open.
    unsafe { sys::uffd_api(fd.as_raw_fd(), features) }.map(drop)
}

fn uffd_feature(feature: UserfaultFeatures) -> Result<(), Errno> {
    userfaultfd(UserfaultFlags::USER_MODE_ONLY, feature)
}

fn userfaultfd_device() -> Result<(), Errno> {
    let device = File::options().read(true).write(true).open("/dev/userfaultfd");
    let device = device.map_err(|error| errno_of(&error))?;
    // SAFETY: the device is open.
    unsafe { sys::userfaultfd_from_device(device.as_raw_fd(), UserfaultFlags::CLOEXEC) }.map(close)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_its_own_place_in_the_list() {
        for (place, feature) in Feature::ALL.iter().enumerate() {
            assert_eq!(*feature as usize, place, "{feature:?}");
        }
    }

    #[test]
    fn what_every_supported_kernel_has_is_found_and_the_answer_stays() {
        for feature in [Feature::LockOnFault, Feature::Free, Feature::Memfd] {
            assert_eq!(feature.support(), Ok(()), "{feature:?}");
            assert_eq!(feature.support(), Ok(()), "{feature:?} asked again");
        }
    }
}
