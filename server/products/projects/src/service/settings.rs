//! What the admins of a project decide about it.

use super::Projects;
use crate::model::Project;
use floe_kernel::Result;
use floe_kernel::directory::ProjectSettings;
use floe_kernel::time::Timestamp;

impl Projects {
    /// Changes the settings of a project.
    pub(crate) async fn set(
        &self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut ProjectSettings),
    ) -> Result<Project> {
        self.change(id, now, |project| {
            change(&mut project.settings);
            Ok(())
        })
        .await
    }

    /// Puts other labels on a project: each once.
    pub(crate) async fn label(&self, id: &str, labels: Vec<String>, now: Timestamp) -> Result<Project> {
        let mut seen = std::collections::HashSet::new();
        let labels: Vec<_> = labels.into_iter().filter(|label| seen.insert(label.clone())).collect();
        self.change(id, now, |project| {
            project.labels = labels;
            Ok(())
        })
        .await
    }
}

/// Puts a name on a list of what is switched off, or takes it off.
pub(crate) fn switch(off: &mut Vec<String>, name: &str, enabled: bool) {
    off.retain(|other| other != name);
    if !enabled {
        off.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_off_once() {
        let mut off = Vec::new();
        switch(&mut off, "jwt", false);
        switch(&mut off, "jwt", false);
        assert_eq!(off, ["jwt"]);
        switch(&mut off, "jwt", true);
        assert!(off.is_empty());
    }
}
