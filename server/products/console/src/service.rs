//! What the instance is, and can do.

use crate::model::Setup;
use floe_kernel::Result;
use floe_kernel::directory::Persons;
use serde::Serialize;
use std::sync::Arc;

/// Who may make console accounts.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    /// The first, with the set-up token.
    Token,
    /// Everybody.
    Open,
    /// Nobody.
    Closed,
}

/// What is fixed about the instance while it runs.
#[derive(Debug, Clone, Copy)]
pub struct Instance {
    /// Whether its data is in PostgreSQL; else in SQLite.
    pub postgres: bool,
    /// Who may make console accounts.
    pub signup: Signup,
    /// Floe's version.
    pub version: &'static str,
}

/// Knows what the instance can do.
pub struct Console {
    instance: Instance,
    persons: Arc<dyn Persons>,
}

impl Console {
    /// Of this instance, whose accounts these are.
    #[must_use]
    pub fn new(instance: Instance, persons: Arc<dyn Persons>) -> Self {
        Self { instance, persons }
    }

    /// How the contract calls the database.
    pub(crate) fn database(&self) -> &'static str {
        if self.instance.postgres { "postgresql" } else { "sqlite" }
    }

    pub(crate) async fn setup(&self) -> Result<Setup> {
        let needs_setup = !self.persons.has_console_accounts().await?;
        let Instance { signup, version, .. } = self.instance;
        Ok(Setup { needs_setup, signup, smtp: false, passkeys: false, version })
    }
}
