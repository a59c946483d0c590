//! EventBridge Scheduler: which schedules there are, and what they send.

use aws_sdk_scheduler::{
    operation::get_schedule::GetScheduleOutput,
    primitives::DateTime,
    types::{FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, ScheduleSummary},
};
use firedrill_core::Timestamp;
use firedrill_scorecard::ports::{ListedSchedule, Next, Page, Reply, Schedule, Schedules};

use crate::{
    client::{failure, page, token},
    scorecard::ScorecardCloud,
};

impl Schedules for ScorecardCloud {
    async fn list_schedules(&self, next: Next<'_>) -> Reply<Page<ListedSchedule>> {
        let call = self.scheduler.list_schedules().set_next_token(token(next));
        let answer = call.send().await.map_err(failure("scheduler:ListSchedules"))?;
        Ok(page(answer.schedules.into_iter().map(listed), answer.next_token))
    }

    async fn get_schedule(&self, group: &str, name: &str) -> Reply<Schedule> {
        let call = self.scheduler.get_schedule().group_name(group).name(name);
        call.send().await.map(read).map_err(failure("scheduler:GetSchedule"))
    }
}

fn listed(schedule: ScheduleSummary) -> ListedSchedule {
    ListedSchedule {
        group: schedule.group_name.unwrap_or_default(),
        name: schedule.name.unwrap_or_default(),
        target_arn: schedule.target.map(|target| target.arn).unwrap_or_default(),
    }
}

fn read(schedule: GetScheduleOutput) -> Schedule {
    let (target_arn, input) = schedule.target.map(|target| (target.arn, target.input)).unwrap_or_default();
    Schedule {
        arn: schedule.arn.unwrap_or_default(),
        enabled: schedule.state != Some(ScheduleState::Disabled),
        expression: schedule.schedule_expression.unwrap_or_default(),
        time_zone: schedule.schedule_expression_timezone,
        starts: schedule.start_date.and_then(moment),
        ends: schedule.end_date.and_then(moment),
        created: schedule.creation_date.and_then(moment),
        flexible_window_minutes: schedule.flexible_time_window.as_ref().map_or(0, minutes),
        target_arn,
        input,
    }
}

fn minutes(window: &FlexibleTimeWindow) -> u32 {
    if window.mode == FlexibleTimeWindowMode::Off {
        return 0;
    }
    window.maximum_window_in_minutes.and_then(|minutes| u32::try_from(minutes).ok()).unwrap_or_default()
}

fn moment(time: DateTime) -> Option<Timestamp> {
    time.to_millis().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use aws_sdk_scheduler::types::Target;

    use super::*;

    #[test]
    fn a_schedule_is_read_whole() {
        let target = Target::builder().arn("arn:of:function").role_arn("arn:of:role").input("{}");
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(15);
        let answer = GetScheduleOutput::builder()
            .arn("arn:of:schedule")
            .state(ScheduleState::Enabled)
            .schedule_expression("rate(1 day)")
            .schedule_expression_timezone("Europe/London")
            .start_date(DateTime::from_millis(1_000))
            .end_date(DateTime::from_millis(3_000))
            .creation_date(DateTime::from_millis(500))
            .flexible_time_window(window.build().unwrap())
            .target(target.build().unwrap());
        let at = |ms| Some(Timestamp::from_millis(ms));
        let whole = Schedule {
            arn: "arn:of:schedule".to_owned(),
            enabled: true,
            expression: "rate(1 day)".to_owned(),
            time_zone: Some("Europe/London".to_owned()),
            starts: at(1_000),
            ends: at(3_000),
            created: at(500),
            flexible_window_minutes: 15,
            target_arn: "arn:of:function".to_owned(),
            input: Some("{}".to_owned()),
        };
        assert_eq!(read(answer.build()), whole);
    }

    #[test]
    fn a_schedule_whose_state_is_not_known_is_never_taken_for_disabled() {
        let enabled = |state: Option<ScheduleState>| {
            read(GetScheduleOutput::builder().set_state(state).build()).enabled
        };
        assert!(enabled(None) && enabled(Some(ScheduleState::from("NEW"))));
        assert!(!enabled(Some(ScheduleState::Disabled)));
    }

    #[test]
    fn a_window_that_is_off_never_has_minutes() {
        let window =
            |mode| FlexibleTimeWindow::builder().mode(mode).maximum_window_in_minutes(15).build().unwrap();
        assert_eq!(minutes(&window(FlexibleTimeWindowMode::Off)), 0);
        assert_eq!(minutes(&window(FlexibleTimeWindowMode::Flexible)), 15);
    }
}
