//! The triager's verbs: accept, decline, assign, merge, split, escalate, urge, and what a return undoes.

use super::event::{Facts, TicketEvent};
use super::{Change, Delivery, Doing, Priority, Status, Ticket, Verb, text};
use crate::domain::people::{Permission, Role};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, NodeId, SetupId};

impl Ticket {
    pub(super) fn accept(
        self,
        category: SetupId,
        priority: Priority,
        may_publish: Option<bool>,
        has_description: bool,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        if !has_description {
            return Err(Refusal::Rule {
                slug: "description-missing",
                message: "只有附件、没有文字：请先把内容录入（PATCH description），再受理。 Only attachments so far: write the matter down first (PATCH description), then accept."
                    .to_owned(),
            });
        }
        // A suspicion holds until a triager says otherwise, which another priority does (PRODUCT §3).
        let suspected_emergency = self.suspected_emergency && priority == Priority::Emergency;
        let may_publish = may_publish.unwrap_or(self.may_publish);
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Accepted { category, priority, may_publish, suspected_emergency }, vec![]);
        Ok(change)
    }

    /// `complex` needs a supervisor.
    pub(super) fn check_complex(&self, priority: Priority, doing: &Doing) -> Result<(), Refusal> {
        let is_supervisor =
            doing.actor.staff().is_none_or(|staff| self.allows(staff, Permission::Supervise, doing.place));
        if priority == Priority::Complex && !is_supervisor {
            return Err(Refusal::NotYours(
                "“疑难”要由督导来定。请选其他级别，或请督导受理。 Only a supervisor may set the priority complex; choose another, or ask a supervisor."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Lets `doing.actor` amend these facts, as far as rights go.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`; `NotYours` for `complex` without a supervisor.
    pub fn check_amend(&self, facts: &Facts, doing: &Doing) -> Result<(), Refusal> {
        let now = self.facts();
        // What a triager decides by accepting stays the triager's to change.
        let is_triagers = facts.suspected_emergency != now.suspected_emergency && now.suspected_emergency
            || facts.priority != now.priority
            || self.accepted_at.is_some()
                && (facts.category != now.category || facts.may_publish != now.may_publish);
        if let Some(staff) = doing.actor.staff() {
            if !self.is_seen_by(staff, doing.place) {
                return Err(Refusal::NotFound(self.number.clone()));
            }
            for permission in [Some(Permission::Amend), is_triagers.then_some(Permission::Triage)] {
                if let Some(permission) = permission.filter(|it| !self.allows(staff, *it, doing.place)) {
                    return Err(Refusal::Forbidden(permission));
                }
            }
        }
        match facts.priority {
            Some(priority) if facts.priority != now.priority => self.check_complex(priority, doing),
            Some(_) | None => Ok(()),
        }
    }

    /// Amends facts and texts; `texts` are the new ones by name.
    ///
    /// `parent` is the node above the receiving one, where a ticket about staff goes when it is sealed.
    ///
    /// # Errors
    /// As [`Ticket::check_amend`]; `Illegal` when the ticket has come to rest; `Rule` when it is not
    /// accepted yet, or the unit complained about is the lead.
    pub fn amend(
        self,
        facts: Facts,
        texts: Vec<(String, String)>,
        parent: Option<NodeId>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        self.check_amend(&facts, doing)?;
        self.after_time(doing, |ticket| ticket.amend_now(facts, texts, parent, doing))
    }

    fn amend_now(
        self,
        facts: Facts,
        texts: Vec<(String, String)>,
        parent: Option<NodeId>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        if matches!(self.status, Status::Withdrawn | Status::Closed) {
            let legal = self.actions(doing.actor, doing.place).into_iter().map(|it| it.to_string()).collect();
            let status = self.status.to_string();
            return Err(Refusal::Illegal { verb: "amend".to_owned(), status, legal });
        }
        if facts.priority != self.priority && self.accepted_at.is_none() {
            return Err(Refusal::Rule {
                slug: "not-accepted-yet",
                message: "级别在受理时确定。请先受理。 The priority is set by accepting; accept it first."
                    .to_owned(),
            });
        }
        if facts.about_unit.is_some() && facts.about_unit == self.unit {
            return Err(about_unit_leads());
        }
        let mut changed = changed_facts(&self.facts(), &facts);
        changed.extend(texts.iter().map(|(name, _)| name.clone()));
        // Sealed, it is the supervisor's of the node above alone: no unit keeps it.
        let (handling_node, taken_from) = if facts.sealed && !self.sealed {
            (parent.unwrap_or(self.handling_node), self.unit)
        } else {
            (self.handling_node, None)
        };
        let mut change = Change::of(self, doing);
        if !changed.is_empty() {
            change.push(TicketEvent::Amended { changed, facts, handling_node, taken_from }, texts);
        }
        Ok(change)
    }

    pub(super) fn decline(self, reason: String, refer_to: Option<String>, doing: &Doing) -> Change {
        let mut reply = reason.clone();
        let mut texts = vec![(text::REASON.to_owned(), reason)];
        if let Some(refer_to) = refer_to {
            reply = format!("{reply}\n{refer_to}");
            texts.push((text::REFER_TO.to_owned(), refer_to));
        }
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Declined {}, texts);
        change.write_reply(reply, change.ticket.channel, doing);
        change
    }

    pub(super) fn assign(
        self,
        unit: SetupId,
        assignee: Option<AccountId>,
        mut supporting: Vec<SetupId>,
        note: Option<String>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        if self.about_unit.is_some_and(|it| it == unit || supporting.contains(&it)) {
            return Err(about_unit_leads());
        }
        supporting.retain(|it| *it != unit);
        supporting.sort_unstable();
        supporting.dedup();
        // A supervisor's assignment after a return ends the to and fro (PRODUCT §4).
        let by_supervisor =
            doing.actor.staff().is_some_and(|it| it.is_at(Role::Supervisor, &doing.place.handling_path));
        let designated = self.returned_in_cycle && by_supervisor;
        let texts = note.map(|it| (text::NOTE.to_owned(), it)).into_iter().collect();
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Assigned { unit, assignee, supporting, designated }, texts);
        Ok(change)
    }

    pub(super) fn merge(self, main: &Ticket, is_main: bool, doing: &Doing) -> Result<Change, Refusal> {
        let rule = |message: &str| Refusal::Rule { slug: "cannot-merge", message: message.to_owned() };
        if main.id == self.id {
            return Err(rule(
                "不能并入自己。请填写主件的编号。 A ticket cannot be merged into itself; give the main one's number.",
            ));
        }
        if is_main {
            return Err(rule(
                "已有别的件并入这一件。请反过来合并，或先拆分。 Others are merged into this one; merge the other way, or split them first.",
            ));
        }
        if main.status == Status::Merged {
            return Err(rule(
                "那一件本身已并入别的件。请填它的主件编号。 That one is itself merged; give its main one's number.",
            ));
        }
        let is_being_answered =
            main.replies.iter().any(|it| it.cycle == main.cycle && it.delivery != Delivery::Failed);
        if !main.status.is_open() || main.status == Status::Replied || is_being_answered {
            return Err(rule(
                "主件已经结束，不能再并入。请并入仍在办的件。 The main one is over; merge into one that is still open.",
            ));
        }
        if main.node != self.node {
            return Err(rule(
                "两件分属不同社区，不能合并。 The two belong to different communities and cannot be merged.",
            ));
        }
        if main.sealed != self.sealed {
            return Err(rule("保密件只能并入保密件。 A sealed ticket merges only with a sealed one."));
        }
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Merged { into: main.id, into_number: main.number.clone() }, vec![]);
        if main.status == Status::Resolved {
            change.start_reply_clock();
        }
        Ok(change)
    }

    pub(super) fn split(self, main: &Ticket, doing: &Doing) -> Change {
        let to = self.status_before.unwrap_or(Status::Received);
        let (from, cycle, unit) = (main.id, self.cycle, self.unit);
        let (category, priority) = (self.category, self.priority);
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Split { from, to, cycle, unit, category, priority }, vec![]);
        change
    }

    /// Up the tree, or down again towards where it came from.
    pub(super) fn check_escalation(&self, to_path: &str, doing: &Doing) -> Result<(), Refusal> {
        let here = &doing.place.handling_path;
        let is_up = here.starts_with(to_path) && here != to_path;
        let owner = &doing.place.owner_path;
        let is_owners_line = owner.starts_with(to_path) || to_path.starts_with(owner.as_str());
        let is_down = to_path.starts_with(here.as_str()) && here != to_path && is_owners_line;
        if !is_up && !is_down {
            return Err(Refusal::field(
                "to",
                "只能上报给上级节点，或由上级交回下级节点。 Escalate to a node above, or hand down to a node below.",
            ));
        }
        // Handing down is the triager's of the node above, not the unit's.
        let hands_down =
            doing.actor.staff().is_none_or(|it| self.allows(it, Permission::Triage, doing.place));
        if is_down && !hands_down {
            return Err(Refusal::Forbidden(Permission::Triage));
        }
        Ok(())
    }

    pub(super) fn escalate(self, to: NodeId, reason: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Escalated { to }, vec![(text::REASON.to_owned(), reason)]);
        change
    }

    pub(super) fn urge(self, words: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Urged {}, vec![(text::URGE.to_owned(), words)]);
        change
    }

    pub(super) fn publish(self, doing: &Doing) -> Result<Change, Refusal> {
        if self.published {
            return Err(self.illegal(Verb::Publish, doing));
        }
        if self.sealed || !self.may_publish {
            return Err(Refusal::Rule {
                slug: "may-not-publish",
                message: "居民没有同意公开，或这是保密件。 The resident did not agree to publication, or the ticket is sealed."
                    .to_owned(),
            });
        }
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Published {}, vec![]);
        change.log_board_replies(doing);
        Ok(change)
    }

    pub(super) fn unpublish(self, doing: &Doing) -> Result<Change, Refusal> {
        if !self.published {
            return Err(self.illegal(Verb::Unpublish, doing));
        }
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Unpublished {}, vec![]);
        Ok(change)
    }

    pub(super) fn send_back(self, reason: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::SentBack {}, vec![(text::REASON.to_owned(), reason)]);
        change.cancel_unsettled();
        change
    }

    pub(super) fn note(self, words: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Noted {}, vec![(text::NOTE.to_owned(), words)]);
        change
    }

    pub(super) fn reissue_receipt(self, doing: &Doing) -> Change {
        let issue = self.receipt_issue + 1;
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::ReceiptReissued { issue }, vec![]);
        change
    }

    pub(super) fn view_contact(self, reason: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::ContactViewed {}, vec![(text::REASON.to_owned(), reason)]);
        change
    }
}

fn about_unit_leads() -> Refusal {
    Refusal::Rule {
        slug: "unit-complained-about",
        message: "被反映的单位不能办这一件。请派给别的单位。 The unit complained about can neither lead nor support; assign another."
            .to_owned(),
    }
}

/// Names of the facts that differ.
fn changed_facts(before: &Facts, after: &Facts) -> Vec<String> {
    [
        ("kind", before.kind != after.kind),
        ("category", before.category != after.category),
        ("priority", before.priority != after.priority),
        ("building", before.building != after.building),
        ("channel", before.channel != after.channel),
        ("may_publish", before.may_publish != after.may_publish),
        ("about_unit", before.about_unit != after.about_unit),
        ("sealed", before.sealed != after.sealed),
        ("suspected_emergency", before.suspected_emergency != after.suspected_emergency),
        ("attachments_expected", before.attachments_expected != after.attachments_expected),
    ]
    .into_iter()
    .filter(|(_, is_changed)| *is_changed)
    .map(|(name, _)| name.to_owned())
    .collect()
}
