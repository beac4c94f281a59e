//! On which nodes of the machine memory is.
#![expect(unsafe_code, reason = "lets the kernel fill a set of its own about pages of an area")]

use crate::area::Area;
use crate::error::{Cause, Error, Operation, Result};
use crate::explain;
use crate::page::PageRange;
use crate::pages::Pages;
use crate::pages::node_set::{NodeSet, WORDS};
use core::ops::RangeBounds;
use mman_sys as sys;
use mman_sys::{Errno, MbindFlags, MemPolicy, MempolicyFlags};

/// Where the pages of a range come from, when they are first touched. [mbind(2)](https://man7.org/linux/man-pages/man2/mbind.2.html)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumaPolicy {
    /// As the thread's own policy says.
    Default,
    /// This node, others when it is full.
    Preferred(usize),
    /// These nodes and no others: when they are full, memory is out.
    Bind(NodeSet),
    /// These nodes in turn, page by page.
    Interleave(NodeSet),
    /// The node of the processor that touches first.
    Local,
    /// These nodes, the nearest first; others when they are full (5.15).
    PreferredMany(NodeSet),
    /// These nodes in turn, by the weights under `/sys/kernel/mm/mempolicy` (6.9).
    WeightedInterleave(NodeSet),
}

impl NumaPolicy {
    /// The kernel's words for it. `None` where a node cannot be.
    fn words(self) -> Option<(MemPolicy, NodeSet)> {
        Some(match self {
            Self::Default => (MemPolicy::DEFAULT, NodeSet::new()),
            Self::Local => (MemPolicy::LOCAL, NodeSet::new()),
            Self::Preferred(node) => (MemPolicy::PREFERRED, NodeSet::new().with(node)?),
            Self::Bind(nodes) => (MemPolicy::BIND, nodes),
            Self::Interleave(nodes) => (MemPolicy::INTERLEAVE, nodes),
            Self::PreferredMany(nodes) => (MemPolicy::PREFERRED_MANY, nodes),
            Self::WeightedInterleave(nodes) => (MemPolicy::WEIGHTED_INTERLEAVE, nodes),
        })
    }

    /// What the kernel's words mean. `None` for a policy that has no name here.
    fn from_words(mode: MemPolicy, nodes: NodeSet) -> Option<Self> {
        Some(match (mode, nodes.iter().next()) {
            (MemPolicy::DEFAULT, _) => Self::Default,
            (MemPolicy::LOCAL, _) | (MemPolicy::PREFERRED, None) => Self::Local,
            (MemPolicy::PREFERRED, Some(node)) => Self::Preferred(node),
            (MemPolicy::BIND, _) => Self::Bind(nodes),
            (MemPolicy::INTERLEAVE, _) => Self::Interleave(nodes),
            (MemPolicy::PREFERRED_MANY, _) => Self::PreferredMany(nodes),
            (MemPolicy::WEIGHTED_INTERLEAVE, _) => Self::WeightedInterleave(nodes),
            _ => return None,
        })
    }

    const fn needs_nodes(self) -> bool {
        !matches!(self, Self::Default | Self::Local)
    }
}

/// What becomes of pages that are in memory already, on other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// They stay where they are.
    Nothing,
    /// Those that only this process maps are moved, as far as the kernel can.
    Ours,
}

/// One more than there are bits in a set: the kernel counts so.
const MAX_NODE: usize = NodeSet::LIMIT + 1;

impl Pages<'_> {
    /// Says from which nodes pages come. Rounded outwards to pages. No byte changes.
    ///
    /// ```
    /// use mman::{Anonymous, Cause, Move, NodeSet, NumaPolicy};
    ///
    /// let memory = Anonymous::new(1 << 20).map()?;
    /// let policy = NumaPolicy::Interleave(NodeSet::online());
    /// match memory.pages().bind(.., policy, Move::Nothing) {
    ///     Ok(()) => assert_eq!(memory.pages().numa_policy(0)?, policy),
    ///     Err(error) => assert_eq!(error.cause(), Cause::NotSupported),
    /// }
    /// # Ok::<(), mman::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Cause::NoSuchNode`]: the set is empty, or the machine has not all of it; [`Cause::NotSupported`]: the kernel
    /// knows no nodes, or not this policy; [`Cause::MapCountLimit`].
    pub fn bind(
        &self,
        range: impl RangeBounds<usize>,
        policy: NumaPolicy,
        pages_there: Move,
    ) -> Result<()> {
        let pages = self.covering(Operation::Bind, &range)?;
        bind(self.area, pages, policy, pages_there).map_err(|error| self.told(error))
    }

    /// The policy that was said for the page of a byte: [`NumaPolicy::Default`] where none was.
    /// [get_mempolicy(2)](https://man7.org/linux/man-pages/man2/get_mempolicy.2.html)
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NotSupported`]: the kernel knows no nodes, or the policy is one that this crate does
    /// not know.
    pub fn numa_policy(&self, at: usize) -> Result<NumaPolicy> {
        let (mode, nodes) = self.ask_policy(at, MempolicyFlags::ADDR)?;
        NumaPolicy::from_words(MemPolicy::from_raw(mode), nodes)
            .ok_or_else(|| Error::new(Operation::Bind, self.kind(), Cause::NotSupported))
    }

    /// The node that the page of a byte is on. A page that is not in memory is brought there first.
    ///
    /// # Errors
    ///
    /// [`Cause::Range`]; [`Cause::NotSupported`]; [`Cause::Denied`] and [`Cause::Truncated`] where there is no page.
    pub fn node_of(&self, at: usize) -> Result<usize> {
        let flags = MempolicyFlags::ADDR | MempolicyFlags::NODE;
        let (node, _) = self.ask_policy(at, flags)?;
        usize::try_from(node)
            .map_err(|_| Error::new(Operation::Bind, self.kind(), Cause::NoSuchNode))
    }

    fn ask_policy(&self, at: usize, flags: MempolicyFlags) -> Result<(u32, NodeSet)> {
        let bytes = self.bytes(Operation::Bind, &(at..at.saturating_add(1)))?;
        let pages = self.covering(Operation::Bind, &bytes)?;
        let mut mode = 0_u32;
        let mut words = [0_u64; WORDS];
        // With `NODE` the kernel wants no set.
        let (set, bits) = if flags.contains(MempolicyFlags::NODE) {
            (core::ptr::null_mut(), 0)
        } else {
            (words.as_mut_ptr(), MAX_NODE)
        };
        let answer = self.area.ask(pages, |start, _| {
            // SAFETY: `mode` is a number of ours, and the set null or of so many bits.
            unsafe { sys::get_mempolicy(&raw mut mode, set, bits, start, flags) }
        });
        answer.map_err(|errno| {
            let address = self.area.addresses(pages).start;
            let cause = match errno {
                Errno::ENOSYS => Cause::NotSupported,
                Errno::EFAULT => explain::fault(address, pages.start() as u64),
                _ => Cause::Kernel,
            };
            let error = Error::kernel(Operation::Bind, self.kind(), errno).because(cause);
            self.told(error.on(pages.start() as u64, pages.len() as u64))
        })?;
        Ok((mode, NodeSet::from_words(words)))
    }
}

/// Binds pages of an area.
pub(crate) fn bind(
    area: &Area,
    pages: PageRange,
    policy: NumaPolicy,
    pages_there: Move,
) -> Result<()> {
    let Some((mode, nodes)) = policy.words() else {
        return Err(Error::new(Operation::Bind, area.kind(), Cause::NoSuchNode));
    };
    let words = nodes.words();
    let (set, bits) =
        if policy.needs_nodes() { (words.as_ptr(), MAX_NODE) } else { (core::ptr::null(), 0) };
    let flags = match pages_there {
        Move::Nothing => MbindFlags::empty(),
        Move::Ours => MbindFlags::MOVE,
    };
    let answer = area.ask(pages, |start, len| sys::mbind(start, len, mode, set, bits, flags));
    answer.map_err(|errno| {
        let error = area.error(Operation::Bind, pages, errno);
        match errno {
            Errno::ENOSYS => error.because(Cause::NotSupported),
            Errno::EFAULT => error.because(Cause::NotMapped),
            Errno::EINVAL if policy.needs_nodes() && !nodes.can_be_used() => {
                error.because(Cause::NoSuchNode)
            }
            Errno::EINVAL => error.because(Cause::NotSupported),
            _ => error,
        }
    })
}
