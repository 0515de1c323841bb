//! A real Redis: a server for the test binary, and others that are killed on the way.

use ballast_store::cache::RedisUrl;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub(crate) struct Server {
    folder: PathBuf,
    process: Child,
    /// Ends the server and removes its folder when this process is gone, however that ends.
    _watch: Child,
}

/// The server of this test binary.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::Builder::new().prefix("ballast-redis-").tempdir().unwrap().keep())
    }

    fn start_in(folder: PathBuf) -> Self {
        let socket = folder.join("socket");
        drop(fs::remove_file(&socket));
        // Debian's redis-tools has the server under the name of one of its uses, and starts no service when it is installed.
        let mut command = Command::new("redis-check-rdb");
        command.arg0("redis-server").current_dir(&folder).args(["--port", "0", "--save", "", "--appendonly", "no"]);
        command.arg("--unixsocket").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let process =
            command.spawn().unwrap_or_else(|error| panic!("redis-check-rdb: {error}; run `make debian-tools`"));
        let script = format!("read end; kill {} 2> /dev/null; rm -rf {}", process.id(), folder.display());
        let watch = Command::new("/bin/sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(15);
        while !socket.exists() {
            assert!(Instant::now() < until, "Redis does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { folder, process, _watch: watch }
    }

    /// Its URL, which has no password in it.
    pub(crate) fn address(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }

    pub(crate) fn url(&self) -> RedisUrl {
        self.address().parse().unwrap()
    }

    pub(crate) async fn connect(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.address()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Another one in its place, which remembers nothing.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let another = Self::start_in(self.folder.clone());
        self.process = another.process;
        // The first watch removes the folder; this one ends the server.
        std::mem::forget(std::mem::replace(&mut self._watch, another._watch));
    }
}
