//! Failover case: one failover function, what it fails over, and one alarm, for tests of the function by itself.
//!
//! The function is the real one, and gets real events. What surrounds it is the simulator's: AWS, the journal, time. A test
//! says what its alarm does, in which shape and order the changes are delivered, and what goes wrong on the way; then it
//! looks at what was called, moved, recorded, told and logged. Nothing is drawn but the milliseconds that each call takes.

mod lambda;
mod log;

use std::{cell::RefCell, rc::Rc, time::Duration};

use firedrill_core::{
    ClockName, Measured, Phase, Run, Timestamp,
    dispatch::{Invocation, new_run},
    failover::{AlarmChange, AlarmState, ChangeLimits, DatabaseState, JournalEntry},
    kind::DrillKind,
    millis,
    run::{OwnerId, RunId, Trigger},
};
use serde_json::{Map, Value, json};

pub use lambda::{Attempt, Delivery, FUNCTION_LIVES, RETRIED_AFTER};
pub use log::LogLine;

pub use crate::planned_fault::ALWAYS;

use crate::{
    alarm_event::Shape,
    calls::SentCall,
    executor::{self, Task},
    failover::{ALARM, CLUSTER, DISTRIBUTION, FUNCTION, INSTANCE, PERIOD, PERIODS, Place, Stack, Unusual},
    planned_fault::{FaultEffect, OperationFault},
    requests::{TIMING, policy, request},
    scenario::{Scenario, Span},
    world::World,
};
use lambda::Lambda;

/// The greatest age of a change that is acted on: the template's default.
pub const MAX_EVENT_AGE: Duration = Duration::from_mins(5);
/// How long a database is not failed over again: the template's default.
pub const COOL_DOWN: Duration = Duration::from_mins(10);
/// How long after its timeout an invocation is certainly dead, as the function's settings have it.
const MARGIN: Duration = Duration::from_secs(10);

/// What fails over, and by which rule.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Setup {
    /// Draws how long each call takes.
    pub seed: u64,
    /// Whether it carries the opt-in tag.
    pub opted_in: bool,
    /// The distribution: the origin of its default behaviour.
    pub origin: Place,
    /// The rule's `behaviors`. The distribution has `/static/*` and `/origins/*`.
    pub behaviors: Vec<&'static str>,
    /// The rule's `failBackOnOk`.
    pub fail_back_on_ok: bool,
    /// The database's status.
    pub status: &'static str,
    /// The cluster: the status of its readers.
    pub reader_status: &'static str,
    /// The cluster: whether it has a second reader, `elsewhere`, which RDS does not choose by itself.
    pub second_reader: bool,
    /// The rule's `reader`.
    pub reader: Option<&'static str>,
    /// The function's configuration: entries before the rule.
    pub other_entries: Vec<Value>,
    /// The database instance: whether it is Multi-AZ.
    pub multi_az: bool,
    /// The primary really fails during this span, in milliseconds, and CloudWatch evaluates the alarm.
    pub primary_unhealthy: Option<Span>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 0,
            opted_in: true,
            origin: Place::Primary,
            behaviors: Vec::new(),
            fail_back_on_ok: false,
            status: "available",
            reader_status: "available",
            second_reader: false,
            reader: None,
            other_entries: Vec::new(),
            multi_az: true,
            primary_unhealthy: None,
        }
    }
}

/// What fails over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A distribution, from `primary` to `standby`.
    Distribution,
    /// A cluster, whose writer is `primary`.
    Cluster,
    /// A database instance.
    Instance,
}

/// One failover function and its surroundings.
pub struct FailoverCase {
    world: Rc<World>,
    lambda: Lambda,
    tasks: Vec<Task>,
    log: Rc<RefCell<Vec<LogLine>>>,
    resource: Resource,
}

impl FailoverCase {
    /// A function that fails this over, with nothing unusual.
    #[must_use]
    pub fn of(resource: Resource) -> Self {
        Self::with(resource, |_| {})
    }

    /// The same, set up otherwise.
    pub fn with(resource: Resource, change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup::default();
        change(&mut setup);
        let world = World::new(scenario(resource, &setup));
        furnish(&world, resource, &setup);
        let stack = Stack {
            rules: json!([&setup.other_entries[..], &[rule(resource, &setup)]].concat()).to_string(),
            limits: ChangeLimits { max_event_age: MAX_EVENT_AGE, function_timeout: FUNCTION_LIVES + MARGIN },
            topic_arn: world.settings.topic_arn.clone(),
        };
        let lambda = Lambda::new(&world, stack);
        Self { world, lambda, tasks: Vec::new(), log: Rc::default(), resource }
    }

    /// The first calls of this operation end like this: an IAM action such as `rds:FailoverDBCluster`, or a method of the
    /// journal such as `journal:write`.
    ///
    /// The case panics at its end if that never happened: the test would prove nothing.
    pub fn fault(&mut self, operation: &'static str, times: u32, effect: FaultEffect) {
        self.fault_after(0, operation, times, effect);
    }

    /// The same, after this many calls that end as they should.
    pub fn fault_after(&mut self, skip: u32, operation: &'static str, times: u32, effect: FaultEffect) {
        let fault = OperationFault { operation, run: None, skip, times, effect };
        self.world.operation_faults.borrow_mut().push(fault);
    }

    /// The alarm changes, a second after whatever was last. Nothing is delivered by that.
    pub fn change(&mut self, state: AlarmState, reason: &str) -> AlarmChange {
        self.wait(Duration::from_secs(1));
        AlarmChange { alarm_arn: ALARM.to_owned(), at: self.world.time(), state, reason: reason.to_owned() }
    }

    /// Delivers a change through its topic, with Lambda's retries, until nothing is under way any more.
    pub fn deliver(&mut self, change: &AlarmChange) -> Delivery {
        let number = self.send(change, Shape::Topic.event(change), Duration::ZERO);
        self.settle();
        self.delivery(number)
    }

    /// Delivers a change in each of these shapes at once, with Lambda's retries, until nothing is under way any more.
    pub fn deliver_at_once(&mut self, change: &AlarmChange, shapes: &[Shape]) -> Vec<Delivery> {
        let send = |shape: &Shape| self.send(change, shape.event(change), Duration::ZERO);
        let numbers: Vec<usize> = shapes.iter().map(send).collect();
        self.settle();
        numbers.into_iter().map(|number| self.delivery(number)).collect()
    }

    /// Sends an event about this change, to be delivered after this long, with Lambda's retries. Answers its number.
    pub fn send(&mut self, change: &AlarmChange, event: Value, after: Duration) -> usize {
        self.lambda.send(change, event, after, true)
    }

    /// Invokes the function once with an event about this change, until nothing is under way any more.
    pub fn invoke(&mut self, change: &AlarmChange, event: &Value) -> Attempt {
        let number = self.lambda.send(change, event.clone(), Duration::ZERO, false);
        self.settle();
        self.delivery(number).attempts.remove(0)
    }

    /// What came of a delivery so far.
    #[must_use]
    pub fn delivery(&self, number: usize) -> Delivery {
        self.lambda.deliveries.borrow()[number].clone()
    }

    /// Lets this much time pass.
    pub fn wait(&mut self, span: Duration) {
        let until = self.world.now.get().saturating_add_unsigned(millis(span));
        self.run_until(until);
        self.world.now.set(until);
        self.world.propagate();
    }

    /// Lets time pass until nothing is under way any more: no delivery, no retry, no call.
    pub fn settle(&mut self) {
        self.run_until(i64::MAX);
    }

    fn run_until(&mut self, until: i64) {
        let Self { world, lambda, tasks, log, .. } = self;
        log::collected(log, || executor::run_due(&world.now, until, lambda, tasks));
    }

    /// Writes a run in this phase into the record.
    pub fn record_run(&mut self, id: &str, phase: Phase) {
        let request = request(&self.world.scenario);
        let invocation = Invocation {
            request_id: "drill".to_owned(),
            owner: OwnerId("drill".to_owned()),
            ends_at: TIMING.function_timeout,
            policy: policy(&self.world.scenario),
        };
        let run_id = RunId(id.to_owned());
        let run = Run { run_id, phase, ..new_run(&request, &invocation, &TIMING, self.world.time()) };
        self.world.table.borrow_mut().put(&run, None);
    }

    /// Writes a run in this phase into the record that failed the database over just now.
    pub fn record_run_that_failed_over(&mut self, id: &str, phase: Phase) {
        self.record_run(id, phase);
        let now = self.world.time();
        let mut table = self.world.table.borrow_mut();
        let mut run =
            table.head(&RunId(id.to_owned())).cloned().unwrap_or_else(|| unreachable!("it is there"));
        let trigger = Trigger {
            alarm_arn: ALARM.to_owned(),
            automation: FUNCTION.to_owned(),
            acts_for: FUNCTION_LIVES,
            datapoints: None,
            database: Some(DatabaseState::default()),
            acts_on_rise_ms: None,
            steady_within_ms: Some(PERIOD * (PERIODS + 2)),
        };
        run.trigger = Some(trigger.into());
        run.times.failed_over = Some(Measured { at: now, clock: ClockName::Ours, resolution_ms: 0 });
        table.put(&run, None);
    }

    /// Registers the alarm as held by this run, or by none.
    pub fn register(&mut self, run: Option<&str>) {
        let mut cloud = self.world.cloud.borrow_mut();
        cloud.holders.clear();
        cloud.holders.extend(run.map(|id| (ALARM.to_owned(), RunId(id.to_owned()))));
    }

    /// Operators point the default behaviour to this origin.
    pub fn operators_move(&mut self, to: Place) {
        let mut cloud = self.world.cloud.borrow_mut();
        cloud.version += 1;
        cloud.config.place = to;
    }

    /// The origin of the distribution's default behaviour, the cluster's writer, or the instance's zone.
    #[must_use]
    pub fn place(&self) -> Place {
        let cloud = self.world.cloud.borrow();
        if self.resource == Resource::Distribution { cloud.config.place } else { cloud.writer }
    }

    /// The origin of another behaviour of the distribution.
    #[must_use]
    pub fn behavior(&self, path: &str) -> Option<Place> {
        self.world.cloud.borrow().config.behaviors.get(path).copied()
    }

    /// A field of the distribution's configuration that no failover is about.
    #[must_use]
    pub fn comment(&self) -> String {
        self.world.cloud.borrow().config.comment.clone()
    }

    /// How often the distribution's configuration was changed.
    #[must_use]
    pub fn updates(&self) -> u64 {
        self.world.cloud.borrow().version
    }

    /// Whether users are served now.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.world.serving.get()
    }

    /// The mutating calls that the function sent, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<SentCall> {
        self.world.calls.borrow().clone()
    }

    /// The pages that reached operators, oldest first.
    #[must_use]
    pub fn pages(&self) -> Vec<String> {
        self.world.pages.borrow().clone()
    }

    /// The function's journal, in the order in which changes were first delivered.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.world.cloud.borrow().entries.clone()
    }

    /// The journal's entry about this change.
    ///
    /// # Panics
    /// If there is none, or more than one.
    #[must_use]
    pub fn entry(&self, of: &AlarmChange) -> JournalEntry {
        let is_it = |entry: &JournalEntry| {
            entry.alarm_arn == of.alarm_arn && entry.at == of.at && entry.state == of.state
        };
        let mut found: Vec<_> = self.journal().into_iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// What the function logged, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.log.borrow().clone()
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.time()
    }
}

/// A fault that never occurred proves nothing.
impl Drop for FailoverCase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for OperationFault { operation, times, effect, .. } in self.world.operation_faults.borrow().iter() {
            let occurred = *times == 0 || (ALWAYS / 2..ALWAYS).contains(times);
            assert!(occurred, "{operation} did not fail as often as planned: {effect:?}");
        }
    }
}

fn scenario(resource: Resource, setup: &Setup) -> Scenario {
    let is_distribution = resource == Resource::Distribution;
    let mut scenario = Scenario::calm(if is_distribution { DrillKind::Cdn } else { DrillKind::Database });
    scenario.seed = setup.seed;
    scenario.primary_unhealthy = setup.primary_unhealthy;
    scenario.failover.function_lands_late = true;
    scenario.failover.cool_down = millis(COOL_DOWN);
    scenario.failover.drops_within = millis(COOL_DOWN);
    if !setup.opted_in {
        scenario.overrides().tags = Some(|tags, _| tags.clear());
    }
    scenario
}

/// Puts what fails over into the world.
fn furnish(world: &World, resource: Resource, setup: &Setup) {
    let mut cloud = world.cloud.borrow_mut();
    cloud.alarm = Some(AlarmState::Ok);
    cloud.config.place = setup.origin;
    cloud.edges = setup.origin;
    cloud.config.behaviors = ["/static/*", "/origins/*"].map(|path| (path.to_owned(), Place::Primary)).into();
    "as it was".clone_into(&mut cloud.config.comment);
    cloud.unusual = Unusual {
        status: Some(setup.status.to_owned()),
        reader_status: Some(setup.reader_status.to_owned()),
        second_reader: setup.second_reader,
        instance: (resource == Resource::Instance).then_some(setup.multi_az),
    };
}

/// The rule by which it fails over.
fn rule(resource: Resource, setup: &Setup) -> Value {
    let mut rule = Map::new();
    let mut set = |name: &str, value: Value| rule.insert(name.to_owned(), value);
    set("alarmArn", json!(ALARM));
    match resource {
        Resource::Distribution => {
            set("distributionArn", json!(DISTRIBUTION));
            set("primaryOrigin", json!("primary"));
            set("standbyOrigin", json!("standby"));
            set("behaviors", json!(setup.behaviors));
            set("failBackOnOk", json!(setup.fail_back_on_ok));
        }
        Resource::Cluster => {
            set("clusterArn", json!(CLUSTER));
            if let Some(reader) = setup.reader {
                set("reader", json!(reader));
            }
        }
        Resource::Instance => {
            set("instanceArn", json!(INSTANCE));
        }
    }
    Value::Object(rule)
}
