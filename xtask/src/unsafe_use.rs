//! Every use of the keyword `unsafe` in a file, by kind.

use crate::rust_file::RustFile;
use crate::token::Tokens;

/// What the keyword introduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Block,
    Function,
    Impl,
    Trait,
    Extern,
    Attribute,
}

/// One use of the keyword.
#[derive(Debug)]
pub(crate) struct UnsafeUse {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// The uses in a file, those inside macros too; the type of a pointer to an unsafe function is none.
pub(crate) fn unsafe_uses(file: &RustFile) -> Vec<UnsafeUse> {
    let tokens = &file.tokens;
    (0..tokens.len())
        .filter(|at| tokens.text(*at) == "unsafe")
        .filter_map(|at| Some(UnsafeUse { kind: kind_of(tokens, at + 1)?, line: tokens.line(at) }))
        .collect()
}

fn kind_of(tokens: &Tokens, at: usize) -> Option<Kind> {
    match tokens.text(at) {
        "fn" if tokens.text(at + 1) == "(" => None,
        "fn" => Some(Kind::Function),
        "impl" => Some(Kind::Impl),
        "trait" | "auto" => Some(Kind::Trait),
        "(" => Some(Kind::Attribute),
        "extern" => {
            let next = if tokens.is_literal(at + 1) { at + 2 } else { at + 1 };
            if tokens.text(next) == "fn" { kind_of(tokens, next) } else { Some(Kind::Extern) }
        }
        _ => Some(Kind::Block),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, unsafe_uses};
    use crate::rust_file::RustFile;

    #[test]
    fn each_kind_is_told() {
        let text = "unsafe fn a() {}\nunsafe extern \"C\" fn b() {}\nunsafe impl T for U {}\n\
                    unsafe trait T {}\nunsafe extern \"C\" { fn c(); }\n#[unsafe(no_mangle)]\n\
                    fn d() { assert!(unsafe { e() }); }\n";
        let kinds: Vec<Kind> = unsafe_uses(&RustFile::new("crates/a/src/b.rs", text))
            .into_iter()
            .map(|found| found.kind)
            .collect();
        let wanted = [
            Kind::Function,
            Kind::Function,
            Kind::Impl,
            Kind::Trait,
            Kind::Extern,
            Kind::Attribute,
            Kind::Block,
        ];
        assert_eq!(kinds, wanted);
    }

    #[test]
    fn words_that_are_no_use_are_not_counted() {
        let text = "//! unsafe { }\n#![deny(unsafe_code)]\n// unsafe fn\n\
                    type A = unsafe extern \"C\" fn(u8);\ntype B = unsafe fn();\n\
                    const C: &str = \"unsafe {}\";\n";
        assert!(unsafe_uses(&RustFile::new("crates/a/src/b.rs", text)).is_empty());
    }
}
