//! The environment of a function, read once.

use std::time::Duration;

use firedrill_core::{
    gate::Policy,
    request::Arn,
    timing::{Timing, TimingError},
};
use thiserror::Error;

/// What the stack says to its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillSettings {
    /// The table that holds every run.
    pub table: String,
    /// Who may be drilled where.
    pub policy: Policy,
    /// Customer managed keys that the function may use to start an instance again. None for functions that
    /// start no instances.
    pub kms_key_arns: Vec<String>,
    /// Where messages to people go, if anywhere.
    pub topic_arn: Option<Arn>,
    /// RDS may silently drop a failover that comes sooner after another one.
    pub cool_down: Duration,
    /// For so long a finished run is kept.
    pub retention: Duration,
    /// How fast we look and how long we wait.
    pub timing: Timing,
}

/// Unless the stack says otherwise.
const COOL_DOWN_SECONDS: u64 = 600;

/// A function that was set up wrongly. It answers every invocation with this and touches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A variable is not there.
    #[error("the environment variable {0} is missing: the function was not deployed by its template")]
    Missing(&'static str),
    /// A variable holds something else than it should.
    #[error("the environment variable {name} is `{value}`, which is not {expected}")]
    Unreadable {
        /// Which.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Each number can be read, but they cannot all be meant.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// There would be no time left to do anything in.
    #[error(
        "FIREDRILL_FUNCTION_TIMEOUT_SECONDS ({timeout_ms} ms) leaves no time to drill in: twice \
         FIREDRILL_CALL_DEADLINE_MS and FIREDRILL_MARGIN_MS ({reserve_ms} ms together) are kept for handing over"
    )]
    TooShort {
        /// The function's timeout.
        timeout_ms: u64,
        /// What is kept for handing over.
        reserve_ms: u64,
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

    /// Reads whatever environment `lookup` stands for.
    ///
    /// # Errors
    /// See [`DrillSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(lookup);
        let number = |name| variables.number(name);
        let config = Self {
            table: variables.table()?,
            policy: Policy {
                production_applications: split(&variables.text("FIREDRILL_PRODUCTION_APPLICATIONS")?),
                non_production_environments: split(&variables.text("FIREDRILL_NON_PRODUCTION_ENVIRONMENTS")?),
            },
            kms_key_arns: variables
                .get("FIREDRILL_KMS_KEY_ARNS")
                .map(|value| split(&value))
                .unwrap_or_default(),
            topic_arn: variables.topic()?,
            cool_down: variables.cool_down()?,
            retention: variables.retention()?,
            timing: Timing {
                poll_ms: number("FIREDRILL_POLL_MS")?,
                aws_poll_ms: number("FIREDRILL_AWS_POLL_MS")?,
                call_deadline_ms: number("FIREDRILL_CALL_DEADLINE_MS")?,
                lease_ms: number("FIREDRILL_LEASE_MS")?,
                renew_ms: number("FIREDRILL_RENEW_MS")?,
                margin_ms: number("FIREDRILL_MARGIN_MS")?,
                settle_ms: number("FIREDRILL_SETTLE_MS")?,
                function_timeout_ms: number("FIREDRILL_FUNCTION_TIMEOUT_SECONDS")? * 1_000,
                heartbeat_fresh_ms: number("FIREDRILL_HEARTBEAT_FRESH_SECONDS")? * 1_000,
            }
            .checked()?,
        };
        let (timeout_ms, reserve_ms) = (config.timing.function_timeout_ms, reserve_ms(&config.timing));
        if timeout_ms <= reserve_ms {
            return Err(ConfigError::TooShort { timeout_ms, reserve_ms });
        }
        Ok(config)
    }
}

/// What an invocation keeps of its time for handing over: a look that is under way, and a save.
pub(crate) const fn reserve_ms(timing: &Timing) -> u64 {
    timing.call_deadline_ms * 2 + timing.margin_ms
}

/// Variables, by name; and those that every kind of function has.
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

    /// One that need not be there.
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

    /// An empty one is none: a stack need not have a topic, but it has to say so.
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
        assert!(config.policy.production_applications.is_empty());
        assert_eq!(config.policy.non_production_environments, ["test", "staging"]);
        assert_eq!(config.retention, Duration::from_hours(400 * 24));
    }

    #[test]
    fn a_topic_may_be_none_but_nothing_else_than_a_topic() {
        let topic = |value| {
            let mut environment = whole();
            environment.insert("FIREDRILL_TOPIC_ARN", value);
            read(&environment).map(|config| config.topic_arn.map(|arn| arn.to_string()))
        };
        assert_eq!(topic(""), Ok(None));
        let arn = "arn:aws:sns:eu-west-2:123456789012:pages";
        assert_eq!(topic(arn), Ok(Some(arn.to_owned())));
        assert!(matches!(topic("pages"), Err(ConfigError::Unreadable { name: "FIREDRILL_TOPIC_ARN", .. })));
    }

    #[test]
    fn the_cool_down_is_ten_minutes_unless_the_stack_says_otherwise() {
        let mut environment = whole();
        assert_eq!(read(&environment).unwrap().cool_down, Duration::from_mins(10));
        environment.insert("FIREDRILL_COOL_DOWN_SECONDS", "0");
        assert_eq!(read(&environment).unwrap().cool_down, Duration::ZERO);
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
