//! Permissions: who may do what with one thing.

use crate::access::Caller;
use crate::error::{Error, ErrorKind, Result};
use crate::role::{Role, RoleHolder};
use serde::{Serialize, Serializer};
use std::fmt;

/// The most permissions that one thing may carry.
pub const MAX_PERMISSIONS: usize = 100;

/// What a permission allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// To put something into a container.
    Create,
    /// To see it.
    Read,
    /// To change it.
    Update,
    /// To remove it.
    Delete,
}

impl Action {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One action allowed to one role: `read("any")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permission {
    /// What is allowed.
    pub action: Action,
    /// To whom.
    pub role: Role,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(\"{}\")", self.action.name(), self.role)
    }
}

/// What a set of permissions is attached to: it decides which actions make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionTarget {
    /// A table, a bucket: things are created in it.
    Container,
    /// A row, a file: `write` means update and delete.
    Item,
}

/// Who may do what with one thing: no permission twice, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Permissions(Vec<Permission>);

impl Permissions {
    /// Nobody but those whom permissions don't bind.
    pub const NONE: Self = Self(Vec::new());

    /// Reads a list such as `["read(\"any\")", "write(\"user:abc\")"]`; `write` is spelled out.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralArgumentInvalid`] about `permissions`, with what is wrong.
    pub fn parse<S: AsRef<str>>(texts: &[S], scope: PermissionTarget) -> Result<Self> {
        if texts.len() > MAX_PERMISSIONS {
            return Err(invalid(&format!("You can only provide up to {MAX_PERMISSIONS} permissions.")));
        }
        let mut permissions = Self::default();
        for text in texts {
            let (actions, role) = parse_one(text.as_ref(), scope)?;
            for action in actions {
                permissions.add(Permission { action: *action, role: role.clone() });
            }
        }
        Ok(permissions)
    }

    /// Reads what [`Permissions::written`] wrote. `None` when it didn't. (There may be more than
    /// [`MAX_PERMISSIONS`]: a `write` that was spelled out counted as one.)
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let texts: Vec<String> = serde_json::from_str(text).ok()?;
        let permissions = texts.iter().map(|text| match parse_one(text, PermissionTarget::Container).ok()? {
            ([action], role) => Some(Permission { action: *action, role }),
            _ => None,
        });
        permissions.collect::<Option<_>>().map(Self)
    }

    /// What something gets whose creator said nothing: read, update and delete for them alone.
    #[must_use]
    pub fn owned_by(user_id: &str) -> Self {
        let role = Role::User(user_id.to_owned(), None);
        Self(
            [Action::Read, Action::Update, Action::Delete]
                .map(|action| Permission { action, role: role.clone() })
                .into(),
        )
    }

    fn add(&mut self, permission: Permission) {
        if !self.0.contains(&permission) {
            self.0.push(permission);
        }
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Permission> {
        self.0.iter()
    }

    /// The same without what is allowed to somebody; none: nothing is.
    #[must_use]
    pub fn without(&self, gone: &RoleHolder) -> Option<Self> {
        let (kept, taken): (Vec<_>, Vec<_>) =
            self.0.iter().cloned().partition(|permission| !gone.has(&permission.role));
        (!taken.is_empty()).then_some(Self(kept))
    }

    /// Whether one of these roles is allowed this.
    #[must_use]
    pub fn allow(&self, action: Action, roles: &[Role]) -> bool {
        self.0.iter().any(|permission| permission.action == action && roles.contains(&permission.role))
    }

    /// Refuses permissions for roles that the caller doesn't hold: nobody gives what they don't have.
    ///
    /// # Errors
    /// [`ErrorKind::UserUnauthorized`], with the roles that the caller could name.
    pub fn grantable_by(&self, caller: &Caller) -> Result<()> {
        if caller.privileged() || self.0.iter().all(|permission| caller.roles().contains(&permission.role)) {
            return Ok(());
        }
        let roles: Vec<_> = caller.roles().iter().map(ToString::to_string).collect();
        Err(Error::new(ErrorKind::UserUnauthorized)
            .message(format!("Permissions must be one of: ({})", roles.join(", "))))
    }

    /// Everything in the order in which it was given, as a JSON array of texts.
    #[must_use]
    pub fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The one text that stands for this set whatever its order: a JSON array, sorted.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        serde_json::to_string(&texts).unwrap_or_default()
    }
}

fn parse_one(text: &str, scope: PermissionTarget) -> Result<(&'static [Action], Role)> {
    let (name, rest) = text.split_once('(').ok_or_else(|| invalid(&format!("\"{text}\" is not a permission.")))?;
    let role = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix("\")"));
    let role = role.ok_or_else(|| invalid(&format!("Invalid permission string format: \"{text}\".")))?;
    let role = Role::parse(role).ok_or_else(|| invalid(&format!("\"{text}\" names no role that exists.")))?;
    let actions: &[Action] = match (name, scope) {
        ("create", PermissionTarget::Container) => &[Action::Create],
        ("read", _) => &[Action::Read],
        ("update", _) => &[Action::Update],
        ("delete", _) => &[Action::Delete],
        ("write", PermissionTarget::Container) => &[Action::Create, Action::Update, Action::Delete],
        ("write", PermissionTarget::Item) => &[Action::Update, Action::Delete],
        _ => {
            return Err(invalid(&format!("Permission \"{name}\" is not allowed. Must be one of: {}.", allowed(scope))));
        }
    };
    Ok((actions, role))
}

fn allowed(scope: PermissionTarget) -> &'static str {
    match scope {
        PermissionTarget::Container => "create, read, update, delete, write",
        PermissionTarget::Item => "read, update, delete, write",
    }
}

fn invalid(rule: &str) -> Error {
    Error::invalid("permissions", rule)
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_is_spelled_out() {
        let on_table = Permissions::parse(&[r#"write("any")"#], PermissionTarget::Container).unwrap();
        assert_eq!(on_table.canonical(), r#"["create(\"any\")","delete(\"any\")","update(\"any\")"]"#);
        let on_row = Permissions::parse(&[r#"write("any")"#, r#"update("any")"#], PermissionTarget::Item).unwrap();
        assert_eq!(serde_json::to_string(&on_row).unwrap(), r#"["update(\"any\")","delete(\"any\")"]"#);
    }

    #[test]
    fn refuses_what_is_no_permission() {
        for text in [
            "",
            "read",
            "read()",
            "read(any)",
            r#"read("*")"#,
            r#"read("role:all")"#,
            r#"own("any")"#,
            r#"create("any")"#,
        ] {
            let error = Permissions::parse(&[text], PermissionTarget::Item).unwrap_err();
            assert_eq!(
                (error.kind(), error.parameter()),
                (ErrorKind::GeneralArgumentInvalid, Some("permissions")),
                "{text}"
            );
        }
        assert!(Permissions::parse(&[r#"read("any")"#; 101], PermissionTarget::Item).is_err());
    }

    #[test]
    fn what_is_stored_comes_back_however_much_it_is() {
        let texts: Vec<_> = (0..MAX_PERMISSIONS).map(|n| format!("write(\"user:u{n}\")")).collect();
        let permissions = Permissions::parse(&texts, PermissionTarget::Container).unwrap();
        let stored = Permissions::stored(&permissions.written()).unwrap();
        assert_eq!((stored.iter().count(), &stored), (300, &permissions));
        assert_eq!(Permissions::stored("[\"write(\\\"any\\\")\"]"), None);
    }

    #[test]
    fn what_is_taken_from_one_stays_with_the_others() {
        let texts = ["read(\"user:a\")", "read(\"user:a/verified\")", "read(\"user:ab\")", "read(\"team:a/x\")"];
        let permissions = Permissions::parse(&texts, PermissionTarget::Item).unwrap();
        let left = |holder| permissions.without(&holder).map(|left| left.canonical());
        let without_user = r#"["read(\"team:a/x\")","read(\"user:ab\")"]"#;
        assert_eq!(left(RoleHolder::User("a".into())).as_deref(), Some(without_user));
        let without_team = left(RoleHolder::Team("a".into())).unwrap();
        assert!(!without_team.contains("team:a") && without_team.contains("user:a/verified"));
        assert_eq!(left(RoleHolder::User("x".into())), None);
    }

    #[test]
    fn a_role_matches_only_itself() {
        let permissions = Permissions::parse(&[r#"read("user:abc/verified")"#], PermissionTarget::Item).unwrap();
        let may = |role: &str| permissions.allow(Action::Read, &[Role::parse(role).unwrap()]);
        assert!(may("user:abc/verified"));
        assert!(!may("user:abc") && !may("user:ABC/verified") && !may("users/verified") && !may("any"));
    }
}
