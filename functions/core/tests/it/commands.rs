//! Operator commands in an emergency: what is never refused for its form.

use firedrill_core::{
    kill_switch::Scope,
    request::{Delivery, ParseError, StopOrder, StopWhat, SwitchOrder, parse},
    run::Stop,
};
use serde_json::{Value, json};

fn stop(fields: &Value) -> StopOrder {
    match parse(&json!({ "stop": fields })) {
        Ok(Delivery::Stop(order)) => order,
        other => panic!("{fields}: {other:?}"),
    }
}

fn switch(fields: &Value) -> SwitchOrder {
    match parse(&json!({ "killSwitch": fields })) {
        Ok(Delivery::KillSwitch(order)) => order,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn a_stop_is_never_refused_for_who_sent_it_or_why() {
    let chinese = "故障演练立即停止".repeat(21);
    assert!(chinese.chars().count() == 168 && chinese.len() > 500);
    let order = stop(&json!({ "runId": "a/b/c/d", "by": "<@U024BE7LH>", "reason": chinese }));
    assert_eq!(order.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!((order.stop.by.as_str(), order.stop.reason), ("<@U024BE7LH>", chinese));
    assert_eq!(order.notes, Vec::<String>::new());

    for (by, reason) in [
        (json!(null), json!(" ")),
        (json!(4711), json!(["a", "b"])),
        (json!("<aws.scheduler.execution-id>"), json!("x".repeat(100_000))),
    ] {
        let order = stop(&json!({ "application": "bookstore", "by": by, "reason": reason }));
        assert_eq!(order.what, StopWhat::Application("bookstore".to_owned()));
        let Stop { by, reason } = &order.stop;
        assert!((1..=500).contains(&by.chars().count()), "{by}");
        assert!((1..=500).contains(&reason.chars().count()), "{reason}");
    }
    let cut = stop(&json!({ "runId": "a", "by": "ana", "reason": "x".repeat(501) }));
    assert!(cut.stop.reason.ends_with('…') && cut.notes[0].contains("`stop.reason` is longer"), "{cut:?}");
    let unsigned = stop(&json!("a/b/c/d"));
    assert_eq!(unsigned.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!(unsigned.notes.len(), 2, "{:?}", unsigned.notes);
}

#[test]
fn an_emergency_command_is_never_refused_for_what_it_says_besides() {
    let signed =
        json!({ "runId": " a/b/c/d\n", "application": null, "by": "ana", "reason": "r", "ticket": 7 });
    let order = stop(&signed);
    assert_eq!(order.what, StopWhat::Run("a/b/c/d".to_owned()));
    assert_eq!(order.notes, ["`stop.ticket` is an unknown field, and was not read"]);
    assert_eq!(
        stop(&json!({ "application": "Bookstore " })).what,
        StopWhat::Application("bookstore".to_owned())
    );
    let beside = parse(&json!({ "stop": { "runId": "a", "by": "b", "reason": "c" }, "execute": true }));
    let Ok(Delivery::Stop(order)) = beside else { panic!("{beside:?}") };
    assert_eq!(order.notes, ["`execute` is an unknown field, and was not read"]);

    let signed =
        json!({ "engage": "true", "drill": "Staging/bookstore/d ", "until": "tomorrow", "for": "a day" });
    let order = switch(&signed);
    assert_eq!(order.switch.scope, Scope::Drill("staging/bookstore/d".to_owned()));
    assert!(order.engage && order.switch.until.is_none());
    for note in
        ["`killSwitch.for`", "`killSwitch.by` is missing", "`killSwitch.until` (\"tomorrow\") is no time"]
    {
        assert!(order.notes.iter().any(|said| said.contains(note)), "{note}: {:?}", order.notes);
    }
    // Which of the two is meant, nobody said.
    let two = json!({ "stop": { "runId": "a" }, "release": { "runId": "a", "by": "b", "reason": "c" } });
    assert!(parse(&two).unwrap_err().to_string().contains("stands alone"));
}

#[test]
fn a_kill_switch_without_a_scope_is_the_accounts_and_is_never_disengaged_by_that() {
    for nothing in [json!({ "engage": true }), json!({ "engage": true, "application": null, "drill": null })]
    {
        assert_eq!(switch(&nothing).switch.scope, Scope::Account, "{nothing}");
    }
    for unnamed in [
        json!({ "engage": false, "by": "ana", "reason": "over" }),
        json!({ "engage": false, "application": null, "by": "ana", "reason": "over" }),
        json!({ "engage": false, "drill": null, "account": null, "by": "ana", "reason": "over" }),
    ] {
        let refused = parse(&json!({ "killSwitch": unnamed })).unwrap_err();
        assert!(matches!(&refused, ParseError::Shape { field, .. } if field == "killSwitch"), "{refused}");
        assert!(refused.to_string().contains("`\"account\": true`"), "{refused}");
    }
    let named = switch(&json!({ "engage": false, "account": true, "by": "ana", "reason": "over" }));
    assert_eq!((named.engage, named.switch.scope), (false, Scope::Account));
    let misspelt = json!({ "engage": false, "aplication": "bookstore", "by": "ana", "reason": "over" });
    assert!(parse(&json!({ "killSwitch": misspelt })).is_err());
}
