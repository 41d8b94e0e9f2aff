//! Replies that a machine sends: claimed, sent outside any transaction, and settled with the ticket.

use chrono::TimeDelta;
use tokio::task::JoinSet;

use super::circumstances::{Circumstances, keep};
use super::{App, Caller, Error};
use crate::config::Settings;
use crate::domain::people::Actor;
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Channel, Delivery, text};
use crate::domain::value::{At, TicketId};
use crate::notify::catalogue::{Language, say};
use crate::notify::mail::{Letter, Mailer, NotSent};
use crate::notify::sms::{TextMessage, Texter};
use crate::store::outbox::Message;
use crate::store::tickets::By;
use crate::store::{Db, outbox, tickets};

/// Messages claimed in one round; the rest follow in the next.
const MESSAGES_PER_ROUND: i64 = 20;
/// Conversations with the mail server at one time; small servers refuse more.
pub(super) const AT_ONCE: usize = 4;
/// A claim holds this long: five turns of four letters, thirty seconds each, and some room.
pub(super) const LEASE: TimeDelta = TimeDelta::minutes(3);
/// Seconds between one try and the next: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h
/// (TRUST, after the table of Standard Webhooks); then the reply is given up.
const PAUSES_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// One try, and one after each pause.
pub(super) const ATTEMPTS_MAX: i64 = 10;
/// Each pause is lengthened by up to a fifth, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// Characters of a reply that a text message carries; the rest stands at the receipt.
pub(super) const TEXT_CHARS_MAX: usize = 300;

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    pub n_delivered: usize,
    /// To be tried again.
    pub n_postponed: usize,
    /// Failed for good; staff see it and choose another way.
    pub n_given_up: usize,
    /// No longer wanted: staff chose another way meanwhile.
    pub n_cancelled: usize,
}

/// How one message ended this time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Delivered,
    Postponed(String),
    GivenUp(String),
    Cancelled,
}

/// What carries the messages of one channel.
#[derive(Clone)]
pub(super) enum Carrier {
    Mail(Mailer),
    Text(Texter),
}

impl Carrier {
    /// The carrier of `channel`; None while the settings name none, or a person carries it.
    pub(super) fn of(settings: &Settings, channel: Channel) -> Result<Option<Self>, String> {
        match channel {
            Channel::Email => {
                let mailer = settings.smtp_url.as_ref().map(|url| Mailer::new(url, &settings.mail_from));
                Ok(mailer.transpose()?.map(Self::Mail))
            }
            Channel::Sms => Ok(settings.sms_command.as_deref().map(Texter::new).transpose()?.map(Self::Text)),
            Channel::Letter | Channel::Call | Channel::Visit | Channel::Board | Channel::None => Ok(None),
        }
    }

    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<(), NotSent> {
        match (self, outgoing) {
            (Self::Mail(mailer), Outgoing::Mail(letter)) => mailer.send(letter).await,
            (Self::Text(texter), Outgoing::Text(message)) => texter.send(message).await,
            // A claim is of one channel, so neither happens; a later round sends it by the right one.
            (Self::Mail(_), Outgoing::Text(_)) | (Self::Text(_), Outgoing::Mail(_)) => {
                Err(NotSent::ForNow("claimed for another channel".to_owned()))
            }
        }
    }
}

/// A message as its channel has it.
pub(super) enum Outgoing {
    Mail(Letter),
    Text(TextMessage),
}

/// Sends the replies by e-mail and by text message that are due at `now`; safe in any number of processes.
///
/// # Errors
/// As [`deliver_by`]; one channel's fault does not keep the other's from being sent.
pub async fn deliver_due(app: &App, now: At) -> Result<Delivered, Error> {
    let by_mail = deliver_by(app, Channel::Email, now).await;
    let by_text = deliver_by(app, Channel::Sms, now).await?;
    let by_mail = by_mail?;
    Ok(Delivered {
        n_delivered: by_mail.n_delivered + by_text.n_delivered,
        n_postponed: by_mail.n_postponed + by_text.n_postponed,
        n_given_up: by_mail.n_given_up + by_text.n_given_up,
        n_cancelled: by_mail.n_cancelled + by_text.n_cancelled,
    })
}

/// Sends the replies on `channel` that are due at `now`; safe in any number of processes.
///
/// At least once: one whose answer is lost is sent again, with the same Message-ID or key. Without a mail
/// server or a text message command nothing is claimed, so no attempt is counted.
///
/// # Errors
/// Those of the database, and `Internal` for settings nothing can be sent with. What was done stays done.
pub async fn deliver_by(app: &App, channel: Channel, now: At) -> Result<Delivered, Error> {
    let code = channel.as_str();
    if !is_set(&app.settings, channel) {
        return Ok(Delivered::default());
    }
    if !app.store.read(move |db: &mut Db| outbox::has_due(db, code, now)).await? {
        return Ok(Delivered::default());
    }
    let Some(carrier) = Carrier::of(&app.settings, channel).map_err(Error::Internal)? else {
        return Ok(Delivered::default());
    };
    let chance: f64 = rand::random();
    let claimed = app
        .store
        .write(move |db: &mut Db| {
            outbox::claim(db, code, now, now + LEASE, MESSAGES_PER_ROUND, |it| {
                now + pause(it.n_attempts, spread(chance, it.id)).unwrap_or(LEASE)
            })
        })
        .await?;
    send_all(app, &carrier, claimed).await
}

/// True when the settings say how replies on `channel` are sent.
pub fn is_set(settings: &Settings, channel: Channel) -> bool {
    match channel {
        Channel::Email => settings.smtp_url.is_some(),
        Channel::Sms => settings.sms_command.is_some(),
        Channel::Letter | Channel::Call | Channel::Visit | Channel::Board | Channel::None => false,
    }
}

/// The pause after the attempt of this number, from 1; none after the last. `chance` is from 0 to 1.
pub(super) fn pause(n_attempts: i64, chance: f64) -> Option<TimeDelta> {
    let index = usize::try_from(n_attempts - 1).ok()?;
    let pause = TimeDelta::seconds(*PAUSES_S.get(index)?);
    let jitter = std::time::Duration::from_secs(pause.num_seconds().unsigned_abs())
        .mul_f64(JITTER * chance.clamp(0.0, 1.0));
    Some(pause + TimeDelta::from_std(jitter).unwrap_or_default())
}

/// Another chance for each message of a round: steps of the golden ratio lie evenly apart.
pub(super) fn spread(chance: f64, id: i64) -> f64 {
    let step = f64::from(u32::try_from(id.rem_euclid(1_000_003)).unwrap_or(0));
    (chance + step * 0.618_033_988_749_895).fract()
}

async fn send_all(app: &App, carrier: &Carrier, claimed: Vec<Message>) -> Result<Delivered, Error> {
    let mut running = JoinSet::new();
    let mut fates = Vec::with_capacity(claimed.len());
    for message in claimed {
        if running.len() >= AT_ONCE {
            fates.extend(running.join_next().await);
        }
        let (app, carrier) = (app.clone(), carrier.clone());
        running.spawn(async move { deliver(&app, &carrier, message).await });
    }
    while let Some(fate) = running.join_next().await {
        fates.push(fate);
    }

    let mut done = Delivered::default();
    let mut first_cause = None;
    let mut fault = None;
    for fate in fates {
        match fate.map_err(|it| Error::Internal(format!("could not finish a delivery: {it}"))).flatten() {
            Ok(Fate::Delivered) => done.n_delivered += 1,
            Ok(Fate::GivenUp(_)) => done.n_given_up += 1,
            Ok(Fate::Cancelled) => done.n_cancelled += 1,
            Ok(Fate::Postponed(cause)) => {
                done.n_postponed += 1;
                first_cause.get_or_insert(cause);
            }
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    // One line a round: a server that is away fails every letter in the same way.
    if let Some(cause) = first_cause {
        tracing::warn!(n_postponed = done.n_postponed, "could not send replies, will try again: {cause}");
    }
    fault.map_or(Ok(done), Err)
}

/// What is to be done with a claimed message, as its ticket stands.
enum Ready {
    Send(Outgoing),
    NotWanted,
    Impossible(&'static str),
}

async fn deliver(app: &App, carrier: &Carrier, message: Message) -> Result<Fate, Error> {
    let ready = {
        let (message, public_url) = (message.clone(), app.settings.public_url.clone());
        app.store.read(move |db: &mut Db| prepare(db, &public_url, &message)).await?
    };
    // Claimed beyond the last attempt: a process ended in the midst of it each time.
    let is_beyond = message.n_attempts > ATTEMPTS_MAX;
    let fate = match ready {
        Ready::NotWanted => Fate::Cancelled,
        Ready::Impossible(cause) => Fate::GivenUp(cause.to_owned()),
        Ready::Send(_) if is_beyond => Fate::GivenUp("the last attempt was cut off".to_owned()),
        Ready::Send(outgoing) => match carrier.send(&outgoing).await {
            Ok(()) => Fate::Delivered,
            Err(NotSent::ForGood(cause)) => Fate::GivenUp(cause),
            Err(NotSent::ForNow(cause)) if message.n_attempts >= ATTEMPTS_MAX => Fate::GivenUp(cause),
            Err(NotSent::ForNow(cause)) => Fate::Postponed(cause),
        },
    };
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store.write(move |db: &mut Db| settle(db, &app_too, &message, fate.clone(), now)).await
}

/// Writes a message as its channel has it; the address is read here and kept nowhere else.
fn prepare(db: &mut Db, public_url: &str, message: &Message) -> Result<Ready, Error> {
    let Some(ticket) = tickets::find(db, By::Id(TicketId(message.ticket_id)))? else {
        return Ok(Ready::NotWanted);
    };
    let is_wanted = |it: &&crate::domain::ticket::Reply| {
        i64::from(it.id) == message.reply_id
            && it.channel.as_str() == message.channel
            && matches!(it.delivery, Delivery::Queued | Delivery::Sent)
    };
    let Some(reply) = ticket.replies.iter().find(is_wanted) else { return Ok(Ready::NotWanted) };
    let words_name = text::reply(reply.id);
    let texts = tickets::list_texts(db, &[ticket.id], &[text::CONTACT, text::SUBJECT, &words_name])?;
    let latest = |name: &str| texts.iter().rev().find(|it| it.name == name).map(|it| it.body.as_str());
    let contact = latest(text::CONTACT).and_then(|it| serde_json::from_str::<Contact>(it).ok());
    let contact = contact.unwrap_or_default();
    let Some(words) = latest(&words_name) else {
        return Ok(Ready::Impossible("the words of the reply were erased"));
    };
    let community = Circumstances::of(db, &ticket)?.owner.name;
    let shown = if reply.channel == Channel::Sms { cut(words, TEXT_CHARS_MAX) } else { words.to_owned() };
    let fields = [
        ("name", contact.name.as_deref().unwrap_or_default()),
        ("number", &ticket.number),
        ("subject", latest(text::SUBJECT).unwrap_or_default()),
        ("words", &shown),
        ("community", &community),
        ("track_url", &format!("{public_url}/r/{}", ticket.number)),
    ];
    if reply.channel == Channel::Sms {
        let Some(to) = contact.phone else { return Ok(Ready::Impossible("the ticket has no phone number")) };
        let text = write_text(&fields).map_err(Error::Internal)?;
        let key = message.message_id.clone();
        return Ok(Ready::Send(Outgoing::Text(TextMessage { to, text, key })));
    }
    let Some(to) = contact.email else { return Ok(Ready::Impossible("the ticket has no e-mail address")) };
    let (sender, subject, body) = write_letter(&fields).map_err(Error::Internal)?;
    Ok(Ready::Send(Outgoing::Mail(Letter {
        to,
        sender,
        subject,
        body,
        message_id: message.message_id.clone(),
        made_at: At::from_micros(message.created_at),
    })))
}

/// The text with at most `chars_max` characters; what is left out is marked.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}……", &text[..at]),
        None => text.to_owned(),
    }
}

/// A text message: the reply in Chinese, and one line in English.
fn write_text(fields: &[(&str, &str)]) -> Result<String, String> {
    let (zh, en) =
        (say(Language::Chinese, "sms", "body", fields)?, say(Language::English, "sms", "body", fields)?);
    Ok(format!("{zh}\n{en}"))
}

/// Sender, subject and body: Chinese first, then English.
fn write_letter(fields: &[(&str, &str)]) -> Result<(String, String, String), String> {
    let has_name = fields.iter().any(|(name, value)| *name == "name" && !value.is_empty());
    let greeting = if has_name { "greeting_named" } else { "greeting" };
    let part = |language| -> Result<String, String> {
        let greeting = say(language, "reply", greeting, fields)?;
        let body = say(language, "reply", "body", fields)?;
        let footer = say(language, "reply", "footer", fields)?;
        Ok(format!("{greeting}\n\n{body}\n{footer}\n"))
    };
    let both = |key| -> Result<String, String> {
        let (zh, en) =
            (say(Language::Chinese, "reply", key, fields)?, say(Language::English, "reply", key, fields)?);
        Ok(format!("{zh} {en}"))
    };
    Ok((
        say(Language::Chinese, "reply", "sender", fields)?,
        both("subject")?,
        format!("{}\n----\n\n{}", part(Language::Chinese)?, part(Language::English)?),
    ))
}

/// Writes down how a message ended: ticket, event and outbox in one transaction.
fn settle(db: &mut Db, app: &App, message: &Message, fate: Fate, now: At) -> Result<Fate, Error> {
    if let Fate::Postponed(cause) = &fate {
        outbox::postpone(db, message.id, cause)?;
        return Ok(fate);
    }
    let Some(ticket) = tickets::lock(db, By::Id(TicketId(message.ticket_id)))? else {
        return Err(Error::internal("a message of no ticket"));
    };
    let number = ticket.number.clone();
    let reply = u32::try_from(message.reply_id).unwrap_or(0);
    let surroundings = Circumstances::of(db, &ticket)?;
    let caller = Caller { actor: Actor::System, place: None };
    let doing = surroundings.doing(&caller, now);
    let (state, cause, decided) = match &fate {
        Fate::Delivered => ("delivered", None, Some(ticket.delivered(reply, &doing))),
        Fate::GivenUp(cause) => ("given_up", Some(cause.as_str()), Some(ticket.given_up(reply, &doing))),
        Fate::Cancelled | Fate::Postponed(_) => ("cancelled", None, None),
    };
    match decided {
        Some(Ok(change)) => {
            keep(db, app, &change)?;
            outbox::settle(db, message.id, state, cause, now)?;
            match &fate {
                Fate::GivenUp(cause) => tracing::warn!(
                    ticket.number = number,
                    reply.id = reply,
                    "gave up reply {reply} of {number}: {cause}"
                ),
                Fate::Delivered | Fate::Cancelled | Fate::Postponed(_) => tracing::info!(
                    ticket.number = number,
                    reply.id = reply,
                    "delivered reply {reply} of {number}"
                ),
            }
            Ok(fate)
        }
        // Staff chose another way while it was under way; their decision stands.
        Some(Err(_not_on_its_way)) => {
            let told = format!("{state}, but no longer wanted");
            outbox::settle(db, message.id, "cancelled", Some(&told), now)?;
            Ok(Fate::Cancelled)
        }
        None => {
            outbox::settle(db, message.id, state, cause, now)?;
            Ok(fate)
        }
    }
}

/// What the settings say about mail: whether it can be sent, or that replies by e-mail wait.
pub fn outlook(settings: &Settings) -> Result<String, String> {
    match &settings.smtp_url {
        Some(url) => Mailer::new(url, &settings.mail_from).map(|_mailer| "a mail server is set".to_owned()),
        None => {
            Ok("no mail server: replies by e-mail stay queued\nhint: set RED_MAILBOX_SMTP_URL".to_owned())
        }
    }
}

/// What the settings say about text messages: whether they can be sent, or that they wait.
pub fn outlook_of_texts(settings: &Settings) -> Result<String, String> {
    match &settings.sms_command {
        Some(command) => Texter::new(command).map(|_texter| "a text message command is set".to_owned()),
        None => Ok("no text message command: replies by SMS stay queued\nhint: set RED_MAILBOX_SMS_COMMAND"
            .to_owned()),
    }
}

/// Sends a test mail to `to`.
///
/// # Errors
/// A text for operators: no mail server is set, or what it said.
pub async fn send_test(settings: &Settings, to: &str, now: At) -> Result<String, String> {
    let url = settings.smtp_url.as_ref().ok_or("no mail server\nhint: set RED_MAILBOX_SMTP_URL")?;
    let mailer = Mailer::new(url, &settings.mail_from)?;
    let both = |key| -> Result<String, String> {
        Ok(format!(
            "{} {}",
            say(Language::Chinese, "test", key, &[])?,
            say(Language::English, "test", key, &[])?
        ))
    };
    let host = settings.mail_from.rsplit('@').next().unwrap_or("localhost");
    let letter = Letter {
        to: to.to_owned(),
        sender: "red-mailbox".to_owned(),
        subject: both("subject")?,
        body: both("body")?,
        message_id: format!("test.{}@{host}", now.micros()),
        made_at: now,
    };
    mailer.send(&letter).await.map(|()| "taken by the mail server".to_owned()).map_err(|it| it.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<_> = (1..).map_while(|n| pause(n, 0.0)).map(|it| it.num_seconds()).collect();

        assert_eq!(pauses, PAUSES_S);
        assert_eq!(i64::try_from(PAUSES_S.len()), Ok(ATTEMPTS_MAX - 1));
        assert_eq!(pause(0, 0.0), None);
    }

    #[test]
    fn jitter_lengthens_a_pause_by_a_fifth_at_most() {
        for chance in [0.0, 0.5, 1.0] {
            let pause = pause(2, chance).expect("a pause").num_milliseconds();
            assert!((300_000..=360_000).contains(&pause), "{pause}");
        }
        assert!((0..1000).all(|id| (0.0..1.0).contains(&spread(0.9, id))));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("路灯修好了", 5), "路灯修好了");
        assert_eq!(cut("路灯修好了", 2), "路灯……");
    }

    #[test]
    fn a_letter_is_complete_in_both_languages() {
        let fields = [
            ("name", "李华"),
            ("number", "YD-1"),
            ("subject", "路灯"),
            ("words", "修好了{name}"),
            ("community", "雨前社区"),
            ("track_url", "http://x/r/YD-1"),
        ];

        let (sender, subject, body) = write_letter(&fields).expect("written");

        assert_eq!(sender, "雨前社区红色信箱");
        assert!(subject.starts_with("您反映的事项 YD-1"), "{subject}");
        for words in ["李华：您好！", "修好了{name}", "路灯", "http://x/r/YD-1", "Dear 李华,"] {
            assert!(body.contains(words), "{words} not in {body}");
        }
    }
}
