//! Settings of the functions that publish, tell people and show the scorecard, read once from their environment variables.

use std::time::Duration;

use firedrill_core::{Tristate, request::Arn};
use firedrill_scorecard::settings::{Links, Settings};

use super::{ConfigError, Variables, split};

/// The settings of the publisher and of the widget, as the stack's template sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorecardSettings {
    /// The name of the DynamoDB table that holds every run.
    pub table: String,
    /// How long a marker is kept.
    pub retention: Duration,
    /// The deadline of every call to AWS.
    pub call_deadline: Duration,
    /// The topic of notices, whose subscribers are counted.
    pub topic_arn: Arn,
    /// What decides what a scorecard shows, and where its links lead.
    pub scorecard: Settings,
}

impl ScorecardSettings {
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
    /// See [`ScorecardSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(lookup);
        let links = variables.links()?;
        let non_production = split(&variables.text("FIREDRILL_NON_PRODUCTION_ENVIRONMENTS")?);
        Ok(Self {
            table: variables.table()?,
            retention: variables.retention()?,
            call_deadline: variables.call_deadline()?,
            topic_arn: variables.notices_topic()?,
            scorecard: Settings {
                stack: variables.filled("FIREDRILL_STACK", "the name of a stack")?,
                drill_function_arns: variables.drill_functions()?,
                declarations_path: variables.declarations_path()?,
                non_production_environments: non_production.into_iter().collect(),
                // In the S3 console it is for those who operate the stack. What serves it, serves it to others.
                page_published: if links.base_url.is_some() { Tristate::Yes } else { Tristate::No },
                version: env!("CARGO_PKG_VERSION").to_owned(),
                links,
            },
        })
    }
}

/// The settings of the notifier, as the stack's template sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifierSettings {
    /// The deadline of every call to AWS.
    pub call_deadline: Duration,
    /// The topic of notices.
    pub topic_arn: Arn,
    /// Where the links of notices lead.
    pub links: Links,
}

impl NotifierSettings {
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
    /// See [`NotifierSettings::from_env`].
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let variables = Variables(lookup);
        Ok(Self {
            call_deadline: variables.call_deadline()?,
            topic_arn: variables.notices_topic()?,
            links: variables.links()?,
        })
    }
}

impl<L: Fn(&str) -> Option<String>> Variables<L> {
    /// A text that is not empty.
    fn filled(&self, name: &'static str, expected: &'static str) -> Result<String, ConfigError> {
        let value = self.text(name)?;
        if value.trim().is_empty() {
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(value.trim().to_owned())
    }

    /// The deadline of a call, which is not 0.
    fn call_deadline(&self) -> Result<Duration, ConfigError> {
        let name = "FIREDRILL_CALL_DEADLINE_MS";
        let deadline = Duration::from_millis(self.number(name)?);
        if deadline.is_zero() {
            let (value, expected) = (self.text(name)?, "more than 0");
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(deadline)
    }

    fn notices_topic(&self) -> Result<Arn, ConfigError> {
        let (name, expected) = ("FIREDRILL_NOTICES_TOPIC_ARN", "the ARN of an SNS topic");
        let value = self.text(name)?;
        let arn = Arn::try_from(value.trim().to_owned()).ok().filter(|arn| arn.service() == "sns");
        arn.ok_or(ConfigError::Unreadable { name, value, expected })
    }

    /// The ARNs of the drill functions, at least one: with none, every drill would seem to have no schedule.
    fn drill_functions(&self) -> Result<Vec<String>, ConfigError> {
        let (name, expected) =
            ("FIREDRILL_DRILL_FUNCTION_ARNS", "ARNs of Lambda functions, separated by commas");
        let value = self.text(name)?;
        let arns = split(&value);
        let is_function =
            |arn: &String| Arn::try_from(arn.clone()).is_ok_and(|arn| arn.service() == "lambda");
        if arns.is_empty() || !arns.iter().all(is_function) {
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(arns)
    }

    fn declarations_path(&self) -> Result<String, ConfigError> {
        let (name, expected) =
            ("FIREDRILL_DECLARATIONS_PATH", "a path of parameters, such as /firedrill/applications");
        let value = self.filled(name, expected)?;
        if !value.starts_with('/') {
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(value)
    }

    /// Where links lead. The base URL may be empty, and must be set all the same; Lambda itself sets the Region.
    fn links(&self) -> Result<Links, ConfigError> {
        let (name, expected) = ("FIREDRILL_SCORECARD_BASE_URL", "an https or http URL, or empty");
        let base_url = Some(self.text(name)?.trim().to_owned()).filter(|url| !url.is_empty());
        if let Some(value) = base_url.clone().filter(|url| !is_web_address(url)) {
            return Err(ConfigError::Unreadable { name, value, expected });
        }
        Ok(Links {
            base_url,
            bucket: self.filled("FIREDRILL_SCORECARD_BUCKET", "the name of a bucket")?,
            region: self.filled("AWS_REGION", "the name of a Region")?,
        })
    }
}

fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    type Environment = BTreeMap<&'static str, &'static str>;

    fn whole() -> Environment {
        BTreeMap::from([
            ("AWS_REGION", "eu-west-2"),
            ("FIREDRILL_CALL_DEADLINE_MS", "10000"),
            ("FIREDRILL_DECLARATIONS_PATH", "/firedrill/applications"),
            (
                "FIREDRILL_DRILL_FUNCTION_ARNS",
                "arn:aws:lambda:eu-west-2:123456789012:function:a,arn:aws:lambda:eu-west-2:123456789012:function:b",
            ),
            ("FIREDRILL_NON_PRODUCTION_ENVIRONMENTS", "test, staging"),
            ("FIREDRILL_NOTICES_TOPIC_ARN", "arn:aws:sns:eu-west-2:123456789012:notices"),
            ("FIREDRILL_RETENTION_DAYS", "400"),
            ("FIREDRILL_SCORECARD_BASE_URL", "https://drills.example.com/"),
            ("FIREDRILL_SCORECARD_BUCKET", "scorecard"),
            ("FIREDRILL_STACK", "firedrill"),
            ("FIREDRILL_TABLE", "runs"),
        ])
    }

    fn read(environment: &Environment) -> Result<ScorecardSettings, ConfigError> {
        ScorecardSettings::read(|name| environment.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn every_variable_of_the_publisher_is_read_and_one_that_is_missing_is_named() {
        let settings = read(&whole()).unwrap();
        assert_eq!(settings.retention, Duration::from_hours(400 * 24));
        assert_eq!(settings.scorecard.drill_function_arns.len(), 2);
        let environments = BTreeSet::from(["test".to_owned(), "staging".to_owned()]);
        assert_eq!(settings.scorecard.non_production_environments, environments);
        for name in whole().keys() {
            let mut environment = whole();
            environment.remove(name);
            assert_eq!(read(&environment), Err(ConfigError::Missing(name)));
        }
    }

    #[test]
    fn every_variable_of_the_notifier_that_is_missing_is_named() {
        let read = |environment: &Environment| {
            NotifierSettings::read(|name| environment.get(name).map(|value| (*value).to_owned()))
        };
        assert_eq!(read(&whole()).unwrap().links.bucket, "scorecard");
        for name in [
            "AWS_REGION",
            "FIREDRILL_CALL_DEADLINE_MS",
            "FIREDRILL_NOTICES_TOPIC_ARN",
            "FIREDRILL_SCORECARD_BASE_URL",
            "FIREDRILL_SCORECARD_BUCKET",
        ] {
            let mut environment = whole();
            environment.remove(name);
            assert_eq!(read(&environment), Err(ConfigError::Missing(name)));
        }
    }

    #[test]
    fn a_page_that_nothing_serves_is_never_called_published() {
        let mut environment = whole();
        assert_eq!(read(&environment).unwrap().scorecard.page_published, Tristate::Yes);
        environment.insert("FIREDRILL_SCORECARD_BASE_URL", "");
        let settings = read(&environment).unwrap().scorecard;
        assert_eq!((settings.page_published, settings.links.base_url), (Tristate::No, None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (name, value) in [
            ("FIREDRILL_CALL_DEADLINE_MS", "0"),
            ("FIREDRILL_DECLARATIONS_PATH", "applications"),
            ("FIREDRILL_DRILL_FUNCTION_ARNS", ""),
            ("FIREDRILL_DRILL_FUNCTION_ARNS", "drill-cdn"),
            ("FIREDRILL_NOTICES_TOPIC_ARN", ""),
            ("FIREDRILL_NOTICES_TOPIC_ARN", "arn:aws:sqs:eu-west-2:123456789012:notices"),
            ("FIREDRILL_SCORECARD_BASE_URL", "javascript:alert(1)"),
            ("FIREDRILL_SCORECARD_BUCKET", " "),
            ("FIREDRILL_TABLE", ""),
        ] {
            let mut environment = whole();
            environment.insert(name, value);
            let text = read(&environment).unwrap_err().to_string();
            assert!(text.contains(name), "{text}");
        }
    }
}
