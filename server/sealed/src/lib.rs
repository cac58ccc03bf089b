//! Secrets at rest: values that the server must be able to read again, kept encrypted with keys that are made from the
//! instance's own.
//!
//! ```
//! # use floe_kernel::secret::Secret;
//! # use floe_sealed::RootKeys;
//! let old = RootKeys::new(Secret::new("the key of last year"), Vec::new());
//! let sealed = old.sealer("webhooks").seal_for("shop", b"").seal("w1", "hush").unwrap();
//!
//! let new = RootKeys::new(Secret::new("the key of this year"), vec![Secret::new("the key of last year")]);
//! let seal = new.sealer("webhooks").seal_for("shop", b"");
//! assert_eq!(seal.open("w1", &sealed).unwrap(), "hush");
//! assert!(seal.open("w2", &sealed).is_err()); // it belongs to w1
//! ```
//!
//! What is sealed is a text of its own form: `v2:` and base64 of the key's id (4 bytes), a random nonce (12), and the value
//! encrypted with AES-256-GCM. `v1:` is the form of before, without the key's id: it is still read, with whichever key opens
//! it, and no longer written.

mod root_keys;
mod seal;

pub use root_keys::{KeyId, RootKeys};
pub use seal::{Error, Seal, Sealer};
