//! The keys of encrypted columns, and of what is staged.

use floe_sealed::{RootKeys, Seal, Sealer};

/// Makes a key for each column of each project. Who learns one of them learns none of the others.
pub(crate) struct Keys(Sealer);

impl Keys {
    /// From the instance's own.
    pub(crate) fn new(keys: &RootKeys) -> Self {
        Self(keys.sealer("columns"))
    }

    /// What the values of a column are kept encrypted with. No project's id has a NUL, and no two columns of a project
    /// ever had the same number.
    pub(crate) fn seal(&self, project: &str, column: i64) -> Seal {
        self.0.seal_for(&format!("column\0{project}\0{column}"), &column.to_le_bytes())
    }

    /// What is staged in a project's transactions is kept encrypted with this: there may be values of any column in it.
    pub(crate) fn of_transactions(&self, project: &str) -> Seal {
        self.0.seal_for(&format!("transactions\0{project}"), &0i64.to_le_bytes())
    }
}
