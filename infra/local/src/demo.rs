//! `cargo demo`: a newcomer sees drills from their schedules to their records.

use std::{io::IsTerminal as _, time::Duration};

use firedrill_core::{Outcome, Phase};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{
    Home, LocalAws, LocalError,
    bookstore::{BookstoreOptions, Cdn},
    clock::Since,
    functions,
    home::{Drill, HomeOptions},
    keep,
    plain::{Mark, marked, shows_colors},
    python, records, summary,
    table::Record,
    timeline::Timeline,
};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// From the last deployment: the schedule's lead, and as long again for a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// A run takes about half a minute, one that is held some more; the function's own timeout is two.
const ENDS_WITHIN: Duration = Duration::from_mins(4);

/// What was asked for.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Which drills, one after the other.
    pub drills: Vec<Drill>,
    /// Leave everything up afterwards.
    pub keep: bool,
    /// What should take over does not.
    pub broken: bool,
    /// The CDN's primary really fails in the middle of its drill.
    pub incident: bool,
}

/// Runs the demo; whether the outcome of every drill was `recovered`. Dropping the future takes everything
/// down, at any point.
///
/// # Errors
/// Whatever kept a drill from taking place, by name.
pub async fn run(options: DemoOptions) -> Result<bool, LocalError> {
    let screen = Screen::new();
    crate::emulator::refuse_foreign_endpoints_of_host()?;
    screen.say("Firedrill: failure drills on AWS, on this machine. Nothing leaves it.");
    screen.say("");
    python::emulators().await?;
    screen.work("building the functions");
    screen.spinner.disable_steady_tick();
    let functions = functions::build().await?;
    screen.work("starting local AWS");
    let aws = LocalAws::start().await?;
    screen.done(&format!("local AWS answers at {}", aws.endpoint()));
    screen.work("deploying infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    let broken_instance = options.broken && options.drills.contains(&Drill::Instance);
    let bookstore = BookstoreOptions { broken: broken_instance, ..BookstoreOptions::default() };
    let mut home = Home::on(aws, HomeOptions { bookstore, ..HomeOptions::new(&functions) }).await?;
    screen.done("deployed: infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    screen.done(&format!("the bookstore serves at {}/version/", home.bookstore.url()));
    if options.broken {
        screen.done(&break_something(&home, &options.drills).await?);
    }

    let (mut records, mut as_it_should) = (Vec::new(), true);
    for (index, &drill) in options.drills.iter().enumerate() {
        if index > 0 {
            screen.say("");
        }
        let record = one(&screen, &mut home, drill, options.incident).await?;
        as_it_should &= record.run.outcome == Some(Outcome::Recovered);
        screen.say("");
        for line in summary::lines(&record, &home.table.name, screen.colors) {
            screen.say(&line);
        }
        records.push(record);
    }
    let file = records::write(&records)?;
    screen.say(&format!("  {}  {}", marked("written", Mark::Faint, screen.colors), file.display()));
    if let (true, Some((&drill, record))) = (options.keep, options.drills.iter().zip(&records).next_back()) {
        screen.say("");
        for line in keep::lines(&home, drill, record).await? {
            screen.say(&line);
        }
        screen.say("");
        screen.say("Local AWS stays up until Ctrl-C.");
        std::future::pending::<()>().await;
    }
    screen.work("taking everything down");
    home.down()?;
    screen.spinner.finish_and_clear();
    Ok(as_it_should)
}

/// What should take over does not: the standby server, or the failover function, whose call is denied.
async fn break_something(home: &Home, drills: &[Drill]) -> Result<String, LocalError> {
    let call = |drill: &Drill| match drill {
        Drill::Instance => None,
        Drill::Cdn => Some(("cloudfront", "UpdateDistribution", "LOCALFIREDRILLFAILOVERCDN")),
        Drill::Database => Some(("rds", "FailoverDBCluster", "LOCALFIREDRILLFAILOVERDB")),
    };
    let denied = |(service, action, caller)| {
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
    home.aws.set_faults(&json!(faults)).await?;
    Ok("the failover function is not allowed to fail over: its call will be denied".to_owned())
}

/// One drill, from its schedule to its end.
async fn one(screen: &Screen, home: &mut Home, drill: Drill, incident: bool) -> Result<Record, LocalError> {
    screen.work(&format!("waiting until the alarm of drill `{}` is in OK", drill.key()));
    let at = home.schedule(drill).await?;
    screen.done(&format!("the schedule will start drill `{}` at {:.19}Z", drill.key(), at.to_string()));
    screen.say("");
    watch(screen, home, drill, incident).await
}

/// Shows the run as its record grows, from the schedule to its end.
async fn watch(screen: &Screen, home: &Home, drill: Drill, incident: bool) -> Result<Record, LocalError> {
    let began = Since::now();
    let id = loop {
        screen.work("waiting for the schedule");
        if let Some(id) = home.table.runs_of(drill.key()).await?.into_iter().next() {
            break id;
        }
        if began.elapsed() > STARTS_WITHIN {
            return Err(LocalError::Run(format!(
                "the schedule started no run within {} s; {}",
                STARTS_WITHIN.as_secs(),
                last_words(home, drill)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    screen.say(&format!("Run {id}. Seconds count from the injection."));
    let mut timeline = Timeline::new(screen.colors);
    let began = Since::now();
    let mut people = People { incident, failed: false, released: false };
    loop {
        if let Some(record) = home.table.record(&id).await? {
            for line in timeline.grow(&record) {
                screen.say(&line);
            }
            if record.run.phase == Phase::Finished {
                return Ok(record);
            }
            screen.work(&format!("{} …", doing(record.run.phase)));
            people.act(screen, home, &record).await?;
        }
        if began.elapsed() > ENDS_WITHIN {
            return Err(LocalError::Run(format!(
                "run {id} did not finish within {} s; {}",
                ENDS_WITHIN.as_secs(),
                last_words(home, drill)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What happens to the application and what its people do, in a demo with an incident.
struct People {
    incident: bool,
    failed: bool,
    released: bool,
}

impl People {
    async fn act(&mut self, screen: &Screen, home: &Home, record: &Record) -> Result<(), LocalError> {
        let run = &record.run;
        let stands_in =
            || home.bookstore.cdn_truth().last().is_some_and(|truth| truth.edges == Some(Cdn::Secondary));
        if self.incident && !self.failed && stands_in() {
            self.failed = true;
            home.bookstore.fail_primary_cdn();
            screen.say("           the CDN's primary really fails now, in the middle of the drill");
        }
        let told = run.pages.iter().any(|page| page.sent);
        if self.failed && !self.released && run.phase == Phase::Held && told {
            self.released = true;
            for page in run.pages.iter().filter(|page| page.sent) {
                screen.say(&format!("           the message: {}", page.text));
            }
            home.alarm_is(Drill::Cdn, "ALARM").await?;
            home.bookstore.heal_primary_cdn();
            screen.say("           its alarm has gone off, too; somebody mends it, waits for OK, and releases the run");
            home.alarm_is(Drill::Cdn, "OK").await?;
            let word = json!({ "release": {
                "runId": run.run_id.0, "by": "on-call", "reason": "the primary is mended", "failBack": true
            } });
            let answer = home.invoke(Drill::Cdn, &word).await?;
            if answer.failed {
                return Err(LocalError::Run(format!("the release was refused: {}", answer.payload)));
            }
        }
        Ok(())
    }
}

const fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending | Phase::Checking => "asking the gates, looking for the steady state",
        Phase::Injecting => "causing the failure",
        Phase::Recovering => "waiting for the application to recover",
        Phase::RollingBack => "taking the failure back",
        Phase::Verifying => "looking for the steady state again",
        Phase::Held => "held",
        Phase::Finished => "finished",
    }
}

/// The folder goes with us, so its logs are told.
fn last_words(home: &Home, drill: Drill) -> String {
    let log = home.drill_log(drill);
    let last: Vec<&str> = log.lines().rev().take(15).collect();
    if last.is_empty() {
        return "the function printed nothing".to_owned();
    }
    let last: Vec<&str> = last.into_iter().rev().collect();
    format!("the function's last words:\n{}", last.join("\n"))
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
