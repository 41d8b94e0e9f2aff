//! Files that people send: recognised by their first bytes, bounded before they are read, made harmless.
//!
//! Rules of this room: bytes in, bytes out. It trusts no name and no type that was claimed, knows no ticket and no
//! rights, and writes nothing to the log. What it reads may be hostile, so every size is checked before memory is given.

mod photo;
mod voice;

use std::time::Duration;

use crate::domain::ticket::Media;

/// Bytes of one file: phones take photos of up to 15 MB, and a scanned letter of several pages has less.
pub const BYTES_MAX: usize = 20 * 1024 * 1024;
/// The longest voice note (issue 4): a kiosk's or phone's recorder stops there.
pub const VOICE_MAX: Duration = Duration::from_mins(3);
/// A PDF's end stands within its last bytes (ISO 32000-1, annex H.3 note 18).
const PDF_END_WITHIN: usize = 1024;

/// A file as it may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    pub media: Media,
    pub bytes: Vec<u8>,
    /// A small JPEG, of a photo.
    pub thumbnail: Option<Vec<u8>>,
    /// Of a voice note.
    pub duration: Option<Duration>,
}

/// Why a file is not taken, in words for who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("文件是空的，请重新选择。 The file is empty; choose it again.")]
    Empty,
    #[error(
        "只收照片（JPEG、PNG、WebP）、PDF 和语音（WebM、Ogg、M4A）。 Only photos (JPEG, PNG, WebP), PDF and voice notes (WebM, Ogg, M4A) are taken."
    )]
    Unknown,
    #[error(
        "暂不支持 HEIC 照片。请在 iPhone“设置—相机—格式”里选“兼容性最佳”再拍一张，或发截图。 HEIC photos cannot be read; set the iPhone's Camera > Formats to Most Compatible and take it again, or send a screenshot."
    )]
    Heic,
    #[error(
        "文件损坏，无法读取，请重新拍摄或录制。 The file is damaged and cannot be read; take or record it again."
    )]
    Damaged,
    #[error(
        "照片太大：最多 5,000 万像素，边长不超过 20,000。请缩小后再发。 The photo has too many pixels: at most 50 million, and 20,000 a side; make it smaller."
    )]
    TooManyPixels,
    #[error("语音最长 3 分钟，请分几段录。 A voice note may last 3 minutes; record it in parts.")]
    TooLong,
    #[error("只收语音，不收视频。请发照片或语音。 Voice only, no video; send a photo or a voice note.")]
    Video,
    #[error(
        "语音只收 Opus 或 AAC 编码。请用浏览器录音，或换一种格式。 Voice notes must be Opus or AAC; record in the browser, or convert it."
    )]
    Codec,
}

/// What a file's first bytes say it is.
enum Kind {
    Photo(image::ImageFormat),
    Pdf,
    Voice(Media),
}

/// Reads a file of at most [`BYTES_MAX`] bytes and makes it fit to be kept. Takes its time: not for an async thread.
///
/// Photos are decoded and written anew, upright and without anything but the picture: no place, no camera, no hidden
/// file behind it. Needs up to about 250 MB for the largest photo.
///
/// # Errors
/// [`Unfit`] with what to do instead.
pub fn prepare(bytes: Vec<u8>) -> Result<Fit, Unfit> {
    match recognise(&bytes)? {
        Kind::Photo(format) => {
            let photo = photo::read(&bytes, format)?;
            let (bytes, thumbnail) = (photo.picture, Some(photo.thumbnail));
            Ok(Fit { media: Media::Jpeg, bytes, thumbnail, duration: None })
        }
        Kind::Pdf => {
            let end = &bytes[bytes.len().saturating_sub(PDF_END_WITHIN)..];
            if !end.windows(5).any(|it| it == b"%%EOF") {
                return Err(Unfit::Damaged);
            }
            Ok(Fit { media: Media::Pdf, bytes, thumbnail: None, duration: None })
        }
        Kind::Voice(media) => {
            let duration = voice::duration(&bytes, media)?;
            let bytes = if media == Media::Mp4 { voice::without_place(bytes) } else { bytes };
            Ok(Fit { media, bytes, thumbnail: None, duration: Some(duration) })
        }
    }
}

/// Magic bytes at the very beginning, so that nothing of another kind stands before them.
fn recognise(bytes: &[u8]) -> Result<Kind, Unfit> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if bytes.is_empty() {
        Err(Unfit::Empty)
    } else if begins(b"\xff\xd8\xff") {
        Ok(Kind::Photo(image::ImageFormat::Jpeg))
    } else if begins(b"\x89PNG\r\n\x1a\n") {
        Ok(Kind::Photo(image::ImageFormat::Png))
    } else if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Ok(Kind::Photo(image::ImageFormat::WebP))
    } else if begins(b"%PDF-") {
        Ok(Kind::Pdf)
    } else if begins(b"OggS") {
        Ok(Kind::Voice(Media::Ogg))
    } else if begins(b"\x1a\x45\xdf\xa3") {
        Ok(Kind::Voice(Media::Webm))
    } else if bytes.get(4..8) == Some(b"ftyp") {
        match bytes.get(8..12) {
            Some(
                b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" | b"avif"
                | b"avis",
            ) => Err(Unfit::Heic),
            Some(_) | None => Ok(Kind::Voice(Media::Mp4)),
        }
    } else {
        Err(Unfit::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes_alone() {
        for (bytes, expected) in [
            (&b""[..], Unfit::Empty),
            (b"GIF89a", Unfit::Unknown),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Unfit::Unknown),
            (b"PK\x03\x04", Unfit::Unknown),
            (b"  %PDF-1.7\n%%EOF", Unfit::Unknown),
            (b"%PDF-1.7\n", Unfit::Damaged),
            (b"\0\0\0\x18ftypheic\0\0\0\0", Unfit::Heic),
            (b"\xff\xd8\xff\xe0 no picture", Unfit::Damaged),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Unfit::Damaged),
            (b"OggS", Unfit::Damaged),
            (b"\x1a\x45\xdf\xa3", Unfit::Damaged),
            (b"\0\0\0\x18ftypM4A \0\0\0\0", Unfit::Damaged),
        ] {
            assert_eq!(prepare(bytes.to_vec()), Err(expected), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_pdf_with_its_end_is_kept_as_it_is() {
        let bytes = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n".to_vec();

        let fit = prepare(bytes.clone());

        assert_eq!(fit, Ok(Fit { media: Media::Pdf, bytes, thumbnail: None, duration: None }));
    }
}
