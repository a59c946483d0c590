//! Stage: a simulated world in which no drill runs. A suite acts in it, on virtual time.

use std::{cell::Cell, rc::Rc};

use firedrill_core::{
    Timestamp,
    kind::DrillKind,
    ports::Clock as _,
    request::Arn,
    run::{OwnerId, RunId},
};

use super::{
    AlarmsSubject, ClusterSubject, DistributionSubject, FunctionSubject, GroupsSubject, HealthChecksSubject,
    InstancesSubject, KeysSubject, Outside, ProberSubject, StoreSubject, Summary, TargetsSubject,
    TopicsSubject,
};
use crate::{
    aws::{AWS_KEY, CUSTOMER_KEY, SimulatedAws, watched_metric},
    clock::SimulatedClock,
    event_queue::Due,
    executor::{self, EventSource, Task, Timers},
    failover::{
        ALARM, CLUSTER, DISTRIBUTION, FUNCTION, FUNCTION_TIMEOUT, MuteRule, Place, STOP_ALARM,
        SimulatedJournal,
    },
    fleet::{GROUP, TARGET_GROUP, id},
    history::HORIZON,
    requests::request,
    scenario::{Scenario, WrongFunction},
    store::SimulatedStore,
    world::{BEGINS, World},
};

/// How long a moment is, in milliseconds.
const MOMENT: u64 = 100;

/// A simulated world, as one invocation meets it, and everything outside of it.
pub struct Stage {
    world: Rc<World>,
    clock: Rc<SimulatedClock>,
}

/// The events of a world in which no function is invoked but the suite.
struct Scenery {
    world: Rc<World>,
    suite: Option<Task>,
}

impl EventSource for Scenery {
    fn next(&self) -> i64 {
        if self.suite.is_some() { self.world.now.get() } else { self.world.event_queue.borrow().next() }
    }

    fn fire(&mut self) -> Option<Task> {
        if self.suite.is_some() {
            return self.suite.take();
        }
        let due = self.world.event_queue.borrow_mut().take()?;
        match due {
            Due::Fleet(change) => self.world.change_fleet(change),
            Due::Cloud(pending) => self.world.take_effect(pending),
            Due::Passes | Due::Delivery | Due::Tick | Due::LateTick | Due::Command(..) => {}
        }
        self.world.propagate();
        None
    }

    fn killed(&mut self, _: &str) {}
}

impl Stage {
    /// Plays a suite in a calm world of this kind, which `change` may change before.
    ///
    /// # Panics
    /// The suite does not come to its end, because it awaits what never happens.
    pub fn play<F: Future<Output = ()> + 'static>(
        kind: DrillKind,
        change: impl FnOnce(&mut Scenario),
        suite: impl FnOnce(Self) -> F + 'static,
    ) {
        let mut scenario = Scenario::calm(kind);
        change(&mut scenario);
        let world = World::new(scenario);
        let timers = Timers::beginning(world.now.get());
        let clock = Rc::new(SimulatedClock::of_a_machine(&world, &timers));
        let ended = Rc::new(Cell::new(false));
        let (stage, end) = (Self { world: Rc::clone(&world), clock }, Rc::clone(&ended));
        let future = Box::pin(async move {
            suite(stage).await;
            end.set(true);
        });
        let suite = Task { future, timers, dies_at: i64::MAX, name: "suite".to_owned() };
        let mut scenery = Scenery { world: Rc::clone(&world), suite: Some(suite) };
        executor::run(&world.now, BEGINS + HORIZON, &mut scenery);
        assert!(ended.get(), "the suite awaits what never happens");
    }

    /// AWS, as this invocation meets it.
    #[must_use]
    pub fn aws(&self) -> SimulatedAws {
        SimulatedAws::new(&self.world, &self.clock, "suite")
    }

    /// The record of runs.
    #[must_use]
    pub fn store(&self) -> SimulatedStore {
        let (world, clock) = (Rc::clone(&self.world), Rc::clone(&self.clock));
        SimulatedStore { world, clock, owner: OwnerId("suite".to_owned()) }
    }

    /// The journal of the failover functions.
    #[must_use]
    pub fn journal(&self) -> SimulatedJournal {
        SimulatedJournal { world: Rc::clone(&self.world), clock: Rc::clone(&self.clock) }
    }
}

/// The resources of every simulated world, as subjects.
impl Stage {
    /// The instances: three that run.
    #[must_use]
    pub fn instances(&self) -> InstancesSubject {
        InstancesSubject {
            region: "eu-west-2".to_owned(),
            running: (0..3).map(id).collect(),
            tag: ("app".to_owned(), "bookstore".to_owned()),
            missing: id(77),
            missing_volume: "vol-77".to_owned(),
            pages: 2,
        }
    }

    /// The one group, which is there in a world with a time for replacements.
    #[must_use]
    pub fn groups(&self) -> GroupsSubject {
        GroupsSubject {
            region: "eu-west-2".to_owned(),
            groups: vec![GROUP.to_owned()],
            group: GROUP.to_owned(),
            members: (0..3).map(id).collect(),
            target_group: TARGET_GROUP.to_owned(),
            missing: "nobody".to_owned(),
            missing_instance: id(77),
            pages: 1,
        }
    }

    /// The group's target group.
    #[must_use]
    pub fn targets(&self) -> TargetsSubject {
        TargetsSubject {
            region: "eu-west-2".to_owned(),
            group: TARGET_GROUP.to_owned(),
            vpc: "vpc-1".to_owned(),
            targets: (0..3).map(id).collect(),
            missing: TARGET_GROUP.replace("bookstore", "nobody"),
        }
    }

    /// The two keys.
    #[must_use]
    pub fn keys(&self) -> KeysSubject {
        KeysSubject {
            region: "eu-west-2".to_owned(),
            of_aws: AWS_KEY.to_owned(),
            of_customer: CUSTOMER_KEY.to_owned(),
            missing: AWS_KEY.replace("key/aws", "key/none"),
        }
    }

    /// The two alarms.
    #[must_use]
    pub fn alarms(&self) -> AlarmsSubject {
        let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
        AlarmsSubject {
            region: "us-east-1".to_owned(),
            alarms: vec![name(ALARM), name(STOP_ALARM)],
            metric: watched_metric(),
            alarm: name(ALARM),
            arn: ALARM.to_owned(),
            action: FUNCTION.to_owned(),
            composite: name(STOP_ALARM),
            missing: "nobody".to_owned(),
            pages: 1,
        }
    }

    /// The distribution.
    #[must_use]
    pub fn distribution(&self) -> DistributionSubject {
        let id = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        DistributionSubject {
            id: id(DISTRIBUTION),
            arn: DISTRIBUTION.to_owned(),
            from: Place::Primary.name().to_owned(),
            to: Place::Standby.name().to_owned(),
            missing: "E2".to_owned(),
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> ClusterSubject {
        ClusterSubject {
            region: "eu-west-2".to_owned(),
            id: CLUSTER.rsplit(':').next().unwrap_or_default().to_owned(),
            arn: CLUSTER.to_owned(),
            writer: Place::Primary.name().to_owned(),
            reader: Place::Standby.name().to_owned(),
            missing: "nobody".to_owned(),
        }
    }

    /// The failover function.
    #[must_use]
    pub fn function(&self) -> FunctionSubject {
        let is_disabled = self.world.scenario.failover.wrong_function == Some(WrongFunction::Disabled);
        FunctionSubject {
            region: "us-east-1".to_owned(),
            arn: FUNCTION.to_owned(),
            timeout_seconds: u32::try_from(FUNCTION_TIMEOUT.as_secs()).unwrap_or_default(),
            variable: ("FIREDRILL_MAX_EVENT_AGE_SECONDS".to_owned(), "60".to_owned()),
            reserved: is_disabled.then_some(0),
            missing: format!("{FUNCTION}-2"),
        }
    }

    /// The topic of pages.
    ///
    /// # Panics
    /// Never: the simulated stack has one.
    #[must_use]
    pub fn topics(&self) -> TopicsSubject {
        let arn = |name: &str| Arn::try_from(format!("arn:aws:sns:eu-west-2:123456789012:{name}"));
        let (Ok(topic), Ok(missing)) = (arn("pages"), arn("nobody")) else { unreachable!("they are ARNs") };
        TopicsSubject { topic, subscriptions: Vec::new(), missing, pages: 1 }
    }

    /// There is no health check.
    #[must_use]
    pub fn health_checks(&self) -> HealthChecksSubject {
        HealthChecksSubject { checks: Vec::new(), pages: 1 }
    }

    /// The application's status page.
    #[must_use]
    pub fn probe(&self) -> ProberSubject {
        let url = "http://127.0.0.1:1/status".parse();
        ProberSubject { url: url.unwrap_or_else(|_| unreachable!("it is a URL")), body: "cdn".to_owned() }
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> StoreSubject {
        StoreSubject { request: (*request(&self.world.scenario)).clone(), alarm: ALARM.to_owned() }
    }
}

impl Outside for Stage {
    async fn pass(&self) {
        self.clock.wait(MOMENT).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn occupy(&self, _: &str, busy: bool) {
        self.world.cloud.borrow_mut().busy_until = if busy { i64::MAX } else { 0 };
    }

    async fn mute(&self, _: &str, rule: &str, now: bool) {
        let rule = MuteRule { name: rule.to_owned(), is_active: now };
        self.world.cloud.borrow_mut().mute_rules.push(rule);
    }

    async fn messages(&self, _: &str) -> Vec<String> {
        self.world.pages.borrow().clone()
    }

    async fn evidence(&self, run: &RunId) -> usize {
        self.world.table.borrow().evidence.keys().filter(|(id, _)| id == run).count()
    }

    async fn summary(&self, drill_key: &str) -> Option<Summary> {
        self.world.table.borrow().summaries.get(drill_key).cloned()
    }
}
