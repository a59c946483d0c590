//! Database: whether it takes connections, and which instance is the writer.

use crate::emulator::Databases;

/// The database's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    /// Whether it takes connections.
    pub(super) connectable: bool,
    /// The id of the cluster's writer; none for an instance that is in no cluster.
    pub(super) writer: Option<String>,
}

impl Database {
    /// The cluster or instance with this id or ARN; without a name, the first cluster, or else the first instance.
    pub(super) fn of(all: &Databases, named: Option<&str>) -> Option<Self> {
        let is = |id: &str, arn: &str| named.is_none_or(|name| name == id || name == arn);
        let cluster = all.clusters.iter().find(|one| is(&one.id, &one.arn));
        if let Some(found) = cluster {
            return Some(Self { connectable: found.connectable, writer: found.writer.clone() });
        }
        let instance = all.instances.iter().find(|one| is(&one.id, &one.arn));
        instance.map(|found| Self { connectable: found.connectable, writer: None })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn arn(kind: &str, id: &str) -> String {
        format!("arn:aws:rds:us-east-1:000000000000:{kind}:{id}")
    }

    /// A cluster with two members, as the emulator describes it.
    pub(in crate::bookstore) fn cluster(id: &str, writer: Option<&str>, connectable: bool) -> Value {
        let member = |id: &str, writer| json!({ "id": id, "writer": writer, "status": "available", "zone": "us-east-1a" });
        let members = [member(&format!("{id}-1"), false), member(&format!("{id}-2"), true)];
        json!({ "id": id, "arn": arn("cluster", id), "status": "available", "writer": writer,
                "connectable": connectable, "members": members })
    }

    fn all() -> Databases {
        let instance = |id: &str, connectable: bool| {
            json!({ "id": id, "arn": arn("db", id), "status": "available", "zone": "us-east-1a",
                    "secondaryZone": null, "multiAz": false, "connectable": connectable })
        };
        let clusters = [cluster("bookstore", Some("bookstore-2"), true), cluster("other", None, false)];
        let instances = [instance("first", true), instance("alone", false)];
        serde_json::from_value(json!({ "clusters": clusters, "instances": instances })).unwrap()
    }

    fn seen(all: &Databases, named: Option<&str>) -> Option<(bool, Option<String>)> {
        Database::of(all, named).map(|found| (found.connectable, found.writer))
    }

    #[test]
    fn the_database_is_the_named_one_or_the_first_cluster() {
        let all = all();
        assert_eq!(seen(&all, None), Some((true, Some("bookstore-2".to_owned()))));
        assert_eq!(seen(&all, Some("other")), Some((false, None)));
        let arn = "arn:aws:rds:us-east-1:000000000000:db:alone";
        assert_eq!(seen(&all, Some(arn)), Some((false, None)));
        assert_eq!(seen(&all, Some("nowhere")), None);
    }

    #[test]
    fn without_a_cluster_the_database_is_the_first_instance() {
        let mut all = all();
        all.clusters.clear();
        assert_eq!(seen(&all, None), Some((true, None)));
        all.instances.clear();
        assert_eq!(seen(&all, None), None);
    }
}
