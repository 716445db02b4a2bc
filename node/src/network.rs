//! How this node meets others: what an operator decides, and the node's key.

use crate::service::NodeError;
use quids_network::{Multiaddr, NodeKey, PeerId};
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Below the chain's folder, as Substrate has it.
const KEY_FILE: &str = "network/secret_ed25519";

/// Where to listen if nothing is said: Substrate's port, on every interface.
pub const PORT: u16 = 30333;

/// Whom to meet, and where.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    pub listen: Vec<Multiaddr>,
    /// Beside those of the chain spec.
    pub bootnodes: Vec<Multiaddr>,
    pub reserved: Vec<Multiaddr>,
    pub reserved_only: bool,
    pub denied: Vec<PeerId>,
    pub max_peers: u32,
    /// `None`: below the chain's folder.
    pub key_file: Option<PathBuf>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            bootnodes: Vec::new(),
            reserved: Vec::new(),
            reserved_only: false,
            denied: Vec::new(),
            max_peers: 50,
            key_file: None,
        }
    }
}

/// The address on which all interfaces are reached at this port.
pub fn everywhere(port: u16) -> Multiaddr {
    listen_on("0.0.0.0", port)
}

/// The address of this machine alone.
pub fn loopback(port: u16) -> Multiaddr {
    listen_on("127.0.0.1", port)
}

fn listen_on(ip: &str, port: u16) -> Multiaddr {
    let text = format!("/ip4/{ip}/tcp/{port}");
    // UNWRAP: both parts are well-formed.
    text.parse().expect("an address")
}

/// Where a chain's node key is.
pub fn key_file(chain_folder: &Path) -> PathBuf {
    chain_folder.join(KEY_FILE)
}

/// The key in this file. One that is not there is made.
pub fn node_key(path: &Path) -> Result<NodeKey, NodeError> {
    Ok(NodeKey::from_seed(secret(path, "node key")?))
}

/// The 32 bytes in a file of 64 hexadecimal digits. A file that is not there is made, for its owner alone.
pub(crate) fn secret(path: &Path, what: &str) -> Result<[u8; 32], NodeError> {
    let io = |error| NodeError::Io {
        what: format!("{what} {}", path.display()),
        error,
    };
    let mut secret = [0; 32];
    if path.try_exists().map_err(io)? {
        let text = fs::read_to_string(path).map_err(io)?;
        let wrong = |_| NodeError::Arguments(format!("{} holds no {what}: 64 hexadecimal digits", path.display()));
        hex::decode_to_slice(text.trim(), &mut secret).map_err(wrong)?;
        return Ok(secret);
    }
    getrandom::fill(&mut secret).map_err(|error| io(std::io::Error::other(error)))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    // It has its name once it is whole.
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .map_err(io)?;
    file.write_all(hex::encode(secret).as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    fs::rename(&part, path).map_err(io)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_key_is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = key_file(folder.path());
        let made = node_key(&path).unwrap().peer_id();
        assert_eq!(node_key(&path).unwrap().peer_id(), made);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for wrong in ["", "12", &"g".repeat(64), &"0".repeat(66)] {
            fs::write(&path, wrong).unwrap();
            assert!(
                node_key(&path).unwrap_err().to_string().contains("64 hexadecimal"),
                "{wrong}"
            );
        }
    }
}
