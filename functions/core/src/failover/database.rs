//! Database: how an RDS cluster or Multi-AZ instance is, and whether it may be failed over. Pure.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{FailoverReadiness, check_opt_in};
use crate::{StepObservation, Timestamp, Tristate};

/// A database, as RDS describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseState {
    /// Its ARN.
    pub arn: String,
    /// Its status, as RDS names it, such as `available`.
    pub status: String,
    /// Cluster: its members. Empty for an instance.
    pub members: Vec<DatabaseMember>,
    /// Instance: whether it has a standby.
    pub multi_az: bool,
    /// Instance: its Availability Zone and its standby's.
    pub zones: Option<(String, String)>,
    /// Its tags; `None` if they could not be read. Not kept in the head of a run.
    #[serde(skip)]
    pub tags: Option<BTreeMap<String, String>>,
    /// The latest failover in the events of RDS; `None` if there is none in the period that was read.
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
    /// The status of its DB instance, as RDS names it, such as `available`.
    pub status: String,
}

/// A failover that is wanted of a database.
#[derive(Clone, Copy, Debug)]
pub struct WantedFailover<'a> {
    /// Whether the database is a cluster.
    pub is_cluster: bool,
    /// Cluster: the reader that is to become the writer; none leaves the choice to RDS.
    pub reader: Option<&'a str>,
    /// The shortest time since the last failover.
    pub cool_down: Duration,
    /// Whether a drill wants it, and not a real alarm.
    pub by_drill: bool,
}

const AVAILABLE: &str = "available";
/// The statuses of a database that fails over.
const FAILING_OVER: [&str; 2] = ["failing-over", "rebooting"];

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

    fn is_failing_over(&self) -> bool {
        FAILING_OVER.contains(&self.status.as_str())
    }

    fn readers(&self) -> impl Iterator<Item = &DatabaseMember> {
        self.members.iter().filter(|member| !member.writer)
    }

    fn has_available_reader(&self) -> bool {
        self.readers().any(|reader| reader.status == AVAILABLE)
    }

    /// Whether it may be failed over now.
    ///
    /// A drill needs database and reader to be `available`. For a real alarm RDS decides about their statuses: it fails
    /// over in others, too, such as `backing-up`, and refuses where it cannot.
    #[must_use]
    pub fn may_fail_over(&self, wanted: &WantedFailover<'_>, now: Timestamp) -> FailoverReadiness {
        let WantedFailover { is_cluster, cool_down, by_drill, .. } = *wanted;
        let arn = &self.arn;
        if let Err(looked) = check_opt_in(self.tags.as_ref(), arn) {
            return looked;
        }
        if self.is_failing_over() {
            return FailoverReadiness::Already(format!("{arn} is {}", self.status));
        }
        if by_drill && self.status != AVAILABLE {
            return FailoverReadiness::Unfit(format!("{arn} is {}, not available", self.status));
        }
        if is_cluster {
            if let Err(unready) = self.check_members(wanted) {
                return unready;
            }
        } else if !self.multi_az {
            return FailoverReadiness::Unfit(format!("{arn} is not Multi-AZ: it has no standby"));
        }
        if let Some(last) = self.last_failover
            && now - last < cool_down
        {
            return FailoverReadiness::Unfit(format!(
                "{arn} failed over at {last}: RDS may silently drop another one within {} s",
                cool_down.as_secs()
            ));
        }
        FailoverReadiness::Ready
    }

    /// Checks that the cluster has a writer to fail over from, and a reader to fail over to.
    fn check_members(&self, wanted: &WantedFailover<'_>) -> Result<(), FailoverReadiness> {
        let arn = &self.arn;
        let unfit = |why: String| Err(FailoverReadiness::Unfit(why));
        let Some(writer) = self.writer() else {
            return unfit(format!("{arn} has not exactly one writer"));
        };
        if wanted.reader == Some(writer) {
            return Err(FailoverReadiness::Already(format!("{writer} is the writer of {arn} already")));
        }
        let named = |reader: &&DatabaseMember| wanted.reader.is_none_or(|id| id == reader.id);
        let mut readers = self.readers().filter(named);
        if readers.any(|reader| !wanted.by_drill || reader.status == AVAILABLE) {
            return Ok(());
        }
        let missing = if wanted.by_drill { "available reader" } else { "reader" };
        unfit(match wanted.reader {
            Some(reader) => format!("{arn} has no {missing} {reader}"),
            None => format!("{arn} has no {missing} to fail over to"),
        })
    }

    /// Whether it is fully redundant again: one writer and an available reader, or an available Multi-AZ instance.
    #[must_use]
    pub fn is_whole(&self, is_cluster: bool) -> StepObservation {
        let whole =
            if is_cluster { self.writer().is_some() && self.has_available_reader() } else { self.multi_az };
        if whole && self.status == AVAILABLE { StepObservation::Done } else { StepObservation::Busy }
    }

    /// Whether it has failed over since `before`. An instance has no writer to look at: exchanged zones, an event since the
    /// injection, or the status of a reboot prove a failover; without any of these it is unknown.
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
        let has_event = self.last_failover.is_some_and(|at| at >= since);
        if exchanged || has_event || self.is_failing_over() { Tristate::Yes } else { Tristate::Unknown }
    }

    /// Whether it has failed over since `before`, and RDS is done with that.
    #[must_use]
    pub fn completed_failover(&self, before: &Self, is_cluster: bool, since: Timestamp) -> Tristate {
        match self.failed_over(before, is_cluster, since) {
            Tristate::Yes if self.is_failing_over() => Tristate::No,
            seen => seen,
        }
    }

    /// The state of the undo step that makes the original writer writer again, by a second failover.
    #[must_use]
    pub fn writer_restored(&self, writer: &str, cool_down: Duration, now: Timestamp) -> StepObservation {
        if self.writer() == Some(writer) {
            return self.is_whole(true);
        }
        let wanted = WantedFailover { is_cluster: true, reader: Some(writer), cool_down, by_drill: true };
        match self.may_fail_over(&wanted, now) {
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
    use crate::failover::tests::{tags, unfit};

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
        let cool_down = Duration::from_mins(10);
        let wanted = WantedFailover { is_cluster: true, reader: None, cool_down, by_drill: true };
        let may = |state: &DatabaseState, reader: Option<&str>| {
            state.may_fail_over(&WantedFailover { reader, ..wanted }, now)
        };
        assert_eq!(may(&cluster(AVAILABLE), None), FailoverReadiness::Ready);
        assert!(unfit(&may(&cluster("creating"), None)).contains("no available reader to"));
        assert!(unfit(&may(&cluster("creating"), Some("db-2"))).contains("no available reader db-2"));
        assert!(matches!(may(&cluster(AVAILABLE), Some("db-1")), FailoverReadiness::Already(_)));
        let backing_up = DatabaseState { status: "backing-up".to_owned(), ..cluster(AVAILABLE) };
        assert!(unfit(&may(&backing_up, None)).contains("backing-up"));
        let recent =
            DatabaseState { last_failover: Some(Timestamp::from_millis(500_000)), ..cluster(AVAILABLE) };
        assert!(unfit(&may(&recent, None)).contains("silently drop"));
        let single = DatabaseState { members: Vec::new(), multi_az: false, ..cluster(AVAILABLE) };
        let wanted = WantedFailover { is_cluster: false, ..wanted };
        assert!(unfit(&single.may_fail_over(&wanted, now)).contains("not Multi-AZ"));
    }

    #[test]
    fn for_a_real_alarm_no_status_is_refused_that_rds_might_take() {
        let may = |state: &DatabaseState, reader| {
            let wanted =
                WantedFailover { is_cluster: true, reader, cool_down: Duration::ZERO, by_drill: false };
            state.may_fail_over(&wanted, Timestamp::from_millis(1_000_000))
        };
        for status in ["backing-up", "storage-optimization", "a status of tomorrow"] {
            let busy = DatabaseState { status: status.to_owned(), ..cluster(status) };
            assert_eq!(may(&busy, None), FailoverReadiness::Ready, "{status}");
            assert_eq!(may(&busy, Some("db-2")), FailoverReadiness::Ready, "{status}");
        }
        let moving = DatabaseState { status: "failing-over".to_owned(), ..cluster(AVAILABLE) };
        assert!(matches!(may(&moving, None), FailoverReadiness::Already(_)));
        assert!(unfit(&may(&cluster(AVAILABLE), Some("db-3"))).contains("no reader db-3"));
        let alone = DatabaseState { members: cluster(AVAILABLE).members[..1].to_vec(), ..cluster(AVAILABLE) };
        assert!(unfit(&may(&alone, None)).contains("no reader to"));
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
        let backing_up = DatabaseState { status: "backing-up".to_owned(), ..before.clone() };
        assert_eq!(backing_up.failed_over(&before, false, since), Tristate::Unknown);
        let with_event = DatabaseState { last_failover: Some(since), ..before.clone() };
        assert_eq!(with_event.failed_over(&before, false, since), Tristate::Yes);
        assert_eq!(cluster(AVAILABLE).failed_over(&cluster(AVAILABLE), true, since), Tristate::No);
    }
}
