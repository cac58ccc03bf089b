//! `list_has_any(list, wanted)` and `list_has_all(list, wanted)` for SQLite: whether a list, as JSON, has one or each of the
//! elements of another one.
//!
//! The list is read once, from its beginning to its end, and nothing of it is kept: `json_each` would make a copy for each
//! value that is looked for, and keep all of them until the statement ends.

use floe_sqlite_watch::{self as watch, Interrupted};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// How many lists of wanted elements a thread keeps ready.
const KEPT: usize = 8;

/// How many bytes of elements are read between two looks at the clock, and what one counts beside its text.
const STRIDE: usize = 16_384;
const ELEMENT: usize = 8;

thread_local! {
    /// The one that was used last comes first.
    static READY: RefCell<Vec<Rc<Wanted>>> = const { RefCell::new(Vec::new()) };
}

/// Whether the list has one of the elements.
///
/// # Errors
/// When the time is over before that is clear.
pub(super) fn has_any(list: &[u8], wanted: &[u8]) -> Result<bool, Interrupted> {
    let wanted = Wanted::ready(wanted);
    read(list, |element| wanted.place(element).is_some())
}

/// Whether the list has each of the elements.
///
/// # Errors
/// When the time is over before that is clear.
pub(super) fn has_all(list: &[u8], wanted: &[u8]) -> Result<bool, Interrupted> {
    let wanted = Wanted::ready(wanted);
    let mut missing = vec![true; wanted.count];
    let mut left = wanted.count;
    let found = read(list, |element| {
        if let Some(missing) = wanted.place(element).and_then(|place| missing.get_mut(place))
            && std::mem::take(missing)
        {
            left -= 1;
        }
        left == 0
    })?;
    Ok(found || wanted.count == 0)
}

/// What a list has. Types count: `1` isn't `"1"`, nor `true`; but it is `1.0`.
#[derive(PartialEq)]
enum Element<'e> {
    Text(Cow<'e, str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// Null, and what is more than one value: nobody looks for it.
    Other,
}

/// The elements that are looked for, each with its place among them.
#[derive(Default)]
struct Wanted {
    json: Vec<u8>,
    count: usize,
    texts: HashMap<Box<str>, usize>,
    integers: HashMap<i64, usize>,
    floats: Vec<(f64, usize)>,
    booleans: [Option<usize>; 2],
}

impl Wanted {
    fn ready(json: &[u8]) -> Rc<Self> {
        READY.with_borrow_mut(|ready| {
            match ready.iter().position(|one| one.json == json) {
                Some(place) => ready[..=place].rotate_right(1),
                None => {
                    let new = Rc::new(Self::new(json));
                    ready.truncate(KEPT - 1);
                    ready.insert(0, new);
                }
            }
            Rc::clone(&ready[0])
        })
    }

    fn new(json: &[u8]) -> Self {
        let mut wanted = Self { json: json.to_owned(), ..Self::default() };
        let elements: Vec<Element<'_>> = serde_json::from_slice(json).unwrap_or_default();
        for element in elements {
            if wanted.place(&element).is_some() {
                continue;
            }
            let place = wanted.count;
            wanted.count += 1;
            match element {
                Element::Text(text) => drop(wanted.texts.insert(text.into(), place)),
                Element::Integer(number) => drop(wanted.integers.insert(number, place)),
                Element::Float(number) => wanted.floats.push((number, place)),
                Element::Boolean(flag) => wanted.booleans[usize::from(flag)] = Some(place),
                Element::Other => {}
            }
        }
        wanted
    }

    /// The place of an element, if it is wanted.
    fn place(&self, element: &Element<'_>) -> Option<usize> {
        let float = |number: f64| self.floats.iter().find(|(wanted, _)| *wanted == number).map(|(_, place)| *place);
        match element {
            Element::Text(text) => self.texts.get(&**text).copied(),
            Element::Integer(number) => self.integers.get(number).copied().or_else(|| float(*number as f64)),
            Element::Float(number) => float(*number).or_else(|| self.integers.get(&whole(*number)?).copied()),
            Element::Boolean(flag) => self.booleans[usize::from(*flag)],
            Element::Other => None,
        }
    }
}

/// The same number without a fraction, if it has none.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.0e18).then_some(number as i64)
}

/// Reads a list until one of its elements is the last that has to be seen. What isn't a list has none.
fn read(list: &[u8], is_enough: impl FnMut(&Element<'_>) -> bool) -> Result<bool, Interrupted> {
    let (found, over) = (Cell::new(false), Cell::new(false));
    let reading = Reading { is_enough, found: &found, over: &over };
    // Whatever it fails with: it is found, the time is over, or it is no list.
    let _ = serde_json::Deserializer::from_slice(list).deserialize_seq(reading);
    if over.get() { Err(Interrupted) } else { Ok(found.get()) }
}

struct Reading<'r, F> {
    is_enough: F,
    found: &'r Cell<bool>,
    over: &'r Cell<bool>,
}

impl<'de, F: FnMut(&Element<'_>) -> bool> Visitor<'de> for Reading<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut read = 0;
        while let Some(element) = list.next_element::<Element<'de>>()? {
            if (self.is_enough)(&element) {
                self.found.set(true);
                return Err(A::Error::custom("found"));
            }
            read += ELEMENT + if let Element::Text(text) = &element { text.len() } else { 0 };
            if read > STRIDE {
                read = 0;
                if watch::is_over() {
                    self.over.set(true);
                    return Err(A::Error::custom("interrupted"));
                }
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyElement)
    }
}

struct AnyElement;

impl<'de> Visitor<'de> for AnyElement {
    type Value = Element<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Element::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Element::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Element::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Element::Float(number as f64), Element::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Element::Float(number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Element::Boolean(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Element::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Element::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn finds_elements_of_their_type() {
        let list = br#"["a","\u00e9\n",1,2.5,-3,true,null,["b"],{"c":"d"},"1"]"#;
        let cases: &[(&str, bool, bool)] = &[
            (r#"["a"]"#, true, true),
            ("[\"é\\n\",1]", true, true),
            ("[1.0,2.5,-3.0]", true, true),
            ("[1,1,1.0]", true, true),
            (r#"["x","1",true]"#, true, false),
            (r#"["x",false,"2.5","b","c","d"]"#, false, false),
            ("[3,1.5]", false, false),
            ("[]", false, true),
        ];
        for (wanted, any, all) in cases {
            assert_eq!(has_any(list, wanted.as_bytes()), Ok(*any), "{wanted}");
            assert_eq!(has_all(list, wanted.as_bytes()), Ok(*all), "{wanted}");
        }
        for no_list in ["", "{", "\"a\"", "[\"b\"", "{\"a\":\"a\"}"] {
            assert_eq!(has_any(no_list.as_bytes(), b"[\"a\"]"), Ok(false), "{no_list}");
        }
    }

    #[test]
    fn many_are_looked_for_in_one_pass_that_ends_in_time() {
        let texts = |count: usize, last: &str| {
            let texts: Vec<String> = (0..count).map(|n| format!("k{n}")).chain([last.to_owned()]).collect();
            serde_json::to_vec(&texts).unwrap()
        };
        let (list, wanted, none) = (texts(400_000, "z"), texts(10_000, "z"), texts(0, "none"));
        let started = Instant::now();
        assert_eq!((has_all(&list, &wanted), has_any(&list, &none)), (Ok(true), Ok(false)));
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        assert_eq!(watch::within(Duration::ZERO, || has_any(&list, &none)), Err(Interrupted));
        assert_eq!(watch::within(Duration::ZERO, || has_all(&list, &wanted)), Err(Interrupted));
    }
}
