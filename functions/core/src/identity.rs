//! Run identity: the id of the run that a request starts.

use crate::{
    Request,
    run::{Caller, RunId},
};

impl Request {
    /// The id of the run: the drill's key and the caller's `runId`, else the scheduled time, else the
    /// Lambda request id, which asynchronous retries keep. A plan has an id of its own.
    #[must_use]
    pub fn identity(&self, request_id: &str) -> RunId {
        let name = match (&self.run_id, &self.schedule) {
            (Some(name), _) => name.clone(),
            (None, Some(schedule)) => schedule.scheduled_at.to_string(),
            (None, None) => request_id.to_owned(),
        };
        let key = format!("{}/{}/{}", self.environment, self.application, self.drill);
        RunId(if self.execute { format!("{key}/{name}") } else { format!("{key}/plan/{request_id}") })
    }

    /// What sent the request: a schedule, a rule, or a direct invocation.
    #[must_use]
    pub fn caller(&self) -> Caller {
        match &self.schedule {
            Some(schedule) if schedule.arn.service() == "scheduler" => Caller::Schedule,
            Some(_) => Caller::Rule,
            None => Caller::Direct,
        }
    }
}
