//! View: what the emulator says of the bookstore's resources, asked anew for each answer.
//!
//! An answer from an earlier question could show users served after AWS has already reported the end of an outage that the
//! bookstore has not seen yet. On a busy machine that is seconds, and longer than a whole outage.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::Method;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};

use super::{routing::Servers, shop::Shop};
use crate::{
    clock::Since,
    emulator::{Databases, Distribution, Instance},
    request::Requests,
};

/// The interval at which it publishes its metrics.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// The shop, as the emulator says it is.
#[derive(Debug)]
pub(super) struct View {
    requests: Requests,
    shop: Mutex<Shop>,
    opened: Since,
    /// When the emulator was asked for what the shop shows, since the bookstore was opened; none before the first answer.
    asked: tokio::sync::Mutex<Option<Duration>>,
}

/// What the emulator says of all resources, in one answer: one moment.
#[derive(Deserialize)]
struct Resources {
    instances: Vec<Instance>,
    distributions: Vec<Distribution>,
    databases: Databases,
}

impl View {
    pub(super) fn new(requests: Requests, shop: Shop) -> Self {
        Self { requests, shop: Mutex::new(shop), opened: Since::now(), asked: tokio::sync::Mutex::default() }
    }

    /// The shop at a moment after this call. An emulator that does not answer changes nothing.
    pub(super) async fn current(&self) -> MutexGuard<'_, Shop> {
        let called = self.opened.elapsed();
        // One question at a time, so that an older answer never replaces a newer one.
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|asked| asked <= called) {
            let asks = self.opened.elapsed();
            let found = self.resources().await;
            self.apply(found.as_ref());
            *asked = Some(asks);
        }
        self.last()
    }

    /// The shop as of the last question. Every change is made, logged and served under this one lock.
    pub(super) fn last(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the current datapoints, without end.
    pub(super) async fn publish(&self) {
        let mut ticks = interval(PUBLISH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let points = self.current().await.datapoints();
            // Lost datapoints do no harm: the next follow within a second.
            let _ = self.requests.put_metrics("Bookstore", &points).await;
        }
    }

    /// All resources; none if the emulator does not answer.
    async fn resources(&self) -> Option<Resources> {
        let found = self.requests.local(Method::GET, "resources", None).await.ok()?;
        serde_json::from_value(found).ok()
    }

    fn apply(&self, found: Option<&Resources>) {
        let mut shop = self.last();
        shop.update_servers(found.map(|found| Servers::of(&found.instances)), self.opened.elapsed());
        if let Some(found) = found {
            shop.update_cdn(&found.distributions);
            shop.update_databases(&found.databases);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Json, Router, routing::get};
    use serde_json::{Value, json};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::bookstore::{BookstoreOptions, database::tests::cluster, truth::Diary};

    /// An emulator with one database. It answers each question, once it may, with the state in which the question found it.
    struct Emulator {
        connectable: Mutex<bool>,
        questions: Semaphore,
        answers: Semaphore,
    }

    impl Emulator {
        async fn resources(&self) -> Json<Value> {
            let connectable = *self.connectable.lock().unwrap();
            self.questions.add_permits(1);
            self.answers.acquire().await.unwrap().forget();
            let databases = json!({ "clusters": [cluster("bookstore", None, connectable)], "instances": [] });
            Json(json!({ "instances": [], "distributions": [], "databases": databases }))
        }

        /// Serves on a free port, without end; its view of a new shop.
        async fn open(self: &Arc<Self>) -> View {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let requests =
                Requests::new(&format!("http://{}", listener.local_addr().unwrap()), "TEST").unwrap();
            let emulator = Arc::clone(self);
            let answer = async move || emulator.resources().await;
            let routes = Router::new().route("/_local/resources", get(answer));
            tokio::spawn(async move { axum::serve(listener, routes).await });
            let diary = Diary::new(tempfile::tempfile().unwrap());
            View::new(requests, Shop::new(&BookstoreOptions::default(), diary))
        }
    }

    async fn connectable(view: &View) -> Option<bool> {
        view.current().await.database.as_ref().map(|database| database.connectable)
    }

    #[tokio::test]
    async fn the_shop_is_never_shown_as_an_earlier_question_found_it() {
        let (questions, answers) = (Semaphore::new(0), Semaphore::new(0));
        let emulator = Arc::new(Emulator { connectable: false.into(), questions, answers });
        let view = emulator.open().await;
        let second = async {
            emulator.questions.acquire().await.unwrap().forget();
            *emulator.connectable.lock().unwrap() = true;
            emulator.answers.add_permits(2);
            connectable(&view).await
        };
        assert_eq!(tokio::join!(connectable(&view), second), (Some(false), Some(true)));
    }
}
