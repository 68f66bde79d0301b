//! Waiting for the signals that end a service.

/// Completes when the process is told to end: by an interrupt (Ctrl-C), or by SIGTERM where there
/// is such a signal (service managers and containers send it).
///
/// # Errors
/// The operating system's, if signals cannot be watched.
pub async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            outcome = tokio::signal::ctrl_c() => outcome,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
