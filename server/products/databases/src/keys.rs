//! The keys of encrypted columns, and of what is staged.

use floe_kernel::secret::Secret;
use floe_store::tables::Seal;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Makes a key for each column of each project, from one that only this server knows. Who learns one of them learns none
/// of the others.
pub(crate) struct Keys(Hmac<Sha256>);

impl Keys {
    /// From this key.
    pub(crate) fn new(key: &Secret) -> Self {
        // As HMAC itself makes a block of a key that is longer than one.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(key.expose()));
        Self(Hmac::new(&block.into()))
    }

    /// What the values of a column are kept encrypted with. No project's id has a NUL, and no two columns of a project
    /// ever had the same number.
    pub(crate) fn seal(&self, project: &str, column: i64) -> Seal {
        self.of(&format!("column\0{project}\0{column}"), column)
    }

    /// What is staged in a project's transactions is kept encrypted with this: there may be values of any column in it.
    pub(crate) fn of_transactions(&self, project: &str) -> Seal {
        self.of(&format!("transactions\0{project}"), 0)
    }

    fn of(&self, message: &str, column: i64) -> Seal {
        Seal::new(&self.0.clone().chain_update(message).finalize().into_bytes().into(), column)
    }
}
