//! Rows of a text file whose fields are parted by commas, semicolons or tabs (RFC 4180).

use csv::{ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, GB18030, UTF_8};

use super::rows::{COLUMNS_MAX, Rows};
use super::tell;
use crate::domain::import::Cell;

/// Reads every record.
///
/// # Errors
/// When the file is no text of a known encoding, or `rows` says no.
pub(super) fn read(bytes: &[u8], rows: &mut Rows) -> Result<(), String> {
    let text = decode(bytes)?;
    let delimiter = delimiter(&text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    let mut record = StringRecord::new();
    loop {
        let start = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        if !reader.read_record(&mut record).map_err(|error| error.to_string())? {
            return Ok(());
        }
        let line = lines.line_of(start);
        let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX).min(text.len());
        if end == text.len() && has_open_quote(&text[lines.at..end], char::from(delimiter)) {
            return rows.push_broken(
                line,
                "引号没有成对，到文件末尾都读成了一个字段。 A quotation mark is never closed; all to the end of the file was one field.",
            );
        }
        let cells = record.iter().take(COLUMNS_MAX).map(|it| Cell::Text(it.to_owned())).collect();
        rows.push(line, cells, false)?;
    }
}

/// UTF-8 and UTF-16 as their mark says, UTF-8 without one, else GB18030.
fn decode(bytes: &[u8]) -> Result<String, String> {
    let unknown = || "its text is neither UTF-8 nor GB18030\nhint: save it as CSV UTF-8".to_owned();
    if let Some((encoding, n_bytes)) = Encoding::for_bom(bytes) {
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[n_bytes..]);
        return text.map(Into::into).ok_or_else(unknown);
    }
    if let Some(text) = UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok(text.into());
    }
    let text = GB18030.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(unknown)?;
    if text.contains('\0') {
        return Err(unknown());
    }
    tell("its text is not UTF-8; it was read as GB18030");
    Ok(text.into())
}

/// What parts the fields of the first line: a comma unless there is none.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|it| !it.trim().is_empty()).unwrap_or_default();
    [',', '\t', ';'].into_iter().find(|it| first.contains(*it)).map_or(b',', |it| it as u8)
}

/// Counts physical lines on the way through the text.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line that the record beginning at or after byte `start` is on: blank lines before it are no part of it.
    fn line_of(&mut self, start: usize) -> u64 {
        let rest = self.text.get(start..).unwrap_or_default();
        let start = start + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
        let passed = self.text.get(self.at..start).unwrap_or_default();
        let n_feeds = passed.matches('\n').count();
        // A carriage return ends a line where no line feed follows.
        let n_returns = passed.matches('\r').count() - passed.matches("\r\n").count();
        self.line += (n_feeds + n_returns) as u64;
        self.at = start;
        self.line
    }
}

/// True when a quoted field of this record does not end.
fn has_open_quote(record: &str, delimiter: char) -> bool {
    enum Within {
        Start,
        Plain,
        Quoted,
        Closing,
    }
    let mut within = Within::Start;
    for it in record.chars() {
        within = match (within, it) {
            (Within::Quoted, '"') => Within::Closing,
            (Within::Start | Within::Closing, '"') | (Within::Quoted, _) => Within::Quoted,
            (_, it) if it == delimiter || it == '\n' || it == '\r' => Within::Start,
            (Within::Start | Within::Plain | Within::Closing, _) => Within::Plain,
        };
    }
    matches!(within, Within::Quoted)
}
