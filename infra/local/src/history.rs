//! History: a plausible year of made-up records, written as the functions, people and AWS would have written them.
//!
//! The drills are those of [`firedrill_scorecard::sample`]. None of them runs: their schedules begin again after the demo.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::{
    ClockName, Measured, Outcome, Phase, Request, Run, Timestamp,
    dispatch::{Invocation, new_run},
    failover::{AlarmState, JournalEntry},
    gate::Policy,
    kind::DrillKind,
    request::{Minutes, Schedule, Seconds},
    result::DrillResult,
    run::OwnerId,
    timing::Timing,
};
use firedrill_scorecard::{
    cadence::StartTimes,
    input::{Incident, Inputs, ScheduledDrill},
    sample,
};
use serde_json::{Map, Value, json};

use crate::{DemoStack, LocalError, request::Requests};

/// As many items as `BatchWriteItem` takes (API reference).
const MAX_BATCH: usize = 25;
/// Who wrote it, where the record names an invocation.
const WRITER: &str = "history";

/// Writes a year that ends at this moment; the runs that it holds.
///
/// # Errors
/// Local AWS refuses something of it.
pub async fn write(stack: &DemoStack, now: Timestamp) -> Result<Vec<String>, LocalError> {
    let year = sample::year(now);
    let requests = stack.aws.requests();
    for scheduled in &year.scheduled.drills {
        let request = scheduled.request.as_ref().map_err(|why| LocalError::Run(why.clone()))?;
        requests.create_schedule(&name_of(scheduled), &schedule(stack, scheduled, request, now)).await?;
    }
    for (application, declaration) in &year.declarations {
        if let Ok(declaration) = declaration {
            let path = format!("{}/{application}", stack.output("ApplicationsPath")?);
            requests.put_parameter(&path, &json!(declaration).to_string()).await?;
        }
    }
    write_items(requests, &stack.table.name, items(&year)).await?;
    Ok(year.results.iter().map(|result| result.run_id.clone()).collect())
}

/// The name of a schedule: the last part of its ARN.
fn name_of(scheduled: &ScheduledDrill) -> String {
    scheduled.arn.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The schedule of a drill, as `CreateSchedule` takes it.
fn schedule(stack: &DemoStack, scheduled: &ScheduledDrill, request: &Request, now: Timestamp) -> Value {
    let mut input = json!(request);
    input["schedule"] =
        json!({ "scheduledAt": "<aws.scheduler.scheduled-time>", "arn": "<aws.scheduler.schedule-arn>" });
    let mut schedule = json!({
        "ScheduleExpression": scheduled.expression,
        "ScheduleExpressionTimezone": scheduled.time_zone,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": stack.drill_function_arn(DrillKind::of(&request.target)), "RoleArn": stack.outputs.get("ScheduleRoleArn"),
            "Input": input.to_string()
        },
    });
    // It cannot be created as of long ago: it begins with its next start.
    let next = StartTimes::of(scheduled).ok().flatten().and_then(|times| times.next_after(now));
    if let Some(next) = next {
        schedule["StartDate"] = json!(next.as_millis() / 1_000);
    }
    schedule
}

/// Every item of the year: heads, requests, results, summaries and journals.
fn items(year: &Inputs) -> Vec<Value> {
    let mut items = Vec::new();
    let mut summaries: BTreeMap<String, Value> = BTreeMap::new();
    for result in &year.results {
        let Some(request) = request_of(year, result) else { continue };
        let run = run_of(result, &request);
        items.extend(items_of(&run, &request, result));
        summaries.insert(
            result.key().to_string(),
            json!({ "lastRun": result.run_id, "lastRunAt": run.times.started, "lastOutcome": result.outcome }),
        );
    }
    for (key, mut summary) in summaries {
        (summary["pk"], summary["sk"]) = (json!("drills"), json!(key));
        items.push(summary);
    }
    items.extend(year.incidents.iter().flat_map(journal));
    items
}

/// The request of the run of a result, as its schedule sent it.
fn request_of(year: &Inputs, result: &DrillResult) -> Option<Request> {
    let scheduled = year.scheduled.drills.iter().find(|drill| drill.key() == Some(result.key()))?;
    let mut request = scheduled.request.as_deref().ok()?.clone();
    request.schedule = Some(Schedule {
        scheduled_at: result.scheduled?,
        arn: scheduled.arn.clone().try_into().ok()?,
        attempt: None,
        flexible_window_minutes: Minutes::new(0),
        late_after_seconds: Seconds::new(900),
    });
    Some(request)
}

/// The head of a run that ends with this result.
fn run_of(result: &DrillResult, request: &Request) -> Run {
    let invocation = Invocation {
        request_id: WRITER.to_owned(),
        owner: OwnerId(WRITER.to_owned()),
        ends_at: Duration::ZERO,
        policy: Policy::default(),
    };
    let started = result.nominal();
    let mut run = new_run(request, &invocation, &Timing::DEFAULT, started);
    run.phase = Phase::Finished;
    (run.outcome, run.verdict, run.reason) = (Some(result.outcome), result.verdict(), result.reason.clone());
    (run.owner, run.finished_by) = (None, Some(OwnerId(WRITER.to_owned())));
    run.impaired = result.impaired_ms.map(|lost| lost > 0);
    if result.outcome == Outcome::RollbackFailed {
        run.missing.clone_from(&result.reason);
    }
    let times = &mut run.times;
    times.finished = Some(result.finished);
    let Some(injected) = result.injected else { return run };
    times.injected = Some(Measured::ours(injected, 0));
    let after = |took: firedrill_core::report::Took, clock: ClockName| Measured {
        at: injected.plus_millis(took.ms),
        clock,
        resolution_ms: took.resolution_ms,
    };
    times.detected = result.time_to_detect.map(|took| after(took, ClockName::CloudWatch));
    times.failed_over = result.time_to_fail_over.map(|took| after(took, ClockName::Ours));
    times.recovered = result.time_to_recover.map(|took| after(took, ClockName::Ours));
    times.in_place = times.detected;
    times.steady_again = result.restored_after_ms.map(|ms| injected.plus_millis(ms));
    times.rolled_back = times.steady_again.map(|at| Measured::ours(at, 0));
    times.rollback_started_at =
        result.time_to_roll_back_ms.zip(times.steady_again).map(|(ms, at)| at - Duration::from_millis(ms));
    run
}

/// The head, the request and the result of a run.
fn items_of(run: &Run, request: &Request, result: &DrillResult) -> [Value; 3] {
    let partition = format!("run#{}", run.run_id);
    let mut head = json!(run);
    (head["pk"], head["sk"]) = (json!(partition), json!("head"));
    (head["status"], head["drillKey"]) = (json!(run.status()), json!(run.drill_key()));
    head["startedAt"] = json!(run.times.started);
    let asked = json!({ "pk": partition, "sk": "request", "request": request });
    let mut item = json!(result);
    (item["pk"], item["sk"]) = (json!(format!("drill#{}", result.key())), json!(result.sort_key()));
    [head, asked, item]
}

/// What the failover function noted of a real alarm: that it went off, and that it was OK again.
fn journal(incident: &Incident) -> Vec<Value> {
    let entry = |state: AlarmState, at: Timestamp| {
        let is_alarm = state == AlarmState::Alarm;
        let entry = JournalEntry {
            alarm_arn: incident.alarm_arn.clone(),
            at,
            state,
            reason: "Threshold Crossed".to_owned(),
            run_id: None,
            received_at: at,
            by: WRITER.to_owned(),
            claimed_at: at,
            called_at: is_alarm.then_some(at),
            outcome: None,
            done: Some(if is_alarm { incident.done } else { firedrill_core::failover::Done::Ignored }),
            why: incident.why.clone().filter(|_| is_alarm),
            concluded_at: Some(at),
        };
        let mut item = json!(entry);
        (item["pk"], item["sk"]) = (json!(format!("alarm#{}", incident.alarm_arn)), json!(entry.key()));
        item
    };
    let ended = incident.ended.map(|at| entry(AlarmState::Ok, at));
    [entry(AlarmState::Alarm, incident.began)].into_iter().chain(ended).collect()
}

async fn write_items(requests: &Requests, table: &str, items: Vec<Value>) -> Result<(), LocalError> {
    for items in items.chunks(MAX_BATCH) {
        let puts: Vec<Value> =
            items.iter().map(|item| json!({ "PutRequest": { "Item": attribute(item)["M"] } })).collect();
        let answer = requests.dynamodb("BatchWriteItem", &json!({ "RequestItems": { table: puts } })).await?;
        if answer["UnprocessedItems"].as_object().is_some_and(|left| !left.is_empty()) {
            return Err(LocalError::Run("the table did not take every item of the history".to_owned()));
        }
    }
    Ok(())
}

/// Plain JSON as a `DynamoDB` attribute value: `"x"` is `{"S": "x"}`.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(is) => json!({ "BOOL": is }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields: Map<_, _> = fields.map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({ "M": fields })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_the_history_never_says_anything_else_than_its_result() {
        let year = sample::year(Timestamp::from_millis(1_795_460_400_000));
        assert!(year.results.len() > 100, "{}", year.results.len());
        for result in &year.results {
            let request = request_of(&year, result).unwrap();
            let mut of_run = DrillResult::of(&run_of(result, &request)).unwrap();
            assert_eq!(of_run.run_id, result.run_id);
            // The sample's own numbers of what users lost differ from what its moments give, for a run through an alarm.
            of_run.impaired_ms = result.impaired_ms;
            assert_eq!(of_run, *result);
        }
    }
}
