//! Intake over HTTP: numbers, receipts, keys, and what is refused.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use red_mailbox::domain::number::{Number, Reference};
use red_mailbox::domain::refusal::Refusal;
use red_mailbox::service::{Error, receipts, timer};
use red_mailbox::store::receipts as guesses;
use serde_json::{Value, json};

use crate::builders::{Receipt, World, submission};
use crate::harness::{both_worlds, run};

both_worlds! {
    fn a_receipt_opens_the_ticket_as_a_resident_may_see_it(world) {
        let contact = json!({"name": "林秀英", "phone": "13812345678", "channel": "call"});
        let receipt = world.submit(json!({"contact": contact}));
        let open = |number: &str, code: &str| {
            world.app.get(&format!("/api/v1/tickets/{number}")).header("Receipt-Code", code).send()
        };

        let seen = open(&receipt.number, &receipt.code).expect(200);

        assert_eq!(seen.json()["status"], "received");
        assert!(!seen.text.contains("13812345678") && !seen.text.contains("林秀英"), "{}", seen.text);
        for absent in ["contact", "assignee", "notes", "answerable"] {
            assert!(seen.json().get(absent).is_none(), "{absent}");
        }
        let sloppy = receipt.number.to_lowercase().replace('-', "%20");
        open(&sloppy, &format!("{} {}", &receipt.code[..4], &receipt.code[4..])).expect(200);
    }

    fn a_wrong_code_and_an_unknown_number_give_the_same_answer(world) {
        let receipt = world.submit(json!({}));
        let unknown = Number::parse(&receipt.number).map(|it| Number::new("YD", it.day(), 977).to_string()).unwrap();
        let open = |number: &str, code: &str| {
            let answer = world.app.get(&format!("/api/v1/tickets/{number}")).header("Receipt-Code", code).send();
            (answer.status, answer.slug())
        };
        let wrong = if receipt.code == "00000000" { "00000001" } else { "00000000" };

        assert_eq!(open(&receipt.number, wrong), (404, "not-found".to_owned()));
        assert_eq!(open(&unknown, wrong), (404, "not-found".to_owned()));
        let misread = format!("{}{}", &receipt.number[..receipt.number.len() - 1],
            (receipt.number.as_bytes()[receipt.number.len() - 1] - b'0' + 1) % 10);
        assert_eq!(open(&misread, &receipt.code).0, 400);
    }

    fn only_failed_guesses_count_and_never_against_an_address_that_has_not_failed(world) {
        let receipt = world.submit(json!({}));
        let open = |code: &str, address: &str| {
            world.app.get(&format!("/api/v1/tickets/{}", receipt.number))
                .header("Receipt-Code", code).header("X-Forwarded-For", address).send().status
        };
        for _right in 0..40 {
            assert_eq!(open(&receipt.code, "203.0.113.1"), 200);
        }
        let wrong = if receipt.code == "11111111" { "11111112" } else { "11111111" };
        let guesses: Vec<u16> = (0..32).map(|_| open(wrong, "203.0.113.2")).collect();

        assert_eq!(guesses.iter().filter(|it| **it == 404).count(), 30);
        assert_eq!(guesses.last(), Some(&429));
        assert_eq!(open(&receipt.code, "203.0.113.2"), 429);
        assert_eq!(open(&receipt.code, "203.0.113.1"), 200);

        let tick = |minutes| {
            let mut n_forgotten = 0;
            let now = world.app.app.clock.now() + chrono::TimeDelta::minutes(minutes);
            run(async { n_forgotten = timer::tick(&world.app.app, now).await.unwrap().n_forgotten });
            n_forgotten
        };
        assert_eq!((tick(59), tick(61)), (0, 2), "the address and the ticket, once they no longer count");
    } with [("trusted_proxies", "127.0.0.0/8")]

    fn a_right_code_behind_a_burst_of_wrong_ones_opens_nothing(world) {
        let receipt = world.submit(json!({}));
        let wrong = if receipt.code == "11111111" { "11111112" } else { "11111111" };
        let number = Reference::parse(&receipt.number).unwrap();
        let mut answers = Vec::new();

        run(async {
            let codes = std::iter::repeat_n(wrong, 40).chain([receipt.code.as_str()]);
            let guesses = codes.map(|code| receipts::open(&world.app.app, &number, code, "203.0.113.3"));
            answers = join_all(guesses).await;
        });

        let n_told = answers.iter().filter(|it| matches!(it, Err(Error::Refusal(Refusal::NotFound(_))))).count();
        assert_eq!(n_told, 30, "forty guesses at once get no more answers than forty in turn");
        assert!(matches!(answers.last(), Some(Err(Error::Refusal(Refusal::TooMany { .. })))));
    }

    fn of_first_guesses_at_once_none_is_lost(world) {
        let (store, now) = (&world.app.app.store, world.app.app.clock.now());
        let count = || store.write(move |db| guesses::count_guess(db, "receipt_address", "203.0.113.9", now));
        let mut counted = Vec::new();

        run(async { counted = join_all((0..24).map(|_| count())).await });

        let mut counted: Vec<i64> = counted.into_iter().map(|it| it.unwrap().0).collect();
        counted.sort_unstable();
        assert_eq!(counted, (1..=24).collect::<Vec<_>>());
    }

    fn a_reissued_code_ends_the_old_one(world) {
        let receipt = world.submit(json!({}));
        let answer = world.act("clerk", &receipt.number, "reissue-receipt", json!({})).expect(200).json();
        let new = Receipt { code: answer["receipt_code"].as_str().unwrap().to_owned(), ..receipt.clone() };

        world.resident(&new, "supplement", json!({"text": "补充一点"})).expect(200);
        world.resident(&receipt, "supplement", json!({"text": "补充一点"})).expect(404);
    }

    fn thirty_racing_submissions_with_one_key_make_one_ticket(world) {
        let body = submission(json!({"subject": "抢着提交"}));
        let request = world.app.post("/api/v1/tickets", &body).header("Idempotency-Key", "0f8e7d6c5b4a39281706f5e4d3c2b1a0");

        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..30).map(|_| scope.spawn(|| { let it = request.send(); (it.status, it.text) })).collect();
            racers.into_iter().map(|it| it.join().unwrap()).collect()
        });

        let distinct: BTreeSet<&(u16, String)> = answers.iter().collect();
        assert_eq!(distinct.len(), 1, "{distinct:?}");
        assert_eq!(answers[0].0, 201);
        let other = submission(json!({"subject": "别的内容"}));
        let reused = world.app.post("/api/v1/tickets", &other)
            .header("Idempotency-Key", "0f8e7d6c5b4a39281706f5e4d3c2b1a0").send().expect(422);
        assert_eq!(reused.slug(), "key-reused");
        assert_eq!(found(&world, "/api/v1/tickets?q=抢着提交").len(), 1);
    }

    fn numbers_have_no_gaps_under_a_race_with_refusals(world) {
        let good = world.app.post("/api/v1/tickets", &submission(json!({})));
        let bad = world.app.post("/api/v1/tickets", &submission(json!({"category": "no_such"})));

        let numbers: Vec<String> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..60).map(|at| {
                let request = if at % 3 == 2 { bad.clone() } else { good.clone() };
                scope.spawn(move || request.send())
            }).collect();
            racers.into_iter().map(|it| it.join().unwrap()).filter(|it| it.status == 201)
                .map(|it| it.json()["number"].as_str().unwrap().to_owned()).collect()
        });

        let running: BTreeSet<u64> = numbers.iter().map(|it| Number::parse(it).unwrap().running()).collect();
        assert_eq!(running, (1..=40).collect());
    }

    fn every_wrong_field_is_named_at_once_and_nothing_is_kept(world) {
        let body = json!({
            "community": "YD", "description": "  ", "source": "kiosk", "received_at": "2026-11-01T00:00:00Z",
            "contact": {"phone": "abc", "email": "a@b\r\nBcc: x@y.z", "channel": "sms"},
            "location": {"lat": 99.0}, "attachments_expected": 0,
        });
        let refused = world.app.post("/api/v1/tickets", &body).send().expect(422).json();

        let fields: BTreeSet<&str> =
            refused["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
        let expected = ["contact.channel", "contact.email", "contact.phone", "description", "location.lat", "received_at", "source"];
        assert_eq!(fields, expected.into_iter().collect());
        let unknown = world.app.post("/api/v1/tickets", &submission(json!({"colour": "red"}))).send().expect(422);
        assert_eq!(unknown.json()["errors"][0]["field"], "colour");
        world.app.post("/api/v1/tickets", &submission(json!({"community": "NO"}))).send().expect(422);
        assert_eq!(found(&world, "/api/v1/tickets").len(), 0);
    }

    fn zero_bytes_and_odd_characters_are_never_an_error_of_ours(world) {
        let admin = world.token("admin");
        world.app.get("/api/v1/users?cursor=%00").bearer(&admin).send().expect(400);
        world.app.delete("/api/v1/auth/sessions/%00").bearer(&admin).send().expect(404);
        let odd = "\u{200B}路灯\0\u{7}坏了\u{FEFF}";
        let number = world.submit(json!({"subject": odd, "description": odd})).number;
        assert_eq!(world.ticket("triager", &number)["subject"], "路灯坏了");
        for body in [
            submission(json!({"category": "a\0b"})),
            submission(json!({"community": "Y\0D"})),
            submission(json!({"contact": {"phone": "1\0", "email": "a\0@b.c"}})),
            submission(json!({"location": {"lat": 1e308, "lon": -1e308}})),
        ] {
            world.app.post("/api/v1/tickets", &body).send().expect(422);
        }
        for query in ["q=%00", "building=%00", "unit=%00", "assignee=%00", "node=%00", "cursor=%00", "from=%00", "limit=-1"] {
            let path = format!("/api/v1/tickets?{query}");
            let status = world.app.get(&path).bearer(&world.token("triager")).send().status;
            assert!(status < 500, "{query}: {status}");
        }
        assert!(world.app.get("/api/v1/tickets/%00").bearer(&world.token("triager")).send().status < 500);
    }

    fn the_time_of_receipt_is_the_staffs_and_never_in_the_future(world) {
        let token = world.token("clerk");
        let submit = |at: &str| {
            let body = submission(json!({"received_at": at, "source": "call"}));
            world.app.post("/api/v1/tickets", &body).bearer(&token).send()
        };

        let past = submit("2026-11-19T20:00:00+00:00").expect(201).json();
        // 20:00 UTC is the next morning in Shanghai.
        assert!(past["number"].as_str().unwrap().starts_with("YD-20261120-0001"), "{past}");
        submit("2026-11-23T01:00:01Z").expect(422);
        submit("yesterday").expect(422);
    }

    fn staff_submit_only_where_they_work(world) {
        let body = submission(json!({"community": "HX"}));

        world.app.post("/api/v1/tickets", &body).bearer(&world.token("clerk")).send().expect(403);
        world.app.post("/api/v1/tickets", &body).bearer(&world.token("leader")).send().expect(403);
    }

    fn contact_is_masked_and_every_unmasking_is_in_the_trail(world) {
        let contact = json!({"name": "林秀英", "phone": "+86 138-1234-5678", "email": "lin@example.org", "channel": "call"});
        let number = world.submit(json!({"contact": contact})).number;

        let seen = world.ticket("triager", &number);
        assert_eq!(seen["contact"]["phone"], "138****5678");
        assert_eq!(world.ticket("leader", &number)["contact"], Value::Null);
        world.app.post(&format!("/api/v1/tickets/{number}/contact-views"), &json!({"reason": "核实地点"}))
            .bearer(&world.token("leader")).send().expect(403);
        let whole = world.app.post(&format!("/api/v1/tickets/{number}/contact-views"), &json!({"reason": "核实地点"}))
            .bearer(&world.token("triager")).send().expect(200).json();
        assert_eq!(whole["phone"], "13812345678");
        assert_eq!(world.trail(&number), ["ticket.received", "ticket.contact_viewed"]);
        assert_eq!(world.ticket("triager", &number)["version"], seen["version"]);
        let events = world.app.get(&format!("/api/v1/tickets/{number}/events")).bearer(&world.token("auditor")).send();
        assert!(!events.expect(200).text.contains("1381234"));
    }

    fn what_was_typed_into_the_wrong_field_is_not_given_back(world) {
        for body in [
            submission(json!({"13812345678": 1})),
            submission(json!({"category": "13812345678"})),
            submission(json!({"community": "13812345678"})),
        ] {
            let refused = world.app.post("/api/v1/tickets", &body).send().expect(422);
            assert!(!refused.text.contains("13812345678"), "{}", refused.text);
        }
    }

    fn a_whole_phone_number_finds_its_tickets_and_a_part_does_not(world) {
        let number = world.submit(json!({"contact": {"phone": "13812345678", "channel": "call"}})).number;
        world.submit(json!({}));

        assert_eq!(found(&world, "/api/v1/tickets?q=138%201234%205678"), [number]);
        assert_eq!(found(&world, "/api/v1/tickets?q=1381234567"), [""; 0]);
        let by_clerk = world.app.get("/api/v1/tickets?q=13812345678").bearer(&world.token("clerk")).send();
        assert_eq!(by_clerk.expect(200).json()["items"].as_array().unwrap().len(), 0);
    }
}

/// The numbers a triager finds, in their order.
#[track_caller]
fn found(world: &World, path: &str) -> Vec<String> {
    let page = world.app.get(path).bearer(&world.token("triager")).send().expect(200).json();
    page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect()
}
