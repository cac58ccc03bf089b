//! Roles: for whom a permission is meant, and what a caller is.

use crate::id;
use std::fmt;

/// The most characters of a role within a team (`team:<id>/<role>`).
const MAX_DIMENSION: usize = 81;

/// Whether a user has proved an email address or a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// One of them at least.
    Verified,
    /// Neither.
    Unverified,
}

impl Proof {
    fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "verified" => Some(Self::Verified),
            "unverified" => Some(Self::Unverified),
            _ => None,
        }
    }
}

/// A role, as it stands in a permission. Two roles are the same only when every part of them is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everybody, signed in or not.
    Any,
    /// Who isn't signed in.
    Guests,
    /// Who is signed in.
    Users(Option<Proof>),
    /// One user.
    User(String, Option<Proof>),
    /// The members of a team, or those with a role in it.
    Team(String, Option<String>),
    /// One membership.
    Member(String),
    /// Users with a label.
    Label(String),
}

impl Role {
    /// Reads `user:<id>/verified` and the like. `None` for what the grammar doesn't know, `*` and `role:` included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, dimension) = match text.split_once('/') {
            Some((head, dimension)) => (head, Some(dimension)),
            None => (text, None),
        };
        let (name, of) = match head.split_once(':') {
            Some((name, of)) if id::is_valid(of) => (name, Some(of.to_owned())),
            Some(_) => return None,
            None => (head, None),
        };
        let proof = || dimension.map(Proof::parse).map_or(Some(None), |proof| proof.map(Some));
        match (name, of) {
            ("any", None) if dimension.is_none() => Some(Self::Any),
            ("guests", None) if dimension.is_none() => Some(Self::Guests),
            ("users", None) => proof().map(Self::Users),
            ("user", Some(of)) => proof().map(|proof| Self::User(of, proof)),
            ("team", Some(of)) => match dimension {
                Some(role) => is_team_role(role).then(|| Self::Team(of, Some(role.to_owned()))),
                None => Some(Self::Team(of, None)),
            },
            ("member", Some(of)) if dimension.is_none() => Some(Self::Member(of)),
            ("label", Some(of)) if dimension.is_none() && is_label(&of) => Some(Self::Label(of)),
            _ => None,
        }
    }
}

/// Whoever has roles under an id that may be given to somebody else one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleHolder {
    /// The user of this id.
    User(String),
    /// The team of this id, for its members.
    Team(String),
}

impl RoleHolder {
    /// Whether this role is one that it has.
    #[must_use]
    pub fn has(&self, role: &Role) -> bool {
        match (self, role) {
            (Self::User(holder), Role::User(id, _)) | (Self::Team(holder), Role::Team(id, _)) => holder == id,
            _ => false,
        }
    }

    /// The role that all its others begin with, followed by a slash.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::User(id) => Role::User(id.clone(), None),
            Self::Team(id) => Role::Team(id.clone(), None),
        }
    }
}

/// Whether this may be a role within a team: 1 to 81 of `A-Z a-z 0-9 . _ -`, and no special character first.
#[must_use]
pub fn is_team_role(role: &str) -> bool {
    role.len() <= MAX_DIMENSION
        && role.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && role.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether this may be a user's label: 1 to 36 letters and digits.
#[must_use]
pub fn is_label(label: &str) -> bool {
    (1..=id::MAX_LENGTH).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Guests => f.write_str("guests"),
            Self::Users(None) => f.write_str("users"),
            Self::Users(Some(proof)) => write!(f, "users/{}", proof.name()),
            Self::User(id, None) => write!(f, "user:{id}"),
            Self::User(id, Some(proof)) => write!(f, "user:{id}/{}", proof.name()),
            Self::Team(id, None) => write!(f, "team:{id}"),
            Self::Team(id, Some(role)) => write!(f, "team:{id}/{role}"),
            Self::Member(id) => write!(f, "member:{id}"),
            Self::Label(label) => write!(f, "label:{label}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_every_form() {
        for text in [
            "any",
            "guests",
            "users",
            "users/verified",
            "users/unverified",
            "user:abc",
            "user:abc/verified",
            "team:t",
            "team:t/owner",
            "member:m",
            "label:vip",
        ] {
            assert_eq!(Role::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_only_looks_like_a_role() {
        for text in [
            "",
            "*",
            "role:all",
            "ANY",
            "any:x",
            "any/x",
            "guests/x",
            "users:x",
            "users/",
            "users/owner",
            "user",
            "user:",
            "user:a b",
            "user:abc/",
            "user:abc/owner",
            "user:abc/verified/x",
            "team:x:y",
            "team:t/",
            "team:t/a/b",
            "team:t/a\nb",
            "team:t/ä",
            "member:m/x",
            "label:a-b",
            "label:",
            "keys",
            "user:_x",
        ] {
            assert_eq!(Role::parse(text), None, "{text}");
        }
    }
}
