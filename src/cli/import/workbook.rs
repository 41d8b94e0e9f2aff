//! Rows of an XLSX workbook's sheet, read cell by cell: what the file claims about itself is not believed.

use std::io::{Cursor, Read as _};

use calamine::{DataRef, Reader as _, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::rows::{COLUMNS_MAX, Rows};
use super::tell;
use crate::domain::import::Cell;

/// What all parts of a workbook may unpack to; 100 MB of letters are some 250 MB of XML.
const UNPACKED_BYTES_MAX: u64 = 400 << 20;
/// Parts of a workbook at most: sheets, pictures, charts.
const PARTS_MAX: usize = 10_000;
/// The shortest shared text, `<si/>`.
const SHARED_BYTES_MIN: u64 = 5;
/// Joined cells of a sheet that are looked at.
const MERGED_MAX: usize = 100_000;
/// Characters of what stands for all rows of joined cells: a day, a category, a name. A longer text is one letter's.
const MERGED_CHARS_MAX: usize = 60;
/// Days between the two epochs that workbooks count dates from.
const DAYS_TO_1904: f64 = 1_462.0;

/// Reads every row of a sheet: the one named, else the first that is not hidden.
///
/// # Errors
/// When it is no workbook, has no such sheet or is too large, or `rows` says no.
pub(super) fn read(bytes: Vec<u8>, sheet: Option<&str>, rows: &mut Rows) -> Result<(), String> {
    check_parts(&bytes)?;
    let broken = |error: calamine::XlsxError| format!("it is not an XLSX workbook that can be read: {error}");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let name = sheet_name(&workbook, sheet)?;
    let is_1904 = workbook.has_1904_epoch();
    let mut merged = Merged::of(&mut workbook, &name).map_err(broken)?;
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(broken)?;
    let (mut row, mut line) = (Vec::new(), 0);
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(broken)? {
        let (at, column) = cell.pos;
        if at != line && !row.is_empty() {
            rows.push(u64::from(line) + 1, merged.fill(line, std::mem::take(&mut row)), true)?;
        }
        line = at;
        let column = column as usize;
        let value = match value_of(&cell.value, is_1904) {
            Cell::Empty if cell.formula.is_some() => Cell::Broken(NOT_COUNTED.to_owned()),
            value => value,
        };
        if column < COLUMNS_MAX && value != Cell::Empty {
            if row.len() <= column {
                row.resize(column + 1, Cell::Empty);
            }
            row[column] = value;
        }
    }
    rows.push(u64::from(line) + 1, merged.fill(line, row), true)
}

/// What is said of a formula whose program left no result.
const NOT_COUNTED: &str =
    "公式没有结果，请用表格软件打开并保存一次 a formula without a result, open and save the file once";

/// Cells joined over several rows: what stands in the first stands for each of them, as people read it.
struct Merged {
    /// First row, last row and column, by first row.
    regions: Vec<(u32, u32, usize)>,
    next: usize,
    /// Last row, column and value of those that reach the row being read.
    open: Vec<(u32, usize, Cell)>,
}

impl Merged {
    fn of(workbook: &mut Xlsx<Cursor<Vec<u8>>>, sheet: &str) -> Result<Self, calamine::XlsxError> {
        let regions = workbook.merge_cells_by_sheet_name(sheet)?;
        let tall = regions.into_iter().take(MERGED_MAX).filter(|it| it.end.0 > it.start.0);
        let mut regions: Vec<_> = tall.map(|it| (it.start.0, it.end.0, it.start.1 as usize)).collect();
        regions.retain(|it| it.2 < COLUMNS_MAX);
        regions.sort_unstable();
        Ok(Self { regions, next: 0, open: Vec::new() })
    }

    /// The row with what reaches it from above; one that is blank stays so.
    fn fill(&mut self, line: u32, mut row: Vec<Cell>) -> Vec<Cell> {
        self.open.retain(|it| it.0 >= line);
        if !row.iter().all(Cell::is_blank) {
            for (_, column, value) in &self.open {
                if row.len() <= *column {
                    row.resize(*column + 1, Cell::Empty);
                }
                if row[*column] == Cell::Empty {
                    row[*column] = value.clone();
                }
            }
        }
        while let Some((first, last, column)) = self.regions.get(self.next).filter(|it| it.0 <= line) {
            let value = row.get(*column).filter(|it| *first == line && is_short(it));
            self.open.extend(value.map(|it| (*last, *column, it.clone())));
            self.next += 1;
        }
        row
    }
}

fn is_short(cell: &Cell) -> bool {
    match cell {
        Cell::Text(text) => text.chars().nth(MERGED_CHARS_MAX).is_none(),
        Cell::Number(_) | Cell::Date(_) => true,
        Cell::Empty | Cell::Broken(_) => false,
    }
}

fn sheet_name(workbook: &Xlsx<Cursor<Vec<u8>>>, wanted: Option<&str>) -> Result<String, String> {
    let sheets = workbook.sheets_metadata().iter().filter(|it| it.typ == SheetType::WorkSheet);
    let (visible, hidden): (Vec<_>, Vec<_>) = sheets.partition(|it| it.visible == SheetVisible::Visible);
    let n_visible = visible.len();
    let names: Vec<&str> = visible.into_iter().chain(hidden).map(|it| it.name.as_str()).collect();
    let found = match wanted {
        Some(wanted) => names.iter().find(|it| **it == wanted),
        None => names.first(),
    };
    if let (Some(found), None, 2..) = (found, wanted, n_visible) {
        let others = names[1..n_visible].join(", ");
        tell(&format!("read sheet {found} only; others, which --sheet names: {others}"));
    }
    match (found, wanted) {
        (Some(name), _) => Ok((*name).to_owned()),
        (None, Some(wanted)) => Err(format!("it has no sheet {wanted}\nhint: it has: {}", names.join(", "))),
        (None, None) => Err("it has no sheet".to_owned()),
    }
}

fn value_of(value: &DataRef, is_1904: bool) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::Text(text.clone())
        }
        DataRef::SharedString(text) => Cell::Text((*text).to_owned()),
        DataRef::Int(number) => Cell::Text(number.to_string()),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(yes) => Cell::Text(if *yes { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::DateTime(date) => Cell::Date(date.as_f64() + if is_1904 { DAYS_TO_1904 } else { 0.0 }),
        DataRef::Error(error) => Cell::Broken(error.to_string()),
    }
}

/// Unpacks every part once, into nothing, so that a small file cannot fill the memory: neither the sizes of
/// its directory nor the count of its shared texts need be true.
fn check_parts(bytes: &[u8]) -> Result<(), String> {
    let broken = |cause: String| format!("it is not an XLSX workbook that can be read: {cause}");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|it| broken(it.to_string()))?;
    if archive.len() > PARTS_MAX {
        return Err(broken(format!("it has {} parts", archive.len())));
    }
    let mut room = UNPACKED_BYTES_MAX;
    for part in 0..archive.len() {
        let mut part = archive.by_index(part).map_err(|it| broken(it.to_string()))?;
        let name = part.name().map_err(|it| broken(it.to_string()))?.into_owned();
        let mut head = Vec::new();
        let unpacked = |error: std::io::Error| broken(format!("{name}: {error}"));
        let n_head = part.by_ref().take(4096).read_to_end(&mut head).map_err(unpacked)? as u64;
        let n_rest = std::io::copy(&mut part.by_ref().take(room + 1), &mut std::io::sink());
        let n_bytes = n_head + n_rest.map_err(unpacked)?;
        room = room.checked_sub(n_bytes).ok_or_else(|| {
            format!("it unpacks to more than {} MB\nhint: split it", UNPACKED_BYTES_MAX >> 20)
        })?;
        if name.to_lowercase().ends_with("sharedstrings.xml")
            && claimed_count(&head).is_none_or(|it| it > n_bytes / SHARED_BYTES_MIN)
        {
            return Err(broken(format!("{name}: it claims more texts than it can have")));
        }
    }
    Ok(())
}

/// How many texts the first element says there are, 0 when it does not say; None when it cannot be seen.
fn claimed_count(head: &[u8]) -> Option<u64> {
    let head = String::from_utf8_lossy(head);
    let (_, rest) = head.split_once("sst")?;
    let (attributes, _) = rest.split_once('>')?;
    let Some((_, rest)) = attributes.split_once("uniqueCount") else { return Some(0) };
    let rest = rest.trim_start_matches(|it: char| it.is_whitespace() || "='\"".contains(it));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(digits.parse().unwrap_or(u64::MAX))
}
