//! Relationships: columns that lead to rows of a table. What they are, how they are kept, what the API shows of them.
//!
//! A relationship is kept once, as links between rows ([`Links`]), and seen from either side: from the table on whose
//! side it was made (the *parent*), and, when it is two-way, from the table that it leads to (the *child*). So there is
//! a [`Relation`] for each side that has a column, and one that [`Relation::mirrored`] makes up for a side that hasn't.

use crate::model::Status;
use crate::vocabulary::Vocabulary;
use floe_kernel::time::Timestamp;
use floe_store::Store;
use floe_store::tables::{End, Links, Once};
use serde_json::{Map, Value as Json, json};

/// A relationship, as one of its sides sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Relation {
    /// The number of its column in this project, which never comes back.
    pub(crate) number: i64,
    /// The number of its links; that of the parent's column.
    pub(crate) link: i64,
    /// Its name, unique in its table.
    pub(crate) key: String,
    /// The table that it is a column of.
    pub(crate) table: TableName,
    /// The table that it leads to.
    pub(crate) related: TableName,
    /// How many of each there may be, as the parent says it.
    pub(crate) cardinality: Cardinality,
    /// Which side this is.
    pub(crate) side: Side,
    /// Whether both sides have a column.
    pub(crate) two_way: bool,
    /// The name of the other side's column; also where there is none, because then the name is taken all the same.
    pub(crate) two_way_key: String,
    /// What becomes of related rows when a row goes.
    pub(crate) on_delete: OnDelete,
    /// What has become of it.
    pub(crate) status: Status,
    /// When it was made.
    pub(crate) created: Timestamp,
    /// When it was changed last.
    pub(crate) updated: Timestamp,
}

/// What names a table within its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    /// Its number in this project.
    pub(crate) number: i64,
    /// Its id.
    pub(crate) id: String,
}

/// What is to become a relationship.
#[derive(Debug, Clone)]
pub(crate) struct NewRelation {
    /// The id of the table that it leads to.
    pub(crate) related: String,
    /// How many of each there may be.
    pub(crate) cardinality: Cardinality,
    /// Whether the other table gets a column as well.
    pub(crate) two_way: bool,
    /// Its name; the other table's id, unless said.
    pub(crate) key: Option<String>,
    /// The name on the other side; this table's id, unless said.
    pub(crate) two_way_key: Option<String>,
    /// What becomes of related rows when a row goes.
    pub(crate) on_delete: OnDelete,
}

/// Declares a choice of words of the wire.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word.
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What this word means.
            pub(crate) fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// How many rows of the parent table (said first) may be related to how many of the child table.
    Cardinality {
        /// One to one.
        OneToOne = "oneToOne",
        /// Many parents share a child.
        ManyToOne = "manyToOne",
        /// Many parents share many children.
        ManyToMany = "manyToMany",
        /// A parent has many children.
        OneToMany = "oneToMany",
    }
}

words! {
    /// A side of a relationship.
    Side {
        /// The table on whose side it was made.
        Parent = "parent",
        /// The table that it leads to.
        Child = "child",
    }
}

words! {
    /// What becomes of related rows when a row goes.
    OnDelete {
        /// They go as well.
        Cascade = "cascade",
        /// As long as there are some, the row can't go.
        Restrict = "restrict",
        /// They stay, and are related no longer.
        SetNull = "setNull",
    }
}

impl Relation {
    /// Whether a row on this side may be related to several rows.
    pub(crate) fn to_many(&self) -> bool {
        let once = self.cardinality.once();
        match self.side {
            Side::Parent => !once.parent,
            Side::Child => !once.child,
        }
    }

    /// Whether the rows of the other side may be related to one row of this side at the most.
    pub(crate) fn of_one(&self) -> bool {
        let once = self.cardinality.once();
        match self.side {
            Side::Parent => once.child,
            Side::Child => once.parent,
        }
    }

    /// Whether the link is the other row's own value, as Appwrite keeps it: then making or removing it changes that row.
    pub(crate) fn kept_by_other(&self) -> bool {
        match (self.cardinality, self.side) {
            (Cardinality::OneToOne, side) => self.two_way || side == Side::Child,
            (Cardinality::OneToMany, side) => side == Side::Parent,
            (Cardinality::ManyToOne, side) => side == Side::Child,
            (Cardinality::ManyToMany, _) => false,
        }
    }

    /// Whether this is the same relationship, seen from the other side.
    pub(crate) fn mirrors(&self, other: &Self) -> bool {
        self.link == other.link && self.side != other.side
    }

    /// Which end of its links the rows of this side are.
    pub(crate) fn end(&self) -> End {
        match self.side {
            Side::Parent => End::Parent,
            Side::Child => End::Child,
        }
    }

    /// Its links in the database.
    pub(crate) fn links(&self, store: &Store) -> Links {
        let (table, related) = (self.table.number, self.related.number);
        match self.side {
            Side::Parent => store.links(self.link, table, related),
            Side::Child => store.links(self.link, related, table),
        }
    }

    /// It as the other side sees it. Whether that has a column, [`Relation::two_way`] says; its number isn't known.
    pub(crate) fn mirrored(&self) -> Self {
        Self {
            number: 0,
            key: self.two_way_key.clone(),
            two_way_key: self.key.clone(),
            table: self.related.clone(),
            related: self.table.clone(),
            side: self.side.other(),
            ..self.clone()
        }
    }

    /// As the API shows it. (`relationType` is the parent's word on both sides, as in Appwrite.)
    pub(crate) fn to_json(&self, vocabulary: Vocabulary) -> Json {
        json!({
            "key": self.key,
            "type": TYPE,
            "status": self.status.name(),
            "error": self.status.error(),
            "required": false,
            "array": false,
            "$createdAt": self.created,
            "$updatedAt": self.updated,
            vocabulary.words().related_table: self.related.id,
            "relationType": self.cardinality.word(),
            "twoWay": self.two_way,
            "twoWayKey": self.two_way_key,
            "onDelete": self.on_delete.word(),
            "side": self.side.word(),
        })
    }

    /// What is kept of it beside what every column has.
    pub(crate) fn rules(&self) -> Json {
        json!({
            "table": self.table.id,
            "related": self.related.id,
            "relationType": self.cardinality.word(),
            "side": self.side.word(),
            "twoWay": self.two_way,
            "twoWayKey": self.two_way_key,
            "onDelete": self.on_delete.word(),
            // The parent's column is the one that the links are called after: its number says it.
            "link": if self.side == Side::Child { Some(self.link) } else { None },
        })
    }

    /// Takes in what was kept. `None` for what we never write.
    pub(crate) fn stored(kept: StoredRelation, rules: &Map<String, Json>) -> Option<Self> {
        let word = |name: &str| rules.get(name).and_then(Json::as_str);
        let side = Side::parse(word("side")?)?;
        Some(Self {
            number: kept.number,
            link: if side == Side::Parent { kept.number } else { rules.get("link")?.as_i64()? },
            key: kept.key,
            table: TableName { number: kept.table, id: word("table")?.to_owned() },
            related: TableName { number: kept.related, id: word("related")?.to_owned() },
            cardinality: Cardinality::parse(word("relationType")?)?,
            side,
            two_way: rules.get("twoWay")?.as_bool()?,
            two_way_key: word("twoWayKey")?.to_owned(),
            on_delete: OnDelete::parse(word("onDelete")?)?,
            status: kept.status,
            created: kept.created,
            updated: kept.updated,
        })
    }
}

/// What is kept of a relationship in columns of its own.
#[derive(Debug)]
#[allow(missing_docs, reason = "see Relation")]
pub(crate) struct StoredRelation {
    pub(crate) number: i64,
    pub(crate) key: String,
    pub(crate) table: i64,
    pub(crate) related: i64,
    pub(crate) status: Status,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// What the API calls the type of such a column.
pub(crate) const TYPE: &str = "relationship";

impl Cardinality {
    /// How often a row of each end may be linked.
    pub(crate) fn once(self) -> Once {
        Once {
            parent: matches!(self, Self::OneToOne | Self::ManyToOne),
            child: matches!(self, Self::OneToOne | Self::OneToMany),
        }
    }
}

impl Side {
    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Parent => Self::Child,
            Self::Child => Self::Parent,
        }
    }
}
