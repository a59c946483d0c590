//! How what fails over stands, and whether traffic may be moved. Pure: facts in, reasons out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Direction, FailoverReadiness};
use crate::{StepObservation, Timestamp, Tristate, request::OPT_IN_TAG};

/// Which origin each place of a distribution points to: `default`, or a behaviour's path pattern.
pub type BehaviorOrigins = BTreeMap<String, String>;

/// The place of the default behaviour.
pub const DEFAULT_BEHAVIOR: &str = "default";

/// A distribution, as CloudFront describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributionState {
    /// Its ARN.
    pub arn: String,
    /// Whether every edge has its configuration (`Deployed`, not `InProgress`).
    pub deployed: bool,
    /// Whether it serves at all.
    pub enabled: bool,
    /// The ids of its origins.
    pub origins: Vec<String>,
    /// Where its places point to.
    pub origins_by_behavior: BehaviorOrigins,
    /// Its tags; none if they could not be read.
    pub tags: Option<BTreeMap<String, String>>,
}

fn opted_in(tags: Option<&BTreeMap<String, String>>, arn: &str) -> Result<(), FailoverReadiness> {
    let (key, value) = OPT_IN_TAG;
    match tags {
        None => Err(FailoverReadiness::Unknown(format!("the tags of {arn} could not be read"))),
        Some(tags) if tags.get(key).map(String::as_str) == Some(value) => Ok(()),
        Some(_) => {
            Err(FailoverReadiness::Unfit(format!("{arn} does not carry the opt-in tag {key}={value}")))
        }
    }
}

/// These places, all pointing to one origin.
#[must_use]
pub fn behavior_origins(behaviors: &[String], origin: &str) -> BehaviorOrigins {
    let named = behaviors.iter().map(String::as_str);
    std::iter::once(DEFAULT_BEHAVIOR)
        .chain(named)
        .map(|place| (place.to_owned(), origin.to_owned()))
        .collect()
}

impl DistributionState {
    /// Whether traffic may be moved from one origin to the other.
    #[must_use]
    pub fn may_move(
        &self,
        primary: &str,
        standby: &str,
        behaviors: &[String],
        direction: Direction,
    ) -> FailoverReadiness {
        let arn = &self.arn;
        if let Err(looked) = opted_in(self.tags.as_ref(), arn) {
            return looked;
        }
        if !self.enabled {
            return FailoverReadiness::Unfit(format!("{arn} is disabled"));
        }
        for origin in [primary, standby] {
            if !self.origins.iter().any(|id| id == origin) {
                let known = self.origins.join(", ");
                return FailoverReadiness::Unfit(format!(
                    "{arn} is not as configured: it has no origin `{origin}` (it has {known})"
                ));
            }
        }
        let (from, to) = match direction {
            Direction::Over => (primary, standby),
            Direction::Back => (standby, primary),
        };
        let mut there = true;
        for place in behavior_origins(behaviors, "").keys() {
            match self.origins_by_behavior.get(place).map(String::as_str) {
                Some(origin) if origin == to => {}
                Some(origin) if origin == from => there = false,
                Some(origin) => {
                    return FailoverReadiness::Unfit(format!(
                        "{arn} is not as configured: `{place}` points to `{origin}`, neither to `{primary}` nor to \
                         `{standby}`"
                    ));
                }
                None => {
                    return FailoverReadiness::Unfit(format!(
                        "{arn} is not as configured: it has no behaviour `{place}`"
                    ));
                }
            }
        }
        if there {
            FailoverReadiness::Already(format!("{arn} points to `{to}` already"))
        } else {
            FailoverReadiness::Ready
        }
    }

    /// How the undo stands: whether each place is back at what it was before.
    #[must_use]
    pub fn undone(&self, before: &BehaviorOrigins, set: &BehaviorOrigins) -> StepObservation {
        let now = |place: &String| self.origins_by_behavior.get(place);
        let drifted =
            |(place, origin): (&String, &String)| now(place) != Some(origin) && now(place) != set.get(place);
        if before.iter().any(drifted) {
            let now: BehaviorOrigins =
                before.keys().map(|place| (place.clone(), now(place).cloned().unwrap_or_default())).collect();
            return StepObservation::Drifted(format!(
                "it is {}; the run set {}",
                describe(&now),
                describe(set)
            ));
        }
        match (before.iter().all(|(place, origin)| now(place) == Some(origin)), self.deployed) {
            (true, true) => StepObservation::Done,
            (true, false) => StepObservation::Busy,
            (false, _) => StepObservation::Open,
        }
    }

    /// Whether all places point to what the failover sets. Configured is not serving.
    #[must_use]
    pub fn failed_over(&self, set: &BehaviorOrigins) -> Tristate {
        set.iter().all(|(place, origin)| self.origins_by_behavior.get(place) == Some(origin)).into()
    }

    /// For the record: `default -> primary, Deployed`.
    #[must_use]
    pub fn describe(&self, of: &BehaviorOrigins) -> String {
        let now: BehaviorOrigins = of
            .keys()
            .map(|place| (place.clone(), self.origins_by_behavior.get(place).cloned().unwrap_or_default()))
            .collect();
        format!("{}, {}", describe(&now), if self.deployed { "Deployed" } else { "InProgress" })
    }
}

fn describe(origins_by_behavior: &BehaviorOrigins) -> String {
    origins_by_behavior
        .iter()
        .map(|(place, origin)| format!("{place} -> {origin}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A database, as RDS describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseState {
    /// Its ARN.
    pub arn: String,
    /// RDS's word, such as `available`.
    pub status: String,
    /// Cluster: its members. Empty for an instance.
    pub members: Vec<DatabaseMember>,
    /// Instance: whether it has a standby.
    pub multi_az: bool,
    /// Instance: its zone and its standby's.
    pub zones: Option<(String, String)>,
    /// Its tags; none if they could not be read. Not kept with a run.
    #[serde(skip)]
    pub tags: Option<BTreeMap<String, String>>,
    /// The latest failover that RDS tells of; none if it tells of none lately.
    pub last_failover: Option<Timestamp>,
}

/// A member of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseMember {
    /// Its identifier.
    pub id: String,
    /// Whether it is the writer.
    pub writer: bool,
    /// RDS's word for the instance behind it, such as `available`.
    pub status: String,
}

const AVAILABLE: &str = "available";

impl DatabaseState {
    /// The writer of a cluster, if there is exactly one.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        let mut writers = self.members.iter().filter(|member| member.writer);
        match (writers.next(), writers.next()) {
            (Some(writer), None) => Some(&writer.id),
            _ => None,
        }
    }

    fn available_readers(&self) -> impl Iterator<Item = &str> {
        let fit = |member: &&DatabaseMember| !member.writer && member.status == AVAILABLE;
        self.members.iter().filter(fit).map(|member| member.id.as_str())
    }

    /// Whether it may be failed over now, to `reader` if one is named.
    #[must_use]
    pub fn may_fail_over(
        &self,
        is_cluster: bool,
        reader: Option<&str>,
        cool_down_ms: u64,
        now: Timestamp,
    ) -> FailoverReadiness {
        let arn = &self.arn;
        if let Err(looked) = opted_in(self.tags.as_ref(), arn) {
            return looked;
        }
        if matches!(self.status.as_str(), "failing-over" | "rebooting") {
            return FailoverReadiness::Already(format!("{arn} is {}", self.status));
        }
        if self.status != AVAILABLE {
            return FailoverReadiness::Unfit(format!("{arn} is {}, not available", self.status));
        }
        if is_cluster {
            if self.writer().is_none() {
                return FailoverReadiness::Unfit(format!("{arn} has not exactly one writer"));
            }
            if let Some(reader) = reader {
                if self.writer() == Some(reader) {
                    return FailoverReadiness::Already(format!("{reader} is the writer of {arn} already"));
                }
                if !self.available_readers().any(|id| id == reader) {
                    return FailoverReadiness::Unfit(format!("{reader} is not an available reader of {arn}"));
                }
            } else if self.available_readers().next().is_none() {
                return FailoverReadiness::Unfit(format!("{arn} has no available reader to fail over to"));
            }
        } else if !self.multi_az {
            return FailoverReadiness::Unfit(format!("{arn} is not Multi-AZ: it has no standby"));
        }
        if let Some(last) = self.last_failover
            && now.millis_since(last) < cool_down_ms
        {
            return FailoverReadiness::Unfit(format!(
                "{arn} failed over at {last}: RDS may silently drop another one within {} s",
                cool_down_ms / 1_000
            ));
        }
        FailoverReadiness::Ready
    }

    /// Whether it is whole again: one writer and an available reader, or an available Multi-AZ instance.
    #[must_use]
    pub fn is_whole(&self, is_cluster: bool) -> StepObservation {
        let whole = if is_cluster {
            self.writer().is_some() && self.available_readers().next().is_some()
        } else {
            self.multi_az
        };
        if whole && self.status == AVAILABLE { StepObservation::Done } else { StepObservation::Busy }
    }

    /// Whether it is seen to have failed over since `before`. Of an instance there is no writer to look at:
    /// exchanged zones, an event since the injection, or a status seen to leave `available` tell; without
    /// any of these nobody can.
    #[must_use]
    pub fn failed_over(&self, before: &Self, is_cluster: bool, since: Timestamp) -> Tristate {
        if is_cluster {
            return match (self.writer(), before.writer()) {
                (Some(now), Some(before)) => (now != before).into(),
                _ => Tristate::Unknown,
            };
        }
        let exchanged = match (&self.zones, &before.zones) {
            (Some((zone, standby)), Some((was, was_standby))) => {
                zone == was_standby && standby == was && zone != was
            }
            _ => false,
        };
        let told = self.last_failover.is_some_and(|at| at >= since);
        if exchanged || told || self.status != AVAILABLE { Tristate::Yes } else { Tristate::Unknown }
    }

    /// How the second failover, back to the original writer, stands.
    #[must_use]
    pub fn writer_restored(&self, writer: &str, cool_down_ms: u64, now: Timestamp) -> StepObservation {
        if self.writer() == Some(writer) {
            return self.is_whole(true);
        }
        match self.may_fail_over(true, Some(writer), cool_down_ms, now) {
            FailoverReadiness::Ready => StepObservation::Open,
            FailoverReadiness::Already(_) | FailoverReadiness::Unfit(_) => StepObservation::Busy,
            FailoverReadiness::Unknown(_) => StepObservation::Unknown,
        }
    }

    /// For the record: `available, writer bookstore-1`.
    #[must_use]
    pub fn describe(&self) -> String {
        match (self.writer(), &self.zones) {
            (Some(writer), _) => format!("{}, writer {writer}", self.status),
            (None, Some((zone, standby))) => format!("{}, in {zone}, standby in {standby}", self.status),
            (None, None) => self.status.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> BTreeMap<String, String> {
        BTreeMap::from([(OPT_IN_TAG.0.to_owned(), OPT_IN_TAG.1.to_owned())])
    }

    fn distribution(default: &str) -> DistributionState {
        DistributionState {
            arn: "E1".to_owned(),
            deployed: true,
            enabled: true,
            origins: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            origins_by_behavior: behavior_origins(&[], default),
            tags: Some(tags()),
        }
    }

    fn unfit(looked: &FailoverReadiness) -> &str {
        match looked {
            FailoverReadiness::Unfit(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_distribution_that_is_not_as_configured_is_never_moved() {
        let may = |facts: &DistributionState| facts.may_move("a", "b", &[], Direction::Over);
        assert_eq!(may(&distribution("a")), FailoverReadiness::Ready);
        assert!(matches!(may(&distribution("b")), FailoverReadiness::Already(_)));
        assert!(unfit(&may(&distribution("c"))).contains("points to `c`"));
        let untagged = DistributionState { tags: Some(BTreeMap::new()), ..distribution("a") };
        assert!(unfit(&may(&untagged)).contains("opt-in"));
        assert!(matches!(
            may(&DistributionState { tags: None, ..distribution("a") }),
            FailoverReadiness::Unknown(_)
        ));
        assert!(unfit(&may(&DistributionState { enabled: false, ..distribution("a") })).contains("disabled"));
        let no_standby = DistributionState { origins: vec!["a".to_owned()], ..distribution("a") };
        assert!(unfit(&may(&no_standby)).contains("no origin `b`"));
        let pattern = ["/static/*".to_owned()];
        let missing = distribution("a").may_move("a", "b", &pattern, Direction::Over);
        assert!(unfit(&missing).contains("no behaviour `/static/*`"));
        assert_eq!(distribution("b").may_move("a", "b", &[], Direction::Back), FailoverReadiness::Ready);
    }

    #[test]
    fn what_somebody_else_set_is_drift_with_both_versions() {
        let (before, set) = (behavior_origins(&[], "a"), behavior_origins(&[], "b"));
        assert_eq!(distribution("a").undone(&before, &set), StepObservation::Done);
        let deploying = DistributionState { deployed: false, ..distribution("a") };
        assert_eq!(deploying.undone(&before, &set), StepObservation::Busy, "no edge can be told yet");
        assert_eq!(distribution("b").undone(&before, &set), StepObservation::Open);
        let StepObservation::Drifted(both) = distribution("c").undone(&before, &set) else {
            panic!("overwritten")
        };
        assert!(both.contains("default -> c") && both.contains("default -> b"), "{both}");
    }

    fn cluster(reader: &str) -> DatabaseState {
        let member = |id: &str, writer, status: &str| DatabaseMember {
            id: id.to_owned(),
            writer,
            status: status.to_owned(),
        };
        DatabaseState {
            arn: "c".to_owned(),
            status: AVAILABLE.to_owned(),
            members: vec![member("db-1", true, AVAILABLE), member("db-2", false, reader)],
            tags: Some(tags()),
            ..DatabaseState::default()
        }
    }

    #[test]
    fn a_database_without_a_place_to_go_is_never_failed_over() {
        let now = Timestamp::from_millis(1_000_000);
        let may =
            |facts: &DatabaseState, reader: Option<&str>| facts.may_fail_over(true, reader, 600_000, now);
        assert_eq!(may(&cluster(AVAILABLE), None), FailoverReadiness::Ready);
        assert!(unfit(&may(&cluster("creating"), None)).contains("no available reader"));
        assert!(unfit(&may(&cluster("creating"), Some("db-2"))).contains("db-2 is not an available reader"));
        assert!(matches!(may(&cluster(AVAILABLE), Some("db-1")), FailoverReadiness::Already(_)));
        let backing_up = DatabaseState { status: "backing-up".to_owned(), ..cluster(AVAILABLE) };
        assert!(unfit(&may(&backing_up, None)).contains("backing-up"));
        let recent =
            DatabaseState { last_failover: Some(Timestamp::from_millis(500_000)), ..cluster(AVAILABLE) };
        assert!(unfit(&may(&recent, None)).contains("silently drop"));
        let single = DatabaseState { members: Vec::new(), multi_az: false, ..cluster(AVAILABLE) };
        assert!(unfit(&single.may_fail_over(false, None, 0, now)).contains("not Multi-AZ"));
    }

    #[test]
    fn of_an_instance_nobody_says_that_it_did_not_fail_over() {
        let since = Timestamp::from_millis(5);
        let zones = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        let before =
            DatabaseState { multi_az: true, zones: zones("a", "b"), members: Vec::new(), ..cluster("") };
        assert_eq!(before.failed_over(&before, false, since), Tristate::Unknown);
        let moved = DatabaseState { zones: zones("b", "a"), ..before.clone() };
        assert_eq!(moved.failed_over(&before, false, since), Tristate::Yes);
        let told = DatabaseState { last_failover: Some(since), ..before.clone() };
        assert_eq!(told.failed_over(&before, false, since), Tristate::Yes);
        assert_eq!(cluster(AVAILABLE).failed_over(&cluster(AVAILABLE), true, since), Tristate::No);
    }
}
