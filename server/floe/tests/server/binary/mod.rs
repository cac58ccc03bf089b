//! The real binary, started and stopped as an operator would.

use reqwest::{Client, Method, Response};
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A folder with an instance's data, and what starts it.
pub(crate) struct Instance {
    folder: tempfile::TempDir,
    /// Environment beside the folder and the port.
    pub(crate) env: Vec<(String, String)>,
}

/// A server that runs on an instance's data.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) base: String,
    /// Everything that it wrote to standard error so far.
    pub(crate) log: Arc<Mutex<String>>,
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder that holds the data, and what a test needs beside it.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_floe"));
        command.env_clear().current_dir(self.folder.path()).env("FLOE_DATA", self.data()).env("FLOE_PORT", "0");
        command.env("FLOE_RATE_LIMITS", "off").env("FLOE_LOG_FORMAT", "json");
        command.envs(self.env.iter().cloned()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Runs a command that must succeed and gives what it printed.
    pub(crate) fn result(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "floe {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a command to its end, whose result goes into this file.
    pub(crate) fn run_into(&self, arguments: &[&str], path: &str) -> Output {
        let out = std::fs::File::options().write(true).open(path).unwrap();
        self.command().args(arguments).stdout(out).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
    }

    /// Starts a server whose log goes into this file.
    pub(crate) fn serve_into(&self, path: &str) -> Child {
        let log = std::fs::File::options().write(true).open(path).unwrap();
        self.command().arg("serve").stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Starts a command that is not waited for.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs a command with this on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Starts the server and waits until it says where it listens.
    pub(crate) fn serve(&self) -> Running {
        Self::wait_for(self.command().arg("serve"))
    }

    /// The same, and from then on nobody reads its log.
    pub(crate) fn serve_unread(&self) -> Running {
        let (running, lines) = Self::wait_for_address(self.command().arg("serve"));
        std::mem::forget(lines);
        running
    }

    /// The same with so many files that it may have open, by whatever it asks for.
    pub(crate) fn serve_with_files(&self, files: u32) -> Running {
        let plain = self.command();
        let mut limited = Command::new("/bin/sh");
        limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" serve")]).arg(plain.get_program());
        limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.current_dir(self.folder.path()).stdin(Stdio::null());
        Self::wait_for(&mut limited)
    }

    fn wait_for(server: &mut Command) -> Running {
        let (running, mut lines) = Self::wait_for_address(server);
        let rest = Arc::clone(&running.log);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = lines.read(&mut chunk) {
                rest.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
        });
        running
    }

    fn wait_for_address(server: &mut Command) -> (Running, BufReader<ChildStderr>) {
        let child = server.stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Running { child, base: String::new(), log: Arc::default() };
        let mut lines = BufReader::new(running.child.stderr.take().unwrap());
        while running.base.is_empty() {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server ended: {}", running.log());
            if let Some((_, rest)) = line.split_once("listens on ") {
                rest.split(' ').next().unwrap().clone_into(&mut running.base);
            }
            running.log.lock().unwrap().push_str(&line);
        }
        (running, lines)
    }
}

impl Running {
    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's caller: a project and a key.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) http: Client,
    pub(crate) base: String,
    pub(crate) key: String,
}

pub(crate) const PROJECT: &str = "shop";
pub(crate) const ROWS: &str = "/v1/tablesdb/main/tables/notes/rows";

impl Caller {
    /// Makes a project and a key on the command line.
    pub(crate) fn of(instance: &Instance, running: &Running) -> Self {
        instance.result(&["project", "create", PROJECT]);
        let key = instance.result(&["key", "create", PROJECT]);
        Self { http: client(), base: running.base.clone(), key }
    }

    /// The same on a server that has been started anew.
    pub(crate) fn at(&self, running: &Running) -> Self {
        Self { http: client(), base: running.base.clone(), key: self.key.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.request(self.http.get(format!("{}{path}", self.base))).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: &Json) -> reqwest::Result<Response> {
        let request = self.http.post(format!("{}{path}", self.base)).header("Content-Type", "application/json");
        self.request(request).body(body.to_string()).send().await
    }

    /// Any method, with a body or without.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> reqwest::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        self.request(request).send().await
    }

    fn request(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        request.header("X-Appwrite-Project", PROJECT).header("X-Appwrite-Key", &self.key)
    }

    /// A table `notes` with a text and a number.
    pub(crate) async fn make_table(&self) {
        for (path, body) in [
            ("/v1/tablesdb", json!({"databaseId": "main", "name": "Main"})),
            (
                "/v1/tablesdb/main/tables",
                json!({"tableId": "notes", "name": "Notes", "columns": [
                    {"key": "text", "type": "string", "size": 1000, "required": true},
                    {"key": "number", "type": "integer", "required": true},
                ]}),
            ),
        ] {
            let answer = self.post(path, &body).await.unwrap();
            assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        }
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}
