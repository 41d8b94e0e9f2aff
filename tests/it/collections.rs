//! From the box to the desk: openings, counted letters, and what came of each.

use red_mailbox::domain::people::Actor;
use red_mailbox::domain::setup::SetupKind;
use red_mailbox::service::{Caller, setup};
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::World;
use crate::harness::{both_worlds, run};

/// Adds a mailbox as a command on the server would.
pub(crate) fn mailbox(world: &World, code: &str, node: &str, differ: Value) {
    let mut fields = json!({"code": code, "name": "凉亭信箱", "node": node});
    for (name, value) in differ.as_object().unwrap() {
        fields[name] = value.clone();
    }
    let Value::Object(fields) = fields else { unreachable!() };
    let caller = Caller { actor: Actor::System, place: None };
    run(async {
        setup::add_entry(&world.app.app, &caller, SetupKind::Mailbox, fields).await.unwrap();
    });
}

/// An opening of M1 an hour and a half before the test begins.
pub(crate) fn opening(letters: u32, differ: Value) -> Value {
    let mut body = json!({
        "mailbox": "M1",
        "opened_at": "2026-11-23T07:30:00+08:00",
        "opened_by": ["clerk", "陈伯"],
        "seal_before": "A-0107",
        "letters_counted": letters,
    });
    for (name, value) in differ.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

pub(crate) fn post(world: &World, username: &str, path: &str, body: Value) -> Answer {
    world.app.post(path, &body).bearer(&world.token(username)).send()
}

/// Records an opening by the clerk; gives its id.
pub(crate) fn open(world: &World, letters: u32) -> i64 {
    let answer = post(world, "clerk", "/api/v1/collections", opening(letters, json!({}))).expect(201);
    answer.json()["id"].as_i64().unwrap()
}

pub(crate) fn letter(world: &World, id: i64, body: Value) -> Answer {
    post(world, "clerk", &format!("/api/v1/collections/{id}/letters"), body)
}

fn read(world: &World, username: &str, id: i64) -> Answer {
    world.app.get(&format!("/api/v1/collections/{id}")).bearer(&world.token(username)).send()
}

fn close(world: &World, username: &str, id: i64, body: Value) -> Answer {
    let version = read(world, "clerk", id).expect(200).json()["version"].as_i64().unwrap();
    world
        .app
        .post(&format!("/api/v1/collections/{id}/close"), &body)
        .bearer(&world.token(username))
        .if_match(version)
        .send()
}

fn one(words: &str) -> Value {
    json!({"tickets": [{"description": words}]})
}

fn fields(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    problem["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect()
}

both_worlds! {
    fn a_collection_of_three_closes_at_three_and_takes_no_fourth(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 3);
        letter(&world, id, one("凉亭灯不亮")).expect(201);
        letter(&world, id, one("楼道有杂物")).expect(201);

        let refused = close(&world, "clerk", id, json!({})).expect(409);
        assert_eq!(refused.slug(), "not-accounted-for");
        assert_eq!(refused.json()["legal"], json!(["letters", "close"]));
        assert_eq!(close(&world, "supervisor", id, json!({})).expect(409).slug(), "not-accounted-for");

        let third = letter(&world, id, json!({"set_aside": "thanks", "note": "感谢物业"})).expect(201).json();
        assert_eq!((&third["letter"], &third["unaccounted"]), (&json!(3), &json!(0)));
        assert_eq!(letter(&world, id, one("第四封")).expect(409).slug(), "all-accounted-for");
        let closed = close(&world, "clerk", id, json!({})).expect(200).json();
        assert_eq!(closed["state"], "closed");
        for (name, n) in [("letters_counted", 3), ("registered", 2), ("set_aside", 1), ("unaccounted", 0)] {
            assert_eq!(closed[name], n, "{name}");
        }
        assert_eq!(closed["exceptions"], json!([]));
        assert_eq!(closed["letters"][2]["note"], "感谢物业");
        assert_eq!(letter(&world, id, one("第五封")).expect(409).slug(), "illegal-move");
        assert_eq!(close(&world, "clerk", id, json!({})).expect(409).slug(), "illegal-move");
    }

    fn the_collected_day_starts_the_clocks_unless_policy_says_otherwise(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let body = opening(3, json!({"opened_at": "2026-11-20T16:30:00+08:00"}));
        let id = post(&world, "clerk", "/api/v1/collections", body).expect(201).json()["id"].as_i64().unwrap();
        let mut put_in = one("路灯坏了");
        put_in["put_in_on"] = json!("2026-11-18");
        let first = letter(&world, id, put_in.clone()).expect(201).json()["tickets"][0].clone();
        assert_eq!(first["received_at"], "2026-11-20T08:30:00Z");
        let number = first["number"].as_str().unwrap();
        assert!(number.starts_with("YD-20261120-"), "{number}");
        let ticket = world.ticket("clerk", number);
        assert_eq!((&ticket["source"], &ticket["mailbox"]), (&json!("mailbox"), &json!("M1")));
        assert_eq!((&ticket["put_in_on"], &ticket["letter"]), (&json!("2026-11-18"), &json!(1)));
        assert_eq!(ticket["collected_at"], "2026-11-20T08:30:00Z");
        assert_eq!(ticket["clocks"][0]["started_at"], "2026-11-20T08:30:00Z");
        assert_eq!(ticket["clocks"][0]["due_at"], "2026-11-23T09:30:00Z");

        for (starts_on, received_at) in
            [("put_in", "2026-11-17T16:00:00Z"), ("registered", "2026-11-23T01:00:00Z")]
        {
            let policy = json!({"code": starts_on, "name": "起算", "node": "YD", "clock_starts_on": starts_on});
            post(&world, "admin", "/api/v1/policies", policy).expect(201);
            let ticket = letter(&world, id, put_in.clone()).expect(201).json()["tickets"][0].clone();
            assert_eq!(ticket["received_at"], received_at, "{starts_on}");
        }
    }

    fn an_opening_is_refused_by_the_name_of_each_wrong_field(world) {
        mailbox(&world, "M1", "YD", json!({}));
        mailbox(&world, "H1", "HX", json!({}));
        for (differ, expected) in [
            (json!({"opened_by": ["clerk"]}), "opened_by"),
            (json!({"opened_by": ["clerk", "Clerk "]}), "opened_by"),
            (json!({"opened_by": ["clerk", ""]}), "opened_by[1]"),
            (json!({"opened_at": "2026-11-23T09:00:01+08:00"}), "opened_at"),
            (json!({"opened_at": "yesterday"}), "opened_at"),
            (json!({"letters_counted": 1_001}), "letters_counted"),
            (json!({"letters_counted": -1}), "letters_counted"),
            (json!({"mailbox": "M9"}), "mailbox"),
            (json!({"mailbox": "H1"}), "mailbox"),
            (json!({"community": "HX"}), "mailbox"),
            (json!({"seal_after": "封".repeat(81)}), "seal_after"),
            (json!({"colour": "red"}), "colour"),
        ] {
            let refused = post(&world, "clerk", "/api/v1/collections", opening(1, differ.clone())).expect(422);
            assert_eq!(fields(&refused), [expected], "{differ}");
        }
        assert_eq!(open(&world, 0), 1);
    }

    fn only_clerks_and_supervisors_of_the_node_collect_and_others_read_or_know_nothing(world) {
        mailbox(&world, "M1", "YD", json!({}));
        mailbox(&world, "H1", "HX", json!({}));
        let id = open(&world, 2);
        for username in ["clerk", "supervisor", "street"] {
            post(&world, username, "/api/v1/collections", opening(0, json!({}))).expect(201);
        }
        let letters = format!("/api/v1/collections/{id}/letters");
        for username in ["triager", "leader", "auditor"] {
            read(&world, username, id).expect(200);
            assert_eq!(post(&world, username, "/api/v1/collections", json!({})).expect(403).slug(), "forbidden");
            post(&world, username, &letters, json!({"nonsense": 1})).expect(403);
            close(&world, username, id, json!({})).expect(403);
            post(&world, username, &format!("/api/v1/collections/{id}/confirm"), json!({})).expect(403);
        }
        for username in ["handler", "admin"] {
            world.app.get("/api/v1/collections").bearer(&world.token(username)).send().expect(403);
            read(&world, username, id).expect(404);
            post(&world, username, "/api/v1/collections", opening(1, json!({}))).expect(403);
            post(&world, username, &letters, one("x")).expect(404);
        }
        read(&world, "other", id).expect(404);
        post(&world, "other", &letters, one("x")).expect(404);
        close(&world, "other", id, json!({})).expect(404);
        let list = world.app.get("/api/v1/collections").bearer(&world.token("other")).send().expect(200).json();
        assert_eq!(list["items"], json!([]));
        // The street's leader sees the box but may not open it; a supervisor of the street may.
        post(&world, "street_leader", "/api/v1/collections", opening(1, json!({}))).expect(403);
        world.app.get("/api/v1/collections").send().expect(401);
        world.app.post("/api/v1/collections", &json!({})).send().expect(401);
        for wrong in ["abc", "0", "-1", "99", "9223372036854775808"] {
            world.app.get(&format!("/api/v1/collections/{wrong}")).bearer(&world.token("clerk")).send().expect(404);
        }
    }

    fn the_second_opener_confirms_and_until_then_it_is_an_exception_that_blocks_nothing(world) {
        mailbox(&world, "M1", "YD", json!({}));
        world.know("handler");
        let body = opening(0, json!({"opened_by": ["clerk", "handler"]}));
        let opened = post(&world, "clerk", "/api/v1/collections", body).expect(201).json();
        assert_eq!(opened["opened_by"], json!(["clerk", "handler"]));
        assert_eq!((&opened["confirmed_by"], &opened["unconfirmed_by"]), (&json!(["clerk"]), &json!(["handler"])));
        assert_eq!(opened["exceptions"], json!(["unconfirmed"]));
        let id = opened["id"].as_i64().unwrap();
        assert_eq!(close(&world, "clerk", id, json!({})).expect(200).json()["exceptions"], json!(["unconfirmed"]));

        let confirm = |who: &str| post(&world, who, &format!("/api/v1/collections/{id}/confirm"), json!({}));
        assert_eq!(confirm("supervisor").expect(403).slug(), "not-yours");
        let confirmed = confirm("handler").expect(200).json();
        assert_eq!(confirmed["exceptions"], json!([]));
        assert_eq!(confirm("handler").expect(200).json()["version"], confirmed["version"]);
        assert_eq!(confirm("clerk").expect(200).json()["version"], confirmed["version"]);
    }

    fn a_supervisor_closes_short_with_a_reason_and_it_stays_an_exception(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let (short, whole) = (open(&world, 2), open(&world, 0));
        close(&world, "clerk", whole, json!({})).expect(200);
        let reason = json!({"reason": "一封被雨水泡烂，无法辨认"});
        assert_eq!(close(&world, "clerk", short, reason.clone()).expect(403).slug(), "forbidden");
        let path = format!("/api/v1/collections/{short}/close");
        world.app.post(&path, &reason).bearer(&world.token("supervisor")).send().expect(428);
        let stale = world.app.post(&path, &reason).bearer(&world.token("supervisor")).if_match(7).send().expect(412);
        assert_eq!(stale.json()["current"]["unaccounted"], 2);
        fields(&close(&world, "supervisor", short, json!({"reason": "长".repeat(1_001)})).expect(422));

        let closed = close(&world, "supervisor", short, reason).expect(200);
        assert_eq!(closed.header("etag"), "\"2\"");
        let closed = closed.json();
        assert_eq!((&closed["unaccounted"], &closed["exceptions"]), (&json!(2), &json!(["unaccounted"])));
        assert_eq!(closed["reason"], "一封被雨水泡烂，无法辨认");
        let of = |query: &str| {
            let path = format!("/api/v1/collections?{query}");
            let page = world.app.get(&path).bearer(&world.token("leader")).send().expect(200).json();
            page["items"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of("state=exception"), [short]);
        assert_eq!(of("state=closed"), [whole, short]);
        assert_eq!(of("state=open"), [0; 0]);
        assert_eq!(of("mailbox=M1&limit=1"), [whole]);
        assert_eq!(of(&format!("limit=1&cursor={whole}")), [short]);
        world.app.get("/api/v1/collections?mailbox=M9").bearer(&world.token("leader")).send().expect(422);
        world.app.get("/api/v1/collections?state=lost").bearer(&world.token("leader")).send().expect(400);
    }

    fn a_letter_is_registered_whole_or_not_at_all(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 2);
        for (body, expected) in [
            (json!({"tickets": [{"description": "路灯"}, {"description": " "}]}), "tickets[1].description"),
            (json!({"tickets": [{"description": "路灯"}, {"description": "x", "category": "nil"}]}), "tickets[1].category"),
            (json!({"tickets": [{"description": "x", "contact": {"phone": "1"}}]}), "tickets[0].contact.phone"),
            (json!({"tickets": [{"description": "x", "community": "YD"}]}), "tickets[0].community"),
            (json!({"tickets": [{"description": "x", "source": "mailbox"}]}), "tickets[0].source"),
            (json!({"tickets": []}), "tickets"),
            (json!({}), "tickets"),
            (json!({"tickets": [{"description": "x"}], "set_aside": "blank"}), "tickets"),
            (json!({"tickets": [{"description": "x"}], "note": "n"}), "note"),
            (json!({"tickets": [{"description": "x"}], "put_in_on": "2026-11-24"}), "put_in_on"),
            (json!({"tickets": [{"description": "x"}], "put_in_on": "昨天"}), "put_in_on"),
            (json!({"set_aside": "lost"}), "set_aside"),
            (json!({"set_aside": "blank", "put_in_on": "2026-11-20"}), "put_in_on"),
        ] {
            assert_eq!(fields(&letter(&world, id, body.clone()).expect(422)), [expected], "{body}");
        }
        assert_eq!(read(&world, "clerk", id).json()["unaccounted"], 2);
        let none = world.app.get("/api/v1/tickets?mailbox=M1").bearer(&world.token("clerk")).send().expect(200);
        assert_eq!(none.json()["items"], json!([]));

        let three = json!({"tickets": [
            {"description": "路灯不亮"}, {"description": "垃圾没人收", "kind": "complaint"},
            {"description": "某某态度恶劣", "kind": "complaint", "about_staff": true},
        ]});
        let registered = letter(&world, id, three).expect(201).json();
        let number = |nth: usize| registered["tickets"][nth]["number"].as_str().unwrap().to_owned();
        // The sealed matter is named to nobody here but its writer.
        assert_eq!(world.ticket("clerk", &number(0))["same_letter"], json!([number(1)]));
        assert_eq!(read(&world, "clerk", id).json()["letters"][0]["tickets"], json!([number(0), number(1)]));
        assert_eq!(read(&world, "street", id).json()["letters"][0]["tickets"], json!([number(0), number(1), number(2)]));
        let by_receipt = world.app.get(&format!("/api/v1/tickets/{}", number(2)))
            .header("Receipt-Code", registered["tickets"][2]["receipt_code"].as_str().unwrap()).send().expect(200).json();
        assert_eq!(by_receipt["same_letter"], json!([number(0), number(1)]));
        let found = world.app.get("/api/v1/tickets?mailbox=M1").bearer(&world.token("clerk")).send().expect(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 2);
        assert_eq!(read(&world, "clerk", id).json()["registered"], 1);
    }

    fn the_same_key_records_an_opening_and_a_letter_once(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let keyed = |path: &str, body: &Value| {
            let key = "0123456789abcdef0123";
            world.app.post(path, body).bearer(&world.token("clerk")).header("Idempotency-Key", key).send()
        };
        let body = opening(3, json!({}));
        let first = keyed("/api/v1/collections", &body).expect(201);
        let letters = format!("/api/v1/collections/{}/letters", first.json()["id"]);
        let one_letter = keyed(&letters, &one("路灯")).expect(201);

        assert_eq!(keyed("/api/v1/collections", &body).expect(201).text, first.text);
        assert_eq!(keyed(&letters, &one("路灯")).expect(201).text, one_letter.text);
        assert_eq!(keyed(&letters, &one("水管")).expect(422).slug(), "key-reused");
        assert_eq!(keyed("/api/v1/collections", &opening(4, json!({}))).expect(422).slug(), "key-reused");
        let list = world.app.get("/api/v1/collections").bearer(&world.token("clerk")).send().json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["registered"], 1);
    }

    fn of_those_who_race_for_the_last_letter_one_gets_it(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 3);
        let token = world.token("clerk");
        let path = format!("/api/v1/collections/{id}/letters");
        let request = world.app.post(&path, &one("路灯")).bearer(&token);

        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let sent: Vec<_> = (0..8).map(|_| scope.spawn(|| request.send().status)).collect();
            sent.into_iter().map(|it| it.join().unwrap()).collect()
        });

        assert_eq!(statuses.iter().filter(|it| **it == 201).count(), 3, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|it| **it == 409).count(), 5, "{statuses:?}");
        assert_eq!(read(&world, "clerk", id).json()["unaccounted"], 0);
    }

    fn two_boxes_of_one_code_are_told_apart_by_their_community(world) {
        mailbox(&world, "M1", "YD", json!({}));
        mailbox(&world, "M1", "HX", json!({}));
        let path = "/api/v1/collections";
        assert_eq!(fields(&post(&world, "street", path, opening(1, json!({}))).expect(422)), ["mailbox"]);
        let opened = post(&world, "street", path, opening(1, json!({"community": "hx"}))).expect(201).json();
        assert_eq!(opened["community"], "HX");
        let letters = format!("/api/v1/collections/{}/letters", opened["id"]);
        let number = post(&world, "street", &letters, one("路灯")).expect(201).json()["tickets"][0]["number"].clone();
        assert!(number.as_str().unwrap().starts_with("HX-"), "{number}");
    }
}
