//! What residents come for, from the door to the answer.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Visit, browse};
use crate::builders::Receipt;

const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const SPACE: &str = " ";

impl Visit {
    /// Staff resolve and answer; on a thread of its own, as their client blocks.
    fn answer(&self, number: &str, words: &str) {
        tokio::task::block_in_place(|| {
            self.world.resolve(number);
            self.world.steps(number, &[("triager", "reply", json!({"text": words}))]);
        });
    }

    async fn says(&self, words: &str) {
        let page = self.browser.source().await;
        assert!(page.contains(words), "{words}: {page}");
    }

    /// Put in, followed, answered, not solved, solved, and another withdrawn.
    async fn live_through(&self) {
        let (number, code) = self.put_in("三楼的灯不亮").await;
        self.answer(&number, "灯换好了，请看看。");
        self.track(&number, &code).await;
        self.says("灯换好了，请看看。").await;
        self.browser.click("[name=solved][value=no]").await;
        self.browser.fill("#rate-words", "还是不亮").await;
        self.browser.click("main form button.main").await;
        self.browser.find(".done").await;
        self.says("我们再办一次").await;
        tokio::task::block_in_place(|| {
            let again = [
                ("handler", "acknowledge", json!({})),
                ("handler", "resolve", json!({"result": "线接好了"})),
                ("triager", "reply", json!({"text": "又修了一次。"})),
            ];
            self.world.steps(&number, &again);
        });
        self.track(&number, &code).await;
        self.browser.click("[name=solved][value=yes]").await;
        self.browser.click("[name=satisfaction][value='5']").await;
        self.browser.click("main form button.main").await;
        self.browser.find(".done").await;
        self.says("谢谢您的评价").await;

        let (number, code) = self.put_in("后来自己好了").await;
        self.track(&number, &code).await;
        self.browser.click("details:has([value=withdraw]) summary").await;
        self.browser.click("details[open] button.main").await;
        self.browser.find(".done").await;
        self.says("已经撤回").await;
    }
}

#[test]
fn a_matter_is_put_in_followed_rated_and_withdrawn_on_a_phone() {
    browse(async |visit| {
        visit.browser.width(360).await;
        visit.live_through().await;
    });
}

#[test]
fn the_same_without_scripts() {
    browse(async |visit| {
        visit.browser.width(768).await;
        visit.browser.without_scripts().await;
        visit.live_through().await;
    });
}

#[test]
fn the_board_is_searched() {
    browse(async |visit| {
        tokio::task::block_in_place(|| {
            for (subject, building) in [("东门路灯不亮", "3"), ("凉亭漏雨", "4")] {
                let matter =
                    json!({"subject": subject, "may_publish": true, "location": {"building": building}});
                let Receipt { number, .. } = visit.world.submit(matter);
                visit.world.resolve(&number);
                visit.world.steps(&number, &[("triager", "publish", json!({}))]);
            }
        });
        visit.browser.width(1080).await;
        visit.browser.go("/board").await;
        visit.says("凉亭漏雨").await;

        visit.browser.fill("#building", "3").await;
        visit.browser.click("form.find button.main").await;

        visit.browser.find("#building[value='3']").await;
        visit.says("东门路灯不亮").await;
        assert!(!visit.browser.source().await.contains("凉亭漏雨"));
    });
}

#[test]
fn a_matter_is_put_in_by_keyboard_alone() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.width(1080).await;
        browser.go("/report").await;
        let reach = async |selector: &str| {
            for _ in 0..60 {
                let script = format!("return document.activeElement.matches({selector:?})");
                if browser.ask(&script).await == true {
                    return;
                }
                browser.press(TAB).await;
            }
            panic!("no way to {selector} by keyboard: {}", browser.source().await);
        };

        reach("#community").await;
        browser.press("Y").await;
        reach("#answers button.main").await;
        browser.press(ENTER).await;
        browser.find(".tiles").await;
        reach("[value='category:lift_fault']").await;
        browser.press(ENTER).await;
        reach("#building").await;
        // Enter in a field answers the question; it does not change the look.
        browser.press(&format!("7{ENTER}")).await;
        browser.find("#description").await;
        reach("#description").await;
        browser.press("电梯按钮不灵").await;
        reach("#answers button.main").await;
        browser.press(ENTER).await;
        browser.find("#channel").await;
        reach("[name=channel]").await;
        browser.press(SPACE).await;
        reach("#answers button.main").await;
        browser.press(ENTER).await;
        browser.find(".answers").await;
        reach("button[value=send]").await;
        browser.press(ENTER).await;

        let (number, _) = visit.receipt().await;
        let ticket = tokio::task::block_in_place(|| visit.world.ticket("triager", &number));
        assert_eq!(
            (&ticket["location"]["building"], &ticket["category"]),
            (&json!("7"), &json!("lift_fault"))
        );
    });
}

#[test]
fn a_fault_takes_the_focus_and_both_ways_back_keep_the_answers() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.go("/report").await;
        visit.choose_community().await;
        browser.click("[value=other]").await;
        browser.fill("#building", "3").await;
        browser.click("#answers button.main").await;
        browser.fill("#description", "楼下的门关不上").await;
        browser.click("#answers button.main").await;
        browser.click("[name=channel][value=call]").await;
        browser.fill("#phone", "12").await;
        browser.click("#answers button.main").await;
        browser.find("[data-summary]").await;
        let focused = browser.ask("return document.activeElement.matches('[data-summary]')").await;
        assert_eq!(focused, true);

        browser.click("button[value=words]").await;
        browser.find("#description").await;
        visit.says("楼下的门关不上").await;
        browser.click("#answers button.main").await;
        browser.find("#phone").await;
        browser.back().await;
        browser.find("#description").await;
        assert_eq!(
            browser.ask("return document.querySelector('#description').value").await,
            "楼下的门关不上"
        );
    });
}

#[test]
fn a_draft_survives_a_lost_connection_and_goes_when_it_is_sent() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.go("/report").await;
        visit.choose_community().await;
        browser.click("[value=other]").await;
        browser.find("#building").await;
        browser.click("#answers button.main").await;
        browser.fill("#description", "断网前写的话").await;
        browser.offline(true).await;
        browser.find("[data-offline]:not([hidden])").await;
        browser.click("#answers button.main").await;
        browser.find("#description").await;
        browser.offline(false).await;
        browser.find("[data-offline][hidden]").await;

        // The page is gone, the draft is not.
        browser.go("/report").await;
        browser.click("[data-resume] button.main").await;
        browser.find("#description").await;
        visit.says("断网前写的话").await;
        browser.click("#answers button.main").await;
        browser.find("#channel").await;
        browser.click("#answers button.main").await;
        browser.click("button[value=send]").await;
        visit.receipt().await;
        assert_eq!(browser.ask("return sessionStorage.getItem('draft')").await, serde_json::Value::Null);
        assert_eq!(browser.ask("return Object.values(sessionStorage).join().includes('断网')").await, false);
    });
}

#[test]
fn the_look_changes_on_any_page_and_nothing_typed_is_lost() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.without_scripts().await;
        browser.go("/report").await;
        visit.choose_community().await;
        browser.click("[value=other]").await;
        browser.find("#building").await;
        browser.click("#answers button.main").await;
        browser.fill("#description", "写到一半").await;
        browser.click(".look [value=size-30]").await;
        browser.find("html.size-30").await;
        browser.click(".look [value=language]").await;
        browser.find("html[lang=en]").await;
        assert_eq!(browser.ask("return document.querySelector('#description').value").await, "写到一半");
        browser.click("#answers button.main").await;
        browser.find("#channel").await;
        browser.click("#answers button.main").await;
        browser.click("button[value=send]").await;
        let (number, code) = visit.receipt().await;
        browser.click(".look [value=strong]").await;
        browser.find("html.strong").await;
        assert_eq!(visit.receipt().await, (number.clone(), code.clone()));
        visit.track(&number, &code).await;
        browser.click(".look [value=size-18]").await;
        browser.find("html.size-18 .state").await;
    });
}

#[test]
fn the_whole_way_on_a_phone_takes_less_than_a_minute() {
    browse(async |visit| {
        visit.browser.width(360).await;
        let began = Instant::now();

        visit.put_in("楼道灯坏了三天，晚上看不见台阶，老人不敢出门。").await;

        assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    });
}

#[test]
fn the_code_of_a_qr_leaves_the_address_for_the_form() {
    browse(async |visit| {
        let (number, code) = visit.put_in("三楼的灯不亮").await;
        visit.browser.go(&format!("/r/{number}#{code}")).await;

        visit.browser.find("#code").await;

        assert_eq!(visit.browser.ask("return document.querySelector('#code').value").await, code.as_str());
        assert_eq!(visit.browser.ask("return location.hash").await, "");
    });
}
