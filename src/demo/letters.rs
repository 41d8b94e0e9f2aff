//! What a letter of the sample community is, and how one is written down.

use crate::domain::ticket::{Channel, Kind, Priority};

/// How a letter came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    Web,
    Kiosk,
    Call,
    Visit,
    WalkIn,
    /// Out of a mailbox, taken over from the time before.
    Mailbox(&'static str),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plot {
    Received,
    Accepted,
    Assigned,
    InProgress,
    /// Whom for is said by the reason.
    Waiting(&'static str),
    Urged,
    Resolved,
    Replied,
    /// Rated solved, with so many points.
    Closed(u8),
    /// Closed by silence.
    Silent,
    ClosedBySupervisor(&'static str),
    Declined(&'static str, &'static str),
    Withdrawn(&'static str),
    /// Into the letter with this subject.
    Merged(&'static str),
    /// Unsolved, then what was done; closed with so many points, or 0 while it goes on.
    Twice(&'static str, &'static str, u8),
    /// Returned by the first unit with this reason; the other unit solved it.
    Returned(&'static str, &'static str),
    /// Sent up to the street, which solved it, or not yet.
    Escalated(&'static str, bool),
    /// About staff: the street's supervisor handles it, or has not seen it yet.
    Sealed(bool),
}

/// One letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letter {
    /// The community's code.
    pub(super) community: &'static str,
    /// Weekdays before today; 0 for today, and then `time` is minutes ago.
    pub(super) day: u32,
    pub(super) time: &'static str,
    pub(super) via: Via,
    pub(super) kind: Kind,
    pub(super) category: &'static str,
    pub(super) unit: &'static str,
    pub(super) priority: Priority,
    pub(super) building: &'static str,
    pub(super) subject: &'static str,
    pub(super) text: &'static str,
    pub(super) result: &'static str,
    /// A place in `RESIDENTS`, and how they want to hear back.
    pub(super) writer: Option<(usize, Channel)>,
    pub(super) may_publish: bool,
    /// Weekdays from receipt to resolution.
    pub(super) takes: u32,
    pub(super) plot: Plot,
}

pub(super) const fn letter(day: u32, time: &'static str, via: Via, building: &'static str) -> Letter {
    Letter {
        community: "YD",
        day,
        time,
        via,
        kind: Kind::Request,
        category: "other",
        unit: "GZZ",
        priority: Priority::Normal,
        building,
        subject: "",
        text: "",
        result: "",
        writer: None,
        may_publish: false,
        takes: 2,
        plot: Plot::Received,
    }
}

impl Letter {
    pub(super) const fn about(mut self, category: &'static str, unit: &'static str) -> Self {
        self.category = category;
        self.unit = unit;
        self
    }

    pub(super) const fn says(mut self, subject: &'static str, text: &'static str) -> Self {
        self.subject = subject;
        self.text = text;
        self
    }

    pub(super) const fn by(mut self, resident: usize, channel: Channel) -> Self {
        self.writer = Some((resident, channel));
        self
    }

    pub(super) const fn done(mut self, takes: u32, result: &'static str) -> Self {
        self.takes = takes;
        self.result = result;
        self
    }

    pub(super) const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    pub(super) const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    pub(super) const fn public(mut self) -> Self {
        self.may_publish = true;
        self
    }

    pub(super) const fn neighbour(mut self) -> Self {
        self.community = "TX";
        self
    }

    pub(super) const fn plot(mut self, plot: Plot) -> Self {
        self.plot = plot;
        self
    }
}
