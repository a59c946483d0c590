use super::*;

fn arn(text: &str) -> Arn {
    Arn::try_from(text.to_owned()).unwrap()
}

const DISTRIBUTION: &str = "arn:aws:cloudfront::1:distribution/E1";
const TOPIC: &str = "arn:aws:sns:us-east-1:1:cdn";

fn effect(target: &str, kind: EffectKind) -> Effect {
    Effect {
        alarm: arn("arn:aws:cloudwatch:us-east-1:1:alarm:cdn"),
        through: vec![TOPIC.to_owned()],
        target: target.to_owned(),
        detail: "a subscription (https) to the topic".to_owned(),
        kind,
    }
}

fn function(alarm: &str, distribution: &str) -> EffectKind {
    let rules = format!(
        r#"[{{"alarmArn": "arn:aws:cloudwatch:us-east-1:1:alarm:{alarm}", "distributionArn": "{distribution}",
            "primaryOrigin": "a", "standbyOrigin": "b"}}]"#
    );
    EffectKind::Function(Box::new(FailoverFunction {
        arn: "arn:aws:lambda:us-east-1:1:function:f".to_owned(),
        topic: None,
        failovers: Some(rules),
        max_event_age_seconds: None,
        timeout_seconds: 1,
        can_start: Tristate::Yes,
    }))
}

/// What a run objects to that means to fail the distribution over.
fn objection(effects: &[Effect], mode: Mode, allowed: &[&str]) -> Option<Objection> {
    let allowed: Vec<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
    let purpose = Purpose { resource: &arn(DISTRIBUTION), mode, allowed: &allowed };
    object(effects, &FailoverPath::HealthCheck("ours".to_owned()), &purpose)
}

fn unread() -> Effect {
    let why = "events:ListRules is denied".to_owned();
    effect("the rules of EventBridge", EffectKind::Unread { service: "events".to_owned(), why })
}

#[test]
fn what_is_ours_or_tells_people_is_never_objected_to() {
    let idle = EffectKind::Idle("it is not confirmed".to_owned());
    for kind in [
        EffectKind::Hop,
        EffectKind::Notification,
        idle,
        function("cdn", DISTRIBUTION),
        function("another", "arn:aws:cloudfront::1:distribution/E2"),
    ] {
        assert_eq!(objection(&[effect("x", kind.clone())], Mode::Alarm, &[]), None, "{kind:?}");
    }
}

#[test]
fn what_is_not_ours_or_ours_for_another_resource_is_objected_to_unless_it_is_allowed_by_name() {
    let plain = EffectKind::Function(Box::new(FailoverFunction {
        failovers: None,
        ..match function("cdn", DISTRIBUTION) {
            EffectKind::Function(function) => *function,
            other => panic!("{other:?}"),
        }
    }));
    for kind in [EffectKind::Other, plain, function("cdn", "arn:aws:cloudfront::1:distribution/E2")] {
        let one = [effect("https://pager.example.com/", kind.clone())];
        match objection(&one, Mode::Alarm, &["https://pager.example.com/other"]) {
            Some(Objection::Foreign(why)) => assert!(why.contains("https://pager.example.com/ ("), "{why}"),
            other => panic!("{kind:?}: {other:?}"),
        }
        assert_eq!(objection(&one, Mode::Alarm, &["https://pager.example.com/"]), None);
        assert_eq!(objection(&one, Mode::Alarm, &[TOPIC]), None, "what leads to it is allowed");
    }
}

#[test]
fn what_could_not_be_read_is_objected_to_unless_that_is_allowed() {
    let Some(Objection::Unread(why)) = objection(&[unread()], Mode::Alarm, &["unread:sns"]) else {
        panic!("taken for nothing")
    };
    assert!(why.contains("`unread:events`") && why.contains("is denied"), "{why}");
    assert_eq!(objection(&[unread()], Mode::Alarm, &["unread:events"]), None);
    // What is certain comes first.
    let both = [unread(), effect("x", EffectKind::Other)];
    assert!(matches!(objection(&both, Mode::Alarm, &[]), Some(Objection::Foreign(_))));
}

#[test]
fn another_health_check_is_objected_to_only_where_datapoints_change_it() {
    let checks = |id: &str| [effect(id, EffectKind::HealthCheck)];
    assert_eq!(objection(&checks("ours"), Mode::Metric, &[]), None);
    assert!(objection(&checks("another"), Mode::Metric, &[]).is_some());
    assert_eq!(objection(&checks("another"), Mode::Metric, &["another"]), None);
    assert_eq!(objection(&checks("another"), Mode::Alarm, &[]), None);
}

#[test]
fn a_topic_of_very_many_subscribers_never_fills_the_record() {
    let many: Vec<Effect> = (0..1_000).map(|n| effect(&format!("x{n}"), EffectKind::Other)).collect();
    let hops = all_hops(&[], &many);
    assert_eq!((hops.len(), hops[200].to.as_str()), (201, "800 more"));
    let Some(Objection::Foreign(why)) = objection(&many, Mode::Alarm, &[]) else { panic!("passed") };
    assert!(why.contains("and 995 more") && why.len() < 1_000, "{why}");
}
