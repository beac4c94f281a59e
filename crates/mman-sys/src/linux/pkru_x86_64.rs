//! The register of protection keys on x86-64: two bits for each of 16 keys.
#![expect(unsafe_code, reason = "reads and writes the PKRU register")]

use crate::{Errno, PkeyRights};
use core::arch::asm;
use core::arch::x86_64::__cpuid_count;
use core::sync::atomic::{AtomicU8, Ordering};

/// Keys are 0 to 15.
const KEYS: u32 = 16;
/// CPUID leaf 7, ECX bit 4: the kernel has switched the register on (Intel SDM, volume 2, CPUID).
const OSPKE: u32 = 1 << 4;

/// Whether the register is there: 0 not asked yet, 1 no, 2 yes. Any thread may ask; all get one answer.
static PRESENT: AtomicU8 = AtomicU8::new(0);

fn require_register() -> Result<(), Errno> {
    let known = match PRESENT.load(Ordering::Relaxed) {
        0 => {
            let answer = if __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).ecx & OSPKE != 0 {
                2
            } else {
                1
            };
            PRESENT.store(answer, Ordering::Relaxed);
            answer
        }
        known => known,
    };
    if known == 2 { Ok(()) } else { Err(Errno::ENOSYS) }
}

/// Where a key's two bits stand.
fn shift_of(key: i32) -> Result<u32, Errno> {
    match u32::try_from(key) {
        Ok(key) if key < KEYS => Ok(key << 1),
        _ => Err(Errno::EINVAL),
    }
}

fn read() -> u32 {
    let value: u32;
    // SAFETY: called only where the register is there; reading it changes nothing but EDX, which is named.
    unsafe {
        asm!("rdpkru", in("ecx") 0, out("eax") value, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    value
}

/// See [`crate::pkey_get`].
pub(super) fn get(key: i32) -> Result<PkeyRights, Errno> {
    let shift = shift_of(key)?;
    require_register()?;
    Ok(PkeyRights::from_bits(read() >> shift & 3))
}

/// See [`crate::pkey_set`].
///
/// # Safety
///
/// That of [`crate::pkey_set`].
pub(super) unsafe fn set(key: i32, rights: PkeyRights) -> Result<(), Errno> {
    let shift = shift_of(key)?;
    if rights.bits() > 3 {
        return Err(Errno::EINVAL);
    }
    require_register()?;
    let value = read() & !(3 << shift) | rights.bits() << shift;
    // SAFETY: the register is there; memory is not marked untouched, since what may be touched changes,
    // and the caller promises that nobody holds references that this makes untrue.
    unsafe {
        asm!("wrpkru", in("eax") value, in("ecx") 0, in("edx") 0, options(nostack, preserves_flags))
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_outside_the_register_are_refused_before_it_is_read() {
        assert_eq!(get(-1), Err(Errno::EINVAL));
        assert_eq!(get(16), Err(Errno::EINVAL));
        // SAFETY: refused, so no access changes.
        let answer = unsafe { set(3, PkeyRights::from_bits(4)) };
        assert_eq!(answer, Err(Errno::EINVAL));
    }

    #[test]
    fn without_the_register_the_answer_is_enosys_and_no_illegal_instruction() {
        match get(0) {
            Ok(rights) => assert_eq!(rights, PkeyRights::UNRESTRICTED, "key 0 is everybody's"),
            Err(errno) => assert_eq!(errno, Errno::ENOSYS),
        }
    }
}
