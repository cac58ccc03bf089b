//! A log line as JSON: `{"timestamp":…,"level":…,` and the event's fields, `}`. Written straight into the line, because
//! every request writes one: the library's own way, through a serializer, costs three times as much.

use floe_kernel::time::{Clock as _, SystemClock};
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The format.
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(out, "{{\"timestamp\":\"{}\",\"level\":\"", SystemClock.now())?;
        out.write_str(event.metadata().level().as_str())?;
        out.write_str("\"")?;
        let mut fields = Fields { out: out.by_ref(), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        out.write_str("}\n")
    }
}

/// Writes fields, each as `,"name":value`.
struct Fields<'w> {
    out: Writer<'w>,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            // Names are ours: nothing in them needs an escape.
            self.outcome = self
                .out
                .write_str(",\"")
                .and_then(|()| self.out.write_str(field.name()))
                .and_then(|()| self.out.write_str("\":"))
                .and_then(|()| value(&mut self.out));
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |out| {
            out.write_char('"')?;
            Escaping(out).write_str(value)?;
            out.write_char('"')
        });
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no words for what isn't finite.
        self.field(field, |out| if value.is_finite() { write!(out, "{value}") } else { out.write_str("null") });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, |out| {
            out.write_char('"')?;
            write!(Escaping(out), "{value:?}")?;
            out.write_char('"')
        });
    }
}

/// Text within a JSON string.
struct Escaping<'e, 'w>(&'e mut Writer<'w>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            self.0.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                control => write!(self.0, "\\u{control:04x}")?,
            }
            rest = &rest[at + 1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::JsonLines;
    use serde_json::Value as Json;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_what_a_parser_reads() {
        let screen = Screen::default();
        let (lines, flush) = Lines::start(screen.clone());
        let subscriber = tracing_subscriber::fmt().with_writer(lines).event_format(JsonLines).finish();
        let (path, nothing) = ("a\"b\\c\n\u{1}é", None::<&str>);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(path, status = 200_u16, ratio = f64::NAN, id = %"x\"y", debug = ?[1], nothing, yes = true, "request");
        });
        drop(flush);
        let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        let line: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "request");
        assert_eq!(line["path"], path);
        assert_eq!((&line["status"], &line["ratio"], &line["yes"]), (&200.into(), &Json::Null, &true.into()));
        assert_eq!((&line["id"], &line["debug"]), (&"x\"y".into(), &"[1]".into()));
        assert!(line.get("nothing").is_none(), "what isn't there isn't written");
        assert!(line["timestamp"].as_str().unwrap().ends_with("+00:00"));
    }
}
