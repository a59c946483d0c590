//! Drill kinds: one row for each dependency that a drill can make fail.
//!
//! The checks of the templates, local AWS, the sweep and the simulator read this table. A new kind is a variant and
//! its row.

use std::fmt;

use crate::request::{Mode, Target};

/// A kind of drill, named after the resource that it makes fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DrillKind {
    /// Stops EC2 instances.
    Instance,
    /// Fails a CloudFront distribution over through its alarm.
    Cdn,
    /// Fails an RDS database over through its alarm.
    Database,
}

/// What distinguishes one kind of drill from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// The name in files of `events/` and on the command line: `instance`.
    pub name: &'static str,
    /// The package of the function that runs it: `drill-instance`.
    pub package: &'static str,
    /// The package of the function that its alarm triggers; none if the kind works through no alarm.
    pub failover_package: Option<&'static str>,
    /// The dependency that fails, as the requests in `infra/drills.yaml` name it.
    pub dependency: &'static str,
    /// The name of its target: `instances`, `distribution` or `database`.
    pub target: &'static str,
    /// The modes in which it can inject.
    pub modes: &'static [Mode],
}

impl DrillKind {
    /// Every kind, in the order in which they are shown and deployed.
    pub const ALL: [Self; 3] = [Self::Instance, Self::Cdn, Self::Database];

    /// The row of the table.
    #[must_use]
    pub const fn row(self) -> &'static KindRow {
        match self {
            Self::Instance => &KindRow {
                name: "instance",
                package: "drill-instance",
                failover_package: None,
                dependency: "compute",
                target: "instances",
                modes: &[Mode::Stop],
            },
            Self::Cdn => &KindRow {
                name: "cdn",
                package: "drill-cdn",
                failover_package: Some("failover-cdn"),
                dependency: "cdn",
                target: "distribution",
                modes: &[Mode::Alarm, Mode::Metric],
            },
            Self::Database => &KindRow {
                name: "db",
                package: "drill-db",
                failover_package: Some("failover-db"),
                dependency: "database",
                target: "database",
                modes: &[Mode::Alarm, Mode::Metric],
            },
        }
    }

    /// The kind of this name; none if no kind has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.row().name == name)
    }

    /// The kind that drills this target.
    #[must_use]
    pub const fn of(target: &Target) -> Self {
        match target {
            Target::Instances(_) => Self::Instance,
            Target::Distribution(_) => Self::Cdn,
            Target::Database(_) => Self::Database,
        }
    }

    /// Whether the failure is caused through an alarm, to which a failover function responds.
    #[must_use]
    pub const fn works_through_alarm(self) -> bool {
        self.row().failover_package.is_some()
    }
}

impl fmt::Display for DrillKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}
