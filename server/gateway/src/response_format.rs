//! `X-Appwrite-Response-Format`: for which version of Appwrite a client was made. Answers are those of one version, whatever it
//! says; who was made for a newer one is told so.

use crate::API_VERSION;

/// The version of Appwrite whose answers ours are. Its format is newer than its release.
const SPOKEN: [u32; 3] = [2, 0, 0];

/// What a client is told that was made for a newer version, in Appwrite's words. What is no version asks for nothing.
pub(crate) fn warning(format: &str) -> Option<String> {
    let parts = || format.split('.').map(str::parse::<u32>);
    let is_newer = parts().all(|part| part.is_ok()) && parts().flatten().gt(SPOKEN);
    is_newer.then(|| {
        format!(
            "The current SDK is built for Appwrite {format}. However, the current Appwrite server version is {API_VERSION}. \
             Please downgrade your SDK to match the Appwrite version: https://appwrite.io/docs/sdks"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_newer_is_told() {
        for format in ["2.0.1", "2.5.0", "3", "10.0.0"] {
            assert!(warning(format).is_some_and(|said| said.contains(&format!("Appwrite {format}."))), "{format}");
        }
        for format in ["2.0.0", "1.9.6", "1.8.0", "0.1", "2", "", "abc", "2.x", "-3.0", "2.5.0\r\n", "99999999999.0"] {
            assert_eq!(warning(format), None, "{format}");
        }
    }
}
