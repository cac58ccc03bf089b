//! `/v1/project/platforms`: the apps that may call the project. Each operating system has endpoints of its own, because
//! each has its own word for an app's identifier.

use crate::model::PlatformModel;
use crate::params::{Hostname, WebKind};
use crate::service::{PlatformChange, Projects};
use floe_gateway::param::{Blank, CustomId, Id, Queries, Text};
use floe_gateway::reply::Page;
use floe_gateway::{Call, Reply, input};
use floe_kernel::Result;
use std::sync::Arc;

/// What operating systems call an app.
type Identifier = Text<1, 256>;

input! {
    /// What `GET /project/platforms` takes.
    pub(crate) struct ListPlatforms {
        /// Filters, order and page.
        pub(crate) queries: Queries = query "queries" or Queries::default(),
        /// Whether to count them all.
        pub(crate) total: bool = query "total" or true,
    }
}

input! {
    /// Which platform.
    pub(crate) struct OnePlatform {
        /// The platform's id.
        pub(crate) platform_id: Id = path "platformId",
    }
}

input! {
    /// What `POST /project/platforms/web` takes.
    pub(crate) struct CreateWeb {
        /// The platform's id.
        pub(crate) platform_id: CustomId = body "platformId",
        /// What it is called.
        pub(crate) name: Text<1, 128> = body "name",
        /// Where it lives: a host name, or `*.` and a domain for all hosts below it.
        pub(crate) hostname: Blank<Hostname> = body "hostname" or Blank(None),
        /// The identifier of an app, from older SDKs.
        pub(crate) key: Blank<Identifier> = body "key" or Blank(None),
        /// The type of an app, from older SDKs.
        pub(crate) kind: Blank<WebKind> = body "type" or Blank(None),
    }
}

input! {
    /// What `PUT /project/platforms/web/{platformId}` takes.
    pub(crate) struct UpdateWeb {
        /// The platform's id.
        pub(crate) platform_id: Id = path "platformId",
        /// What it is called.
        pub(crate) name: Text<1, 128> = body "name",
        /// Where it lives: a host name, or `*.` and a domain for all hosts below it.
        pub(crate) hostname: Blank<Hostname> = body "hostname" or Blank(None),
        /// The identifier of an app, from older SDKs.
        pub(crate) key: Blank<Identifier> = body "key" or Blank(None),
    }
}

pub(crate) async fn list(projects: Arc<Projects>, call: Call, input: ListPlatforms) -> Result<Reply> {
    let (total, platforms) = projects.list_platforms(&call.project.id, &input.queries.0, input.total).await?;
    Reply::ok(&Page { plural: "platforms", total, items: platforms.into_iter().map(PlatformModel::from).collect() })
}

pub(crate) async fn get(projects: Arc<Projects>, call: Call, input: OnePlatform) -> Result<Reply> {
    Reply::ok(&PlatformModel::from(projects.get_platform(&call.project.id, &input.platform_id).await?))
}

pub(crate) async fn delete(projects: Arc<Projects>, call: Call, input: OnePlatform) -> Result<Reply> {
    projects.delete_platform(&call.project.id, &input.platform_id).await?;
    Ok(Reply::empty())
}

pub(crate) async fn create_web(projects: Arc<Projects>, call: Call, input: CreateWeb) -> Result<Reply> {
    let kind = input.kind.0.map_or("web", |kind| kind.0);
    let change = web(input.name, input.hostname, input.key);
    create(&projects, &call, input.platform_id, kind, change).await
}

pub(crate) async fn update_web(projects: Arc<Projects>, call: Call, input: UpdateWeb) -> Result<Reply> {
    let change = web(input.name, input.hostname, input.key);
    update(&projects, &call, &input.platform_id, "web", change).await
}

/// The endpoints of an operating system's apps.
macro_rules! apps {
    ($($kind:ident: $identifier:literal, $create:ident $create_input:ident, $update:ident $update_input:ident;)*) => { $(
        input! {
            /// What `POST` for such an app takes.
            pub(crate) struct $create_input {
                /// The platform's id.
                pub(crate) platform_id: CustomId = body "platformId",
                /// What it is called.
                pub(crate) name: Text<1, 128> = body "name",
                /// What its operating system calls it.
                pub(crate) identifier: Identifier = body $identifier,
            }
        }

        input! {
            /// What `PUT` for such an app takes.
            pub(crate) struct $update_input {
                /// The platform's id.
                pub(crate) platform_id: Id = path "platformId",
                /// What it is called.
                pub(crate) name: Text<1, 128> = body "name",
                /// What its operating system calls it.
                pub(crate) identifier: Identifier = body $identifier,
            }
        }

        pub(crate) async fn $create(projects: Arc<Projects>, call: Call, input: $create_input) -> Result<Reply> {
            create(&projects, &call, input.platform_id, stringify!($kind), app(input.name, input.identifier)).await
        }

        pub(crate) async fn $update(projects: Arc<Projects>, call: Call, input: $update_input) -> Result<Reply> {
            update(&projects, &call, &input.platform_id, stringify!($kind), app(input.name, input.identifier)).await
        }
    )* };
}

apps! {
    apple: "bundleIdentifier", create_apple CreateApple, update_apple UpdateApple;
    android: "applicationId", create_android CreateAndroid, update_android UpdateAndroid;
    windows: "packageIdentifierName", create_windows CreateWindows, update_windows UpdateWindows;
    linux: "packageName", create_linux CreateLinux, update_linux UpdateLinux;
}

async fn create(
    projects: &Projects,
    call: &Call,
    id: CustomId,
    kind: &'static str,
    change: PlatformChange,
) -> Result<Reply> {
    let id = id.or_make(call.now);
    let platform = projects.create_platform(&call.project.id, id, kind, change, call.now).await?;
    Reply::created(&PlatformModel::from(platform))
}

async fn update(
    projects: &Projects,
    call: &Call,
    id: &str,
    kind: &'static str,
    change: PlatformChange,
) -> Result<Reply> {
    let platform = projects.update_platform(&call.project.id, id, kind, change, call.now).await?;
    Reply::ok(&PlatformModel::from(platform))
}

fn web(name: Text<1, 128>, hostname: Blank<Hostname>, key: Blank<Identifier>) -> PlatformChange {
    PlatformChange {
        name: name.into(),
        hostname: hostname.0.map(Into::into).unwrap_or_default(),
        identifier: key.0.map(Into::into).unwrap_or_default(),
    }
}

fn app(name: Text<1, 128>, identifier: Identifier) -> PlatformChange {
    PlatformChange { name: name.into(), hostname: String::new(), identifier: identifier.into() }
}
