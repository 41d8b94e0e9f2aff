//! The sample community's boxes: opened by their schedules, once late, once closed short, the last still in work.

use chrono::TimeDelta;

use super::places::{Cast, MAILBOXES};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::mailbox::{LetterBody, LetterTicket, OpeningBody, SetAside};
use crate::domain::setup::{Schedule, Weekday};
use crate::domain::ticket::intake::Location;
use crate::domain::value::At;
use crate::service::collections::{self, CloseBody};
use crate::service::slips::{self, SlipsBody};
use crate::service::{App, Error};

/// One opening in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    mailbox: &'static str,
    at: At,
    plot: Plot,
}

/// What came of an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plot {
    /// Nothing in it, or something that is no matter.
    Quiet,
    /// A letter got lost between box and desk; the supervisor said why.
    Short,
    /// Three letters, one of them still to be typed.
    InWork,
}

/// The openings between `begin` and `now`, each some minutes before it was due.
pub(super) fn openings(begin: At, now: At) -> Vec<(At, Opening)> {
    let calendar = WorkingCalendar::default();
    let mut openings = Vec::new();
    for (nth, (mailbox, _, _, _, weekdays)) in MAILBOXES.iter().enumerate() {
        let weekdays = weekdays.iter().filter_map(|it| Weekday::parse(it)).collect();
        let schedule = Schedule { weekdays, time: "16:30".to_owned() };
        let due = schedule.due_between(&calendar, begin, now + -TimeDelta::hours(20));
        let n_due = due.len();
        for (place, it) in due.into_iter().enumerate() {
            let from_last = n_due - place;
            // The second box was opened the morning after, once.
            let late = TimeDelta::minutes(if nth == 1 && from_last == 3 { 17 * 60 } else { -25 });
            let plot = match (nth, from_last) {
                (0, 1) => Plot::InWork,
                (2, 2) => Plot::Short,
                _ => Plot::Quiet,
            };
            let at = it.due_at + late;
            openings.push((at, Opening { mailbox, at, plot }));
        }
    }
    openings
}

/// Opens a box, counts, and accounts for its letters.
///
/// # Errors
/// Those of the verbs.
pub(super) async fn open(app: &App, cast: &Cast, opening: Opening) -> Result<(), Error> {
    let (clerk, supervisor) = (cast.caller("clerk")?, cast.caller("supervisor")?);
    let is_quiet = opening.plot == Plot::Quiet;
    let letters_counted = match opening.plot {
        // Empty every second time.
        Plot::Quiet => u32::from(opening.at.micros() / 86_400_000_000 % 2 == 0),
        Plot::Short => 2,
        Plot::InWork => 3,
    };
    let body = OpeningBody {
        mailbox: opening.mailbox.to_owned(),
        community: None,
        opened_at: opening.at.to_rfc3339(),
        opened_by: vec!["clerk".to_owned(), if is_quiet { "陈伯" } else { "wangge" }.to_owned()],
        seal_before: Some(format!("{}-{}", opening.mailbox, opening.at.micros() / 3_600_000_000 % 9_000)),
        seal_after: None,
        letters_counted,
    };
    let id = collections::open(app, &clerk, body, None).await?.collection.id;
    let set_aside = |reason, note: &str| LetterBody {
        set_aside: Some(reason),
        note: Some(note.to_owned()),
        ..LetterBody::default()
    };
    match opening.plot {
        Plot::Quiet => {
            if letters_counted > 0 {
                let thanks = set_aside(SetAside::Thanks, "感谢物业师傅");
                collections::register(app, &clerk, id, thanks, None).await?;
            }
        }
        Plot::Short => {
            let advert = set_aside(SetAside::Advert, "家电维修广告");
            collections::register(app, &clerk, id, advert, None).await?;
        }
        Plot::InWork => {
            let printed =
                slips::print(app, &clerk, SlipsBody { community: "YD".to_owned(), count: 50 }).await?;
            let slip = printed.slips.first().map(|(serial, _)| serial.to_string());
            let letter = LetterBody { slip, tickets: Some(matters()), ..LetterBody::default() };
            collections::register(app, &clerk, id, letter, None).await?;
            collections::register(app, &clerk, id, set_aside(SetAside::Blank, "白纸一张"), None).await?;
            return Ok(());
        }
    }
    let version = collections::read(app, &clerk, id).await?.collection.version;
    let (who, reason) = if is_quiet {
        (&clerk, None)
    } else {
        (&supervisor, Some("清点两封，登记时只剩一封，正在找。".to_owned()))
    };
    collections::close(app, who, id, CloseBody { reason }, Some(version)).await?;
    Ok(())
}

/// One letter may hold two matters.
fn matters() -> Vec<LetterTicket> {
    let at = |building: &str| Location { building: Some(building.to_owned()), ..Location::default() };
    vec![
        LetterTicket {
            description: Some("楼下的长椅断了一条腿，老人坐着不稳，请修一修。".to_owned()),
            location: Some(at("9")),
            ..LetterTicket::default()
        },
        LetterTicket {
            description: Some("凉亭顶上的瓦松了，下雨天往下掉。".to_owned()),
            location: Some(at("9")),
            ..LetterTicket::default()
        },
    ]
}
