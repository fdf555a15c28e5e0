//! A value of the file with the path to it, and checks of lists and times that every topic shares.

use crate::units::DurationText;
use crate::yaml::{Complaint, Node, Place};

/// A value of the file and the path to it, for complaints. Where a value is missing, the place is that around it.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: Option<&'a Node>,
    pub(super) place: Place,
    pub(super) path: String,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node: Some(node), place: node.place, path: String::new() }
    }

    pub(super) fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.inside(self.node.and_then(|node| node.get(name)), path)
    }

    pub(super) fn item(&self, index: usize) -> Self {
        let present = self.node.and_then(|node| node.present(index));
        let number = present.map_or(index, |(number, _)| number);
        self.inside(present.map(|(_, node)| node), format!("{}[{number}]", self.path))
    }

    fn inside(&self, node: Option<&'a Node>, path: String) -> Self {
        Self { node, place: node.map_or(self.place, |node| node.place), path }
    }

    pub(super) fn wrong<T>(&self, message: impl Into<String>) -> Result<T, Complaint> {
        Err(Complaint::new(self.place, &self.path, message.into()))
    }

    /// As `require`, of what another section says.
    pub(super) fn require_across(
        &self,
        holds: bool,
        message: impl FnOnce() -> String,
    ) -> Result<(), Complaint> {
        self.require(holds, message).map_err(Complaint::across)
    }

    pub(super) fn require(&self, holds: bool, message: impl FnOnce() -> String) -> Result<(), Complaint> {
        if holds { Ok(()) } else { self.wrong(message()) }
    }
}

pub(super) fn each<T, U>(
    items: Vec<T>,
    at: &At<'_>,
    check: impl Fn(T, &At<'_>) -> Result<U, Complaint>,
) -> Result<Vec<U>, Complaint> {
    items.into_iter().enumerate().map(|(index, item)| check(item, &at.item(index))).collect()
}

/// As `each`, for a list that must not be empty.
pub(super) fn every<T, U>(
    items: Vec<T>,
    at: &At<'_>,
    what: &str,
    check: impl Fn(T, &At<'_>) -> Result<U, Complaint>,
) -> Result<Vec<U>, Complaint> {
    at.require(!items.is_empty(), || format!("the list is empty, expected at least one {what}"))?;
    each(items, at, check)
}

pub(super) fn long(duration: DurationText, at: &At<'_>) -> Result<(), Complaint> {
    at.require(!duration.0.is_zero(), || "0s is no time: more is expected, such as 10s".to_owned())
}
