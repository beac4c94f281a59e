//! What memory a mapping uses: the fields of smaps, by name.

use super::line::decimal;
use core::fmt;
use core::str;

/// How the kernel prints a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// In units of 1,024 bytes, with ` kB` after it.
    Kilobytes,
    /// As it is.
    Number,
}

use Unit::{Kilobytes, Number};

macro_rules! fields {
    ($( $(#[$doc:meta])* $method:ident $name:literal $unit:ident; )*) => {
        #[allow(non_camel_case_types, reason = "the names of the methods")]
        #[derive(Clone, Copy)]
        enum Place { $($method,)* }

        /// Every known field in the order in which kernels print them.
        const FIELDS: &[(&str, Unit)] = &[$(($name, $unit),)*];

        impl Usage {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $method(&self) -> Option<u64> {
                    self.at(Place::$method as usize)
                }
            )*
        }
    };
}

fields! {
    /// Its address space, in bytes.
    size "Size" Kilobytes;
    /// The page size that the kernel uses for it, in bytes.
    kernel_page_size "KernelPageSize" Kilobytes;
    /// The page size that the processor uses for it, in bytes.
    mmu_page_size "MMUPageSize" Kilobytes;
    /// Bytes in memory.
    rss "Rss" Kilobytes;
    /// Bytes in memory, each page shared out among all processes that map it.
    pss "Pss" Kilobytes;
    /// Of these, changed ones (6.0).
    pss_dirty "Pss_Dirty" Kilobytes;
    /// Of these, anonymous ones. In the rollup only.
    pss_anonymous "Pss_Anon" Kilobytes;
    /// Of these, ones of files. In the rollup only.
    pss_file "Pss_File" Kilobytes;
    /// Of these, ones of shared memory. In the rollup only.
    pss_shmem "Pss_Shmem" Kilobytes;
    /// Bytes in memory that other processes map too, unchanged.
    shared_clean "Shared_Clean" Kilobytes;
    /// Bytes in memory that other processes map too, changed.
    shared_dirty "Shared_Dirty" Kilobytes;
    /// Bytes in memory that no other process maps, unchanged.
    private_clean "Private_Clean" Kilobytes;
    /// Bytes in memory that no other process maps, changed.
    private_dirty "Private_Dirty" Kilobytes;
    /// Bytes in memory that were touched of late.
    referenced "Referenced" Kilobytes;
    /// Bytes in memory that are of no file: copies of a private file mapping too.
    anonymous "Anonymous" Kilobytes;
    /// Bytes that share their page with equal ones (6.8).
    ksm "KSM" Kilobytes;
    /// Bytes that the process lets go when memory is short (4.12).
    lazy_free "LazyFree" Kilobytes;
    /// Bytes of anonymous memory in huge pages.
    anon_huge "AnonHugePages" Kilobytes;
    /// Bytes of shared memory mapped as huge pages.
    shmem_huge "ShmemPmdMapped" Kilobytes;
    /// Bytes of files mapped as huge pages.
    file_huge "FilePmdMapped" Kilobytes;
    /// Bytes in pages of the huge page pool that other processes map too. Not in the RSS.
    shared_hugetlb "Shared_Hugetlb" Kilobytes;
    /// Bytes in pages of the huge page pool that no other process maps. Not in the RSS.
    private_hugetlb "Private_Hugetlb" Kilobytes;
    /// Bytes in swap.
    swap "Swap" Kilobytes;
    /// Bytes in swap, each page shared out among its processes.
    swap_pss "SwapPss" Kilobytes;
    /// Bytes locked into memory, each page shared out among its processes.
    locked "Locked" Kilobytes;
    /// 1 where it can have transparent huge pages, else 0: see [`is_thp_eligible`](Self::is_thp_eligible).
    thp_eligible "THPeligible" Number;
    /// The number of its protection key, where the processor has them.
    protection_key "ProtectionKey" Number;
}

/// The number of known fields.
const KNOWN: usize = FIELDS.len();

/// Bytes of a line with its newline: a label, a number to the right of 8 columns (if it fits), ` kB`.
pub(super) const COLUMNS: usize = LABEL + 8 + 4;
const LABEL: usize = 16;

/// The labels as they are printed: a name, a colon, spaces.
#[expect(
    clippy::indexing_slicing,
    reason = "made by the compiler, which refuses what is out of bounds"
)]
const LABELS: [[u8; LABEL]; KNOWN] = {
    let mut labels = [[b' '; LABEL]; KNOWN];
    let mut place = 0;
    while place < KNOWN {
        let name = FIELDS[place].0.as_bytes();
        let mut at = 0;
        while at < name.len() {
            labels[place][at] = name[at];
            at += 1;
        }
        labels[place][at] = b':';
        place += 1;
    }
    labels
};

/// What memory a mapping uses, or a whole process: the fields of smaps.
/// [proc_pid_smaps(5)](https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html)
///
/// Numbers are bytes, but for [`thp_eligible`](Self::thp_eligible) and [`protection_key`](Self::protection_key).
/// `None` is a field that this kernel does not print. What a later kernel prints besides is among
/// [`others`](Self::others).
///
/// ```
/// use mman::process::Process;
///
/// let usage = Process::myself().smaps_rollup()?;
/// assert!(usage.rss() > Some(0) && usage.pss() <= usage.rss());
/// assert_eq!(usage.field("Rss"), usage.rss());
/// # Ok::<(), mman::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Usage {
    numbers: [u64; KNOWN],
    /// Bit `n`: field `n` was printed.
    printed: u32,
    /// Where in the table the next field is, most likely.
    expected: usize,
    /// Lines that are not in the table, newlines between them.
    others: Vec<u8>,
    flags: VmFlags,
    /// Whether there were flags.
    flagged: bool,
    lines: u32,
}

/// A bit for each known field.
const _: () = assert!(KNOWN <= u32::BITS as usize, "the fields have a bit each");

impl Usage {
    pub(super) fn clear(&mut self) {
        self.printed = 0;
        self.expected = 0;
        self.lines = 0;
        self.others.clear();
        self.flags.0.clear();
        self.flagged = false;
        // What is not printed is 0 here, so that equal usages are equal.
        self.numbers = [0; KNOWN];
    }

    /// How many lines told of it.
    pub(super) const fn lines(&self) -> u32 {
        self.lines
    }

    /// Takes a line over; `None` where no kernel prints it.
    #[inline]
    pub(super) fn take(&mut self, line: &[u8]) -> Option<()> {
        self.lines = self.lines.saturating_add(1);
        if let Some(flags) = line.strip_prefix(b"VmFlags:") {
            return self.take_flags(flags);
        }
        let Some((place, value)) = self.known(line) else { return self.take_other(line) };
        let (_, unit) = FIELDS.get(place)?;
        let digits = after_spaces(value);
        let number = match unit {
            Kilobytes => decimal(digits.strip_suffix(b" kB")?)?.checked_mul(1024)?,
            Number => decimal(digits)?,
        };
        self.set(place, number)
    }

    /// Takes a line over that is the expected one, in the columns in which kernels print it, its newline with it;
    /// `None`, and nothing is changed, where it is not.
    #[inline]
    pub(super) fn take_columns(&mut self, line: &[u8; COLUMNS]) -> Option<()> {
        let (label, rest) = line.split_first_chunk::<LABEL>()?;
        let (digits, unit) = rest.split_first_chunk::<8>()?;
        // The rollup alone has three fields that are passed over elsewhere.
        let is = |place: &usize| LABELS.get(*place) == Some(label);
        let place = [self.expected, self.expected.saturating_add(3)].into_iter().find(is)?;
        if unit != b" kB\n" {
            return None;
        }
        let number = if digits == b"       0" { 0 } else { decimal(after_spaces(digits))? };
        self.set(place, number.checked_mul(1024)?)?;
        self.lines = self.lines.saturating_add(1);
        Some(())
    }

    #[inline]
    fn set(&mut self, place: usize, number: u64) -> Option<()> {
        let bit = bit(place)?;
        if self.printed & bit != 0 {
            return None;
        }
        self.printed |= bit;
        *self.numbers.get_mut(place)? = number;
        self.expected = place.saturating_add(1);
        Some(())
    }

    #[inline]
    fn take_flags(&mut self, flags: &[u8]) -> Option<()> {
        if !flags.is_ascii() || self.flagged {
            return None;
        }
        self.flagged = true;
        self.flags.0.extend_from_slice(flags);
        Some(())
    }

    /// The place of a line's field in the table, and what comes after its colon.
    #[inline]
    fn known<'line>(&self, line: &'line [u8]) -> Option<(usize, &'line [u8])> {
        let after = |name: &str| line.strip_prefix(name.as_bytes())?.strip_prefix(b":");
        if let Some((name, _)) = FIELDS.get(self.expected)
            && let Some(value) = after(name)
        {
            return Some((self.expected, value));
        }
        FIELDS.iter().enumerate().find_map(|(place, (name, _))| Some((place, after(name)?)))
    }

    #[inline]
    fn take_other(&mut self, line: &[u8]) -> Option<()> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = str::from_utf8(line.get(..colon)?).ok()?;
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !named || str::from_utf8(line).is_err() || self.other(name).is_some() {
            return None;
        }
        if !self.others.is_empty() {
            self.others.push(b'\n');
        }
        self.others.extend_from_slice(line);
        Some(())
    }

    fn at(&self, place: usize) -> Option<u64> {
        if self.printed & bit(place)? == 0 {
            return None;
        }
        self.numbers.get(place).copied()
    }

    fn other(&self, name: &str) -> Option<&str> {
        self.others().find_map(|(other, value)| (other == name).then_some(value))
    }

    /// A field by the kernel's name for it, in bytes where the kernel says `kB`; `None` where it is not printed or
    /// is no number.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<u64> {
        if let Some(place) = FIELDS.iter().position(|(known, _)| *known == name) {
            return self.at(place);
        }
        let value = self.other(name)?.as_bytes();
        match value.strip_suffix(b" kB") {
            Some(digits) => decimal(digits)?.checked_mul(1024),
            None => decimal(value),
        }
    }

    /// The known fields that were printed, by the kernel's names.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let all = FIELDS.iter().enumerate();
        all.filter_map(|(place, (name, _))| Some((*name, self.at(place)?)))
    }

    /// The fields that this crate does not know, and what stands there.
    pub fn others(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        let lines = str::from_utf8(&self.others).unwrap_or_default().split('\n');
        lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name, value.trim_ascii()))
    }

    /// Whether it can have transparent huge pages.
    #[must_use]
    pub fn is_thp_eligible(&self) -> bool {
        self.thp_eligible() == Some(1)
    }

    /// The kernel's flags of the mapping; none of a rollup.
    #[must_use]
    pub const fn flags(&self) -> &VmFlags {
        &self.flags
    }
}

/// Spaces only: in a line that was not searched for its newline, that is none.
fn after_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    text.get(spaces..).unwrap_or_default()
}

fn bit(place: usize) -> Option<u32> {
    1_u32.checked_shl(u32::try_from(place).ok()?)
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Usage");
        for (name, number) in self.fields() {
            shown.field(name, &number);
        }
        for (name, value) in self.others() {
            shown.field(name, &value);
        }
        shown.field("VmFlags", &self.flags).finish()
    }
}

/// The kernel's flags of a mapping (`VmFlags`): an open set of codes, of two letters as yet.
///
/// `lo` is locked, `lf` locked on fault, `ht` of the huge page pool, `hg` and `nh` advised to have huge pages
/// or none, `io` of a device, `sl` sealed, `dd` not in core dumps, `dc` not in a fork, `gd` grows down.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct VmFlags(Vec<u8>);

impl VmFlags {
    /// Whether a code is in the set.
    #[must_use]
    pub fn contains(&self, code: &str) -> bool {
        self.iter().any(|flag| flag == code)
    }

    /// All codes, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + '_ {
        str::from_utf8(&self.0).unwrap_or_default().split_ascii_whitespace()
    }
}

impl fmt::Debug for VmFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
