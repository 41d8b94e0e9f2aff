//! What a form asks to be done with a ticket: its fields as an order.

use chrono::{NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;

use super::Sent;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::{Channel, Outcome, Priority, Reach, Verb, WaitingFor};
use crate::service::orders::{
    AcceptBody, AssignBody, ContactBody, DeclineBody, EmptyBody, EscalateBody, ExtendBody, MergeBody,
    OptionalReasonBody, Order, RateBody, ReasonBody, ReplyBody, ResolveBody, TextBody, WaitBody,
};

/// Reads fields, and collects what is wrong with them.
struct Reader<'a> {
    sent: &'a Sent,
    faults: Faults,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> String {
        self.sent.text(name).to_owned()
    }

    /// One of a set of words; `or` stands in for what is none, which is told.
    fn word<T>(&mut self, name: &str, parse: fn(&str) -> Option<T>, or: T) -> T {
        parse(self.sent.text(name)).unwrap_or_else(|| {
            self.faults.add(name, "请选一项。 Choose one.");
            or
        })
    }

    /// The same, where nothing may be chosen.
    fn optional<T>(&mut self, name: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        let given = self.sent.given(name)?;
        let found = parse(&given);
        if found.is_none() {
            self.faults.add(name, "请选一项。 Choose one.");
        }
        found
    }

    fn reason(&self) -> ReasonBody {
        ReasonBody { reason: self.text("reason") }
    }

    fn words(&self) -> TextBody {
        TextBody { text: self.text("text") }
    }
}

/// The order of the form of `verb`; times are on the clock of `zone`.
///
/// # Errors
/// `Invalid` with each wrong field.
pub(super) fn order(verb: Verb, sent: &Sent, zone: Tz) -> Result<Order, Refusal> {
    let mut it = Reader { sent, faults: Faults::default() };
    let order = match verb {
        Verb::Accept => Order::Accept(AcceptBody {
            category: it.text("category"),
            priority: it.word("priority", Priority::parse, Priority::Normal),
            may_publish: Some(sent.has("may_publish")),
        }),
        Verb::Decline => {
            Order::Decline(DeclineBody { reason: it.text("reason"), refer_to: sent.given("refer_to") })
        }
        Verb::Assign => Order::Assign(AssignBody {
            unit: it.text("unit"),
            assignee: sent.given("assignee"),
            supporting: sent.all("supporting"),
            note: sent.given("note"),
        }),
        Verb::Contact => Order::Contact(ContactBody {
            channel: it.word("channel", Channel::parse, Channel::Call),
            outcome: it.word("outcome", Reach::parse, Reach::Reached),
            note: sent.given("note"),
        }),
        Verb::Wait => Order::Wait(WaitBody {
            waiting_for: it.word("for", WaitingFor::parse, WaitingFor::Resident),
            reason: it.text("reason"),
        }),
        Verb::Resolve => Order::Resolve(ResolveBody {
            outcome: it.optional("outcome", Outcome::parse),
            result: it.text("result"),
        }),
        Verb::Extend => {
            Order::Extend(ExtendBody { due_at: moment(&mut it, zone), reason: it.text("reason") })
        }
        Verb::Reply => Order::Reply(ReplyBody {
            text: it.text("text"),
            channel: it.optional("channel", Channel::parse),
            outcome: it.optional("outcome", Reach::parse),
        }),
        Verb::Rate => rate(&mut it),
        Verb::Merge => Order::Merge(MergeBody { into: it.text("into") }),
        Verb::Escalate => Order::Escalate(EscalateBody { to: it.text("to"), reason: it.text("reason") }),
        _ => plain(verb, &it),
    };
    it.faults.check(order)
}

/// Verbs that take a reason, a text, or nothing.
fn plain(verb: Verb, it: &Reader) -> Order {
    match verb {
        Verb::Return => Order::Return(it.reason()),
        Verb::SendBack => Order::SendBack(it.reason()),
        Verb::Close => Order::Close(it.reason()),
        Verb::Reopen => Order::Reopen(it.reason()),
        Verb::ContactViews => Order::ContactViews(it.reason()),
        Verb::Withdraw => Order::Withdraw(OptionalReasonBody { reason: it.sent.given("reason") }),
        Verb::Note => Order::Note(it.words()),
        Verb::Supplement => Order::Supplement(it.words()),
        Verb::Urge => Order::Urge(it.words()),
        Verb::Resume => Order::Resume(EmptyBody {}),
        Verb::Split => Order::Split(EmptyBody {}),
        Verb::Publish => Order::Publish(EmptyBody {}),
        Verb::Unpublish => Order::Unpublish(EmptyBody {}),
        Verb::ReissueReceipt => Order::ReissueReceipt(EmptyBody {}),
        _ => Order::Acknowledge(EmptyBody {}),
    }
}

fn rate(it: &mut Reader) -> Order {
    let yes_no = |it: &str| match it {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    Order::Rate(RateBody {
        solved: it.word("solved", yes_no, false),
        satisfaction: it.optional("satisfaction", |it| it.parse().ok()),
        comment: it.sent.given("comment"),
        asked_by: it.sent.given("asked_by"),
    })
}

/// A day and time of the community's clock, as an RFC 3339 time.
fn moment(it: &mut Reader, zone: Tz) -> String {
    let given = it.text("due_at");
    let local = NaiveDateTime::parse_from_str(&given, "%Y-%m-%dT%H:%M").ok();
    if let Some(moment) = local.and_then(|it| zone.from_local_datetime(&it).earliest()) {
        return moment.to_rfc3339();
    }
    it.faults.add("due_at", "请选日期和时间。 Choose a day and a time.");
    String::new()
}
