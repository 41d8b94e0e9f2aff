//! Staff at their work in a real browser: by keyboard alone, two at once, and each page's marks.

use serde_json::{Value, json};

use super::marks::STAFF;
use super::{Visit, browse};
use crate::builders::PASSWORD;
use crate::collections::{letter, mailbox, open};

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
        self.browser.until(script).await;
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
                browser.type_in(ESCAPE).await;
                browser.press_anywhere("s").await;
                browser.type_in("感").await;
                browser.type_in(&format!("{TAB}{TAB}{ENTER}")).await;
            } else if nth % 2 == 0 {
                // Enter in a line of the form registers the letter too.
                browser.type_in(&format!("第 {nth} 封：楼道灯不亮{TAB}路{TAB}{TAB}{nth}{ENTER}")).await;
            } else {
                browser.type_in(&format!("第 {nth} 封：楼道灯不亮{CONTROL}{ENTER}{RELEASE}")).await;
            }
        }
        // The focus lies on the button that closes it.
        visit.until("document.activeElement.matches('form[action$=close] button')").await;
        browser.type_in(ENTER).await;
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

/// A community in which every page has something to show; gives a ticket, a report's opening and a calendar.
fn settle(visit: &Visit) -> (String, i64) {
    for username in ["clerk", "triager", "handler", "supervisor", "auditor", "admin"] {
        visit.world.know(username);
    }
    let schedule = json!({"weekdays": ["mon"], "time": "16:30"});
    mailbox(
        &visit.world,
        "M1",
        "YD",
        json!({"place": "凉亭东侧", "key_holder": "clerk", "schedule": schedule}),
    );
    let id = open(&visit.world, 3);
    letter(&visit.world, id, json!({"tickets": [{"description": "凉亭的灯不亮"}]})).expect(201);
    letter(&visit.world, id, json!({"set_aside": "thanks", "note": "感谢物业"})).expect(201);
    let contact = json!({"location": {"building": "3"}, "contact": {"name": "李奶奶", "phone": "13800001234", "channel": "call"}});
    let receipt = visit.world.submit(contact);
    let later = json!({"due_at": "2026-12-03T17:30:00+08:00", "reason": "等配件"});
    visit.world.steps(
        &receipt.number,
        &[
            ("triager", "accept", json!({"category": "street_light", "priority": "urgent"})),
            ("triager", "assign", json!({"unit": "WY", "supporting": ["ZY"], "note": "请今天去看"})),
            ("handler", "acknowledge", json!({})),
            ("handler", "extend", later),
            ("supervisor", "urge", json!({"text": "请抓紧"})),
        ],
    );
    let answered = visit.world.submit(json!({"subject": "楼道的门关不上"}));
    visit.world.resolve(&answered.number);
    for (part, fields) in [
        ("policies", json!({"code": "own", "name": "本社区", "node": "YD"})),
        ("calendars", json!({"code": "own", "name": "日历", "node": "YD"})),
        ("templates", json!({"code": "own", "name": "办结", "node": "YD", "text": "{result}"})),
        ("kiosks", json!({"code": "K1", "name": "大厅", "node": "YD"})),
    ] {
        let path = format!("/api/v1/{part}");
        visit.world.app.post(&path, &fields).bearer(&visit.world.token("admin")).send().expect(201);
    }
    (receipt.number, id)
}

impl Visit {
    /// Every page of each role in turn, with all that is wrong told at once.
    async fn check_staff_pages(&self) {
        let (number, id) = tokio::task::block_in_place(|| settle(self));
        let ticket = format!("/desk/tickets/{number}");
        let collection = format!("/desk/collections/{id}");
        let trail = format!("/audit/tickets/{number}");
        let of: [(&str, &[&str]); 6] = [
            ("clerk", &["/desk/mailboxes", "/desk/mailboxes/M1", &collection, "/desk/slips", "/desk/new"]),
            ("triager", &["/desk", "/desk?view=all&q=%E7%81%AF", &ticket, "/desk/account"]),
            ("handler", &["/desk/mine", &ticket, "/desk/notices"]),
            ("supervisor", &["/desk/watch", "/desk/times", &ticket, &collection]),
            ("auditor", &["/audit", &trail, "/audit/setup", "/audit?verify=true"]),
            (
                "admin",
                &[
                    "/admin/nodes",
                    "/admin/nodes/YD",
                    "/admin/users",
                    "/admin/users/clerk",
                    "/admin/categories",
                    "/admin/mailboxes/M1?node=YD",
                    "/admin/policies/own?node=YD",
                    "/admin/calendars/own?node=YD",
                    "/admin/templates/own?node=YD",
                    "/admin/kiosks/K1?node=YD",
                    "/admin/rosters",
                    "/admin/years",
                ],
            ),
        ];
        let mut faults = Vec::new();
        self.browser.go("/login").await;
        faults.extend(self.faults("/login", &STAFF).await);
        for (username, pages) in of {
            self.browser.forget().await;
            self.sign_in(username).await;
            for page in pages {
                self.browser.go(page).await;
                faults.extend(self.faults(&format!("{username} {page}"), &STAFF).await);
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

#[test]
fn every_staff_page_keeps_its_marks_in_chinese() {
    browse(async |visit| {
        visit.browser.with_axe().await;
        visit.check_staff_pages().await;
    });
}

#[test]
fn every_staff_page_keeps_its_marks_in_english() {
    browse(async |visit| {
        visit.browser.go("/").await;
        visit.browser.click(".look [value=language]").await;
        visit.browser.find("html[lang=en]").await;
        visit.browser.with_axe().await;
        visit.check_staff_pages().await;
    });
}
