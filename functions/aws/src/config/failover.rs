//! Settings of a failover function, read once from its environment variables.

use std::time::Duration;

use firedrill_core::{
    failover::{self, FailoverRules, NoRules, parse_rules},
    request::Arn,
};
use thiserror::Error;

use super::{ConfigError, Variables};

/// The greatest age of a change that is acted on, in seconds, unless the stack sets one.
const MAX_EVENT_AGE_SECONDS: u64 = 300;
/// How long after its timeout an invocation is certainly dead: clocks of machines differ.
const MARGIN: Duration = Duration::from_secs(10);
/// Calls of the shortest failover: claim the change, read the state, move traffic, write the entry.
const MIN_CALLS: u32 = 4;

/// The settings of a failover function, as the stack's template sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverSettings {
    /// The name of the DynamoDB table that holds the journal.
    pub table: String,
    /// How long an entry of the journal is kept.
    pub retention: Duration,
    /// The deadline of every call to AWS.
    pub call_deadline: Duration,
    /// How old a change may be, and after how long an invocation is dead.
    pub handling: failover::ChangeLimits,
    /// The SNS topic that pages are sent to; none if the stack has none.
    pub topic_arn: Option<Arn>,
    /// The shortest time between two failovers of one database: RDS may silently drop one that comes sooner.
    pub cool_down: Duration,
    /// Which alarm fails over what, and the entries that cannot be used: they take nothing from the others.
    pub failovers: FailoverRules,
}

/// Why a failover function's settings cannot be used. The function answers every event with this and moves no
/// traffic.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FailoverSettingsError {
    /// A variable is missing or cannot be read.
    #[error(transparent)]
    Variable(#[from] ConfigError),
    /// The function's timeout is shorter than the calls of one failover may take.
    #[error(
        "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout:?}) must be longer than {MIN_CALLS} times \
         FIREDRILL_CALL_DEADLINE_MS ({call_deadline:?}), which must not be 0: a failover takes that many calls"
    )]
    TooShort {
        /// The function's timeout.
        timeout: Duration,
        /// The deadline of one call.
        call_deadline: Duration,
    },
    /// `FIREDRILL_FAILOVERS` is no list of entries.
    #[error(transparent)]
    Failovers(#[from] NoRules),
}

impl FailoverSettings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be read.
    pub fn from_env() -> Result<Self, FailoverSettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the variables through `lookup`.
    ///
    /// # Errors
    /// See [`FailoverSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, FailoverSettingsError> {
        let variables = Variables(lookup);
        let table = variables.table()?;
        let call_deadline = Duration::from_millis(variables.number("FIREDRILL_CALL_DEADLINE_MS")?);
        let timeout = Duration::from_secs(variables.number("FIREDRILL_FUNCTION_TIMEOUT_SECONDS")?);
        if call_deadline.is_zero() || timeout <= call_deadline * MIN_CALLS {
            return Err(FailoverSettingsError::TooShort { timeout, call_deadline });
        }
        let max_event_age = variables.number_or("FIREDRILL_MAX_EVENT_AGE_SECONDS", MAX_EVENT_AGE_SECONDS);
        Ok(Self {
            table,
            retention: variables.retention()?,
            call_deadline,
            handling: failover::ChangeLimits {
                max_event_age: Duration::from_secs(max_event_age?),
                function_timeout: timeout + MARGIN,
            },
            topic_arn: variables.topic()?,
            cool_down: variables.cool_down()?,
            failovers: parse_rules(&variables.text("FIREDRILL_FAILOVERS")?)?,
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

    fn read(
        environment: &BTreeMap<&'static str, &'static str>,
    ) -> Result<FailoverSettings, FailoverSettingsError> {
        FailoverSettings::read(|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    fn wrong(name: &'static str, value: &'static str) -> String {
        let mut environment = whole();
        environment.insert(name, value);
        let text = read(&environment).unwrap_err().to_string();
        assert!(text.contains(name), "{text}");
        text
    }

    #[test]
    fn what_the_stack_does_not_say_has_a_value_and_the_rest_is_demanded_by_name() {
        let settings = read(&whole()).unwrap();
        assert_eq!(settings.handling.max_event_age, Duration::from_mins(5));
        assert_eq!(settings.handling.function_timeout, Duration::from_secs(70), "the timeout and a margin");
        assert_eq!(settings.cool_down, Duration::from_mins(10));
        assert_eq!((settings.topic_arn, settings.failovers.rules.len()), (None, 1));
        for name in whole().keys() {
            let mut environment = whole();
            environment.remove(name);
            assert!(read(&environment).unwrap_err().to_string().contains(name));
        }
    }

    #[test]
    fn one_bad_entry_never_keeps_the_function_from_its_others() {
        let mut environment = whole();
        let good = r#"{"alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:CDN is down", "instanceArn": "arn:aws:rds:us-east-1:1:db:d"}"#;
        let entries = format!(r#"[{{"alarmArn": "a", "typo": 1}}, {good}]"#);
        environment.insert("FIREDRILL_FAILOVERS", entries.leak());
        let settings = read(&environment).unwrap();
        assert_eq!((settings.failovers.rules.len(), settings.failovers.wrong.len()), (1, 1));
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
