//! Shop: the state of the bookstore's servers, CDN and database, and what follows from it.

use std::time::Duration;

use super::{
    BookstoreOptions,
    cdn::{self, Cdn, Delivery},
    database::Database,
    routing::{Color, Routing, Servers},
    truth::Diary,
};
use crate::emulator::{Databases, Distribution};

#[derive(Debug)]
pub(super) struct Shop {
    options: BookstoreOptions,
    pub(super) routing: Routing,
    pub(super) delivery: Delivery,
    /// None until a database is deployed.
    pub(super) database: Option<Database>,
    pub(super) diary: Diary,
}

/// One datapoint: the metric, its dimension `Host`, its value.
pub(super) type Datapoint = (&'static str, &'static str, u8);

impl Shop {
    pub(super) fn new(options: &BookstoreOptions, diary: Diary) -> Self {
        Self {
            routing: Routing::new(options),
            delivery: Delivery::new(options.cached),
            options: options.clone(),
            database: None,
            diary,
        }
    }

    /// Applies the state of the servers; none if the emulator did not answer.
    pub(super) fn update_servers(&mut self, servers: Option<Servers>, now: Duration) {
        if let Some(what) = self.routing.update(servers, now) {
            self.diary.servers(what, self.routing.serving());
        }
    }

    pub(super) fn update_cdn(&mut self, distributions: &[Distribution]) {
        self.delivery.update(cdn::ours(distributions, self.options.distribution.as_deref()));
        self.note_cdn();
    }

    pub(super) fn update_databases(&mut self, databases: &Databases) {
        self.database = Database::of(databases, self.options.database.as_deref());
        if let Some(found) = &self.database {
            self.diary.database(found);
        }
    }

    pub(super) fn set_primary_cdn_failed(&mut self, failed: bool) {
        self.delivery.set_primary_failed(failed);
        self.note_cdn();
    }

    /// The server that serves users, or why none does.
    pub(super) const fn serves(&self) -> Result<Color, &'static str> {
        match self.routing.serving() {
            Some(color) => Ok(color),
            None => Err("no server is up"),
        }
    }

    /// The server that serves the books, or why users get none.
    pub(super) const fn has_books(&self) -> Result<Color, &'static str> {
        match &self.database {
            Some(Database { connectable: false, .. }) => Err("the database takes no connections"),
            _ => self.serves(),
        }
    }

    /// The datapoints to publish now. A server that is not up publishes none, nor does what is not deployed.
    pub(super) fn datapoints(&self) -> Vec<Datapoint> {
        let mut points: Vec<Datapoint> =
            self.routing.up().into_iter().map(|color| ("instance-up", color.name(), 1)).collect();
        if self.delivery.is_deployed() {
            points.push(("cdn-connectivity", "primary", self.delivery.is_healthy(Cdn::Primary).into()));
        }
        if let Some(found) = &self.database {
            points.push(("db-connectivity", "bookstore", found.connectable.into()));
        }
        points
    }

    fn note_cdn(&mut self) {
        if self.delivery.is_deployed() {
            self.diary.cdn(self.delivery.edges(), self.delivery.is_served());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bookstore::database::tests::cluster;

    fn shop() -> Shop {
        Shop::new(&BookstoreOptions::default(), Diary::new(tempfile::tempfile().unwrap()))
    }

    fn open(shop: &mut Shop) {
        let tags = json!({ "app": "bookstore", "color": "blue" });
        let blue = json!({ "id": "i-1", "state": "running", "zone": "us-east-1a", "tags": tags, "group": null,
                           "statusChecks": "ok", "region": "us-east-1" });
        let servers = Servers::of(&[serde_json::from_value(blue).unwrap()]);
        shop.update_servers(Some(servers), Duration::ZERO);
    }

    fn databases(connectable: bool, writer: &str) -> Databases {
        let clusters = [cluster("bookstore", Some(writer), connectable)];
        serde_json::from_value(json!({ "clusters": clusters, "instances": [] })).unwrap()
    }

    fn distributions(serving: &str) -> Vec<Distribution> {
        let serving = json!({ "default": serving, "behaviors": {} });
        let origins = json!({ "primary": "p.example.com", "standby": "s.example.com" });
        let one = json!({ "id": "E1", "arn": "arn", "status": "Deployed", "configured": serving,
                          "serving": serving, "origins": origins });
        serde_json::from_value(json!([one])).unwrap()
    }

    #[test]
    fn books_need_a_server_and_the_database_if_there_is_one() {
        let mut shop = shop();
        assert_eq!(shop.has_books(), Err("no server is up"));
        open(&mut shop);
        assert_eq!(shop.has_books(), Ok(Color::Blue), "no database is deployed");
        shop.update_databases(&databases(false, "bookstore-1"));
        assert_eq!(shop.has_books(), Err("the database takes no connections"));
        assert_eq!(shop.serves(), Ok(Color::Blue), "`/version/` needs no database");
        shop.update_databases(&databases(true, "bookstore-2"));
        assert_eq!(shop.has_books(), Ok(Color::Blue));
        let seen = shop.diary.database.iter().map(|truth| (truth.connectable, truth.writer.as_deref()));
        assert_eq!(seen.collect::<Vec<_>>(), [(false, Some("bookstore-1")), (true, Some("bookstore-2"))]);
    }

    #[test]
    fn what_is_not_deployed_publishes_no_metric_and_what_is_unhealthy_a_zero() {
        let mut shop = shop();
        shop.set_primary_cdn_failed(true);
        assert_eq!(shop.datapoints(), []);
        open(&mut shop);
        assert_eq!(shop.datapoints(), [("instance-up", "blue", 1)]);
        shop.update_cdn(&distributions("standby"));
        shop.update_databases(&databases(false, "bookstore-1"));
        let up = ("instance-up", "blue", 1);
        let unhealthy = [up, ("cdn-connectivity", "primary", 0), ("db-connectivity", "bookstore", 0)];
        assert_eq!(shop.datapoints(), unhealthy, "the primary is unhealthy though the standby serves");
        shop.set_primary_cdn_failed(false);
        shop.update_databases(&databases(true, "bookstore-1"));
        let healthy = [up, ("cdn-connectivity", "primary", 1), ("db-connectivity", "bookstore", 1)];
        assert_eq!(shop.datapoints(), healthy);
    }

    #[test]
    fn the_truth_of_the_cdn_is_the_origin_that_serves_and_whether_it_answers() {
        let mut shop = shop();
        shop.update_cdn(&[]);
        shop.update_cdn(&distributions("primary"));
        shop.set_primary_cdn_failed(true);
        shop.update_cdn(&distributions("standby"));
        shop.set_primary_cdn_failed(false);
        shop.update_cdn(&distributions("primary"));
        let seen = shop.diary.cdn.iter().map(|truth| (truth.edges, truth.served));
        let expected = [
            (Some(Cdn::Primary), true),
            (Some(Cdn::Primary), false),
            (Some(Cdn::Secondary), true),
            (Some(Cdn::Primary), true),
        ];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }
}
