//! Tokens of a sign-in: signed access tokens (JWT, HS256) and opaque refresh tokens.
//!
//! A key of the token family signs both; no token is kept in clear anywhere on our side.

use std::sync::Once;

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error as JwtError, ErrorKind};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::accounts::ACCESS_LIFETIME;
use crate::domain::chain::hex;
use crate::domain::value::{AccountId, At};

/// Who issues the access tokens.
const ISSUER: &str = "red-mailbox";
/// Bytes of randomness in a refresh token: 256 bits. Source: TRUST, "CSPRNG of 128 bits or more".
const REFRESH_BYTES: usize = 32;
/// Bytes of randomness in a session's id.
const SESSION_BYTES: usize = 16;
/// Bytes of the tag that tells a refresh token of ours from a made-up one.
const TAG_BYTES: usize = 16;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose it is.
    pub account: AccountId,
    /// The session it belongs to.
    pub session_id: String,
    /// The account's token version when it was issued: a higher one has ended it.
    pub token_version: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    ver: i64,
    iss: String,
    iat: i64,
    exp: i64,
}

/// Signs an access token, good for `ACCESS_LIFETIME` from `now`.
///
/// # Errors
/// Words for the operator when the token could not be signed.
pub fn sign_access(key: &[u8], access: &Access, now: At) -> Result<String, String> {
    install_signing();
    let claims = Claims {
        sub: access.account.to_string(),
        sid: access.session_id.clone(),
        ver: access.token_version,
        iss: ISSUER.to_owned(),
        iat: seconds(now),
        exp: seconds(now + ACCESS_LIFETIME),
    };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key))
        .map_err(|it| format!("could not sign an access token: {it}"))
}

/// Reads an access token that is signed by us and not expired at `now`; None for any other text.
///
/// Whether the session still stands is the caller's to ask.
pub fn read_access(key: &[u8], token: &str, now: At) -> Option<Access> {
    install_signing();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    // The expiry is compared with our clock below; the library would read the machine's.
    validation.validate_exp = false;
    let claims =
        jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key), &validation).ok()?.claims;
    if seconds(now) >= claims.exp {
        return None;
    }
    Some(Access {
        account: AccountId(claims.sub.parse().ok()?),
        session_id: claims.sid,
        token_version: claims.ver,
    })
}

fn seconds(at: At) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// A refresh token just made, and what is kept of it.
pub struct Refresh {
    /// What the client keeps: `session.secret.tag`.
    pub token: String,
    /// SHA-256 of the token: what the database keeps.
    pub hash: Vec<u8>,
}

/// Makes an id for a new session.
pub fn new_session_id() -> String {
    hex(&rand::random::<[u8; SESSION_BYTES]>())
}

/// True for what `new_session_id` may have made.
pub fn is_session_id(text: &str) -> bool {
    text.len() == 2 * SESSION_BYTES && text.bytes().all(|it| it.is_ascii_hexdigit())
}

/// What a session's token is for; one is no good as the other.
const FOR_REFRESH: &[u8] = b"refresh";
const FOR_PAGES: &[u8] = b"pages";

/// Makes a refresh token for the session.
pub fn new_refresh(key: &[u8], session_id: &str) -> Refresh {
    new_token(key, FOR_REFRESH, session_id)
}

/// Makes the token that a browser keeps to see pages: good until the session ends, for two pages that load
/// at once cannot take turns with one that is good once.
pub fn new_page(key: &[u8], session_id: &str) -> Refresh {
    new_token(key, FOR_PAGES, session_id)
}

fn new_token(key: &[u8], used_for: &[u8], session_id: &str) -> Refresh {
    let secret = hex(&rand::random::<[u8; REFRESH_BYTES]>());
    let token = format!("{session_id}.{secret}.{}", hex(&tag(key, used_for, session_id, &secret)));
    let hash = refresh_hash(&token);
    Refresh { token, hash }
}

/// What every form of a page carries, so that no other site can send one: worked out from the page's token.
pub fn form_token(key: &[u8], page_token: &str) -> String {
    hex(&mac(key, &[b"form", page_token.as_bytes()]))
}

/// The session named by a refresh token that we made, now or earlier; None for any other text.
///
/// The tag keeps a guesser who knows a session's id from ending it with a made-up token.
pub fn session_of_refresh(key: &[u8], token: &str) -> Option<String> {
    session_of(key, FOR_REFRESH, token)
}

/// The session named by a page's token that we made; None for any other text.
pub fn session_of_page(key: &[u8], token: &str) -> Option<String> {
    session_of(key, FOR_PAGES, token)
}

fn session_of(key: &[u8], used_for: &[u8], token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (session_id, secret, given) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole =
        parts.next().is_none() && session_id.len() == 2 * SESSION_BYTES && secret.len() == 2 * REFRESH_BYTES;
    let wanted = hex(&tag(key, used_for, session_id, secret));
    let is_ours = bool::from(subtle::ConstantTimeEq::ct_eq(wanted.as_bytes(), given.as_bytes()));
    (is_whole && is_ours).then(|| session_id.to_owned())
}

/// SHA-256 of a refresh token, as the database keeps it.
pub fn refresh_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A name under which tries are counted that does not tell what was typed: people type passwords into the name field.
pub fn attempt_subject(key: &[u8], username: &str) -> String {
    hex(&mac(key, &[b"attempt", username.trim().to_lowercase().as_bytes()]))
}

/// The last part of the link that makes the first administrator.
pub fn first_key(key: &[u8]) -> String {
    hex(&mac(key, &[b"first"]))
}

fn tag(key: &[u8], used_for: &[u8], session_id: &str, secret: &str) -> Vec<u8> {
    let mut tag = mac(key, &[used_for, session_id.as_bytes(), secret.as_bytes()]);
    tag.truncate(TAG_BYTES);
    tag
}

/// HMAC-SHA256 over the parts, each with a zero byte before it: a JWT's text never begins with one.
fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = keyed(key);
    for part in parts {
        mac.update(&[0]);
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA256 with a key of any length, which it cannot refuse.
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// jsonwebtoken's own backends bring RSA and elliptic curves; we need one HMAC, so we give it ours.
static HMAC_ONLY: CryptoProvider =
    CryptoProvider { signer_factory, verifier_factory, key_utils: KeyUtils::new_unimplemented() };

fn install_signing() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if HMAC_ONLY.install_default().is_err() {
            tracing::warn!("another signing provider was installed before ours");
        }
    });
}

struct Hs256(Hmac<Sha256>);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the library gives the shape")]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, JwtError> {
    if *algorithm != Algorithm::HS256 {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Hs256(keyed(key.as_bytes()))))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the library gives the shape")]
fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, JwtError> {
    if *algorithm != Algorithm::HS256 {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(Hs256(keyed(key.try_get_as_bytes()?))))
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        Ok(self.0.clone().chain_update(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        // `verify_slice` compares in constant time.
        self.0.clone().chain_update(message).verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const KEY: &[u8] = &[7; 32];

    fn access() -> Access {
        Access { account: AccountId(3), session_id: "abc".to_owned(), token_version: 2 }
    }

    #[test]
    fn an_access_token_reads_back_until_it_expires() {
        let now = At::from_micros(1_800_000_000_000_000);
        let token = sign_access(KEY, &access(), now).unwrap();

        assert_eq!(read_access(KEY, &token, now), Some(access()));
        assert_eq!(read_access(KEY, &token, now + TimeDelta::minutes(15)), None);
        assert_eq!(read_access(&[8; 32], &token, now), None);
    }

    #[test]
    fn the_signature_is_the_one_of_rfc_7515() {
        // RFC 7515, appendix A.1: the same key and message give the same signature.
        let key = DecodingKey::from_base64_secret(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==",
        );
        install_signing();
        let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let good = jsonwebtoken::crypto::verify(
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            message.as_bytes(),
            &key.unwrap(),
            Algorithm::HS256,
        );
        assert!(good.unwrap());
    }

    #[test]
    fn a_forged_or_unsigned_token_is_no_token() {
        let now = At::from_micros(1_800_000_000_000_000);
        let token = sign_access(KEY, &access(), now).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
        let hs384 = format!("eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.{payload}.AAAA");
        let mut cut = token.clone();
        cut.pop();

        for wrong in [none.as_str(), &hs384, &cut, "", "a.b.c", "…"] {
            assert_eq!(read_access(KEY, wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn a_refresh_token_names_its_session_and_cannot_be_made_up() {
        let session_id = new_session_id();
        let refresh = new_refresh(KEY, &session_id);

        assert_eq!(session_of_refresh(KEY, &refresh.token), Some(session_id.clone()));
        assert_eq!(session_of_refresh(&[8; 32], &refresh.token), None);
        let made_up = format!("{session_id}.{}.{}", "0".repeat(64), "0".repeat(32));
        assert_eq!(session_of_refresh(KEY, &made_up), None);
    }

    #[test]
    fn a_token_for_pages_refreshes_nothing_and_the_other_way_round() {
        let session_id = new_session_id();
        let (page, refresh) = (new_page(KEY, &session_id), new_refresh(KEY, &session_id));

        assert_eq!(session_of_page(KEY, &page.token), Some(session_id));
        assert_eq!(session_of_refresh(KEY, &page.token), None);
        assert_eq!(session_of_page(KEY, &refresh.token), None);
        assert_ne!(form_token(KEY, &page.token), form_token(&[8; 32], &page.token));
    }
}
