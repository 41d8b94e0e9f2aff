//! Figures for everybody, on the board: whole months, and nothing that tells of one or two people.

use chrono::{Days, Months, NaiveDate};

use super::ask::midnight;
use super::follow::catch_up;
use super::frame::{By, Frame, Interval};
use super::sums::tallies;
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::Node;
use crate::domain::statistics::{Figure, Tally, shown_in_public};
use crate::domain::value::At;
use crate::service::{App, Error};
use crate::store::statistics::Wanted;
use crate::store::{Db, setup};

/// Which figures.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublicAsked {
    /// Code of the community.
    pub community: String,
    /// A month that is over, `2026-10`; default: the last one.
    pub month: Option<String>,
}

/// What a community tells everybody of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    pub community: String,
    pub month: String,
    /// None where it is suppressed.
    pub intake: Option<i64>,
    /// Numerator and denominator; none where there are too few.
    pub rates: Vec<(Figure, Option<(i64, i64)>)>,
}

/// The figures of one month of a community, without what is sealed.
///
/// # Errors
/// `NotFound` for a community there is not, `Invalid` for a month that is none or not over.
pub async fn public(app: &App, asked: PublicAsked) -> Result<Public, Error> {
    catch_up(app).await;
    let now = app.clock.now();
    app.store
        .read(move |db: &mut Db| {
            let code = asked.community.trim().to_uppercase();
            let node = setup::find_node_by_code(db, &code)?
                .ok_or_else(|| Refusal::NotFound(shown(&asked.community).to_owned()))?;
            let first = month(asked.month.as_deref(), now.local_date(node.time_zone))?;
            let tally = of_month(db, &node, first, now)?;
            let rates = Figure::RATES.map(|it| {
                let (numerator, denominator) = tally.rate(it);
                (it, shown_in_public(numerator, denominator).then_some((numerator, denominator)))
            });
            Ok(Public {
                community: node.name,
                month: first.format("%Y-%m").to_string(),
                intake: Some(tally.intake()).filter(|it| shown_in_public(*it, *it)),
                rates: rates.into(),
            })
        })
        .await
}

fn of_month(db: &mut Db, node: &Node, first: NaiveDate, now: At) -> Result<Tally, Error> {
    let after = first.checked_add_months(Months::new(1)).unwrap_or(first);
    let span = [first, after].map(|it| midnight(it, node.time_zone));
    let nodes = setup::subtree(db, &node.path)?.into_iter().map(|it| it.0).collect();
    let frame = Frame {
        wanted: Wanted { nodes, sealed_nodes: vec![0], filters: Vec::new() },
        roots: vec![node.clone()],
        nodes: std::collections::HashMap::new(),
        from: None,
        to: None,
        zone: node.time_zone,
        by: By::Unit,
        interval: Interval::Month,
        is_timed: false,
        now,
    };
    let found = tallies(db, &frame, &[(span[0], span[1])], None)?.pop();
    Ok(found.and_then(|mut it| it.remove("")).unwrap_or_default())
}

/// The first day of a month that is over on `today`.
fn month(given: Option<&str>, today: NaiveDate) -> Result<NaiveDate, Refusal> {
    let first_of = |it: NaiveDate| it.checked_sub_days(Days::new(u64::from(chrono::Datelike::day0(&it))));
    let this = first_of(today).unwrap_or(today);
    let last = this.checked_sub_months(Months::new(1)).unwrap_or(this);
    let Some(given) = given else { return Ok(last) };
    let found = NaiveDate::parse_from_str(&format!("{}-01", given.trim()), "%Y-%m-%d").ok();
    found.filter(|it| *it <= last).ok_or_else(|| {
        Refusal::field("month", "请写已过完的月份，如 2026-10。 Give a month that is over, like 2026-10.")
    })
}
