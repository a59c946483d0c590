//! Readiness of an instance drill: chooses the targets, and refuses what may not be stopped.

use std::collections::BTreeSet;

use firedrill_core::{
    PreparedInjection, Readiness, Tristate, UndoStep,
    evidence::Evidence,
    instance::{self, Candidate, Criteria, NoSelection, Selection},
    plan::Excluded,
    ports::Clock,
};
use futures_util::future::join;

use super::{Cloud, InstanceDrill};
use crate::{
    NotReady, WithFindings,
    ports::{Ids, Next, Reply, every_page},
};

/// The number of excluded instances that the record names.
const MAX_EXCLUDED: usize = 250;

/// The chosen targets, and what they were chosen from.
pub(super) struct Resolved {
    pub chosen: Result<Selection, NoSelection>,
    pub candidates: Vec<Candidate>,
    pub undo: Vec<UndoStep>,
    /// The Auto Scaling groups of the chosen instances.
    groups: BTreeSet<String>,
    /// What one of these groups lacks; none if all are whole.
    pub lacks: Option<String>,
}

impl<C: Cloud, K: Clock> InstanceDrill<C, K> {
    /// Checks readiness at each look: an instance may have changed since the baseline began.
    pub(super) async fn preparation(&self) -> WithFindings<Readiness> {
        let (selected, detection) = join(self.selection(), self.check_detection()).await;
        match detection {
            Ok(()) => selected,
            Err(not_ready) => (not_ready.into(), selected.1),
        }
    }

    /// Checks that the alarm that should detect the failure exists. Its history is read by name: that of an alarm of
    /// another account or Region would be the history of ours.
    ///
    /// # Errors
    /// It does not exist, or could not be read.
    pub(super) async fn check_detection(&self) -> Result<(), NotReady> {
        let Some(detection) = &self.context.request.detection else { return Ok(()) };
        let arn = &detection.alarm_arn;
        let names = Ids::one(arn.alarm_name().unwrap_or_default());
        let page =
            async |page: Next<'_>| self.context.cloud.describe_alarms(arn.region(), &names, page).await;
        let found = self.context.read(1, every_page(page)).await?;
        if found.iter().any(|alarm| alarm.arn == arn.as_str()) {
            return Ok(());
        }
        Err(NotReady::Refused(format!("`detection.alarmArn`: alarm {arn} does not exist")))
    }

    /// Chooses the targets.
    async fn selection(&self) -> WithFindings<Readiness> {
        let Resolved { chosen, candidates, undo, groups, lacks } = match self.resolve().await {
            Ok(resolved) => resolved,
            Err(not_ready) => {
                self.groups.borrow_mut().clear();
                return (not_ready.into(), Vec::new());
            }
        };
        let (readiness, selection) = match (chosen, lacks) {
            // Unknown, not refused: the group may be scaling, and whole at the next look.
            (Ok(selection), Some(why)) => (Readiness::Unknown(why), selection),
            (Ok(selection), None) => {
                (Readiness::Ready(Box::new(PreparedInjection { trigger: None, undo })), selection)
            }
            (Err(NoSelection { why, excluded }), _) => {
                (Readiness::Refused(why), Selection { excluded, ..Selection::default() })
            }
        };
        // Nothing was stopped yet, so groups of an earlier choice need no look.
        *self.groups.borrow_mut() = groups;
        let asked = candidates.into_iter().filter(|candidate| candidate.stop_protected != Tristate::Unknown);
        let protections = asked.map(|candidate| (candidate.id, candidate.stop_protected));
        self.protections.borrow_mut().extend(protections);
        let excluded = bounded(selection.excluded.clone());
        let Selection { seed, fitting, ref chosen, .. } = selection;
        let (at, chosen) = (self.context.clock.now(), chosen.clone());
        *self.latest.borrow_mut() = Some(selection);
        (readiness, vec![Evidence::Selection { at, seed, fitting, chosen, excluded }])
    }

    /// Reads the candidates and chooses the targets, within twice the call deadline.
    ///
    /// # Errors
    /// The candidates could not be read.
    pub(super) async fn resolve(&self) -> Result<Resolved, NotReady> {
        Ok(self.context.read(2, self.resolved()).await?)
    }

    /// What an instance must meet to be stopped.
    pub(super) fn criteria<'a>(&'a self, kms_key_arns: &'a [String]) -> Criteria<'a> {
        Criteria { target: &self.target, environment: self.context.environment(), kms_key_arns }
    }

    async fn resolved(&self) -> Reply<Resolved> {
        let (found, candidates, healthy) = self.candidates().await?;
        let criteria = self.criteria(&self.context.settings.kms_key_arns);
        let chosen = instance::choose(&candidates, &healthy, &criteria, self.seed);
        let Ok(selection) = &chosen else {
            let (undo, groups) = Default::default();
            return Ok(Resolved { chosen, candidates, undo, groups, lacks: None });
        };
        let account = found.first().map(|instance| instance.account.as_str()).unwrap_or_default();
        let undo = instance::undo(&selection.chosen, self.region(), account, "");
        let members = candidates.iter().filter(|candidate| selection.chosen.contains(&candidate.id));
        let memberships = members.filter_map(|candidate| candidate.group.as_ref());
        let groups: BTreeSet<String> = memberships.map(|member| member.group.clone()).collect();
        let lacks = self.lacks(&groups).await?;
        let lacks = lacks.map(|what| format!("{what}; it could not be seen to be back after the drill"));
        Ok(Resolved { chosen, candidates, undo, groups, lacks })
    }
}

/// At most `MAX_EXCLUDED` of them and the number of the others, sorted: AWS answers in no fixed order.
pub(super) fn bounded(mut excluded: Vec<Excluded>) -> Vec<Excluded> {
    excluded.sort_by(|a, b| a.resource.cmp(&b.resource));
    let more = excluded.len().saturating_sub(MAX_EXCLUDED);
    if more > 0 {
        excluded.truncate(MAX_EXCLUDED);
        excluded.push(Excluded { resource: format!("{more} more"), why: "not named here".to_owned() });
    }
    excluded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excluded_is_written_in_one_order_however_aws_answers() {
        let excluded = |id: &str| Excluded { resource: id.to_owned(), why: String::new() };
        assert_eq!(
            bounded(vec![excluded("i-1"), excluded("i-2")]),
            bounded(vec![excluded("i-2"), excluded("i-1")])
        );
        let many = (0..300).map(|n| excluded(&format!("i-{n:03}"))).collect();
        assert_eq!(bounded(many).last().unwrap().resource, "50 more");
    }
}
