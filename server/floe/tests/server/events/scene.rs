//! What one call is about.

use serde_json::Value as Json;
use std::collections::HashMap;

/// The ids of what a call is about, by their names in paths: `userId`, `tableId`, `key`.
#[derive(Default)]
pub(super) struct Scene(HashMap<&'static str, String>);

impl Scene {
    /// One more id.
    pub(super) fn put(&mut self, name: &'static str, id: impl Into<String>) {
        self.0.insert(name, id.into());
    }

    /// An id that must be there.
    pub(super) fn id(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{name} isn't made yet"))
    }

    /// The path of the table that it is about, in the words of tables.
    pub(super) fn table(&self) -> String {
        let id = self.0.get("tableId").or_else(|| self.0.get("collectionId")).expect("a table");
        format!("/v1/tablesdb/{}/tables/{id}", self.id("databaseId"))
    }

    /// The name of an event of this pattern: its ids are the scene's, or stand in the answer; the last one may be that of the
    /// answer itself.
    pub(super) fn name(&self, pattern: &str, answer: &Json) -> Result<String, String> {
        let last = pattern.rfind('[').map(|at| &pattern[at..]);
        let part = |part: &str| {
            let Some(name) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) else {
                return Ok(part.to_owned());
            };
            // What a table has goes by its key.
            let name = if ["columnId", "attributeId", "indexId"].contains(&name) { "key" } else { name };
            let is_last = last.is_some_and(|last| last.starts_with(part));
            let own = is_last.then(|| answer["$id"].as_str()).flatten();
            let id = self.0.get(name).map(String::as_str).or_else(|| answer[name].as_str()).or(own);
            id.map(str::to_owned).ok_or_else(|| format!("{pattern}: whose is {part}?"))
        };
        Ok(pattern.split('.').map(part).collect::<Result<Vec<_>, _>>()?.join("."))
    }
}
