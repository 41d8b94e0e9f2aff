//! What is in force for a matter, and where each figure comes from.

use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::World;
use crate::desk::Browser;
use crate::harness::both_worlds;

fn in_force(world: &World, username: &str, query: &str) -> Answer {
    world.app.get(&format!("/api/v1/policies/in-force?{query}")).bearer(&world.token(username)).send()
}

fn target(told: &Value, stage: &str) -> Value {
    let mut targets = told["targets"].as_array().unwrap().iter();
    targets.find(|it| it["stage"] == stage).unwrap_or_else(|| panic!("no {stage}: {told}")).clone()
}

both_worlds! {
    fn each_default_says_where_it_comes_from(world) {
        let told = in_force(&world, "handler", "node=YD").expect(200).json();

        let resolve = target(&told, "resolve");
        assert_eq!((&resolve["target"], &resolve["policy"]), (&json!({"working_days": 5}), &Value::Null));
        assert!(resolve["source"]["zh"].as_str().unwrap().contains("《民法典》第二百零一条"), "{resolve}");
        assert!(resolve["source"]["en"].as_str().unwrap().contains("Civil Code"), "{resolve}");
        for it in told["targets"].as_array().unwrap() {
            assert!(it["source"]["zh"].is_string() && it["source"]["en"].is_string(), "{it}");
        }
        assert_eq!(told["targets"].as_array().unwrap().last().unwrap()["target"], json!({"working_days": 3}), "rework");
        assert_eq!((&told["calendar"]["set_by"], &told["calendar"]["time_zone"]), (&Value::Null, &json!("Asia/Shanghai")));
        assert_eq!(told["calendar"]["years_known"].as_array().unwrap().last(), Some(&json!(2026)));
        let praise = in_force(&world, "handler", "node=YD&kind=praise").expect(200).json();
        assert_eq!((&target(&praise, "accept")["target"], &target(&praise, "accept")["source"]), (&Value::Null, &Value::Null));
        let emergency = in_force(&world, "handler", "node=YD&priority=emergency").expect(200).json();
        assert_eq!(target(&emergency, "resolve")["target"], json!({"calendar_minutes": 120}));
    }

    fn staff_read_each_time_with_its_source_on_a_page(world) {
        let browser = Browser::of(&world, "handler");

        let page = browser.page("/desk/times");
        let emergency = browser.page("/desk/times?node=YD&kind=complaint&priority=emergency");
        let praise = browser.page("/desk/times?kind=praise");

        assert!(page.contains("5 个工作日") && page.contains("《民法典》第二百零一条"), "{page}");
        assert!(page.contains("href=\"/desk/times\""), "it is in the menu");
        assert!(emergency.contains("2 小时，昼夜连续") && emergency.contains("<option value=\"emergency\" selected>"), "{emergency}");
        assert!(praise.contains("不计时"), "{praise}");
        let away = world.app.get("/desk/times?node=HX").header("Cookie", browser.cookie()).send();
        assert!(away.expect(404).text.contains("nodes/HX"), "another community's");
        world.app.get("/desk/times?priority=soon").header("Cookie", browser.cookie()).send().expect(400);
    }

    fn a_policy_that_settles_a_figure_is_named(world) {
        let policy = json!({"code": "light", "name": "路灯", "node": "YD", "category": "street_light",
            "targets": {"resolve": {"working_days": 2}}});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);
        let calendar = json!({"code": "own", "name": "自己的", "node": "YD", "years_confirmed": [2027]});
        world.app.post("/api/v1/calendars", &calendar).bearer(&world.token("admin")).send().expect(201);

        let told = in_force(&world, "clerk", "node=YD&category=street_light").expect(200).json();

        let resolve = target(&told, "resolve");
        assert_eq!(resolve["policy"], json!({"code": "light", "name": "路灯", "node": "YD"}));
        assert!(resolve["source"]["zh"].as_str().unwrap().contains("路灯"), "{resolve}");
        assert_eq!(target(&told, "accept")["policy"], Value::Null);
        assert_eq!(told["calendar"]["set_by"]["code"], "own");
        assert_eq!(told["calendar"]["years_known"].as_array().unwrap().last(), Some(&json!(2027)));
        let other = in_force(&world, "clerk", "node=YD").expect(200).json();
        assert_eq!(target(&other, "resolve")["policy"], Value::Null, "no category, no policy for one");
    }

    fn what_is_asked_wrongly_is_refused(world) {
        world.app.get("/api/v1/policies/in-force?node=YD").send().expect(401);
        in_force(&world, "clerk", "node=HX").expect(404);
        in_force(&world, "clerk", "node=YD&category=nothing").expect(422);
        in_force(&world, "clerk", "node=YD&priority=soon").expect(400);
        in_force(&world, "clerk", "node=YD&x=1").expect(400);
        in_force(&world, "clerk", "").expect(400);
    }
}
