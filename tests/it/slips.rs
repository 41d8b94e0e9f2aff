//! Printed slips: given out in runs, bound once, opened by their stubs.

use red_mailbox::domain::number::{Serial, receipt_code};
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::World;
use crate::collections::{letter, mailbox, open, post};
use crate::harness::both_worlds;

/// The code that stands on a slip.
fn code(world: &World, serial: &str) -> String {
    receipt_code(&world.app.app.keys.receipt, serial, 1)
}

fn print(world: &World, username: &str, count: u32) -> Vec<String> {
    let body = json!({"community": "YD", "count": count});
    let answer = post(world, username, "/api/v1/slips", body).expect(201).json();
    answer["serials"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn track(world: &World, serial: &str, code: &str) -> Answer {
    world
        .app
        .get(&format!("/api/v1/tickets/{}", serial.replace(' ', "%20")))
        .header("Receipt-Code", code)
        .send()
}

fn on_slip(serial: &str) -> Value {
    json!({"slip": serial, "tickets": [{"description": "路灯不亮"}, {"description": "垃圾没人收"}]})
}

both_worlds! {
    fn slips_are_numbered_without_gaps_and_printed_by_those_who_may(world) {
        assert_eq!(print(&world, "clerk", 2), [Serial::new("YD", 1).to_string(), Serial::new("YD", 2).to_string()]);
        assert_eq!(print(&world, "admin", 1), [Serial::new("YD", 3).to_string()]);
        print(&world, "supervisor", 1);
        for (username, body, status) in [
            ("clerk", json!({"community": "YD", "count": 0}), 422),
            ("clerk", json!({"community": "YD", "count": 1_001}), 422),
            ("clerk", json!({"community": "YD", "count": -1}), 422),
            ("clerk", json!({"community": "YD"}), 422),
            ("clerk", json!({"community": "ZZ", "count": 1}), 422),
            ("clerk", json!({"community": "HX", "count": 1}), 403),
            ("triager", json!({"nonsense": 1}), 403),
            ("handler", json!({"community": "YD", "count": 1}), 403),
        ] {
            post(&world, username, "/api/v1/slips", body.clone()).expect(status);
        }
        world.app.post("/api/v1/slips", &json!({})).send().expect(401);
        assert_eq!(print(&world, "clerk", 1), [Serial::new("YD", 5).to_string()]);
    }

    fn the_sheets_hold_serial_and_code_twice_and_nobodys_data(world) {
        let answer = world.app.post("/api/v1/slips", &json!({"community": "yd", "count": 2}))
            .bearer(&world.token("clerk")).header("Accept", "text/html").send().expect(201);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").contains("style-src 'self'"));
        assert!(!answer.text.contains("<style") && !answer.text.contains("<script"));
        assert_eq!(answer.text.matches("<section class=\"slip\">").count(), 2);
        for running in 1..=2 {
            let serial = Serial::new("YD", running).to_string();
            let code = code(&world, &serial);
            assert!(answer.text.matches(&serial).count() >= 2, "{serial}");
            assert!(answer.text.contains(&format!("{} {}", &code[..4], &code[4..])));
            assert!(answer.text.contains(&format!("{}<b></b>{}", &code[..4], &code[4..])));
        }
        assert!(!answer.text.contains("slip."), "a text is missing from the catalogue");
    }

    fn a_stub_hears_not_registered_yet_until_its_letter_is_and_then_opens_it(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let serials = print(&world, "clerk", 2);
        let (serial, other) = (&serials[0], &serials[1]);
        for (stub, code) in [
            (serial.as_str(), code(&world, serial)), (serial.as_str(), "00000000".to_owned()),
            (serial.as_str(), "x".to_owned()), ("ZZ-S0000017", "12345678".to_owned()),
        ] {
            assert_eq!(track(&world, stub, &code).expect(404).slug(), "not-registered-yet", "{stub}");
        }
        world.app.get(&format!("/api/v1/tickets/{serial}")).send().expect(401);
        track(&world, "YD-S000017", "12345678").expect(400);

        let id = open(&world, 2);
        let registered = letter(&world, id, on_slip(&serial.to_lowercase().replace('-', " "))).expect(201).json();
        assert_eq!(registered["slip"], json!(serial));
        let numbers: Vec<&str> =
            registered["tickets"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap()).collect();
        let spaced = format!(" {} ", serial.to_lowercase().replace('-', " "));
        for stub in [serial.as_str(), spaced.trim()] {
            let opened = track(&world, stub, &code(&world, serial)).expect(200).json();
            assert_eq!((&opened["number"], &opened["same_letter"]), (&json!(numbers[0]), &json!([numbers[1]])));
            assert!(opened.get("slip").is_none() && opened.get("notes").is_none());
        }
        assert_eq!(track(&world, serial, "00000000").expect(404).slug(), "not-found");
        assert_eq!(track(&world, serial, &code(&world, other)).expect(404).slug(), "not-found");
        assert_eq!(world.ticket("clerk", serial)["slip"], json!(serial));
        assert_eq!(world.ticket("clerk", numbers[1])["slip"], Value::Null);
        assert_eq!(world.read("clerk", other).expect(404).slug(), "not-registered-yet");
        // The resident acts with the stub as with a receipt.
        let added = world.app.post(&format!("/api/v1/tickets/{serial}/supplement"), &json!({"text": "还是不亮"}))
            .header("Receipt-Code", code(&world, serial)).send().expect(200).json();
        assert_eq!(added["supplements"], json!(["还是不亮"]));
        // A code given out anew ends what is printed.
        world.steps(numbers[0], &[("clerk", "reissue-receipt", json!({}))]);
        track(&world, serial, &code(&world, serial)).expect(404);
    }

    fn a_slip_is_bound_once_and_only_where_it_was_printed(world) {
        mailbox(&world, "M1", "YD", json!({}));
        mailbox(&world, "H1", "HX", json!({}));
        let serial = print(&world, "clerk", 1).remove(0);
        let id = open(&world, 3);
        let field = |answer: Answer| answer.expect(422).json()["errors"][0]["field"].as_str().unwrap().to_owned();
        for wrong in ["YD-S000017", "YD-S0000017", "HX-S000018", "1234"] {
            assert_eq!(field(letter(&world, id, on_slip(wrong))), "slip", "{wrong}");
        }
        let never_printed = Serial::new("YD", 2).to_string();
        assert_eq!(field(letter(&world, id, on_slip(&never_printed))), "slip");
        letter(&world, id, on_slip(&serial)).expect(201);
        assert_eq!(field(letter(&world, id, on_slip(&serial))), "slip");
        let set_aside = json!({"slip": serial, "set_aside": "blank"});
        assert_eq!(field(letter(&world, id, set_aside)), "slip");
        let public = json!({"community": "YD", "description": "路灯", "slip": serial});
        assert_eq!(field(world.app.post("/api/v1/tickets", &public).send()), "slip");
    }

    fn of_those_who_race_for_a_slip_one_binds_it(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let serial = print(&world, "clerk", 1).remove(0);
        let ids: Vec<i64> = (0..6).map(|_| open(&world, 1)).collect();
        let token = world.token("clerk");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let sent: Vec<_> = ids
                .iter()
                .map(|id| {
                    let path = format!("/api/v1/collections/{id}/letters");
                    let request = world.app.post(&path, &on_slip(&serial)).bearer(&token);
                    scope.spawn(move || request.send().status)
                })
                .collect();
            sent.into_iter().map(|it| it.join().unwrap()).collect()
        });

        assert_eq!(statuses.iter().filter(|it| **it == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|it| **it == 422).count(), 5, "{statuses:?}");
    }

    fn a_page_that_the_printer_lost_is_printed_again_until_its_letter_is_registered(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let serials = print(&world, "clerk", 3);
        print(&world, "clerk", 2);
        let reprint = |username: &str, body: Value| post(&world, username, "/api/v1/slips/reprint", body);
        let html = |first: &str| {
            let request = world.app.post("/api/v1/slips/reprint", &json!({"first": first}));
            request.bearer(&world.token("clerk")).header("Accept", "text/html").send()
        };

        let again = reprint("clerk", json!({"first": serials[1].to_lowercase(), "last": Serial::new("YD", 5).to_string()}));

        let told = again.expect(200).json();
        assert_eq!((&told["count"], &told["serials"][0]), (&json!(4), &json!(serials[1])));
        let sheet = html(&serials[1]).expect(200).text;
        let code = code(&world, &serials[1]);
        assert!(sheet.contains(&serials[1]) && sheet.contains(&code[..4]), "{sheet}");

        let id = open(&world, 1);
        letter(&world, id, on_slip(&serials[1])).expect(201);
        let refused = html(&serials[1]).expect(422).json();
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains("已经登记"), "{refused}");
        let unknown = Serial::new("YD", 6).to_string();
        for (username, body, status, field) in [
            ("clerk", json!({"first": serials[0], "last": serials[2]}), 422, "first"),
            ("clerk", json!({"first": unknown}), 422, "first"),
            ("clerk", json!({"first": serials[2], "last": serials[0]}), 422, "last"),
            ("clerk", json!({"first": serials[2], "last": Serial::new("YD", 2_000).to_string()}), 422, "last"),
            ("clerk", json!({"first": "YD-S000019"}), 422, "first"),
            ("clerk", json!({"first": Serial::new("ZZ", 1).to_string()}), 422, "first"),
            ("other", json!({"first": serials[0]}), 403, ""),
            ("triager", json!({"first": serials[0]}), 403, ""),
        ] {
            let answer = reprint(username, body.clone()).expect(status).json();
            assert_eq!(answer["errors"][0]["field"].as_str().unwrap_or_default(), field, "{body}");
        }
    }

    fn guesses_at_a_stub_are_limited_as_at_a_receipt(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let serial = print(&world, "clerk", 1).remove(0);
        let id = open(&world, 1);
        letter(&world, id, on_slip(&serial)).expect(201);

        let statuses: Vec<u16> = (0..32).map(|_| track(&world, &serial, "00000000").status).collect();

        assert_eq!(statuses[..30], [404; 30]);
        assert_eq!(statuses[30..], [429; 2]);
        track(&world, &serial, &code(&world, &serial)).expect(429);
    }

    fn the_page_takes_a_serial_too(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let serial = print(&world, "clerk", 1).remove(0);
        let look = || {
            let form = format!("number={serial}&code={}", code(&world, &serial));
            world.app.request("POST", "/track").header("Origin", "http://red-mailbox.test")
                .text("application/x-www-form-urlencoded", form).send()
        };
        let not_yet = look().expect(404);
        assert!(not_yet.text.contains("还没有登记"), "{}", not_yet.text);
        let id = open(&world, 1);
        letter(&world, id, on_slip(&serial)).expect(201);

        assert!(look().expect(200).text.contains("路灯不亮"));
    }
}

#[test]
fn the_command_writes_sheets_that_stand_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run_it = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
            .args(arguments)
            .env("RED_MAILBOX_DATA_DIR", folder.path())
            .output()
            .unwrap()
    };
    run_it(&["node", "add", "YD", "--name", "永定社区", "--kind", "community"]);
    let file = folder.path().join("slips.html");
    let file = file.to_str().unwrap();

    let printed = run_it(&["slips", "--community", "YD", "--count", "3", "--output", file]);

    let told = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert_eq!(printed.status.code(), Some(0), "{told}");
    assert!(told.contains("YD-S000018"), "{told}");
    let html = std::fs::read_to_string(file).unwrap();
    assert_eq!(html.matches("<section class=\"slip\">").count(), 3);
    assert!(html.contains("永定社区") && html.contains("@page{size:A4") && !html.contains("<link"));
    // The file is there already, and nothing is given out for it.
    assert_eq!(
        run_it(&["slips", "--community", "YD", "--count", "3", "--output", file]).status.code(),
        Some(1)
    );
    let other = folder.path().join("other.html");
    let unknown = ["slips", "--community", "XX", "--count", "3", "--output", other.to_str().unwrap()];
    assert_eq!(run_it(&unknown).status.code(), Some(1));
    assert!(!other.exists());
    assert_eq!(run_it(&["slips", "--community", "YD", "--count", "0"]).status.code(), Some(2));
    let next = run_it(&["slips", "--community", "YD", "--count", "1"]);
    let expected = Serial::new("YD", 4).to_string();
    assert!(String::from_utf8_lossy(&next.stdout).contains(&expected));
    let again = run_it(&["slips", "--reprint", "YD-S000018"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("YD-S000018"));
    let never = run_it(&["slips", "--reprint", &Serial::new("YD", 99).to_string()]);
    assert_eq!(never.status.code(), Some(1));
    assert_eq!(run_it(&["slips", "--community", "YD"]).status.code(), Some(2));
    assert_eq!(run_it(&["audit", "verify"]).status.code(), Some(0));
}
