//! Texts beside the log: each must be the one that its event committed to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Finding, Report, Spot};
use crate::domain::chain::commitment;
use crate::domain::event::Recorded;

/// A salt's length in bytes.
const SALT_BYTES: usize = 16;

/// What an event commits to.
#[derive(Deserialize)]
struct Committed {
    #[serde(default)]
    commitments: BTreeMap<String, String>,
}

/// A text as it is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptText<'a> {
    /// The place of its event in the chain.
    pub seq: i64,
    pub name: &'a str,
    pub salt: &'a [u8],
    pub body: &'a str,
}

/// Opens every commitment of a chain with its text; those of events before `erased_at` may be gone.
///
/// `see` hears of each commitment in order: its name, and its text unless that is gone. `spot` names the table.
pub(super) fn open_commitments<'a>(
    events: &[Recorded],
    texts: impl Iterator<Item = KeptText<'a>>,
    erased_at: i64,
    spot: &Spot,
    report: &mut Report,
    mut see: impl FnMut(&str, Option<&'a str>),
) {
    let mut texts: BTreeMap<(i64, String), KeptText<'a>> =
        texts.map(|it| ((it.seq, it.name.to_owned()), it)).collect();
    for event in events {
        // Most events have none, and looking is cheaper than reading.
        if !event.data.contains("\"commitments\"") {
            continue;
        }
        let Ok(committed) = serde_json::from_str::<Committed>(&event.data) else { continue };
        for (name, expected) in committed.commitments {
            let text = texts.remove(&(event.seq, name.clone()));
            let spot = || Spot { seq: Some(event.seq), column: name.clone(), ..spot.clone() };
            match text {
                Some(text)
                    if text.salt.len() == SALT_BYTES
                        && commitment(text.salt, &name, text.body) == expected => {}
                Some(_) => report.add(Finding::new(
                    "text",
                    spot(),
                    "文字与事件里的承诺不符：被改动过",
                    "the text is not the one the event committed to: it was changed",
                )),
                None if event.seq < erased_at => {}
                None => report.add(Finding::new(
                    "text-missing",
                    spot(),
                    "文字已删除或丢失，而没有删除的事件",
                    "the text is erased or missing, and no later event says so",
                )),
            }
            see(&name, text.map(|it| it.body));
        }
    }
    for (seq, name) in texts.into_keys() {
        let spot = Spot { seq: Some(seq), column: name, ..spot.clone() };
        report.add(Finding::new(
            "text-stray",
            spot,
            "这段文字没有事件承诺过",
            "no event committed to this text",
        ));
    }
}
