//! Cuts a line into its fields (RFC 4180). A record never spans lines, so a stray quote spoils one line, not the file.

/// Buffers that are used again for each line.
#[derive(Default)]
pub(crate) struct Splitter {
    ends: Vec<(usize, usize)>,
    /// Of a line with quotes: the fields without them, as octets and, where they are whole, as text.
    unquoted: Vec<u8>,
    text: String,
    quoted_ends: Vec<usize>,
}

/// The fields of one line.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    text: &'a str,
    ends: &'a [(usize, usize)],
}

impl<'a> Fields<'a> {
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    /// The field with this number.
    pub(crate) fn get(self, n: usize) -> Option<&'a str> {
        let &(from, to) = self.ends.get(n)?;
        self.text.get(from..to)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).filter_map(move |n| self.get(n))
    }
}

impl Splitter {
    /// Whether every quote of a line is closed, and it has so many fields where that is known.
    pub(crate) fn is_closed(&mut self, line: &[u8], delimiter: u8, width: Option<usize>) -> bool {
        if memchr::memchr(b'"', line).is_none() {
            return true;
        }
        let line = String::from_utf8_lossy(line);
        self.split(&line, delimiter).is_some_and(|fields| width.is_none_or(|width| fields.len() == width))
    }

    /// The fields of this line; `None` when a quote is never closed.
    pub(crate) fn split<'a>(&'a mut self, line: &'a str, delimiter: u8) -> Option<Fields<'a>> {
        self.ends.clear();
        if memchr::memchr(b'"', line.as_bytes()).is_some() {
            return self.split_quoted(line, delimiter);
        }
        let mut from = 0;
        for to in memchr::memchr_iter(delimiter, line.as_bytes()) {
            self.ends.push((from, to));
            from = to + 1;
        }
        self.ends.push((from, line.len()));
        Some(Fields { text: line, ends: &self.ends })
    }

    fn split_quoted<'a>(&'a mut self, line: &str, delimiter: u8) -> Option<Fields<'a>> {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        self.unquoted.resize(line.len() + 1, 0);
        self.quoted_ends.resize(line.len() + 1, 0);
        let (_, read, written, fields) =
            reader.read_record(line.as_bytes(), &mut self.unquoted, &mut self.quoted_ends);
        // Outside of quotes a line end ends the record; inside, it becomes a part of the field.
        let (result, _, more, more_fields) =
            reader.read_record(b"\n", self.unquoted.get_mut(written..)?, self.quoted_ends.get_mut(fields..)?);
        if read != line.len() || result != csv_core::ReadRecordResult::Record || more != 0 {
            return None;
        }
        let mut from = 0;
        for &to in self.quoted_ends.get(..fields + more_fields)? {
            self.ends.push((from, to));
            from = to;
        }
        self.text.clear();
        self.text.push_str(std::str::from_utf8(self.unquoted.get(..from)?).ok()?);
        Some(Fields { text: &self.text, ends: &self.ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<String>> {
        let mut splitter = Splitter::default();
        let fields = splitter.split(line, b',')?;
        Some(fields.iter().map(|field| field.to_owned()).collect())
    }

    #[test]
    fn quoted_and_plain_lines_have_the_same_fields() {
        assert_eq!(split("a,,c").unwrap(), ["a", "", "c"]);
        assert_eq!(split(r#""a","","c""#).unwrap(), ["a", "", "c"]);
        assert_eq!(split(r#"a,"b,""x""",c"#).unwrap(), ["a", "b,\"x\"", "c"]);
        assert_eq!(split("").unwrap(), [""]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_no_line() {
        assert_eq!(split(r#"a,"b,c"#), None);
    }
}
