//! Notices (通知) to staff: what is worth telling, and to whom; the store knows who that is.

use super::sla::{Level, Stage};
use super::ticket::event::TicketEvent;
use super::ticket::{Change, Channel, Source};
use super::value::At;
use crate::words;

words! {
    /// What a notice is about.
    NoticeKind {
        Warning = "warning", Breach = "breach", Escalation = "escalation", Emergency = "emergency",
        Urged = "urged", ExtensionRequested = "extension_requested", ExtensionDecided = "extension_decided",
        WaitingEnded = "waiting_ended",
        /// The official days of a year are not known that due times need.
        CalendarMissing = "calendar_missing",
        /// More time was granted, and no machine tells the resident.
        TellResident = "tell_resident",
        /// A box was not opened by its schedule.
        BoxUnopened = "box_unopened",
    }
}

words! {
    /// Who is told: the people nearest to the ticket in each part.
    Audience {
        Triagers = "triagers",
        /// Who is on duty at the nearest node with a roster; nobody is: triagers and supervisors.
        OnDuty = "on_duty",
        /// The assignee, else everybody of the lead unit.
        Hands = "hands",
        Supervisors = "supervisors", Leaders = "leaders",
    }
}

/// From this share of its time on, a clock's warning reaches the supervisor too.
const SUPERVISOR_FROM_PERCENT: u8 = 80;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    pub kind: NoticeKind,
    pub stage: Option<Stage>,
    pub percent: Option<u8>,
    pub level: Option<Level>,
    pub due_at: Option<At>,
    pub to: Vec<Audience>,
}

impl Telling {
    /// The new date is to be told by hand.
    pub fn by_hand(due_at: At) -> Self {
        Self { due_at: Some(due_at), ..Self::of(NoticeKind::TellResident, vec![Audience::Hands]) }
    }

    fn of(kind: NoticeKind, to: Vec<Audience>) -> Self {
        Self { kind, stage: None, percent: None, level: None, due_at: None, to }
    }
}

/// Who has a stage in hand.
fn in_hand(stage: Stage) -> Audience {
    match stage {
        Stage::Accept | Stage::Assign | Stage::Reply => Audience::Triagers,
        Stage::Acknowledge | Stage::Contact | Stage::Resolve => Audience::Hands,
    }
}

/// What of a change staff are told.
///
/// A warning overtaken by its breach is recorded, not sent; nor is what was late already when a backdated ticket
/// came in (PRODUCT §5). A suspected emergency is told at once, unless it is an old letter.
pub fn tellings(change: &Change) -> Vec<Telling> {
    let entries = change.entries();
    if change.is_new() {
        let ticket = change.ticket();
        let is_alarm = ticket.suspected_emergency && ticket.source != Source::Import;
        let told = || Telling::of(NoticeKind::Emergency, vec![Audience::OnDuty]);
        return is_alarm.then(told).into_iter().collect();
    }
    let is_breached = |stage: Stage| {
        entries
            .iter()
            .any(|it| matches!(it.event, TicketEvent::ClockBreached { stage: of, .. } if of == stage))
    };
    let is_timers = change.stamp().kind == super::event::ActorKind::Timer;
    // A machine writes by e-mail and text message; the board and the receipt show it by themselves.
    let is_by_hand = matches!(change.ticket().channel, Channel::Letter | Channel::Call | Channel::Visit);
    let granted = entries.iter().filter(|_| is_by_hand).filter_map(|it| {
        let TicketEvent::ExtensionGranted { due_at, .. } = it.event else { return None };
        Some(Telling::by_hand(due_at))
    });
    entries
        .iter()
        .filter(|it| !matches!(it.event, TicketEvent::ClockWarned { stage, .. } if is_breached(stage)))
        .filter_map(|it| telling(&it.event, is_timers))
        .chain(granted)
        .collect()
}

fn telling(event: &TicketEvent, is_timers: bool) -> Option<Telling> {
    if let TicketEvent::ClockWarned { stage, due_at, percent, .. } = event {
        let mut to = vec![in_hand(*stage)];
        to.extend((*percent >= SUPERVISOR_FROM_PERCENT).then_some(Audience::Supervisors));
        let told = Telling::of(NoticeKind::Warning, to);
        Some(Telling { stage: Some(*stage), percent: Some(*percent), due_at: Some(*due_at), ..told })
    } else if let TicketEvent::ClockBreached { stage, due_at, .. } = event {
        let told = Telling::of(NoticeKind::Breach, vec![in_hand(*stage), Audience::Supervisors]);
        Some(Telling { stage: Some(*stage), due_at: Some(*due_at), ..told })
    } else if let TicketEvent::ClockEscalated { stage, due_at, level, .. } = event {
        let to = match level {
            Level::Handler => in_hand(*stage),
            Level::Supervisor => Audience::Supervisors,
            Level::Leader => Audience::Leaders,
        };
        let told = Telling::of(NoticeKind::Escalation, vec![to]);
        Some(Telling { stage: Some(*stage), level: Some(*level), due_at: Some(*due_at), ..told })
    } else if let TicketEvent::Urged {} = event {
        Some(Telling::of(NoticeKind::Urged, vec![Audience::Hands, Audience::Triagers]))
    } else if let TicketEvent::ExtensionRequested { due_at, .. } = event {
        let told = Telling::of(NoticeKind::ExtensionRequested, vec![Audience::Supervisors]);
        Some(Telling { due_at: Some(*due_at), ..told })
    } else if let TicketEvent::ExtensionGranted { .. } | TicketEvent::ExtensionRefused { .. } = event {
        Some(Telling::of(NoticeKind::ExtensionDecided, vec![Audience::Hands]))
    } else if let TicketEvent::Amended { changed, facts, .. } = event {
        let is_new = facts.suspected_emergency && changed.iter().any(|it| it == "suspected_emergency");
        is_new.then(|| Telling::of(NoticeKind::Emergency, vec![Audience::OnDuty]))
    } else if let (TicketEvent::Resumed {}, true) = (event, is_timers) {
        Some(Telling::of(NoticeKind::WaitingEnded, vec![Audience::Hands]))
    } else {
        None
    }
}
