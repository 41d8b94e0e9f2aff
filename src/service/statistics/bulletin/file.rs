//! A bulletin as files: the same document, byte for byte the same each time.

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use super::{Bulletin, Cell, Document, Section};
use crate::service::Error;
use crate::service::export::as_text;

/// Widths of columns, in characters: a name first, numbers after.
const WIDTHS: (f64, f64) = (30.0, 15.0);

/// One line for each figure, UTF-8 with the mark Excel asks for; no cell is a formula.
///
/// # Errors
/// `Internal` when it could not be written.
pub fn to_csv(document: &Document) -> Result<Vec<u8>, Error> {
    let mut out = "\u{feff}".as_bytes().to_vec();
    let mut writer = csv::Writer::from_writer(&mut out);
    writer.write_record(&document.columns).map_err(failed)?;
    let mut put = |cells: [String; 6]| writer.write_record(cells.map(as_text)).map_err(failed);
    for text in [&document.days, &document.as_of].into_iter().chain(&document.lead) {
        let nothing = String::new;
        put([document.title.clone(), text.clone(), nothing(), nothing(), nothing(), nothing()])?;
    }
    for section in &document.sections {
        for row in &section.rows {
            let item = row.first().map(Cell::in_words).unwrap_or_default();
            for (cell, name) in row.iter().zip(&section.head).skip(1) {
                let (numerator, denominator) = match cell {
                    Cell::Rate(n, of, _) | Cell::Share(n, of) => (n.to_string(), of.to_string()),
                    Cell::Nothing => continue,
                    Cell::Text(_) | Cell::Count(_) | Cell::Time(_) => (String::new(), String::new()),
                };
                let value = cell.in_words();
                put([section.title.clone(), item.clone(), name.clone(), value, numerator, denominator])?;
            }
        }
    }
    drop(writer);
    Ok(out)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("could not write bulletin: {error}"))
}

/// A workbook: what matters first, then a sheet for each table, numbers as numbers.
///
/// # Errors
/// `Internal` when it could not be written.
pub fn to_xlsx(bulletin: &Bulletin, document: &Document) -> Result<Vec<u8>, Error> {
    write(bulletin, document).map_err(failed)
}

fn write(bulletin: &Bulletin, document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // The moment of the event, not of now: the same bulletin is the same bytes.
    let made_at = ExcelDateTime::from_timestamp(bulletin.as_of_at.micros().div_euclid(1_000_000))?;
    book.set_properties(&DocProperties::new().set_title(&document.title).set_creation_datetime(&made_at));
    let sheet = book.add_worksheet();
    sheet.set_name(sheet_name(&document.title))?.set_column_width(0, 100)?;
    set_up(sheet);
    sheet.write_string_with_format(0, 0, &document.title, &Format::new().set_bold().set_font_size(16))?;
    let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let texts = [&document.days, &document.as_of].into_iter().chain(&document.lead).chain(&document.notes);
    for (text, row) in texts.zip(1_u32..) {
        sheet.write_string_with_format(row, 0, text, &wrapped)?;
    }
    for section in &document.sections {
        let sheet = book.add_worksheet();
        sheet.set_name(sheet_name(&section.title))?;
        set_up(sheet);
        table(sheet, section)?;
    }
    book.save_to_buffer()
}

/// A4, as wide as the page.
fn set_up(sheet: &mut Worksheet) {
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0).set_landscape();
    sheet.set_margins(0.5, 0.5, 0.6, 0.6, 0.3, 0.3);
}

/// At most 31 characters, none of those Excel forbids.
fn sheet_name(title: &str) -> String {
    title.chars().filter(|it| !"[]:*?/\\'".contains(*it)).take(31).collect()
}

fn table(sheet: &mut Worksheet, section: &Section) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold().set_border_bottom(FormatBorder::Thin).set_text_wrap();
    let share = Format::new().set_num_format("0.0%");
    let hours = Format::new().set_num_format("0.0\" h\"");
    for (name, column) in section.head.iter().zip(0_u16..) {
        sheet.write_string_with_format(0, column, name, &bold)?;
        sheet.set_column_width(column, if column == 0 { WIDTHS.0 } else { WIDTHS.1 })?;
    }
    for (row, place) in section.rows.iter().zip(1_u32..) {
        for (cell, column) in row.iter().zip(0_u16..) {
            match cell {
                Cell::Text(text) => {
                    sheet.write_string(place, column, text)?;
                }
                Cell::Count(n) => {
                    sheet.write_number(place, column, exact(*n))?;
                }
                Cell::Rate(n, of, _) | Cell::Share(n, of) if *of != 0 => {
                    sheet.write_number_with_format(place, column, exact(*n) / exact(*of), &share)?;
                }
                Cell::Time(Some(seconds)) => {
                    sheet.write_number_with_format(place, column, exact(*seconds) / 3_600.0, &hours)?;
                }
                Cell::Nothing | Cell::Rate(..) | Cell::Share(..) | Cell::Time(None) => {}
            }
        }
    }
    if !section.note.is_empty() {
        let last = u32::try_from(section.rows.len()).unwrap_or(0) + 2;
        sheet.write_string(last, 0, &section.note)?;
    }
    sheet.set_freeze_panes(1, 1)?;
    Ok(())
}

/// Counts of tickets and seconds, which are far below what a double counts exactly.
fn exact(n: i64) -> f64 {
    i32::try_from(n).map_or(f64::from(i32::MAX), f64::from)
}
