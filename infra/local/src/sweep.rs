//! `cargo sweep`: the real functions on local AWS, disturbed at every call of theirs that matters.
//!
//! The points are found in the call log of runs that nothing was done to ([`mod@find`]). At each, one thing goes wrong
//! ([`mod@point`]), in a run of its own ([`mod@run`]). Whoever finishes the run, in the end the application must be as before,
//! the record whole, and nothing injected twice ([`judge`]).

pub mod application;
pub mod find;
pub mod judge;
pub mod point;
pub mod run;
mod show;

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use firedrill_core::kind::DrillKind;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    LocalError,
    binaries::{self, Binaries},
    paths,
    stack::LocalDrill,
};

pub use point::{CallerRole, Fault, Point};
pub use run::{Lane, RunTrace};

use point::prelude;
use show::Progress;

/// So many homes at a time: a run mostly waits.
pub const LANES: usize = 8;
/// A call that a shorter run does not get to is looked for among those that it made. So often a run is tried that got to
/// none, or showed no points: a busy machine may keep it from its injection.
const MAX_ATTEMPTS: u32 = 5;
/// What is wrong with a run that made no call of the kind that was to go wrong.
pub const NOT_REACHED: &str = "the point was not reached";

/// What was asked for.
#[derive(Clone, Debug)]
pub struct SweepOptions {
    /// Of which drills.
    pub drills: Vec<DrillKind>,
    /// These points alone.
    pub points: Vec<Point>,
    /// So many of them, chosen by this seed.
    pub sample: Option<(usize, u64)>,
    /// So many homes at a time.
    pub lanes: usize,
    /// The output of an earlier sweep: without the points that it shows as ok.
    pub except: Option<PathBuf>,
}

/// What came of one point.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The point.
    pub point: Point,
    /// The number of the call that was hit, if not the point's; none if none was.
    pub hit: Option<u32>,
    /// What the record says.
    pub outcome: String,
    /// Who finished the run.
    pub finished_by: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What is wrong.
    pub wrong: Vec<String>,
}

/// A run whose calls are the points of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The drill.
    pub drill: DrillKind,
    /// Whose calls are looked for: the watchdog has some only where the drill function died.
    pub watchdog: bool,
}

/// The runs in which all points of these drills are found.
#[must_use]
pub fn sources(drills: &[DrillKind]) -> Vec<Source> {
    let of = |&drill: &DrillKind| [false, true].map(|watchdog| Source { drill, watchdog });
    drills.iter().flat_map(of).collect()
}

/// Does what was asked for, and prints it as a table; whether nothing was wrong. Dropping the future takes everything
/// down.
///
/// # Errors
/// Whatever kept it from taking place, by name.
pub async fn run(options: SweepOptions) -> Result<bool, LocalError> {
    crate::emulator::refuse_foreign_endpoints_of_host()?;
    let ok = options.except.as_deref().map(show::read_ok).transpose()?.unwrap_or_default();
    let functions = binaries::build().await?;
    let mut progress = Progress::new();
    let mut points = options.points.clone();
    let wanted = if points.is_empty() { usize::MAX } else { points.len() };
    progress.work("starting local AWS, several times over");
    let mut homes = lanes(options.lanes.min(wanted), &functions).await?;
    if points.is_empty() {
        progress.work("looking for the points, in runs that nothing is done to");
        let found = find(homes, sources(&options.drills)).await?;
        homes = found.0;
        points = found.1.iter().flat_map(|(source, ran)| points_of(*source, ran)).collect();
        let all = points.len();
        points.retain(|point| !ok.contains(point));
        progress.say(&match all - points.len() {
            0 => format!("{all} points"),
            before => format!("{all} points, {before} of them ok before"),
        });
    }
    if let Some((count, seed)) = options.sample {
        points = sampled(points, count, seed);
    }
    progress.head(points.len());
    let shown = Arc::new(Mutex::new(progress));
    let show = Arc::clone(&shown);
    let swept = sweep(homes, points, functions, move |swept| held(&show).line(swept)).await?;
    held(&shown).total(&swept);
    Ok(swept.iter().all(|one| one.wrong.is_empty()))
}

/// The points that one run shows.
#[must_use]
pub fn points_of(source: Source, ran: &RunTrace) -> Vec<Point> {
    let Source { drill, watchdog } = source;
    if watchdog {
        return find::points(ran, drill, CallerRole::Watchdog);
    }
    let mut points = find::points(ran, drill, CallerRole::Drill);
    if drill.works_through_alarm() {
        points.extend(find::points(ran, drill, CallerRole::Failover));
    }
    points
}

/// So many of the points, the same for the same seed: every drill in its turn.
#[must_use]
pub fn sampled(mut points: Vec<Point>, count: usize, seed: u64) -> Vec<Point> {
    points.sort();
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    let mut before: BTreeMap<DrillKind, usize> = BTreeMap::new();
    points.sort_by_cached_key(|point| {
        let turn = before.entry(point.drill).or_default();
        *turn += 1;
        *turn
    });
    points.truncate(count);
    points
}

/// So many homes, brought up at once.
///
/// # Errors
/// Whatever did not come up, by name.
pub async fn lanes(count: usize, functions: &Binaries) -> Result<Vec<Lane>, LocalError> {
    let mut coming = JoinSet::new();
    for _ in 0..count.max(1) {
        let functions = functions.clone();
        coming.spawn(async move { Lane::up(&functions).await });
    }
    let mut lanes = Vec::new();
    while let Some(lane) = coming.join_next().await {
        lanes.push(joined(lane)?);
    }
    Ok(lanes)
}

/// Runs whose points are to be found, and the homes again.
///
/// # Errors
/// One of them went wrong though nothing was done to it.
pub async fn find(
    lanes: Vec<Lane>,
    sources: Vec<Source>,
) -> Result<(Vec<Lane>, Vec<(Source, RunTrace)>), LocalError> {
    let queue = Arc::new(Mutex::new(VecDeque::from(sources)));
    let mut at_work = JoinSet::new();
    for mut lane in lanes {
        let queue = Arc::clone(&queue);
        at_work.spawn(async move {
            let mut found = Vec::new();
            while let Some(source) = next(&queue) {
                let faults = if source.watchdog { json!([prelude(source.drill)]) } else { json!([]) };
                let mut ran = lane.run(source.drill, &faults).await?;
                for _ in 1..MAX_ATTEMPTS {
                    if shows_all(source, &ran) || !judge::wrong(&ran, source.drill, None).is_empty() {
                        break;
                    }
                    ran = lane.run(source.drill, &faults).await?;
                }
                let mut wrong = judge::wrong(&ran, source.drill, None);
                if !shows_all(source, &ran) {
                    wrong.push(format!(
                        "it did not recover as it should, however often; the function answered {}",
                        ran.answer
                    ));
                }
                if !wrong.is_empty() {
                    keep(&format!("{source:?}"), &lane, source.drill, &ran);
                    let Source { drill, watchdog } = source;
                    return Err(LocalError::Run(format!(
                        "the {drill} drill, {}, went wrong though nothing was done to it: {}",
                        if watchdog { "finished by the watchdog" } else { "undisturbed" },
                        wrong.join("; ")
                    )));
                }
                found.push((source, ran));
            }
            Ok((lane, found))
        });
    }
    let (mut lanes, mut found) = (Vec::new(), Vec::new());
    while let Some(done) = at_work.join_next().await {
        let (lane, some) = joined(done)?;
        lanes.push(lane);
        found.extend(some);
    }
    Ok((lanes, found))
}

/// Whether every call that there can be was made by whom it is looked for: on a busy machine a function hands over what it
/// does by itself otherwise.
fn shows_all(source: Source, ran: &RunTrace) -> bool {
    let (service, action) = LocalDrill::of(source.drill).moving_call;
    let made = find::counted(ran, source.drill, CallerRole::Drill);
    let has_moved =
        made.keys().any(|call| (call.service.as_str(), call.action.as_str()) == (service, action));
    ran.is_whole() && (source.watchdog || has_moved)
}

/// Does every one of these points; `done` hears of each.
///
/// # Errors
/// A stack could not be brought up again after a point that broke it.
pub async fn sweep(
    lanes: Vec<Lane>,
    points: Vec<Point>,
    functions: Binaries,
    done: impl Fn(&Swept) + Clone + Send + 'static,
) -> Result<Vec<Swept>, LocalError> {
    let queue = Arc::new(Mutex::new(VecDeque::from(points)));
    let mut at_work = JoinSet::new();
    for mut lane in lanes {
        let (queue, functions, done) = (Arc::clone(&queue), functions.clone(), done.clone());
        at_work.spawn(async move {
            let mut all = Vec::new();
            while let Some(point) = next(&queue) {
                let swept = one(&mut lane, point).await;
                done(&swept);
                if !swept.wrong.is_empty() {
                    // Whatever is broken there must not break the next one.
                    let _ = lane.down();
                    lane = Lane::up(&functions).await?;
                }
                all.push(swept);
            }
            lane.down()?;
            Ok(all)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = at_work.join_next().await {
        all.extend(joined(done)?);
    }
    all.sort_by(|a, b| a.point.cmp(&b.point));
    Ok(all)
}

/// One point, in a run of its own.
async fn one(lane: &mut Lane, point: Point) -> Swept {
    let mut tried = point.clone();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let faults: Value = tried.faults(&lane.next_run(point.drill), run::DELAY_MS);
        let ran = match lane.run(point.drill, &faults).await {
            Ok(ran) => ran,
            Err(error) => {
                let (outcome, wrong) = (String::new(), vec![error.to_string()]);
                return Swept { point, hit: None, outcome, finished_by: "", took: Duration::ZERO, wrong };
            }
        };
        let mut wrong = judge::wrong(&ran, point.drill, Some(&tried));
        let hit = ran.was_hit();
        if !hit && wrong.is_empty() {
            let counted = find::counted(&ran, point.drill, point.which.by);
            let times = counted.get(&point.which).map_or(0, |(times, _)| *times);
            if attempts < MAX_ATTEMPTS {
                // A busy machine makes fewer of them.
                if times > 0 {
                    tried.number = (times.min(tried.number) * 3 / 4).max(1);
                }
                continue;
            }
            wrong.push(NOT_REACHED.to_owned());
        }
        if !wrong.is_empty() {
            keep(&point.to_string(), lane, point.drill, &ran);
        }
        let run = ran.record.as_ref().map(|record| &record.run);
        let outcome =
            run.and_then(|run| run.outcome).map_or_else(|| "not begun".to_owned(), |one| one.to_string());
        let (hit, finished_by) = (hit.then_some(tried.number), ran.finished_by());
        return Swept { point, hit, outcome, finished_by, took: ran.took, wrong };
    }
}

/// Where to look after a point that went wrong: everything that is known of its run, in one file.
fn keep(name: &str, lane: &Lane, drill: DrillKind, ran: &RunTrace) -> Option<PathBuf> {
    let folder = paths::target().join("sweep");
    fs::create_dir_all(&folder).ok()?;
    let file = folder.join(format!("{}.txt", name.replace(['/', ':', '#'], "_")));
    let (head, items) = ran.record.as_ref().map(|record| (&record.head, &record.items)).unzip();
    let lines = |all: &[String]| all.join("\n");
    let calls: Vec<String> = ran.calls.iter().map(show::call).collect();
    let text = format!(
        "{}\n\n==== head\n{:#}\n==== evidence\n{}\n==== calls\n{}\n{}",
        ran.run_id,
        head.unwrap_or(&Value::Null),
        lines(&items.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>()),
        lines(&calls),
        lane.logs(drill)
    );
    fs::write(&file, text).ok().map(|()| file)
}

fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    held(queue).pop_front()
}

fn held<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn joined<T>(done: Result<Result<T, LocalError>, tokio::task::JoinError>) -> Result<T, LocalError> {
    done.unwrap_or_else(|error| Err(LocalError::Run(format!("a part of the sweep failed: {error}"))))
}
