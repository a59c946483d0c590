//! Read: everything that a scorecard is made of, from the record and from AWS.
//!
//! Nothing here depends on how many runs there ever were. For D drills, R runs under way, P pages of schedules of which S start
//! drills, F drill functions of which U rules start some, and A alarms, that is 1 call for the list of drills and D for their
//! results; 1 + R for what is under way; P + S + F + 2 U for what is scheduled; A for the journals; 1 for the declarations and 1
//! for the subscribers; and as many more as these have further pages. One follows the other.

use std::{collections::BTreeSet, time::Duration};

use firedrill_core::{
    Outcome, Phase, Request, Run, Timestamp,
    result::{DrillKey, DrillResult},
};
use serde_json::Value;

use super::schedules::read_scheduled;
use crate::{
    input::{Declaration, Incident, Inputs, OpenRun, Scheduled, parse_declaration},
    ports::{EventRules, Next, Parameters, Record, Schedules, Subscribers, every_page},
    settings::Settings,
    words::count_of,
};

/// Everything of which a scorecard is made.
pub trait Sources: Record + Schedules + EventRules + Parameters + Subscribers {}
impl<S: Record + Schedules + EventRules + Parameters + Subscribers> Sources for S {}

/// Reads everything that a scorecard of this moment is made of. What cannot be read is said in it, and is never taken for
/// absent.
pub async fn read_inputs(sources: &impl Sources, settings: &Settings, now: Timestamp) -> Inputs {
    let mut inputs = Inputs {
        non_production_environments: settings.non_production_environments.clone(),
        page_published: settings.page_published,
        ..Inputs::default()
    };
    // Before the results: a run that ends in between is then known twice, and not at all otherwise.
    read_open_runs(sources, &mut inputs).await;
    let since = now - Duration::from_hours(24 * u64::from(Inputs::DAYS));
    read_results(sources, &mut inputs, since).await;
    inputs.scheduled = read_scheduled(sources, &settings.drill_function_arns).await;
    read_incidents(sources, &mut inputs, since).await;
    read_declarations(sources, &mut inputs, &settings.declarations_path).await;
    read_subscribers(sources, &mut inputs).await;
    inputs
}

async fn read_open_runs(record: &impl Record, inputs: &mut Inputs) {
    let ids = match record.open().await {
        Ok(ids) => ids,
        Err(error) => {
            inputs.open_runs_unread.all = true;
            return inputs.unread.push(format!("The runs that are under way cannot be listed: {error}."));
        }
    };
    for id in ids {
        let why = match record.head(&id).await {
            // It ended, or was deleted, since it was listed.
            Ok(None) => continue,
            Ok(Some(run)) if run.phase == Phase::Finished => continue,
            Ok(Some(run)) => match open_run(&run) {
                Some(open) => {
                    inputs.open_runs.push(open);
                    continue;
                }
                None => "its head does not say when it began".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        inputs.unread.push(format!("The run {id}, which is under way, cannot be read: {why}."));
        match DrillKey::of_run_id(&id.0) {
            Some(key) => drop(inputs.open_runs_unread.drills.insert(key)),
            None => inputs.open_runs_unread.all = true,
        }
    }
}

fn open_run(run: &Run) -> Option<OpenRun> {
    Some(OpenRun { key: DrillKey::of(run), began: run.times.scheduled.or(run.times.started)? })
}

async fn read_results(record: &impl Record, inputs: &mut Inputs, since: Timestamp) {
    let drills = match record.drills().await {
        Ok(drills) => drills,
        Err(error) => {
            inputs.results_unread.all = true;
            return inputs.unread.push(format!(
                "The drills cannot be listed, so those that nothing schedules are missing here: {error}."
            ));
        }
    };
    for key in drills {
        // One more than is kept shows that there are more.
        match record.results(&key, since, Inputs::MAX_RESULTS + 1).await {
            Ok(items) => add_results(inputs, key, &items),
            Err(error) => {
                inputs.unread.push(format!("The results of {key} cannot be read: {error}."));
                inputs.results_unread.drills.insert(key);
            }
        }
    }
}

/// Adds the results of one drill, the newest first. What cannot be read matters if no later one is known to have passed.
fn add_results(inputs: &mut Inputs, key: DrillKey, items: &[Value]) {
    let mut unreadable: Vec<String> = Vec::new();
    let (mut has_passed, mut matters) = (false, false);
    for item in items.iter().take(Inputs::MAX_RESULTS) {
        match result_of(&key, item) {
            Ok(result) => {
                has_passed |= result.outcome == Outcome::Recovered;
                inputs.results.push(result);
            }
            Err(why) => {
                unreadable.push(why);
                matters |= !has_passed;
            }
        }
    }
    if let Some(newest) = unreadable.first() {
        let what = count_of(unreadable.len() as u64, "result", "results");
        inputs.unread.push(format!("Of {key}, {what} cannot be read; of the newest of them, {newest}."));
    }
    if items.len() > Inputs::MAX_RESULTS {
        inputs.results_cut.insert(key.clone());
    }
    if matters {
        inputs.results_unread.drills.insert(key);
    }
}

fn result_of(key: &DrillKey, item: &Value) -> Result<DrillResult, String> {
    let result = DrillResult::read(item).map_err(|error| error.to_string())?;
    if result.key() == *key { Ok(result) } else { Err(format!("the run is {}", result.run_id)) }
}

/// Reads the journals of the alarms that scheduled requests name.
async fn read_incidents(record: &impl Record, inputs: &mut Inputs, since: Timestamp) {
    for alarm in alarms_of(&inputs.scheduled) {
        match record.journal(&alarm, since).await {
            Ok(journal) => inputs.incidents.extend(Incident::of(&journal)),
            Err(error) => inputs.unread.push(format!(
                "Real incidents of {alarm} are missing here: the journal of that alarm cannot be read: {error}."
            )),
        }
    }
}

fn alarms_of(scheduled: &Scheduled) -> BTreeSet<String> {
    let requests = scheduled.drills.iter().filter_map(|drill| drill.request.as_deref().ok());
    let alarms = |request: &Request| {
        let trigger = request.target.trigger().map(|trigger| trigger.alarm_arn.to_string());
        let detection = request.detection.as_ref().map(|detection| detection.alarm_arn.to_string());
        [trigger, detection]
    };
    requests.flat_map(alarms).flatten().collect()
}

async fn read_declarations(parameters: &impl Parameters, inputs: &mut Inputs, path: &str) {
    let path = path.trim_end_matches('/');
    let read = every_page(async |next: Next<'_>| parameters.parameters_by_path(path, next).await).await;
    let read = match read {
        Ok(read) => read,
        Err(failure) => {
            inputs.declarations_unread = true;
            return inputs.unread.push(format!("What applications declare cannot be read: {failure}."));
        }
    };
    for parameter in read {
        let application = parameter.name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        match application.filter(|name| !name.is_empty() && !name.contains('/')) {
            Some(application) => {
                let declared = declared(application, &parameter.value);
                inputs.declarations.insert(application.to_owned(), declared);
            }
            None => inputs.unread.push(format!(
                "The parameter {} is no declaration: it does not lie right below {path}.",
                parameter.name
            )),
        }
    }
}

/// What an application declares, or why that cannot be read: a document is its own only if it says so.
fn declared(application: &str, document: &str) -> Result<Declaration, String> {
    let declared = parse_declaration(document).map_err(|error| error.to_string())?;
    if declared.application.as_str() == application {
        return Ok(declared);
    }
    Err(format!("its field `application` is `{}`", declared.application))
}

async fn read_subscribers(subscribers: &impl Subscribers, inputs: &mut Inputs) {
    match every_page(async |next: Next<'_>| subscribers.subscriptions(next).await).await {
        Ok(all) => inputs.notices_subscribed = all.iter().any(|one| one.confirmed).into(),
        // `Unknown` is what it is by default.
        Err(failure) => {
            inputs.unread.push(format!("Who is told of notices cannot be read: {failure}."));
        }
    }
}
