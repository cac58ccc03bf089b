//! `/v1/projects`: what console users do with the projects of their organisations. Called on the console, where a
//! caller is a user; which organisations they are in decides what they reach.

use crate::model::{Details, NewProject, ProjectModel};
use crate::params::{ProjectId, Region};
use crate::service::Projects;
use floe_gateway::param::{Blank, Id, RowQueries, Text, Url};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::directory::Principal;
use floe_kernel::{ErrorKind, Result};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

input! {
    /// What `GET /projects` takes.
    pub(crate) struct ListProjects {
        /// Filters, order and page.
        pub(crate) queries: RowQueries = query "queries" or RowQueries::default(),
        /// Only projects that have this in their id or name.
        pub(crate) search: Text<0, 256> = query "search" or Text::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// What `POST /projects` takes.
    pub(crate) struct CreateProject {
        /// The project's id.
        pub(crate) project_id: ProjectId = body "projectId",
        /// Its name.
        pub(crate) name: Text<1, 128> = body "name",
        /// The organisation that is to own it.
        pub(crate) team_id: Id = body "teamId",
        /// Where it is to live.
        pub(crate) region: Region = body "region" or Region,
    }
}

input! {
    /// What `PATCH /projects/{projectId}` takes.
    pub(crate) struct UpdateProject {
        /// The project's id.
        pub(crate) project_id: Id = path "projectId",
        /// Its name.
        pub(crate) name: Text<1, 128> = body "name",
        /// What it is for.
        pub(crate) description: Text<0, 256> = body "description" or Text::default(),
        /// Its logo.
        pub(crate) logo: Text<0, 1024> = body "logo" or Text::default(),
        /// Its home page.
        pub(crate) url: Blank<Url> = body "url" or Blank(None),
        /// The legal name of who runs it.
        pub(crate) legal_name: Text<0, 256> = body "legalName" or Text::default(),
        /// Their country.
        pub(crate) legal_country: Text<0, 256> = body "legalCountry" or Text::default(),
        /// Their state.
        pub(crate) legal_state: Text<0, 256> = body "legalState" or Text::default(),
        /// Their city.
        pub(crate) legal_city: Text<0, 256> = body "legalCity" or Text::default(),
        /// Their address.
        pub(crate) legal_address: Text<0, 256> = body "legalAddress" or Text::default(),
        /// Their tax id.
        pub(crate) legal_tax_id: Text<0, 256> = body "legalTaxId" or Text::default(),
    }
}

input! {
    /// What `PATCH /projects/{projectId}/team` takes.
    pub(crate) struct UpdateTeam {
        /// The project's id.
        pub(crate) project_id: Id = path "projectId",
        /// The organisation that is to own it.
        pub(crate) team_id: Id = body "teamId",
    }
}

pub(crate) async fn list(projects: Arc<Projects>, call: Call, input: ListProjects) -> Result<Reply> {
    let user = console_user(&call)?;
    let select = input.queries.0.select.clone();
    let (total, items) = projects.list(user, &input.search, &input.queries.0, input.total).await?;
    let items = items.into_iter().map(ProjectModel::from).map(|project| selected(&project, select.as_deref()));
    Reply::ok(&Page { plural: "projects", total, items: items.collect::<Result<Vec<_>>>()? })
}

pub(crate) async fn create(projects: Arc<Projects>, call: Call, input: CreateProject) -> Result<Reply> {
    let new =
        NewProject { id: input.project_id.or_make(call.now), name: input.name.into(), team_id: input.team_id.into() };
    let project = projects.create_for(console_user(&call)?, new, call.now).await?;
    Reply::created(&ProjectModel::from(project))
}

pub(crate) async fn update(projects: Arc<Projects>, call: Call, input: UpdateProject) -> Result<Reply> {
    let details = Details {
        description: input.description.into(),
        logo: input.logo.into(),
        url: input.url.0.map(Into::into).unwrap_or_default(),
        legal_name: input.legal_name.into(),
        legal_country: input.legal_country.into(),
        legal_state: input.legal_state.into(),
        legal_city: input.legal_city.into(),
        legal_address: input.legal_address.into(),
        legal_tax_id: input.legal_tax_id.into(),
    };
    let user = console_user(&call)?;
    let project = projects.update(user, &input.project_id, input.name.into(), &details, call.now).await?;
    Reply::ok(&ProjectModel::from(project))
}

pub(crate) async fn update_team(projects: Arc<Projects>, call: Call, input: UpdateTeam) -> Result<Reply> {
    let project = projects.transfer(console_user(&call)?, &input.project_id, &input.team_id, call.now).await?;
    Reply::ok(&ProjectModel::from(project))
}

/// The console user who is calling. Users of projects have some of the same scopes, and nothing to look for here.
fn console_user(call: &Call) -> Result<&Principal> {
    if !call.project.is_console() {
        return Err(ErrorKind::GeneralAccessForbidden.into());
    }
    call.caller.require_user().map(|user| &**user)
}

/// A project with the attributes that were asked for, and those that everything has.
fn selected(project: &ProjectModel, select: Option<&[String]>) -> Result<Json> {
    let all = serde_json::to_value(project).map_err(floe_kernel::Error::internal)?;
    let wanted = |name: &str| select.is_none_or(|select| select.iter().any(|one| one == name || one == "*"));
    let Json::Object(fields) = all else { return Ok(all) };
    Ok(fields.into_iter().filter(|(name, _)| name.starts_with('$') || wanted(name)).collect::<Map<_, _>>().into())
}
