//! The types of parameters that only teams have.

use floe_gateway::input::{Param, Refusal};
use floe_kernel::role::is_team_role;
use serde_json::{Value as Json, json};

/// A role within a team, of `MAX` characters at the most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleName<const MAX: usize>(pub(crate) String);

impl<const MAX: usize> Param for RoleName<MAX> {
    fn read(value: Json) -> Result<Self, Refusal> {
        let role = value.as_str().filter(|role| role.len() <= MAX && is_team_role(role)).map(str::to_owned);
        role.map(Self).ok_or_else(|| {
            format!("Value must be a role of at most {MAX} chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char").into()
        })
    }

    fn schema() -> Json {
        json!({"type": "string", "maxLength": MAX, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"})
    }
}

/// Roles, each once, in the order in which they were given.
pub(crate) fn names<const MAX: usize>(roles: Vec<RoleName<MAX>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(roles.len());
    for role in roles {
        if !names.contains(&role.0) {
            names.push(role.0);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_inject_nothing() {
        for role in ["owner", "a.b-c_d", &"x".repeat(81)] {
            assert!(RoleName::<81>::read(json!(role)).is_ok(), "{role}");
        }
        for role in ["", "a/b", "team:x/owner", "a:b", "a\nb", "a b", "ä", "-a", &"x".repeat(82)] {
            assert!(RoleName::<81>::read(json!(role)).is_err(), "{role}");
        }
        assert!(RoleName::<36>::read(json!("x".repeat(37))).is_err());
        for other in [json!(null), json!(1), json!(["owner"]), json!({})] {
            assert!(RoleName::<81>::read(other).is_err());
        }
    }

    #[test]
    fn roles_are_kept_once() {
        assert_eq!(names(["b", "a", "b"].map(|role| RoleName::<36>(role.into())).into()), ["b", "a"]);
    }
}
