//! Passwords: hashed with argon2id, on threads of their own, so that a storm of log-ins can't starve the rest.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use floe_kernel::secret::{Secret, random_hex};
use floe_kernel::{Error, Result};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How much memory a hash takes, in KiB. The contract's three numbers.
pub(crate) const MEMORY_KIB: u32 = 7168;
/// How often it goes through it.
pub(crate) const PASSES: u32 = 5;
/// On how many threads.
pub(crate) const THREADS: u32 = 1;

/// The hash that is checked where there is no user or no password, so that both cost the same time. No password has it.
const DUMMY: &str = "$argon2id$v=19$m=7168,t=5,p=1$ZmxvZS1oYXMtbm8tdXNlcg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords, as many at a time as there are cores. Cheap to clone; share one.
#[derive(Clone)]
pub struct Passwords {
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { places: Arc::new(Semaphore::new(cores)) }
    }
}

impl Passwords {
    /// What is kept of a password.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub async fn hash(&self, password: &Secret) -> Result<String> {
        let password = password.clone();
        self.work(move || hash(&password)).await?
    }

    /// Whether this is the password that `kept` was made of. Without one it never is, at the same price.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub async fn verify(&self, password: &Secret, kept: Option<&str>) -> Result<bool> {
        let (password, kept) = (password.clone(), kept.unwrap_or(DUMMY).to_owned());
        self.work(move || verify(&password, &kept)).await?
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            // Held by the work and not by who waits for it: a caller who hangs up frees no place.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, THREADS, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Secret) -> Result<String> {
    // Hexadecimal is base64 too, of 24 bytes with 128 random bits among them.
    let salt = SaltString::from_b64(&random_hex(16)).map_err(Error::internal)?;
    let hash = argon2()?.hash_password(password.expose().as_bytes(), &salt).map_err(Error::internal)?;
    Ok(hash.to_string())
}

fn verify(password: &Secret, kept: &str) -> Result<bool> {
    #[cfg(test)]
    tests::VERIFIED.with_borrow_mut(|verified| verified.push(kept.to_owned()));
    // The parameters are those of the hash, all of which we have made.
    let kept = PasswordHash::new(kept).map_err(Error::internal)?;
    match argon2()?.verify_password(password.expose().as_bytes(), &kept) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(Error::internal(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    thread_local! {
        pub(super) static VERIFIED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::default();
        let kept = passwords.hash(&Secret::new("correct horse")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{kept}");
        assert!(passwords.verify(&Secret::new("correct horse"), Some(&kept)).await.unwrap());
        assert!(!passwords.verify(&Secret::new("Correct horse"), Some(&kept)).await.unwrap());
        assert_ne!(kept, passwords.hash(&Secret::new("correct horse")).await.unwrap(), "salted");
    }

    #[test]
    fn long_passwords_are_not_cut_and_nul_is_a_character() {
        let kept = hash(&Secret::new("x".repeat(256))).unwrap();
        assert!(!verify(&Secret::new("x".repeat(255)), &kept).unwrap());
        let kept = hash(&Secret::new("abcdefgh\0i")).unwrap();
        assert!(!verify(&Secret::new("abcdefgh\0j"), &kept).unwrap());
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let (real, dummy) = (hash(&Secret::new("correct horse")).unwrap(), PasswordHash::new(DUMMY).unwrap());
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!((real.algorithm, real.version, &real.params), (dummy.algorithm, dummy.version, &dummy.params));
        assert_eq!(real.hash.unwrap().len(), dummy.hash.unwrap().len());
    }

    #[test]
    fn who_is_unknown_is_checked_against_the_dummy() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let passwords = Passwords::default();
        assert!(!runtime.block_on(passwords.verify(&Secret::new("anything"), None)).unwrap());
        let verified = runtime.block_on(runtime.spawn_blocking(|| VERIFIED.with_borrow(Clone::clone))).unwrap();
        assert_eq!(verified, [DUMMY]);
    }
}
