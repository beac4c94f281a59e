//! One row of the table: a number of ours and the C expression that must be equal to it.

/// Two sets of headers that one C file cannot include together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// `<sys/mman.h>` and its like.
    Library,
    /// `<linux/mman.h>`, `<asm/mman.h>` and their like.
    Kernel,
}

impl Set {
    pub(crate) const BOTH: [Self; 2] = [Self::Library, Self::Kernel];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Library => "the C library's headers",
            Self::Kernel => "the kernel's headers",
        }
    }

    /// A count that any installed headers exceed.
    pub(crate) const fn at_least(self) -> usize {
        match self {
            Self::Library => 250,
            Self::Kernel => 400,
        }
    }
}

/// Where the C expression can be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// It is a macro: in either set, if it is defined there.
    Defined,
    /// No macro: in this set, where the preprocessor finds the condition true.
    In(Set, &'static str),
}

/// No macro, and in the kernel's headers for longer than any that are in use.
pub(crate) const KERNEL: When = When::In(Set::Kernel, "1");
/// No macro, and always in the C library's headers.
pub(crate) const LIBRARY: When = When::In(Set::Library, "1");

#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What it is here: `Type::NAME`, `Type.field`, `size of Type`.
    pub(crate) ours: String,
    /// The C expression, mostly a name.
    pub(crate) c: String,
    pub(crate) value: i128,
    pub(crate) when: When,
}

impl Row {
    pub(crate) fn new(ours: &str, c: &str, value: impl TryInto<i128>, when: When) -> Self {
        let Ok(value) = value.try_into() else { panic!("{ours} is no number of 128 bits") };
        Self { ours: ours.to_owned(), c: c.to_owned(), value, when }
    }

    pub(crate) fn is_in(&self, wanted: Set) -> bool {
        match self.when {
            When::Defined => true,
            When::In(set, _) => set == wanted,
        }
    }

    /// The C statement that prints the row.
    pub(crate) fn statement(&self) -> String {
        let c = &self.c;
        let condition = match self.when {
            When::Defined => format!("defined {c}"),
            When::In(_, condition) => condition.to_owned(),
        };
        format!("#if {condition}\n\tprintf(\"%s\\t%lld\\n\", \"{c}\", (long long)({c}));\n#endif\n")
    }
}

/// Rows of one type's constants: `names!(rows, Defined, Prot.bits(), "PROT_": READ, ...)`; where the C
/// name is not prefix and name, `READ as "F_RDLCK"`.
macro_rules! names {
    ($rows:ident, $when:expr, $type:ident.$read:ident(), $prefix:literal:
     $($name:ident $(as $c:literal)?),+ $(,)?) => {
        $(
            $rows.push($crate::row::Row::new(
                concat!(stringify!($type), "::", stringify!($name)),
                $crate::row::names!(@c $prefix, $name $(, $c)?),
                mman_sys::$type::$name.$read(),
                $when,
            ));
        )+
    };
    (@c $prefix:literal, $name:ident) => { concat!($prefix, stringify!($name)) };
    (@c $prefix:literal, $name:ident, $c:literal) => { $c };
}

/// Rows of names that the source takes from `linux-raw-sys` itself.
macro_rules! taken {
    ($rows:ident, $module:ident: $($name:ident),+ $(,)?) => {
        $(
            $rows.push($crate::row::Row::new(
                concat!(stringify!($module), "::", stringify!($name)),
                stringify!($name),
                linux_raw_sys::$module::$name,
                $crate::row::When::Defined,
            ));
        )+
    };
}

/// Rows of a struct: its size, its alignment, and where its fields are.
macro_rules! layout {
    ($rows:ident, $when:expr, $type:ident = $c:literal { $($field:ident = $c_field:literal),* $(,)? }) => {
        $rows.push($crate::row::Row::new(
            concat!("size of ", stringify!($type)),
            concat!("sizeof(", $c, ")"),
            size_of::<$type>(),
            $when,
        ));
        $(
            $rows.push($crate::row::Row::new(
                concat!(stringify!($type), ".", stringify!($field)),
                concat!("offsetof(", $c, ", ", $c_field, ")"),
                core::mem::offset_of!($type, $field),
                $when,
            ));
        )*
    };
    ($rows:ident, $when:expr, aligned $type:ident = $c:literal { $($field:ident = $c_field:literal),* $(,)? }) => {
        $rows.push($crate::row::Row::new(
            concat!("alignment of ", stringify!($type)),
            concat!("_Alignof(", $c, ")"),
            align_of::<$type>(),
            $when,
        ));
        $crate::row::layout!($rows, $when, $type = $c { $($field = $c_field),* });
    };
}

pub(crate) use {layout, names, taken};
