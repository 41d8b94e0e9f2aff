//! Holds the floors to their rules: reads the source text, and shows that each rule bites.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a rule holds, and what must not be said there.
struct Rule {
    /// What the rule is, as its breach is reported.
    says: &'static str,
    /// Folders or files under `src/`; empty for all.
    within: &'static [&'static str],
    /// Files and folders it does not hold for, each with the reason beside it.
    except: &'static [&'static str],
    /// Words that break it. A word ends where an identifier does.
    never: &'static [&'static str],
    /// A line that must be caught.
    bad: &'static str,
    /// A line that must not be caught.
    good: &'static str,
}

const LINES_MAX: usize = 500;

const RULES: &[Rule] = &[
    Rule {
        says: "domain is pure: no database, web, mail, runtime, files, environment or chance",
        within: &["domain"],
        except: &[],
        never: &[
            "diesel",
            "diesel_async",
            "actix_web",
            "actix",
            "lettre",
            "tokio",
            "async fn",
            "async move",
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "std::thread",
            "rand",
            "reqwest",
        ],
        bad: "use diesel::prelude::*;",
        good: "let randomness = strand(tokioka);",
    },
    Rule {
        says: "domain knows no upper floor",
        within: &["domain"],
        except: &[],
        never: &["store", "service", "http", "notify", "worker", "cli", "config", "clock"],
        bad: "use crate::store::Store;",
        good: "let store = bookstore::http();",
    },
    Rule {
        says: "SQL stays in the store",
        within: &[],
        except: &["store"],
        never: &[
            "diesel",
            "diesel_async",
            "diesel_migrations",
            "sql_query",
            "tokio_postgres",
            "libsqlite3_sys",
        ],
        bad: "    diesel::insert_into(ticket::table)",
        good: "// diesel is not used here",
    },
    Rule {
        says: "the engine is matched on in store/db only, and where a query truly differs",
        within: &[],
        except: &[
            "store/db",
            // Each engine has its own migrations, locks and rights.
            "store/migrate.rs",
            // A query put together at run time is typed by its engine; full text: FTS5 here, tsvector there.
            "store/queue.rs",
            "store/search.rs",
            // The next id, and holding a row whose noun is read in several queries.
            "store/tickets/mod.rs",
            // SKIP LOCKED exists on the server only.
            "store/claims.rs",
            // Each engine writes a row as JSON in its own words.
            "store/audit.rs",
            // The next id: AUTOINCREMENT's ledger here, a sequence there.
            "store/events.rs",
            "store/collections/mod.rs",
            // Rows held until the transaction ends: FOR UPDATE exists on the server only.
            "store/people",
        ],
        never: &["Db::Lite", "Db::Pg", "store::db::Db::Lite", "store::db::Db::Pg"],
        bad: "    match db { Db::Lite(conn) => one(conn), _ => other() }",
        good: "let db = MyDb::Lite2;",
    },
    Rule {
        says: "a job opens no transaction of its own: the store's would end with it",
        within: &["store"],
        except: &["store/db", "store/migrate.rs"],
        never: &[
            ".transaction(",
            ".immediate_transaction(",
            ".exclusive_transaction(",
            ".build_transaction(",
        ],
        bad: "    conn.transaction(|conn| work(conn))",
        good: "    in_transaction(work)",
    },
    Rule {
        says: "service knows neither database nor web",
        within: &["service"],
        except: &[],
        never: &["diesel", "actix_web", "actix", "StatusCode", "HttpResponse", "http", "sql_query"],
        bad: "use actix_web::http::StatusCode;",
        good: "let url = format!(\"http://{host}\");",
    },
    Rule {
        says: "http names no store",
        within: &["http"],
        except: &[],
        never: &["crate::store", "store::", "StoreError", "Db"],
        bad: "use crate::store::Store;",
        good: "let restore = app.restored;",
    },
    Rule {
        says: "only the clock reads the time of day",
        within: &[],
        except: &["clock.rs"],
        never: &["Utc::now", "Local::now", "SystemTime::now", "SystemTime", "OffsetDateTime::now_utc"],
        bad: "    let now = chrono::Utc::now();",
        good: "    let now = clock.now();",
    },
    Rule {
        says: "a lint is expected with a reason, never allowed",
        within: &[],
        except: &[],
        never: &["#[allow", "#![allow"],
        bad: "#[allow(dead_code)]",
        good: "#[expect(dead_code, reason = \"soon\")]",
    },
];

impl Rule {
    fn holds_for(&self, file: &str) -> bool {
        let is_in = |place: &&str| {
            file.strip_prefix(*place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.within.is_empty() || self.within.iter().any(&is_in)) && !self.except.iter().any(is_in)
    }

    /// The first forbidden word in a line of code.
    fn broken_by(&self, code: &str) -> Option<&'static str> {
        self.never.iter().copied().find(|word| says(code, word, self))
    }
}

/// Whether `code` contains `word` as a word of its own.
fn says(code: &str, word: &str, rule: &Rule) -> bool {
    // Upper floors are named as paths: a local called `store` is nobody's business.
    let is_floor = rule.says.ends_with("upper floor") || (rule.within == ["service"] && word == "http");
    let is_name = |it: char| it.is_alphanumeric() || it == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let starts = !word.starts_with(is_name) || !before.ends_with(is_name);
        let ends = !word.ends_with(is_name) || !after.starts_with(is_name);
        let names_floor = !is_floor || before.ends_with("crate::") || before.ends_with("super::");
        starts && ends && names_floor
    })
}

/// The text without comments, and with strings emptied; lines stay where they are.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest, code.chars().next_back()));
        let n = skipped.unwrap_or(first.len_utf8());
        let (part, left) = rest.split_at(n);
        match skipped {
            Some(_) => code.extend(part.chars().filter(|it| *it == '\n')),
            None => code.push(first),
        }
        rest = left;
    }
    code
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| rest.find("*/").map_or(rest.len(), |it| it + 2))
}

fn string(rest: &str, before: Option<char>) -> Option<usize> {
    let is_inside_name = before.is_some_and(|it| it.is_alphanumeric() || it == '_');
    if rest.starts_with('r') && !is_inside_name {
        let n_hashes = rest[1..].chars().take_while(|it| *it == '#').count();
        let end = format!("\"{}", "#".repeat(n_hashes));
        let body = rest[1 + n_hashes..].strip_prefix('"')?;
        return Some(1 + n_hashes + 1 + body.find(&end).map_or(body.len(), |it| it + end.len()));
    }
    if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
        return Some(if rest.starts_with("'\"'") { 3 } else { 4 });
    }
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, it) in body.char_indices() {
        match it {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(rest.len())
}

/// Every source file, as its path under `src/` and its text.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let named =
        |it: PathBuf| (it.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&it));
    files.into_iter().map(named).map(|(file, text)| (file, text.unwrap())).collect()
}

#[test]
fn the_floors_keep_their_rules() {
    let mut breaches = Vec::new();
    for (file, text) in sources() {
        let code = code_of(&text);
        for rule in RULES.iter().filter(|it| it.holds_for(&file)) {
            for (n, line) in code.lines().enumerate() {
                if let Some(word) = rule.broken_by(line) {
                    breaches.push(format!("src/{file}:{}: `{word}`: {}", n + 1, rule.says));
                }
            }
        }
    }

    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_file_says_its_subject_and_is_short() {
    let faults: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LINES_MAX || !text.starts_with("//! "))
        .map(|(file, text)| {
            format!("src/{file}: {} lines, begins: {:?}", text.lines().count(), text.lines().next())
        })
        .collect();

    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_rule_bites() {
    for rule in RULES {
        assert!(rule.broken_by(&code_of(rule.bad)).is_some(), "not caught: {}", rule.bad);
        assert_eq!(rule.broken_by(&code_of(rule.good)), None, "caught: {}", rule.good);
    }
}

#[test]
fn a_rule_holds_in_its_folder_and_not_beside_it() {
    let rule = |says: &str| RULES.iter().find(|it| it.says.starts_with(says)).unwrap();

    assert!(rule("domain is pure").holds_for("domain/ticket/mod.rs"));
    assert!(!rule("domain is pure").holds_for("domains.rs"));
    assert!(rule("the engine").holds_for("store/setup.rs"));
    assert!(!rule("the engine").holds_for("store/db/link.rs"));
    assert!(!rule("only the clock").holds_for("clock.rs"));
}

#[test]
fn comments_and_strings_are_no_code() {
    let text = "a /* diesel\n */ b \"diesel \\\" diesel\" 'c' '\"' d // diesel\nr#\"die\"sel\"# e";

    let code = code_of(text);

    assert!(!code.contains("die"), "{code}");
    assert_eq!(code.split_whitespace().collect::<String>(), "ab'c'de");
    assert_eq!(code.lines().count(), text.lines().count());
}
