//! Faults that the clocks once had, each told again so that it stays mended. Every test begins Monday 2026-11-23 09:00
//! in Shanghai.

use red_mailbox::domain::value::At;
use serde_json::{Value, json};

use crate::builders::World;
use crate::clocks::{at, clock, count, due, state};
use crate::harness::both_worlds;

/// Moves the clock to a time in Shanghai while no timer looks.
fn unseen(world: &World, local: &str) {
    let app = &world.app.app;
    app.clock.advance(At::parse(&format!("{local}:00+08:00")).unwrap() - app.clock.now());
}

fn correct(world: &World, number: &str, facts: Value) -> Value {
    let version = world.ticket("triager", number)["version"].as_i64().unwrap();
    let path = format!("/api/v1/tickets/{number}");
    let answer = world.app.patch(&path, &facts).bearer(&world.token("triager")).if_match(version).send();
    answer.expect(200).json()
}

/// Accepted, assigned and acknowledged.
fn in_progress(world: &World, number: &str, priority: &str) -> Value {
    world.steps(
        number,
        &[
            ("triager", "accept", json!({"category": "street_light", "priority": priority})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ],
    )
}

fn n_overdue(world: &World) -> usize {
    let page =
        world.app.get("/api/v1/tickets?overdue=true").bearer(&world.token("triager")).send().expect(200);
    page.json()["items"].as_array().unwrap().len()
}

/// Every clock of a stage, oldest first.
fn clocks_of(ticket: &Value, stage: &str) -> Vec<Value> {
    ticket["clocks"].as_array().unwrap().iter().filter(|it| it["stage"] == stage).cloned().collect()
}

both_worlds! {
    /// The cycle that an "unsolved" splits off goes on in the main one's category, and so by its policy.
    fn a_split_into_a_new_cycle_is_counted_by_the_new_cycles_rules(world) {
        let policy = json!({"code": "light", "name": "路灯", "node": "YD", "category": "street_light",
            "targets": {"resolve": {"working_days": 2}}});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);
        let (main, child) = (world.submit(json!({})), world.submit(json!({})));
        world.act("triager", &child.number, "merge", json!({"into": main.number})).expect(200);
        world.resolve(&main.number);
        world.act("triager", &main.number, "reply", json!({"text": "好了"})).expect(200);

        world.resident(&child, "rate", json!({"solved": false})).expect(200);

        let split = world.ticket("triager", &child.number);
        assert_eq!((split["status"].as_str(), split["cycle"].as_i64()), (Some("assigned"), Some(2)));
        assert_eq!(due(&split, "resolve"), "2026-11-25T09:30:00Z", "two days of the category, not three of rework");
    }

    fn merged_into_one_that_is_resolved_already_its_answer_is_due_from_then_on(world) {
        let (main, child) = (world.submit(json!({})).number, world.submit(json!({})).number);
        world.resolve(&main);
        at(&world, "2026-11-24T10:00");
        let merged = world.act("triager", &child, "merge", json!({"into": main})).expect(200).json();

        assert_eq!((state(&merged, "reply").as_str(), due(&merged, "reply").as_str()), ("running", "2026-11-25T09:30:00Z"));
        world.act("triager", &main, "reply", json!({"text": "好了"})).expect(200);
        assert_eq!(state(&world.ticket("triager", &child), "reply"), "met");
    }

    fn more_time_granted_after_a_pause_takes_no_time_away(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "normal");
        let ask = json!({"due_at": "2026-12-01T12:00:00+08:00", "reason": "等配件"});
        world.act("handler", &number, "extend", ask).expect(200);
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等照片"})).expect(200);
        at(&world, "2026-11-24T09:00");
        world.act("handler", &number, "resume", json!({})).expect(200);

        let granted = world.act("supervisor", &number, "extensions/1/grant", json!({})).expect(200).json();

        // The pause of 390 minutes has moved Monday 17:30 to Tuesday 17:30, past what was asked for.
        assert_eq!(due(&granted, "resolve"), "2026-12-01T09:30:00Z");
    }

    /// What was granted, and a pause after it, both stay when a correction counts the clock anew.
    fn a_pause_after_more_time_was_granted_outlives_a_correction(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "normal");
        let ask = json!({"due_at": "2026-12-04T17:30:00+08:00", "reason": "等配件"});
        world.act("handler", &number, "extend", ask).expect(200);
        world.act("supervisor", &number, "extensions/1/grant", json!({})).expect(200);
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等照片"})).expect(200);
        at(&world, "2026-11-24T09:00");
        let resumed = world.act("handler", &number, "resume", json!({})).expect(200).json();
        assert_eq!(due(&resumed, "resolve"), "2026-12-07T09:30:00Z");

        let corrected = correct(&world, &number, json!({"kind": "complaint"}));

        assert_eq!(due(&corrected, "resolve"), "2026-12-07T09:30:00Z");
    }

    fn work_sent_back_after_its_breach_goes_on_up_the_ladder_and_repeats_no_step(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "normal");
        at(&world, "2026-12-01T10:00");
        assert_eq!(count(&world.trail(&number), "clock.escalated"), 1, "to the handler");
        world.act("handler", &number, "resolve", json!({"result": "好了"})).expect(200);
        world.act("supervisor", &number, "send-back", json!({"reason": "没修"})).expect(200);
        at(&world, "2026-12-04T10:00");
        at(&world, "2026-12-14T10:00");

        let trail = world.trail(&number);
        assert_eq!((count(&trail, "clock.breached"), count(&trail, "clock.escalated")), (1, 3));
        assert_eq!(clock(&world.ticket("supervisor", &number), "resolve")["breached_at"], "2026-11-30T09:30:00Z");
    }

    /// Who has left hears nothing; the others of the unit do.
    fn an_assignee_who_was_disabled_is_told_nothing_and_the_unit_is(world) {
        let number = world.submit(json!({})).number;
        let admin = world.token("admin");
        let gone = json!({"code": "gone", "password": crate::builders::PASSWORD,
            "roles": [{"role": "handler", "node": "YD", "unit": "WY"}]});
        world.app.post("/api/v1/users", &gone).bearer(&admin).send().expect(201);
        world.know("handler");
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "assignee": "gone"})),
        ]);
        world.app.delete("/api/v1/users/gone").bearer(&admin).send();
        at(&world, "2026-11-25T09:00");

        let inbox = world.app.get("/api/v1/notices?unread=true").bearer(&world.token("handler")).send().expect(200).json();
        let kinds: Vec<&str> = inbox["items"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert!(kinds.contains(&"breach"), "{kinds:?}");
    }

    /// Its pause is carried over into the time that a normal matter has.
    fn a_priority_corrected_while_waiting_keeps_the_pause(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "emergency");
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等钥匙"})).expect(200);
        at(&world, "2026-11-23T09:30");
        let corrected = correct(&world, &number, json!({"priority": "normal"}));
        assert_eq!(state(&corrected, "resolve"), "paused");
        at(&world, "2026-11-23T10:00");

        let resumed = world.act("handler", &number, "resume", json!({})).expect(200).json();

        // Monday 17:30 a week later, and the hour from 09:00 to 10:00.
        assert_eq!(due(&resumed, "resolve"), "2026-12-01T01:30:00Z");
    }

    fn an_emergency_breached_before_it_waits_gets_a_normal_clock_that_stands_still(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "emergency");
        at(&world, "2026-11-23T11:30");
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等钥匙"})).expect(200);

        let corrected = correct(&world, &number, json!({"priority": "normal"}));

        let states: Vec<Value> = clocks_of(&corrected, "resolve").iter().map(|it| it["state"].clone()).collect();
        assert_eq!(states, ["breached", "paused"]);
        at(&world, "2026-11-23T12:00");
        let resumed = world.act("handler", &number, "resume", json!({})).expect(200).json();
        assert_eq!(due(&resumed, "resolve"), "2026-12-01T01:00:00Z", "half an hour more");
    }

    /// Nobody owes an answer to what is being worked on again.
    fn a_merged_tickets_late_answer_is_no_longer_waited_for_when_the_main_one_goes_back(world) {
        let (main, child) = (world.submit(json!({})).number, world.submit(json!({})).number);
        world.act("triager", &child, "merge", json!({"into": main})).expect(200);
        world.resolve(&main);
        at(&world, "2026-11-25T10:00");
        assert_eq!((state(&world.ticket("triager", &child), "reply").as_str(), n_overdue(&world)), ("breached", 2));

        world.act("supervisor", &main, "send-back", json!({"reason": "没修"})).expect(200);
        at(&world, "2026-11-27T10:00");

        let child_now = world.ticket("triager", &child);
        assert_eq!(clock(&child_now, "reply")["breached_at"], "2026-11-24T09:30:00Z", "the breach stays a fact");
        assert_eq!((count(&world.trail(&child), "clock.escalated"), n_overdue(&world)), (1, 0));
        world.act("handler", &main, "resolve", json!({"result": "修了"})).expect(200);
        assert_eq!(clocks_of(&world.ticket("triager", &child), "reply").len(), 2, "a new answer is due");
    }

    /// The timer had not looked yet: what was late is late all the same.
    fn a_merged_tickets_answer_that_was_late_unseen_is_breached_when_the_main_one_goes_back(world) {
        let (main, child) = (world.submit(json!({})).number, world.submit(json!({})).number);
        world.act("triager", &child, "merge", json!({"into": main})).expect(200);
        world.resolve(&main);
        unseen(&world, "2026-11-25T10:00");

        world.act("supervisor", &main, "send-back", json!({"reason": "没修"})).expect(200);

        let reply = clock(&world.ticket("triager", &child), "reply");
        assert_eq!((reply["state"].as_str(), reply["breached_at"].as_str()), (Some("breached"), Some("2026-11-24T09:30:00Z")));
    }

    /// However late somebody looks, waiting ended after ten working days and the clock went on from there.
    fn waiting_that_ends_by_itself_ends_at_its_bound_however_late_that_is_noticed(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "normal");
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等照片"})).expect(200);
        at(&world, "2026-12-30T10:00");

        let ticket = world.ticket("handler", &number);
        // From Monday 09:00 to the close of the tenth working day: 4,260 open minutes, eleven days less half an hour.
        let resolve = clock(&ticket, "resolve");
        assert_eq!((ticket["status"].as_str(), resolve["breached_at"].as_str()), (Some("in_progress"), Some("2026-12-15T09:00:00Z")));
        let path = format!("/api/v1/tickets/{number}/clocks");
        let told = world.app.get(&path).bearer(&world.token("handler")).send().expect(200).json();
        let resolve = clock(&json!({"clocks": told["items"]}), "resolve");
        assert_eq!(resolve["pauses"][0]["to"], "2026-12-07T09:30:00Z");
    }

    /// A verb finds the ticket as the timer would have left it.
    fn a_verb_after_the_bound_of_waiting_finds_work_going_on(world) {
        let number = world.submit(json!({})).number;
        in_progress(&world, &number, "normal");
        world.act("handler", &number, "wait", json!({"for": "resident", "reason": "等照片"})).expect(200);
        unseen(&world, "2026-12-30T10:00");

        world.act("triager", &number, "withdraw", json!({})).expect(200);

        let withdrawn = world.ticket("triager", &number);
        assert_eq!(clock(&withdrawn, "resolve")["breached_at"], "2026-12-15T09:00:00Z");
        let trail = world.trail(&number);
        assert_eq!((count(&trail, "ticket.resumed"), count(&trail, "clock.breached")), (1, 1));
    }

    /// What was thought praise has a request's clocks once it is corrected.
    fn praise_that_was_a_request_gets_the_clocks_of_one(world) {
        let number = world.submit(json!({"kind": "praise"})).number;
        let corrected = correct(&world, &number, json!({"kind": "request"}));
        assert_eq!(due(&corrected, "accept"), "2026-11-24T09:30:00Z");

        let ticket = in_progress(&world, &number, "normal");

        assert_eq!(due(&ticket, "resolve"), "2026-11-30T09:30:00Z");
    }

    /// The clock that runs from receipt for an emergency would be met by nobody.
    fn praise_corrected_to_an_emergency_after_the_work_starts_no_clock(world) {
        let number = world.submit(json!({"kind": "praise"})).number;
        world.resolve(&number);
        correct(&world, &number, json!({"kind": "request"}));

        let corrected = correct(&world, &number, json!({"priority": "emergency"}));

        assert!(clocks_of(&corrected, "resolve").is_empty(), "{}", corrected["clocks"]);
    }
}
