//! Values that are kept encrypted: sealed on their way into a table, opened on their way out, for every path alike.

use crate::error::{Error, Result};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use floe_kernel::value::Value;
use rand::Rng as _;
use std::fmt;
use std::sync::Arc;

/// What a sealed text begins with, so that another way can follow one day.
const VERSION: &str = "v1:";
const NONCE: usize = 12;
const TAG: usize = 16;

/// Seals and opens the values of one column: AES-256-GCM with a random nonce. A value opens only in the row and column
/// that it was sealed for, so nobody who can write to the database can put it elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    cipher: Arc<Aes256Gcm>,
    column: i64,
}

impl Seal {
    /// With a key that nothing else has, for the column of this number.
    #[must_use]
    pub fn new(key: &[u8; 32], column: i64) -> Self {
        Self { cipher: Arc::new(Aes256Gcm::new(key.into())), column }
    }

    /// How long a text of so many bytes is when it is sealed.
    #[must_use]
    pub fn length(bytes: i64) -> i64 {
        let bytes = bytes.saturating_add((NONCE + TAG) as i64);
        (VERSION.len() as i64).saturating_add((bytes.saturating_mul(4).saturating_add(2)) / 3)
    }

    /// Seals a value for the row of this id. No value stays none.
    ///
    /// # Errors
    /// When it is longer than anything that is ever sent to us.
    pub(super) fn seal(&self, row: &str, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::Text(text) => Value::Text(self.seal_text(row, text)?),
            Value::Json(text) => Value::Json(self.seal_text(row, text)?),
            other => other.clone(),
        })
    }

    /// Opens what was sealed for the row of this id.
    ///
    /// # Errors
    /// When it wasn't sealed for this row and column with this key.
    pub(super) fn open(&self, row: &str, value: Value) -> Result<Value> {
        Ok(match value {
            Value::Text(text) => Value::Text(self.open_text(row, &text)?),
            Value::Json(text) => Value::Json(self.open_text(row, &text)?),
            other => other,
        })
    }

    /// Seals a text for this row, or whatever has a name of its own under this key.
    ///
    /// # Errors
    /// When it is longer than anything that is ever sent to us.
    pub fn seal_text(&self, row: &str, clear: &str) -> Result<String> {
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let aad = self.place(row);
        let payload = Payload { msg: clear.as_bytes(), aad: &aad };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Error::unavailable("a value is too long to be encrypted"))?;
        let mut text = VERSION.to_owned();
        URL_SAFE_NO_PAD.encode_string([&nonce[..], &sealed].concat(), &mut text);
        Ok(text)
    }

    /// Opens what [`Seal::seal_text`] sealed for the same name.
    ///
    /// # Errors
    /// When it wasn't sealed for this name with this key.
    pub fn open_text(&self, row: &str, sealed: &str) -> Result<String> {
        let opened = || {
            let bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION)?).ok()?;
            let (nonce, msg) = bytes.split_first_chunk::<NONCE>()?;
            let clear = self.cipher.decrypt(&Nonce::from(*nonce), Payload { msg, aad: &self.place(row) }).ok()?;
            String::from_utf8(clear).ok()
        };
        let lost = || Error::unavailable("an encrypted value can't be opened; is the secret key another one?");
        opened().ok_or_else(lost)
    }

    /// Where a value belongs.
    fn place(&self, row: &str) -> Vec<u8> {
        [&self.column.to_le_bytes(), row.as_bytes()].concat()
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

    #[test]
    fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let (seal, other) = (Seal::new(&[1; 32], 7), Seal::new(&[1; 32], 8));
        for clear in ["", "äöü", "a longer text"] {
            let value = Value::Text(clear.to_owned());
            let sealed = seal.seal("row", &value).unwrap();
            let Value::Text(text) = &sealed else { panic!("{sealed:?}") };
            assert_eq!(text.len() as i64, Seal::length(clear.len() as i64));
            assert_ne!(seal.seal("row", &value).unwrap(), sealed);
            assert_eq!(seal.open("row", sealed.clone()).unwrap(), value);
            assert!(seal.open("wor", sealed.clone()).is_err() && other.open("row", sealed.clone()).is_err());
            assert!(Seal::new(&[2; 32], 7).open("row", sealed).is_err());
        }
        assert!(seal.open("row", Value::Text("clear".into())).is_err());
    }
}
