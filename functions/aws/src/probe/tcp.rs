//! A TCP connection that opens.

use firedrill_core::{Tristate, request::TcpProbe};
use tokio::net::TcpStream;

use super::{ProbeResult, address, failed};

pub(super) async fn ask(probe: &TcpProbe) -> ProbeResult {
    let addresses = match address::resolve(&probe.host, probe.port).await {
        Ok(addresses) => addresses,
        Err(error) => return failed(error.as_ref()),
    };
    match TcpStream::connect(&addresses[..]).await {
        Ok(_) => (Tristate::Yes, "connected".to_owned()),
        Err(error) => failed(&error),
    }
}
