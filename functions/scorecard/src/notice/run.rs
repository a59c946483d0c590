//! Notices of runs: that one started, that one ended.

use firedrill_core::{
    Outcome, Phase, Run, millis,
    request::Playbook,
    result::{DrillResult, Sender},
    run::{Caller, LAYOUT},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Notice, StreamChange,
    lines::{Lines, drill_subject},
};
use crate::{
    event::{Event, EventDrill, EventHeader, RunEnded, RunStarted},
    model::outcome_words,
    render::{
        moment::{resolution, span},
        run_path,
        text::{MAX_NAME, plain, web_link, what_fails},
    },
    settings::Links,
};

/// The page to which a notice leads that has none of its own.
pub(super) const INDEX: &str = "index.html";

/// A run has begun to check whether it may inject; none if this head says anything else, or said so before.
pub(super) fn started(change: &StreamChange, id: &str, links: &Links) -> Result<Option<Notice>, String> {
    let checking = json!(Phase::Checking);
    let was_checking = change.old.as_ref().is_some_and(|old| old["phase"] == checking);
    if change.new["phase"] != checking || was_checking {
        return Ok(None);
    }
    if change.new["layout"] != LAYOUT {
        return Err(format!("its layout is {}, and this version knows {LAYOUT}", change.new["layout"]));
    }
    let run = Run::deserialize(&change.new).map_err(|error| error.to_string())?;
    if run.run_id.0 != id {
        return Err(format!("it is the head of run {}", run.run_id));
    }
    Ok(Some(of_start(&run, links)))
}

fn of_start(run: &Run, links: &Links) -> Notice {
    let Playbook { link, version, owner, .. } = &run.recorded.playbook;
    let header = EventHeader::new(format!("{}#started", run.run_id), links.to(INDEX));
    let stop = json!({ "stop": { "runId": run.run_id, "by": "YOU", "reason": "WHY" } });
    let first = format!(
        "Drill {} of {} in {} started: it {}, once every gate is open.",
        run.drill,
        run.application,
        run.environment,
        what_fails(run.mode)
    );
    let text = Lines::new(first)
        .gap()
        .moment("Scheduled", run.times.scheduled)
        .moment("Started", run.times.started)
        .own("Started by", Some(caller_words(run.caller).to_owned()))
        .span("Objective", Some(millis(run.limits.rto)))
        .gap()
        .playbook(Some(owner), Some(link.as_str()), Some(version))
        .own("Results", Some(header.link.clone()))
        .own("To end it early, send its function", Some(plain(&stop.to_string(), 2 * MAX_NAME)));
    let event = RunStarted {
        drill: EventDrill {
            environment: run.environment.to_string(),
            application: run.application.to_string(),
            drill: run.drill.to_string(),
            dependency: run.dependency.to_string(),
            owner: Some(owner.clone()),
            playbook_link: web_link(link.as_str()),
            playbook_version: Some(version.clone()),
        },
        header,
        run_id: run.run_id.0.clone(),
        mode: run.mode,
        caller: run.caller,
        scheduled_at: run.times.scheduled,
        started_at: run.times.started,
        objective_ms: millis(run.limits.rto),
    };
    Notice {
        subject: drill_subject(&run.drill, "started", [&run.application, &run.environment]),
        text: text.into_text(),
        event: Event::RunStarted(Box::new(event)),
    }
}

/// A run is over.
pub(super) fn ended(result: &DrillResult, links: &Links) -> Notice {
    let key = result.key();
    let header = EventHeader::new(format!("{}#ended", result.run_id), links.to(&run_path(&result.run_id)));
    let subject =
        drill_subject(&key.drill, outcome_words(result.outcome), [&key.application, &key.environment]);
    let text = text_of_end(result, &header.link);
    let event = RunEnded {
        drill: EventDrill {
            environment: key.environment,
            application: key.application,
            drill: key.drill,
            dependency: result.dependency.clone(),
            owner: Some(result.owner.clone()),
            playbook_link: result.playbook_link.as_deref().and_then(web_link),
            playbook_version: Some(result.playbook_version.clone()),
        },
        header,
        run_id: result.run_id.clone(),
        mode: result.mode,
        sender: result.sender,
        outcome: result.outcome,
        reason: result.reason.clone(),
        scheduled_at: result.scheduled,
        injected_at: result.injected,
        finished_at: result.finished,
        objective_ms: result.objective_ms,
        time_to_detect_ms: result.time_to_detect.map(|took| took.ms),
        time_to_fail_over_ms: result.time_to_fail_over.map(|took| took.ms),
        time_to_recover_ms: result.time_to_recover.map(|took| took.ms),
        time_to_recover_resolution_ms: result.time_to_recover.map(|took| took.resolution_ms),
        time_to_roll_back_ms: result.time_to_roll_back_ms,
        impaired_ms: result.impaired_ms,
    };
    Notice { subject, text, event: Event::RunEnded(Box::new(event)) }
}

fn text_of_end(result: &DrillResult, link: &str) -> String {
    let key = result.key();
    let [drill, application, environment] =
        [&key.drill, &key.application, &key.environment].map(|name| plain(name, MAX_NAME));
    let outcome = outcome_words(result.outcome);
    let first =
        format!("Drill {drill} of {application} in {environment} {outcome}. {}", what_was_learned(result));
    let recovered = result.time_to_recover.map(|took| {
        let resolution = resolution(took);
        if resolution.is_empty() { span(took.ms) } else { format!("{} ({resolution})", span(took.ms)) }
    });
    Lines::new(first)
        .text("Reason", result.reason.as_deref())
        .gap()
        .moment("Scheduled", result.scheduled)
        .moment("Injected", result.injected)
        .moment("Ended", Some(result.finished))
        .span("Objective", Some(result.objective_ms))
        .span("Detected after", result.time_to_detect.map(|took| took.ms))
        .span("Failed over after", result.time_to_fail_over.map(|took| took.ms))
        .own("Recovered after", recovered)
        .span("Users impaired for at most", result.impaired_ms)
        .own("Started by", Some(sender_words(result.sender).to_owned()))
        .gap()
        .playbook(Some(&result.owner), result.playbook_link.as_deref(), Some(&result.playbook_version))
        .own("Page", Some(link.to_owned()))
        .text("Run", Some(&result.run_id))
        .into_text()
}

/// What a run of this outcome says about the application, in a sentence.
fn what_was_learned(result: &DrillResult) -> &'static str {
    match result.outcome {
        Outcome::Recovered => "The application recovered within its objective, and everything was undone.",
        Outcome::ObjectiveMissed => "The application recovered, too late.",
        Outcome::NotRecovered => {
            "The application did not recover: a real failure would have gone the same way."
        }
        Outcome::NotInjected => "The failure was never in place, so nothing was learned.",
        Outcome::Stopped => "It ended early, so nothing was learned.",
        Outcome::Skipped | Outcome::Planned => "Nothing was touched.",
        Outcome::Inconclusive => "The evidence cannot tell whether the application recovered.",
        Outcome::RollbackFailed => "Not everything that it changed was restored in time: look at it now.",
    }
}

const fn caller_words(caller: Caller) -> &'static str {
    match caller {
        Caller::Schedule => "its schedule",
        Caller::Rule => "an event rule",
        Caller::Direct => "a direct call",
    }
}

const fn sender_words(sender: Sender) -> &'static str {
    match sender {
        Sender::Schedule => caller_words(Caller::Schedule),
        Sender::Rule => caller_words(Caller::Rule),
        Sender::Pipeline => "a pipeline",
        Sender::Direct => caller_words(Caller::Direct),
    }
}
