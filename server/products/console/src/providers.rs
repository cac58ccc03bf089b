//! OAuth2 providers, and what a project must know of each to be set up with it.

use serde::Serialize;

/// Every provider and its parameters, by their names in `PATCH /project/oauth2/{provider}` of the contract.
const PROVIDERS: &[(&str, &[&str])] = &[
    ("amazon", &["clientId", "clientSecret"]),
    ("apple", &["serviceId", "keyId", "teamId", "p8File"]),
    ("appwrite", &["clientId", "clientSecret"]),
    ("auth0", &["clientId", "clientSecret", "endpoint"]),
    ("authentik", &["clientId", "clientSecret", "endpoint"]),
    ("autodesk", &["clientId", "clientSecret"]),
    ("bitbucket", &["key", "secret"]),
    ("bitly", &["clientId", "clientSecret"]),
    ("box", &["clientId", "clientSecret"]),
    ("dailymotion", &["apiKey", "apiSecret"]),
    ("discord", &["clientId", "clientSecret"]),
    ("disqus", &["publicKey", "secretKey"]),
    ("dropbox", &["appKey", "appSecret"]),
    ("etsy", &["keyString", "sharedSecret"]),
    ("facebook", &["appId", "appSecret"]),
    ("figma", &["clientId", "clientSecret"]),
    ("fusionauth", &["clientId", "clientSecret", "endpoint"]),
    ("github", &["clientId", "clientSecret"]),
    ("gitlab", &["applicationId", "secret", "endpoint"]),
    ("google", &["clientId", "clientSecret"]),
    ("huggingface", &["clientId", "clientSecret"]),
    ("keycloak", &["clientId", "clientSecret", "endpoint", "realmName"]),
    ("kick", &["clientId", "clientSecret"]),
    ("linkedin", &["clientId", "primaryClientSecret"]),
    ("microsoft", &["applicationId", "applicationSecret", "tenant"]),
    ("notion", &["oauthClientId", "oauthClientSecret"]),
    ("oidc", &["clientId", "clientSecret", "wellKnownURL", "authorizationURL", "tokenURL", "userInfoURL"]),
    ("okta", &["clientId", "clientSecret", "domain", "authorizationServerId"]),
    ("paypal", &["clientId", "secretKey"]),
    ("paypalSandbox", &["clientId", "secretKey"]),
    ("podio", &["clientId", "clientSecret"]),
    ("salesforce", &["customerKey", "customerSecret"]),
    ("slack", &["clientId", "clientSecret"]),
    ("spotify", &["clientId", "clientSecret"]),
    ("stripe", &["clientId", "apiSecretKey"]),
    ("tradeshift", &["oauth2ClientId", "oauth2ClientSecret"]),
    ("tradeshiftBox", &["oauth2ClientId", "oauth2ClientSecret"]),
    ("twitch", &["clientId", "clientSecret"]),
    ("wordpress", &["clientId", "clientSecret"]),
    ("x", &["customerKey", "secretKey"]),
    ("yahoo", &["clientId", "clientSecret"]),
    ("yandex", &["clientId", "clientSecret"]),
    ("zoho", &["clientId", "clientSecret"]),
    ("zoom", &["clientId", "clientSecret"]),
];

/// A provider (the contract's `consoleOAuth2Provider`).
#[derive(Debug, Serialize)]
pub(crate) struct Provider {
    #[serde(rename = "$id")]
    id: &'static str,
    parameters: Vec<Parameter>,
}

/// Something that a provider gives to whoever registers an app with it (`consoleOAuth2ProviderParameter`).
#[derive(Debug, Serialize)]
struct Parameter {
    #[serde(rename = "$id")]
    id: &'static str,
    name: String,
    example: &'static str,
    hint: &'static str,
}

/// All of them, in the order of their names.
pub(crate) fn all() -> Vec<Provider> {
    PROVIDERS
        .iter()
        .map(|(id, parameters)| Provider { id, parameters: parameters.iter().map(parameter).collect() })
        .collect()
}

fn parameter(id: &&'static str) -> Parameter {
    let hint = match *id {
        "p8File" => "The text of the .p8 file, with its first and its last line",
        "endpoint" | "domain" => "The host name of your own instance",
        _ => "",
    };
    Parameter { id, name: title(id), example: "", hint }
}

/// A name in camel case as people write it: `clientId` is "Client ID".
fn title(id: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut previous_is_small = true;
    for letter in id.chars() {
        match words.last_mut() {
            Some(word) if !(letter.is_uppercase() && previous_is_small) => word.push(letter),
            _ => words.push(letter.to_string()),
        }
        previous_is_small = letter.is_lowercase() || letter.is_ascii_digit();
    }
    let capitalized =
        words.iter().map(|word| if word == "Id" { "ID".to_owned() } else { floe_kernel::error::capitalized(word) });
    capitalized.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_people() {
        for (id, name) in
            [("clientId", "Client ID"), ("tokenURL", "Token URL"), ("secret", "Secret"), ("p8File", "P8 File")]
        {
            assert_eq!(title(id), name);
        }
    }
}
