//! Enclosures: files laid by while somebody fills in a form, until the form is sent or a day has passed.
//!
//! The form carries a sealed list of them, so that nothing but the files lies on the server before it is sent. A pass
//! lets whoever holds it read one file for a while: pictures and sounds of a page are asked for without a code.

use std::time::Duration;

use chrono::TimeDelta;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::attachments::{self, attach_laid};
use super::circumstances::Circumstances;
use super::desk::Opened;
use super::tokens::keyed;
use super::{App, Caller, Error};
use crate::domain::chain::hex;
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Filed, Media, Ticket};
use crate::domain::value::At;
use crate::store::files::{Arriving, Part};
use crate::store::{Db, StoreError};

/// Files of one form: some photos and what was said; more can be added to the ticket.
pub const ENCLOSED_MAX: usize = 6;
/// A page that was left open for longer is loaded anew.
const PASS_LASTS: TimeDelta = TimeDelta::minutes(30);

/// A file that a form encloses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    filed: Filed,
    name: String,
}

impl Enclosure {
    pub fn media(&self) -> Media {
        self.filed.media
    }

    /// Of a voice note.
    pub fn duration(&self) -> Option<Duration> {
        self.filed.duration_ms.map(Duration::from_millis)
    }

    /// A pass to its small picture, or to all of it where there is none.
    pub fn pass(&self, app: &App) -> String {
        let part = if self.filed.thumbnail_sha256.is_some() { Part::Thumbnail } else { Part::Whole };
        pass(app, &self.filed, part)
    }
}

/// What a form encloses, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enclosures(Vec<Enclosure>);

impl Enclosures {
    /// Reads what a form carries; what we did not seal encloses nothing.
    pub fn unseal(app: &App, text: &str) -> Self {
        let list = text.split_once(':').filter(|(tag, list)| {
            let expected = tag_of(app, "enclosures", list);
            bool::from(expected.as_bytes().ct_eq(tag.as_bytes()))
        });
        Self(list.and_then(|it| serde_json::from_str(it.1).ok()).unwrap_or_default())
    }

    /// What the form carries along; empty for nothing.
    pub fn seal(&self, app: &App) -> String {
        match serde_json::to_string(&self.0) {
            Ok(list) if !self.0.is_empty() => format!("{}:{list}", tag_of(app, "enclosures", &list)),
            Ok(_) | Err(_) => String::new(),
        }
    }

    /// Takes one more in.
    ///
    /// # Errors
    /// `Invalid`, field `file`, for a file that is not fit and for one too many; `Busy`.
    pub async fn lay_by(&mut self, app: &App, arriving: Arriving, name: &str) -> Result<(), Error> {
        if self.0.len() >= ENCLOSED_MAX {
            let message = format!(
                "一次最多附 {ENCLOSED_MAX} 个，提交后还可以补充。 At most {ENCLOSED_MAX} at a time; add more once it is sent."
            );
            return Err(Refusal::field("file", message).into());
        }
        let (filed, name) = attachments::lay_by(app, arriving, name).await?;
        self.0.push(Enclosure { filed, name });
        Ok(())
    }

    /// Takes one out again; its file goes with the day.
    pub fn take_out(&mut self, nth: usize) {
        if nth < self.0.len() {
            self.0.remove(nth);
        }
    }

    pub fn list(&self) -> &[Enclosure] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many, as a submission announces them.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Attaches all to the ticket that the form became, each once under the form's key.
    ///
    /// # Errors
    /// As [`attachments::attach`]; what was attached before stays.
    pub async fn attach(&self, app: &App, ticket: &Ticket, key: &str) -> Result<(), Error> {
        for (nth, it) in self.0.iter().enumerate() {
            let opened = opened_by_sender(app, ticket).await?;
            let file = (it.filed.clone(), it.name.clone());
            attach_laid(app, opened, file, &format!("{key}/{nth}")).await?;
        }
        Ok(())
    }
}

/// A ticket for whoever has just sent it, who is told its code in the same answer.
async fn opened_by_sender(app: &App, ticket: &Ticket) -> Result<Opened, Error> {
    let ticket = ticket.clone();
    app.store
        .read(move |db: &mut Db| -> Result<_, Error> {
            let caller = Caller { actor: Actor::Resident, place: Some("web".to_owned()) };
            let surroundings = Circumstances::of(db, &ticket)?;
            Ok(Opened { ticket: ticket.clone(), surroundings, caller })
        })
        .await
}

fn tag_of(app: &App, label: &str, text: &str) -> String {
    let mut mac = keyed(&app.keys.enclosure);
    mac.update(label.as_bytes());
    mac.update(b"\0");
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// A pass to read `part` of a file: what it is and until when, sealed.
pub fn pass(app: &App, filed: &Filed, part: Part) -> String {
    let until = (app.clock.now() + PASS_LASTS).micros();
    let part = match part {
        Part::Whole => "w",
        Part::Thumbnail => "t",
    };
    let told = format!("{}-{part}-{}-{until}", filed.file, filed.media.extension());
    format!("{told}-{}", tag_of(app, "pass", &told))
}

/// A file as a pass opens it.
#[derive(Debug, Clone)]
pub struct Passed {
    pub media: Media,
    pub bytes: Vec<u8>,
}

/// Opens the file that `pass` is for.
///
/// # Errors
/// `NotFound` for a pass that is not ours or over, and for a file that is gone.
pub async fn open(app: &App, pass: &str) -> Result<Passed, Error> {
    let unknown = || Error::from(Refusal::NotFound("文件 the file".to_owned()));
    let (told, tag) = pass.rsplit_once('-').ok_or_else(unknown)?;
    if !bool::from(tag_of(app, "pass", told).as_bytes().ct_eq(tag.as_bytes())) {
        return Err(unknown());
    }
    let parts: Vec<&str> = told.split('-').collect();
    let [file, part, ending, until] = parts.as_slice() else { return Err(unknown()) };
    let until: i64 = until.parse().map_err(|_unreadable| unknown())?;
    if app.clock.now() > At::from_micros(until) {
        return Err(unknown());
    }
    let (part, media) = match (*part, Media::ALL.iter().find(|it| it.extension() == *ending)) {
        ("w", Some(media)) => (Part::Whole, *media),
        ("t", Some(_)) => (Part::Thumbnail, Media::Jpeg),
        _ => return Err(unknown()),
    };
    let (room, file) = (attachments::room(app), (*file).to_owned());
    let bytes = attachments::off_thread(move || room.open(&file, part)).await?;
    let bytes =
        bytes.map_err(|fault| if fault == StoreError::NotFound { unknown() } else { fault.into() })?;
    Ok(Passed { media, bytes })
}
