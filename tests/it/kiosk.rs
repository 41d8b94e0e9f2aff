//! Devices: their tokens, their clocks, their reserve of slips, and a network that comes and goes.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::World;
use crate::collections::{letter, mailbox, open};
use crate::harness::both_worlds;
use crate::intruder::Intruder;

/// Adds a kiosk at `node`; gives its device token.
fn kiosk(world: &World, code: &str, node: &str) -> String {
    let body = json!({"code": code, "name": "服务大厅", "node": node});
    let admin = if node == "YD" { "admin" } else { "other" };
    let answer = world.app.post("/api/v1/kiosks", &body).bearer(&world.token(admin)).send().expect(201);
    answer.json()["device_token"].as_str().unwrap().to_owned()
}

fn by(world: &World, token: &str, path: &str, body: Value) -> Answer {
    world.app.post(path, &body).bearer(token).send()
}

fn reserve(world: &World, token: &str, count: u32) -> Vec<(String, String)> {
    let answer = by(world, token, "/api/v1/kiosk/slips", json!({"count": count})).expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    answer.json()["slips"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (text(it, "serial"), text(it, "code")))
        .collect()
}

fn submission(differ: Value) -> Value {
    let mut body = json!({"community": "YD", "description": "电梯间灯不亮"});
    for (name, value) in differ.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn field(answer: Answer) -> String {
    answer.expect(422).json()["errors"][0]["field"].as_str().unwrap().to_owned()
}

both_worlds! {
    fn a_heartbeat_measures_the_clock_and_is_shown_in_the_set_up(world) {
        let token = kiosk(&world, "K1", "YD");
        let seen = || {
            let path = "/api/v1/kiosks/K1";
            world.app.get(path).bearer(&world.token("admin")).send().expect(200).json()["device"].clone()
        };
        assert_eq!(seen()["heard_at"], Value::Null);

        let body = json!({"now": "2026-11-23T09:00:42.500+08:00", "waiting": 3});
        let heard = by(&world, &token, "/api/v1/kiosk/heartbeat", body).expect(200).json();

        assert_eq!(heard, json!({"kiosk": "K1", "server_time": "2026-11-23T01:00:00Z", "clock_skew_ms": 42_500}));
        let expected = json!({"has_token": true, "last_seen_at": "2026-11-23T01:00:00Z",
            "heard_at": "2026-11-23T01:00:00Z", "clock_skew_ms": 42_500, "waiting": 3});
        assert_eq!(seen(), expected);
        let list = world.app.get("/api/v1/kiosks").bearer(&world.token("admin")).send().expect(200).json();
        assert_eq!(list["items"][0]["device"], expected);
        by(&world, &token, "/api/v1/kiosk/heartbeat", json!({"now": "2026-11-23T08:59:59+08:00"})).expect(200);
        assert_eq!(seen()["clock_skew_ms"], -1_000);
        assert_eq!(field(by(&world, &token, "/api/v1/kiosk/heartbeat", json!({"now": "soon"}))), "now");
        assert_eq!(field(by(&world, &token, "/api/v1/kiosk/heartbeat", json!({}))), "now");
    }

    fn a_device_submits_and_tracks_and_no_more(world) {
        let token = kiosk(&world, "K1", "YD");
        for path in ["/api/v1/tickets", "/api/v1/collections", "/api/v1/kiosks", "/api/v1/mailboxes", "/api/v1/notices",
            "/api/v1/stats/custody", "/api/v1/stats/summary", "/api/v1/users", "/api/v1/auth/me"] {
            assert_eq!(world.app.get(path).bearer(&token).send().expect(403).slug(), "not-yours", "{path}");
        }
        by(&world, &token, "/api/v1/slips", json!({"community": "YD", "count": 1})).expect(403);
        for path in ["/api/v1/kiosk/heartbeat", "/api/v1/kiosk/slips"] {
            world.app.post(path, &json!({})).send().expect(401);
            by(&world, &world.token("admin"), path, json!({})).expect(403);
        }
        assert_eq!(field(by(&world, &token, "/api/v1/tickets", submission(json!({"source": "walk_in"})))), "source");
        let elsewhere = submission(json!({"community": "HX"}));
        assert_eq!(field(by(&world, &token, "/api/v1/tickets", elsewhere)), "community");
        let made = by(&world, &token, "/api/v1/tickets", submission(json!({}))).expect(201).json();
        let tracked = world.app.get(&format!("/api/v1/tickets/{}", made["number"].as_str().unwrap()))
            .bearer(&token).header("Receipt-Code", made["receipt_code"].as_str().unwrap()).send();
        tracked.expect(200);
        assert_eq!(world.ticket("clerk", made["number"].as_str().unwrap())["source"], "kiosk");

        let path = "/api/v1/kiosks/K1/token";
        world.app.delete(path).bearer(&world.token("admin")).send().expect(204);
        by(&world, &token, "/api/v1/tickets", submission(json!({}))).expect(401);
        by(&world, &token, "/api/v1/kiosk/heartbeat", json!({"now": "2026-11-23T09:00:00+08:00"})).expect(401);
    }

    fn a_reserve_slip_is_bound_by_its_own_device_with_the_time_it_was_made(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let (token, second) = (kiosk(&world, "K1", "YD"), kiosk(&world, "K2", "YD"));
        let slips = reserve(&world, &token, 3);
        let track = |serial: &str, code: &str| {
            world.app.get(&format!("/api/v1/tickets/{serial}")).header("Receipt-Code", code).send()
        };
        let (serial, code) = &slips[0];
        assert_eq!(track(serial, code).expect(404).slug(), "not-registered-yet");

        let made = submission(json!({"slip": serial, "made_at": "2026-11-20T17:05:00+08:00"}));
        let receipt = by(&world, &token, "/api/v1/tickets", made.clone()).expect(201).json();
        assert_eq!(receipt["received_at"], "2026-11-20T09:05:00Z");
        assert_eq!(track(serial, code).expect(200).json()["number"], receipt["number"]);
        assert_eq!(track(serial, "00000000").expect(404).slug(), "not-found");

        assert_eq!(field(by(&world, &token, "/api/v1/tickets", made)), "slip");
        assert_eq!(field(by(&world, &second, "/api/v1/tickets", submission(json!({"slip": slips[1].0})))), "slip");
        assert_eq!(field(by(&world, &token, "/api/v1/tickets", submission(json!({"slip": "YD-S000017"})))), "slip");
        // A reserve is no letter sheet, and a letter sheet no reserve.
        let id = open(&world, 1);
        let on_reserve = json!({"slip": slips[2].0, "tickets": [{"description": "路灯"}]});
        assert_eq!(field(letter(&world, id, on_reserve)), "slip");
        let sheet = by(&world, &world.token("clerk"), "/api/v1/slips", json!({"community": "YD", "count": 1}));
        let sheet = sheet.expect(201).json()["serials"][0].clone();
        assert_eq!(field(by(&world, &token, "/api/v1/tickets", submission(json!({"slip": sheet})))), "slip");
        for (made_at, names) in [("2026-11-09T08:59:59+08:00", true), ("2026-11-09T09:00:01+08:00", false),
            ("2026-11-23T09:06:00+08:00", true), ("2026-11-23T09:04:00+08:00", false)] {
            let answer = by(&world, &token, "/api/v1/tickets", submission(json!({"made_at": made_at})));
            if names { assert_eq!(field(answer), "made_at", "{made_at}") } else { answer.expect(201); }
        }
    }

    fn a_reserve_has_its_bounds(world) {
        let token = kiosk(&world, "K1", "YD");
        for count in [0, 201] {
            assert_eq!(field(by(&world, &token, "/api/v1/kiosk/slips", json!({"count": count}))), "count");
        }
        let mut serials: Vec<String> = (0..5).flat_map(|_| reserve(&world, &token, 200)).map(|it| it.0).collect();
        serials.dedup();
        assert_eq!(serials.len(), 1_000);
        let refused = by(&world, &token, "/api/v1/kiosk/slips", json!({"count": 1})).expect(429);
        assert_eq!(refused.header("retry-after"), "3600");
        world.app.app.clock.advance(TimeDelta::days(1) + TimeDelta::seconds(1));
        reserve(&world, &token, 1);
    }

    fn five_hundred_submissions_over_a_flapping_network_make_five_hundred_tickets(world) {
        let token = kiosk(&world, "K1", "YD");
        let slips: Vec<String> = (0..3).flat_map(|_| reserve(&world, &token, 200)).map(|it| it.0).collect();
        let n_dropped = std::sync::atomic::AtomicU32::new(0);

        let numbers: Vec<String> = std::thread::scope(|scope| {
            let (world, token, slips, n_dropped) = (&world, &token, &slips, &n_dropped);
            let devices: Vec<_> = (0..4_usize)
                .zip(1_u64..)
                .map(|(lane, seed)| {
                    scope.spawn(move || {
                        let mut chance = Chance(seed);
                        let own = (0..500).filter(|nth| nth % 4 == lane);
                        own.map(|nth| {
                            let made_at = format!("2026-11-20T17:{:02}:{:02}+08:00", nth / 60, nth % 60);
                            let mut body = submission(json!({"made_at": made_at}));
                            // Every third was made off-line, its receipt printed on a slip.
                            if nth % 3 == 0 {
                                body["slip"] = json!(slips[nth]);
                            }
                            let key = format!("kiosk-submission-{nth:08}");
                            deliver(world, token, &key, &body, &mut chance, n_dropped)
                        })
                        .collect::<Vec<_>>()
                    })
                })
                .collect();
            devices.into_iter().flat_map(|it| it.join().unwrap()).collect()
        });

        let mut once = numbers.clone();
        once.sort();
        once.dedup();
        assert_eq!((numbers.len(), once.len()), (500, 500));
        assert_eq!(Intruder::visiting(&world).count("ticket"), 500);
        assert_eq!(Intruder::visiting(&world).count("ticket WHERE slip IS NOT NULL"), 167);
        assert!(n_dropped.into_inner() > 500, "the network was too good");
    }
}

/// A row of numbers that is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Sends a submission until its answer is read; gives the number.
fn deliver(
    world: &World,
    token: &str,
    key: &str,
    body: &Value,
    chance: &mut Chance,
    n_dropped: &std::sync::atomic::AtomicU32,
) -> String {
    let body = body.to_string();
    let request = format!(
        "POST /api/v1/tickets HTTP/1.1\r\nHost: red-mailbox.test\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    for _ in 0..50 {
        let mut stream = TcpStream::connect(world.app.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let bytes = request.as_bytes();
        match chance.below(5) {
            // Gone before anything was sent, in the middle of it, or before the answer came.
            0 => {}
            1 => drop(stream.write_all(&bytes[..bytes.len() / 2])),
            2 => drop(stream.write_all(bytes)),
            _ => {
                stream.write_all(bytes).unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                // 409: the one before is still on its way.
                if answer.starts_with("HTTP/1.1 201") {
                    let json = answer.split_once("\r\n\r\n").unwrap().1;
                    let receipt: Value = serde_json::from_str(json).unwrap();
                    return receipt["number"].as_str().unwrap().to_owned();
                }
                assert!(answer.starts_with("HTTP/1.1 409") || answer.starts_with("HTTP/1.1 503"), "{answer}");
            }
        }
        n_dropped.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        drop(stream.shutdown(Shutdown::Both));
    }
    panic!("never delivered: {key}")
}
