//! Official years from a file (节假日安排): read in two shapes, whole or not at all.
//!
//! The file of this project's own shape lists days of many years, `{"years":[2027],"days":[{"date","name","type":"off"|
//! "workday","weekday"?,"year"?}]}`; that of holiday-cn lists one year, `{"year":2027,"days":[{"date","name","isOffDay"}]}`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::official::{OfficialDay, OfficialYears, shipped_day, shipped_years};
use super::settings::parse_date;
use crate::domain::refusal::{Faults, Refusal};

/// The years the product was made for.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;
/// A century of days, generously; more is no file of holidays.
const DAYS_MAX: usize = 5_000;
/// More faults than this tell nobody more.
const FAULTS_MAX: usize = 50;
const NAME_CHARS_MAX: usize = 40;
/// Days off of a year: 13 by law and the weekends they are joined to.
const DAYS_OFF: std::ops::RangeInclusive<usize> = 13..=60;
/// New Year's days may begin so late in the year before.
const NEW_YEAR_FROM: (u32, u32) = (12, 25);

/// Holidays of every year since 2008, by any of the names that notices gave them.
/// Source: 全国年节及纪念日放假办法, article 2.
const USUAL: [(&str, &[&str]); 7] = [
    ("元旦", &["元旦"]),
    ("春节", &["春节"]),
    ("清明节", &["清明"]),
    ("劳动节", &["劳动节", "五一"]),
    ("端午节", &["端午"]),
    ("中秋节", &["中秋"]),
    ("国庆节", &["国庆", "十一"]),
];

/// Month and day of what is off by law in every year. Source: the same article.
const OFF_BY_LAW: [(u32, u32, &str); 5] =
    [(1, 1, "元旦"), (5, 1, "劳动节"), (10, 1, "国庆节"), (10, 2, "国庆节"), (10, 3, "国庆节")];

/// The days of one year's notice.
pub type Notice = BTreeMap<NaiveDate, OfficialDay>;

/// A year's notice as it is kept and shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficialYear {
    pub year: i32,
    /// In the order of the calendar.
    pub days: Vec<NamedDay>,
}

/// A day off or a make-up working day (调休上班).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedDay {
    /// `YYYY-MM-DD`.
    pub on: String,
    /// The holiday it belongs to.
    pub name: String,
    /// True for a make-up working day, false for a day off.
    pub is_working: bool,
}

impl OfficialYear {
    /// The notice of `year`.
    pub fn of(year: i32, notice: &Notice) -> Self {
        let named = |(on, day): (&NaiveDate, &OfficialDay)| NamedDay {
            on: on.to_string(),
            name: day.name.clone(),
            is_working: day.is_working,
        };
        Self { year, days: notice.iter().map(named).collect() }
    }

    /// The days by date.
    ///
    /// # Errors
    /// `Refusal::Invalid` for a date that is none.
    pub fn notice(&self) -> Result<Notice, Refusal> {
        let mut notice = Notice::new();
        for (i, it) in self.days.iter().enumerate() {
            let Some(on) = parse_date(&it.on) else {
                return Err(Refusal::field(format!("days[{i}].on"), NO_DATE));
            };
            notice.insert(on, OfficialDay { is_working: it.is_working, name: it.name.clone() });
        }
        Ok(notice)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    year: Option<i32>,
    years: Option<Vec<i32>>,
    days: Vec<FileDay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileDay {
    date: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "isOffDay")]
    is_off_day: Option<bool>,
    weekday: Option<u32>,
    year: Option<i32>,
}

/// What a file may say of itself, which changes nothing.
const ABOUT: [&str; 7] = ["source", "commit", "license", "note", "papers", "$schema", "$id"];

const NO_DATE: &str = "没有这一天，日期要写成 2027-01-01 这样。 No such day; write it like 2027-01-01.";

/// Reads a file of official years; `only` takes one year of it. Years that are shipped must be as shipped.
///
/// Every year is checked as a whole: its days, the usual holidays, what is off by law, and days named twice.
///
/// # Errors
/// `Refusal::Invalid` with the faults, at most fifty.
pub fn read_years(file: &Value, only: Option<i32>) -> Result<BTreeMap<i32, Notice>, Refusal> {
    let mut plain = file.clone();
    if let Value::Object(fields) = &mut plain {
        fields.retain(|name, _| !ABOUT.contains(&name.as_str()));
    }
    let file: File = serde_path_to_error::deserialize(plain).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        Refusal::field(field, format!("这一项不对。 This field is wrong: {cause}."))
    })?;
    let mut faults = Faults::default();
    if file.days.len() > DAYS_MAX {
        return Err(Refusal::field("days", format!("最多 {DAYS_MAX} 天。 At most {DAYS_MAX} days.")));
    }
    let mut years: BTreeMap<i32, Notice> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (i, day) in file.days.iter().enumerate() {
        if let Some((year, on, day)) = read_day(&mut faults, &format!("days[{i}]"), day, &file)
            && only.is_none_or(|it| it == year)
        {
            if !seen.insert(on) {
                faults.add(format!("days[{i}].date"), format!("{on} 写了两次。 {on} is given twice."));
            }
            years.entry(year).or_default().insert(on, day);
        }
    }
    let named = file.years.iter().flatten().chain(&file.year).copied();
    for year in named.chain(only).filter(|it| only.is_none_or(|only| only == *it)) {
        if !years.contains_key(&year) && faults.0.is_empty() {
            faults.add("days", format!("{year} 年一天也没有写。 There is no day of {year}."));
        }
    }
    if years.is_empty() && faults.0.is_empty() {
        faults.add("days", "文件里一天也没有。 The file has no day.");
    }
    for (year, notice) in &years {
        check_year(&mut faults, *year, notice);
    }
    faults.0.truncate(FAULTS_MAX);
    faults.check(years)
}

fn read_day(
    faults: &mut Faults,
    field: &str,
    day: &FileDay,
    file: &File,
) -> Option<(i32, NaiveDate, OfficialDay)> {
    let n_faults = faults.0.len();
    let is_working = match (day.kind.as_deref(), day.is_off_day) {
        (Some("workday"), None) | (None, Some(false)) => true,
        (Some("off"), None) | (None, Some(true)) => false,
        _ => {
            faults.add(
                format!("{field}.type"),
                "只写 type 为 off 或 workday，或只写 isOffDay。 Give either type, off or workday, or isOffDay.",
            );
            false
        }
    };
    let name = day.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        faults.add(
            format!("{field}.name"),
            format!("名称须为 1 到 {NAME_CHARS_MAX} 个字。 A name has 1 to {NAME_CHARS_MAX} characters."),
        );
    }
    let Some(on) = parse_date(&day.date) else {
        faults.add(format!("{field}.date"), NO_DATE);
        return None;
    };
    if day.weekday.is_some_and(|it| it != on.weekday().number_from_monday()) {
        let weekday = on.weekday().number_from_monday();
        faults.add(
            format!("{field}.weekday"),
            format!("{on} 是星期 {weekday}（1 为星期一）。 {on} is weekday {weekday}, 1 being Monday."),
        );
    }
    let year = day.year.or(file.year).unwrap_or(on.year());
    let is_listed = file.years.as_ref().is_none_or(|it| it.contains(&year));
    if !YEARS.contains(&year) || !is_listed || file.year.is_some_and(|it| it != year) {
        faults.add(
            format!("{field}.year"),
            format!("{year} 年不在文件所说的年份里。 {year} is not among the years of the file."),
        );
    }
    let is_new_year = name.contains("元旦") && (on.month(), on.day()) >= NEW_YEAR_FROM;
    if on.year() != year && !(on.year() == year - 1 && is_new_year) {
        faults.add(
            format!("{field}.date"),
            format!("{on} 不在 {year} 年；只有元旦可以从上一年 12 月 25 日算起。 {on} is not in {year}; only New Year (元旦) may begin on 25 December before it."),
        );
    }
    let day = OfficialDay { is_working, name: name.to_owned() };
    (faults.0.len() == n_faults).then_some((year, on, day))
}

fn check_year(faults: &mut Faults, year: i32, notice: &Notice) {
    if let Some(shipped) = shipped_years().0.get(&year) {
        let working = |it: &Notice| it.iter().map(|(on, day)| (*on, day.is_working)).collect::<Vec<_>>();
        let (given, known) = (working(notice), working(shipped));
        let differs = given.iter().find(|it| !known.contains(it));
        if let Some((on, _)) = differs.or_else(|| known.iter().find(|it| !given.contains(it))) {
            faults.add(
                format!("{year}"),
                format!("{year} 年已随程序提供，不能改变；{on} 与之不同。 {year} is shipped with the program and cannot be changed; {on} differs."),
            );
        }
        return;
    }
    for (on, day) in notice {
        if shipped_day(*on).is_some_and(|it| it.is_working != day.is_working) {
            faults.add(
                format!("{year}"),
                format!("{on} 属于已随程序提供的年份，不能改变。 {on} belongs to a year that is shipped and cannot be changed."),
            );
        }
    }
    for (name, words) in USUAL {
        let is_there = notice.values().any(|it| !it.is_working && words.iter().any(|w| it.name.contains(w)));
        if !is_there {
            faults.add(
                format!("{year}"),
                format!("{year} 年缺少{name}的放假日。 There is no day off for {name} in {year}."),
            );
        }
    }
    for (month, day, name) in OFF_BY_LAW {
        let on = NaiveDate::from_ymd_opt(year, month, day);
        if on.is_none_or(|it| notice.get(&it).is_none_or(|it| it.is_working)) {
            faults.add(
                format!("{year}"),
                format!("{year}-{month:02}-{day:02} 是法定{name}，须为放假日。 {year}-{month:02}-{day:02} is off by law ({name})."),
            );
        }
    }
    let n_off = notice.values().filter(|it| !it.is_working).count();
    if !DAYS_OFF.contains(&n_off) {
        let (least, most) = (DAYS_OFF.start(), DAYS_OFF.end());
        faults.add(
            format!("{year}"),
            format!("{year} 年有 {n_off} 个放假日，应在 {least} 到 {most} 之间。 {year} has {n_off} days off; it should be {least} to {most}."),
        );
    }
}

impl OfficialYears {
    /// The last year of the unbroken row of known ones, shipped or loaded; None when none is known.
    pub fn known_until(&self) -> Option<i32> {
        let shipped = shipped_years();
        let mut last = *shipped.0.keys().next().or_else(|| self.0.keys().next())?;
        while shipped.0.contains_key(&(last + 1)) || self.0.contains_key(&(last + 1)) {
            last += 1;
        }
        Some(last)
    }

    /// True when the days of `year` are known, shipped or loaded.
    pub fn knows(&self, year: i32) -> bool {
        self.0.contains_key(&year) || shipped_years().0.contains_key(&year)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A year as the State Council might order it.
    fn year_2027() -> Value {
        let off = |name: &str, from: &str, n: usize| {
            let first: NaiveDate = from.parse().unwrap();
            let name = name.to_owned();
            first
                .iter_days()
                .take(n)
                .map(move |it| json!({"date": it.to_string(), "name": name, "type": "off"}))
        };
        let mut days: Vec<Value> = off("元旦", "2027-01-01", 3)
            .chain(off("春节", "2027-02-05", 8))
            .chain(off("清明节", "2027-04-03", 3))
            .chain(off("劳动节", "2027-05-01", 5))
            .chain(off("端午节", "2027-06-07", 3))
            .chain(off("中秋节", "2027-09-15", 3))
            .chain(off("国庆节", "2027-10-01", 7))
            .collect();
        days.push(json!({"date": "2027-02-14", "name": "春节", "type": "workday", "weekday": 7}));
        json!({"years": [2027], "note": "a sample", "days": days})
    }

    fn faults(file: &Value) -> Vec<String> {
        match read_years(file, None) {
            Ok(_) => Vec::new(),
            Err(Refusal::Invalid(faults)) => faults.0.into_iter().map(|it| it.field).collect(),
            Err(other) => panic!("another refusal: {other:?}"),
        }
    }

    fn with(change: impl FnOnce(&mut Vec<Value>)) -> Value {
        let mut file = year_2027();
        change(file["days"].as_array_mut().unwrap());
        file
    }

    #[test]
    fn a_whole_year_is_read_in_both_shapes() {
        let read = read_years(&year_2027(), None).unwrap();
        let days: Vec<Value> = (year_2027()["days"].as_array().unwrap().iter())
            .map(|it| json!({"date": it["date"], "name": it["name"], "isOffDay": it["type"] == "off"}))
            .collect();
        let single = json!({"$schema": "x", "$id": "y", "year": 2027, "papers": ["z"], "days": days});

        assert_eq!(read[&2027].len(), 33);
        assert_eq!(read_years(&single, Some(2027)), Ok(read.clone()));
        let kept = OfficialYear::of(2027, &read[&2027]);
        assert_eq!(kept.notice().as_ref(), Ok(&read[&2027]));
    }

    #[test]
    fn what_is_wrong_with_a_day_is_named() {
        let day = |it: Value| with(|days| days.push(it));
        let at = |name: &str| vec![format!("days[33].{name}")];
        let off = |date: &str| json!({"date": date, "name": "元旦", "type": "off"});
        assert_eq!(faults(&day(off("2027-02-30"))), at("date"));
        assert_eq!(faults(&day(off("2028-01-01"))), at("year"));
        assert_eq!(
            faults(&day(json!({"date": "2026-12-20", "name": "元旦", "type": "off", "year": 2027}))),
            at("date")
        );
        assert_eq!(faults(&day(off("2027-01-01"))), at("date"), "twice");
        assert_eq!(faults(&day(json!({"date": "2027-03-01", "name": "春节", "type": "half"}))), at("type"));
        assert_eq!(faults(&day(json!({"date": "2027-03-01", "name": "", "type": "off"}))), at("name"));
        let wrong_weekday = json!({"date": "2027-03-01", "name": "春节", "type": "off", "weekday": 2});
        assert_eq!(faults(&day(wrong_weekday)), at("weekday"));
        assert_eq!(
            faults(&day(json!({"date": "2027-03-01", "name": "春节", "type": "off", "x": 1}))).len(),
            1
        );
    }

    #[test]
    fn a_year_that_lacks_a_usual_holiday_is_refused() {
        for (name, _) in USUAL {
            let lacking = with(|days| days.retain(|it| it["name"] != name));
            assert!(faults(&lacking).contains(&"2027".to_owned()), "{name}");
        }
        assert_eq!(faults(&with(|days| days.retain(|it| it["date"] != "2027-10-02"))), ["2027"]);
        assert_eq!(faults(&json!({"years": [2027, 2028], "days": year_2027()["days"]})), ["days"]);
        assert_eq!(faults(&json!({"days": []})), ["days"]);
    }

    #[test]
    fn a_shipped_year_is_taken_as_it_is_and_not_otherwise() {
        let shipped = &shipped_years().0[&2026];
        let file = |notice: &Notice| {
            let kind = |it: &OfficialDay| if it.is_working { "workday" } else { "off" };
            let days = notice
                .iter()
                .map(|(on, it)| json!({"date": on.to_string(), "name": it.name, "type": kind(it)}));
            json!({"years": [2026], "days": days.collect::<Vec<_>>()})
        };
        let mut changed = shipped.clone();
        changed.pop_last();

        assert!(read_years(&file(shipped), None).is_ok());
        assert_eq!(faults(&file(&changed)), ["2026"]);
    }

    #[test]
    fn years_are_known_as_far_as_the_row_is_unbroken() {
        let with = |years: &[i32]| OfficialYears(years.iter().map(|it| (*it, Notice::new())).collect());

        assert_eq!(with(&[]).known_until(), Some(2026));
        assert_eq!(with(&[2028]).known_until(), Some(2026));
        assert_eq!(with(&[2027, 2028]).known_until(), Some(2028));
        assert!(with(&[2028]).knows(2028) && !with(&[2028]).knows(2027));
    }
}
