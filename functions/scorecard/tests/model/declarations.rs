//! What an application declares of itself.

use firedrill_scorecard::input::{Declaration, parse_declaration};
use serde_json::{Value, json};

const EXAMPLE: &str = include_str!("../../declaration.json");

fn example() -> Value {
    serde_json::from_str(EXAMPLE).unwrap()
}

fn refusal(text: &str) -> String {
    parse_declaration(text).expect_err("it was taken").to_string()
}

/// The example with this field set.
fn with(pointer: &str, value: Value) -> String {
    let mut document = example();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
    document.to_string()
}

#[test]
fn the_example_is_taken_and_written_as_it_was_read() {
    let declaration = parse_declaration(EXAMPLE).unwrap();
    assert_eq!(serde_json::to_value(&declaration).unwrap(), example());
    let critical: Vec<&str> = declaration.critical().map(|of| of.name.as_str()).collect();
    assert_eq!(critical, ["cdn", "database"]);
}

#[test]
fn what_is_wrong_is_never_passed_over_and_always_named() {
    for (pointer, value, wanted) in [
        ("/ower", json!("x"), "`ower` is an unknown field"),
        ("/dependencies/0/critcal", json!(true), "critcal` is an unknown field"),
        ("/owner", json!(""), "`owner` is out of bounds"),
        ("/owner", json!(["team"]), "`owner`"),
        ("/owner", Value::Null, "`owner`"),
        ("/title", Value::Null, "`title` is null"),
        ("/title", json!("x".repeat(81)), "`title` is out of bounds"),
        ("/application", json!("Bookstore"), "`application`"),
        ("/dependencies", json!([]), "`dependencies` is out of bounds"),
        ("/dependencies/0/critical", json!("yes"), "`dependencies[0].critical`"),
        ("/dependencies/1/name", json!("cdn"), "`dependencies[1].name` stands there twice: `cdn`"),
        ("/retiredDrills/0/reason", json!(""), "`retiredDrills[0].reason` is out of bounds"),
        ("/retiredDrills/0/date", json!("soon"), "`retiredDrills[0].date`"),
        ("/retiredDrills/0/since", json!(1), "since` is an unknown field"),
        ("/agreement", json!(["https://example.com/", "2026-01-01"]), "`agreement` expected an object"),
        ("/agreement/date", json!("01.02.2026"), "`agreement.date`"),
        ("/agreement/date", json!("2026-02-30"), "`agreement.date`"),
        ("/agreement/link", json!("wiki"), "`agreement.link`"),
        ("/recoveryPlaybook/version", json!(""), "`recoveryPlaybook.version` is out of bounds"),
        ("/revenuePerMinute", json!(-1), "`revenuePerMinute`"),
    ] {
        let said = refusal(&with(pointer, value));
        assert!(said.contains(wanted), "{pointer}: {said}");
    }
    assert!(refusal(&EXAMPLE.replacen('{', r#"{"owner": "a", "#, 1)).contains("`owner` stands there twice"));
    assert!(refusal("{").contains("is no JSON"));
    assert!(refusal("[]").contains("`.`"));
}

#[test]
fn a_refusal_is_never_longer_than_somebody_reads() {
    let mut document = example();
    for number in 0..300 {
        document[format!("field-{number}")] = json!(1);
    }
    assert!(refusal(&document.to_string()).len() < 4_000);
    assert!(refusal(&with("/owner", json!("x".repeat(9_000)))).contains("at most 8192"));
    assert!(refusal(&with(&format!("/{}", "y".repeat(5_000)), json!(1))).len() < 1_000);
}

#[test]
fn a_drill_is_never_retired_twice() {
    let mut document = example();
    let retired = document["retiredDrills"][0].clone();
    document["retiredDrills"].as_array_mut().unwrap().push(retired);
    let said = refusal(&document.to_string());
    assert!(said.contains("`retiredDrills[1]` stands there twice: `staging/db-reboot`"), "{said}");
}

#[test]
fn the_schema_is_never_older_than_the_types() {
    let now = serde_json::to_string_pretty(&schemars::schema_for!(Declaration)).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/declaration.schema.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == now,
        "functions/scorecard/declaration.schema.json is out of date: run \
         `UPDATE=1 cargo test -p firedrill-scorecard --test model`"
    );
}

#[test]
fn the_schema_never_knows_other_fields_than_the_type() {
    let schema = serde_json::to_value(schemars::schema_for!(Declaration)).unwrap();
    let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for field in example().as_object().unwrap().keys() {
        assert!(fields.contains(&field), "{field}");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(schema["properties"]["dependencies"]["maxItems"], json!(50));
    assert_eq!(schema["$defs"]["DeclaredLink"]["properties"]["date"]["format"], json!("date"));
}
