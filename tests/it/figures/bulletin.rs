//! The bulletin: what it tells, whose it is, and that as of one event it is always the same bytes.

use calamine::{Data, Reader as _};
use red_mailbox::service::statistics;
use serde_json::{Value, json};

use super::lives::live;
use super::{a_moment, ask, at, rated, reply, summary};
use crate::builders::World;
use crate::desk::Browser;
use crate::harness::both_worlds;

/// The week that every test begins in.
const WEEK: &str = "period=week&day=2026-11-23";

#[track_caller]
fn bulletin(world: &World, user: &str, query: &str) -> Value {
    ask(world, user, &format!("bulletin?{query}")).expect(200).json()
}

fn bytes(world: &World, user: &str, query: &str) -> Vec<u8> {
    ask(world, user, &format!("bulletin?{query}")).expect(200).bytes
}

/// Everything that one bulletin is given as.
fn every_form(world: &World, query: &str) -> Vec<Vec<u8>> {
    let page = Browser::of(world, "street_leader").page(&format!("/lead/bulletin?{query}"));
    let mut forms: Vec<Vec<u8>> = ["json", "csv", "xlsx"]
        .iter()
        .map(|form| bytes(world, "street_leader", &format!("{query}&format={form}")))
        .collect();
    forms.push(page.into_bytes());
    forms
}

/// Three lights in building 3, solved by WY, one of them late, and a matter of another building.
fn a_week(world: &World) -> Vec<crate::builders::Receipt> {
    let lights: Vec<_> = (0..3).map(|_| world.submit(json!({"location": {"building": "3"}}))).collect();
    world.submit(json!({"location": {"building": "5"}, "kind": "complaint"}));
    for light in &lights[..2] {
        world.resolve(&light.number);
    }
    let late = &lights[2].number;
    world.steps(
        late,
        &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ],
    );
    at(world, "2026-12-03T10:00");
    world.act("handler", late, "resolve", json!({"result": "修好了"})).expect(200);
    for light in &lights {
        reply(world, &light.number);
    }
    rated(world, &lights[0], true, Some(5));
    rated(world, &lights[1], true, Some(2));
    lights
}

both_worlds! {
    fn a_bulletin_tells_what_came_and_what_was_done(world) {
        a_week(&world);
        let told = bulletin(&world, "leader", WEEK);

        assert_eq!((&told["first_on"], &told["last_on"]), (&json!("2026-11-23"), &json!("2026-11-29")));
        assert_eq!((&told["before_first_on"], &told["before"]["intake"]), (&json!("2026-11-16"), &json!(0)));
        let week = "?from=2026-11-23T00:00:00%2B08:00&to=2026-11-30T00:00:00%2B08:00";
        let figures = summary(&world, "leader", week);
        for name in ["intake", "on_time_rate", "response_rate", "satisfaction_rate", "time_to", "backlog"] {
            assert_eq!(told["figures"][name], figures[name], "{name}");
        }
        assert_eq!(told["kinds"][0]["value"], "request");
        assert_eq!(told["kinds"][0]["share"], json!({"value": 0.75, "numerator": 3, "denominator": 4}));
        assert_eq!(told["categories"][0]["value"], "street_light");
        let matter = &told["matters"][0];
        assert_eq!((&matter["building"], &matter["intake"], &matter["repeated"]), (&json!("3"), &json!(3), &json!(false)));
        assert_eq!(matter["done"], json!({"solved": 3}));
        assert_eq!(told["matters"].as_array().unwrap().len(), 1);
        // Two of three in time, one of two satisfied.
        assert_eq!(told["units_below_floor"], json!(["WY"]));
        let unit = told["units"].as_array().unwrap().iter().find(|it| it["value"] == "WY").unwrap();
        assert_eq!(unit["below_floor"], json!(["on_time_rate", "satisfaction_rate"]));
        assert_eq!(bulletin(&world, "leader", &format!("{WEEK}&floor=50"))["units_below_floor"], json!([]));
    }

    fn as_of_one_event_it_is_always_the_same_bytes(world) {
        live(&world, 40, 23);
        let query = format!("{WEEK}&as_of={}", bulletin(&world, "street_leader", WEEK)["as_of"]);
        let first = every_form(&world, &query);

        live(&world, 60, 29);
        a_moment(&world);
        for (path, name) in [("units/WY", "新物业"), ("nodes/YD", "新社区")] {
            let path = format!("/api/v1/{path}");
            let version = world.app.get(&path).bearer(&world.token("admin")).send().expect(200).json()["version"].clone();
            let change = world.app.patch(&path, &json!({"name": name})).bearer(&world.token("admin"));
            change.if_match(version.as_i64().unwrap()).send().expect(200);
        }
        let again = every_form(&world, &query);
        let (store, now) = (world.app.app.store.clone(), world.app.app.clock.now());
        std::thread::spawn(move || statistics::rebuild(&store, now, |_| {})).join().unwrap().unwrap();
        let rebuilt = every_form(&world, &query);
        let later = every_form(&world, WEEK);

        for (place, form) in first.iter().enumerate() {
            let text = |it: &[u8]| String::from_utf8_lossy(it).chars().take(3_000).collect::<String>();
            assert!(*form == again[place], "{place}: {} is not {}", text(form), text(&again[place]));
            assert!(*form == rebuilt[place], "{place} after a rebuild");
            assert!(*form != later[place], "{place} has not moved");
        }
    }

    fn what_was_counted_then_is_what_was_counted(world) {
        live(&world, 30, 31);
        let then = bulletin(&world, "street_leader", "period=month&day=2026-11-23");
        let from = "?from=2026-11-01T00:00:00%2B08:00&to=2026-12-01T00:00:00%2B08:00";
        let figures = summary(&world, "street_leader", from);
        live(&world, 50, 37);

        let again = bulletin(&world, "street_leader", &format!("period=month&day=2026-11-23&as_of={}", then["as_of"]));
        assert_eq!(again["figures"]["intake"], figures["intake"]);
        assert_eq!(again["figures"]["reply_rate"], figures["reply_rate"]);
        assert_eq!(again["figures"]["backlog"], figures["backlog"]);
        assert_eq!(again, then);
    }

    fn custody_is_told_as_it_was(world) {
        let body = json!({"mailbox": "M1", "opened_at": "2026-11-23T09:00:00+08:00",
            "opened_by": ["clerk", "王建国"], "letters_counted": 2});
        crate::collections::mailbox(&world, "M1", "YD", json!({}));
        let token = world.token("clerk");
        let opened = world.app.post("/api/v1/collections", &body).bearer(&token).send().expect(201).json();
        let then = bulletin(&world, "leader", WEEK);
        let letters = format!("/api/v1/collections/{}/letters", opened["id"]);
        world.app.post(&letters, &json!({"set_aside": "blank"})).bearer(&token).send().expect(201);
        let now = bulletin(&world, "leader", WEEK);
        let again = bulletin(&world, "leader", &format!("{WEEK}&as_of={}", then["as_of"]));

        let of = |it: &Value| {
            let custody = it["custody"].as_array().unwrap().iter().find(|it| it["mailbox"] == "M1").unwrap().clone();
            [&custody["letters_counted"], &custody["set_aside"], &custody["unaccounted"]].map(|it| it.as_i64().unwrap())
        };
        assert_eq!((of(&then), of(&now)), ([2, 0, 2], [2, 1, 1]));
        assert_eq!(again, then);
    }

    fn a_workbook_has_numbers_and_a_flat_file_has_parts(world) {
        a_week(&world);
        let csv = String::from_utf8(bytes(&world, "leader", &format!("{WEEK}&format=csv&language=en"))).unwrap();
        let book = bytes(&world, "leader", &format!("{WEEK}&format=xlsx"));

        assert!(csv.starts_with("\u{feff}section,item,column,value,numerator,denominator"), "{csv}");
        assert!(csv.contains("Main figures,Resolved on time,This period,66.7 %,2,3"), "{csv}");
        let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(book)).unwrap();
        assert_eq!(book.sheet_names().len(), 8);
        let sheet = book.worksheet_range("主要指标").unwrap();
        let row = sheet.rows().find(|it| it[0] == Data::String("按时办结率".to_owned())).unwrap();
        assert!(matches!(row[1], Data::Float(it) if (it - 2.0 / 3.0).abs() < 1e-9), "{row:?}");
    }

    fn a_bulletin_is_the_leaders_and_tells_no_contact(world) {
        world.submit(json!({"contact": {"phone": "13850001234", "channel": "call"}}));
        for user in ["clerk", "handler", "admin"] {
            ask(&world, user, "bulletin").expect(403);
            Browser::of(&world, user).get("/lead/bulletin").expect(403);
        }
        ask(&world, "leader", "bulletin?node=HX").expect(404);
        world.app.get("/api/v1/stats/bulletin").send().expect(401);
        assert_eq!(Browser::new(&world).get("/lead/bulletin").expect(303).header("location"), "/login?next=%2Flead%2Fbulletin");
        for form in every_form(&world, WEEK) {
            let text = String::from_utf8_lossy(&form).into_owned();
            assert!(!text.contains("1385000") && !text.contains("路灯从周一晚上"));
        }
    }

    fn what_is_asked_wrongly_of_a_bulletin_is_told_by_name(world) {
        let faults = |query: &str| {
            let answer = ask(&world, "leader", &format!("bulletin?{query}")).expect(422).json();
            answer["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(faults("period=decade&day=soon&floor=101"), ["period", "day", "floor"]);
        assert_eq!(faults("from=2026-11-01"), ["to"]);
        assert_eq!(faults("from=2026-11-02&to=2026-11-02"), ["to"]);
        assert_eq!(faults("from=2024-11-02&to=2026-11-02"), ["to"]);
        assert_eq!(faults("from=2026-11-02T01:00:00Z&to=2026-11-05"), ["from"]);
        assert_eq!(faults("as_of=999999"), ["as_of"]);
        assert_eq!(faults("as_of=-1"), ["as_of"]);
        assert_eq!(faults("format=pdf"), ["format"]);
        assert_eq!(faults("format=csv&language=fr"), ["language"]);
        ask(&world, "leader", "bulletin?colour=red").expect(400);
        let other = bulletin(&world, "leader", "from=2026-11-03T00:00:00%2B08:00&to=2026-11-05");
        assert_eq!((&other["first_on"], &other["last_on"]), (&json!("2026-11-03"), &json!("2026-11-04")));
    }

    fn a_street_tells_of_its_communities(world) {
        world.submit(json!({}));
        world.app.post("/api/v1/tickets", &crate::builders::submission(json!({"community": "HX"}))).send().expect(201);
        let street = bulletin(&world, "street_leader", WEEK);
        let own = bulletin(&world, "leader", WEEK);

        let of = |it: &Value| it["communities"].as_array().unwrap().iter().map(|it| it["value"].clone()).collect::<Vec<_>>();
        assert_eq!(of(&street), [json!("HX"), json!("YD")]);
        assert!(of(&own).is_empty());
    }
}
