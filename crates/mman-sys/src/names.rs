//! Open numbers with names: how a kernel word prints, and the two shapes that all of them have.

use core::fmt;

/// One name of a word: it holds where `bits & mask == value`.
pub(crate) struct Name {
    pub(crate) mask: u64,
    pub(crate) value: u64,
    pub(crate) name: &'static str,
}

/// Writes `Type(A | B | 0x800)`: the names that hold, then what is left as a number.
pub(crate) fn write_flags(
    f: &mut fmt::Formatter<'_>,
    type_name: &str,
    bits: u64,
    names: &[Name],
) -> fmt::Result {
    write!(f, "{type_name}(")?;
    let mut left = bits;
    let mut separator = "";
    for Name { mask, value, name } in names {
        let zero_names_all = *value == 0 && bits == 0;
        if zero_names_all || (*value != 0 && left & mask == *value) {
            write!(f, "{separator}{name}")?;
            separator = " | ";
            left &= !mask;
        }
    }
    if left != 0 || separator.is_empty() {
        write!(f, "{separator}{left:#x}")?;
    }
    f.write_str(")")
}

/// A word made of bits (and of small fields of bits, given with their mask).
macro_rules! bit_flags {
    (
        $(#[$doc:meta])*
        $type:ident($int:ty) {
            $( $(#[$item_doc:meta])* $name:ident = $value:expr $(, mask $mask:expr)?; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(transparent)]
        pub struct $type($int);

        impl $type {
            $(
                $(#[$item_doc])*
                #[allow(clippy::cast_possible_wrap, reason = "the header's number in the word's own type")]
                pub const $name: Self = Self($value as $int);
            )*

            #[allow(clippy::cast_lossless, reason = "some words have 64 bits, some 32")]
            const NAMES: &'static [$crate::names::Name] = &[
                $( $crate::names::Name {
                    mask: $crate::names::mask_of($value as u64, &[$($mask as u64)?]),
                    value: $value as u64,
                    name: stringify!($name),
                }, )*
            ];

            /// No bit set.
            #[must_use]
            #[inline]
            pub const fn empty() -> Self {
                Self(0)
            }

            /// The word with exactly these bits, known or not.
            #[must_use]
            #[inline]
            pub const fn from_bits(bits: $int) -> Self {
                Self(bits)
            }

            /// The number the kernel sees.
            #[must_use]
            #[inline]
            pub const fn bits(self) -> $int {
                self.0
            }

            /// Whether every bit of `other` is set here.
            #[must_use]
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits of both.
            #[must_use]
            #[inline]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The bits of this word that are not in `other`.
            #[must_use]
            #[inline]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether no bit is set.
            #[must_use]
            #[inline]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl core::ops::BitOr for $type {
            type Output = Self;
            #[inline]
            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl core::ops::BitOrAssign for $type {
            #[inline]
            fn bitor_assign(&mut self, other: Self) {
                *self = self.union(other);
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::names::write_flags(f, stringify!($type), u64::from(self.0), Self::NAMES)
            }
        }
    };
}

/// A word that is one of many numbers.
macro_rules! open_number {
    (
        $(#[$doc:meta])*
        $type:ident($int:ty) {
            $( $(#[$item_doc:meta])* $name:ident = $value:expr; )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $type($int);

        impl $type {
            $(
                $(#[$item_doc])*
                #[allow(clippy::cast_possible_wrap, reason = "the header's number in the word's own type")]
                pub const $name: Self = Self($value as $int);
            )*

            /// The number as it is, known or not.
            #[must_use]
            #[inline]
            pub const fn from_raw(raw: $int) -> Self {
                Self(raw)
            }

            /// The number the kernel sees.
            #[must_use]
            #[inline]
            pub const fn raw(self) -> $int {
                self.0
            }

            /// The name in the kernel's headers, without its prefix; `None` for a number that has none here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $( Self::$name => Some(stringify!($name)), )*
                    _ => None,
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($type), "({})"), self.0),
                }
            }
        }
    };
}

/// A flag is its own mask unless the table gives one.
pub(crate) const fn mask_of(value: u64, given: &[u64]) -> u64 {
    match given {
        [mask, ..] => *mask,
        [] => value,
    }
}

pub(crate) use {bit_flags, open_number};

#[cfg(test)]
mod tests {
    use crate::{Advice, Errno, MapFlags, Prot};
    use std::format;

    #[test]
    fn fields_print_as_one_name_and_strangers_as_numbers() {
        assert_eq!(format!("{:?}", MapFlags::SHARED_VALIDATE), "MapFlags(SHARED_VALIDATE)");
        assert_eq!(
            format!("{:?}", MapFlags::HUGETLB | MapFlags::HUGE_1MB | MapFlags::PRIVATE),
            "MapFlags(PRIVATE | HUGETLB | HUGE_1MB)"
        );
        // log2 17 is a huge page size that no machine has: it must not print as one that exists.
        assert_eq!(format!("{:?}", MapFlags::from_bits(17 << 26)), "MapFlags(0x44000000)");
        assert_eq!(format!("{:?}", Prot::NONE), "Prot(NONE)");
        assert_eq!(format!("{:?}", MapFlags::empty()), "MapFlags(0x0)");
        assert_eq!(format!("{:?}", Advice::from_raw(4711)), "Advice(4711)");
        assert_eq!(format!("{:?}", Errno::ENOMEM), "ENOMEM");
    }
}
