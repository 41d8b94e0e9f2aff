//! `/api/v1/official-years`: days off and swapped working days as the State Council publishes them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Fields;
use crate::domain::calendar::NamedDay;
use crate::http::reply::ok;
use crate::http::{Body, Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::setup::{self, YearCard, YearFate, YearLoaded, YearOrigin};

/// How a file is loaded.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoadAsked {
    /// Only this year of the file.
    year: Option<i32>,
    /// `true` replaces a year that was loaded before with other days; shipped ones stay.
    replace: Option<bool>,
}

/// A file of official years, for the document.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "it only describes the body, which the domain reads")]
pub struct YearsFile {
    /// The years it holds; a file of one year may say `year` instead.
    years: Option<Vec<i32>>,
    year: Option<i32>,
    days: Vec<FileDay>,
}

/// A day of the file.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "it only describes the body, which the domain reads")]
pub struct FileDay {
    /// `YYYY-MM-DD`.
    date: String,
    name: String,
    /// `off` or `workday`; or `isOffDay` instead.
    r#type: Option<String>,
    #[schema(rename = "isOffDay")]
    is_off_day: Option<bool>,
    /// 1 for Monday; checked where it is given.
    weekday: Option<u32>,
    /// The year of its notice, where the day lies in the year before.
    year: Option<i32>,
}

/// What became of the years of a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct YearsLoadedView {
    items: Vec<YearLoadedView>,
}

/// What became of one year.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = YearLoaded)]
pub struct YearLoadedView {
    year: i32,
    fate: YearFate,
    n_off: usize,
    n_working: usize,
}

/// The years that are known.
#[derive(Debug, Serialize, ToSchema)]
pub struct YearsView {
    items: Vec<YearView>,
}

/// A year with its days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OfficialYear)]
pub struct YearView {
    year: i32,
    origin: YearOrigin,
    days: Vec<NamedDay>,
}

/// The years whose official days are known, shipped and loaded.
#[utoipa::path(get, path = "/api/v1/official-years", tag = "setup", operation_id = "list_official_years",
    responses((status = 200, description = "All of them", body = YearsView)), security(("bearer" = [])))]
pub async fn list(app: web::Data<App>, caller: StaffCaller) -> Result<HttpResponse, Problem> {
    let view = |it: YearCard| YearView { year: it.days.year, origin: it.origin, days: it.days.days };
    let items = setup::list_years(&app, &caller).await?.into_iter().map(view).collect();
    Ok(ok(YearsView { items }))
}

/// Load a file of official years: all of it, or none. For admins of a top node.
#[utoipa::path(post, path = "/api/v1/official-years", tag = "setup", operation_id = "load_official_years",
    params(LoadAsked), request_body = YearsFile,
    responses((status = 200, description = "What became of each year", body = YearsLoadedView)),
    security(("bearer" = [])))]
pub async fn load(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<LoadAsked>,
    body: Body<Fields>,
) -> Result<HttpResponse, Problem> {
    setup::check_may_load(&caller)?;
    let (asked, file) = (asked.read()?, Value::Object(body.read()?));
    let loaded = setup::load_years(&app, &caller, &file, asked.year, asked.replace.unwrap_or(false)).await?;
    let view = |it: YearLoaded| YearLoadedView {
        year: it.year,
        fate: it.fate,
        n_off: it.n_off,
        n_working: it.n_working,
    };
    Ok(ok(YearsLoadedView { items: loaded.into_iter().map(view).collect() }))
}
