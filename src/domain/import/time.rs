//! Times as sheets give them: with an offset, or local, in the forms people and spreadsheets write.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use unicode_normalization::UnicodeNormalization as _;

use crate::domain::value::At;

/// Serial numbers taken for dates: the years 1954 to 2119.
const SERIALS: std::ops::Range<f64> = 20_000.0..80_000.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// Reads a time: RFC 3339 with its offset, else a local time of `zone` (`2020/1/6 12:09:38`,
/// `2020-01-06 12:09`, `2020/1/6`, `20200106`, `2020年1月6日 12时9分`, `2020/1/6 下午3:05`), or a spreadsheet's serial number.
pub fn parse_local_time(given: &str, zone: Tz) -> Option<At> {
    let plain: String = given.nfkc().collect();
    let plain = plain.trim();
    if let Some(at) = At::parse(plain) {
        return Some(at);
    }
    if let Ok(serial) = plain.parse::<f64>() {
        return time_of_number(serial).and_then(|it| in_zone(it, zone));
    }
    in_zone(parse_local(plain)?, zone)
}

/// The local time of a spreadsheet's serial number, to the second; None outside of 1954 to 2119.
pub fn time_of_serial(serial: f64) -> Option<NaiveDateTime> {
    if !SERIALS.contains(&serial) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range above keeps it small")]
    let seconds = (serial * SECONDS_A_DAY).round() as i64;
    Some(NaiveDate::from_ymd_opt(1899, 12, 30)?.and_hms_opt(0, 0, 0)? + TimeDelta::seconds(seconds))
}

/// The local time a number stands for: a spreadsheet's serial number, or a day written as eight digits, `20200106`.
pub fn time_of_number(number: f64) -> Option<NaiveDateTime> {
    time_of_serial(number).or_else(|| {
        let digits = format!("{number}");
        let is_day = digits.len() == 8 && digits.bytes().all(|it| it.is_ascii_digit());
        let part = |range: std::ops::Range<usize>| -> Option<u32> {
            digits.get(range).filter(|_| is_day)?.parse().ok()
        };
        let year = part(0..4).and_then(|it| i32::try_from(it).ok())?;
        NaiveDate::from_ymd_opt(year, part(4..6)?, part(6..8)?)?.and_hms_opt(0, 0, 0)
    })
}

/// The moment of a local time; the earlier of two, None when the clocks skipped it.
pub(super) fn in_zone(local: NaiveDateTime, zone: Tz) -> Option<At> {
    zone.from_local_datetime(&local).earliest().map(|it| At::from_utc(it.with_timezone(&Utc)))
}

fn parse_local(plain: &str) -> Option<NaiveDateTime> {
    let (plain, is_afternoon) = half_of_day(plain);
    let plain = plain.as_str();
    let (date, time) = split(plain);
    let date = date.replace(['年', '月', '-', '.'], "/");
    let date = parse_date(date.trim_end_matches('日').trim_end_matches('号'))?;
    let time = time.replace(['时', '点', '分'], ":");
    let time = time.trim_end_matches('秒').trim_end_matches(':');
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if !fraction.bytes().all(|it| it.is_ascii_digit()) || (time.is_empty() && plain.contains('T')) {
        return None;
    }
    let parts = numbers(whole, ':', 2)?;
    let parts = match (is_afternoon, &parts[..]) {
        (None, _) => parts,
        (Some(_), [] | [_]) if !plain.contains(['时', '点', ':', '：']) => return None,
        (Some(is_afternoon), [hour, rest @ ..]) => {
            let hour = match (is_afternoon, hour) {
                (true, 1..=11) => hour + 12,
                (false, 12) => 0,
                (_, hour) => *hour,
            };
            [&[hour], rest].concat()
        }
        (Some(_), []) => return None,
    };
    match parts[..] {
        [] => date.and_hms_opt(0, 0, 0),
        [hour] if time.len() < plain.len() && plain.contains(['时', '点']) => date.and_hms_opt(hour, 0, 0),
        [hour, minute] => date.and_hms_opt(hour, minute, 0),
        [hour, minute, second] => date.and_hms_opt(hour, minute, second),
        _ => None,
    }
}

/// The text without the word for a half of the day, and whether that was the second one.
fn half_of_day(plain: &str) -> (String, Option<bool>) {
    let plain = plain.to_lowercase().replace('t', "T");
    let halves = [("上午", false), ("下午", true), ("晚上", true), ("am", false), ("pm", true)];
    match halves.into_iter().find(|(word, _)| plain.contains(word)) {
        Some((word, is_second)) => (plain.replacen(word, " ", 1).trim().to_owned(), Some(is_second)),
        None => (plain, None),
    }
}

/// Date and time of day, apart; the latter may be empty.
fn split(plain: &str) -> (&str, &str) {
    let end_of_date = plain.find(|it: char| it.is_whitespace() || it == 'T').map(|at| (at, at + 1));
    let end_of_day = plain.find(['日', '号']).map(|at| (at, at + '日'.len_utf8()));
    let end = match (end_of_date, end_of_day) {
        (Some(space), Some(day)) => Some(space.min(day)),
        (space, day) => space.or(day),
    };
    match end {
        Some((end, _)) => {
            let rest = plain[end..].trim_start_matches(|it: char| it.is_whitespace() || "T日号".contains(it));
            (&plain[..end], rest.trim_end())
        }
        None => (plain, ""),
    }
}

fn parse_date(date: &str) -> Option<NaiveDate> {
    match numbers(date, '/', 4)?[..] {
        [year @ 1000..=9999, month, day] => NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day),
        _ => None,
    }
}

/// The numbers between `separator`s, each with so many digits at most; none for an empty text.
fn numbers(text: &str, separator: char, digits_max: usize) -> Option<Vec<u32>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let number = |part: &str| {
        let is_number = (1..=digits_max).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
        is_number.then(|| part.parse().ok()).flatten()
    };
    text.split(separator).map(|part| number(part.trim())).collect()
}
