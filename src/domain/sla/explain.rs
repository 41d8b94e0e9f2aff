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

/// Why more time was granted, and who did; each as far as the reader may know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grounds {
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// What was said of a clock's pauses and extensions, each in the order of the clock's own; less where it is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes {
    pub pauses: Vec<Option<String>>,
    pub extensions: Vec<Grounds>,
}

/// Explains the due time of `clock` by the rules it was counted with.
pub fn explain(clock: &Clock, rules: &Rules, causes: &Causes) -> Explanation {
    let calendar = &rules.calendar;
    let days = days_of(clock, calendar);
    Explanation {
        zh: chinese(clock, &days, calendar, causes),
        en: english(clock, &days, calendar, causes),
        days,
    }
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

/// `2026年11月30日 17:30`; the year is left out where the reader has just seen it.
fn moment_zh(at: At, seen: Option<i32>, calendar: &WorkingCalendar) -> String {
    let at = local(at, calendar);
    format!("{} {}", day_zh(at.date_naive(), seen), at.format("%H:%M"))
}

fn moment_en(at: At, calendar: &WorkingCalendar) -> String {
    local(at, calendar).format("%Y-%m-%d %H:%M").to_string()
}

fn day_zh(on: NaiveDate, seen: Option<i32>) -> String {
    let year = if seen == Some(on.year()) { String::new() } else { format!("{}年", on.year()) };
    format!("{year}{}月{}日", on.month(), on.day())
}

/// `2 小时`, `6 小时 30 分钟`, `45 分钟`.
fn span_zh(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, left) => format!("{left} 分钟"),
        (hours, 0) => format!("{hours} 小时"),
        (hours, left) => format!("{hours} 小时 {left} 分钟"),
    }
}

fn span_en(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, left) => format!("{left} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, left) => format!("{hours} h {left} min"),
    }
}

/// Days in a row that are alike.
struct Row {
    is_working: bool,
    rule: DayRule,
    name: String,
    first: NaiveDate,
    last: NaiveDate,
}

/// What is remarkable among the days: each row that is skipped, and each day worked although it is not the week's.
///
/// The day a target in days starts on is not counted, whatever it is, and is left out.
fn remarkable(clock: &Clock, days: &[DayLine]) -> Vec<Row> {
    let n_first = usize::from(matches!(clock.details.target, Target::WorkingDays(_)));
    let mut rows: Vec<Row> = Vec::new();
    for day in days.iter().skip(n_first) {
        if day.is_working && day.rule == DayRule::Week {
            continue;
        }
        let name = day.name.clone().unwrap_or_default();
        match rows.last_mut() {
            Some(row)
                if (row.is_working, row.rule, row.name.as_str())
                    == (day.is_working, day.rule, name.as_str())
                    && row.last.succ_opt() == Some(day.on) =>
            {
                row.last = day.on;
            }
            _ => rows.push(Row {
                is_working: day.is_working,
                rule: day.rule,
                name,
                first: day.on,
                last: day.on,
            }),
        }
    }
    rows
}

impl Row {
    fn chinese(&self, seen: i32) -> String {
        let first = day_zh(self.first, Some(seen));
        let span = if self.first == self.last {
            first
        } else {
            format!("{first}至{}", day_zh(self.last, Some(self.first.year())))
        };
        let name = &self.name;
        match (self.is_working, self.rule) {
            (false, DayRule::Week) => format!("{span}休息，不计"),
            (false, DayRule::Official) => format!("{span}{name}放假，不计"),
            (false, DayRule::Own) => format!("{span}{}不开门，不计", in_brackets_zh(name)),
            (true, DayRule::Own) => format!("{span}{}加开，计入", in_brackets_zh(name)),
            (true, DayRule::Official | DayRule::Week) => format!("{span}因{name}调休上班，计入"),
        }
    }

    fn english(&self) -> String {
        let span = if self.first == self.last {
            self.first.to_string()
        } else {
            format!("{} to {}", self.first, self.last)
        };
        let name = if self.name.is_empty() { String::new() } else { format!(" ({})", self.name) };
        match (self.is_working, self.rule) {
            (false, DayRule::Week) => format!("{span} closed every week, not counted"),
            (false, DayRule::Official) => format!("{span} public holiday{name}, not counted"),
            (false, DayRule::Own) => format!("{span} closed here{name}, not counted"),
            (true, DayRule::Own) => format!("{span} open here by exception{name}, counted"),
            (true, DayRule::Official | DayRule::Week) => {
                format!("{span} worked in exchange for a holiday{name}, counted")
            }
        }
    }
}

fn in_brackets_zh(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("（{name}）") }
}

/// First and last counted day.
fn counted_ends(days: &[DayLine]) -> Option<(NaiveDate, NaiveDate)> {
    let mut counted = days.iter().filter(|it| it.counted.is_some()).map(|it| it.on);
    let first = counted.next()?;
    Some((first, counted.next_back().unwrap_or(first)))
}

/// How long a pause took, as the target counts time, in whole minutes; none while it lasts.
fn stood_still(pause: &Pause, target: Target, calendar: &WorkingCalendar) -> Option<u32> {
    let minutes = target.elapsed(pause.from, pause.to?, calendar).num_minutes();
    u32::try_from(minutes).ok()
}

fn chinese(clock: &Clock, days: &[DayLine], calendar: &WorkingCalendar, causes: &Causes) -> String {
    let target = clock.details.target;
    let year = calendar.local_date(clock.started_at).year();
    let start = moment_zh(clock.started_at, None, calendar);
    let stage = stage_zh(clock.stage);
    let mut parts = vec![match target {
        Target::WorkingDays(n) => {
            let counted = counted_ends(days).map_or_else(String::new, |(first, last)| {
                let (first, last) = (day_zh(first, Some(year)), day_zh(last, Some(year)));
                if n == 1 { format!("，计 {first}") } else { format!("，从 {first} 数到 {last}") }
            });
            format!("{stage}时限 {n} 个工作日：从 {start} 起，当天不计{counted}，最后一天下班时为止")
        }
        Target::WorkingMinutes(n) => format!("{stage}时限 {}，只计上班时间：从 {start} 起", span_zh(n)),
        Target::CalendarMinutes(n) => format!("{stage}时限 {}，昼夜连续计算：从 {start} 起", span_zh(n)),
    }];
    if !target.is_round_the_clock() {
        parts.extend(remarkable(clock, days).iter().map(|it| it.chinese(year)));
    }
    parts.extend(clock.details.pauses.iter().enumerate().map(|(nth, it)| {
        let why = causes.pauses.get(nth).and_then(Option::as_deref);
        pause_zh(it, target, calendar, year, why)
    }));
    for (nth, before) in clock.details.due_before.iter().enumerate() {
        let grounds = causes.extensions.get(nth).cloned().unwrap_or_default();
        let why = grounds.reason.map_or_else(String::new, |it| format!("因“{it}”"));
        let by = grounds.by.map_or_else(String::new, |it| format!(" {it} "));
        parts.push(format!("原定 {}，{why}经{by}批准延期", moment_zh(*before, Some(year), calendar)));
    }
    if clock.details.provisional {
        parts.push("所涉年份的放假安排尚未公布，此为暂定，公布后重算".to_owned());
    }
    format!("{}。因此期限是 {}。", parts.join("；"), moment_zh(clock.due_at, None, calendar))
}

fn english(clock: &Clock, days: &[DayLine], calendar: &WorkingCalendar, causes: &Causes) -> String {
    let target = clock.details.target;
    let start = moment_en(clock.started_at, calendar);
    let stage = clock.stage;
    let mut parts = vec![match target {
        Target::WorkingDays(n) => {
            let counted = counted_ends(days).map_or_else(String::new, |(first, last)| {
                if n == 1 {
                    format!(", {first} counted")
                } else {
                    format!(", counted from {first} to {last}")
                }
            });
            let unit = if n == 1 { "working day" } else { "working days" };
            format!(
                "Time to {stage}: {n} {unit} from {start}, that day not counted{counted}, until business closes on the last one"
            )
        }
        Target::WorkingMinutes(n) => {
            format!("Time to {stage}: {} from {start}, only opening hours counted", span_en(n))
        }
        Target::CalendarMinutes(n) => format!("Time to {stage}: {} from {start}, day and night", span_en(n)),
    }];
    if !target.is_round_the_clock() {
        parts.extend(remarkable(clock, days).iter().map(Row::english));
    }
    parts.extend(
        clock.details.pauses.iter().enumerate().map(|(nth, it)| {
            pause_en(it, target, calendar, causes.pauses.get(nth).and_then(Option::as_deref))
        }),
    );
    for (nth, before) in clock.details.due_before.iter().enumerate() {
        let grounds = causes.extensions.get(nth).cloned().unwrap_or_default();
        let by = grounds.by.map_or_else(String::new, |it| format!(" by {it}"));
        let why = grounds.reason.map_or_else(String::new, |it| format!(" because of “{it}”"));
        parts.push(format!("first due {}, then extended{by}{why}", moment_en(*before, calendar)));
    }
    if clock.details.provisional {
        parts.push(
            "provisional: that year's holidays are not published yet, and it is counted again when they are"
                .to_owned(),
        );
    }
    format!("{}. So it is due {}.", parts.join("; "), moment_en(clock.due_at, calendar))
}

fn pause_zh(
    pause: &Pause,
    target: Target,
    calendar: &WorkingCalendar,
    year: i32,
    why: Option<&str>,
) -> String {
    let moment = |at: At| moment_zh(at, Some(year), calendar);
    let from = moment(pause.from);
    let waiting = why.map_or_else(|| "等待补充材料或第三方".to_owned(), |it| format!("等待（{it}）"));
    match (pause.to, stood_still(pause, target, calendar)) {
        (Some(to), Some(minutes)) => {
            let kind = if target.is_round_the_clock() { "" } else { "上班时间" };
            let (to, span) = (moment(to), span_zh(minutes));
            format!("{from} 至 {to} {waiting}，停计{kind} {span}，期限顺延同样长")
        }
        _ => format!("{from} 起{waiting}，停计至今，恢复后期限顺延"),
    }
}

fn pause_en(pause: &Pause, target: Target, calendar: &WorkingCalendar, why: Option<&str>) -> String {
    let from = moment_en(pause.from, calendar);
    let why = why.map_or_else(String::new, |it| format!(" ({it})"));
    match (pause.to, stood_still(pause, target, calendar)) {
        (Some(to), Some(minutes)) => {
            let kind = if target.is_round_the_clock() { "" } else { " of opening hours" };
            let (to, span) = (moment_en(to, calendar), span_en(minutes));
            format!("stood still from {from} to {to} while waiting{why}, which adds the same {span}{kind}")
        }
        _ => format!("standing still since {from} while waiting{why}, which will be added"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::setup::Policy;
    use crate::domain::sla::{ClockDetails, ClockState, Matter, Rulebook};
    use crate::domain::ticket::{Kind, Priority};

    fn at(local: &str) -> At {
        At::parse(&format!("{local}:00+08:00")).unwrap()
    }

    /// A resolve clock from `start` with the target, paused and extended as told, by the standard calendar.
    fn told(target: Target, start: &str, pause: Option<(&str, &str)>, before: Option<&str>) -> Explanation {
        let matter = Matter { kind: Kind::Request, priority: Priority::Normal, category: None };
        let rules = Rulebook { policies: vec![(0, Policy::default())], ..Rulebook::default() }.rules(&matter);
        let due = target.due(at(start), &rules.calendar);
        let pauses: Vec<Pause> =
            pause.into_iter().map(|(from, to)| Pause { from: at(from), to: Some(at(to)) }).collect();
        let due_at = pauses.iter().fold(due.at, |due_at, it| {
            target.after(due_at, target.elapsed(it.from, it.to.unwrap(), &rules.calendar), &rules.calendar)
        });
        let clock = Clock {
            stage: Stage::Resolve,
            cycle: 1,
            nth: 1,
            state: ClockState::Running,
            started_at: at(start),
            due_at,
            paused_at: None,
            met_at: None,
            breached_at: None,
            alarm: None,
            warned: None,
            rules: rules.digest,
            details: ClockDetails {
                target,
                provisional: due.is_provisional,
                pauses,
                tried_on: Vec::new(),
                ended_at: None,
                escalated: None,
                due_before: before.map(at).into_iter().collect(),
            },
        };
        let grounds = Grounds { reason: Some("等配件".to_owned()), by: Some("王主任".to_owned()) };
        explain(
            &clock,
            &rules,
            &Causes { pauses: vec![Some("等施工队报价".to_owned())], extensions: vec![grounds] },
        )
    }

    #[test]
    fn holidays_swapped_days_and_weekends_are_said_in_the_order_of_days() {
        let told = told(Target::WorkingDays(5), "2026-09-30T10:00", None, None);

        assert_eq!(
            told.zh,
            "办结时限 5 个工作日：从 2026年9月30日 10:00 起，当天不计，从 10月8日 数到 10月13日，最后一天下班时为止；\
             10月1日至10月7日国庆节放假，不计；10月10日因国庆节调休上班，计入；10月11日休息，不计。\
             因此期限是 2026年10月13日 17:30。"
        );
        assert_eq!(
            told.en,
            "Time to resolve: 5 working days from 2026-09-30 10:00, that day not counted, counted from 2026-10-08 to \
             2026-10-13, until business closes on the last one; 2026-10-01 to 2026-10-07 public holiday (国庆节), not \
             counted; 2026-10-10 worked in exchange for a holiday (国庆节), counted; 2026-10-11 closed every week, not \
             counted. So it is due 2026-10-13 17:30."
        );
    }

    #[test]
    fn a_pause_says_how_long_it_was_and_an_extension_what_was_due_before() {
        let pause = Some(("2026-11-23T09:00", "2026-11-24T09:00"));
        let told = told(Target::WorkingDays(1), "2026-11-23T09:00", pause, Some("2026-11-24T17:30"));

        assert_eq!(
            told.zh,
            "办结时限 1 个工作日：从 2026年11月23日 09:00 起，当天不计，计 11月24日，最后一天下班时为止；\
             11月23日 09:00 至 11月24日 09:00 等待（等施工队报价），停计上班时间 6 小时 30 分钟，期限顺延同样长；\
             原定 11月24日 17:30，因“等配件”经 王主任 批准延期。因此期限是 2026年11月25日 17:30。"
        );
        for words in [
            "while waiting (等施工队报价), which adds the same 6 h 30 min of opening hours",
            "then extended by 王主任 because of “等配件”",
        ] {
            assert!(told.en.contains(words), "{}", told.en);
        }
    }

    #[test]
    fn round_the_clock_no_day_is_remarkable_and_the_year_that_comes_is_named() {
        let told = told(Target::CalendarMinutes(1_440), "2026-12-31T20:00", None, None);

        assert_eq!(
            told.zh,
            "办结时限 24 小时，昼夜连续计算：从 2026年12月31日 20:00 起。因此期限是 2027年1月1日 20:00。"
        );
    }
}
