//! Time passing: once a second, what is due is done, figures follow, and replies that are due are sent.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::clock::{Jump, JumpWatch};
use crate::domain::ticket::Channel;
use crate::service::{App, Error, delivery, messages, statistics, timer};

/// Nothing the product promises is finer than a minute; a second keeps alarms prompt.
const EVERY: Duration = Duration::from_secs(1);
/// A digest may wait a minute; who has one due is looked up so often.
const GATHER_EVERY_BEATS: u32 = 60;
/// What a conversation with the mail server may still take once the server stops. One cut off is held by
/// its lease and sent again later, under the same Message-ID.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Ticks until `stop` says so; a tick that has begun is finished.
///
/// Each channel has a beat of its own, so that a slow mail server holds up no timer and no text message.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let mut watch = JumpWatch::begin();
    let timers = repeat("run timers", stop.clone(), async || {
        let now = app.clock.now();
        if let Some(jump) = watch.look(now) {
            say_jump(jump);
        }
        timer::tick(&app, now).await.map(|_done| ())
    });
    let figures = repeat("follow figures", stop.clone(), async || {
        statistics::follow(&app, app.clock.now()).await.map(|_done| ())
    });
    let mails = deliver(&app, Channel::Email, "RED_MAILBOX_SMTP_URL", stop.clone());
    let texts = deliver(&app, Channel::Sms, "RED_MAILBOX_SMS_COMMAND", stop.clone());
    let notices = tell(&app, Channel::Email, stop.clone());
    let dates = tell(&app, Channel::Sms, stop.clone());
    tokio::join!(timers, figures, mails, texts, notices, dates);
}

/// Says what the machine's clock did; nothing is mended, because each alarm is recorded once and none is forgotten.
fn say_jump(jump: Jump) {
    let jump_ms = jump.by().num_milliseconds();
    let seconds = (jump_ms + jump_ms.signum() * 500) / 1_000;
    let way = if seconds < 0 { "back" } else { "forward" };
    tracing::warn!(
        jump_s = seconds,
        "the machine's clock jumped {way} by {} s: it should say {} and says {}; alarms said already stay said, what is due now is said now\nhint: let a time server set the clock",
        seconds.unsigned_abs(),
        jump.expected,
        jump.found
    );
}

/// Sends the messages on `channel` that answer nobody, on a beat of their own: they hold up no reply.
async fn tell(app: &App, channel: Channel, stop: watch::Receiver<bool>) {
    if !delivery::is_set(&app.settings, channel) {
        return;
    }
    let mut ending = stop.clone();
    let what = format!("send messages by {channel}");
    let mut n_beats = 0_u32;
    let sending = repeat(&what, stop, async || {
        if channel == Channel::Email && n_beats.is_multiple_of(GATHER_EVERY_BEATS) {
            messages::gather(app, app.clock.now()).await?;
        }
        n_beats = n_beats.wrapping_add(1);
        messages::deliver_by(app, channel, app.clock.now()).await.map(|_done| ())
    });
    tokio::select! {
        () = sending => {}
        () = async {
            drop(ending.wait_for(|it| *it).await);
            tokio::time::sleep(FINISH_WITHIN).await;
        } => tracing::warn!("stopped while messages by {channel} were being sent; they are sent again later"),
    }
}

/// Sends the replies on `channel` until `stop` says so; without what `setting` names they wait.
async fn deliver(app: &App, channel: Channel, setting: &str, stop: watch::Receiver<bool>) {
    if !delivery::is_set(&app.settings, channel) {
        tracing::warn!("replies by {channel} stay queued; hint: set {setting}");
        return;
    }
    let mut ending = stop.clone();
    let what = format!("send replies by {channel}");
    let sending = repeat(&what, stop, async || {
        delivery::deliver_by(app, channel, app.clock.now()).await.map(|_done| ())
    });
    tokio::select! {
        () = sending => {}
        () = async {
            // An error means that nobody is left to say stop, which is the same.
            drop(ending.wait_for(|it| *it).await);
            tokio::time::sleep(FINISH_WITHIN).await;
        } => tracing::warn!("stopped while replies by {channel} were being sent; they are sent again later"),
    }
}

/// Does `act` once a second until `stop` says so.
async fn repeat(
    what: &str,
    mut stop: watch::Receiver<bool>,
    mut act: impl AsyncFnMut() -> Result<(), Error>,
) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        tokio::select! {
            biased;
            _changed = stop.wait_for(|it| *it) => return,
            _instant = beat.tick() => {}
        }
        match act().await {
            Ok(()) if is_failing => {
                tracing::info!("could {what} again");
                is_failing = false;
            }
            Ok(()) => {}
            // One line when it starts to fail, not one a second.
            Err(error) if !is_failing => {
                tracing::error!("could not {what}: {error}");
                is_failing = true;
            }
            Err(_again) => {}
        }
    }
}
