//! Handler of the widget: the scorecard as a CloudWatch dashboard asks for it (user guide, *Custom widgets in CloudWatch
//! dashboards*).

use std::process::ExitCode;

use firedrill_core::{ports::Clock, text::one_line};
use firedrill_scorecard::{
    input::Inputs, model::Scorecard, publish::read_inputs, render::widget, settings::Settings,
};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use super::Failed;
#[cfg(feature = "publisher")]
use crate::s3::SiteBucket;
use crate::{
    client::Connection, clock::SystemClock, config::scorecard::ScorecardSettings, dynamodb::RunTable,
    scorecard::ScorecardCloud,
};

/// What CloudWatch sends, and the one parameter of ours.
const KNOWN: [&str; 3] = ["describe", "widgetContext", "application"];

/// What the widget works with.
struct Widget {
    cloud: ScorecardCloud,
    settings: Settings,
}

/// Serves a dashboard's calls until Lambda ends the process. `{"describe": true}` is answered without reading anything.
#[must_use]
pub fn serve_widget() -> ExitCode {
    super::run(set_up(), &async |function: &Widget, event: LambdaEvent<Value>| {
        function.answer(&event.payload).await
    })
}

async fn set_up() -> Result<Widget, Failed> {
    let ScorecardSettings { table, retention, call_deadline, topic_arn, scorecard: settings } =
        ScorecardSettings::from_env().map_err(Failed::wrong_configuration)?;
    let connection = Connection::load(call_deadline).await;
    let table = RunTable::new(&connection, &table, retention, call_deadline);
    let cloud = ScorecardCloud::new(
        &connection,
        table,
        topic_arn,
        #[cfg(feature = "publisher")]
        SiteBucket::new(&connection, &settings.links.bucket),
    );
    Ok(Widget { cloud, settings })
}

impl Widget {
    async fn answer(&self, event: &Value) -> Result<Value, Failed> {
        check(event)?;
        let now = SystemClock::start().now();
        let inputs = if event["describe"] == true {
            Inputs::default()
        } else {
            // Boxed: the future of all that is read is large, and would be moved.
            Box::pin(read_inputs(&self.cloud, &self.settings, now)).await
        };
        let base_url = self.settings.links.base_url.as_deref();
        // Every run that is over has a page.
        let answered = widget(event, &Scorecard::of(&inputs, now), base_url, &|_| true);
        answered.map_err(|error| Failed { name: "NotRendered", text: error.to_string() })
    }
}

/// Refuses what is neither CloudWatch's nor a parameter of ours: one that is misspelt would show something else.
fn check(event: &Value) -> Result<(), Failed> {
    let refused = |text: String| Failed { name: "UnknownRequest", text };
    let fields = event
        .as_object()
        .ok_or_else(|| refused(format!("`{}` is not a JSON object", one_line(&event.to_string(), 100))))?;
    match fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
        Some(field) => {
            let field = one_line(field, 100);
            Err(refused(format!("the parameter `{field}` is not known; `application` is")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_parameter_never_shows_all_applications() {
        let refusal = |event: Value| check(&event).unwrap_err().text;
        assert!(refusal(json!({ "aplication": "bookstore" })).contains("`aplication`"));
        assert!(refusal(json!([])).contains("not a JSON object"));
        for event in [
            json!({}),
            json!({ "describe": true }),
            json!({ "application": "bookstore", "widgetContext": { "theme": "dark" } }),
        ] {
            assert!(check(&event).is_ok(), "{event}");
        }
    }
}
