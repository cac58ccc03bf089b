//! What is kept of people: the tables `users` and `sessions`. The only file with queries.

use crate::model::{Session, User};
use floe_kernel::query::{Field, Fields, Selection};
use floe_kernel::time::Timestamp;
use floe_kernel::value::Kind;
use floe_store::json;
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};

type Result<T> = std::result::Result<T, Error>;

diesel::table! {
    users (id) {
        sequence -> BigInt,
        id -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        name -> Text,
        email -> Nullable<Text>,
        email_verified -> Bool,
        phone -> Nullable<Text>,
        phone_verified -> Bool,
        active -> Bool,
        password -> Nullable<Text>,
        password_updated_at -> Nullable<BigInt>,
        generation -> BigInt,
        mfa -> Bool,
        impersonator -> Bool,
        labels -> Text,
        prefs -> Text,
        accessed_at -> Nullable<BigInt>,
        search -> Text,
    }
}

diesel::table! {
    sessions (id) {
        sequence -> BigInt,
        id -> Text,
        user_id -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        expires_at -> BigInt,
        secret_hash -> Text,
        provider -> Text,
        provider_uid -> Text,
        factors -> Text,
        ip -> Text,
        device -> Text,
    }
}

diesel::table! {
    admission (id) {
        id -> Integer,
        turn -> BigInt,
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
struct UserRow {
    id: String,
    created_at: i64,
    updated_at: i64,
    name: String,
    email: Option<String>,
    email_verified: bool,
    phone: Option<String>,
    phone_verified: bool,
    active: bool,
    password: Option<String>,
    password_updated_at: Option<i64>,
    generation: i64,
    mfa: bool,
    impersonator: bool,
    labels: String,
    prefs: String,
    accessed_at: Option<i64>,
    search: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
struct SessionRow {
    id: String,
    user_id: String,
    created_at: i64,
    updated_at: i64,
    expires_at: i64,
    secret_hash: String,
    provider: String,
    provider_uid: String,
    factors: String,
    ip: String,
    device: String,
}

/// What lists of users may be filtered and sorted by.
const FIELDS: &[Field] = &[
    Field::required("$id", "id", Kind::Text),
    Field::required("$createdAt", "created_at", Kind::Datetime),
    Field::required("$updatedAt", "updated_at", Kind::Datetime),
    Field::required("$sequence", "sequence", Kind::Integer),
    Field::optional("accessedAt", "accessed_at", Kind::Datetime),
    Field::optional("email", "email", Kind::Text),
    Field::required("emailVerification", "email_verified", Kind::Boolean),
    Field::required("impersonator", "impersonator", Kind::Boolean),
    Field::list("labels", "labels", Kind::Text),
    Field::required("name", "name", Kind::Text),
    Field::optional("passwordUpdate", "password_updated_at", Kind::Datetime),
    Field::optional("phone", "phone", Kind::Text),
    Field::required("phoneVerification", "phone_verified", Kind::Boolean),
    Field::required("registration", "created_at", Kind::Datetime),
    Field::required("status", "active", Kind::Boolean),
];

/// What queries of lists of users are checked against.
pub(crate) const USERS: Fields<'static> = Fields { fields: FIELDS, sequence: "sequence" };
/// The column that lists are searched in.
const SEARCH: &str = "search";
/// The column of email addresses, all in their canonical form.
pub(crate) const EMAIL: &str = "email";

/// One page of users, and how many there are.
pub(crate) async fn list(store: &Store, search: &str, selection: &Selection) -> Result<(i64, Vec<User>)> {
    const PLACE: TableRef = TableRef::fixed("users", "id");
    let (total, rows) = on_list!(store, &PLACE, selection, Predicate::searched(SEARCH, &search.to_lowercase()), users::table => UserRow);
    Ok((total, rows.into_iter().map(User::try_from).collect::<Result<_>>()?))
}

/// People, as a connection sees them.
pub(crate) struct Repository<'c>(pub(crate) &'c mut Connection);

impl Repository<'_> {
    pub(crate) async fn user(&mut self, id: &str) -> Result<Option<User>> {
        let query = users::table.find(id);
        let row = on_conn!(self.0, |c| query.select(UserRow::as_select()).first::<UserRow>(c)).optional()?;
        row.map(User::try_from).transpose()
    }

    pub(crate) async fn by_email(&mut self, email: &str) -> Result<Option<User>> {
        let query = users::table.filter(users::email.eq(email));
        let row = on_conn!(self.0, |c| query.select(UserRow::as_select()).first::<UserRow>(c)).optional()?;
        row.map(User::try_from).transpose()
    }

    pub(crate) async fn by_phone(&mut self, phone: &str) -> Result<Option<User>> {
        let query = users::table.filter(users::phone.eq(phone));
        let row = on_conn!(self.0, |c| query.select(UserRow::as_select()).first::<UserRow>(c)).optional()?;
        row.map(User::try_from).transpose()
    }

    pub(crate) async fn by_ids(&mut self, ids: &[String]) -> Result<Vec<User>> {
        let query = users::table.filter(users::id.eq_any(ids));
        let rows = on_conn!(self.0, |c| query.select(UserRow::as_select()).load::<UserRow>(c))?;
        rows.into_iter().map(User::try_from).collect()
    }

    /// Takes a turn at counting and adding users: whoever else wants one waits until this unit of work has ended.
    pub(crate) async fn take_turn(&mut self) -> Result<()> {
        let query = diesel::update(admission::table).set(admission::turn.eq(admission::turn + 1));
        on_conn!(self.0, |c| query.execute(c))?;
        Ok(())
    }

    /// Whether there are so many users (at least one), or more.
    pub(crate) async fn has(&mut self, number: i64) -> Result<bool> {
        let query = users::table.select(users::id).order_by(users::sequence).offset(number - 1).limit(1);
        Ok(on_conn!(self.0, |c| query.first::<String>(c)).optional()?.is_some())
    }

    pub(crate) async fn insert(&mut self, user: &User) -> Result<()> {
        let row = UserRow::try_from(user)?;
        on_conn!(self.0, |c| diesel::insert_into(users::table).values(&row).execute(c))?;
        Ok(())
    }

    /// The user, who from here to the end of the unit of work is nobody else's to change: on PostgreSQL units of work
    /// run side by side, and an update takes the row.
    pub(crate) async fn hold(&mut self, id: &str, now: Timestamp) -> Result<Option<User>> {
        let query = diesel::update(users::table.find(id)).set(users::updated_at.eq(now.millis()));
        let row = on_conn!(self.0, |c| query.returning(UserRow::as_returning()).get_result::<UserRow>(c)).optional()?;
        row.map(User::try_from).transpose()
    }

    /// Saves a user who is held.
    pub(crate) async fn save(&mut self, user: &User) -> Result<()> {
        let row = UserRow::try_from(user)?;
        on_conn!(self.0, |c| diesel::update(users::table.find(&row.id)).set(&row).execute(c))?;
        Ok(())
    }

    /// Removes a user with all that can't be without them. Gives whether there was one.
    pub(crate) async fn delete(&mut self, id: &str) -> Result<bool> {
        Ok(on_conn!(self.0, |c| diesel::delete(users::table.find(id)).execute(c))? > 0)
    }

    /// The user's sessions, the oldest first.
    pub(crate) async fn sessions(&mut self, user_id: &str) -> Result<Vec<Session>> {
        let query = sessions::table.filter(sessions::user_id.eq(user_id)).order_by(sessions::sequence);
        let rows = on_conn!(self.0, |c| query.select(SessionRow::as_select()).load::<SessionRow>(c))?;
        rows.into_iter().map(Session::try_from).collect()
    }

    pub(crate) async fn insert_session(&mut self, session: &Session) -> Result<()> {
        let row = SessionRow::try_from(session)?;
        on_conn!(self.0, |c| diesel::insert_into(sessions::table).values(&row).execute(c))?;
        Ok(())
    }

    pub(crate) async fn extend_session(&mut self, id: &str, until: Timestamp, now: Timestamp) -> Result<()> {
        let times = (sessions::expires_at.eq(until.millis()), sessions::updated_at.eq(now.millis()));
        on_conn!(self.0, |c| diesel::update(sessions::table.find(id)).set(times).execute(c))?;
        Ok(())
    }

    /// Gives a session another secret.
    pub(crate) async fn renew_session(&mut self, id: &str, secret_hash: &str, now: Timestamp) -> Result<()> {
        let change = (sessions::secret_hash.eq(secret_hash), sessions::updated_at.eq(now.millis()));
        on_conn!(self.0, |c| diesel::update(sessions::table.find(id)).set(change).execute(c))?;
        Ok(())
    }

    pub(crate) async fn delete_sessions(&mut self, ids: &[&str]) -> Result<()> {
        if !ids.is_empty() {
            let query = sessions::table.filter(sessions::id.eq_any(ids));
            on_conn!(self.0, |c| diesel::delete(query).execute(c))?;
        }
        Ok(())
    }
}

impl TryFrom<UserRow> for User {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            phone: row.phone,
            phone_verified: row.phone_verified,
            active: row.active,
            password: row.password,
            password_updated_at: row.password_updated_at.map(Timestamp::from_millis),
            generation: row.generation,
            mfa: row.mfa,
            impersonator: row.impersonator,
            labels: json::read(&row.labels)?,
            prefs: json::read(&row.prefs)?,
            accessed_at: row.accessed_at.map(Timestamp::from_millis),
        })
    }
}

impl TryFrom<&User> for UserRow {
    type Error = Error;

    fn try_from(user: &User) -> Result<Self> {
        Ok(Self {
            id: user.id.clone(),
            created_at: user.created_at.millis(),
            updated_at: user.updated_at.millis(),
            name: user.name.clone(),
            email: user.email.clone(),
            email_verified: user.email_verified,
            phone: user.phone.clone(),
            phone_verified: user.phone_verified,
            active: user.active,
            password: user.password.clone(),
            password_updated_at: user.password_updated_at.map(Timestamp::millis),
            generation: user.generation,
            mfa: user.mfa,
            impersonator: user.impersonator,
            labels: json::write(&user.labels)?,
            prefs: json::write(&user.prefs)?,
            accessed_at: user.accessed_at.map(Timestamp::millis),
            search: user.search(),
        })
    }
}

impl TryFrom<SessionRow> for Session {
    type Error = Error;

    fn try_from(row: SessionRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            secret_hash: row.secret_hash,
            provider: row.provider,
            provider_uid: row.provider_uid,
            factors: json::read(&row.factors)?,
            ip: row.ip,
            device: json::read(&row.device)?,
        })
    }
}

impl TryFrom<&Session> for SessionRow {
    type Error = Error;

    fn try_from(session: &Session) -> Result<Self> {
        Ok(Self {
            id: session.id.clone(),
            user_id: session.user_id.clone(),
            created_at: session.created_at.millis(),
            updated_at: session.updated_at.millis(),
            expires_at: session.expires_at.millis(),
            secret_hash: session.secret_hash.clone(),
            provider: session.provider.clone(),
            provider_uid: session.provider_uid.clone(),
            factors: json::write(&session.factors)?,
            ip: session.ip.clone(),
            device: json::write(&session.device)?,
        })
    }
}
