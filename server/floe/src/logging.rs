//! Where log lines go: standard error, written by a thread of its own so that no request waits for a slow reader.

mod json;
mod lines;

use crate::config::{LogFormat, Logging};
use json::JsonLines;
pub(crate) use lines::Flush;
use lines::Lines;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging; what is returned writes the last lines when it is dropped.
pub(crate) fn start(settings: &Logging) -> Flush {
    let (lines, flush) = Lines::start(std::io::stderr());
    let filter = EnvFilter::new(&settings.filter);
    let terminal = std::io::stderr().is_terminal();
    let for_people = settings.format == LogFormat::Text || (settings.format == LogFormat::Auto && terminal);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines).with_target(false);
    // A second start in one process (tests) keeps the first.
    let _ = if for_people {
        subscriber.with_ansi(terminal).try_init()
    } else {
        subscriber.event_format(JsonLines).try_init()
    };
    flush
}
