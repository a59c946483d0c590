//! Background tasks of the bookstore: it polls the emulator, and publishes its metrics.

use std::{sync::Mutex, time::Duration};

use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    routing::Servers,
    shop::{Shop, lock},
};
use crate::{
    clock::Since,
    emulator::{Databases, Distribution, Instance},
    request::Requests,
};

/// The interval at which it publishes its metrics.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Polls instances, distributions and databases, without end.
pub(super) async fn poll(requests: &Requests, shop: &Mutex<Shop>, pause: Duration) {
    let began = Since::now();
    let mut ticks = every(pause);
    loop {
        ticks.tick().await;
        let (instances, distributions, databases) = tokio::join!(
            fetch::<Vec<Instance>>(requests, "instances"),
            fetch::<Vec<Distribution>>(requests, "distributions"),
            fetch::<Databases>(requests, "databases"),
        );
        let mut shop = lock(shop);
        shop.update_servers(instances.map(|found| Servers::of(&found)), began.elapsed());
        if let Some(found) = distributions {
            shop.update_cdn(&found);
        }
        if let Some(found) = databases {
            shop.update_databases(&found);
        }
    }
}

/// Publishes the current datapoints, without end.
pub(super) async fn publish(requests: &Requests, shop: &Mutex<Shop>) {
    let mut ticks = every(PUBLISH_EVERY);
    loop {
        ticks.tick().await;
        let points = lock(shop).datapoints();
        for (metric, host, value) in points {
            // A lost datapoint does no harm: the next follows within a second.
            let _ = requests.put_metric("Bookstore", metric, host, value).await;
        }
    }
}

/// What the emulator answers under `/_local/`; none if it does not answer or does not know the path, which then
/// changes nothing.
async fn fetch<T: DeserializeOwned>(requests: &Requests, path: &str) -> Option<T> {
    let found = requests.local(Method::GET, path, None).await.ok()?;
    serde_json::from_value(found).ok()
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
