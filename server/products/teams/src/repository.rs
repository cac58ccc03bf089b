//! What is kept of teams: the tables `teams` and `memberships`. The only file with queries.

use crate::model::{Membership, OWNER, Team};
use floe_kernel::directory;
use floe_kernel::query::{Field, Fields, Filter, Operator, Selection};
use floe_kernel::time::Timestamp;
use floe_kernel::value::{Kind, Value};
use floe_store::json;
use floe_store::prelude::*;
use floe_store::query::{Predicate, TableRef};
use serde_json::{Map, Value as Json};

mod schema {
    diesel::table! {
        teams (number) {
            number -> BigInt,
            id -> Text,
            name -> Text,
            prefs -> Text,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
    diesel::table! {
        // A view: the teams with the number of their members.
        counted_teams (number) {
            number -> BigInt,
            id -> Text,
            name -> Text,
            prefs -> Text,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
            total -> BigInt,
        }
    }
    diesel::table! {
        memberships (number) {
            number -> BigInt,
            id -> Text,
            team_id -> Text,
            user_id -> Text,
            roles -> Text,
            confirmed -> Bool,
            secret_hash -> Text,
            invited_at -> BigInt,
            joined_at -> Nullable<BigInt>,
            search -> Text,
            created_at -> BigInt,
            updated_at -> BigInt,
        }
    }
}
use schema::{counted_teams, memberships, teams};

/// What lists of teams may be filtered and sorted by.
pub(crate) const TEAM_FIELDS: Fields<'static> = Fields {
    fields: &[
        Field::required("$id", "id", Kind::Text),
        Field::required("$createdAt", "created_at", Kind::Datetime),
        Field::required("$updatedAt", "updated_at", Kind::Datetime),
        Field::required("$sequence", "number", Kind::Integer),
        Field::required("name", "name", Kind::Text),
        Field::required("total", "total", Kind::Integer),
    ],
    sequence: "number",
};

/// What lists of memberships may be filtered and sorted by, by who may see whose they are. The last is what the others
/// may not see, and so not ask for either.
const MEMBERSHIP_COLUMNS: &[Field] = &[
    Field::required("$id", "id", Kind::Text),
    Field::required("$createdAt", "created_at", Kind::Datetime),
    Field::required("$updatedAt", "updated_at", Kind::Datetime),
    Field::required("$sequence", "number", Kind::Integer),
    Field::required("teamId", "team_id", Kind::Text),
    Field::required("confirm", "confirmed", Kind::Boolean),
    Field::required("invited", "invited_at", Kind::Datetime),
    Field::optional("joined", "joined_at", Kind::Datetime),
    Field::list("roles", "roles", Kind::Text),
    Field::required("userId", "user_id", Kind::Text),
];

/// What lists of memberships may be filtered and sorted by.
pub(crate) fn membership_fields(users_shown: bool) -> Fields<'static> {
    let count = MEMBERSHIP_COLUMNS.len() - usize::from(!users_shown);
    Fields { fields: &MEMBERSHIP_COLUMNS[..count], sequence: "number" }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = counted_teams)]
struct TeamRow {
    id: String,
    name: String,
    prefs: String,
    created_at: i64,
    updated_at: i64,
    total: i64,
}

impl TryFrom<TeamRow> for Team {
    type Error = Error;

    fn try_from(row: TeamRow) -> Result<Self, Error> {
        Ok(Self {
            prefs: json::read(&row.prefs)?,
            id: row.id,
            name: row.name,
            total: row.total,
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = memberships)]
struct MembershipRow {
    id: String,
    team_id: String,
    user_id: String,
    roles: String,
    confirmed: bool,
    secret_hash: String,
    invited_at: i64,
    joined_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = Error;

    fn try_from(row: MembershipRow) -> Result<Self, Error> {
        Ok(Self {
            roles: json::read(&row.roles)?,
            id: row.id,
            team_id: row.team_id,
            user_id: row.user_id,
            confirmed: row.confirmed,
            secret_hash: row.secret_hash,
            invited: Timestamp::from_millis(row.invited_at),
            joined: row.joined_at.map(Timestamp::from_millis),
            created: Timestamp::from_millis(row.created_at),
            updated: Timestamp::from_millis(row.updated_at),
        })
    }
}

fn search_text(id: &str, other: &str) -> String {
    format!("{id} {other}").to_lowercase()
}

/// A project's teams, through one connection.
pub(crate) struct TeamRepository<'c>(pub(crate) &'c mut Connection);

impl TeamRepository<'_> {
    /// The team of this id.
    pub(crate) async fn team(&mut self, id: &str) -> Result<Option<Team>, Error> {
        let query = counted_teams::table.filter(counted_teams::id.eq(id));
        let row = on_conn!(self.0, |c| query.select(TeamRow::as_select()).first::<TeamRow>(c)).optional()?;
        row.map(Team::try_from).transpose()
    }

    /// The names of these teams.
    pub(crate) async fn team_names(&mut self, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
        let query = teams::table.filter(teams::id.eq_any(ids)).select((teams::id, teams::name));
        Ok(on_conn!(self.0, |c| query.load::<(String, String)>(c))?)
    }

    /// Adds a team.
    ///
    /// # Errors
    /// [`Error::Conflict`] on `id`.
    pub(crate) async fn add_team(&mut self, team: &Team) -> Result<(), Error> {
        let row = (
            teams::id.eq(&team.id),
            teams::name.eq(&team.name),
            teams::prefs.eq(json::write(&team.prefs)?),
            teams::search.eq(search_text(&team.id, &team.name)),
            teams::created_at.eq(team.created.millis()),
            teams::updated_at.eq(team.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(teams::table).values(row).execute(c))?;
        Ok(())
    }

    /// Gives a team another name. Whether there is such a team.
    pub(crate) async fn rename_team(&mut self, id: &str, name: &str, now: Timestamp) -> Result<bool, Error> {
        let row = (teams::name.eq(name), teams::search.eq(search_text(id, name)), teams::updated_at.eq(now.millis()));
        let update = diesel::update(teams::table.filter(teams::id.eq(id))).set(row);
        Ok(on_conn!(self.0, |c| update.execute(c))? > 0)
    }

    /// Gives a team other preferences. Whether there is such a team.
    pub(crate) async fn save_prefs(
        &mut self,
        id: &str,
        prefs: &Map<String, Json>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let row = (teams::prefs.eq(json::write(prefs)?), teams::updated_at.eq(now.millis()));
        let update = diesel::update(teams::table.filter(teams::id.eq(id))).set(row);
        Ok(on_conn!(self.0, |c| update.execute(c))? > 0)
    }

    /// Makes others who want to change the memberships of this team wait until this unit of work is done, so that of
    /// two owners who leave at the same time the second sees that the first is gone. Whether there is such a team.
    pub(crate) async fn take_turn(&mut self, id: &str) -> Result<bool, Error> {
        let update = diesel::update(teams::table.filter(teams::id.eq(id))).set(teams::id.eq(id));
        Ok(on_conn!(self.0, |c| update.execute(c))? > 0)
    }

    /// Removes a team with its memberships. Whether there was one.
    pub(crate) async fn remove_team(&mut self, id: &str) -> Result<bool, Error> {
        Ok(on_conn!(self.0, |c| diesel::delete(teams::table.filter(teams::id.eq(id))).execute(c))? > 0)
    }

    /// Who belongs to a team or is invited to it.
    pub(crate) async fn member_ids(&mut self, team_id: &str) -> Result<Vec<String>, Error> {
        let query = memberships::table.filter(memberships::team_id.eq(team_id)).select(memberships::user_id);
        Ok(on_conn!(self.0, |c| query.load::<String>(c))?)
    }

    /// The membership of this id in this team.
    pub(crate) async fn membership(&mut self, team_id: &str, id: &str) -> Result<Option<Membership>, Error> {
        let query = memberships::table.filter(memberships::team_id.eq(team_id)).filter(memberships::id.eq(id));
        let row =
            on_conn!(self.0, |c| query.select(MembershipRow::as_select()).first::<MembershipRow>(c)).optional()?;
        row.map(Membership::try_from).transpose()
    }

    /// The membership of this user in this team.
    pub(crate) async fn membership_of(&mut self, team_id: &str, user_id: &str) -> Result<Option<Membership>, Error> {
        let query =
            memberships::table.filter(memberships::team_id.eq(team_id)).filter(memberships::user_id.eq(user_id));
        let row =
            on_conn!(self.0, |c| query.select(MembershipRow::as_select()).first::<MembershipRow>(c)).optional()?;
        row.map(Membership::try_from).transpose()
    }

    /// The confirmed memberships of a user.
    pub(crate) async fn confirmed_of(&mut self, user_id: &str) -> Result<Vec<directory::Membership>, Error> {
        let query = memberships::table
            .filter(memberships::user_id.eq(user_id))
            .filter(memberships::confirmed.eq(true))
            .order_by(memberships::number)
            .select((memberships::id, memberships::team_id, memberships::roles));
        let rows = on_conn!(self.0, |c| query.load::<(String, String, String)>(c))?;
        let known = |(id, team_id, roles): (_, _, String)| {
            Ok(directory::Membership { id, team_id, roles: json::read(&roles)? })
        };
        rows.into_iter().map(known).collect()
    }

    /// Whether somebody else than this membership's user owns the team.
    pub(crate) async fn has_other_owner(&mut self, membership: &Membership) -> Result<bool, Error> {
        let owning = Predicate::from(&Filter::Compare {
            column: "roles".to_owned(),
            array: true,
            operator: Operator::Contains,
            values: vec![Value::Text(OWNER.to_owned())],
        });
        let query = memberships::table
            .filter(memberships::team_id.eq(&membership.team_id))
            .filter(memberships::id.ne(&membership.id))
            .filter(memberships::confirmed.eq(true))
            .filter(owning)
            .select(memberships::number);
        Ok(on_conn!(self.0, |c| query.first::<i64>(c)).optional()?.is_some())
    }

    /// Adds a membership.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the user belongs to the team already, and when there is no such team or user.
    pub(crate) async fn add_membership(&mut self, membership: &Membership) -> Result<(), Error> {
        let row = (
            memberships::id.eq(&membership.id),
            memberships::team_id.eq(&membership.team_id),
            memberships::user_id.eq(&membership.user_id),
            memberships::roles.eq(json::write(&membership.roles)?),
            memberships::confirmed.eq(membership.confirmed),
            memberships::secret_hash.eq(&membership.secret_hash),
            memberships::invited_at.eq(membership.invited.millis()),
            memberships::joined_at.eq(membership.joined.map(Timestamp::millis)),
            memberships::search.eq(search_text(&membership.id, &membership.user_id)),
            memberships::created_at.eq(membership.created.millis()),
            memberships::updated_at.eq(membership.updated.millis()),
        );
        on_conn!(self.0, |c| diesel::insert_into(memberships::table).values(row).execute(c))?;
        Ok(())
    }

    /// Saves a membership's roles.
    pub(crate) async fn save_roles(&mut self, membership: &Membership) -> Result<(), Error> {
        let row = (
            memberships::roles.eq(json::write(&membership.roles)?),
            memberships::updated_at.eq(membership.updated.millis()),
        );
        let update = diesel::update(memberships::table.filter(memberships::id.eq(&membership.id))).set(row);
        on_conn!(self.0, |c| update.execute(c))?;
        Ok(())
    }

    /// Confirms a membership that isn't yet. Whether it was this call that did.
    pub(crate) async fn confirm(&mut self, id: &str, now: Timestamp) -> Result<bool, Error> {
        let open = memberships::table.filter(memberships::id.eq(id)).filter(memberships::confirmed.eq(false));
        let row = (
            memberships::confirmed.eq(true),
            memberships::joined_at.eq(Some(now.millis())),
            memberships::updated_at.eq(now.millis()),
        );
        Ok(on_conn!(self.0, |c| diesel::update(open).set(row).execute(c))? > 0)
    }

    /// Removes a membership.
    pub(crate) async fn remove_membership(&mut self, id: &str) -> Result<(), Error> {
        on_conn!(self.0, |c| diesel::delete(memberships::table.filter(memberships::id.eq(id))).execute(c))?;
        Ok(())
    }
}

/// The teams that a list asks for, and how many there are in all. `only`: of these teams; none: of all.
pub(crate) async fn list_teams(
    store: &Store,
    only: Option<Vec<String>>,
    search: &str,
    selection: &Selection,
) -> Result<(i64, Vec<Team>), Error> {
    let place = TableRef::fixed("counted_teams", "id");
    let only = only.map(|ids| Predicate::any(ids.into_iter().map(|id| Predicate::is("id", Value::Text(id)))));
    let visible = Predicate::all([only, Predicate::searched("search", &search.to_lowercase())].into_iter().flatten());
    let (total, rows) = on_list!(store, &place, selection, Some(visible), counted_teams::table => TeamRow);
    Ok((total, rows.into_iter().map(Team::try_from).collect::<Result<_, _>>()?))
}

/// Whose memberships a list is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'i> {
    /// A team's.
    Team(&'i str),
    /// A user's.
    User(&'i str),
}

/// The memberships that a list asks for, and how many there are in all. Who may not see whose they are can't search for
/// that either.
pub(crate) async fn list_memberships(
    store: &Store,
    of: Of<'_>,
    search: &str,
    users_shown: bool,
    selection: &Selection,
) -> Result<(i64, Vec<Membership>), Error> {
    let place = TableRef::fixed("memberships", "id");
    let (column, id) = match of {
        Of::Team(id) => ("team_id", id),
        Of::User(id) => ("user_id", id),
    };
    let found = match users_shown {
        true => Predicate::searched("search", &search.to_lowercase()),
        false => Predicate::searched("id", search),
    };
    let visible =
        Predicate::all([Some(Predicate::is(column, Value::Text(id.to_owned()))), found].into_iter().flatten());
    let (total, rows) = on_list!(store, &place, selection, Some(visible), memberships::table => MembershipRow);
    Ok((total, rows.into_iter().map(Membership::try_from).collect::<Result<_, _>>()?))
}
