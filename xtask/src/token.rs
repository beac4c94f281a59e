//! Rust source as a flat list of tokens with their lines: comments are gone, literals are opaque.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token. An opening bracket knows where its closing one is.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
    pub(crate) literal: bool,
    mate: usize,
}

/// The tokens of one file.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads a file, or says at which line it stops being Rust.
    pub(crate) fn read(text: &str) -> Result<Self, usize> {
        let stream: TokenStream =
            text.parse().map_err(|wrong: proc_macro2::LexError| wrong.span().start().line)?;
        let mut tokens = Self::default();
        tokens.flatten(stream);
        Ok(tokens)
    }

    fn flatten(&mut self, stream: TokenStream) {
        for tree in stream {
            let span = tree.span();
            let (line, last_line) = (span.start().line, span.end().line);
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    let at = self.0.len();
                    self.push(open, line, line, false);
                    self.flatten(group.stream());
                    let end = self.0.len();
                    self.push(close, last_line, last_line, false);
                    if let Some(token) = self.0.get_mut(at) {
                        token.mate = end;
                    }
                }
                TokenTree::Literal(literal) => {
                    self.push(&literal.to_string(), line, last_line, true);
                }
                other => self.push(&other.to_string(), line, last_line, false),
            }
        }
    }

    fn push(&mut self, text: &str, line: usize, last_line: usize, literal: bool) {
        self.0.push(Token { text: text.to_owned(), line, last_line, literal, mate: 0 });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Token> {
        self.0.iter()
    }

    /// The text at an index, and the empty text where there is none. A literal keeps its quotes.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.0.get(at).map_or("", |token| token.text.as_str())
    }

    pub(crate) fn line(&self, at: usize) -> usize {
        self.0.get(at).map_or(0, |token| token.line)
    }

    pub(crate) fn is_word(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(|token| {
            !token.literal && token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        })
    }

    pub(crate) fn is_literal(&self, at: usize) -> bool {
        self.0.get(at).is_some_and(|token| token.literal)
    }

    /// Whether the tokens from an index on are these.
    pub(crate) fn are(&self, at: usize, texts: &[&str]) -> bool {
        texts.iter().enumerate().all(|(step, text)| self.text(at + step) == *text)
    }

    /// The index of the bracket that closes the one at an index.
    pub(crate) fn close(&self, at: usize) -> usize {
        self.0.get(at).map_or(at, |token| token.mate.max(at))
    }

    /// The tokens between the bracket at an index and the one that closes it.
    pub(crate) fn inside(&self, at: usize) -> &[Token] {
        self.0.get(at + 1..self.close(at)).unwrap_or_default()
    }

    /// Whether a path of an outside crate starts at an index: `name::`, `use name`, `extern crate name`.
    pub(crate) fn names_crate(&self, at: usize, name: &str) -> bool {
        if self.text(at) != name {
            return false;
        }
        let after_colons = at >= 2 && self.are(at - 2, &[":", ":"]);
        let of_a_path =
            after_colons && at >= 3 && self.is_word(at - 3) && self.text(at - 3) != "use";
        let before = if at == 0 { "" } else { self.text(at - 1) };
        let opens_path = self.are(at + 1, &[":", ":"]);
        !of_a_path && (opens_path || before == "use" || before == "crate")
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    fn names(text: &str, name: &str) -> bool {
        let tokens = Tokens::read(text).unwrap_or_default();
        (0..tokens.len()).any(|at| tokens.names_crate(at, name))
    }

    #[test]
    fn a_crate_is_told_from_a_module_of_the_same_name() {
        assert!(names("fn f() { libc::abort() }", "libc"));
        assert!(names("use ::libc::c_int;", "libc"));
        assert!(names("use libc as c;", "libc"));
        assert!(!names("use crate::libc::c_int;", "libc"));
        assert!(!names("fn f(libc: u8) {} // libc::abort()", "libc"));
        assert!(!names("const WHY: &str = \"libc::abort\";", "libc"));
    }

    #[test]
    fn the_line_where_rust_ends_is_told() {
        assert_eq!(Tokens::read("fn f() {}\n\"open").err(), Some(2));
    }
}
