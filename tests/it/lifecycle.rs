//! A ticket's life over HTTP, as PRODUCT §4 tells it.

use chrono::TimeDelta;
use red_mailbox::service::timer;
use serde_json::{Value, json};

use crate::builders::World;
use crate::harness::{both_worlds, run};

/// The supervisor learns that it is about staff.
#[track_caller]
fn seal(world: &World, number: &str) {
    let version = world.ticket("supervisor", number)["version"].as_i64().unwrap();
    let request = world.app.patch(&format!("/api/v1/tickets/{number}"), &json!({"about_staff": true}));
    request.bearer(&world.token("supervisor")).if_match(version).send().expect(200);
}

both_worlds! {
    /// Two cycles: solved the first time as staff see it, not as the resident does.
    fn a_ticket_lives_through_two_cycles_and_every_step_is_in_the_trail(world) {
        let receipt = world.submit(json!({}));
        let number = receipt.number.as_str();
        world.resolve(number);
        let replied = world.act("triager", number, "reply", json!({"text": "已修好，请查看"})).expect(200).json();
        assert_eq!(replied["status"], "replied");
        assert_eq!(replied["replies"][0]["delivery"], "logged");

        let unsolved = world.resident(&receipt, "rate", json!({"solved": false, "comment": "又坏了"}));
        assert_eq!(unsolved.expect(200).json()["cycle"], 2);
        let again = world.ticket("triager", number);
        assert_eq!((again["status"].as_str(), again["unit"].as_str()), (Some("assigned"), Some("WY")));
        world.steps(number, &[
            ("handler", "acknowledge", json!({})),
            ("handler", "contact", json!({"channel": "call", "outcome": "reached"})),
            ("handler", "wait", json!({"for": "third_party", "reason": "等配件"})),
            ("handler", "resume", json!({})),
            ("handler", "resolve", json!({"outcome": "solved", "result": "换了整灯"})),
            ("supervisor", "send-back", json!({"reason": "请附照片"})),
            ("handler", "resolve", json!({"result": "换了整灯，附照片"})),
            ("supervisor", "reply", json!({"text": "换了整灯"})),
        ]);
        let solved = world.resident(&receipt, "rate", json!({"solved": true, "satisfaction": 5}));

        let closed = solved.expect(200).json();
        assert_eq!(closed["status"], "closed");
        assert_eq!(closed["rating"]["satisfaction"], 5);
        let expected = "received accepted assigned acknowledged resolved reply_written replied rated reopened \
            acknowledged contacted waiting resumed resolved sent_back resolved reply_written replied rated closed";
        let expected: Vec<String> = expected.split_whitespace().map(|it| format!("ticket.{it}")).collect();
        assert_eq!(world.trail(number), expected);
    }

    fn an_illegal_move_is_told_the_legal_ones_and_changes_nothing(world) {
        let number = world.submit(json!({})).number;

        let refused = world.act("triager", &number, "assign", json!({"unit": "WY"})).expect(409).json();

        assert!(refused["legal"].as_array().unwrap().contains(&json!("accept")));
        assert_eq!(world.ticket("triager", &number)["status"], "received");
        assert_eq!(world.trail(&number), ["ticket.received"]);
    }

    fn refusals_come_in_the_order_of_the_contract(world) {
        let number = world.submit(json!({})).number;
        let path = format!("/api/v1/tickets/{number}/accept");
        let good = json!({"category": "street_light", "priority": "normal"});
        let post = |token: Option<&str>, body: &Value| {
            let request = world.app.post(&path, body);
            match token { Some(token) => request.bearer(&world.token(token)), None => request }
        };

        post(None, &json!({"x": 1})).send().expect(401);
        post(Some("other"), &json!({"x": 1})).send().expect(404);
        post(Some("leader"), &json!({"x": 1})).send().expect(403);
        post(Some("triager"), &json!({"x": 1})).send().expect(422);
        post(Some("triager"), &json!({"category": "no_such", "priority": "normal"})).send().expect(422);
        post(Some("triager"), &good).send().expect(428);
        let stale = post(Some("triager"), &good).if_match(99).send().expect(412).json();
        assert_eq!(stale["current"]["status"], "received");
        post(Some("triager"), &good).if_match(1).send().expect(200);
        let accepted = world.ticket("triager", &number)["version"].as_i64().unwrap();
        post(Some("triager"), &good).if_match(accepted).send().expect(409);
    }

    fn a_unit_returns_once_per_cycle_and_never_a_designated_one(world) {
        world.know("handler");
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "assignee": "handler", "supporting": ["ZY"]})),
        ]);
        let returned = world.act("handler", &number, "return", json!({"reason": "不归我们"})).expect(200).json();
        assert_eq!((returned["status"].as_str(), returned["unit"].is_null()), (Some("accepted"), true));

        let again = world.steps(&number, &[("triager", "assign", json!({"unit": "ZY"}))]);
        assert_eq!(again["designated"], false);
        let refused = world.act("handler2", &number, "return", json!({"reason": "也不归我们"})).expect(409);
        assert_eq!(refused.slug(), "returned-before");
        let designated = world.steps(&number, &[("supervisor", "assign", json!({"unit": "WY"}))]);
        assert_eq!(designated["designated"], true);
        assert_eq!(world.act("handler", &number, "return", json!({"reason": "不"})).expect(409).slug(), "designated");
    }

    fn a_return_comes_within_two_working_days(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        // Assigned on Monday morning: Wednesday 17:30 is the last moment.
        world.app.app.clock.advance(TimeDelta::hours(2 * 24 + 8) + TimeDelta::minutes(31));

        let late = world.act("handler", &number, "return", json!({"reason": "不归我们"})).expect(409);

        assert_eq!(late.slug(), "return-too-late");
    }

    fn whoever_received_it_answers_until_another_unit_has_acknowledged(world) {
        let number = world.submit(json!({})).number;
        assert_eq!(world.ticket("triager", &number)["answerable"], "YD");
        let assigned = world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        assert_eq!(assigned["answerable"], "YD");

        let acknowledged = world.steps(&number, &[("handler", "acknowledge", json!({}))]);

        assert_eq!(acknowledged["answerable"], "WY");
    }

    fn escalation_moves_the_handling_up_and_down_again(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[("triager", "accept", json!({"category": "street_light", "priority": "normal"}))]);
        let body = json!({"to": "JL", "reason": "超出社区权限"});
        let up = world.act("triager", &number, "escalate", body).expect(200).json();
        assert_eq!((up["status"].as_str(), up["handling_node"].as_str()), (Some("accepted"), Some("JL")));

        world.act("triager", &number, "assign", json!({"unit": "WY"})).expect(403);
        world.act("street_triager", &number, "assign", json!({"unit": "WY"})).expect(422);
        let street = world.steps(&number, &[("street_triager", "assign", json!({"unit": "JD"}))]);
        assert_eq!(street["unit"], "JD");
        let body = json!({"to": "YD", "reason": "请社区办"});
        let down = world.act("street_triager", &number, "escalate", body).expect(200).json();
        assert_eq!(down["handling_node"], "YD");
        world.steps(&number, &[("triager", "assign", json!({"unit": "WY"}))]);
        assert_eq!(world.read("other", &number).status, 404);
    }

    fn answering_the_main_ticket_answers_each_merged_one(world) {
        let main = world.submit(json!({}));
        let merged = world.submit(json!({"subject": "路灯也不亮"}));
        let body = json!({"into": main.number});
        let gone = world.act("triager", &merged.number, "merge", body.clone()).expect(200).json();
        assert_eq!((gone["status"].as_str(), gone["merged_into"].as_str()), (Some("merged"), Some(main.number.as_str())));
        world.act("triager", &main.number, "merge", json!({"into": main.number})).expect(409);

        world.resolve(&main.number);
        world.steps(&main.number, &[("triager", "reply", json!({"text": "都修好了"}))]);

        let answered = world.ticket("triager", &merged.number);
        assert_eq!((answered["status"].as_str(), answered["replies"][0]["text"].as_str()), (Some("merged"), Some("都修好了")));
        let off = world.resident(&merged, "rate", json!({"solved": false})).expect(200).json();
        assert_eq!((off["status"].as_str(), off["cycle"].as_i64()), (Some("assigned"), Some(2)));
        assert_eq!(world.ticket("triager", &merged.number)["unit"], "WY");
        assert_eq!(world.ticket("triager", &main.number)["status"], "replied");
    }

    fn a_split_leads_back_to_the_status_before_the_merge(world) {
        let main = world.submit(json!({})).number;
        let merged = world.submit(json!({})).number;
        world.steps(&merged, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "merge", json!({"into": main})),
        ]);

        let split = world.steps(&merged, &[("triager", "split", json!({}))]);

        assert_eq!((split["status"].as_str(), split["merged_into"].is_null()), (Some("accepted"), true));
    }

    fn silence_closes_a_replied_ticket_after_seven_days_once(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "好了"}))]);
        let app = world.app.app.clone();
        app.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
        run({ let app = app.clone(); async move { assert_eq!(timer::tick(&app, app.clock.now()).await.unwrap().n_moved, 0) } });
        app.clock.advance(TimeDelta::seconds(1));

        run({ let app = app.clone(); async move {
            assert_eq!(timer::tick(&app, app.clock.now()).await.unwrap().n_moved, 1);
            assert_eq!(timer::tick(&app, app.clock.now()).await.unwrap().n_moved, 0);
        } });

        assert_eq!(world.ticket("triager", &receipt.number)["status"], "closed");
        app.clock.advance(TimeDelta::days(30));
        let reopened = world.resident(&receipt, "reopen", json!({"reason": "又坏了"})).expect(200).json();
        assert_eq!((reopened["status"].as_str(), reopened["cycle"].as_i64()), (Some("assigned"), Some(2)));
    }

    fn a_ticket_is_not_reopened_after_thirty_days(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[
            ("triager", "reply", json!({"text": "好了"})),
            ("supervisor", "close", json!({"reason": "居民已口头确认"})),
        ]);
        world.app.app.clock.advance(TimeDelta::days(30) + TimeDelta::seconds(1));

        assert_eq!(world.resident(&receipt, "reopen", json!({"reason": "又坏了"})).expect(409).slug(), "reopening-is-over");
        assert_eq!(world.resident(&receipt, "rate", json!({"solved": false})).expect(409).slug(), "reopening-is-over");
        world.resident(&receipt, "rate", json!({"solved": true, "satisfaction": 4})).expect(200);
    }

    fn a_declined_ticket_is_answered_and_reopens_at_the_beginning(world) {
        let receipt = world.submit(json!({}));
        let body = json!({"reason": "属供电公司管理", "refer_to": "请拨打 95598"});
        let declined = world.act("triager", &receipt.number, "decline", body).expect(200).json();
        assert_eq!(declined["status"], "declined");
        assert_eq!(declined["replies"][0]["text"], "属供电公司管理\n请拨打 95598");

        let reopened = world.resident(&receipt, "reopen", json!({"reason": "他们说不管"})).expect(200).json();

        assert_eq!((reopened["status"].as_str(), reopened["cycle"].as_i64()), (Some("received"), Some(2)));
    }

    fn a_supplement_ends_waiting_for_the_resident_and_so_do_ten_working_days(world) {
        let receipt = world.submit(json!({}));
        world.steps(&receipt.number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
            ("handler", "wait", json!({"for": "resident", "reason": "是哪一盏"})),
        ]);
        let added = world.resident(&receipt, "supplement", json!({"text": "东边那盏"})).expect(200).json();
        assert_eq!(added["status"], "in_progress");

        world.steps(&receipt.number, &[("handler", "wait", json!({"for": "third_party", "reason": "等配件"}))]);
        let app = world.app.app.clone();
        app.clock.advance(TimeDelta::days(15));
        run({ let app = app.clone(); async move { timer::tick(&app, app.clock.now()).await.unwrap(); } });
        assert_eq!(world.ticket("triager", &receipt.number)["status"], "in_progress");
    }

    fn a_sealed_ticket_is_the_parents_supervisors_alone(world) {
        let receipt = world.submit(json!({"kind": "report", "description": "网格员态度恶劣，反映多次没人管。"}));
        let number = receipt.number.as_str();
        for user in ["clerk", "triager", "handler", "supervisor", "leader", "auditor", "street_triager", "street_leader"] {
            assert_eq!(world.read(user, number).status, 404, "{user}");
        }
        let found = world.app.get("/api/v1/tickets?q=网格员态度").bearer(&world.token("supervisor")).send().expect(200);
        assert_eq!(found.json()["items"].as_array().unwrap().len(), 0);

        assert_eq!(world.ticket("street", number)["sealed"], true);
        world.steps(number, &[
            ("street", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("street", "assign", json!({"unit": "JD"})),
            ("street_handler", "acknowledge", json!({})),
            ("street_handler", "resolve", json!({"outcome": "explained", "result": "已约谈"})),
            ("street", "reply", json!({"text": "已处理"})),
        ]);
        world.resident(&receipt, "rate", json!({"solved": true})).expect(200);
    }

    fn sealing_takes_a_ticket_out_of_a_units_hands(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "supporting": ["ZY"]})),
            ("handler", "acknowledge", json!({})),
            ("handler", "wait", json!({"for": "third_party", "reason": "等配件"})),
        ]);

        seal(&world, &number);

        for user in ["triager", "supervisor", "handler", "handler2"] {
            assert_eq!(world.read(user, &number).status, 404, "{user}");
        }
        let sealed = world.ticket("street", &number);
        assert_eq!((&sealed["status"], &sealed["unit"]), (&json!("accepted"), &Value::Null));
        world.steps(&number, &[
            ("street", "assign", json!({"unit": "JD"})),
            ("street_handler", "acknowledge", json!({})),
        ]);
    }

    fn a_ticket_sealed_after_the_work_is_reopened_without_the_unit(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "好了"}))]);

        seal(&world, &receipt.number);

        assert_eq!(world.read("handler", &receipt.number).status, 404);
        assert_eq!(world.ticket("street", &receipt.number)["status"], "replied");
        world.resident(&receipt, "rate", json!({"solved": false})).expect(200);
        assert_eq!(world.read("handler", &receipt.number).status, 404);
        assert_eq!(world.ticket("street", &receipt.number)["status"], "received");
    }

    fn a_sealed_ticket_split_off_does_not_go_to_the_main_ones_unit(world) {
        let (main, twin) = (world.submit(json!({})), world.submit(json!({})));
        world.steps(&twin.number, &[("triager", "merge", json!({"into": main.number}))]);
        world.resolve(&main.number);
        world.steps(&main.number, &[("triager", "reply", json!({"text": "好了"}))]);

        seal(&world, &twin.number);
        world.resident(&twin, "rate", json!({"solved": false})).expect(200);

        assert_eq!(world.read("handler", &twin.number).status, 404);
        assert_eq!(world.ticket("street", &twin.number)["status"], "received");
    }

    fn a_unit_complained_about_does_not_lead(world) {
        let token = world.token("clerk");
        let body = crate::builders::submission(json!({"kind": "complaint", "about_unit": "WY"}));
        let number = world.app.post("/api/v1/tickets", &body).bearer(&token).send().expect(201).json()["number"]
            .as_str().unwrap().to_owned();
        world.steps(&number, &[("triager", "accept", json!({"category": "street_light", "priority": "normal"}))]);

        let refused = world.act("triager", &number, "assign", json!({"unit": "WY"})).expect(409);

        assert_eq!(refused.slug(), "unit-complained-about");
    }

    fn complex_needs_a_supervisor(world) {
        let number = world.submit(json!({})).number;
        let body = json!({"category": "street_light", "priority": "complex"});

        world.act("triager", &number, "accept", body.clone()).expect(403);
        world.act("supervisor", &number, "accept", body).expect(200);
    }

    fn danger_is_suspected_from_the_words_until_a_triager_says_otherwise(world) {
        let number = world.submit(json!({"description": "快来人，我母亲困在电梯里了！"})).number;
        assert_eq!(world.ticket("triager", &number)["suspected_emergency"], true);

        let body = json!({"category": "street_light", "priority": "normal"});
        let accepted = world.act("triager", &number, "accept", body).expect(200).json();

        assert_eq!(accepted["suspected_emergency"], false);
    }

    fn a_call_must_reach_the_resident_or_be_tried_on_three_days(world) {
        let contact = json!({"phone": "13812345678", "channel": "call"});
        let number = world.submit(json!({"contact": contact, "location": {"building": "3"}})).number;
        world.resolve(&number);
        let letter = json!({"text": "信函答复", "channel": "letter"});
        for _day in 0..3 {
            assert_eq!(world.act("triager", &number, "reply", letter.clone()).expect(409).slug(), "try-again-first");
            let tried = json!({"text": "电话答复", "outcome": "not_reached"});
            let after = world.act("triager", &number, "reply", tried).expect(200).json();
            assert_eq!(after["status"], "resolved");
            world.app.app.clock.advance(TimeDelta::days(1));
        }

        let written = world.act("triager", &number, "reply", letter).expect(200).json();
        assert_eq!(written["status"], "resolved");
        let id = written["replies"].as_array().unwrap().last().unwrap()["id"].as_i64().unwrap();
        let logged = world.act("triager", &number, &format!("replies/{id}/log"), json!({})).expect(200).json();

        assert_eq!((logged["status"].as_str(), logged["replies"][3]["delivery"].as_str()), (Some("replied"), Some("logged")));
    }

    fn the_follow_up_call_is_not_made_by_who_handled_it(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "好了"}))]);

        let own = json!({"solved": true, "asked_by": "handler"}); // who resolved it
        world.act("triager", &receipt.number, "rate", own).expect(403);
        let logged = world.act("triager", &receipt.number, "rate", json!({"solved": true, "satisfaction": 4}));
        assert_eq!(logged.expect(200).json()["status"], "closed");
    }

    fn a_resident_withdraws_until_it_is_resolved(world) {
        let early = world.submit(json!({}));
        assert_eq!(world.resident(&early, "withdraw", json!({})).expect(200).json()["status"], "withdrawn");
        world.resident(&early, "supplement", json!({"text": "还有"})).expect(409);

        let late = world.submit(json!({}));
        world.resolve(&late.number);
        world.resident(&late, "withdraw", json!({"reason": "算了"})).expect(409);
    }

    fn what_the_main_ticket_came_to_the_merged_ones_come_to(world) {
        let merge = |main: &str| {
            let merged = world.submit(json!({}));
            world.steps(&merged.number, &[("triager", "merge", json!({"into": main}))]);
            merged.number
        };
        let declined = world.submit(json!({})).number;
        let child = merge(&declined);
        world.steps(&declined, &[("triager", "decline", json!({"reason": "不属社区管理"}))]);
        assert_eq!(world.ticket("triager", &child)["replies"][0]["text"], "不属社区管理");

        let withdrawn = world.submit(json!({}));
        let child = merge(&withdrawn.number);
        let grandchild = world.submit(json!({})).number;
        world.act("triager", &withdrawn.number, "merge", json!({"into": grandchild})).expect(409);
        world.resident(&withdrawn, "withdraw", json!({})).expect(200);
        assert_eq!(world.ticket("triager", &child)["status"], "received");
    }

    fn opposite_merges_do_not_wait_for_each_other(world) {
        let (one, two) = (world.submit(json!({})).number, world.submit(json!({})).number);
        let token = world.token("triager");
        let merge = |from: &str, into: &str| {
            world.app.post(&format!("/api/v1/tickets/{from}/merge"), &json!({"into": into})).bearer(&token).if_match(1)
        };

        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|at| if at % 2 == 0 { merge(&one, &two) } else { merge(&two, &one) })
                .map(|request| scope.spawn(move || request.send().status))
                .collect();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });

        assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|it| *it < 500), "{statuses:?}");
    }

    fn sixteen_racing_accepts_have_one_winner(world) {
        let number = world.submit(json!({})).number;
        let token = world.token("triager");
        let path = format!("/api/v1/tickets/{number}/accept");
        let body = json!({"category": "street_light", "priority": "normal"});
        let request = world.app.post(&path, &body).bearer(&token).if_match(1);

        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16).map(|_| scope.spawn(|| request.send().status)).collect();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });

        assert_eq!(statuses.iter().filter(|it| **it == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|it| **it == 412).count(), 15, "{statuses:?}");
        assert_eq!(world.trail(&number), ["ticket.received", "ticket.accepted"]);
    }
}
