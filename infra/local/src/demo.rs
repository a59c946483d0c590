//! `cargo demo`: a newcomer sees drills from their schedules to their records.

use std::{io::IsTerminal as _, path::PathBuf, time::Duration};

use firedrill_core::{Outcome, Phase, Timestamp, kind::DrillKind};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{
    DemoStack, LocalAws, LocalError, binaries,
    bookstore::{BookstoreOptions, Cdn},
    clock::{self, Since},
    history, keep_hints, python,
    record_reader::Record,
    records, site,
    stack::{LocalDrill, StackOptions, caller_key},
    style::{Mark, marked, shows_colors},
    summary,
    timeline::{Timeline, is_watchdog},
};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From the last deployment: the schedule's lead, and as long again for a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(5);
/// A run takes about a minute, one whose function died more than two; a busy machine takes longer.
const ENDS_WITHIN: Duration = Duration::from_mins(15);

/// The fault that ends the drill's function.
const CRASHED: &str = "crash";
const CRASH: [(&str, &str); 2] = [("FunctionTimeoutSeconds", "60"), ("SettleMs", "100000")];

/// The incident must come before recovery is decided.
const INCIDENT: [(&str, &str); 1] = [("HoldForSeconds", "5")];

/// What was asked for.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Which drills, one after the other.
    pub drills: Vec<DrillKind>,
    /// Leave everything up afterwards.
    pub keep: bool,
    /// What goes wrong, if anything.
    pub trouble: Option<Trouble>,
    /// Whether a year of made-up records is written first.
    pub history: bool,
    /// The folder into which the records are written.
    pub output: PathBuf,
}

/// What goes wrong in a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// What should take over does not.
    Broken,
    /// The CDN's primary really fails in the middle of its drill.
    Incident,
    /// The drill's function dies right after it caused the failure.
    Crash,
}

/// Runs the demo; whether every drill ended as it should: `recovered`, or, if its function died, finished by the
/// watchdog with everything as it was. Dropping the future takes everything
/// down, at any point.
///
/// # Errors
/// Whatever kept a drill from taking place, by name.
pub async fn run(options: DemoOptions) -> Result<bool, LocalError> {
    let screen = Screen::new();
    crate::emulator::refuse_foreign_endpoints_of_host()?;
    screen.say("Firedrill: failure drills on AWS, on this machine. Nothing leaves it.");
    screen.say("");
    screen.work("building the functions");
    screen.spinner.disable_steady_tick();
    // The first time both take long, and one of them waits for the network.
    let (_, functions) = tokio::try_join!(python::emulators(), binaries::build())?;
    screen.work("starting local AWS");
    let aws = LocalAws::start().await?;
    screen.done(&format!("local AWS answers at {}", aws.endpoint()));
    screen.work("deploying infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    let broken_instance =
        options.trouble == Some(Trouble::Broken) && options.drills.contains(&DrillKind::Instance);
    let bookstore = BookstoreOptions { broken: broken_instance, ..BookstoreOptions::default() };
    // What a dead function sent may land for as long as it could have lived: a shorter life is a shorter wait.
    let params = if options.trouble == Some(Trouble::Crash) { CRASH.to_vec() } else { Vec::new() };
    let drill_params =
        if options.trouble == Some(Trouble::Incident) { INCIDENT.to_vec() } else { Vec::new() };
    let chosen = StackOptions { bookstore, params, drill_params, ..StackOptions::new(&functions) };
    let mut stack = DemoStack::on(aws, chosen).await?;
    screen.done("deployed: infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    screen.done(&format!("the bookstore serves at {}/version/", stack.bookstore.url()));
    if options.trouble == Some(Trouble::Broken) {
        screen.done(&break_something(&stack, &options.drills).await?);
    }

    let mut runs = Vec::new();
    if options.history {
        screen.work("writing a year of made-up records");
        runs = history::write(&stack, Timestamp::from_millis(clock::epoch_ms())).await?;
        screen.done(&format!("a year of made-up records is written: {} runs", runs.len()));
    }

    let (mut records, mut as_it_should) = (Vec::new(), true);
    for (index, &drill) in options.drills.iter().enumerate() {
        if index > 0 {
            screen.say("");
        }
        let record = one(&screen, &mut stack, drill, options.trouble).await?;
        as_it_should &= ended_well(&record, options.trouble);
        screen.say("");
        for line in summary::lines(&record, &stack.table.name, screen.colors) {
            screen.say(&line);
        }
        records.push(record);
    }
    let file = records::write(&options.output, &records)?;
    screen.say(&format!("  {}  {}", marked("written", Mark::Faint, screen.colors), file.display()));
    runs.extend(records.iter().map(|record| record.run.run_id.0.clone()));
    screen.work("publishing");
    let site = site::publish(&stack, &options.output, &runs).await?;
    screen.say(&format!("  {}  {}", marked("published", Mark::Faint, screen.colors), site.display()));
    if let (true, Some((&drill, record))) = (options.keep, options.drills.iter().zip(&records).next_back()) {
        screen.say("");
        for line in keep_hints::lines(&stack, drill, record).await? {
            screen.say(&line);
        }
        screen.say("");
        screen.say("Local AWS stays up until Ctrl-C.");
        std::future::pending::<()>().await;
    }
    screen.work("taking everything down");
    stack.down()?;
    screen.spinner.finish_and_clear();
    Ok(as_it_should)
}

fn ended_well(record: &Record, trouble: Option<Trouble>) -> bool {
    let run = &record.run;
    if trouble != Some(Trouble::Crash) {
        return run.outcome == Some(Outcome::Recovered);
    }
    let by_watchdog = run.finished_by.as_ref().is_some_and(|by| is_watchdog(&by.0));
    by_watchdog && run.times.steady_again.is_some() && run.outcome != Some(Outcome::RollbackFailed)
}

/// Lets the function that runs this drill die when the call that causes its failure has taken effect.
async fn let_it_die(stack: &DemoStack, drill: DrillKind) -> Result<(), LocalError> {
    let (service, action) = LocalDrill::of(drill).injecting_call;
    let fault = json!([{
        "id": CRASHED, "service": service, "action": action, "dryRun": false, "kind": "kill", "when": "after"
    }]);
    stack.aws.set_faults(&fault).await.map(drop)
}

/// What should take over does not: the standby server, or the failover function, whose call is denied.
async fn break_something(stack: &DemoStack, drills: &[DrillKind]) -> Result<String, LocalError> {
    let call = |drill: &DrillKind| {
        let function = drill.row().failover_package?;
        Some((LocalDrill::of(*drill).moving_call, caller_key(function)))
    };
    let denied = |((service, action), caller)| {
        json!({
            "id": action, "service": service, "action": action, "caller": caller, "kind": "error",
            "times": 1_000_000, "code": "AccessDenied", "status": 403,
            "message": "User is not authorized to perform this action"
        })
    };
    let faults: Vec<_> = drills.iter().filter_map(call).map(denied).collect();
    if faults.is_empty() {
        return Ok("its standby is broken: it will not take over".to_owned());
    }
    stack.aws.set_faults(&json!(faults)).await?;
    Ok("the failover function is not allowed to fail over: its call will be denied".to_owned())
}

/// One drill, from its schedule to its end.
async fn one(
    screen: &Screen,
    stack: &mut DemoStack,
    drill: DrillKind,
    trouble: Option<Trouble>,
) -> Result<Record, LocalError> {
    if trouble == Some(Trouble::Crash) {
        let_it_die(stack, drill).await?;
    }
    let known = stack.table.runs_of(LocalDrill::of(drill).key).await?;
    screen.work(&format!("waiting until the alarm of drill `{}` is in OK", LocalDrill::of(drill).key));
    let at = stack.schedule(drill).await?;
    screen.done(&format!(
        "the schedule will start drill `{}` at {:.19}Z",
        LocalDrill::of(drill).key,
        at.to_string()
    ));
    screen.say("");
    let id = begun(screen, stack, drill, &known).await?;
    watch(screen, stack, drill, Watched { id, trouble }).await
}

/// Waits until the schedule has started a run that is none of these; its id.
async fn begun(
    screen: &Screen,
    stack: &DemoStack,
    drill: DrillKind,
    known: &[String],
) -> Result<String, LocalError> {
    let began = Since::now();
    loop {
        screen.work("waiting for the schedule");
        let runs = stack.table.runs_of(LocalDrill::of(drill).key).await?;
        if let Some(id) = runs.into_iter().find(|id| !known.contains(id)) {
            return Ok(id);
        }
        if began.elapsed() > STARTS_WITHIN {
            return Err(LocalError::Run(format!(
                "the schedule started no run within {} s; {}",
                STARTS_WITHIN.as_secs(),
                latest_log_lines(stack, drill)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A run that is shown, and what goes wrong in it.
struct Watched {
    id: String,
    trouble: Option<Trouble>,
}

/// Shows the run as its record grows, to its end.
async fn watch(
    screen: &Screen,
    stack: &DemoStack,
    drill: DrillKind,
    Watched { id, trouble }: Watched,
) -> Result<Record, LocalError> {
    screen.say(&format!("Run {id}. Seconds count from the injection."));
    let mut timeline = Timeline::new(screen.colors);
    let began = Since::now();
    let mut people = People { trouble, happened: false, released: false };
    loop {
        if let Some(record) = stack.table.record(&id).await? {
            for line in timeline.grow(&record) {
                screen.say(&line);
            }
            if record.run.phase == Phase::Finished {
                return Ok(record);
            }
            screen.work(&format!("{} …", doing(record.run.phase)));
            people.act(screen, stack, &record).await?;
        }
        if began.elapsed() > ENDS_WITHIN {
            return Err(LocalError::Run(format!(
                "run {id} did not finish within {} s; {}",
                ENDS_WITHIN.as_secs(),
                latest_log_lines(stack, drill)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What happens in a demo in which something goes wrong, and what people do about it.
struct People {
    trouble: Option<Trouble>,
    happened: bool,
    released: bool,
}

impl People {
    async fn act(&mut self, screen: &Screen, stack: &DemoStack, record: &Record) -> Result<(), LocalError> {
        let run = &record.run;
        let stands_in =
            || stack.bookstore.cdn_truth().last().is_some_and(|truth| truth.edges == Some(Cdn::Secondary));
        if self.trouble == Some(Trouble::Incident) && !self.happened && stands_in() {
            self.happened = true;
            stack.bookstore.fail_primary_cdn();
            screen.say("           the CDN's primary really fails now, in the middle of the drill");
        }
        let crashes = self.trouble == Some(Trouble::Crash) && !self.happened;
        if crashes && stack.aws.calls().await?.iter().any(|call| call.fault.as_deref() == Some(CRASHED)) {
            self.happened = true;
            screen.say(
                "           the function dies now, right after its call took effect: the run has no owner",
            );
        }
        let told = run.pages.iter().any(|page| page.sent);
        if self.happened && !self.released && run.phase == Phase::Held && told {
            self.released = true;
            for page in run.pages.iter().filter(|page| page.sent) {
                screen.say(&format!("           the message: {}", page.text));
            }
            stack.alarm_is(DrillKind::Cdn, "ALARM").await?;
            stack.bookstore.heal_primary_cdn();
            screen.say("           its alarm has gone off, too; an operator repairs it, waits for OK, and releases the run");
            stack.alarm_is(DrillKind::Cdn, "OK").await?;
            let word = json!({ "release": {
                "runId": run.run_id.0, "by": "on-call", "reason": "the primary is repaired", "failBack": true
            } });
            let answer = stack.invoke(DrillKind::Cdn, &word).await?;
            if answer.failed {
                return Err(LocalError::Run(format!("the release was refused: {}", answer.payload)));
            }
        }
        Ok(())
    }
}

const fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending | Phase::Checking => "reading the gates, checking the steady state",
        Phase::Injecting => "injecting the failure",
        Phase::Recovering => "waiting for the application to recover",
        Phase::RollingBack => "rolling back",
        Phase::Verifying => "verifying the steady state",
        Phase::Held => "held",
        Phase::Finished => "finished",
    }
}

/// The function's latest log lines, because its log file is deleted with the demo's folder.
fn latest_log_lines(stack: &DemoStack, drill: DrillKind) -> String {
    let log = stack.drill_log(drill);
    let last: Vec<&str> = log.lines().rev().take(15).collect();
    if last.is_empty() {
        return "the function printed nothing".to_owned();
    }
    let last: Vec<&str> = last.into_iter().rev().collect();
    format!("the function's latest log lines:\n{}", last.join("\n"))
}

/// Lines on standard output; on a terminal, what is being done below them.
struct Screen {
    colors: bool,
    spinner: ProgressBar,
}

impl Screen {
    fn new() -> Self {
        let spinner =
            if std::io::stdout().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { colors: shows_colors(), spinner }
    }

    fn say(&self, line: &str) {
        self.spinner.suspend(|| println!("{line}"));
    }

    fn done(&self, line: &str) {
        self.say(&format!("  {line}"));
    }

    fn work(&self, doing: &str) {
        self.spinner.enable_steady_tick(Duration::from_millis(100));
        self.spinner.set_message(doing.to_owned());
    }
}
