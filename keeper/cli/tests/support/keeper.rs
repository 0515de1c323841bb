//! The `ballast` binary in a process of its own.

use ballast_devnet::{
    address_book::AddressBook,
    keeper_config::{HUB_MAX_POSITION, SECRETS, keeper_config},
};
use ballast_store::{Location, Store};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};
use tokio::process::{Child, Command};

/// A configuration and an environment to run the binary with. Changing one gives another.
#[derive(Clone, Debug)]
pub struct Keeper {
    directory: PathBuf,
    config: toml::Table,
    environment: BTreeMap<String, String>,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A process that has not.
#[derive(Debug)]
pub struct Running(Child);

impl Keeper {
    pub(super) fn new(book: &AddressBook, directory: &Path) -> Self {
        let environment = SECRETS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self {
            directory: directory.to_owned(),
            config: toml::from_str(&keeper_config(book, HUB_MAX_POSITION)).unwrap(),
            environment,
        }
    }

    /// With another value under a dotted key; a number is an element of a list, as in `venues.0.adapter`.
    pub fn set(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table = &mut self.config;
        let mut parts = path.split('.').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let value = table.entry(part).or_insert_with(|| toml::Table::new().into());
            table = match parts.peek().and_then(|index| index.parse::<usize>().ok()) {
                Some(index) => {
                    parts.next();
                    value[index].as_table_mut().unwrap()
                }
                None => value.as_table_mut().unwrap(),
            };
        }
        table.insert(last.to_owned(), value.into());
        self
    }

    /// Without a top-level section.
    pub fn without(mut self, section: &str) -> Self {
        self.config.remove(section).unwrap();
        self
    }

    pub fn with_secret(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without_secret(mut self, name: &str) -> Self {
        self.environment.remove(name).unwrap();
        self
    }

    pub fn without_secrets(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// With a store of its own.
    pub fn with_store(self, name: &str) -> Self {
        self.set("store.path", name)
    }

    pub fn store_path(&self) -> PathBuf {
        self.directory.join(self.config["store"]["path"].as_str().unwrap())
    }

    /// With its store in a PostgreSQL database.
    pub fn with_database(self, url: &str) -> Self {
        let variable = "BALLAST_DATABASE_URL";
        self.without("store").set("store.url_variable", variable).with_secret(variable, url)
    }

    pub fn location(&self) -> Location {
        match self.environment.get("BALLAST_DATABASE_URL") {
            Some(url) => Location::Postgres(url.parse().unwrap()),
            None => Location::Sqlite(self.store_path()),
        }
    }

    /// The store beside whoever writes it.
    pub async fn store(&self) -> Store {
        Store::open_read_only_at(&self.location()).await.unwrap()
    }

    /// Runs a subcommand on this configuration to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        self.spawn(arguments).finished().await
    }

    pub fn spawn(&self, arguments: &[&str]) -> Running {
        self.start(arguments, &self.write_config())
    }

    /// Runs a subcommand on a file with this text instead.
    pub async fn run_on(&self, text: &str, arguments: &[&str]) -> Finished {
        let path = self.fresh_file();
        fs::write(&path, text).unwrap();
        self.run_with(&path, arguments).await
    }

    /// Runs a subcommand on this file instead.
    pub async fn run_with(&self, config: &Path, arguments: &[&str]) -> Finished {
        self.start(arguments, config).finished().await
    }

    /// The configuration as text.
    pub fn text(&self) -> String {
        self.config.to_string()
    }

    fn write_config(&self) -> PathBuf {
        let path = self.fresh_file();
        fs::write(&path, self.text()).unwrap();
        path
    }

    fn fresh_file(&self) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        self.directory.join(format!("keeper-{}.toml", NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// Starts a subcommand with its standard error in this file, for one that runs longer than a pipe has room.
    pub fn spawn_logging_to(&self, log: fs::File, arguments: &[&str]) -> Running {
        self.start_with(arguments, &self.write_config(), log.into())
    }

    /// Runs a subcommand to its end, with its standard error in this file.
    pub async fn run_logging_to(&self, log: fs::File, arguments: &[&str]) -> Finished {
        self.spawn_logging_to(log, arguments).finished().await
    }

    fn start(&self, arguments: &[&str], config: &Path) -> Running {
        self.start_with(arguments, config, Stdio::piped())
    }

    fn start_with(&self, arguments: &[&str], config: &Path, stderr: Stdio) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(arguments)
            .arg("--config")
            .arg(config)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            // Nothing that the machine knows about AWS may help.
            .env("HOME", &self.directory)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Running(child)
    }
}

impl Finished {
    /// What it printed with `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It ended with this code, said this on standard error, and did not panic.
    #[track_caller]
    pub fn assert_refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{words:?}: {self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "expected {word:?} in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id().unwrap()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// SIGKILL, and waits until it is gone. It must have been running.
    pub async fn kill(mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "it ended by itself");
        self.0.kill().await.unwrap();
    }

    /// Sends it a signal by name, as a service manager (TERM) or a terminal (INT) does, and waits until it has ended.
    pub async fn terminate(self, signal: &str) -> Finished {
        let id = self.0.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().await.unwrap().success());
        self.finished().await
    }

    pub async fn finished(self) -> Finished {
        let output = self.0.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
