//! Voice notes: the container is walked packet by packet, for its length and its codec; nothing is decoded.

use std::io::Cursor;
use std::time::Duration;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::default::formats::{IsoMp4Reader, MkvReader, OggReader};

use super::{Unfit, VOICE_MAX};
use crate::domain::ticket::Media;

/// Packets of three minutes at the shortest frames there are, 2.5 ms, and some more.
const PACKETS_MAX: usize = 80_000;

/// How long the note is.
///
/// # Errors
/// `Video`, `Codec`, `TooLong`; `Damaged` when the container cannot be walked or holds no sound.
pub(super) fn duration(bytes: &[u8], media: Media) -> Result<Duration, Unfit> {
    let mut reader = open(bytes, media).map_err(|_cause| Unfit::Damaged)?;
    let track = the_track(reader.tracks())?;
    let (id, time_base) = (track.id, track.time_base.ok_or(Unfit::Damaged)?);
    let (mut first, mut end) = (None, None);
    for n_packets in 0.. {
        let packet = match reader.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            // A recorder that was cut off leaves half a packet at the end; what came before it can be heard.
            Err(Error::IoError(_)) if n_packets > 0 => break,
            Err(_broken) => return Err(Unfit::Damaged),
        };
        if n_packets >= PACKETS_MAX {
            return Err(Unfit::TooLong);
        }
        if packet.track_id != id {
            continue;
        }
        let begins = time_base.calc_time_saturating(packet.pts).as_micros();
        let lasts = time_base.calc_duration_saturating(packet.dur).as_micros();
        let first = *first.get_or_insert(begins);
        let ends = begins.saturating_add(lasts).saturating_sub(first);
        end = end.max(Some(ends));
        if ends > i128::try_from(VOICE_MAX.as_micros()).unwrap_or(i128::MAX) {
            return Err(Unfit::TooLong);
        }
    }
    let micros = end.and_then(|it| u64::try_from(it).ok()).ok_or(Unfit::Damaged)?;
    Ok(Duration::from_micros(micros))
}

fn open(bytes: &[u8], media: Media) -> Result<Box<dyn FormatReader + '_>, Error> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    Ok(match media {
        Media::Ogg => Box::new(OggReader::try_new(stream, options)?),
        Media::Webm => Box::new(MkvReader::try_new(stream, options)?),
        Media::Mp4 | Media::Jpeg | Media::Pdf => Box::new(IsoMp4Reader::try_new(stream, options)?),
    })
}

/// The one track of a voice note.
fn the_track(tracks: &[Track]) -> Result<&Track, Unfit> {
    let mut sound = None;
    for track in tracks {
        match &track.codec_params {
            Some(CodecParameters::Audio(it)) if sound.is_none() => {
                if ![CODEC_ID_OPUS, CODEC_ID_AAC].contains(&it.codec) {
                    return Err(Unfit::Codec);
                }
                sound = Some(track);
            }
            Some(CodecParameters::Audio(_)) | None => return Err(Unfit::Codec),
            Some(CodecParameters::Video(_)) => return Err(Unfit::Video),
            Some(_) => {}
        }
    }
    sound.ok_or(Unfit::Damaged)
}

/// The same MP4 with its descriptions blanked: phones write into them where they were.
///
/// The boxes stay where they are, as free space, so that no offset into the file changes.
pub(super) fn without_place(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len();
    blank(&mut bytes, 0, end, 0);
    bytes
}

/// Boxes lie a few deep in boxes; a deeper nesting is no recorder's.
const DEPTH_MAX: u8 = 8;

fn blank(bytes: &mut [u8], mut at: usize, end: usize, depth: u8) {
    while let Some(header) = bytes.get(at..at.saturating_add(8).min(end)).filter(|it| it.len() == 8) {
        let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let kind = [header[4], header[5], header[6], header[7]];
        let (header_len, size) = match size {
            0 => (8, end - at),
            1 => {
                let Some(long) = bytes.get(at + 8..at + 16).and_then(|it| it.try_into().ok()) else { return };
                (16, usize::try_from(u64::from_be_bytes(long)).unwrap_or(usize::MAX))
            }
            it => (8, usize::try_from(it).unwrap_or(usize::MAX)),
        };
        let Some(next) = at.checked_add(size).filter(|it| size >= header_len && *it <= end) else { return };
        match &kind {
            b"udta" | b"meta" | b"uuid" => {
                bytes[at + 4..at + 8].copy_from_slice(b"free");
                bytes[at + header_len..next].fill(0);
            }
            b"moov" | b"trak" | b"moof" | b"traf" | b"mdia" if depth < DEPTH_MAX => {
                blank(bytes, at + header_len, next, depth + 1);
            }
            _ => {}
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).expect("small").to_be_bytes();
        [&size[..], &kind, body].concat()
    }

    #[test]
    fn descriptions_are_blanked_where_they_stand() {
        let place = boxed(*b"udta", b"\xa9xyz+26.04+119.33/");
        let track = boxed(*b"trak", &boxed(*b"meta", b"by Li"));
        let file =
            [boxed(*b"ftyp", b"M4A "), boxed(*b"moov", &[place, track].concat()), boxed(*b"mdat", b"sound")]
                .concat();

        let kept = without_place(file.clone());

        assert_eq!(kept.len(), file.len());
        for word in [&b"+26.04"[..], b"by Li", b"udta", b"meta"] {
            assert!(!kept.windows(word.len()).any(|it| it == word));
        }
        assert!(kept.ends_with(b"mdatsound"));
    }

    #[test]
    fn boxes_that_lie_about_their_size_are_left() {
        for size in [7_u32, 9_999, u32::MAX] {
            let file = [&size.to_be_bytes()[..], b"moov", b"udta"].concat();
            assert_eq!(without_place(file.clone()), file);
        }
        let endless = [&[0_u8; 4][..], b"moov"].concat().repeat(10_000);
        assert_eq!(without_place(endless.clone()).len(), endless.len());
    }
}
