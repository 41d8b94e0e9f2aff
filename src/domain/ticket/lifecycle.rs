//! The lifecycle's one table: which verb is legal in which status.

use super::{Action, Change, Doing, Place, Status, Ticket};
use crate::domain::people::{Actor, Permission};
use crate::domain::refusal::Refusal;
use crate::words;

words! {
    /// The verbs of a ticket, as in `POST /tickets/{number}/{action}`.
    Verb {
        Accept = "accept", Decline = "decline", Assign = "assign", Return = "return",
        Acknowledge = "acknowledge", Contact = "contact", Wait = "wait", Resume = "resume",
        Resolve = "resolve", SendBack = "send-back", Reply = "reply", Close = "close", Reopen = "reopen",
        Merge = "merge", Split = "split", Withdraw = "withdraw", Rate = "rate", Note = "note",
        Supplement = "supplement", Escalate = "escalate", Urge = "urge", Publish = "publish",
        Unpublish = "unpublish", Extend = "extend", ReissueReceipt = "reissue-receipt", ContactViews = "contact-views",
    }
}

impl Verb {
    /// The statuses in which the verb is legal (PRODUCT §4, column "next").
    pub fn statuses(self) -> &'static [Status] {
        use Status as S;
        match self {
            Verb::Accept => &[S::Received],
            Verb::Decline | Verb::Merge => &[S::Received, S::Accepted],
            Verb::Assign | Verb::Escalate => &[S::Accepted, S::Assigned, S::InProgress],
            Verb::Return => &[S::Assigned, S::InProgress],
            Verb::Acknowledge => &[S::Assigned],
            Verb::Contact | Verb::Wait | Verb::Resolve | Verb::Extend => &[S::InProgress],
            Verb::Resume => &[S::Waiting],
            Verb::SendBack => &[S::Resolved],
            Verb::Reply => &[S::Resolved, S::Declined],
            Verb::Close => &[S::Replied],
            Verb::Reopen => &[S::Replied, S::Closed, S::Declined],
            Verb::Rate => &[S::Replied, S::Closed, S::Merged],
            Verb::Split => &[S::Merged],
            Verb::Withdraw => &[S::Received, S::Accepted, S::Assigned, S::InProgress, S::Waiting],
            Verb::Supplement => {
                &[S::Received, S::Accepted, S::Assigned, S::InProgress, S::Waiting, S::Resolved, S::Replied]
            }
            Verb::Urge => &[S::Received, S::Accepted, S::Assigned, S::InProgress, S::Waiting, S::Resolved],
            Verb::Publish | Verb::Unpublish => &[S::Resolved, S::Replied, S::Closed, S::Declined, S::Merged],
            Verb::Note | Verb::ReissueReceipt | Verb::ContactViews => Status::ALL,
        }
    }

    /// What a member of staff needs to do it.
    pub fn permission(self) -> Permission {
        match self {
            Verb::Accept | Verb::Decline | Verb::Assign | Verb::Merge | Verb::Split => Permission::Triage,
            Verb::Return
            | Verb::Acknowledge
            | Verb::Contact
            | Verb::Wait
            | Verb::Resume
            | Verb::Resolve
            | Verb::Extend => Permission::Handle,
            Verb::SendBack => Permission::SendBack,
            Verb::Reply | Verb::Rate => Permission::Reply,
            Verb::Close => Permission::Supervise,
            Verb::Reopen | Verb::Withdraw | Verb::Supplement => Permission::SpeakForResident,
            Verb::Note => Permission::Note,
            Verb::Escalate => Permission::Escalate,
            Verb::Urge => Permission::Urge,
            Verb::Publish | Verb::Unpublish => Permission::Publish,
            Verb::ReissueReceipt => Permission::ReissueReceipt,
            Verb::ContactViews => Permission::UnmaskContact,
        }
    }

    /// True for what the holder of the receipt may do.
    pub fn is_residents(self) -> bool {
        matches!(self, Verb::Rate | Verb::Reopen | Verb::Withdraw | Verb::Supplement)
    }
}

impl Action {
    /// The verb of this action.
    pub fn verb(&self) -> Verb {
        match self {
            Action::Accept { .. } => Verb::Accept,
            Action::Decline { .. } => Verb::Decline,
            Action::Assign { .. } => Verb::Assign,
            Action::Return { .. } => Verb::Return,
            Action::Acknowledge => Verb::Acknowledge,
            Action::Contact { .. } => Verb::Contact,
            Action::Wait { .. } => Verb::Wait,
            Action::Resume => Verb::Resume,
            Action::Resolve { .. } => Verb::Resolve,
            Action::SendBack { .. } => Verb::SendBack,
            Action::Reply { .. } => Verb::Reply,
            Action::Rate { .. } => Verb::Rate,
            Action::Close { .. } => Verb::Close,
            Action::Reopen { .. } => Verb::Reopen,
            Action::Note { .. } => Verb::Note,
            Action::Supplement { .. } => Verb::Supplement,
            Action::Withdraw { .. } => Verb::Withdraw,
            Action::Merge { .. } => Verb::Merge,
            Action::Split { .. } => Verb::Split,
            Action::Escalate { .. } => Verb::Escalate,
            Action::Urge { .. } => Verb::Urge,
            Action::Extend { .. } => Verb::Extend,
            Action::Publish => Verb::Publish,
            Action::Unpublish => Verb::Unpublish,
            Action::ReissueReceipt => Verb::ReissueReceipt,
            Action::ViewContact { .. } => Verb::ContactViews,
        }
    }
}

impl Ticket {
    /// True when the lifecycle lets `verb` happen now, whoever asks.
    ///
    /// A status alone does not say it for returns, merged ratings and publication.
    pub fn is_legal(&self, verb: Verb) -> bool {
        verb.statuses().contains(&self.status)
            && (verb != Verb::Return || !self.returned_in_cycle && !self.designated)
            // A merged ticket is rated once the main one was answered.
            && (verb != Verb::Rate || self.status != Status::Merged || self.replied_at.is_some())
            && (verb != Verb::Publish || !self.published && self.may_publish && !self.sealed)
            && (verb != Verb::Unpublish || self.published)
            && (verb != Verb::Extend || self.may_ask_for_more_time())
            && !(self.erased_at.is_some() && verb.is_residents())
    }

    /// The verbs `actor` may do now, in the table's order.
    pub fn actions(&self, actor: &Actor, place: &Place) -> Vec<Verb> {
        Verb::ALL
            .iter()
            .copied()
            .filter(|verb| self.is_legal(*verb) && self.authorise(*verb, actor, place).is_ok())
            .collect()
    }

    /// Says what is refused before anybody asks for the version: rights, and input the domain knows about.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `NotYours`, then `Invalid`.
    pub fn check(&self, action: &Action, doing: &Doing) -> Result<(), Refusal> {
        self.authorise(action.verb(), doing.actor, doing.place)?;
        if let Action::Accept { priority, .. } = action {
            self.check_complex(*priority, doing)
        } else if let Action::Escalate { to_path, .. } = action {
            self.check_escalation(to_path, doing)
        } else if let Action::Contact { channel, .. } = action {
            Self::check_contact(*channel)
        } else if let Action::Reply { channel, outcome, .. } = action {
            self.check_outcome(*channel, *outcome)
        } else if let Action::Rate { asked_by, .. } = action {
            self.check_follow_up(*asked_by, doing)
        } else if let Action::Extend { due_at, .. } = action {
            self.check_extension(*due_at, doing)
        } else {
            Ok(())
        }
    }

    /// Does `action`, or says why not; then nothing has changed.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` by rights; `Illegal` by status; `Rule`, `NotYours` or `Invalid` by the
    /// rules of PRODUCT §4.
    pub fn act(self, action: Action, doing: &Doing) -> Result<Change, Refusal> {
        self.check(&action, doing)?;
        self.after_time(doing, |ticket| ticket.act_now(action, doing))
    }

    fn act_now(self, action: Action, doing: &Doing) -> Result<Change, Refusal> {
        let verb = action.verb();
        // Of what was erased nobody speaks any more.
        let is_over = self.erased_at.is_some() && verb.is_residents();
        if is_over || !verb.statuses().contains(&self.status) {
            return Err(self.illegal(verb, doing));
        }
        match action {
            Action::Accept { category, priority, may_publish, has_description } => {
                self.accept(category, priority, may_publish, has_description, doing)
            }
            Action::Decline { reason, refer_to } => Ok(self.decline(reason, refer_to, doing)),
            Action::Assign { unit, assignee, supporting, note } => {
                self.assign(unit, assignee, supporting, note, doing)
            }
            Action::Return { reason } => self.return_to_triage(reason, doing),
            Action::Acknowledge => self.acknowledge(doing),
            Action::Contact { channel, outcome, note } => Ok(self.contact(channel, outcome, note, doing)),
            Action::Wait { waiting_for, reason } => self.wait(waiting_for, reason, doing),
            Action::Resume => Ok(self.resume(doing)),
            Action::Resolve { outcome, result } => Ok(self.resolve(outcome, result, doing)),
            Action::SendBack { reason } => Ok(self.send_back(reason, doing)),
            Action::Reply { text, channel, outcome } => self.reply(text, channel, outcome, doing),
            Action::Rate { solved, satisfaction, comment, asked_by, main } => {
                self.rate(solved, satisfaction, comment, asked_by, main.as_deref(), doing)
            }
            Action::Close { reason } => Ok(self.close_with_reason(reason, doing)),
            Action::Reopen { reason } => self.reopen(reason, doing),
            Action::Note { text } => Ok(self.note(text, doing)),
            Action::Supplement { text } => Ok(self.supplement(text, doing)),
            Action::Withdraw { reason } => Ok(self.withdraw(reason, doing)),
            Action::Merge { into, is_main } => self.merge(&into, is_main, doing),
            Action::Split { main } => Ok(self.split(&main, doing)),
            Action::Escalate { to, reason, .. } => Ok(self.escalate(to, reason, doing)),
            Action::Urge { text } => Ok(self.urge(text, doing)),
            Action::Extend { due_at, reason } => self.extend(due_at, reason, doing),
            Action::Publish => self.publish(doing),
            Action::Unpublish => self.unpublish(doing),
            Action::ReissueReceipt => Ok(self.reissue_receipt(doing)),
            Action::ViewContact { reason } => Ok(self.view_contact(reason, doing)),
        }
    }

    /// The refusal of an illegal move, with the moves that are legal for this actor.
    pub(super) fn illegal(&self, verb: Verb, doing: &Doing) -> Refusal {
        Refusal::Illegal {
            verb: verb.as_str().to_owned(),
            status: self.status.as_str().to_owned(),
            legal: self
                .actions(doing.actor, doing.place)
                .into_iter()
                .map(|it| it.as_str().to_owned())
                .collect(),
        }
    }
}
