//! Stop conditions: alarms and probes, named in the request, that end a run early.

use std::collections::BTreeMap;

use firedrill_core::{
    ProbeAnswer, Request, Tristate,
    gate::GateAnswer,
    ports::Clock,
    request::{Arn, Probe, StopCondition},
    run::Stop,
};
use futures_util::future::{join, join_all};

use crate::{
    deadline::{ReadError, read_within},
    ports::{AlarmSetup, AlarmState, Alarms, Ids, Next, Prober, every_chunk},
    probe,
    procedure::Context,
};

/// The most names that `DescribeAlarms` takes.
const MAX_NAMES: usize = 100;

/// The stop conditions of one run, with what one invocation has observed of them.
#[derive(Debug)]
pub(crate) struct StopConditions {
    alarms: Vec<StopAlarm>,
    probes: Vec<Probe>,
    /// For each probe, how many answers in a row were not a yes.
    in_a_row: Vec<u32>,
    /// Whether the run may start, by the latest look.
    gate: GateAnswer,
}

/// An alarm that is a stop condition.
#[derive(Clone, Debug)]
struct StopAlarm {
    arn: Arn,
    /// Whether a run may start while it is in `INSUFFICIENT_DATA`.
    allows_insufficient_data: bool,
}

/// The observations of one look.
#[derive(Default)]
pub(crate) struct StopLook {
    /// An alarm that ends the run.
    alarm: Option<Stop>,
    /// An alarm without data: it ends no run, and lets none start.
    without_data: Option<Stop>,
    answers: Vec<ProbeAnswer>,
}

impl StopLook {
    /// A reason not to start a run: an alarm in ALARM or without data, or one answer of a probe that is not a yes.
    pub(crate) fn against_start(self, stops: &StopConditions) -> Option<Stop> {
        let Self { alarm, without_data, answers } = self;
        alarm.or(without_data).or_else(|| first_bad(&stops.probes, &answers, &vec![1; answers.len()]))
    }
}

impl StopConditions {
    pub(crate) fn of(request: &Request) -> Self {
        let conditions = &request.stop_conditions;
        let alarm = |condition: &StopCondition| match condition {
            StopCondition::Alarm { arn, allow_insufficient_data: allows_insufficient_data } => {
                Some(StopAlarm { arn: arn.clone(), allows_insufficient_data: *allows_insufficient_data })
            }
            StopCondition::Probe(_) => None,
        };
        let alarms: Vec<StopAlarm> = conditions.iter().filter_map(alarm).collect();
        let probes: Vec<Probe> = conditions.iter().filter_map(StopCondition::probe).cloned().collect();
        let gate = if alarms.is_empty() && probes.is_empty() {
            gate(Tristate::Yes, "the request names none")
        } else {
            gate(Tristate::Unknown, "they were not read yet")
        };
        Self { alarms, in_a_row: vec![0; probes.len()], probes, gate }
    }

    /// Whether a run may start, by the latest look. One answer that is not a yes keeps it from starting, though it
    /// takes several to end a run: one may be a lost packet, and then the next look opens the gate.
    pub(crate) fn gate(&self) -> GateAnswer {
        self.gate.clone()
    }

    /// Reads the alarms and asks the probes.
    pub(crate) async fn look<C: Alarms + Prober, K: Clock>(&self, context: &Context<C, K>) -> StopLook {
        let asked = join_all(
            self.probes.iter().map(|probe| probe::ask(&context.cloud, &context.clock, &probe.check)),
        );
        let ((alarm, without_data), answers) = join(tripped(context, &self.alarms), asked).await;
        StopLook { alarm, without_data, answers }
    }

    /// Adds a look to the earlier ones; the first reason to end the run early, if there is one.
    pub(crate) fn note(&mut self, looked: StopLook) -> Option<Stop> {
        let Self { probes, in_a_row, .. } = self;
        let StopLook { alarm, without_data, answers } = looked;
        let mut tripped = None;
        for ((probe, answer), times) in probes.iter().zip(&answers).zip(in_a_row.iter_mut()) {
            *times = if answer.seen == Tristate::Yes { 0 } else { *times + 1 };
            if *times >= probe.count {
                tripped = tripped.or_else(|| Some(describe(probe, answer, *times)));
            }
        }
        self.gate = match (&alarm, without_data.or_else(|| first_bad(probes, &answers, in_a_row))) {
            (Some(stop), _) => gate_for(Tristate::No, stop),
            (None, Some(stop)) => gate_for(Tristate::Unknown, &stop),
            (None, None) => gate(Tristate::Yes, "no stop condition holds"),
        };
        alarm.or(tripped)
    }
}

fn gate(open: Tristate, why: impl Into<String>) -> GateAnswer {
    GateAnswer::new("stop conditions", open, why)
}

fn gate_for(open: Tristate, stop: &Stop) -> GateAnswer {
    gate(open, format!("{}: {}", stop.by, stop.reason))
}

/// The first probe whose answer is not a yes, as a reason to stop.
fn first_bad(probes: &[Probe], answers: &[ProbeAnswer], in_a_row: &[u32]) -> Option<Stop> {
    let mut all = probes.iter().zip(answers).zip(in_a_row);
    all.find(|((_, answer), _)| answer.seen != Tristate::Yes)
        .map(|((probe, answer), times)| describe(probe, answer, *times))
}

fn describe(probe: &Probe, answer: &ProbeAnswer, times: u32) -> Stop {
    let answered = if answer.seen == Tristate::No { "answered no" } else { "could not be asked" };
    let often = if times > 1 { format!(" {times} times in a row") } else { String::new() };
    let detail = answer.detail.as_deref().unwrap_or("no answer");
    Stop { by: format!("stop condition {}", probe.name), reason: format!("it {answered}{often}: {detail}") }
}

/// The first alarm that ends a run, and the first without data.
async fn tripped<C: Alarms, K: Clock>(
    context: &Context<C, K>,
    alarms: &[StopAlarm],
) -> (Option<Stop>, Option<Stop>) {
    let mut by_region: BTreeMap<&str, Vec<&StopAlarm>> = BTreeMap::new();
    for alarm in alarms {
        by_region.entry(alarm.arn.region()).or_default().push(alarm);
    }
    let looks = by_region.into_iter().map(async |(region, alarms)| {
        let names: Vec<String> = alarms.iter().map(|alarm| name(&alarm.arn).to_owned()).collect();
        let read = every_chunk(&names, MAX_NAMES, async |names: &Ids, page: Next<'_>| {
            context.cloud.describe_alarms(region, names, page).await
        });
        (alarms, read_within(&context.clock, context.settings.timing.call_deadline, read).await)
    });
    let looked = join_all(looks).await;
    let first = |find: fn(&StopAlarm, Result<&[AlarmSetup], &ReadError>) -> Option<Stop>| {
        looked.iter().find_map(|(alarms, read)| alarms.iter().find_map(|alarm| find(alarm, read.as_deref())))
    };
    (first(ends_run), first(lacks_data))
}

fn name(arn: &Arn) -> &str {
    arn.alarm_name().unwrap_or_default()
}

fn stop_by(alarm: &StopAlarm, reason: String) -> Stop {
    Stop { by: format!("stop condition {}", name(&alarm.arn)), reason }
}

/// Why the alarm ends a run; none if it does not. One that cannot be read, or does not exist, counts as in ALARM, and so
/// does one in a state that this version does not know.
fn ends_run(alarm: &StopAlarm, read: Result<&[AlarmSetup], &ReadError>) -> Option<Stop> {
    let reason = match read {
        Ok(found) => match found.iter().find(|found| found.arn == alarm.arn.as_str()) {
            Some(found) => match found.state {
                Some(AlarmState::Ok | AlarmState::InsufficientData) => return None,
                Some(AlarmState::Alarm) => format!("it is in ALARM: {}", found.reason),
                None => "it is in a state that this version does not know".to_owned(),
            },
            None => format!("alarm {} does not exist", alarm.arn),
        },
        Err(error) => format!("it cannot be read: {error}"),
    };
    Some(stop_by(alarm, reason))
}

/// Why the alarm lets no run start, though it would end none: it has no data, and the request does not allow that.
fn lacks_data(alarm: &StopAlarm, read: Result<&[AlarmSetup], &ReadError>) -> Option<Stop> {
    let found = read.ok()?.iter().find(|found| found.arn == alarm.arn.as_str())?;
    let lacks = found.state == Some(AlarmState::InsufficientData) && !alarm.allows_insufficient_data;
    let hint = "`allowInsufficientData` beside its `alarmArn` lets a run start all the same";
    lacks.then(|| stop_by(alarm, format!("it is in INSUFFICIENT_DATA: {}; {hint}", found.reason)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firedrill_core::Timestamp;

    use super::*;
    use crate::{deadline::Late, ports::Kind};

    #[test]
    fn raised_missing_and_unreadable_alarms_stop_a_run() {
        let arn = |name: &str| {
            Arn::try_from(format!("arn:aws:cloudwatch:eu-west-2:000000000000:alarm:{name}")).unwrap()
        };
        let alarm = |name: &str, state: Option<AlarmState>| AlarmSetup {
            arn: arn(name).to_string(),
            name: name.to_owned(),
            state,
            reason: "threshold crossed".to_owned(),
            updated: None,
            actions_enabled: true,
            alarm_actions: Vec::new(),
            ok_actions: Vec::new(),
            kind: Kind::Composite { suppressor: None, suppressed_by: None },
        };
        let alarms = [
            alarm("calm", Some(AlarmState::Ok)),
            alarm("raised", Some(AlarmState::Alarm)),
            alarm("unknown", None),
        ];
        let stop = |name, read| ends_run(&StopAlarm { arn: arn(name), allows_insufficient_data: true }, read);
        assert_eq!(stop("calm", Ok(&alarms)), None);
        let raised = stop("raised", Ok(&alarms)).unwrap();
        assert_eq!(
            (raised.by.as_str(), raised.reason.as_str()),
            ("stop condition raised", "it is in ALARM: threshold crossed")
        );
        assert!(stop("missing", Ok(&alarms)).is_some());
        assert!(stop("unknown", Ok(&alarms)).is_some());
        assert!(stop("calm", Err(&ReadError::Late(Late(Duration::from_secs(10))))).is_some());
    }

    /// The stop conditions of a request that names one probe, which trips after so many answers.
    fn of_one_probe(count: u32) -> StopConditions {
        let request = serde_json::from_value(serde_json::json!({
            "drill": "stop-one", "application": "bookstore", "dependency": "compute", "environment": "staging",
            "mode": "stop",
            "target": {"instances": {
                "region": "eu-west-2", "select": {"tags": {"app": "bookstore"}}, "blastRadius": {"count": 1}
            }},
            "steadyState": {"probes": [{"name": "up", "check": { "tcp": {"host": "a.example", "port": 1} }}]},
            "stopConditions": [
                {"probe": {"name": "checkout", "check": { "tcp": {"host": "a.example", "port": 1} }, "count": count}}
            ],
            "objective": {"rtoSeconds": 60}, "cadence": {"everyDays": 28},
            "playbook": {"link": "https://example.com/", "version": "1", "owner": "team", "severity": "sev2"}
        }));
        StopConditions::of(&request.unwrap())
    }

    fn looked(seen: Tristate) -> StopLook {
        let at = Timestamp::from_millis(0);
        StopLook {
            answers: vec![ProbeAnswer { seen, asked: at, answered: at, detail: None }],
            ..StopLook::default()
        }
    }

    #[test]
    fn nothing_begins_before_every_stop_condition_has_answered_well_at_the_latest_look() {
        let mut stops = of_one_probe(3);
        assert_eq!(stops.gate().open, Tristate::Unknown, "nobody has looked");
        for (seen, open) in [
            (Tristate::No, Tristate::Unknown),
            (Tristate::Yes, Tristate::Yes),
            (Tristate::Unknown, Tristate::Unknown),
            (Tristate::No, Tristate::Unknown),
        ] {
            assert_eq!(stops.note(looked(seen)), None, "one answer may be a packet that was lost");
            assert_eq!(stops.gate().open, open, "after {seen:?}");
        }
        let why = stops.gate().why;
        assert!(why.contains("checkout") && why.contains("answered no 2 times"), "{why}");
        assert!(stops.note(looked(Tristate::No)).is_some(), "while nothing is injected, too, it trips");
        let raised = Stop { by: "stop condition errors".to_owned(), reason: "it is in ALARM".to_owned() };
        stops.note(StopLook { alarm: Some(raised), ..looked(Tristate::Yes) });
        assert_eq!(stops.gate().open, Tristate::No);
    }

    #[test]
    fn a_probe_trips_after_so_many_answers_that_are_not_a_yes_unknown_ones_among_them() {
        let mut stops = of_one_probe(2);
        let mut see = |seen| stops.note(looked(seen));
        assert_eq!(see(Tristate::No), None);
        assert_eq!(see(Tristate::Yes), None);
        assert_eq!(see(Tristate::Unknown), None);
        let tripped = see(Tristate::No).unwrap();
        assert_eq!(tripped.by, "stop condition checkout");
        assert!(tripped.reason.contains("2 times"), "{}", tripped.reason);
    }
}
