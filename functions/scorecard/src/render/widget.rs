//! Widget: the scorecard as a CloudWatch custom widget. A dashboard calls a function with the widget's parameters and
//! shows the HTML that it answers. CloudWatch removes scripts, frames and `<use>`; links and tables have the
//! dashboard's own style.

use askama::Template;
use serde_json::{Value, json};

use super::{
    listed::Listed,
    moment,
    scorecard::{AnswerShown, FindingShown, RunPages, Scope, answers, findings, state_words},
    state::{Shown, state},
    text::{Text, web_link},
};
use crate::model::{Drill, Scorecard};

/// What the widget is, for people who add it to a dashboard.
const DESCRIPTION: &str = "## Firedrill: can we fail over?\n\
    Shows for each application whether its failure drills prove that it recovers, which drills are overdue, and what is open. \
    The worst comes first.\n\
    ### Parameters\n\
    Name | Use | Default\n\
    ---|---|---\n\
    **application** | shows this application only | all applications\n\
    ### Example\n\
    ```yaml\n\
    application: bookstore\n\
    ```\n";

#[derive(Template)]
#[template(path = "widget.html")]
struct Widget {
    theme: &'static str,
    links: bool,
    index: String,
    answers: Listed<AnswerShown>,
    drills: Listed<Row>,
    findings: Listed<FindingShown>,
    as_of: String,
}

/// One drill.
#[derive(Clone, Debug)]
struct Row {
    drill: Text,
    place: Text,
    state: Shown,
    /// The state in words; none if they are only its name.
    words: Option<Text>,
    cadence: Text,
}

/// The answer to a call of the dashboard: markdown to `{"describe": true}`, else HTML. `base_url` is where the site
/// is served; without it, or if it is no web address, nothing is linked to.
///
/// # Errors
/// The widget could not be written.
pub fn widget(
    event: &Value,
    scorecard: &Scorecard,
    base_url: Option<&str>,
    runs: RunPages<'_>,
) -> askama::Result<Value> {
    if event["describe"] == true {
        return Ok(json!({ "markdown": DESCRIPTION }));
    }
    let base_url = base_url.and_then(web_link).map(|url| if url.ends_with('/') { url } else { url + "/" });
    let root = base_url.as_deref().unwrap_or_default();
    let no_runs = |_: &str| false;
    let runs: RunPages<'_> = if base_url.is_some() { runs } else { &no_runs };
    let scope = Scope::widget(scorecard, event["application"].as_str(), root, runs);
    let theme = if event["widgetContext"]["theme"] == "dark" { "dark" } else { "light" };
    let widget = Widget {
        theme,
        links: base_url.is_some(),
        index: format!("{root}index.html"),
        answers: answers(&scope),
        drills: Listed::first(scope.drills(), scope.limits.drills, row),
        findings: findings(&scope),
        as_of: moment::long(scorecard.as_of),
    };
    widget.render().map(Value::String)
}

fn row(drill: &Drill) -> Row {
    let key = &drill.key;
    Row {
        drill: Text::name(&key.drill),
        place: Text::name(&format!("{}, {}", key.application, key.environment)),
        state: state(drill.state),
        words: state_words(drill),
        cadence: Text::name(&drill.cadence.words),
    }
}
