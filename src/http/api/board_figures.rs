//! Figures on the board, for everybody.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::ok;
use crate::http::{Problem, Query};
use crate::service::App;
use crate::service::statistics::{self, PublicAsked};

/// A rate in public; all null where numbers under 3 would tell of single people.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublicRate)]
pub struct PublicRateView {
    /// Whole percent.
    percent: Option<i64>,
    numerator: Option<i64>,
    denominator: Option<i64>,
    definition_zh: &'static str,
    definition_en: &'static str,
}

/// What a community tells everybody of a month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublicFigures)]
pub struct PublicView {
    community: String,
    month: String,
    intake: Option<i64>,
    /// By the names of `GET /api/v1/stats/summary`.
    rates: BTreeMap<&'static str, PublicRateView>,
}

/// Figures of one month of a community; numbers under 3 are left out.
#[utoipa::path(get, path = "/api/v1/board/figures", tag = "board", params(PublicAsked), security(()),
    responses((status = 200, description = "The figures", body = PublicView)))]
pub async fn figures(app: web::Data<App>, asked: Query<PublicAsked>) -> Result<HttpResponse, Problem> {
    let public = statistics::public(&app, asked.read()?).await?;
    let rates = public.rates.iter().map(|(figure, shown)| {
        let (definition_zh, definition_en) = figure.definition();
        let view = PublicRateView {
            percent: shown.filter(|it| it.1 > 0).map(|(n, of)| (n * 200 + of) / (2 * of)),
            numerator: shown.map(|it| it.0),
            denominator: shown.map(|it| it.1),
            definition_zh,
            definition_en,
        };
        (figure.as_str(), view)
    });
    Ok(ok(PublicView {
        rates: rates.collect(),
        community: public.community,
        month: public.month,
        intake: public.intake,
    }))
}
