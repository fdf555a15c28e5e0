//! Hands a [`Node`] to serde, and gives every complaint of serde its place, its field, and what would be accepted.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::tree::{Key, Node, Place, SyntaxError, Value};
use crate::units::{hint, nearest};

/// A mistake in the tree.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) place: Option<Place>,
    /// The document that the place is in, when that is not the scenario itself.
    pub(crate) file: Option<Box<str>>,
    /// From the outermost to the innermost, `subscribers`, `[0]`, `imsi`. Kept reversed until it is read.
    path: Vec<String>,
    pub(crate) message: String,
    /// Boxed, for a complaint is the error of everything here.
    remedy: Option<Box<Remedy>>,
    across: bool,
}

/// What would probably amend a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// A field is missing in the mapping.
    Insert(&'static str),
    /// The field has another name.
    Rename(String),
    /// The text is another.
    Replace(String),
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Field(String),
    Index(usize),
}

/// The steps of a path such as `load[0].phases[1].rate`.
pub(crate) fn parts_of(field: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for dotted in field.split('.').filter(|part| !part.is_empty()) {
        let (name, indices) = dotted.find('[').map_or((dotted, ""), |at| dotted.split_at(at));
        if !name.is_empty() {
            parts.push(Part::Field(name.to_owned()));
        }
        let indices = indices.split(['[', ']']).filter_map(|index| index.parse().ok());
        parts.extend(indices.map(Part::Index));
    }
    parts
}

/// Reads a value of type `T`.
pub(crate) fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Complaint> {
    T::deserialize(Reader(node))
}

impl Complaint {
    /// A mistake that serde cannot see, in the field with this path.
    pub(crate) fn new(place: Place, field: &str, message: String) -> Self {
        let path = vec![field.to_owned()];
        Self { place: Some(place), file: None, path, message, remedy: None, across: false }
    }

    /// A text that is no YAML.
    pub(crate) fn from_syntax(error: &SyntaxError) -> Self {
        let place = Place::File { line: error.line, column: error.column };
        Self { place: Some(place), ..Self::custom(&error.message) }
    }

    /// The mistake is in another document than the scenario.
    pub(crate) fn of_file(mut self, file: &str) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The path of the field, such as `load[0].phases[1].rate`.
    pub(crate) fn field(&self) -> String {
        let mut field = String::new();
        for part in self.path.iter().rev() {
            if !field.is_empty() && !part.starts_with('[') {
                field.push('.');
            }
            field.push_str(part);
        }
        field
    }

    /// `None`: what is wrong is best left out.
    pub(crate) fn remedy(&self) -> Option<&Remedy> {
        self.remedy.as_deref()
    }

    /// What is written does not go with another section.
    pub(crate) fn across(self) -> Self {
        Self { across: true, ..self }
    }

    /// Whether another section may be the one that is wrong.
    pub(crate) fn is_across(&self) -> bool {
        self.across
    }

    fn with(self, remedy: Option<Remedy>) -> Self {
        Self { remedy: remedy.map(Box::new), ..self }
    }

    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    fn within(mut self, part: impl Into<String>) -> Self {
        self.path.push(part.into());
        self
    }
}

impl Error for Complaint {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let (path, message) = (Vec::new(), message.to_string());
        Self { place: None, file: None, path, message, remedy: None, across: false }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("found {}, expected {}", found_text(&found), expected_text(expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(field, expected).map(|near| Remedy::Rename(near.to_owned()));
        Self::custom(format!(
            "unknown field {field:?}{} (accepted here: {})",
            hint(field, expected),
            list(expected)
        ))
        .with(near)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(variant, expected).map(|near| Remedy::Replace(near.to_owned()));
        Self::custom(format!(
            "unknown value {variant:?}{} (accepted: {})",
            hint(variant, expected),
            list(expected)
        ))
        .with(near)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("the field \"{field}\" is missing")).with(Some(Remedy::Insert(field)))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Complaint {}

/// A node as serde's input.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Node);

impl<'a> Reader<'a> {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(raw) => match (raw.parse::<u64>(), raw.parse::<i64>(), raw.parse::<f64>()) {
                (Ok(number), _, _) => visitor.visit_u64(number),
                (_, Ok(number), _) => visitor.visit_i64(number),
                (_, _, Ok(number)) if number.is_finite() => visitor.visit_f64(number),
                _ => visitor.visit_str(raw),
            },
            Value::Text(text) => visitor.visit_str(text),
            Value::LeftOut => visitor.visit_unit(),
            Value::List(items) => visitor.visit_seq(Items { items: items.iter().enumerate() }),
            Value::Mapping(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        }
    }

    fn visit_text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match &self.0.value {
            Value::Number(raw) => visitor.visit_str(raw),
            _ => self.visit(visitor),
        }
    }
}

impl<'de, 'a> Deserializer<'de> for Reader<'a> {
    type Error = Complaint;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.visit(visitor).map_err(|complaint| complaint.at(self.0.place))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.visit_text(visitor).map_err(|complaint| complaint.at(self.0.place))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        visitor.visit_newtype_struct(self).map_err(|complaint| complaint.at(self.0.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        let chosen = match &self.0.value {
            Value::Text(name) => Chosen { name, key: None, content: None, place: self.0.place },
            Value::Mapping(entries) if entries.len() == 1 => {
                let (key, content) = &entries[0];
                Chosen { name: &key.name, key: Some(key), content: Some(content), place: self.0.place }
            }
            _ => {
                let found = self.0.describe();
                return Err(Complaint::custom(format!("found {found}, expected one of {}", list(variants)))
                    .at(self.0.place));
            }
        };
        visitor.visit_enum(chosen).map_err(|complaint| complaint.at(self.0.place))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        // serde would take a list for the fields in their order.
        if matches!(self.0.value, Value::List(_)) {
            return Err(Complaint::invalid_type(Unexpected::Seq, &visitor).at(self.0.place));
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Complaint;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Complaint> {
        let present = self.items.find(|(_, item)| item.value != Value::LeftOut);
        let Some((index, item)) = present else { return Ok(None) };
        let value = seed.deserialize(Reader(item));
        value.map(Some).map_err(|complaint| complaint.at(item.place).within(format!("[{index}]")))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<(&'a Key, &'a Node)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Complaint;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Complaint> {
        let Some((key, node)) = self.entries.next() else { return Ok(None) };
        self.value = Some((key, node));
        let name = FieldName(&key.name);
        seed.deserialize(name).map(Some).map_err(|complaint| complaint.at(key.place).within(&key.name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Complaint> {
        let Some((key, node)) = self.value.take() else {
            return Err(Complaint::custom("a value without its key"));
        };
        seed.deserialize(Reader(node)).map_err(|complaint| complaint.at(node.place).within(&key.name))
    }
}

/// A key of a mapping. Where it names a field of the language it may have low lines for hyphens; a name of the user's own is
/// as it stands.
struct FieldName<'a>(&'a str);

impl<'de> Deserializer<'de> for FieldName<'_> {
    type Error = Complaint;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        visitor.visit_str(self.0)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Complaint> {
        visitor.visit_str(&self.0.replace('_', "-"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        let name_of_variant: StrDeserializer<'_, Complaint> = self.0.into_deserializer();
        name_of_variant.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct ignored_any
    }
}

/// A variant: `name`, or a mapping with `name` as its only key.
struct Chosen<'a> {
    name: &'a str,
    key: Option<&'a Key>,
    content: Option<&'a Node>,
    place: Place,
}

impl<'de, 'a> EnumAccess<'de> for Chosen<'a> {
    type Error = Complaint;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Complaint> {
        let name: StrDeserializer<'_, Complaint> = self.name.into_deserializer();
        let place = self.key.map_or(self.place, |key| key.place);
        Ok((seed.deserialize(name).map_err(|complaint| complaint.at(place))?, self))
    }
}

impl<'a> Chosen<'a> {
    fn content(&self) -> Result<Reader<'a>, Complaint> {
        let lacks =
            || Complaint::custom(format!("{:?} must be a mapping with its fields", self.name)).at(self.place);
        self.content.map(Reader).ok_or_else(lacks)
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_> {
    type Error = Complaint;

    fn unit_variant(self) -> Result<(), Complaint> {
        match self.content {
            None => Ok(()),
            Some(content) => {
                let message = format!("{:?} has no fields, found {}", self.name, content.describe());
                Err(Complaint::custom(message).at(content.place).within(self.name))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Complaint> {
        let value = seed.deserialize(self.content()?);
        value.map_err(|complaint| complaint.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Complaint> {
        self.content()?.deserialize_any(visitor).map_err(|complaint| complaint.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Complaint> {
        self.content()?.deserialize_any(visitor).map_err(|complaint| complaint.within(self.name))
    }
}

fn found_text(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::StructVariant | Unexpected::NewtypeVariant => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// Rust's names of types are no help to the author of a scenario.
fn expected_text(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => format!("a whole number from 0 to {}", u64::MAX),
        "a string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}
