//! Changes of a document that keep it JSON, among the bytes that libFuzzer changes by itself: those are refused as no JSON,
//! nearly all of them, and get no further.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// The most bytes that one change adds: a longer document is refused for its length.
const MAX_BYTES: usize = 120_000;

/// Changes the document in `data[..size]`; its new size.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(u64::from(seed) << 1 | 1);
    if random.below(4) > 0
        && let Ok(mut document) = serde_json::from_slice(&data[..size])
    {
        for _ in 0..=random.below(3) {
            change(&mut document, &mut random);
        }
        let mut text = document.to_string();
        if random.below(16) == 0 {
            text = stand_twice(text);
        }
        if text.len() <= max_size.min(data.len()) {
            data[..text.len()].copy_from_slice(text.as_bytes());
            return text.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
}

/// Goes to a value somewhere inside, and changes it.
fn change(value: &mut Value, random: &mut Random) {
    let is_here = random.below(5) == 0;
    match value {
        Value::Object(fields) if !is_here && !fields.is_empty() => {
            let nth = random.below(fields.len());
            let key = fields.keys().nth(nth).cloned().unwrap_or_default();
            match random.below(12) {
                0 => drop(fields.remove(&key)),
                1 => {
                    let copy = fields[&key].clone();
                    fields.insert(text(random), copy);
                }
                2 => {
                    for number in 0..times(random.below(2_000), key.len()) {
                        fields.insert(format!("{key}{number}"), Value::Null);
                    }
                }
                _ => change(&mut fields[&key], random),
            }
        }
        Value::Array(items) if !is_here && !items.is_empty() => {
            let nth = random.below(items.len());
            match random.below(8) {
                0 => drop(items.remove(nth)),
                1 => {
                    let copy = items[nth].clone();
                    let count = times(random.below(300), copy.to_string().len());
                    items.extend(vec![copy; count]);
                }
                _ => change(&mut items[nth], random),
            }
        }
        // A document within a document: what SNS delivers.
        Value::String(inner) if inner.starts_with('{') && random.below(8) > 0 => {
            if let Ok(mut document) = serde_json::from_str(inner) {
                change(&mut document, random);
                *inner = document.to_string();
            }
        }
        Value::String(inner) if random.below(2) == 0 => {
            let from = inner.floor_char_boundary(random.below(inner.len() + 1));
            match random.below(3) {
                0 => inner.truncate(from),
                1 => inner.insert_str(from, &text(random)),
                _ => *inner = inner.repeat(1 + times(random.below(400), inner.len())),
            }
        }
        Value::Number(number) if random.below(2) == 0 => {
            let number = number.as_i64().unwrap_or_default();
            *value = json!(number.wrapping_add(random.below(9) as i64 - 4));
        }
        value => *value = any(random),
    }
}

/// So many times, or as often as what takes so many bytes fits into a document.
fn times(wanted: usize, bytes: usize) -> usize {
    wanted.min(MAX_BYTES / bytes.max(1))
}

fn any(random: &mut Random) -> Value {
    match random.below(10) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!([0, -1, 1 << 31, i64::MAX, i64::MIN][random.below(5)]),
        5 => json!(u64::MAX),
        6 => json!([1e308, 1e-320, 0.5, 4_294_967_296.0][random.below(4)]),
        _ => json!(text(random)),
    }
}

fn text(random: &mut Random) -> String {
    const TEXTS: [&str; 16] = [
        "", " ", "\n", "\u{0}", "故障", "é", "\"", "<aws.scheduler.scheduled-time>", "<time>", "/", "-", "99999",
        "-009999-01-02T01:59:59Z", "9999-12-30T22:00:00.999999999Z", "+262142-12-31T23:59:59Z", "[0]",
    ];
    TEXTS[random.below(TEXTS.len())].repeat([1, 1, 1, 40, 5_000][random.below(5)])
}

/// The first field of the document once more, at its end.
fn stand_twice(text: String) -> String {
    match (text.strip_suffix('}'), text.find([',', '}'])) {
        (Some(all), Some(end)) if end > 1 && end <= all.len() => format!("{all},{}}}", &all[1..end]),
        _ => text,
    }
}

/// Numbers that are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }
}
