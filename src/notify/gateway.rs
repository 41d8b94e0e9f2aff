//! Text messages over HTTP: one request a message to the operator's gateway, written from templates.
//!
//! The gateway is trusted with the message and with nothing else: it gets no redirect, little time, and what it
//! answers is read to a bound.

use std::time::Duration;

use serde_json::json;
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue};
use ureq::http::{Method, Request};

use super::catalogue::fill;
use super::mail::NotSent;
use super::sms::TextMessage;

/// For one message, from the look-up of the name to the last byte of the answer.
pub const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read; gateways answer a line.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// What is sent unless a template says otherwise.
const BODY_DEFAULT: &str = r#"{"to":"{to}","text":"{text}","key":"{key}"}"#;
/// The template of a request without a body.
const NO_BODY: &str = "none";
/// What templates may have filled in.
const PLACEHOLDERS: [&str; 3] = ["to", "text", "key"];

/// How a gateway is asked, as the settings have it.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// `{to}`, `{text}` and `{key}` may stand in its path and query.
    pub url: &'a str,
    /// Empty for the default, `none` for a GET; what begins like JSON is filled in as JSON, the rest as a form.
    pub body: &'a str,
    /// `Name: value`, one a line.
    pub headers: &'a str,
    /// What stands in the answer to a message that was taken; empty: the status 2xx is enough.
    pub success: &'a str,
}

/// Hands text messages to the gateway of the settings.
#[derive(Clone)]
pub struct Gateway {
    agent: Agent,
    url: String,
    body: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    success: String,
}

/// How a value is written where it is filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Percent,
    Json,
}

impl Gateway {
    /// A gateway asked so; its certificate is checked where the URL is `https`.
    ///
    /// # Errors
    /// A text for operators, which holds no value of the settings.
    pub fn new(asking: &Asking) -> Result<Self, String> {
        Self::within(asking, SEND_WITHIN)
    }

    fn within(asking: &Asking, time: Duration) -> Result<Self, String> {
        let rest = asking.url.split_once("://").map_or("", |it| it.1);
        // A resident's number must not choose the host.
        if rest.split(['/', '?']).next().is_none_or(|host| host.is_empty() || host.contains('{')) {
            return Err("could not read sms_url\nhint: https://HOST/PATH; {to}, {text} and {key} stand after the host".to_owned());
        }
        let body = match asking.body.trim() {
            "" => Some(BODY_DEFAULT.to_owned()),
            NO_BODY => None,
            given => Some(given.to_owned()),
        };
        for template in [Some(asking.url), body.as_deref()].into_iter().flatten() {
            check(template)?;
        }
        let headers = asking.headers.lines().filter(|it| !it.trim().is_empty()).map(header);
        let config = Agent::config_builder()
            .timeout_global(Some(time))
            .max_redirects(0)
            .proxy(None)
            .http_status_as_error(false)
            .user_agent("red-mailbox")
            .build();
        Ok(Self {
            agent: config.into(),
            url: asking.url.to_owned(),
            body,
            headers: headers.collect::<Result<_, _>>()?,
            success: asking.success.trim().to_owned(),
        })
    }

    /// Hands over one message; when this returns `Ok` the gateway has said that it took it.
    ///
    /// # Errors
    /// `ForGood` for 400 and 422: number or words are wrong; otherwise `ForNow`.
    pub async fn send(&self, message: &TextMessage) -> Result<(), NotSent> {
        let (gateway, message) = (self.clone(), message.clone());
        let asked = tokio::task::spawn_blocking(move || gateway.ask(&message)).await;
        asked.unwrap_or_else(|_| Err(NotSent::ForNow("could not ask the gateway".to_owned())))
    }

    fn ask(&self, message: &TextMessage) -> Result<(), NotSent> {
        let later = |words: &str| NotSent::ForNow(words.to_owned());
        let request = self.request(message).map_err(|words| NotSent::ForNow(words.to_owned()))?;
        let mut answer = self.agent.run(request).map_err(|error| NotSent::ForNow(words_of(&error)))?;
        let status = answer.status().as_u16();
        match status {
            200..=299 => {}
            300..=399 => return Err(later("the gateway wants to send us elsewhere, which is not followed")),
            400 | 422 => return Err(NotSent::ForGood(format!("the gateway answered {status}"))),
            _ => return Err(NotSent::ForNow(format!("the gateway answered {status}"))),
        }
        if self.success.is_empty() {
            return Ok(());
        }
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let bytes = read.map_err(|_late_or_long| later("the gateway's answer did not end"))?;
        if String::from_utf8_lossy(&bytes).contains(&self.success) {
            Ok(())
        } else {
            Err(later("the gateway's answer does not say that it took the message"))
        }
    }

    fn request(&self, message: &TextMessage) -> Result<Request<String>, &'static str> {
        let url = written(&self.url, message, Writing::Percent);
        let mut builder = Request::builder().uri(url);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        builder = builder.header("idempotency-key", &message.key);
        let request = match &self.body {
            None => builder.method(Method::GET).body(String::new()),
            Some(template) => {
                let is_json = template.starts_with(['{', '[']);
                let (writing, media) = if is_json {
                    (Writing::Json, "application/json; charset=utf-8")
                } else {
                    (Writing::Percent, "application/x-www-form-urlencoded")
                };
                if !self.headers.iter().any(|it| it.0 == "content-type") {
                    builder = builder.header("content-type", media);
                }
                builder.method(Method::POST).body(written(template, message, writing))
            }
        };
        request.map_err(|_holds_the_message| "the request could not be written")
    }
}

/// The template with the message in it. Braces that are no place of ours, as JSON has them, stay.
fn written(template: &str, message: &TextMessage, writing: Writing) -> String {
    let write = |text: &str| match writing {
        Writing::Percent => percent(text),
        Writing::Json => json!(text).to_string().trim_matches('"').to_owned(),
    };
    let mut parts = template.to_owned();
    // First to places that no message can hold, so that words cannot call for a place.
    for name in PLACEHOLDERS {
        parts = parts.replace(&format!("{{{name}}}"), &format!("\u{1}{name}\u{2}"));
    }
    let parts = parts.replace('{', "\u{3}").replace('}', "\u{4}").replace('\u{1}', "{").replace('\u{2}', "}");
    let fields = [("to", write(&message.to)), ("text", write(&message.text)), ("key", write(&message.key))];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    fill(&parts, &fields).unwrap_or_default().replace('\u{3}', "{").replace('\u{4}', "}")
}

fn percent(text: &str) -> String {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    text.bytes()
        .map(|it| if is_plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

fn check(template: &str) -> Result<(), String> {
    let has_control = template.chars().any(char::is_control);
    let has_word = PLACEHOLDERS.iter().any(|it| template.contains(&format!("{{{it}}}")));
    if has_control || (template.starts_with(['{', '[']) && !has_word) {
        return Err(
            "could not read sms_body\nhint: one line with {to}, {text} and perhaps {key} in it".to_owned()
        );
    }
    Ok(())
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = line.split_once(':').and_then(|(name, value)| {
        let mut value: HeaderValue = value.trim().parse().ok()?;
        value.set_sensitive(true);
        Some((name.trim().parse().ok()?, value))
    });
    parsed.ok_or_else(|| "could not read sms_headers\nhint: Name: value, one a line".to_owned())
}

/// What failed, without the URL, which may hold the number.
fn words_of(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "the gateway did not answer in time".to_owned(),
        ureq::Error::Io(cause) => format!("could not reach the gateway: {}", cause.kind()),
        ureq::Error::HostNotFound => "could not find the gateway's host".to_owned(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            "could not agree on encryption with the gateway".to_owned()
        }
        _ => "the gateway broke off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    fn message() -> TextMessage {
        let text = "修好了 \"1&2\"\n{to}".to_owned();
        TextMessage { to: "13812345678".to_owned(), text, key: "yd-1.1@x".to_owned() }
    }

    /// A stand-in that hears one request and answers with `answer`, for ever if asked to.
    fn gateway(answer: &'static str, is_endless: bool) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (heard, told) = channel();
        std::thread::spawn(move || {
            let stream = listener.accept().expect("a caller").0;
            heard.send(request(&stream)).expect("a listener");
            let mut writing = &stream;
            while writing.write_all(answer.as_bytes()).is_ok() && is_endless {}
            if answer.is_empty() {
                // Says nothing until the other side gives up.
                drop((&stream).read(&mut [0]));
            }
        });
        (url, told)
    }

    fn request(stream: &TcpStream) -> String {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            head.push_str(&line);
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        head + &String::from_utf8(body).expect("text")
    }

    fn asked(url: &str, success: &str) -> Result<(), NotSent> {
        let asking = Asking { url, body: "", headers: "", success };
        Gateway::within(&asking, Duration::from_millis(500)).expect("a gateway").ask(&message())
    }

    #[test]
    fn a_message_is_written_where_and_as_the_templates_say() {
        let (url, heard) = gateway("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\": 0}\r\n", false);
        let url = format!("{url}/send?to={{to}}&text={{text}}");
        let asking = Asking {
            url: &url,
            body: r#"{"m":{"phone":"{to}","words":"{text}"}}"#,
            headers: "X-Token: s3cret",
            success: "\"code\": 0",
        };

        let sent = Gateway::new(&asking).expect("a gateway").ask(&message());

        assert_eq!(sent, Ok(()));
        let heard = heard.recv().expect("a request");
        assert!(heard.starts_with("POST /send?to=13812345678&text=%E4%BF%AE"), "{heard}");
        assert!(heard.contains("%0A%7Bto%7D HTTP/1.1"), "{heard}");
        assert!(
            heard.ends_with(r#"{"m":{"phone":"13812345678","words":"修好了 \"1&2\"\n{to}"}}"#),
            "{heard}"
        );
        let small = heard.to_ascii_lowercase();
        assert!(small.contains("x-token: s3cret") && small.contains("idempotency-key: yd-1.1@x"), "{heard}");
    }

    #[test]
    fn what_the_gateway_says_tells_taken_from_later_and_never() {
        for (answer, success, is_final) in [
            ("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", "", Some(true)),
            ("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n", "", Some(false)),
            ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "", Some(false)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nquota 0!", "\"ok\"", Some(false)),
            ("HTTP/1.1 204 None\r\n\r\n", "", None),
            ("no HTTP\r\n\r\n", "", Some(false)),
        ] {
            let told = asked(&gateway(answer, false).0, success);
            assert_eq!(
                told.as_ref().err().map(|it| matches!(it, NotSent::ForGood(_))),
                is_final,
                "{answer}: {told:?}"
            );
        }
    }

    #[test]
    fn a_redirect_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let elsewhere = listener.local_addr().expect("an address");
        let answer =
            format!("HTTP/1.1 307 There\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");

        let told = asked(&gateway(Box::leak(answer.into_boxed_str()), false).0, "");

        assert!(matches!(&told, Err(NotSent::ForNow(words)) if words.contains("elsewhere")), "{told:?}");
        listener.set_nonblocking(true).expect("set");
        assert!(listener.accept().is_err(), "somebody came");
    }

    #[test]
    fn a_gateway_that_hangs_or_never_ends_costs_little() {
        for (answer, is_endless) in [("", false), ("HTTP/1.1 200 OK\r\n\r\nmore and more", true)] {
            let told = asked(&gateway(answer, is_endless).0, "never said");
            assert!(matches!(told, Err(NotSent::ForNow(_))), "{told:?}");
        }
        // Nobody listens there.
        assert!(matches!(asked("http://127.0.0.1:1", ""), Err(NotSent::ForNow(_))));
    }

    #[test]
    fn wrong_templates_are_told_without_their_secrets() {
        for (url, body, headers) in [
            ("https://{to}.example.org/", "", ""),
            ("https:///path", "", ""),
            ("https://example.org/", r#"{"fixed": 1}"#, ""),
            ("https://example.org/", "", "s3cret without a name"),
        ] {
            let told = Gateway::new(&Asking { url, body, headers, success: "" }).err().expect("told");
            assert!(told.contains("hint: ") && !told.contains("s3cret"), "{told}");
        }
    }
}
