//! TLS of the interface: certificate and key from files, which are read again when they change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _},
        },
    },
};
use tokio_util::sync::CancellationToken;

use crate::config::TlsConfig;

/// Time between two looks at the files.
pub(super) const LOOK: Duration = Duration::from_secs(60);

/// The fault in the files for TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{path}: {source}; it must hold a certificate or a private key in PEM form")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: pem::Error,
    },
    /// The file of certificates holds none.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not fit together, or are of a kind that is not supported.
    #[error("certificate and key cannot be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// Reads certificate and key.
fn read(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Pem { path, source }
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed(&files.certificates))?;
    if certificates.is_empty() {
        let path = files.certificates.clone();
        return Err(TlsError::NoCertificate { path });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(failed(&files.key))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Returns when the files were changed last, as far as the system says.
fn changed(files: &TlsConfig) -> [Option<SystemTime>; 2] {
    [&files.certificates, &files.key].map(|path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    })
}

/// Reads certificate and key, and again whenever a look shows that the files changed, until
/// cancelled. If they cannot be used then, the former ones stay in use.
///
/// # Errors
/// [`TlsError`] if they cannot be used now.
pub(crate) fn acceptor(
    files: TlsConfig,
    look: Duration,
    cancel: CancellationToken,
) -> Result<watch::Receiver<TlsAcceptor>, TlsError> {
    let mut seen = changed(&files);
    let (sender, receiver) = watch::channel(read(&files)?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(look) => {}
            }
            let now = changed(&files);
            if now == seen {
                continue;
            }
            match read(&files) {
                Ok(acceptor) => {
                    // Not before: files that are being written may change within one time.
                    seen = now;
                    tracing::info!("the certificate was read again");
                    sender.send_replace(acceptor);
                }
                Err(error) => {
                    tracing::error!(%error, "the new certificate is not used");
                }
            }
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Before, there was no TLS. A certificate that is read once ends with its first renewal.
    #[tokio::test]
    async fn a_certificate_that_is_renewed_is_used_and_a_faulty_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsConfig {
            certificates: dir.path().join("certificate.pem"),
            key: dir.path().join("key.pem"),
        };
        let write = |second: u64| {
            let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
            std::fs::write(&files.certificates, made.cert.pem()).unwrap();
            std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
            touch(&files.key, second);
        };
        let cancel = CancellationToken::new();
        let look = Duration::from_millis(20);
        assert!(matches!(
            acceptor(files.clone(), look, cancel.clone()),
            Err(TlsError::Pem { .. })
        ));
        write(1);
        let mut current = acceptor(files.clone(), look, cancel.clone()).unwrap();
        write(2);
        current.changed().await.unwrap();
        let key = std::fs::read(&files.key).unwrap();
        std::fs::write(&files.key, "no key").unwrap();
        touch(&files.key, 3);
        tokio::time::sleep(10 * look).await;
        assert!(!current.has_changed().unwrap());
        // Before, a file that was read half written was not read again.
        std::fs::write(&files.key, key).unwrap();
        touch(&files.key, 3);
        current.changed().await.unwrap();
        std::fs::write(&files.certificates, "").unwrap();
        assert!(matches!(read(&files), Err(TlsError::NoCertificate { .. })));
        cancel.cancel();
    }

    fn touch(path: &Path, second: u64) {
        let file = std::fs::File::options().append(true).open(path).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        file.set_modified(time).unwrap();
    }
}
