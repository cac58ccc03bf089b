//! What a transaction is: changes of rows that are staged one after another, to be made together or not at all.

use floe_gateway::Call;
use floe_kernel::time::Timestamp;
use floe_kernel::{ErrorKind, Result};
use serde_json::{Value as Json, json};

/// The most operations that a transaction may have.
pub(crate) const MAX_OPERATIONS: usize = 100;

/// The most bytes that what is staged in a transaction may take: all of it is read each time it is replayed.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A transaction, without what is staged in it.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    /// Its number in this project, which never comes back.
    pub(crate) number: i64,
    /// Its id.
    pub(crate) id: String,
    /// The user whose it is; none: the servers'.
    pub(crate) owner: Option<String>,
    /// What has become of it.
    pub(crate) status: Status,
    /// How many operations are, or were, staged in it.
    pub(crate) operations: usize,
    /// How many bytes they take.
    pub(crate) bytes: usize,
    /// Until when it can be used.
    pub(crate) expires: Timestamp,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// What has become of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It can be staged in, and committed.
    Pending,
    /// What was staged has been done.
    Committed,
    /// What was staged was given up.
    RolledBack,
    /// What was staged couldn't be done.
    Failed,
}

impl Status {
    const ALL: [Self; 4] = [Self::Pending, Self::Committed, Self::RolledBack, Self::Failed];

    /// As the API calls it, and storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Committed => "committed",
            Self::RolledBack => "rolledBack",
            Self::Failed => "failed",
        }
    }

    /// The one of this name.
    pub(crate) fn stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Transaction {
    /// Whether the caller may know that it exists: its owner, and servers.
    pub(crate) fn is_for(&self, call: &Call) -> bool {
        call.caller.privileged() || call.caller.signed_in().is_some_and(|user| self.owner.as_ref() == Some(&user.id))
    }

    /// Refuses one that can't be used any more.
    ///
    /// # Errors
    /// `transaction_not_ready` when it has ended, `transaction_expired`.
    pub(crate) fn must_be_open(&self, now: Timestamp) -> Result<()> {
        if self.status != Status::Pending {
            return Err(ErrorKind::TransactionNotReady.into());
        }
        if now > self.expires {
            return Err(ErrorKind::TransactionExpired.into());
        }
        Ok(())
    }

    /// As the API shows it.
    pub(crate) fn to_json(&self) -> Json {
        json!({
            "$id": self.id,
            "$createdAt": self.created,
            "$updatedAt": self.updated,
            "status": self.status.name(),
            "operations": self.operations,
            "expiresAt": self.expires,
        })
    }
}
