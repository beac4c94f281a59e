//! Objects of JSON, one a line. `docs/json.schema.json` describes each.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

/// The version of all objects: a field that is taken away or means something else makes a new one.
const VERSION: u32 = 1;

/// What a line is about.
pub(crate) trait Record: Serialize {
    /// The value of its field `type`.
    const TYPE: &'static str;
}

#[derive(Serialize)]
struct Line<'record, R> {
    version: u32,
    r#type: &'static str,
    #[serde(flatten)]
    record: &'record R,
}

/// Writes one object and a line break.
pub(crate) fn write<R: Record>(out: &mut impl Write, record: &R) -> io::Result<()> {
    let line = Line { version: VERSION, r#type: R::TYPE, record };
    serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// A path or a name: as text where it is text, else in base64. To be flattened into its record.
#[derive(Debug, Serialize)]
pub(crate) struct JsonPath<'path> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'path str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
}

impl<'path> JsonPath<'path> {
    pub(crate) fn new(path: &'path (impl AsRef<OsStr> + ?Sized)) -> Self {
        let path = path.as_ref();
        match path.to_str() {
            Some(text) => Self { path: Some(text), path_b64: None },
            None => Self { path: None, path_b64: Some(BASE64_STANDARD.encode(path.as_bytes())) },
        }
    }
}

/// A name that is no path, under a key of its own: as text, or under `key_b64` in base64. To be flattened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonName<'name> {
    key: &'static str,
    name: &'name OsStr,
}

impl<'name> JsonName<'name> {
    pub(crate) const fn new(key: &'static str, name: &'name OsStr) -> Self {
        Self { key, name }
    }
}

impl Serialize for JsonName<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name.to_str() {
            Some(text) => serializer.collect_map([(self.key, text)]),
            None => {
                let key = format!("{}_b64", self.key);
                serializer.collect_map([(key, BASE64_STANDARD.encode(self.name.as_bytes()))])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Example<'path> {
        #[serde(flatten)]
        path: JsonPath<'path>,
        cached: u64,
    }

    impl Record for Example<'_> {
        const TYPE: &'static str = "example";
    }

    fn line(path: &[u8]) -> String {
        let mut out = Vec::new();
        let path = JsonPath::new(OsStr::from_bytes(path));
        write(&mut out, &Example { path, cached: 1 << 60 }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_line_says_its_version_and_type() {
        let expected = "{\"version\":1,\"type\":\"example\",\"path\":\"a\\n\\\"\",\"cached\":1152921504606846976}\n";
        assert_eq!(line(b"a\n\""), expected);
    }

    #[test]
    fn a_name_has_its_own_key() {
        let name =
            |bytes| serde_json::to_string(&JsonName::new("command", OsStr::from_bytes(bytes)));
        assert_eq!(name(b"a b").unwrap(), r#"{"command":"a b"}"#);
        assert_eq!(name(b"\xff").unwrap(), r#"{"command_b64":"/w=="}"#);
    }

    #[test]
    fn a_path_that_is_no_text_is_base64() {
        assert!(line(b"\xff").contains("\"path_b64\":\"/w==\""), "{}", line(b"\xff"));
    }
}
