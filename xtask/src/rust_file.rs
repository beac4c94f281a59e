//! A Rust file of the tree: where it stands, its functions, its attributes, and which lines are tests.

use std::ops::{Range, RangeInclusive};

use crate::token::Tokens;

/// Which part of a package a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `src/**` and `build.rs`.
    Src,
    /// `tests/**`, `benches/**` and `examples/**`.
    Tests,
    /// Anything else.
    Elsewhere,
}

/// A function with a body.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
    pub(crate) body: Range<usize>,
}

/// A Rust file, read.
#[derive(Debug)]
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) package: String,
    pub(crate) place: Place,
    pub(crate) tokens: Tokens,
    /// The line at which the file stops being Rust.
    pub(crate) broken: Option<usize>,
    /// A file that only a `#[cfg(test)] mod` line brings in.
    pub(crate) is_test_module: bool,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl RustFile {
    /// Reads a file; the path is relative to the root of the workspace.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (package, place) = locate(path);
        let (tokens, broken) = match Tokens::read(text) {
            Ok(tokens) => (tokens, None),
            Err(line) => (Tokens::default(), Some(line)),
        };
        let (path, text) = (path.to_owned(), text.to_owned());
        let test_lines = test_lines(&tokens);
        let is_test_module = false;
        Self { path, text, package, place, tokens, broken, is_test_module, test_lines }
    }

    /// Whether a line is test code: of a test file, or under `#[cfg(test)]` or `#[test]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.place == Place::Tests
            || self.is_test_module
            || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// How many lines of a source file are not test code.
    pub(crate) fn lines_without_tests(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// Whether the file's head has `#![LEVEL(LINT, ...)]`, with these words among its arguments.
    pub(crate) fn has_inner_attribute(&self, level: &str, words: &[&str]) -> bool {
        let tokens = &self.tokens;
        (0..tokens.len()).filter(|at| tokens.are(*at, &["#", "!", "[", level, "("])).any(|at| {
            words.iter().all(|word| tokens.inside(at + 4).iter().any(|token| token.text == *word))
        })
    }

    /// All functions with bodies, those inside macros and other functions too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let tokens = &self.tokens;
        (0..tokens.len())
            .filter(|at| tokens.text(*at) == "fn")
            .filter(|at| tokens.is_word(at + 1) || tokens.text(at + 1) == "$")
            .filter_map(|at| {
                let open = body_of(tokens, at + 1)?;
                let close = tokens.close(open);
                let name = if tokens.text(at + 1) == "$" { at + 2 } else { at + 1 };
                Some(Function {
                    name: tokens.text(name).to_owned(),
                    line: tokens.line(at),
                    last_line: tokens.line(close),
                    body: open..close,
                })
            })
            .collect()
    }

    /// The files that `#[cfg(test)] mod NAME;` lines of this file bring in: either of two paths each.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let tokens = &self.tokens;
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
            _ => self.path.trim_end_matches(".rs").to_owned(),
        };
        (0..tokens.len())
            .filter(|at| tokens.text(*at) == "mod" && tokens.text(at + 2) == ";")
            .filter(|at| self.is_test(tokens.line(*at)))
            .flat_map(|at| {
                let name = tokens.text(at + 1);
                [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
            })
            .collect()
    }
}

fn locate(path: &str) -> (String, Place) {
    let mut parts = path.split('/');
    let package = match parts.next() {
        Some("crates") => parts.next().unwrap_or_default(),
        Some("xtask") => "xtask",
        _ => return (String::new(), Place::Elsewhere),
    };
    let place = match parts.next() {
        Some("src" | "build.rs") => Place::Src,
        Some("tests" | "benches" | "examples") => Place::Tests,
        _ => Place::Elsewhere,
    };
    (package.to_owned(), place)
}

/// The opening brace of the body of the function whose name is at an index.
fn body_of(tokens: &Tokens, name: usize) -> Option<usize> {
    let mut at = name;
    while at < tokens.len() {
        match tokens.text(at) {
            ";" | ")" | "]" | "}" => return None,
            "(" | "[" => at = tokens.close(at) + 1,
            "{" => match tokens.text(tokens.close(at) + 1) {
                ">" | "," => at = tokens.close(at) + 1, // an argument of a const parameter
                _ => return Some(at),
            },
            _ => at += 1,
        }
    }
    None
}

/// The lines under `#[cfg(test)]`, `#[cfg(all(test, ...))]` and `#[test]`.
fn test_lines(tokens: &Tokens) -> Vec<RangeInclusive<usize>> {
    let mut ranges = Vec::new();
    for at in 0..tokens.len() {
        if tokens.are(at, &["#", "!", "[", "cfg", "(", "test", ")", "]"]) {
            ranges.push(1..=usize::MAX);
        }
        if tokens.are(at, &["#", "["]) && is_test_attribute(tokens, at + 2) {
            let end = item_end(tokens, tokens.close(at + 1) + 1);
            ranges.push(tokens.line(at)..=tokens.line(end));
        }
    }
    ranges
}

fn is_test_attribute(tokens: &Tokens, at: usize) -> bool {
    if tokens.are(at, &["test", "]"]) || tokens.are(at, &["cfg", "(", "test", ")", "]"]) {
        return true;
    }
    if !tokens.are(at, &["cfg", "(", "all", "("]) {
        return false;
    }
    let mut inner = at + 4;
    while inner < tokens.close(at + 3) {
        match tokens.text(inner) {
            "test" => return true,
            "(" => inner = tokens.close(inner) + 1,
            _ => inner += 1,
        }
    }
    false
}

/// The last token of the item whose attributes end before an index.
fn item_end(tokens: &Tokens, start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens.text(at) {
            ";" => return at,
            ")" | "]" | "}" => return at.saturating_sub(1),
            "(" | "[" => at = tokens.close(at) + 1,
            "{" => {
                let close = tokens.close(at);
                match tokens.text(close + 1) {
                    ";" => return close + 1,
                    ">" | "," => at = close + 1,
                    _ => return close,
                }
            }
            _ => at += 1,
        }
    }
    tokens.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::{Place, RustFile};

    #[test]
    fn a_path_tells_the_package_and_the_place() {
        let place = |path| {
            let file = RustFile::new(path, "");
            (file.package, file.place)
        };
        assert_eq!(place("crates/a/src/b/c.rs"), ("a".into(), Place::Src));
        assert_eq!(place("crates/a/build.rs"), ("a".into(), Place::Src));
        assert_eq!(place("crates/a/tests/b.rs"), ("a".into(), Place::Tests));
        assert_eq!(place("xtask/src/main.rs"), ("xtask".into(), Place::Src));
        assert_eq!(place("fuzz/a.rs"), (String::new(), Place::Elsewhere));
    }

    #[test]
    fn test_code_is_told_from_the_rest() {
        let text = "fn a() {}\n#[cfg(test)]\nuse b::{c, d};\nfn e() {}\n\
                    #[cfg(all(unix, test))]\nmod f {\n}\nfn g() {}\n#[cfg(any(test, h))]\nfn i() {}\n";
        let file = RustFile::new("crates/a/src/b.rs", text);
        let tests: Vec<usize> = (1..=10).filter(|line| file.is_test(*line)).collect();
        assert_eq!(tests, [2, 3, 5, 6, 7]);
        assert_eq!(file.lines_without_tests(), 5);
    }

    #[test]
    fn functions_are_seen_inside_macros_and_past_const_arguments() {
        let text = "fn a() -> B<{ 1 }> {\n}\nmacro_rules! m { ($n:ident) => { fn $n() {\n\n} } }\n\
                    trait T { fn c(); }\ntype D = fn(u8);\n";
        let file = RustFile::new("crates/a/src/b.rs", text);
        let seen: Vec<(String, usize, usize)> = file
            .functions()
            .into_iter()
            .map(|function| (function.name, function.line, function.last_line))
            .collect();
        assert_eq!(seen, [("a".into(), 1, 2), ("n".into(), 3, 5)]);
    }

    #[test]
    fn a_test_module_in_its_own_file_is_found() {
        let text = "mod a;\n#[cfg(test)]\nmod b;\n";
        let file = RustFile::new("crates/x/src/c.rs", text);
        assert_eq!(file.test_modules(), ["crates/x/src/c/b.rs", "crates/x/src/c/b/mod.rs"]);
    }
}
