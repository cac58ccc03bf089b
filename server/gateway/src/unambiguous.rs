//! JSON in which no object has two values of one key. Which of them counts is for each parser to decide: what a proxy or a
//! function in front has checked would be the one, and what we do the other.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value as Json};
use std::fmt;

/// An object of JSON.
///
/// # Errors
/// For what is no object, and for a key that is there twice in one, however deep.
pub(crate) fn parse(bytes: &[u8]) -> serde_json::Result<Map<String, Json>> {
    let mut from = serde_json::Deserializer::from_slice(bytes);
    let object = from.deserialize_map(Object)?;
    from.end().map(|()| object)
}

/// An object, with everything in it.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Map<String, Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(place) => drop(place.insert(entries.next_value_seed(Anything)?)),
                Entry::Occupied(_) => return Err(Error::custom("a key is there twice")),
            }
        }
        Ok(object)
    }
}

/// Any value: what `serde_json::Value` makes of it.
struct Anything;

impl<'de> DeserializeSeed<'de> for Anything {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(Anything)? {
            list.push(element);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Json, A::Error> {
        Object.visit_map(entries).map(Json::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            "{}",
            r#" {"a":[1,-2,1.5,1e300,18446744073709551615,true,null,"\u00e9\n",{}],"b":{"a":{"a":[]}},"":0} "#,
            "[]",
            "1",
            "{",
            "{} x",
            r#"{"a":1,}"#,
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
        ] {
            let ours = parse(text.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(ours, serde_json::from_str(text).map_err(|error| error.to_string()), "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_key_is_there_once() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"c":2,"\u0062":3}]}"#, r#"{"":1,"":2}"#] {
            let said = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(said.starts_with("a key is there twice at line 1"), "{said}");
        }
    }
}
