//! A disk that promises nothing but what POSIX does: of what was written since the last fsync any part may be there when the
//! power comes back, in any order, torn between two sectors; of names that were made, changed or removed, those before some
//! moment, unless their folder was synced.

use super::trace::Operation;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Numbers that look random.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// How much of what isn't synced has reached the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Luck {
    Nothing,
    Everything,
    /// Of each sector of so many bytes, with so many chances in a hundred.
    Some {
        sector: usize,
        chance: usize,
    },
}

impl Luck {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            n => Self::Some { sector: [512, 4096][n % 2], chance: [10, 50, 90][dice.below(3)] },
        }
    }

    fn holds(self, dice: &mut Dice) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some { chance, .. } => dice.below(100) < chance,
        }
    }
}

/// The disk, with what lasts and what doesn't yet.
#[derive(Default)]
pub(crate) struct Disk<'t> {
    nodes: Vec<Node<'t>>,
    /// What the process sees, and what lasts.
    names: BTreeMap<String, usize>,
    lasting_names: BTreeMap<String, usize>,
    /// What was done to names since.
    renamed: Vec<(&'t str, Option<usize>)>,
    /// Which file was opened under which number, and how much of it an fsync that is going on will make last.
    open: HashMap<u64, usize>,
    syncing: HashMap<u64, usize>,
}

#[derive(Default)]
struct Node<'t> {
    path: String,
    lasting: Vec<u8>,
    /// How many changes are in it.
    applied: usize,
    pending: Vec<Change<'t>>,
}

enum Change<'t> {
    Write(usize, &'t [u8]),
    Cut(usize),
}

impl<'t> Disk<'t> {
    /// The files of a copy of a folder, all of which last.
    pub(crate) fn of_copy(copy: &Path, folder: &Path) -> Self {
        let mut disk = Self::default();
        let mut folders = vec![copy.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let lasting = std::fs::read(&path).unwrap();
                let path = folder.join(path.strip_prefix(copy).unwrap()).to_str().unwrap().to_owned();
                disk.names.insert(path.clone(), disk.nodes.len());
                disk.nodes.push(Node { path, lasting, ..Node::default() });
            }
        }
        disk.lasting_names.clone_from(&disk.names);
        disk
    }

    pub(crate) fn apply(&mut self, operation: &Operation<'t>) {
        match *operation {
            Operation::Opened { file, path } => {
                let node = self.names.get(path).copied().unwrap_or_else(|| {
                    self.nodes.push(Node { path: path.to_owned(), ..Node::default() });
                    self.rename(path, Some(self.nodes.len() - 1));
                    self.nodes.len() - 1
                });
                self.open.insert(file, node);
            }
            Operation::Wrote { file, offset, bytes } => self.node(file).pending.push(Change::Write(offset, bytes)),
            Operation::Cut { file, length } => self.node(file).pending.push(Change::Cut(length)),
            Operation::SyncBegun { file } => {
                let node = self.node(file);
                let until = node.applied + node.pending.len();
                self.syncing.insert(file, until);
            }
            Operation::Synced { file } => {
                let until = self.syncing.remove(&file).unwrap();
                self.node(file).make_last(until);
                let folder = self.node(file).path.clone();
                self.make_names_last(&folder);
            }
            Operation::Renamed { from, to } => {
                let node = self.names.get(from).copied();
                self.rename(from, None);
                self.rename(to, node);
            }
            Operation::Removed { path } => self.rename(path, None),
        }
    }

    fn node(&mut self, file: u64) -> &mut Node<'t> {
        &mut self.nodes[self.open[&file]]
    }

    fn rename(&mut self, path: &'t str, node: Option<usize>) {
        set(&mut self.names, path, node);
        self.renamed.push((path, node));
    }

    /// Of a folder that was synced.
    fn make_names_last(&mut self, folder: &str) {
        let is_inside = |path: &str| Path::new(path).parent() == Some(Path::new(folder));
        let lasting = &mut self.lasting_names;
        self.renamed.retain(|(path, node)| {
            let is_inside = is_inside(path);
            if is_inside {
                set(lasting, path, *node);
            }
            !is_inside
        });
    }

    /// The files that are there when the power comes back, of those that `wanted` names.
    pub(crate) fn after_power_loss(&self, wanted: &[&str], luck: Luck, dice: &mut Dice) -> Vec<Option<Vec<u8>>> {
        let mut names = self.lasting_names.clone();
        let renamed = match luck {
            Luck::Nothing => 0,
            Luck::Everything => self.renamed.len(),
            Luck::Some { .. } => dice.below(self.renamed.len() + 1),
        };
        for (path, node) in &self.renamed[..renamed] {
            set(&mut names, path, *node);
        }
        let content = |path: &&str| names.get(*path).map(|node| self.nodes[*node].after_power_loss(luck, dice));
        wanted.iter().map(content).collect()
    }
}

fn set(names: &mut BTreeMap<String, usize>, path: &str, node: Option<usize>) {
    match node {
        Some(node) => names.insert(path.to_owned(), node),
        None => names.remove(path),
    };
}

impl Node<'_> {
    fn make_last(&mut self, until: usize) {
        let count = until.saturating_sub(self.applied);
        for change in self.pending.drain(..count) {
            match change {
                Change::Write(offset, bytes) => write(&mut self.lasting, offset, bytes),
                Change::Cut(length) => self.lasting.resize(length, 0),
            }
        }
        self.applied += count;
    }

    fn after_power_loss(&self, luck: Luck, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.lasting.clone();
        for change in &self.pending {
            match *change {
                Change::Cut(length) if luck.holds(dice) => content.resize(length, 0),
                Change::Cut(_) => {}
                Change::Write(mut offset, mut bytes) => {
                    let sector = if let Luck::Some { sector, .. } = luck { sector } else { usize::MAX };
                    while !bytes.is_empty() {
                        let (part, rest) = bytes.split_at(bytes.len().min(sector - offset % sector));
                        if luck.holds(dice) {
                            write(&mut content, offset, part);
                        }
                        (offset, bytes) = (offset + part.len(), rest);
                    }
                }
            }
        }
        content
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
