//! The machine's clock set forward and back: nothing is said twice, nothing is lost.

use chrono::TimeDelta;
use red_mailbox::domain::ticket::Channel;
use red_mailbox::domain::value::At;
use red_mailbox::service::{delivery, messages, timer};
use serde_json::{Value, json};

use crate::builders::World;
use crate::delivery::with_mail;
use crate::harness::{both_worlds, run};
use crate::smtp::{MailServer, Manner};

fn tick(world: &World) {
    let app = &world.app.app;
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

fn said(world: &World, number: &str) -> (usize, usize, usize) {
    let trail = world.trail(number);
    let count = |kind: &str| trail.iter().filter(|it| *it == kind).count();
    (count("clock.warned"), count("clock.breached"), count("clock.escalated"))
}

fn go_to(world: &World, local: &str) {
    let to = At::parse(&format!("{local}:00+08:00")).unwrap();
    world.app.app.clock.advance(to - world.app.app.clock.now());
    tick(world);
}

fn accept_clock(world: &World, number: &str) -> Value {
    world.ticket("triager", number)["clocks"][0].clone()
}

both_worlds! {
    fn a_year_forward_and_back_says_each_alarm_once_and_new_clocks_work(world) {
        let before = world.submit(json!({})).number;
        world.app.app.clock.advance(TimeDelta::days(365));
        tick(&world);
        tick(&world);
        assert_eq!(said(&world, &before), (2, 1, 3));
        let in_between = world.submit(json!({})).number;
        world.app.app.clock.advance(TimeDelta::days(-365));
        tick(&world);

        let after = world.submit(json!({})).number;
        go_to(&world, "2026-11-24T09:00");
        assert_eq!(said(&world, &after), (1, 0, 0), "half of the time is over");
        go_to(&world, "2026-11-24T17:31");
        assert_eq!((said(&world, &after).0, said(&world, &after).1), (2, 1));
        go_to(&world, "2026-11-30T09:00");

        assert_eq!(said(&world, &before), (2, 1, 3), "not again");
        assert_eq!(said(&world, &after), (2, 1, 3));
        assert_eq!(accept_clock(&world, &before)["breached_at"], "2026-11-24T09:30:00Z", "the true due time");
        assert_eq!(said(&world, &in_between), (0, 0, 0), "its time has not come");
        go_to(&world, "2027-12-10T09:00");
        assert_eq!(said(&world, &in_between), (2, 1, 3), "and is not forgotten");
    }

    fn an_hour_back_and_forth_says_each_alarm_once(world) {
        let number = world.submit(json!({})).number;
        for local in ["2026-11-24T08:40", "2026-11-24T07:40", "2026-11-24T08:41", "2026-11-24T17:31", "2026-11-24T16:31",
            "2026-11-24T17:32"]
        {
            go_to(&world, local);
        }

        assert_eq!((said(&world, &number).0, said(&world, &number).1), (2, 1));
        let accepted = world.act("triager", &number, "accept", json!({"category": "street_light", "priority": "normal"}));
        assert_eq!(accepted.expect(200).json()["clocks"][0]["state"], "breached");
    }

    /// What is done after the clock was set back is before what was said; its verdict stays a fact.
    fn work_goes_on_after_the_clock_was_set_back(world) {
        let number = world.submit(json!({})).number;
        go_to(&world, "2026-11-25T09:00");
        go_to(&world, "2026-11-23T10:00");

        let ticket = world.resolve(&number);

        let accept = &ticket["clocks"][0];
        assert_eq!((accept["state"].as_str(), accept["met_at"].as_str()), (Some("breached"), Some("2026-11-23T02:00:00Z")));
        assert_eq!(said(&world, &number).1, 1);
    }

    /// A try made while the clock was a year ahead sets the next one a year ahead; it must not wait so long.
    fn a_reply_tried_in_a_wrong_year_is_tried_again_at_once(world) {
        let contact = json!({"email": "lihua@example.org", "channel": "email"});
        let number = world.submit(json!({"contact": contact})).number;
        world.resolve(&number);
        world.act("triager", &number, "reply", json!({"text": "好了"})).expect(200);
        let server = MailServer::start(Manner::IsDead);
        let app = with_mail(&world, &server.url());
        let deliver = || {
            let mut done = delivery::Delivered::default();
            run(async { done = delivery::deliver_by(&app, Channel::Email, app.clock.now()).await.unwrap() });
            done
        };
        world.app.app.clock.advance(TimeDelta::days(365));
        assert_eq!(deliver().n_postponed, 1);
        world.app.app.clock.advance(TimeDelta::days(-365));
        server.turn(Manner::Takes);

        assert_eq!(deliver().n_delivered, 1);
        assert_eq!(deliver().n_delivered, 0);
        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }

    /// Mails a person got in a wrong year do not keep the next ones back.
    fn a_digest_of_a_wrong_year_does_not_silence_the_next(world) {
        world.know("triager");
        let user = world.app.get("/api/v1/users/triager").bearer(&world.token("admin")).send().expect(200).json();
        world.app.patch("/api/v1/users/triager", &json!({"email": "t@community.test"})).bearer(&world.token("admin"))
            .if_match(user["version"].as_i64().unwrap()).send().expect(200);
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        let gather = || {
            let mut n_made = 0;
            run(async { n_made = messages::gather(&app, app.clock.now()).await.unwrap() });
            n_made
        };
        world.submit(json!({}));
        world.app.app.clock.advance(TimeDelta::days(364));
        tick(&world);
        assert_eq!(gather(), 1);
        world.app.app.clock.advance(TimeDelta::days(-364));
        world.submit(json!({}));
        go_to(&world, "2026-11-24T09:00");

        assert_eq!(gather(), 1);
    }
}
