//! What a project can switch off: ways to sign in, and services.

use crate::model::ProjectModel;
use crate::params::{AuthMethod, Service};
use crate::service::{Projects, switch};
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

input! {
    /// What `PATCH /project/auth-methods/{methodId}` takes.
    pub(crate) struct SwitchMethod {
        /// The way to sign in.
        pub(crate) method_id: AuthMethod = path "methodId",
        /// Whether it is on.
        pub(crate) enabled: bool = body "enabled",
    }
}

input! {
    /// What `PATCH /project/services/{serviceId}` takes.
    pub(crate) struct SwitchService {
        /// The service.
        pub(crate) service_id: Service = path "serviceId",
        /// Whether clients may call it.
        pub(crate) enabled: bool = body "enabled",
    }
}

pub(crate) async fn auth_method(projects: Arc<Projects>, call: Call, input: SwitchMethod) -> Result<Reply> {
    let change = |settings: &mut floe_kernel::directory::ProjectSettings| {
        switch(&mut settings.disabled_auth_methods, input.method_id.0, input.enabled);
    };
    Reply::ok(&ProjectModel::from(projects.set(&call.project.id, call.now, change).await?))
}

pub(crate) async fn service(projects: Arc<Projects>, call: Call, input: SwitchService) -> Result<Reply> {
    let change = |settings: &mut floe_kernel::directory::ProjectSettings| {
        switch(&mut settings.disabled_services, input.service_id.0, input.enabled);
    };
    Reply::ok(&ProjectModel::from(projects.set(&call.project.id, call.now, change).await?))
}
