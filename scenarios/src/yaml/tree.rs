//! The tree of located values, and its construction from text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::reader::Part;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In the file; both counted from 1.
    File { line: u64, column: u64 },
    /// In the override with this number.
    Override(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As written: `001010000000001` is an IMSI even where someone forgot the quotes.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
    /// An item of a list that is read as if it were not there; the others keep their numbers.
    LeftOut,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

impl Key {
    /// Whether it is this field of the language, which may be written with low lines for hyphens.
    pub(crate) fn is(&self, field: &str) -> bool {
        is_field(&self.name, field)
    }
}

/// Whether a name means this field of the language: low lines are taken for hyphens.
pub(crate) fn is_field(written: &str, field: &str) -> bool {
    written == field || (written.len() == field.len() && written.replace('_', "-") == field)
}

/// Why a text is no YAML, or more than is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: u64,
    pub(crate) column: u64,
    pub(crate) message: String,
}

impl Node {
    /// Parses one document.
    pub(crate) fn parse(text: &str) -> Result<Self, SyntaxError> {
        let raw: Spanned<Raw> =
            serde_saphyr::from_str_with_options(text, options()).map_err(|error| syntax_error(&error))?;
        Ok(Source { text, chars: CharIndex::new(text) }.node(raw))
    }

    /// The same value, as if all of it had been written at `place`.
    pub(crate) fn moved_to(self, place: Place) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| item.moved_to(place)).collect()),
            Value::Mapping(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|(key, node)| (Key { place, name: key.name }, node.moved_to(place)))
                    .collect(),
            ),
            value => value,
        };
        Self { place, value }
    }

    /// The entry of a mapping.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Value::Mapping(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.is(name)).map(|(_, node)| node)
    }

    /// The item of a list.
    #[cfg(test)]
    pub(crate) fn item(&self, index: usize) -> Option<&Self> {
        let Value::List(items) = &self.value else { return None };
        items.get(index)
    }

    /// Of the items that are not left out, the one with this number; and its number among all.
    pub(crate) fn present(&self, number: usize) -> Option<(usize, &Self)> {
        let Value::List(items) = &self.value else { return None };
        items.iter().enumerate().filter(|(_, item)| item.value != Value::LeftOut).nth(number)
    }

    /// The field or the item that a step leads to.
    pub(crate) fn part_mut(&mut self, part: &Part) -> Option<&mut Self> {
        match (&mut self.value, part) {
            (Value::Mapping(entries), Part::Field(name)) => {
                entries.iter_mut().find(|(key, _)| key.is(name)).map(|(_, node)| node)
            }
            (Value::List(items), Part::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// For messages: what kind of value this is, and short ones themselves.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null | Value::LeftOut => "nothing".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(raw) => shorten(raw),
            Value::Text(text) => format!("{:?}", shorten(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// What serde-saphyr gives us before numbers are replaced by their text.
enum Raw {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

struct Source<'a> {
    text: &'a str,
    chars: CharIndex,
}

impl Source<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let place = place(&raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Bool(value) => Value::Bool(value),
            Raw::Number => Value::Number(self.slice(&raw.defined)),
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect()),
            Raw::Mapping(entries) => Value::Mapping(
                entries.into_iter().map(|(key, value)| (self.key(key), self.node(value))).collect(),
            ),
        };
        Node { place, value }
    }

    fn key(&self, raw: Spanned<Raw>) -> Key {
        let node = self.node(raw);
        let name = match node.value {
            Value::Text(text) | Value::Number(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Null => "null".to_owned(),
            Value::List(_) | Value::Mapping(_) | Value::LeftOut => "(not a name)".to_owned(),
        };
        Key { place: node.place, name }
    }

    /// The characters of a span.
    fn slice(&self, location: &Location) -> String {
        let span = location.span();
        let (from, length) = (span.offset(), span.len());
        self.chars.slice(self.text, from, from + length).trim().to_owned()
    }
}

/// Turns positions in characters into positions in octets.
struct CharIndex {
    /// The octet at which every 256th character begins.
    every: Vec<usize>,
}

impl CharIndex {
    fn new(text: &str) -> Self {
        Self { every: text.char_indices().map(|(octet, _)| octet).step_by(256).collect() }
    }

    fn slice<'a>(&self, text: &'a str, from: u64, to: u64) -> &'a str {
        text.get(self.octet(text, from)..self.octet(text, to)).unwrap_or_default()
    }

    fn octet(&self, text: &str, char: u64) -> usize {
        let char = usize::try_from(char).unwrap_or(usize::MAX);
        let near = self.every.get(char / 256).copied().unwrap_or(text.len());
        let rest = text.get(near..).unwrap_or_default();
        rest.char_indices().nth(char % 256).map_or(text.len(), |(octet, _)| near + octet)
    }
}

fn place(location: &Location) -> Place {
    Place::File { line: location.line(), column: location.column() }
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
    let mut message = error.to_string();
    // The place stands in front of our message already.
    for suffix in [format!(" at line {line}, column {column}"), format!("line {line} column {column}: ")] {
        message = message.replace(&suffix, "");
    }
    SyntaxError { line: line.max(1), column: column.max(1), message: billing::yaml_in_words(&message) }
}

/// A scenario is small: limits far above any real one, far below what hurts.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_documents: 1,
            max_nodes: 200_000,
            max_events: 500_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 100_000,
            max_recorded_anchor_bytes: 4 * 1024 * 1024,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        strict_booleans: true,
        // Their text is all we take, and K may well be 46500000000000000000000000000E10.
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_and_places() {
        let node = Node::parse("é: [001010000000001, 1e400, 0x10]\nb:\n  - 5 # five\n").unwrap();
        let list = node.get("é").unwrap();
        assert_eq!(list.item(0).unwrap().value, Value::Number("001010000000001".to_owned()));
        let five = node.get("b").unwrap().item(0).unwrap();
        assert_eq!(five.value, Value::Number("5".to_owned()));
        assert_eq!(five.place, Place::File { line: 3, column: 5 });
    }

    #[test]
    fn aliases_keep_the_text_of_their_anchor() {
        let node = Node::parse("a: &x 0017\nb: *x\n").unwrap();
        assert_eq!(node.get("b").unwrap().value, Value::Number("0017".to_owned()));
    }

    #[test]
    fn alias_bombs_are_refused() {
        let mut text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..12 {
            let before = level - 1;
            text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(","));
        }
        assert!(Node::parse(&text).is_err());
        assert!(Node::parse(&"[".repeat(10_000)).is_err());
    }

    #[test]
    fn broken_syntax_is_located() {
        let error = Node::parse("name: x\nload: [1, 2\nb: 3\n").unwrap_err();
        assert!(error.line >= 2, "{error:?}");
    }
}
