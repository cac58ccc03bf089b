//! What servers and admins may do with people.

pub(crate) mod changes;
pub(crate) mod jwts;
pub(crate) mod sessions;
pub(crate) mod users;

use floe_gateway::input;
use floe_gateway::param::Id;

input! {
    /// What concerns one user and needs nothing else.
    pub(crate) struct OfUser {
        /// The user's id.
        pub(crate) user_id: Id = path "userId",
    }
}
