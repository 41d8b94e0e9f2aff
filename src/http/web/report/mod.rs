//! Put in, one question a page: what, where, the words, how to hear back, check.
//!
//! Each page is a form that carries all answers so far; nothing of them stands in an address or on the server. A
//! page's buttons say where to go, so that going back keeps what was typed, and only the last one sends.

pub mod answers;
mod enclosed;
mod page;
mod receipt;
mod tiles;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};

use self::answers::{ReportForm, Step, Turn};
use self::enclosed::Shown;
pub(super) use self::enclosed::too_large;
use self::page::ReportPage;
pub(super) use self::receipt::ReceiptPage;
pub(super) use self::tiles::Tiles;
use super::form::FilesForm;
use super::screen::{Again, Screen, in_language};
use super::{answered, answered_with_senses};
use crate::domain::refusal::{FieldFault, Refusal};
use crate::http::problem::Problem;
use crate::service::guide::{self, Guide, Neighbours};
use crate::service::intake::{self, Once, Receipt};
use crate::service::{App, Caller, Error, Outside};

/// Kept by the browser for its own way back, and asked again each time else.
const KEPT_FOR_BACK: &str = "private, no-cache";

/// The first question.
#[utoipa::path(get, path = "/report", tag = "pages", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn ask(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let guide = guide::read(&app, "").await?;
    let form = ReportForm::begun(&guide);
    let step = ReportForm::first(&guide);
    let page = ReportPage::new(Screen::of(&request), guide, form, step);
    answered(HttpResponse::Ok(), &page)
}

/// An answer: the next question, or the receipt. The same form sent again gives the same receipt.
#[utoipa::path(post, path = "/report", tag = "pages", security(()), request_body = ReportForm,
    responses((status = 200, description = "The next question", content_type = "text/html", body = String),
        (status = 201, description = "The receipt", content_type = "text/html", body = String)))]
pub async fn answer(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    form: FilesForm<ReportForm>,
) -> Result<HttpResponse, Problem> {
    let FilesForm { form, files } = form;
    let guide = guide::read(&app, &form.community).await?;
    let (form, faults) = enclosed::take_in(&app, form.read(&guide), files).await?;
    let screen = Screen::of(&request).again("/report", Again::Answers);
    match form.turn(&guide, app.clock.now()) {
        _ if !faults.is_empty() => again(&app, screen, guide, form, Step::Words, &faults),
        Turn::Show(step) => shown(&app, screen, guide, form, step).await,
        Turn::Wrong(step, faults) => again(&app, screen, guide, form, step, &faults),
        Turn::Send => sent(&app, &caller, screen, guide, form).await,
    }
}

async fn shown(
    app: &App,
    screen: Screen,
    guide: Guide,
    form: ReportForm,
    step: Step,
) -> Result<HttpResponse, Problem> {
    let neighbours = if step == Step::Words && !form.category.is_empty() {
        guide::neighbours(app, &form.community, &form.category, &form.building).await?
    } else {
        Neighbours::default()
    };
    let enclosed = Shown::all(app, &form.enclosures);
    let page = ReportPage { neighbours, enclosed, ..ReportPage::new(screen, guide, form, step) };
    let mut builder = HttpResponse::Ok();
    builder.insert_header((header::CACHE_CONTROL, KEPT_FOR_BACK));
    answered_with_senses(builder, &page)
}

/// The question again, with what is wrong.
fn again(
    app: &App,
    screen: Screen,
    guide: Guide,
    form: ReportForm,
    step: Step,
    faults: &[FieldFault],
) -> Result<HttpResponse, Problem> {
    let enclosed = Shown::all(app, &form.enclosures);
    let page = ReportPage { enclosed, ..ReportPage::new(screen, guide, form, step) }.with_faults(faults);
    let mut builder = HttpResponse::UnprocessableEntity();
    builder.insert_header((header::CACHE_CONTROL, KEPT_FOR_BACK));
    answered_with_senses(builder, &page)
}

async fn sent(
    app: &App,
    caller: &Caller,
    screen: Screen,
    guide: Guide,
    form: ReportForm,
) -> Result<HttpResponse, Problem> {
    match take_in(app, caller, &guide, &form).await {
        Ok(receipt) => {
            let code = receipt.receipt_code.clone();
            // The matter is in: a file that is not is told on the receipt, and can be added.
            let is_whole = form.enclosures.attach(app, &receipt.ticket, &form.key).await.is_ok();
            let page = ReceiptPage::new(app, screen, &receipt.ticket, code).await?.lacking(!is_whole);
            answered(HttpResponse::Created(), &page)
        }
        Err(error) => not_taken(app, screen, guide, form, error),
    }
}

/// The ticket that the form became, now or when it was first sent.
async fn take_in(app: &App, caller: &Caller, guide: &Guide, form: &ReportForm) -> Result<Receipt, Error> {
    let submission = form.submission(guide);
    let once = form.has_key().then(|| Once::by_key(caller, &form.key, &submission));
    intake::submit(app, caller, submission, once).await
}

/// The form again with what was typed, whatever the refusal: nobody writes a matter down twice.
fn not_taken(
    app: &App,
    screen: Screen,
    guide: Guide,
    form: ReportForm,
    error: Error,
) -> Result<HttpResponse, Problem> {
    let outside = error.outside();
    if let Outside::Refused(Refusal::Invalid(faults)) = outside {
        let step = answers::step_of(&faults.0);
        return again(app, screen, guide, form, step, &faults.0);
    }
    if matches!(outside, Outside::Refused(Refusal::KeyReused)) {
        let told = vec![(String::new(), screen.say("report.sent_before"))];
        let form = form.with_new_key();
        let page = ReportPage { faults: told, ..ReportPage::new(screen, guide, form, Step::Check) };
        return answered(HttpResponseBuilder::new(StatusCode::UNPROCESSABLE_ENTITY), &page);
    }
    let problem = Problem::from(outside);
    let told = vec![(String::new(), in_language(problem.detail(), screen.language).to_owned())];
    let mut builder = HttpResponseBuilder::new(problem.status_code());
    if let Some(seconds) = problem.retry_after_s() {
        builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    let page = ReportPage { faults: told, ..ReportPage::new(screen, guide, form, Step::Check) };
    answered(builder, &page)
}
