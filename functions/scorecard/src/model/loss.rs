//! Loss: what users lost, in drills and in real incidents.

use std::{collections::BTreeMap, ops::Range};

use firedrill_core::{Timestamp, failover::Done, text::one_line};
use jiff::ToSpan as _;
use serde::Serialize;

use super::{Week, build::Application};
use crate::{
    days::{day_of, first_moment_of},
    input::{Incident, Inputs},
};

const MINUTE_MS: u128 = 60_000;
const MAX_INCIDENTS: usize = 50;
/// More than a scorecard's weeks can touch.
const MAX_MONTHS: usize = 24;

/// What users of one application lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// The application.
    pub application: String,
    /// Its name for people.
    pub title: String,
    /// In drills, over the weeks of the scorecard.
    pub drills: LossSum,
    /// In real incidents on which a failover function acted, over the same weeks.
    pub incidents: LossSum,
    /// These incidents, the latest first; at most 50.
    pub incident_list: Vec<LossIncident>,
    /// The same by calendar month in UTC, the oldest first; a month without either is there, too.
    pub months: Vec<MonthLoss>,
}

/// One real incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LossIncident {
    /// The alarm that went off.
    pub alarm_arn: String,
    /// When it did, by CloudWatch's clock.
    pub began: Timestamp,
    /// How long it was in ALARM, in milliseconds; none if it has not ended, or that is not known.
    pub lost_ms: Option<u64>,
    /// What the failover function did about it.
    pub done: Done,
    /// Why, as its journal has it.
    pub why: Option<String>,
}

/// What was lost, and how much of it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LossSum {
    /// The number of runs that injected a failure, or of incidents.
    pub events: u32,
    /// Of these, those whose duration is not known: they are not part of `lost_ms`.
    pub unknown: u32,
    /// The time that users lost, in milliseconds, of those events whose duration is known.
    pub lost_ms: u64,
    /// What that cost, in the application's own currency: revenue per minute times minutes, rounded up. None if no revenue is
    /// declared for one of the events that are part of `lost_ms`.
    pub cost: Option<u64>,
}

/// What was lost in one calendar month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MonthLoss {
    /// The month, such as `2026-11`.
    pub month: String,
    /// In drills.
    pub drills: LossSum,
    /// In real incidents.
    pub incidents: LossSum,
}

/// One run or incident in which users may have lost something.
struct Event {
    at: Timestamp,
    is_incident: bool,
    lost_ms: Option<u64>,
    revenue_per_minute: Option<u32>,
}

/// What users of each application lost, and the alarms of incidents that belong to none.
pub(super) fn losses(
    inputs: &Inputs,
    applications: &[Application<'_>],
    weeks: &[Week],
    now: Timestamp,
) -> (Vec<Loss>, Vec<String>) {
    let from = weeks.first().map_or(now, |week| week.from);
    let months = months(from, now);
    let owners = owners_of_alarms(applications);
    let known = inputs.incidents.iter().filter(|incident| (from..=now).contains(&incident.began));
    let (owned, unknown): (Vec<&Incident>, Vec<&Incident>) =
        known.partition(|incident| owners.contains_key(incident.alarm_arn.as_str()));
    let mut unknown: Vec<String> = unknown.into_iter().map(|incident| incident.alarm_arn.clone()).collect();
    unknown.sort();
    unknown.dedup();
    let of_application = |application: &Application<'_>| {
        let declared = application.declaration.and_then(|declared| declared.revenue_per_minute);
        let runs = application.drills.iter().flat_map(|drill| drill.records.injected());
        let runs = runs.filter(|run| run.finished >= from).map(|run| Event {
            at: run.finished,
            is_incident: false,
            lost_ms: run.impaired_ms,
            revenue_per_minute: run.revenue_per_minute.or(declared),
        });
        let is_its =
            |incident: &&&Incident| owners.get(incident.alarm_arn.as_str()) == Some(&application.name);
        let incidents: Vec<LossIncident> =
            owned.iter().filter(is_its).map(|incident| LossIncident::of(incident, now)).collect();
        let of_incidents = incidents.iter().map(|incident| Event {
            at: incident.began,
            is_incident: true,
            lost_ms: incident.lost_ms,
            revenue_per_minute: declared,
        });
        let events: Vec<Event> = runs.chain(of_incidents).collect();
        of_events(application, &events, incidents, &months)
    };
    (applications.iter().map(of_application).collect(), unknown)
}

/// The application of each alarm, as the requests of drills name it.
fn owners_of_alarms<'a>(applications: &[Application<'a>]) -> BTreeMap<&'a str, &'a str> {
    let mut owners = BTreeMap::new();
    for application in applications {
        for drill in &application.drills {
            for request in drill.records.requests() {
                let detection = request.detection.as_ref().map(|detection| &detection.alarm_arn);
                let trigger = request.target.trigger().map(|trigger| &trigger.alarm_arn);
                for alarm in detection.into_iter().chain(trigger) {
                    owners.entry(alarm.as_str()).or_insert(application.name);
                }
            }
        }
    }
    owners
}

fn of_events(
    application: &Application<'_>,
    events: &[Event],
    mut incidents: Vec<LossIncident>,
    months: &[Month],
) -> Loss {
    let declared = application.declaration.and_then(|declared| declared.revenue_per_minute);
    let sum = |is_incident: bool, month: Option<&Month>| {
        let of_kind = events.iter().filter(|event| event.is_incident == is_incident);
        let of_month = of_kind.filter(|event| month.is_none_or(|month| month.span.contains(&event.at)));
        LossSum::of(of_month, declared.is_some())
    };
    let month = |month: &Month| MonthLoss {
        month: month.name.clone(),
        drills: sum(false, Some(month)),
        incidents: sum(true, Some(month)),
    };
    incidents.sort_by(|a, b| (b.began, &b.alarm_arn).cmp(&(a.began, &a.alarm_arn)));
    incidents.truncate(MAX_INCIDENTS);
    Loss {
        application: application.name.to_owned(),
        title: application.title(),
        drills: sum(false, None),
        incidents: sum(true, None),
        incident_list: incidents,
        months: months.iter().map(month).collect(),
    }
}

impl LossIncident {
    fn of(incident: &Incident, now: Timestamp) -> Self {
        Self {
            alarm_arn: incident.alarm_arn.clone(),
            began: incident.began,
            // One that ended later has not ended yet.
            lost_ms: incident.duration_ms().filter(|_| incident.ended.is_some_and(|at| at <= now)),
            done: incident.done,
            why: incident.why.as_deref().map(|why| one_line(why, 500)),
        }
    }
}

impl LossSum {
    fn of<'a>(events: impl Iterator<Item = &'a Event>, has_revenue: bool) -> Self {
        let mut sum = Self::default();
        // In the currency, times the milliseconds of a minute.
        let mut cost: Option<u128> = None;
        let mut is_whole = true;
        for event in events {
            sum.events += 1;
            let Some(lost_ms) = event.lost_ms else {
                sum.unknown += 1;
                continue;
            };
            sum.lost_ms = sum.lost_ms.saturating_add(lost_ms);
            match event.revenue_per_minute {
                Some(revenue) => {
                    cost = Some(
                        cost.unwrap_or_default().saturating_add(u128::from(lost_ms) * u128::from(revenue)),
                    );
                }
                None => is_whole = false,
            }
        }
        let cost = cost.or(has_revenue.then_some(0)).filter(|_| is_whole);
        sum.cost = cost.map(|cost| u64::try_from(cost.div_ceil(MINUTE_MS)).unwrap_or(u64::MAX));
        sum
    }
}

/// One calendar month, in UTC.
struct Month {
    name: String,
    span: Range<Timestamp>,
}

/// The calendar months from one moment to another.
fn months(from: Timestamp, to: Timestamp) -> Vec<Month> {
    let first = day_of(from).first_of_month();
    let months = first.series(1.month()).map(|month| Month {
        name: month.strftime("%Y-%m").to_string(),
        span: first_moment_of(month)..first_moment_of(month.saturating_add(1.month())),
    });
    months.take_while(|month| month.span.start <= to).take(MAX_MONTHS).collect()
}
