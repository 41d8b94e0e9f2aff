//! Time passing: once a second, what is due is done.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::service::{App, timer};

/// Nothing the product promises is finer than a minute; a second keeps alarms prompt.
const EVERY: Duration = Duration::from_secs(1);

/// Ticks until `stop` says so; a tick that has begun is finished.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_failing = false;
    loop {
        tokio::select! {
            biased;
            _changed = stop.wait_for(|it| *it) => return,
            _instant = beat.tick() => {}
        }
        match timer::tick(&app, app.clock.now()).await {
            Ok(_done) if is_failing => {
                tracing::info!("timers run again");
                is_failing = false;
            }
            Ok(_done) => {}
            // One line when it starts to fail, not one a second.
            Err(error) if !is_failing => {
                tracing::error!("could not run timers: {error}");
                is_failing = true;
            }
            Err(_again) => {}
        }
    }
}
