//! The instance's own keys.

use crate::config::Config;
use floe_kernel::secret::{Secret, hash, random_hex};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The key that every other is made from: the configured one, or one that is made on first use and kept in the data
/// folder, readable by its owner alone.
pub(crate) fn root_key(config: &Config) -> io::Result<Secret> {
    match &config.security.secret_key {
        Some(key) => Ok(key.clone()),
        None => kept(&config.database.folder),
    }
}

/// A key for one purpose. Who learns one of them learns none of the others.
pub(crate) fn derive(root: &Secret, purpose: &str) -> Secret {
    Secret::new(hash(&format!("{purpose}\0{}", root.expose())))
}

fn kept(folder: &Path) -> io::Result<Secret> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join("secret.key");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let key = random_hex(32);
            file.write_all(key.as_bytes())?;
            file.sync_all()?;
            Ok(Secret::new(key))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let key = fs::read_to_string(path)?;
    // A file that a crash left half-written would silently make weak keys.
    if key.trim().len() < 64 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is not complete; remove it to have a new key made (JWTs of the old one end)", path.display()),
        ));
    }
    Ok(Secret::new(key.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept(folder.path()).unwrap();
        assert_eq!(first.expose(), kept(folder.path()).unwrap().expose());
        let mode = fs::metadata(folder.path().join("secret.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join("secret.key"), "half").unwrap();
        assert!(kept(folder.path()).is_err());
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let root = Secret::new("root");
        assert_ne!(derive(&root, "jwt").expose(), derive(&root, "log").expose());
    }
}
