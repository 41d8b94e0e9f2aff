//! Tables that spreadsheets open as what they are: comma-separated values, or a workbook.

use std::io::{self, Write};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde_json::Value;

/// Rows of one sheet; a workbook has room for 1,048,576, and the first is the head.
const SHEET_ROWS_MAX: u32 = 1_000_000;
/// Characters of one cell of a workbook (ECMA-376); what is longer is cut and says so.
const CELL_CHARS_MAX: usize = 32_767;

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// Comma-separated values, UTF-8.
    Csv,
    /// An Excel workbook, written row by row in little memory.
    Xlsx,
}

/// A table in which no cell is a formula.
pub(super) enum Table<'a> {
    Csv(Box<csv::Writer<&'a mut dyn Write>>),
    Book(Box<Book<'a>>),
}

impl<'a> Table<'a> {
    pub(super) fn begin(form: TableForm, out: &'a mut dyn Write) -> io::Result<Self> {
        if form == TableForm::Xlsx {
            return Ok(Self::Book(Box::new(Book {
                out,
                workbook: Workbook::new(),
                head: Vec::new(),
                n_rows: 0,
                n_sheets: 0,
            })));
        }
        // The mark without which Excel takes the file for another encoding.
        out.write_all("\u{feff}".as_bytes())?;
        Ok(Self::Csv(Box::new(csv::Writer::from_writer(out))))
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Value>) -> io::Result<()> {
        match self {
            Self::Csv(writer) => {
                let cells = cells.into_iter().map(|it| as_text(words(it)));
                writer.write_record(cells).map_err(io::Error::other)
            }
            Self::Book(book) => book.row(cells.into_iter().collect()).map_err(io::Error::other),
        }
    }

    pub(super) fn end(self) -> io::Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush(),
            Self::Book(book) => book.end(),
        }
    }
}

/// A value as a cell shows it.
fn words(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        it @ (Value::Bool(_) | Value::Number(_) | Value::Object(_)) => it.to_string(),
    }
}

/// A workbook on its way: the first row is the head, and stands on each sheet.
pub(super) struct Book<'a> {
    out: &'a mut dyn Write,
    workbook: Workbook,
    head: Vec<Value>,
    /// Of the sheet that is being written, its head included.
    n_rows: u32,
    n_sheets: usize,
}

impl Book<'_> {
    fn row(&mut self, cells: Vec<Value>) -> Result<(), XlsxError> {
        if self.n_sheets == 0 {
            self.head = cells;
            return self.sheet();
        }
        if self.n_rows >= SHEET_ROWS_MAX {
            self.sheet()?;
        }
        let (row, last) = (self.n_rows, self.n_sheets - 1);
        self.n_rows += 1;
        write_row(self.workbook.worksheet_from_index(last)?, row, cells, None)
    }

    /// Begins a sheet with the head.
    fn sheet(&mut self) -> Result<(), XlsxError> {
        self.n_sheets += 1;
        self.n_rows = 1;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_freeze_panes(1, 0)?;
        write_row(sheet, 0, self.head.clone(), Some(&Format::new().set_bold()))
    }

    fn end(mut self) -> io::Result<()> {
        if self.n_sheets == 0 {
            // A workbook needs a sheet.
            self.workbook.add_worksheet();
        }
        let bytes = self.workbook.save_to_buffer().map_err(io::Error::other)?;
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

/// Texts are written as texts, whatever they begin with; numbers and yes or no as what they are.
fn write_row(
    sheet: &mut Worksheet,
    row: u32,
    cells: Vec<Value>,
    format: Option<&Format>,
) -> Result<(), XlsxError> {
    for (cell, column) in cells.into_iter().zip(0_u16..) {
        match cell {
            Value::Null => {}
            Value::Bool(it) => {
                sheet.write_boolean(row, column, it)?;
            }
            // Excel counts whole numbers up to 2^53 exactly; longer ones stay texts.
            Value::Number(it) if it.as_f64().is_some_and(|it| it.abs() < 9e15) => {
                sheet.write_number(row, column, it.as_f64().unwrap_or_default())?;
            }
            other => {
                let text = fitting(words(other));
                match format {
                    Some(format) => sheet.write_string_with_format(row, column, text, format)?,
                    None => sheet.write_string(row, column, text)?,
                };
            }
        }
    }
    Ok(())
}

/// The text as far as a cell holds it.
fn fitting(text: String) -> String {
    // Excel counts as UTF-16 does.
    if text.encode_utf16().count() <= CELL_CHARS_MAX {
        return text;
    }
    let mut n_units = 0;
    let fits = |it: &char| {
        n_units += it.len_utf16();
        n_units < CELL_CHARS_MAX
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
/// A cell that no spreadsheet runs: one that begins like a formula gets an apostrophe before it.
///
/// Full-width signs count, and those behind quotation marks and spaces. Source: OWASP, CSV injection.
pub(in crate::service) fn as_text(cell: String) -> String {
    for it in cell.chars() {
        match it {
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' => {
                return format!("'{cell}");
            }
            '"' | '\'' | '“' | '”' | '‘' | '’' | '＂' | '＇' | '「' | '」' | '\u{feff}' | '\u{200b}' =>
                {}
            _ if it.is_whitespace() => {}
            _ => return cell,
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workbook_keeps_numbers_as_numbers_and_texts_as_texts() {
        use calamine::{Data, Reader as _};
        let (mut out, long) = (Vec::new(), "信".repeat(40_000));
        let mut table = Table::begin(TableForm::Xlsx, &mut out).expect("begun");
        table.row([json!("number"), json!("n"), json!("is_late")]).expect("written");
        table.row([json!("=1+1"), json!(7), json!(true)]).expect("written");
        table.row([json!(long), json!(null), json!(["WY", "ZY"])]).expect("written");
        table.end().expect("ended");

        let mut book: calamine::Xlsx<_> =
            calamine::open_workbook_from_rs(io::Cursor::new(out)).expect("a workbook");
        let sheet = book.worksheet_range_at(0).expect("a sheet").expect("readable");
        let rows: Vec<&[Data]> = sheet.rows().collect();

        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1], [Data::String("=1+1".to_owned()), Data::Float(7.0), Data::Bool(true)]);
        assert_eq!((&rows[2][1], &rows[2][2]), (&Data::Empty, &Data::String("WY ZY".to_owned())));
        let Data::String(cut) = &rows[2][0] else { panic!("{:?}", rows[2][0]) };
        assert!(cut.chars().count() == CELL_CHARS_MAX && cut.ends_with('…'));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@A1", "\t=1", "\rx", "＝1", " =1", "\"=1", "“－1", "\u{feff}=1"]
        {
            assert_eq!(as_text(bad.to_owned()), format!("'{bad}"), "{bad:?}");
        }
        for good in ["", "YD-20261123-00018", "3-2", "a=b", "\"quoted\""] {
            assert_eq!(as_text(good.to_owned()), good);
        }
    }
}
