//! YAML as a tree in which every value knows its place, so that every complaint can name file, line and field.
//!
//! serde-saphyr parses; [`Node`] keeps places; [`read`] hands the tree to serde and adds the path of the field.

mod overrides;
mod reader;
mod tree;

pub(crate) use overrides::Override;
pub(crate) use reader::{Complaint, Part, Remedy, parts_of, read};
pub(crate) use tree::{Key, Node, Place, Value, is_field};
