//! The environment of a failover function, read once.

use std::time::Duration;

use firedrill_core::{
    failover::{self, FailoverRule, FailoverTarget, configured},
    request::Arn,
};

use crate::config::{ConfigError, Variables};

/// Unless the stack says otherwise.
const MAX_EVENT_AGE_SECONDS: u64 = 300;
/// Clocks of machines differ: an invocation is dead for certain so long after its timeout, in milliseconds.
const MARGIN_MS: u64 = 10_000;
/// One to claim a change, one to look, one to move traffic, one to write that down.
const MIN_CALLS: u64 = 4;

/// What the stack says to a failover function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverSettings {
    /// The table that holds what was done.
    pub table: String,
    /// For so long it is kept.
    pub retention: Duration,
    /// Every call ends within this.
    pub call_deadline: Duration,
    /// How old a change may be, and when an invocation is dead.
    pub handling: failover::ChangeLimits,
    /// Where messages to people go, if anywhere.
    pub topic_arn: Option<Arn>,
    /// RDS may silently drop a failover that comes sooner after another one.
    pub cool_down: Duration,
    /// Which alarm fails over what.
    pub failovers: Vec<(FailoverRule, FailoverTarget)>,
}

impl FailoverSettings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be read.
    pub fn from_env() -> Result<Self, String> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads whatever environment `lookup` stands for.
    ///
    /// # Errors
    /// See [`FailoverSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let wrong = |error: ConfigError| error.to_string();
        let variables = Variables(lookup);
        let table = variables.table().map_err(wrong)?;
        let call_deadline_ms = variables.number("FIREDRILL_CALL_DEADLINE_MS").map_err(wrong)?;
        let timeout_ms = variables.number("FIREDRILL_FUNCTION_TIMEOUT_SECONDS").map_err(wrong)? * 1_000;
        if call_deadline_ms == 0 || timeout_ms <= call_deadline_ms * MIN_CALLS {
            return Err(format!(
                "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout_ms} ms) must be longer than {MIN_CALLS} times \
                 FIREDRILL_CALL_DEADLINE_MS ({call_deadline_ms} ms), which must not be 0: a failover takes that \
                 many calls"
            ));
        }
        let max_event_age = variables.number_or("FIREDRILL_MAX_EVENT_AGE_SECONDS", MAX_EVENT_AGE_SECONDS);
        Ok(Self {
            table,
            retention: variables.retention().map_err(wrong)?,
            call_deadline: Duration::from_millis(call_deadline_ms),
            handling: failover::ChangeLimits {
                max_event_age_ms: max_event_age.map_err(wrong)? * 1_000,
                function_timeout_ms: timeout_ms + MARGIN_MS,
            },
            topic_arn: variables.topic().map_err(wrong)?,
            cool_down: variables.cool_down().map_err(wrong)?,
            failovers: configured(&variables.text("FIREDRILL_FAILOVERS").map_err(wrong)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn whole() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("FIREDRILL_TABLE", "runs"),
            ("FIREDRILL_RETENTION_DAYS", "400"),
            ("FIREDRILL_CALL_DEADLINE_MS", "10000"),
            ("FIREDRILL_FUNCTION_TIMEOUT_SECONDS", "60"),
            ("FIREDRILL_TOPIC_ARN", ""),
            (
                "FIREDRILL_FAILOVERS",
                r#"[{"alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:a", "instanceArn": "arn:aws:rds:us-east-1:1:db:d"}]"#,
            ),
        ])
    }

    fn read(environment: &BTreeMap<&'static str, &'static str>) -> Result<FailoverSettings, String> {
        FailoverSettings::read(|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    fn wrong(name: &'static str, value: &'static str) -> String {
        let mut environment = whole();
        environment.insert(name, value);
        let text = read(&environment).unwrap_err();
        assert!(text.contains(name), "{text}");
        text
    }

    #[test]
    fn what_the_stack_does_not_say_has_a_value_and_the_rest_is_demanded_by_name() {
        let settings = read(&whole()).unwrap();
        assert_eq!(settings.handling.max_event_age_ms, 300_000);
        assert_eq!(settings.handling.function_timeout_ms, 70_000, "the timeout and a margin");
        assert_eq!(settings.cool_down, Duration::from_mins(10));
        assert_eq!((settings.topic_arn, settings.failovers.len()), (None, 1));
        for name in whole().keys() {
            let mut environment = whole();
            environment.remove(name);
            assert!(read(&environment).unwrap_err().contains(name));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        wrong("FIREDRILL_TABLE", " ");
        assert!(wrong("FIREDRILL_MAX_EVENT_AGE_SECONDS", "5 min").contains("`5 min`"));
        wrong("FIREDRILL_COOL_DOWN_SECONDS", "");
        wrong("FIREDRILL_TOPIC_ARN", "pages");
        wrong("FIREDRILL_FAILOVERS", "{}");
        wrong("FIREDRILL_FUNCTION_TIMEOUT_SECONDS", "40");
        wrong("FIREDRILL_CALL_DEADLINE_MS", "0");
    }
}
