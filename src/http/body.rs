//! Bodies and queries, read strictly: what is wrong is named by field, and nothing given is echoed.
//!
//! Extractors here never refuse by themselves. They hold what came until a handler calls `read()`,
//! because who asks is settled first: 401, then 404 and 403, then 400 and 422 (PRODUCT §4).

use std::pin::Pin;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use serde::de::{DeserializeOwned, value::MapDeserializer};

use super::form::Part;
use super::problem::{Problem, WebFault};
use super::strict::Strict;
use crate::domain::refusal::{Refusal, shown};

/// The longest JSON body: the longest letter is a few thousand characters; a batch of letters fits.
pub const BYTES_MAX: usize = 256 * 1024;
/// The longest query string; whole search texts fit.
const QUERY_BYTES_MAX: usize = 8 * 1024;
/// How long a body may take to arrive, so that slow senders hold no request for ever.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// A JSON body of the type `T`, checked when `read`.
pub struct Body<T>(Result<T, Problem>);

impl<T> Body<T> {
    /// The body.
    ///
    /// # Errors
    /// 400 for broken JSON, 413, 415, 422 naming the field that is unknown, missing or wrong.
    pub fn read(self) -> Result<T, Problem> {
        self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let bytes = bytes(request, payload);
        Box::pin(async move { Ok(Self(bytes.await.and_then(|it| of_json(&it)))) })
    }
}

/// The raw body of a JSON request, for routes that also need its exact bytes.
fn bytes(
    request: &HttpRequest,
    payload: &mut dev::Payload,
) -> impl Future<Output = Result<web::Bytes, Problem>> + use<> {
    let is_json = request.content_type().trim().eq_ignore_ascii_case("application/json");
    let is_plain = !request.headers().contains_key(header::CONTENT_ENCODING);
    let is_utf8 = request.encoding().is_ok_and(|it| it.name().eq_ignore_ascii_case("utf-8"));
    let length = request.headers().get(header::CONTENT_LENGTH);
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let is_absent = !request.headers().contains_key(header::CONTENT_TYPE)
        && !is_chunked
        && length.is_none_or(|it| it.as_bytes() == b"0");
    let is_long =
        length.and_then(|it| it.to_str().ok()?.parse::<u64>().ok()).is_some_and(|it| it > BYTES_MAX as u64);
    let payload = web::Payload::from_request(request, payload);
    async move {
        // A move without facts, `acknowledge {}`, may come without a body at all.
        if is_absent {
            return Ok(web::Bytes::from_static(b"{}"));
        }
        if !is_json || !is_plain || !is_utf8 {
            return Err(WebFault::MediaType { wanted: "application/json" }.into());
        }
        if is_long {
            return Err(WebFault::TooLarge { bytes_max: BYTES_MAX }.into());
        }
        let unreadable = || {
            Problem::from(WebFault::Malformed(
                "内容没有传完整，请重试。 The body did not arrive whole; send it again.".to_owned(),
            ))
        };
        let payload = payload.await.map_err(|_unreadable| unreadable())?;
        match tokio::time::timeout(ARRIVES_WITHIN, payload.to_bytes_limited(BYTES_MAX)).await {
            Ok(Ok(Ok(bytes))) => Ok(bytes),
            Ok(Ok(Err(_broken))) => Err(unreadable()),
            Ok(Err(_longer)) => Err(WebFault::TooLarge { bytes_max: BYTES_MAX }.into()),
            Err(_late) => Err(WebFault::TooSlow.into()),
        }
    }
}

/// Reads JSON text strictly.
///
/// # Errors
/// 400 when it is no JSON, 422 when a field is unknown, missing or wrong.
pub fn of_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would read a list as the fields of a struct, in their order.
    if bytes.iter().find(|it| !it.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Refusal::field("body", "须为 JSON 对象。 It must be a JSON object.").into());
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(Strict(&mut json));
    match read {
        Ok(value) => json.end().map(|()| value).map_err(|error| broken(&error)),
        Err(error) if error.inner().is_data() => {
            let text = error.inner().to_string();
            // serde_json adds the place to its words; ours name the field instead.
            let words = text.rsplit_once(" at line ").map_or(text.as_str(), |it| it.0);
            let (field, message) = fault_words(&error.path().to_string(), words);
            Err(Refusal::field(field, message).into())
        }
        Err(error) => Err(broken(error.inner())),
    }
}

fn broken(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    WebFault::Malformed(format!(
        "JSON 在第 {line} 行第 {column} 列出错。 Broken JSON at line {line}, column {column}."
    ))
    .into()
}

/// A query string of the type `T`, checked when `read`.
pub struct Query<T>(Result<T, Problem>);

impl<T> Query<T> {
    /// The query.
    ///
    /// # Errors
    /// 400 naming the parameter that is unknown, missing, repeated or wrong.
    pub fn read(self) -> Result<T, Problem> {
        self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self(of_query(request.query_string()))))
    }
}

/// Reads a query string strictly.
///
/// # Errors
/// 400 naming the parameter that is unknown, missing, repeated or wrong.
pub fn of_query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(WebFault::Malformed(format!(
            "查询不能超过 {QUERY_BYTES_MAX} 字节。 The query may have at most {QUERY_BYTES_MAX} bytes."
        ))
        .into());
    }
    let pairs = super::form::pairs(text).ok_or_else(|| {
        WebFault::Malformed(
            "网址里有错误的百分号编码（须为 UTF-8）。 The query is not percent-encoded UTF-8.".to_owned(),
        )
    })?;
    let map = MapDeserializer::<_, serde::de::value::Error>::new(
        pairs.into_iter().map(|(name, text)| (name, Part(text))),
    );
    serde_path_to_error::deserialize(map).map_err(|error| {
        let (field, message) = fault_words(&error.path().to_string(), &error.inner().to_string());
        let mut problem = Problem::from(WebFault::Malformed(format!(
            "查询参数 {field}：{message} Query parameter {field}."
        )));
        problem.blame(field, message);
        problem
    })
}

/// A field's name as it may stand in an answer.
fn known(name: &str) -> &str {
    if name.is_empty() { name } else { shown(name) }
}

/// Serde's words as ours: the field at fault, and what to do, without the value that was given.
fn fault_words(path: &str, words: &str) -> (String, String) {
    // Of an unknown field serde gives the path with its name, which is whatever somebody typed.
    let path = if path == "." { "" } else { path };
    let path: Vec<&str> = path.split('.').map(|it| if it.contains('[') { it } else { known(it) }).collect();
    let path = &path.join(".");
    let below = |name: &str| {
        if path.is_empty() || path == name || path.ends_with(&format!(".{name}")) {
            if path.is_empty() { name.to_owned() } else { path.to_owned() }
        } else {
            format!("{path}.{name}")
        }
    };
    let here = if path.is_empty() { "body".to_owned() } else { path.to_owned() };
    let named = |words: &str| shown(words.split('`').nth(1).unwrap_or_default()).to_owned();
    let expected = words.rsplit_once("expected ").map_or("", |it| it.1).replace('`', "");
    if words.starts_with("unknown field") {
        let field = below(&named(words));
        let known = if expected.is_empty() || words.contains("there are no fields") {
            "没有别的字段。 Unknown; none is taken here.".to_owned()
        } else {
            let list = expected.trim_start_matches("one of ");
            format!("没有这个字段，可用：{list}。 Unknown; known are: {list}.")
        };
        (field, known)
    } else if words.starts_with("missing field") {
        (below(&named(words)), "必须填写。 It is missing.".to_owned())
    } else if words.starts_with("duplicate field") {
        (below(&named(words)), "只能出现一次。 It may appear only once.".to_owned())
    } else if words.starts_with("unknown variant") {
        let list = expected.trim_start_matches("one of ").to_owned();
        (here, format!("只能是：{list}。 It must be one of: {list}."))
    } else if words.starts_with("invalid ") && !expected.is_empty() {
        (here, format!("类型或取值不对，应为 {expected}。 Wrong type or value; expected {expected}."))
    } else if words.is_ascii() {
        (here, format!("取值不对：{words}。 Wrong value: {words}."))
    } else {
        (here, words.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Letter {
        #[expect(dead_code, reason = "only its reading is looked at")]
        text: String,
        contact: Option<Contact>,
        kind: Option<Kind>,
        limit: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Contact {
        #[expect(dead_code, reason = "only its reading is looked at")]
        phone: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Request,
    }

    #[track_caller]
    fn check(json: &str, slug: &str, field: &str) {
        let problem = of_json::<Letter>(json.as_bytes()).expect_err("refused");

        assert_eq!((problem.slug(), problem.fields().as_slice()), (slug, &[field][..]));
    }

    #[test]
    fn a_wrong_body_is_refused_by_the_name_of_the_field() {
        check(r#"{"text":"a","colour":1}"#, "invalid", "colour");
        check(r#"{"text":"a","contact":{"fax":1}}"#, "invalid", "contact.fax");
        check(r#"{"text":"a","contact":{}}"#, "invalid", "contact.phone");
        check(r#"{"text":"a","contact":{"phone":13800000000}}"#, "invalid", "contact.phone");
        check(r#"{"text":"a","limit":300}"#, "invalid", "limit");
        check(r#"{"text":"a","text":"b"}"#, "invalid", "text");
        check(r#"{"text":"a","contact":["13800000000"]}"#, "invalid", "contact");
        check(r#"{"text":"a","kind":{"request":null}}"#, "invalid", "kind");
        check(r#"{"text":"a","kind":"else"}"#, "invalid", "kind");
        assert_eq!(
            of_json::<Letter>(br#"{"text":"a","kind":"request"}"#).expect("read").kind,
            Some(Kind::Request)
        );
        check(r"{}", "invalid", "text");
        check("7", "invalid", "body");
        check(r#"["a",null,7]"#, "invalid", "body");
    }

    #[test]
    fn a_value_that_was_given_is_not_echoed() {
        let problem = of_json::<Letter>(br#"{"text":"a","contact":"13812345678"}"#).expect_err("refused");

        assert!(!format!("{problem:?}").contains("138"), "{problem:?}");
    }

    #[test]
    fn broken_json_is_malformed() {
        for json in ["", "{", r#"{"text":"a"} x"#, "nul", "{\"text\":\"\u{1}\"}"] {
            assert_eq!(
                of_json::<Letter>(json.as_bytes()).expect_err("refused").slug(),
                "malformed",
                "{json}"
            );
        }
        assert_eq!(of_json::<Letter>(b"{\"text\":\"\xff\"}").expect_err("refused").slug(), "malformed");
    }

    #[test]
    fn a_query_reads_numbers_and_escapes_and_names_what_it_does_not_know() {
        let letter = of_query::<Letter>("text=%E8%B7%AF%E7%81%AF+1&limit=7").expect("read");
        assert_eq!((letter.limit, letter.contact.is_none()), (Some(7), true));

        for (query, field) in [("text=a&page=2", "page"), ("text=a&limit=x", "limit"), ("limit=1", "text")] {
            let problem = of_query::<Letter>(query).expect_err("refused");
            assert_eq!((problem.slug(), problem.fields()), ("malformed", vec![field]), "{query}");
        }
        assert!(of_query::<Letter>("text=%ff").is_err());
        assert!(of_query::<Letter>("text=%4").is_err());
        assert!(of_query::<Letter>("text=a&text=b").is_err());
    }

    async fn received(kind: &str, encoding: Option<&str>, body: &[u8]) -> Result<Letter, Problem> {
        let mut request = TestRequest::post().insert_header(("Content-Type", kind));
        if let Some(encoding) = encoding {
            request = request.insert_header(("Content-Encoding", encoding));
        }
        let (request, mut payload) = request.set_payload(body.to_vec()).to_http_parts();
        Body::from_request(&request, &mut payload).await.expect("never refuses by itself").read()
    }

    #[actix_web::test]
    async fn only_json_of_a_bounded_length_is_read() {
        let body = br#"{"text":"a"}"#;
        let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(BYTES_MAX));

        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
            assert!(received(kind, None, body).await.is_ok(), "{kind}");
        }
        for kind in ["text/plain", "application/json; charset=gbk", "application/x-www-form-urlencoded"] {
            let refused = received(kind, None, body).await.expect_err("refused");
            assert_eq!(refused.slug(), "unsupported-media-type", "{kind}");
        }
        let packed = received("application/json", Some("gzip"), body).await.expect_err("refused");
        assert_eq!(packed.slug(), "unsupported-media-type");
        let refused = received("application/json", None, long.as_bytes()).await.expect_err("refused");
        assert_eq!(refused.slug(), "too-large");
    }

    #[actix_web::test]
    async fn no_body_at_all_is_an_empty_one() {
        let (request, mut payload) = TestRequest::post().to_http_parts();

        let read = Body::<Letter>::from_request(&request, &mut payload).await.expect("held").read();

        assert_eq!(read.expect_err("refused").fields(), ["text"]);
    }
}
