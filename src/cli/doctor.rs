//! `doctor` and `migrate`: what is in force, what is wrong, and bringing the database up to date.

use serde_json::json;

use super::{Failure, Outcome, say};
use crate::clock::Clock;
use crate::config::Settings;
use crate::keys::Keys;
use crate::service::health::{self, Check};
use crate::service::{delivery, start};

/// Prints the settings and the checks; fails when a check does.
///
/// `test_to` is where a test mail is sent, if it is asked for.
pub(super) fn run(settings: &Settings, json: bool, test_to: Option<&str>) -> Outcome {
    let mut checks = checks(settings);
    if let Some(to) = test_to {
        let sending = delivery::send_test(settings, to, Clock::System.now());
        checks.push(Check::of("test mail", actix_web::rt::System::new().block_on(sending)));
    }
    let n_failed = checks.iter().filter(|it| !it.is_ok).count();
    if json {
        let shown = settings
            .shown()
            .iter()
            .map(|it| json!({"name": it.name, "value": it.value, "origin": it.origin.to_string()}));
        let found = checks.iter().map(|it| json!({"name": it.name, "is_ok": it.is_ok, "detail": it.detail}));
        let report = json!({
            "settings": shown.collect::<Vec<_>>(),
            "checks": found.collect::<Vec<_>>(),
            "is_ok": n_failed == 0,
        });
        say(&format!("{report:#}"))?;
    } else {
        say("settings")?;
        for it in settings.shown() {
            let value = if it.value.is_empty() { "-" } else { &it.value };
            say(&format!("  {:<20} {value}  ({})", it.name, it.origin))?;
        }
        say("checks")?;
        for it in &checks {
            let mark = if it.is_ok { "ok  " } else { "FAIL" };
            say(&format!("  {mark} {:<15} {}", it.name, it.detail.replace('\n', "\n       ")))?;
        }
    }
    match n_failed {
        0 => Ok(()),
        n => Err(Failure::Failed(format!("{n} check(s) failed"))),
    }
}

fn checks(settings: &Settings) -> Vec<Check> {
    let key = match Keys::load(&settings.key_file) {
        Ok(keys) => Ok(format!("id {}", keys.id)),
        Err(error) if !settings.key_file.exists() => {
            Err(format!("{error}\nhint: the first `red-mailbox serve` makes it"))
        }
        Err(error) => Err(error.to_string()),
    };
    let mut checks = vec![Check::of("key file", key), Check::of("free space", health::room(settings))];
    checks.extend(health::database(settings));
    checks.push(health::holidays(Clock::System.now(), &health::years_loaded(settings)));
    checks.push(Check::of("mail", delivery::outlook(settings)));
    checks.push(Check::of("text messages", delivery::outlook_of_texts(settings)));
    checks
}

/// Applies what is pending, or only names it.
pub(super) fn migrate(settings: &Settings, dry_run: bool) -> Outcome {
    super::start_log(settings);
    if !dry_run {
        start::migrate(settings).map_err(|it| Failure::of_start(&it))?;
    }
    let steps = health::steps(settings).map_err(|it| Failure::of_start(&it))?;
    for (name, is_applied) in steps {
        say(&format!("{} {name}", if is_applied { "applied" } else { "pending" }))?;
    }
    Ok(())
}
