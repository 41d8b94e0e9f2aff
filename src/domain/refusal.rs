//! Everything the product says no to, once: each refusal has one slug for programs and words for people.

use thiserror::Error;

use super::people::Permission;
use super::value::At;

/// What is wrong with one field, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field's path in the body, `contact.phone`; a header's or query's name.
    pub field: String,
    /// One sentence in Chinese, then the same in English.
    pub message: String,
}

/// Collects field faults, so that a person hears of all of them at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<FieldFault>);

impl Faults {
    /// Adds a fault of `field`.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldFault { field: field.into(), message: message.into() });
    }

    /// Gives `value` when nothing was at fault.
    ///
    /// # Errors
    /// `Refusal::Invalid` with every fault collected.
    pub fn check<T>(self, value: T) -> Result<T, Refusal> {
        if self.0.is_empty() { Ok(value) } else { Err(Refusal::Invalid(self)) }
    }
}

/// Why something was not done. Nothing has changed when one of these is returned.
///
/// The texts carry no contact data and no letter text: they reach logs and answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No or no valid sign-in.
    #[error("请先登录。 Sign in first.")]
    Unauthenticated,
    /// Sign-in failed: the same words for an unknown name, a wrong password and a wrong code.
    #[error("用户名、密码或动态码不对。 Username, password or one-time code is wrong.")]
    WrongCredentials,
    /// It does not exist, or this person may not know that it does.
    #[error("找不到：{0}。请核对后再试。 Not found: {0}. Check it and try again.")]
    NotFound(String),
    /// A well-formed slip stub whose letter is not registered yet.
    #[error("这封信还没有登记，请过几天再来查。 This letter is not registered yet; try again in a few days.")]
    NotRegisteredYet,
    /// Seen, but not theirs to do.
    #[error("您的角色不能做这件事（{}）。 Your role may not do this ({}).", .0.as_str(), .0.as_str())]
    Forbidden(Permission),
    /// Theirs by role, but a rule about persons or units says no; the words say which.
    #[error("{0}")]
    NotYours(String),
    /// The request could not be read at all: broken JSON, a bad header, a misread number.
    #[error("{0}")]
    Malformed(String),
    /// The request was read, but fields are wrong.
    #[error("有 {} 处需要改正。 {} field(s) need mending.", .0.0.len(), .0.0.len())]
    Invalid(Faults),
    /// The same Idempotency-Key came with another body.
    #[error(
        "同一个 Idempotency-Key 不能用于不同的内容。请换一个新的键。 This Idempotency-Key was used with another body; take a new key."
    )]
    KeyReused,
    /// A change without `If-Match`.
    #[error("请带上 If-Match 请求头（先 GET，取 ETag）。 Send If-Match with the ETag of your last GET.")]
    PreconditionRequired,
    /// Somebody was faster; `version` is what is there now.
    #[error("别人刚刚改过，请重新读取后再试。 Somebody changed it meanwhile; read it again and retry.")]
    Stale { version: i64 },
    /// The move is not legal in this status.
    #[error("现在的状态（{status}）不能这样做（{verb}）。可以做：{}。 Not possible while {status}: {verb}. Possible now: {}.", legal.join("、"), legal.join(", "))]
    Illegal { verb: String, status: String, legal: Vec<String> },
    /// Legal by status, but a rule of the lifecycle says no; the words say which and what to do instead.
    #[error("{message}")]
    Rule { slug: &'static str, message: String },
    /// It exists already.
    #[error("已经有了：{0}。 It exists already: {0}.")]
    Exists(String),
    /// Too many tries or requests.
    #[error("操作太频繁，请在 {retry_after_s} 秒后再试。 Too many requests; try again in {retry_after_s} s.")]
    TooMany { retry_after_s: u64 },
    /// Locked for a while after failed tries.
    #[error("尝试次数过多，请稍后再试。 Too many failed tries; try again later.")]
    Locked { until: At, retry_after_s: u64 },
}

/// What somebody gave for a code, as it may stand in an answer or a log: only if it looks like a code.
///
/// People type phone numbers and names into the wrong field; those are never given back.
pub fn shown(given: &str) -> &str {
    let is_code = (1..=32).contains(&given.len())
        && given.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.-".contains(&it));
    let is_phone_like = given.bytes().filter(u8::is_ascii_digit).count() >= 7;
    if is_code && !is_phone_like { given } else { "…" }
}

impl Refusal {
    /// A refusal for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut faults = Faults::default();
        faults.add(field, message);
        Refusal::Invalid(faults)
    }
}
