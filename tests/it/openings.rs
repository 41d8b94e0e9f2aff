//! Boxes and their schedules: what is not opened in time is told once, and custody adds up.

use chrono::TimeDelta;
use red_mailbox::service::timer;
use serde_json::{Value, json};

use crate::builders::World;
use crate::collections::{letter, mailbox, opening, post};
use crate::harness::{both_worlds, run};

/// Mondays and Thursdays by 16:30; the test begins on a Monday at 09:00.
fn scheduled(world: &World) {
    mailbox(world, "M1", "YD", json!({"schedule": {"weekdays": ["mon", "thu"], "time": "16:30"}}));
    for username in ["clerk", "supervisor", "triager", "leader"] {
        world.know(username);
    }
}

fn pass(world: &World, span: TimeDelta) {
    world.app.app.clock.advance(span);
    tick(world);
}

fn tick(world: &World) {
    let app = &world.app.app;
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

/// What the inbox of `username` says of boxes.
fn told(world: &World, username: &str) -> Vec<(String, String)> {
    let inbox = world.app.get("/api/v1/notices").bearer(&world.token(username)).send().expect(200).json();
    let of_boxes = |it: &&Value| it["kind"] == "box_unopened";
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    let items = inbox["items"].as_array().unwrap();
    items.iter().filter(of_boxes).map(|it| (text(it, "subject"), text(it, "due_at"))).collect()
}

fn opened(world: &World, at: &str, letters: u32) -> i64 {
    let body = opening(letters, json!({"opened_at": at}));
    post(world, "clerk", "/api/v1/collections", body).expect(201).json()["id"].as_i64().unwrap()
}

fn custody(world: &World, query: &str) -> Value {
    let path = format!("/api/v1/stats/custody?{query}");
    world.app.get(&path).bearer(&world.token("leader")).send().expect(200).json()["items"].clone()
}

both_worlds! {
    fn a_box_not_opened_by_its_schedule_is_told_once_to_clerk_and_supervisor(world) {
        scheduled(&world);
        pass(&world, TimeDelta::minutes(7 * 60 + 29));
        assert!(told(&world, "clerk").is_empty());
        pass(&world, TimeDelta::minutes(1));
        tick(&world);

        let monday = ("M1".to_owned(), "2026-11-23T08:30:00Z".to_owned());
        assert_eq!(told(&world, "clerk"), std::slice::from_ref(&monday));
        assert_eq!(told(&world, "supervisor"), std::slice::from_ref(&monday));
        assert!(told(&world, "triager").is_empty());
        assert!(told(&world, "leader").is_empty());
        // Two instances at the same moment, on the Thursday after.
        world.app.app.clock.advance(TimeDelta::days(3));
        let app = &world.app.app;
        run(async {
            let now = app.clock.now();
            let (first, second) = tokio::join!(timer::tick(app, now), timer::tick(app, now));
            first.unwrap();
            second.unwrap();
        });
        let thursday = ("M1".to_owned(), "2026-11-26T08:30:00Z".to_owned());
        assert_eq!(told(&world, "clerk"), [thursday, monday]);
    }

    fn an_opening_in_time_is_not_told_and_one_recorded_later_counts_by_its_time(world) {
        scheduled(&world);
        opened(&world, "2026-11-23T08:10:00+08:00", 0);
        pass(&world, TimeDelta::hours(8));
        assert!(told(&world, "clerk").is_empty());

        // Opened on Friday for Thursday.
        pass(&world, TimeDelta::days(4));
        assert_eq!(told(&world, "clerk").len(), 1);
        assert_eq!(custody(&world, "")[0]["missed"], 1);
        opened(&world, "2026-11-27T09:00:00+08:00", 0);
        let row = custody(&world, "")[0].clone();
        assert_eq!((&row["late"], &row["missed"]), (&json!(1), &json!(0)));
        // That it was opened on Thursday after all is recorded on Friday.
        opened(&world, "2026-11-26T16:00:00+08:00", 0);
        let row = custody(&world, "")[0].clone();
        assert_eq!((&row["late"], &row["missed"]), (&json!(0), &json!(0)));
    }

    fn every_due_opening_is_told_after_a_long_silence_each_with_its_own_time(world) {
        scheduled(&world);
        pass(&world, TimeDelta::days(8));
        let times: Vec<String> = told(&world, "clerk").into_iter().map(|it| it.1).collect();
        assert_eq!(times, ["2026-11-30T08:30:00Z", "2026-11-26T08:30:00Z", "2026-11-23T08:30:00Z"]);
    }

    fn a_schedule_holds_from_when_it_is_set_until_it_is_changed_or_the_box_retired(world) {
        scheduled(&world);
        let change = |version: i64, body: Value| {
            world.app.patch("/api/v1/mailboxes/M1", &body).bearer(&world.token("admin")).if_match(version).send()
        };
        pass(&world, TimeDelta::days(1));
        assert_eq!(told(&world, "clerk").len(), 1);
        // From Tuesday on it is opened on Wednesdays only.
        change(1, json!({"schedule": {"weekdays": ["wed"], "time": "10:00"}})).expect(200);
        pass(&world, TimeDelta::days(3));
        let times: Vec<String> = told(&world, "clerk").into_iter().map(|it| it.1).collect();
        assert_eq!(times, ["2026-11-25T02:00:00Z", "2026-11-23T08:30:00Z"]);
        change(2, json!({"active": false})).expect(200);
        pass(&world, TimeDelta::days(14));
        assert_eq!(told(&world, "clerk").len(), 2);
        let row = custody(&world, "")[0].clone();
        assert_eq!((&row["late"], &row["missed"]), (&json!(0), &json!(2)));
    }

    fn custody_adds_up_by_mailbox_node_and_time(world) {
        mailbox(&world, "M1", "YD", json!({}));
        mailbox(&world, "M2", "YD", json!({"name": "二号"}));
        mailbox(&world, "H1", "HX", json!({}));
        let id = opened(&world, "2026-11-20T08:30:00+08:00", 4);
        letter(&world, id, json!({"tickets": [{"description": "路灯"}, {"description": "水管"}]})).expect(201);
        letter(&world, id, json!({"set_aside": "advert"})).expect(201);
        opened(&world, "2026-11-23T08:30:00+08:00", 1);

        let all = custody(&world, "node=YD");
        let expected = json!({"mailbox": "M1", "name": "凉亭信箱", "node": "YD", "letters_counted": 5, "registered": 1,
            "set_aside": 1, "unaccounted": 3, "late": 0, "missed": 0});
        assert_eq!(all[0], expected);
        assert_eq!((&all[1]["mailbox"], &all[1]["letters_counted"], all.as_array().unwrap().len()), (&json!("M2"), &json!(0), 2));
        assert_eq!(custody(&world, "from=2026-11-23&to=2026-11-24")[0]["letters_counted"], 1);
        assert_eq!(custody(&world, "from=2026-11-20T00:00:00%2B08:00&to=2026-11-21T00:00:00%2B08:00")[0]["letters_counted"], 4);
        assert_eq!(custody(&world, "to=2026-11-20")[0]["letters_counted"], 0);

        let street = world.app.get("/api/v1/stats/custody").bearer(&world.token("street")).send().expect(200).json();
        assert_eq!(street["items"].as_array().unwrap().len(), 3);
        let get = |who: &str, query: &str| {
            world.app.get(&format!("/api/v1/stats/custody{query}")).bearer(&world.token(who)).send()
        };
        get("clerk", "").expect(403);
        get("leader", "?node=HX").expect(404);
        get("leader", "?from=soon").expect(422);
        get("leader", "?from=2026-11-24&to=2026-11-23").expect(422);
        get("leader", "?colour=red").expect(400);
        world.app.get("/api/v1/stats/custody").send().expect(401);
    }
}
