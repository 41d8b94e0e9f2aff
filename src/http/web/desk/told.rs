//! What a staff page says on top: that something was done, or why it was not.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError as _};

use super::screen::{Screen, in_language};
use crate::domain::refusal::Refusal;
use crate::http::Problem;
use crate::service::{Error, Outside};

/// The words on top of a page, with the status it is answered with.
#[derive(Debug, Default)]
pub(in crate::http::web) struct Told {
    pub(super) status: StatusCode,
    /// What was done; empty when nothing was.
    pub(super) done: String,
    /// What has to be mended.
    pub(super) faults: Vec<String>,
    retry_after_s: Option<u64>,
}

impl Told {
    /// What `?done=key` says; nothing for a key of nobody's.
    pub(super) fn done(screen: &Screen, key: Option<&str>) -> Self {
        let Some(key) = key else { return Self::default() };
        let known = format!("did.{key}");
        let done = Some(screen.say(&known)).filter(|it| *it != known);
        Self { done: done.unwrap_or_default(), ..Self::default() }
    }

    /// Why it was not done, in the reader's language: each field at fault, or the one reason.
    pub(super) fn refused(screen: &Screen, error: Error) -> Self {
        let one = |it: &str| in_language(it, screen.language).to_owned();
        match error.outside() {
            Outside::Refused(Refusal::Invalid(faults)) => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                faults: faults.0.iter().map(|it| one(&it.message)).collect(),
                ..Self::default()
            },
            other => {
                let problem = Problem::from(other);
                Self {
                    status: problem.status_code(),
                    faults: vec![one(problem.detail())],
                    retry_after_s: problem.retry_after_s(),
                    ..Self::default()
                }
            }
        }
    }

    /// The answer that the page goes into. Nothing of it may be kept by a browser or a proxy.
    pub(super) fn builder(&self) -> HttpResponseBuilder {
        let mut builder = HttpResponse::build(self.status);
        builder.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = self.retry_after_s {
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        builder
    }
}
