//! Every page, measured as it is drawn: in both languages, in each look, at each width.

use serde_json::{Value, json};

use super::{Visit, browse};
use crate::builders::Receipt;

const MARKS: &str = include_str!("marks.js");
/// 320 px is 400 % zoom on a screen of 1280 (WCAG 1.4.10).
const WIDTHS: [u32; 4] = [320, 360, 768, 1080];

/// What is asked of a page.
pub(super) struct Limits {
    /// Least side of a target, in pixels.
    target: u32,
    /// Least size of text, in pixels.
    text: u32,
    /// Least height of a line, by its text's size.
    lines: f64,
    contrast: f64,
    /// A page with all that it loads.
    bytes_max: u64,
}

/// Old readers, and a poor connection.
const RESIDENTS: Limits = Limits { target: 60, text: 18, lines: 1.5, contrast: 7.0, bytes_max: 60 * 1024 };
/// Staff at a desk or with one thumb (WCAG 2.2 AA).
pub(super) const STAFF: Limits =
    Limits { target: 44, text: 16, lines: 1.2, contrast: 4.5, bytes_max: 100 * 1024 };

const AXE: &str = "axe.run(document, { runOnly: { type: 'tag', values: \
    ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } }).then((it) => \
    done(it.violations.map((it) => `${it.id}: ${it.help}: ${it.nodes[0].html}`)), (it) => done([String(it)]));";

/// Each address once, however often it was read.
const WEIGHT: &str = "const all = [...performance.getEntriesByType('navigation'), \
    ...performance.getEntriesByType('resource')]; const sizes = new Map(all.map((it) => [it.name, it.encodedBodySize])); \
    return [...sizes.values()].reduce((sum, it) => sum + it, 0)";

fn marks(limits: &Limits) -> String {
    let Limits { target, text, lines, contrast, .. } = limits;
    let limits = json!({"target": target, "text": text, "lines": lines, "contrast": contrast});
    format!("const limits = {limits};\n{MARKS}")
}

impl Visit {
    /// Everything that is wrong with the residents' page that is shown.
    pub(super) async fn check(&self, page: &str) {
        let faults = self.faults(page, &RESIDENTS).await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// What is wrong with the page that is shown.
    pub(super) async fn faults(&self, page: &str, limits: &Limits) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        let marks = marks(limits);
        let mut told = async |at: String, script: &str| {
            let found = if script == AXE {
                self.browser.ask_later(AXE).await
            } else {
                self.browser.ask(script).await
            };
            let found = found.as_array().cloned().unwrap_or_default();
            faults.extend(
                found.into_iter().map(|it| format!("{page} {at}: {}", it.as_str().unwrap_or_default())),
            );
        };
        self.browser.ask("document.querySelectorAll('details').forEach((it) => { it.open = true; })").await;
        for width in WIDTHS {
            self.browser.width(width).await;
            told(format!("at {width} px"), &marks).await;
        }
        self.browser.width(360).await;
        self.browser.is_dark(false).await;
        told("light".to_owned(), AXE).await;
        self.browser.ask("document.documentElement.classList.add('size-30')").await;
        told("largest text".to_owned(), &marks).await;
        self.browser.ask("document.documentElement.classList.replace('size-30', 'strong')").await;
        told("strong".to_owned(), &marks).await;
        told("strong".to_owned(), AXE).await;
        self.browser.ask("document.documentElement.classList.remove('strong')").await;
        self.browser.is_dark(true).await;
        told("dark".to_owned(), &marks).await;
        told("dark".to_owned(), AXE).await;
        self.browser.is_dark(false).await;
        let weight = self.browser.ask(WEIGHT).await.as_u64().unwrap();
        if weight > limits.bytes_max {
            faults.push(format!("{page} weighs {weight} bytes"));
        }
        faults
    }

    /// Opens every page of the residents in turn.
    async fn check_every_page(&self) {
        let browser = &self.browser;
        for path in ["/", "/track", "/board", "/nothing", "/report"] {
            browser.go(path).await;
            self.check(path).await;
        }
        self.choose_community().await;
        self.check("what").await;
        browser.click("[value='category:gas_leak']").await;
        browser.find(".danger").await;
        self.check("danger").await;
        browser.click("#answers button.main").await;
        browser.find("#building").await;
        self.check("where").await;
        browser.fill("#building", "3").await;
        browser.click("#answers button.main").await;
        browser.find("#description").await;
        self.check("words").await;
        browser.click("#answers button.main").await;
        browser.click("[name=channel][value=call]").await;
        self.check("hear").await;
        browser.click("#answers button.main").await;
        browser.find("[data-summary]").await;
        self.check("hear with a fault").await;
        browser.fill("#phone", "13800138000").await;
        browser.click("#answers button.main").await;
        browser.find(".answers").await;
        self.check("check").await;
        browser.click("button[value=send]").await;
        let (number, code) = self.receipt().await;
        self.check("receipt").await;
        self.track(&number, &code).await;
        self.check("a ticket that waits").await;
        tokio::task::block_in_place(|| {
            self.world.resolve(&number);
            self.world.steps(&number, &[("triager", "reply", json!({"text": "已关阀门并修好。"}))]);
        });
        self.track(&number, &code).await;
        self.check("a ticket that was answered").await;
    }
}

fn publish_three(visit: &Visit) {
    tokio::task::block_in_place(|| {
        for building in 1..=3 {
            let matter = json!({"may_publish": true, "category": "gas_leak", "location": {"building": building.to_string()}});
            let Receipt { number, .. } = visit.world.submit(matter);
            visit.world.resolve(&number);
            visit.world.steps(&number, &[("triager", "publish", json!({}))]);
        }
        for _ in 1..=3 {
            visit.world.submit(json!({"category": "gas_leak", "location": {"building": "3"}}));
        }
    });
}

#[test]
fn every_page_keeps_its_marks_in_chinese() {
    browse(async |visit| {
        publish_three(visit);
        visit.browser.with_axe().await;
        visit.check_every_page().await;
    });
}

#[test]
fn every_page_keeps_its_marks_in_english() {
    browse(async |visit| {
        publish_three(visit);
        visit.browser.go("/").await;
        visit.browser.click(".look [value=language]").await;
        visit.browser.find("html[lang=en]").await;
        visit.browser.with_axe().await;
        visit.check_every_page().await;
    });
}

#[test]
fn the_marks_are_measured() {
    browse(async |visit| {
        visit.browser.go("/").await;
        let spoil = "const it = document.querySelector('.door'); it.style.cssText = 'width:2000px'; \
            document.querySelector('.lead').style.cssText = 'color:#999;font-size:12px;line-height:1'; \
            document.querySelector('.quiet').style.cssText = 'min-height:0;height:20px';";
        visit.browser.ask(spoil).await;

        let found = visit.browser.ask(&marks(&RESIDENTS)).await;

        let found = found.as_array().unwrap().iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n");
        for fault in ["scrolls sideways", "small target", "small text", "tight lines", "contrast"] {
            assert!(found.contains(fault), "{fault}: {found}");
        }
    });
}
