//! Reads a ledger line by line: good lines come out, bad ones are counted and written aside with their reason.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use super::encoding::{Decoder, Encoding};
use super::escape::escaped;
use super::layout::{Layout, Place};
use super::lines::{LONGEST_LINE, Line, Lines};
use super::row::{FieldError, Record, Row, RowRef};
use super::split::Splitter;
use super::{Column, CsvError, Ledger, Mapping};
use crate::reconcile::UnreadLine;

/// Reads the records of one ledger.
pub struct Reader<T> {
    rows: Rows<Box<dyn Read + Send>>,
    record: PhantomData<T>,
}

impl<T: Record> Reader<T> {
    /// Opens a ledger with our own columns. Bad lines are only counted.
    pub fn open(path: &Path) -> Result<Self, CsvError> {
        Ok(Self { rows: Rows::open(T::LEDGER, path, None)?, record: PhantomData })
    }

    /// From anything that can be read; `name` stands for the file in errors.
    pub fn from_reader(input: impl Read + Send + 'static, name: &str) -> Result<Self, CsvError> {
        let rows = Rows::new(T::LEDGER, Path::new(name), Box::new(input) as Box<_>, None)?;
        Ok(Self { rows, record: PhantomData })
    }

    /// Writes bad lines aside into this file, which is made when the first one is met.
    #[must_use]
    pub fn rejects_to(mut self, path: &Path) -> Self {
        self.rows.rejects_to(path);
        self
    }

    /// How many lines were bad so far.
    pub fn rejected(&self) -> u64 {
        self.rows.rejected
    }

    /// The first bad lines, as `file:line: reason`.
    pub fn problems(&self) -> &[String] {
        &self.rows.problems
    }

    /// The number of the line that was last read.
    pub fn line(&self) -> u64 {
        self.rows.lines.number()
    }
}

/// The good records; an error ends them.
impl<T: Record> Iterator for Reader<T> {
    type Item = Result<T, CsvError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = None;
        let more = self.rows.next(|row| {
            record = Some(T::from_row(RowRef(&row))?);
            Ok(())
        });
        match more {
            Ok(true) => record.map(Ok),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Reads the lines of one ledger, allocating nothing for each of them.
pub(crate) struct Rows<R> {
    ledger: Ledger,
    path: PathBuf,
    lines: Lines<Decoder<R>>,
    /// Not our own form: what can be understood is.
    foreign: bool,
    splitter: Splitter,
    layout: Layout,
    header: Box<[u8]>,
    pub(crate) rejected: u64,
    /// The first of them.
    pub(crate) problems: Vec<String>,
    /// What could be read of the bad lines, as long as they are not too many.
    pub(crate) unread: Vec<UnreadLine>,
    /// Bad lines that hold no record: the header again.
    pub(crate) headers_again: u64,
    /// Bad lines whose subscriber is a floating-point number, and one of these.
    pub(crate) floating: u64,
    pub(crate) floating_example: Option<String>,
    aside: Option<PathBuf>,
    rejects: Option<csv::Writer<BufWriter<File>>>,
}

impl Rows<Box<dyn Read + Send>> {
    pub(crate) fn open(ledger: Ledger, path: &Path, mapping: Option<&Mapping>) -> Result<Self, CsvError> {
        let file = File::open(path).map_err(|source| CsvError::unreadable(path, source))?;
        Self::new(ledger, path, Box::new(file), mapping)
    }
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(
        ledger: Ledger,
        path: &Path,
        input: R,
        mapping: Option<&Mapping>,
    ) -> Result<Self, CsvError> {
        let header_error = |message: String| CsvError::Header { path: path.to_owned(), ledger, message };
        let encoding = mapping.map_or(Encoding::Utf8, |mapping| mapping.encoding);
        let mut lines = Lines::new(Decoder::new(input, encoding));
        let mut splitter = Splitter::default();
        let delimiter = mapping.map_or(b',', Mapping::delimiter);
        let is_record = |text: &[u8]| mapping.is_none() || splitter.is_closed(text, delimiter, None);
        let header: Box<[u8]> =
            match lines.next(is_record).map_err(|source| CsvError::unreadable(path, source))? {
                Some(Line::Whole(text) | Line::Last(text)) => text.strip_prefix(BOM).unwrap_or(text).into(),
                Some(Line::TooLong(_)) => return Err(header_error("it is too long for a header".to_owned())),
                None => return Err(header_error("the file is empty".to_owned())),
            };
        if header.starts_with(&[0xff, 0xfe]) || header.starts_with(&[0xfe, 0xff]) {
            return Err(header_error("it is UTF-16: encoding: utf-16 in a mapping reads it".to_owned()));
        }
        // Names that the mapping does not use may be anything.
        let text = match (std::str::from_utf8(&header), mapping) {
            (Ok(text), _) => Cow::Borrowed(text),
            (Err(_), Some(_)) => String::from_utf8_lossy(&header),
            (Err(_), None) => return Err(header_error("it is not UTF-8".to_owned())),
        };
        let lossy = matches!(text, Cow::Owned(_));
        let mut splitter = Splitter::default();
        let fields = splitter.split(&text, delimiter);
        let fields = fields.ok_or_else(|| header_error("a quote is never closed".to_owned()))?;
        let names: Vec<&str> = fields.iter().collect();
        let layout = Layout::from_header(ledger, &names, mapping).map_err(|mut message| {
            if lossy {
                message
                    .push_str("; the header is not UTF-8: encoding: windows-1252 in the mapping may read it");
            }
            header_error(message)
        })?;
        Ok(Self {
            ledger,
            path: path.to_owned(),
            lines,
            foreign: mapping.is_some(),
            splitter,
            layout,
            header,
            rejected: 0,
            problems: Vec::new(),
            unread: Vec::new(),
            headers_again: 0,
            floating: 0,
            floating_example: None,
            aside: None,
            rejects: None,
        })
    }

    /// Whether the file has this field, in a column or by the mapping.
    pub(crate) fn has(&self, column: Column) -> bool {
        !matches!(self.layout.place(column), Place::Absent)
    }

    /// Where bad lines are written. A file of that name from before is removed.
    pub(crate) fn rejects_to(&mut self, path: &Path) {
        let _ = std::fs::remove_file(path);
        self.aside = Some(path.to_owned());
    }

    /// Hands the next good line to `take`, whose refusal makes it a bad one. False after the last.
    pub(crate) fn next(
        &mut self,
        mut take: impl FnMut(Row<'_>) -> Result<(), FieldError>,
    ) -> Result<bool, CsvError> {
        loop {
            let (number, foreign) = (self.lines.next_number(), self.foreign);
            let splitter = &mut self.splitter;
            let (delimiter, width) = (self.layout.delimiter, self.layout.width);
            let is_record = |text: &[u8]| !foreign || splitter.is_closed(text, delimiter, Some(width));
            let line =
                self.lines.next(is_record).map_err(|source| CsvError::unreadable(&self.path, source))?;
            let whole = matches!(line, Some(Line::Whole(_)));
            let (text, result) = match line {
                None => {
                    if let Some(mut rejects) = self.rejects.take() {
                        let aside = self.aside.as_deref().unwrap_or_else(|| Path::new(""));
                        rejects.flush().map_err(|source| CsvError::unwritable(aside, source))?;
                    }
                    return Ok(false);
                }
                Some(Line::Whole(b"") | Line::Last(b"")) => continue,
                // A spreadsheet writes empty rows behind the last.
                Some(Line::Whole(text) | Line::Last(text))
                    if foreign && text.iter().all(|octet| *octet == delimiter || *octet == b' ') =>
                {
                    continue;
                }
                Some(Line::TooLong(text)) => {
                    (text, Err(plain(format!("more than {LONGEST_LINE} octets are too many for a line"))))
                }
                Some(Line::Whole(text) | Line::Last(text)) => {
                    let context =
                        Context { ledger: self.ledger, foreign, layout: &self.layout, header: &self.header };
                    let read = take_line(&context, &mut self.splitter, text, &mut take);
                    let read = read.map_err(|mut error| {
                        if !whole {
                            error.message.push_str("; the file ends in this line, which may be cut");
                        }
                        error
                    });
                    (text, read)
                }
            };
            let Err(error) = result else { return Ok(true) };
            self.rejected += 1;
            if text == &*self.header {
                self.headers_again += 1;
            } else if self.unread.len() < UNREAD_KEPT {
                let unread = identify(number, &self.layout, &mut self.splitter, text);
                self.unread.push(unread);
            }
            if let Some(number) = error.floating.filter(|_| error.column == Some(Column::Supi)) {
                self.floating += 1;
                self.floating_example.get_or_insert(number);
            }
            let reason = match error.column {
                Some(column) => format!("{column}: {}", error.message),
                None => error.message,
            };
            if self.problems.len() < PROBLEMS_KEPT {
                self.problems.push(format!("{}:{number}: {reason}", self.path.display()));
            }
            let Some(aside) = &self.aside else { continue };
            let text = String::from_utf8_lossy(text);
            let fields = [number.to_string().into(), escaped(&reason), escaped(&text)]
                .map(|cell: Cow<'_, str>| cell.as_bytes().to_vec());
            write_aside(&mut self.rejects, aside, &fields)
                .map_err(|source| CsvError::unwritable(aside, source))?;
        }
    }
}

/// What the lines of a file have in common.
struct Context<'a> {
    ledger: Ledger,
    foreign: bool,
    layout: &'a Layout,
    header: &'a [u8],
}

fn take_line(
    context: &Context<'_>,
    splitter: &mut Splitter,
    text: &[u8],
    take: &mut impl FnMut(Row<'_>) -> Result<(), FieldError>,
) -> Result<(), FieldError> {
    let Context { ledger, foreign, layout, header } = context;
    if text == *header {
        return Err(plain("the header again: a ledger has one, in its first line".to_owned()));
    }
    // What is not used of a foreign line may be anything.
    let text = match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) if *foreign => String::from_utf8_lossy(text),
        Err(error) => return Err(plain(format!("octet {} is not UTF-8", error.valid_up_to() + 1))),
    };
    let lossy = matches!(text, Cow::Owned(_));
    let fields = splitter.split(&text, layout.delimiter);
    let fields = fields.ok_or_else(|| plain("a quote is never closed".to_owned()))?;
    if fields.len() != layout.width {
        return Err(plain(format!("{} fields, where the header has {}", fields.len(), layout.width)));
    }
    take(Row::read(*ledger, layout, fields, lossy)?)
}

/// Whose a line is that could not be read, as far as that can be read.
fn identify(line: u64, layout: &Layout, splitter: &mut Splitter, text: &[u8]) -> UnreadLine {
    let text = String::from_utf8_lossy(text);
    let fields = splitter.split(&text, layout.delimiter);
    match fields {
        Some(fields) => Row::identify(layout, fields, line),
        // A quote is open: what stands before it can be read.
        None => {
            let before = text.split_once('"').map_or("", |(before, _)| before);
            let fields = splitter.split(before, layout.delimiter);
            let nobody = UnreadLine { line, supi: None, charging_id: None };
            fields.map_or(nobody, |fields| Row::identify(layout, fields, line))
        }
    }
}

fn write_aside(
    rejects: &mut Option<csv::Writer<BufWriter<File>>>,
    path: &Path,
    fields: &[Vec<u8>],
) -> io::Result<()> {
    if rejects.is_none() {
        let mut writer = csv::Writer::from_writer(BufWriter::new(edges::files::create(path)?));
        writer.write_record(["line", "reason", "text"])?;
        *rejects = Some(writer);
    }
    match rejects {
        Some(writer) => Ok(writer.write_record(fields)?),
        None => Ok(()),
    }
}

fn plain(message: String) -> FieldError {
    FieldError { column: None, message, floating: None }
}

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Of more bad lines than this nobody knows whose they are.
const UNREAD_KEPT: usize = 1_000_000;
/// More bad lines than this are counted, but not told one by one.
const PROBLEMS_KEPT: usize = 10;
