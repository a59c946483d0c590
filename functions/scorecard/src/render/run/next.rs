//! Next: what somebody should do now, and where the procedure is.

use firedrill_core::{Outcome, Phase, Request, Run, request::Playbook};
use serde_json::json;

use crate::render::text::{Text, web_link};

/// The longest command that is shown: it is there to be copied whole.
const MAX_COMMAND: usize = 1_000;

/// What to do.
#[derive(Clone, Debug)]
pub(super) struct Next {
    /// What to do, in sentences of ours.
    pub advice: Vec<&'static str>,
    /// Commands for the drill's function, each with what it is for.
    pub commands: Vec<Command>,
    /// The procedure.
    pub playbook: PlaybookShown,
    /// How often the drill must pass; none if the request could not be read.
    pub cadence: Option<String>,
}

/// A command for the drill's function.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// What it is for.
    pub purpose: &'static str,
    /// The command as JSON.
    pub json: Text,
}

/// The team's procedure.
#[derive(Clone, Debug)]
pub(super) struct PlaybookShown {
    /// Where it can be opened; none if its URL is not `http` or `https`.
    pub href: Option<String>,
    /// Its URL as text.
    pub link: Text,
    /// Its version.
    pub version: Text,
    /// Who owns it.
    pub owner: Text,
    /// How severe the real failure would be.
    pub severity: Text,
}

/// What to do about this run.
pub(super) fn next(run: &Run, request: Option<&Request>) -> Next {
    let playbook = &run.recorded.playbook;
    let cadence = request.map(|request| {
        let days = request.cadence.every_days;
        format!("The drill must pass every {days} days.")
    });
    Next { advice: advice(run), commands: commands(run), playbook: shown(playbook), cadence }
}

fn shown(playbook: &Playbook) -> PlaybookShown {
    PlaybookShown {
        href: web_link(playbook.link.as_str()),
        link: Text::name(playbook.link.as_str()),
        version: Text::name(&playbook.version),
        owner: Text::name(&playbook.owner),
        severity: Text::name(&playbook.severity),
    }
}

fn advice(run: &Run) -> Vec<&'static str> {
    if run.phase == Phase::Held {
        return vec![
            "Find out whether what traffic would move back to is well: the playbook says how.",
            "Traffic stays where it is until somebody releases the run.",
        ];
    }
    if run.awaits_operator() {
        return vec![
            "Bring back what is missing, as the playbook says. The run sees it and finishes by itself.",
            "If it cannot be brought back now, release the run, and see to the rest by hand.",
        ];
    }
    match (run.phase, run.outcome) {
        (Phase::Finished, Some(outcome)) => finished(outcome),
        (Phase::Finished, None) => vec!["Read the record: it has no outcome."],
        (Phase::Pending | Phase::Checking | Phase::Injecting | Phase::Recovering, _) => {
            vec!["Nothing has to be done: the run goes on by itself, and undoes what it did."]
        }
        (Phase::RollingBack | Phase::Verifying | Phase::Held, _) => {
            vec!["Nothing has to be done yet: the run undoes what it did, and pages if it cannot."]
        }
    }
}

fn finished(outcome: Outcome) -> Vec<&'static str> {
    match outcome {
        Outcome::Recovered => vec!["Nothing has to be done."],
        Outcome::ObjectiveMissed => vec![
            "Find the longest part of the timeline, and shorten it.",
            "If the objective cannot be kept, its owner has to agree on another one.",
            "The finding stays open until this drill passes.",
        ],
        Outcome::NotRecovered => vec![
            "Find out why users were not served: begin with the answers of the probes and the wiring below.",
            "A real failure would have gone the same way. The finding stays open until this drill passes.",
        ],
        Outcome::NotInjected => {
            vec![
                "Read the calls and the wiring below, mend what kept the failure away, and run the drill again.",
            ]
        }
        Outcome::Stopped => {
            vec!["Once the reason above is gone, run the drill again: it has proven nothing."]
        }
        Outcome::Skipped => {
            vec![
                "Once the reason above is gone, run the drill again. Five skips in a row are reported as a finding.",
            ]
        }
        Outcome::Inconclusive => {
            vec![
                "Mend what kept the answers from being read, and run the drill again: it has proven nothing.",
            ]
        }
        Outcome::RollbackFailed => vec![
            "See to what is not restored, if nobody has yet: the run no longer does.",
            "Find out why the undo did not work before this drill runs again.",
        ],
        Outcome::Planned => {
            vec!["Read what is closed, denied or not checked. With “execute: true” the drill runs."]
        }
    }
}

fn commands(run: &Run) -> Vec<Command> {
    let id = &run.run_id.0;
    let release = |purpose, fail_back: bool| {
        let release = json!({ "runId": id, "by": "YOU", "reason": "WHY", "failBack": fail_back });
        command(purpose, &json!({ "release": release }))
    };
    if run.phase == Phase::Held {
        return vec![
            release("The primary is well: go on with the undo, and move traffic back to it.", true),
            release("It is not, or nobody knows: leave traffic on the standby, and end the run.", false),
        ];
    }
    if run.awaits_operator() {
        return vec![release("Leave the rest to people, and end the run.", false)];
    }
    if run.is_stoppable() {
        let stop = json!({ "stop": { "runId": id, "by": "YOU", "reason": "WHY" } });
        return vec![command("To end it early, and undo it:", &stop)];
    }
    Vec::new()
}

fn command(purpose: &'static str, command: &serde_json::Value) -> Command {
    Command { purpose, json: Text::up_to(&command.to_string(), MAX_COMMAND) }
}
