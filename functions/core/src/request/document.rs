//! Document: JSON as it was written, with the keys that stand in one object twice.
//!
//! JSON lets a key stand twice in one object (RFC 8259, section 4: "names SHOULD be unique"), and a map keeps the last of
//! them: a request that says `"execute": false` and, further down, `"execute": true` would be run. So a delivery is read
//! from its bytes as this, and not as a [`Value`], in which nobody can see that any more.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// How many keys that stand twice are named.
const MAX_REPEATED: usize = 20;

/// A JSON document, and the keys that stand in one of its objects twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenDocument {
    /// The document. Of a key that stands twice it holds the first value.
    pub value: Value,
    /// The paths of the keys that stand twice, such as `target.instances.region`; at most 20 are named.
    pub repeated: Vec<String>,
}

/// A document of which nobody knows how it was written: it was put together in memory.
impl From<Value> for WrittenDocument {
    fn from(value: Value) -> Self {
        Self { value, repeated: Vec::new() }
    }
}

impl<'de> Deserialize<'de> for WrittenDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut at, mut repeated) = (String::new(), Vec::new());
        let value = Reader { at: &mut at, repeated: &mut repeated }.deserialize(deserializer)?;
        Ok(Self { value, repeated })
    }
}

/// Reads one value, at this path.
struct Reader<'a> {
    at: &'a mut String,
    repeated: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// Reads what is one step further inside.
    fn inside<T>(&mut self, step: &str, read: impl FnOnce(Reader<'_>) -> T) -> T {
        let length = self.at.len();
        self.at.push_str(step);
        let value = read(Reader { at: self.at, repeated: self.repeated });
        self.at.truncate(length);
        value
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let step = format!("[{}]", values.len());
            match self.inside(&step, |reader| items.next_element_seed(reader))? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let step = if self.at.is_empty() { key.clone() } else { format!(".{key}") };
            let value = self.inside(&step, |reader| {
                if object.contains_key(&key) && reader.repeated.len() < MAX_REPEATED {
                    reader.repeated.push(reader.at.clone());
                }
                fields.next_value_seed(reader)
            })?;
            object.entry(key).or_insert(value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> WrittenDocument {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_key_that_stands_twice_is_named_wherever_it_is() {
        let document = read(r#"{"a": 1, "b": [{"c": {"d": 1, "d": 2}}], "a": {"x": 1, "x": 1}}"#);
        assert_eq!(document.repeated, ["b[0].c.d", "a", "a.x"]);
        assert_eq!(document.value, serde_json::json!({ "a": 1, "b": [{ "c": { "d": 1 } }] }));
        // The same key in two objects is no repetition; nor is one that is only written otherwise to another name.
        assert!(read(r#"{"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}"#).repeated.is_empty());
        assert_eq!(read(r#"{"a": 1, "\u0061": 2}"#).repeated, ["a"]);
    }

    #[test]
    fn a_key_that_stands_twice_is_seen_in_the_bytes_that_lambdas_runtime_reads() {
        // `lambda_runtime` 1.5 reads the event's type from the bytes of the invocation, with these two.
        let bytes = br#"{"execute": false, "execute": true}"#;
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let document: WrittenDocument = serde_path_to_error::deserialize(&mut json).unwrap();
        assert_eq!(document.repeated, ["execute"]);
    }

    #[test]
    fn a_document_without_repetitions_is_the_same_as_a_value() {
        let text = r#"{"n": null, "t": [true, false, -1, 18446744073709551615, 1.5, "é\n"], "o": {}}"#;
        assert_eq!(read(text), WrittenDocument::from(serde_json::from_str::<Value>(text).unwrap()));
        assert!(serde_json::from_str::<WrittenDocument>("{\"a\": ").is_err());
    }
}
