//! A ticket's page: verbs as forms, refusals that keep what was typed, conflicts that show what others did.

use image::ImageFormat;
use serde_json::json;

use super::{Browser, EVIL, encoded, hidden};
use crate::attachments::photo;
use crate::builders::World;
use crate::harness::both_worlds;

/// Does a verb from the page of the ticket, with the version that the page showed.
fn act(browser: &Browser, number: &str, verb: &str, fields: &[(&str, &str)]) -> crate::app::Answer {
    let page = browser.page(&format!("/desk/tickets/{number}"));
    let version = hidden(&page, "version");
    let mut all = vec![("version", version.as_str())];
    all.extend(fields);
    browser.post(&format!("/desk/tickets/{number}/{verb}"), &all)
}

fn done(world: &World, username: &str, number: &str, verb: &str, fields: &[(&str, &str)]) {
    let browser = Browser::of(world, username);
    let answer = act(&browser, number, verb, fields).expect(303);
    assert_eq!(answer.header("location"), format!("/desk/tickets/{number}?done={verb}"));
    browser.get(answer.header("location")).expect(200);
}

both_worlds! {
    fn a_letter_goes_from_the_desk_to_the_last_reply_with_forms_alone(world) {
        for username in ["triager", "handler", "supervisor"] {
            world.know(username);
        }
        let clerk = Browser::of(&world, "clerk");
        let fields = [("key", "0123456789abcdef0123456789abcdef"), ("source", "call"), ("community", "YD"), ("description", "3号楼路灯不亮"),
            ("kind", "request"), ("building", "3"), ("channel", "call"), ("phone", "13800001234"), ("name", "李奶奶")];
        let receipt = clerk.post("/desk/new", &fields).expect(201).text;
        let again = clerk.post("/desk/new", &fields).expect(201).text;
        let part = |page: &str| page.split_once("data-number=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let number = part(&receipt);
        assert_eq!(part(&again), number);

        done(&world, "triager", &number, "accept", &[("category", "street_light"), ("priority", "normal")]);
        done(&world, "triager", &number, "assign", &[("unit", "WY"), ("supporting", "ZY"), ("note", "请今天去看")]);
        done(&world, "handler", &number, "acknowledge", &[]);
        done(&world, "handler", &number, "contact", &[("channel", "call"), ("outcome", "reached")]);
        done(&world, "handler", &number, "extend", &[("due_at", "2026-12-03T17:30"), ("reason", "等配件")]);
        let supervisor = Browser::of(&world, "supervisor");
        let watch = supervisor.page("/desk/watch");
        assert!(watch.contains("等配件") && watch.contains("/extensions/1"), "{watch}");
        let version = hidden(&watch, "version");
        let granted = [("version", version.as_str()), ("decision", "grant"), ("back", "/desk/watch?done=decided")];
        let led = supervisor.post(&format!("/desk/tickets/{number}/extensions/1"), &granted).expect(303);
        assert_eq!(led.header("location"), "/desk/watch?done=decided");
        done(&world, "handler", &number, "resolve", &[("outcome", "solved"), ("result", "换了灯泡")]);
        done(&world, "triager", &number, "reply", &[("text", "灯已换好。"), ("channel", "call"), ("outcome", "reached")]);
        done(&world, "triager", &number, "rate", &[("solved", "yes"), ("satisfaction", "5")]);

        let ticket = world.ticket("supervisor", &number);
        assert_eq!((ticket["status"].as_str(), ticket["source"].as_str()), (Some("closed"), Some("call")));
        assert_eq!(ticket["extensions"][0]["state"], "granted");
        let page = supervisor.page(&format!("/desk/tickets/{number}"));
        for words in ["灯已换好。", "派单给 WY", "同意延期到", "解决了", "换了灯泡", "请今天去看"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains("event.") && !page.contains("13800001234") && page.contains("138****1234"), "{page}");
    }

    fn a_refusal_stands_beside_the_form_and_keeps_what_was_typed(world) {
        let receipt = world.submit(json!({}));
        let browser = Browser::of(&world, "triager");

        let page = act(&browser, &receipt.number, "decline", &[("reason", ""), ("refer_to", "去街道办")]).expect(422).text;
        assert!(page.contains("class=\"fault\"") && page.contains("value=\"去街道办\""), "{page}");
        let page = act(&browser, &receipt.number, "accept", &[("category", "nothing"), ("priority", "normal")]).expect(422).text;
        assert!(page.contains("没有这个类别"), "{page}");
        act(&browser, &receipt.number, "assign", &[("unit", "WY"), ("note", "记得带梯子")]).expect(409);
        let page = act(&browser, &receipt.number, "assign", &[("unit", "WY"), ("note", "记得带梯子")]).text;
        assert!(page.contains("记得带梯子</textarea>"), "{page}");
    }

    fn two_people_in_one_ticket_lose_no_word(world) {
        let receipt = world.submit(json!({}));
        let browser = Browser::of(&world, "triager");
        let page = browser.page(&format!("/desk/tickets/{}", receipt.number));
        let (version, seen) = (hidden(&page, "version"), hidden(&page, "seen"));
        world.steps(&receipt.number, &[("supervisor", "note", json!({"text": "我来跟进"}))]);

        let typed = [("version", version.as_str()), ("seen", seen.as_str()), ("reason", "写了很久的原因")];
        let page = browser.post(&format!("/desk/tickets/{}/decline", receipt.number), &typed).expect(412).text;

        assert!(page.contains("写了很久的原因</textarea>") && page.contains("我来跟进"), "{page}");
        assert!(page.contains("别人做了这些") && page.contains("别人刚刚改过"), "{page}");
        assert_eq!(world.ticket("triager", &receipt.number)["status"], "received");
        let now = hidden(&page, "version");
        let again = [("version", now.as_str()), ("reason", "写了很久的原因")];
        browser.post(&format!("/desk/tickets/{}/decline", receipt.number), &again).expect(303);
        // Without a version nothing is done either.
        browser.post(&format!("/desk/tickets/{}/note", receipt.number), &[("text", "x")]).expect(428);
    }

    fn the_whole_contact_is_shown_once_with_a_reason(world) {
        let contact = json!({"contact": {"name": "李奶奶", "phone": "13800001234", "channel": "call"}});
        let receipt = world.submit(contact);
        let browser = Browser::of(&world, "triager");

        let none = act(&browser, &receipt.number, "contact-views", &[("reason", "")]).expect(422).text;
        assert!(!none.contains("13800001234"), "{none}");
        let whole = act(&browser, &receipt.number, "contact-views", &[("reason", "回电核实")]).expect(200);
        assert!(whole.text.contains("13800001234") && whole.header("cache-control") == "no-store");

        let page = browser.page(&format!("/desk/tickets/{}", receipt.number));
        assert!(!page.contains("13800001234") && page.contains("回电核实"), "{page}");
        let leader = Browser::of(&world, "leader").page(&format!("/desk/tickets/{}", receipt.number));
        assert!(!leader.contains("138****1234") && !leader.contains("李****") && !leader.contains("<textarea"), "{leader}");
    }

    fn facts_are_corrected_and_what_stays_is_no_event(world) {
        let receipt = world.submit(json!({"location": {"building": "3", "room": "1201"}}));
        let browser = Browser::of(&world, "clerk");
        let (subject, description) = ("3号楼路灯不亮", "3号楼拐角处的路灯从周一晚上起就不亮了，老人出入很不安全。");

        let fields = [("subject", subject), ("description", description), ("kind", "complaint"), ("building", "5"), ("room", "1201")];
        act(&browser, &receipt.number, "amend", &fields).expect(303);

        let ticket = world.ticket("triager", &receipt.number);
        assert_eq!((ticket["kind"].as_str(), ticket["location"]["building"].as_str()), (Some("complaint"), Some("5")));
        assert_eq!((ticket["subject"].as_str(), ticket["location"]["room"].as_str()), (Some(subject), Some("1201")));
        let stale = [("version", "1"), ("seen", "1"), ("subject", "改了的标题"), ("description", description), ("kind", "request")];
        let page = browser.post(&format!("/desk/tickets/{}/amend", receipt.number), &stale).expect(412).text;
        assert!(page.contains("value=\"改了的标题\""), "{page}");
    }

    fn a_reply_that_needs_approval_is_approved_from_the_watch(world) {
        let body = json!({"code": "default", "name": "规则", "node": "YD", "reply_needs_approval": true});
        world.app.post("/api/v1/policies", &body).bearer(&world.token("admin")).send().expect(201);
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        done(&world, "triager", &receipt.number, "reply", &[("text", "灯已换好。"), ("channel", "none")]);

        let supervisor = Browser::of(&world, "supervisor");
        let watch = supervisor.page("/desk/watch");
        assert!(watch.contains("灯已换好。") && watch.contains("/replies/1"), "{watch}");
        let (version, path) = (hidden(&watch, "version"), format!("/desk/tickets/{}/replies/1", receipt.number));
        let approve = [("version", version.as_str()), ("decision", "approve")];
        Browser::of(&world, "triager").post(&path, &approve).expect(403);
        supervisor.post(&path, &approve).expect(303);
        supervisor.post(&path, &approve).expect(412);

        assert_eq!(world.ticket("triager", &receipt.number)["status"], "replied");
    }

    fn a_photo_is_added_shown_and_handed_out_to_whom_the_ticket_is(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        let (handler, path) = (Browser::of(&world, "handler"), format!("/desk/tickets/{}/attachments", receipt.number));
        let page = handler.page(&format!("/desk/tickets/{}", receipt.number));
        let (key, photo) = (hidden(&page, "key"), photo(64, 48, ImageFormat::Jpeg));
        let fields = [("key", key.as_str()), ("what", "after"), ("shown", "yes")];
        let led = handler.upload(&path, &fields, Some(("x.jpg", &photo))).expect(303);
        assert_eq!(led.header("location"), format!("/desk/tickets/{}?done=attached", receipt.number));
        // The same form again attaches nothing more.
        handler.upload(&path, &fields, Some(("x.jpg", &photo))).expect(303);

        let page = handler.page(led.header("location"));
        assert!(page.contains("处理后照片.jpg") && page.contains("居民看得到") && page.contains("已上传"), "{page}");
        assert_eq!(page.matches("/thumbnail\"").count(), 1, "{page}");
        for part in ["1", "1/thumbnail"] {
            let file = handler.get(&format!("{path}/{part}")).expect(200);
            assert_eq!(file.header("content-type"), "image/jpeg");
            Browser::of(&world, "leader").get(&format!("{path}/{part}")).expect(403);
            Browser::of(&world, "other").get(&format!("{path}/{part}")).expect(404);
            Browser::new(&world).get(&format!("{path}/{part}")).expect(303);
        }
        handler.get(&format!("{path}/2")).expect(404);
        let page = handler.upload(&path, &[("key", "")], None).expect(422).text;
        assert!(page.contains("请先选一个文件"), "{page}");
        assert!(handler.upload(&path, &[], Some(("x.exe", b"MZ"))).expect(422).text.contains("class=\"told\""));
        Browser::of(&world, "auditor").upload(&path, &[], Some(("x.jpg", &photo))).expect(403);
        Browser::of(&world, "other").upload(&path, &[], Some(("x.jpg", &photo))).expect(404);
        handler.upload_with(&path, "wrong", &[], Some(("x.jpg", &photo))).expect(403);
        assert_eq!(world.ticket("triager", &receipt.number)["attachments"].as_array().unwrap().len(), 1);
    }

    fn nothing_that_anybody_types_runs_on_a_staff_page(world) {
        let receipt = world.submit(json!({"subject": EVIL, "description": EVIL, "location": {"building": "3", "place": EVIL},
            "contact": {"name": EVIL, "phone": "13800001234", "channel": "call"}, "for": {"name": EVIL, "relation": EVIL}}));
        world.steps(&receipt.number, &[
            ("triager", "note", json!({"text": EVIL})),
            ("triager", "urge", json!({"text": EVIL})),
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "note": EVIL})),
            ("handler", "acknowledge", json!({})),
            ("handler", "extend", json!({"due_at": "2026-12-03T17:30:00+08:00", "reason": EVIL})),
            ("handler", "resolve", json!({"result": EVIL})),
            ("triager", "reply", json!({"text": EVIL, "outcome": "reached"})),
        ]);
        world.resident(&receipt, "supplement", json!({"text": EVIL})).expect(200);
        world.resident(&receipt, "rate", json!({"solved": false, "comment": EVIL})).expect(200);
        let number = &receipt.number;
        let browser = Browser::of(&world, "supervisor");
        let mut pages = vec![browser.page(&format!("/desk/tickets/{number}")), browser.page("/desk"), browser.page("/desk/watch"),
            browser.page("/desk?view=all"), Browser::of(&world, "handler").page("/desk/mine"),
            browser.page(&format!("/desk?q={}", encoded(EVIL)))];
        pages.push(act(&browser, number, "note", &[("text", "")]).expect(422).text);
        pages.push(act(&browser, number, "reply", &[("text", EVIL), ("channel", EVIL)]).text);
        pages.push(act(&browser, number, "contact-views", &[("reason", EVIL)]).expect(200).text);
        pages.push(browser.post("/desk/new", &[("description", EVIL), ("community", EVIL), ("phone", EVIL)]).text);
        pages.push(browser.post("/desk/bulk", &[("ticket", EVIL), ("verb", "assign"), ("unit", EVIL)]).text);
        pages.push(browser.get(&format!("/desk/notices?done={}", encoded(EVIL))).text);

        for page in pages {
            assert!(!page.contains("<script>alert") && !page.contains("<img"), "{page}");
        }
    }
}
