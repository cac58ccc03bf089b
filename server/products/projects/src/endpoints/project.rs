//! `/v1/project`: the project that is called, for its admins and its keys.

use crate::model::ProjectModel;
use crate::service::Projects;
use floe_gateway::input::{Param, Refusal};
use floe_gateway::param::List;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A label: 1 to 36 letters and digits.
#[derive(Debug)]
pub(crate) struct Label(String);

impl Param for Label {
    fn read(value: Json) -> Result<Self, Refusal> {
        let label = value.as_str().filter(|label| floe_kernel::role::is_label(label)).map(str::to_owned);
        label.map(Self).ok_or("Value must be a valid string of 1 to 36 letters and digits".into())
    }

    fn schema() -> Json {
        json!({"type": "string", "pattern": "^[A-Za-z0-9]{1,36}$"})
    }
}

input! {
    /// What `PUT /project/labels` takes.
    pub(crate) struct UpdateLabels {
        /// All of its labels.
        pub(crate) labels: List<Label, 1000> = body "labels",
    }
}

pub(crate) async fn get(projects: Arc<Projects>, call: Call, _input: ()) -> Result<Reply> {
    Reply::ok(&ProjectModel::from(projects.get(&call.project.id).await?))
}

pub(crate) async fn delete(projects: Arc<Projects>, call: Call, _input: ()) -> Result<Reply> {
    projects.delete(&call.project.id).await?;
    Ok(Reply::empty())
}

pub(crate) async fn update_labels(projects: Arc<Projects>, call: Call, input: UpdateLabels) -> Result<Reply> {
    let labels = input.labels.0.into_iter().map(|label| label.0).collect();
    Reply::ok(&ProjectModel::from(projects.label(&call.project.id, labels, call.now).await?))
}
