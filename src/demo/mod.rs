//! A sample community with weeks of life in it, told through the same verbs that people use.

mod boxes;
mod content;
mod letters;
mod places;
mod plots;

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use self::content::{LETTERS, RESIDENTS};
use self::letters::{Letter, Via};
use self::places::{Cast, PEOPLE};
use self::plots::{Step, What, Who};
use crate::clock::Clock;
use crate::domain::import::{Record, parse_local_time};
use crate::domain::people::Actor;
use crate::domain::refusal::Faults;
use crate::domain::ticket::intake::{Contact, Location, Submission};
use crate::domain::ticket::{Channel, Delivery, Reach, Source};
use crate::domain::value::At;
use crate::service::desk::{self, Opened, ReplyOrder};
use crate::service::import::{Import, Plan, Verdict};
use crate::service::orders::{LogBody, MergeBody, Order};
use crate::service::{App, Caller, Error, intake, timer};

const ZONE: Tz = Tz::Asia__Shanghai;
/// The story begins so many days before today.
const DAYS: i64 = 50;
/// Time itself acts so often in the story; people meet its work as if it were done each minute.
const TICK: TimeDelta = TimeDelta::hours(6);

/// What a visitor of the sample is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Username and duty of everybody who may sign in.
    pub logins: Vec<(&'static str, &'static str)>,
    /// A receipt to try: number and code.
    pub receipt: (String, String),
    pub n_tickets: usize,
}

/// One letter's ticket.
struct Told {
    number: String,
    code: Option<String>,
}

/// Something that will happen.
enum Scene {
    Letter(usize),
    Step(usize, Box<Step>),
    Opening(boxes::Opening),
}

/// Tells the whole story into the empty database of `app`, up to `now`; `app` has a fixed clock.
///
/// # Errors
/// Those of the verbs; the story is the same each time but for its dates.
pub async fn tell(app: &App, now: At, password: &str) -> Result<Sample, Error> {
    let today = now.local_date(ZONE);
    let begin = today - TimeDelta::days(DAYS);
    move_to(&app.clock, moment(begin, "08:00")?);
    let cast = places::settle(app, password).await?;

    let mut scenes: BTreeMap<(At, usize), Scene> = BTreeMap::new();
    for (index, letter) in LETTERS.iter().enumerate() {
        let received_at = received_at(letter, today, now)?;
        scenes.insert((received_at, scenes.len()), Scene::Letter(index));
        for step in plots::steps(letter) {
            let at = time_of(letter, &step, received_at, today, now)?;
            scenes.insert((at, scenes.len()), Scene::Step(index, Box::new(step)));
        }
    }
    for (at, opening) in boxes::openings(app.clock.now(), now) {
        scenes.insert((at, scenes.len()), Scene::Opening(opening));
    }
    let mut story = Story { app, cast, told: HashMap::new() };
    for ((at, _), scene) in scenes {
        story.wait_until(at).await?;
        match scene {
            Scene::Letter(index) => story.receive(index, &LETTERS[index]).await?,
            Scene::Step(index, step) => story.act(index, *step).await?,
            Scene::Opening(opening) => boxes::open(app, &story.cast, opening).await?,
        }
    }
    story.wait_until(now).await?;
    story.sample()
}

struct Story<'a> {
    app: &'a App,
    cast: Cast,
    told: HashMap<usize, Told>,
}

impl Story<'_> {
    /// Lets time pass and do its work.
    async fn wait_until(&mut self, at: At) -> Result<(), Error> {
        loop {
            let next = (self.app.clock.now() + TICK).min(at);
            move_to(&self.app.clock, next);
            timer::tick(self.app, next).await?;
            if next == at {
                return Ok(());
            }
        }
    }

    async fn receive(&mut self, index: usize, letter: &Letter) -> Result<(), Error> {
        let told = if let Via::Mailbox(mailbox) = letter.via {
            self.receive_from(mailbox, letter).await?
        } else {
            let (caller, source) = match letter.via {
                Via::Kiosk => (
                    Caller { actor: self.cast.kiosk.clone(), place: Some("kiosk:K01".into()) },
                    Source::Kiosk,
                ),
                Via::Call => (self.cast.caller("clerk")?, Source::Call),
                Via::Visit => (self.cast.caller("clerk")?, Source::Visit),
                Via::WalkIn => (self.cast.caller("clerk")?, Source::WalkIn),
                Via::Web | Via::Mailbox(_) => {
                    (Caller { actor: Actor::Resident, place: Some("web".into()) }, Source::Web)
                }
            };
            let submission = Submission { source: Some(source), ..submission(letter) };
            let receipt = intake::submit(self.app, &caller, submission, None).await?;
            Told { number: receipt.ticket.number, code: Some(receipt.receipt_code) }
        };
        self.told.insert(index, told);
        Ok(())
    }

    /// Letters from before the product, taken over as the command `import` does.
    async fn receive_from(&mut self, mailbox: &str, letter: &Letter) -> Result<Told, Error> {
        let plan = Plan {
            community: letter.community.to_owned(),
            mailbox: Some(mailbox.to_owned()),
            create_categories: false,
            is_live: true,
        };
        let mut import = Import::begin(self.app, plan).await?;
        let record = Record { line: 2, id: None, submission: submission(letter), faults: Faults::default() };
        match import.take(vec![record]).await?.pop() {
            Some(Verdict::New(number)) => Ok(Told { number, code: None }),
            other => Err(Error::internal(format!("{}: {other:?}", letter.subject))),
        }
    }

    async fn act(&mut self, index: usize, step: Step) -> Result<(), Error> {
        let opened = self.open(index, step.who).await?;
        let version = matches!(step.who, Who::Staff(_)).then_some(opened.ticket.version);
        let failed = |error: Error, what: &str| {
            Error::internal(format!("{}: {what}: {error}", LETTERS[index].subject))
        };
        match step.what {
            What::Order(order) => {
                let verb = order.verb();
                let done = desk::act(self.app, opened, order, version).await;
                done.map_err(|error| failed(error, verb.as_str()))?;
            }
            What::MergeInto(subject) => {
                let into = self.number_of(subject)?;
                let order = Order::Merge(MergeBody { into });
                desk::act(self.app, opened, order, version).await.map_err(|error| failed(error, "merge"))?;
            }
            What::LogReply => {
                let queued = opened.ticket.replies.iter().rev().find(|it| it.delivery == Delivery::Queued);
                let Some(id) = queued.map(|it| it.id) else { return Ok(()) };
                let order = ReplyOrder::Log(LogBody { outcome: Some(Reach::Reached) });
                desk::decide_reply(self.app, opened, id, order, version)
                    .await
                    .map_err(|error| failed(error, "log"))?;
            }
        }
        Ok(())
    }

    async fn open(&self, index: usize, who: Who) -> Result<Opened, Error> {
        let told = self.told.get(&index).ok_or_else(|| Error::internal("a step before its letter"))?;
        match who {
            Who::Staff(username) => {
                desk::open(self.app, &self.cast.caller(username)?, &told.number, None, "127.0.0.1").await
            }
            Who::Resident => {
                let caller = Caller { actor: Actor::Resident, place: Some("web".to_owned()) };
                desk::open(self.app, &caller, &told.number, told.code.as_deref(), "127.0.0.1").await
            }
        }
    }

    fn number_of(&self, subject: &str) -> Result<String, Error> {
        let index = LETTERS.iter().position(|it| it.subject == subject);
        let told = index.and_then(|it| self.told.get(&it));
        told.map(|it| it.number.clone()).ok_or_else(|| Error::internal(format!("no letter {subject}")))
    }

    fn sample(&self) -> Result<Sample, Error> {
        let shown = LETTERS.iter().position(|it| matches!(it.plot, letters::Plot::Replied));
        let told = shown.and_then(|it| self.told.get(&it));
        let receipt = told.and_then(|it| Some((it.number.clone(), it.code.clone()?)));
        Ok(Sample {
            logins: PEOPLE.iter().map(|it| (it.username, it.duty)).collect(),
            receipt: receipt.ok_or_else(|| Error::internal("the sample has no receipt to show"))?,
            n_tickets: self.told.len(),
        })
    }
}

fn submission(letter: &Letter) -> Submission {
    let (contact, room) = match letter.writer {
        Some((writer, channel)) => {
            let (name, phone, room) = RESIDENTS[writer];
            let contact = Contact {
                name: Some(name.to_owned()),
                phone: Some(phone.to_owned()),
                email: (channel == Channel::Email).then(|| format!("resident{writer}@example.org")),
                channel: Some(channel),
                ..Contact::default()
            };
            (Some(contact), Some(room.to_owned()))
        }
        None => (None, None),
    };
    let building = Some(letter.building.to_owned());
    Submission {
        community: letter.community.to_owned(),
        kind: Some(letter.kind),
        subject: Some(letter.subject.to_owned()),
        description: Some(letter.text.to_owned()),
        location: Some(Location { building, room, ..Location::default() }),
        contact,
        may_publish: Some(letter.may_publish),
        ..Submission::default()
    }
}

fn received_at(letter: &Letter, today: NaiveDate, now: At) -> Result<At, Error> {
    match letter.day {
        0 => Ok(now + -TimeDelta::minutes(letter.time.parse().unwrap_or(10))),
        days => moment(weekdays_before(today, days), letter.time),
    }
}

/// When a step is done: never before the letter, never after now.
fn time_of(letter: &Letter, step: &Step, received_at: At, today: NaiveDate, now: At) -> Result<At, Error> {
    let (after, time) = step.when;
    let days = letter.day.checked_sub(after).filter(|it| *it > 0);
    let days = days.ok_or_else(|| Error::internal(format!("{}: a step in the future", letter.subject)))?;
    let at = moment(weekdays_before(today, days), time)?;
    Ok(at.max(received_at + TimeDelta::minutes(20)).min(now))
}

fn moment(day: NaiveDate, time: &str) -> Result<At, Error> {
    let at = NaiveTime::parse_from_str(time, "%H:%M")
        .ok()
        .and_then(|it| parse_local_time(&day.and_time(it).to_string(), ZONE));
    at.ok_or_else(|| Error::internal(format!("no time: {day} {time}")))
}

fn weekdays_before(today: NaiveDate, n: u32) -> NaiveDate {
    let mut day = today;
    let mut left = n;
    while left > 0 {
        day = day.pred_opt().unwrap_or(day);
        if !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
            left -= 1;
        }
    }
    day
}

fn move_to(clock: &Clock, at: At) {
    clock.advance(at - clock.now());
}
