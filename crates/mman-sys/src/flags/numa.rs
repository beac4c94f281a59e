//! Where memory comes from on a machine with several nodes.

use crate::names::{bit_flags, open_number};
use linux_raw_sys::mempolicy;

open_number! {
    /// Where pages come from. [set_mempolicy(2)](https://man7.org/linux/man-pages/man2/set_mempolicy.2.html)
    ///
    /// The mode flags (`MPOL_F_*`) are added to the number.
    MemPolicy(u32) {
        /// The node of the thread that touches first.
        DEFAULT = mempolicy::MPOL_DEFAULT;
        /// One node, others when it is full.
        PREFERRED = mempolicy::MPOL_PREFERRED;
        /// These nodes only.
        BIND = mempolicy::MPOL_BIND;
        /// These nodes in turn.
        INTERLEAVE = mempolicy::MPOL_INTERLEAVE;
        /// The nearest node.
        LOCAL = mempolicy::MPOL_LOCAL;
        /// These nodes, others when they are full (5.15).
        PREFERRED_MANY = mempolicy::MPOL_PREFERRED_MANY;
        /// These nodes in turn, by weight (6.9).
        WEIGHTED_INTERLEAVE = mempolicy::MPOL_WEIGHTED_INTERLEAVE;
    }
}

bit_flags! {
    /// What `mbind` does with pages that are there. [mbind(2)](https://man7.org/linux/man-pages/man2/mbind.2.html)
    MbindFlags(u32) {
        /// `EIO` where a page is elsewhere.
        STRICT = mempolicy::MPOL_MF_STRICT;
        /// Move pages that only this process maps.
        MOVE = mempolicy::MPOL_MF_MOVE;
        /// Move all pages (CAP_SYS_NICE).
        MOVE_ALL = mempolicy::MPOL_MF_MOVE_ALL;
    }
}

bit_flags! {
    /// What `get_mempolicy` asks. [get_mempolicy(2)](https://man7.org/linux/man-pages/man2/get_mempolicy.2.html)
    MempolicyFlags(u32) {
        /// The node, not the policy.
        NODE = mempolicy::MPOL_F_NODE;
        /// Of an address.
        ADDR = mempolicy::MPOL_F_ADDR;
        /// The nodes the thread may use.
        MEMS_ALLOWED = mempolicy::MPOL_F_MEMS_ALLOWED;
    }
}
