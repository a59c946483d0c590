//! What happens in one history, drawn from one seed.

use fastrand::Rng;

/// The kinds of trouble, to be counted: a simulation that never meets one proves nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Trouble {
    CallThrottled,
    CallDenied,
    CallLostBefore,
    CallLostAfter,
    CallLandsLate,
    ReadFails,
    StaleRead,
    StoreFailsBefore,
    StoreFailsAfter,
    StoreAway,
    InvocationDies,
    DuplicateDelivery,
    LateDelivery,
    OperatorStops,
    SomebodyElseRestores,
    PrimaryFails,
    RestoreRefused,
    AlarmFallsBackWithinASecond,
    OkBeforeAlarm,
    DuplicateChange,
    ChangeHoursLate,
    ClockIsOff,
    FunctionDies,
    FunctionDenied,
    LostRace,
    SomebodyElseChanges,
    RealAlarm,
    FailoverDropped,
}

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

/// One history's circumstances. Moments are milliseconds after its beginning, spans milliseconds.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Scenario {
    /// The seed that drew it.
    pub seed: u64,
    /// What is drilled.
    pub kind: Kind,
    /// What happens around the alarm and behind it.
    pub failover: Failover,
    /// How many targets.
    pub targets: usize,
    /// How long a target takes to stop.
    pub stop_takes: u64,
    /// How long it takes to start.
    pub start_takes: u64,
    /// The standby serves this long after the failure; never, if none.
    pub takes_over_after: Option<u64>,
    /// The failure is none: another zone serves without anybody noticing.
    pub seamless: bool,
    /// Chance in a thousand that a call goes wrong in one of the ways above.
    pub trouble: u32,
    /// Clocks of machines differ by up to this, in milliseconds, either way.
    pub clocks_differ: i64,
    /// From then on nothing goes wrong any more.
    pub calm_at: u64,
    /// Chance in a hundred that an invocation dies within its first minutes.
    pub deaths: u32,
    /// The application is ill from the beginning.
    pub ill_at_start: bool,
    /// The gate is closed.
    pub gate_closed: bool,
    /// There is nothing to inject into.
    pub refused: bool,
    /// The injecting call is denied.
    pub denied: bool,
    /// The delivery comes hours late.
    pub late: bool,
    /// So many deliveries of the same event.
    pub deliveries: u32,
    /// An operator stops the run.
    pub stop_at: Option<u64>,
    /// Somebody starts the targets again.
    pub restored_by_others_at: Option<u64>,
    /// The undo moves traffic, so it needs the primary to be well.
    pub moves_traffic: bool,
    /// The primary is really ill during this span.
    pub primary_ill: Option<(u64, u64)>,
    /// AWS refuses the undo during this span.
    pub undo_refused: Option<(u64, u64)>,
    /// The store is away during this span.
    pub store_away: Option<(u64, u64)>,
    /// Probes give no answer during this span.
    pub blind: Option<(u64, u64)>,
    /// A person's word, so long after the run is held or has failed to roll back: fail back?
    pub release: bool,
}

impl Scenario {
    /// Draws a history's circumstances.
    #[must_use]
    pub fn draw(kind: Kind, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5EED_F1DE);
        let failover = Failover::draw(seed);
        let mut chance = |percent: u32| rng.u32(0..100) < percent;
        let (calm, seamless, standby, dies) = (chance(25), chance(8), chance(85), chance(40));
        let (ill, closed, refused, denied, late) = (chance(4), chance(3), chance(3), chance(3), chance(3));
        let (twice, stop, others, traffic) = (chance(30), chance(10), chance(4), chance(20));
        let (primary, undo_refused, away, blind, release) =
            (chance(25), chance(8), chance(10), chance(10), chance(60));
        let mut span = |from: u64, to: u64, least: u64, most: u64| {
            let begin = rng.u64(from..to);
            (begin, begin + rng.u64(least..most))
        };
        let primary_ill = span(5_000, 90_000, 20_000, 400_000);
        let refused_span = span(20_000, 60_000, 100_000, 300_000);
        let away_span = span(0, 120_000, 5_000, 60_000);
        let blind_span = span(10_000, 60_000, 10_000, 120_000);
        let through_alarm = kind != Kind::Instances;
        Self {
            seed,
            kind,
            failover,
            targets: rng.usize(1..4),
            stop_takes: rng.u64(500..15_000),
            start_takes: rng.u64(500..15_000),
            takes_over_after: standby.then(|| {
                let longest = if rng.bool() { 25_000 } else { 110_000 };
                rng.u64(1_000..longest)
            }),
            seamless,
            trouble: if calm { 0 } else { rng.u32(0..120) },
            clocks_differ: if calm { 0 } else { rng.i64(0..2_000) },
            calm_at: 400_000,
            deaths: if dies { rng.u32(0..100) } else { 0 },
            ill_at_start: ill,
            gate_closed: closed,
            refused,
            denied,
            late,
            deliveries: if twice { rng.u32(2..4) } else { 1 },
            stop_at: stop.then(|| rng.u64(0..120_000)),
            restored_by_others_at: others.then(|| rng.u64(10_000..60_000)),
            moves_traffic: traffic,
            primary_ill: ((traffic || through_alarm) && primary).then_some(primary_ill),
            undo_refused: undo_refused.then_some(refused_span),
            store_away: (away && !calm).then_some(away_span),
            blind: blind.then_some(blind_span),
            release,
        }
    }

    /// Whether nothing in it may keep a run from telling exactly what happened.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.trouble == 0
            && self.clocks_differ == 0
            && self.deaths == 0
            && self.store_away.is_none()
            && self.blind.is_none()
            && self.undo_refused.is_none()
            && self.primary_ill.is_none()
            && (self.kind == Kind::Instances || self.failover.is_calm())
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
    /// AWS drops a second failover that comes within this after the first.
    pub cool_down: u64,
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
            cool_down: rng.u64(1..40_000),
        }
    }

    /// Whether nothing in it may keep a run from telling exactly what happened.
    fn is_calm(&self) -> bool {
        self.function_deaths == 0 && !self.nameless && self.changed_by_others_at.is_none()
    }
}
