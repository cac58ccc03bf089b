//! What the endpoints of this product say they cause. The grammar of events that webhooks and functions can listen to
//! (`semantics.md` section 11) has none of these, so nothing is written to any outbox: the names are for the route
//! table alone.

/// A way to sign in was switched on or off.
pub const UPDATE_AUTH_METHOD: &str = "authMethod.[methodId].update";
/// A service was switched on or off.
pub const UPDATE_SERVICE: &str = "services.[serviceId].update";
/// A policy has changed.
pub const UPDATE_POLICY: &str = "projects.[projectId].policies.[policy].update";
/// There is a new API key.
pub const CREATE_KEY: &str = "keys.[keyId].create";
/// An API key has changed.
pub const UPDATE_KEY: &str = "keys.[keyId].update";
/// An API key is gone.
pub const DELETE_KEY: &str = "keys.[keyId].delete";
/// There is a new app.
pub const CREATE_PLATFORM: &str = "platforms.[platformId].create";
/// An app has changed.
pub const UPDATE_PLATFORM: &str = "platforms.[platformId].update";
/// An app is gone.
pub const DELETE_PLATFORM: &str = "platforms.[platformId].delete";
