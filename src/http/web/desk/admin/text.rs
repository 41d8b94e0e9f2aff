//! Hours, days and shifts as people type them: a line for each.

use serde_json::{Value, json};

use super::super::Sent;
use crate::domain::calendar::{ClosedDay, OpenDay, SeasonSettings};
use crate::domain::refusal::Faults;
use crate::domain::setup::{DutyDay, Shift};
use crate::domain::sla::Target;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Seasons: `01-01 12-31`, below it a line for each weekday that is worked: `mon 08:30-12:00 14:30-17:30`.
pub(super) fn seasons(seasons: &[SeasonSettings]) -> String {
    let season = |it: &SeasonSettings| {
        let worked = WEEKDAYS.iter().filter_map(|day| Some((day, it.week.get(*day)?)));
        let lines: Vec<String> = worked.map(|(day, spans)| format!("{day} {}\n", spans.join(" "))).collect();
        format!("{} {}\n{}", it.from, it.to, lines.concat())
    };
    seasons.iter().map(season).collect::<Vec<_>>().join("\n")
}

pub(super) fn closed_days(days: &[ClosedDay]) -> String {
    let line =
        |it: &ClosedDay| format!("{} {}", it.on, it.name.as_deref().unwrap_or_default()).trim().to_owned();
    days.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn open_days(days: &[OpenDay]) -> String {
    let line = |it: &OpenDay| {
        let name = it.name.as_deref().unwrap_or_default();
        format!("{} {} {name}", it.on, it.hours.join(" ")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    days.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn shifts(shifts: &[Shift]) -> String {
    let line = |it: &Shift| {
        let days: Vec<&str> = it.weekdays.iter().map(|it| it.as_str()).collect();
        format!("{} {}-{} {}", days.join(","), it.from, it.to, it.usernames.join(","))
    };
    shifts.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn exceptions(days: &[DutyDay]) -> String {
    let line = |it: &DutyDay| format!("{} {}-{} {}", it.on, it.from, it.to, it.usernames.join(","));
    days.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `5d`, `90wm` (working minutes), `24h` round the clock.
pub(super) fn target(target: Target) -> String {
    match target {
        Target::WorkingDays(n) => format!("{n}d"),
        Target::WorkingMinutes(n) => format!("{n}wm"),
        Target::CalendarMinutes(n) if n % 60 == 0 => format!("{}h", n / 60),
        Target::CalendarMinutes(n) => format!("{n}m"),
    }
}

/// The inverse of [`target`], in Chinese too: 5 天, 90 工作分钟, 24 小时, 30 分钟.
pub(super) fn read_target(given: &str) -> Option<Target> {
    let given: String = given.split_whitespace().collect();
    let unit = given.find(|it: char| !it.is_ascii_digit())?;
    let (n, unit) = given.split_at(unit);
    let n: u32 = n.parse().ok()?;
    match unit {
        "d" | "天" | "工作日" | "个工作日" => Some(Target::WorkingDays(n)),
        "wm" | "工作分钟" => Some(Target::WorkingMinutes(n)),
        "h" | "小时" => Some(Target::CalendarMinutes(n.checked_mul(60)?)),
        "m" | "分钟" => Some(Target::CalendarMinutes(n)),
        _ => None,
    }
}

/// Reads each line of a field; one that cannot be read is named.
pub(super) fn read(
    name: &str,
    sent: &Sent,
    parse: fn(&mut Vec<Value>, &[&str]) -> Option<()>,
    faults: &mut Faults,
) -> Value {
    let mut read = Vec::new();
    for line in sent.text(name).lines().map(str::trim).filter(|it| !it.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if parse(&mut read, &words).is_none() {
            let shown: String = line.chars().take(40).collect();
            faults.add(name, format!("这一行读不懂：{shown}。 This line cannot be read: {shown}."));
        }
    }
    Value::Array(read)
}

pub(super) fn read_seasons(read: &mut Vec<Value>, words: &[&str]) -> Option<()> {
    let (first, rest) = words.split_first()?;
    if WEEKDAYS.contains(first) {
        read.last_mut()?["week"][*first] = json!(rest);
        return Some(());
    }
    let [to] = rest else { return None };
    read.push(json!({ "from": first, "to": to, "week": {} }));
    Some(())
}

pub(super) fn read_closed_days(read: &mut Vec<Value>, words: &[&str]) -> Option<()> {
    let (on, name) = words.split_first()?;
    read.push(if name.is_empty() {
        json!({ "on": on })
    } else {
        json!({ "on": on, "name": name.join(" ") })
    });
    Some(())
}

pub(super) fn read_open_days(read: &mut Vec<Value>, words: &[&str]) -> Option<()> {
    let (on, rest) = words.split_first()?;
    let is_span = |it: &&&str| it.starts_with(|it: char| it.is_ascii_digit()) && it.contains(':');
    let hours: Vec<&&str> = rest.iter().filter(is_span).collect();
    let name: Vec<&str> = rest.iter().filter(|it| !is_span(it)).copied().collect();
    let mut day = json!({ "on": on, "hours": hours });
    if !name.is_empty() {
        day["name"] = name.join(" ").into();
    }
    read.push(day);
    Some(())
}

pub(super) fn read_shifts(read: &mut Vec<Value>, words: &[&str]) -> Option<()> {
    let [days, hours, people] = words else { return None };
    let (from, to) = hours.split_once('-')?;
    let list = |it: &str| it.split(',').map(str::to_owned).collect::<Vec<_>>();
    read.push(json!({ "weekdays": list(days), "from": from, "to": to, "usernames": list(people) }));
    Some(())
}

pub(super) fn read_exceptions(read: &mut Vec<Value>, words: &[&str]) -> Option<()> {
    let [on, hours, people] = words else { return None };
    let (from, to) = hours.split_once('-')?;
    let people: Vec<&str> = people.split(',').collect();
    read.push(json!({ "on": on, "from": from, "to": to, "usernames": people }));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_as_it_was_written() {
        for one in [
            Target::WorkingDays(5),
            Target::WorkingMinutes(90),
            Target::CalendarMinutes(1_440),
            Target::CalendarMinutes(30),
        ] {
            assert_eq!(read_target(&target(one)), Some(one));
        }
        assert_eq!(read_target("3 个工作日"), Some(Target::WorkingDays(3)));
        assert_eq!(read_target("24 小时"), Some(Target::CalendarMinutes(1_440)));
        for wrong in ["", "5", "d", "5x", "-5d"] {
            assert_eq!(read_target(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hours_are_a_line_for_each_weekday() {
        let mut read = Vec::new();
        for line in ["01-01 12-31", "mon 08:30-12:00 14:30-17:30", "sat 09:00-11:00"] {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(read_seasons(&mut read, &words).is_some());
        }
        assert!(read_seasons(&mut read, &["mon-fri"]).is_none());

        let settings: Vec<SeasonSettings> = serde_json::from_value(Value::Array(read)).unwrap();
        assert_eq!(seasons(&settings), "01-01 12-31\nmon 08:30-12:00 14:30-17:30\nsat 09:00-11:00\n");
    }

    #[test]
    fn a_day_that_is_worked_may_have_hours_and_a_name() {
        let mut read = Vec::new();
        assert!(read_open_days(&mut read, &["2026-12-26", "09:00-12:00", "年底", "加班"]).is_some());

        assert_eq!(read[0], json!({"on": "2026-12-26", "hours": ["09:00-12:00"], "name": "年底 加班"}));
    }
}
