//! Real alarms: CloudWatch evaluates them, and the functions act without any drill.

use std::time::Duration;

use firedrill_core::failover::{AlarmState, Done};
use firedrill_simulator::{FailoverCase, Place, failover_case::Resource};

#[test]
fn users_are_never_left_on_a_failed_primary_nor_moved_back_without_an_operator() {
    for resource in [Resource::Distribution, Resource::Cluster] {
        let mut case = FailoverCase::with(resource, |setup| {
            setup.primary_unhealthy = Some((10_000, 300_000));
        });
        case.wait(Duration::from_secs(15));
        assert!(!case.serves(), "{resource:?}: the primary has failed");
        case.wait(Duration::from_mins(2));
        assert!(case.serves(), "{resource:?}: the primary is still down, and the standby serves");
        assert_eq!(case.place(), Place::Standby);

        // The primary is well again, and so is its alarm.
        case.settle();
        let journal = case.journal();
        let done: Vec<_> = journal.iter().map(|entry| (entry.state, entry.done)).collect();
        let expected = [(AlarmState::Alarm, Some(Done::FailedOver)), (AlarmState::Ok, Some(Done::Ignored))];
        assert_eq!(done, expected, "{journal:#?}");
        assert!(journal.iter().all(|entry| entry.run_id.is_none()), "{journal:#?}");
        assert_eq!((case.place(), case.calls().len()), (Place::Standby, 1), "{resource:?}");
        assert_eq!(case.pages().len(), 1, "{resource:?}: {:#?}", case.pages());
    }
}
