//! What the service manager is told, by the protocol of sd_notify(3): a datagram per message to the socket in `NOTIFY_SOCKET`.
//!
//! Without that variable nobody is told anything. A message that cannot be delivered is logged and changes nothing else: a keeper
//! must not stop because its manager does not listen.

use std::{
    env,
    io::ErrorKind,
    os::unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
    time::Duration,
};

const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    #[error(
        "NOTIFY_SOCKET is {socket:?}: {why}; expected an absolute path, or @ and the name of an abstract socket, as systemd sets it"
    )]
    Socket { socket: String, why: String },
    #[error("WATCHDOG_USEC is {0:?}, expected a number of microseconds above 0, as systemd sets it")]
    Watchdog(String),
}

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment says.
    ///
    /// # Errors
    /// [`SupervisorError`] if a variable of the protocol is not what it should be, or nobody is at the socket.
    pub fn from_environment() -> Result<Self, SupervisorError> {
        let Some(name) = env::var_os(NOTIFY_SOCKET).filter(|name| !name.is_empty()) else { return Ok(Self::default()) };
        let fault = |why: String| SupervisorError::Socket { socket: name.to_string_lossy().into_owned(), why };
        let address = match name.as_bytes() {
            [b'@', name @ ..] => abstract_address(name),
            [b'/', ..] => SocketAddr::from_pathname(&name),
            _ => return Err(fault("it is neither a path nor an abstract name".into())),
        };
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address?)?;
            // A manager whose queue is full must not hold up the keeper.
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        let socket = connect().map_err(|error| fault(error.to_string()))?;
        Ok(Self { socket: Some(socket), watchdog: watchdog()? })
    }

    /// How long the manager waits for a sign of life before it restarts the service; `None` if it does not.
    #[must_use]
    pub const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Start-up is over.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// What it is doing, for a person, on one line.
    pub fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}", text.replace(['\n', '\r'], " ")));
    }

    /// It makes progress.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// It was told to stop and is about to.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping between two states of the outbox");
    }

    fn tell(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        match socket.send(message.as_bytes()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                tracing::warn!(message, "the service manager's queue is full; it was not told");
            }
            Err(error) => tracing::warn!(%error, message, "the service manager cannot be told"),
        }
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> std::io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> std::io::Result<SocketAddr> {
    Err(std::io::Error::new(ErrorKind::Unsupported, "abstract sockets are Linux's"))
}

/// The manager's patience, if it is meant for this process.
fn watchdog() -> Result<Option<Duration>, SupervisorError> {
    let Ok(text) = env::var(WATCHDOG_USEC) else { return Ok(None) };
    if env::var(WATCHDOG_PID).is_ok_and(|pid| pid != std::process::id().to_string()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(microseconds) if microseconds > 0 => Ok(Some(Duration::from_micros(microseconds))),
        _ => Err(SupervisorError::Watchdog(text)),
    }
}
