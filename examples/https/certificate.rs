//! Who the server says it is.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Where the certificate comes from. Of `certificate` and `key` there are both or none.
#[derive(Default)]
pub struct Source {
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Where to write one that was made.
    pub write: Option<PathBuf>,
}

/// Why there is none.
#[derive(Debug, Error)]
pub enum Unusable {
    #[error("--cert and --key belong together")]
    Half,
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: pem::Error },
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot use the certificate: {0}")]
    Use(#[from] rustls::Error),
}

/// How to speak TLS. Blocks.
pub fn config(source: &Source) -> Result<Arc<ServerConfig>, Unusable> {
    let (chain, key) = match (&source.certificate, &source.key) {
        (Some(certificate), Some(key)) => {
            let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
            let chain = chain.map_err(|error| Unusable::Read { path: certificate.clone(), error })?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| Unusable::Read { path: key.clone(), error })?;
            (chain, key)
        }
        (None, None) => {
            let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
            if let Some(path) = &source.write {
                let written = std::fs::write(path, cert.pem());
                written.map_err(|error| Unusable::Write { path: path.clone(), error })?;
            }
            let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key that has just been made");
            (vec![cert.der().clone()], key)
        }
        _ => return Err(Unusable::Half),
    };
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
