//! Settings of a function, read once from its environment variables.

use std::time::Duration;

use firedrill_core::{
    gate::Policy,
    request::Arn,
    timing::{Timing, TimingError},
};
use firedrill_drills::Settings;
use thiserror::Error;

#[cfg(feature = "failover")]
pub mod failover;
#[cfg(feature = "scorecard")]
pub mod scorecard;

/// The settings of a drill function or the watchdog, as the stack's template sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSettings {
    /// The name of the DynamoDB table that holds every run.
    pub table: String,
    /// How long a finished run is kept.
    pub retention: Duration,
    /// What decides what a drill may do.
    pub drill: Settings,
}

/// The cool-down unless the stack sets one.
const COOL_DOWN_SECONDS: u64 = 600;

/// Why a function's settings cannot be used. The function answers every invocation with this and touches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A variable is not set.
    #[error("the environment variable {0} is missing: the function was not deployed by its template")]
    Missing(&'static str),
    /// A variable holds a value of the wrong form.
    #[error("the environment variable {name} is `{value}`, which is not {expected}")]
    Unreadable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The form that its value should have.
        expected: &'static str,
    },
    /// The times contradict each other.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The function's timeout leaves no time to drill in.
    #[error(
        "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout:?}) leaves no time to drill in: twice \
         FIREDRILL_CALL_DEADLINE_MS and FIREDRILL_MARGIN_MS ({reserve:?} together) are kept for handing over"
    )]
    TooShort {
        /// The function's timeout.
        timeout: Duration,
        /// What is kept for handing over.
        reserve: Duration,
    },
    /// The watchdog's timeout is too short to take a run over: it would write heartbeats, and finish nothing.
    #[error(
        "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout:?}) is too short for the watchdog: seeing that a lease has \
         lapsed takes {takeover:?} (FIREDRILL_LEASE_MS, FIREDRILL_CALL_DEADLINE_MS and FIREDRILL_MARGIN_MS \
         together), and {kept:?} are kept for handing over"
    )]
    TooShortToTakeOver {
        /// The function's timeout.
        timeout: Duration,
        /// How long the watchdog must see the same version of a head before it may take the run over.
        takeover: Duration,
        /// What is kept for handing over.
        kept: Duration,
    },
}

impl DrillSettings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or cannot be read.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads the variables through `lookup`.
    ///
    /// # Errors
    /// See [`DrillSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(lookup);
        let millis = |name| variables.number(name).map(Duration::from_millis);
        let seconds = |name| variables.number(name).map(Duration::from_secs);
        let list = |name| variables.text(name).map(|text| split(&text));
        let config = Self {
            table: variables.table()?,
            retention: variables.retention()?,
            drill: Settings {
                policy: Policy {
                    production_applications: list("FIREDRILL_PRODUCTION_APPLICATIONS")?,
                    non_production_environments: list("FIREDRILL_NON_PRODUCTION_ENVIRONMENTS")?,
                    require_environment_tag: variables.flag("FIREDRILL_REQUIRE_ENVIRONMENT_TAG")?,
                },
                kms_key_arns: split(&variables.get("FIREDRILL_KMS_KEY_ARNS").unwrap_or_default()),
                topic_arn: variables.topic()?,
                watchdog: variables.get("FIREDRILL_WATCHDOG_FUNCTION").filter(|name| !name.trim().is_empty()),
                cool_down: variables.cool_down()?,
                timing: Timing {
                    poll: millis("FIREDRILL_POLL_MS")?,
                    aws_poll: millis("FIREDRILL_AWS_POLL_MS")?,
                    call_deadline: millis("FIREDRILL_CALL_DEADLINE_MS")?,
                    lease: millis("FIREDRILL_LEASE_MS")?,
                    renew: millis("FIREDRILL_RENEW_MS")?,
                    margin: millis("FIREDRILL_MARGIN_MS")?,
                    settle: millis("FIREDRILL_SETTLE_MS")?,
                    function_timeout: seconds("FIREDRILL_FUNCTION_TIMEOUT_SECONDS")?,
                    heartbeat_fresh: seconds("FIREDRILL_HEARTBEAT_FRESH_SECONDS")?,
                }
                .checked()?,
            },
        };
        let timing = &config.drill.timing;
        let (timeout, reserve) = (timing.function_timeout, reserve(timing));
        if timeout <= reserve {
            return Err(ConfigError::TooShort { timeout, reserve });
        }
        Ok(config)
    }
}

/// What an invocation keeps of its time for handing over: to end the look under way, and to save.
pub(crate) fn reserve(timing: &Timing) -> Duration {
    timing.call_deadline * 2 + timing.margin
}

/// Environment variables by name, and those that every kind of function has.
pub(crate) struct Variables<L>(pub L);

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    pub(crate) fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        self.get(name).ok_or(ConfigError::Missing(name))
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<u64, ConfigError> {
        let value = self.text(name)?;
        let expected = "a whole number";
        let number = value.trim().parse::<u32>().map(u64::from);
        number.map_err(|_| ConfigError::Unreadable { name, value, expected })
    }

    fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        let value = self.text(name)?;
        let expected = "`true` or `false`";
        value.trim().parse().map_err(|_| ConfigError::Unreadable { name, value, expected })
    }

    /// A number, or `otherwise` if the variable is not set.
    pub(crate) fn number_or(&self, name: &'static str, otherwise: u64) -> Result<u64, ConfigError> {
        if self.get(name).is_none() { Ok(otherwise) } else { self.number(name) }
    }

    pub(crate) fn table(&self) -> Result<String, ConfigError> {
        let (name, expected) = ("FIREDRILL_TABLE", "the name of a table");
        let value = self.text(name)?;
        if value.trim().is_empty() {
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(value)
    }

    pub(crate) fn retention(&self) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number("FIREDRILL_RETENTION_DAYS")? * 86_400))
    }

    pub(crate) fn cool_down(&self) -> Result<Duration, ConfigError> {
        let seconds = self.number_or("FIREDRILL_COOL_DOWN_SECONDS", COOL_DOWN_SECONDS)?;
        Ok(Duration::from_secs(seconds))
    }

    /// The topic; none if the variable is empty. A stack without a topic must set the variable all the same.
    pub(crate) fn topic(&self) -> Result<Option<Arn>, ConfigError> {
        let name = "FIREDRILL_TOPIC_ARN";
        let value = self.text(name)?;
        if value.trim().is_empty() {
            return Ok(None);
        }
        let arn = Arn::try_from(value.trim().to_owned()).ok().filter(|arn| arn.service() == "sns");
        let expected = "the ARN of an SNS topic, or empty";
        arn.map(Some).ok_or(ConfigError::Unreadable { name, value, expected })
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn whole() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("FIREDRILL_TABLE", "runs"),
            ("FIREDRILL_PRODUCTION_APPLICATIONS", ""),
            ("FIREDRILL_NON_PRODUCTION_ENVIRONMENTS", "test, staging"),
            ("FIREDRILL_REQUIRE_ENVIRONMENT_TAG", "true"),
            ("FIREDRILL_TOPIC_ARN", ""),
            ("FIREDRILL_RETENTION_DAYS", "400"),
            ("FIREDRILL_POLL_MS", "1000"),
            ("FIREDRILL_AWS_POLL_MS", "5000"),
            ("FIREDRILL_CALL_DEADLINE_MS", "10000"),
            ("FIREDRILL_LEASE_MS", "60000"),
            ("FIREDRILL_RENEW_MS", "15000"),
            ("FIREDRILL_MARGIN_MS", "10000"),
            ("FIREDRILL_SETTLE_MS", "900000"),
            ("FIREDRILL_FUNCTION_TIMEOUT_SECONDS", "900"),
            ("FIREDRILL_HEARTBEAT_FRESH_SECONDS", "180"),
        ])
    }

    fn read(environment: &BTreeMap<&'static str, &'static str>) -> Result<DrillSettings, ConfigError> {
        DrillSettings::read(|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn an_empty_list_allows_nothing_rather_than_the_empty_name() {
        let config = read(&whole()).unwrap();
        assert!(config.drill.policy.production_applications.is_empty());
        assert_eq!(config.drill.policy.non_production_environments, ["test", "staging"]);
        assert_eq!(config.retention, Duration::from_hours(400 * 24));
    }

    #[test]
    fn the_tag_of_the_environment_is_never_optional_because_a_word_is_not_understood() {
        let mut environment = whole();
        assert!(read(&environment).unwrap().drill.policy.require_environment_tag);
        environment.insert("FIREDRILL_REQUIRE_ENVIRONMENT_TAG", "no");
        let text = read(&environment).unwrap_err().to_string();
        assert!(text.contains("FIREDRILL_REQUIRE_ENVIRONMENT_TAG") && text.contains("`no`"), "{text}");
    }

    #[test]
    fn a_topic_may_be_none_but_nothing_else_than_a_topic() {
        let topic = |value| {
            let mut environment = whole();
            environment.insert("FIREDRILL_TOPIC_ARN", value);
            read(&environment).map(|config| config.drill.topic_arn.map(|arn| arn.to_string()))
        };
        assert_eq!(topic(""), Ok(None));
        let arn = "arn:aws:sns:eu-west-2:123456789012:pages";
        assert_eq!(topic(arn), Ok(Some(arn.to_owned())));
        assert!(matches!(topic("pages"), Err(ConfigError::Unreadable { name: "FIREDRILL_TOPIC_ARN", .. })));
    }

    #[test]
    fn the_cool_down_is_ten_minutes_unless_the_stack_says_otherwise() {
        let mut environment = whole();
        assert_eq!(read(&environment).unwrap().drill.cool_down, Duration::from_mins(10));
        environment.insert("FIREDRILL_COOL_DOWN_SECONDS", "0");
        assert_eq!(read(&environment).unwrap().drill.cool_down, Duration::ZERO);
    }

    #[test]
    fn every_missing_variable_is_named() {
        for name in whole().keys() {
            let mut environment = whole();
            environment.remove(name);
            assert_eq!(read(&environment), Err(ConfigError::Missing(name)));
        }
    }

    #[test]
    fn a_number_that_cannot_be_read_is_named_with_what_it_holds() {
        let mut environment = whole();
        environment.insert("FIREDRILL_LEASE_MS", "a minute");
        let text = read(&environment).unwrap_err().to_string();
        assert!(text.contains("FIREDRILL_LEASE_MS") && text.contains("`a minute`"), "{text}");
    }

    #[test]
    fn numbers_that_do_not_fit_together_are_refused() {
        let mut environment = whole();
        environment.insert("FIREDRILL_RENEW_MS", "30000");
        assert!(matches!(read(&environment), Err(ConfigError::Timing(_))));
        environment = whole();
        environment.insert("FIREDRILL_FUNCTION_TIMEOUT_SECONDS", "30");
        assert!(matches!(read(&environment), Err(ConfigError::TooShort { .. })));
    }
}
