//! Import: the rows of a sheet become tickets, each once, in small transactions beside a running server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::intake::{self, Arrival, Once};
use super::setup::{self, EntryCard};
use super::{App, Caller, Error};
use crate::domain::chain::hex;
use crate::domain::import::Record;
use crate::domain::people::Actor;
use crate::domain::refusal::{Faults, FieldFault, Refusal};
use crate::domain::setup::{NodeKind, SetupKind};
use crate::domain::ticket::intake::{Parsed, Submission};
use crate::domain::value::SetupId;
use crate::store::{Db, StoreError};

/// Rows in one transaction at most. A server beside it must wait for each.
const BATCH_ROWS_MAX: usize = 256;
const BATCH_ROWS_MIN: usize = 8;
/// Work within a transaction that took longer makes the next one smaller: beside a running server it is over in
/// 100 ms. How long the disk takes to have it is not counted, since fewer rows would not make that shorter.
const BATCH_SPAN_MAX: Duration = Duration::from_millis(60);
/// After a transaction others get so much of its time, or SQLite would hand the lock to them by luck only.
const REST_SHARE: u32 = 4;
const REST_MIN: Duration = Duration::from_millis(1);
/// Times a batch is tried while the database is busy, each after a wait.
const TRIES_MAX: u32 = 20;
const BUSY_WAIT: Duration = Duration::from_millis(250);
/// Different unknown categories that are counted; a column of free text has as many as rows.
const UNKNOWN_MAX: usize = 1_000;

/// How an import is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The community's code.
    pub community: String,
    /// Code of the mailbox that all rows came out of.
    pub mailbox: Option<String>,
    /// Whether categories that are not there yet are added to the community.
    pub create_categories: bool,
    /// Whether the rows are still to be dealt with in time; the clocks of others are void (PRODUCT §5).
    pub is_live: bool,
}

/// The way in that all rows share.
#[derive(Debug, Clone, Copy)]
struct Way {
    mailbox: Option<SetupId>,
    is_live: bool,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the ticket with this number now.
    New(String),
    /// It had become one before.
    Before,
    /// It is none; why.
    Refused(Vec<FieldFault>),
}

/// An import under way.
pub struct Import {
    app: App,
    caller: Caller,
    community: String,
    time_zone: Tz,
    way: Way,
    create_categories: bool,
    /// Code by code and by name, both as they are compared.
    categories: HashMap<String, String>,
    created: Vec<String>,
    unknown: BTreeMap<String, u64>,
    /// How often content without an id came so far.
    occurrences: HashMap<Vec<u8>, u32>,
    rows_at_once: usize,
}

/// A row that is good so far.
struct Letter {
    id: Option<String>,
    parsed: Parsed,
    once: Once,
}

impl Import {
    /// Looks up what the plan names.
    ///
    /// # Errors
    /// `Invalid` when there is no such community or mailbox.
    pub async fn begin(app: &App, plan: Plan) -> Result<Self, Error> {
        let caller = Caller { actor: Actor::System, place: None };
        let node = match setup::get_node(app, &caller, plan.community.trim()).await {
            Ok(card) if card.node.kind == NodeKind::Community && card.node.retired_at.is_none() => card.node,
            Ok(_) | Err(Error::Refusal(Refusal::NotFound(_))) => {
                return Err(Refusal::field(
                    "community",
                    format!(
                        "没有编号为 {0} 的社区。 There is no community with the code {0}.",
                        plan.community
                    ),
                )
                .into());
            }
            Err(other) => return Err(other),
        };
        let mailbox = match &plan.mailbox {
            Some(code) => Some(mailbox(app, &caller, code, &node.code).await?),
            None => None,
        };
        let mut categories = HashMap::new();
        let cards = setup::public_categories(app, &node.code).await?;
        // A code goes before a name, and of two names the first stands.
        let codes = cards.iter().map(|it| &it.entry.code);
        for (word, card) in codes.zip(&cards).chain(cards.iter().map(|it| &it.entry.name).zip(&cards)) {
            categories.entry(compared(word)).or_insert_with(|| card.entry.code.clone());
        }
        Ok(Self {
            app: app.clone(),
            caller,
            community: node.code,
            time_zone: node.time_zone,
            way: Way { mailbox, is_live: plan.is_live },
            create_categories: plan.create_categories,
            categories,
            created: Vec::new(),
            unknown: BTreeMap::new(),
            occurrences: HashMap::new(),
            rows_at_once: BATCH_ROWS_MAX / 4,
        })
    }

    /// The community's code.
    pub fn community(&self) -> &str {
        &self.community
    }

    /// The zone that times without offset are in.
    pub fn time_zone(&self) -> Tz {
        self.time_zone
    }

    /// How many rows to give to [`Import::take`] next.
    pub fn rows_at_once(&self) -> usize {
        self.rows_at_once
    }

    /// Categories that are not there, with how many rows named them.
    pub fn unknown_categories(&self) -> &BTreeMap<String, u64> {
        &self.unknown
    }

    /// Names of the categories that were added.
    pub fn created_categories(&self) -> &[String] {
        &self.created
    }

    /// Takes some rows in, in their order, and says what became of each once the database has them.
    ///
    /// # Errors
    /// Only those of the database; rows taken before stay.
    pub async fn take(&mut self, records: Vec<Record>) -> Result<Vec<Verdict>, Error> {
        let mut verdicts = Vec::with_capacity(records.len());
        let mut letters = Vec::with_capacity(records.len());
        for record in records {
            match self.read(record).await? {
                Ok(letter) => {
                    letters.push(letter);
                    verdicts.push(None);
                }
                Err(faults) => verdicts.push(Some(Verdict::Refused(faults))),
            }
        }
        let mut saved = self.save(letters).await?.into_iter();
        Ok(verdicts.into_iter().filter_map(|it| it.or_else(|| saved.next())).collect())
    }

    /// Reads a row to its end, all of its faults together.
    async fn read(&mut self, record: Record) -> Result<Result<Letter, Vec<FieldFault>>, Error> {
        let Record { line: _, id, mut submission, mut faults } = record;
        // Told apart by what the sheet says, not by what its category was looked up as.
        let once = match &id {
            Some(id) => Once::by_import_id(&self.community, id, &submission),
            None => self.once_without_id(&submission),
        };
        let is_broken = faults.0.iter().any(|it| it.field == "row");
        let category = submission.category.take();
        let now = self.app.clock.now();
        let parsed = submission.parse(&self.caller.actor, now);
        match parsed {
            Ok(mut parsed) if faults.0.is_empty() => {
                if let Some(name) = category {
                    parsed.category = self.category(&name).await?;
                }
                return Ok(Ok(Letter { id, parsed, once }));
            }
            Err(Refusal::Invalid(more)) if !is_broken => add_other(&mut faults, more),
            Err(other) if !is_broken => faults.add("row", other.to_string()),
            Ok(_) | Err(_) => {}
        }
        Ok(Err(faults.0))
    }

    fn once_without_id(&mut self, submission: &Submission) -> Once {
        let content = Once::by_import_content(&self.community, submission, 0).content().to_vec();
        let occurrence = self.occurrences.entry(content).or_insert(0);
        *occurrence += 1;
        Once::by_import_content(&self.community, submission, *occurrence)
    }

    /// The code of the category with this code or name; None when it is unknown.
    async fn category(&mut self, given: &str) -> Result<Option<String>, Error> {
        if let Some(code) = self.categories.get(&compared(given)) {
            return Ok(Some(code.clone()));
        }
        if self.create_categories
            && let Some(code) = self.create_category(given).await?
        {
            self.created.push(given.to_owned());
            self.categories.insert(compared(given), code.clone());
            return Ok(Some(code));
        }
        if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(given) {
            *self.unknown.entry(given.to_owned()).or_insert(0) += 1;
        }
        Ok(None)
    }

    /// Adds a category; None when its name can be none.
    async fn create_category(&self, name: &str) -> Result<Option<String>, Error> {
        let code = derived_code(name);
        // A retired category keeps its code for ever.
        for tail in ["", "-2", "-3", "-4", "-5"] {
            let code = format!("{code}{tail}");
            let fields = [("code", code.as_str()), ("name", name), ("node", &self.community)];
            let fields: Map<String, Value> =
                fields.into_iter().map(|(field, text)| (field.to_owned(), Value::from(text))).collect();
            match setup::add_entry(&self.app, &self.caller, SetupKind::Category, fields).await {
                Ok(EntryCard { entry, .. }) => return Ok(Some(entry.code)),
                Err(Error::Refusal(Refusal::Exists(_))) => {}
                Err(Error::Refusal(Refusal::Invalid(_))) => return Ok(None),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    /// Saves letters in one transaction, each in a savepoint of its own, and learns how long that takes.
    async fn save(&mut self, letters: Vec<Letter>) -> Result<Vec<Verdict>, Error> {
        if letters.is_empty() {
            return Ok(Vec::new());
        }
        let letters = Arc::new(letters);
        let mut tries = 0;
        loop {
            let started = Instant::now();
            let (app, caller, letters) = (self.app.clone(), self.caller.clone(), Arc::clone(&letters));
            let (way, now) = (self.way, self.app.clock.now());
            let n_letters = letters.len();
            let saved = self.app.store.write_intake(move |db: &mut Db| {
                let begun = Instant::now();
                let save = |it: &Letter| save_one(db, &app, &caller, way, it, now);
                let verdicts = letters.iter().map(save).collect::<Result<Vec<Verdict>, Error>>()?;
                Ok::<_, Error>((verdicts, begun.elapsed()))
            });
            match saved.await {
                Err(Error::Store(StoreError::Busy | StoreError::Collision)) if tries < TRIES_MAX => {
                    tries += 1;
                    tokio::time::sleep(BUSY_WAIT).await;
                }
                saved => {
                    let (verdicts, work) = saved?;
                    self.learn(n_letters, work);
                    tokio::time::sleep((started.elapsed() / REST_SHARE).max(REST_MIN)).await;
                    return Ok(verdicts);
                }
            }
        }
    }

    fn learn(&mut self, n_letters: usize, span: Duration) {
        if span > BATCH_SPAN_MAX {
            self.rows_at_once = (n_letters / 2).max(BATCH_ROWS_MIN);
        } else if span < BATCH_SPAN_MAX / 2 && n_letters >= self.rows_at_once {
            self.rows_at_once = (self.rows_at_once * 2).min(BATCH_ROWS_MAX);
        }
    }
}

fn save_one(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    way: Way,
    letter: &Letter,
    now: crate::domain::value::At,
) -> Result<Verdict, Error> {
    let Way { mailbox, is_live } = way;
    let once = Some(&letter.once);
    let arrival = Arrival { parsed: &letter.parsed, once, mailbox, letter: None, slip: None, is_live };
    match db.attempt(|db| intake::arrive(db, app, caller, &arrival, now)) {
        Ok(receipt) if receipt.is_new => Ok(Verdict::New(receipt.ticket.number)),
        Ok(_) => Ok(Verdict::Before),
        Err(Error::Refusal(Refusal::KeyReused)) => {
            let id = letter.id.as_deref().unwrap_or_default();
            let mut faults = Faults::default();
            faults.add(
                "id",
                format!("编号 {id} 已经用于另一封信；请改编号，或在系统里修改那一件。 Id {id} was imported for another letter; take another id, or amend that ticket."),
            );
            Ok(Verdict::Refused(faults.0))
        }
        Err(Error::Refusal(Refusal::Invalid(faults))) => Ok(Verdict::Refused(with_columns(faults).0)),
        Err(Error::Refusal(other)) => {
            let mut faults = Faults::default();
            faults.add("row", other.to_string());
            Ok(Verdict::Refused(faults.0))
        }
        Err(other) => Err(other),
    }
}

async fn mailbox(app: &App, caller: &Caller, code: &str, community: &str) -> Result<SetupId, Error> {
    match setup::get_entry(app, caller, SetupKind::Mailbox, code.trim(), Some(community)).await {
        Ok(card) if card.entry.retired_at.is_none() => Ok(card.entry.id),
        Ok(_) | Err(Error::Refusal(Refusal::NotFound(_))) => Err(Refusal::field(
            "mailbox",
            format!("没有这个红色信箱：{code}。 There is no mailbox {code} in {community}."),
        )
        .into()),
        Err(other) => Err(other),
    }
}

/// Adds the faults of columns that have none yet.
fn add_other(faults: &mut Faults, more: Faults) {
    let known: Vec<String> = faults.0.iter().map(|it| it.field.clone()).collect();
    faults.0.extend(with_columns(more).0.into_iter().filter(|it| !known.contains(&it.field)));
}

/// Fields as the sheet's columns are called.
fn with_columns(mut faults: Faults) -> Faults {
    for fault in &mut faults.0 {
        if let Some((_, column)) = fault.field.rsplit_once('.') {
            fault.field = column.to_owned();
        }
    }
    faults
}

fn compared(word: &str) -> String {
    word.trim().to_lowercase()
}

/// A code for a category of this name: the name itself where it can be one, else made of its hash, so that
/// the same name has the same code everywhere.
fn derived_code(name: &str) -> String {
    let plain = name.trim().replace(' ', "-").to_lowercase();
    // Room for a tail.
    if plain.len() <= 30 && crate::domain::setup::check_code(&plain).is_ok() {
        return plain;
    }
    format!("imp-{}", &hex(&Sha256::digest(name.as_bytes()))[..10])
}
