//! Why a due time is what it is (为什么是这一天): each day counted or skipped, and one sentence in two languages.

use chrono::{Datelike, NaiveDate};

use super::{Clock, Pause, Rules, Stage, Target};
use crate::domain::calendar::{DayRule, WorkingCalendar};
use crate::domain::value::At;

/// One day between start and due time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayLine {
    pub on: NaiveDate,
    pub is_working: bool,
    pub rule: DayRule,
    /// The holiday's or the own day's name.
    pub name: Option<String>,
    /// Which working day of the target it is, for targets in days.
    pub counted: Option<u32>,
    /// Open minutes of the day between start and due time, for targets in minutes.
    pub minutes: Option<i64>,
}

/// A due time explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub days: Vec<DayLine>,
    pub zh: String,
    pub en: String,
}

/// Explains the due time of `clock` by the rules it was counted with.
pub fn explain(clock: &Clock, rules: &Rules) -> Explanation {
    let calendar = &rules.calendar;
    let days = days_of(clock, calendar);
    Explanation { zh: chinese(clock, &days, calendar), en: english(clock, &days, calendar), days }
}

fn days_of(clock: &Clock, calendar: &WorkingCalendar) -> Vec<DayLine> {
    let first = calendar.local_date(clock.started_at);
    let last = calendar.local_date(clock.due_at);
    let (mut n_counted, most) = match clock.details.target {
        Target::WorkingDays(n) => (0, n),
        Target::WorkingMinutes(_) | Target::CalendarMinutes(_) => (0, 0),
    };
    calendar
        .days_between(first, last)
        .into_iter()
        .map(|day| {
            let is_counted = day.is_working && day.on > first && n_counted < most;
            n_counted += u32::from(is_counted);
            let minutes = match clock.details.target {
                Target::WorkingMinutes(_) => Some(minutes_on(day.on, clock, calendar)),
                Target::WorkingDays(_) | Target::CalendarMinutes(_) => None,
            };
            DayLine {
                on: day.on,
                is_working: day.is_working,
                rule: day.rule,
                name: day.name,
                counted: is_counted.then_some(n_counted),
                minutes,
            }
        })
        .collect()
}

/// Open minutes of `on` between start and due time.
fn minutes_on(on: NaiveDate, clock: &Clock, calendar: &WorkingCalendar) -> i64 {
    let noon = |date: NaiveDate| date.and_hms_opt(12, 0, 0).unwrap_or_default();
    // Whole days by their midnights in the calendar's zone, found as twelve hours around noon.
    let around = |half_days: i64| {
        use chrono::TimeZone as _;
        let local = calendar.zone().from_local_datetime(&noon(on)).earliest();
        local.map(|it| At::from_utc(it.to_utc()) + chrono::TimeDelta::hours(12 * half_days))
    };
    let (Some(from), Some(to)) = (around(-1), around(1)) else { return 0 };
    let (from, to) = (from.max(clock.started_at), to.min(clock.due_at));
    if to <= from { 0 } else { calendar.working_minutes_between(from, to).unwrap_or(0) }
}

/// The stage in Chinese, as screens have it.
pub fn stage_zh(stage: Stage) -> &'static str {
    match stage {
        Stage::Accept => "受理",
        Stage::Assign => "派单",
        Stage::Acknowledge => "签收",
        Stage::Contact => "联系",
        Stage::Resolve => "办结",
        Stage::Reply => "答复",
    }
}

fn local(at: At, calendar: &WorkingCalendar) -> chrono::DateTime<chrono_tz::Tz> {
    at.to_utc().with_timezone(&calendar.zone())
}

fn moment_zh(at: At, calendar: &WorkingCalendar) -> String {
    local(at, calendar).format("%-m月%-d日 %H:%M").to_string()
}

fn moment_en(at: At, calendar: &WorkingCalendar) -> String {
    local(at, calendar).format("%Y-%m-%d %H:%M").to_string()
}

/// `2 小时`, `90 分钟`.
fn span_zh(minutes: u32) -> String {
    if minutes.is_multiple_of(60) { format!("{} 小时", minutes / 60) } else { format!("{minutes} 分钟") }
}

fn span_en(minutes: u32) -> String {
    if minutes.is_multiple_of(60) { format!("{} h", minutes / 60) } else { format!("{minutes} min") }
}

/// Runs of skipped holidays and of swapped working days, in words.
struct Notable {
    skipped: Vec<(String, NaiveDate, NaiveDate)>,
    swapped: Vec<(String, NaiveDate)>,
}

fn notable(days: &[DayLine]) -> Notable {
    let mut found = Notable { skipped: Vec::new(), swapped: Vec::new() };
    for day in days.iter().filter(|it| it.rule != DayRule::Week) {
        let name = day.name.clone().unwrap_or_default();
        if day.is_working {
            found.swapped.push((name, day.on));
            continue;
        }
        match found.skipped.last_mut() {
            Some((of, _, last)) if *of == name && last.succ_opt() == Some(day.on) => *last = day.on,
            _ => found.skipped.push((name, day.on, day.on)),
        }
    }
    found
}

fn day_zh(on: NaiveDate) -> String {
    format!("{}月{}日", on.month(), on.day())
}

fn chinese(clock: &Clock, days: &[DayLine], calendar: &WorkingCalendar) -> String {
    let start = moment_zh(clock.started_at, calendar);
    let stage = stage_zh(clock.stage);
    let mut parts = vec![match clock.details.target {
        Target::WorkingDays(n) => {
            let counted: Vec<String> =
                days.iter().filter(|it| it.counted.is_some()).map(|it| day_zh(it.on)).collect();
            let counted = if counted.len() > 6 {
                format!("{}起到{}", counted[0], counted[counted.len() - 1])
            } else {
                counted.join("、")
            };
            format!("{stage}时限 {n} 个工作日，从 {start} 起（当天不计），计 {counted}")
        }
        Target::WorkingMinutes(n) => format!("{stage}时限 {}（只计工作时间），从 {start} 起", span_zh(n)),
        Target::CalendarMinutes(n) => format!("{stage}时限 {}（昼夜连续计算），从 {start} 起", span_zh(n)),
    }];
    if !clock.details.target.is_round_the_clock() {
        let notable = notable(days);
        for (name, from, to) in notable.skipped {
            let span = if from == to { day_zh(from) } else { format!("{}至{}", day_zh(from), day_zh(to)) };
            let name = if name.is_empty() { "休息".to_owned() } else { name };
            parts.push(format!("{span}{name}不计"));
        }
        for (name, on) in notable.swapped {
            parts.push(format!("{}{name}调休上班，计入", day_zh(on)));
        }
    }
    for Pause { from, to } in &clock.details.pauses {
        let to = to.map_or("现在".to_owned(), |it| moment_zh(it, calendar));
        parts.push(format!("{} 至 {to} 等待补充，停计并顺延", moment_zh(*from, calendar)));
    }
    for before in &clock.details.due_before {
        parts.push(format!("原期限 {}，经批准延期", moment_zh(*before, calendar)));
    }
    if clock.details.provisional {
        parts.push("所涉年份的放假安排尚未公布，此为暂定".to_owned());
    }
    format!("{}；因此到 {} 为止。", parts.join("；"), moment_zh(clock.due_at, calendar))
}

fn english(clock: &Clock, days: &[DayLine], calendar: &WorkingCalendar) -> String {
    let start = moment_en(clock.started_at, calendar);
    let stage = clock.stage;
    let mut parts = vec![match clock.details.target {
        Target::WorkingDays(n) => {
            let counted: Vec<String> =
                days.iter().filter(|it| it.counted.is_some()).map(|it| it.on.to_string()).collect();
            let counted = if counted.len() > 6 {
                format!("{} to {}", counted[0], counted[counted.len() - 1])
            } else {
                counted.join(", ")
            };
            format!("To {stage}: {n} working day(s) from {start}, that day not counted: {counted}")
        }
        Target::WorkingMinutes(n) => format!("To {stage}: {} of opening hours from {start}", span_en(n)),
        Target::CalendarMinutes(n) => format!("To {stage}: {} round the clock from {start}", span_en(n)),
    }];
    if !clock.details.target.is_round_the_clock() {
        let notable = notable(days);
        for (name, from, to) in notable.skipped {
            let span = if from == to { from.to_string() } else { format!("{from} to {to}") };
            parts.push(format!("{span} closed ({name})"));
        }
        for (name, on) in notable.swapped {
            parts.push(format!("{on} worked instead ({name})"));
        }
    }
    for Pause { from, to } in &clock.details.pauses {
        let to = to.map_or("now".to_owned(), |it| moment_en(it, calendar));
        parts.push(format!("stood still from {} to {to}", moment_en(*from, calendar)));
    }
    for before in &clock.details.due_before {
        parts.push(format!("extended from {}", moment_en(*before, calendar)));
    }
    if clock.details.provisional {
        parts.push("provisional, as the holidays of that year are not known yet".to_owned());
    }
    format!("{}; so it ends {}.", parts.join("; "), moment_en(clock.due_at, calendar))
}
