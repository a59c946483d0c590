//! What the bookstore does by itself: it looks at what it stands on, and publishes its metrics.

use std::{sync::Mutex, time::Duration};

use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    routing::Servers,
    shop::{Shop, held},
};
use crate::{
    clock::Since,
    emulator::{Databases, Distribution, Instance},
    request::Requests,
};

/// How often it publishes.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Looks at everything, for ever.
pub(super) async fn look(requests: &Requests, shop: &Mutex<Shop>, pause: Duration) {
    let began = Since::now();
    let mut ticks = every(pause);
    loop {
        ticks.tick().await;
        let (instances, distributions, databases) = tokio::join!(
            seen::<Vec<Instance>>(requests, "instances"),
            seen::<Vec<Distribution>>(requests, "distributions"),
            seen::<Databases>(requests, "databases"),
        );
        let mut shop = held(shop);
        shop.look_at_servers(instances.map(|found| Servers::of(&found)), began.elapsed());
        if let Some(found) = distributions {
            shop.look_at_cdn(&found);
        }
        if let Some(found) = databases {
            shop.look_at_databases(&found);
        }
    }
}

/// Publishes every datapoint that there is, for ever.
pub(super) async fn publish(requests: &Requests, shop: &Mutex<Shop>) {
    let mut ticks = every(PUBLISH_EVERY);
    loop {
        ticks.tick().await;
        let points = held(shop).datapoints();
        for (metric, host, value) in points {
            // One lost datapoint among ten is no news.
            let _ = requests.put_metric("Bookstore", metric, host, value).await;
        }
    }
}

/// An emulator that does not answer, or does not know the path, changes nothing.
async fn seen<T: DeserializeOwned>(requests: &Requests, path: &str) -> Option<T> {
    let found = requests.local(Method::GET, path, None).await.ok()?;
    serde_json::from_value(found).ok()
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
