//! What must not stand in code: tests switched off, unfinished parts, platform choices in a body.

use crate::finding::Finding;
use crate::rust_file::{Place, RustFile};

const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// The words a condition inside a body may be made of.
const HARMLESS: &[&str] = &["test", "debug_assertions", "not", "all", "any"];

pub(super) fn check(file: &RustFile) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.place == Place::Elsewhere {
        return found;
    }
    let tokens = &file.tokens;
    for at in 0..tokens.len() {
        let line = tokens.line(at);
        if tokens.are(at, &["#", "["]) && is_ignore(file, at + 1) {
            let message = "a test that is switched off: mend or remove it; one that needs what the \
                           machine lacks prints `skipped: needs X` instead";
            found.push(Finding::new(&file.path, line, message));
        }
        if UNFINISHED.contains(&tokens.text(at)) && tokens.text(at + 1) == "!" {
            let message = format!("`{}!`: finish it, or return an error", tokens.text(at));
            found.push(Finding::new(&file.path, line, message));
        }
    }
    found.extend(conditions(file));
    found
}

fn is_ignore(file: &RustFile, open: usize) -> bool {
    let tokens = &file.tokens;
    match tokens.text(open + 1) {
        "ignore" => true,
        "cfg_attr" => tokens.inside(open).iter().any(|token| token.text == "ignore"),
        _ => false,
    }
}

/// The conditions inside the bodies of functions that choose by platform or feature.
fn conditions(file: &RustFile) -> Vec<Finding> {
    let tokens = &file.tokens;
    let mut found = Vec::new();
    for function in file.functions() {
        for at in function.body {
            let open = if tokens.are(at, &["#", "[", "cfg", "("]) {
                at + 3
            } else if tokens.are(at, &["cfg", "!", "("]) {
                at + 2
            } else {
                continue;
            };
            let line = tokens.line(at);
            let mut words = (open + 1..tokens.close(open)).filter(|word| tokens.is_word(*word));
            if words.any(|word| !HARMLESS.contains(&tokens.text(word))) && !file.is_test(line) {
                let message = "a platform choice inside a body: make the alternatives whole files, \
                               chosen by `#[cfg]` on their `mod` lines";
                found.push(Finding::new(&file.path, line, message));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rust_file::RustFile;

    fn count(text: &str) -> usize {
        check(&RustFile::new("crates/a/src/a.rs", text)).len()
    }

    #[test]
    fn finished_code_passes() {
        assert_eq!(count("#[test]\nfn a() { let ignore = 1; }\n"), 0);
        assert_eq!(count("// todo!()\nfn a() -> &'static str { \"dbg!(b)\" }\n"), 0);
        assert_eq!(count("#[cfg(unix)]\nmod a;\n"), 0);
        assert_eq!(count("fn a() { #[cfg(debug_assertions)] b(); #[cfg(not(test))] c(); }\n"), 0);
    }

    #[test]
    fn tests_switched_off_are_found() {
        assert_eq!(count("#[test]\n#[ignore]\nfn a() {}\n"), 1);
        assert_eq!(count("#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"), 1);
        assert_eq!(count("#[test]\n#[cfg_attr(unix, ignore)]\nfn a() {}\n"), 1);
    }

    #[test]
    fn unfinished_code_is_found() {
        assert_eq!(count("fn a() { todo!() }\n"), 1);
        assert_eq!(count("fn a() { unimplemented!() }\n"), 1);
        assert_eq!(count("fn a() { dbg!(b) }\n"), 1);
    }

    #[test]
    fn platform_choices_in_a_body_are_found() {
        assert_eq!(count("fn a() { #[cfg(unix)] b(); }\n"), 1);
        assert_eq!(count("fn a() { if cfg!(target_arch = \"x86_64\") { b() } }\n"), 1);
        assert_eq!(count("fn a() { #[cfg(all(test, unix))] b(); }\n"), 0);
        assert_eq!(count("fn a() { #[cfg(any(test, unix))] b(); }\n"), 1);
    }
}
