//! What a process did to the files of a folder, as `trace.c` writes it down.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One operation on a file.
pub(crate) enum Operation<'t> {
    /// Opened as this file number, and made if it wasn't there.
    Opened { file: u64, path: &'t str },
    /// Bytes were written.
    Wrote { file: u64, offset: usize, bytes: &'t [u8] },
    /// It was given this length.
    Cut { file: u64, length: usize },
    /// An fsync began.
    SyncBegun { file: u64 },
    /// It ended.
    Synced { file: u64 },
    /// A file got another name.
    Renamed { from: &'t str, to: &'t str },
    /// A name was removed.
    Removed { path: &'t str },
}

/// The library that makes a process write its operations down, and where it does.
pub(crate) struct Tracer {
    library: PathBuf,
    trace: PathBuf,
}

impl Tracer {
    /// Compiles the library into this folder.
    pub(crate) fn build(folder: &Path) -> Self {
        let (library, trace) = (folder.join("trace.so"), folder.join("trace"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/power_loss/trace.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl");
        assert!(compiler.status().unwrap().success(), "a C compiler is what SQLite needs too");
        Self { library, trace }
    }

    /// The environment of a process that is to be traced in this folder.
    pub(crate) fn env(&self, root: &Path) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD".into(), text(&self.library)),
            ("FLOE_TRACE".into(), text(&self.trace)),
            ("FLOE_TRACE_ROOT".into(), text(root)),
        ]
    }

    /// How long the trace is by now: all that has happened lies before this place.
    pub(crate) fn length(&self) -> usize {
        usize::try_from(std::fs::metadata(&self.trace).map_or(0, |about| about.len())).unwrap()
    }

    /// The whole trace.
    pub(crate) fn read(&self) -> Vec<u8> {
        std::fs::read(&self.trace).unwrap()
    }
}

/// The operations, each with the place in the trace at which it ends.
pub(crate) fn operations(trace: &[u8]) -> impl Iterator<Item = (usize, Operation<'_>)> {
    const HEAD: usize = 32;
    let mut at = 0;
    std::iter::from_fn(move || {
        let head = trace.get(at..at + HEAD)?;
        let number =
            |from: usize| usize::try_from(u64::from_ne_bytes(head[from..from + 8].try_into().unwrap())).unwrap();
        let small = |from: usize| u32::from_ne_bytes(head[from..from + 4].try_into().unwrap());
        let (name_length, file, offset, length) = (small(4) as usize, number(8) as u64, number(16), number(24));
        let name = std::str::from_utf8(trace.get(at + HEAD..at + HEAD + name_length)?).unwrap();
        let bytes = trace.get(at + HEAD + name_length..at + HEAD + name_length + length)?;
        at += HEAD + name_length + length;
        let operation = match small(0) {
            1 => Operation::Opened { file, path: name },
            2 => Operation::Wrote { file, offset, bytes },
            3 => Operation::Cut { file, length: offset },
            4 => Operation::SyncBegun { file },
            5 => Operation::Synced { file },
            6 => {
                let (from, to) = name.split_once('\0').unwrap();
                Operation::Renamed { from, to }
            }
            7 => Operation::Removed { path: name },
            other => panic!("an operation {other} at {at}"),
        };
        Some((at, operation))
    })
}
