//! The queue and the search: what a person's nodes and units hold.

use super::files::{self, TicketFile};
use super::{App, Caller, Error};
use crate::domain::chain;
use crate::domain::event::{Draft, Stamp, Stream};
use crate::domain::number::Number;
use crate::domain::people::{Permission, Role, Staff, may};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::search::Query;
use crate::domain::setup::SetupKind;
use crate::domain::statistics::{Figure, Hint, Part};
use crate::domain::ticket::intake::{clean_line, parse_phone};
use crate::domain::ticket::{Kind, Priority, Source, Status};
use crate::domain::value::{At, SetupId};
use crate::store::queue::{Filter, Page, Scope};
use crate::store::tickets::By;
use crate::store::{Db, events, people, queue, setup, tickets};

/// A page is never longer (PRODUCT §10).
pub const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 50;
/// A category filter covers what is below it, so many at most.
const CATEGORIES_MAX: usize = 500;

/// What a list is asked for, as text; each part optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// One or several statuses, with commas.
    pub status: Option<String>,
    /// Code of the lead unit.
    pub unit: Option<String>,
    /// Username of the assignee; `me` is who asks.
    pub assignee: Option<String>,
    /// Code of a category; those below it are meant too.
    pub category: Option<String>,
    pub source: Option<String>,
    pub priority: Option<String>,
    /// `true`: only those whose due time has passed.
    pub overdue: Option<bool>,
    /// RFC 3339 with offset.
    pub due_before: Option<String>,
    /// Code of a mailbox.
    pub mailbox: Option<String>,
    pub building: Option<String>,
    pub kind: Option<String>,
    /// Name of a figure of `GET /stats/summary`, `time_to_…` included: the tickets behind it. Without a node, those of
    /// the nodes whose figures the caller may read.
    pub figure: Option<String>,
    /// Which of the figure's tickets: `numerator`, `denominator` (default), `missed` or `excluded`.
    pub part: Option<String>,
    /// `closed_without_contact`, `last_hour` or `own_follow_up`: tickets a leader may want to look at.
    pub hint: Option<String>,
    /// Code of a node: received there or below.
    pub node: Option<String>,
    /// Received at or after, RFC 3339 with offset.
    pub from: Option<String>,
    /// Received before, RFC 3339 with offset.
    pub to: Option<String>,
    /// Words, a ticket's number, or a whole phone number (which is logged).
    pub q: Option<String>,
    /// `-received_at` (default, newest first) or `received_at`.
    pub sort: Option<String>,
    pub cursor: Option<String>,
    /// 1 to 200, default 50.
    pub limit: Option<i64>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    pub files: Vec<TicketFile>,
    /// Where to go on; none on the last page.
    pub next_cursor: Option<String>,
}

/// Lists the tickets that `staff` may see, newest first.
///
/// # Errors
/// `Forbidden` without any right to read tickets; `Invalid` with each wrong filter.
pub async fn list(app: &App, caller: &Caller, asked: Asked) -> Result<Listed, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?;
    if !staff.may_somewhere(Permission::ReadTicket) {
        return Err(Refusal::Forbidden(Permission::ReadTicket).into());
    }
    let is_of_figures = asked.figure.is_some() || asked.hint.is_some();
    if is_of_figures && !staff.may_somewhere(Permission::ReadStatistics) {
        return Err(Refusal::Forbidden(Permission::ReadStatistics).into());
    }
    if is_of_figures {
        super::statistics::catch_up(app).await;
    }
    if phone_of(staff, asked.q.as_deref()).is_some() {
        record_phone_search(app, caller).await?;
    }
    let (app_too, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    app.store
        .read(move |db: &mut Db| {
            let Some(staff) = caller.actor.staff() else { return Err(Refusal::Unauthenticated.into()) };
            let scope = scope_of(db, staff)?;
            let (filter, page, number) = read_asked(db, &app_too, staff, &asked, now)?;
            if let Some(number) = number {
                let found = tickets::find(db, By::Number(&number))?;
                let seen = match found {
                    Some(ticket) if super::caller_sees_number(db, &caller.actor, &ticket)? => vec![ticket],
                    _ => vec![],
                };
                return Ok(Listed { files: files::of_page(db, seen, &caller)?, next_cursor: None });
            }
            // One more than asked for tells whether there is a next page.
            let mut page_rows = queue::list(db, &scope, &filter, Page { limit: page.limit + 1, ..page })?;
            let n_asked = usize::try_from(page.limit).unwrap_or(0);
            let has_more = page_rows.len() > n_asked;
            page_rows.truncate(n_asked);
            let next_cursor =
                page_rows.last().filter(|_| has_more).map(|it| cursor(it.position, page.is_newest_first));
            Ok(Listed { files: files::of_page(db, page_rows, &caller)?, next_cursor })
        })
        .await
}

/// The nodes and units a person's roles reach, for reading tickets.
fn scope_of(db: &mut Db, staff: &Staff) -> Result<Scope, Error> {
    let mut scope = Scope::default();
    for grant in &staff.grants {
        match grant.role {
            Role::Handler => scope.units.extend(grant.unit.map(|it| it.0)),
            role if may(role, Permission::ReadTicket) => {
                scope.nodes.extend(setup::subtree(db, &grant.path)?.into_iter().map(|it| it.0));
                if role == Role::Supervisor {
                    scope.sealed_nodes.push(grant.node.0);
                }
            }
            Role::Clerk | Role::Triager | Role::Supervisor | Role::Leader | Role::Auditor | Role::Admin => {}
        }
    }
    for ids in [&mut scope.nodes, &mut scope.units, &mut scope.sealed_nodes] {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(scope)
}

type Read = (Filter, Page, Option<String>);

fn read_asked(db: &mut Db, app: &App, staff: &Staff, asked: &Asked, now: At) -> Result<Read, Error> {
    let mut faults = Faults::default();
    let mut filter = Filter {
        statuses: statuses(asked.status.as_deref(), &mut faults),
        source: word("source", asked.source.as_deref(), Source::parse, Source::ALL, &mut faults),
        priority: word("priority", asked.priority.as_deref(), Priority::parse, Priority::ALL, &mut faults),
        kind: word("kind", asked.kind.as_deref(), Kind::parse, Kind::ALL, &mut faults),
        building: asked.building.as_deref().map(clean_line),
        due_before: time("due_before", asked.due_before.as_deref(), &mut faults),
        received_from: time("from", asked.from.as_deref(), &mut faults),
        received_to: time("to", asked.to.as_deref(), &mut faults),
        ..Filter::default()
    };
    if asked.overdue == Some(true) {
        filter.due_before = Some(filter.due_before.map_or(now, |it| it.min(now)));
    }
    read_codes(db, staff, asked, &mut filter, &mut faults)?;
    if let Some(code) = &asked.node {
        match setup::find_node_by_code(db, &code.trim().to_uppercase())? {
            Some(node) => {
                filter.nodes = Some(setup::subtree(db, &node.path)?.into_iter().map(|it| it.0).collect());
            }
            None => faults.add("node", unknown("节点", "node", code)),
        }
    }
    read_figure(db, staff, asked, &mut filter, &mut faults)?;
    let number = read_words(app, staff, asked.q.as_deref(), &mut filter, &mut faults);
    let page = read_page(asked, &mut faults);
    Ok(faults.check((filter, page, number))?)
}

/// The entries of `kind` with this code that the person's nodes know; of a category, those below it too.
///
/// The same code may stand at several of the person's nodes: all of them are meant.
///
/// # Errors
/// Only those of the database.
pub(super) fn entries_of(
    db: &mut Db,
    staff: &Staff,
    kind: SetupKind,
    code: &str,
) -> Result<Vec<SetupId>, Error> {
    let coded = setup::entries_coded(db, kind, code.trim())?;
    let near =
        |path: &str| staff.grants.iter().any(|it| path.starts_with(&it.path) || it.path.starts_with(path));
    let found = coded.into_iter().filter(|(_, path)| near(path)).map(|(entry, _)| entry.id);
    let mut ids: Vec<SetupId> = found.collect();
    if kind == SetupKind::Category {
        let tops = std::mem::take(&mut ids);
        for id in tops {
            ids.extend(setup::with_descendants(db, id)?);
        }
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(CATEGORIES_MAX);
    }
    Ok(ids)
}

/// The tickets behind a figure: exactly those it was counted from.
fn read_figure(
    db: &mut Db,
    staff: &Staff,
    asked: &Asked,
    filter: &mut Filter,
    faults: &mut Faults,
) -> Result<(), Error> {
    let part = word("part", asked.part.as_deref(), Part::parse, Part::ALL, faults);
    filter.hint = word("hint", asked.hint.as_deref(), Hint::parse, Hint::ALL, faults);
    if asked.node.is_none() && (asked.figure.is_some() || filter.hint.is_some()) {
        filter.nodes = Some(super::statistics::statistics_nodes(db, staff)?);
    }
    let Some(name) = &asked.figure else {
        if asked.part.is_some() {
            faults.add("figure", "part 要和 figure 一起用。 Give figure with part.");
        }
        return Ok(());
    };
    let figure = word("figure", Some(name), Figure::parse, Figure::ALL, faults);
    filter.behind = figure.map(|it| (it, part.unwrap_or(Part::Denominator)));
    Ok(())
}

/// Looks up unit, category, mailbox and assignee among what the person's nodes know.
fn read_codes(
    db: &mut Db,
    staff: &Staff,
    asked: &Asked,
    filter: &mut Filter,
    faults: &mut Faults,
) -> Result<(), Error> {
    if let Some(code) = &asked.unit {
        filter.units = entries_of(db, staff, SetupKind::Unit, code)?;
        if filter.units.is_empty() {
            faults.add("unit", unknown("承办单位", "unit", code));
        }
    }
    if let Some(code) = &asked.mailbox {
        filter.mailboxes = entries_of(db, staff, SetupKind::Mailbox, code)?;
        if filter.mailboxes.is_empty() {
            faults.add("mailbox", unknown("信箱", "mailbox", code));
        }
    }
    if let Some(code) = &asked.category {
        filter.categories = entries_of(db, staff, SetupKind::Category, code)?;
        if filter.categories.is_empty() {
            faults.add("category", unknown("类别", "category", code));
        }
    }
    if let Some(username) = &asked.assignee {
        let paths: Vec<&str> = staff.grants.iter().map(|it| it.path.as_str()).collect();
        let found = if username == "me" {
            Some(staff.account)
        } else {
            people::find_active_near(db, username.trim(), &paths)?
        };
        match found {
            Some(id) => filter.assignee = Some(id),
            None => faults.add("assignee", unknown("用户", "user", username)),
        }
    }
    Ok(())
}

/// The phone number that `q` is, for staff who may learn whose it is.
fn phone_of(staff: &Staff, q: Option<&str>) -> Option<String> {
    let q = q.map(str::trim).filter(|it| Number::parse(it).is_err())?;
    parse_phone(q).filter(|_| staff.may_somewhere(Permission::UnmaskContact))
}

/// A search by phone tells whose the tickets are: it is an event, and counts like a view of a contact.
async fn record_phone_search(app: &App, caller: &Caller) -> Result<(), Error> {
    let (app_too, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let Some(staff) = caller.actor.staff() else { return Ok(()) };
            let Some(grant) = staff.grants.first() else { return Ok(()) };
            let node = setup::find_node(db, grant.node)?;
            let policy = setup::policy_in_force(db, &node.path)?;
            super::desk::count_contact_view(db, staff, node.time_zone, policy.contact_views_per_day, now)?;
            let draft = Draft {
                kind: "setup.phone_searched".to_owned(),
                at: now,
                stamp: Stamp::of(&caller.actor, caller.place.as_deref()),
                fields: serde_json::json!({ "username": staff.username }),
                texts: Vec::new(),
            };
            Ok(events::append(db, &app_too.keys.seal, Stream::Setup, 0, vec![draft])?)
        })
        .await
}

/// Reads `q`: a number is looked up, a whole phone number goes through its keyed index, words are searched.
fn read_words(
    app: &App,
    staff: &Staff,
    q: Option<&str>,
    filter: &mut Filter,
    faults: &mut Faults,
) -> Option<String> {
    let q = q.map(str::trim).filter(|it| !it.is_empty())?;
    if let Ok(number) = Number::parse(q) {
        return Some(number.to_string());
    }
    if let Some(phone) = phone_of(staff, Some(q)) {
        filter.phone_hmac = Some(chain::keyed_hash(&app.keys.phone, &phone).to_vec());
        return None;
    }
    filter.words = Query::parse(q);
    if filter.words.is_none() {
        faults.add("q", "请输入至少一个文字或数字。 Enter at least one letter or digit.");
    }
    None
}

fn read_page(asked: &Asked, faults: &mut Faults) -> Page {
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        faults.add("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}."));
    }
    let is_newest_first = match asked.sort.as_deref() {
        None | Some("-received_at") => true,
        Some("received_at") => false,
        Some(_) => {
            faults.add("sort", "可用：-received_at、received_at。 One of: -received_at, received_at.");
            true
        }
    };
    let after = asked.cursor.as_deref().and_then(|it| {
        let position = read_cursor(it, is_newest_first);
        if position.is_none() {
            faults.add("cursor", "请原样使用上一页的 next_cursor，排序不变。 Use next_cursor of the last page as it is, with the same sort.");
        }
        position
    });
    Page { after, is_newest_first, limit }
}

/// A cursor holds the direction and the last position; it needs no secret, rights are checked anew.
fn cursor(position: i64, is_newest_first: bool) -> String {
    format!("{}{position:016x}", if is_newest_first { 'd' } else { 'a' })
}

fn read_cursor(text: &str, is_newest_first: bool) -> Option<i64> {
    let digits = text.strip_prefix(if is_newest_first { 'd' } else { 'a' })?;
    (digits.len() == 16 && digits.is_ascii()).then(|| i64::from_str_radix(digits, 16).ok()).flatten()
}

fn statuses(given: Option<&str>, faults: &mut Faults) -> Vec<Status> {
    let Some(given) = given else { return Vec::new() };
    let mut statuses = Vec::new();
    for code in given.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match Status::parse(code) {
            Some(status) => statuses.push(status),
            None => faults.add("status", one_of(Status::ALL.iter().map(|it| it.as_str()))),
        }
    }
    statuses
}

pub(super) fn word<T: Copy + std::fmt::Display>(
    field: &str,
    given: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    all: &[T],
    faults: &mut Faults,
) -> Option<T> {
    let given = given?;
    let found = parse(given.trim());
    if found.is_none() {
        let all: Vec<String> = all.iter().map(T::to_string).collect();
        faults.add(field, one_of(all.iter().map(String::as_str)));
    }
    found
}

pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words = words.collect::<Vec<_>>().join(", ");
    format!("可用：{words}。 One of: {words}.")
}

pub(super) fn time(field: &str, given: Option<&str>, faults: &mut Faults) -> Option<At> {
    let given = given?;
    let at = At::parse(given);
    if at.is_none() {
        faults.add(field, "请用 RFC 3339 时间，如 2026-11-23T09:30:00+08:00（网址里 + 写成 %2B）。 Use an RFC 3339 time such as 2026-11-23T09:30:00+08:00 (write + as %2B in a URL).");
    }
    at
}

pub(super) fn unknown(what_zh: &str, what_en: &str, code: &str) -> String {
    let code = shown(code);
    format!("没有这个{what_zh}：{code}。 There is no {what_en} {code}.")
}
