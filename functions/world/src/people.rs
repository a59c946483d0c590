//! What people do to a run and hear of it, and the gates they set: the same for every drill.

use std::time::Duration;

use firedrill_core::{
    Observation, Phase, Run, Seen, gate::GateAnswer, ports::Clock, request::Release, run::Stop,
};

use crate::{
    scenario::Trouble,
    truth::{Event, World, WorldClock},
};

/// An operator who stops the run, and the gates where they are asked.
pub(crate) fn stop_and_gates(world: &World, run: &Run, seen: &mut Observation) {
    let scenario = &world.scenario;
    if scenario.stop_at.is_some_and(|at| world.elapsed() >= at) && run.verdict.is_none() {
        if run.stop.is_none() {
            world.met(Trouble::OperatorStops);
            world.log(Event::StopAsked);
        }
        seen.stop = Some(Stop { by: "operator".to_owned(), reason: "simulated".to_owned() });
    }
    if matches!(run.phase, Phase::Checking | Phase::Injecting) {
        let open = if world.unlucky(1) && run.phase == Phase::Injecting {
            Seen::Unknown
        } else {
            Seen::from(!scenario.gate_closed)
        };
        seen.gates = vec![GateAnswer { gate: "simulated".to_owned(), open, why: String::new() }];
    }
}

/// A person's word, some time after the run is held or has failed to roll back.
pub(crate) fn release(
    world: &World,
    clock: &WorldClock,
    open_since: &mut Option<Duration>,
    run: &Run,
) -> Option<Release> {
    if !run.waits_for_people() || !world.scenario.release {
        *open_since = None;
        return None;
    }
    let since = *open_since.get_or_insert(clock.elapsed());
    let waited = clock.elapsed().saturating_sub(since) > Duration::from_secs(20);
    waited.then(|| Release {
        run_id: run.run_id.0.clone(),
        by: "operator".to_owned(),
        reason: "looked".to_owned(),
        fail_back: world.scenario.seed.is_multiple_of(2),
    })
}

/// A message to them.
pub(crate) async fn page(world: &World, clock: &WorldClock) -> Result<(), String> {
    clock.latency().await;
    if world.unlucky(1) {
        return Err("simulated".to_owned());
    }
    world.log(Event::Paged);
    Ok(())
}
