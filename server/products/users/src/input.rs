//! Parameters that only people have, for this product and for accounts.

use floe_gateway::input::{Param, Refusal};
use floe_kernel::secret::Secret;
use serde_json::{Value as Json, json};

/// A parameter that an empty text takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrEmpty<T>(pub Option<T>);

impl<T: Param> Param for OrEmpty<T> {
    fn read(value: Json) -> Result<Self, Refusal> {
        if value == "" { Ok(Self(None)) } else { T::read(value).map(Some).map(Self) }
    }

    fn schema() -> Json {
        json!({"anyOf": [T::schema(), {"const": ""}]})
    }
}

/// A secret that is compared with one that we know: a text of 256 characters at the most, as long as any password.
#[derive(Debug, Clone)]
pub struct SecretText(pub Secret);

impl Param for SecretText {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::String(text) if text.chars().count() <= 256 => Ok(Self(Secret::new(text))),
            _ => Err("Value must be a valid string and no longer than 256 chars".into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "format": "password", "maxLength": 256})
    }
}

/// A label: 1 to 36 letters and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(pub String);

impl Param for Label {
    fn read(value: Json) -> Result<Self, Refusal> {
        match value {
            Json::String(text)
                if (1..=36).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                Ok(Self(text))
            }
            _ => Err("Value must be a valid string and at least 1 chars and no longer than 36 chars \
                      and only consist of '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz' chars"
                .into()),
        }
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^[A-Za-z0-9]{1,36}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use floe_gateway::param::Email;

    #[test]
    fn an_empty_text_takes_away_and_everything_else_obeys_its_rule() {
        assert_eq!(OrEmpty::<Email>::read(json!("")).unwrap(), OrEmpty(None));
        assert_eq!(OrEmpty::<Email>::read(json!("A@b.org")).unwrap(), OrEmpty(Email::parse("a@b.org")));
        for value in [json!("a"), json!(null), json!([]), json!({"$ne": ""}), json!(1)] {
            assert!(OrEmpty::<Email>::read(value).is_err());
        }
    }

    #[test]
    fn secrets_of_other_types_and_sizes_are_refused() {
        for value in [json!(null), json!(1), json!(["x"]), json!({}), json!("x".repeat(257))] {
            assert!(SecretText::read(value).is_err());
        }
        assert_eq!(format!("{:?}", SecretText::read(json!("hush")).unwrap()), "SecretText([secret])");
    }

    #[test]
    fn labels_are_plain() {
        assert!(Label::read(json!("vip7")).is_ok());
        for label in ["", "a b", "a/b", "a:b", "é", "a\n", &"x".repeat(37)] {
            assert!(Label::read(json!(label)).is_err(), "{label}");
        }
    }
}
