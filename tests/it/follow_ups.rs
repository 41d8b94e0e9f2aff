//! Call-backs: who is to be called until when, by whom, and what happens when nobody does.

use chrono::TimeDelta;
use red_mailbox::service::timer;
use serde_json::{Value, json};

use crate::builders::World;
use crate::harness::{both_worlds, run};

/// A ticket answered on channel `none`, with a number to call.
fn answered(world: &World) -> String {
    let contact = json!({"phone": "13812345678", "channel": "call"});
    let number = world.submit(json!({"contact": contact})).number;
    world.resolve(&number);
    world.act("triager", &number, "reply", json!({"text": "换好了", "outcome": "reached"})).expect(200);
    number
}

fn listed(world: &World, username: &str, query: &str) -> Value {
    let path = format!("/api/v1/follow-ups{query}");
    world.app.get(&path).bearer(&world.token(username)).send().expect(200).json()
}

fn numbers(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap()).collect()
}

both_worlds! {
    fn a_call_is_due_three_working_days_after_the_reply_and_not_the_handlers(world) {
        let number = answered(&world);
        // Without a number, or rated, there is nobody to call.
        let nameless = world.submit(json!({}));
        world.resolve(&nameless.number);
        world.act("triager", &nameless.number, "reply", json!({"text": "好了"})).expect(200);

        let page = listed(&world, "supervisor", "");

        assert_eq!(numbers(&page), [number.as_str()]);
        // Replied on Monday the 23rd: Thursday the 26th, when business closes.
        assert_eq!(page["items"][0]["due_at"], "2026-11-26T09:30:00Z");
        assert_eq!((&page["items"][0]["overdue"], &page["items"][0]["may_ask"]), (&json!(false), &json!(true)));
        assert_eq!(numbers(&listed(&world, "supervisor", "?state=overdue")), Vec::<&str>::new());
        assert_eq!(numbers(&listed(&world, "street", "")), [number.as_str()]);
        assert_eq!(numbers(&listed(&world, "other", "")), Vec::<&str>::new());
        let refused = world.app.get("/api/v1/follow-ups").bearer(&world.token("handler")).send();
        refused.expect(403);
        let refused = world.act("triager", &number, "rate", json!({"solved": true, "asked_by": "handler"}));
        assert_eq!(refused.expect(403).slug(), "not-yours");

        world.act("triager", &number, "rate", json!({"solved": true, "satisfaction": 5})).expect(200);
        assert_eq!(numbers(&listed(&world, "supervisor", "")), Vec::<&str>::new());
    }

    fn a_late_call_is_told_once(world) {
        let number = answered(&world);
        let app = &world.app.app;
        let tick = || run(async { timer::tick(app, app.clock.now()).await.map(drop).unwrap() });
        let told = || {
            let page = world.app.get("/api/v1/notices").bearer(&world.token("supervisor")).send().expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            items.into_iter().filter(|it| it["kind"] == "follow_up_late").collect::<Vec<_>>()
        };

        app.clock.advance(TimeDelta::days(3) + TimeDelta::hours(8));
        world.know("supervisor");
        tick();
        assert_eq!(told(), Vec::<Value>::new());
        app.clock.advance(TimeDelta::hours(1));
        tick();
        tick();

        let told = told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["number"], &told[0]["due_at"]), (&json!(number), &json!("2026-11-26T09:30:00Z")));
        assert_eq!(numbers(&listed(&world, "supervisor", "?state=overdue")), [number.as_str()]);
    }

    fn the_list_is_read_in_pages_and_refuses_what_it_does_not_know(world) {
        let all: Vec<String> = (0..3).map(|_| answered(&world)).collect();

        let first = listed(&world, "triager", "?limit=2");
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = listed(&world, "triager", &format!("?limit=2&cursor={cursor}"));

        assert_eq!([numbers(&first), numbers(&second)].concat(), all);
        assert_eq!(second["next_cursor"], Value::Null);
        for query in ["?state=never", "?cursor=x", "?limit=0", "?limit=201"] {
            let answer = world.app.get(&format!("/api/v1/follow-ups{query}")).bearer(&world.token("triager")).send();
            assert_eq!(answer.expect(422).slug(), "invalid", "{query}");
        }
        world.app.get("/api/v1/follow-ups?colour=1").bearer(&world.token("triager")).send().expect(400);
    }
}
