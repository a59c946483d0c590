//! CloudWatch: alarms, their history and mute rules, and statistics of metrics.

use std::{collections::BTreeMap, time::Duration};

use firedrill_core::{
    CallOutcome, Timestamp,
    ports::{InjectingCall, Injector},
    request::OPT_IN_TAG,
    run::Datapoints,
    trigger::Period,
};
use firedrill_drills::ports::{
    ActionRecord, AlarmSetup, AlarmState, Alarms, Kind, Metric, Next, StateUpdate, StatisticsOf,
};

use super::{Outside, assert_done, ids, pages, refusal, until};

/// How often a suite forces an alarm and sets it back: more changes than there are on one page of its history.
const TIMES: usize = 30;

/// The alarms that a suite reads, and the one that it forces.
#[derive(Clone, Debug)]
pub struct AlarmsSubject {
    /// Their Region.
    pub region: String,
    /// The names of alarms that exist, at most 99.
    pub alarms: Vec<String>,
    /// The name of the metric alarm that is forced: in OK, and with actions.
    pub alarm: String,
    /// Its ARN. It carries the opt-in tag.
    pub arn: String,
    /// The metric that it watches.
    pub metric: Metric,
    /// One of the actions that its changes to ALARM start.
    pub action: String,
    /// The name of a composite alarm.
    pub composite: String,
    /// The name of an alarm that does not exist.
    pub missing: String,
    /// On how many pages they come, at least.
    pub pages: usize,
}

/// The suite of what [`Alarms`] reads of alarms.
///
/// # Panics
/// A promise is broken.
pub async fn alarms(aws: &impl Alarms, of: &AlarmsSubject) {
    let mut asked = of.alarms.clone();
    asked.push(of.missing.clone());
    let found =
        pages::all(async |page: Next<'_>| aws.describe_alarms(&of.region, &ids(&asked), page).await).await;
    let named = |name: &str| found.0.iter().find(|alarm| alarm.name == name).expect("it exists");
    let alarm = named(&of.alarm);
    assert_eq!((alarm.arn.as_str(), alarm.state), (of.arn.as_str(), Some(AlarmState::Ok)));
    assert!(alarm.actions_enabled && alarm.alarm_actions.contains(&of.action), "{alarm:?}");
    let Kind::Metric(rule) = &alarm.kind else { panic!("{alarm:?}") };
    assert_eq!(rule.metric, of.metric);
    assert!(matches!(named(&of.composite).kind, Kind::Composite { .. }), "{:?}", named(&of.composite));
    pages::assert_same(found, |alarm| alarm.name.clone(), &of.alarms, of.pages);

    let tags = aws.alarm_tags(&of.region, &of.arn).await.unwrap();
    assert_eq!(tags.get(OPT_IN_TAG.0).map(String::as_str), Some(OPT_IN_TAG.1));
    let missing = aws.alarm_tags(&of.region, &of.arn.replace(&of.alarm, &of.missing)).await;
    assert_eq!(refusal(missing), "ResourceNotFoundException");
}

/// The suite of what follows an alarm: the composite alarms whose rules name it. None names `alone`.
///
/// # Panics
/// A promise is broken.
pub async fn parents(aws: &impl Alarms, region: &str, child: &str, parents: &[String], alone: &str) {
    let found = pages::all(async |page: Next<'_>| aws.parent_alarms(region, child, page).await).await;
    pages::assert_same(found, String::clone, parents, 1);
    let found = pages::all(async |page: Next<'_>| aws.parent_alarms(region, alone, page).await).await;
    pages::assert_same(found, String::clone, &[], 1);
}

/// The suite of forced states: what [`Alarms`] reads of an alarm that is forced to ALARM, and is OK again at once.
///
/// # Panics
/// A promise is broken.
pub async fn forced_states(
    aws: &impl Alarms,
    injector: &impl Injector,
    of: &AlarmsSubject,
    outside: &impl Outside,
) {
    let since = outside.now() - Duration::from_secs(1);
    for number in 0..TIMES {
        force(injector, of, &format!("forced {number}")).await;
        aws.set_alarm_ok(&of.region, &of.alarm, &format!("back {number}")).await.unwrap();
    }
    let forced = until(outside, "every change is in the history", async || {
        let all = changes(aws, of, since).await;
        let of_reason = |begin: &str| all.iter().filter(|one| one.reason.starts_with(begin)).count();
        (of_reason("forced") == TIMES && of_reason("back") == TIMES).then_some(all)
    })
    .await;
    for number in 0..TIMES {
        assert_pair(&forced, number, since);
    }
    let now = described(aws, of).await;
    let back = with_reason(&forced, &format!("back {}", TIMES - 1));
    assert_eq!((now.state, now.reason.as_str()), (Some(AlarmState::Ok), back.reason.as_str()));
    assert!(now.updated >= Some(with_reason(&forced, "forced 0").at), "{now:?}");

    // What changes nothing is no change.
    aws.set_alarm_ok(&of.region, &of.alarm, "OK as before").await.unwrap();
    outside.pass().await;
    assert!(!changes(aws, of, since).await.iter().any(|one| one.reason == "OK as before"));
    // A time is read cut off to a millisecond, so up to one early.
    assert_eq!(changes(aws, of, back.at.plus_millis(2)).await, [], "only those since then are asked for");
    let started = until(outside, "each change to ALARM starts the action", async || {
        let mut started = actions(aws, of, since).await;
        started.retain(|one| one.summary.contains(&of.action) && one.at >= since);
        (started.len() >= TIMES).then_some(started)
    })
    .await;
    for number in 0..TIMES {
        let change = with_reason(&forced, &format!("forced {number}")).at;
        let names_it =
            |one: &ActionRecord| one.change == Some(change) || one.change == Some(change.plus_millis(1));
        assert!(started.iter().any(names_it), "{change}: {started:?}");
    }
    nothing_is_known_of_a_missing_alarm(aws, injector, of).await;
}

/// The suite of a forced state that CloudWatch ends by itself when it evaluates the alarm.
///
/// # Panics
/// A promise is broken.
pub async fn evaluated_states(
    aws: &impl Alarms,
    injector: &impl Injector,
    of: &AlarmsSubject,
    outside: &impl Outside,
) {
    let since = outside.now() - Duration::from_secs(1);
    force(injector, of, "forced for a moment").await;
    until(outside, "the forced state is over", async || {
        let alarm = described(aws, of).await;
        (alarm.state == Some(AlarmState::Ok) && alarm.reason != "forced for a moment").then_some(())
    })
    .await;
    let all = changes(aws, of, since).await;
    let forced = with_reason(&all, "forced for a moment");
    assert_eq!(forced.to, AlarmState::Alarm, "the history shows what the state does not");
}

/// The suite of mute rules: [`Alarms`] names those that are active, and they keep actions from being started.
///
/// # Panics
/// A promise is broken.
pub async fn mute_rules(
    aws: &impl Alarms,
    injector: &impl Injector,
    of: &AlarmsSubject,
    outside: &impl Outside,
) {
    let rules = async |alarm: &str| {
        let read = async |page: Next<'_>| aws.active_mute_rules(&of.region, alarm, page).await;
        pages::all(read).await.0
    };
    assert_eq!(rules(&of.alarm).await, [""; 0]);
    outside.mute(&of.alarm, "mutes-later", false).await;
    outside.mute(&of.alarm, "mutes-now", true).await;
    until(outside, "the active rule", async || (rules(&of.alarm).await == ["mutes-now"]).then_some(())).await;
    assert_eq!(rules(&of.missing).await, [""; 0], "it mutes its own alarm only");

    let since = outside.now() - Duration::from_secs(1);
    force(injector, of, "forced while muted").await;
    let changed = until(outside, "a muted alarm changes its state all the same", async || {
        changes(aws, of, since).await.into_iter().find(|one| one.reason == "forced while muted")
    })
    .await;
    outside.pass().await;
    assert_eq!(actions(aws, of, changed.at).await, [], "none is started");
}

/// The suite of statistics: what is published counts in its period, and in no other metric.
///
/// # Panics
/// A promise is broken.
pub async fn statistics(
    aws: &impl Alarms,
    injector: &impl Injector,
    of: &AlarmsSubject,
    outside: &impl Outside,
) {
    const PERIOD: i64 = 60_000;
    let at = outside.now();
    let points = Box::new(datapoints(&of.metric));
    let publish = InjectingCall::PutMetricData { region: of.region.clone(), points, at };
    assert_done(&injector.send(&publish).await);
    let start = Timestamp::from_millis(at.as_millis() / PERIOD * PERIOD);
    let of_period = async |metric: &Metric, from: Timestamp| {
        let to = from + Duration::from_mins(1);
        aws.statistics(&of.region, StatisticsOf { metric, period_seconds: 60, from, to }).await.unwrap()
    };
    let has_it = |periods: &[Period]| periods.iter().any(|period| period.min <= 0.0);
    let found = until(outside, "the datapoint counts", async || {
        Some(of_period(&of.metric, start).await).filter(|periods| has_it(periods))
    })
    .await;
    let [Period { count, sum, min, max }] = found[..] else { panic!("one period: {found:?}") };
    assert!(count >= 1.0 && min * count <= sum && sum <= max * count, "{found:?}");
    assert!(
        !has_it(&of_period(&of.metric, start - Duration::from_mins(1)).await),
        "not in the period before"
    );
    assert!(!has_it(&of_period(&of.metric, start + Duration::from_mins(1)).await), "not in the period after");

    let with_unit = Metric { unit: Some("Seconds".to_owned()), ..of.metric.clone() };
    assert_eq!(of_period(&with_unit, start).await, [], "only values of that unit count");
    let dimensions = BTreeMap::from([("Host".to_owned(), "nobody".to_owned())]);
    let elsewhere = Metric { dimensions, ..of.metric.clone() };
    assert_eq!(of_period(&elsewhere, start).await, [], "with other dimensions it is another metric");
}

fn datapoints(metric: &Metric) -> Datapoints {
    Datapoints {
        namespace: metric.namespace.clone(),
        metric: metric.name.clone(),
        dimensions: metric.dimensions.clone(),
        unit: None,
        value: 0.into(),
        storage_resolution: 60,
        every: Duration::from_mins(1),
        planned: 1,
        needed: 1,
        window: Duration::from_mins(1),
    }
}

async fn force(injector: &impl Injector, of: &AlarmsSubject, reason: &str) {
    let (region, name, reason) = (of.region.clone(), of.alarm.clone(), reason.to_owned());
    assert_done(&injector.send(&InjectingCall::SetAlarmState { region, name, reason }).await);
}

async fn described(aws: &impl Alarms, of: &AlarmsSubject) -> AlarmSetup {
    let asked = ids(std::slice::from_ref(&of.alarm));
    let found =
        pages::all(async |page: Next<'_>| aws.describe_alarms(&of.region, &asked, page).await).await.0;
    let [alarm] = &found[..] else { panic!("one alarm: {found:?}") };
    alarm.clone()
}

async fn changes(aws: &impl Alarms, of: &AlarmsSubject, since: Timestamp) -> Vec<StateUpdate> {
    pages::all(async |page: Next<'_>| aws.alarm_changes(&of.region, &of.alarm, since, page).await).await.0
}

async fn actions(aws: &impl Alarms, of: &AlarmsSubject, since: Timestamp) -> Vec<ActionRecord> {
    pages::all(async |page: Next<'_>| aws.alarm_actions(&of.region, &of.alarm, since, page).await).await.0
}

/// The one change with this reason.
fn with_reason<'a>(all: &'a [StateUpdate], reason: &str) -> &'a StateUpdate {
    let found: Vec<&StateUpdate> = all.iter().filter(|one| one.reason == reason).collect();
    let [one] = found[..] else { panic!("{reason}: {found:?}") };
    one
}

/// Checks one change to ALARM and the one back.
fn assert_pair(all: &[StateUpdate], number: usize, since: Timestamp) {
    let forced = with_reason(all, &format!("forced {number}"));
    let back = with_reason(all, &format!("back {number}"));
    assert_eq!((forced.to, back.to), (AlarmState::Alarm, AlarmState::Ok));
    assert!(matches!(back.from, None | Some(AlarmState::Alarm)), "{back:?}");
    assert!(matches!(forced.from, None | Some(AlarmState::Ok)), "{forced:?}");
    assert!(since <= forced.at && forced.at <= back.at, "{forced:?}, {back:?}");
}

async fn nothing_is_known_of_a_missing_alarm(
    aws: &impl Alarms,
    injector: &impl Injector,
    of: &AlarmsSubject,
) {
    let missing = AlarmsSubject { alarm: of.missing.clone(), ..of.clone() };
    let since = Timestamp::from_millis(0);
    assert_eq!(changes(aws, &missing, since).await, []);
    assert_eq!(actions(aws, &missing, since).await, []);
    assert_eq!(refusal(aws.set_alarm_ok(&of.region, &of.missing, "back").await), "ResourceNotFound");
    let (region, name, reason) = (of.region.clone(), of.missing.clone(), "forced".to_owned());
    match injector.send(&InjectingCall::SetAlarmState { region, name, reason }).await {
        CallOutcome::NotExecuted { code, again: false, .. } => assert_eq!(code, "ResourceNotFound"),
        other => panic!("{other:?}"),
    }
}
