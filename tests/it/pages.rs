//! Residents' pages over plain HTTP: no script, no session, no code in an address.

use serde_json::json;

use crate::app::Answer;
use crate::builders::{Receipt, World};
use crate::harness::both_worlds;

fn encoded(text: &str) -> String {
    let escaped: Vec<String> = text.bytes().map(|it| format!("%{it:02X}")).collect();
    escaped.concat()
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, text)| format!("{name}={}", encoded(text)));
    pairs.collect::<Vec<_>>().join("&")
}

pub(crate) fn post(world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = world.app.request("POST", path).header("Accept", "text/html");
    request.text("application/x-www-form-urlencoded", form(fields)).send()
}

/// The resident does something with the ticket of `receipt`.
fn act(world: &World, receipt: &Receipt, differ: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("number", receipt.number.as_str()), ("code", receipt.code.as_str())];
    fields.extend(differ);
    post(world, "/track/act", &fields)
}

/// Answers the question of `page` as a browser would: with everything its form carries.
#[track_caller]
pub(crate) fn answer(world: &World, page: &str, answers: &[(&str, &str)], status: u16) -> String {
    let form = page.split_once("<form id=\"answers\"").unwrap().1;
    let form = form.split_once("</form>").unwrap().0;
    let attribute = |tag: &str, name: &str| {
        let after = tag.split_once(&format!(" {name}=\""))?.1;
        let text = after.split('"').next().unwrap();
        Some(
            [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
                .iter()
                .fold(text.to_owned(), |text, it| text.replace(it.0, it.1)),
        )
    };
    let mut fields: Vec<(String, String)> = Vec::new();
    for tag in form.split("<input").skip(1).map(|it| it.split('>').next().unwrap()) {
        let is_off = tag.contains("type=\"radio\"") || tag.contains("type=\"checkbox\"");
        if is_off && !tag.contains(" checked") {
            continue;
        }
        fields.push((attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap_or_default()));
    }
    fields.retain(|it| answers.iter().all(|answer| answer.0 != it.0));
    fields.extend(answers.iter().map(|it| (it.0.to_owned(), it.1.to_owned())));
    let fields: Vec<(&str, &str)> = fields.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
    post(world, "/report", &fields).expect(status).text
}

/// Number and code of a receipt.
pub(crate) fn receipt_of(page: &str) -> (String, String) {
    let part = |name: &str| {
        let after = page.split_once(&format!("data-{name}=\"")).unwrap().1;
        after.split('"').next().unwrap().to_owned()
    };
    (part("number"), part("code"))
}

const PAGES: [&str; 6] = ["/", "/board", "/report", "/track", "/r/YD-20261123-00426", "/nothing"];
const KEY: &str = "0123456789abcdef0123456789abcdef";
const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}";

both_worlds! {
    fn a_matter_put_in_twice_is_one_ticket_and_is_found_by_its_receipt(world) {
        let fields = [("key", KEY), ("community", "YD"), ("description", "楼道灯不亮"), ("building", "3"), ("channel", "none")];

        let page = post(&world, "/report", &fields).expect(201).text;
        let again = post(&world, "/report", &fields).expect(201).text;
        let (number, code) = receipt_of(&page);
        let found = post(&world, "/track", &[("number", &number.to_lowercase()), ("code", &code)]).expect(200);

        assert_eq!(receipt_of(&again), (number.clone(), code.clone()));
        assert!(found.text.contains("楼道灯不亮") && found.text.contains("已收到"), "{}", found.text);
        assert_eq!(found.header("cache-control"), "no-store");
        let hidden = format!("<input type=\"hidden\" name=\"code\" value=\"{code}\">");
        assert!(!found.text.replace(&hidden, "").contains(&code), "{}", found.text);
    }

    fn a_receipt_shows_number_and_code_large_and_as_a_picture(world) {
        let fields = [("key", KEY), ("community", "YD"), ("description", "楼道灯不亮")];

        let page = post(&world, "/report", &fields).expect(201).text;

        let (_, code) = receipt_of(&page);
        assert!(page.contains(&format!("<i>{}</i><i>{}</i>", &code[..4], &code[4..])), "{page}");
        assert!(page.contains("shape-rendering=\"crispEdges\"><path d=\"M4 4h1v1h-1z"), "{page}");
    }

    fn every_refusal_of_a_report_keeps_what_was_typed(world) {
        let refused = |differ: &[(&str, &str)], status: u16| {
            let mut fields = vec![("key", KEY), ("description", "楼道灯不亮")];
            fields.extend(differ);
            let page = post(&world, "/report", &fields).expect(status).text;
            assert!(page.contains("value=\"楼道灯不亮\"") && page.contains("data-summary"), "{page}");
        };

        refused(&[("community", "nowhere")], 422);
        refused(&[("community", "YD"), ("channel", "email")], 422);
        post(&world, "/report", &[("key", KEY), ("community", "YD"), ("description", "别的事")]).expect(201);
        refused(&[("community", "YD")], 422);
    }

    fn a_reply_stands_on_the_page_in_plain_words(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "灯已换好，请看看。"}))]);

        let page = post(&world, "/track", &[("number", &receipt.number), ("code", &receipt.code)]).expect(200);

        assert!(page.text.contains("灯已换好，请看看。") && page.text.contains("已答复"), "{}", page.text);
        assert!(!page.text.contains("handler") && !page.text.contains("triager"));
    }

    fn the_course_is_told_with_the_name_of_the_unit(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);

        let page = post(&world, "/track", &[("number", &receipt.number), ("code", &receipt.code)]).expect(200);

        let at = |words: &str| page.text.find(words).unwrap_or_else(|| panic!("{words}: {}", page.text));
        assert!(at("收到您反映的事") < at("社区已受理") && at("社区已受理") < at("事情已处理"));
        assert!(!page.text.contains("step.") && !page.text.contains("交给办理"), "{}", page.text);
    }

    fn what_a_resident_adds_stands_on_the_page_escaped(world) {
        let receipt = world.submit(json!({}));

        let empty = act(&world, &receipt, &[("verb", "add"), ("words", " ")]).expect(422);
        let page = act(&world, &receipt, &[("verb", "add"), ("words", EVIL)]).expect(200).text;

        assert!(empty.text.contains("role=\"alert\""), "{}", empty.text);
        assert!(page.contains("补充已收到") && page.contains("您补充了情况"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        let staff = world.ticket("triager", &receipt.number);
        assert!(staff.to_string().contains("alert(1)"), "{staff}");
    }

    fn unsolved_starts_the_next_cycle_and_solved_closes(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "灯已换好。"}))]);

        act(&world, &receipt, &[("verb", "rate")]).expect(422);
        act(&world, &receipt, &[("verb", "rate"), ("solved", "yes"), ("satisfaction", "6")]).expect(422);
        let again = act(&world, &receipt, &[("verb", "rate"), ("solved", "no"), ("words", "还是不亮")]).expect(200);
        assert!(again.text.contains("我们再办一次") && !again.text.contains("name=\"solved\""), "{}", again.text);
        assert_eq!(world.ticket("triager", &receipt.number)["cycle"], 2);

        world.steps(&receipt.number, &[
            ("handler", "acknowledge", json!({})),
            ("handler", "resolve", json!({"result": "重新接线，已亮。"})),
            ("triager", "reply", json!({"text": "又修了一次，请看看。"})),
        ]);
        let solved = [("verb", "rate"), ("solved", "yes"), ("satisfaction", "5"), ("words", "")];
        let page = act(&world, &receipt, &solved).expect(200).text;
        assert!(page.contains("谢谢您的评价") && page.contains("已结束"), "{page}");
    }

    fn a_withdrawn_or_declined_ticket_offers_what_is_left_to_do(world) {
        let receipt = world.submit(json!({}));
        let page = act(&world, &receipt, &[("verb", "withdraw")]).expect(200).text;
        let offered: Vec<&str> = page.split("name=\"verb\" value=\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
        assert!(page.contains("已经撤回"), "{page}");
        assert_eq!(offered, ["erase"]);
        act(&world, &receipt, &[("verb", "withdraw")]).expect(409);
        act(&world, &receipt, &[("verb", "publish")]).expect(422);

        let declined = world.submit(json!({}));
        world.steps(&declined.number, &[("triager", "decline", json!({"reason": "不归社区管"}))]);
        let page = act(&world, &declined, &[("verb", "reopen"), ("words", "")]).expect(422).text;
        assert!(page.contains("value=\"reopen\"") && !page.contains("value=\"rate\""), "{page}");
        act(&world, &declined, &[("verb", "reopen"), ("words", "路灯是社区的")]).expect(200);
    }

    fn the_board_shows_what_is_published_and_nothing_else(world) {
        let secret = "路灯坏了，找13812345678";
        let shown = world.submit(json!({"subject": secret, "description": "家里有病人", "may_publish": true,
            "location": {"building": "3"}, "contact": {"name": "李奶奶", "phone": "13900001111", "channel": "call"}}));
        world.resolve(&shown.number);
        world.steps(&shown.number, &[("triager", "publish", json!({}))]);
        let hidden = world.submit(json!({"subject": "另一件路灯", "may_publish": true}));
        world.resolve(&hidden.number);

        let page = world.app.get("/board").send().expect(200).text;
        let found = |query: &str| world.app.get(&format!("/api/v1/board{query}")).send().expect(200).json();

        assert!(page.contains("路灯坏了，找…") && page.contains("灯已换好"), "{page}");
        for private in ["13812345678", "病人", "李奶奶", "13900001111", "另一件", shown.number.as_str()] {
            assert!(!page.contains(private) && !found("").to_string().contains(private), "{private}: {page}");
        }
        let n_found = |query: &str| found(query)["items"].as_array().unwrap().len();
        assert_eq!((n_found("?building=3"), n_found("?building=4")), (1, 0));
        assert_eq!(n_found(&format!("?q={}", encoded("路灯"))), 1);
        // What is not shown is not found either.
        assert_eq!(n_found(&format!("?q={}", encoded("病人"))), 0);
        assert_eq!((n_found("?category=street_light"), n_found("?category=fire")), (1, 0));
        world.app.get("/api/v1/board?category=nothing").send().expect(422);
        world.app.get("/api/v1/board?limit=0&cursor=x").send().expect(422);
    }

    fn the_board_has_pages(world) {
        for n in 1..=3 {
            let receipt = world.submit(json!({"subject": format!("第{n}件"), "may_publish": true}));
            world.resolve(&receipt.number);
            world.steps(&receipt.number, &[("triager", "publish", json!({}))]);
        }

        let page = |query: &str| world.app.get(&format!("/api/v1/board?limit=2{query}")).send().expect(200).json();
        let one = page("");
        let cursor = one["next_cursor"].as_str().unwrap();
        let late = world.submit(json!({"subject": "后来的", "may_publish": true}));
        world.resolve(&late.number);
        world.steps(&late.number, &[("triager", "publish", json!({}))]);
        let two = page(&format!("&cursor={cursor}"));

        // What is published meanwhile shifts nothing.
        assert_eq!(one["items"][0]["subject"], "第3件");
        assert_eq!((two["items"][0]["subject"].as_str(), two["next_cursor"].as_str()), (Some("第1件"), None));
        world.app.get("/api/v1/board?cursor=x").send().expect(422);
        assert_eq!(page("&community=HX")["items"], json!([]));
        world.app.get("/api/v1/board?community=nowhere").send().expect(422);
    }

    fn a_sheet_for_the_pavilion_is_printed_on_a4_or_a3(world) {
        let shown = world.submit(json!({"subject": "凉亭漏雨", "may_publish": true, "location": {"building": "3"}}));
        world.resolve(&shown.number);
        world.steps(&shown.number, &[("triager", "publish", json!({}))]);
        let sheet = |query: &str| world.app.get(&format!("/board/sheet?{query}")).send().expect(200).text;

        assert!(sheet("community=YD&building=3").contains("凉亭漏雨") && sheet("").contains("poster a4"));
        assert!(sheet("community=YD&paper=a3").contains("poster a3") && sheet("").contains("2026-11-23"));
        assert!(!sheet("building=4").contains("凉亭漏雨"));
    }

    fn nobody_acts_with_a_wrong_code(world) {
        let receipt = world.submit(json!({}));
        let wrong = if receipt.code == "00000000" { "00000001" } else { "00000000" };

        let fields = [("number", receipt.number.as_str()), ("code", wrong), ("verb", "withdraw")];
        let page = post(&world, "/track/act", &fields).expect(404).text;

        assert!(page.contains("编号和查询码对不上"), "{page}");
        assert_eq!(world.ticket("triager", &receipt.number)["status"], "received");
    }

    fn a_wrong_code_and_an_unknown_number_look_the_same(world) {
        let receipt = world.submit(json!({}));
        let wrong = if receipt.code == "00000000" { "00000001" } else { "00000000" };
        let unknown = "YD-20261123-99990";
        let unknown = (0..10).map(|it| format!("{}{it}", &unknown[..16])).find(|it| {
            post(&world, "/track", &[("number", it), ("code", "12345678")]).status == 404
        });
        let unknown = unknown.unwrap();

        let one = post(&world, "/track", &[("number", &receipt.number), ("code", wrong)]).expect(404).text;
        let other = post(&world, "/track", &[("number", &unknown), ("code", wrong)]).expect(404).text;

        assert_eq!(one.replace(&receipt.number, "N"), other.replace(&unknown, "N"));
    }

    fn what_was_typed_comes_back_escaped(world) {
        let all = ["key", "community", "description", "building", "unit", "room", "channel", "name", "phone", "email"];
        let fields: Vec<(&str, &str)> = all.iter().map(|it| (*it, EVIL)).collect();

        let pages = [
            post(&world, "/report", &fields).expect(422),
            post(&world, "/track", &[("number", EVIL), ("code", EVIL)]).expect(400),
            world.app.get(&format!("/r/{}", encoded(EVIL))).header("Accept", "text/html").send().expect(200),
        ];

        for page in pages {
            assert!(!page.text.contains("<script>alert") && !page.text.contains("<img"), "{}", page.text);
        }
        let fields = [("key", KEY), ("community", "YD"), ("description", EVIL)];
        let (number, code) = receipt_of(&post(&world, "/report", &fields).expect(201).text);
        let page = post(&world, "/track", &[("number", &number), ("code", &code)]).expect(200).text;
        assert!(!page.contains("<script>alert") && !page.contains("<img") && page.contains("{{7*7}}"), "{page}");
    }

    fn every_page_runs_only_our_own_files(world) {
        for path in PAGES {
            let page = world.app.get(path).header("Accept", "text/html").send();
            let policy = page.header("content-security-policy");
            assert!(policy.contains("script-src 'self';") && policy.contains("form-action 'self'"), "{path}");
            assert!(!page.text.contains("style=") && !page.text.contains("http://"), "{path}");
            for part in page.text.split("\"/assets/").skip(1) {
                let file = world.app.get(&format!("/assets/{}", part.split('"').next().unwrap())).send();
                assert!(file.expect(200).header("cache-control").contains("immutable"));
            }
        }
        world.app.get("/nothing").send().expect(404).slug();
    }

    fn the_look_is_remembered_and_leads_to_our_own_pages_only(world) {
        let set = |set: &str, back: &str| post(&world, "/look", &[("set", set), ("back", back)]).expect(303);
        let larger = set("size-30", "/track");
        let english = set("language", "//evil.example");

        assert_eq!((larger.header("location"), english.header("location")), ("/track", "/"));
        let look = |answer: &Answer| answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let page = |cookie: String| world.app.get("/").header("Cookie", cookie).send().expect(200).text;
        assert!(page(look(&larger)).contains("class=\"size-30\""));
        let english = page(look(&english));
        assert!(english.contains("Tell us, and hear back") && english.contains("lang=\"en\""), "{english}");
    }

    fn a_matter_is_put_in_one_question_a_page(world) {
        let what = world.app.get("/report").send().expect(200).text;
        assert!(!what.contains("name=\"description\""), "{what}");
        let community = answer(&world, &what, &[("community", "YD")], 200);
        let place = answer(&world, &community, &[("what", "category:corridor_light")], 200);
        let words = answer(&world, &place, &[("building", "3"), ("room", "1201")], 200);
        let hear = answer(&world, &words, &[("description", "三楼灯不亮")], 200);
        let back = answer(&world, &hear, &[("phone", "13800138000"), ("go", "words")], 200);
        assert!(back.contains("三楼灯不亮</textarea>"), "{back}");
        let hear = answer(&world, &back, &[("description", "三楼的灯不亮")], 200);
        assert!(hear.contains("value=\"13800138000\""), "{hear}");
        let check = answer(&world, &hear, &[("channel", "call")], 200);
        for told in ["楼道灯不亮", "楼栋 3 · 房号 1201", "三楼的灯不亮", "打电话", "13800138000"] {
            assert!(check.contains(told), "{told}: {check}");
        }
        let receipt = answer(&world, &check, &[("go", "send")], 201);

        let (number, _) = receipt_of(&receipt);
        let ticket = world.ticket("triager", &number);
        assert_eq!(ticket["category"], "corridor_light");
        assert_eq!((&ticket["location"]["building"], &ticket["location"]["room"]), (&json!("3"), &json!("1201")));
        assert_eq!(ticket["contact"]["channel"], "call");
    }

    fn a_wrong_answer_is_told_on_its_own_page_and_the_way_back_asks_nothing(world) {
        let hear = [("key", KEY), ("community", "YD"), ("here", "hear"), ("channel", "call"), ("phone", "12")];
        let told = post(&world, "/report", &hear).expect(422).text;
        assert!(told.contains("href=\"#phone\"") && told.contains("data-summary"), "{told}");

        let back = [&hear[..], &[("go", "words")]].concat();
        post(&world, "/report", &back).expect(200);
    }

    fn without_words_the_tile_speaks(world) {
        let fields = [("key", KEY), ("community", "YD"), ("category", "corridor_light"), ("go", "send")];
        let (number, _) = receipt_of(&post(&world, "/report", &fields).expect(201).text);

        assert_eq!(world.ticket("triager", &number)["description"], "楼道灯不亮");
    }

    fn danger_shows_the_numbers_before_anything_is_sent(world) {
        let hotline = json!({"code": "WYGS", "name": "物业公司", "node": "YD", "hotline": "0591-0000 0000"});
        world.app.post("/api/v1/units", &hotline).bearer(&world.token("admin")).send().expect(201);
        let fields = [("key", KEY), ("community", "YD"), ("description", "电梯里困住人了")];
        let tile = [("key", KEY), ("community", "YD"), ("here", "what"), ("what", "category:gas_leak")];

        for page in [post(&world, "/report", &fields), post(&world, "/report", &tile)] {
            let page = page.expect(200).text;
            for number in ["119", "120", "110", "0591-0000 0000"] {
                assert!(page.contains(&format!("<a href=\"tel:{number}\">")) || page.contains(number), "{page}");
            }
            assert!(page.contains("name=\"danger_seen\" value=\"yes\""), "{page}");
        }
        let sent = [&fields[..], &[("danger_seen", "yes")]].concat();
        let (number, _) = receipt_of(&post(&world, "/report", &sent).expect(201).text);
        assert_eq!(world.ticket("triager", &number)["suspected_emergency"], true);
    }

    fn what_neighbours_put_in_is_told_from_three_on(world) {
        let words = |building: &str| {
            let fields = [("key", KEY), ("community", "YD"), ("here", "where"), ("category", "lift_fault"), ("building", building)];
            post(&world, "/report", &fields).expect(200).text
        };
        let submit = || world.submit(json!({"category": "lift_fault", "location": {"building": "3"}}));
        submit();
        submit();
        assert!(!words("3").contains("邻居们也反映过"));
        submit();

        assert!(words("3").contains("最近一个月有 3 件"), "{}", words("3"));
        assert!(!words("4").contains("邻居们也反映过") && !words("3").contains("拐角处的路灯"));
    }

    fn a_change_of_look_keeps_what_was_typed(world) {
        let typed = [("key", KEY), ("here", "words"), ("community", "YD"), ("description", "没写完"), ("back", "/report"), ("set", "size-30")];

        let answer = post(&world, "/look", &typed).expect(307);
        assert_eq!(answer.header("location"), "/report");
        let page = post(&world, "/report", &typed).expect(200).text;

        assert!(page.contains("没写完</textarea>"), "{page}");
        assert_eq!(post(&world, "/look", &[("set", "strong"), ("back", "/report")]).expect(303).header("location"), "/report");
        assert_eq!(post(&world, "/look", &[("set", "strong"), ("back", "/track/act"), ("verb", "withdraw")]).status, 303);
    }

    fn a_form_changed_after_it_was_sent_says_so_and_can_be_sent_as_another(world) {
        let fields = |words: &'static str| [("key", KEY), ("community", "YD"), ("description", words)];
        post(&world, "/report", &fields("灯不亮")).expect(201);
        let told = post(&world, "/report", &fields("水管漏水")).expect(422).text;

        let receipt = answer(&world, &told, &[("go", "send")], 201);

        assert!(told.contains("已经提交过一次"), "{told}");
        assert!(receipt_of(&receipt).0.ends_with(char::is_numeric));
    }

    fn the_receipt_and_the_track_page_say_what_is_promised_and_why(world) {
        let fields = [("key", KEY), ("community", "YD"), ("description", "灯不亮")];
        let receipt = post(&world, "/report", &fields).expect(201).text;
        let (number, code) = receipt_of(&receipt);
        let again = post(&world, "/track", &[("number", &number), ("code", &code), ("show", "receipt")]).expect(200).text;
        let page = post(&world, "/track", &[("number", &number), ("code", &code)]).expect(200).text;

        for page in [receipt, again, page] {
            assert!(page.contains("最晚 2026年11月24日 17:30 告诉您受理不受理"), "{page}");
            assert!(page.contains("为什么是这一天") && page.contains("当天不计"), "{page}");
        }
    }

    fn a_form_from_another_site_is_refused(world) {
        let fields = form(&[("key", KEY), ("community", "YD"), ("description", "x")]);
        let sent = |name: &str, from: &str| {
            let request = world.app.request("POST", "/report").header(name, from).header("Accept", "text/html");
            request.text("application/x-www-form-urlencoded", fields.clone()).send().status
        };

        assert_eq!(sent("Sec-Fetch-Site", "cross-site"), 403);
        assert_eq!(sent("Origin", "https://evil.example"), 403);
        assert_eq!(sent("Origin", "http://red-mailbox.test"), 201);
    }
}

#[test]
fn a_section_of_the_catalogue_stands_in_one_file() {
    let mut sections: Vec<String> = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/locales/zh-CN")).unwrap() {
        let texts = std::fs::read_to_string(file.unwrap().path()).unwrap();
        sections.extend(texts.lines().filter(|it| it.starts_with('[')).map(str::to_owned));
    }
    let n_sections = sections.len();
    sections.sort_unstable();
    sections.dedup();
    assert_eq!(sections.len(), n_sections, "{sections:?}");
}

#[test]
fn every_text_of_a_page_is_in_the_catalogue() {
    use red_mailbox::notify::catalogue::{Language, say};

    let root = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/templates"));
    let mut paths = vec![root];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(std::fs::read_dir(path).unwrap().map(|it| it.unwrap().path()));
            continue;
        }
        let page = std::fs::read_to_string(path).unwrap();
        for part in page.split(".say(\"").skip(1) {
            // The sheets have one section, which their keys leave out.
            let key = part.split('"').next().unwrap();
            let (section, key) = key.split_once('.').unwrap_or(("slip", key));
            for language in Language::ALL {
                assert!(say(*language, section, key, &[]).is_ok(), "{section}.{key} in {language}");
            }
        }
    }
}
