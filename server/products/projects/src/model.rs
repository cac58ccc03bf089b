//! Projects, keys and platforms: as this product knows them, and as the API shows them.

use crate::params::{AuthMethod, Protocol, Service};
use floe_kernel::directory::{MembershipPrivacy, ProjectSettings};
use floe_kernel::scope::{Scope, Scopes};
use floe_kernel::time::Timestamp;
use serde::{Serialize, Serializer};

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// Which making of a project of this id it is; see [`floe_kernel::directory::Project`].
    pub(crate) generation: i64,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) team_id: String,
    pub(crate) region: String,
    pub(crate) labels: Vec<String>,
    pub(crate) settings: ProjectSettings,
    pub(crate) accessed: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// What a new project is made of.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// Its id, valid for a project.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The organisation that owns it; empty: none.
    pub team_id: String,
}

/// What people write about a project.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    pub(crate) description: String,
    pub(crate) logo: String,
    pub(crate) url: String,
    pub(crate) legal_name: String,
    pub(crate) legal_country: String,
    pub(crate) legal_state: String,
    pub(crate) legal_city: String,
    pub(crate) legal_address: String,
    pub(crate) legal_tax_id: String,
}

/// An API key. Its secret is known to whoever made it, and to nobody else.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) accessed: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// An app that may call a project.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The type, as the API calls it.
    pub(crate) kind: String,
    /// Where a web app lives; empty for others.
    pub(crate) hostname: String,
    /// What its operating system calls an app; empty for web apps.
    pub(crate) identifier: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// A moment that may not have come yet: empty then, as clients expect.
fn moment<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => moment.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

/// Something that can be switched off.
#[derive(Debug, Serialize)]
pub(crate) struct Switch {
    #[serde(rename = "$id")]
    id: &'static str,
    enabled: bool,
}

fn switches(all: &'static [&'static str], off: &[String]) -> Vec<Switch> {
    all.iter().map(|id| Switch { id, enabled: !off.iter().any(|name| name == id) }).collect()
}

/// The contract's `project`. What isn't built yet says so: no mail server, no blocks, no firewall.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    name: String,
    team_id: String,
    region: String,
    dev_keys: [(); 0],
    smtp_enabled: bool,
    smtp_sender_name: &'static str,
    smtp_sender_email: &'static str,
    smtp_reply_to_name: &'static str,
    smtp_reply_to_email: &'static str,
    smtp_host: &'static str,
    smtp_port: u16,
    smtp_username: &'static str,
    smtp_password: &'static str,
    smtp_secure: &'static str,
    ping_count: u64,
    pinged_at: &'static str,
    labels: Vec<String>,
    status: &'static str,
    onboarding: [(); 0],
    auth_methods: Vec<Switch>,
    services: Vec<Switch>,
    protocols: Vec<Switch>,
    blocks: [(); 0],
    #[serde(serialize_with = "moment")]
    console_accessed_at: Option<Timestamp>,
    waf_enabled: bool,
}

impl From<Project> for ProjectModel {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            created_at: project.created,
            updated_at: project.updated,
            name: project.name,
            team_id: project.team_id,
            region: project.region,
            dev_keys: [],
            smtp_enabled: false,
            smtp_sender_name: "",
            smtp_sender_email: "",
            smtp_reply_to_name: "",
            smtp_reply_to_email: "",
            smtp_host: "",
            smtp_port: 0,
            smtp_username: "",
            smtp_password: "",
            smtp_secure: "",
            ping_count: 0,
            pinged_at: "",
            labels: project.labels,
            status: "active",
            onboarding: [],
            auth_methods: switches(AuthMethod::ALL, &project.settings.disabled_auth_methods),
            services: switches(Service::ALL, &project.settings.disabled_services),
            protocols: switches(Protocol::ALL, &[]),
            blocks: [],
            console_accessed_at: project.accessed,
            waf_enabled: false,
        }
    }
}

/// The contract's `key`. `secret` is empty but in the answer that makes the key (decision 0006).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    name: String,
    #[serde(serialize_with = "moment")]
    expire: Option<Timestamp>,
    scopes: Vec<&'static str>,
    secret: ShownOnce,
    #[serde(serialize_with = "moment")]
    accessed_at: Option<Timestamp>,
    sdks: [(); 0],
}

/// A secret on its one way out. It doesn't print.
#[derive(Default)]
struct ShownOnce(String);

impl std::fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for ShownOnce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<Key> for KeyModel {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            created_at: key.created,
            updated_at: key.updated,
            name: key.name,
            expire: key.expires,
            scopes: key.scopes.iter().map(Scope::name).collect(),
            secret: ShownOnce::default(),
            accessed_at: key.accessed,
            sdks: [],
        }
    }
}

impl KeyModel {
    /// A key that has just been made, with its secret.
    pub(crate) fn made(key: Key, secret: &floe_kernel::secret::Secret) -> Self {
        Self { secret: ShownOnce(secret.expose().to_owned()), ..key.into() }
    }
}

/// The contract's `platformWeb`, `platformApple` and so on: the same but for what each calls its identifier.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlatformModel {
    #[serde(rename = "$id")]
    id: String,
    #[serde(rename = "$createdAt")]
    created_at: Timestamp,
    #[serde(rename = "$updatedAt")]
    updated_at: Timestamp,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    identity: AppIdentity,
}

#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum AppIdentity {
    Apple { bundle_identifier: String },
    Android { application_id: String },
    Windows { package_identifier_name: String },
    Linux { package_name: String },
    Web { hostname: String, key: String },
}

impl From<Platform> for PlatformModel {
    fn from(platform: Platform) -> Self {
        let identifier = platform.identifier;
        let identity = match platform.kind.as_str() {
            "apple" => AppIdentity::Apple { bundle_identifier: identifier },
            "android" => AppIdentity::Android { application_id: identifier },
            "windows" => AppIdentity::Windows { package_identifier_name: identifier },
            "linux" => AppIdentity::Linux { package_name: identifier },
            _ => AppIdentity::Web { hostname: platform.hostname, key: identifier },
        };
        Self {
            id: platform.id,
            created_at: platform.created,
            updated_at: platform.updated,
            name: platform.name,
            kind: platform.kind,
            identity,
        }
    }
}

/// The contract's policies, each with its own fields.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum PolicyModel {
    Duration {
        #[serde(rename = "$id")]
        id: &'static str,
        duration: i64,
    },
    Enabled {
        #[serde(rename = "$id")]
        id: &'static str,
        enabled: bool,
    },
    Total {
        #[serde(rename = "$id")]
        id: &'static str,
        total: i64,
    },
    MembershipPrivacy {
        #[serde(rename = "$id")]
        id: &'static str,
        #[serde(flatten)]
        shows: Shows,
    },
}

/// What members may see of each other, in the words of the API.
#[derive(Debug, Serialize)]
pub(crate) struct Shows {
    #[serde(rename = "userId")]
    id: bool,
    #[serde(rename = "userEmail")]
    email: bool,
    #[serde(rename = "userPhone")]
    phone: bool,
    #[serde(rename = "userName")]
    name: bool,
    #[serde(rename = "userMFA")]
    mfa: bool,
    #[serde(rename = "userAccessedAt")]
    accessed_at: bool,
}

impl From<MembershipPrivacy> for Shows {
    fn from(privacy: MembershipPrivacy) -> Self {
        Self {
            id: privacy.user_id,
            email: privacy.user_email,
            phone: privacy.user_phone,
            name: privacy.user_name,
            mfa: privacy.mfa,
            accessed_at: privacy.user_accessed_at,
        }
    }
}

impl PolicyModel {
    /// What these settings say about the policy of this name.
    pub(crate) fn of(id: &'static str, settings: &ProjectSettings) -> Self {
        match id {
            "session-duration" => Self::Duration { id, duration: settings.session_seconds },
            "session-invalidation" => Self::Enabled { id, enabled: settings.invalidate_sessions },
            "session-limit" => Self::Total { id, total: settings.max_sessions },
            "user-limit" => Self::Total { id, total: settings.max_users },
            _ => Self::MembershipPrivacy { id, shows: settings.membership_privacy.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn platforms_name_their_identifier_as_their_system_does() {
        let now = Timestamp::from_millis(0);
        for (kind, field) in [
            ("apple", "bundleIdentifier"),
            ("android", "applicationId"),
            ("windows", "packageIdentifierName"),
            ("linux", "packageName"),
            ("web", "key"),
            ("flutter-ios", "key"),
        ] {
            let platform = Platform {
                id: "p".into(),
                name: "n".into(),
                kind: kind.into(),
                hostname: String::new(),
                identifier: "org.example".into(),
                created: now,
                updated: now,
            };
            let json = serde_json::to_value(PlatformModel::from(platform)).unwrap();
            assert_eq!((&json[field], &json["type"]), (&json!("org.example"), &json!(kind)));
        }
    }

    #[test]
    fn policies_have_their_own_fields() {
        let settings = ProjectSettings::default();
        let json = |id| serde_json::to_value(PolicyModel::of(id, &settings)).unwrap();
        assert_eq!(json("session-duration"), json!({"$id": "session-duration", "duration": 31_536_000}));
        assert_eq!(json("session-limit"), json!({"$id": "session-limit", "total": 10}));
        assert_eq!(json("membership-privacy")["userMFA"], json!(false));
    }
}
