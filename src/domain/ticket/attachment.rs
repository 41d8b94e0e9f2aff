//! Attachments: photos, documents and voice notes of a ticket; the files lie in the data folder, their hashes in the trail.

use unicode_normalization::UnicodeNormalization as _;

use super::event::TicketEvent;
use super::{Change, Doing, Place, Status, Ticket, Verb, text};
use crate::domain::people::{Actor, Permission};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At};
use crate::words;

/// Attachments of one ticket; as many as a submission may announce.
pub const ATTACHMENTS_MAX: usize = 20;
/// Bytes of a displayed name: what file systems take for one.
const NAME_BYTES_MAX: usize = 255;

words! {
    /// What an attachment is, as it is kept: photos are always written anew as JPEG.
    Media {
        Jpeg = "image/jpeg", Pdf = "application/pdf", Webm = "audio/webm", Ogg = "audio/ogg", Mp4 = "audio/mp4",
    }
}

impl Media {
    /// The ending of a displayed name.
    pub fn extension(self) -> &'static str {
        match self {
            Media::Jpeg => "jpg",
            Media::Pdf => "pdf",
            Media::Webm => "webm",
            Media::Ogg => "ogg",
            Media::Mp4 => "m4a",
        }
    }

    pub fn is_photo(self) -> bool {
        self == Media::Jpeg
    }

    /// What it is called when nobody named it.
    fn word(self) -> &'static str {
        match self {
            Media::Jpeg => "照片",
            Media::Pdf => "文件",
            Media::Webm | Media::Ogg | Media::Mp4 => "语音",
        }
    }
}

/// An attachment; its displayed name lies beside the log under `attachment.{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// From 1, within the ticket.
    pub id: u32,
    pub cycle: u32,
    pub filed: Filed,
    /// Sent by the holder of the receipt, not by staff.
    pub by_resident: bool,
    /// Shown to the resident; what the resident sent always is.
    pub shown: bool,
    pub added_by: Option<AccountId>,
    pub added_at: At,
}

/// A file that lies in the storage room.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Filed {
    pub media: Media,
    /// The name the server gave it; several tickets may share one file.
    pub file: String,
    pub n_bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// Of the small picture beside it, for photos.
    pub thumbnail_sha256: Option<String>,
    /// Of a voice note.
    pub duration_ms: Option<u64>,
}

impl Ticket {
    /// Lets `actor` attach something: the resident while the matter may be supplemented, staff who may note at any time.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` by rights; `Illegal` by status; `Rule` when there are enough.
    pub fn check_attach(&self, actor: &Actor, place: &Place) -> Result<(), Refusal> {
        match actor {
            Actor::Staff(staff) => {
                if !self.is_seen_by(staff, place) {
                    return Err(Refusal::NotFound(self.number.clone()));
                }
                if !self.allows(staff, Permission::Note, place) {
                    return Err(Refusal::Forbidden(Permission::Note));
                }
            }
            Actor::Resident
                if self.erased_at.is_some() || !Verb::Supplement.statuses().contains(&self.status) =>
            {
                let legal = self.actions(actor, place).into_iter().map(|it| it.to_string()).collect();
                let status = self.status.to_string();
                return Err(Refusal::Illegal { verb: "attach".to_owned(), status, legal });
            }
            Actor::Resident | Actor::System => {}
            Actor::Kiosk { .. } | Actor::Timer => return Err(Refusal::Forbidden(Permission::Note)),
        }
        self.check_room()
    }

    fn check_room(&self) -> Result<(), Refusal> {
        if self.attachments.len() >= ATTACHMENTS_MAX {
            return Err(Refusal::Rule {
                slug: "too-many-attachments",
                message: format!(
                    "一件诉求最多 {ATTACHMENTS_MAX} 个附件，已经满了。请用文字补充。 A ticket takes at most {ATTACHMENTS_MAX} attachments and has them; add the rest in words."
                ),
            });
        }
        Ok(())
    }

    /// Attaches a file that lies in the storage room; what a resident sends ends waiting, like a supplement.
    ///
    /// # Errors
    /// As [`Ticket::check_attach`].
    pub fn attach(self, filed: Filed, name: String, shown: bool, doing: &Doing) -> Result<Change, Refusal> {
        self.check_attach(doing.actor, doing.place)?;
        Ok(self.with_file(filed, name, shown, doing))
    }

    /// Attaches a scan of the letter it came in; whoever registers letters was let in by the collection, also where
    /// the ticket itself is sealed. The resident is not shown it.
    ///
    /// # Errors
    /// `Rule` when there are enough.
    pub fn attach_scan(self, filed: Filed, name: String, doing: &Doing) -> Result<Change, Refusal> {
        self.check_room()?;
        Ok(self.with_file(filed, name, false, doing))
    }

    fn with_file(self, filed: Filed, name: String, shown: bool, doing: &Doing) -> Change {
        let by_resident = *doing.actor == Actor::Resident;
        let last = self.attachments.last().map_or(0, |it| it.id);
        let attachment = last.saturating_add(1);
        let ends_waiting = by_resident && self.status == Status::Waiting;
        let shown = shown || by_resident;
        let mut change = Change::of(self, doing);
        change.push(
            TicketEvent::AttachmentAdded { attachment, filed, by_resident, shown },
            vec![(text::attachment(attachment), name)],
        );
        if ends_waiting {
            change.push(TicketEvent::Resumed {}, vec![]);
        }
        change
    }

    /// The attachment with `id`, if `actor` may see it: staff who work with the ticket all, the resident the own
    /// ones and those staff show. Leaders and auditors none: a scan may hold contact data.
    ///
    /// # Errors
    /// `NotFound` for an unknown one and one not shown; `Forbidden` for staff without the right.
    pub fn find_attachment(&self, id: u32, actor: &Actor, place: &Place) -> Result<&Attachment, Refusal> {
        if actor.staff().is_some() && !self.shows_attachments(actor, place) {
            return Err(Refusal::Forbidden(Permission::ReadAttachments));
        }
        let unknown = || Refusal::NotFound(format!("附件 attachment {id}"));
        self.attachments_for(actor, place).find(|it| it.id == id).ok_or_else(unknown)
    }

    /// The attachments `actor` may see, oldest first.
    pub fn attachments_for(&self, actor: &Actor, place: &Place) -> impl Iterator<Item = &Attachment> {
        let (is_resident, shows) = (*actor == Actor::Resident, self.shows_attachments(actor, place));
        self.attachments.iter().filter(move |it| shows && (!is_resident || it.shown))
    }

    fn shows_attachments(&self, actor: &Actor, place: &Place) -> bool {
        match actor {
            Actor::Staff(staff) => self.allows(staff, Permission::ReadAttachments, place),
            Actor::Resident | Actor::System => true,
            Actor::Kiosk { .. } | Actor::Timer => false,
        }
    }
}

/// A name to show for a file, made of what somebody called it: one line without folders, control characters,
/// characters that are not seen or turn the direction of writing; it ends as its kind ends.
pub fn display_name(given: &str, media: Media) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.nfc().filter(|it| !it.is_control() && !is_hidden(*it)).collect();
    let words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let stem = words.rsplit_once('.').filter(|it| is_ending(it.1)).map_or(words.as_str(), |it| it.0);
    let stem = stem.trim_matches(['.', ' ']);
    let stem = if stem.is_empty() { media.word() } else { stem };
    let ending = format!(".{}", media.extension());
    let mut end = stem.len().min(NAME_BYTES_MAX - ending.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", stem[..end].trim_end())
}

/// A file's ending as people know them; a long one is a part of the name.
fn is_ending(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

/// Format characters: zero width, direction marks, tags, soft hyphen, byte order mark (Unicode category Cf).
fn is_hidden(it: char) -> bool {
    matches!(it,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere_hide_or_turn_around() {
        for (given, expected) in [
            ("IMG_0042.JPG", "IMG_0042.jpg"),
            ("../../etc/passwd", "passwd.jpg"),
            ("C:\\Users\\li\\灯坏了.png", "灯坏了.jpg"),
            ("..", "照片.jpg"),
            ("", "照片.jpg"),
            (".htaccess", "htaccess.jpg"),
            ("a\u{200b}b\u{202e}gpj.exe", "abgpj.jpg"),
            ("a\r\nSet-Cookie: x=1", "aSet-Cookie: x=1.jpg"),
            ("\u{0}", "照片.jpg"),
            ("<script>.html", "<script>.jpg"),
            ("3号楼  楼道 .jpeg", "3号楼 楼道.jpg"),
        ] {
            assert_eq!(display_name(given, Media::Jpeg), expected, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = display_name(&format!("{}.pdf", "信".repeat(100)), Media::Pdf);

        assert_eq!(name.len(), 255 - 3 + 1);
        assert!(name.ends_with("信.pdf"), "{name}");
        assert_eq!(display_name(&"a".repeat(300), Media::Pdf).len(), 255);
    }
}
