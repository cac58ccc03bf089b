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
    let filter = EnvFilter::new(without_noise(&settings.filter));
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

/// The filter without what anybody can bring about: of each request that can't be parsed, and each client that goes away in the
/// middle of its answer, the HTTP library tells as an error. Who names that library gets what they ask for.
fn without_noise(filter: &str) -> String {
    match filter {
        filter if filter.contains("actix_http") => filter.to_owned(),
        // What an empty filter means.
        filter if filter.trim().is_empty() => without_noise("error"),
        filter => format!("{filter},actix_http::h1::dispatcher=off"),
    }
}
