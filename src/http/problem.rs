//! Errors as answers: the only table from what went wrong to status, slug and words (RFC 9457).
#![warn(clippy::wildcard_enum_match_arm)]

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::refusal::{FieldFault, Refusal};
use crate::service::{Error, Outside};

/// The media type of every error answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds after which a caller may try again when a queue was full.
const RETRY_BUSY_S: u64 = 1;
/// Seconds after which a caller may try again when the database was away.
const RETRY_UNAVAILABLE_S: u64 = 5;

/// What the web itself refuses, before any rule of the job is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebFault {
    /// No such route.
    NoRoute,
    /// The route exists, the method does not; `allow` lists those that do.
    Method { allow: String },
    /// The body is longer than `bytes_max`.
    TooLarge { bytes_max: usize },
    /// The body is not of the type `wanted`.
    MediaType { wanted: &'static str },
    /// The body did not arrive in time.
    TooSlow,
    /// The server cannot do its work; `current` says why.
    Unready,
    /// The request could not be read; the words say where.
    Malformed(String),
    /// A pre-condition header that could not be read; the words say how to write it.
    Header { name: &'static str, message: String },
}

/// One row of the table: how a kind of error is told to programs (`status`, `slug`) and to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row(u16, &'static str, &'static str);

/// An error on its way to a caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    row: Row,
    detail: String,
    more: Box<More>,
}

/// What only some problems tell.
#[derive(Debug, Clone, Default, PartialEq)]
struct More {
    errors: Vec<FieldFault>,
    legal: Option<Vec<String>>,
    version: Option<i64>,
    current: Option<serde_json::Value>,
    retry_after_s: Option<u64>,
    allow: Option<String>,
}

/// A problem as JSON, RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemView {
    /// A URI whose last segment, the slug, is stable.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of error in Chinese and English.
    title: &'static str,
    status: u16,
    /// What happened here and what to do next, in Chinese and English.
    detail: String,
    /// The id of the request, as in the header `X-Request-Id` and in the log.
    instance: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFaultView>,
    /// Moves that are legal now.
    #[serde(skip_serializing_if = "Option::is_none")]
    legal: Option<Vec<String>>,
    /// The version that is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// What is there now, where the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<serde_json::Value>,
}

/// One field's fault as JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldFault)]
struct FieldFaultView {
    field: String,
    message: String,
}

/// The table for what the job refuses.
fn refusal_row(refusal: &Refusal) -> Row {
    match refusal {
        Refusal::Malformed(_) => Row(400, "malformed", "请求无法读取 The request cannot be read"),
        Refusal::Unauthenticated => Row(401, "unauthenticated", "请先登录 Sign in first"),
        Refusal::WrongCredentials => Row(401, "wrong-credentials", "登录失败 Sign-in failed"),
        Refusal::Forbidden(_) => Row(403, "forbidden", "没有权限 Not allowed"),
        Refusal::NotYours(_) => Row(403, "not-yours", "不归您办理 Not yours to do"),
        Refusal::NotFound(_) => Row(404, "not-found", "找不到 Not found"),
        Refusal::NotRegisteredYet => Row(404, "not-registered-yet", "还没有登记 Not registered yet"),
        Refusal::Illegal { .. } => Row(409, "illegal-move", "现在不能这样做 Not possible now"),
        Refusal::Rule { slug, .. } => Row(409, slug, "规则不允许 Against a rule"),
        Refusal::Exists(_) => Row(409, "exists", "已经有了 It exists already"),
        Refusal::Stale { .. } => Row(412, "stale", "别人刚刚改过 Changed meanwhile"),
        Refusal::Invalid(_) => Row(422, "invalid", "内容需要改正 Fields need mending"),
        Refusal::KeyReused => Row(422, "key-reused", "键已用过 The key was used before"),
        Refusal::PreconditionRequired => {
            Row(428, "precondition-required", "需要 If-Match If-Match is needed")
        }
        Refusal::TooMany { .. } => Row(429, "too-many-requests", "太频繁 Too many requests"),
        Refusal::Locked { .. } => Row(429, "locked", "暂时锁定 Locked for a while"),
    }
}

/// The table for what the web refuses.
fn web_row(fault: &WebFault) -> Row {
    match fault {
        WebFault::Malformed(_) | WebFault::Header { .. } => {
            Row(400, "malformed", "请求无法读取 The request cannot be read")
        }
        WebFault::NoRoute => Row(404, "not-found", "找不到 Not found"),
        WebFault::Method { .. } => Row(405, "method-not-allowed", "不能用这个方法 Method not allowed"),
        WebFault::Unready => Row(503, "unready", "不能工作 Not ready"),
        WebFault::TooSlow => Row(408, "too-slow", "传得太慢 Too slow"),
        WebFault::TooLarge { .. } => Row(413, "too-large", "内容太大 Too large"),
        WebFault::MediaType { .. } => {
            Row(415, "unsupported-media-type", "类型不支持 Media type not supported")
        }
    }
}

/// The table for what failed on our side.
fn error_row(error: &Outside) -> Row {
    match error {
        Outside::Refused(refusal) => refusal_row(refusal),
        Outside::Busy => Row(503, "busy", "系统繁忙 Busy"),
        Outside::Unavailable(_) => Row(503, "unavailable", "暂时不能使用 Not available for now"),
        Outside::Internal(_) => Row(500, "internal", "系统出错 Our fault"),
    }
}

impl Problem {
    fn of(row: Row, detail: impl Into<String>) -> Self {
        Self { row, detail: detail.into(), more: Box::default() }
    }

    /// The stable name of this kind of problem.
    pub fn slug(&self) -> &'static str {
        self.row.1
    }

    /// What happened and what to do next, in Chinese and English.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// After how many seconds to try again, where that helps.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.more.retry_after_s
    }

    /// The fields that are blamed.
    pub fn fields(&self) -> Vec<&str> {
        self.more.errors.iter().map(|it| it.field.as_str()).collect()
    }

    /// Blames one more field.
    pub fn blame(&mut self, field: String, message: String) {
        self.more.errors.push(FieldFault { field, message });
    }

    /// Names the moves that are legal instead, unless the refusal did so itself.
    #[must_use]
    pub fn with_legal(mut self, legal: impl FnOnce() -> Vec<String>) -> Self {
        if self.row.0 == 409 && self.more.legal.is_none() {
            self.more.legal = Some(legal());
        }
        self
    }

    /// Shows what is there now, beside a stale version.
    #[must_use]
    pub fn with_current(mut self, current: serde_json::Value) -> Self {
        self.more.current = Some(current);
        self
    }

    /// A problem for an answer that something below made without words.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            404 => WebFault::NoRoute.into(),
            405 => WebFault::Method { allow: String::new() }.into(),
            408 => WebFault::TooSlow.into(),
            413 => WebFault::TooLarge { bytes_max: super::body::BYTES_MAX }.into(),
            415 => WebFault::MediaType { wanted: "application/json" }.into(),
            503 => Outside::Busy.into(),
            400..=499 => WebFault::Malformed(
                "请求无法读取，请检查网址、请求头和内容。 The request cannot be read; check its URL, headers and body."
                    .to_owned(),
            )
            .into(),
            _ => Error::Internal(format!("answer without a problem: {status}")).into(),
        }
    }

    /// The answer, with links under `public_url` and the request's id.
    pub fn answer(&self, public_url: &str, request_id: &str) -> HttpResponse {
        let Row(status, slug, title) = self.row;
        let mut builder = HttpResponseBuilder::new(self.status_code());
        if let Some(seconds) = self.more.retry_after_s {
            builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = self.more.allow.as_ref().filter(|it| !it.is_empty()) {
            builder.insert_header((header::ALLOW, allow.clone()));
        }
        if let Some(version) = self.more.version {
            builder.insert_header((header::ETAG, format!("\"{version}\"")));
        }
        if status == 401 {
            builder.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        builder.content_type(MEDIA_TYPE).json(ProblemView {
            kind: format!("{public_url}/problems/{slug}"),
            title,
            status,
            detail: self.detail.clone(),
            instance: request_id.to_owned(),
            errors: self
                .more
                .errors
                .iter()
                .map(|it| FieldFaultView { field: it.field.clone(), message: it.message.clone() })
                .collect(),
            legal: self.more.legal.clone(),
            version: self.more.version,
            current: self.more.current.clone(),
        })
    }
}

impl fmt::Display for Problem {
    /// The slug only: details may hold what a caller wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row.1)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.row.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.answer("", "")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Self::of(refusal_row(&refusal), refusal.to_string());
        match refusal {
            Refusal::Invalid(faults) => problem.more.errors = faults.0,
            Refusal::Illegal { legal, .. } => problem.more.legal = Some(legal),
            Refusal::Stale { version } => problem.more.version = Some(version),
            Refusal::TooMany { retry_after_s } | Refusal::Locked { retry_after_s, .. } => {
                problem.more.retry_after_s = Some(retry_after_s.max(1));
            }
            Refusal::Unauthenticated
            | Refusal::WrongCredentials
            | Refusal::NotFound(_)
            | Refusal::NotRegisteredYet
            | Refusal::Forbidden(_)
            | Refusal::NotYours(_)
            | Refusal::Malformed(_)
            | Refusal::KeyReused
            | Refusal::PreconditionRequired
            | Refusal::Rule { .. }
            | Refusal::Exists(_) => {}
        }
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        error.outside().into()
    }
}

impl From<Outside> for Problem {
    /// Causes of our own failures are logged here, once, and never shown.
    fn from(error: Outside) -> Self {
        let row = error_row(&error);
        match error {
            Outside::Refused(refusal) => refusal.into(),
            Outside::Busy => {
                tracing::warn!("could not take request: write queue is full");
                let mut problem = Self::of(
                    row,
                    "现在请求太多，内容没有保存，请稍后再试。 Too much at once; nothing was saved, try again shortly.",
                );
                problem.more.retry_after_s = Some(RETRY_BUSY_S);
                problem
            }
            Outside::Unavailable(cause) => {
                tracing::error!("could not serve request: {cause}");
                let mut problem = Self::of(
                    row,
                    "数据库暂时不能使用，内容没有保存，请稍后再试。 The database is not available for now; nothing was saved, try again shortly.",
                );
                problem.more.retry_after_s = Some(RETRY_UNAVAILABLE_S);
                problem
            }
            Outside::Internal(cause) => {
                tracing::error!("could not serve request: {cause}");
                Self::of(
                    row,
                    "系统出错，已记录。请把请求编号（instance）告诉管理员。 Something failed on our side and was logged; tell the administrator the request id (instance).",
                )
            }
        }
    }
}

impl From<WebFault> for Problem {
    fn from(fault: WebFault) -> Self {
        let row = web_row(&fault);
        match fault {
            WebFault::NoRoute => Self::of(
                row,
                "没有这个地址，接口说明在 /docs。 No such address; the routes are listed at /docs.",
            ),
            WebFault::Method { allow } => {
                let mut problem =
                    Self::of(row, format!("这个地址只接受：{allow}。 This address takes only: {allow}."));
                problem.more.allow = Some(allow);
                problem
            }
            WebFault::Unready => {
                let mut problem = Self::of(row, "有检查没有通过，见 current。 A check failed; see current.");
                problem.more.retry_after_s = Some(RETRY_UNAVAILABLE_S);
                problem
            }
            WebFault::TooSlow => {
                Self::of(row, "内容没有及时传完，请重试。 The body did not arrive in time; try again.")
            }
            WebFault::TooLarge { bytes_max } => Self::of(
                row,
                format!("内容不能超过 {bytes_max} 字节。 The body may have at most {bytes_max} bytes."),
            ),
            WebFault::MediaType { wanted } => Self::of(
                row,
                format!(
                    "请用 Content-Type: {wanted}，不要压缩。 Send Content-Type: {wanted}, without Content-Encoding."
                ),
            ),
            WebFault::Malformed(message) => Self::of(row, message),
            WebFault::Header { name, message } => {
                let mut problem = Self::of(row, message.clone());
                problem.more.errors.push(FieldFault { field: name.to_owned(), message });
                problem
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::Permission;
    use crate::domain::refusal::Faults;
    use crate::domain::value::At;

    #[test]
    fn the_whole_table_is_as_programs_rely_on_it() {
        let refusals = [
            Refusal::Unauthenticated,
            Refusal::WrongCredentials,
            Refusal::NotFound("x".into()),
            Refusal::NotRegisteredYet,
            Refusal::Forbidden(Permission::Triage),
            Refusal::NotYours("x".into()),
            Refusal::Malformed("x".into()),
            Refusal::Invalid(Faults::default()),
            Refusal::KeyReused,
            Refusal::PreconditionRequired,
            Refusal::Stale { version: 7 },
            Refusal::Illegal { verb: "reply".into(), status: "closed".into(), legal: vec!["reopen".into()] },
            Refusal::Rule { slug: "one-return-only", message: "x".into() },
            Refusal::Exists("x".into()),
            Refusal::TooMany { retry_after_s: 3 },
            Refusal::Locked { until: At::from_micros(0), retry_after_s: 9 },
        ];
        let errors =
            [Outside::Busy, Outside::Unavailable("secret".into()), Outside::Internal("secret".into())];
        let faults = [
            WebFault::NoRoute,
            WebFault::Method { allow: "GET, HEAD".into() },
            WebFault::TooLarge { bytes_max: 9 },
            WebFault::MediaType { wanted: "application/json" },
            WebFault::TooSlow,
            WebFault::Unready,
            WebFault::Malformed("x".into()),
            WebFault::Header { name: "If-Match", message: "x".into() },
        ];
        let problems = refusals
            .into_iter()
            .map(Problem::from)
            .chain(errors.into_iter().map(Problem::from))
            .chain(faults.into_iter().map(Problem::from));

        let table: Vec<String> = problems
            .map(|it| {
                let retry =
                    it.more.retry_after_s.map(|it| format!(", retry after {it} s")).unwrap_or_default();
                format!("{} {} | {} | {}{retry}", it.row.0, it.row.1, it.row.2, it.detail)
            })
            .collect();

        insta::assert_snapshot!(table.join("\n"));
    }
}
