//! HTTP servers on loopback whose connections can be cut, as when a machine goes away.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `router` on loopback `port` (0: any free one).
    pub(crate) async fn start(port: u16, router: axum::Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (cut, is_cut) = watch::channel(false);
        let listener = CuttableListener { listener, is_cut };
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%address, %error, "server ended");
            }
        });
        Ok(Self { address, cut, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sending `true` closes all connections, and new ones as soon as they are made, until `false` is sent.
    pub(crate) fn cutter(&self) -> watch::Sender<bool> {
        self.cut.clone()
    }

    /// Closes the port and all connections.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        // Awaiting an aborted task yields its cancellation, which is what was asked for.
        drop((&mut self.task).await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        self.cut.send_replace(true);
    }
}

struct CuttableListener {
    listener: TcpListener,
    is_cut: watch::Receiver<bool>,
}

impl axum::serve::Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
            if *self.is_cut.borrow() {
                continue;
            }
            let mut is_cut = self.is_cut.clone();
            let cut = Box::pin(async move {
                // A sender that is gone means the server is: cut as well.
                drop(is_cut.wait_for(|cut| *cut).await);
            });
            return (CuttableStream { stream, cut, is_cut: false }, address);
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

struct CuttableStream {
    stream: TcpStream,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
}

impl CuttableStream {
    /// Also registers the task to be woken when the connection is cut while it waits for data.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_cut {
            self.is_cut = self.cut.as_mut().poll(context).is_ready();
        }
        if self.is_cut { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
