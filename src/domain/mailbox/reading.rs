//! Reading what people give of an opening and of its letters, with every fault at once.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::collection::{Collection, LETTERS_MAX, SetAside, text};
use crate::domain::number::Serial;
use crate::domain::people::Actor;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::setup::ClockStart;
use crate::domain::ticket::intake::{Contact, Location, OnBehalfOf, Parsed, Submission, clean, clean_line};
use crate::domain::ticket::{Kind, Source};
use crate::domain::value::At;

/// Matters in one letter: a page holds a few.
pub const TICKETS_PER_LETTER_MAX: usize = 20;
/// A name or the number of a seal is a line.
const LINE_CHARS_MAX: usize = 80;
/// A note is a few sentences.
const NOTE_CHARS_MAX: usize = 500;
/// 1990-01-01: no box was opened before.
const OPENED_AT_MIN: i64 = 631_152_000_000_000;

/// An opening as it is recorded: the letters are counted before any is typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningBody {
    /// The mailbox's code.
    pub mailbox: String,
    /// The community's code, where two communities have a mailbox of this code.
    #[serde(default)]
    pub community: Option<String>,
    /// RFC 3339 with offset, never in the future.
    pub opened_at: String,
    /// The two who opened it: each a username or a plain name.
    pub opened_by: Vec<String>,
    #[serde(default)]
    pub seal_before: Option<String>,
    #[serde(default)]
    pub seal_after: Option<String>,
    /// 0 to 1000.
    pub letters_counted: u32,
}

/// An opening that was read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub mailbox: String,
    pub community: Option<String>,
    pub opened_at: At,
    pub openers: [String; 2],
    pub seal_before: Option<String>,
    pub seal_after: Option<String>,
    pub letters_counted: u32,
}

impl OpeningBody {
    /// Reads every field and says all that is wrong at once.
    ///
    /// # Errors
    /// `Invalid` with each field and how to mend it.
    pub fn parse(self, now: At) -> Result<Opening, Refusal> {
        let mut faults = Faults::default();
        let opened_at = parse_opened_at(&self.opened_at, now, &mut faults);
        let openers = parse_openers(&self.opened_by, &mut faults);
        let seal_before = line("seal_before", self.seal_before, &mut faults);
        let seal_after = line("seal_after", self.seal_after, &mut faults);
        if self.letters_counted > LETTERS_MAX {
            faults.add(
                "letters_counted",
                format!("应在 0 到 {LETTERS_MAX} 之间。 It must be between 0 and {LETTERS_MAX}."),
            );
        }
        let community = self.community.map(|it| it.trim().to_uppercase()).filter(|it| !it.is_empty());
        faults.check(Opening {
            mailbox: self.mailbox.trim().to_owned(),
            community,
            opened_at,
            openers,
            seal_before,
            seal_after,
            letters_counted: self.letters_counted,
        })
    }
}

impl Opening {
    /// The texts kept beside the log, by name.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let names = text::OPENERS.iter().zip(&self.openers);
        let mut texts: Vec<(String, String)> =
            names.map(|(name, body)| ((*name).to_owned(), body.clone())).collect();
        for (name, seal) in [(text::SEAL_BEFORE, &self.seal_before), (text::SEAL_AFTER, &self.seal_after)] {
            texts.extend(seal.as_ref().map(|it| (name.to_owned(), it.clone())));
        }
        texts
    }
}

fn parse_opened_at(given: &str, now: At, faults: &mut Faults) -> At {
    let message = match At::parse(given) {
        None => {
            "请用 RFC 3339 时间，如 2026-11-23T09:30:00+08:00。 Use an RFC 3339 time such as 2026-11-23T09:30:00+08:00."
        }
        Some(at) if at > now => "开箱时间不能在将来。 The box cannot have been opened in the future.",
        Some(at) if at.micros() < OPENED_AT_MIN => {
            "开箱时间早于 1990 年，请核对。 Before 1990; check the time."
        }
        Some(at) => return at,
    };
    faults.add("opened_at", message);
    now
}

/// Two different people; the same name in other letters or spaces is one person.
fn parse_openers(given: &[String], faults: &mut Faults) -> [String; 2] {
    const TWO: &str = "须由两个不同的人开箱，写两个名字。 Two different people open a box: give two names.";
    let names: Vec<String> = given.iter().map(|it| clean_line(it)).collect();
    let [first, second] = &names[..] else {
        faults.add("opened_by", TWO);
        return [String::new(), String::new()];
    };
    for (nth, name) in names.iter().enumerate() {
        if !(1..=LINE_CHARS_MAX).contains(&name.chars().count()) {
            faults.add(
                format!("opened_by[{nth}]"),
                format!("须为 1 到 {LINE_CHARS_MAX} 个字。 It has 1 to {LINE_CHARS_MAX} characters."),
            );
        }
    }
    let folded = |name: &str| -> String {
        name.nfkc().filter(|it| !it.is_whitespace()).flat_map(char::to_lowercase).collect()
    };
    if folded(first) == folded(second) {
        faults.add("opened_by", TWO);
    }
    [first.clone(), second.clone()]
}

fn line(field: &str, given: Option<String>, faults: &mut Faults) -> Option<String> {
    let line = given.map(|it| clean_line(&it)).filter(|it| !it.is_empty())?;
    if line.chars().count() > LINE_CHARS_MAX {
        faults.add(field, format!("最多 {LINE_CHARS_MAX} 个字。 At most {LINE_CHARS_MAX} characters."));
    }
    Some(line)
}

/// A letter: registered as one or more tickets, or set aside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterBody {
    /// The serial of the printed slip it was written on.
    #[serde(default)]
    pub slip: Option<String>,
    /// `YYYY-MM-DD`, if the letter says it; not after the box was opened.
    #[serde(default)]
    pub put_in_on: Option<String>,
    /// 1 to 20.
    #[serde(default)]
    pub tickets: Option<Vec<LetterTicket>>,
    #[serde(default)]
    pub set_aside: Option<SetAside>,
    /// With `set_aside` only, at most 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// A matter of a letter: the body of `POST /tickets`, less what the collection says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LetterTicket {
    #[serde(default)]
    pub kind: Option<Kind>,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// A category's code.
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub contact: Option<Contact>,
    #[serde(default)]
    pub may_publish: Option<bool>,
    #[serde(default)]
    pub about_staff: Option<bool>,
    /// Code of the unit complained about, which may not lead.
    #[serde(default)]
    pub about_unit: Option<String>,
    #[serde(default)]
    pub attachments_expected: Option<u32>,
    #[serde(default, rename = "for")]
    pub on_behalf_of: Option<OnBehalfOf>,
}

/// A letter that was read and found good; codes are not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadLetter {
    Tickets { slip: Option<Serial>, put_in_on: Option<NaiveDate>, tickets: Vec<Parsed> },
    SetAside { reason: SetAside, note: Option<String> },
}

impl LetterBody {
    /// Reads a letter of `collection`, whose community has this code and time zone.
    ///
    /// # Errors
    /// `Invalid` with each field and how to mend it.
    pub fn parse(
        self,
        collection: &Collection,
        community: &str,
        zone: Tz,
        clock_start: ClockStart,
        actor: &Actor,
        now: At,
    ) -> Result<ReadLetter, Refusal> {
        let mut faults = Faults::default();
        match (self.tickets, self.set_aside) {
            (Some(tickets), None) => {
                if self.note.is_some() {
                    faults.add("note", "只用于搁置的信。 Only for a letter that is set aside.");
                }
                let opened_on = collection.opened_at.local_date(zone);
                let put_in_on = parse_put_in_on(self.put_in_on.as_deref(), opened_on, &mut faults);
                let received_at = received_at(clock_start, collection.opened_at, put_in_on, zone, now);
                if !(1..=TICKETS_PER_LETTER_MAX).contains(&tickets.len()) {
                    faults.add(
                        "tickets",
                        format!(
                            "一封信登记为 1 到 {TICKETS_PER_LETTER_MAX} 件。 A letter is 1 to {TICKETS_PER_LETTER_MAX} tickets."
                        ),
                    );
                }
                let mut read = Vec::with_capacity(tickets.len());
                for (nth, ticket) in tickets.into_iter().take(TICKETS_PER_LETTER_MAX).enumerate() {
                    match ticket.parse(community, received_at, actor, now) {
                        Ok(parsed) => read.push(parsed),
                        Err(refusal) => collect(nth, refusal, &mut faults)?,
                    }
                }
                let slip = self.slip.filter(|it| !it.trim().is_empty()).and_then(|it| {
                    Serial::parse(&it).map_err(|refusal| faults.add("slip", refusal.to_string())).ok()
                });
                faults.check(ReadLetter::Tickets { slip, put_in_on, tickets: read })
            }
            (None, Some(reason)) => {
                for (field, is_given) in
                    [("slip", self.slip.is_some()), ("put_in_on", self.put_in_on.is_some())]
                {
                    if is_given {
                        faults.add(field, "只用于登记的信。 Only for a letter that is registered.");
                    }
                }
                let note = self.note.map(|it| clean(&it)).filter(|it| !it.is_empty());
                if note.as_ref().is_some_and(|it| it.chars().count() > NOTE_CHARS_MAX) {
                    faults.add(
                        "note",
                        format!("最多 {NOTE_CHARS_MAX} 个字。 At most {NOTE_CHARS_MAX} characters."),
                    );
                }
                faults.check(ReadLetter::SetAside { reason, note })
            }
            (Some(_), Some(_)) | (None, None) => Err(Refusal::field(
                "tickets",
                "tickets（登记）和 set_aside（搁置）要写一样，只写一样。 Give either tickets or set_aside.",
            )),
        }
    }
}

/// Puts the faults of the `nth` ticket under its place in the body.
fn collect(nth: usize, refusal: Refusal, faults: &mut Faults) -> Result<(), Refusal> {
    let Refusal::Invalid(found) = refusal else { return Err(refusal) };
    for it in found.0 {
        faults.add(format!("tickets[{nth}].{}", it.field), it.message);
    }
    Ok(())
}

impl LetterTicket {
    fn parse(self, community: &str, received_at: At, actor: &Actor, now: At) -> Result<Parsed, Refusal> {
        let submission = Submission {
            community: community.to_owned(),
            kind: self.kind,
            subject: self.subject,
            description: self.description,
            category: self.category,
            location: self.location,
            contact: self.contact,
            may_publish: self.may_publish,
            about_staff: self.about_staff,
            about_unit: self.about_unit,
            attachments_expected: self.attachments_expected,
            on_behalf_of: self.on_behalf_of,
            ..Submission::default()
        };
        let parsed = submission.parse(actor, now)?;
        Ok(Parsed { source: Source::Mailbox, received_at, ..parsed })
    }
}

fn parse_put_in_on(given: Option<&str>, opened_on: NaiveDate, faults: &mut Faults) -> Option<NaiveDate> {
    let given = given.map(str::trim).filter(|it| !it.is_empty())?;
    let day = NaiveDate::parse_from_str(given, "%Y-%m-%d").ok().filter(|_| given.len() == 10);
    match day {
        None => faults.add("put_in_on", "日期要写成 2026-11-23 这样。 Write the day like 2026-11-23."),
        Some(day) if day > opened_on => faults.add(
            "put_in_on",
            "投信日期不能晚于开箱日期。 A letter cannot be put in after its box was opened.",
        ),
        Some(day) if At::of_day(day, Tz::UTC).micros() < OPENED_AT_MIN => {
            faults.add("put_in_on", "早于 1990 年，请核对。 Before 1990; check the day.");
        }
        Some(_) => {}
    }
    day
}

/// When a letter's tickets count as received (PRODUCT §3): a day that is known starts with its first minute.
pub fn received_at(start: ClockStart, opened_at: At, put_in_on: Option<NaiveDate>, zone: Tz, now: At) -> At {
    match start {
        ClockStart::Collected => opened_at,
        ClockStart::PutIn => put_in_on.map_or(opened_at, |it| At::of_day(it, zone).min(opened_at)),
        ClockStart::Registered => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_400_000_000_000;

    fn fields(refused: Refusal) -> Vec<String> {
        let Refusal::Invalid(faults) = refused else { panic!("{refused:?}") };
        faults.0.into_iter().map(|it| it.field).collect()
    }

    fn body(opened_at: &str, opened_by: &[&str], letters_counted: u32) -> OpeningBody {
        OpeningBody {
            mailbox: "M1".to_owned(),
            community: None,
            opened_at: opened_at.to_owned(),
            opened_by: opened_by.iter().map(|it| (*it).to_owned()).collect(),
            seal_before: Some(" A-1 ".to_owned()),
            seal_after: None,
            letters_counted,
        }
    }

    #[test]
    fn an_opening_names_two_people_a_past_time_and_a_count() {
        let now = At::from_micros(NOW);
        let good = body("2026-11-20T09:00:00+08:00", &["clerk", "陈伯"], 3).parse(now).unwrap();
        assert_eq!(good.seal_before.as_deref(), Some("A-1"));

        for names in
            [&["clerk"][..], &["clerk", "clerk"], &["陈 伯", "陈伯"], &["Chen", "ｃｈｅｎ"], &["a", "b", "c"]]
        {
            let refused = body("2026-11-20T09:00:00+08:00", names, 3).parse(now).unwrap_err();
            assert_eq!(fields(refused), ["opened_by"], "{names:?}");
        }
        let refused = body("2030-01-01T09:00:00+08:00", &["a", ""], 1_001).parse(now).unwrap_err();
        assert_eq!(fields(refused), ["opened_at", "opened_by[1]", "letters_counted"]);
        assert_eq!(fields(body("yesterday", &["a", "b"], 1).parse(now).unwrap_err()), ["opened_at"]);
    }

    #[test]
    fn policy_says_which_day_starts_the_clocks() {
        let zone = Tz::Asia__Shanghai;
        let (opened, now) = (At::parse("2026-11-20T09:00:00+08:00").unwrap(), At::from_micros(NOW));
        let day = NaiveDate::from_ymd_opt(2026, 11, 18);
        let of = |start, day| received_at(start, opened, day, zone, now);

        assert_eq!(of(ClockStart::Collected, day), opened);
        assert_eq!(of(ClockStart::PutIn, day), At::parse("2026-11-18T00:00:00+08:00").unwrap());
        assert_eq!(of(ClockStart::PutIn, None), opened);
        assert_eq!(of(ClockStart::Registered, day), now);
    }
}
