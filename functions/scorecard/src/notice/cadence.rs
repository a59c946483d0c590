//! Notice of a cadence that is not kept: a finding that somebody is told once.

use super::{
    Notice,
    lines::{Lines, drill_subject},
};
use crate::{
    event::{CadenceNotKept, Event, EventDrill, EventHeader},
    model::{Drill, Finding, FindingKind},
    render::{
        path::{application_path, drill_anchor},
        text::{MAX_NAME, plain, web_link},
    },
    settings::Links,
};

/// The notice of a finding of this drill. `id` is the same for the same occasion.
pub(crate) fn cadence_not_kept(finding: &Finding, drill: &Drill, id: String, links: &Links) -> Notice {
    let key = &finding.key;
    let page = application_path(&key.application);
    let header = EventHeader::new(id, links.to_place(&page, &drill_anchor(&key.to_string())));
    let what = words(finding.kind);
    let [name, application, environment] =
        [&key.drill, &key.application, &key.environment].map(|name| plain(name, MAX_NAME));
    let playbook = finding.playbook.as_ref();
    let cadence = &drill.cadence;
    let text = Lines::new(format!("Drill {name} of {application} in {environment} {what}."))
        .text("Finding", Some(&finding.text))
        .gap()
        .moment("Last pass", cadence.last_pass)
        .moment("Due since", cadence.due_at.filter(|_| finding.kind == FindingKind::Overdue))
        .moment("Overdue since", cadence.overdue_at.filter(|_| finding.kind == FindingKind::Overdue))
        .own("Must pass every", cadence.every_days.map(|days| format!("{days} days")))
        .moment("Starts next", cadence.next_run)
        .text("Schedule", cadence.schedule.as_deref())
        .gap()
        .playbook(
            playbook.map(|playbook| playbook.owner.as_str()),
            playbook.and_then(|playbook| playbook.link.as_deref()),
            playbook.map(|playbook| playbook.version.as_str()),
        )
        .own("Page", Some(header.link.clone()));
    let event = CadenceNotKept {
        header,
        drill: EventDrill {
            environment: key.environment.clone(),
            application: key.application.clone(),
            drill: key.drill.clone(),
            dependency: finding.dependency.clone(),
            owner: playbook.map(|playbook| playbook.owner.clone()),
            playbook_link: playbook.and_then(|playbook| playbook.link.as_deref()).and_then(web_link),
            playbook_version: playbook.map(|playbook| playbook.version.clone()),
        },
        kind: finding.kind,
        text: finding.text.clone(),
        since: finding.since,
        every_days: cadence.every_days,
        last_pass_at: cadence.last_pass,
        due_at: cadence.due_at,
        overdue_at: cadence.overdue_at,
        next_run_at: cadence.next_run,
    };
    Notice {
        subject: drill_subject(&key.drill, what, [&key.application, &key.environment]),
        text: text.into_text(),
        event: Event::CadenceNotKept(Box::new(event)),
    }
}

/// What is the matter with a drill, to follow its name.
const fn words(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Failed => "is failing",
        FindingKind::ToldNothing => "told nothing",
        FindingKind::Overdue => "is overdue",
        FindingKind::NeverRun => "never ran",
        FindingKind::Disabled => "is disabled",
        FindingKind::ScheduledTooRarely => "is scheduled too rarely",
        FindingKind::ScheduleEnded => "will not start again",
        FindingKind::NeverInWindow => "never meets its windows",
        FindingKind::SkippedRepeatedly => "is skipped each time",
        FindingKind::ScheduleDeleted => "has no schedule any more",
        FindingKind::Renamed => "seems to be renamed",
        FindingKind::RetiredButActive => "is retired, and active",
        FindingKind::OnlyPlanned => "is only planned",
        FindingKind::ScheduleUnreadable => "has an unreadable schedule",
        FindingKind::StartedByEvents => "is started by events only",
    }
}
