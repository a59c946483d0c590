//! Hostile: records of which every text was chosen by somebody who means no good.

use std::collections::BTreeMap;

use firedrill_core::{
    Timestamp, Tristate, Verdict, evidence::Evidence, gate::GateAnswer, plan::Hop, run::Stop,
};
use firedrill_scorecard::{
    input::{Inputs, parse_declaration},
    sample,
};
use serde_json::json;

use crate::fixture::{Recorded, at, database, finished};

/// How many characters each text has.
const LENGTH: usize = 10_000;

/// What would be seen if it were not escaped: each sets `window.ran`, opens a dialog, or makes an element.
pub const TEXTS: [&str; 12] = [
    "<script>window.ran = 'script'; alert(1)</script>",
    "<img src=x onerror=\"window.ran = 'image'\">",
    "<svg onload=\"window.ran = 'drawing'\"></svg>",
    "<cwdb-action action=\"call\" endpoint=\"arn:aws:lambda:eu-west-2:123456789012:function:x\">{}</cwdb-action>",
    "\"><iframe srcdoc=\"<script>parent.ran = 'frame'</script>\"></iframe>",
    "'><input autofocus onfocus=\"window.ran = 'focus'\">",
    "</title></style></bdi></svg><script>window.ran = 'end'</script>",
    "javascript:window.ran='link'//",
    "<a href=\"javascript:window.ran = 'anchor'\">x</a>",
    "\u{202e}\u{2067}<b>\u{5d0}\u{5d1}\u{5d2}\u{627}\u{644}</b>\u{202c}",
    "\" onmouseover=\"window.ran = 'pointer'\" autofocus onfocus=\"window.ran = 'attribute'\" x=\"",
    "&lt;script&gt;window.ran = 'twice'&lt;/script&gt;&#60;img src=x onerror=alert(1)&#62;",
];

/// The texts, one after the other, each of 10,000 characters.
#[derive(Default)]
struct Texts(usize);

impl Texts {
    fn next(&mut self) -> String {
        let text = TEXTS[self.0 % TEXTS.len()];
        self.0 += 1;
        let filled = text.chars().chain(std::iter::repeat('x'));
        filled.take(LENGTH).collect()
    }

    /// A part of a run's id, in which a slash would end the part.
    fn part(&mut self) -> String {
        self.next().replace('/', "\u{2215}")
    }

    /// As many characters as a declaration takes.
    fn short(&mut self) -> String {
        self.next().chars().take(80).collect()
    }
}

/// The sample year with other texts.
pub fn year(now: Timestamp) -> Inputs {
    let mut inputs = sample::year(now);
    let texts = &mut Texts::default();
    results(&mut inputs, texts);
    for (index, scheduled) in inputs.scheduled.drills.iter_mut().enumerate() {
        scheduled.arn = texts.next();
        scheduled.expression = Some(texts.next());
        scheduled.time_zone = Some(texts.next());
        match &mut scheduled.request {
            Ok(request) if index > 0 => {
                (request.playbook.owner, request.playbook.version) = (texts.next(), texts.next());
            }
            request => *request = Err(texts.next()),
        }
    }
    declarations(&mut inputs, texts);
    for incident in &mut inputs.incidents {
        incident.why = Some(texts.next());
    }
    inputs.scheduled.unread = vec![texts.next()];
    inputs.unread = TEXTS.map(|_| texts.next()).to_vec();
    inputs
}

/// Renames each drill, and says something else of each of its runs.
fn results(inputs: &mut Inputs, texts: &mut Texts) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for result in &mut inputs.results {
        let drill = result.drill_path().to_owned();
        let name = names.entry(drill.clone()).or_insert_with(|| {
            let [environment, application, drill] = [texts.part(), texts.part(), texts.part()];
            format!("{environment}/{application}/{drill}")
        });
        result.run_id = result.run_id.replacen(&drill, name, 1);
        result.dependency = texts.next();
        (result.owner, result.playbook_version) = (texts.next(), texts.next());
        result.playbook_link = Some(texts.next());
        result.reason = Some(texts.next());
    }
}

fn declarations(inputs: &mut Inputs, texts: &mut Texts) {
    let document = json!({
        "application": "bookstore", "title": texts.short(), "owner": texts.short(),
        "dependencies": [
            { "name": "cdn", "title": texts.short(), "critical": true },
            { "name": "database", "title": texts.short(), "critical": true }
        ]
    });
    let declared = parse_declaration(&document.to_string()).map_err(|error| error.to_string());
    assert!(declared.is_ok(), "{declared:?}");
    inputs.declarations.insert("bookstore".to_owned(), declared);
    inputs.declarations.insert("checkout".to_owned(), Err(texts.next()));
    inputs.declarations.insert(texts.next(), Err(texts.next()));
}

/// A failed run of which every text is hostile.
pub fn run() -> Recorded {
    let mut recorded = finished(database(), Verdict::NotRecovered);
    let texts = &mut Texts::default();
    let run = &mut recorded.run;
    (run.run_id.0, run.starter.0) = (texts.next(), texts.next());
    run.stop = Some(Stop { by: texts.next(), reason: texts.next() });
    (run.reason, run.missing, run.automation_report) =
        (Some(texts.next()), Some(texts.next()), Some(texts.next()));
    for step in run.undo_mut() {
        (step.service, step.action, step.before, step.set) =
            (texts.next(), texts.next(), texts.next(), texts.next());
        step.resources = TEXTS.map(|_| texts.next()).to_vec();
    }
    let mut head = (*run.recorded).clone();
    (head.playbook.owner, head.playbook.version) = (texts.next(), texts.next());
    head.playbook.link = "javascript:window.ran='playbook'".parse().expect("a URL");
    run.recorded = head.into();
    (recorded.request.playbook.owner, recorded.request.playbook.version) = (texts.next(), texts.next());
    recorded.request.playbook.link = "javascript:window.ran='playbook'".parse().expect("a URL");
    for _ in TEXTS {
        recorded.evidence.extend(evidence(texts));
    }
    recorded
}

/// One item of each kind that shows what others said.
fn evidence(texts: &mut Texts) -> [Evidence; 5] {
    let hop = Hop { from: texts.next(), to: texts.next(), seen: Tristate::Unknown, detail: texts.next() };
    [
        Evidence::Note { at: at(30), text: texts.next() },
        Evidence::Gate { at: at(30), answer: GateAnswer::new(&texts.next(), Tristate::No, texts.next()) },
        Evidence::Wiring { at: at(30), hops: vec![hop] },
        Evidence::Targets { at: at(30), states: BTreeMap::from([(texts.next(), texts.next())]) },
        Evidence::Probe {
            probe: texts.next(),
            seen: Tristate::No,
            from: at(30),
            to: at(31),
            answers: 1,
            detail: Some(texts.next()),
        },
    ]
}
