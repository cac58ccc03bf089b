//! Power loss: what was acknowledged is on the disk, not only on its way there.
//!
//! `kill -9` leaves what the system holds in memory; a test that ends a process so would pass without a single fsync. Here a
//! library writes down what the server does to its files under a mixed load ([`trace`]), and a disk that keeps only what POSIX
//! promises ([`disk`]) says what would be left at many moments of it. What is left is opened with SQLite.
//!
//! `FLOE_TORTURE_SECONDS` (default 5) is how long images are made and opened; `scripts/torture` gives more.

mod disk;
mod trace;

use crate::binary::{Caller, Instance};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use disk::{Dice, Disk, Luck};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use trace::Tracer;

/// How many clients write at a time.
const WRITERS: usize = 8;
/// How much is written: enough for the log to be moved into the file while it goes on, or little.
const MUCH: usize = 40 << 20;
const LITTLE: usize = 3 << 20;
/// How many images there are at the least, on however slow a machine.
const FEWEST_IMAGES: usize = 20;

const ROWS: &str = "/v1/tablesdb/main/tables/pages/rows";

/// What one row was, one state after the other: none: it isn't there. With the length of the trace when that was acknowledged.
type History = Vec<(Option<i64>, usize)>;

/// The rows' histories. The last state of each may be one that was never answered.
type Histories = Arc<Mutex<BTreeMap<String, History>>>;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_change_survives_power_loss() {
    let traced = Traced::run(MUCH, None).await;
    let report = traced.cut_the_power(|_| false);
    println!("torture: {} changes, {} images, seed {}", report.changes, report.images, report.seed);
    assert!(report.lost.is_empty() && report.broken.is_empty(), "{report:#?}");
}

/// The test above can fail: without the fsync of the log it does.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fsync_of_the_log_changes_are_lost() {
    let traced = Traced::run(LITTLE, Some("-wal")).await;
    let report = traced.cut_the_power(|report| !report.lost.is_empty());
    println!(
        "torture: without the fsync {} of {} images lack something that was acknowledged",
        report.lost.len(),
        report.images
    );
    assert!(!report.lost.is_empty(), "nobody would notice: {report:?}");
}

/// What a server did under load.
struct Traced {
    instance: Instance,
    tracer: Tracer,
    histories: Histories,
    /// What was on the disk before.
    before: tempfile::TempDir,
}

/// What was found on the disks of many moments.
#[derive(Debug, Default)]
struct Report {
    seed: u64,
    changes: usize,
    images: usize,
    /// Images in which something is missing that was acknowledged.
    lost: Vec<String>,
    /// Images that SQLite can't read, or not as a whole.
    broken: Vec<String>,
}

impl Traced {
    /// Runs a server that writes so much, whose files ending like this aren't synced.
    async fn run(bytes: usize, swallowed: Option<&str>) -> Self {
        let mut instance = Instance::new();
        let mut running = instance.serve();
        let caller = Caller::of(&instance, &running);
        make_table(&caller).await;
        running.signal("TERM");
        assert!(running.child.wait().unwrap().success());

        let before = tempfile::tempdir().unwrap();
        copy(&instance.data(), before.path());
        let tracer = Tracer::build(instance.path());
        instance.env = tracer.env(&instance.data());
        instance.env.extend(swallowed.map(|end| ("FLOE_TRACE_SWALLOW".to_owned(), end.to_owned())));
        let traced = Self { instance, tracer, histories: Histories::default(), before };
        running = traced.instance.serve();
        traced.load(&caller.at(&running), bytes, 0).await;
        traced.wait_for_a_checkpoint().await;
        traced.load(&caller.at(&running), LITTLE, 1).await;
        running.kill();
        traced
    }

    /// Makes, changes and removes rows from many clients, until the trace has grown by so much.
    async fn load(&self, caller: &Caller, bytes: usize, round: usize) {
        let until = self.tracer.length() + bytes;
        let writers = (0..WRITERS).map(|writer| async move {
            for n in 0.. {
                let id = format!("r{round}w{writer}n{n}");
                let number = i64::try_from(n).unwrap();
                let content = |number: i64| json!({"text": "x".repeat(100 + n * 997 % 6000), "number": number});
                self.change(
                    caller,
                    Method::POST,
                    &id,
                    Some(number),
                    Some(json!({"rowId": id, "data": content(number)})),
                )
                .await;
                if n % 3 == 1 {
                    let body = json!({"data": content(-number)});
                    self.change(caller, Method::PATCH, &id, Some(-number), Some(body)).await;
                }
                if n % 5 == 2 {
                    self.change(caller, Method::DELETE, &id, None, None).await;
                }
                if self.tracer.length() >= until {
                    return;
                }
            }
        });
        futures_util::future::join_all(writers).await;
    }

    /// Changes a row, which is in this state afterwards.
    async fn change(
        &self,
        caller: &Caller,
        method: Method,
        id: &str,
        state: Option<i64>,
        body: Option<serde_json::Value>,
    ) {
        let path = if method == Method::POST { ROWS.to_owned() } else { format!("{ROWS}/{id}") };
        self.histories.lock().unwrap().entry(id.to_owned()).or_default().push((state, usize::MAX));
        let answer = caller.send(method, &path, body.as_ref()).await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        let acknowledged = self.tracer.length();
        if let Some(last) = self.histories.lock().unwrap().get_mut(id).and_then(|history| history.last_mut()) {
            last.1 = acknowledged;
        }
    }

    /// Nobody asks for anything: what the server writes now is the log into the file.
    async fn wait_for_a_checkpoint(&self) {
        let (quiet, started) = (self.tracer.length(), Instant::now());
        while self.tracer.length() < quiet + 4096 {
            assert!(started.elapsed() < Duration::from_secs(30), "the log is never moved");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Loses the power at many moments, each time with another luck, until that is enough.
    fn cut_the_power(&self, is_enough: impl Fn(&Report) -> bool) -> Report {
        let trace = self.tracer.read();
        let seed = Instant::now().elapsed().as_nanos() as u64 ^ u64::from(std::process::id()) << 20 | 1;
        let mut dice = Dice(seed);
        let histories = self.histories.lock().unwrap();
        let mut report = Report { seed, changes: histories.values().map(Vec::len).sum(), ..Report::default() };
        let seconds = std::env::var("FLOE_TORTURE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
        let until = Instant::now() + Duration::from_secs(seconds);
        let is_enough =
            |report: &Report| is_enough(report) || report.images >= FEWEST_IMAGES && Instant::now() >= until;
        while !is_enough(&report) {
            self.cut_at(&trace, &is_enough, &mut dice, &histories, &mut report);
        }
        report
    }

    /// Once through the trace, with a stop at some moments, unless it is enough before.
    fn cut_at(
        &self,
        trace: &[u8],
        is_enough: &impl Fn(&Report) -> bool,
        dice: &mut Dice,
        histories: &BTreeMap<String, History>,
        report: &mut Report,
    ) {
        let data = self.instance.data();
        let path = |name: &str| data.join("projects").join(name).to_str().unwrap().to_owned();
        let (database, log) = (path("shop.db"), path("shop.db-wal"));
        let mut stops: Vec<_> = (0..FEWEST_IMAGES).map(|_| dice.below(trace.len())).collect();
        stops.sort_unstable();
        let mut stops = stops.into_iter().peekable();
        let mut disk = Disk::of_copy(self.before.path(), &data);
        let mut done = 0;
        for (end, operation) in trace::operations(trace) {
            while stops.next_if(|stop| *stop < end).is_some() {
                let luck = Luck::any(dice);
                let files = disk.after_power_loss(&[&database, &log], luck, dice);
                report.look(&files, luck, done, histories);
                if is_enough(report) {
                    return;
                }
            }
            disk.apply(&operation);
            done = end;
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    id: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct Integrity {
    #[diesel(sql_type = diesel::sql_types::Text)]
    integrity_check: String,
}

impl Report {
    /// Opens what is left after a power loss at this place of the trace.
    fn look(&mut self, files: &[Option<Vec<u8>>], luck: Luck, place: usize, histories: &BTreeMap<String, History>) {
        self.images += 1;
        // Where there is memory for it: the images needn't last.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
        for (name, content) in ["shop.db", "shop.db-wal"].iter().zip(files) {
            if let Some(content) = content {
                std::fs::write(folder.path().join(name), content).unwrap();
            }
        }
        let rows = match read(&folder.path().join("shop.db")) {
            Ok(rows) => rows,
            Err(error) => return self.broken.push(format!("at {place}, {luck:?}: {error}")),
        };
        let missing: Vec<_> = histories
            .iter()
            .filter(|(id, history)| {
                // What was acknowledged by then, or anything that was asked for later.
                let known = history.iter().rposition(|(_, acknowledged)| *acknowledged <= place);
                let mut possible = history[known.unwrap_or(0)..].iter().map(|(state, _)| *state);
                let stored = rows.get(*id).copied();
                !(possible.any(|state| state == stored) || known.is_none() && stored.is_none())
            })
            .map(|(id, _)| id.as_str())
            .collect();
        if !missing.is_empty() {
            self.lost.push(format!("at {place}, {luck:?}: {} rows, such as {}", missing.len(), missing[0]));
        }
    }
}

/// The rows of an image that is whole.
fn read(database: &Path) -> Result<BTreeMap<String, i64>, String> {
    let text = |error: diesel::result::Error| error.to_string();
    let mut connection = SqliteConnection::establish(database.to_str().unwrap()).map_err(|error| error.to_string())?;
    let checked = diesel::sql_query("PRAGMA integrity_check").load::<Integrity>(&mut connection).map_err(text)?;
    if checked.iter().any(|line| line.integrity_check != "ok") {
        return Err(checked.into_iter().map(|line| line.integrity_check).take(3).collect::<Vec<_>>().join("; "));
    }
    let rows = diesel::sql_query("SELECT _id AS id, c2 AS number FROM rows_1").load::<Row>(&mut connection);
    Ok(rows.map_err(text)?.into_iter().map(|row| (row.id, row.number)).collect())
}

async fn make_table(caller: &Caller) {
    let columns = json!([
        {"key": "text", "type": "string", "size": 8000, "required": true},
        {"key": "number", "type": "integer", "required": true},
    ]);
    for (path, body) in [
        ("/v1/tablesdb", json!({"databaseId": "main", "name": "Main"})),
        ("/v1/tablesdb/main/tables", json!({"tableId": "pages", "name": "Pages", "columns": columns})),
    ] {
        let answer = caller.post(path, &body).await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry, &to);
        } else {
            std::fs::copy(&entry, &to).unwrap();
        }
    }
}
