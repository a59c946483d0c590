//! Probes of the application: what a reply, or the want of one, means.
//!
//! A failure that a user would have seen is *no*. A fault of ours is *unknown*: a probe of an address that may not be
//! asked, a body too long to read, a machine out of sockets.

pub mod address;
mod http;
mod identity;

use firedrill_core::{
    ProbeAnswer, Tristate,
    ports::Clock,
    request::{HttpProbe, IdentityProbe, ProbeKind, TcpProbe},
};

use crate::{
    deadline::{Late, within},
    ports::{NoReply, Prober},
};

/// The result of a probe: yes, no or unknown, and the detail that the record holds.
pub(crate) type ProbeResult = (Tristate, String);

/// Asks a probe of the application. One that asks AWS is not asked here: unknown.
pub(crate) async fn ask(prober: &impl Prober, clock: &impl Clock, probe: &ProbeKind) -> ProbeAnswer {
    match probe {
        ProbeKind::Http(probe) => ask_http(prober, clock, probe).await,
        ProbeKind::Tcp(probe) => ask_tcp(prober, clock, probe).await,
        // The parser refuses such probes, but for the steady state of an instance drill.
        ProbeKind::InstancesRunning(_) | ProbeKind::GroupAtStrength(_) | ProbeKind::TargetGroupHealthy(_) => {
            let result = (Tristate::Unknown, "only the application is asked here, not AWS".to_owned());
            answer(result, clock.now(), clock)
        }
    }
}

/// Asks an HTTP probe. No answer by its deadline is a *no*: users would not wait longer.
pub async fn ask_http(prober: &impl Prober, clock: &impl Clock, probe: &HttpProbe) -> ProbeAnswer {
    let asked = clock.now();
    let reply = prober.get(&probe.url, probe.json.is_some());
    let result = match within(clock, probe.deadline_ms.duration(), reply).await {
        Ok(reply) => http::judge(reply, probe),
        Err(late) => (Tristate::No, no_answer(late)),
    };
    answer(result, asked, clock)
}

/// Opens a TCP connection. None by the probe's deadline is a *no*.
pub async fn ask_tcp(prober: &impl Prober, clock: &impl Clock, probe: &TcpProbe) -> ProbeAnswer {
    let asked = clock.now();
    let connected = prober.connect(&probe.host, probe.port);
    let result = match within(clock, probe.deadline_ms.duration(), connected).await {
        Ok(Ok(())) => (Tristate::Yes, "connected".to_owned()),
        Ok(Err(no_reply)) => without_reply(no_reply),
        Err(late) => (Tristate::No, no_answer(late)),
    };
    answer(result, asked, clock)
}

/// Asks an identity probe: whether the primary serves, and whether the standby does.
pub async fn ask_identity(
    prober: &impl Prober,
    clock: &impl Clock,
    probe: &IdentityProbe,
) -> (ProbeAnswer, ProbeAnswer) {
    let asked = clock.now();
    let reply = prober.get(&probe.url, probe.header.is_none() && probe.json.is_some());
    let (named, detail) = match within(clock, probe.deadline_ms.duration(), reply).await {
        Ok(reply) => identity::judge(reply, probe),
        Err(late) => (identity::Named::Neither, no_answer(late)),
    };
    let (primary, standby) = named.seen();
    (answer((primary, detail.clone()), asked, clock), answer((standby, detail), asked, clock))
}

fn no_answer(Late(deadline): Late) -> String {
    format!("no answer within {} ms", deadline.as_millis())
}

pub(crate) fn answer(
    (seen, detail): ProbeResult,
    asked: firedrill_core::Timestamp,
    clock: &impl Clock,
) -> ProbeAnswer {
    ProbeAnswer { seen, asked, answered: clock.now(), detail: Some(short(detail)) }
}

/// What the want of a reply means.
fn without_reply(no_reply: NoReply) -> ProbeResult {
    match no_reply {
        NoReply::Forbidden(address) => (Tristate::Unknown, address::Refused(address).to_string()),
        NoReply::Ours(what) => (Tristate::Unknown, what),
        NoReply::Unresolved => (Tristate::No, "the name does not resolve".to_owned()),
        NoReply::Failed(what) => (Tristate::No, what),
    }
}

/// Cuts a detail after 200 characters: details are compared and recorded.
pub(crate) fn short(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(200) {
        text.truncate(cut);
        text.push('…');
    }
    text
}
