//! A sheet's rows, as they are read: the header first, then records, within limits.

use chrono_tz::Tz;

use crate::domain::import::{Cell, Header, Record};
use crate::domain::refusal::Faults;
use crate::domain::ticket::intake::Submission;

/// Rows of one file at most: all of them are read before the first is taken in.
const ROWS_MAX: usize = 200_000;
/// Columns looked at; a sheet of letters has a dozen.
pub(super) const COLUMNS_MAX: usize = 256;
/// Rows that may stand above the header: a title, a date, an author.
const ROWS_ABOVE_MAX: usize = 5;

/// What has been read so far.
pub(super) struct Rows {
    community: String,
    time_zone: Tz,
    header: Option<Header>,
    n_above: usize,
    /// Why the first row is no header.
    complaint: Option<String>,
    records: Vec<Record>,
}

impl Rows {
    pub(super) fn of(community: &str, time_zone: Tz) -> Self {
        Self {
            community: community.to_owned(),
            time_zone,
            header: None,
            n_above: 0,
            complaint: None,
            records: Vec::new(),
        }
    }

    /// Takes the row on `line`. One of a workbook has as many cells as the header, whatever lies beside them.
    ///
    /// # Errors
    /// What is wrong with the header, or that there are too many rows.
    pub(super) fn push(&mut self, line: u64, mut cells: Vec<Cell>, is_padded: bool) -> Result<(), String> {
        let Some(header) = &self.header else { return self.push_above(&cells) };
        if is_padded {
            cells.resize(header.width(), Cell::Empty);
        }
        let Some(record) = header.read(line, &cells, &self.community, self.time_zone) else { return Ok(()) };
        self.push_record(record)
    }

    /// Takes a row that could not be read as cells.
    ///
    /// # Errors
    /// As `push`.
    pub(super) fn push_broken(&mut self, line: u64, message: &str) -> Result<(), String> {
        let mut record =
            Record { line, id: None, submission: Submission::default(), faults: Faults::default() };
        record.faults.add("row", message);
        self.push_record(record)
    }

    fn push_record(&mut self, record: Record) -> Result<(), String> {
        if self.records.len() == ROWS_MAX {
            return Err(format!("it has more than {ROWS_MAX} rows\nhint: split it"));
        }
        self.records.push(record);
        Ok(())
    }

    fn push_above(&mut self, cells: &[Cell]) -> Result<(), String> {
        if cells.iter().all(Cell::is_blank) {
            return Ok(());
        }
        let titles: Vec<String> = cells.iter().map(Cell::title).collect();
        match Header::parse(&titles) {
            Ok(header) => {
                self.header = Some(header);
                Ok(())
            }
            Err(refusal) => {
                let complaint = self.complaint.take().unwrap_or_else(|| refusal.to_string());
                self.n_above += 1;
                if Header::is_likely(&titles) || self.n_above > ROWS_ABOVE_MAX {
                    return Err(if Header::is_likely(&titles) { refusal.to_string() } else { complaint });
                }
                self.complaint = Some(complaint);
                Ok(())
            }
        }
    }

    /// The records, and the titles that mean no column.
    ///
    /// # Errors
    /// When there was no header.
    pub(super) fn finish(self) -> Result<(Vec<Record>, Vec<String>), String> {
        match self.header {
            Some(header) => Ok((self.records, header.unknown().to_vec())),
            None => Err(self.complaint.unwrap_or_else(|| "文件是空的。 It is empty.".to_owned())),
        }
    }
}
