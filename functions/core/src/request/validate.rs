//! What serde cannot say: values that have the right form and still cannot be meant.

use std::collections::BTreeSet;

use super::{
    AlarmTarget, BlastRadius, DatabaseArn, HttpProbe, IdentityProbe, InstanceSelector, InstanceTarget, Mode,
    ProbeKind, Request, Target, TcpProbe, parse::Problem,
};

/// The tag that an instance, distribution or database must carry to be touched at all.
pub const OPT_IN_TAG: (&str, &str) = ("firedrill:allowed", "true");

/// The longest a run may be asked to take, in seconds: a day.
const MAX_SPAN_SECONDS: u32 = 86_400;

struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, what: impl Into<String>) {
        self.0.push(Problem { field: field.into(), what: what.into() });
    }

    fn within(&mut self, field: impl Into<String>, value: u32, least: u32, most: u32) {
        if value < least || value > most {
            self.add(field, format!("is {value}; it must be {least} to {most}"));
        }
    }
}

impl Request {
    /// Everything that is wrong with it; empty if it can be run.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Problems(Vec::new());
        self.check_target(&mut found);
        self.check_steady_state(&mut found);
        self.check_objective(&mut found);
        self.check_alarms(&mut found);
        self.check_schedule(&mut found);
        for (i, window) in self.windows.iter().enumerate() {
            for (field, what) in window.problems() {
                found.add(format!("windows[{i}].{field}"), what);
            }
        }
        found.within("cadence.everyDays", self.cadence.every_days, 1, 366);
        for (field, text) in [
            ("playbook.version", &self.playbook.version),
            ("playbook.owner", &self.playbook.owner),
            ("playbook.severity", &self.playbook.severity),
        ] {
            if text.trim().is_empty() || text.len() > 200 {
                found.add(field, "must be 1 to 200 characters");
            }
        }
        found.0
    }

    fn check_target(&self, found: &mut Problems) {
        match (&self.target, self.mode) {
            (Target::Instances(target), Mode::Stop) => check_instances(target, found),
            (Target::Distribution(target), Mode::Alarm | Mode::Metric) => {
                self.check_trigger(&target.alarm, found);
                let arn = &target.distribution_arn;
                if !(arn.service() == "cloudfront" && arn.resource().starts_with("distribution/")) {
                    found.add(
                        "target.distributionArn",
                        format!("`{arn}` is not a distribution's ARN (arn:aws:cloudfront::ACCOUNT:distribution/ID)"),
                    );
                }
                if let Some(identity) = &target.identity {
                    self.check_identity(identity, found);
                }
            }
            (Target::Database(target), Mode::Alarm | Mode::Metric) => {
                self.check_trigger(&target.alarm, found);
                let arn = target.database.arn();
                let (field, kind) = match target.database {
                    DatabaseArn::Cluster(_) => ("target.clusterArn", "cluster:"),
                    DatabaseArn::Instance(_) => ("target.instanceArn", "db:"),
                };
                if !(arn.service() == "rds" && arn.resource().starts_with(kind) && !arn.region().is_empty()) {
                    found.add(
                        field,
                        format!("`{arn}` is not of the form arn:aws:rds:REGION:ACCOUNT:{kind}ID"),
                    );
                }
            }
            (Target::Instances(_), Mode::Alarm | Mode::Metric) => {
                found.add("mode", format!("is {}; instances are failed in mode stop", self.mode));
            }
            (Target::Distribution(_) | Target::Database(_), Mode::Stop) => {
                found.add(
                    "mode",
                    "is stop; what fails over through an alarm is failed in mode alarm or metric",
                );
            }
        }
        if let Some(probe) = self.target.primary_probe() {
            if probe.asks_aws() {
                found.add("target.primaryProbe", "must ask the primary itself: `http` or `tcp`");
            }
            check_probe(probe, "target.primaryProbe", found);
        }
    }

    fn check_trigger(&self, alarm: &AlarmTarget, found: &mut Problems) {
        for (i, probe) in self.steady_state.probes.iter().enumerate() {
            if probe.kind.asks_aws() {
                found.add(
                    format!("steadyState.probes[{i}]"),
                    format!(
                        "`{}` must ask the application in mode {}: `http` or `tcp`",
                        probe.name, self.mode
                    ),
                );
            }
        }
        match (self.mode, &alarm.metric) {
            (Mode::Metric, None) => {
                found.add("target.metric", "is missing: mode metric needs the value to publish");
            }
            (Mode::Metric, Some(metric)) => {
                found.within("target.metric.perPeriod", metric.per_period, 1, 10);
                if metric.value.as_f64().is_none_or(|value| !value.is_finite()) {
                    found.add(
                        "target.metric.value",
                        format!("`{}` is not a number CloudWatch takes", metric.value),
                    );
                }
            }
            (Mode::Alarm | Mode::Stop, Some(_)) => {
                found.add(
                    "target.metric",
                    format!("means nothing in mode {}: only mode metric publishes", self.mode),
                );
            }
            (Mode::Alarm | Mode::Stop, None) => {}
        }
        if let Some(seconds) = alarm.automation_deadline_seconds {
            found.within("target.automationDeadlineSeconds", seconds, 1, MAX_SPAN_SECONDS);
        }
        if alarm.allowed_actions.len() > 5 {
            found.add("target.allowedActions", "at most 5: an alarm has no more actions");
        }
    }

    fn check_identity(&self, identity: &IdentityProbe, found: &mut Problems) {
        let at = "target.identity";
        if identity.json.is_some() == identity.header.is_some() {
            found.add(at, "must name exactly one of `json` and `header`: where the answer says who serves");
        }
        if identity.primary == identity.standby {
            found.add(
                at,
                format!(
                    "`primary` and `standby` are both `{}`: nobody could tell them apart",
                    identity.primary
                ),
            );
        }
        found.within(format!("{at}.count"), identity.count, 1, 100);
        if identity.hold_for_seconds > 3_600 {
            found.add(format!("{at}.holdForSeconds"), "at most 3600");
        }
        if identity.hold_for_seconds.max(identity.count) >= self.steady_state.within_seconds {
            found.add(
                "steadyState.withinSeconds",
                "is too short for `target.identity` to hold: the baseline could never be seen",
            );
        }
        check_http(&identity.wants(&identity.primary), at, found);
    }
}

fn check_instances(target: &InstanceTarget, found: &mut Problems) {
    if !is_region(&target.region) {
        found.add("target.region", format!("`{}` is not a Region, such as eu-west-2", target.region));
    }
    match &target.instances {
        InstanceSelector::Ids(ids) => {
            if ids.is_empty() {
                found.add("target.instances.ids", "is empty: name at least one instance");
            }
            if ids.len() > 250 {
                found.add("target.instances.ids", format!("names {} instances; at most 250", ids.len()));
            }
            for (i, id) in ids.iter().enumerate() {
                if !is_instance_id(id) {
                    found.add(
                        format!("target.instances.ids[{i}]"),
                        format!("`{id}` is not an instance id (i-0123456789abcdef0)"),
                    );
                }
            }
            if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
                found.add("target.instances.ids", "names an instance twice");
            }
        }
        InstanceSelector::Tags(tags) => {
            if tags.keys().all(|key| key == OPT_IN_TAG.0) {
                found.add(
                    "target.instances.tags",
                    "would match everything that may be drilled: name at least one tag of the application",
                );
            }
            if tags.len() > 20 {
                found.add("target.instances.tags", "at most 20 tags");
            }
            for (key, value) in tags {
                // EC2's filters read * and ? as wildcards.
                if key.is_empty()
                    || value.is_empty()
                    || key.contains(['*', '?'])
                    || value.contains(['*', '?'])
                {
                    found.add(
                        format!("target.instances.tags.{key}"),
                        format!("`{value}`: empty tags and wildcards (* ?) match more than is meant"),
                    );
                }
            }
        }
        InstanceSelector::AutoScalingGroup(name) => {
            if name.trim().is_empty() || name.len() > 255 {
                found.add("target.instances.autoScalingGroup", "must be 1 to 255 characters");
            }
        }
    }
    match target.blast_radius {
        BlastRadius::Count(count) => found.within("target.blastRadius.count", count, 1, 250),
        BlastRadius::Percent(percent) => found.within("target.blastRadius.percent", percent, 1, 100),
    }
    if let Some(zone) = &target.availability_zone
        && zone.strip_prefix(&*target.region).is_none_or(str::is_empty)
    {
        found.add("target.availabilityZone", format!("`{zone}` does not lie in {}", target.region));
    }
}

impl Request {
    fn check_steady_state(&self, found: &mut Problems) {
        let probes = &self.steady_state.probes;
        found.within("steadyState.withinSeconds", self.steady_state.within_seconds, 1, 600);
        if probes.is_empty() || probes.len() > 20 {
            found.add("steadyState.probes", format!("names {} probes; 1 to 20", probes.len()));
        }
        let mut names = BTreeSet::new();
        for (i, probe) in probes.iter().enumerate() {
            let at = format!("steadyState.probes[{i}]");
            if probe.name.trim().is_empty() || probe.name.len() > 80 {
                found.add(format!("{at}.name"), "must be 1 to 80 characters");
            }
            if !names.insert(&probe.name) {
                found.add(format!("{at}.name"), format!("`{}` is the name of another probe", probe.name));
            }
            found.within(format!("{at}.count"), probe.count, 1, 100);
            if probe.hold_for_seconds > 3_600 {
                found.add(format!("{at}.holdForSeconds"), "at most 3600");
            }
            check_probe(&probe.kind, &at, found);
        }
        let slowest = probes.iter().map(|p| p.hold_for_seconds.max(p.count)).max().unwrap_or(0);
        if slowest >= self.steady_state.within_seconds {
            found.add(
                "steadyState.withinSeconds",
                format!("is too short for a probe that needs {slowest} s to hold: the baseline could never be seen"),
            );
        }
    }

    fn check_objective(&self, found: &mut Problems) {
        let objective = &self.objective;
        found.within("objective.rtoSeconds", objective.rto_seconds, 1, MAX_SPAN_SECONDS);
        found.within("objective.restoreWithinSeconds", objective.restore_within_seconds, 1, MAX_SPAN_SECONDS);
        found.within("objective.injectWithinSeconds", objective.inject_within_seconds, 1, 3_600);
        if objective.give_up_after() < objective.rto_seconds {
            found.add("objective.giveUpAfterSeconds", "is shorter than `objective.rtoSeconds`");
        }
        if let Some(seconds) = objective.run_within_seconds {
            let least = self.steady_state.within_seconds.saturating_add(objective.give_up_after());
            if seconds < least || seconds > 3 * MAX_SPAN_SECONDS {
                found.add(
                    "objective.runWithinSeconds",
                    format!(
                        "is {seconds}; it must leave time for the steady state and for giving up: {least} to {}",
                        3 * MAX_SPAN_SECONDS
                    ),
                );
            }
        }
        if objective.give_up_after() > MAX_SPAN_SECONDS {
            found.add(
                "objective.giveUpAfterSeconds",
                format!(
                    "is {} (three times rtoSeconds by default); at most {MAX_SPAN_SECONDS}",
                    objective.give_up_after()
                ),
            );
        }
    }

    fn check_alarms(&self, found: &mut Problems) {
        let detection = self.detection.iter().map(|d| ("detection.alarmArn".to_owned(), &d.alarm_arn));
        let stops = self.stop_conditions.iter().enumerate();
        let stops =
            stops.filter_map(|(i, stop)| Some((format!("stopConditions[{i}].alarmArn"), stop.alarm_arn()?)));
        let trigger = self.target.alarm().map(|alarm| ("target.alarmArn".to_owned(), &alarm.alarm_arn));
        for (field, arn) in detection.chain(stops).chain(trigger) {
            if arn.alarm_name().is_none() {
                found.add(
                    field,
                    format!("`{arn}` is not an alarm's ARN (arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME)"),
                );
            }
        }
        if self.stop_conditions.len() > 10 {
            found.add("stopConditions", "at most 10");
        }
        for (i, probe) in self.stop_conditions.iter().enumerate().filter_map(|(i, s)| Some((i, s.probe()?))) {
            let at = format!("stopConditions[{i}].probe");
            if probe.name.trim().is_empty() || probe.name.len() > 80 {
                found.add(format!("{at}.name"), "must be 1 to 80 characters");
            }
            found.within(format!("{at}.count"), probe.count, 1, 100);
            if probe.hold_for_seconds != 0 {
                found.add(format!("{at}.holdForSeconds"), "means nothing here: `count` says when it trips");
            }
            if probe.kind.asks_aws() {
                found
                    .add(&at, "must ask the application: `http` or `tcp`; of AWS's own state an alarm tells");
            }
            check_probe(&probe.kind, &at, found);
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
        if let Some(trigger) = self.target.alarm() {
            if stops_at(&trigger.alarm_arn) {
                found.add(
                    "stopConditions",
                    "names `target.alarmArn`, which the drill itself raises: it would stop itself",
                );
            }
            if self.detection.is_some() {
                found.add(
                    "detection",
                    format!(
                        "means nothing in mode {}: `target.alarmArn` is the alarm whose history is read",
                        self.mode
                    ),
                );
            }
        }
    }

    fn check_schedule(&self, found: &mut Problems) {
        if let Some(schedule) = &self.schedule {
            found.within("schedule.flexibleWindowMinutes", schedule.flexible_window_minutes, 0, 1_440);
            found.within("schedule.lateAfterSeconds", schedule.late_after_seconds, 1, MAX_SPAN_SECONDS);
            if !matches!(schedule.arn.service(), "scheduler" | "events") {
                found.add(
                    "schedule.arn",
                    format!("`{}` is neither a schedule's nor a rule's ARN", schedule.arn),
                );
            }
        }
        if let Some(id) = &self.run_id {
            let fits = id.len() <= 80
                && id.starts_with(|c: char| c.is_ascii_alphanumeric())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
            if !fits {
                found.add(
                    "runId",
                    format!("`{id}`: 1 to 80 letters, digits and . _ : - (a letter or digit first)"),
                );
            }
        }
    }
}

fn check_probe(kind: &ProbeKind, at: &str, found: &mut Problems) {
    match kind {
        ProbeKind::Http(probe) => check_http(probe, &format!("{at}.http"), found),
        ProbeKind::Tcp(TcpProbe { host, port, deadline_ms }) => {
            if host.trim().is_empty() || host.contains(['/', ' ']) {
                found.add(format!("{at}.tcp.host"), format!("`{host}` is not a host"));
            }
            if *port == 0 {
                found.add(format!("{at}.tcp.port"), "must be 1 to 65535");
            }
            found.within(format!("{at}.tcp.deadlineMs"), *deadline_ms, 1, 10_000);
        }
        ProbeKind::InstancesRunning(ids) => {
            if ids.is_empty() || ids.len() > 250 || !ids.iter().all(|id| is_instance_id(id)) {
                found.add(format!("{at}.instancesRunning"), "must name 1 to 250 instance ids");
            }
        }
        ProbeKind::GroupAtStrength(name) => {
            if name.trim().is_empty() {
                found.add(format!("{at}.groupAtStrength"), "must name an Auto Scaling group");
            }
        }
        ProbeKind::TargetGroupHealthy(arn) => {
            if !(arn.service() == "elasticloadbalancing" && arn.resource().starts_with("targetgroup/")) {
                found.add(format!("{at}.targetGroupHealthy"), format!("`{arn}` is not a target group's ARN"));
            }
        }
    }
}

fn check_http(probe: &HttpProbe, at: &str, found: &mut Problems) {
    let HttpProbe { url, status, json, deadline_ms, header } = probe;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        found.add(format!("{at}.url"), format!("`{url}` is not an http or https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        found.add(format!("{at}.url"), "holds a user name or password, which would be recorded");
    }
    found.within(format!("{at}.status"), u32::from(*status), 100, 599);
    found.within(format!("{at}.deadlineMs"), *deadline_ms, 1, 10_000);
    if let Some(json) = json
        && !(json.pointer.is_empty() || json.pointer.starts_with('/'))
    {
        found.add(format!("{at}.json.pointer"), format!("`{}` is not a JSON pointer (/a/b)", json.pointer));
    }
    if let Some(header) = header
        && (header.name.is_empty() || !header.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        found.add(format!("{at}.header.name"), format!("`{}` is not a header's name", header.name));
    }
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.last().is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
        && parts[..parts.len() - 1].iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
}

fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|hex| {
        matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}
