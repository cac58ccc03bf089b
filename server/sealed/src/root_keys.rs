//! The instance's own keys, and what is made from them.

use crate::seal::{Sealer, V2};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use floe_kernel::secret::{Secret, hash, hex};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Which key something was sealed with. It tells keys apart and says nothing else about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(crate) [u8; 4]);

impl KeyId {
    fn of(root: &Secret) -> Self {
        let digest = Sha256::digest(format!("key id\0{}", root.expose()));
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl KeyId {
    /// How everything begins that is sealed with this key. Another key has the same beginning once in a thousand million
    /// times.
    #[must_use]
    pub fn prefix(&self) -> String {
        // Five characters are thirty bits; the sixth has bits of what follows.
        format!("{V2}{}", &URL_SAFE_NO_PAD.encode(self.0)[..5])
    }
}

impl fmt::Display for KeyId {
    /// Eight hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The key that every other key of the instance is made from, and those that had its place before: what they have sealed and
/// signed is still accepted, and nothing new is made with them.
#[derive(Debug, Clone)]
pub struct RootKeys {
    current: Secret,
    previous: Vec<Secret>,
}

impl RootKeys {
    /// These keys; the previous ones in any order.
    #[must_use]
    pub fn new(current: Secret, previous: Vec<Secret>) -> Self {
        Self { current, previous }
    }

    /// A key for one purpose. Who learns one of them learns none of the others.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Secret {
        derive(&self.current, purpose)
    }

    /// What [`RootKeys::derive`] gave for this purpose under each of the previous keys.
    #[must_use]
    pub fn derive_previous(&self, purpose: &str) -> Vec<Secret> {
        self.previous.iter().map(|root| derive(root, purpose)).collect()
    }

    /// Makes the seals of one purpose.
    #[must_use]
    pub fn sealer(&self, purpose: &str) -> Sealer {
        Sealer::new(self.all().map(|root| (KeyId::of(root), derive(root, purpose))))
    }

    /// The id of the current key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.current)
    }

    /// The ids of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.all().map(KeyId::of)
    }

    fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

fn derive(root: &Secret, purpose: &str) -> Secret {
    Secret::new(hash(&format!("{purpose}\0{}", root.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_keys_of_their_own() {
        let keys = RootKeys::new(Secret::new("new"), vec![Secret::new("old")]);
        assert_ne!(keys.derive("jwt").expose(), keys.derive("log").expose());
        assert_eq!(keys.derive_previous("jwt"), [RootKeys::new(Secret::new("old"), Vec::new()).derive("jwt")]);
    }

    #[test]
    fn what_is_sealed_begins_like_its_key() {
        let keys = RootKeys::new(Secret::new("new"), vec![Secret::new("old")]);
        let seal = keys.sealer("columns").seal_for("a", b"");
        for n in 0..100 {
            assert!(seal.seal("row", &n.to_string()).unwrap().starts_with(&keys.id().prefix()), "{n}");
        }
        assert_eq!(seal.current_prefix(), keys.id().prefix());
        assert_ne!(keys.ids().last().unwrap().prefix(), keys.id().prefix());
    }

    #[test]
    fn an_id_tells_keys_apart_and_shows_none() {
        let keys = RootKeys::new(Secret::new("new"), vec![Secret::new("old")]);
        let ids: Vec<_> = keys.ids().collect();
        assert_eq!((ids.len(), ids[0]), (2, keys.id()));
        assert_ne!(ids[0], ids[1]);
        assert_eq!(keys.id().to_string().len(), 8);
        assert!(!format!("{keys:?}").contains("new"));
    }
}
