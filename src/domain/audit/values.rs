//! Values of rows that the engines keep in ways of their own: a yes or no, and bytes.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::chain::hex;

/// A yes or no; SQLite keeps 1 and 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.0)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Kept {
            Word(bool),
            Number(i64),
        }
        match Kept::deserialize(deserializer)? {
            Kept::Word(it) => Ok(Flag(it)),
            Kept::Number(it @ (0 | 1)) => Ok(Flag(it == 1)),
            Kept::Number(_) => Err(D::Error::custom("neither yes nor no")),
        }
    }
}

/// Bytes in hexadecimal: `\x…` as the store shows them, which tells them from text, or bare as exports have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes<const FROM_STORE: bool>(pub Vec<u8>);

impl<const FROM_STORE: bool> Serialize for Bytes<FROM_STORE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de, const FROM_STORE: bool> Deserialize<'de> for Bytes<FROM_STORE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const FROM_STORE: bool>;
        impl<const FROM_STORE: bool> serde::de::Visitor<'_> for Visitor<FROM_STORE> {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes in lower-case hexadecimal")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
                let digits = if FROM_STORE { text.strip_prefix("\\x") } else { Some(text) };
                digits.and_then(bytes_of_hex).ok_or_else(|| E::custom("no bytes in lower-case hexadecimal"))
            }
        }
        deserializer.deserialize_str(Visitor::<FROM_STORE>).map(Self)
    }
}

/// The inverse of `hex`, lower case only: a row of an export has one spelling.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        bytes.push(nibble(*high)? << 4 | nibble(*low)?);
    }
    Some(bytes)
}
