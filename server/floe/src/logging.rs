//! Where log lines go: standard error, written by a thread of its own so that no request waits for a slow reader.

use crate::config::{LogFormat, Logging};
use std::io::IsTerminal as _;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Starts logging; what is returned flushes the last lines when it is dropped.
pub(crate) fn start(settings: &Logging) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter = EnvFilter::new(&settings.filter);
    let terminal = std::io::stderr().is_terminal();
    let for_people = settings.format == LogFormat::Text || (settings.format == LogFormat::Auto && terminal);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    // A second start in one process (tests) keeps the first.
    let _ = if for_people {
        lines.with_ansi(terminal).try_init()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    guard
}
