//! The query parser: whatever is sent, there is an answer, and nothing of it becomes SQL.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = floe_harness::parse(text);
    floe_harness::to_sql(text);
});
