//! Sealing and opening.

use crate::root_keys::KeyId;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use floe_kernel::secret::Secret;
use hmac::{Hmac, Mac as _};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;

/// What is written now: with the key's id.
pub(crate) const V2: &str = "v2:";
/// What was written before: without.
const V1: &str = "v1:";
const KEY_ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Why something wasn't sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is longer than anything that is ever sent to us.
    #[error("a value is too long to be encrypted")]
    TooLong,
    /// The server doesn't have the key that it was sealed with.
    #[error(
        "a value was encrypted with the key {0}, which is neither FLOE_SECRET_KEY nor one of FLOE_SECRET_KEY_PREVIOUS"
    )]
    UnknownKey(String),
    /// It wasn't sealed for this place, or with another key, or was changed since.
    #[error("an encrypted value can't be opened; is the secret key another one?")]
    Unreadable,
}

/// For products: no fault of the caller's.
impl From<Error> for floe_kernel::Error {
    fn from(error: Error) -> Self {
        Self::internal(error)
    }
}

/// Makes the seals of one purpose. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<[(KeyId, Hmac<Sha256>)]>);

impl Sealer {
    /// From the keys of this purpose, the current one first.
    pub(crate) fn new(keys: impl Iterator<Item = (KeyId, Secret)>) -> Self {
        Self(keys.map(|(id, key)| (id, keyed(&key))).collect())
    }

    /// What one scope's values are kept encrypted with, such as those of one column of one project: who learns its key learns
    /// that of no other scope. `place` is bound to every value beside its name.
    #[must_use]
    pub fn seal_for(&self, scope: &str, place: &[u8]) -> Seal {
        let cipher = |(id, family): &(KeyId, Hmac<Sha256>)| {
            let key: [u8; 32] = family.clone().chain_update(scope).finalize().into_bytes().into();
            (*id, Aes256Gcm::new(&key.into()))
        };
        Seal { ciphers: self.0.iter().map(cipher).collect(), place: place.into() }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

fn keyed(key: &Secret) -> Hmac<Sha256> {
    // As HMAC itself makes a block of a key that is longer than one.
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key.expose()));
    hmac::KeyInit::new(&block.into())
}

/// Seals and opens the values of one scope: AES-256-GCM with a random nonce. A value opens only under the name (and place) that
/// it was sealed for, so nobody who can write to the database can put it elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    /// The current key's first.
    ciphers: Arc<[(KeyId, Aes256Gcm)]>,
    place: Arc<[u8]>,
}

impl Seal {
    /// How long a text of so many bytes is when it is sealed. (In the form of before it is five or six shorter.)
    #[must_use]
    pub fn length(bytes: i64) -> i64 {
        let bytes = bytes.saturating_add((KEY_ID + NONCE + TAG) as i64);
        (V2.len() as i64).saturating_add((bytes.saturating_mul(4).saturating_add(2)) / 3)
    }

    /// Seals a text under a name that nothing else has in this scope.
    ///
    /// # Errors
    /// [`Error::TooLong`].
    pub fn seal(&self, name: &str, clear: &str) -> Result<String, Error> {
        let (id, cipher) = self.ciphers.first().ok_or(Error::Unreadable)?;
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let aad = self.aad(name);
        let payload = Payload { msg: clear.as_bytes(), aad: &aad };
        let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| Error::TooLong)?;
        let mut text = V2.to_owned();
        URL_SAFE_NO_PAD.encode_string([&id.0[..], &nonce, &sealed].concat(), &mut text);
        Ok(text)
    }

    /// Opens what [`Seal::seal`] sealed under this name, with the current key or one of before.
    ///
    /// # Errors
    /// [`Error::UnknownKey`], [`Error::Unreadable`].
    pub fn open(&self, name: &str, sealed: &str) -> Result<String, Error> {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::Unreadable);
        if let Some(text) = sealed.strip_prefix(V2) {
            let bytes = decode(text)?;
            let (id, rest) = bytes.split_first_chunk::<KEY_ID>().ok_or(Error::Unreadable)?;
            let id = KeyId(*id);
            let cipher = self.ciphers.iter().find(|(own, _)| *own == id);
            let (_, cipher) = cipher.ok_or_else(|| Error::UnknownKey(id.to_string()))?;
            return self.opened(cipher, name, rest).ok_or(Error::Unreadable);
        }
        let bytes = decode(sealed.strip_prefix(V1).ok_or(Error::Unreadable)?)?;
        self.ciphers.iter().find_map(|(_, cipher)| self.opened(cipher, name, &bytes)).ok_or(Error::Unreadable)
    }

    /// Whether a text was sealed with the current key.
    #[must_use]
    pub fn is_current(&self, sealed: &str) -> bool {
        let id = sealed.strip_prefix(V2).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let id = id.as_deref().and_then(|bytes| bytes.first_chunk::<KEY_ID>());
        id.is_some_and(|id| self.ciphers.first().is_some_and(|(current, _)| current.0 == *id))
    }

    /// How everything begins that was sealed with the current key: [`KeyId::prefix`].
    #[must_use]
    pub fn current_prefix(&self) -> String {
        self.ciphers.first().map(|(id, _)| id.prefix()).unwrap_or_default()
    }

    fn opened(&self, cipher: &Aes256Gcm, name: &str, bytes: &[u8]) -> Option<String> {
        let (nonce, msg) = bytes.split_first_chunk::<NONCE>()?;
        let clear = cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad: &self.aad(name) }).ok()?;
        String::from_utf8(clear).ok()
    }

    /// Where a value belongs.
    fn aad(&self, name: &str) -> Vec<u8> {
        [&self.place, name.as_bytes()].concat()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootKeys;

    fn keys(current: &str, previous: &[&str]) -> RootKeys {
        RootKeys::new(Secret::new(current), previous.iter().copied().map(Secret::new).collect())
    }

    fn seal(keys: &RootKeys, place: i64) -> Seal {
        keys.sealer("columns").seal_for("column\0shop\x007", &place.to_le_bytes())
    }

    #[test]
    fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let own = keys("one", &[]);
        let (here, there) = (seal(&own, 7), seal(&own, 8));
        for clear in ["", "äöü", "a longer text"] {
            let sealed = here.seal("row", clear).unwrap();
            assert_eq!(sealed.len() as i64, Seal::length(clear.len() as i64));
            assert_ne!(here.seal("row", clear).unwrap(), sealed);
            assert_eq!(here.open("row", &sealed).unwrap(), clear);
            assert_eq!(here.open("wor", &sealed), Err(Error::Unreadable));
            assert_eq!(there.open("row", &sealed), Err(Error::Unreadable));
            let other_scope = own.sealer("columns").seal_for("column\0shop\x008", &7i64.to_le_bytes());
            assert_eq!(other_scope.open("row", &sealed), Err(Error::Unreadable));
            let other_purpose = own.sealer("webhooks").seal_for("column\0shop\x007", &7i64.to_le_bytes());
            assert_eq!(other_purpose.open("row", &sealed), Err(Error::Unreadable));
        }
        for text in ["", "clear", "v2:", "v2:AAAA", "v1:", "v1:AAAA", "v3:AAAA", "v2:!"] {
            assert!(here.open("row", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_changed_value_is_unreadable_at_every_byte() {
        let seal = seal(&keys("one", &[]), 7);
        let sealed = seal.seal("row", "hush").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed[3..]).unwrap();
        for n in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[n] ^= 1;
            assert!(seal.open("row", &format!("v2:{}", URL_SAFE_NO_PAD.encode(bytes))).is_err(), "{n}");
        }
    }

    #[test]
    fn the_key_can_be_changed_as_long_as_the_old_one_is_known() {
        let old = keys("old", &[]);
        let sealed = seal(&old, 7).seal("row", "hush").unwrap();
        let both = seal(&keys("new", &["older", "old"]), 7);
        assert_eq!(both.open("row", &sealed).unwrap(), "hush");
        assert!(!both.is_current(&sealed) && seal(&old, 7).is_current(&sealed));
        assert!(["", "clear", "v2:", "v2:AAAA", "v1:AAAA"].iter().all(|text| !both.is_current(text)));
        let again = both.seal("row", "hush").unwrap();
        assert_eq!(
            seal(&keys("new", &[]), 7).open("row", &again).unwrap(),
            "hush",
            "new values need the new key alone"
        );
        let lost = Err(Error::UnknownKey(old.id().to_string()));
        assert_eq!(seal(&keys("new", &["older"]), 7).open("row", &sealed), lost);
    }

    /// Sealed by the release before this crate was.
    #[test]
    fn the_form_of_before_is_still_read() {
        let own = keys("a key of the last release", &[]);
        let sealed = OF_BEFORE;
        assert_eq!(seal(&own, 7).open("row", sealed).unwrap(), "hush");
        assert_eq!(seal(&keys("new", &["a key of the last release"]), 7).open("row", sealed).unwrap(), "hush");
        assert_eq!(seal(&keys("new", &[]), 7).open("row", sealed), Err(Error::Unreadable));
        assert_eq!(seal(&own, 7).open("wor", sealed), Err(Error::Unreadable));
    }

    const OF_BEFORE: &str = "v1:AAECAwQFBgcICQoLKHpI8yfIhUZjshRzuLulWjr6V-8";
}
