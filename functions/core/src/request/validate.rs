//! Checks that no single field's bound can say: formats, and what depends on several fields.

use std::{collections::BTreeSet, time::Duration};

use super::{
    AlarmTrigger, HttpProbe, IdentityProbe, Mode, Probe, ProbeKind, Request, TcpProbe, parse::Problem,
};
use crate::{kind::DrillKind, run::RecordedTarget, text::quoted, timing::Timing};

/// No recovery is waited for longer than a day.
const MAX_GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// What is wrong with a request, as it is found.
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem { field: field.into(), what: what.into() });
    }

    /// A text that says nothing though it has characters.
    pub(super) fn blank(&mut self, field: impl Into<String>, text: &str) {
        if text.trim().is_empty() {
            self.add(field, "must not be blank");
        }
    }
}

impl Request {
    /// Everything that is wrong with it beside the bounds of single fields; empty if it can be run.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Problems(Vec::new());
        self.check_target(&mut found);
        self.check_steady_state(&mut found);
        self.check_objective(&mut found);
        self.check_alarms(&mut found);
        self.check_stop_conditions(&mut found);
        self.check_identity_of_run(&mut found);
        self.check_size(&mut found);
        for (i, window) in self.windows.iter().enumerate() {
            for (field, what) in window.problems() {
                found.add(format!("windows[{i}].{field}"), what);
            }
        }
        for (field, text) in [
            ("playbook.version", &self.playbook.version),
            ("playbook.owner", &self.playbook.owner),
            ("playbook.severity", &self.playbook.severity),
        ] {
            found.blank(field, text);
        }
        found.0
    }

    fn check_target(&self, found: &mut Problems) {
        let at = format!("target.{}", self.target.name());
        let modes = DrillKind::of(&self.target).row().modes;
        if !modes.contains(&self.mode) {
            let modes: Vec<String> = modes.iter().map(Mode::to_string).collect();
            found.add("mode", format!("is {}; `{at}` is failed in mode {}", self.mode, modes.join(" or ")));
        }
        self.target.check(&at, found);
        if let Some(identity) = self.target.identity() {
            self.check_identity(identity, &format!("{at}.identity"), found);
        }
        if let Some(trigger) = self.target.trigger() {
            self.check_trigger(trigger, &format!("{at}.trigger"), found);
        }
        if let Some(probe) = self.target.primary_probe() {
            let at = format!("{at}.primaryProbe");
            if probe.asks_aws() {
                found.add(&at, "must ask the primary itself: `http` or `tcp`");
            }
            check_probe(probe, &at, found);
        }
    }

    fn check_trigger(&self, trigger: &AlarmTrigger, at: &str, found: &mut Problems) {
        for (i, probe) in self.steady_state.probes.iter().enumerate() {
            if probe.check.asks_aws() {
                found.add(
                    format!("steadyState.probes[{i}].check"),
                    format!(
                        "{} must ask the application in mode {}: `http` or `tcp`",
                        quoted(&probe.name),
                        self.mode
                    ),
                );
            }
        }
        match (self.mode, &trigger.metric) {
            (Mode::Metric, None) => {
                found.add(format!("{at}.metric"), "is missing: mode metric needs the value to publish");
            }
            (Mode::Metric, Some(metric)) => {
                if !metric.value.as_f64().is_some_and(is_metric_value) {
                    found.add(
                        format!("{at}.metric.value"),
                        format!(
                            "{} is not a number CloudWatch takes: 0, or between 2^-360 and 2^360, of either sign",
                            quoted(&metric.value.to_string())
                        ),
                    );
                }
            }
            (Mode::Alarm | Mode::Stop, Some(_)) => {
                found.add(
                    format!("{at}.metric"),
                    format!("means nothing in mode {}: only mode metric publishes", self.mode),
                );
            }
            (Mode::Alarm | Mode::Stop, None) => {}
        }
    }

    fn check_identity(&self, identity: &IdentityProbe, at: &str, found: &mut Problems) {
        if identity.json.is_some() == identity.header.is_some() {
            found.add(at, "must name exactly one of `json` and `header`: where the answer says who serves");
        }
        if identity.primary == identity.standby {
            found.add(
                at,
                format!(
                    "`primary` and `standby` are both {}: nobody could tell them apart",
                    quoted(&identity.primary)
                ),
            );
        }
        let needed = needed_to_hold(identity.count, ASKED_EVERY, identity.hold_for_seconds.duration());
        if needed >= self.steady_state.within_seconds.duration() {
            found.add(
                "steadyState.withinSeconds",
                format!("is too short for `{at}` to hold: the baseline could never be seen"),
            );
        }
        check_http(&identity.wants(&identity.primary), at, found);
    }

    fn check_steady_state(&self, found: &mut Problems) {
        let probes = &self.steady_state.probes;
        let mut names = BTreeSet::new();
        for (i, probe) in probes.iter().enumerate() {
            let at = format!("steadyState.probes[{i}]");
            found.blank(format!("{at}.name"), &probe.name);
            if !names.insert(&probe.name) {
                found.add(
                    format!("{at}.name"),
                    format!("{} is the name of another probe", quoted(&probe.name)),
                );
            }
            check_probe(&probe.check, &format!("{at}.check"), found);
        }
        let needed = |probe: &Probe| {
            let asked = if probe.check.asks_aws() { AWS_ASKED_EVERY } else { ASKED_EVERY };
            needed_to_hold(probe.count, asked, probe.hold_for_seconds.duration())
        };
        let slowest = probes.iter().map(needed).max().unwrap_or_default();
        if slowest >= self.steady_state.within_seconds.duration() {
            found.add(
                "steadyState.withinSeconds",
                format!(
                    "is too short for a probe that needs {} s to hold: the baseline could never be seen",
                    slowest.as_secs()
                ),
            );
        }
    }

    fn check_objective(&self, found: &mut Problems) {
        let objective = &self.objective;
        let (rto, give_up_after) = (objective.rto_seconds.duration(), objective.give_up_after());
        if give_up_after < rto {
            found.add("objective.giveUpAfterSeconds", "is shorter than `objective.rtoSeconds`");
        }
        if objective.give_up_after_seconds.is_none() && give_up_after > MAX_GIVE_UP_AFTER {
            found.add(
                "objective.giveUpAfterSeconds",
                format!(
                    "is {} by default (three times `objective.rtoSeconds`); name one of at most {}",
                    give_up_after.as_secs(),
                    MAX_GIVE_UP_AFTER.as_secs()
                ),
            );
        }
        let least = self.steady_state.within_seconds.duration() + give_up_after.max(self.minimum_outage());
        if let Some(within) = objective.run_within_seconds.filter(|within| within.duration() < least) {
            found.add(
                "objective.runWithinSeconds",
                format!(
                    "is {within}; it must leave time for the steady state and for giving up: at least {}",
                    least.as_secs()
                ),
            );
        }
    }

    fn check_alarms(&self, found: &mut Problems) {
        let detection = self.detection.iter().map(|d| ("detection.alarmArn".to_owned(), &d.alarm_arn));
        let stops = self.stop_conditions.iter().enumerate();
        let stops =
            stops.filter_map(|(i, stop)| Some((format!("stopConditions[{i}].alarmArn"), stop.alarm_arn()?)));
        let named = format!("target.{}.trigger.alarmArn", self.target.name());
        let trigger = self.target.trigger().map(|trigger| (named.clone(), &trigger.alarm_arn));
        for (field, arn) in detection.chain(stops).chain(trigger) {
            if arn.alarm_name().is_none() {
                found.add(
                    field,
                    format!(
                        "{} is not an alarm's ARN (arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME)",
                        quoted(arn.as_str())
                    ),
                );
            }
        }
        let stops_at = |arn| self.stop_conditions.iter().any(|stop| stop.alarm_arn() == Some(arn));
        if let Some(detection) = &self.detection
            && stops_at(&detection.alarm_arn)
        {
            found.add(
                "stopConditions",
                "names the alarm that is meant to notice the drill: it would stop itself",
            );
        }
        let Some(trigger) = self.target.trigger() else { return };
        if stops_at(&trigger.alarm_arn) {
            found.add(
                "stopConditions",
                format!("names `{named}`, which the drill itself raises: it would stop itself"),
            );
        }
        if self.detection.is_some() {
            found.add(
                "detection",
                format!("means nothing in mode {}: the history of `{named}` is read", self.mode),
            );
        }
    }

    fn check_stop_conditions(&self, found: &mut Problems) {
        let probes = self.stop_conditions.iter().enumerate();
        for (i, probe) in probes.filter_map(|(i, condition)| Some((i, condition.probe()?))) {
            let at = format!("stopConditions[{i}].probe");
            found.blank(format!("{at}.name"), &probe.name);
            if !probe.hold_for_seconds.duration().is_zero() {
                found.add(format!("{at}.holdForSeconds"), "means nothing here: `count` says when it trips");
            }
            if probe.check.asks_aws() {
                found.add(
                    format!("{at}.check"),
                    "must ask the application: `http` or `tcp`; of AWS's own state an alarm tells",
                );
            }
            check_probe(&probe.check, &format!("{at}.check"), found);
        }
    }

    /// Every save of the run holds its recorded target.
    fn check_size(&self, found: &mut Problems) {
        let bytes = serde_json::to_vec(&RecordedTarget::of(self)).map_or(usize::MAX, |json| json.len());
        if bytes > RecordedTarget::MAX_BYTES {
            found.add(
                "target",
                format!(
                    "takes {bytes} bytes together with `steadyState.probes` and `playbook`; at most {}",
                    RecordedTarget::MAX_BYTES
                ),
            );
        }
    }

    fn check_identity_of_run(&self, found: &mut Problems) {
        if let Some(schedule) = &self.schedule
            && !matches!(schedule.arn.service(), "scheduler" | "events")
        {
            found.add(
                "schedule.arn",
                format!("{} is neither a schedule's nor a rule's ARN", quoted(schedule.arn.as_str())),
            );
        }
        if self.schedule.is_some() && self.run_id.is_some() {
            found.add(
                "runId",
                "stands beside `schedule`, whose `scheduledAt` names the run: with a constant `runId`, every delivery \
                 after the first would be the same run; leave one of them out",
            );
        }
        if let Some(id) = &self.run_id {
            let fits = id.len() <= 80
                && id.starts_with(|c: char| c.is_ascii_alphanumeric())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
            if !fits {
                found.add(
                    "runId",
                    format!("{}: 1 to 80 letters, digits and . _ : - (a letter or digit first)", quoted(id)),
                );
            }
        }
    }
}

/// How often a probe is asked, unless the stack's parameters say otherwise.
const ASKED_EVERY: Duration = Timing::DEFAULT.poll;
const AWS_ASKED_EVERY: Duration = Timing::DEFAULT.aws_poll;

/// The least time in which so many answers can go on for so long.
fn needed_to_hold(count: u32, asked_every: Duration, hold_for: Duration) -> Duration {
    hold_for.max(asked_every * count.saturating_sub(1) + ASKED_EVERY)
}

/// A value of a datapoint: not too large, and not too small, for CloudWatch (API reference, `MetricDatum`).
fn is_metric_value(value: f64) -> bool {
    let (least, most) = (2.0_f64.powi(-360), 2.0_f64.powi(360));
    value == 0.0 || (least..=most).contains(&value.abs())
}

/// RFC 6901: nothing, or parts that each begin with `/`, in which `~` stands only in `~0` and `~1`.
fn is_json_pointer(text: &str) -> bool {
    let escapes =
        text.match_indices('~').all(|(at, _)| matches!(text.as_bytes().get(at + 1), Some(b'0' | b'1')));
    escapes && (text.is_empty() || text.starts_with('/'))
}

/// RFC 9110, section 5.6.2: a token.
fn is_header_name(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token)
}

fn check_probe(kind: &ProbeKind, at: &str, found: &mut Problems) {
    match kind {
        ProbeKind::Http(probe) => check_http(probe, &format!("{at}.http"), found),
        ProbeKind::Tcp(TcpProbe { host, .. }) => {
            if host.trim().is_empty() || host.contains(['/', ' ']) {
                found.add(format!("{at}.tcp.host"), format!("{} is not a host", quoted(host)));
            }
        }
        ProbeKind::InstancesRunning(ids) => {
            if !ids.iter().all(|id| is_instance_id(id)) {
                found.add(format!("{at}.instancesRunning"), "must name instance ids (i-0123456789abcdef0)");
            }
        }
        ProbeKind::GroupAtStrength(name) => found.blank(format!("{at}.groupAtStrength"), name),
        ProbeKind::TargetGroupHealthy(arn) => {
            if !(arn.service() == "elasticloadbalancing" && arn.resource().starts_with("targetgroup/")) {
                found.add(
                    format!("{at}.targetGroupHealthy"),
                    format!("{} is not a target group's ARN", quoted(arn.as_str())),
                );
            }
        }
    }
}

fn check_http(probe: &HttpProbe, at: &str, found: &mut Problems) {
    let HttpProbe { url, json, header, .. } = probe;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        found.add(format!("{at}.url"), format!("{} is not an http or https URL", quoted(url.as_str())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        found.add(format!("{at}.url"), "holds a user name or password, which would be recorded");
    }
    if let Some(json) = json
        && !is_json_pointer(&json.pointer)
    {
        found.add(
            format!("{at}.json.pointer"),
            format!(
                "{} is not a JSON pointer (/a/b; `~` is written `~0`, and `/` in a name `~1`)",
                quoted(&json.pointer)
            ),
        );
    }
    if let Some(header) = header {
        if !is_header_name(&header.name) {
            found
                .add(format!("{at}.header.name"), format!("{} is not a header's name", quoted(&header.name)));
        }
        if header.value.contains(char::is_control) || header.value.trim() != header.value {
            found.add(
                format!("{at}.header.value"),
                "holds what no header's value can: control characters, or spaces around it",
            );
        }
    }
}

pub(super) fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|hex| {
        matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}
