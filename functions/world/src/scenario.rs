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
}

/// One history's circumstances. Moments are milliseconds after its beginning, spans milliseconds.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "circumstances are independent of each other")]
pub struct Scenario {
    /// The seed that drew it.
    pub seed: u64,
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
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5EED_F1DE);
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
        Self {
            seed,
            targets: rng.usize(1..4),
            stop_takes: rng.u64(500..15_000),
            start_takes: rng.u64(500..15_000),
            takes_over_after: standby.then(|| {
                let longest = if rng.bool() { 25_000 } else { 110_000 };
                rng.u64(1_000..longest)
            }),
            seamless,
            trouble: if calm { 0 } else { rng.u32(0..120) },
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
            primary_ill: (traffic && primary).then_some(primary_ill),
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
            && self.deaths == 0
            && self.store_away.is_none()
            && self.blind.is_none()
            && self.undo_refused.is_none()
            && self.primary_ill.is_none()
    }
}
