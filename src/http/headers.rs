//! Request headers with a meaning of their own, read when a handler asks for them.

use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest, dev};

use super::problem::{Problem, WebFault};
use crate::domain::refusal::Refusal;

/// The bounds of an idempotency key: 16 characters can hold 96 random bits, 255 fit a column.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=255;
/// The longest receipt code read; codes have eight digits, people add spaces.
const CODE_BYTES_MAX: usize = 64;

/// The one value of a header; None when it was not sent.
fn single(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name);
    let Some(first) = values.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| values.next().is_none());
    let text = text.ok_or_else(|| {
        fault(
            name,
            format!("请求头 {name} 只能有一个值，用可见 ASCII 字符。 Send {name} once, in visible ASCII."),
        )
    });
    text.map(|it| Some(it.trim().to_owned()))
}

fn fault(name: &'static str, message: String) -> Problem {
    WebFault::Header { name, message }.into()
}

/// The version a change is based on.
pub struct IfMatch(Result<Option<i64>, Problem>);

impl IfMatch {
    /// The version of `If-Match: "7"`.
    ///
    /// # Errors
    /// 428 without the header, 400 when it is no single version of ours.
    pub fn version(self) -> Result<i64, Problem> {
        self.0?.ok_or_else(|| Refusal::PreconditionRequired.into())
    }

    /// The same where the service says in which order things are refused.
    ///
    /// # Errors
    /// 400 when it is no single version of ours.
    pub fn read(self) -> Result<Option<i64>, Problem> {
        self.0
    }

    fn of(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
        let Some(text) = single(headers, "If-Match")? else { return Ok(None) };
        let digits = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let digits = digits.filter(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
        let version = digits.and_then(|it| it.parse().ok());
        version.map(Some).ok_or_else(|| {
            fault(
                "If-Match",
                "If-Match 须是一个带引号的版本号，例如 \"7\"；不接受 *、W/ 或多个值。 If-Match must be one quoted version such as \"7\"; not *, W/ or several.".to_owned(),
            )
        })
    }
}

/// The key under which a request is done at most once.
pub struct IdempotencyKey(Result<Option<String>, Problem>);

impl IdempotencyKey {
    /// The key, if one was sent.
    ///
    /// # Errors
    /// 400 when it is too short to be random, too long or not visible ASCII.
    pub fn read(self) -> Result<Option<String>, Problem> {
        self.0
    }

    fn of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
        let Some(text) = single(headers, "Idempotency-Key")? else { return Ok(None) };
        if KEY_BYTES.contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic()) {
            return Ok(Some(text));
        }
        Err(fault(
            "Idempotency-Key",
            "Idempotency-Key 须为 16 至 255 个可见 ASCII 字符，例如一个 UUID。 Idempotency-Key takes 16 to 255 visible ASCII characters, such as a UUID.".to_owned(),
        ))
    }
}

/// The code of a receipt, as it was typed.
pub struct ReceiptCode(Result<Option<String>, Problem>);

impl ReceiptCode {
    /// The code, if one was sent.
    ///
    /// # Errors
    /// 400 when it was sent twice or is longer than any code.
    pub fn read(self) -> Result<Option<String>, Problem> {
        self.0
    }

    fn of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
        match single(headers, "Receipt-Code")? {
            Some(text) if text.len() > CODE_BYTES_MAX => {
                Err(fault("Receipt-Code", "查询码是 8 位数字。 A receipt code has 8 digits.".to_owned()))
            }
            text => Ok(text),
        }
    }
}

macro_rules! extracted {
    ($($name:ident),+) => {$(
        impl FromRequest for $name {
            type Error = Problem;
            type Future = std::future::Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
                std::future::ready(Ok(Self(Self::of(request.headers()))))
            }
        }
    )+};
}
extracted!(IfMatch, IdempotencyKey, ReceiptCode);

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[track_caller]
    fn check(values: &[&'static str], expected: Result<i64, &str>) {
        let version = IfMatch(IfMatch::of(&headers("if-match", values))).version();

        assert_eq!(version.as_ref().map_err(Problem::slug), expected.as_ref().map_err(|it| *it));
    }

    #[test]
    fn if_match_takes_one_quoted_version_only() {
        check(&["\"7\""], Ok(7));
        check(&[], Err("precondition-required"));
        for wrong in
            ["7", "*", "W/\"7\"", "\"7\", \"8\"", "\"\"", "\"-7\"", "\"+7\"", "\"99999999999999999999\""]
        {
            check(&[wrong], Err("malformed"));
        }
        check(&["\"7\"", "\"8\""], Err("malformed"));
    }

    #[test]
    fn an_idempotency_key_is_long_enough_to_be_random() {
        let read = |text| IdempotencyKey::of(&headers("idempotency-key", &[text]));

        assert_eq!(read("0123456789abcdef"), Ok(Some("0123456789abcdef".to_owned())));
        assert!(read("0123456789abcde").is_err());
        assert!(read("0123456789 abcdef").is_err());
    }
}
