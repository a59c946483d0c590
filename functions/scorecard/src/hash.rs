//! Hash: a short name of a long text.

use sha2::{Digest, Sha256};

/// 20 hexadecimal digits, which two texts never share in practice.
pub(crate) fn short_hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(10).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
