//! `cargo demo`: a newcomer sees one drill from its schedule to its record.

use std::{io::IsTerminal as _, time::Duration};

use firedrill_core::{Outcome, Phase};
use indicatif::ProgressBar;

use crate::{
    Home, LocalAws, LocalError,
    bookstore::BookstoreOptions,
    clock::Since,
    functions,
    home::{DRILL_KEY, HomeOptions},
    keep,
    plain::{Mark, marked, shows_colors},
    python, records, summary,
    table::Record,
    timeline::Timeline,
};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// From the last deployment: the schedule's lead, and as long again for a busy machine.
const STARTS_WITHIN: Duration = Duration::from_mins(1);
/// A run takes about half a minute; the function's own timeout is two.
const ENDS_WITHIN: Duration = Duration::from_mins(3);

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoOptions {
    /// Leave everything up afterwards.
    pub keep: bool,
    /// The standby never takes over.
    pub broken: bool,
}

/// Runs the demo; whether the drill's outcome is `recovered`. Dropping the future takes everything
/// down, at any point.
///
/// # Errors
/// Whatever kept the drill from taking place, by name.
pub async fn run(options: DemoOptions) -> Result<bool, LocalError> {
    let screen = Screen::new();
    crate::emulator::refuse_foreign_endpoints_of_host()?;
    screen.say("Firedrill: a failure drill on AWS, on this machine. Nothing leaves it.");
    screen.say("");
    python::emulators().await?;
    screen.work("building functions/drill-instance");
    screen.spinner.disable_steady_tick();
    let binary = functions::build("drill-instance").await?;
    screen.work("starting local AWS");
    let aws = LocalAws::start().await?;
    screen.done(&format!("local AWS answers at {}", aws.endpoint()));
    screen.work("deploying infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    let bookstore = BookstoreOptions { broken: options.broken, ..BookstoreOptions::default() };
    let home = Home::on(aws, HomeOptions { bookstore, ..HomeOptions::new(&binary) }).await?;
    screen.done("deployed: infra/bookstore.yaml, infra/template.yaml, infra/drills.yaml");
    screen.done(&format!("the bookstore serves at {}/version/", home.bookstore.url()));
    if options.broken {
        screen.done("its standby is broken: it will not take over");
    }
    let at = home.starts_at.map(|at| format!("{:.19}Z", at.to_string())).unwrap_or_default();
    screen.done(&format!("the schedule will start drill `{DRILL_KEY}` at {at}"));
    screen.say("");

    let record = watch(&screen, &home).await?;
    screen.say("");
    for line in summary::lines(&record, &home.table.name, screen.colors) {
        screen.say(&line);
    }
    let file = records::write(std::slice::from_ref(&record))?;
    screen.say(&format!("  {}  {}", marked("written", Mark::Faint, screen.colors), file.display()));
    if options.keep {
        screen.say("");
        for line in keep::lines(&home, Some(&record)).await? {
            screen.say(&line);
        }
        screen.say("");
        screen.say("Local AWS stays up until Ctrl-C.");
        std::future::pending::<()>().await;
    }
    screen.work("taking everything down");
    home.down()?;
    screen.spinner.finish_and_clear();
    Ok(record.run.outcome == Some(Outcome::Recovered))
}

/// Shows the run as its record grows, from the schedule to its end.
async fn watch(screen: &Screen, home: &Home) -> Result<Record, LocalError> {
    let began = Since::now();
    let id = loop {
        screen.work("waiting for the schedule");
        if let Some(id) = home.table.runs_of(DRILL_KEY).await?.into_iter().next() {
            break id;
        }
        if began.elapsed() > STARTS_WITHIN {
            return Err(LocalError::Run(format!(
                "the schedule started no run within {} s; {}",
                STARTS_WITHIN.as_secs(),
                last_words(home)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    screen.say(&format!("Run {id}. Seconds count from the injection."));
    let mut timeline = Timeline::new(screen.colors);
    let began = Since::now();
    loop {
        if let Some(record) = home.table.record(&id).await? {
            for line in timeline.grow(&record) {
                screen.say(&line);
            }
            if record.run.phase == Phase::Finished {
                return Ok(record);
            }
            screen.work(&format!("{} …", doing(record.run.phase)));
        }
        if began.elapsed() > ENDS_WITHIN {
            return Err(LocalError::Run(format!(
                "run {id} did not finish within {} s; {}",
                ENDS_WITHIN.as_secs(),
                last_words(home)
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
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
fn last_words(home: &Home) -> String {
    let log = home.drill_log();
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
