//! Scenario: the circumstances of one history, drawn from one seed. A seed means the same only while the draws keep their
//! order.

use fastrand::Rng;
use firedrill_core::{kind::DrillKind, millis};
use serde_json::Value;

use crate::{
    failover::{ANOTHER_FUNCTION, MAX_EVENT_AGE},
    operators::{PlannedCommand, Scope},
    overrides::Overrides,
    planned_fault::PlannedFault,
};

/// How long a drawn request waits for the recovery, in milliseconds.
const GIVE_UP_AFTER: u64 = 120_000;

/// Begin and end, in milliseconds after the history's beginning.
pub type Span = (u64, u64);

/// One history's circumstances. Moments are milliseconds after its beginning, spans milliseconds.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Scenario {
    /// The seed that drew it.
    pub seed: u64,
    /// The drill kind.
    pub kind: DrillKind,
    /// The instances; without effect in other kinds.
    pub fleet: Fleet,
    /// The alarm, its delivery and what it fails over; without effect in the instance drill.
    pub failover: Failover,
    /// The watchdog.
    pub watchdog: Watchdog,
    /// The standby serves this long after the failure; never, if none. Instance drill only.
    pub takes_over_after: Option<u64>,
    /// How long the request waits for the recovery.
    pub give_up_after: u64,
    /// Reads of AWS lag behind now and then, though no fault is drawn.
    pub reads_lag: bool,
    /// Users notice nothing: another zone serves without interruption.
    pub seamless: bool,
    /// Chance of each random fault at each place where one can occur, in 1/4,000.
    pub fault_rate: u32,
    /// Clocks of machines differ by up to this, in milliseconds, either way.
    pub clocks_differ: i64,
    /// The clock of the machine that takes an operator's stop is behind by this much more: further than the parameters allow for.
    pub stops_by_a_clock_behind: u64,
    /// No random fault occurs after this moment.
    pub calm_at: u64,
    /// Chance in a hundred that an invocation dies within its first minutes.
    pub deaths: u32,
    /// How long an invocation of the drill function works before it hands its run over.
    pub working_time: u64,
    /// The application is unhealthy from the beginning.
    pub unhealthy_at_start: bool,
    /// The request's windows are closed during this span.
    pub gate_closed: Option<Span>,
    /// The targets are refused when the injection is prepared.
    pub targets_refused: bool,
    /// The injecting call is denied.
    pub injection_denied: bool,
    /// The event that starts the drill is delivered hours late.
    pub delivered_late: bool,
    /// How often that event is delivered.
    pub deliveries: u32,
    /// A stop condition of the request is tripped from then on.
    pub condition_at: Option<u64>,
    /// What operators command by themselves, and when.
    pub commands: Vec<(u64, PlannedCommand)>,
    /// The item of a kill switch cannot be read during this span.
    pub unreadable_switch: Option<Span>,
    /// An operator starts the targets, outside the drill.
    pub restored_by_others_at: Option<u64>,
    /// The primary is really unhealthy during this span, whatever the drill does.
    pub primary_unhealthy: Option<Span>,
    /// AWS refuses the undo during this span.
    pub undo_refused: Option<Span>,
    /// The store cannot be reached during this span.
    pub store_unavailable: Option<Span>,
    /// Calls to the unreachable store hang until their deadline rather than fail at once.
    pub store_hangs: bool,
    /// Each call of a drill function or of the watchdog to the store takes seconds during this span.
    pub store_slow: Option<Span>,
    /// The invocation that began the run cannot reach the store during this span; all others can.
    pub owner_cut_off: Option<Span>,
    /// Every probe answers unknown during this span.
    pub blind: Option<Span>,
    /// An operator who was paged releases the run this long after the page.
    pub release_after: Option<u64>,
    /// The request is as long as requests may be, and operators send commands as long as commands may be.
    pub long_texts: bool,
    /// How many items AWS answers on one page.
    pub page_size: usize,
    /// The one deliberate fault of the conformance suite.
    pub fault: Option<PlannedFault>,
    /// What a test changes in the request.
    pub change_request: Option<fn(&mut Value)>,
    /// What a test changes in the answers of AWS.
    pub overrides: Option<Overrides>,
}

/// The instances.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How many may be stopped.
    pub fit: usize,
    /// How many may not, each for a different reason.
    pub unfit: usize,
    /// The blast radius of the request.
    pub radius: Radius,
    /// How long one takes to stop, at least.
    pub stop_takes: u64,
    /// How long one takes to start, at least.
    pub start_takes: u64,
    /// They are in an Auto Scaling group, which replaces a stopped instance after this long.
    pub replaced_after: Option<u64>,
    /// There is no capacity to start anything during this span.
    pub no_capacity: Option<Span>,
    /// For which reason the first of those that may not be stopped may not; the others follow in turn.
    pub first_unfit: usize,
}

/// A blast radius.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Radius {
    Count(u32),
    Percent(u32),
}

/// The watchdog.
#[derive(Clone, Debug)]
pub struct Watchdog {
    /// The age of its heartbeat at the beginning; none if it never wrote one.
    pub last_heartbeat: Option<u64>,
    /// The first tick.
    pub first_tick: u64,
    /// No tick runs during this span.
    pub absent: Option<Span>,
    /// Chance in a hundred that a tick is throttled and runs late.
    pub throttled: u32,
    /// A drill function that hands its run over cannot start it.
    pub start_lost: bool,
}

struct Draw(Rng);

impl Draw {
    fn chance(&mut self, per_mille: u32) -> bool {
        self.0.u32(0..1_000) < per_mille
    }

    fn span(
        &mut self,
        per_mille: u32,
        begins: std::ops::Range<u64>,
        lasts: std::ops::Range<u64>,
    ) -> Option<Span> {
        let (begin, span) = (self.0.u64(begins), self.0.u64(lasts));
        self.chance(per_mille).then_some((begin, begin + span))
    }

    fn moment(&mut self, per_mille: u32, within: std::ops::Range<u64>) -> Option<u64> {
        let at = self.0.u64(within);
        self.chance(per_mille).then_some(at)
    }
}

impl Scenario {
    /// Draws a history's circumstances.
    #[must_use]
    pub fn draw(kind: DrillKind, seed: u64) -> Self {
        let mut draw = Draw(Rng::with_seed(seed ^ 0x5EED_F1DE));
        // What was added later draws from a generator of its own: a seed keeps its other circumstances.
        let mut added = Draw(Rng::with_seed(seed ^ 0x0DD5_10ED));
        let store_slow = added.span(100, 0..150_000, 30_000..200_000);
        let others_win_the_race = added.chance(30);
        let clock_behind = added.moment(250, 11_000..90_000).unwrap_or(0);
        let unnamed = added.moment(40, 0..150_000);
        let wrong_entry = added.chance(50);
        let long_texts = added.chance(60);
        let elsewhere = Elsewhere::ALL[added.0.usize(0..4)];
        let mut failover = Failover {
            others_win_the_race,
            wrong_entry,
            leads_elsewhere: added.chance(60).then_some(elsewhere),
            elsewhere_allowed: added.chance(500),
            of_another_account: added.chance(20),
            ..Failover::draw(seed)
        };
        let reads_lag = added.chance(100);
        let cool_down = added.0.u64(40_000..120_000);
        if added.chance(300) {
            // The alarm goes off again before the cool-down is over, as in production.
            (failover.alarm_sees_cuts, failover.cool_down, failover.drops_within) =
                (true, cool_down, cool_down);
            if failover.delivery_takes > 3_000 {
                // Slow messages come in time to be acted on, and may come after the cool-down.
                failover.delivery_takes = millis(MAX_EVENT_AGE);
            }
        }
        failover.require_deployed = added.chance(200);
        failover.backs_up =
            added.span(80, 0..150_000, 20_000..200_000).filter(|_| kind == DrillKind::Database);
        let (fleet, watchdog) = (Fleet::draw(&mut draw), Watchdog::draw(&mut draw));
        let watchdog = Watchdog { start_lost: added.chance(200), ..watchdog };
        let calm = draw.chance(250);
        let takes_over = draw.chance(850);
        let longest = if draw.chance(500) { 35_000 } else { 150_000 };
        let takes_over_after = draw.0.u64(1_000..longest);
        let fails = if kind == DrillKind::Instance { 60 } else { 250 };
        let closed_from_the_beginning = draw.chance(30);
        let closes =
            draw.span(40, 0..2, 1..7).map(|(from, to)| (20_000 + 60_000 * from, 20_000 + 60_000 * to));
        let deaths = if draw.chance(400) { draw.0.u32(0..100) } else { 0 };
        let mut commands = commands(&mut draw);
        commands.extend(unnamed.map(|at| (at, PlannedCommand::DisengageUnnamed)));
        Self {
            seed,
            kind,
            fleet,
            failover,
            watchdog,
            takes_over_after: takes_over.then_some(takes_over_after),
            give_up_after: GIVE_UP_AFTER,
            reads_lag,
            seamless: draw.chance(80),
            fault_rate: if calm { 0 } else { draw.0.u32(0..100) },
            clocks_differ: if calm { 0 } else { draw.0.i64(0..2_000) },
            stops_by_a_clock_behind: clock_behind,
            calm_at: 400_000,
            deaths,
            working_time: if draw.chance(300) { draw.0.u64(20_000..200_000) } else { 840_000 },
            unhealthy_at_start: draw.chance(25),
            gate_closed: if closed_from_the_beginning { Some((0, u64::MAX)) } else { closes },
            targets_refused: draw.chance(25),
            injection_denied: draw.chance(25),
            delivered_late: draw.chance(25),
            deliveries: if draw.chance(300) { draw.0.u32(2..4) } else { 1 },
            condition_at: draw.moment(40, 0..120_000),
            commands,
            unreadable_switch: draw.span(20, 0..60_000, 20_000..200_000),
            restored_by_others_at: draw.moment(40, 10_000..90_000),
            primary_unhealthy: draw.span(fails, 5_000..120_000, 20_000..400_000),
            undo_refused: draw.span(60, 20_000..120_000, 100_000..300_000),
            store_unavailable: draw.span(90, 0..150_000, 5_000..200_000).filter(|_| !calm),
            blind: draw.span(80, 10_000..80_000, 10_000..160_000),
            release_after: draw.moment(850, 5_000..120_000),
            store_hangs: draw.chance(500),
            store_slow: store_slow.filter(|_| !calm),
            owner_cut_off: draw.span(60, 0..120_000, 60_000..300_000).filter(|_| !calm),
            long_texts,
            page_size: draw.0.usize(1..5),
            fault: None,
            change_request: None,
            overrides: None,
        }
    }

    /// Circumstances in which everything goes as it should: what a test changes is all that does not. One of three instances
    /// is stopped, and the standby serves after 10 s; an alarm's function acts within seconds.
    #[must_use]
    pub fn calm(kind: DrillKind) -> Self {
        Self {
            seed: 0,
            kind,
            fleet: Fleet {
                fit: 3,
                unfit: 0,
                radius: Radius::Count(1),
                stop_takes: 5_000,
                start_takes: 5_000,
                replaced_after: None,
                no_capacity: None,
                first_unfit: 0,
            },
            failover: Failover {
                metric: false,
                composite: false,
                falls_back_after: 2_000,
                delivery_takes: 3_000,
                delivered_twice: false,
                delivered_again_after: None,
                function_denied: false,
                function_lands_late: false,
                wrong_function: None,
                leads_elsewhere: None,
                elsewhere_allowed: false,
                of_another_account: false,
                function_deaths: 0,
                edges_take: 5_000,
                deployed_after: 5_000,
                require_deployed: false,
                outage: 5_000,
                alarm_sees_cuts: false,
                standby_broken: false,
                no_identity_probe: false,
                changed_by_others_at: None,
                others_win_the_race: false,
                wrong_entry: false,
                backs_up: None,
                restore_writer: false,
                cool_down: 10_000,
                drops_within: 10_000,
            },
            watchdog: Watchdog {
                last_heartbeat: Some(30_000),
                first_tick: 30_000,
                absent: None,
                throttled: 0,
                start_lost: false,
            },
            takes_over_after: Some(10_000),
            give_up_after: GIVE_UP_AFTER,
            reads_lag: false,
            seamless: false,
            fault_rate: 0,
            clocks_differ: 0,
            stops_by_a_clock_behind: 0,
            calm_at: 0,
            deaths: 0,
            working_time: 840_000,
            unhealthy_at_start: false,
            gate_closed: None,
            targets_refused: false,
            injection_denied: false,
            delivered_late: false,
            deliveries: 1,
            condition_at: None,
            commands: Vec::new(),
            unreadable_switch: None,
            restored_by_others_at: None,
            primary_unhealthy: None,
            undo_refused: None,
            store_unavailable: None,
            store_hangs: false,
            store_slow: None,
            owner_cut_off: None,
            blind: None,
            release_after: None,
            long_texts: false,
            page_size: 2,
            fault: None,
            change_request: None,
            overrides: None,
        }
    }

    /// What a test changes in AWS's answers.
    pub fn overrides(&mut self) -> &mut Overrides {
        self.overrides.get_or_insert_default()
    }

    /// The deadline of a whole run, from its beginning: the limits of its request, and five minutes.
    pub(crate) const fn run_within(&self) -> u64 {
        424_000 + self.give_up_after
    }

    /// Whether nothing in it disturbs a run, whenever it ends.
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.is_calm()
            && !(self.unhealthy_at_start
                || self.targets_refused
                || self.injection_denied
                || self.delivered_late)
            && self.deliveries == 1
            && self.commands.is_empty()
            && self.change_request.is_none()
            && self.overrides.is_none()
            && self.gate_closed.is_none()
            && self.condition_at.is_none()
            && self.unreadable_switch.is_none()
            && self.restored_by_others_at.is_none()
            && self.fleet.replaced_after.is_none()
            && self.fleet.no_capacity.is_none()
            && self.watchdog.absent.is_none()
            && self.watchdog.throttled == 0
            && self.watchdog.last_heartbeat.is_some_and(|age| age < 60_000)
            && !(self.failover.function_denied
                || self.failover.standby_broken
                || self.failover.wrong_function.is_some()
                || self.failover.is_forbidden_elsewhere()
                || self.failover.of_another_account)
    }

    /// Whether nothing in it may keep a run from telling exactly what happened, and when.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.hides_nothing() && !self.reads_lag && self.working_time > 300_000
    }

    /// How far apart the machines' clocks may be, in milliseconds.
    #[must_use]
    pub fn clocks_apart(&self) -> u64 {
        u64::try_from(self.clocks_differ).unwrap_or(0)
    }

    /// Whether nothing in it may keep a run from telling what happened, if perhaps not exactly when.
    #[must_use]
    pub fn hides_nothing(&self) -> bool {
        self.fault_rate == 0
            && self.fault.is_none()
            && self.clocks_differ == 0
            && self.deaths == 0
            && (self.working_time > 300_000 || self.watchdog.follows_at_once())
            && self.store_unavailable.is_none()
            && self.store_slow.is_none()
            && self.owner_cut_off.is_none()
            && self.blind.is_none()
            && self.undo_refused.is_none()
            && self.primary_unhealthy.is_none()
            && self.overrides.is_none_or(|overrides| overrides.unread.is_none())
            && (self.kind == DrillKind::Instance || self.failover.is_calm())
    }
}

/// What operators command by themselves; a release is their answer to a page.
fn commands(draw: &mut Draw) -> Vec<(u64, PlannedCommand)> {
    let mut commands = Vec::new();
    commands.extend(draw.moment(40, 0..150_000).map(|at| (at, PlannedCommand::Stop)));
    commands.extend(draw.moment(30, 0..150_000).map(|at| (at, PlannedCommand::StopApplication)));
    let scope = [Scope::Account, Scope::Application, Scope::Drill, Scope::AnotherDrill][draw.0.usize(0..4)];
    let (lasts, ends_by_itself) = (draw.0.u64(5_000..300_000), draw.chance(400));
    if let Some(at) = draw.moment(60, 0..150_000) {
        commands.push((at, PlannedCommand::Engage { scope, lasts: ends_by_itself.then_some(lasts) }));
        if !ends_by_itself && draw.chance(500) {
            commands.push((at + lasts, PlannedCommand::Disengage { scope }));
        }
    }
    commands
}

impl Fleet {
    fn draw(draw: &mut Draw) -> Self {
        let fit = draw.0.usize(2..7);
        let unfit = draw.0.usize(0..4);
        let replaced_after = draw.moment(120, 5_000..120_000);
        // In a group of which every member may be stopped, the blast radius sometimes names all of them.
        let all = replaced_after.is_some() && unfit == 0 && draw.chance(300);
        let most = u32::try_from(fit).unwrap_or(2);
        Self {
            fit,
            unfit,
            radius: if all {
                Radius::Count(most)
            } else if draw.chance(300) {
                Radius::Percent([34, 50][draw.0.usize(0..2)])
            } else {
                Radius::Count(draw.0.u32(1..most.min(4)))
            },
            stop_takes: draw.0.u64(500..15_000),
            start_takes: draw.0.u64(500..15_000),
            replaced_after,
            no_capacity: draw.span(60, 10_000..120_000, 30_000..400_000),
            first_unfit: draw.0.usize(0..5),
        }
    }
}

impl Watchdog {
    /// Whether it continues a run that was handed over within seconds.
    const fn follows_at_once(&self) -> bool {
        self.absent.is_none() && !self.start_lost
    }

    fn draw(draw: &mut Draw) -> Self {
        let first_tick = draw.0.u64(0..60_000);
        // Absent since long before the history, or for a span within it.
        let gone = draw.moment(30, 90_000..600_000);
        let absent = draw.span(80, 0..200_000, 60_000..400_000);
        Self {
            last_heartbeat: if draw.chance(5) { None } else { Some(gone.unwrap_or(60_000 - first_tick)) },
            first_tick,
            absent: gone.map(|_| (0, draw.0.u64(30_000..200_000))).or(absent),
            throttled: if draw.chance(200) { draw.0.u32(5..60) } else { 0 },
            start_lost: false,
        }
    }
}

/// What is wrong with the function behind the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongFunction {
    /// It fails another resource over.
    OfAnother,
    /// It cannot be invoked: its reserved concurrency is zero.
    Disabled,
}

/// What the alarm sets off besides the failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Elsewhere {
    /// A pager that is subscribed to its topic.
    Subscription,
    /// A function of somebody else.
    Function,
    /// A queue, by a rule of EventBridge.
    Rule,
    /// The termination of an instance, by a composite alarm that follows it.
    Composite,
}

impl Elsewhere {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Subscription, Self::Function, Self::Rule, Self::Composite];

    /// What is set off, as a request allows it.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Subscription => "https://pager.example.com/incidents",
            Self::Function => ANOTHER_FUNCTION,
            Self::Rule => "arn:aws:sqs:us-east-1:123456789012:incidents",
            Self::Composite => "arn:aws:automate:us-east-1:ec2:terminate",
        }
    }
}

/// Circumstances of a drill that works through an alarm.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Failover {
    /// Mode `metric` rather than `alarm`.
    pub metric: bool,
    /// The alarm is a composite one: it keeps the state that was set until its rule's result changes.
    pub composite: bool,
    /// CloudWatch evaluates a metric alarm again, and so ends a forced state, after this.
    pub falls_back_after: u64,
    /// The longest delivery of an alarm's change.
    pub delivery_takes: u64,
    /// Each change is delivered twice.
    pub delivered_twice: bool,
    /// Each change is delivered once more, this long after it.
    pub delivered_again_after: Option<u64>,
    /// The failover function's call is denied.
    pub function_denied: bool,
    /// Its call may take effect long after it was given up. No history could tell when all is over, so none draws this.
    pub function_lands_late: bool,
    /// What is wrong with the function behind the alarm; none if nothing is.
    pub wrong_function: Option<WrongFunction>,
    /// What the alarm sets off besides the failover; none if nothing.
    pub leads_elsewhere: Option<Elsewhere>,
    /// The request allows that by name.
    pub elsewhere_allowed: bool,
    /// The request names a distribution or database of another account that has the id of ours. The failover function is
    /// set up for it.
    pub of_another_account: bool,
    /// Chance in a hundred that an invocation of the failover function dies.
    pub function_deaths: u32,
    /// The edges serve a new configuration after this.
    pub edges_take: u64,
    /// After that, CloudFront reports it as deployed after this.
    pub deployed_after: u64,
    /// The request asks that CloudFront report the failover as deployed.
    pub require_deployed: bool,
    /// A database takes no connection for this long while it fails over.
    pub outage: u64,
    /// The alarm watches the connections that a database's failover cuts.
    pub alarm_sees_cuts: bool,
    /// The standby is unhealthy.
    pub standby_broken: bool,
    /// The request has no identity probe: nothing shows which origin serves.
    pub no_identity_probe: bool,
    /// An operator points the distribution at a third origin, outside the drill.
    pub changed_by_others_at: Option<u64>,
    /// An operator does that between the read and the update of the first undo of the distribution.
    pub others_win_the_race: bool,
    /// The function's configuration also holds an entry that is wrong, for another alarm.
    pub wrong_entry: bool,
    /// The database is `backing-up` during this span, in which RDS takes a failover.
    pub backs_up: Option<Span>,
    /// The request asks for the original writer to be restored.
    pub restore_writer: bool,
    /// The code under test requests no second failover within this after the first.
    pub cool_down: u64,
    /// RDS drops a failover requested within this after the last one.
    pub drops_within: u64,
}

impl Failover {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0xA1A2_0FF5);
        let mut chance = |percent: u32| rng.u32(0..100) < percent;
        let (metric, composite, quick, twice, again) =
            (chance(35), chance(15), chance(30), chance(30), chance(20));
        let (denied, dies, broken, no_identity_probe, others) =
            (chance(5), chance(12), chance(10), chance(6), chance(5));
        let (restore, slow, held_up) = (chance(30), chance(10), chance(5));
        let cool_down = rng.u64(1..40_000);
        let wrong_function = match rng.u32(0..25) {
            0 => Some(WrongFunction::OfAnother),
            1 => Some(WrongFunction::Disabled),
            _ => None,
        };
        Self {
            wrong_function,
            leads_elsewhere: None,
            elsewhere_allowed: false,
            of_another_account: false,
            metric,
            composite: composite && !metric,
            falls_back_after: if quick { rng.u64(100..1_000) } else { rng.u64(1_000..9_000) },
            delivery_takes: if held_up {
                400_000
            } else if slow {
                40_000
            } else {
                3_000
            },
            delivered_twice: twice,
            delivered_again_after: again.then(|| rng.u64(60_000..7_000_000)),
            function_denied: denied,
            function_lands_late: false,
            function_deaths: if dies { rng.u32(5..60) } else { 0 },
            edges_take: if slow { rng.u64(20_000..80_000) } else { rng.u64(500..22_000) },
            deployed_after: rng.u64(500..30_000),
            require_deployed: false,
            outage: if slow { rng.u64(20_000..80_000) } else { rng.u64(1_000..25_000) },
            alarm_sees_cuts: false,
            standby_broken: broken,
            no_identity_probe,
            changed_by_others_at: others.then(|| rng.u64(10_000..90_000)),
            others_win_the_race: false,
            wrong_entry: false,
            backs_up: None,
            restore_writer: restore,
            cool_down,
            drops_within: if twice { cool_down + rng.u64(1..40_000) } else { cool_down },
        }
    }

    /// Whether the alarm sets off what the request does not allow.
    pub(crate) fn is_forbidden_elsewhere(&self) -> bool {
        self.leads_elsewhere.is_some() && !self.elsewhere_allowed
    }

    /// Whether nothing in it may keep a run from telling exactly what happened.
    fn is_calm(&self) -> bool {
        self.function_deaths == 0
            && !self.no_identity_probe
            && self.changed_by_others_at.is_none()
            && !self.others_win_the_race
            && self.backs_up.is_none()
    }
}
