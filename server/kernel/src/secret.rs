//! Secrets: made at random, shown once, kept only as hashes.

use base64::Engine as _;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A text that must not appear in any log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes care of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Where this is called is where a secret can leak.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A secret of so many random bytes, in hexadecimal: twice as many characters.
#[must_use]
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rand::rng().fill_bytes(&mut random);
    hex(&random)
}

/// A number that nobody gets twice: 62 random bits.
#[must_use]
pub fn random_number() -> i64 {
    let mut random = [0; 8];
    rand::rng().fill_bytes(&mut random);
    i64::from_le_bytes(random) & (i64::MAX >> 1)
}

/// What is stored of a secret: SHA-256 in hexadecimal. Enough for secrets of 128 random bytes, which nobody can guess;
/// passwords need more.
#[must_use]
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// What stands for an id in a log: the same id is recognised again, but only who has the key can tell whose it is.
#[must_use]
pub fn keyed_hash(key: &Secret, id: &str) -> String {
    let digest = Sha256::new().chain_update(key.expose()).chain_update([0]).chain_update(id).finalize();
    hex(&digest[..8])
}

/// What stands for several texts together where they aren't kept themselves: 128 bits of SHA-256 over the key and the
/// texts, each told from the next by its length. Only who has the key can make one.
#[must_use]
pub fn keyed_digest(key: &Secret, texts: &[&str]) -> u128 {
    let mut digest = Sha256::new();
    for text in std::iter::once(key.expose()).chain(texts.iter().copied()) {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    }
    digest.finalize().iter().take(16).fold(0, |digest, byte| (digest << 8) | u128::from(*byte))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// What a session cookie holds: whose session, and its secret (`semantics.md` section 3).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SessionToken {
    /// The user's id.
    pub id: String,
    /// The session's secret.
    pub secret: String,
}

impl SessionToken {
    /// As cookies and headers carry it: base64 of JSON.
    #[must_use]
    pub fn encode(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a cookie or header; `None` when it can't be one of ours.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        // A token of ours has fewer than 500 characters.
        if text.len() > 1024 {
            return None;
        }
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sha256() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn tokens_come_back() {
        let token = SessionToken { id: "u".into(), secret: random_hex(128) };
        assert_eq!(token.secret.len(), 256);
        assert_eq!(SessionToken::decode(&token.encode()), Some(token));
        for text in ["", "x", "e30=", "bnVsbA==", &"A".repeat(5000)] {
            assert_eq!(SessionToken::decode(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "[secret]");
    }
}
