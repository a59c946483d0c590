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

/// The interval at which it polls the emulator: its answers lag by as much. Each poll costs the emulator some 5 ms of a processor.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The interval at which it publishes its metrics.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// What the emulator says of all resources, in one answer: one moment.
#[derive(Deserialize)]
struct Resources {
    instances: Vec<Instance>,
    distributions: Vec<Distribution>,
    databases: Databases,
}

/// Polls instances, distributions and databases, without end.
pub(super) async fn poll(requests: &Requests, shop: &Mutex<Shop>) {
    let began = Since::now();
    let mut ticks = every(LOOK_EVERY);
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
        for (metric, host, value) in points {
            // A lost datapoint does no harm: the next follows within a second.
            let _ = requests.put_metric("Bookstore", metric, host, value).await;
        }
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
