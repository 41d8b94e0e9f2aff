//! Figures: each case of PRODUCT §9 by name, whose they are, and that the list behind a figure is the figure.

mod bulletin;
mod independent;
mod lives;
mod page;
mod public;
mod requests;

use chrono::TimeDelta;
use red_mailbox::domain::value::At;
use red_mailbox::service::timer;
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::{Receipt, World};
use crate::harness::{both_worlds, run};

/// Moves the clock to a time in Shanghai and lets time do its work.
pub(crate) fn at(world: &World, local: &str) {
    let app = &world.app.app;
    let to = At::parse(&format!("{local}:00+08:00")).unwrap();
    app.clock.advance(to - app.clock.now());
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

fn ask(world: &World, user: &str, path: &str) -> Answer {
    world.app.get(&format!("/api/v1/stats/{path}")).bearer(&world.token(user)).send()
}

#[track_caller]
fn summary(world: &World, user: &str, query: &str) -> Value {
    ask(world, user, &format!("summary{query}")).expect(200).json()
}

/// Numerator and denominator of a rate.
#[track_caller]
fn rate(figures: &Value, name: &str) -> (i64, i64) {
    let rate = &figures[name];
    (rate["numerator"].as_i64().unwrap(), rate["denominator"].as_i64().unwrap())
}

/// What a rate leaves out, as `reason by n`.
#[track_caller]
fn excluded(summary: &Value, name: &str) -> Vec<String> {
    let excluded = summary["figures"][name]["excluded"].as_array().unwrap().iter();
    excluded
        .map(|it| format!("{} {} {}", it["reason"].as_str().unwrap(), it["by"].as_str().unwrap(), it["n"]))
        .collect()
}

/// The numbers of the tickets behind a figure.
fn behind(world: &World, user: &str, query: &str) -> Vec<String> {
    let path = format!("/api/v1/tickets?limit=200&figure={query}");
    let page = world.app.get(&path).bearer(&world.token(user)).send().expect(200).json();
    page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect()
}

fn reply(world: &World, number: &str) {
    world.act("triager", number, "reply", json!({"text": "已处理"})).expect(200);
}

fn rated(world: &World, receipt: &Receipt, solved: bool, satisfaction: Option<u8>) {
    world.resident(receipt, "rate", json!({"solved": solved, "satisfaction": satisfaction})).expect(200);
}

both_worlds! {
    fn nothing_to_divide_by_is_null(world) {
        let figures = summary(&world, "leader", "");

        assert_eq!(figures["intake"], 0);
        assert_eq!(figures["on_time_rate"], json!({"value": null, "numerator": 0, "denominator": 0}));
        assert_eq!(figures["time_to"]["resolved"]["working"], json!({"p50_s": null, "p90_s": null}));
    }

    fn a_ticket_counts_in_each_figure_as_it_goes(world) {
        let receipt = world.submit(json!({"contact": {"phone": "13850001234", "channel": "call"}}));
        let number = receipt.number.as_str();
        assert_eq!(excluded(&summary(&world, "leader", ""), "acceptance_on_time_rate"), ["running clock 1"]);

        at(&world, "2026-11-23T10:00");
        world.resolve(number);
        world.act("triager", number, "reply", json!({"text": "好了", "outcome": "reached"})).expect(200);
        rated(&world, &receipt, true, Some(4));
        let figures = summary(&world, "leader", "?from=2026-11-23T00:00:00%2B08:00&to=2026-11-24T00:00:00%2B08:00");

        for name in ["response_rate", "acceptance_on_time_rate", "on_time_rate", "resolution_rate",
            "satisfaction_rate", "reply_rate", "first_time_resolution_rate"] {
            assert_eq!(figures[name], json!({"value": 1.0, "numerator": 1, "denominator": 1}), "{name}");
        }
        assert_eq!(rate(&figures, "rework_rate"), (0, 1));
        // An hour is a bucket of 64 seconds' width.
        let p50 = figures["time_to"]["resolved"]["calendar"]["p50_s"].as_i64().unwrap();
        assert!((p50 - 3_600).abs() <= 3_600 / 128, "{p50}");
        assert_eq!((figures["intake"].as_i64(), figures["backlog"].as_i64()), (Some(1), Some(0)));
        assert_eq!(figures["age_s"], 0);
        assert!(figures["position"].as_i64().unwrap() > 0);
    }

    fn merged(world) {
        let main = world.submit(json!({}));
        let other = world.submit(json!({}));
        world.act("triager", &other.number, "merge", json!({"into": main.number})).expect(200);
        assert_eq!(rate(&summary(&world, "leader", ""), "reply_rate"), (0, 0));

        world.resolve(&main.number);
        let resolved = summary(&world, "leader", "");
        reply(&world, &main.number);
        rated(&world, &other, true, Some(5));
        let answered = summary(&world, "leader", "");

        assert_eq!(rate(&resolved, "reply_rate"), (0, 2));
        assert_eq!(rate(&answered, "reply_rate"), (2, 2));
        assert_eq!(rate(&answered, "resolution_rate"), (1, 1));
        assert_eq!(rate(&answered, "rework_rate"), (0, 1));
        assert_eq!(excluded(&answered, "rework_rate"), ["merged triager 1"]);
        assert_eq!(rate(&answered, "acceptance_on_time_rate"), (1, 1));
        assert_eq!(excluded(&answered, "acceptance_on_time_rate"), ["merged triager 1"]);
        assert_eq!((answered["intake"].as_i64(), answered["backlog"].as_i64()), (Some(2), Some(1)));
        // Its "unsolved" splits it off: cycle 2 of a ticket once replied.
        rated(&world, &other, false, None);
        assert_eq!(rate(&summary(&world, "leader", ""), "rework_rate"), (1, 2));
    }

    fn a_verdict_before_a_merger_counts(world) {
        let main = world.submit(json!({}));
        let other = world.submit(json!({}));
        at(&world, "2026-11-25T10:00");
        world.act("triager", &other.number, "merge", json!({"into": main.number})).expect(200);

        assert_eq!(rate(&summary(&world, "leader", ""), "acceptance_on_time_rate"), (0, 2));
    }

    fn withdrawn(world) {
        let receipt = world.submit(json!({}));
        world.resident(&receipt, "withdraw", json!({})).expect(200);
        let late = world.submit(json!({}));
        at(&world, "2026-11-25T10:00");
        world.act("triager", &late.number, "withdraw", json!({"reason": "居民来电"})).expect(200);
        let figures = summary(&world, "leader", "");

        assert_eq!(figures["intake"], 2);
        assert_eq!(rate(&figures, "acceptance_on_time_rate"), (0, 1));
        assert_eq!(excluded(&figures, "acceptance_on_time_rate"), ["withdrawn_by_resident resident 1"]);
        assert_eq!(
            excluded(&figures, "reply_rate"),
            ["withdrawn_by_resident resident 1", "withdrawn_by_staff staff 1"]
        );
    }

    fn reopened(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        reply(&world, &receipt.number);
        rated(&world, &receipt, false, Some(1));
        let again = summary(&world, "leader", "");
        at(&world, "2026-12-20T10:00");
        let late = summary(&world, "leader", "");

        assert_eq!(rate(&again, "rework_rate"), (1, 1));
        assert_eq!(rate(&again, "on_time_rate"), (1, 1));
        assert_eq!(excluded(&again, "on_time_rate"), ["running clock 1"]);
        // The verdict of cycle 1 stays beside that of cycle 2; its time is that of cycle 1.
        assert_eq!(rate(&late, "on_time_rate"), (1, 2));
        assert_eq!(late["time_to"]["resolved"]["calendar"]["p50_s"], 0);
        assert_eq!(behind(&world, "leader", "on_time_rate&part=missed"), [receipt.number]);
    }

    fn re_rated(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        reply(&world, &receipt.number);
        rated(&world, &receipt, true, Some(5));
        at(&world, "2026-11-23T11:00");
        rated(&world, &receipt, true, Some(2));
        let figures = summary(&world, "leader", "");

        assert_eq!(rate(&figures, "satisfaction_rate"), (0, 1));
        assert_eq!(rate(&figures, "first_time_resolution_rate"), (1, 1));
        rated(&world, &receipt, false, None);
        let figures = summary(&world, "leader", "");
        assert_eq!(rate(&figures, "resolution_rate"), (0, 1));
        assert_eq!(rate(&figures, "satisfaction_rate"), (0, 0));
        assert_eq!(excluded(&figures, "satisfaction_rate"), ["not_answered resident 1"]);
    }

    fn cross_midnight(world) {
        at(&world, "2026-11-23T23:59");
        world.submit(json!({}));
        at(&world, "2026-11-24T00:00");
        world.submit(json!({}));
        world.submit(json!({}));
        let days = ask(&world, "leader", "series?from=2026-11-23T00:00:00%2B08:00&to=2026-11-25T00:00:00%2B08:00");
        let hours = ask(&world, "leader", "series?interval=hour&from=2026-11-23T23:00:00%2B08:00&to=2026-11-24T01:00:00%2B08:00");
        let half = summary(&world, "leader", "?from=2026-11-23T23:59:00%2B08:00&to=2026-11-23T16:00:00Z");

        let intake = |answer: &Value| -> Vec<(String, i64)> {
            let items = answer["items"].as_array().unwrap().iter();
            items.map(|it| (it["from"].as_str().unwrap().to_owned(), it["intake"].as_i64().unwrap())).collect()
        };
        assert_eq!(intake(&days.expect(200).json()),
            [("2026-11-23T00:00:00+08:00".to_owned(), 1), ("2026-11-24T00:00:00+08:00".to_owned(), 2)]);
        assert_eq!(intake(&hours.expect(200).json()),
            [("2026-11-23T23:00:00+08:00".to_owned(), 1), ("2026-11-24T00:00:00+08:00".to_owned(), 2)]);
        assert_eq!(half["intake"], 1);
    }

    fn cross_period(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        reply(&world, &receipt.number);
        at(&world, "2026-12-05T10:00");
        rated(&world, &receipt, true, Some(5));

        // The rating of December is November's: it was received then.
        let months = ask(&world, "leader", "series?interval=month&from=2026-11-01T00:00:00%2B08:00").expect(200).json();
        let months = months["items"].as_array().unwrap();
        assert_eq!(months.len(), 2);
        assert_eq!(rate(&months[0], "satisfaction_rate"), (1, 1));
        assert_eq!((months[1]["intake"].as_i64(), rate(&months[1], "satisfaction_rate")), (Some(0), (0, 0)));
    }

    fn cross_node(world) {
        let receipt = world.submit(json!({}));
        world.steps(&receipt.number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "escalate", json!({"to": "JL", "reason": "超出社区权限"})),
        ]);
        world.act("street_triager", &receipt.number, "assign", json!({"unit": "JD"})).expect(200);
        world.app.post("/api/v1/tickets", &crate::builders::submission(json!({"community": "HX"}))).send().expect(201);
        let by_node = ask(&world, "street_leader", "breakdown?by=node").expect(200).json();
        let by_unit = ask(&world, "street_leader", "breakdown").expect(200).json();

        // It stays with the community that received it; the unit is the street's.
        let values = |it: &Value| -> Vec<(Value, i64)> {
            let items = it["items"].as_array().unwrap().iter();
            items.map(|it| (it["value"].clone(), it["intake"].as_i64().unwrap())).collect()
        };
        assert_eq!(values(&by_node), [(json!("HX"), 1), (json!("YD"), 1)]);
        assert_eq!(values(&by_unit), [(Value::Null, 1), (json!("JD"), 1)]);
        assert_eq!(summary(&world, "leader", "")["intake"], 1);
        assert_eq!(behind(&world, "street_leader", "intake&node=YD"), [receipt.number]);
    }

    fn void_clocks(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        let figures = summary(&world, "leader", "");

        assert_eq!(rate(&figures, "response_rate"), (0, 0));
        assert_eq!(excluded(&figures, "response_rate"), ["no_channel resident 1"]);
        assert_eq!(behind(&world, "leader", "response_rate&part=excluded"), [receipt.number]);
    }

    fn declined(world) {
        let receipt = world.submit(json!({}));
        world.act("triager", &receipt.number, "decline", json!({"reason": "属公安受理"})).expect(200);
        reply(&world, &receipt.number);
        let figures = summary(&world, "leader", "");

        assert_eq!(rate(&figures, "acceptance_on_time_rate"), (1, 1));
        assert_eq!(rate(&figures, "reply_rate"), (1, 1));
        assert_eq!(figures["backlog"], 0);
        assert_eq!(figures["time_to"]["accepted"]["n"], 0);
        assert_eq!(figures["time_to"]["replied"]["n"], 1);
    }

    fn sent_back_work_was_not_resolved(world) {
        let receipt = world.submit(json!({}));
        world.resolve(&receipt.number);
        world.act("triager", &receipt.number, "send-back", json!({"reason": "没修好"})).expect(200);
        assert_eq!(summary(&world, "leader", "")["time_to"]["resolved"]["n"], 0);
        assert_eq!(excluded(&summary(&world, "leader", ""), "on_time_rate"), ["running clock 1"]);

        at(&world, "2026-11-24T09:00");
        world.act("handler", &receipt.number, "resolve", json!({"result": "修好了"})).expect(200);
        let p50 = &summary(&world, "leader", "")["time_to"]["resolved"]["calendar"]["p50_s"];
        assert!((p50.as_i64().unwrap() - 86_400).abs() <= 86_400 / 128, "{p50}");
    }

    fn sealed(world) {
        world.submit(json!({"kind": "report"}));
        world.submit(json!({}));
        let (own, above) = (summary(&world, "leader", ""), summary(&world, "street_leader", "?node=YD"));
        let kinds = ask(&world, "leader", "breakdown?by=kind").expect(200).json();

        assert_eq!((own["intake"].as_i64(), own["sealed"].as_i64()), (Some(1), Some(0)));
        assert_eq!((above["intake"].as_i64(), above["sealed"].as_i64()), (Some(2), Some(1)));
        assert_eq!((own["backlog"].as_i64(), above["backlog"].as_i64()), (Some(1), Some(2)));
        assert_eq!(kinds["items"].as_array().unwrap().len(), 1);
        assert_eq!(behind(&world, "street_leader", "intake").len(), 1);
        assert_eq!(behind(&world, "leader", "intake").len(), 1);
    }

    fn the_backlog_is_told_by_age_and_time_left(world) {
        world.submit(json!({}));
        let waiting = world.submit(json!({}));
        at(&world, "2026-11-25T10:00");
        world.submit(json!({}));
        world.resident(&waiting, "withdraw", json!({})).expect(200);
        let backlog = ask(&world, "leader", "backlog").expect(200).json();

        assert_eq!(backlog["backlog"], 2);
        let bands = |name: &str| -> Vec<(Value, i64)> {
            let bands = backlog[name].as_array().unwrap().iter().filter(|it| it["n"] != 0);
            bands.map(|it| (it["to_s"].clone(), it["n"].as_i64().unwrap())).collect()
        };
        assert_eq!(bands("by_age"), [(json!(86_400), 1), (json!(259_200), 1)]);
        assert_eq!(bands("by_time_left"), [(json!(0), 1), (json!(259_200), 1)]);
    }

    fn what_is_asked_wrongly_is_told_by_name(world) {
        let faults = |path: &str, status: u16| -> Vec<String> {
            let answer = ask(&world, "leader", path).expect(status).json();
            let errors = answer["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect()
        };

        assert_eq!(faults("summary?from=yesterday&to=2026", 422), ["from", "to"]);
        assert_eq!(faults("summary?from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", 422), ["to"]);
        assert_eq!(faults("summary?by=unit&interval=day", 422), ["by", "interval"]);
        assert_eq!(faults("breakdown?by=colour", 422), ["by"]);
        assert_eq!(faults("series", 422), ["from"]);
        assert_eq!(faults("series?interval=hour&from=2026-01-01T00:00:00Z", 422), ["interval"]);
        assert_eq!(faults("backlog?from=2026-01-01T00:00:00Z", 422), ["from"]);
        assert_eq!(faults("summary?unit=NOBODY&kind=plea&source=pigeon", 422), ["unit", "source", "kind"]);
        ask(&world, "leader", "summary?until=2026").expect(400);
        let list = |query: &str, status: u16| {
            world.app.get(&format!("/api/v1/tickets?{query}")).bearer(&world.token("leader")).send().expect(status)
        };
        list("figure=luck", 422);
        list("part=numerator", 422);
        list("figure=on_time_rate&part=half", 422);
    }

    fn figures_are_for_those_of_the_node(world) {
        world.submit(json!({}));

        for path in ["summary", "series?from=2026-11-01T00:00:00Z", "breakdown", "backlog"] {
            world.app.get(&format!("/api/v1/stats/{path}")).send().expect(401);
            for user in ["clerk", "handler", "auditor", "admin"] {
                ask(&world, user, path).expect(403);
            }
            for user in ["leader", "supervisor", "triager", "street_leader"] {
                ask(&world, user, path).expect(200);
            }
            let and = if path.contains('?') { '&' } else { '?' };
            ask(&world, "leader", &format!("{path}{and}node=HX")).expect(404);
            ask(&world, "leader", &format!("{path}{and}node=JL")).expect(404);
            ask(&world, "leader", &format!("{path}{and}node=ZZ")).expect(404);
        }
        assert_eq!(summary(&world, "street_leader", "?node=HX")["intake"], 0);
        let list = world.app.get("/api/v1/tickets?figure=intake").bearer(&world.token("clerk")).send();
        assert_eq!(list.expect(403).slug(), "forbidden");
        let shown = world.app.get("/api/v1/tickets?figure=intake").bearer(&world.token("leader")).send().expect(200);
        assert_eq!(shown.json()["items"][0]["contact"], Value::Null);
    }

    fn a_part_of_the_tickets_has_the_same_figures(world) {
        let first = world.submit(json!({"location": {"building": "3"}}));
        world.submit(json!({"location": {"building": "5"}, "kind": "complaint"}));
        world.resolve(&first.number);

        assert_eq!(summary(&world, "leader", "?building=3")["intake"], 1);
        assert_eq!(summary(&world, "leader", "?unit=WY")["intake"], 1);
        assert_eq!(summary(&world, "leader", "?category=street_light&kind=request")["intake"], 1);
        assert_eq!(summary(&world, "leader", "?category=street_light&kind=complaint")["intake"], 0);
        let kinds = ask(&world, "leader", "breakdown?by=kind&building=5").expect(200).json();
        assert_eq!(kinds["items"][0]["value"], "complaint");
        assert_eq!((kinds["items"][0]["intake"].as_i64(), kinds["items"][0]["backlog"].as_i64()), (Some(1), Some(1)));
        assert_eq!(kinds["items"].as_array().unwrap().len(), 1);
        let units = ask(&world, "leader", "breakdown?time_to=true").expect(200).json();
        let unit = units["items"].as_array().unwrap().iter().find(|it| it["value"] == "WY").unwrap();
        assert_eq!((unit["name"].as_str(), unit["time_to"]["resolved"]["n"].as_i64()), (Some("WY"), Some(1)));
    }
}

/// One second later.
pub(crate) fn a_moment(world: &World) {
    world.app.app.clock.advance(TimeDelta::seconds(1));
}
