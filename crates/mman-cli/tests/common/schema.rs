//! `docs/json.schema.json`, and whether a line of JSON is as it says.
//!
//! Small, since a validator that knows all of the standard is sixty packages: this one knows the words that the schema
//! uses, and fails at every other.

use serde_json::Value;

/// The schema.
pub(crate) struct Schema(Value);

/// Words that ask nothing.
const REMARKS: &[&str] = &["$schema", "title", "description", "$defs", "contentEncoding"];

impl Schema {
    pub(crate) fn published() -> Self {
        Self(serde_json::from_str(include_str!("../../../../docs/json.schema.json")).unwrap())
    }

    /// Fails, and says why, where a line is not as the schema says.
    pub(crate) fn assert_describes(&self, line: &str) {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let kind = value["type"].as_str().unwrap_or_else(|| panic!("no type: {line}"));
        // The definition of the type says more than "none of those".
        let named = &self.0["$defs"][kind];
        assert!(named.is_object(), "docs/json.schema.json does not know `{kind}`: {line}");
        if let Err(why) = self.check(named, &value) {
            panic!("{why}: {line}");
        }
        if let Err(why) = self.check(&self.0, &value) {
            panic!("{why}: {line}");
        }
    }

    /// Every line of an output, of which there is at least one.
    pub(crate) fn assert_describes_all(&self, output: &[u8]) {
        let text = str::from_utf8(output).unwrap();
        assert!(!text.is_empty() && text.ends_with('\n'), "{text}");
        text.lines().for_each(|line| self.assert_describes(line));
    }

    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let words = schema.as_object().expect("a schema is an object");
        for (word, asked) in words {
            let holds = match word.as_str() {
                "$ref" => return self.check(self.definition(asked), value).and(Ok(())),
                "type" => is_of_type(asked, value),
                "const" => asked == value,
                "enum" => asked.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= asked.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= asked.as_f64().unwrap()),
                "required" => {
                    asked.as_array().unwrap().iter().all(|name| value.get(text(name)).is_some())
                }
                "oneOf" => {
                    let all = asked.as_array().unwrap().iter();
                    all.filter(|one| self.check(one, value).is_ok()).count() == 1
                }
                "anyOf" => {
                    asked.as_array().unwrap().iter().any(|one| self.check(one, value).is_ok())
                }
                "allOf" => {
                    for one in asked.as_array().unwrap() {
                        self.check(one, value)?;
                    }
                    true
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.check(asked, item)?;
                    }
                    true
                }
                "properties" => {
                    for (name, one) in asked.as_object().unwrap() {
                        if let Some(field) = value.get(name) {
                            self.check(one, field).map_err(|why| format!("{name}: {why}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => self.has_only(schema, asked, value)?,
                word if REMARKS.contains(&word) => true,
                word => panic!("the test does not know the word `{word}` of schemas"),
            };
            if !holds {
                return Err(format!("not {word} {asked}"));
            }
        }
        Ok(())
    }

    fn has_only(&self, schema: &Value, asked: &Value, value: &Value) -> Result<bool, String> {
        for (name, field) in value.as_object().into_iter().flatten() {
            if schema["properties"].get(name).is_some() {
                continue;
            }
            match asked {
                Value::Bool(false) => return Err(format!("`{name}` is not in the schema")),
                Value::Bool(true) => {}
                asked => self.check(asked, field)?,
            }
        }
        Ok(true)
    }

    fn definition(&self, reference: &Value) -> &Value {
        let name = text(reference).strip_prefix("#/$defs/").expect("a definition of the schema");
        let found = &self.0["$defs"][name];
        assert!(found.is_object(), "no definition of {name}");
        found
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn is_of_type(asked: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type of JSON: {other}"),
    };
    match asked {
        Value::Array(kinds) => kinds.iter().any(|kind| is(text(kind))),
        kind => is(text(kind)),
    }
}
