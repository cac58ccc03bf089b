//! Conditions on what rows are linked to.

use crate::role::Role;

/// A step from the rows of one table to those of another one that they are linked to. All names are those in the
/// database, and never names that users chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The table of the links.
    pub links: String,
    /// Its column with the sequences of the rows that the step starts from.
    pub from: &'static str,
    /// Its column with the sequences of the rows that it leads to.
    pub to: &'static str,
    /// The table that it leads to.
    pub table: String,
    /// Which of that table's rows there are, as far as the caller may know.
    pub visible: Visible,
}

/// Which rows of a table a caller may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// All of them.
    All,
    /// Those that one of these roles may read.
    To(Vec<Role>),
    /// None.
    Nothing,
}
