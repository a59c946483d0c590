//! Answer: what a function answers is short, however much is on record and however much was sent.

use serde_json::{Value, json};

/// The most bytes of what one answer lists, as JSON: with everything else an answer stays below 64 KB.
const MAX_LIST_BYTES: usize = 48_000;

/// Lists these in a field of an answer, from the first on, as far as they fit. What does not fit is counted in `leftOut`.
pub fn list(answer: &mut Value, field: &str, items: impl IntoIterator<Item = Value>) {
    let (mut listed, mut left_out, mut bytes) = (Vec::new(), 0, 0);
    for item in items {
        bytes += item.to_string().len();
        if bytes <= MAX_LIST_BYTES {
            listed.push(item);
        } else {
            left_out += 1;
        }
    }
    answer[field] = Value::Array(listed);
    if left_out > 0 {
        answer["leftOut"] = json!(left_out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_an_answer_is_never_left_out_in_silence() {
        let mut answer = json!({});
        list(&mut answer, "runs", (0..3).map(|n| json!([n, "x".repeat(20_000)])));
        assert_eq!((answer["runs"].as_array().unwrap().len(), &answer["leftOut"]), (2, &json!(1)));
        let mut answer = json!({ "by": "ana" });
        list(&mut answer, "runs", [json!(1)]);
        assert_eq!(answer, json!({ "by": "ana", "runs": [1] }));
    }
}
