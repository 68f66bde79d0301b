//! The signals that end a service, and the bounds of its end.

use std::{future::Future, process::exit, time::Duration};

/// Time beyond the bound of a drain after which the process ends, whatever still runs.
const SLACK: Duration = Duration::from_secs(5);

/// Exit status of a process that a second signal ended.
const AT_ONCE: i32 = 130;

/// The signals that tell a process to end: an interrupt (Ctrl-C), and SIGTERM where there is such a
/// signal (service managers and containers send it).
pub struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Begins to watch. From then on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// The operating system's, if signals cannot be watched.
    pub fn watch() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Completes at the next signal.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs the end of a service, which should take at most `within`. A second signal, or a service
    /// that takes longer, ends the process at once: everything that was answered is stored by then.
    pub async fn drain(mut self, within: Duration, stop: impl Future<Output = ()>) {
        tracing::info!(
            seconds = within.as_secs(),
            "ending; a second signal ends at once"
        );
        notify::stopping();
        tokio::select! {
            () = stop => {}
            () = self.next() => {
                tracing::warn!("a second signal: ending at once");
                exit(AT_ONCE);
            }
            () = tokio::time::sleep(within + SLACK) => {
                tracing::warn!("the service did not end in time; the process ends without it");
                exit(0);
            }
        }
    }
}

/// Tells the service manager that the service works, if it asked for that.
pub fn ready() {
    notify::ready();
}

/// Completes at the first signal.
///
/// # Errors
/// The operating system's, if signals cannot be watched.
pub async fn interrupted() -> std::io::Result<()> {
    Interrupts::watch()?.next().await;
    Ok(())
}

/// Waits for a signal, then runs the end of a service within a bound: [`Interrupts::drain`].
///
/// # Errors
/// The operating system's, if signals cannot be watched.
pub async fn until_interrupted(
    within: Duration,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut interrupts = Interrupts::watch()?;
    notify::ready();
    interrupts.next().await;
    interrupts.drain(within, stop).await;
    Ok(())
}

/// Messages to systemd about a unit of `Type=notify`. Nothing is sent where there is none.
mod notify {
    pub(super) fn ready() {
        send("READY=1");
    }

    pub(super) fn stopping() {
        send("STOPPING=1");
    }

    #[cfg(target_os = "linux")]
    fn send(state: &str) {
        use std::os::{
            linux::net::SocketAddrExt as _,
            unix::{
                ffi::OsStrExt as _,
                net::{SocketAddr, UnixDatagram},
            },
        };
        let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
            return;
        };
        // An `@` stands for the leading zero byte of an abstract address.
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&path),
        };
        let sent = address
            .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
        if let Err(error) = sent {
            tracing::warn!(%error, "the service manager was not told: {state}");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn send(_: &str) {}
}
