//! The binary as operators use it.

use crate::binary::{Caller, Instance, ROWS};
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

#[test]
fn every_fault_of_the_configuration_is_listed_at_once() {
    let mut instance = Instance::new();
    instance.env = [
        ("FLOE_PORT", "high"),
        ("DATABASE_URL", "mysql://u:hush@h/d"),
        ("FLOE_SECRET_KEY", "short"),
        ("FLOE_HOST", "here"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    for command in ["check-config", "serve"] {
        let output = instance.run(&[command]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for name in ["FLOE_PORT", "DATABASE_URL", "FLOE_SECRET_KEY", "FLOE_HOST"] {
            assert!(said.contains(name), "{name} is missing in: {said}");
        }
        assert!(!said.contains("hush"), "{said}");
    }
    assert!(!instance.data().exists(), "nothing is made before the configuration is good");
    // Who only asks which version this is has no server to configure.
    for command in ["version", "--version", "--help"] {
        assert!(!instance.result(&[command]).is_empty(), "{command}");
    }
}

#[test]
fn an_empty_variable_is_as_if_it_were_not_there() {
    let mut instance = Instance::new();
    instance.env = ["FLOE_DATA", "DATABASE_URL", "FLOE_SECRET_KEY", "FLOE_CONFIG"]
        .map(|name| (name.to_owned(), String::new()))
        .to_vec();
    let mut running = instance.serve();
    running.kill();
    let made: Vec<_> = std::fs::read_dir(instance.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(made, ["data"], "nothing is written beside the folder of the data");
    // What the file says isn't hidden: this one wants a key, and names the setting.
    std::fs::write(instance.path().join("floe.toml"), "[database]\nurl = \"postgres://h/d\"").unwrap();
    let output = instance.run(&["check-config"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("FLOE_SECRET_KEY is required"), "{output:?}");
}

#[test]
fn misspelt_variables_are_told_of() {
    let mut instance = Instance::new();
    instance.env = vec![("FLOE_MAX_BODY_BYTE".to_owned(), "hush".to_owned())];
    let said = "floe: FLOE_MAX_BODY_BYTE is not a setting. Is FLOE_MAX_BODY_BYTES meant?\n";
    let output = instance.run(&["check-config"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), said);
    let mut running = instance.serve();
    assert!(running.log().starts_with(said), "{}", running.log());
    running.kill();
}

/// What anybody can bring about is no error, or whoever likes fills the log with them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_and_not_an_error_in_the_log() {
    let instance = Instance::new();
    let mut running = instance.serve();
    let head = |rest: &str| format!("GET /v1/ping HTTP/1.1\r\n{rest}\r\n");
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400 Bad Request"),
        (head(""), "400 Bad Request"),
        (head("Host: a\r\nContent-Length: x\r\n"), "400 Bad Request"),
        (head("Host: a\r\nX-A: a\0b\r\n"), "400 Bad Request"),
        (head("Host: a\r\nHost: b\r\n"), "400 Bad Request"),
        (head(&format!("Host: a\r\nX-A: {}\r\n", "a".repeat(200_000))), "431 Request Header Fields Too Large"),
    ] {
        let answer = raw(&running.base, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        // What docs/security.md says of them.
        let names: Vec<_> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
        assert!(
            body.is_empty() && names.iter().all(|name| ["connection", "content-length", "date"].contains(name)),
            "{answer}"
        );
    }
    let ping = raw(&running.base, &head("Host: a\r\nConnection: close\r\n")).await;
    assert!(ping.starts_with("HTTP/1.1 200 OK\r\n"), "{ping}");
    running.signal("TERM");
    running.child.wait().unwrap();
    while !running.log().contains("stopped") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = running.log();
    assert!(log.contains("/v1/ping") && !log.contains("ERROR") && !log.contains("stream error"), "{log}");
}

/// Sends bytes as they are and gives everything that comes back, until the server closes the connection.
async fn raw(base: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    // A head that is too long isn't read to its end.
    let _ = tokio::join!(write.write_all(request.as_bytes()), read.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn help_and_version_say_what_they_should() {
    let instance = Instance::new();
    let help = instance.result(&["--help"]);
    for command in ["serve", "migrate", "check-config", "console-user", "project", "key", "version"] {
        assert!(help.contains(command), "{command} is missing in: {help}");
    }
    assert_eq!(instance.result(&["version"]), format!("floe {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(instance.result(&["check-config"]), "The configuration is good.");
    assert_eq!(instance.run(&["project", "create"]).status.code(), Some(2));
}

#[test]
fn a_broken_configuration_doesnt_keep_anybody_from_asking_for_the_version() {
    let mut instance = Instance::new();
    instance.env = vec![("FLOE_PORT".to_owned(), "high".to_owned())];
    assert_eq!(instance.result(&["version"]), format!("floe {}", env!("CARGO_PKG_VERSION")));
    assert_eq!(instance.result(&["--version"]), format!("floe {}", env!("CARGO_PKG_VERSION")));
    assert!(instance.result(&["--help"]).contains("check-config"));
    assert!(instance.result(&["serve", "--help"]).contains("SIGTERM"));
}

/// A log on a full disk, or a script whose reader is gone: the deed counts, not who is told of it.
#[test]
fn what_can_not_be_written_is_no_reason_to_break() {
    let mut instance = Instance::new();
    instance.result(&["project", "create", "shop"]);
    for arguments in [&["version"][..], &["check-config"], &["key", "create", "shop"]] {
        let output = instance.run_into(arguments, "/dev/full");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("it was done, but its result can't be written") && said.lines().count() == 1, "{said}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    instance.env = vec![("FLOE_PORT".to_owned(), port.to_string())];
    let mut server = instance.serve_into("/dev/full");
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.try_wait().unwrap().is_none(), "the server ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_keeps_the_server_from_nothing() {
    let instance = Instance::new();
    let mut running = instance.serve_unread();
    let http = reqwest::Client::new();
    // More than a pipe holds.
    for _ in 0..500 {
        let path = format!("{}/v1/{}", running.base, "x".repeat(200));
        assert_eq!(http.get(path).send().await.unwrap().status(), 404);
    }
    running.signal("TERM");
    let begun = Instant::now();
    while running.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_second_server_on_the_same_folder_refuses_to_start() {
    let instance = Instance::new();
    let mut first = instance.serve();
    for _ in 0..2 {
        let second = instance.run(&["serve"]);
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert_eq!(second.status.code(), Some(1), "{said}");
        let named = format!("another server runs on the data folder {}", instance.data().display());
        assert!(said.contains(&named) && !said.contains("listens on"), "{said}");
    }
    // What isn't a server goes on beside it.
    instance.result(&["project", "create", "shop"]);
    instance.result(&["key", "create", "shop"]);
    instance.result(&["migrate"]);
    instance.result(&["secret", "reseal"]);
    first.kill();
    // Freed by whatever ends the server.
    drop(instance.serve());
    drop(instance.serve());
}

#[test]
fn a_second_server_on_the_same_schemas_refuses_to_start() {
    let Ok(url) = std::env::var("FLOE_TEST_POSTGRES_URL") else { return };
    let prefix = format!("alone{}", std::process::id());
    let on_postgres = || {
        let mut instance = Instance::new();
        let settings = [("DATABASE_URL", &url), ("DATABASE_SCHEMA_PREFIX", &prefix)];
        instance.env = settings.map(|(name, value)| (name.to_owned(), value.clone())).into();
        instance.env.push(("FLOE_SECRET_KEY".to_owned(), "0123456789abcdef".repeat(4)));
        instance
    };
    let (first, second) = (on_postgres(), on_postgres());
    let mut running = first.serve();
    let refused = second.run(&["serve"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("another server runs on the schema {prefix}_platform")), "{said}");
    second.result(&["project", "create", "shop"]);
    running.kill();
    drop(second.serve());
    drop(first.serve());
}

/// Whoever copies a project's file after that has all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_no_log_also_of_what_nobody_has_called_since_a_kill() {
    let instance = Instance::new();
    let mut running = instance.serve();
    let caller = Caller::of(&instance, &running);
    caller.make_table().await;
    let acknowledged = caller.post(ROWS, &json!({"rowId": "r", "data": {"text": "t", "number": 1}})).await.unwrap();
    assert_eq!(acknowledged.status(), 201);
    running.kill();
    let file = instance.data().join("projects/shop.db");
    let log = file.with_extension("db-wal");
    assert!(log.metadata().unwrap().len() > 0, "it was killed in the middle");

    let mut running = instance.serve();
    running.signal("TERM");
    assert_eq!(running.child.wait().unwrap().code(), Some(0), "{}", running.log());
    for folder in [instance.data(), instance.data().join("projects")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with("-wal"), "{name}");
        }
    }
    let backup = instance.path().join("backup.db");
    std::fs::copy(&file, &backup).unwrap();
    std::fs::rename(&backup, &file).unwrap();
    let running = instance.serve();
    let row = caller.at(&running).get(&format!("{ROWS}/r")).await.unwrap();
    assert_eq!(row.status(), 200, "{}", row.text().await.unwrap());
}

#[test]
fn few_open_files_are_enough_for_many_projects() {
    let instance = Instance::new();
    let ids: Vec<_> = (0..18).map(|n| format!("p{n}")).collect();
    let keys: Vec<_> = ids
        .iter()
        .map(|id| {
            instance.result(&["project", "create", id]);
            instance.result(&["key", "create", id])
        })
        .collect();
    let running = instance.serve_with_files(100);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for round in 0..2 {
            for (id, key) in ids.iter().zip(&keys) {
                let request = http.get(format!("{}/v1/users", running.base));
                let answer =
                    request.header("X-Appwrite-Project", id).header("X-Appwrite-Key", key).send().await.unwrap();
                assert_eq!(answer.status(), 200, "{id} in round {round}: {}", running.log());
            }
        }
    });
}

#[test]
fn what_commands_refuse_is_said_on_standard_error() {
    let instance = Instance::new();
    let refused =
        [&["project", "create", "Not-Valid"][..], &["project", "create", "console"], &["key", "create", "nowhere"]];
    for (n, arguments) in refused.into_iter().enumerate() {
        let output = instance.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
        // Whoever is in the wrong folder is told so.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said.contains(&format!("made a new instance in {}", instance.data().display())), n == 0, "{said}");
    }
    instance.result(&["project", "create", "shop"]);
    let again = instance.run(&["project", "create", "shop"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&again.stderr).contains("made a new instance"), "only what is new is told of");
    assert_eq!(instance.run(&["key", "create", "shop", "--scopes", "everything"]).status.code(), Some(1));
    instance.result(&["migrate"]);
}

#[test]
fn a_variable_that_is_no_text_is_a_fault() {
    let instance = Instance::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_floe"));
    command.env_clear().current_dir(instance.path()).env("FLOE_DATA", std::ffi::OsStr::from_bytes(b"d\xff"));
    let output = command.env("FLOE_PORT", "high").arg("check-config").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("FLOE_DATA must be UTF-8") && said.contains("FLOE_PORT must be a number"), "{said}");
}

/// The folder of the project's log is in the way of the log.
#[test]
fn the_cause_of_a_failure_is_said_on_standard_error() {
    let instance = Instance::new();
    instance.result(&["project", "create", "other"]);
    let in_the_way = instance.data().join("projects/shop.db-wal");
    std::fs::create_dir(&in_the_way).unwrap();
    let output = instance.run(&["project", "create", "shop"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("shop.db") && said.contains("(os error "), "{said}");
    assert!(!said.contains("internal server error"), "{said}");
    let scopes = instance.run(&["key", "create", "other", "--scopes", "all,rows.read"]);
    let said = String::from_utf8_lossy(&scopes.stderr).into_owned();
    assert!(scopes.status.code() == Some(1) && said.contains("\"all\" stands alone"), "{said}");
}

#[test]
fn a_data_folder_that_can_not_be_used_is_named() {
    let mut instance = Instance::new();
    let file = instance.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let folder = file.join("data").to_str().unwrap().to_owned();
    instance.env.push(("FLOE_DATA".into(), folder.clone()));
    for command in [&["serve"][..], &["migrate"]] {
        let output = instance.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(&folder), "{command:?}: {said}");
    }
}

/// The first and the last one are lost: nobody else is held up by them, and all of them are named.
#[test]
fn commands_go_on_past_projects_that_are_lost_and_name_them_all() {
    let mut instance = Instance::new();
    for id in ["a", "b", "c"] {
        instance.result(&["project", "create", id]);
    }
    let projects = instance.data().join("projects");
    std::fs::remove_file(projects.join("a.db")).unwrap();
    std::fs::write(projects.join("c.db"), "what is left of it").unwrap();
    let key = std::fs::read_to_string(instance.data().join("secret.key")).unwrap();
    instance.env.push(("FLOE_SECRET_KEY".into(), "n3w-K3y-0123456789abcdef-0123456789".into()));
    instance.env.push(("FLOE_SECRET_KEY_PREVIOUS".into(), key));
    for command in [&["migrate"][..], &["secret", "reseal"]] {
        let output = instance.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{said}");
        assert!(said.contains("2 project(s)"), "{said}");
        assert!(said.contains("project a: ") && said.contains("is missing"), "{said}");
        assert!(said.contains("project c: ") && said.contains("is damaged"), "{said}");
        assert!(!said.contains("project b"), "{said}");
    }
}

#[test]
fn files_are_for_the_owner_alone() {
    let instance = Instance::new();
    instance.result(&["project", "create", "shop"]);
    let mut folders = vec![instance.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
    }
    assert!(files >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_token_opens_a_fresh_console_once() {
    let instance = Instance::new();
    let running = instance.serve();
    // The token is printed after the address: wait for it.
    let token = loop {
        let log = running.log();
        let token = log
            .lines()
            .map(str::trim)
            .find(|line| line.len() >= 32 && line.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(token) = token {
            break token.to_owned();
        }
        tokio::task::yield_now().await;
    };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let sign_up = |email: &str, token: &str| {
        let body = json!({"userId": "unique()", "email": email, "password": "correct horse battery"}).to_string();
        let request = http.post(format!("{}/v1/account", running.base)).header("Content-Type", "application/json");
        request.header("X-Appwrite-Project", "console").header("X-Floe-Setup-Token", token).body(body).send()
    };
    assert_eq!(sign_up("mallory@example.org", "").await.unwrap().status(), 501);
    assert_eq!(sign_up("mallory@example.org", &"0".repeat(64)).await.unwrap().status(), 501);
    assert_eq!(sign_up("ada@example.org", &token).await.unwrap().status(), 201);
    assert_eq!(sign_up("mallory@example.org", &token).await.unwrap().status(), 501);
}

#[tokio::test(flavor = "multi_thread")]
async fn console_accounts_are_made_on_the_command_line() {
    let instance = Instance::new();
    let made =
        instance.run_with_input(&["console-user", "create", "--email", "ada@example.org"], "correct horse battery\n");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let running = instance.serve();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"email": "ada@example.org", "password": "correct horse battery"}).to_string();
    let request =
        http.post(format!("{}/v1/account/sessions/email", running.base)).header("Content-Type", "application/json");
    assert_eq!(request.header("X-Appwrite-Project", "console").body(body).send().await.unwrap().status(), 201);
    let again =
        instance.run_with_input(&["console-user", "create", "--email", "ada@example.org"], "correct horse battery\n");
    assert_eq!(again.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_what_was_begun_and_ends_well() {
    ends_well("TERM").await;
}

/// A terminal that is closed.
#[tokio::test(flavor = "multi_thread")]
async fn sighup_finishes_what_was_begun_and_ends_well() {
    ends_well("HUP").await;
}

/// The next request of a client, or of a proxy, that keeps its connections is on its way when the server is told to stop.
#[tokio::test(flavor = "multi_thread")]
async fn at_a_stop_who_keeps_a_connection_is_told_with_an_answer() {
    let instance = Instance::new();
    let mut running = instance.serve();
    let mut kept = Vec::new();
    for _ in 0..8 {
        let mut stream = tokio::net::TcpStream::connect(running.base.trim_start_matches("http://")).await.unwrap();
        let answer = ping(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && !answer.contains("connection: close"), "{answer}");
        kept.push(stream);
    }
    let begun = Instant::now();
    running.signal("TERM");
    while !running.log().contains("stopping") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // One of them is idle for good, and keeps nobody from stopping.
    for stream in kept.iter_mut().skip(1) {
        let answer = ping(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("connection: close\r\n"), "{answer}");
    }
    let status = running.child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", running.log());
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

/// The head of an answer, and what comes with it, on a connection that is kept.
async fn ping(stream: &mut tokio::net::TcpStream) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    stream.write_all(b"GET /v1/ping HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).to_lowercase().replace("http/1.1 200 ok", "HTTP/1.1 200 OK")
}

async fn ends_well(signal: &str) {
    let instance = Instance::new();
    let mut running = instance.serve();
    let caller = Caller::of(&instance, &running);
    caller.make_table().await;
    let writes: Vec<_> = (0..50)
        .map(|n| {
            let caller = caller.clone();
            tokio::spawn(async move {
                caller.post(ROWS, &json!({"rowId": format!("r{n}"), "data": {"text": "t", "number": n}})).await
            })
        })
        .collect();
    let begun = Instant::now();
    running.signal(signal);
    let mut acknowledged = 0;
    for write in writes {
        // A connection that wasn't open yet may be refused; what is answered must be answered well.
        if let Ok(answer) = write.await.unwrap() {
            assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
            acknowledged += 1;
        }
    }
    let status = running.child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", running.log());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let running = instance.serve();
    let answer = caller
        .at(&running)
        .get(&format!("{ROWS}?queries[]=%7B%22method%22:%22limit%22,%22values%22:[100]%7D"))
        .await
        .unwrap();
    let page: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(page["total"].as_u64().unwrap() >= acknowledged, "{acknowledged} were acknowledged: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_the_log() {
    let mut instance = Instance::new();
    instance.env.push(("FLOE_LOG".into(), "trace".into()));
    let running = instance.serve();
    let caller = Caller::of(&instance, &running);
    let password = "canary-password-91";
    let account = json!({"userId": "canaryuser", "email": "canary@example.org", "password": password});
    caller.post("/v1/users", &account).await.unwrap();
    let login = caller
        .post("/v1/account/sessions/email", &json!({"email": "canary@example.org", "password": password}))
        .await
        .unwrap();
    let session: serde_json::Value = serde_json::from_str(&login.text().await.unwrap()).unwrap();
    let secret = session["secret"].as_str().unwrap_or_default().to_owned();
    caller.get("/v1/users/canaryuser").await.unwrap();
    let key = caller.key.trim_start_matches("standard_").to_owned();
    running.signal("TERM");
    let mut running = running;
    running.child.wait().unwrap();
    let log = running.log();
    assert!(log.contains("\"request_id\""), "{log}");
    for canary in [password, &key, &secret] {
        assert!(canary.is_empty() || !log.contains(canary), "a secret is in the log");
    }
}
