//! How a map may grow.

use mman::Growth;

/// How `remap` may go about it: in place, unless told otherwise. [mremap(2)](https://man7.org/linux/man-pages/man2/mremap.2.html)
///
/// ```
/// use mman_memmap2::{MmapMut, RemapOptions};
///
/// let mut memory = MmapMut::map_anon(10)?;
/// memory.fill(1);
/// // SAFETY: anonymous memory has no end that could be passed.
/// unsafe { memory.remap(1 << 20, RemapOptions::new().may_move(true))? };
/// assert_eq!((memory.len(), memory[9], memory[1 << 19]), (1 << 20, 1, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RemapOptions {
    may_move: bool,
}

impl RemapOptions {
    /// In place.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the map may go elsewhere where there is no room for it to grow.
    #[must_use]
    pub fn may_move(self, may_move: bool) -> Self {
        Self { may_move }
    }

    pub(crate) const fn growth(self) -> Growth {
        if self.may_move { Growth::MayMove } else { Growth::InPlace }
    }
}
