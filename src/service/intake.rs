//! Intake: a submission becomes a ticket, once, however often it arrives.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::circumstances::{Circumstances, keep};
use super::standing::Standing;
use super::{App, Caller, Error, receipts, slips};
use crate::domain::chain::hex;
use crate::domain::number::Number;
use crate::domain::people::{Actor, Permission, Role};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{Details, Node, NodeKind, SetupKind};
use crate::domain::ticket::intake::{LookedUp, Parsed, Submission};
use crate::domain::ticket::{LetterOf, Ticket};
use crate::domain::value::{At, SetupId};
use crate::store::receipts::KeptAnswer;
use crate::store::tickets::By;
use crate::store::{Db, StoreError, receipts as kept_answers, tickets};

/// Answers to keys of people are kept this long; the draft standard asks for a day or more.
const ANSWERS_KEPT: TimeDelta = TimeDelta::hours(48);

/// What tells a repeated submission from a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    scope: String,
    key_hash: Vec<u8>,
    fingerprint: Vec<u8>,
    expires: bool,
}

impl Once {
    /// The `Idempotency-Key` of a caller: its scope is the user or device, for the public the key itself.
    pub fn by_key(caller: &Caller, key: &str, submission: &Submission) -> Self {
        let (scope, expires) = match &caller.actor {
            Actor::Staff(staff) => (format!("tickets:user:{}", staff.account), true),
            Actor::Kiosk { id, .. } => (format!("tickets:kiosk:{id}"), false),
            Actor::Resident | Actor::Timer | Actor::System => ("tickets:public".to_owned(), true),
        };
        Self { scope, key_hash: hash(key), fingerprint: fingerprint(submission), expires }
    }

    /// The id of an imported row, which holds for the life of the ticket.
    ///
    /// The same letter often comes in two sheets, once with its category and once with its writer: its words and
    /// its time tell whether it is the same.
    pub fn by_import_id(community: &str, id: &str, submission: &Submission) -> Self {
        let matter = Submission {
            community: submission.community.clone(),
            subject: submission.subject.clone(),
            description: submission.description.clone(),
            received_at: submission.received_at.clone(),
            ..Submission::default()
        };
        Self {
            scope: format!("import:{}", community.to_uppercase()),
            key_hash: hash(id),
            fingerprint: fingerprint(&matter),
            expires: false,
        }
    }

    /// An imported row without an id: its content stands for it, and which of its equals in the file it is.
    pub fn by_import_content(community: &str, submission: &Submission, occurrence: u32) -> Self {
        let content = fingerprint(submission);
        Self {
            scope: format!("import-content:{}", community.to_uppercase()),
            key_hash: hash(&format!("{}#{occurrence}", hex(&content))),
            fingerprint: content,
            expires: false,
        }
    }

    /// What is equal for submissions of equal content.
    pub fn content(&self) -> &[u8] {
        &self.fingerprint
    }
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

/// The same body gives the same fingerprint, whatever the order of its fields.
fn fingerprint(submission: &Submission) -> Vec<u8> {
    serde_json::to_vec(submission).map(|it| Sha256::digest(&it).to_vec()).unwrap_or_default()
}

/// The receipt of a ticket as it was first given.
pub(super) fn first_receipt(app: &App, ticket: Ticket) -> Receipt {
    let first = Ticket { receipt_issue: 1, ..ticket.clone() };
    Receipt { receipt_code: receipts::code_of(app, &first), ticket, is_new: false }
}

/// A ticket that was just received, or had been under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub ticket: Ticket,
    /// The code it was first given; a reissued one is not told to a repeated submission.
    pub receipt_code: String,
    /// False when the same submission had come before.
    pub is_new: bool,
}

/// Receives a submission.
///
/// # Errors
/// `Invalid` with every wrong field; `Forbidden` for staff without the right there; `KeyReused` for a key
/// that came with another body.
pub async fn submit(
    app: &App,
    caller: &Caller,
    submission: Submission,
    once: Option<Once>,
) -> Result<Receipt, Error> {
    let now = app.clock.now();
    // What was taken in under this key is answered before its times are judged again: a device repeats until
    // it has heard, however late that is.
    let parsed = submission.parse(&caller.actor, now);
    let (app_too, caller) = (app.clone(), caller.clone());
    app.store
        .write_intake(move |db: &mut Db| {
            if let Some(receipt) = answered_before(db, &app_too, once.as_ref(), now)? {
                return Ok(receipt);
            }
            admit(db, &app_too, &caller, &parsed.clone()?, once.as_ref(), now)
        })
        .await
}

/// Receives a submission within a transaction of the caller's.
///
/// # Errors
/// As [`submit`].
pub fn admit(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    parsed: &Parsed,
    once: Option<&Once>,
    now: At,
) -> Result<Receipt, Error> {
    arrive(
        db,
        app,
        caller,
        &Arrival { parsed, once, mailbox: None, letter: None, slip: None, is_live: true },
        now,
    )
}

/// A submission on its way in, and the mailbox it lay in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    pub parsed: &'a Parsed,
    pub once: Option<&'a Once>,
    pub mailbox: Option<SetupId>,
    /// The letter it was in; whoever registers letters was let in by the collection.
    pub letter: Option<LetterOf>,
    /// The serial of the slip it was written on, which is free to be bound.
    pub slip: Option<&'a str>,
    /// An imported matter that is still to be dealt with in time.
    pub is_live: bool,
}

/// As [`admit`], for what may come out of a mailbox.
///
/// # Errors
/// As [`submit`].
pub fn arrive(db: &mut Db, app: &App, caller: &Caller, arrival: &Arrival, now: At) -> Result<Receipt, Error> {
    let Arrival { parsed, once, mailbox, letter, slip, is_live } = *arrival;
    if let Some(receipt) = answered_before(db, app, once, now)? {
        return Ok(receipt);
    }
    let standing = Standing::read(db)?;
    let node = community(db, &standing, caller, &parsed.community, letter.is_some())?;
    let slip = match (slip, &parsed.slip, &caller.actor) {
        (None, Some(serial), Actor::Kiosk { id, .. }) => {
            Some(slips::check_free(db, &node, serial, Some(*id))?)
        }
        (slip, _, _) => slip.map(str::to_owned),
    };
    let binds_slip = slip.is_some();
    let looked_up =
        LookedUp { mailbox, letter, slip, is_live, ..look_up(db, &standing, caller, &node, parsed)? };
    let surroundings = Circumstances::at(db, &standing, node.clone())?;

    let day = parsed.received_at.local_date(node.time_zone);
    let id = tickets::next_id(db)?;
    let running = tickets::next_number(db, node.id, &day.to_string())?;
    let number = Number::new(&node.code, day, running).to_string();
    let change = Ticket::receive(id, number, node.id, parsed, &looked_up, &surroundings.doing(caller, now));
    match keep(db, app, &change) {
        // Somebody bound the slip meanwhile: run again, this finds it bound.
        Err(Error::Store(StoreError::Duplicate { .. })) if binds_slip => {
            return Err(StoreError::Collision.into());
        }
        kept => kept?,
    }
    if let Some(once) = once {
        let answer = KeptAnswer { ticket: id, fingerprint: once.fingerprint.clone() };
        let expires_at = once.expires.then(|| now + ANSWERS_KEPT);
        kept_answers::keep_answer(db, &once.scope, &once.key_hash, &answer, now, expires_at)?;
    }
    let ticket = change.ticket().clone();
    Ok(Receipt { receipt_code: receipts::code_of(app, &ticket), ticket, is_new: true })
}

/// The receipt given under the same key before, if there was one.
fn answered_before(db: &mut Db, app: &App, once: Option<&Once>, now: At) -> Result<Option<Receipt>, Error> {
    let Some(once) = once else { return Ok(None) };
    let kept = kept_answers::find_answer(db, &once.scope, &once.key_hash, now)?;
    kept.map(|it| repeated(db, app, &it, once)).transpose()
}

fn repeated(db: &mut Db, app: &App, kept: &KeptAnswer, once: &Once) -> Result<Receipt, Error> {
    // What was erased is not compared any more: its receipt is all there is to tell.
    let is_erased = kept.fingerprint.is_empty();
    if !is_erased && kept.fingerprint != once.fingerprint {
        return Err(Refusal::KeyReused.into());
    }
    let found = tickets::find(db, By::Id(kept.ticket))?;
    let ticket = found.ok_or_else(|| Error::internal("a kept answer names no ticket"))?;
    Ok(first_receipt(app, ticket))
}

/// The community a submission is for, where this caller may submit, or was let in before.
fn community(
    db: &mut Db,
    standing: &Standing,
    caller: &Caller,
    code: &str,
    is_let_in: bool,
) -> Result<Node, Error> {
    let unknown = || {
        let code = shown(code);
        Refusal::field(
            "community",
            format!("没有编号为 {code} 的社区。 There is no community with the code {code}."),
        )
    };
    let node = standing
        .node(db, code)?
        .filter(|it| it.kind == NodeKind::Community && it.retired_at.is_none())
        .ok_or_else(unknown)?;
    match &caller.actor {
        Actor::Staff(staff) if !is_let_in && !staff.may_at(Permission::Submit, &node.path) => {
            Err(Refusal::Forbidden(Permission::Submit).into())
        }
        Actor::Kiosk { path, .. } if !path.starts_with(&node.path) => Err(Refusal::field(
            "community",
            "这台终端属于别的社区。 This device belongs to another community.",
        )
        .into()),
        Actor::Staff(_) | Actor::Kiosk { .. } | Actor::Resident | Actor::Timer | Actor::System => Ok(node),
    }
}

/// Looks up what the codes of a submission stand for, in the community and above.
fn look_up(
    db: &mut Db,
    standing: &Standing,
    caller: &Caller,
    node: &Node,
    parsed: &Parsed,
) -> Result<LookedUp, Error> {
    let mut faults = Faults::default();
    let mut looked_up = LookedUp { parent: node.parent, ..LookedUp::default() };
    if let Some(code) = &parsed.category {
        if let Some(category) = standing.entry(db, SetupKind::Category, &node.path, code)? {
            looked_up.is_danger = matches!(category.details, Details::Category(it) if it.danger);
            looked_up.category = Some(category.id);
        } else {
            let code = shown(code);
            faults.add("category", format!("没有这个类别：{code}。 There is no category {code}."));
        }
    }
    if let Some(code) = &parsed.about_unit {
        if let Some(unit) = standing.entry(db, SetupKind::Unit, &node.path, code)? {
            looked_up.about_unit = Some(unit.id);
        } else {
            let code = shown(code);
            faults.add("about_unit", format!("没有这个单位：{code}。 There is no unit {code}."));
        }
    }
    looked_up.answerable_unit = unit_of(caller, node);
    Ok(faults.check(looked_up)?)
}

/// The unit of the staff member who receives it; with several, the one nearest to the community.
fn unit_of(caller: &Caller, node: &Node) -> Option<SetupId> {
    let staff = caller.actor.staff()?;
    staff
        .grants
        .iter()
        .filter(|it| it.role != Role::Admin && it.covers(&node.path))
        .filter(|it| it.unit.is_some())
        .max_by_key(|it| it.path.len())
        .and_then(|it| it.unit)
}
