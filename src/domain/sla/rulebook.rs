//! The rules in force for a matter: one policy put together from many, and the calendar it is counted by.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::domain::calendar::{CalendarSettings, OfficialYears, WorkingCalendar};
use crate::domain::chain::hex;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{CATEGORY_LEVELS_MAX, Details, Entry, Policy, PolicyInForce};
use crate::domain::ticket::event::{Facts, TicketEvent};
use crate::domain::ticket::{Kind, Priority, Status, Ticket};
use crate::domain::value::SetupId;

/// Names a set of rules by its content: the first 128 bits of the SHA-256 of its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulesDigest([u8; 16]);

impl RulesDigest {
    /// 32 hexadecimal digits.
    pub fn as_hex(self) -> String {
        hex(&self.0)
    }

    /// The inverse of `as_hex`.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 32 && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')))
            .then(|| u128::from_str_radix(text, 16).ok().map(|it| Self(it.to_be_bytes())))?
    }

    /// The digest of a stored body.
    pub fn of(body: &str) -> Self {
        let whole = Sha256::digest(body.as_bytes());
        let mut first = [0; 16];
        first.copy_from_slice(&whole[..16]);
        Self(first)
    }
}

impl Serialize for RulesDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.as_hex())
    }
}

impl<'de> Deserialize<'de> for RulesDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        RulesDigest::parse(&text).ok_or_else(|| serde::de::Error::custom("no digest of rules"))
    }
}

/// The policy and the calendar that a ticket's clocks are counted by, kept with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub policy: PolicyInForce,
    pub calendar: WorkingCalendar,
    pub digest: RulesDigest,
    /// As it is stored; the digest is that of this text.
    pub body: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    policy: PolicyInForce,
    calendar: CalendarSettings,
    /// Official days that were loaded beside those shipped.
    #[serde(default, skip_serializing_if = "OfficialYears::is_empty")]
    years: OfficialYears,
}

impl Rules {
    /// Reads stored rules; None when the text is none of ours.
    pub fn parse(body: &str) -> Option<Self> {
        let read: Body = serde_json::from_str(body).ok()?;
        Some(Self {
            policy: read.policy,
            calendar: read.calendar.check().ok()?.with_years(&read.years),
            digest: RulesDigest::of(body),
            body: body.to_owned(),
        })
    }

    /// The same policy and hours with the official years known now.
    #[must_use]
    pub fn with_years(&self, years: &OfficialYears) -> Self {
        let Ok(body) = serde_json::from_str::<Body>(&self.body) else { return self.clone() };
        // Nothing in it can fail to be written.
        let body = serde_json::to_string(&Body { years: years.clone(), ..body }).unwrap_or_default();
        let calendar = self.calendar.clone().with_years(years);
        Self { policy: self.policy.clone(), calendar, digest: RulesDigest::of(&body), body }
    }
}

/// What decides which policy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matter {
    pub kind: Kind,
    pub priority: Priority,
    pub category: Option<SetupId>,
}

impl Matter {
    /// A ticket's matter: before acceptance normal, a suspected emergency as one (PRODUCT §5).
    pub fn of(ticket: &Ticket) -> Self {
        let assumed = if ticket.suspected_emergency { Priority::Emergency } else { Priority::Normal };
        Self { kind: ticket.kind, priority: ticket.priority.unwrap_or(assumed), category: ticket.category }
    }

    /// The matter by which `event` picks rules anew for `ticket`, which is as it was before; None where those
    /// kept go on.
    pub(super) fn picked_by(ticket: &Ticket, event: &TicketEvent) -> Option<Matter> {
        let facts_matter = |facts: &Facts, priority: Option<Priority>| {
            let assumed = if facts.suspected_emergency { Priority::Emergency } else { Priority::Normal };
            Matter { kind: facts.kind, priority: priority.unwrap_or(assumed), category: facts.category }
        };
        if let TicketEvent::Received(received) = event {
            Some(facts_matter(&received.facts, None))
        } else if let TicketEvent::Accepted { category, priority, .. } = event {
            Some(Matter { kind: ticket.kind, priority: *priority, category: Some(*category) })
        } else if let TicketEvent::Amended { facts, .. } = event {
            // Before acceptance the priority that was kept from an earlier round does not count.
            let now = |it: &Facts| facts_matter(it, it.priority.filter(|_| ticket.accepted_at.is_some()));
            let (before, after) = (now(&ticket.facts()), now(facts));
            (before != after).then_some(after)
        } else if let TicketEvent::Split { to: Status::Assigned, cycle, category, priority, .. } = event {
            let facts = Facts { category: *category, ..ticket.facts() };
            (*cycle > ticket.cycle).then(|| facts_matter(&facts, *priority))
        } else if let TicketEvent::Split { to: Status::Received, cycle, .. } = event {
            (*cycle > ticket.cycle).then(|| facts_matter(&ticket.facts(), None))
        } else if let TicketEvent::Reopened { to: Status::Received, .. } = event {
            Some(facts_matter(&ticket.facts(), None))
        } else {
            None
        }
    }
}

/// Everything set up at a node and above that may hold for a matter there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rulebook {
    /// Farthest first, each with how near its node is.
    pub policies: Vec<(usize, Policy)>,
    /// Codes of a category and those above it, nearest first; only read where a policy asks for one.
    pub lines: BTreeMap<SetupId, Vec<String>>,
    pub settings: CalendarSettings,
    pub years: OfficialYears,
    pub calendar: WorkingCalendar,
}

impl Rulebook {
    /// What these policies, calendars and official years say together, farthest first, each with how near its node
    /// is. The nearest calendar holds, or the standard one in the node's time zone, `zone`.
    ///
    /// # Errors
    /// `Refusal::Invalid` when a calendar or a year is none.
    pub fn of(entries: impl IntoIterator<Item = (usize, Entry)>, zone: Tz) -> Result<Self, Refusal> {
        let mut book = Self {
            settings: CalendarSettings { time_zone: zone.name().to_owned(), ..CalendarSettings::default() },
            ..Self::default()
        };
        for (depth, entry) in entries {
            match entry.details {
                Details::Policy(policy) => book.policies.push((depth, policy)),
                Details::Calendar(nearer) => book.settings = *nearer,
                Details::OfficialYear(year) => {
                    book.years.0.insert(year.year, year.notice()?);
                }
                Details::Unit(_)
                | Details::Category(_)
                | Details::Mailbox(_)
                | Details::Kiosk(_)
                | Details::Template(_)
                | Details::Roster(_) => {}
            }
        }
        book.calendar = book.settings.check()?.with_years(&book.years);
        Ok(book)
    }

    /// True when some policy holds for a category only, so that categories have to be known.
    pub fn asks_for_categories(&self) -> bool {
        self.policies.iter().any(|(_, it)| it.category.is_some())
    }

    /// Learns the codes of these categories and of those above each.
    pub fn know_categories(&mut self, categories: &[Entry]) {
        let by_id: BTreeMap<SetupId, &Entry> = categories.iter().map(|it| (it.id, it)).collect();
        let line = |entry: &Entry| {
            let above = |it: &&Entry| it.parent.and_then(|parent| by_id.get(&parent).copied());
            let line = std::iter::successors(Some(entry), |it| above(it));
            line.take(CATEGORY_LEVELS_MAX).map(|it| it.code.clone()).collect()
        };
        self.lines = categories.iter().map(|it| (it.id, line(it))).collect();
    }

    /// The policy that holds for `matter`: the nearest node wins, then the nearest category, then what is more
    /// particular; figure by figure, on top of the defaults (PRODUCT §5).
    pub fn policy(&self, matter: &Matter) -> PolicyInForce {
        let holding = self.holding(matter);
        PolicyInForce::default_for(matter.kind, matter.priority)
            .overlaid(holding.into_iter().filter_map(|it| self.policies.get(it)).map(|(_, policy)| policy))
    }

    /// Which of the policies hold for `matter`, as places in the list: of two that settle a figure the later wins.
    pub fn holding(&self, matter: &Matter) -> Vec<usize> {
        let line = matter.category.and_then(|it| self.lines.get(&it)).map_or(&[][..], |it| it);
        let mut holding: Vec<_> = self
            .policies
            .iter()
            .enumerate()
            .filter_map(|(place, (depth, policy))| {
                let nearness = match &policy.category {
                    None => 0,
                    // One more than those below, so that the nearest comes last.
                    Some(code) => line.len() - line.iter().position(|it| it == code)?,
                };
                let is_apt = policy.kind.is_none_or(|it| it == matter.kind)
                    && policy.priority.is_none_or(|it| it == matter.priority);
                let n_asked = u8::from(policy.kind.is_some()) + u8::from(policy.priority.is_some());
                is_apt.then_some(((*depth, nearness, n_asked), place))
            })
            .collect();
        holding.sort_by_key(|(order, _)| *order);
        holding.into_iter().map(|(_, place)| place).collect()
    }

    /// The policy that holds where no matter is in question: those that ask for a category, kind or priority
    /// are left out.
    pub fn general(&self) -> PolicyInForce {
        PolicyInForce::of(self.policies.iter().map(|(_, it)| it).filter(|it| it.is_general()))
    }

    /// The rules that hold for `matter`.
    pub fn rules(&self, matter: &Matter) -> Rules {
        let policy = self.policy(matter);
        let body =
            Body { policy: policy.clone(), calendar: self.settings.clone(), years: self.years.clone() };
        // Nothing in it can fail to be written; an empty body would be found by its digest.
        let body = serde_json::to_string(&body).unwrap_or_default();
        Rules { policy, calendar: self.calendar.clone(), digest: RulesDigest::of(&body), body }
    }
}
