//! From the box to the desk on pages: an opening, its count, each letter, and the closing.

use serde_json::{Value, json};

use super::{Browser, EVIL, encoded, hidden};
use crate::builders::World;
use crate::collections::mailbox;
use crate::harness::both_worlds;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Records an opening by the clerk from the page of M1; gives the page of its letters.
fn open(browser: &Browser, counted: &str) -> String {
    let page = browser.page("/desk/mailboxes/M1?community=YD");
    let key = hidden(&page, "key");
    let fields = [
        ("key", key.as_str()),
        ("community", "YD"),
        ("letters_counted", counted),
        ("opened_at", "2026-11-23T08:30"),
        ("first", "clerk"),
        ("second", "supervisor"),
        ("seal_before", "A-0107"),
        ("seal_after", "A-0108"),
    ];
    let led = browser.post("/desk/mailboxes/M1", &fields).expect(303);
    // The same form again is the same opening.
    assert_eq!(
        browser.post("/desk/mailboxes/M1", &fields).expect(303).header("location"),
        led.header("location")
    );
    led.header("location").to_owned()
}

fn register(browser: &Browser, path: &str, differ: &[(&str, &str)]) -> crate::app::Answer {
    let key = hidden(&browser.page(path), "key");
    let mut fields =
        vec![("key", key.as_str()), ("do", "register"), ("kind", "request"), ("channel", "none")];
    fields.extend(differ);
    browser.post(&format!("{path}/letters"), &fields)
}

fn read(world: &World, path: &str) -> Value {
    let path = path.replace("/desk/", "/api/v1/");
    world.app.get(&path).bearer(&world.token("clerk")).send().expect(200).json()
}

both_worlds! {
    fn three_letters_go_from_the_box_to_a_closed_opening_with_forms_alone(world) {
        mailbox(&world, "M1", "YD", json!({"place": "凉亭东侧", "key_holder": "clerk", "schedule": {"weekdays": ["mon"], "time": "16:30"}}));
        world.know("supervisor");
        let clerk = Browser::of(&world, "clerk");
        let list = clerk.page("/desk/mailboxes");
        assert!(list.contains("凉亭东侧") && list.contains("11-23 16:30 前开箱"), "{list}");

        let path = open(&clerk, "3");
        let page = clerk.page(&path);
        assert!(page.contains("封签：开箱前 A-0107，开箱后 A-0108") && page.contains("还没有确认"), "{page}");
        assert!(page.contains("autofocus") && page.contains("登记第 1 封"), "{page}");
        let first = register(&clerk, &path, &[("description", "凉亭的灯不亮"), ("building", "3"), ("category", "street_light")]).expect(201).text;
        assert!(first.contains("第 1 封已登记") && first.contains("登记第 2 封"), "{first}");
        // Two matters in one letter: the first is kept in the form until the letter is registered.
        let fields = [("key", KEY), ("do", "matter"), ("description", "楼道堆了杂物"), ("name", "李奶奶"), ("channel", "none")];
        let more = clerk.post(&format!("{path}/letters"), &fields).expect(200).text;
        assert!(more.contains("楼道堆了杂物") && more.contains("value=\"李奶奶\""), "{more}");
        let matter = hidden(&more, "matter").replace("&#34;", "\"").replace("&quot;", "\"");
        let fields = [("key", KEY), ("do", "register"), ("matter", matter.as_str()), ("description", "还有楼上漏水"), ("name", "李奶奶"), ("channel", "none")];
        clerk.post(&format!("{path}/letters"), &fields).expect(201);
        clerk.post(&format!("{path}/letters"), &fields).expect(201);
        assert_eq!(read(&world, &path)["letters"][1]["tickets"].as_array().unwrap().len(), 2);
        let aside = [("key", "x"), ("do", "aside"), ("set_aside", "thanks"), ("note", "感谢物业")];
        let after = clerk.post(&format!("{path}/letters"), &aside).expect(201).text;
        assert!(after.contains("每一封都有着落") && after.contains("感谢信"), "{after}");

        let version = hidden(&clerk.page(&path), "version");
        clerk.post(&format!("{path}/close"), &[("version", "1")]).expect(412);
        clerk.post(&format!("{path}/close"), &[("version", &version)]).expect(303);
        let supervisor = Browser::of(&world, "supervisor");
        assert!(supervisor.page("/desk/mailboxes").contains("开箱人没有确认"));
        supervisor.post(&format!("{path}/confirm"), &[]).expect(303);
        let closed = read(&world, &path);
        assert_eq!((&closed["state"], &closed["registered"], &closed["set_aside"]), (&json!("closed"), &json!(2), &json!(1)));
        assert_eq!(closed["exceptions"], json!([]));
        let page = clerk.page(&format!("{path}?done=collection_closed"));
        assert!(page.contains("这次开箱已关闭") && !page.contains("登记第"), "{page}");
    }

    fn a_refused_form_keeps_what_was_typed_and_names_the_field(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let clerk = Browser::of(&world, "clerk");
        let fields = [("community", "YD"), ("letters_counted", ""), ("opened_at", "2030-01-01T08:00"), ("first", "clerk"), ("second", "Clerk"), ("seal_before", "A-77")];
        let page = clerk.post("/desk/mailboxes/M1", &fields).expect(422).text;
        assert!(page.contains("请先数一数信") && page.contains("value=\"A-77\""), "{page}");
        let fields = [("community", "YD"), ("letters_counted", "2"), ("opened_at", "2030-01-01T08:00"), ("first", "clerk"), ("second", "Clerk")];
        let page = clerk.post("/desk/mailboxes/M1", &fields).expect(422).text;
        assert!(page.contains("开箱时间不能在将来") && page.contains("须由两个不同的人开箱"), "{page}");

        let path = open(&clerk, "2");
        let page = register(&clerk, &path, &[("description", "灯不亮"), ("phone", "12"), ("channel", "call"), ("category", "nothing")]).expect(422).text;
        assert!(page.contains(">灯不亮</textarea>") && page.contains("class=\"fault\""), "{page}");
        let page = register(&clerk, &path, &[("description", "灯不亮"), ("slip", "YD-S0000001"), ("subject", "路灯")]).expect(422).text;
        assert!(page.contains("value=\"YD-S0000001\"") && page.contains("<details class=\"all\" open>"), "{page}");
        let page = clerk.post(&format!("{path}/letters"), &[("do", "aside"), ("note", "看不懂的字")]).expect(422).text;
        assert!(page.contains("请选搁置的原因") && page.contains("value=\"看不懂的字\""), "{page}");
        assert_eq!(read(&world, &path)["letters"], json!([]));
    }

    fn only_a_supervisor_closes_it_short_with_a_reason(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let (clerk, supervisor) = (Browser::of(&world, "clerk"), Browser::of(&world, "supervisor"));
        let path = open(&clerk, "1");
        let version = hidden(&supervisor.page(&path), "version");
        assert!(!clerk.page(&path).contains("/close"));
        clerk.post(&format!("{path}/close"), &[("version", &version), ("reason", "丢了")]).expect(403);
        let refused = supervisor.post(&format!("{path}/close"), &[("version", "9"), ("reason", "信被雨水泡烂了")]).expect(412).text;
        assert!(refused.contains("信被雨水泡烂了</textarea>"), "{refused}");

        supervisor.post(&format!("{path}/close"), &[("version", &version), ("reason", "信被雨水泡烂了")]).expect(303);

        let page = supervisor.page(&path);
        assert!(page.contains("信被雨水泡烂了") && page.contains("关闭时有信没有着落"), "{page}");
    }

    fn boxes_and_openings_are_shown_to_whom_they_are_for(world) {
        mailbox(&world, "M1", "YD", json!({"place": "王家凉亭"}));
        let clerk = Browser::of(&world, "clerk");
        let path = open(&clerk, "1");
        register(&clerk, &path, &[("description", "举报有人收钱"), ("kind", "report")]).expect(201);
        for who in ["clerk", "triager", "supervisor", "leader", "auditor", "handler", "admin", "other"] {
            let browser = Browser::of(&world, who);
            let (reads, collects) = (!["handler", "admin", "other"].contains(&who), ["clerk", "supervisor"].contains(&who));
            let list = browser.get("/desk/mailboxes");
            assert_eq!(list.status, if ["handler", "admin"].contains(&who) { 403 } else { 200 }, "{who}");
            assert_eq!(list.text.contains("王家凉亭"), reads, "{who}");
            for page in ["/desk/mailboxes/M1", path.as_str()] {
                let answer = browser.get(page);
                let refused = if page != path && ["handler", "admin"].contains(&who) { 403 } else { 404 };
                assert_eq!(answer.status, if reads { 200 } else { refused }, "{who} {page}");
                assert!(reads || !answer.text.contains("凉亭"), "{who} {page}");
            }
            for form in ["/desk/mailboxes/M1".to_owned(), format!("{path}/letters"), format!("{path}/close")] {
                let answer = browser.post(&form, &[]);
                assert_eq!(!matches!(answer.status, 403 | 404), collects, "{who} {form}: {}", answer.text);
            }
            let slips = browser.post("/desk/slips", &[("community", "YD"), ("count", "0")]).status;
            let prints = ["clerk", "supervisor", "admin"].contains(&who);
            // Who prints elsewhere is refused at this community.
            assert_eq!(slips, if prints { 422 } else { 403 }, "{who}");
            assert_eq!(browser.get("/desk/slips").status, if prints || who == "other" { 200 } else { 403 }, "{who}");
        }
        assert_eq!(read(&world, &path)["letters"].as_array().unwrap().len(), 1);
    }

    fn slips_are_printed_and_nothing_typed_runs(world) {
        mailbox(&world, "M1", "YD", json!({"place": EVIL, "key_holder": EVIL}));
        let clerk = Browser::of(&world, "clerk");
        let sheets = clerk.post("/desk/slips", &[("community", "YD"), ("count", "2")]).expect(201);
        assert!(sheets.text.contains("YD-S") && sheets.header("cache-control") == "no-store");
        assert!(clerk.post("/desk/slips", &[("community", "YD"), ("count", "二")]).expect(422).text.contains("一次 1 到"));

        let path = open(&clerk, "3");
        let mut pages = vec![clerk.page("/desk/mailboxes"), clerk.page("/desk/mailboxes/M1"), clerk.page(&path)];
        pages.push(register(&clerk, &path, &[("description", EVIL), ("name", EVIL), ("do", "matter")]).text);
        pages.push(clerk.post(&format!("{path}/letters"), &[("do", "matter"), ("matter", EVIL), ("description", EVIL), ("slip", EVIL)]).text);
        pages.push(clerk.post(&format!("{path}/letters"), &[("do", "register"), ("matter", EVIL), ("description", EVIL)]).expect(422).text);
        pages.push(clerk.post(&format!("{path}/letters"), &[("do", "aside"), ("set_aside", "blank"), ("note", EVIL)]).expect(201).text);
        pages.push(clerk.get(&format!("{path}?done={}", encoded(EVIL))).text);
        pages.push(clerk.post("/desk/mailboxes/M1", &[("first", EVIL), ("second", EVIL), ("seal_before", EVIL)]).text);
        for page in pages {
            assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        }
    }
}
