//! Attachments: a file arrives, is made fit, is put in the storage room, and only then named by its ticket.

mod verify;

use std::time::Duration;

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::circumstances::{Circumstances, keep};
use super::desk::{self, Opened};
use super::files::{self, TicketFile};
use super::{App, Caller, Error};
use crate::domain::chain::hex;
use crate::domain::number::Number;
use crate::domain::people::Actor;
use crate::domain::refusal::{Refusal, shown};
use crate::domain::ticket::attachment::display_name;
use crate::domain::ticket::{Attachment, Filed, Ticket, text};
use crate::domain::value::{At, TicketId};
use crate::media::{self, Fit};
use crate::store::files::Files;
use crate::store::receipts::KeptAnswer;
use crate::store::tickets::By;
use crate::store::tickets::attachments::has_file;
use crate::store::{Db, StoreError, collections, receipts as kept_answers, tickets};

pub use self::verify::{FileSpot, verify_files, verify_some};
pub use crate::media::BYTES_MAX;
pub use crate::store::files::{Arriving, Part};

/// Files looked at at one time: the largest photo needs 250 MB, and two cores have other work to do.
static WORKBENCH: Semaphore = Semaphore::const_new(1);
/// How long a file waits for its turn; then its sender is asked to come again.
const TURN_WITHIN: Duration = Duration::from_secs(30);
/// Tickets that share one scan; a letter is registered as a few.
const ALSO_FOR_MAX: usize = 20;
/// Answers to keys are kept as long as those of submissions.
const ANSWERS_KEPT: TimeDelta = TimeDelta::hours(48);
/// What a crash left in the storage room is deleted after so long: no request takes a day.
const UNSETTLED_KEPT: TimeDelta = TimeDelta::days(1);
/// Files that wait for their forms to be sent; more at once is no community's evening.
const LAID_BY_MAX: usize = 1_000;

/// The storage room of `app`.
pub(super) fn room(app: &App) -> Files {
    Files::in_data_folder(&app.settings.data_dir)
}

/// Begins to take in a file.
///
/// # Errors
/// Those of the disk.
pub fn arrive(app: &App) -> Result<Arriving, Error> {
    Ok(room(app).arrive(app.clock.now())?)
}

/// What came, and what was said of it.
#[derive(Debug)]
pub struct Upload {
    pub arriving: Arriving,
    /// As the sender's device called it.
    pub name: String,
    /// Shown to the resident; only staff choose.
    pub shown: bool,
    /// Numbers of other tickets that the same file serves; staff only.
    pub also_for: Vec<String>,
}

/// An attachment that was just added, or had been under the same key.
#[derive(Debug, Clone)]
pub struct Attached {
    pub file: TicketFile,
    pub attachment: Attachment,
    /// False when the same upload had come before.
    pub is_new: bool,
}

/// Attaches an upload to an opened ticket.
///
/// # Errors
/// As [`Ticket::check_attach`]; `Invalid` for a file that is not fit; `KeyReused` for a key that came with
/// another one; `Busy` when too many wait to be looked at.
pub async fn attach(
    app: &App,
    opened: Opened,
    upload: Upload,
    key: Option<String>,
) -> Result<Attached, Error> {
    if !upload.also_for.is_empty() && opened.caller.actor.staff().is_none() {
        return Err(Refusal::field("also_for", "只有工作人员可以填写。 Staff only.").into());
    }
    if upload.also_for.len() > ALSO_FOR_MAX {
        let message = format!("最多 {ALSO_FOR_MAX} 件。 At most {ALSO_FOR_MAX} tickets.");
        return Err(Refusal::field("also_for", message).into());
    }
    let also_for = upload.also_for.iter().map(|it| Number::parse(it)).collect::<Result<Vec<_>, _>>()?;
    let once = key.map(|it| Once::of(&opened, &it, &upload));
    let (fit, app_too) = (prepare(upload.arriving).await?, app.clone());
    let name = display_name(&upload.name, fit.media);
    let filed = off_thread(move || put(&app_too, &fit)).await??;
    let job = Job { opened, filed, name, shown: upload.shown, also_for, once };

    let (room, file) = (room(app), job.filed.file.clone());
    let (app_too, now) = (app.clone(), app.clock.now());
    let attached = app.store.write(move |db: &mut Db| record(db, &app_too, &job, now)).await;
    match &attached {
        Ok(it) if it.is_new => room.settle(&file),
        Ok(_) | Err(Error::Refusal(_)) => room.delete(&file),
        // Perhaps it was committed after all: the sweep looks, a day later.
        Err(Error::Store(_) | Error::Internal(_)) => {}
    }
    attached
}

/// Makes an upload fit to be kept and puts it in the storage room, where it waits to be named; what it is called.
///
/// # Errors
/// `Invalid` for a file that is not fit; `Busy` when too many wait to be looked at, or to be named.
pub(super) async fn lay_by(app: &App, arriving: Arriving, name: &str) -> Result<(Filed, String), Error> {
    let room = room(app);
    if off_thread(move || room.is_crowded(LAID_BY_MAX)).await?? {
        return Err(StoreError::Busy.into());
    }
    let (fit, app_too) = (prepare(arriving).await?, app.clone());
    let name = display_name(name, fit.media);
    let filed = off_thread(move || put(&app_too, &fit)).await??;
    Ok((filed, name))
}

/// Attaches a file that was laid by to an opened ticket, once under one key.
///
/// # Errors
/// As [`attach`]; `Invalid` when the file waited too long, or serves another ticket already.
pub(super) async fn attach_laid(
    app: &App,
    opened: Opened,
    (filed, name): (Filed, String),
    key: &str,
) -> Result<Attached, Error> {
    let once = Some(Once::of_laid(&opened, key, &filed, &name));
    let (room, file) = (room(app), filed.file.clone());
    let job = Job { opened, filed, name, shown: false, also_for: Vec::new(), once };
    let (app_too, now, waits) = (app.clone(), app.clock.now(), room.waits(&file));
    let attached = app.store.write(move |db: &mut Db| match before(db, &job, now)? {
        Some(attached) => Ok(attached),
        None if waits => record(db, &app_too, &job, now),
        None => Err(Refusal::field(
            "file",
            "文件放得太久，已经不在了，请重新选择或录制。 The file waited too long and is gone; choose or record it again.",
        )
        .into()),
    });
    let attached = attached.await?;
    if attached.is_new {
        room.settle(&file);
    }
    Ok(attached)
}

/// Makes a file fit to be kept, in its turn and off the async threads.
///
/// # Errors
/// `Invalid` for a file that is not fit; `Busy` when too many wait to be looked at.
pub(super) async fn prepare(arriving: Arriving) -> Result<Fit, Error> {
    let turn = tokio::time::timeout(TURN_WITHIN, WORKBENCH.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(StoreError::Busy.into()) };
    let fit = tokio::task::spawn_blocking(move || -> Result<Fit, Error> {
        media::prepare(arriving.read()?).map_err(|it| Refusal::field("file", it.to_string()).into())
    });
    // A reader that panics met a file that nobody else can read either.
    fit.await
        .unwrap_or_else(|_panicked| Err(Refusal::field("file", media::Unfit::Damaged.to_string()).into()))
}

/// Lets a thread of its own do what blocks.
///
/// # Errors
/// `Internal` when it panics.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|it| Error::internal(format!("could not finish work with a file: {it}")))
}

/// Puts a file in the storage room.
///
/// # Errors
/// Those of the disk.
pub(super) fn put(app: &App, fit: &Fit) -> Result<Filed, Error> {
    let file = Files::new_name(app.clock.now());
    room(app).put(&file, &fit.bytes, fit.thumbnail.as_deref())?;
    let hash = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    Ok(Filed {
        media: fit.media,
        file,
        n_bytes: fit.bytes.len() as u64,
        sha256: hash(&fit.bytes),
        thumbnail_sha256: fit.thumbnail.as_deref().map(hash),
        duration_ms: fit.duration.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
    })
}

/// What tells a repeated upload from a new one.
struct Once {
    scope: String,
    key_hash: Vec<u8>,
    fingerprint: Vec<u8>,
}

impl Once {
    /// The `Idempotency-Key` of a caller: its scope is the ticket and the user, for its resident the key itself.
    fn of(opened: &Opened, key: &str, upload: &Upload) -> Self {
        let who = match &opened.caller.actor {
            Actor::Staff(staff) => format!("user:{}", staff.account),
            Actor::Kiosk { id, .. } => format!("kiosk:{id}"),
            Actor::Resident | Actor::Timer | Actor::System => "public".to_owned(),
        };
        let mut body = Sha256::new();
        body.update(upload.arriving.sha256());
        body.update([u8::from(upload.shown)]);
        for part in upload.also_for.iter().chain([&upload.name]) {
            body.update((part.len() as u64).to_be_bytes());
            body.update(part);
        }
        Self {
            scope: format!("attachments:{}:{who}", opened.ticket.id),
            key_hash: Sha256::digest(key.as_bytes()).to_vec(),
            fingerprint: body.finalize().to_vec(),
        }
    }

    /// The key of a form that encloses a file; whoever sends it holds the receipt.
    fn of_laid(opened: &Opened, key: &str, filed: &Filed, name: &str) -> Self {
        let body = Sha256::new().chain_update(&filed.sha256).chain_update(name);
        Self {
            scope: format!("attachments:{}:public", opened.ticket.id),
            key_hash: Sha256::digest(key.as_bytes()).to_vec(),
            fingerprint: body.finalize().to_vec(),
        }
    }

    /// The fingerprint, and behind it which attachment was made.
    fn answer(&self, ticket: TicketId, attachment: u32) -> KeptAnswer {
        let fingerprint = [&self.fingerprint[..], &attachment.to_be_bytes()].concat();
        KeptAnswer { ticket, fingerprint }
    }

    /// The attachment that an answer speaks of.
    ///
    /// # Errors
    /// `KeyReused` when it was another upload's.
    fn made(&self, kept: &KeptAnswer) -> Result<u32, Refusal> {
        let id = kept.fingerprint.strip_prefix(self.fingerprint.as_slice());
        id.and_then(|it| it.try_into().ok()).map(u32::from_be_bytes).ok_or(Refusal::KeyReused)
    }
}

/// Everything one transaction needs.
struct Job {
    opened: Opened,
    filed: Filed,
    name: String,
    shown: bool,
    also_for: Vec<Number>,
    once: Option<Once>,
}

/// What was attached under the same key before.
fn before(db: &mut Db, job: &Job, now: At) -> Result<Option<Attached>, Error> {
    let Some(once) = &job.once else { return Ok(None) };
    let Some(kept) = kept_answers::find_answer(db, &once.scope, &once.key_hash, now)? else {
        return Ok(None);
    };
    let id = once.made(&kept)?;
    let ticket = desk::reload(db, job.opened.ticket.id)?;
    attached(db, ticket, &job.opened.caller, id, false).map(Some)
}

fn record(db: &mut Db, app: &App, job: &Job, now: At) -> Result<Attached, Error> {
    let caller = &job.opened.caller;
    if let Some(attached) = before(db, job, now)? {
        return Ok(attached);
    }
    let others = others(db, caller, job)?;
    let mut ids: Vec<TicketId> = others.iter().copied().chain([job.opened.ticket.id]).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut main = None;
    // Held in the order of their ids, as everywhere.
    for id in ids {
        let ticket = desk::reload(db, id)?;
        let added = attach_filed(db, app, ticket, caller, job, now)?;
        if id == job.opened.ticket.id {
            main = Some(added);
        }
    }
    let main = main.ok_or_else(|| Error::internal("the ticket of an upload vanished"))?;
    let id = main.attachments.last().map_or(0, |it| it.id);
    if let Some(once) = &job.once {
        let expires_at = Some(now + ANSWERS_KEPT);
        kept_answers::keep_answer(
            db,
            &once.scope,
            &once.key_hash,
            &once.answer(main.id, id),
            now,
            expires_at,
        )?;
    }
    attached(db, main, caller, id, true)
}

/// The other tickets that the file serves, which this caller must see like the first.
fn others(db: &mut Db, caller: &Caller, job: &Job) -> Result<Vec<TicketId>, Error> {
    let mut ids = Vec::with_capacity(job.also_for.len());
    for number in &job.also_for {
        let number = number.to_string();
        let found = tickets::find(db, By::Number(&number))?;
        let ticket = match found {
            Some(ticket) if super::caller_sees_number(db, &caller.actor, &ticket)? => ticket,
            Some(_) | None => {
                let number = shown(&number);
                let message = format!("没有这一件：{number}。 There is no ticket {number}.");
                return Err(Refusal::field("also_for", message).into());
            }
        };
        ids.push(ticket.id);
    }
    Ok(ids)
}

fn attach_filed(
    db: &mut Db,
    app: &App,
    ticket: Ticket,
    caller: &Caller,
    job: &Job,
    now: At,
) -> Result<Ticket, Error> {
    let surroundings = Circumstances::of(db, &ticket)?;
    let doing = surroundings.doing(caller, now);
    let change = ticket.attach(job.filed.clone(), job.name.clone(), job.shown, &doing)?;
    keep(db, app, &change)?;
    Ok(change.ticket().clone())
}

fn attached(db: &mut Db, ticket: Ticket, caller: &Caller, id: u32, is_new: bool) -> Result<Attached, Error> {
    let attachment = ticket.attachments.iter().find(|it| it.id == id).cloned();
    let attachment = attachment.ok_or_else(|| Error::internal("an attachment vanished"))?;
    Ok(Attached { file: files::of(db, ticket, caller)?, attachment, is_new })
}

/// A file as it is handed out.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Within its ticket or collection.
    pub id: u32,
    pub filed: Filed,
    /// What it is called, for people.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Opens attachment `id` of an opened ticket, or its small picture.
///
/// # Errors
/// As [`Ticket::find_attachment`]; `NotFound` for a small picture of what is no photo.
pub async fn open(app: &App, opened: &Opened, id: u32, part: Part) -> Result<Opening, Error> {
    let found = opened.ticket.find_attachment(id, &opened.caller.actor, &opened.surroundings.place)?;
    if part == Part::Thumbnail && found.filed.thumbnail_sha256.is_none() {
        return Err(Refusal::NotFound("缩略图 a thumbnail".to_owned()).into());
    }
    let (attachment, ticket) = (found.clone(), opened.ticket.id);
    let text_name = text::attachment(id);
    let texts = app.store.read(move |db: &mut Db| tickets::list_texts(db, &[ticket], &[&text_name])).await?;
    let name = texts.last().map(|it| it.body.clone());
    read(app, id, attachment.filed, name, part).await
}

/// Reads a file that a row speaks of.
///
/// # Errors
/// `Internal` for one that is missing: the log names it, verification finds it.
pub(super) async fn read(
    app: &App,
    id: u32,
    filed: Filed,
    name: Option<String>,
    part: Part,
) -> Result<Opening, Error> {
    let (room, file) = (room(app), filed.file.clone());
    let bytes = off_thread(move || room.open(&file, part)).await?.map_err(|fault| match fault {
        StoreError::NotFound => {
            Error::internal(format!("a file is missing, run `audit verify`: {}", filed.file))
        }
        other => other.into(),
    })?;
    let name = name.unwrap_or_else(|| display_name("", filed.media));
    Ok(Opening { id, filed, name, bytes })
}

/// Deletes what a crash left in the storage room a day ago or earlier; gives how many files.
///
/// # Errors
/// Those of the database and of the disk.
pub async fn sweep(app: &App, now: At) -> Result<usize, Error> {
    let room = room(app);
    let unsettled = {
        let room = room.clone();
        off_thread(move || room.unsettled(now + -UNSETTLED_KEPT)).await??
    };
    let mut n_deleted = 0;
    for file in unsettled {
        let named = file.clone();
        let is_named = move |db: &mut Db| -> Result<bool, StoreError> {
            Ok(has_file(db, &named)? || collections::attachments::has_file(db, &named)?)
        };
        if app.store.read(is_named).await? {
            room.settle(&file);
        } else {
            room.delete(&file);
            n_deleted += 1;
        }
    }
    Ok(n_deleted)
}
