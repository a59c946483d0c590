//! A table in memory that fails before or after it wrote, or stays away.

use std::rc::Rc;

use firedrill_core::{
    Phase, Request, Run, Timestamp,
    evidence::Evidence,
    ports::{Begun, Orders, Saved, Store, StoreError, Word},
    run::{RunId, Stop},
    switch::Switch,
};

use crate::{
    scenario::Trouble,
    truth::{Event, World, WorldClock},
};

pub(crate) struct WorldStore {
    pub world: Rc<World>,
    pub clock: Rc<WorldClock>,
    pub request: Rc<Request>,
}

/// Does it, unless trouble comes before; says so, unless trouble comes after.
pub(crate) async fn troubled<T>(
    world: &World,
    clock: &WorldClock,
    work: impl FnOnce() -> T,
) -> Result<T, StoreError> {
    clock.latency().await;
    let lost = |trouble| {
        world.met(trouble);
        Err(StoreError::Unknown("simulated".to_owned()))
    };
    if world.is_within(world.scenario.store_away) {
        return lost(Trouble::StoreAway);
    }
    if world.unlucky(1) {
        return lost(Trouble::StoreFailsBefore);
    }
    let done = work();
    clock.latency().await;
    if world.unlucky(1) { lost(Trouble::StoreFailsAfter) } else { Ok(done) }
}

impl WorldStore {
    async fn call<T>(&self, work: impl FnOnce() -> T) -> Result<T, StoreError> {
        troubled(&self.world, &self.clock, work).await
    }

    fn replace(&self, next: &Run, expected: u64) -> Saved {
        let mut turned_back = false;
        let saved = self.swap(next, expected, &mut turned_back);
        if turned_back {
            self.world.log(Event::TurnedBack);
        }
        saved
    }

    fn swap(&self, next: &Run, expected: u64, turned_back: &mut bool) -> Saved {
        let mut state = self.world.state.borrow_mut();
        match state.heads.get_mut(&next.run_id.0) {
            Some(head) if head.version == expected => {
                let before = matches!(head.phase, Phase::Injecting | Phase::Recovering);
                if before && matches!(next.phase, Phase::RollingBack | Phase::Verifying | Phase::Held) {
                    *turned_back = true;
                }
                *head = next.clone();
                let mut cloud = self.world.cloud.borrow_mut();
                match next.phase {
                    Phase::Injecting if next.lever.is_some() => cloud.holder = Some(next.run_id.clone()),
                    Phase::Finished => cloud.holder = None,
                    _ => {}
                }
                Saved::Saved
            }
            Some(_) | None => Saved::Conflict,
        }
    }
}

impl Store for WorldStore {
    async fn begin(&self, run: &Run, _: &Request) -> Result<Begun, StoreError> {
        self.call(|| {
            let mut state = self.world.state.borrow_mut();
            if let Some(there) = state.heads.get(&run.run_id.0) {
                return Begun::Exists(Box::new(there.clone()));
            }
            if let Some(holder) = &state.lock {
                return Begun::Locked(RunId(holder.clone()));
            }
            state.lock = Some(run.run_id.0.clone());
            state.heads.insert(run.run_id.0.clone(), run.clone());
            Begun::Begun
        })
        .await
    }

    async fn record(&self, run: &Run, _: &Request) -> Result<Begun, StoreError> {
        self.call(|| {
            let mut state = self.world.state.borrow_mut();
            if let Some(there) = state.heads.get(&run.run_id.0) {
                return Begun::Exists(Box::new(there.clone()));
            }
            state.heads.insert(run.run_id.0.clone(), run.clone());
            state.finishes += 1;
            Begun::Begun
        })
        .await
    }

    async fn load(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.call(|| self.world.state.borrow().heads.get(&id.0).cloned()).await
    }

    async fn request(&self, _: &RunId) -> Result<Option<Request>, StoreError> {
        self.call(|| Some((*self.request).clone())).await
    }

    async fn save(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.call(|| self.replace(next, expected)).await
    }

    async fn finish(&self, next: &Run, expected: u64) -> Result<Saved, StoreError> {
        self.call(|| {
            let saved = self.replace(next, expected);
            if saved == Saved::Saved {
                assert_eq!(next.phase, Phase::Finished);
                let mut state = self.world.state.borrow_mut();
                state.lock = None;
                state.finishes += 1;
                drop(state);
                self.world.log(Event::Finished { back: self.world.is_back() });
            }
            saved
        })
        .await
    }

    async fn append(&self, _: &RunId, _: &[(String, Evidence)]) -> Result<(), StoreError> {
        self.call(|| ()).await
    }

    async fn orders(&self, _: &Run) -> Result<Orders, StoreError> {
        let heartbeat = Some(self.world.time());
        self.call(|| Orders { heartbeat, ..Orders::default() }).await
    }

    async fn say(&self, _: &RunId, _: &Word) -> Result<u64, StoreError> {
        self.call(|| 0).await
    }

    async fn stop_application(&self, _: &str, _: &Stop, _: Timestamp) -> Result<(), StoreError> {
        self.call(|| ()).await
    }

    async fn switch(&self, _: &Switch, _: bool) -> Result<(), StoreError> {
        self.call(|| ()).await
    }

    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        let open = |run: &&Run| run.phase != Phase::Finished;
        self.call(|| {
            self.world.state.borrow().heads.values().filter(open).map(|run| run.run_id.clone()).collect()
        })
        .await
    }

    async fn beat(&self, _: Timestamp) -> Result<(), StoreError> {
        self.call(|| ()).await
    }

    async fn list(&self, _: &str, _: u32) -> Result<Vec<Run>, StoreError> {
        self.call(|| self.world.state.borrow().heads.values().cloned().collect()).await
    }
}
