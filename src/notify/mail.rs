//! Mail over SMTP: one plain-text message to one address, and what the server said to it.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use sha2::{Digest as _, Sha256};

use crate::domain::chain::hex;
use crate::domain::value::At;

/// To connect and be greeted.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// To hand over one message, from the first byte to the server's word: it carries one page of text.
pub const SEND_WITHIN: Duration = Duration::from_secs(30);

/// Answers of a server that refuses *us*, not the message: sign-in and encryption (RFC 4954 §6, RFC 3207).
///
/// An operator mends them, so replies wait instead of failing one by one.
const REFUSES_SENDER: [u16; 4] = [530, 534, 535, 538];

/// A message about to leave.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The address, as the resident gave it.
    pub to: String,
    /// The name beside the sender's address.
    pub sender: String,
    pub subject: String,
    pub body: String,
    /// Without its angle brackets; the same each time the same message is sent.
    pub message_id: String,
    pub made_at: At,
}

/// Why a message was not taken. The words name neither address nor text and are kept in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// Another try may help.
    #[error("{0}")]
    ForNow(String),
    /// No other try will help.
    #[error("{0}")]
    ForGood(String),
}

/// Hands letters to the mail server of the settings.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Mailer {
    /// A mailer for the server at `smtp_url`: `smtp://` in clear, with `?tls=required` by STARTTLS,
    /// `smtps://` under TLS; `USER:PASSWORD@` before the host signs in. The certificates in the file `ca` are trusted
    /// besides the public ones.
    ///
    /// # Errors
    /// A text for operators, which holds neither the URL nor its password.
    pub fn new(smtp_url: &str, mail_from: &str, ca: Option<&Path>) -> Result<Self, String> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp_url)
            .map_err(|_may_hold_the_password| "could not read smtp_url\nhint: smtp://HOST:PORT, smtp://USER:PASSWORD@HOST:PORT?tls=required or smtps://USER:PASSWORD@HOST:PORT, special characters percent-encoded".to_owned())?;
        let builder = match ca {
            Some(ca) => builder.tls(trusting(smtp_url, ca)?),
            None => builder,
        };
        let from = mail_from.parse().map_err(|cause| format!("could not read mail_from: {cause}"))?;
        Ok(Self { transport: builder.timeout(Some(CONNECT_WITHIN)).build(), from })
    }

    /// Sends one letter; when this returns `Ok` the server has taken it.
    ///
    /// # Errors
    /// `ForGood` for an address that is none and for a permanent answer; otherwise `ForNow`.
    pub async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let message = self.write(letter)?;
        match tokio::time::timeout(SEND_WITHIN, self.transport.send(message)).await {
            Ok(Ok(_taken)) => Ok(()),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_late) => Err(NotSent::ForNow("the mail server did not answer in time".to_owned())),
        }
    }

    /// Header fields are typed or encoded by the mail crate: a line break in a value cannot end a header.
    fn write(&self, letter: &Letter) -> Result<Message, NotSent> {
        let to: Address = letter
            .to
            .parse()
            .map_err(|_holds_the_address| NotSent::ForGood("the address is no e-mail address".to_owned()))?;
        // A sender before 1970 has no clock; the epoch then stands for it.
        let since_epoch = Duration::from_micros(u64::try_from(letter.made_at.micros()).unwrap_or(0));
        Message::builder()
            .from(Mailbox::new(Some(one_line(&letter.sender)), self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(one_line(&letter.subject))
            .message_id(Some(format!("<{}>", one_line(&letter.message_id))))
            .date(std::time::UNIX_EPOCH + since_epoch)
            // RFC 3834 §5: nobody's absence notice answers a machine.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(parts(letter))
            .map_err(|_may_hold_the_address| NotSent::ForGood("the message could not be written".to_owned()))
    }
}

/// The URL's own kind of encryption, with the certificates of a file trusted too.
fn trusting(smtp_url: &str, ca: &Path) -> Result<Tls, String> {
    let wrong = || format!("could not read smtp_ca: {}\nhint: a file of certificates, PEM", ca.display());
    let pem = std::fs::read(ca).map_err(|_cause| wrong())?;
    let certificate = Certificate::from_pem(&pem).map_err(|_cause| wrong())?;
    let (scheme, rest) = smtp_url.split_once("://").unwrap_or(("smtp", smtp_url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |it| it.0);
    let parameters = TlsParameters::builder(host.to_owned()).add_root_certificate(certificate);
    let parameters = parameters.build_rustls().map_err(|_cause| wrong())?;
    Ok(match scheme {
        "smtps" => Tls::Wrapper(parameters),
        _ if rest.contains("tls=required") => Tls::Required(parameters),
        _ if rest.contains("tls=opportunistic") => Tls::Opportunistic(parameters),
        _ => Tls::None,
    })
}

/// The words twice, as text and as a page, for whichever the reader shows. A boundary by chance would make each try
/// another message.
fn parts(letter: &Letter) -> MultiPart {
    let boundary = format!("=_{}", hex(&Sha256::digest(letter.message_id.as_bytes())[..12]));
    MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::plain(letter.body.clone()))
        .singlepart(SinglePart::html(page(&letter.body)))
}

/// The words as a page in large print: paragraphs, lines, and links of ours that can be pressed.
fn page(body: &str) -> String {
    let mut html = String::from(
        "<!DOCTYPE html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><body style=\"font-size:18px;line-height:1.7;max-width:40em\">",
    );
    for paragraph in body.split("\n\n").map(str::trim).filter(|it| !it.is_empty()) {
        let lines: Vec<String> = paragraph.lines().map(line).collect();
        html.push_str("<p>");
        html.push_str(&lines.join("<br>"));
        html.push_str("</p>");
    }
    html.push_str("</body></html>");
    html
}

/// One line; a line that is nothing but a web address becomes a link to it.
fn line(text: &str) -> String {
    let shown = escaped(text);
    let is_address = ["http://", "https://"].iter().any(|it| text.trim().starts_with(it));
    if is_address && !text.trim().contains(char::is_whitespace) {
        format!("<a href=\"{}\">{shown}</a>", escaped(text.trim()))
    } else {
        shown
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The text without control characters; the mail crate panics at a line break in a name.
fn one_line(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

/// What an error of the conversation means for the message, in words without the server's own, which often
/// repeat the address.
fn judge(error: &SmtpError) -> NotSent {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        let words = format!("the mail server answered {code}");
        let is_final = error.is_permanent() && !REFUSES_SENDER.contains(&code);
        return if is_final { NotSent::ForGood(words) } else { NotSent::ForNow(words) };
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
            return NotSent::ForNow(format!("could not reach mail server: {}", cause.kind()));
        }
        source = cause.source();
    }
    let words = if error.is_tls() {
        "could not agree on encryption with mail server"
    } else if error.is_client() {
        "the mail server lacks what is needed"
    } else {
        "the mail server broke off"
    };
    NotSent::ForNow(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            to: "li@example.org".to_owned(),
            sender: "幸福社区".to_owned(),
            subject: "有答复了".to_owned(),
            body: "灯修好了。\n.\nThe lamp is mended.".to_owned(),
            message_id: "yd-1.1@example.org".to_owned(),
            made_at: At::from_micros(1_795_395_600_000_000),
        }
    }

    fn written(letter: &Letter) -> Result<String, NotSent> {
        let mailer = Mailer::new("smtp://localhost:25", "box@example.org", None).expect("a mailer");
        mailer.write(letter).map(|it| String::from_utf8_lossy(&it.formatted()).into_owned())
    }

    #[tokio::test]
    async fn a_letter_is_the_same_each_time_it_is_written() {
        let text = written(&letter()).expect("written");

        assert_eq!(written(&letter()).expect("written"), text);
        for line in [
            "Message-ID: <yd-1.1@example.org>",
            "Date: Mon, 23 Nov 2026 01:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "To: li@example.org",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert!(text.is_ascii());
    }

    #[tokio::test]
    async fn a_line_break_cannot_end_a_header() {
        let subject = "x\r\nBcc: other@example.org".to_owned();
        let sender = "x\r\nBcc: other@example.org".to_owned();
        let text = written(&Letter { sender, subject, ..letter() }).expect("written");
        let to = "li@example.org\r\nBcc: other@example.org".to_owned();

        assert!(!text.contains("\nBcc:"), "{text}");
        assert!(matches!(written(&Letter { to, ..letter() }), Err(NotSent::ForGood(_))));
    }

    #[test]
    fn the_page_of_a_letter_runs_nothing_and_links_only_lines_that_are_addresses() {
        let page = page(
            "您好 <b>\"x\"&</b>\nhttp://a.test/r/1\n\nsee javascript:alert(1) or http://b.test <http://c.test>",
        );

        assert!(page.contains("<p>您好 &lt;b&gt;&quot;x&quot;&amp;&lt;/b&gt;<br>"), "{page}");
        assert!(page.contains("<a href=\"http://a.test/r/1\">http://a.test/r/1</a></p>"), "{page}");
        assert_eq!(page.matches("<a ").count(), 1, "{page}");
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let told =
            Mailer::new("smtp://me:s3cret@host?tls=perhaps", "box@example.org", None).err().expect("told");

        assert!(!told.contains("s3cret"), "{told}");
    }
}
