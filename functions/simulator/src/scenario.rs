//! What happens in one history, drawn from one seed.

use fastrand::Rng;

use crate::{
    operators::{OperatorOrder, Scope},
    planned_fault::PlannedFault,
};

/// What is drilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Instances are stopped.
    Instances,
    /// A distribution fails over through its alarm.
    Distribution,
    /// A database cluster fails over through its alarm.
    Database,
}

/// From when until when, in milliseconds after the beginning.
pub type Span = (u64, u64);

/// One history's circumstances. Moments are milliseconds after its beginning, spans milliseconds.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Scenario {
    /// The seed that drew it.
    pub seed: u64,
    /// What is drilled.
    pub kind: Kind,
    /// The instances, if they are.
    pub fleet: Fleet,
    /// What happens around the alarm and behind it.
    pub failover: Failover,
    /// The watchdog.
    pub watchdog: Watchdog,
    /// The standby serves this long after the failure; never, if none.
    pub takes_over_after: Option<u64>,
    /// The failure is none: another zone serves without anybody noticing.
    pub seamless: bool,
    /// Chance in a thousand that a call goes wrong in one of many ways, times four.
    pub trouble: u32,
    /// Clocks of machines differ by up to this, in milliseconds, either way.
    pub clocks_differ: i64,
    /// From then on nothing goes wrong any more.
    pub calm_at: u64,
    /// Chance in a hundred that an invocation dies within its first minutes.
    pub deaths: u32,
    /// How long an invocation of the drill function works before it hands over.
    pub works_for: u64,
    /// The application is ill from the beginning.
    pub ill_at_start: bool,
    /// A gate of the request is closed during this span.
    pub gate_closed: Option<Span>,
    /// There is nothing to inject into.
    pub refused: bool,
    /// The injecting call is denied.
    pub denied: bool,
    /// The delivery comes hours late.
    pub late: bool,
    /// So many deliveries of the same event.
    pub deliveries: u32,
    /// A stop condition of the request is tripped from then on.
    pub condition_at: Option<u64>,
    /// What people say, and when.
    pub control_state: Vec<(u64, OperatorOrder)>,
    /// The item of a kill switch cannot be read during this span.
    pub unreadable_switch: Option<Span>,
    /// Somebody starts the targets again.
    pub restored_by_others_at: Option<u64>,
    /// What serves is really ill during this span, whatever the drill does.
    pub primary_ill: Option<Span>,
    /// AWS refuses the undo during this span.
    pub undo_refused: Option<Span>,
    /// The store is away during this span.
    pub store_away: Option<Span>,
    /// While it is away, it does not even say so.
    pub store_hangs: bool,
    /// Whoever began the run cannot reach the store during this span; everybody else can.
    pub cut_off: Option<Span>,
    /// Probes give no answer during this span.
    pub blind: Option<Span>,
    /// A person who was paged says a word so long after it.
    pub release_after: Option<u64>,
    /// What goes wrong on purpose.
    pub fault: Option<PlannedFault>,
}

/// The instances.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Those that may be stopped.
    pub fit: usize,
    /// Those that may not, each for another reason.
    pub unfit: usize,
    /// The blast radius: so many, or so many percent.
    pub radius: Radius,
    /// How long one takes to stop, at least.
    pub stop_takes: u64,
    /// How long one takes to start, at least.
    pub start_takes: u64,
    /// They are of a group, which replaces what does not run, so long after it stopped.
    pub replaced_after: Option<u64>,
    /// There is no capacity to start anything during this span.
    pub no_capacity: Option<Span>,
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
    /// How old its heartbeat is at the beginning; none if it was never there.
    pub last_beat: Option<u64>,
    /// When it first comes.
    pub first_tick: u64,
    /// It does not come during this span.
    pub away: Option<Span>,
    /// Chance in a hundred that a tick is throttled, and comes late.
    pub throttled: u32,
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
    pub fn draw(kind: Kind, seed: u64) -> Self {
        let mut draw = Draw(Rng::with_seed(seed ^ 0x5EED_F1DE));
        let failover = Failover::draw(seed);
        let (fleet, watchdog) = (Fleet::draw(&mut draw), Watchdog::draw(&mut draw));
        let calm = draw.chance(250);
        let takes_over = draw.chance(850);
        let longest = if draw.chance(500) { 35_000 } else { 150_000 };
        let takes_over_after = draw.0.u64(1_000..longest);
        let fails = if kind == Kind::Instances { 60 } else { 250 };
        let closed_from_the_beginning = draw.chance(30);
        let closes = draw.span(40, 2_000..40_000, 20_000..400_000);
        let deaths = if draw.chance(400) { draw.0.u32(0..100) } else { 0 };
        let control_state = control_state(&mut draw);
        Self {
            seed,
            kind,
            fleet,
            failover,
            watchdog,
            takes_over_after: takes_over.then_some(takes_over_after),
            seamless: draw.chance(80),
            trouble: if calm { 0 } else { draw.0.u32(0..100) },
            clocks_differ: if calm { 0 } else { draw.0.i64(0..2_000) },
            calm_at: 400_000,
            deaths,
            works_for: if draw.chance(300) { draw.0.u64(20_000..200_000) } else { 840_000 },
            ill_at_start: draw.chance(25),
            gate_closed: if closed_from_the_beginning { Some((0, u64::MAX)) } else { closes },
            refused: draw.chance(25),
            denied: draw.chance(25),
            late: draw.chance(25),
            deliveries: if draw.chance(300) { draw.0.u32(2..4) } else { 1 },
            condition_at: draw.moment(40, 0..120_000),
            control_state,
            unreadable_switch: draw.span(20, 0..60_000, 20_000..200_000),
            restored_by_others_at: draw.moment(40, 10_000..90_000),
            primary_ill: draw.span(fails, 5_000..120_000, 20_000..400_000),
            undo_refused: draw.span(60, 20_000..120_000, 100_000..300_000),
            store_away: draw.span(90, 0..150_000, 5_000..200_000).filter(|_| !calm),
            blind: draw.span(80, 10_000..80_000, 10_000..160_000),
            release_after: draw.moment(850, 5_000..120_000),
            store_hangs: draw.chance(500),
            cut_off: draw.span(60, 0..120_000, 60_000..300_000).filter(|_| !calm),
            fault: None,
        }
    }

    /// Whether nothing in it may keep a run from telling exactly what happened.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.trouble == 0
            && self.fault.is_none()
            && self.clocks_differ == 0
            && self.deaths == 0
            && self.works_for > 300_000
            && self.store_away.is_none()
            && self.cut_off.is_none()
            && self.blind.is_none()
            && self.undo_refused.is_none()
            && self.primary_ill.is_none()
            && (self.kind == Kind::Instances || self.failover.is_calm())
    }
}

/// What people say by themselves. What they answer to a page is another matter.
fn control_state(draw: &mut Draw) -> Vec<(u64, OperatorOrder)> {
    let mut control_state = Vec::new();
    control_state.extend(draw.moment(40, 0..150_000).map(|at| (at, OperatorOrder::Stop)));
    control_state.extend(draw.moment(30, 0..150_000).map(|at| (at, OperatorOrder::StopApplication)));
    let scope = [Scope::Account, Scope::Application, Scope::Drill, Scope::AnotherDrill][draw.0.usize(0..4)];
    let (lasts, ends_by_itself) = (draw.0.u64(5_000..300_000), draw.chance(400));
    if let Some(at) = draw.moment(60, 0..150_000) {
        control_state.push((at, OperatorOrder::Engage { scope, lasts: ends_by_itself.then_some(lasts) }));
        if !ends_by_itself && draw.chance(500) {
            control_state.push((at + lasts, OperatorOrder::Disengage { scope }));
        }
    }
    control_state
}

impl Fleet {
    fn draw(draw: &mut Draw) -> Self {
        let fit = draw.0.usize(2..7);
        let most = u32::try_from(fit).unwrap_or(2);
        Self {
            fit,
            unfit: draw.0.usize(0..4),
            radius: if draw.chance(300) {
                Radius::Percent([34, 50][draw.0.usize(0..2)])
            } else {
                Radius::Count(draw.0.u32(1..most.min(4)))
            },
            stop_takes: draw.0.u64(500..15_000),
            start_takes: draw.0.u64(500..15_000),
            replaced_after: draw.moment(120, 5_000..120_000),
            no_capacity: draw.span(60, 10_000..120_000, 30_000..400_000),
        }
    }
}

impl Watchdog {
    fn draw(draw: &mut Draw) -> Self {
        let first_tick = draw.0.u64(0..60_000);
        // Long gone, or gone in the middle.
        let gone = draw.moment(30, 90_000..600_000);
        let away = draw.span(80, 0..200_000, 60_000..400_000);
        Self {
            last_beat: if draw.chance(5) { None } else { Some(gone.unwrap_or(60_000 - first_tick)) },
            first_tick,
            away: gone.map(|_| (0, draw.0.u64(30_000..200_000))).or(away),
            throttled: if draw.chance(200) { draw.0.u32(5..60) } else { 0 },
        }
    }
}
/// Circumstances of a drill that works through an alarm.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Failover {
    /// Mode `metric` rather than `alarm`.
    pub metric: bool,
    /// The alarm is a composite one: it stays where it was set.
    pub composite: bool,
    /// CloudWatch takes a forced state back after this.
    pub falls_back_after: u64,
    /// A change of the alarm takes up to so long to be delivered.
    pub delivery_takes: u64,
    /// Each change arrives more than once.
    pub delivered_twice: bool,
    /// Each change is delivered once more, so long after it.
    pub delivered_again_after: Option<u64>,
    /// The failover function's call is denied.
    pub function_denied: bool,
    /// Chance in a hundred that an invocation of it dies.
    pub function_deaths: u32,
    /// The edges have a new configuration after this.
    pub edges_take: u64,
    /// And so long after that AWS calls it deployed.
    pub deployed_after: u64,
    /// A database serves nobody for so long while it fails over.
    pub outage: u64,
    /// The standby serves nobody.
    pub standby_broken: bool,
    /// Nobody can ask who serves.
    pub nameless: bool,
    /// Somebody else points the distribution elsewhere.
    pub changed_by_others_at: Option<u64>,
    /// The original writer is to be restored.
    pub restore_writer: bool,
    /// A second failover is not asked for within this after the first.
    pub cool_down: u64,
    /// AWS drops one that comes within this.
    pub drops_within: u64,
}

impl Failover {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0xA1A2_0FF5);
        let mut chance = |percent: u32| rng.u32(0..100) < percent;
        let (metric, composite, quick, twice, again) =
            (chance(35), chance(15), chance(30), chance(30), chance(20));
        let (denied, dies, broken, nameless, others) =
            (chance(5), chance(12), chance(10), chance(6), chance(5));
        let (restore, slow, held_up) = (chance(30), chance(10), chance(5));
        let cool_down = rng.u64(1..40_000);
        Self {
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
            function_deaths: if dies { rng.u32(5..60) } else { 0 },
            edges_take: if slow { rng.u64(20_000..80_000) } else { rng.u64(500..22_000) },
            deployed_after: rng.u64(500..30_000),
            outage: if slow { rng.u64(20_000..80_000) } else { rng.u64(1_000..25_000) },
            standby_broken: broken,
            nameless,
            changed_by_others_at: others.then(|| rng.u64(10_000..90_000)),
            restore_writer: restore,
            cool_down,
            drops_within: if twice { cool_down + rng.u64(1..40_000) } else { cool_down },
        }
    }

    /// Whether nothing in it may keep a run from telling exactly what happened.
    fn is_calm(&self) -> bool {
        self.function_deaths == 0 && !self.nameless && self.changed_by_others_at.is_none()
    }
}
