//! The command line.

use crate::VERSION;
use crate::app::App;
use crate::config::Config;
use crate::file_limit;
use crate::reason;
use crate::serve::{Failure, serve};
use clap::{Args, Parser, Subcommand};
use floe_kernel::secret::Secret;
use floe_kernel::time::SystemClock;
use floe_store::tables::Resealed;
use std::io::{BufRead as _, Write as _};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

/// A backend in one binary: accounts, teams and databases for many isolated projects, over an API that every official
/// Appwrite SDK understands.
///
/// Without any configuration it keeps its data in ./data and listens on http://127.0.0.1:8080. Settings come from the
/// environment and from floe.toml; `floe check-config` shows what is wrong with them.
#[derive(Debug, Parser)]
#[command(name = "floe", version = VERSION, arg_required_else_help = true, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage or configuration.\n\
What a command makes is printed on standard output, everything else on standard error.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until it is told to stop (SIGTERM, SIGINT).
    Serve,
    /// Brings the platform's data and that of every project up to this version. `serve` does the same, a project at a
    /// time, when it is first used.
    Migrate,
    /// Reads the configuration and says what is wrong with it; changes nothing.
    CheckConfig,
    /// Console accounts: the people who manage projects.
    #[command(subcommand)]
    ConsoleUser(ConsoleUser),
    /// Projects.
    #[command(subcommand)]
    Project(Project),
    /// API keys: how servers call a project.
    #[command(subcommand)]
    Key(Key),
    /// Secrets at rest: the values of encrypted columns, and what webhooks sign with.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Says which version this is.
    Version,
}

#[derive(Debug, Subcommand)]
enum ConsoleUser {
    /// Makes a console account. The password is read from standard input (its first line), so that it stands in no
    /// shell history. Prints the account's id.
    Create(CreateConsoleUser),
}

#[derive(Debug, Args)]
struct CreateConsoleUser {
    /// The email address to sign in with.
    #[arg(long)]
    email: String,
    /// The person's name.
    #[arg(long, default_value = "")]
    name: String,
}

#[derive(Debug, Subcommand)]
enum Project {
    /// Makes a project and prints its id.
    Create(CreateProject),
}

#[derive(Debug, Args)]
struct CreateProject {
    /// Its id: lower-case letters, digits, `.`, `-` and `_`; `unique()` has one made.
    id: String,
    /// Its name; the id unless given.
    #[arg(long)]
    name: Option<String>,
    /// The organisation that it belongs to (a team of the console); without one only the command line and API keys
    /// reach it.
    #[arg(long)]
    team: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Makes an API key and prints its secret, which is shown this once and never again.
    Create(CreateKey),
}

#[derive(Debug, Args)]
struct CreateKey {
    /// The project's id.
    project: String,
    /// What the key is for.
    #[arg(long, default_value = "Command line")]
    name: String,
    /// `all`, or the scopes it gets, separated by commas: `rows.read,rows.write`.
    #[arg(long, default_value = "all")]
    scopes: String,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Encrypts everything with FLOE_SECRET_KEY that is still encrypted with one of FLOE_SECRET_KEY_PREVIOUS, and says how
    /// much is left. May be stopped and begun again, and may run beside the server, if that has the new key already.
    Reseal,
}

/// Runs a command to its end.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    if matches!(arguments.command, Command::Version) {
        // A client's: what is wrong with a server's configuration is none of its business.
        return ended(print(&format!("floe {VERSION}")));
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(faults) => {
            complain(&faults);
            return ExitCode::from(2);
        }
    };
    config.unknown.iter().for_each(|variable| complain(variable));
    let config = with_file_limit(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
    let outcome = match runtime {
        // Boxed, or the compiler would make a copy of the whole program for each of a runtime's ways to wait.
        Ok(runtime) => {
            runtime.block_on(Box::pin(execute(arguments.command, config)) as Pin<Box<dyn Future<Output = _>>>)
        }
        Err(error) => Err(error.into()),
    };
    ended(outcome)
}

fn ended(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&reason::of(&failure));
            ExitCode::FAILURE
        }
    }
}

/// Lets the process have as many files open as the system allows it, and says how many that are.
fn with_file_limit(mut config: Config) -> Config {
    let limit = file_limit::raise();
    let most = file_limit::most_projects(limit);
    let files = config.database.postgres.is_none();
    match config.database.max_open {
        Some(wanted) if files && wanted > most => complain(&format!(
            "FLOE_MAX_OPEN_PROJECTS is {wanted}, and {limit} file descriptors are enough for {most} projects: raise the limit \
             (ulimit -n), or projects that aren't used are closed earlier."
        )),
        Some(_) => {}
        None if files => config.database.max_open = Some(most),
        None => {}
    }
    config
}

/// Errors go to standard error. Where that can't be written to, nobody is left who could be told.
fn complain(what: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "floe: {what}");
}

/// What a command makes, for scripts, goes to standard output.
///
/// # Errors
/// When that can't be written to. What the command is for is done then.
fn print(result: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let written = writeln!(out, "{result}").and_then(|()| out.flush());
    written.map_err(|error| format!("it was done, but its result can't be written to standard output: {error}").into())
}

async fn execute(command: Command, config: Config) -> Result<(), Failure> {
    match command {
        Command::Serve => serve(config).await,
        Command::Migrate => migrate(&config).await,
        Command::CheckConfig => print("The configuration is good."),
        Command::ConsoleUser(ConsoleUser::Create(arguments)) => create_console_user(&config, arguments).await,
        Command::Project(Project::Create(arguments)) => create_project(&config, arguments).await,
        Command::Key(Key::Create(arguments)) => create_key(&config, &arguments).await,
        Command::Secret(SecretCommand::Reseal) => reseal(&config).await,
        // Answered before there is a configuration.
        Command::Version => Ok(()),
    }
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    let app = open(config).await?;
    let projects = app.migrate_all().await?;
    app.close().await;
    print(&format!("The platform and {projects} project(s) are up to date."))
}

async fn create_console_user(config: &Config, arguments: CreateConsoleUser) -> Result<(), Failure> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = Secret::new(password.trim_end_matches(['\r', '\n']));
    let app = open(config).await?;
    let id = app.create_console_user(&arguments.email, &password, &arguments.name).await;
    app.close().await;
    print(&id?)
}

async fn create_project(config: &Config, arguments: CreateProject) -> Result<(), Failure> {
    let name = arguments.name.as_deref().unwrap_or(&arguments.id);
    let app = open(config).await?;
    let id = app.create_project(&arguments.id, name, arguments.team.as_deref()).await;
    app.close().await;
    print(&id?)
}

async fn create_key(config: &Config, arguments: &CreateKey) -> Result<(), Failure> {
    let app = open(config).await?;
    let secret = app.create_key(&arguments.project, &arguments.name, &arguments.scopes).await;
    app.close().await;
    print(secret?.expose())
}

async fn reseal(config: &Config) -> Result<(), Failure> {
    let app = open(config).await?;
    let resealed = app.reseal().await;
    app.close().await;
    let Resealed { done, unreadable, left } = resealed?;
    print(&format!("{done} value(s) encrypted anew, {left} left."))?;
    if unreadable > 0 {
        complain(&format!("{unreadable} value(s) can't be opened by any of the keys, and stay as they are."));
    }
    if left > 0 {
        return Err(
            "somebody still writes with a previous key: restart every server with the new one, and run this again"
                .into(),
        );
    }
    Ok(())
}

/// The instance that a command works on. A new one is told of: whoever has none in mind is in the wrong folder.
async fn open(config: &Config) -> Result<App, Failure> {
    let is_new = config.database.postgres.is_none() && !config.database.folder.exists();
    let app = App::open(config, Arc::new(SystemClock)).await?;
    if is_new {
        let folder = std::path::absolute(&config.database.folder)?;
        complain(&format!("made a new instance in {} (FLOE_DATA says where else one is)", folder.display()));
    }
    Ok(app)
}
