//! Background tasks of the bookstore: it polls the emulator, and publishes its metrics.

use std::{sync::Mutex, time::Duration};

use reqwest::Method;
use serde::Deserialize;
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

/// What the emulator says of all resources, in one answer: one moment.
#[derive(Deserialize)]
struct Resources {
    instances: Vec<Instance>,
    distributions: Vec<Distribution>,
    databases: Databases,
}

/// Polls instances, distributions and databases at this interval, without end.
pub(super) async fn poll(requests: &Requests, shop: &Mutex<Shop>, look_every: Duration) {
    let began = Since::now();
    let mut ticks = every(look_every);
    loop {
        ticks.tick().await;
        let found = resources(requests).await;
        let mut shop = lock(shop);
        let servers = found.as_ref().map(|found| Servers::of(&found.instances));
        shop.update_servers(servers, began.elapsed());
        if let Some(found) = found {
            shop.update_cdn(&found.distributions);
            shop.update_databases(&found.databases);
        }
    }
}

/// Publishes the current datapoints, without end.
pub(super) async fn publish(requests: &Requests, shop: &Mutex<Shop>) {
    let mut ticks = every(PUBLISH_EVERY);
    loop {
        ticks.tick().await;
        let points = lock(shop).datapoints();
        // Lost datapoints do no harm: the next follow within a second.
        let _ = requests.put_metrics("Bookstore", &points).await;
    }
}

/// All resources; none if the emulator does not answer, which then changes nothing.
async fn resources(requests: &Requests) -> Option<Resources> {
    let found = requests.local(Method::GET, "resources", None).await.ok()?;
    serde_json::from_value(found).ok()
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
