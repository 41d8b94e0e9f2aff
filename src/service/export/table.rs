//! Comma-separated values that spreadsheets open as what they are.

use std::io::{self, Write};

use serde_json::Value;

/// A table of comma-separated values that spreadsheets open as UTF-8 and in which no cell is a formula.
pub(super) struct Table<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
}

impl<'a> Table<'a> {
    pub(super) fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        // The mark without which Excel takes the file for another encoding.
        out.write_all("\u{feff}".as_bytes())?;
        Ok(Self { writer: csv::Writer::from_writer(out) })
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Value>) -> io::Result<()> {
        let cells = cells.into_iter().map(|it| {
            as_text(match it {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
                it @ (Value::Bool(_) | Value::Number(_) | Value::Object(_)) => it.to_string(),
            })
        });
        self.writer.write_record(cells).map_err(io::Error::other)
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A cell that no spreadsheet runs: one that begins like a formula gets an apostrophe before it.
///
/// Full-width signs count, and those behind quotation marks and spaces. Source: OWASP, CSV injection.
fn as_text(cell: String) -> String {
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
    use super::*;

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
