//! Import: a sheet's header is recognised, and each of its rows becomes a submission or its faults.

mod time;

use chrono_tz::Tz;
use unicode_normalization::UnicodeNormalization as _;

pub use time::{parse_local_time, time_of_number, time_of_serial};

use super::refusal::{Faults, Refusal};
use super::ticket::intake::{Contact, Location, Submission, clean, clean_line};
use super::ticket::{Channel, Kind};
use super::value::At;

/// An id is a number or a short code.
const ID_CHARS_MAX: usize = 200;

/// What a column holds (PRODUCT §11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Id,
    Subject,
    Description,
    ReceivedAt,
    Category,
    Kind,
    Building,
    Unit,
    Room,
    Name,
    Phone,
    Email,
    Channel,
}

/// Every column with its names; the first is the one in messages.
const NAMES: &[(Column, &[&str])] = &[
    (Column::Id, &["id", "编号", "留言编号"]),
    (Column::Subject, &["subject", "主题", "留言主题"]),
    (Column::Description, &["description", "内容", "留言详情"]),
    (Column::ReceivedAt, &["received_at", "时间", "留言时间"]),
    (Column::Category, &["category", "类别", "一级标签"]),
    (Column::Kind, &["kind", "类型"]),
    (Column::Building, &["building", "楼栋"]),
    (Column::Unit, &["unit", "单元"]),
    (Column::Room, &["room", "房号"]),
    (Column::Name, &["name", "姓名", "留言用户"]),
    (Column::Phone, &["phone", "电话"]),
    (Column::Email, &["email", "邮箱"]),
    (Column::Channel, &["channel", "答复方式", "渠道"]),
];

const KINDS: &[(Kind, &str)] = &[
    (Kind::Request, "求助"),
    (Kind::Complaint, "投诉"),
    (Kind::Suggestion, "建议"),
    (Kind::Report, "举报"),
    (Kind::Enquiry, "咨询"),
    (Kind::Praise, "表扬"),
];

const CHANNELS: &[(Channel, &str)] = &[
    (Channel::Email, "邮件"),
    (Channel::Sms, "短信"),
    (Channel::Letter, "信函"),
    (Channel::Call, "电话"),
    (Channel::Visit, "上门"),
    (Channel::Board, "公示栏"),
    (Channel::None, "不用答复"),
];

impl Column {
    /// The column's English name.
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(column, _)| *column == self).map_or("", |(_, names)| names[0])
    }

    /// The column with this header, in any case, with invisible characters around it.
    pub fn parse(header: &str) -> Option<Self> {
        let plain: String = clean_line(header).nfkc().collect::<String>().trim().to_lowercase();
        let plain = plain.replace([' ', '-'], "_");
        NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(column, _)| *column)
    }
}

/// What a sheet's cell holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Cell {
    #[default]
    Empty,
    Text(String),
    Number(f64),
    /// A date as a spreadsheet keeps it: days since 1899-12-30, local time.
    Date(f64),
    /// What cannot be a value, such as `#N/A`.
    Broken(String),
}

impl Cell {
    /// What is in it as a title, empty for what can be none.
    pub fn title(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Empty | Cell::Date(_) | Cell::Broken(_) => String::new(),
        }
    }

    /// True when there is nothing to read in it.
    pub fn is_blank(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => clean(text).is_empty(),
            Cell::Number(_) | Cell::Date(_) | Cell::Broken(_) => false,
        }
    }
}

/// Which of a sheet's columns is which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<Option<Column>>,
    unknown: Vec<String>,
}

/// A row that was read: what is to be submitted, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The line it begins on, from 1.
    pub line: u64,
    pub id: Option<String>,
    /// Its `category` is a code or a name, as given.
    pub submission: Submission,
    pub faults: Faults,
}

impl Header {
    /// Recognises the columns of a header row.
    ///
    /// # Errors
    /// `Malformed` when a column is there twice, or neither subject nor description is.
    pub fn parse(titles: &[String]) -> Result<Self, Refusal> {
        let columns: Vec<Option<Column>> = titles.iter().map(|it| Column::parse(it)).collect();
        for (at, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            if let Some(before) = columns[..at].iter().position(|it| *it == Some(*column)) {
                let (first, second) = (clean_line(&titles[before]), clean_line(&titles[at]));
                return Err(Refusal::Malformed(format!(
                    "第 {} 列（{first}）和第 {} 列（{second}）都是 {}；请删去一列。 Columns {} and {} are both {}; remove one.",
                    before + 1,
                    at + 1,
                    column.as_str(),
                    before + 1,
                    at + 1,
                    column.as_str(),
                )));
            }
        }
        let has = |column| columns.contains(&Some(column));
        if !has(Column::Subject) && !has(Column::Description) {
            return Err(Refusal::Malformed(
                "第一行没有主题（subject、主题）或内容（description、内容）列；第一行应为列名。 The first row has no column subject or description; it must hold the columns' names."
                    .to_owned(),
            ));
        }
        let unknown = titles.iter().zip(&columns).filter(|(_, column)| column.is_none());
        let unknown = unknown.map(|(title, _)| clean_line(title)).filter(|it| !it.is_empty()).collect();
        Ok(Self { columns, unknown })
    }

    /// How many columns the header has.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// True when a row looks like a header: it names a column that an import cannot do without.
    pub fn is_likely(titles: &[String]) -> bool {
        titles.iter().any(|it| matches!(Column::parse(it), Some(Column::Subject | Column::Description)))
    }

    /// Titles that mean no column; what is below them is ignored.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Reads a row for `community`, whose clocks show `zone`; None when it is blank.
    pub fn read(&self, line: u64, cells: &[Cell], community: &str, zone: Tz) -> Option<Record> {
        if cells.iter().all(Cell::is_blank) {
            return None;
        }
        let mut faults = Faults::default();
        let n_fields = cells.iter().rposition(|it| !it.is_blank()).map_or(0, |it| it + 1);
        if cells.len() < self.columns.len() || n_fields > self.columns.len() {
            let (n, n_titles) = (cells.len(), self.columns.len());
            faults.add(
                "row",
                format!(
                    "有 {n} 个字段，列名有 {n_titles} 个；请检查逗号和引号。 It has {n} fields, the header has {n_titles}; check commas and quotes."
                ),
            );
            let submission = Submission { community: community.to_owned(), ..Submission::default() };
            return Some(Record { line, id: None, submission, faults });
        }
        let mut fields = Fields { header: self, cells, faults: &mut faults };
        let id = fields.code(Column::Id);
        let submission = fields.submission(community, zone);
        if id.as_ref().is_some_and(|it| it.chars().count() > ID_CHARS_MAX) {
            faults.add("id", format!("最多 {ID_CHARS_MAX} 个字。 At most {ID_CHARS_MAX} characters."));
        }
        Some(Record { line, id, submission, faults })
    }
}

/// The cells of one row by column, and what is wrong with them.
struct Fields<'a> {
    header: &'a Header,
    cells: &'a [Cell],
    faults: &'a mut Faults,
}

impl Fields<'_> {
    fn submission(&mut self, community: &str, zone: Tz) -> Submission {
        let subject = self.text(Column::Subject);
        // Words that stand in the subject only are the matter all the same.
        let description = self.text(Column::Description).or_else(|| subject.clone());
        let location = Location {
            building: self.code(Column::Building),
            unit: self.code(Column::Unit),
            room: self.code(Column::Room),
            ..Location::default()
        };
        let contact = Contact {
            name: self.text(Column::Name),
            phone: self.code(Column::Phone),
            email: self.text(Column::Email),
            channel: self.word(Column::Channel, Channel::parse, CHANNELS),
            ..Contact::default()
        };
        Submission {
            community: community.to_owned(),
            kind: self.word(Column::Kind, Kind::parse, KINDS),
            subject: subject.map(|it| clean_line(&it)),
            description,
            category: self.text(Column::Category).map(|it| clean_line(&it)),
            received_at: self.received_at(zone),
            location: (location != Location::default()).then_some(location),
            contact: (contact != Contact::default()).then_some(contact),
            ..Submission::default()
        }
    }

    fn cell(&self, column: Column) -> &Cell {
        let at = self.header.columns.iter().position(|it| *it == Some(column));
        at.and_then(|at| self.cells.get(at)).unwrap_or(&Cell::Empty)
    }

    /// Text, cleaned; a number as people write it, a date as one.
    fn text(&mut self, column: Column) -> Option<String> {
        let text = match self.cell(column).clone() {
            Cell::Empty => return None,
            Cell::Text(text) => clean(&with_line_ends(&text)),
            Cell::Number(number) => number.to_string(),
            Cell::Date(serial) => time_of_serial(serial).map(written).unwrap_or_default(),
            Cell::Broken(value) => {
                self.faults
                    .add(column.as_str(), format!("单元格出错：{value}。 The cell holds an error: {value}."));
                return None;
            }
        };
        Some(text).filter(|it| !it.is_empty())
    }

    /// Text that is a number or code; spreadsheets like to turn `3-2` into a date, which nobody can turn back.
    fn code(&mut self, column: Column) -> Option<String> {
        if matches!(self.cell(column), Cell::Date(_)) {
            self.faults.add(
                column.as_str(),
                "单元格是日期；请改成文本格式后重新填写。 The cell is a date; format it as text and type it anew.",
            );
            return None;
        }
        self.text(column).map(|it| clean_line(&it))
    }

    /// A word of a closed set, by its code or its Chinese word.
    fn word<T: Copy>(
        &mut self,
        column: Column,
        parse: impl Fn(&str) -> Option<T>,
        words: &[(T, &str)],
    ) -> Option<T> {
        let given = self.code(column)?;
        let found = parse(&given.to_lowercase())
            .or_else(|| words.iter().find(|(_, word)| *word == given).map(|(value, _)| *value));
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
            self.faults.add(
                column.as_str(),
                format!(
                    "没有这个词：{}。可以是：{}，或英文代码。 No such {}.",
                    cut(&given),
                    known.join("、"),
                    column.as_str()
                ),
            );
        }
        found
    }

    fn received_at(&mut self, zone: Tz) -> Option<String> {
        let at = match self.cell(Column::ReceivedAt).clone() {
            Cell::Number(serial) | Cell::Date(serial) => {
                time_of_number(serial).and_then(|it| time::in_zone(it, zone))
            }
            Cell::Empty | Cell::Text(_) | Cell::Broken(_) => {
                let given = self.code(Column::ReceivedAt)?;
                parse_local_time(&given, zone)
            }
        };
        if at.is_none() {
            let given = match self.cell(Column::ReceivedAt) {
                Cell::Date(serial) => serial.to_string(),
                cell @ (Cell::Empty | Cell::Text(_) | Cell::Number(_) | Cell::Broken(_)) => {
                    cut(&cell.title())
                }
            };
            self.faults.add(
                Column::ReceivedAt.as_str(),
                format!(
                    "不是时间：{given}。请写成 2020/1/6 12:09:38 这样。 Not a time; write it like 2020/1/6 12:09:38."
                ),
            );
        }
        at.map(At::to_rfc3339)
    }
}

fn written(time: chrono::NaiveDateTime) -> String {
    let is_day = time.time() == chrono::NaiveTime::MIN;
    time.format(if is_day { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
}

fn cut(given: &str) -> String {
    given.chars().take(20).collect()
}

/// Spreadsheets write a carriage return as `_x000D_`, old systems one without a line feed.
fn with_line_ends(text: &str) -> String {
    text.replace("_x000D_", "\r").replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests;
