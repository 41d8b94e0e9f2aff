//! Official years (节假日安排): loaded from a file for the whole installation, whole or not at all.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{App, Caller, Doing, Error};
use crate::domain::calendar::{Notice, OfficialYear, OfficialYears, read_years};
use crate::domain::people::{Actor, Permission};
use crate::domain::refusal::Refusal;
use crate::domain::setup::{Details, Entry, SetupKind};
use crate::store::setup::{self as rows, EntryDraft};
use crate::store::{Db, StoreError};
use crate::words;

words! {
    /// What became of a year of the file.
    YearFate {
        /// It is new.
        Loaded = "loaded",
        /// It was loaded before with other days.
        Replaced = "replaced",
        /// It was there already, the same.
        Unchanged = "unchanged",
    }
}

words! {
    /// Where a year comes from.
    YearOrigin {
        /// With the program.
        Shipped = "shipped",
        /// From a file, here.
        Loaded = "loaded",
    }
}

/// A year of the file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearLoaded {
    pub year: i32,
    pub fate: YearFate,
    pub n_off: usize,
    pub n_working: usize,
}

/// A year that is known, with its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearCard {
    pub origin: YearOrigin,
    pub days: OfficialYear,
}

/// Refuses whoever may not load official years: they hold for the whole installation, so it takes an admin of
/// a top node, or a command on the server.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, and `NotYours` for an admin of a lower node.
pub fn check_may_load(caller: &Caller) -> Result<(), Error> {
    super::check_may_add(caller)?;
    let is_at_top = match &caller.actor {
        Actor::Staff(staff) => staff.may_at_top(Permission::WriteSetup),
        Actor::System => true,
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => false,
    };
    if is_at_top {
        return Ok(());
    }
    Err(Refusal::NotYours(
        "节假日安排由全系统共用，只有最上级节点的管理员可以载入；也可以在服务器上运行 red-mailbox calendar load。 Official years hold for the whole installation: an admin of a top node loads them, or `red-mailbox calendar load` on the server."
            .to_owned(),
    )
    .into())
}

/// Loads the years of a file, or the year `only` of it: all of them or, at the first fault, none.
///
/// A year that is known with other days is replaced only where `replace` says so, and never one that is shipped.
/// Clocks that wait for a loaded year are counted anew by the timer.
///
/// # Errors
/// As [`check_may_load`]; `Invalid` with what is wrong; `Exists` for a year loaded before with other days.
pub async fn load_years(
    app: &App,
    caller: &Caller,
    file: &Value,
    only: Option<i32>,
    replace: bool,
) -> Result<Vec<YearLoaded>, Error> {
    check_may_load(caller)?;
    let years = read_years(file, only)?;
    let doing = Doing::of(app, caller);
    app.store.write(move |db| keep(db, &doing, &years, replace)).await
}

fn keep(
    db: &mut Db,
    doing: &Doing,
    years: &BTreeMap<i32, Notice>,
    replace: bool,
) -> Result<Vec<YearLoaded>, Error> {
    let mut loaded = Vec::with_capacity(years.len());
    for (year, notice) in years {
        let n_working = notice.values().filter(|it| it.is_working).count();
        let fate = keep_one(db, doing, OfficialYear::of(*year, notice), replace)?;
        loaded.push(YearLoaded { year: *year, fate, n_off: notice.len() - n_working, n_working });
    }
    Ok(loaded)
}

fn keep_one(db: &mut Db, doing: &Doing, days: OfficialYear, replace: bool) -> Result<YearFate, Error> {
    if OfficialYears::default().knows(days.year) {
        // It was read, so it is as shipped.
        return Ok(YearFate::Unchanged);
    }
    let (year, code) = (days.year, days.year.to_string());
    let details = Details::OfficialYear(days);
    let Some(before) = rows::find_own(db, SetupKind::OfficialYear, None, &code)? else {
        let name = format!("{year} 年节假日安排");
        let draft = EntryDraft { node: None, parent: None, code: &code, name: &name, details: &details };
        let entry = match rows::insert_entry(db, &draft) {
            Err(StoreError::Duplicate { .. }) => return Err(loaded_before(year)),
            inserted => inserted?,
        };
        doing.record(db, "setup.official_year_added".to_owned(), entry.fields())?;
        return Ok(YearFate::Loaded);
    };
    if before.details == details {
        return Ok(YearFate::Unchanged);
    }
    if !replace {
        return Err(loaded_before(year));
    }
    let changed = Entry { details, version: before.version + 1, ..before.clone() };
    rows::save_entry(db, &changed, before.version).map_err(|error| match error {
        StoreError::Stale => loaded_before(year),
        other => other.into(),
    })?;
    doing.record(db, "setup.official_year_changed".to_owned(), changed.fields())?;
    Ok(YearFate::Replaced)
}

fn loaded_before(year: i32) -> Error {
    Refusal::Exists(format!(
        "{year} 年已载入而且不同，要更正请注明 replace loaded before with other days; to correct it, say replace"
    ))
    .into()
}

/// Every year that is known, oldest first.
///
/// # Errors
/// `Unauthenticated` for the public.
pub async fn list_years(app: &App, caller: &Caller) -> Result<Vec<YearCard>, Error> {
    super::sight(&caller.actor)?;
    let loaded = app.store.read(rows::official_years).await?;
    let mut cards: Vec<YearCard> = OfficialYears::shipped()
        .0
        .iter()
        .map(|(year, days)| (YearOrigin::Shipped, OfficialYear::of(*year, days)))
        .chain(loaded.0.iter().map(|(year, days)| (YearOrigin::Loaded, OfficialYear::of(*year, days))))
        .map(|(origin, days)| YearCard { origin, days })
        .collect();
    cards.sort_by_key(|it| it.days.year);
    Ok(cards)
}
