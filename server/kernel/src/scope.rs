//! Scopes: the rooms of the API that a caller may enter.

use std::fmt;

macro_rules! scopes {
    ($($variant:ident = $name:literal;)*) => {
        /// The right to call a family of endpoints.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Scope {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

// The contract's scopes, in its order.
scopes! {
    ProjectRead = "project.read";
    ProjectWrite = "project.write";
    KeysRead = "keys.read";
    KeysWrite = "keys.write";
    PlatformsRead = "platforms.read";
    PlatformsWrite = "platforms.write";
    MocksRead = "mocks.read";
    MocksWrite = "mocks.write";
    PoliciesRead = "policies.read";
    PoliciesWrite = "policies.write";
    ProjectPoliciesRead = "project.policies.read";
    ProjectPoliciesWrite = "project.policies.write";
    ProjectOauth2Read = "project.oauth2.read";
    ProjectOauth2Write = "project.oauth2.write";
    TemplatesRead = "templates.read";
    TemplatesWrite = "templates.write";
    StagesRead = "stages.read";
    StagesWrite = "stages.write";
    UsersRead = "users.read";
    UsersWrite = "users.write";
    SessionsRead = "sessions.read";
    SessionsWrite = "sessions.write";
    TeamsRead = "teams.read";
    TeamsWrite = "teams.write";
    DatabasesRead = "databases.read";
    DatabasesWrite = "databases.write";
    TablesRead = "tables.read";
    TablesWrite = "tables.write";
    ColumnsRead = "columns.read";
    ColumnsWrite = "columns.write";
    IndexesRead = "indexes.read";
    IndexesWrite = "indexes.write";
    RowsRead = "rows.read";
    RowsWrite = "rows.write";
    EmbeddingsWrite = "embeddings.write";
    CollectionsRead = "collections.read";
    CollectionsWrite = "collections.write";
    AttributesRead = "attributes.read";
    AttributesWrite = "attributes.write";
    DocumentsRead = "documents.read";
    DocumentsWrite = "documents.write";
    BucketsRead = "buckets.read";
    BucketsWrite = "buckets.write";
    FilesRead = "files.read";
    FilesWrite = "files.write";
    TokensRead = "tokens.read";
    TokensWrite = "tokens.write";
    FunctionsRead = "functions.read";
    FunctionsWrite = "functions.write";
    ExecutionsRead = "executions.read";
    ExecutionsWrite = "executions.write";
    ExecutionRead = "execution.read";
    ExecutionWrite = "execution.write";
    SitesRead = "sites.read";
    SitesWrite = "sites.write";
    LogRead = "log.read";
    LogWrite = "log.write";
    ProvidersRead = "providers.read";
    ProvidersWrite = "providers.write";
    TopicsRead = "topics.read";
    TopicsWrite = "topics.write";
    SubscribersRead = "subscribers.read";
    SubscribersWrite = "subscribers.write";
    TargetsRead = "targets.read";
    TargetsWrite = "targets.write";
    MessagesRead = "messages.read";
    MessagesWrite = "messages.write";
    RulesRead = "rules.read";
    RulesWrite = "rules.write";
    WebhooksRead = "webhooks.read";
    WebhooksWrite = "webhooks.write";
    LocaleRead = "locale.read";
    AvatarsRead = "avatars.read";
    HealthRead = "health.read";
    AssistantRead = "assistant.read";
    MigrationsRead = "migrations.read";
    MigrationsWrite = "migrations.write";
    SchedulesRead = "schedules.read";
    SchedulesWrite = "schedules.write";
    VcsRead = "vcs.read";
    VcsWrite = "vcs.write";
    InsightsRead = "insights.read";
    InsightsWrite = "insights.write";
    ReportsRead = "reports.read";
    ReportsWrite = "reports.write";
    PresencesRead = "presences.read";
    PresencesWrite = "presences.write";
    ProjectsRead = "projects.read";
    ProjectsWrite = "projects.write";
    DevKeysRead = "devKeys.read";
    DevKeysWrite = "devKeys.write";
    Account = "account";
    Functions = "functions";
    Sites = "sites";
    Global = "global";
    Public = "public";
    Home = "home";
    Console = "console";
    Graphql = "graphql";
}

impl Scope {
    /// The scope of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u128);

const _: () = assert!(Scope::ALL.len() <= 128, "Scopes is a set of 128 bits");

impl Scopes {
    /// No scope at all.
    pub const NONE: Self = Self(0);

    /// Exactly these.
    #[must_use]
    pub const fn of(scopes: &[Scope]) -> Self {
        let mut bits = 0;
        let mut n = 0;
        while n < scopes.len() {
            bits |= 1 << scopes[n] as u8;
            n += 1;
        }
        Self(bits)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of those are among these.
    #[must_use]
    pub const fn covers(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, |set, scope| set.with(Self::of(&[scope])))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

use Scope::*;

/// What a caller without credentials may enter.
pub const GUESTS: Scopes = Scopes::of(&[
    Global,
    Public,
    Home,
    Console,
    Graphql,
    SessionsWrite,
    DocumentsRead,
    DocumentsWrite,
    RowsRead,
    RowsWrite,
    EmbeddingsWrite,
    FilesRead,
    FilesWrite,
    LocaleRead,
    AvatarsRead,
    ExecutionsWrite,
]);

/// What a signed-in user may enter.
pub const USERS: Scopes = Scopes::of(&[
    Global,
    Public,
    Home,
    Console,
    Graphql,
    SessionsWrite,
    Account,
    TeamsRead,
    TeamsWrite,
    PresencesRead,
    PresencesWrite,
    DocumentsRead,
    DocumentsWrite,
    RowsRead,
    RowsWrite,
    EmbeddingsWrite,
    FilesRead,
    FilesWrite,
    ProjectsRead,
    LocaleRead,
    AvatarsRead,
    ExecutionsRead,
    ExecutionsWrite,
    TargetsRead,
    TargetsWrite,
    SubscribersWrite,
    SubscribersRead,
    AssistantRead,
    RulesRead,
]);

/// What every API key may enter beside its own scopes.
pub const KEYS: Scopes = Scopes::of(&[Global, HealthRead, Graphql]);

/// What a developer or admin of a project's organisation may enter from the console.
pub const DEVELOPERS: Scopes = Scopes::of(&[
    Global,
    Graphql,
    SessionsWrite,
    TeamsRead,
    TeamsWrite,
    DocumentsRead,
    DocumentsWrite,
    RowsRead,
    RowsWrite,
    EmbeddingsWrite,
    FilesRead,
    FilesWrite,
    BucketsRead,
    BucketsWrite,
    UsersRead,
    UsersWrite,
    PresencesRead,
    PresencesWrite,
    DatabasesRead,
    DatabasesWrite,
    CollectionsRead,
    CollectionsWrite,
    TablesRead,
    TablesWrite,
    PlatformsRead,
    PlatformsWrite,
    MocksRead,
    MocksWrite,
    ProjectPoliciesRead,
    ProjectPoliciesWrite,
    ProjectOauth2Read,
    ProjectOauth2Write,
    TemplatesRead,
    TemplatesWrite,
    ProjectsWrite,
    KeysRead,
    KeysWrite,
    DevKeysRead,
    DevKeysWrite,
    WebhooksRead,
    WebhooksWrite,
    ProjectRead,
    ProjectWrite,
    LocaleRead,
    AvatarsRead,
    HealthRead,
    FunctionsRead,
    FunctionsWrite,
    SitesRead,
    SitesWrite,
    LogRead,
    LogWrite,
    ExecutionsRead,
    ExecutionsWrite,
    RulesRead,
    RulesWrite,
    MigrationsRead,
    MigrationsWrite,
    VcsRead,
    VcsWrite,
    TargetsRead,
    TargetsWrite,
    ProvidersWrite,
    ProvidersRead,
    MessagesWrite,
    MessagesRead,
    TopicsWrite,
    TopicsRead,
    SubscribersWrite,
    SubscribersRead,
    TokensRead,
    TokensWrite,
    SchedulesRead,
    SchedulesWrite,
    StagesRead,
    StagesWrite,
    InsightsRead,
    InsightsWrite,
    ReportsRead,
    ReportsWrite,
]);

/// What an owner of a project's organisation may enter from the console.
pub const OWNERS: Scopes = USERS.with(DEVELOPERS);

/// What a project's API key may be given.
pub const PROJECT: Scopes = Scopes::of(&[
    ProjectRead,
    ProjectWrite,
    KeysRead,
    KeysWrite,
    PlatformsRead,
    PlatformsWrite,
    MocksRead,
    MocksWrite,
    PoliciesRead,
    PoliciesWrite,
    ProjectPoliciesRead,
    ProjectPoliciesWrite,
    ProjectOauth2Read,
    ProjectOauth2Write,
    TemplatesRead,
    TemplatesWrite,
    StagesRead,
    StagesWrite,
    UsersRead,
    UsersWrite,
    SessionsRead,
    SessionsWrite,
    TeamsRead,
    TeamsWrite,
    DatabasesRead,
    DatabasesWrite,
    TablesRead,
    TablesWrite,
    ColumnsRead,
    ColumnsWrite,
    IndexesRead,
    IndexesWrite,
    RowsRead,
    RowsWrite,
    EmbeddingsWrite,
    CollectionsRead,
    CollectionsWrite,
    AttributesRead,
    AttributesWrite,
    DocumentsRead,
    DocumentsWrite,
    BucketsRead,
    BucketsWrite,
    FilesRead,
    FilesWrite,
    TokensRead,
    TokensWrite,
    FunctionsRead,
    FunctionsWrite,
    ExecutionsRead,
    ExecutionsWrite,
    ExecutionRead,
    ExecutionWrite,
    SitesRead,
    SitesWrite,
    LogRead,
    LogWrite,
    ProvidersRead,
    ProvidersWrite,
    TopicsRead,
    TopicsWrite,
    SubscribersRead,
    SubscribersWrite,
    TargetsRead,
    TargetsWrite,
    MessagesRead,
    MessagesWrite,
    RulesRead,
    RulesWrite,
    WebhooksRead,
    WebhooksWrite,
    LocaleRead,
    AvatarsRead,
    HealthRead,
    AssistantRead,
    MigrationsRead,
    MigrationsWrite,
    SchedulesRead,
    SchedulesWrite,
    VcsRead,
    VcsWrite,
    InsightsRead,
    InsightsWrite,
    ReportsRead,
    ReportsWrite,
    PresencesRead,
    PresencesWrite,
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Scopes::of(&[UsersRead, RowsWrite]);
        assert!(set.has(UsersRead) && set.has(RowsWrite) && !set.has(UsersWrite));
        assert!(set.covers(Scopes::of(&[UsersRead])) && !Scopes::of(&[UsersRead]).covers(set));
        assert_eq!(set.iter().collect::<Scopes>(), set);
    }

    #[test]
    fn names_are_found_again() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(*scope));
        }
        assert_eq!(Scope::parse("everything"), None);
    }
}
