//! Nothing that people type runs, in whatever field it came and on whatever page it is read.

use serde_json::json;

use super::browse;
use crate::builders::Receipt;

/// Each breaks out of another place: text, attribute, script, comment, address, template, style.
const POLYGLOTS: [&str; 9] = [
    "\"'><script>alert(1)</script>",
    "'\"><img src=x onerror=alert(2)>",
    "</textarea></title></style></script><svg onload=alert(3)>",
    "javascript:/*--></title></style></textarea></script></xmp><svg/onload='+/\"/+/onmouseover=1/+/[*/[]/+alert(4)//'>",
    "\" autofocus onfocus=alert(5) x=\"",
    "--><iframe srcdoc=\"<script>parent.alert(6)</script>\">",
    "{{constructor.constructor('alert(7)')()}}${alert(7)}",
    "<a href=\"javascript:alert(8)\">x</a><form action=//evil.example><button>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(9)&gt;\">",
];

#[test]
fn what_is_typed_never_runs() {
    browse(async |visit| {
        let browser = &visit.browser;
        let quiet = async |page: &str| {
            let held = browser.ask("return document.querySelectorAll('main script,main img,main iframe,main [onload],main [onfocus],main [onerror]').length").await;
            assert_eq!(held, 0, "{page}: {}", browser.source().await);
        };
        for evil in POLYGLOTS {
            let matter = json!({"subject": evil, "description": evil, "may_publish": true, "category": "street_light",
                "location": {"place": evil.chars().take(100).collect::<String>()}, "contact": {"name": evil.chars().take(80).collect::<String>()},
                "for": {"name": "x", "relation": "y"}});
            let Receipt { number, code } = tokio::task::block_in_place(|| {
                let receipt = visit.world.submit(matter);
                visit.world.steps(
                    &receipt.number,
                    &[
                        ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
                        ("triager", "assign", json!({"unit": "WY"})),
                        ("handler", "acknowledge", json!({})),
                        ("handler", "resolve", json!({"result": evil})),
                        ("triager", "reply", json!({"text": evil})),
                        ("triager", "publish", json!({})),
                    ],
                );
                receipt
            });
            visit.track(&number, &code).await;
            quiet("ticket").await;
        }
        browser.go("/board").await;
        browser.find(".notices").await;
        quiet("board").await;
        browser.fill("#q", POLYGLOTS[4]).await;
        browser.click("form.find button.main").await;
        quiet("board search").await;

        browser.go("/report").await;
        visit.choose_community().await;
        browser.click("[value=other]").await;
        for field in ["#building", "#unit", "#room", "#place"] {
            browser.fill(field, &POLYGLOTS[4].chars().take(16).collect::<String>()).await;
        }
        browser.click("#answers button.main").await;
        browser.fill("#description", &POLYGLOTS.concat()).await;
        browser.click("details summary").await;
        browser.fill("#for_name", POLYGLOTS[0]).await;
        browser.fill("#for_relation", POLYGLOTS[1]).await;
        browser.click("#answers button.main").await;
        browser.fill("#name", POLYGLOTS[0]).await;
        quiet("hear").await;
        browser.click("#answers button.main").await;
        browser.find(".answers").await;
        quiet("check").await;
        browser.click("button[value=send]").await;
        let (number, code) = visit.receipt().await;
        visit.track(&number, &code).await;
        quiet("ticket").await;
        browser.go("/track").await;
        browser.fill("#number", POLYGLOTS[1]).await;
        browser.fill("#code", "1").await;
        browser.click("main button.main").await;
        browser.find("[data-summary]").await;
        quiet("track").await;
    });
}
