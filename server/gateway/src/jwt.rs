//! The JWTs that stand for a session for a while (`POST /account/jwts`).

use floe_kernel::secret::Secret;
use floe_kernel::time::Timestamp;
use floe_kernel::{Error, ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a JWT of ours claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The user it stands for.
    pub user_id: String,
    /// The session it stands for; the JWT ends with it. Empty for a JWT that a server made without one.
    pub session_id: String,
    /// The only project that it is good for.
    pub project_id: String,
    /// Of which generation of the user's JWTs it is, see [`floe_kernel::directory::Principal::generation`].
    #[serde(default)]
    pub generation: i64,
    /// When it ends, in seconds since 1970.
    pub exp: i64,
}

/// Signs and checks JWTs with the instance's own key. Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    encoding: EncodingKey,
    /// The current key's first.
    decoding: Arc<[DecodingKey]>,
}

impl Signer {
    /// With this key.
    #[must_use]
    pub fn new(key: &Secret) -> Self {
        Self::with_previous(key, &[])
    }

    /// With this key; JWTs that were signed with a previous one are good until they end.
    #[must_use]
    pub fn with_previous(key: &Secret, previous: &[Secret]) -> Self {
        let decoding =
            std::iter::once(key).chain(previous).map(|key| DecodingKey::from_secret(key.expose().as_bytes()));
        Self { encoding: EncodingKey::from_secret(key.expose().as_bytes()), decoding: decoding.collect() }
    }

    /// A JWT with these claims (HS256).
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        encode(&Header::new(Algorithm::HS256), claims, &self.encoding).map_err(Error::internal)
    }

    /// The claims of a JWT of ours, for this project, that hasn't ended.
    ///
    /// # Errors
    /// [`ErrorKind::UserJwtInvalid`] for every other text.
    pub fn verify(&self, jwt: &str, project_id: &str, now: Timestamp) -> Result<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        // Compared below with the clock that we were given, to the second.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp"]);
        let claims = self.decoding.iter().find_map(|key| decode::<Claims>(jwt, key, &validation).ok());
        let claims = claims.ok_or(ErrorKind::UserJwtInvalid)?.claims;
        let good = claims.project_id == project_id && claims.exp > now.seconds();
        good.then_some(claims).ok_or_else(|| ErrorKind::UserJwtInvalid.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn signer_key() -> Secret {
        Secret::new("a key of at least thirty-two characters")
    }

    fn signer() -> Signer {
        Signer::new(&signer_key())
    }

    fn claims() -> Claims {
        Claims { user_id: "u".into(), session_id: "s".into(), project_id: "p".into(), generation: 0, exp: 1000 }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn stands_until_it_ends_and_in_its_project_only() {
        let jwt = signer().sign(&claims()).unwrap();
        assert_eq!(signer().verify(&jwt, "p", at(999)).unwrap(), claims());
        assert!(signer().verify(&jwt, "p", at(1000)).is_err());
        assert!(signer().verify(&jwt, "q", at(1)).is_err());
        let (new, old) = (Secret::new("the key that came after, of 32 characters"), signer_key());
        let both = Signer::with_previous(&new, &[old]);
        assert_eq!(both.verify(&jwt, "p", at(999)).unwrap(), claims(), "signed with the key of before");
        assert!(both.verify(&jwt, "p", at(1000)).is_err());
        let newer = both.sign(&claims()).unwrap();
        assert!(signer().verify(&newer, "p", at(1)).is_err(), "nothing new is signed with the key of before");
        assert!(Signer::new(&Secret::new("another key of more than 32 characters")).verify(&jwt, "p", at(1)).is_err());
    }

    #[test]
    fn refuses_other_algorithms_and_odd_claims() {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let body = part(r#"{"userId":"u","sessionId":"s","projectId":"p","exp":9999999999}"#);
        for jwt in [
            format!("{}.{body}.", part(r#"{"alg":"none"}"#)),
            format!("{}.{body}.", part(r#"{"alg":"None","typ":"JWT"}"#)),
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(100_000),
        ] {
            assert!(signer().verify(&jwt, "p", at(1)).is_err());
        }
        let key = EncodingKey::from_secret(b"a key of at least thirty-two characters");
        let hs384 = encode(&Header::new(Algorithm::HS384), &claims(), &key).unwrap();
        assert!(signer().verify(&hs384, "p", at(1)).is_err());
        for exp in [r#""9999999999""#, "1e400", "-1", "9999999999.5", "null"] {
            let claims: Result<serde_json::Value, _> =
                serde_json::from_str(&format!(r#"{{"userId":"u","sessionId":"s","projectId":"p","exp":{exp}}}"#));
            let Ok(claims) = claims else { continue };
            let jwt = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            assert!(signer().verify(&jwt, "p", at(1)).is_err(), "{exp}");
        }
    }
}
