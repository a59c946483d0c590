//! Instance selection: which instances may be stopped.

use std::collections::BTreeMap;

use firedrill_core::{
    Request, Tristate,
    environment::Environment,
    instance::{Candidate, Criteria, Healthy, Membership, NoSelection, Selection, VolumeKey, choose, unfit},
    request::{Delivery, Target, parse},
};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-2:123456789012:key/k";

fn request(instances: &Value, blast_radius: &Value) -> Request {
    let document = json!({
        "drill": "d", "application": "bookstore", "dependency": "compute", "environment": "staging",
        "mode": "stop",
        "target": {
            "instances": { "region": "eu-west-2", "select": instances, "blastRadius": blast_radius }
        },
        "steadyState": { "probes": [{ "name": "v", "check": { "http": { "url": "https://example.com/" } } }] },
        "objective": { "rtoSeconds": 60 },
        "cadence": { "everyDays": 28 },
        "playbook": { "link": "https://example.com/p", "version": "1", "owner": "o", "severity": "s" }
    });
    match parse(&document).unwrap() {
        Delivery::Start(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn criteria<'a>(request: &'a Request, kms_key_arns: &'a [String]) -> Criteria<'a> {
    let target = request.target.instances().unwrap();
    let environment = Environment { name: &request.environment, tag_required: false };
    Criteria { target, environment, kms_key_arns }
}

fn is_unfit(candidate: &Candidate, request: &Request, keys: &[String]) -> Option<String> {
    unfit(candidate, &criteria(request, keys))
}

fn chosen(
    candidates: &[Candidate],
    healthy: &Healthy,
    request: &Request,
    keys: &[String],
    seed: u64,
) -> Result<Selection, NoSelection> {
    choose(candidates, healthy, &criteria(request, keys), seed)
}

fn by_tag(blast_radius: &Value) -> Request {
    request(&json!({ "tags": { "app": "bookstore" } }), blast_radius)
}

fn fit(n: usize) -> Candidate {
    Candidate {
        id: format!("i-{n:017x}"),
        zone: "eu-west-2a".to_owned(),
        state: "running".to_owned(),
        root_device_type: "ebs".to_owned(),
        tags: BTreeMap::from([("firedrill:allowed".to_owned(), "true".to_owned())]),
        stop_protected: Tristate::No,
        ..Candidate::default()
    }
}

#[test]
fn nothing_unfit_is_ever_stopped() {
    let mut request = by_tag(&json!({ "count": 1 }));
    let Target::Instances(target) = &mut request.target else { panic!("not instances") };
    target.availability_zone = Some("eu-west-2a".to_owned());
    assert_eq!(is_unfit(&fit(1), &request, &[]), None);
    let key = |aws_managed| vec![VolumeKey { arn: KEY.to_owned(), aws_managed }];
    let member =
        |lifecycle: &str| Some(Membership { group: "g".to_owned(), lifecycle: lifecycle.to_owned() });
    for (candidate, why) in [
        (Candidate { tags: BTreeMap::new(), ..fit(1) }, "opt-in tag"),
        (
            Candidate { tags: BTreeMap::from([("firedrill:allowed".into(), "yes".into())]), ..fit(1) },
            "opt-in tag",
        ),
        (Candidate { state: "stopped".to_owned(), ..fit(1) }, "not running"),
        (Candidate { root_device_type: "instance-store".to_owned(), ..fit(1) }, "not EBS"),
        (Candidate { spot: true, ..fit(1) }, "Spot"),
        (Candidate { stop_protected: Tristate::Yes, ..fit(1) }, "protected"),
        (Candidate { stop_protected: Tristate::Unknown, ..fit(1) }, "could not be read"),
        (Candidate { zone: "eu-west-2b".to_owned(), ..fit(1) }, "not in eu-west-2a"),
        (Candidate { keys: key(Tristate::No), ..fit(1) }, "customer managed key"),
        (Candidate { keys: key(Tristate::Unknown), ..fit(1) }, "could not be read"),
        (Candidate { group: member("Standby"), ..fit(1) }, "not InService"),
        (Candidate { group: member("Warmed:Stopped"), ..fit(1) }, "not InService"),
        (Candidate { unreadable: Some("denied".to_owned()), ..fit(1) }, "could not be read"),
    ] {
        let reason = is_unfit(&candidate, &request, &[]);
        assert!(
            reason.as_ref().is_some_and(|reason| reason.contains(why)),
            "expected `{why}`, got {reason:?}"
        );
    }
    let keys = [KEY.to_owned()];
    assert_eq!(is_unfit(&Candidate { keys: key(Tristate::No), ..fit(1) }, &request, &keys), None, "granted");
    assert_eq!(
        is_unfit(&Candidate { keys: key(Tristate::Yes), ..fit(1) }, &request, &[]),
        None,
        "AWS's own key"
    );
}

#[test]
fn the_last_healthy_member_is_never_chosen() {
    let member = |n| Candidate {
        group: Some(Membership { group: "g".to_owned(), lifecycle: "InService".to_owned() }),
        ..fit(n)
    };
    let candidates: Vec<Candidate> = (0..3).map(member).collect();
    let all: Vec<String> = candidates.iter().map(|c| c.id.clone()).collect();
    let group = json!({ "autoScalingGroup": "g" });
    let healthy = Healthy::from([("g".to_owned(), all.clone())]);
    for seed in 0..50 {
        let two = chosen(&candidates, &healthy, &request(&group, &json!({ "count": 2 })), &[], seed).unwrap();
        assert_eq!(two.chosen.len(), 2, "seed {seed}");
        let NoSelection { why, excluded: _ } =
            chosen(&candidates, &healthy, &request(&group, &json!({ "count": 3 })), &[], seed).unwrap_err();
        assert!(why.contains("last healthy instance of g"), "seed {seed}: {why}");
    }
    let one_healthy = Healthy::from([("g".to_owned(), vec![all[0].clone()])]);
    for seed in 0..50 {
        let chosen =
            chosen(&candidates, &one_healthy, &request(&group, &json!({ "count": 1 })), &[], seed).unwrap();
        assert_ne!(chosen.chosen, vec![all[0].clone()], "seed {seed}: the only healthy one was chosen");
    }
    let NoSelection { why, excluded: _ } =
        chosen(&candidates, &Healthy::new(), &request(&group, &json!({ "count": 1 })), &[], 1).unwrap_err();
    assert!(why.contains("could not be read"), "unknown is never healthy: {why}");
}

#[test]
fn one_unfit_instance_named_by_id_refuses_them_all() {
    let ids = json!({ "ids": ["i-00000000000000000", "i-00000000000000001"] });
    let candidates = [fit(0), Candidate { spot: true, ..fit(1) }];
    let NoSelection { why, excluded: _ } =
        chosen(&candidates, &Healthy::new(), &request(&ids, &json!({ "count": 1 })), &[], 1).unwrap_err();
    assert!(why.contains("i-00000000000000001 is a Spot instance"), "{why}");
    let NoSelection { why, excluded: _ } =
        chosen(&candidates[..1], &Healthy::new(), &request(&ids, &json!({ "count": 1 })), &[], 1)
            .unwrap_err();
    assert!(why.contains("does not exist"), "{why}");
}

#[test]
fn a_percentage_never_rounds_up_and_never_to_nothing() {
    let candidates: Vec<Candidate> = (0..10).map(fit).collect();
    let percent = |n: u32, of: &[Candidate]| {
        chosen(of, &Healthy::new(), &by_tag(&json!({ "percent": n })), &[], 7).map(|s| s.chosen.len())
    };
    assert_eq!(percent(39, &candidates).unwrap(), 3);
    assert!(percent(9, &candidates).unwrap_err().why.contains("rounds to no instance"));
    assert!(percent(50, &candidates[..1]).unwrap_err().why.contains("rounds to no instance"));
    assert!(percent(50, &[]).unwrap_err().why.contains("no instance in eu-west-2 matches"));
}

#[test]
fn a_seed_repeats_its_choice_whatever_order_aws_answers_in() {
    let mut candidates: Vec<Candidate> = (0..250).map(fit).collect();
    let request = by_tag(&json!({ "percent": 10 }));
    let once = chosen(&candidates, &Healthy::new(), &request, &[], 42).unwrap();
    candidates.reverse();
    assert_eq!(once, chosen(&candidates, &Healthy::new(), &request, &[], 42).unwrap());
    assert_eq!((once.chosen.len(), once.fitting), (25, 250));
    assert_ne!(once.chosen, chosen(&candidates, &Healthy::new(), &request, &[], 43).unwrap().chosen);
}
