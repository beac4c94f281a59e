//! What can be wrong with a table.

use core::fmt;

/// What was found wrong with a table, which only somebody who may write to it can have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It does not begin as a table does, or is one of units of another size.
    Head,
    /// It is of a format that this version of the library does not know: an older or a newer one made it.
    Format,
    /// It, or the store, is shorter than it says.
    Truncated,
    /// It is the table of another store.
    Store,
    /// The map of used units and the entries contradict each other. It is made anew from the entries.
    Units,
    /// The tree of free runs and the map contradict each other. It is made anew.
    Tree,
    /// An entry of ours is not what we wrote.
    Entry,
    /// The lock was taken away from us.
    Lock,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Head => "it does not begin as a table of such a pool does",
            Self::Format => {
                "it is of the format of another version; it goes when its file is removed"
            }
            Self::Truncated => "it or its store was cut short",
            Self::Store => "it is the table of another store",
            Self::Units => "its map of units contradicts its entries; it was made anew",
            Self::Tree => "its tree of free runs contradicted its map; it was made anew",
            Self::Entry => "an entry of this process was changed by somebody else",
            Self::Lock => "its lock was taken away",
        })
    }
}
