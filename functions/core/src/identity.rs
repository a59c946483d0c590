//! Which run a delivery means.

use crate::{
    Request,
    run::{Caller, RunId},
};

impl Request {
    /// `environment/application/drill`: the drill's key.
    #[must_use]
    pub fn drill_key(&self) -> String {
        format!("{}/{}/{}", self.environment, self.application, self.drill)
    }

    /// The identity of the run: the caller's own name of it, else the scheduled time, else the
    /// invocation's request id, which asynchronous retries keep. A plan has identities of its own.
    #[must_use]
    pub fn identity(&self, request_id: &str) -> RunId {
        let name = match (&self.run_id, &self.schedule) {
            (Some(name), _) => name.clone(),
            (None, Some(schedule)) => schedule.scheduled_at.to_string(),
            (None, None) => request_id.to_owned(),
        };
        let key = self.drill_key();
        RunId(if self.execute { format!("{key}/{name}") } else { format!("{key}/plan/{request_id}") })
    }

    /// Who sent it.
    #[must_use]
    pub fn caller(&self) -> Caller {
        match &self.schedule {
            Some(schedule) if schedule.arn.service() == "scheduler" => Caller::Schedule,
            Some(_) => Caller::Rule,
            None => Caller::Direct,
        }
    }
}
