//! Passwords: hashed with argon2id, on threads of their own, so that a storm of log-ins can't starve the rest.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use floe_gateway::Interest;
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

/// What a hash takes of whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// What the contract says. Every server's.
    const CONTRACT: Self = Self { memory_kib: MEMORY_KIB, passes: PASSES };
    /// The least that there is, for tests, whose passwords are nobody's. A binary that is optimized for people to run doesn't
    /// know it, whoever calls: there it is what the contract says.
    const OF_TESTS: Self = if cfg!(debug_assertions) {
        Self { memory_kib: Params::MIN_M_COST, passes: Params::MIN_T_COST }
    } else {
        Self::CONTRACT
    };

    fn argon2(self) -> Result<Argon2<'static>> {
        let params = Params::new(self.memory_kib, self.passes, THREADS, None).map_err(Error::internal)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// The hash that is checked where there is no user or no password, so that both cost the same time. No password has it.
    fn dummy(self) -> String {
        let Self { memory_kib, passes } = self;
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={THREADS}$ZmxvZS1oYXMtbm8tdXNlcg${:A<43}", "")
    }
}

/// How many callers may wait for a place: two seconds' work for two cores. Who comes then is told to come again, because
/// nobody waits longer for a form, and because what they would wait for is ever more of the same.
const WAITING: usize = 256;

/// Hashes and checks passwords, as many at a time as there are cores. Cheap to clone; share one.
#[derive(Clone)]
pub struct Passwords {
    cost: Cost,
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::costing(Cost::CONTRACT)
    }
}

impl Passwords {
    /// Cheap ones, for tests, which sign in all the time. No setting leads here, and without `debug_assertions` they are as
    /// dear as all others.
    #[must_use]
    pub fn of_tests() -> Self {
        Self::costing(Cost::OF_TESTS)
    }

    fn costing(cost: Cost) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(cost, cores, WAITING)
    }

    fn new(cost: Cost, places: usize, waiting: usize) -> Self {
        Self { cost, places: Arc::new(Semaphore::new(places)), queue: Arc::new(Semaphore::new(waiting)) }
    }

    /// What is kept of a password.
    ///
    /// # Errors
    /// [`ErrorKind::GeneralServiceUnavailable`] when too many wait already; nothing is done either when `interest` in
    /// the answer is lost before a place is free.
    ///
    /// [`ErrorKind::GeneralServiceUnavailable`]: floe_kernel::ErrorKind::GeneralServiceUnavailable
    pub async fn hash(&self, password: &Secret, interest: &Interest) -> Result<String> {
        let (cost, password) = (self.cost, password.clone());
        self.work(interest, move || hash(cost, &password)).await?
    }

    /// Whether this is the password that `kept` was made of. Without one it never is, at the same price.
    ///
    /// # Errors
    /// Those of [`Passwords::hash`].
    pub async fn verify(&self, password: &Secret, kept: Option<&str>, interest: &Interest) -> Result<bool> {
        let (password, kept) = (password.clone(), kept.map_or_else(|| self.cost.dummy(), str::to_owned));
        self.work(interest, move || verify(&password, &kept)).await?
    }

    async fn work<T: Send + 'static>(
        &self,
        interest: &Interest,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.queue.try_acquire().map_err(|_| Error::unavailable(1))?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(Error::internal)?;
        drop(turn);
        if interest.is_lost() {
            return Err(Error::unavailable(1));
        }
        let work = move || {
            // Held by the work and not by who waits for it: a caller who hangs up frees no place.
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash(cost: Cost, password: &Secret) -> Result<String> {
    // Hexadecimal is base64 too, of 24 bytes with 128 random bits among them.
    let salt = SaltString::from_b64(&random_hex(16)).map_err(Error::internal)?;
    let hash = cost.argon2()?.hash_password(password.expose().as_bytes(), &salt).map_err(Error::internal)?;
    Ok(hash.to_string())
}

fn verify(password: &Secret, kept: &str) -> Result<bool> {
    #[cfg(test)]
    tests::VERIFIED.with_borrow_mut(|verified| verified.push(kept.to_owned()));
    // The parameters are those of the hash, all of which we have made.
    let kept = PasswordHash::new(kept).map_err(Error::internal)?;
    match Argon2::default().verify_password(password.expose().as_bytes(), &kept) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(Error::internal(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::cell::RefCell;

    thread_local! {
        pub(super) static VERIFIED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::default();
        let (hash, verify) = (
            async |password: &str| passwords.hash(&Secret::new(password), &Interest::default()).await.unwrap(),
            async |password: &str, kept: &str| {
                passwords.verify(&Secret::new(password), Some(kept), &Interest::default()).await.unwrap()
            },
        );
        let kept = hash("correct horse").await;
        assert!(kept.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{kept}");
        assert!(verify("correct horse", &kept).await);
        assert!(!verify("Correct horse", &kept).await);
        assert_ne!(kept, hash("correct horse").await, "salted");
    }

    #[tokio::test]
    async fn who_comes_when_too_many_wait_is_told_to_come_again() {
        let (passwords, interest) = (Passwords::new(Cost::CONTRACT, 1, 2), Interest::default());
        let place = Arc::clone(&passwords.places).acquire_owned().await.unwrap();
        let password = Secret::new("correct horse");
        let mut waiting = futures_util::future::join_all((0..2).map(|_| passwords.hash(&password, &interest)));
        assert!((&mut waiting).now_or_never().is_none());
        let error = passwords.hash(&password, &interest).await.unwrap_err();
        assert_eq!((error.kind().status(), error.retry_after()), (503, Some(1)));
        drop(place);
        assert!(waiting.await.iter().all(Result::is_ok), "who waits has their turn");
        assert!(passwords.hash(&password, &interest).await.is_ok());
    }

    #[tokio::test]
    async fn nothing_is_hashed_for_who_has_hung_up() {
        let passwords = Passwords::new(Cost::CONTRACT, 1, 2);
        let place = Arc::clone(&passwords.places).acquire_owned().await.unwrap();
        let (caller, interest) = Interest::of_a_caller();
        let password = Secret::new("correct horse");
        let mut hash = Box::pin(passwords.hash(&password, &interest));
        assert!((&mut hash).now_or_never().is_none());
        drop(caller);
        drop(place);
        assert!(hash.await.is_err());
    }

    #[test]
    fn long_passwords_are_not_cut_and_nul_is_a_character() {
        let kept = hash(Cost::CONTRACT, &Secret::new("x".repeat(256))).unwrap();
        assert!(!verify(&Secret::new("x".repeat(255)), &kept).unwrap());
        let kept = hash(Cost::CONTRACT, &Secret::new("abcdefgh\0i")).unwrap();
        assert!(!verify(&Secret::new("abcdefgh\0j"), &kept).unwrap());
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let (real, dummy) = (hash(Cost::CONTRACT, &Secret::new("correct horse")).unwrap(), Cost::CONTRACT.dummy());
        let dummy = PasswordHash::new(&dummy).unwrap();
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!((real.algorithm, real.version, &real.params), (dummy.algorithm, dummy.version, &dummy.params));
        assert_eq!(real.hash.unwrap().len(), dummy.hash.unwrap().len());
    }

    #[test]
    fn who_is_unknown_is_checked_against_the_dummy() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let passwords = Passwords::default();
        assert!(!runtime.block_on(passwords.verify(&Secret::new("anything"), None, &Interest::default())).unwrap());
        let verified = runtime.block_on(runtime.spawn_blocking(|| VERIFIED.with_borrow(Clone::clone))).unwrap();
        assert_eq!(verified, [Cost::CONTRACT.dummy()]);
    }
}
