//! The photo of an opening and scans of its letters: what may be added, and to which letter it belongs.

use super::collection::{Change, Collection, Doing, text};
use super::event::CollectionEvent;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Filed, Media};
use crate::domain::value::At;

/// Files of one letter, and photos of one opening: as many as a ticket takes.
pub const ATTACHMENTS_PER_LETTER_MAX: usize = 20;

/// A file of a collection; its displayed name lies beside the log under `attachment.{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionAttachment {
    /// From 1, within the collection.
    pub id: u32,
    /// The letter it is a scan of, which may still wait to be registered; None for a photo of the opening.
    pub letter: Option<u32>,
    pub filed: Filed,
    pub added_at: At,
}

impl Collection {
    /// The files of `letter`, or of the opening itself, in the order in which they were added.
    pub fn attachments_of(&self, letter: Option<u32>) -> impl Iterator<Item = &CollectionAttachment> {
        self.attachments.iter().filter(move |it| it.letter == letter)
    }

    /// The attachment with `id`.
    pub fn attachment(&self, id: u32) -> Option<&CollectionAttachment> {
        self.attachments.iter().find(|it| it.id == id)
    }

    /// The file with this hash at `letter`: the same picture sent again is there already.
    pub fn attached_before(&self, letter: Option<u32>, sha256: &str) -> Option<&CollectionAttachment> {
        self.attachments_of(letter).find(|it| it.filed.sha256 == sha256)
    }

    /// Refuses the number of a letter that cannot be there: beyond those that were counted or, once the collection is
    /// closed, beyond those that were accounted for.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check_has_letter(&self, letter: Option<u32>) -> Result<(), Refusal> {
        let known = if self.is_open() { self.letters_counted } else { self.next_letter() - 1 };
        if letter.is_some_and(|it| it == 0 || it > known) {
            let message = if known == 0 {
                "这次开箱没有信，请不填信号。 There is no letter in this collection; leave it out.".to_owned()
            } else {
                format!(
                    "这次开箱有 {known} 封信，请填 1 到 {known}。 This collection has {known} letter(s); give 1 to {known}."
                )
            };
            return Err(Refusal::field("letter", message));
        }
        Ok(())
    }

    fn check_room(&self, letter: Option<u32>) -> Result<(), Refusal> {
        if self.attachments_of(letter).count() >= ATTACHMENTS_PER_LETTER_MAX {
            return Err(Refusal::Rule {
                slug: "too-many-attachments",
                message: format!(
                    "一封信（或一次开箱）最多 {ATTACHMENTS_PER_LETTER_MAX} 个附件，已经满了。请把几页合成一个 PDF。 A letter, or an opening, takes at most {ATTACHMENTS_PER_LETTER_MAX} attachments and has them; put several pages into one PDF."
                ),
            });
        }
        Ok(())
    }

    /// Adds a photo of the opening, or a scan of `letter`; at any time, as paper is often scanned later.
    ///
    /// # Errors
    /// `Invalid` for a letter that cannot be there and for what is no picture and no PDF, `Rule` when there are
    /// enough.
    pub fn attach(
        self,
        letter: Option<u32>,
        filed: Filed,
        name: String,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        self.check_has_letter(letter)?;
        match filed.media {
            Media::Jpeg | Media::Pdf => {}
            Media::Webm | Media::Ogg | Media::Mp4 => {
                return Err(Refusal::field(
                    "file",
                    "信的扫描件和开箱照片须是照片或 PDF。 A scan or a photo of an opening is a picture or a PDF.",
                ));
            }
        }
        self.check_room(letter)?;
        let attachment = self.attachments.iter().map(|it| it.id).max().unwrap_or(0) + 1;
        let texts = vec![(text::attachment(attachment), name)];
        Ok(self.with(CollectionEvent::AttachmentAdded { attachment, letter, filed }, texts, doing))
    }
}
