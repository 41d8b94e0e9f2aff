//! What carries messages out: the channels' carriers, how often they try, and how a round of them ends. Replies and
//! other messages are sent alike.

use chrono::TimeDelta;
use tokio::task::JoinSet;

use super::Error;
use crate::config::Settings;
use crate::domain::ticket::Channel;
use crate::domain::value::At;
use crate::notify::gateway::{Asking, Gateway};
use crate::notify::mail::{Letter, Mailer, NotSent};
use crate::notify::sms::{TextMessage, Texter};

/// Messages claimed in one round; the rest follow in the next.
pub(super) const MESSAGES_PER_ROUND: i64 = 20;
/// Conversations with the mail server at one time; small servers refuse more.
const AT_ONCE: usize = 4;
/// A claim holds this long: five turns of four letters, thirty seconds each, and some room.
pub(super) const LEASE: TimeDelta = TimeDelta::minutes(3);
/// Seconds between one try and the next: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h
/// (TRUST, after the table of Standard Webhooks); then the message is given up.
const PAUSES_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// One try, and one after each pause.
const ATTEMPTS_MAX: i64 = 10;
/// Each pause is lengthened by up to a fifth, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    pub n_delivered: usize,
    /// To be tried again.
    pub n_postponed: usize,
    /// Failed for good; of a reply, staff see it and choose another way.
    pub n_given_up: usize,
    /// No longer wanted: staff chose another way, the person has left, or the date is past telling.
    pub n_cancelled: usize,
}

/// How one message ended this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
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
    Gateway(Box<Gateway>),
}

/// The mail server of the settings.
pub(super) fn mailer(settings: &Settings) -> Result<Mailer, String> {
    let url = settings.smtp_url.as_ref().ok_or("no mail server\nhint: set RED_MAILBOX_SMTP_URL")?;
    Mailer::new(url, &settings.mail_from, settings.smtp_ca.as_deref())
}

/// The gateway of the settings, if one is set; it goes before a command.
pub(super) fn gateway(settings: &Settings) -> Result<Option<Gateway>, String> {
    let asking = settings.sms_url.as_deref().map(|url| Asking {
        url,
        body: &settings.sms_body,
        headers: &settings.sms_headers,
        success: &settings.sms_success,
    });
    asking.map(|it| Gateway::new(&it)).transpose()
}

impl Carrier {
    /// The carrier of `channel`; None while the settings name none, or a person carries it.
    pub(super) fn of(settings: &Settings, channel: Channel) -> Result<Option<Self>, String> {
        match channel {
            Channel::Email => {
                let mailer = settings.smtp_url.as_ref().map(|_url| mailer(settings));
                Ok(mailer.transpose()?.map(Self::Mail))
            }
            Channel::Sms => {
                if let Some(gateway) = gateway(settings)? {
                    return Ok(Some(Self::Gateway(Box::new(gateway))));
                }
                Ok(settings.sms_command.as_deref().map(Texter::new).transpose()?.map(Self::Text))
            }
            Channel::Letter | Channel::Call | Channel::Visit | Channel::Board | Channel::None => Ok(None),
        }
    }

    /// Sends what is ready, and says how that ended after `n_attempts`, this one counted.
    pub(super) async fn carry(&self, ready: Ready, n_attempts: i64) -> Fate {
        match ready {
            Ready::NotWanted => Fate::Cancelled,
            Ready::Impossible(cause) => Fate::GivenUp(cause.to_owned()),
            // Claimed beyond the last attempt: a process ended in the midst of it each time.
            Ready::Send(_) if n_attempts > ATTEMPTS_MAX => {
                Fate::GivenUp("the last attempt was cut off".to_owned())
            }
            Ready::Send(outgoing) => match self.send(&outgoing).await {
                Ok(()) => Fate::Delivered,
                Err(NotSent::ForGood(cause)) => Fate::GivenUp(cause),
                Err(NotSent::ForNow(cause)) if n_attempts >= ATTEMPTS_MAX => Fate::GivenUp(cause),
                Err(NotSent::ForNow(cause)) => Fate::Postponed(cause),
            },
        }
    }

    async fn send(&self, outgoing: &Outgoing) -> Result<(), NotSent> {
        match (self, outgoing) {
            (Self::Mail(mailer), Outgoing::Mail(letter)) => mailer.send(letter).await,
            (Self::Text(texter), Outgoing::Text(message)) => texter.send(message).await,
            (Self::Gateway(gateway), Outgoing::Text(message)) => gateway.send(message).await,
            // A claim is of one channel, so neither happens; a later round sends it by the right one.
            (Self::Mail(_), Outgoing::Text(_)) | (Self::Text(_) | Self::Gateway(_), Outgoing::Mail(_)) => {
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

/// What is to be done with a claimed message, as things stand.
pub(super) enum Ready {
    Send(Outgoing),
    NotWanted,
    Impossible(&'static str),
}

/// True when the settings say how replies on `channel` are sent.
pub fn is_set(settings: &Settings, channel: Channel) -> bool {
    match channel {
        Channel::Email => settings.smtp_url.is_some(),
        Channel::Sms => settings.sms_url.is_some() || settings.sms_command.is_some(),
        Channel::Letter | Channel::Call | Channel::Visit | Channel::Board | Channel::None => false,
    }
}

/// The pause after the attempt of this number, from 1; none after the last. `chance` is from 0 to 1.
fn pause(n_attempts: i64, chance: f64) -> Option<TimeDelta> {
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

/// When a message claimed at `now` for the attempt of this number is tried again, unless this one succeeds.
pub(super) fn next_attempt(now: At, n_attempts: i64, chance: f64) -> At {
    now + pause(n_attempts, chance).unwrap_or(LEASE)
}

/// Sends claimed messages, some at once, and counts how they ended; `what` names them in the log.
///
/// # Errors
/// The first fault; it does not keep the others from being sent.
pub(super) async fn send_each<M, F>(
    claimed: Vec<M>,
    what: &str,
    send: impl Fn(M) -> F,
) -> Result<Delivered, Error>
where
    F: Future<Output = Result<Fate, Error>> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut fates = Vec::with_capacity(claimed.len());
    for message in claimed {
        if running.len() >= AT_ONCE {
            fates.extend(running.join_next().await);
        }
        running.spawn(send(message));
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
        tracing::warn!(n_postponed = done.n_postponed, "could not send {what}, will try again: {cause}");
    }
    fault.map_or(Ok(done), Err)
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
}
