//! Teams and memberships: as this product knows them, and as the API shows them.

use floe_kernel::directory::{MembershipPrivacy, Person};
use floe_kernel::time::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

/// A team; as it is shown, too (the contract's `team`).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Team {
    #[serde(rename = "$id")]
    pub(crate) id: String,
    #[serde(rename = "$createdAt")]
    pub(crate) created: Timestamp,
    #[serde(rename = "$updatedAt")]
    pub(crate) updated: Timestamp,
    pub(crate) name: String,
    /// How many members it has.
    pub(crate) total: i64,
    pub(crate) prefs: Map<String, Json>,
}

/// That somebody belongs to a team, or is invited to.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) team_id: String,
    pub(crate) user_id: String,
    pub(crate) roles: Vec<String>,
    pub(crate) confirmed: bool,
    /// The hash of the secret in the invitation; empty without one.
    pub(crate) secret_hash: String,
    pub(crate) invited: Timestamp,
    pub(crate) joined: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// The role of who may change a team.
pub(crate) const OWNER: &str = "owner";

impl Membership {
    /// Whether it makes its user an owner of the team.
    pub(crate) fn owns(&self) -> bool {
        self.confirmed && self.roles.iter().any(|role| role == OWNER)
    }
}

/// Everything may be seen: what servers, admins and people who look at themselves get.
pub(crate) const ALL_SHOWN: MembershipPrivacy = MembershipPrivacy {
    user_id: true,
    user_email: true,
    user_phone: true,
    user_name: true,
    user_accessed_at: true,
    mfa: true,
};

/// The contract's `membership`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembershipModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    user_id: String,
    user_name: String,
    user_email: String,
    user_phone: String,
    team_id: String,
    team_name: String,
    invited: Timestamp,
    #[serde(serialize_with = "moment")]
    joined: Option<Timestamp>,
    confirm: bool,
    mfa: bool,
    #[serde(serialize_with = "moment")]
    user_accessed_at: Option<Timestamp>,
    roles: Vec<String>,
}

/// A moment that may not have come yet: empty then, as clients expect.
fn moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => moment.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

impl MembershipModel {
    /// A membership with as much of its person as may be seen; the rest is blank.
    pub(crate) fn new(
        membership: Membership,
        team_name: &str,
        person: Option<&Person>,
        shown: MembershipPrivacy,
    ) -> Self {
        let text = |may: bool, of: fn(&Person) -> &String| person.filter(|_| may).map(of).cloned().unwrap_or_default();
        Self {
            user_name: text(shown.user_name, |person| &person.name),
            user_email: text(shown.user_email, |person| &person.email),
            user_phone: text(shown.user_phone, |person| &person.phone),
            mfa: shown.mfa && person.is_some_and(|person| person.mfa),
            user_accessed_at: person.filter(|_| shown.user_accessed_at).and_then(|person| person.accessed_at),
            user_id: if shown.user_id { membership.user_id } else { String::new() },
            id: membership.id,
            created_at: membership.created,
            updated_at: membership.updated,
            team_id: membership.team_id,
            team_name: team_name.to_owned(),
            invited: membership.invited,
            joined: membership.joined,
            confirm: membership.confirmed,
            roles: membership.roles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_not_be_seen_is_blank() {
        let now = Timestamp::from_millis(0);
        let membership = Membership {
            id: "m".into(),
            team_id: "t".into(),
            user_id: "u".into(),
            roles: vec![],
            confirmed: true,
            secret_hash: String::new(),
            invited: now,
            joined: None,
            created: now,
            updated: now,
        };
        let person = Person {
            id: "u".into(),
            name: "Ada".into(),
            email: "ada@example.org".into(),
            phone: "+4912345678".into(),
            mfa: true,
            active: true,
            accessed_at: Some(now),
        };
        let json =
            |shown| serde_json::to_value(MembershipModel::new(membership.clone(), "T", Some(&person), shown)).unwrap();
        let hidden = json(MembershipPrivacy::default());
        for field in ["userId", "userName", "userEmail", "userPhone", "userAccessedAt", "joined"] {
            assert_eq!(hidden[field], json!(""), "{field}");
        }
        assert_eq!(hidden["mfa"], json!(false));
        let shown = json(ALL_SHOWN);
        assert_eq!((&shown["userId"], &shown["userName"], &shown["mfa"]), (&json!("u"), &json!("Ada"), &json!(true)));
    }
}
