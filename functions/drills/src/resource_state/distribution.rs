//! State of a distribution, and the change of its origins.

use firedrill_core::{
    CallOutcome,
    failover::{BehaviorOrigins, DEFAULT_BEHAVIOR, DistributionState},
    request::Arn,
};

use super::WrongArn;
use crate::{
    Failure,
    ports::{Distribution, Distributions, Origins, Reply},
};

/// Codes that prove that somebody else changed the distribution after our read.
const LOST_RACE: [&str; 2] = ["PreconditionFailed", "InvalidIfMatchVersion"];

/// The id in the ARN of a distribution.
///
/// # Errors
/// The ARN is not that of a distribution.
pub fn distribution_id(arn: &Arn) -> Result<&str, WrongArn> {
    super::id_of(arn, "cloudfront", "distribution/").ok_or_else(|| WrongArn::NotDistribution(arn.clone()))
}

/// The state of this distribution with the configuration and the version (`ETag`) of the same read, which a
/// change must send back. Tags that could not be read are `None`, which never counts as the opt-in.
///
/// # Errors
/// The distribution could not be read.
pub async fn distribution_state<C: Distributions>(
    cloud: &C,
    id: &str,
) -> Reply<(DistributionState, C::Config, String)> {
    let (distribution, config) = cloud.get_distribution(id).await?;
    let tags = cloud.distribution_tags(&distribution.arn).await;
    let tags = tags.inspect_err(|error| tracing::warn!(%error, "the tags of {id} are unknown")).ok();
    let Distribution { arn, etag, deployed, enabled, origins, default_origin, behaviors, attachments } =
        distribution;
    let mut origins_by_behavior: BehaviorOrigins = behaviors;
    origins_by_behavior.insert(DEFAULT_BEHAVIOR.to_owned(), default_origin);
    let state = DistributionState { arn, deployed, enabled, origins, origins_by_behavior, attachments, tags };
    Ok((state, config, etag))
}

/// Sets the origins of these behaviours in the configuration whose version is `etag`. Sent once. If somebody
/// else changed the distribution first, nothing is changed, and the call may be tried again after another read.
pub async fn set_origins<C: Distributions>(
    cloud: &C,
    config: C::Config,
    etag: &str,
    to: &BehaviorOrigins,
) -> CallOutcome {
    let sent = cloud.update_origins(config, etag, &changes(to)).await;
    sent.map_or_else(outcome, |()| CallOutcome::Done)
}

fn changes(origins_by_behavior: &BehaviorOrigins) -> Origins {
    let pattern = |behavior: &String| (behavior != DEFAULT_BEHAVIOR).then(|| behavior.clone());
    origins_by_behavior.iter().map(|(behavior, origin)| (pattern(behavior), origin.clone())).collect()
}

fn outcome(failure: Failure) -> CallOutcome {
    let lost_race = LOST_RACE.contains(&failure.code());
    match failure.into_outcome() {
        CallOutcome::NotExecuted { code, message, again } => {
            CallOutcome::NotExecuted { code, message, again: again || lost_race }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use firedrill_core::failover::behavior_origins;

    use super::*;
    use crate::failure::Answer;

    #[test]
    fn the_default_behaviour_is_the_one_without_a_pattern() {
        let changed = changes(&behavior_origins(&["/static/*".to_owned()], "standby"));
        let standby = "standby".to_owned();
        let expected = [(None, standby.clone()), (Some("/static/*".to_owned()), standby)];
        assert_eq!(changed, BTreeMap::from(expected));
    }

    #[test]
    fn only_a_lost_race_makes_another_look_worth_while() {
        let again = |code: &str, status| {
            let answer = Answer::Error { code: code.to_owned(), status };
            let action = "cloudfront:UpdateDistribution";
            match outcome(Failure { action, answer, message: String::new() }) {
                CallOutcome::NotExecuted { again, .. } => Some(again),
                CallOutcome::Done | CallOutcome::Unknown { .. } => None,
            }
        };
        assert_eq!(again("PreconditionFailed", 412), Some(true));
        assert_eq!(again("InvalidIfMatchVersion", 400), Some(true));
        assert_eq!(again("AccessDenied", 403), Some(false));
        assert_eq!(again("InvalidArgument", 400), Some(false));
        assert_eq!(again("InternalError", 500), None, "it may have been executed");
    }
}
