//! What a transaction is: changes of rows that are staged one after another, to be made together or not at all.

use floe_gateway::Call;
use floe_kernel::role::Role;
use floe_kernel::time::Timestamp;
use floe_kernel::{Caller, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::borrow::Cow;

/// The most operations that a transaction may have.
pub(crate) const MAX_OPERATIONS: usize = 100;

/// The most bytes that what is staged in a transaction may take: all of it is read each time it is replayed.
pub(crate) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most rows that a transaction may change in all: so long everybody else waits who writes to the same project, each time
/// that it is replayed.
pub(crate) const MAX_ROWS: usize = 1000;

/// What may be pending at a time of one owner: how many transactions, and how many bytes staged in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// How many transactions.
    pub(crate) transactions: i64,
    /// How many bytes.
    pub(crate) bytes: i64,
}

impl Budget {
    /// Of one user.
    pub(crate) const OF_USER: Self = Self { transactions: 100, bytes: 2 * MAX_BYTES as i64 };
    /// What each user may have, however much others have.
    pub(crate) const OF_EACH_USER: Self = Self { transactions: 4, bytes: 1024 * 1024 };
    /// Of all users of a project together, who have more than that; and of its servers together.
    pub(crate) const OF_PROJECT: Self = Self { transactions: 10_000, bytes: 32 * MAX_BYTES as i64 };

    /// Refuses more than that.
    ///
    /// # Errors
    /// `transaction_limit_exceeded`.
    pub(crate) fn must_cover(self, pending: Self) -> Result<()> {
        if !self.exceeded_by(pending) {
            return Ok(());
        }
        let Self { transactions, bytes } = self;
        let message = format!(
            "Up to {transactions} transactions with {bytes} bytes of operations may be pending. Commit, roll back or delete some first."
        );
        Err(Error::new(ErrorKind::TransactionLimitExceeded).message(message))
    }

    /// Whether this much is more than is left.
    pub(crate) fn exceeded_by(self, pending: Self) -> bool {
        pending.transactions > self.transactions || pending.bytes > self.bytes
    }
}

/// Whose pending transactions are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owners<'o> {
    /// One user's.
    User(&'o str),
    /// All users'.
    Users,
    /// The servers'.
    Servers,
}

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
    /// What was staged couldn't be done, or was given up: Appwrite has one name for both.
    Failed,
}

/// Who staged something. What is done later may do no more than they might have, whoever commits it: a server that
/// commits a user's transaction doesn't lend the user its power.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StagedBy {
    /// A server or an admin, whom permissions don't bind.
    Server,
    /// A user, with the roles that they had then.
    User {
        /// The user's id.
        id: String,
        /// The roles, as they stand in permissions.
        roles: Vec<String>,
    },
}

impl StagedBy {
    /// The caller.
    pub(crate) fn of(call: &Call) -> Self {
        match call.caller.signed_in() {
            Some(user) if !call.caller.privileged() => {
                let roles = call.caller.roles().iter().map(ToString::to_string).collect();
                Self::User { id: user.id.clone(), roles }
            }
            // Guests have no transactions.
            _ => Self::Server,
        }
    }

    /// The call that does what was staged: of the authority of who staged it and that of who calls now, the lesser one. (A
    /// transaction belongs to one user, so two users never meet here.)
    pub(crate) fn bind<'c>(&self, call: &'c Call) -> Cow<'c, Call> {
        match self {
            Self::User { id, roles } if call.caller.privileged() => {
                let roles = roles.iter().filter_map(|role| Role::parse(role)).collect();
                Cow::Owned(Call { caller: Caller::absent_user(id.clone(), roles), ..call.clone() })
            }
            Self::Server | Self::User { .. } => Cow::Borrowed(call),
        }
    }
}

impl Status {
    const ALL: [Self; 3] = [Self::Pending, Self::Committed, Self::Failed];

    /// As the API calls it, and storage.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Committed => "committed",
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
