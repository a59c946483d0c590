//! The application that probes ask, and the operators who are paged.

use firedrill_core::request::Arn;
use firedrill_drills::{
    Failure,
    failure::Answer,
    ports::{HttpReply, Next, NoReply, Page, Prober, Reply, Subscription, Topics},
};
use serde_json::json;
use url::Url;

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    failover::{ALARM_TOPIC, FUNCTION, Place},
    fault_kind::FaultKind,
    operators,
    scenario::Elsewhere,
};

impl Prober for SimulatedAws {
    async fn get(&self, url: &Url, with_body: bool) -> Result<HttpReply, NoReply> {
        let world = &self.world;
        self.clock.answer_in_time().await;
        let of_the_primary = url.path() == "/primary";
        // Each look asks this once.
        if url.path() == "/version"
            && let Some(looked_at) = self.looked_at.borrow().as_ref()
        {
            world.note_look(looked_at);
        }
        if world.overrides().forbidden_address {
            return Err(NoReply::Forbidden(std::net::Ipv4Addr::new(169, 254, 169, 254).into()));
        }
        let ours = || Err(NoReply::Ours("simulated".to_owned()));
        if world.is_blind() || world.is_within(world.scenario.blind) && !of_the_primary {
            return ours();
        }
        let serves = if of_the_primary { world.is_primary_healthy() } else { world.serving.get() };
        let mut headers = Vec::new();
        let mut by = world.cloud.borrow().edges;
        if url.path() == "/status" && world.draws_fault() {
            // An edge answers from its cache, which may hold what any origin said.
            world.note_fault(FaultKind::AnswerFromCache);
            headers.push(("age".to_owned(), "7".to_owned()));
            by = [Place::Primary, Place::Standby][world.rng.borrow_mut().usize(0..2)];
        }
        let body = if with_body { json!({ "cdn": by.name() }).to_string() } else { String::new() };
        let status = if serves { 200 } else { 503 };
        let mut reply = HttpReply { status, headers, body: Ok(body.into_bytes()) };
        if let Some(change) = world.overrides().http {
            change(url, &mut reply, world.elapsed());
        }
        Ok(reply)
    }

    /// No simulated request opens a connection.
    async fn connect(&self, _: &str, _: u16) -> Result<(), NoReply> {
        Err(NoReply::Ours("simulated".to_owned()))
    }
}

impl Topics for SimulatedAws {
    async fn publish(&self, topic: &Arn, _: &str, text: &str) -> Reply<()> {
        const ACTION: &str = "sns:Publish";
        if !self.has_topic(topic) {
            return Err(self.refuse(ACTION, "NotFound").await);
        }
        if self.world.overrides().pages_denied || self.operation_fault(ACTION).is_some() {
            return Err(refused(ACTION, "AuthorizationError"));
        }
        if operators::page(&self.world, &self.clock).await {
            self.world.pages.borrow_mut().push(text.to_owned());
            return Ok(());
        }
        let answer = Answer::Error { code: "InternalError".to_owned(), status: 500 };
        Err(Failure { action: ACTION, answer, message: "simulated".to_owned() })
    }

    /// The alarm starts its function without a topic. People, and perhaps a pager, are subscribed to another one.
    async fn subscriptions(&self, topic: &Arn, next: Next<'_>) -> Reply<Page<Subscription>> {
        const ACTION: &str = "sns:ListSubscriptionsByTopic";
        self.read(ACTION, |at| {
            if !self.has_topic(topic) {
                return Err(refused(ACTION, "NotFound"));
            }
            let subscriptions = if topic.as_str() == ALARM_TOPIC { self.subscribers() } else { Vec::new() };
            Ok(self.page(changed(self.world.overrides().subscriptions, at, subscriptions), next))
        })
        .await
    }
}

impl SimulatedAws {
    /// Whether this is the topic of the stack's pages, or that of the alarm.
    fn has_topic(&self, topic: &Arn) -> bool {
        topic.as_str() == ALARM_TOPIC || self.world.settings.topic_arn.as_ref() == Some(topic)
    }

    /// Those of the alarm's topic: people first.
    fn subscribers(&self) -> Vec<Subscription> {
        let one = |protocol: &str, endpoint: &str, confirmed| Subscription {
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            confirmed,
        };
        let pager = Some(Elsewhere::Subscription) == self.world.scenario.failover.leads_elsewhere;
        let pager = pager.then(|| one("https", Elsewhere::Subscription.target(), true));
        let people = [
            one("email", "team@example.com", true),
            one("https", "https://not-confirmed.example.com/", false),
            one("lambda", FUNCTION, true),
        ];
        people.into_iter().chain(pager).collect()
    }
}
