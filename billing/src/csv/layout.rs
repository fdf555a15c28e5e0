//! Where each field of a record stands in the lines of a file, and in which form.

use super::{Column, Form, Ledger, Mapping};

/// Where each field stands.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) delimiter: u8,
    /// How many fields a line has.
    pub(crate) width: usize,
    places: [Place; Column::COUNT],
}

/// Where a field comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Place {
    /// The ledger has no such field.
    #[default]
    Absent,
    /// From the field with this number.
    Field(usize, Box<Form>),
    /// The same in every record.
    Constant(Box<str>),
}

impl Layout {
    /// From a file's header, for our own columns or as a mapping says. The error says what is wrong with the header.
    pub(crate) fn from_header(
        ledger: Ledger,
        header: &[&str],
        mapping: Option<&Mapping>,
    ) -> Result<Self, String> {
        let mut places: [Place; Column::COUNT] = Default::default();
        let find = |name: &str| header.iter().position(|column| column.trim() == name);
        // Columns that nobody asks for may have any name, or none, or the same.
        let find_one = |name: &str| match header.iter().filter(|column| column.trim() == name).count() {
            0 | 1 => Ok(find(name)),
            many => Err(format!(
                "{many} columns are named {name:?}, and the mapping uses one of them: nobody knows which"
            )),
        };
        match mapping {
            Some(mapping) => mapping.places(ledger, find_one, &mut places)?,
            None => {
                let columns = ledger.columns();
                let names = || columns.iter().map(|column| column.header()).collect::<Vec<_>>().join(",");
                for &column in columns {
                    let found = find(column.header()).or_else(|| find(column.as_str()));
                    if found.is_none() && column.may_be_absent() {
                        continue;
                    }
                    let n = found.ok_or_else(|| {
                        format!("the column {column} is missing: a {ledger} ledger begins with {}", names())
                    })?;
                    places[column.number()] = Place::Field(n, Box::default());
                }
                let is_known = |name: &str| {
                    ledger.readable_times().contains(&name)
                        || columns.iter().any(|column| column.header() == name || column.as_str() == name)
                };
                if let Some(name) = header.iter().find(|name| !is_known(name.trim())) {
                    return Err(format!(
                        "the column {name:?} is not known: a {ledger} ledger begins with {}; \
                         a mapping lets foreign columns in",
                        names()
                    ));
                }
                if let Some((n, twice)) = header
                    .iter()
                    .enumerate()
                    .find(|(n, name)| header[..*n].iter().any(|earlier| is_same(earlier, name)))
                {
                    return Err(format!("column {} is named {twice:?} like one before it", n + 1));
                }
            }
        }
        let delimiter = mapping.map_or(b',', Mapping::delimiter);
        Ok(Self { delimiter, width: header.len(), places })
    }

    pub(crate) fn place(&self, column: Column) -> &Place {
        &self.places[column.number()]
    }
}

/// Whether two heads are of one column: `uplink` is `uplink_octets` as earlier versions wrote it.
fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| {
        let name = name.trim();
        let unit = ["_octets", "_packets"].iter().find_map(|unit| name.strip_suffix(unit));
        unit.unwrap_or(name).to_owned()
    };
    bare(one) == bare(other)
}
