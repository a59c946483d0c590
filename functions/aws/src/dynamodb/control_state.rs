//! Control state of a run: operator commands, kill switches and the watchdog's heartbeat, read and written.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use firedrill_core::{
    Run, Timestamp,
    kill_switch::{Scope, Switch},
    ports::{Clock, ControlState, OperatorCommand, RunCommands, StoreError},
    run::{RunId, Stop},
};

use super::{Item, RunTable, item, journal::Put};
use crate::{client::failure, clock::SystemClock};

const READ: &str = "dynamodb:BatchGetItem";
const HEARTBEAT: (&str, &str) = ("watchdog", "heartbeat");
/// The number of tries to change a kill switch that others change at the same time.
const MAX_TRIES: u32 = 8;

fn switch_pk(scope: &Scope) -> String {
    match scope {
        Scope::Account => "switch#account".to_owned(),
        Scope::Application(name) => format!("switch#application/{name}"),
        Scope::Drill(key) => format!("switch#drill/{key}"),
    }
}

fn application_pk(application: &str) -> String {
    format!("application#{application}")
}

/// The switches that keep this run from being drilled.
fn scopes(run: &Run) -> [Scope; 3] {
    [Scope::Account, Scope::Application(run.application.to_string()), Scope::Drill(run.drill_key())]
}

impl RunTable {
    /// Reads all of it with one call, each item consistently.
    pub(super) async fn read_control_state(&self, run: &Run) -> Result<ControlState, StoreError> {
        let switches = scopes(run).map(|scope| item::keys(switch_pk(&scope), "switch"));
        let others = [
            item::keys(item::run_pk(&run.run_id), "commands"),
            item::keys(application_pk(&run.application), "stop"),
            item::keys(HEARTBEAT.0, HEARTBEAT.1),
        ];
        let keys = switches.into_iter().chain(others).collect();
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let keys = keys.map_err(|error| StoreError::Refused(error.to_string()))?;
        let asked = HashMap::from([(self.name.clone(), keys)]);
        let answer =
            self.reads.batch_get_item().set_request_items(Some(asked)).send().await.map_err(failure(READ))?;
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::Unknown(format!("{READ}: not every item was read")));
        }
        control_state(
            answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default(),
            run,
        )
    }

    /// Sent once: a second call would be another command, with a number of its own.
    pub(super) async fn write_command(
        &self,
        id: &RunId,
        command: &OperatorCommand,
    ) -> Result<u64, StoreError> {
        let mut names = vec![("#ttl", "ttl"), ("#number", "number")];
        let (name, fields, update) = match command {
            OperatorCommand::Release(release) => {
                ("release", item::fields(release)?, "SET #word = :word, #ttl = :ttl ADD #number :one")
            }
            // A stop removes an earlier release: the loop would apply that release a second time.
            OperatorCommand::Stop(stop) => {
                names.push(("#release", "release"));
                let update = "SET #word = :word, #ttl = :ttl REMOVE #release ADD #number :one";
                ("stop", item::fields(stop)?, update)
            }
        };
        names.push(("#word", name));
        let names = names.into_iter().map(|(short, name)| (short.to_owned(), name.to_owned())).collect();
        let sent = self
            .mutating
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::keys(item::run_pk(id), "commands")))
            .update_expression(update)
            .set_expression_attribute_names(Some(names))
            .expression_attribute_values(":word", AttributeValue::M(fields))
            .expression_attribute_values(":ttl", item::expires(SystemClock::start().now(), self.retention))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let answer = sent.map_err(failure("dynamodb:UpdateItem"))?;
        Ok(run_commands_of(answer.attributes.unwrap_or_default(), id)?.number)
    }

    pub(super) async fn write_application_stop(
        &self,
        application: &str,
        stop: &Stop,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut stopped = item::fields(stop)?;
        stopped.extend(item::keys(application_pk(application), "stop"));
        stopped.insert("at".to_owned(), item::text(at.to_string()));
        stopped.insert("ttl".to_owned(), item::expires(at, self.retention));
        self.put_whole(stopped).await
    }

    /// Engages a switch, unless an engaged one lasts as long; returns the one that is engaged then. If somebody
    /// else changes it at the same time, their switch is read and compared again. A put that the SDK sent twice may
    /// find its own item, which lasts as long as itself.
    pub(super) async fn engage(&self, switch: &Switch) -> Result<Switch, StoreError> {
        let pk = switch_pk(&switch.scope);
        let mut written = item::fields(switch)?;
        written.extend(item::keys(pk.clone(), "switch"));
        written.insert("engagedAt".to_owned(), item::text(SystemClock::start().now().to_string()));
        let names = HashMap::from([("#until".to_owned(), "until".to_owned())]);
        let mut outlasted: Option<AttributeValue> = None;
        for _ in 0..MAX_TRIES {
            let put = match outlasted.take() {
                None => {
                    self.put_if(written.clone(), "attribute_not_exists(pk)", HashMap::new(), HashMap::new())
                }
                Some(until) => {
                    let ends = HashMap::from([(":until".to_owned(), until)]);
                    let condition = "attribute_not_exists(pk) OR #until = :until";
                    self.put_if(written.clone(), condition, names.clone(), ends)
                }
            };
            let found = match put.await? {
                Put::Done => return Ok(switch.clone()),
                Put::Found(Some(item)) => Some(item),
                Put::Found(None) => self.get(pk.clone(), "switch").await?,
            };
            // None: somebody removed it after the put.
            let Some(item) = found else { continue };
            let engaged = switch_in(&item, switch.scope.clone());
            if !switch.outlasts(&engaged) {
                return Ok(engaged);
            }
            outlasted = item.get("until").cloned();
        }
        let what = format!("others change the kill switch of {} at the same time", switch.scope);
        Err(StoreError::Unknown(format!("dynamodb:PutItem: {what}, {MAX_TRIES} times")))
    }

    /// Removes the switch of this scope, if there is one.
    pub(super) async fn disengage(&self, scope: &Scope) -> Result<(), StoreError> {
        let key = item::keys(switch_pk(scope), "switch");
        let sent = self.reads.delete_item().table_name(&self.name).set_key(Some(key)).send().await;
        Ok(sent.map(drop).map_err(failure("dynamodb:DeleteItem"))?)
    }

    pub(super) async fn put_heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        let mut beat = item::keys(HEARTBEAT.0, HEARTBEAT.1);
        beat.insert("at".to_owned(), item::text(at.to_string()));
        self.put_whole(beat).await
    }

    /// Writes an item over any earlier one. Sent twice, it writes the same.
    async fn put_whole(&self, item: Item) -> Result<(), StoreError> {
        let sent = self.reads.put_item().table_name(&self.name).set_item(Some(item)).send().await;
        Ok(sent.map(drop).map_err(failure("dynamodb:PutItem"))?)
    }
}

fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn control_state(items: Vec<Item>, run: &Run) -> Result<ControlState, StoreError> {
    let mut control_state = ControlState::default();
    for item in items {
        let unreadable =
            |what: &str| StoreError::Refused(format!("{what}, which the record keeps, cannot be read"));
        match (string(&item, "pk").unwrap_or_default(), string(&item, "sk").unwrap_or_default()) {
            (_, "commands") => control_state.commands = Some(run_commands_of(item, &run.run_id)?),
            (_, "switch") => control_state.switches.extend(switch_of(&item, run)),
            (_, "stop") => control_state.application_stop = Some(application_stop_of(&item)),
            HEARTBEAT => {
                let at = moment(&item, "at").ok_or_else(|| unreadable("the watchdog's heartbeat"))?;
                control_state.heartbeat = Some(at);
            }
            (pk, sk) => return Err(unreadable(&format!("{pk} {sk}"))),
        }
    }
    Ok(control_state)
}

fn moment(item: &Item, name: &str) -> Option<Timestamp> {
    string(item, name)?.parse().ok()
}

fn switch_of(item: &Item, run: &Run) -> Option<Switch> {
    let pk = string(item, "pk")?;
    let scope = scopes(run).into_iter().find(|scope| switch_pk(scope) == pk)?;
    Some(switch_in(item, scope))
}

/// A switch as its item holds it. Operators write items by hand too: one with missing or unreadable fields counts as
/// engaged.
fn switch_in(item: &Item, scope: Scope) -> Switch {
    let text = |name: &str| string(item, name).unwrap_or("?").to_owned();
    let until = match item.get("until") {
        None | Some(AttributeValue::Null(true)) => None,
        Some(_) => match moment(item, "until") {
            Some(until) => Some(until),
            None => {
                return Switch::unreadable(scope, "`until` is no time, such as 2026-12-24T18:00:00Z");
            }
        },
    };
    Switch { scope, by: text("by"), reason: text("reason"), until }
}

/// The stop of an application. If its time cannot be read, it stops every run.
fn application_stop_of(item: &Item) -> (Timestamp, Stop) {
    let text = |name: &str| string(item, name).unwrap_or("?").to_owned();
    let at = moment(item, "at").unwrap_or(Timestamp::from_millis(i64::MAX));
    (at, Stop { by: text("by"), reason: text("reason") })
}

fn run_commands_of(mut item: Item, id: &RunId) -> Result<RunCommands, StoreError> {
    let unreadable =
        |what: String| StoreError::Refused(format!("the operator commands on {id} cannot be read: {what}"));
    let number = match item.get("number") {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| unreadable("it has no number".to_owned()))?;
    let release = item.remove("release").map(serde_dynamo::from_attribute_value).transpose();
    let stop = item.remove("stop").map(serde_dynamo::from_attribute_value).transpose();
    Ok(RunCommands {
        number,
        release: release.map_err(|error| unreadable(error.to_string()))?,
        stop: stop.map_err(|error| unreadable(error.to_string()))?,
    })
}

#[cfg(test)]
mod tests {
    use firedrill_core::request::Release;

    use super::*;
    use crate::dynamodb::item::tests::drill;

    fn switch(pk: &str, fields: &[(&str, &str)]) -> Item {
        let mut item = item::keys(pk, "switch");
        item.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), item::text(*value))));
        item
    }

    #[test]
    fn a_word_is_read_back_whole_and_none_without_a_number() {
        let (id, by) = (RunId("a/b/c/d".to_owned()), "ana".to_owned());
        let stop = Stop { by: by.clone(), reason: "wrong hour".to_owned() };
        let release = Release {
            run_id: id.0.clone(),
            by,
            reason: "well again".to_owned(),
            fail_back: true,
            given_at: None,
        };
        let mut item = item::keys(item::run_pk(&id), "commands");
        item.insert("release".to_owned(), AttributeValue::M(item::fields(&release).unwrap()));
        item.insert("stop".to_owned(), AttributeValue::M(item::fields(&stop).unwrap()));
        assert!(run_commands_of(item.clone(), &id).is_err());
        item.insert("number".to_owned(), AttributeValue::N("7".to_owned()));
        assert_eq!(
            run_commands_of(item, &id),
            Ok(RunCommands { number: 7, release: Some(release), stop: Some(stop) })
        );
    }

    #[test]
    fn a_switch_that_somebody_wrote_by_hand_is_never_taken_for_none() {
        let (run, _) = drill();
        let read = |item: Item| control_state(vec![item], &run).unwrap().switches;
        let account = read(switch("switch#account", &[]));
        assert_eq!((&account[0].scope, account[0].until), (&Scope::Account, None));
        let until = [("by", "ana"), ("reason", "sale"), ("until", "2026-11-30T00:00:00Z")];
        let application = read(switch("switch#application/bookstore", &until));
        assert!(application[0].until.is_some());
        let unreadable = read(switch("switch#drill/staging/bookstore/instance", &[("until", "monday")]));
        assert!(unreadable[0].is_engaged(Timestamp::from_millis(i64::MAX)), "{unreadable:?}");
    }

    #[test]
    fn a_heartbeat_that_cannot_be_read_is_not_a_missing_one() {
        let (run, _) = drill();
        let mut beat = item::keys(HEARTBEAT.0, HEARTBEAT.1);
        assert!(control_state(vec![beat.clone()], &run).is_err());
        beat.insert("at".to_owned(), item::text("2026-11-23T19:00:00Z"));
        assert!(control_state(vec![beat], &run).unwrap().heartbeat.is_some());
        assert_eq!(control_state(Vec::new(), &run).unwrap(), ControlState::default());
    }
}
