//! Replies on paper, and replies begun from a template.

use serde_json::json;

use crate::app::Answer;
use crate::builders::{Receipt, World};
use crate::harness::both_worlds;

/// A resolved ticket with a reply by letter.
fn replied(world: &World) -> Receipt {
    let receipt = world.submit(json!({
        "contact": {"name": "林秀英<b>", "channel": "letter"},
        "location": {"building": "3", "unit": "2", "room": "1201"},
    }));
    world.resolve(&receipt.number);
    world
        .act("triager", &receipt.number, "reply", json!({"text": "路灯已经换好。\n\n请您查看。"}))
        .expect(200);
    receipt
}

fn letter(world: &World, username: &str, number: &str, id: &str) -> Answer {
    let path = format!("/api/v1/tickets/{number}/replies/{id}/letter");
    world.app.get(&path).bearer(&world.token(username)).send()
}

both_worlds! {
    fn a_letter_tells_everything_and_its_view_of_the_contact_is_kept(world) {
        let number = replied(&world).number;

        let page = letter(&world, "triager", &number, "1").expect(200);

        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        for words in ["尊敬的林秀英&#60;b&#62;：", "2026年11月23日", "3号楼路灯不亮", &number, "<p>路灯已经换好。</p>", "<p>请您查看。</p>",
            "3 号楼 2 单元 1201 室", "<svg", "红色信箱答复信"] {
            assert!(page.text.contains(words), "{words} not in\n{}", page.text);
        }
        assert_eq!(world.trail(&number).last().unwrap(), "ticket.contact_viewed");
        // It goes on to be logged as handed over.
        let ticket = world.act("triager", &number, "replies/1/log", json!({})).expect(200).json();
        assert_eq!(ticket["status"], "replied");
    }

    fn a_letter_is_for_who_may_reply_and_for_what_goes_out(world) {
        let number = replied(&world).number;
        for username in ["clerk", "handler", "leader", "auditor"] {
            assert_eq!(letter(&world, username, &number, "1").expect(403).slug(), "forbidden", "{username}");
        }
        letter(&world, "other", &number, "1").expect(404);
        world.app.get(&format!("/api/v1/tickets/{number}/replies/1/letter")).send().expect(401);
        letter(&world, "triager", &number, "2").expect(404);
        letter(&world, "triager", &number, "x").expect(404);
        world.act("triager", &number, "replies/1/redirect", json!({"channel": "none"})).expect(200);
        assert_eq!(letter(&world, "triager", &number, "1").expect(409).slug(), "reply-not-in-that-state");
        // Nobody was named, so nothing of the contact was seen.
        let nameless = world.submit(json!({"location": {"building": "3"}, "contact": {"channel": "letter"}})).number;
        world.resolve(&nameless);
        world.act("triager", &nameless, "reply", json!({"text": "好了"})).expect(200);
        assert!(letter(&world, "triager", &nameless, "1").expect(200).text.contains("尊敬的居民："));
        assert!(!world.trail(&nameless).contains(&"ticket.contact_viewed".to_owned()));
    }

    fn a_template_is_filled_in_and_unmasks_nobody(world) {
        let admin = world.token("admin");
        let template = json!({"code": "done", "name": "办结", "node": "YD", "channel": "letter",
            "text": "{name}：您反映的“{subject}”（{number}）由{unit}办结：{result}。{community}"});
        world.app.post("/api/v1/templates", &template).bearer(&admin).send().expect(201);
        let number = replied(&world).number;
        let draft = |username: &str, code: &str| {
            let path = format!("/api/v1/tickets/{number}/reply-draft?template={code}");
            world.app.get(&path).bearer(&world.token(username)).send()
        };

        let told = draft("triager", "done").expect(200).json();

        assert_eq!(told["text"], format!("居民朋友：您反映的“3号楼路灯不亮”（{number}）由WY办结：灯已换好。YD"));
        assert_eq!((&told["template"], &told["channel"]), (&json!("done"), &json!("letter")));
        assert_eq!(draft("triager", "none").expect(422).json()["errors"][0]["field"], "template");
        draft("handler", "done").expect(403);
        draft("other", "done").expect(404);
    }
}
