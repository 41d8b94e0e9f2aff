//! Staff at their work in a real browser: by keyboard alone, two at once, and each page's marks.

use serde_json::{Value, json};

use super::{Visit, browse};
use crate::builders::PASSWORD;
use crate::collections::{mailbox, open};

const ENTER: &str = "\u{E007}";
const TAB: &str = "\u{E004}";
const CONTROL: &str = "\u{E009}";
const ESCAPE: &str = "\u{E00C}";
/// Lets go of held keys.
const RELEASE: &str = "\u{E000}";

impl Visit {
    /// Signs in as somebody of the world.
    pub(super) async fn sign_in(&self, username: &str) {
        tokio::task::block_in_place(|| self.world.know(username));
        self.browser.width(1280).await;
        self.browser.go("/login").await;
        self.browser.fill("#username", username).await;
        self.browser.fill("#password", PASSWORD).await;
        self.browser.click("main button.main").await;
        self.browser.find("header.top").await;
    }

    /// Waits until a script of ours gives true.
    pub(super) async fn until(&self, script: &str) {
        let loop_ =
            format!("const look = () => {{ ({script}) ? done(true) : setTimeout(look, 20); }}; look();");
        self.browser.ask_later(&loop_).await;
    }
}

#[test]
fn twenty_letters_are_registered_by_keyboard_alone() {
    browse(async |visit| {
        let id = tokio::task::block_in_place(|| {
            visit.world.know("clerk");
            mailbox(&visit.world, "M1", "YD", json!({}));
            open(&visit.world, 20)
        });
        let browser = &visit.browser;
        visit.sign_in("clerk").await;
        browser.go(&format!("/desk/collections/{id}")).await;
        for nth in 1..=20 {
            visit.until(&format!(
                "document.querySelector('#next')?.textContent.includes('第 {nth} 封') && document.activeElement.id === 'letter-description'"
            )).await;
            if nth == 20 {
                // The last is a letter of thanks: Esc, s, its reason, Enter.
                browser.press(ESCAPE).await;
                browser.press_anywhere("s").await;
                browser.press("感").await;
                browser.press(&format!("{TAB}{TAB}{ENTER}")).await;
            } else if nth % 2 == 0 {
                // Enter in a line of the form registers the letter too.
                browser.press(&format!("第 {nth} 封：楼道灯不亮{TAB}路{TAB}{TAB}{nth}{ENTER}")).await;
            } else {
                browser.press(&format!("第 {nth} 封：楼道灯不亮{CONTROL}{ENTER}{RELEASE}")).await;
            }
        }
        // The focus lies on the button that closes it.
        visit.until("document.activeElement.matches('form[action$=close] button')").await;
        browser.press(ENTER).await;
        visit.until("document.querySelector('.told.done')?.textContent.includes('已关闭')").await;

        let path = format!("/api/v1/collections/{id}");
        let closed: Value = tokio::task::block_in_place(|| {
            visit.world.app.get(&path).bearer(&visit.world.token("clerk")).send().expect(200).json()
        });
        assert_eq!(
            (&closed["state"], &closed["registered"], &closed["set_aside"]),
            (&json!("closed"), &json!(19), &json!(1))
        );
        let number = closed["letters"][1]["tickets"][0].as_str().unwrap();
        let ticket = tokio::task::block_in_place(|| visit.world.ticket("clerk", number));
        assert_eq!(
            (&ticket["location"]["building"], &ticket["category"]),
            (&json!("2"), &json!("street_light"))
        );
    });
}

/// Types what a person would, and counts it.
struct Fingers<'a> {
    visit: &'a Visit,
    n_strokes: usize,
}

impl Fingers<'_> {
    async fn press(&mut self, keys: &str) {
        self.n_strokes += keys.chars().count();
        self.visit.browser.press(keys).await;
    }
}

#[test]
fn twenty_tickets_are_triaged_by_keyboard_alone_in_sixty_keystrokes() {
    browse(async |visit| {
        tokio::task::block_in_place(|| {
            visit.world.know("triager");
            for nth in 1..=20 {
                visit.world.submit(json!({"subject": format!("第 {nth} 件")}));
            }
        });
        visit.sign_in("triager").await;
        visit.browser.go("/desk").await;
        visit.until("document.querySelectorAll('[data-row]').length === 20").await;
        let mut hands = Fingers { visit, n_strokes: 0 };
        // The first ten go one by one, to be sure of them; the rest at once.
        for _ in 0..10 {
            hands.press("j").await;
            hands.press("x").await;
        }
        hands.press("a").await;
        visit.until("document.activeElement.id === 'bulk-category'").await;
        hands.press("路").await;
        hands.press(&format!("{TAB}{TAB}{ENTER}")).await;
        visit.until("document.querySelector('.told.done')?.textContent.includes('10')").await;
        for keys in ["*", "a"] {
            hands.press(keys).await;
        }
        visit.until("document.activeElement.id === 'bulk-category'").await;
        // Those that are accepted already are refused by name, and nothing of them changes.
        hands.press("路").await;
        hands.press(&format!("{TAB}{TAB}{ENTER}")).await;
        visit.until("document.querySelector('.told[role=alert]')").await;
        for keys in ["*", "a"] {
            hands.press(keys).await;
        }
        visit.until("document.activeElement.id === 'bulk-category'").await;
        hands.press(&format!("{TAB}{TAB}{TAB}W{TAB}{ENTER}")).await;
        visit.until("document.querySelector('.told.done')?.textContent.includes('20')").await;

        assert!(hands.n_strokes <= 60, "{}", hands.n_strokes);
        let list: Value = tokio::task::block_in_place(|| {
            let path = "/api/v1/tickets?status=assigned&unit=WY";
            visit.world.app.get(path).bearer(&visit.world.token("triager")).send().expect(200).json()
        });
        assert_eq!(list["items"].as_array().unwrap().len(), 20);
    });
}

#[test]
fn no_typed_word_is_lost_when_somebody_else_is_faster() {
    browse(async |visit| {
        let number = tokio::task::block_in_place(|| {
            visit.world.know("triager");
            let receipt = visit.world.submit(json!({}));
            visit.world.resolve(&receipt.number);
            receipt.number
        });
        let (browser, words) = (&visit.browser, "灯已经换好，请您晚上再看看。");
        visit.sign_in("triager").await;
        browser.go(&format!("/desk/tickets/{number}")).await;
        browser.fill("#reply-text", words).await;
        browser.click("#reply-channel option[value=none]").await;
        tokio::task::block_in_place(|| {
            visit.world.steps(&number, &[("supervisor", "note", json!({"text": "我来跟进"}))]);
        });
        browser.click("form[action$='/reply'] button.main").await;
        visit.until("document.querySelector('.changed')?.textContent.includes('我来跟进')").await;
        assert_eq!(browser.ask("return document.querySelector('#reply-text').value").await, words);
        browser.click("form[action$='/reply'] button.main").await;
        visit.until("document.querySelector('.told.done')").await;

        // What was typed and never sent is there again when its page is.
        browser.click("details:has(#note-text) summary").await;
        browser.fill("#note-text", "还没写完的备注").await;
        browser.go("/desk").await;
        browser.go(&format!("/desk/tickets/{number}")).await;
        assert_eq!(browser.ask("return document.querySelector('#note-text').value").await, "还没写完的备注");
        let ticket = tokio::task::block_in_place(|| visit.world.ticket("triager", &number));
        assert_eq!(ticket["replies"][0]["text"], words);
    });
}
