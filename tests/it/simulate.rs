//! What-if of policies over a past period. Every test begins Monday 2026-11-23 09:00 in Shanghai.

use red_mailbox::domain::event::Stream;
use red_mailbox::domain::sla::Stage;
use red_mailbox::domain::value::At;
use red_mailbox::service::export::Wanted;
use red_mailbox::service::simulate::{Simulation, WhatIf, simulate};
use red_mailbox::service::{Error, timer};
use red_mailbox::store::events;
use serde_json::{Value, json};

use crate::builders::World;
use crate::harness::{both_worlds, run};

fn at(world: &World, local: &str) {
    let app = &world.app.app;
    app.clock.advance(At::parse(&format!("{local}:00+08:00")).unwrap() - app.clock.now());
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

fn try_out(world: &World, policy: Option<&str>, fields: &Value) -> Result<Simulation, Error> {
    let app = &world.app.app;
    let wanted = Wanted::read(&app.store, Some("YD"), Some("2026-11-01"), Some("2026-12-31")).unwrap();
    let what = WhatIf {
        node: "YD".to_owned(),
        policy: policy.map(str::to_owned),
        fields: fields.as_object().unwrap().clone(),
    };
    simulate(&app.store, &wanted, &what, app.clock.now(), |_| {})
}

fn simulated(world: &World, fields: &Value) -> Simulation {
    try_out(world, None, fields).unwrap()
}

/// Clocks and late ones of a stage, as it was and as it would be.
fn late(done: &Simulation, stage: Stage) -> (u64, u64, u64, u64) {
    let it = done.stages[&stage];
    (it.n_clocks_was, it.n_late_was, it.n_clocks_would, it.n_late_would)
}

/// Tickets with waits, an extension, a return, a merger, rework and a corrected priority, over a fortnight.
fn a_fortnight(world: &World) -> Vec<String> {
    let call = json!({"contact": {"phone": "13850001234", "channel": "call"}});
    let email = json!({"contact": {"email": "lihua@example.org", "channel": "email"}});
    let receipts: Vec<_> = [
        call.clone(),
        email,
        json!({}),
        call,
        json!({"kind": "enquiry"}),
        json!({"description": "有人被困在电梯里"}),
    ]
    .into_iter()
    .map(|it| world.submit(it))
    .collect();
    let numbers: Vec<String> = receipts.iter().map(|it| it.number.clone()).collect();
    let accept = |priority: &str| json!({"category": "street_light", "priority": priority});
    at(world, "2026-11-24T10:00");
    for number in &numbers[..4] {
        world.steps(
            number,
            &[("triager", "accept", accept("normal")), ("triager", "assign", json!({"unit": "WY"}))],
        );
    }
    at(world, "2026-11-25T10:00");
    world.steps(
        &numbers[0],
        &[
            ("handler", "acknowledge", json!({})),
            ("handler", "wait", json!({"for": "resident", "reason": "等照片"})),
        ],
    );
    world.steps(
        &numbers[1],
        &[
            ("handler", "acknowledge", json!({})),
            ("handler", "extend", json!({"due_at": "2026-12-04T17:30:00+08:00", "reason": "等配件"})),
            ("supervisor", "extensions/1/grant", json!({})),
        ],
    );
    world.steps(
        &numbers[2],
        &[
            ("handler", "return", json!({"reason": "不归我们"})),
            ("triager", "assign", json!({"unit": "ZY"})),
            ("handler2", "acknowledge", json!({})),
            ("handler2", "resolve", json!({"result": "好了"})),
            ("triager", "reply", json!({"text": "好了"})),
        ],
    );
    world.steps(&numbers[4], &[("triager", "merge", json!({"into": numbers[3]}))]);
    at(world, "2026-11-27T10:00");
    world.steps(&numbers[0], &[("handler", "resume", json!({}))]);
    world.resident(&receipts[2], "rate", json!({"solved": false})).expect(200);
    world.steps(
        &numbers[3],
        &[("handler", "acknowledge", json!({})), ("handler", "resolve", json!({"result": "好了"}))],
    );
    at(world, "2026-12-01T10:00");
    world.steps(&numbers[1], &[("handler", "resolve", json!({"result": "好了"}))]);
    world.steps(&numbers[3], &[("supervisor", "send-back", json!({"reason": "没好"}))]);
    let version = world.ticket("triager", &numbers[0])["version"].as_i64().unwrap();
    world
        .app
        .patch(&format!("/api/v1/tickets/{}", numbers[0]), &json!({"priority": "urgent"}))
        .bearer(&world.token("triager"))
        .if_match(version)
        .send()
        .expect(200);
    at(world, "2026-12-07T10:00");
    numbers
}

both_worlds! {
    /// A change that changes nothing gives what the trail says, clock by clock: it is the same course.
    fn without_a_change_nothing_would_have_been_otherwise(world) {
        let numbers = a_fortnight(&world);

        let done = simulated(&world, &json!({}));

        assert_eq!((done.n_tickets, done.n_unread), (numbers.len() as u64, 0));
        assert_eq!(done.tickets, [], "{done:#?}");
        for (stage, it) in &done.stages {
            assert_eq!((it.n_clocks_was, it.n_late_was), (it.n_clocks_would, it.n_late_would), "{stage}");
        }
        assert!(late(&done, Stage::Resolve).1 > 0, "somebody was late: {done:#?}");
    }

    fn a_shorter_target_makes_late_and_a_longer_one_in_time(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ]);
        at(&world, "2026-11-26T10:00");
        world.act("handler", &number, "resolve", json!({"result": "好了"})).expect(200);
        at(&world, "2026-11-30T10:00");

        let done = simulated(&world, &json!({"targets": {"resolve": {"working_days": 2}, "reply": {"working_days": 5}}}));

        assert_eq!(late(&done, Stage::Resolve), (1, 0, 1, 1));
        assert_eq!(late(&done, Stage::Reply), (1, 1, 1, 0));
        let clocks = &done.tickets[0].clocks;
        assert_eq!((done.tickets.len(), done.tickets[0].number.as_str(), clocks.len()), (1, number.as_str(), 2));
        let resolve = clocks.iter().find(|it| it.stage == Stage::Resolve).unwrap();
        assert_eq!(resolve.due_would.unwrap().to_string(), "2026-11-25T09:30:00Z");
        assert_eq!(resolve.due_was.unwrap().to_string(), "2026-11-30T09:30:00Z");
        let other = simulated(&world, &json!({"kind": "praise", "targets": {"resolve": {"working_days": 1}}}));
        assert_eq!(other.tickets, [], "a policy for another kind changes nothing");
    }

    /// The rules of then hold: a policy that came later does not count for what came before it.
    fn the_rest_of_the_set_up_is_as_it_was_then(world) {
        let number = world.submit(json!({})).number;
        world.steps(&number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ]);
        at(&world, "2026-11-26T10:00");
        world.act("handler", &number, "resolve", json!({"result": "好了"})).expect(200);
        let policy = json!({"code": "fast", "name": "快", "node": "YD", "targets": {"resolve": {"working_days": 1}}});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);

        assert_eq!(simulated(&world, &json!({})).tickets, []);
        let changed = try_out(&world, Some("fast"), &json!({"targets": {"resolve": {"working_days": 2}}})).unwrap();
        assert_eq!(changed.tickets.len(), 1, "the changed policy is tried as if it had held all the time");
    }

    fn it_changes_nothing_and_refuses_what_is_no_policy(world) {
        world.know("triager");
        let number = world.submit(json!({})).number;
        at(&world, "2026-11-26T10:00");
        let store = world.app.app.store.clone();
        let count = || {
            let of = |stream, id| store.read_blocking(move |db| events::list(db, stream, id, 0, 2_000)).unwrap().len();
            (of(Stream::Setup, 0), of(Stream::Ticket, 1), world.ticket("triager", &number)["version"].clone())
        };
        let before = count();

        simulated(&world, &json!({"targets": {"accept": {"working_days": 9}}}));

        assert_eq!(count(), before);
        for wrong in [json!({"targets": {"resolve": {"working_days": 0}}}), json!({"x": 1}), json!({"code": "y"})] {
            assert!(matches!(try_out(&world, None, &wrong), Err(Error::Refusal(_))), "{wrong}");
        }
        assert!(matches!(try_out(&world, Some("nothing"), &json!({})), Err(Error::Refusal(_))));
    }
}
