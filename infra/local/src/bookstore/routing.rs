//! Routing: which server serves, by the state of the two instances and the time since a failure.

use std::time::Duration;

use serde::Serialize;

use super::{BookstoreOptions, What};
use crate::emulator::Instance;

/// A server of the bookstore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "their names are their colors")]
pub enum Color {
    Blue,
    Green,
}

impl Color {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// The health of the two servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Servers {
    blue: Health,
    green: Health,
}

/// The health of one server. It is up only when its instance runs and has passed its status checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Down,
    Starting,
    Up,
}

impl Servers {
    /// The servers among these instances, by the tags `app` and `color` that the template sets.
    pub(super) fn of(instances: &[Instance]) -> Self {
        let of = |color: &str| {
            let is = |one: &&Instance| {
                let tag = |name: &str| one.tags.get(name).map(String::as_str);
                tag("app") == Some("bookstore") && tag("color") == Some(color)
            };
            let health = |one: &Instance| match (one.state.as_str(), one.status_checks.as_str()) {
                ("running", "ok") => Health::Up,
                ("running", _) => Health::Starting,
                _ => Health::Down,
            };
            instances.iter().filter(is).map(health).max_by_key(|health| *health as u8).unwrap_or_default()
        };
        Self { blue: of("blue"), green: of("green") }
    }

    const fn health(self, color: Color) -> Health {
        match color {
            Color::Blue => self.blue,
            Color::Green => self.green,
        }
    }
}

/// Failover routing: blue while it is up; green once blue has been down for the failover time.
#[derive(Debug)]
pub(super) struct Routing {
    failover: Duration,
    broken: bool,
    servers: Servers,
    serving: Option<Color>,
    /// When users lost their server; none until that has happened.
    failed: Option<Duration>,
}

impl Routing {
    pub(super) fn new(options: &BookstoreOptions) -> Self {
        Self {
            failover: Duration::from_millis(options.failover_ms),
            broken: options.broken,
            servers: Servers::default(),
            serving: None,
            failed: None,
        }
    }

    pub(super) const fn serving(&self) -> Option<Color> {
        self.serving
    }

    /// The servers that are up.
    pub(super) fn up(&self) -> Vec<Color> {
        [Color::Blue, Color::Green]
            .into_iter()
            .filter(|color| self.servers.health(*color) == Health::Up)
            .collect()
    }

    /// Applies the state of the servers; none keeps the last one. Answers what changed for users, if
    /// anything did.
    pub(super) fn update(&mut self, servers: Option<Servers>, now: Duration) -> Option<What> {
        self.servers = servers.unwrap_or(self.servers);
        let is = |color: Color| self.servers.health(color);
        let before = self.serving;
        self.serving = match before {
            _ if is(Color::Blue) == Health::Up => Some(Color::Blue),
            Some(color) if is(color) != Health::Down => Some(color),
            Some(_) => None,
            None => {
                let waited = self.failed.is_some_and(|since| now.saturating_sub(since) >= self.failover);
                (waited && !self.broken && is(Color::Green) == Health::Up).then_some(Color::Green)
            }
        };
        match (before, self.serving) {
            (None, None) => None,
            (Some(old), Some(new)) if old == new => None,
            (Some(_), Some(_)) => Some(What::MovedBack),
            (Some(_), None) => {
                self.failed = Some(now);
                Some(What::Failed)
            }
            (None, Some(_)) => Some(if self.failed.is_some() { What::Recovered } else { What::Opened }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Health::*, *};

    fn routing(broken: bool) -> Routing {
        Routing::new(&BookstoreOptions { failover_ms: 3_000, broken, ..BookstoreOptions::default() })
    }

    fn look(routing: &mut Routing, blue: Health, at_ms: u64) -> Option<What> {
        routing.update(Some(Servers { blue, green: Up }), Duration::from_millis(at_ms))
    }

    #[test]
    fn fails_over_after_the_failover_time_and_moves_back_without_an_error() {
        let mut routing = routing(false);
        assert_eq!(look(&mut routing, Starting, 0), None, "green is a standby, not the first to open");
        assert_eq!(look(&mut routing, Up, 100), Some(What::Opened));
        assert_eq!(look(&mut routing, Down, 200), Some(What::Failed));
        assert_eq!(look(&mut routing, Down, 3_100), None);
        assert_eq!(look(&mut routing, Down, 3_200), Some(What::Recovered));
        assert_eq!(routing.serving(), Some(Color::Green));
        assert_eq!(look(&mut routing, Starting, 4_000), None, "not before its status checks are ok");
        assert_eq!(look(&mut routing, Up, 4_100), Some(What::MovedBack));
        assert_eq!(routing.serving(), Some(Color::Blue));
    }

    #[test]
    fn a_broken_standby_never_serves() {
        let mut routing = routing(true);
        look(&mut routing, Up, 0);
        look(&mut routing, Down, 100);
        assert_eq!(look(&mut routing, Down, 60_000), None);
        assert_eq!(look(&mut routing, Up, 61_000), Some(What::Recovered));
        assert_eq!(routing.serving(), Some(Color::Blue));
    }

    #[test]
    fn an_emulator_that_does_not_answer_changes_nothing() {
        let mut routing = routing(false);
        look(&mut routing, Up, 0);
        assert_eq!(routing.update(None, Duration::from_secs(9)), None);
        assert_eq!(routing.serving(), Some(Color::Blue));
    }
}
