//! SLA clocks over HTTP and time, as PRODUCT §5 tells them. Every test begins Monday 2026-11-23 09:00 in Shanghai.

use chrono::TimeDelta;
use red_mailbox::domain::value::At;
use red_mailbox::service::timer;
use serde_json::{Value, json};

use crate::builders::World;
use crate::harness::{both_worlds, run};

/// The latest clock of a stage.
#[track_caller]
pub(crate) fn clock(ticket: &Value, stage: &str) -> Value {
    let mut clocks = ticket["clocks"].as_array().unwrap().iter();
    clocks.rfind(|it| it["stage"] == stage).unwrap_or_else(|| panic!("no {stage}: {ticket}")).clone()
}

pub(crate) fn state(ticket: &Value, stage: &str) -> String {
    clock(ticket, stage)["state"].as_str().unwrap().to_owned()
}

pub(crate) fn due(ticket: &Value, stage: &str) -> String {
    clock(ticket, stage)["due_at"].as_str().unwrap().to_owned()
}

/// Moves the clock to a time in Shanghai and lets time do its work.
pub(crate) fn at(world: &World, local: &str) {
    let app = &world.app.app;
    let to = At::parse(&format!("{local}:00+08:00")).unwrap();
    app.clock.advance(to - app.clock.now());
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

pub(crate) fn count(trail: &[String], kind: &str) -> usize {
    trail.iter().filter(|it| *it == kind).count()
}

both_worlds! {
    fn each_stage_has_its_clock_and_is_met(world) {
        let receipt = world.submit(json!({"contact": {"phone": "13850001234", "channel": "call"}}));
        let number = receipt.number.as_str();
        let ticket = world.ticket("triager", number);
        // One working day: the day it starts on is not counted (Civil Code §201).
        assert_eq!(due(&ticket, "accept"), "2026-11-24T09:30:00Z");

        let ticket = world.steps(number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        assert_eq!((state(&ticket, "accept"), state(&ticket, "assign")), ("met".into(), "met".into()));
        assert_eq!(due(&ticket, "acknowledge"), "2026-11-24T09:30:00Z");
        assert_eq!(due(&ticket, "resolve"), "2026-11-30T09:30:00Z");
        let ticket = world.steps(number, &[
            ("handler", "acknowledge", json!({})),
            ("handler", "contact", json!({"channel": "call", "outcome": "reached"})),
            ("handler", "resolve", json!({"result": "好了"})),
            ("triager", "reply", json!({"text": "好了", "outcome": "reached"})),
        ]);

        for stage in ["accept", "assign", "acknowledge", "contact", "resolve", "reply"] {
            assert_eq!(state(&ticket, stage), "met", "{stage}");
        }
    }

    fn a_breach_is_recorded_once_with_the_true_due_time(world) {
        let number = world.submit(json!({})).number;
        at(&world, "2026-11-24T17:30");
        assert_eq!(state(&world.ticket("triager", &number), "accept"), "running", "at the very moment it is in time");
        at(&world, "2026-11-27T10:00");
        at(&world, "2026-11-27T10:00");

        let ticket = world.ticket("triager", &number);
        assert_eq!(clock(&ticket, "accept")["breached_at"], "2026-11-24T09:30:00Z");
        let trail = world.trail(&number);
        assert_eq!((count(&trail, "clock.warned"), count(&trail, "clock.breached")), (2, 1));
        assert_eq!(count(&trail, "clock.escalated"), 3);
        let version = ticket["version"].as_i64().unwrap();
        assert_eq!(version, 1, "alarms do not move what people changed");

        let late = world.act("triager", &number, "accept", json!({"category": "street_light", "priority": "normal"}));
        let late = late.expect(200).json();
        let accept = clock(&late, "accept");
        assert_eq!((accept["state"].as_str(), accept["met_at"].is_string()), (Some("breached"), true));
    }

    fn what_happens_before_the_timer_wakes_is_breached_all_the_same(world) {
        let number = world.submit(json!({})).number;
        let app = &world.app.app;
        app.clock.advance(At::parse("2026-11-25T10:00:00+08:00").unwrap() - app.clock.now());

        let late = world.act("triager", &number, "accept", json!({"category": "street_light", "priority": "normal"}));

        let late = late.expect(200).json();
        assert_eq!(state(&late, "accept"), "breached");
        assert_eq!(count(&world.trail(&number), "clock.breached"), 1);
    }

    fn waiting_moves_the_due_time_by_its_working_minutes(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
            ("handler", "wait", json!({"for": "resident", "reason": "等照片"})),
        ]);
        let paused = world.ticket("handler", &number);
        assert_eq!((state(&paused, "resolve"), state(&paused, "contact")), ("paused".into(), "void".into()));
        at(&world, "2026-11-24T09:00");

        let resumed = world.act("handler", &number, "resume", json!({})).expect(200).json();

        // From Monday 09:00 to Tuesday 09:00 six and a half hours were open: Monday 17:30 plus as many.
        assert_eq!(due(&resumed, "resolve"), "2026-12-01T09:30:00Z");
        let explained = world.app.get(&format!("/api/v1/tickets/{number}/clocks")).bearer(&world.token("handler"));
        let explained = explained.send().expect(200).json();
        let resolve = clock(&json!({"clocks": explained["items"]}), "resolve");
        assert_eq!(resolve["pauses"][0]["reason"], "等照片");
        assert_eq!(resolve["pauses"][0]["working_minutes"], 390);
        assert!(resolve["explanation"]["zh"].as_str().unwrap().contains("5 个工作日"), "{resolve}");
        let holders: Vec<_> = explained["holding"].as_array().unwrap().iter().map(|it| it["holder"].clone()).collect();
        assert_eq!(holders, ["node", "unit", "resident", "unit"]);
    }

    fn more_time_is_asked_for_once_and_granted_by_a_supervisor(world) {
        let receipt = world.submit(json!({}));
        let number = receipt.number.as_str();
        world.steps(number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ]);
        let ask = |due_at: &str| json!({"due_at": due_at, "reason": "配件要从厂家订"});
        for wrong in ["2026-11-20T17:30:00+08:00", "2026-11-30T17:30:00+08:00", "2026-12-14T17:31:00+08:00", "soon"] {
            world.act("handler", number, "extend", ask(wrong)).expect(422);
        }
        let asked = world.act("handler", number, "extend", ask("2026-12-04T17:30:00+08:00")).expect(200).json();
        assert_eq!(asked["extensions"][0]["state"], "requested");
        world.act("handler", number, "extend", ask("2026-12-07T17:30:00+08:00")).expect(409);
        let clocks = || {
            let path = format!("/api/v1/tickets/{number}/clocks");
            world.app.get(&path).header("Receipt-Code", receipt.code.clone()).send().expect(200).json()
        };
        assert!(!clocks().to_string().contains("配件"), "what is only asked for stays inside");
        world.act("handler", number, "extensions/1/grant", json!({})).expect(403);
        world.act("supervisor", number, "extensions/7/grant", json!({})).expect(404);

        let granted = world.act("supervisor", number, "extensions/1/grant", json!({})).expect(200).json();
        let told = clocks();
        assert!(told.to_string().contains("配件") && told["holding"].is_null() && !told.to_string().contains("supervisor"));

        assert_eq!(due(&granted, "resolve"), "2026-12-04T09:30:00Z");
        let seen = world.app.get(&format!("/api/v1/tickets/{number}")).header("Receipt-Code", receipt.code.clone());
        assert_eq!(seen.send().expect(200).json()["extensions"][0]["reason"], "配件要从厂家订");
        world.act("supervisor", number, "extensions/1/refuse", json!({})).expect(409);
    }

    fn a_request_left_open_lapses_and_does_not_hold_the_breach(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "urgent"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
            ("handler", "extend", json!({"due_at": "2026-11-25T17:30:00+08:00", "reason": "等配件"})),
        ]);
        at(&world, "2026-11-24T10:00");

        let ticket = world.ticket("supervisor", &number);
        assert_eq!((state(&ticket, "resolve").as_str(), ticket["extensions"][0]["state"].as_str()), ("breached", Some("lapsed")));
        world.act("supervisor", &number, "extensions/1/grant", json!({})).expect(409);
        world.act("handler", &number, "extend", json!({"due_at": "2026-11-26T17:30:00+08:00", "reason": "等"})).expect(409);
    }

    fn a_suspected_emergency_runs_as_one_until_a_triager_says_otherwise(world) {
        let number = world.submit(json!({"description": "有人被困在电梯里"})).number;
        let ticket = world.ticket("triager", &number);
        assert_eq!((due(&ticket, "accept"), due(&ticket, "resolve")),
            ("2026-11-23T01:30:00Z".to_owned(), "2026-11-23T03:00:00Z".to_owned()));

        let ticket = world.act("triager", &number, "accept", json!({"category": "street_light", "priority": "normal"}));
        assert_eq!(state(&ticket.expect(200).json(), "resolve"), "void");
        let ticket = world.act("triager", &number, "assign", json!({"unit": "WY"})).expect(200).json();
        assert_eq!(due(&ticket, "resolve"), "2026-11-30T09:30:00Z");
        let corrected = world.app.patch(&format!("/api/v1/tickets/{number}"), &json!({"priority": "emergency"}))
            .bearer(&world.token("triager")).if_match(ticket["version"].as_i64().unwrap()).send();

        let corrected = corrected.expect(200).json();
        assert_eq!(due(&corrected, "resolve"), "2026-11-23T03:00:00Z");
        assert_eq!(clock(&corrected, "resolve")["started_at"], "2026-11-23T01:00:00Z");
    }

    /// Facts corrected after the work is done start no clock that nobody could meet.
    fn a_priority_corrected_after_resolving_starts_nothing(world) {
        let number = world.submit(json!({})).number;
        let resolved = world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "emergency"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
            ("handler", "resolve", json!({"result": "好了"})),
        ]);
        let corrected = world.app.patch(&format!("/api/v1/tickets/{number}"), &json!({"priority": "normal"}))
            .bearer(&world.token("triager")).if_match(resolved["version"].as_i64().unwrap()).send();

        let corrected = corrected.expect(200).json();
        assert_eq!(state(&corrected, "resolve"), "met");
        assert_eq!(corrected["clocks"].as_array().unwrap().len(), resolved["clocks"].as_array().unwrap().len());
    }

    /// The policy of the category warns at other percentages than the one before acceptance did.
    fn other_warnings_do_not_silence_a_clock(world) {
        let policy = json!({"code": "light", "name": "路灯", "node": "YD", "category": "street_light",
            "targets": {"resolve": {"calendar_minutes": 60}}, "warn_percents": [40]});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);
        let number = world.submit(json!({"description": "有人被困在电梯里"})).number;
        let ticket = world.act("triager", &number, "accept", json!({"category": "street_light", "priority": "emergency"}));
        assert_eq!(due(&ticket.expect(200).json(), "resolve"), "2026-11-23T02:00:00Z", "the policy fixed at acceptance");
        at(&world, "2026-11-23T10:01");

        assert_eq!(state(&world.ticket("triager", &number), "resolve"), "breached");
    }

    fn a_breach_that_is_past_does_not_keep_a_ticket_overdue(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        at(&world, "2026-11-25T10:00");
        world.steps(&number, &[
            ("handler", "return", json!({"reason": "不归我们"})),
            ("triager", "assign", json!({"unit": "ZY"})),
            ("handler2", "acknowledge", json!({})),
            ("handler2", "contact", json!({"channel": "visit", "outcome": "reached"})),
        ]);
        let overdue = || {
            let page = world.app.get("/api/v1/tickets?overdue=true").bearer(&world.token("triager")).send().expect(200);
            page.json()["items"].as_array().unwrap().len()
        };
        assert_eq!(overdue(), 0, "{}", world.ticket("triager", &number)["clocks"]);
        at(&world, "2026-12-01T10:00");
        assert_eq!(overdue(), 1);
        world.act("triager", &number, "withdraw", json!({})).expect(200);
        assert_eq!(overdue(), 0);
    }

    /// One change that stops a clock and corrects the category does not wake it again.
    fn a_clock_stopped_by_a_correction_stays_stopped(world) {
        let number = world.submit(json!({"contact": {"phone": "13850001234", "channel": "call"}})).number;
        let ticket = world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        let category = json!({"code": "lamp", "name": "灯", "node": "YD"});
        world.app.post("/api/v1/categories", &category).bearer(&world.token("admin")).send().expect(201);
        let correction = json!({"contact": {"channel": "none"}, "category": "lamp"});
        let corrected = world.app.patch(&format!("/api/v1/tickets/{number}"), &correction)
            .bearer(&world.token("triager")).if_match(ticket["version"].as_i64().unwrap()).send();
        assert_eq!(state(&corrected.expect(200).json(), "contact"), "void");
        at(&world, "2026-11-30T10:00");

        assert_eq!(state(&world.ticket("triager", &number), "contact"), "void");
    }

    fn work_sent_back_runs_on_and_unsolved_starts_anew(world) {
        let receipt = world.submit(json!({}));
        let number = receipt.number.as_str();
        world.resolve(number);
        let back = world.act("supervisor", number, "send-back", json!({"reason": "没修"})).expect(200).json();
        assert_eq!((state(&back, "resolve"), state(&back, "reply")), ("running".into(), "void".into()));
        world.steps(number, &[
            ("handler", "resolve", json!({"result": "修了"})),
            ("triager", "reply", json!({"text": "修了"})),
        ]);
        world.resident(&receipt, "rate", json!({"solved": false})).expect(200);

        let again = world.ticket("triager", number);
        let resolve = clock(&again, "resolve");
        // Rework: the shorter of three working days and the ticket's own five.
        assert_eq!((resolve["cycle"].as_i64(), resolve["due_at"].as_str()), (Some(2), Some("2026-11-26T09:30:00Z")));
        let first = again["clocks"].as_array().unwrap().iter().find(|it| it["stage"] == "resolve").unwrap();
        assert_eq!(first["state"], "met", "the first cycle keeps its verdict");
    }

    fn a_backdated_matter_is_late_from_the_start(world) {
        let body = crate::builders::submission(json!({"received_at": "2026-11-16T09:00:00+08:00", "source": "walk_in"}));
        let answer = world.app.post("/api/v1/tickets", &body).bearer(&world.token("triager")).send().expect(201).json();
        let number = answer["number"].as_str().unwrap();

        let accept = clock(&world.ticket("triager", number), "accept");
        assert_eq!((accept["state"].as_str(), accept["breached_at"].as_str()), (Some("breached"), Some("2026-11-17T09:30:00Z")));
        let overdue = world.app.get("/api/v1/tickets?overdue=true").bearer(&world.token("triager")).send().expect(200).json();
        assert_eq!(overdue["items"].as_array().unwrap().len(), 1);
    }

    fn a_merged_ticket_is_answered_in_its_own_time_and_split_lets_it_run_on(world) {
        let (main, child) = (world.submit(json!({})).number, world.submit(json!({})).number);
        let merged = world.act("triager", &child, "merge", json!({"into": main})).expect(200).json();
        assert_eq!(state(&merged, "accept"), "void");
        let split = world.act("triager", &child, "split", json!({})).expect(200).json();
        assert_eq!((state(&split, "accept").as_str(), due(&split, "accept").as_str()), ("running", "2026-11-24T09:30:00Z"));
        world.act("triager", &child, "merge", json!({"into": main})).expect(200);

        world.resolve(&main);

        assert_eq!(due(&world.ticket("triager", &child), "reply"), "2026-11-24T09:30:00Z");
        world.act("triager", &main, "reply", json!({"text": "好了"})).expect(200);
        assert_eq!(state(&world.ticket("triager", &child), "reply"), "met");
    }

    fn the_nearest_policy_sets_the_target(world) {
        let add = |fields: Value| world.app.post("/api/v1/policies", &fields).bearer(&world.token("admin")).send();
        let policy = json!({"code": "light", "name": "路灯", "node": "YD", "category": "street_light",
            "targets": {"resolve": {"working_days": 2}}, "warn_percents": [60]});
        add(policy).expect(201);
        add(json!({"code": "zero", "name": "零", "node": "YD", "targets": {"resolve": {"working_days": 0}}})).expect(422);
        let number = world.submit(json!({})).number;
        let ticket = world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);

        assert_eq!(due(&ticket, "resolve"), "2026-11-25T09:30:00Z");
    }

    /// A return voids the acknowledgement; three days of tries are a contact.
    fn returns_and_tries_are_counted(world) {
        let number = world.submit(json!({"contact": {"phone": "13850001234", "channel": "call"}})).number;
        let ticket = world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "return", json!({"reason": "不归我们"})),
        ]);
        assert_eq!(state(&ticket, "acknowledge"), "void");
        world.steps(&number, &[
            ("triager", "assign", json!({"unit": "ZY"})),
            ("handler2", "acknowledge", json!({})),
        ]);
        let not_reached = json!({"channel": "call", "outcome": "not_reached"});
        for day in ["2026-11-23T10:00", "2026-11-23T16:00", "2026-11-24T10:00"] {
            at(&world, day);
            world.act("handler2", &number, "contact", not_reached.clone()).expect(200);
        }
        assert_eq!(state(&world.ticket("triager", &number), "contact"), "running");
        at(&world, "2026-11-24T17:30");
        at(&world, "2026-11-25T10:00");
        let tried = world.act("handler2", &number, "contact", not_reached).expect(200).json();

        let contact = clock(&tried, "contact");
        assert_eq!((contact["state"].as_str(), contact["met_at"].is_string()), (Some("breached"), true));
    }

    fn praise_has_only_a_reply_clock(world) {
        let number = world.submit(json!({"kind": "praise"})).number;

        assert_eq!(world.ticket("triager", &number)["clocks"], json!([]));

        let resolved = world.resolve(&number);
        assert_eq!(resolved["clocks"].as_array().unwrap().len(), 1);
        assert_eq!(state(&resolved, "reply"), "running");
    }

    fn a_clock_set_back_does_not_say_anything_twice(world) {
        let number = world.submit(json!({})).number;
        at(&world, "2026-11-25T09:00");
        at(&world, "2026-11-25T08:00");
        at(&world, "2026-11-25T09:00");

        assert_eq!(count(&world.trail(&number), "clock.breached"), 1);
        world.app.app.clock.advance(TimeDelta::days(1));
    }

    /// Who has it in hand hears of warnings, the supervisor of late ones, the leader at the end; nobody twice.
    fn those_concerned_find_each_alarm_once_in_their_inbox(world) {
        for name in ["triager", "supervisor", "leader", "handler"] {
            world.know(name);
        }
        let number = world.submit(json!({})).number;
        at(&world, "2026-11-24T08:40");
        at(&world, "2026-11-24T17:00");
        let inbox = |name: &str| {
            let page = world.app.get("/api/v1/notices?unread=true").bearer(&world.token(name)).send().expect(200).json();
            page["items"].as_array().unwrap().clone()
        };
        let kinds = |name: &str| inbox(name).iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(kinds("triager"), ["warning", "warning"]);
        assert_eq!((kinds("supervisor"), kinds("leader")), (vec!["warning".to_owned()], vec![]));
        at(&world, "2026-11-27T17:00");
        at(&world, "2026-11-27T17:00");

        assert_eq!(kinds("triager"), ["escalation", "breach", "warning", "warning"]);
        assert_eq!(kinds("leader"), ["escalation"]);
        assert!(kinds("handler").is_empty());
        let first = inbox("leader").remove(0);
        assert_eq!((first["number"].as_str(), first["level"].as_str()), (Some(number.as_str()), Some("leader")));
        let read = format!("/api/v1/notices/{}/read", first["id"]);
        world.app.post(&read, &json!({})).bearer(&world.token("triager")).send().expect(404);
        world.app.post(&read, &json!({})).bearer(&world.token("leader")).send().expect(204);
        assert!(inbox("leader").is_empty());
    }

    /// As two instances on one database would: whoever comes second finds nothing left to say.
    fn two_timers_at_once_say_each_thing_once(world) {
        let numbers: Vec<String> = (0..30).map(|_| world.submit(json!({})).number).collect();
        let app = &world.app.app;
        app.clock.advance(At::parse("2026-11-24T17:31:00+08:00").unwrap() - app.clock.now());
        let settings = red_mailbox::store::StoreSettings { ..world.app.store.settings.clone() };
        let other = red_mailbox::service::App { store: red_mailbox::store::Store::open(&settings).unwrap(), ..app.clone() };

        run(async {
            let now = app.clock.now();
            let (one, two) = tokio::join!(timer::tick(app, now), timer::tick(&other, now));
            assert_eq!(one.unwrap().n_moved + two.unwrap().n_moved, 30);
        });

        for number in &numbers {
            assert_eq!(count(&world.trail(number), "clock.breached"), 1);
        }
        other.store.close();
    }
}
