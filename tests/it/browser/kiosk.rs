//! The kiosk: paired once, three touches and a confirmation, nothing left of the last person, nothing lost.

use serde_json::{Value, json};

use super::{Visit, browse};

/// So many submissions are made while the network comes and goes, unless the environment says how many.
const SUBMISSIONS: u32 = 24;
const SUBMISSIONS_SET: &str = "RED_MAILBOX_TEST_KIOSK_SUBMISSIONS";

fn n_submissions() -> u32 {
    std::env::var(SUBMISSIONS_SET).ok().and_then(|it| it.parse().ok()).unwrap_or(SUBMISSIONS)
}

/// A row of numbers below `n` that is the same each time.
fn chances(n: u64) -> impl FnMut() -> u64 {
    let mut state = 20_261_125_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    }
}

impl Visit {
    /// Pairs the browser with a new kiosk and waits for its page; gives the device code.
    async fn pair(&self) -> String {
        let token = tokio::task::block_in_place(|| {
            let kiosk = json!({"code": "K1", "name": "服务大厅", "node": "YD"});
            let admin = self.world.token("admin");
            let made = self.world.app.post("/api/v1/kiosks", &kiosk).bearer(&admin).send().expect(201).json();
            made["device_token"].as_str().unwrap().to_owned()
        });
        self.browser.go("/kiosk").await;
        self.browser.fill("#token", &token).await;
        self.browser.click("main button.main").await;
        self.browser.find("body[data-is-kept]").await;
        token
    }

    /// The number on the receipt.
    async fn shown(&self, part: &str) -> String {
        let found =
            self.browser.find(&format!("[data-view=receipt]:not([hidden]) [data-receipt={part}]")).await;
        found.text().await.unwrap()
    }

    /// All that came in by the kiosk, page after page.
    fn kiosk_tickets(&self) -> Vec<Value> {
        let (mut tickets, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/tickets?source=kiosk&limit=200{after}");
            let page =
                self.world.app.get(&path).bearer(&self.world.token("triager")).send().expect(200).json();
            tickets.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return tickets };
            after = format!("&cursor={cursor}");
        }
    }

    fn subjects(&self) -> Vec<String> {
        let tickets = self.kiosk_tickets();
        tickets.iter().map(|it| it["description"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

#[test]
fn three_touches_and_a_confirmation_put_the_common_matter_in() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.width(1080).await;
        visit.pair().await;

        browser.click("[data-category=corridor_light]").await;
        browser.click("[data-view=where] [data-key='3']").await;
        browser.click("[data-view=where] button.main").await;
        browser.click("[data-send]").await;

        let number = visit.shown("number").await;
        let ticket = tokio::task::block_in_place(|| visit.world.ticket("triager", &number));
        assert_eq!((&ticket["source"], &ticket["category"]), (&json!("kiosk"), &json!("corridor_light")));
        assert_eq!(ticket["location"]["building"], "3");
        assert_eq!(visit.shown("code").await.len(), 9);
    });
}

#[test]
fn danger_shows_the_numbers_before_anything_is_sent_at_the_kiosk_too() {
    browse(async |visit| {
        let browser = &visit.browser;
        visit.pair().await;
        browser.click("[data-category='']").await;
        browser.fill("#words", "电梯里困住人了").await;
        browser.click("[data-view=words] button.main").await;

        browser.find("[data-view=danger]:not([hidden])").await;

        assert_eq!(tokio::task::block_in_place(|| visit.subjects()), Vec::<String>::new());
    });
}

#[test]
fn a_receipt_tells_at_the_kiosk_how_its_ticket_stands() {
    browse(async |visit| {
        let browser = &visit.browser;
        let receipt = tokio::task::block_in_place(|| visit.world.submit(json!({})));
        visit.pair().await;
        browser.click("[data-go=track]").await;
        let press = async |digits: &str| {
            for digit in digits.chars() {
                browser.click(&format!("[data-view=track] [data-key='{digit}']")).await;
            }
        };
        let digits: String = receipt.number.chars().filter(char::is_ascii_digit).collect();
        press(&digits).await;
        browser.click("[data-field=code]").await;
        press(&receipt.code).await;
        browser.click("[data-track]").await;

        browser.find("[data-found]:not([hidden]) .state").await;

        let told = browser.find("[data-found]").await.text().await.unwrap();
        assert!(told.contains(&receipt.number) && told.contains("已收到"), "{told}");
        browser.click("[data-over]").await;
        assert_eq!(browser.ask("return document.querySelector('[data-found]').textContent").await, "");
    });
}

#[test]
fn nothing_is_left_of_the_last_person() {
    browse(async |visit| {
        let browser = &visit.browser;
        visit.pair().await;
        let canaries: Vec<String> = (0..20).map(|it| format!("canary{it:02}secret")).collect();
        browser.click("[data-category='']").await;
        browser.fill("#words", &canaries.join(" ")).await;
        browser.fill("#phone", "13812345678").await;
        browser.click("[data-view=words] button.main").await;
        browser.find("[data-view=check]:not([hidden])").await;
        browser.click("[data-send]").await;
        let number = visit.shown("number").await;

        // Nobody touches it: it asks, and then it wipes.
        browser.ask("document.body.dataset.idleS = '0.2'; document.body.dataset.leftS = '2'").await;
        browser.press("\u{E008}").await;
        browser.find("dialog[open]").await;
        browser.find("[data-view=start]:not([hidden])").await;

        let script = "const rows = async () => { const open = indexedDB.open('kiosk-queue'); \
            const db = await new Promise((done) => { open.onsuccess = () => done(open.result); }); \
            const get = db.transaction('waiting').objectStore('waiting').getAll(); \
            return new Promise((done) => { get.onsuccess = () => done(get.result.length); }); }; \
            const kept = async () => { let text = ''; for (const name of await caches.keys()) { \
            const cache = await caches.open(name); for (const it of await cache.keys()) \
            text += it.url + await (await cache.match(it)).text(); } return text; }; \
            (async () => done([document.documentElement.outerHTML, [...document.querySelectorAll('input,textarea')] \
            .map((it) => it.value).join(), JSON.stringify({ ...localStorage, ...sessionStorage }), await kept(), \
            location.href, String(history.length), await rows()]))();";
        let places = browser.ask_later(script).await;
        assert_eq!(places[6], 0);
        let all = places.to_string();
        for secret in canaries.iter().map(String::as_str).chain(["13812345678", number.as_str()]) {
            assert!(!all.contains(secret), "{secret}: {all}");
        }
        // Neither does undoing bring it back.
        browser.click("[data-category='']").await;
        browser.click("#words").await;
        browser.press("\u{E009}z\u{E000}").await;
        assert_eq!(browser.ask("return document.querySelector('#words').value").await, "");
    });
}

#[test]
fn somebody_who_is_still_there_says_so_and_keeps_the_words() {
    browse(async |visit| {
        let browser = &visit.browser;
        visit.pair().await;
        browser.click("[data-category='']").await;
        browser.ask("document.body.dataset.idleS = '0.5'").await;
        browser.fill("#words", "慢慢写").await;

        browser.click("dialog[open] [data-here]").await;

        assert_eq!(browser.ask("return document.querySelector('#words').value").await, "慢慢写");
    });
}

#[test]
fn what_is_put_in_without_network_arrives_once_when_it_is_back() {
    browse(async |visit| {
        let browser = &visit.browser;
        visit.pair().await;
        let (n_submissions, mut chance) = (n_submissions(), chances(5));
        for n in 0..n_submissions {
            // Two of five have the network, and it is cut or comes back at other moments each time.
            let is_last = n + 1 == n_submissions;
            visit.browser.offline(chance() > 1 || is_last).await;
            browser.click("[data-category='']").await;
            browser.fill("#words", &format!("第{n}件事")).await;
            browser.click("[data-view=words] button.main").await;
            browser.find("[data-view=check]:not([hidden])").await;
            browser.click("[data-send]").await;
            match chance() {
                _ if is_last => {}
                0 => visit.browser.offline(true).await,
                1 => visit.browser.offline(false).await,
                _ => {}
            }
            browser.find("[data-view=receipt]:not([hidden]),[data-view=stored]:not([hidden])").await;
            browser.click("[data-over]").await;
        }
        visit.browser.offline(true).await;
        let sealed = "const open = indexedDB.open('kiosk-queue'); open.onsuccess = () => { \
            const get = open.result.transaction('waiting').objectStore('waiting').getAll(); \
            get.onsuccess = () => done(get.result.map((it) => new TextDecoder().decode(it.sealed)).join()); };";
        let on_disk = browser.ask_later(sealed).await;
        assert!(!on_disk.as_str().unwrap().contains("件事"), "{on_disk}");
        // The page itself comes up without the network, and says how many wait.
        browser.go("/kiosk").await;
        browser.find("[data-waiting]:not([hidden])").await;
        visit.browser.offline(false).await;
        browser.find("[data-waiting][hidden]").await;

        let mut subjects = tokio::task::block_in_place(|| visit.subjects());
        subjects
            .sort_by_key(|it| it.trim_start_matches('第').trim_end_matches("件事").parse::<u32>().unwrap());
        assert_eq!(subjects, (0..n_submissions).map(|n| format!("第{n}件事")).collect::<Vec<_>>());
        // That the network was away is no fault of the page.
        assert!(
            browser
                .complaints()
                .await
                .iter()
                .all(|it| it.contains("ERR_INTERNET_DISCONNECTED") || it.contains("ERR_FAILED"))
        );
    });
}

#[test]
fn a_photo_and_a_voice_note_are_put_in_at_the_kiosk_even_without_network() {
    browse(async |visit| {
        let browser = &visit.browser;
        browser.width(1080).await;
        visit.pair().await;
        for is_off in [false, true] {
            browser.offline(is_off).await;
            browser.click("[data-category='']").await;
            browser.click("[data-view=words]:not([hidden]) [data-go=photo]").await;
            browser.click("[data-snap]:not([hidden])").await;
            browser.click("[data-keep]:not([hidden])").await;
            browser.click("[data-view=words]:not([hidden]) [data-go=voice]").await;
            browser.click("[data-start]:not([hidden])").await;
            // Taken twice: it is recorded again.
            browser.click("[data-stop]:not([hidden])").await;
            browser.click("[data-again]:not([hidden])").await;
            browser.find("[data-recording]:not([hidden])").await;
            browser.ask_later("setTimeout(() => done(0), 1500)").await;
            browser.click("[data-stop]:not([hidden])").await;
            browser.click("[data-use]:not([hidden])").await;
            browser.click("[data-view=words]:not([hidden]) button.main").await;
            let told =
                browser.find("[data-view=check]:not([hidden]) [data-sum=files]").await.text().await.unwrap();
            assert_eq!(told, "照片 1 张 · 录音 1 段");
            browser.click("[data-view=check]:not([hidden]) [data-send]").await;
            browser.find("[data-view=receipt]:not([hidden]),[data-view=stored]:not([hidden])").await;
            browser.find("[data-lacking][hidden]").await;
            browser.click("[data-over]").await;
        }
        browser.offline(false).await;
        browser.find("[data-waiting][hidden]").await;

        let tickets = tokio::task::block_in_place(|| visit.kiosk_tickets());
        assert_eq!(tickets.len(), 2);
        for ticket in tickets {
            assert_eq!(ticket["subject"], "（只有照片或录音，没有文字）");
            let number = ticket["number"].as_str().unwrap().to_owned();
            let ticket = tokio::task::block_in_place(|| visit.world.ticket("triager", &number));
            let media: Vec<&Value> =
                ticket["attachments"].as_array().unwrap().iter().map(|it| &it["media_type"]).collect();
            assert_eq!(media, ["image/jpeg", "audio/webm"]);
        }
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|it| it.contains("ERR_INTERNET_DISCONNECTED")), "{complaints:?}");
    });
}

#[test]
fn a_receipt_is_given_without_network_and_opens_the_matter_once_it_arrived() {
    browse(async |visit| {
        let browser = &visit.browser;
        visit.pair().await;
        browser.ask_later("const wait = async () => { const open = indexedDB.open('kiosk-queue'); \
            const db = await new Promise((done) => { open.onsuccess = () => done(open.result); }); \
            const get = db.transaction('slips').objectStore('slips').count(); \
            get.onsuccess = () => { if (get.result) done(get.result); else setTimeout(wait, 50); }; }; wait();").await;
        browser.offline(true).await;
        browser.click("[data-category=corridor_light]").await;
        browser.click("[data-view=where] button.main").await;
        browser.click("[data-send]").await;
        let slip = async |part: &str| {
            browser
                .find(&format!("[data-view=stored]:not([hidden]) [data-slip={part}]"))
                .await
                .text()
                .await
                .unwrap()
        };
        let (serial, code) = (slip("serial").await, slip("code").await.replace(' ', ""));
        browser.click("[data-over]").await;
        browser.offline(false).await;
        browser.find("[data-waiting][hidden]").await;

        let path = format!("/api/v1/tickets/{serial}");
        let ticket = tokio::task::block_in_place(|| {
            visit.world.app.get(&path).header("Receipt-Code", code.clone()).send().expect(200).json()
        });
        assert_eq!(ticket["category"], "corridor_light");
        // The stub is typed in at the kiosk as a number is.
        let press = async |digits: &str| {
            for digit in digits.chars() {
                browser.click(&format!("[data-view=track] [data-key='{digit}']")).await;
            }
        };
        browser.click("[data-go=track]").await;
        press(serial.split_once('S').unwrap().1).await;
        browser.click("[data-field=code]").await;
        press(&code).await;
        browser.click("[data-track]").await;
        browser.find("[data-found]:not([hidden]) .state").await;
        browser.complaints().await;
    });
}

#[test]
fn a_matter_is_rated_at_the_kiosk() {
    browse(async |visit| {
        let browser = &visit.browser;
        let receipt = tokio::task::block_in_place(|| {
            let receipt = visit.world.submit(json!({}));
            visit.world.resolve(&receipt.number);
            visit.world.steps(&receipt.number, &[("triager", "reply", json!({"text": "灯已换好。"}))]);
            receipt
        });
        visit.pair().await;
        browser.click("[data-go=track]").await;
        let digits: String = receipt.number.chars().filter(char::is_ascii_digit).collect();
        for (field, digits) in [("number", digits.as_str()), ("code", &receipt.code)] {
            browser.click(&format!("[data-field={field}]")).await;
            for digit in digits.chars() {
                browser.click(&format!("[data-view=track] [data-key='{digit}']")).await;
            }
        }
        browser.click("[data-track]").await;
        browser.click("[data-rating]:not([hidden]) [data-solved=yes]").await;
        browser.click("[data-points]:not([hidden]) [data-point='4']").await;
        browser.find("[data-found] .done").await;

        let ticket = tokio::task::block_in_place(|| visit.world.ticket("triager", &receipt.number));
        assert_eq!((&ticket["status"], &ticket["rating"]["satisfaction"]), (&json!("closed"), &json!(4)));
        browser.find("[data-rating][hidden]").await;
    });
}

#[test]
fn what_was_refused_is_put_aside_for_staff_and_waits_no_more() {
    browse(async |visit| {
        let browser = &visit.browser;
        let token = visit.pair().await;
        browser.offline(true).await;
        browser.click("[data-category='']").await;
        browser.fill("#words", "留了一个不对的电话").await;
        browser.fill("#phone", "12").await;
        browser.click("[data-view=words] button.main").await;
        browser.click("[data-send]").await;
        browser.find("[data-view=stored]:not([hidden])").await;
        browser.click("[data-over]").await;
        browser.find("[data-waiting]:not([hidden])").await;
        browser.offline(false).await;
        browser.find("[data-waiting][hidden]").await;

        browser.go("/kiosk/service").await;
        browser.find("body[data-is-ready]").await;
        assert_eq!(browser.find("[data-count=refused]").await.text().await.unwrap(), "1");
        assert!(!browser.source().await.contains("不对的电话"));
        browser.fill("#unlock", "rmk_wrong").await;
        browser.click("[data-unlock] button.main").await;
        browser.find("[data-locked]:not([hidden])").await;
        browser.fill("#unlock", &token).await;
        browser.click("[data-unlock] button.main").await;
        let told = browser.find("[data-shelf]:not([hidden])").await.text().await.unwrap();
        assert!(told.contains("留了一个不对的电话") && told.contains("7 到 15 位"), "{told}");
        browser.click("[data-send-again]").await;
        browser.find("[data-shelf] [data-place='2']").await;
        browser.click("[data-done]").await;
        browser.find("[data-shelf][hidden]").await;

        assert_eq!(browser.find("[data-count=refused]").await.text().await.unwrap(), "0");
        assert_eq!(tokio::task::block_in_place(|| visit.kiosk_tickets()).len(), 0);
        browser.complaints().await;
    });
}

#[test]
fn the_kiosk_keeps_its_marks() {
    browse(async |visit| {
        visit.browser.with_axe().await;
        visit.browser.go("/kiosk").await;
        visit.check("pairing").await;
        visit.pair().await;
        visit.check("kiosk start").await;
        for view in ["track", "danger", "where", "words", "photo", "voice", "check", "receipt", "stored"] {
            let script = format!(
                "for (const it of document.querySelectorAll('[data-view]')) it.hidden = it.dataset.view !== {view:?}"
            );
            assert_eq!(visit.browser.ask(&script).await, Value::Null);
            visit.check(view).await;
        }
        visit.browser.go("/kiosk/service").await;
        visit.browser.find("body[data-is-ready]").await;
        visit.check("maintenance").await;
    });
}
