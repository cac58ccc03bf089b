//! Lines on their way out: gathered in memory, written by a thread of their own, many at a time.
//!
//! Every request writes a line. Waking a thread up for each, and a system call for each, would cost more than many
//! requests do. So the thread, once awake, writes what there is, then lets lines gather for [`GATHER`]. A line that
//! comes after a while of silence is written at once; and when there is nothing to write the thread sleeps.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// How long lines may gather while more and more come.
const GATHER: Duration = Duration::from_millis(20);

/// How many bytes may wait for a reader that is too slow. What comes then is lost, and a line says how much.
const MOST: usize = 16 << 20;

/// How long the last lines may take: a reader that has stopped reading must not keep the process from ending.
const LAST: Duration = Duration::from_secs(2);

/// What a burst may leave behind of its memory.
const SPARE: usize = 1 << 20;

/// Where lines are put. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: usize,
    /// The thread has nothing to do: the next line wakes it up.
    asleep: bool,
    closing: bool,
}

/// Writes what is left when dropped, if somebody takes it.
pub(crate) struct Flush {
    lines: Lines,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl Lines {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> (Self, Flush) {
        let lines = Self::default();
        let writing = lines.clone();
        let (ends, ended) = channel();
        // Without the thread lines are gathered, and then lost: the server matters more.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            let _ends = ends;
            writing.write_to(out);
        });
        (lines.clone(), Flush { lines, ended })
    }

    fn write_to(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            // Nobody is left who could be told.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
            batch.shrink_to(SPARE);
            self.gather();
        }
    }

    /// Waits for lines, and takes them. `false` when there will be none.
    fn take(&self, batch: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.bytes.is_empty() && !waiting.closing {
            waiting.asleep = true;
            waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.asleep = false;
        std::mem::swap(&mut waiting.bytes, batch);
        let lost = std::mem::take(&mut waiting.lost);
        if lost > 0 {
            let _ = writeln!(batch, "{{\"level\":\"WARN\",\"message\":\"{lost} log lines were lost\"}}");
        }
        !batch.is_empty()
    }

    /// Lets lines gather, unless there is no time left.
    fn gather(&self) {
        let waiting = self.lock();
        drop(self.0.changed.wait_timeout_while(waiting, GATHER, |waiting| !waiting.closing));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        if waiting.bytes.len() + line.len() > MOST {
            waiting.lost += 1;
            return Ok(line.len());
        }
        waiting.bytes.extend_from_slice(line);
        let wake = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if wake {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = &'l Self;

    fn make_writer(&'l self) -> &'l Self {
        self
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.lines.lock().closing = true;
        self.lines.0.changed.notify_all();
        let _ = self.ended.recv_timeout(LAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_every_line_in_order_and_many_at_a_time() {
        let screen = Screen::default();
        let (lines, flush) = Lines::start(screen.clone());
        let all: Vec<_> = (0..10_000).map(|n| format!("{n}\n")).collect();
        for line in &all {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        drop(flush);
        let written = screen.0.lock().unwrap();
        assert_eq!(written.concat(), all.concat().into_bytes());
        assert!(written.len() < all.len() / 10, "{} system calls", written.len());
    }

    /// A pipe that is full, whose reader has stopped reading.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn ends_although_nobody_reads() {
        let (lines, flush) = Lines::start(Stuck);
        (&lines).write_all(b"line\n").unwrap();
        drop(flush);
    }

    #[test]
    fn says_how_much_a_slow_reader_has_lost() {
        let lines = Lines::default();
        let line = vec![b'x'; MOST / 2];
        for _ in 0..5 {
            (&lines).write_all(&line).unwrap();
        }
        let mut batch = Vec::new();
        assert!(lines.take(&mut batch));
        assert!(batch.ends_with(b"3 log lines were lost\"}\n"));
    }
}
