//! Points of the sweep, found in the call logs of undisturbed runs.

use std::collections::BTreeMap;

use firedrill_core::kind::DrillKind;

use super::{
    point::{CallKind, CallerRole, Fault, Point, caller},
    run::RunTrace,
};
use crate::emulator::Call;

/// Whether a call writes to the record.
#[must_use]
pub fn is_save(call: &Call) -> bool {
    const WRITING: [&str; 4] = ["PutItem", "TransactWriteItems", "UpdateItem", "BatchWriteItem"];
    call.service == "dynamodb" && WRITING.contains(&call.action.as_str())
}

/// How often each kind of call was made by one caller, in one run, and whether it changes something. The
/// watchdog's heartbeat is about no run, and does not count.
#[must_use]
pub fn counted(ran: &RunTrace, drill: DrillKind, by: CallerRole) -> BTreeMap<CallKind, (u32, bool)> {
    let caller = caller(by, drill);
    let about = |call: &Call| {
        by != CallerRole::Watchdog
            || call.service != "dynamodb"
            || call.detail.as_ref().is_some_and(|keys| keys.contains(&ran.run_id))
    };
    let mut found = BTreeMap::new();
    for call in &ran.calls {
        if call.caller.as_deref() != Some(&caller) || !about(call) {
            continue;
        }
        let (service, action) = (call.service.clone(), call.action.clone());
        let which = CallKind { by, service, action, dry_run: call.dry_run };
        let (times, _) = found.entry(which).or_insert((0, call.mutating || is_save(call)));
        *times += 1;
    }
    found
}

/// The points of one caller in one run: every call that changes something, with everything that can go wrong at it;
/// the first, a middle and the last of those that read. What the others do besides their changes is no point.
#[must_use]
pub fn points(ran: &RunTrace, drill: DrillKind, by: CallerRole) -> Vec<Point> {
    let mut points = Vec::new();
    for (which, (times, changes)) in counted(ran, drill, by) {
        if !changes && by != CallerRole::Drill {
            continue;
        }
        let mut numbers: Vec<u32> =
            if changes { (1..=times).collect() } else { vec![1, times.div_ceil(2), times] };
        numbers.dedup();
        for number in numbers {
            // A read has no effect, before which one could die, or after which.
            let faults = Fault::ALL.into_iter().filter(|fault| changes || *fault != Fault::KillAfter);
            points.extend(faults.map(|fault| Point { drill, which: which.clone(), number, fault }));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ran(calls: &[(&str, &str, bool, &str)]) -> RunTrace {
        let call = |(service, action, mutating, keys): &(&str, &str, bool, &str)| {
            serde_json::from_value(json!({
                "n": 1, "at": 0, "done": 0, "caller": "LOCALFIREDRILLDRILLCDN", "service": service,
                "action": action, "dryRun": false, "mutating": mutating, "detail": keys
            }))
            .unwrap()
        };
        RunTrace {
            run_id: "e/a/d/1".to_owned(),
            calls: calls.iter().map(call).collect(),
            ..RunTrace::default()
        }
    }

    #[test]
    fn every_change_is_a_point_and_of_many_reads_three() {
        let read = ("cloudwatch", "DescribeAlarms", false, "");
        let calls = [read, read, ("cloudwatch", "SetAlarmState", true, "ALARM"), read, read, read];
        let names: Vec<String> =
            points(&ran(&calls), DrillKind::Cdn, CallerRole::Drill).iter().map(ToString::to_string).collect();
        assert_eq!(names.iter().filter(|name| name.contains("SetAlarmState#1/")).count(), 5, "{names:?}");
        for number in [1, 3, 5] {
            let one = format!("cdn/cloudwatch:DescribeAlarms#{number}/");
            assert_eq!(names.iter().filter(|name| name.starts_with(&one)).count(), 4, "{names:?}");
        }
        assert_eq!(names.len(), 17);
        assert!(points(&ran(&calls), DrillKind::Cdn, CallerRole::Failover).is_empty(), "another caller's");
    }

    #[test]
    fn the_heartbeat_is_no_point() {
        let calls = [("dynamodb", "PutItem", true, "watchdog"), ("dynamodb", "PutItem", true, "run#e/a/d/1")];
        let mut ran = ran(&calls);
        for call in &mut ran.calls {
            call.caller = Some(caller(CallerRole::Watchdog, DrillKind::Cdn));
        }
        let found = points(&ran, DrillKind::Cdn, CallerRole::Watchdog);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|point| point.number == 1));
    }
}
