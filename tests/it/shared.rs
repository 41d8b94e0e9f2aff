//! A shared problem: many letters about one matter are linked, seen together, answered at once, and split again.

use red_mailbox::service::delivery::deliver_due;
use serde_json::{Value, json};

use crate::builders::{Receipt, World};
use crate::delivery::{body_of, header, with_mail};
use crate::desk::Browser;
use crate::harness::{both_worlds, run};
use crate::smtp::{MailServer, Manner};

fn merge(world: &World, number: &str, into: &str) -> Value {
    world.act("triager", number, "merge", json!({"into": into})).expect(200).json()
}

fn reply_of(world: &World, number: &str) -> Value {
    world.ticket("supervisor", number)["replies"][0].clone()
}

/// The main one by mail, and one merged into it for each way to answer.
fn shared(world: &World) -> (Receipt, Vec<Receipt>) {
    let contacts = [
        json!({"name": "王丽", "email": "wangli@example.org", "channel": "email"}),
        json!({"name": "陈伯", "phone": "13800138001", "channel": "call"}),
        json!({"name": "林阿姨", "address": "3号楼201", "channel": "letter"}),
        json!({"channel": "none"}),
    ];
    let main = json!({"name": "李华", "email": "lihua@example.org", "channel": "email"});
    let main = world.submit(json!({ "contact": main }));
    let others: Vec<Receipt> = contacts.iter().map(|it| world.submit(json!({ "contact": it }))).collect();
    for it in &others {
        merge(world, &it.number, &main.number);
    }
    (main, others)
}

both_worlds! {
    fn one_answer_reaches_each_by_the_own_way_with_name_number_and_receipt(world) {
        let (main, others) = shared(&world);
        world.resolve(&main.number);
        let words = format!("您反映的路灯（{}）已经修好。", main.number);
        world.steps(&main.number, &[("triager", "reply", json!({"text": words}))]);

        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        run(async { deliver_due(&app, app.clock.now()).await.map(drop).unwrap() });

        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        for (name, address, number) in
            [("李华", "lihua@example.org", &main.number), ("王丽", "wangli@example.org", &others[0].number)]
        {
            let sent = mails.iter().find(|it| header(it, "To").contains(address)).unwrap();
            let body = body_of(sent);
            assert!(body.contains(name) && body.contains(&format!("路灯（{number}）已经修好")), "{body}");
            assert!(body.contains(&format!("http://red-mailbox.test/r/{number}")), "{body}");
            assert!(header(sent, "Message-ID").contains(&number.to_lowercase()), "{sent}");
            let strangers = if name == "李华" { "王丽" } else { "李华" };
            assert!(!sent.contains(strangers) && !body.contains(strangers), "{body}");
        }
        let how = |nth: usize| {
            let reply = reply_of(&world, &others[nth].number);
            (reply["channel"].as_str().unwrap().to_owned(), reply["delivery"].as_str().unwrap().to_owned())
        };
        let expected = [("email", "delivered"), ("call", "queued"), ("letter", "queued"), ("none", "logged")];
        for (nth, (channel, delivery)) in expected.into_iter().enumerate() {
            assert_eq!(how(nth), (channel.to_owned(), delivery.to_owned()));
        }
        // Each reads the own answer with the own code, and rates it.
        let path = format!("/api/v1/tickets/{}", others[3].number);
        let seen = world.app.get(&path).header("Receipt-Code", others[3].code.clone()).send().expect(200).json();
        assert_eq!(seen["replies"][0]["text"], words.replace(&main.number, &others[3].number));
        world.resident(&others[3], "rate", json!({"solved": true, "satisfaction": 5})).expect(200);
    }

    fn what_is_linked_is_seen_together_by_whoever_may_see_it(world) {
        let (main, others) = shared(&world);
        let numbers: Vec<Value> = others.iter().map(|it| json!(it.number)).collect();

        for username in ["clerk", "triager", "supervisor", "leader", "auditor"] {
            assert_eq!(world.ticket(username, &main.number)["merged"], json!(numbers), "{username}");
            assert_eq!(world.ticket(username, &others[0].number)["merged"], json!([]), "{username}");
        }
        world.steps(&main.number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        // The unit works with the main one only.
        assert_eq!(world.ticket("handler", &main.number)["merged"], json!([]));
        let path = format!("/api/v1/tickets/{}", main.number);
        let seen = world.app.get(&path).header("Receipt-Code", main.code.clone()).send().expect(200).text;
        assert!(others.iter().all(|it| !seen.contains(&it.number)), "{seen}");
        let page = Browser::of(&world, "triager").page(&format!("/desk/tickets/{}", main.number));
        assert!(page.contains("并入本件的 4 件"), "{page}");
        assert!(page.contains(&format!("href=\"/desk/tickets/{}\"", others[2].number)), "{page}");
    }

    fn many_are_linked_at_once_from_the_list_and_split_again_at_any_time(world) {
        let tickets: Vec<Receipt> = (0..3).map(|_| world.submit(json!({}))).collect();
        let main = &tickets[0];
        let browser = Browser::of(&world, "triager");
        let chosen: Vec<String> = tickets
            .iter()
            .map(|it| format!("{} {}", it.number, world.ticket("triager", &it.number)["version"]))
            .collect();
        let mut fields: Vec<(&str, &str)> = chosen.iter().map(|it| ("ticket", it.as_str())).collect();
        let typed = main.number.to_lowercase();
        fields.extend([("verb", "merge"), ("into", typed.as_str())]);

        let page = browser.post("/desk/bulk", &fields).expect(200).text;

        assert!(page.contains("已办 2 件"), "{page}");
        assert_eq!(world.ticket("triager", &main.number)["status"], "received");
        assert_eq!(world.ticket("triager", &main.number)["merged"], json!([tickets[1].number, tickets[2].number]));
        browser.post("/desk/bulk", &[("ticket", &chosen[1]), ("verb", "merge")]).expect(422);

        let split = world.act("triager", &tickets[1].number, "split", json!({})).expect(200).json();
        assert_eq!((&split["status"], &split["merged_into"]), (&json!("received"), &Value::Null));
        world.resolve(&main.number);
        world.steps(&main.number, &[("triager", "reply", json!({"text": "修好了"}))]);
        assert_eq!(world.ticket("triager", &tickets[1].number)["replies"], json!([]));
        // The other one was answered with it, and still goes on by itself when staff say so.
        assert_eq!(reply_of(&world, &tickets[2].number)["text"], "修好了");
        let split = world.act("triager", &tickets[2].number, "split", json!({})).expect(200).json();
        assert_eq!(split["status"], "received");
        assert_eq!(world.ticket("triager", &main.number)["merged"], json!([]));
    }

    fn one_approval_lets_every_answer_go(world) {
        let policy = json!({"code": "P1", "name": "答复审批", "node": "YD", "reply_needs_approval": true});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);
        let (main, others) = shared(&world);
        world.resolve(&main.number);
        let write = || world.steps(&main.number, &[("triager", "reply", json!({"text": "修好了"}))]);
        let decide = |id: u32, decision: &str| {
            let version = world.ticket("supervisor", &main.number)["version"].as_i64().unwrap();
            let path = format!("/api/v1/tickets/{}/replies/{id}/{decision}", main.number);
            world.app.post(&path, &json!({})).bearer(&world.token("supervisor")).if_match(version).send().expect(200);
        };
        let states = |nth: usize| -> Vec<String> {
            let states = |it: &Receipt| {
                world.ticket("supervisor", &it.number)["replies"][nth]["delivery"].as_str().unwrap().to_owned()
            };
            others.iter().map(states).collect()
        };

        write();
        assert_eq!(states(0), ["awaiting_approval"; 4]);
        decide(1, "reject");
        assert_eq!(states(0), ["failed"; 4]);
        write();
        assert_eq!(states(1), ["awaiting_approval"; 4]);
        decide(2, "approve");
        assert_eq!(states(1), ["queued", "queued", "queued", "logged"]);
    }
}
