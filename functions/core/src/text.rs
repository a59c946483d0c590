//! Texts of callers and of AWS: cut before they are quoted or recorded.

/// At most so many characters of a text; a longer one ends in `…`.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A text on one line of at most so many characters: what is not printed, line breaks too, becomes a space.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let printed: String = text.chars().take(most + 1).map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&printed, most)
}

/// At most so many bytes of a text; a longer one ends in `…`.
#[must_use]
pub fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most.saturating_sub('…'.len_utf8()))])
}

/// Whether a text is what was left of this longer one when it was cut.
#[must_use]
pub fn is_cut_of(text: &str, whole: &str) -> bool {
    text.strip_suffix('…').is_some_and(|beginning| whole.starts_with(beginning))
}

/// What was written, as an error quotes it: at most a line.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text, MAX_QUOTED))
}

/// How much of a value an error quotes, in characters.
const MAX_QUOTED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_characters_and_says_so() {
        assert_eq!(cut("故障演练", 4), "故障演练");
        assert_eq!(cut("故障演练", 3), "故障…");
        assert_eq!(one_line("a\nb\u{0}c", 9), "a b c");
        assert_eq!(one_line(&"x".repeat(500), 10).chars().count(), 10);
        assert_eq!(cut_bytes("故障演练", 12), "故障演练");
        assert_eq!(cut_bytes("故障演练", 11), "故障…");
        assert!(
            is_cut_of("故障…", "故障演练")
                && !is_cut_of("故障", "故障演练")
                && !is_cut_of("故演…", "故障演练")
        );
        assert!((3..40).all(|most| cut_bytes(&"é🔥".repeat(20), most).len() <= most));
    }
}
