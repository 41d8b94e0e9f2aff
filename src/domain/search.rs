//! Words of the search index: pairs of neighbouring characters, so that 路灯 is found in any text.
//!
//! Chinese writes no spaces, and neither engine's own tokenizer finds a word of two characters. A
//! run of letters and digits c1…cn is indexed as c1c2, c2c3, …, and cn alone; what is looked for
//! is the phrase of its own pairs, which is there exactly when the run is. A single character is
//! looked for as the beginning of a pair. Every word bears its node, so that a search walks no
//! other node's postings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization as _;

/// One document's characters: more than the longest letter seen (12,220), and each is one position,
/// of which PostgreSQL keeps 16,383.
pub const TEXT_CHARS_MAX: usize = 16_000;

/// Longer than any subject seen (42); each character costs a look-up in the index for every node.
pub const QUERY_CHARS_MAX: usize = 100;

/// PostgreSQL keeps this many positions of one lexeme.
const LEXEME_POSITIONS_MAX: usize = 256;

/// Tickets received in the same 2^19 seconds, about six days, are one block: `position >> BLOCK_BITS`.
///
/// PostgreSQL's index gives every hit, in no order; asked block by block it gives the newest first. Shorter blocks
/// make a rare word dearer, by one look-up each, longer ones a common one.
pub const BLOCK_BITS: u32 = 30 + 19;

/// Begins a character written by its number. Of private use, so no run contains it; `FTS5`'s
/// `unicode61` takes it for part of a word.
const NUMBERED: char = '\u{E000}';

/// What somebody looks for: all of these phrases in one document, anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub phrases: Vec<Phrase>,
}

/// One run of what somebody looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phrase {
    /// Words that must follow each other, one or more.
    Words(Vec<String>),
    /// A single character: the beginning of a word.
    Prefix(String),
}

impl Query {
    /// Reads what somebody looks for; None when it has no letter or digit.
    ///
    /// Only the first `QUERY_CHARS_MAX` characters count, which finds what the whole would find and
    /// perhaps more.
    pub fn parse(text: &str) -> Option<Self> {
        let phrases: Vec<Phrase> = runs(std::iter::once(text), QUERY_CHARS_MAX)
            .iter()
            .map(|run| match run.as_slice() {
                [single] => Phrase::Prefix(written(*single)),
                run => Phrase::Words(pairs(run).collect()),
            })
            .collect();
        (!phrases.is_empty()).then_some(Self { phrases })
    }

    /// The match expression for `SQLite`'s FTS5: all phrases in a document of any of the `nodes`.
    ///
    /// Without nodes, an expression that finds nothing. Bind it, as any value.
    pub fn fts5(&self, nodes: &[i64]) -> String {
        if nodes.is_empty() {
            return "\"\"".to_owned();
        }
        let phrase = |node: i64, phrase: &Phrase| match phrase {
            Phrase::Words(words) => {
                let words: Vec<String> = words.iter().map(|it| format!("\"{node}x{it}\"")).collect();
                words.join(" + ")
            }
            Phrase::Prefix(word) => format!("\"{node}x{word}\"*"),
        };
        self.expression(nodes, " AND ", " OR ", phrase)
    }

    /// The `tsquery` for PostgreSQL, to be cast: all phrases in a document of any of the `nodes`.
    ///
    /// Without nodes, the empty query, which finds nothing. Bind it, as any value.
    pub fn tsquery(&self, nodes: &[i64]) -> String {
        let phrase = |node: i64, phrase: &Phrase| match phrase {
            Phrase::Words(words) => {
                let words: Vec<String> = words.iter().map(|it| format!("'{node}x{it}'")).collect();
                words.join(" <-> ")
            }
            Phrase::Prefix(word) => format!("'{node}x{word}':*"),
        };
        self.expression(nodes, " & ", " | ", phrase)
    }

    fn expression(
        &self,
        nodes: &[i64],
        and: &str,
        or: &str,
        phrase: impl Fn(i64, &Phrase) -> String,
    ) -> String {
        let of_node = |node: &i64| {
            let phrases: Vec<String> =
                self.phrases.iter().map(|it| format!("({})", phrase(*node, it))).collect();
            format!("({})", phrases.join(and))
        };
        nodes.iter().map(of_node).collect::<Vec<_>>().join(or)
    }
}

/// The words of a text, in order: for each run its pairs, then its last character alone.
///
/// They hold letters, digits and one mark of private use, never a quote, a backslash or a space.
pub fn tokens(text: &str) -> Vec<String> {
    tokens_of(&[text])
}

/// The words of one document's texts for the index of `SQLite`, each with its node before it.
///
/// No more than `TEXT_CHARS_MAX` of all texts together; what comes after is not searched.
pub fn document_words(node: i64, texts: &[&str]) -> String {
    let node = format!("{node}x");
    let mut words = String::new();
    for token in tokens_of(texts) {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(&node);
        words.push_str(&token);
    }
    words
}

/// The same words as a `tsvector` of PostgreSQL, to be cast: each once, with its positions.
///
/// A word keeps its first 256 positions, as PostgreSQL would. One more, `node@block`, tells when the ticket at
/// `position` was received.
pub fn document_tsvector(node: i64, position: i64, texts: &[&str]) -> String {
    let mut positions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (token, position) in tokens_of(texts).into_iter().zip(1..) {
        let of_token = positions.entry(token).or_default();
        if of_token.len() < LEXEME_POSITIONS_MAX {
            of_token.push(position);
        }
    }
    let lexemes = positions.iter().map(|(token, positions)| {
        let positions: Vec<String> = positions.iter().map(ToString::to_string).collect();
        format!("'{node}x{token}':{}", positions.join(","))
    });
    let mark = format!("'{node}@{}'", position >> BLOCK_BITS);
    std::iter::once(mark).chain(lexemes).collect::<Vec<_>>().join(" ")
}

/// A text as it is compared: compatibility forms (full-width, ligatures) made plain, in lower case,
/// without invisible and control characters other than white space.
pub fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    // Character by character: a whole string's lower case of Σ depends on its neighbours.
    text.chars().filter(|it| !is_invisible(*it)).nfkc().flat_map(char::to_lowercase)
}

fn tokens_of(texts: &[&str]) -> Vec<String> {
    let runs = runs(texts.iter().copied(), TEXT_CHARS_MAX);
    let words = |run: &Vec<char>| {
        let last = run.last().map(|it| written(*it));
        pairs(run).chain(last).collect::<Vec<_>>()
    };
    runs.iter().flat_map(words).collect()
}

/// The maximal runs of letters and digits among the first `chars_max` characters of all texts.
fn runs<'a>(texts: impl Iterator<Item = &'a str>, chars_max: usize) -> Vec<Vec<char>> {
    let chars = texts.flat_map(|it| plain(it).chain(std::iter::once(' '))).take(chars_max);
    let mut runs = vec![Vec::new()];
    for char in chars {
        match runs.last_mut() {
            Some(run) if char.is_alphanumeric() => run.push(char),
            Some(run) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|it| !it.is_empty());
    runs
}

fn pairs(run: &[char]) -> impl Iterator<Item = String> + '_ {
    run.windows(2).map(|pair| pair.iter().map(|it| written(*it)).collect())
}

/// The character itself where `unicode61` surely takes it for part of a word and leaves it as it
/// is; any other, rare one by its number.
fn written(char: char) -> String {
    let is_sure = matches!(char, '0'..='9' | 'a'..='z' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}'
        | '\u{3400}'..='\u{4DB5}' | '\u{4E00}'..='\u{9FA5}' | '\u{AC00}'..='\u{D7A3}');
    let mut written = String::new();
    if is_sure {
        written.push(char);
    } else {
        // Writing to a string cannot fail.
        write!(written, "{NUMBERED}{:06x}", u32::from(char)).unwrap_or_default();
    }
    written
}

/// Controls but white space, and what Unicode lets a page leave out: zero widths, direction marks,
/// variation selectors, soft hyphens, tags.
fn is_invisible(char: char) -> bool {
    (char.is_control() && !char.is_whitespace())
        || matches!(char, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What an engine does with words in order.
    fn is_found(query: &str, texts: &[&str]) -> bool {
        let words = document_words(5, texts);
        let words: Vec<&str> = words.split(' ').collect();
        let node = |it: &String| format!("5x{it}");
        Query::parse(query).is_some_and(|query| {
            query.phrases.iter().all(|phrase| match phrase {
                Phrase::Words(phrase) => {
                    let phrase: Vec<String> = phrase.iter().map(node).collect();
                    words.windows(phrase.len()).any(|it| it == phrase)
                }
                Phrase::Prefix(word) => words.iter().any(|it| it.starts_with(&node(word))),
            })
        })
    }

    #[test]
    fn a_run_is_indexed_by_its_pairs_and_its_last_character() {
        assert_eq!(tokens("解放路灯不亮"), ["解放", "放路", "路灯", "灯不", "不亮", "亮"]);
        assert_eq!(tokens("A市A1区，3#"), ["a市", "市a", "a1", "1区", "区", "3"]);
        assert_eq!(tokens(" \u{200B}，。"), [""; 0]);
    }

    #[test]
    fn a_word_of_two_characters_is_found_and_its_parts_apart_are_not() {
        assert!(is_found("路灯", &["解放路灯不亮"]));
        assert!(is_found("灯", &["解放路灯"]) && is_found("解", &["解放路灯"]));
        assert!(!is_found("路灯", &["路边的灯"]) && !is_found("路灯", &["一条路", "灯"]));
        assert!(!is_found("放灯", &["解放路灯"]));
    }

    #[test]
    fn several_runs_are_all_needed_in_any_order() {
        assert!(is_found("物业 路灯", &["路灯不亮", "找过物业"]));
        assert!(!is_found("物业 电梯", &["路灯不亮", "找过物业"]));
    }

    #[test]
    fn width_case_and_invisible_characters_do_not_matter() {
        assert!(is_found("12号楼", &["１２号楼漏水"]));
        assert!(is_found("路灯", &["\u{200B}路\u{200B}灯\u{FEFF}坏了"]));
        assert!(is_found("路\u{200B}灯", &["路灯"]));
        assert!(is_found("wifi", &["ＷｉＦｉ没有信号"]));
        assert!(is_found("a市a1", &["投诉A市A1区"]) && is_found("市a", &["A市A1区"]));
        assert!(is_found("𬱖", &["张𬱖投诉"]) && is_found("𬱖投", &["张𬱖投诉"]));
    }

    #[test]
    fn nothing_searchable_is_no_query() {
        assert_eq!(Query::parse(" ，\u{200B}*\"'"), None);
    }

    #[test]
    fn each_engine_gets_its_own_expression() {
        let query = Query::parse("路灯不 路").unwrap();

        assert_eq!(query.fts5(&[5]), r#"(("5x路灯" + "5x灯不") AND ("5x路"*))"#);
        assert_eq!(query.tsquery(&[5]), "(('5x路灯' <-> '5x灯不') & ('5x路':*))");
        let query = Query::parse("路灯").unwrap();
        assert_eq!(query.fts5(&[5, 17]), r#"(("5x路灯")) OR (("17x路灯"))"#);
        assert_eq!(query.tsquery(&[5, 17]), "(('5x路灯')) | (('17x路灯'))");
        assert_eq!((query.fts5(&[]), query.tsquery(&[])), ("\"\"".to_owned(), String::new()));
        assert_eq!(document_words(5, &["路灯", "亮"]), "5x路灯 5x灯 5x亮");
        let position = (3 << BLOCK_BITS) + 17;
        assert_eq!(document_tsvector(5, position, &["路灯", "路灯"]), "'5@3' '5x灯':2,4 '5x路灯':1,3");
    }

    #[test]
    fn postgresql_s_limits_are_kept() {
        let long: String = "哈".repeat(20_000);

        let vector = document_tsvector(5, 0, &[&long]);

        assert_eq!(vector.matches(',').count(), LEXEME_POSITIONS_MAX - 1);
        assert_eq!(document_words(5, &[&long, "路灯"]).split(' ').count(), TEXT_CHARS_MAX);
        let Some(Phrase::Words(words)) = Query::parse(&long).unwrap().phrases.pop() else { panic!() };
        assert_eq!(words.len(), QUERY_CHARS_MAX - 1);
    }

    #[test]
    fn any_piece_of_a_real_subject_is_found() {
        let Ok(mut letters) = csv::Reader::from_path("../shared/data/letters.csv") else {
            eprintln!("skipped: the real letters are not here");
            return;
        };
        for (row, letter) in letters.records().enumerate() {
            let letter = letter.unwrap();
            let subject: Vec<char> = letter[1].chars().collect();
            for (from, len) in [(0, subject.len()), (row % 5, 2), (row % 7, 3), (row % 3, 1), (row % 11, 6)] {
                let piece: String = subject.iter().skip(from).take(len).collect();
                let has_letters = Query::parse(&piece).is_some();
                assert_eq!(is_found(&piece, &[&letter[1]]), has_letters, "row {row}: {from}+{len}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_run_is_found_exactly_where_it_is(text in "[路灯不亮a1 ]{0,12}", query in "[路灯不亮a1]{1,4}") {
            prop_assert_eq!(is_found(&query, &[&text]), text.contains(&query));
        }

        #[test]
        fn words_hold_nothing_that_either_engine_would_read_as_more(text in ".{0,40}") {
            for token in tokens(&text) {
                prop_assert!(token.chars().all(|it| it.is_ascii_alphanumeric() || u32::from(it) >= 0x3041));
            }
        }
    }
}
