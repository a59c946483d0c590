//! The template in an account: names, network, concurrency, and what a first deployment tells.

use firedrill_core::request::Name;
use regex_lite::Regex;

use crate::{event, read, resource, roles::ROLES};

/// One parameter of a template, without comments.
fn parameter(template: &str, name: &str) -> String {
    let text = resource(template, name);
    assert!(text.contains("    Type: "), "there is no parameter {name}");
    text
}

/// The value of a field that stands alone on its line.
fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}: ")));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).trim().trim_matches(['"', '\'']).to_owned()
}

#[test]
fn a_name_that_a_template_accepts_is_never_refused_on_the_day_of_the_drill() {
    let (template, drills) = (read("infra/template.yaml"), read("infra/drills.yaml"));
    let one = Name::PATTERN;
    assert_eq!(field(&parameter(&drills, "Environment"), "AllowedPattern"), one);
    let bare = one.trim_matches(['^', '$']);
    for list in ["ProductionApplications", "NonProductionEnvironments"] {
        let pattern = field(&parameter(&template, list), "AllowedPattern");
        assert_eq!(pattern, format!("^$|^{bare}(,{bare})*$"), "{list}");
    }
    assert_eq!(event("request.schema")["$defs"]["Name"]["pattern"], one);
    // The code checks by hand, letter by letter.
    let pattern = Regex::new(one).unwrap();
    let (longest, too_long) = ("a".repeat(40), "a".repeat(41));
    let texts = ["staging", "a", "a-1", "a-", "", "1a", "-a", "Staging", "a_b", "a.b", "a b", "ä", "a\n"];
    for text in texts.into_iter().chain([&*longest, &*too_long]) {
        assert_eq!(Name::try_from(text.to_owned()).is_ok(), pattern.is_match(text), "{text:?}");
    }
}

/// Lambda takes at most 64 characters, and a stack's name may have 128.
#[test]
fn no_function_ever_has_a_longer_name_than_lambda_takes() {
    let template = read("infra/template.yaml");
    let longest: usize = field(&parameter(&template, "NamePrefix"), "MaxLength").parse().unwrap();
    let named = Regex::new(r#"FunctionName: !Sub "\$\{NamePrefix\}(-[a-z-]+)""#).unwrap();
    let suffixes: Vec<&str> =
        named.captures_iter(&template).map(|found| found.get(1).unwrap().as_str()).collect();
    assert_eq!(suffixes.len(), ROLES.len(), "{suffixes:?}");
    for suffix in suffixes {
        assert!(longest + suffix.len() <= 64, "{suffix} after {longest} characters");
    }
    let of_the_stack = Regex::new(r"Name: !Sub.*AWS::StackName").unwrap();
    assert!(!of_the_stack.is_match(&template), "a stack's name has up to 128 characters");
}

/// Whether this function asks the application itself.
fn does_probe(package: &str) -> bool {
    package.starts_with("drill-") || package == "watchdog"
}

#[test]
fn only_what_probes_is_ever_put_into_a_vpc_and_lambda_alone_may_connect_it() {
    let template = read("infra/template.yaml");
    for (package, ..) in ROLES {
        let name = firedrill_local::stack::logical_id(package);
        let probes = does_probe(package);
        let function = resource(&template, &format!("{name}Function"));
        let config = "VpcConfig: !If\n        - InVpc\n        - SubnetIds: !Split [\",\", !Ref SubnetIds]\n          \
                      SecurityGroupIds: !Split [\",\", !Ref SecurityGroupIds]\n        - !Ref AWS::NoValue\n";
        assert_eq!(function.contains(config), probes, "{package}: {function}");
        let role = resource(&template, &format!("{name}Role"));
        let allowed = "ManagedPolicyArns: !If [InVpc, [!Ref NetworkInterfaces], !Ref AWS::NoValue]\n";
        assert_eq!(role.contains(allowed), probes, "{package}: {role}");
    }
    let policy = resource(&template, "NetworkInterfaces");
    assert!(policy.contains("    Condition: InVpc\n"), "{policy}");
    let action = Regex::new(r"- (ec2:\w+)").unwrap();
    let statements: Vec<&str> = policy.split("- Sid: ").skip(1).collect();
    let [allow, deny] = statements[..] else { panic!("{policy}") };
    let actions = |text| -> Vec<String> { action.captures_iter(text).map(|a| a[1].to_owned()).collect() };
    // What AWSLambdaVPCAccessExecutionRole grants, without its logs.
    let needed = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"];
    let also = ["DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"];
    let needed: Vec<String> = needed.iter().chain(&also).map(|name| format!("ec2:{name}")).collect();
    assert_eq!(actions(allow), needed);
    assert_eq!(actions(deny), needed, "the functions' own code needs none of them");
    assert!(deny.contains("Effect: Deny") && deny.contains("lambda:SourceFunctionArn"), "{deny}");
}

#[test]
fn every_function_that_probes_trusts_the_authorities_of_the_stack() {
    let template = read("infra/template.yaml");
    let named = Regex::new(r#"const CA_FILE: &str = "(\w+)""#).unwrap();
    let code = read("functions/aws/src/prober.rs");
    let variable = &named.captures(&code).unwrap()[1];
    for (package, ..) in ROLES {
        let function =
            resource(&template, &format!("{}Function", firedrill_local::stack::logical_id(package)));
        for line in [
            "Layers: !If [HasProbeCa, [!Ref ProbeCaLayerArn], !Ref AWS::NoValue]".to_owned(),
            // A layer is unpacked there.
            format!("{variable}: !If [HasProbeCa, /opt/probe-ca.pem, \"\"]"),
        ] {
            assert_eq!(function.contains(&line), does_probe(package), "{package}: {line}");
        }
    }
}

#[test]
fn no_concurrency_is_ever_reserved_unless_it_is_asked_for() {
    let template = read("infra/template.yaml");
    assert_eq!(field(&parameter(&template, "FailoverReservedConcurrency"), "Default"), "0");
    let reserved = "ReservedConcurrentExecutions: !If [ReservesConcurrency, !Ref FailoverReservedConcurrency, \
                    !Ref AWS::NoValue]\n";
    for (package, ..) in ROLES {
        let function =
            resource(&template, &format!("{}Function", firedrill_local::stack::logical_id(package)));
        assert_eq!(function.contains(reserved), package.starts_with("failover-"), "{package}");
    }
    assert!(
        template.contains("ReservesConcurrency: !Not [!Equals [!Ref FailoverReservedConcurrency, \"0\"]]\n")
    );
}

/// A start of the AWS CLI takes a second or two of the processor, and a `t4g.nano` earns a twentieth of one.
#[test]
fn the_bookstores_agent_never_starts_a_program_for_each_datapoint() {
    let bookstore = read("infra/bookstore.yaml");
    let agents: Vec<&str> = bookstore.split("cat > /usr/local/bin/publish <<'END'\n").skip(1).collect();
    assert_eq!(agents.len(), 2, "one for each instance");
    for agent in agents {
        let agent = agent.split("\n            END\n").next().unwrap();
        assert!(agent.trim_start().starts_with("#!/usr/bin/python3\n"), "{agent}");
        for program in ["subprocess", "os.system", "os.popen", "import boto"] {
            assert!(!agent.contains(program), "{program}");
        }
    }
}

/// `watchdog-silent` in virtual time, by CloudWatch's rules of evaluation and of missing data (user guide, *Alarm
/// evaluation*).
mod silence {
    use regex_lite::Regex;

    use super::field;
    use crate::{read, resource};

    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Insufficient,
        Ok,
        Alarm,
    }

    /// A metric alarm of the template; times in minutes.
    struct Alarm {
        period: usize,
        periods: usize,
        threshold: f64,
        is_below: bool,
        missing: String,
        metric: String,
    }

    impl Alarm {
        fn of(text: &str) -> Self {
            let number = |name: &str| field(text, name).parse::<f64>().unwrap();
            let whole = |name: &str| field(text, name).parse::<usize>().unwrap();
            assert_eq!(field(text, "Statistic"), "Sum");
            assert!(!text.contains("DatapointsToAlarm"), "{text}");
            Self {
                period: whole("Period") / 60,
                periods: whole("EvaluationPeriods"),
                threshold: number("Threshold"),
                is_below: field(text, "ComparisonOperator") == "LessThanThreshold",
                missing: field(text, "TreatMissingData"),
                metric: field(text, "MetricName"),
            }
        }

        /// The state after an evaluation; `sum` of a span of minutes is what CloudWatch has by now.
        fn evaluated(&self, before: State, now: usize, sum: impl Fn(usize, usize) -> Option<f64>) -> State {
            let ends = (0..self.periods).map(|back| now.saturating_sub(back * self.period));
            let values: Vec<_> = ends.map(|end| sum(end.saturating_sub(self.period), end)).collect();
            let breaches = |value: &f64| {
                if self.is_below { *value < self.threshold } else { *value > self.threshold }
            };
            let known: Vec<_> = values.iter().flatten().map(breaches).collect();
            let has_gaps = known.len() < self.periods;
            match &*self.missing {
                "ignore" if has_gaps => before,
                "breaching" | "ignore" if known.iter().all(|breaches| *breaches) => State::Alarm,
                "breaching" | "ignore" => State::Ok,
                other => panic!("TreatMissingData: {other}"),
            }
        }
    }

    /// What happens to a stack that is deployed at minute 0: until when the rule ticks and until when a tick beats.
    struct Story {
        ticks_until: usize,
        beats_until: usize,
        /// How many minutes after its minute CloudWatch has a datapoint of each.
        tick_delay: usize,
        beat_delay: usize,
    }

    const HOURS: usize = 180;

    /// The minutes in which the alarm that notifies is in ALARM.
    fn told(story: &Story) -> Vec<usize> {
        let template = read("infra/template.yaml");
        let silent = resource(&template, "WatchdogSilentAlarm");
        assert!(silent.contains("AlarmActions:"), "{silent}");
        let child = Regex::new(r#"ALARM\("\$\{(\w+)\}"\)"#).unwrap();
        let rule = field(&silent, "AlarmRule");
        let children: Vec<Alarm> =
            child.captures_iter(&rule).map(|found| Alarm::of(&resource(&template, &found[1]))).collect();
        assert_eq!(children.len(), 2, "{rule}");
        assert_eq!(rule.matches(" AND ").count(), 1, "{rule}");
        let mut states = [State::Insufficient; 2];
        let mut told = Vec::new();
        for now in 0..HOURS {
            for (alarm, state) in children.iter().zip(&mut states) {
                let (until, delay) = match &*alarm.metric {
                    "heartbeats" => (story.beats_until, story.beat_delay),
                    "TriggeredRules" => (story.ticks_until, story.tick_delay),
                    other => panic!("{other}"),
                };
                // One in each minute from the second on.
                let seen = |minute: &usize| *minute >= 1 && *minute < until && minute + delay < now;
                *state = alarm.evaluated(*state, now, |from, to| {
                    let count = (from..to).filter(seen).count();
                    (count > 0).then(|| f64::from(u32::try_from(count).unwrap()))
                });
            }
            if states == [State::Alarm; 2] {
                told.push(now);
            }
        }
        told
    }

    fn stories(ticks_until: usize, beats_until: usize) -> impl Iterator<Item = Story> {
        let delays = (0..3).flat_map(|tick| (0..3).map(move |beat| (tick, beat)));
        delays.map(move |(tick_delay, beat_delay)| Story { ticks_until, beats_until, tick_delay, beat_delay })
    }

    #[test]
    fn a_first_deployment_never_tells_that_the_watchdog_is_silent() {
        for story in stories(HOURS, HOURS) {
            let told = told(&story);
            assert!(told.is_empty(), "{} and {} late: {told:?}", story.tick_delay, story.beat_delay);
        }
    }

    #[test]
    fn a_watchdog_that_never_starts_is_never_passed_over() {
        for story in stories(HOURS, 0) {
            let told = told(&story);
            assert!(told.first().is_some_and(|first| *first <= 15), "{told:?}");
            assert_eq!(told.len(), HOURS - told[0], "and the alarm stays");
        }
    }

    #[test]
    fn a_watchdog_that_stops_is_never_passed_over_whether_its_rule_goes_on_or_not() {
        for stops in [60, HOURS] {
            for story in stories(stops, 60) {
                let told = told(&story);
                assert!(told.first().is_some_and(|first| (60..=66).contains(first)), "{told:?}");
                assert_eq!(told.len(), HOURS - told[0], "and the alarm stays");
            }
        }
    }
}
