//! The keys of what is kept encrypted.

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
        self.make("column", project, column)
    }

    /// What is staged in a transaction is kept encrypted with: it may hold values of such columns.
    pub(crate) fn staging(&self, project: &str, transaction: i64) -> Seal {
        self.make("transaction", project, transaction)
    }

    fn make(&self, purpose: &str, project: &str, number: i64) -> Seal {
        let message = format!("{purpose}\0{project}\0{number}");
        Seal::new(&self.0.clone().chain_update(message).finalize().into_bytes().into(), number)
    }
}
