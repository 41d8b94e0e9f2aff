//! The trail's hashes: events linked by SHA-256, texts committed to with a salt, heads sealed with a key.
//!
//! What this cannot show: events never written, or a history rewritten by someone who holds the key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::event::{Recorded, Stream};

/// A SHA-256 hash or HMAC-SHA-256 tag.
pub type Hash = [u8; 32];

/// The salt of one text: 128 random bits, so that erased text cannot be guessed from its commitment.
pub type Salt = [u8; 16];

/// What the first event of a chain links to.
pub const GENESIS: Hash = [0; 32];

/// The key that seals the heads, kept outside the database and named by id.
#[derive(Clone)]
pub struct SealKey {
    /// The key's public name.
    pub id: String,
    bytes: [u8; 32],
}

impl SealKey {
    /// A key with its name.
    pub fn new(id: impl Into<String>, bytes: [u8; 32]) -> Self {
        Self { id: id.into(), bytes }
    }

    /// The seal of a chain's head: HMAC over the chain's name, its length and its last hash.
    pub fn seal(&self, stream: Stream, stream_id: i64, seq: i64, hash: &Hash) -> Hash {
        let mut mac = mac(&self.bytes);
        mac.update(b"red-mailbox head v1\0");
        mac.update(stream.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(&stream_id.to_be_bytes());
        mac.update(&seq.to_be_bytes());
        mac.update(hash);
        mac.finalize().into_bytes().into()
    }

    /// The seal of an export, over the hash of everything in it.
    pub fn seal_export(&self, hash: &Hash) -> Hash {
        let mut mac = mac(&self.bytes);
        mac.update(b"red-mailbox export v1\0");
        mac.update(hash);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

/// The hash of an event: SHA-256 over every stored field, each with its length before it.
pub fn event_hash(event: &Recorded) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"red-mailbox event v1\0");
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(&event.id.to_be_bytes());
    part(event.stream.as_bytes());
    part(&event.stream_id.to_be_bytes());
    part(&event.seq.to_be_bytes());
    part(event.kind.as_bytes());
    part(&event.at.micros().to_be_bytes());
    part(event.actor_kind.as_bytes());
    optional(&mut part, event.actor_id.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
    optional(&mut part, event.actor_name.as_deref().map(str::as_bytes));
    optional(&mut part, event.place.as_deref().map(str::as_bytes));
    part(event.data.as_bytes());
    part(&event.prev_hash);
    hasher.finalize().into()
}

/// An absent field hashes unlike an empty one.
fn optional(part: &mut impl FnMut(&[u8]), bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            part(&[1]);
            part(bytes);
        }
        None => part(&[0]),
    }
}

/// What an event holds in place of a text: SHA-256 over the text's salt, name and body.
pub fn commitment(salt: &[u8], name: &str, body: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"red-mailbox text v1\0");
    hasher.update(salt);
    hasher.update((name.len() as u64).to_be_bytes());
    hasher.update(name.as_bytes());
    hasher.update(body.as_bytes());
    hex(&hasher.finalize())
}

/// A keyed hash that lets equal texts be found without keeping them: HMAC-SHA-256 of `text`.
pub fn keyed_hash(key: &[u8; 32], text: &str) -> Hash {
    let mut mac = mac(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA-256 under a key of 32 bytes; RFC 2104 pads a shorter key to the block with zeros.
pub(super) fn mac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// The inverse of [`hex`]; None for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
