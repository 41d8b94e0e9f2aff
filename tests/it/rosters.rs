//! Duty rosters and who is called to an emergency. Every test begins Monday 2026-11-23 09:00 in Shanghai.

use chrono::TimeDelta;
use red_mailbox::domain::value::At;
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::World;
use crate::harness::both_worlds;

fn add(world: &World, username: &str, differ: Value) -> Answer {
    let mut fields = json!({"code": "ZB", "name": "值班表", "node": "YD"});
    fields.as_object_mut().unwrap().extend(differ.as_object().unwrap().clone());
    world.app.post("/api/v1/rosters", &fields).bearer(&world.token(username)).send()
}

fn weekly(from: &str, to: &str, usernames: Value) -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    json!({"shifts": [{"weekdays": days, "from": from, "to": to, "usernames": usernames}]})
}

fn danger(world: &World) -> String {
    world.submit(json!({"description": "有人被困在电梯里"})).number
}

/// Numbers and those alerted, of the emergencies in an inbox.
fn called(world: &World, username: &str) -> Vec<(String, String)> {
    let page = world.app.get("/api/v1/notices").bearer(&world.token(username)).send().expect(200).json();
    let about = |it: &&Value| it["kind"] == "emergency";
    let told = |it: &Value| (it["number"].as_str().unwrap().to_owned(), it["alerted"].to_string());
    page["items"].as_array().unwrap().iter().filter(about).map(told).collect()
}

both_worlds! {
    fn whoever_is_on_duty_is_called_and_told_who_else_was(world) {
        for name in ["handler", "handler2", "triager", "supervisor"] {
            world.know(name);
        }
        add(&world, "admin", weekly("08:00", "20:00", json!(["handler", "handler2"]))).expect(201);

        let number = danger(&world);

        let both = r#"["handler","handler2"]"#.to_owned();
        assert_eq!(called(&world, "handler"), [(number.clone(), both.clone())]);
        assert_eq!(called(&world, "handler2"), [(number, both)]);
        assert!(called(&world, "triager").is_empty() && called(&world, "supervisor").is_empty());
    }

    fn with_nobody_on_duty_triagers_and_supervisors_are_called(world) {
        for name in ["handler", "triager", "supervisor"] {
            world.know(name);
        }
        add(&world, "admin", weekly("20:00", "08:00", json!(["handler"]))).expect(201);

        let number = danger(&world);

        assert!(called(&world, "handler").is_empty());
        assert_eq!(called(&world, "triager").remove(0).0, number);
        assert_eq!(called(&world, "supervisor").remove(0).1, r#"["triager","supervisor"]"#);
    }

    fn the_nearest_roster_that_covers_the_moment_holds(world) {
        for name in ["handler", "street", "triager", "other"] {
            world.know(name);
        }
        let street = json!({"code": "JD", "node": "JL", "shifts": weekly("00:00", "24:00", json!(["street"]))["shifts"]});
        // The admin of YD does not write at the street.
        add(&world, "admin", street.clone()).expect(403);
        let caller = red_mailbox::service::Caller { actor: red_mailbox::domain::people::Actor::System, place: None };
        let mut fields = street;
        fields["name"] = json!("街道值班表");
        crate::harness::run(async {
            let fields = fields.as_object().unwrap().clone();
            let kind = red_mailbox::domain::setup::SetupKind::Roster;
            red_mailbox::service::setup::add_entry(&world.app.app, &caller, kind, fields).await.unwrap();
        });
        add(&world, "admin", weekly("20:00", "08:00", json!(["handler"]))).expect(201);

        danger(&world);
        assert_eq!((called(&world, "street").len(), called(&world, "handler").len()), (1, 0));
        world.app.app.clock.advance(TimeDelta::hours(12));
        danger(&world);

        assert_eq!((called(&world, "street").len(), called(&world, "handler").len()), (1, 1));
    }

    fn a_day_that_differs_comes_before_the_week(world) {
        world.know("handler");
        world.know("handler2");
        let mut fields = weekly("00:00", "24:00", json!(["handler"]));
        fields["exceptions"] = json!([{"on": "2026-11-24", "from": "09:00", "to": "09:00", "usernames": ["handler2"]}]);
        let entry = add(&world, "admin", fields).expect(201).json();
        assert_eq!(entry["exceptions"][0]["on"], "2026-11-24");
        let app = &world.app.app;
        for (local, n_one, n_two) in [
            ("2026-11-23T23:00", 1, 0),
            ("2026-11-24T10:00", 1, 1),
            ("2026-11-25T08:59", 1, 2),
            ("2026-11-25T09:00", 2, 2),
        ] {
            app.clock.advance(At::parse(&format!("{local}:00+08:00")).unwrap() - app.clock.now());
            danger(&world);
            assert_eq!((called(&world, "handler").len(), called(&world, "handler2").len()), (n_one, n_two), "{local}");
        }
    }

    fn an_emergency_noticed_later_is_told_at_that_moment_and_once(world) {
        world.know("handler");
        add(&world, "admin", weekly("00:00", "24:00", json!(["handler"]))).expect(201);
        let number = world.submit(json!({})).number;
        assert!(called(&world, "handler").is_empty());
        let amend = |fields: Value| {
            let version = world.ticket("triager", &number)["version"].as_i64().unwrap();
            world.app.patch(&format!("/api/v1/tickets/{number}"), &fields).bearer(&world.token("triager"))
                .if_match(version).send().expect(200)
        };

        amend(json!({"description": "有人被困在电梯里"}));
        amend(json!({"subject": "电梯困人"}));

        assert_eq!(called(&world, "handler").len(), 1);
    }

    fn what_a_roster_may_not_say_is_refused(world) {
        world.know("handler");
        let fields = |answer: Answer| {
            let errors = answer.expect(422).json()["errors"].clone();
            errors.as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(fields(add(&world, "admin", weekly("08:00", "20:00", json!(["nobody"])))), ["shifts[0].usernames[0]"]);
        world.know("other");
        assert_eq!(fields(add(&world, "admin", weekly("08:00", "20:00", json!(["handler", "other"])))),
            ["shifts[0].usernames[1]"], "somebody of another community");
        let twice = json!({"shifts": [
            {"weekdays": ["mon"], "from": "08:00", "to": "20:00", "usernames": ["handler"]},
            {"weekdays": ["mon"], "from": "19:00", "to": "21:00", "usernames": ["handler"]},
        ]});
        assert_eq!(fields(add(&world, "admin", twice)), ["shifts[1].from"]);
        add(&world, "supervisor", weekly("08:00", "20:00", json!(["handler"]))).expect(403);
        let roster = add(&world, "admin", weekly("00:00", "24:00", json!(["handler"]))).expect(201).json();
        world.app.request("DELETE", "/api/v1/users/handler").bearer(&world.token("admin")).send().expect(204);
        let patch = |fields: &Value, version: i64| {
            world.app.patch("/api/v1/rosters/ZB", fields).bearer(&world.token("admin")).if_match(version).send()
        };
        let renamed = patch(&json!({"name": "新名字"}), roster["version"].as_i64().unwrap()).expect(200).json();
        let again = json!({"shifts": weekly("07:00", "20:00", json!(["handler"]))["shifts"]});
        assert_eq!(fields(patch(&again, renamed["version"].as_i64().unwrap())), ["shifts[0].usernames[0]"]);

        // Whoever has left is not called; the triager is.
        world.know("triager");
        danger(&world);
        assert_eq!(called(&world, "triager").len(), 1);
    }
}
