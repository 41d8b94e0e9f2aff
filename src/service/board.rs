//! The board 公示栏: what was put in and what came of it, for everybody, without personal data.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{App, Error};
use crate::domain::board::without_addresses;
use crate::domain::refusal::{Faults, shown};
use crate::domain::setup::{Node, SetupKind};
use crate::domain::ticket::intake::clean_line;
use crate::domain::ticket::{Channel, Outcome, Status, Ticket, text};
use crate::domain::value::{SetupId, TicketId};
use crate::store::board::{Filter, list_published};
use crate::store::tickets::TicketText;
use crate::store::{Db, setup, tickets};

const LIMIT_DEFAULT: i64 = 20;
/// A page is never longer (PRODUCT §10).
const LIMIT_MAX: i64 = 200;
/// So many tickets are looked through for one page of a search; the cursor goes on from there.
const LOOKED_MAX: i64 = 2000;
const CHUNK: i64 = 200;
/// A category filter covers what is below it, so many at most.
const CATEGORIES_MAX: usize = 500;
/// Categories that the choice is made of; a starter tree has about a hundred.
const CATEGORIES_MAX_ROWS: i64 = 500;

/// What a page of the board is asked for; each part optional, empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoardAsked {
    /// Words that stand on the board.
    pub q: Option<String>,
    /// Code of a community; left out, of all.
    pub community: Option<String>,
    /// Code of a category; those below it are meant too.
    pub category: Option<String>,
    pub building: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200, default 20.
    pub limit: Option<i64>,
}

/// A published ticket as everybody may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub subject: String,
    /// Name of the category.
    pub category: Option<String>,
    pub building: Option<String>,
    /// Year and month of receipt in the community's own zone.
    pub month: String,
    pub status: Status,
    pub outcome: Option<Outcome>,
    /// The reply on the board; without one, the result.
    pub reply: Option<String>,
}

/// A page of the board.
#[derive(Debug, Clone)]
pub struct Board {
    pub notices: Vec<Notice>,
    pub next_cursor: Option<String>,
    /// Code and name of the upper categories, to choose from.
    pub categories: Vec<(String, String)>,
    /// Name of the community that was asked for.
    pub community: Option<String>,
    /// Today, there.
    pub as_of: NaiveDate,
}

/// A page of what is published, newest first.
///
/// The search looks only at what is shown, so that it tells nothing of what is not.
///
/// # Errors
/// `Invalid` with each wrong part.
pub async fn list(app: &App, asked: BoardAsked) -> Result<Board, Error> {
    let now = app.clock.now();
    app.store
        .read(move |db: &mut Db| {
            let place = read_asked(db, &asked)?;
            let words = given(asked.q.as_ref()).unwrap_or_default().to_lowercase();
            let words: Vec<&str> = words.split_whitespace().collect();
            let (notices, next) = look(db, &place, &words)?;
            let next_cursor = next.map(|it| it.to_string());
            let community = place.community;
            let zone = community.as_ref().map_or(chrono_tz::Asia::Shanghai, |it| it.time_zone);
            Ok(Board {
                notices,
                next_cursor,
                categories: upper_categories(db)?,
                community: community.map(|it| it.name),
                as_of: now.local_date(zone),
            })
        })
        .await
}

/// Where to look, from which on, and for how many.
struct Place {
    filter: Filter,
    community: Option<Node>,
    before: Option<i64>,
    limit: usize,
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|it| clean_line(it)).filter(|it| !it.is_empty())
}

fn read_asked(db: &mut Db, asked: &BoardAsked) -> Result<Place, Error> {
    let mut faults = Faults::default();
    let mut filter = Filter { building: given(asked.building.as_ref()), ..Filter::default() };
    if let Some(code) = given(asked.category.as_ref()) {
        for (entry, _) in setup::entries_coded(db, SetupKind::Category, &code)? {
            filter.categories.extend(setup::with_descendants(db, entry.id)?);
        }
        filter.categories.truncate(CATEGORIES_MAX);
        if filter.categories.is_empty() {
            let code = shown(&code);
            faults.add("category", format!("没有这个类别：{code}。 There is no category {code}."));
        }
    }
    let community = match given(asked.community.as_ref()) {
        Some(code) => {
            let found = setup::find_node_by_code(db, &code.to_uppercase())?;
            if found.is_none() {
                let code = shown(&code);
                faults.add(
                    "community",
                    format!("没有编号为 {code} 的社区。 There is no community with the code {code}."),
                );
            }
            found
        }
        None => None,
    };
    filter.node = community.as_ref().map(|it| it.id);
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        faults.add("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}."));
    }
    let before = given(asked.cursor.as_ref()).map(|text| {
        text.parse().ok().filter(|it| *it > 0).unwrap_or_else(|| {
            faults
                .add("cursor", "请原样使用上一页的 next_cursor。 Use next_cursor of the last page as it is.");
            0
        })
    });
    let limit = usize::try_from(limit).unwrap_or(0);
    Ok(faults.check(Place { filter, community, before, limit })?)
}

/// The notices of one page, and the position before which the next one begins.
fn look(db: &mut Db, place: &Place, words: &[&str]) -> Result<(Vec<Notice>, Option<i64>), Error> {
    let mut names = HashMap::new();
    let mut notices = Vec::new();
    let (mut before, mut n_looked) = (place.before, 0);
    // One more than asked for tells whether there is a next page.
    let one_more = i64::try_from(place.limit).unwrap_or(LIMIT_MAX) + 1;
    let chunk = if words.is_empty() { one_more } else { CHUNK };
    while n_looked < LOOKED_MAX {
        let found = list_published(db, &place.filter, before, chunk)?;
        let n_found = i64::try_from(found.len()).unwrap_or(chunk);
        let positions: Vec<i64> = found.iter().map(|it| it.position).collect();
        for (position, notice) in positions.into_iter().zip(notices_of(db, found, &mut names)?) {
            if notices.len() == place.limit {
                return Ok((notices, before));
            }
            before = Some(position);
            if is_found(&notice, words) {
                notices.push(notice);
            }
        }
        if n_found < chunk {
            return Ok((notices, None));
        }
        n_looked += n_found;
    }
    Ok((notices, before))
}

fn is_found(notice: &Notice, words: &[&str]) -> bool {
    let shown = format!("{}\n{}", notice.subject, notice.reply.as_deref().unwrap_or_default());
    let shown = shown.to_lowercase();
    words.iter().all(|it| shown.contains(it))
}

/// What was looked up already, for the tickets that come next.
pub(super) type Names = HashMap<i64, String>;

pub(super) fn notices_of(db: &mut Db, found: Vec<Ticket>, names: &mut Names) -> Result<Vec<Notice>, Error> {
    let ids: Vec<TicketId> = found.iter().map(|it| it.id).collect();
    let mut texts: HashMap<TicketId, Vec<TicketText>> = HashMap::new();
    for text in tickets::list_texts(db, &ids, &[])? {
        texts.entry(text.ticket).or_default().push(text);
    }
    let mut notices = Vec::with_capacity(found.len());
    for ticket in found {
        let texts = texts.remove(&ticket.id).unwrap_or_default();
        let category = match ticket.category {
            Some(id) => Some(name_of(db, id, names)?),
            None => None,
        };
        let zone = setup::find_node(db, ticket.node)?.time_zone;
        let latest = |name: &str| {
            let text = texts.iter().rev().find(|it| it.name == name);
            text.map(|it| without_addresses(&it.body))
        };
        notices.push(Notice {
            subject: latest(text::SUBJECT).unwrap_or_default(),
            category,
            month: ticket.received_at.local_date(zone).format("%Y-%m").to_string(),
            status: ticket.status,
            outcome: ticket.outcome,
            reply: reply_of(&ticket).and_then(|it| latest(&it)),
            building: ticket.building,
        });
    }
    Ok(notices)
}

/// Name of the text that tells what came of it: words written for the board before the result, and nothing
/// while it is worked on again. A reply by another channel was written to one person.
fn reply_of(ticket: &Ticket) -> Option<String> {
    if !matches!(ticket.status, Status::Resolved | Status::Replied | Status::Closed) {
        return None;
    }
    let mut replies = ticket.replies.iter().rev();
    let on_board = replies.find(|it| it.channel == Channel::Board && it.delivery.is_done());
    Some(on_board.map_or_else(|| text::RESULT.to_owned(), |it| text::reply(it.id)))
}

fn name_of(db: &mut Db, id: SetupId, names: &mut Names) -> Result<String, Error> {
    if let Some(name) = names.get(&id.0) {
        return Ok(name.clone());
    }
    let name = setup::find_entry(db, id)?.name;
    names.insert(id.0, name.clone());
    Ok(name)
}

fn upper_categories(db: &mut Db) -> Result<Vec<(String, String)>, Error> {
    let sight = setup::Sight::everywhere();
    let all = setup::list_entries(db, SetupKind::Category, &sight, true, 0, CATEGORIES_MAX_ROWS)?;
    let mut upper: Vec<(String, String)> = Vec::new();
    for entry in all.into_iter().filter(|it| it.parent.is_none()) {
        if upper.iter().all(|(code, _)| *code != entry.code) {
            upper.push((entry.code, entry.name));
        }
    }
    Ok(upper)
}
