//! The instance's own keys: where they come from, and whether they are the right ones.

use crate::config::Config;
use crate::serve::Failure;
use floe_kernel::secret::{Secret, random_hex};
use floe_sealed::RootKeys;
use floe_store::{Stores, key_register};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The file in the data folder that holds the key, where none is configured.
const FILE: &str = "secret.key";
/// How many characters it has.
const LENGTH: usize = 64;

/// The keys that every other is made from: the configured ones; or one that is made with the data folder and kept in it,
/// readable by its owner alone. To be called before the data is opened.
///
/// # Errors
/// When the key is missing or damaged although there is data already.
pub(crate) fn root_keys(config: &Config) -> Result<RootKeys, Failure> {
    let current = match &config.security.secret_key {
        Some(key) => key.clone(),
        None => kept(&config.database.folder)?,
    };
    Ok(RootKeys::new(current, config.security.previous_secret_keys.clone()))
}

/// Refuses keys without which something that is kept encrypted can't be read.
///
/// # Errors
/// Which keys are missing, and what to do about it.
pub(crate) async fn require_all(keys: &RootKeys, config: &Config, stores: &Stores) -> Result<(), Failure> {
    let platform = stores.platform().await?;
    for id in &config.security.lost_secret_keys {
        if key_register::forget(&platform, id).await? {
            tracing::warn!(key = %id, "what was encrypted with this key is given up");
        }
    }
    let noted = key_register::noted(&platform).await?;
    let own: Vec<String> = keys.ids().map(|id| id.to_string()).collect();
    let missing: Vec<&str> = noted.iter().map(String::as_str).filter(|id| own.iter().all(|own| own != id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "there are values that are encrypted with the secret key(s) {}, and the keys of this server are {}. Set \
         FLOE_SECRET_KEY to the right one, and FLOE_SECRET_KEY_PREVIOUS to all that were replaced, or restore {FILE} from a \
         backup. Only what is lost for good: FLOE_SECRET_KEY_LOST={} gives up what it has encrypted",
        missing.join(", "),
        own.join(", "),
        missing.join(","),
    )
    .into())
}

fn kept(folder: &Path) -> Result<Secret, Failure> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Ok(key) => complete(&path, key.trim()),
        Err(error) if error.kind() == ErrorKind::NotFound && !folder.join("platform.db").exists() => {
            Ok(made(&path).map_err(|error| format!("{}: {error}", path.display()))?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "{} is missing, but there is data: {}",
            path.display(),
            "restore it from a backup. Without it nothing that is encrypted can be read. If it never was there, because \
             FLOE_SECRET_KEY was set, set that again"
        )
        .into()),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

/// Refuses a file that isn't whole.
fn complete(path: &Path, key: &str) -> Result<Secret, Failure> {
    if key.len() >= LENGTH {
        return Ok(Secret::new(key));
    }
    Err(format!(
        "{} is damaged: it holds {} of {LENGTH} characters. Restore it from a backup, or set FLOE_SECRET_KEY to what it held. \
         Don't remove it: without this key nothing that is encrypted can be read",
        path.display(),
        key.len()
    )
    .into())
}

/// Makes the file, whole or not at all, also if the power fails. If another process is faster, its key is ours too.
fn made(path: &Path) -> io::Result<Secret> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let key = random_hex(LENGTH / 2);
    let draft = path.with_extension(format!("key.{}", random_hex(4)));
    let written = write(&draft, &key).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    match written {
        Ok(()) => {
            File::open(folder)?.sync_all()?;
            Ok(Secret::new(key))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Secret::new(fs::read_to_string(path)?.trim())),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, key: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept(folder.path()).unwrap();
        assert_eq!(first.expose().len(), LENGTH);
        fs::write(folder.path().join("platform.db"), "data").unwrap();
        assert_eq!(first.expose(), kept(folder.path()).unwrap().expose());
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> = files.collect();
        files.sort();
        assert_eq!(files, ["platform.db", FILE], "no draft is left");
    }

    #[test]
    fn many_who_make_it_at_once_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let make = || kept(folder.path()).unwrap().expose().to_owned();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{}", keys.len());
    }

    #[test]
    fn a_key_that_is_damaged_or_missing_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "half").unwrap();
        let said = kept(folder.path()).unwrap_err().to_string();
        assert!(said.contains("4 of 64") && said.contains("Restore it") && said.contains("Don't remove it"), "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "half");
        fs::remove_file(&path).unwrap();
        fs::write(folder.path().join("platform.db"), "data").unwrap();
        let said = kept(folder.path()).unwrap_err().to_string();
        assert!(said.contains("is missing") && said.contains("restore it"), "{said}");
        assert!(!path.exists());
    }
}
