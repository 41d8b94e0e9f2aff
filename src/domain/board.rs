//! What may stand on the board: no address of a person in it.

/// A run of so many digits may be a telephone number; no date, building or room is as long.
const DIGITS_MAX: usize = 6;

/// The text with telephone numbers and e-mail addresses taken out, should staff have missed one.
pub fn without_addresses(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for word in text.split_inclusive(|it: char| !(it.is_ascii_alphanumeric() || "@._-+".contains(it))) {
        let mut digits = 0;
        let has_run = word.bytes().any(|it| {
            digits = if it.is_ascii_digit() { digits + 1 } else { 0 };
            digits > DIGITS_MAX
        });
        if !has_run && !word.contains('@') {
            kept.push_str(word);
            continue;
        }
        kept.push('…');
        let end =
            word.chars().next_back().filter(|it| !(it.is_ascii_alphanumeric() || "@._-+".contains(*it)));
        kept.extend(end);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_and_mail_addresses_are_taken_out() {
        let shown = without_addresses("请打13812345678，或写信到 li@example.com。2026-11-25 3号楼201室");

        assert_eq!(shown, "请打…，或写信到 …。2026-11-25 3号楼201室");
    }
}
