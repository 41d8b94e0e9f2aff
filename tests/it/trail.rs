//! The trail against somebody who writes into the database: everything is found, and nothing else.

use std::io::Write as _;

use red_mailbox::domain::audit::{Finding, Report};
use red_mailbox::domain::chain::{SealKey, event_hash};
use red_mailbox::domain::event::{Recorded, Stream};
use red_mailbox::service::audit;
use red_mailbox::service::export::{self, TableForm, Wanted};
use red_mailbox::store::events;
use serde_json::{Value, json};

use crate::builders::World;
use crate::harness::both_worlds;
use crate::intruder::Intruder;

/// A ticket of sixteen events with units, replies, a message on its way and a phone number; its id is 1.
fn live(world: &World) -> String {
    let contact =
        json!({"name": "林秀英", "phone": "13812345678", "email": "lin@example.org", "channel": "email"});
    let location = json!({"building": "3", "room": "502"});
    let number = world.submit(json!({"contact": contact, "location": location})).number;
    world.know("handler");
    world.steps(
        &number,
        &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "assignee": "handler", "supporting": ["ZY"]})),
            ("handler", "acknowledge", json!({})),
            ("handler", "contact", json!({"channel": "call", "outcome": "reached", "note": "约好下午"})),
            ("handler", "wait", json!({"for": "third_party", "reason": "等配件"})),
            ("handler", "resume", json!({})),
            ("handler", "resolve", json!({"outcome": "solved", "result": "换了整灯"})),
            ("supervisor", "send-back", json!({"reason": "请附照片"})),
            ("handler", "resolve", json!({"result": "换了整灯，附照片"})),
            ("triager", "note", json!({"text": "居民来过电话"})),
            ("supervisor", "urge", json!({"text": "请尽快答复"})),
            ("supervisor", "reply", json!({"text": "换了整灯"})),
            ("triager", "contact-views", json!({"reason": "核对地址"})),
            ("clerk", "reissue-receipt", json!({})),
            ("triager", "note", json!({"text": "已告知"})),
        ],
    );
    number
}

#[track_caller]
fn verify(world: &World) -> Report {
    audit::verify_database(&world.app.app.store, &world.app.app.keys, |_| {}).unwrap()
}

#[track_caller]
fn expect_whole(report: &Report) {
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

/// Something was found, and it names the ticket.
#[track_caller]
fn expect_named<'a>(report: &'a Report, number: &str, what: &str) -> &'a Finding {
    let named = |it: &&Finding| {
        it.spot.number.as_deref() == Some(number)
            || it.spot.stream_id == Some(1) && it.spot.stream == "ticket"
    };
    report.findings.iter().find(named).unwrap_or_else(|| panic!("not found: {what}: {:#?}", report.findings))
}

fn exported(world: &World) -> Vec<u8> {
    let app = &world.app.app;
    let wanted = Wanted::read(&app.store, None, None, None).unwrap();
    let mut out = Vec::new();
    export::events_jsonl(&app.store, &app.keys, &wanted, &mut out, |_| {}).unwrap();
    out
}

fn verify_export(world: &World, export: &[u8]) -> Report {
    audit::verify_export(export, Some(&world.app.app.keys), |_| {}).unwrap()
}

fn events_of(world: &World, id: i64) -> Vec<Recorded> {
    let store = &world.app.app.store;
    store.read_blocking(move |db| events::list(db, Stream::Ticket, id, 0, 200)).unwrap()
}

/// Writes an event as it is given, whatever it is.
fn insert(intruder: &mut Intruder, event: &Recorded) {
    let hex = |bytes: &[u8]| red_mailbox::domain::chain::hex(bytes);
    let bytes = |intruder: &Intruder, bytes: &[u8]| match intruder {
        Intruder::Lite(_) => format!("x'{}'", hex(bytes)),
        Intruder::Pg(_) => format!("decode('{}', 'hex')", hex(bytes)),
    };
    let text = |it: &str| format!("'{}'", it.replace('\'', "''"));
    let number = |it: Option<i64>| it.map_or("NULL".to_owned(), |it| it.to_string());
    let words = |it: &Option<String>| it.as_deref().map_or("NULL".to_owned(), text);
    let sql = format!(
        "INSERT INTO event (id, stream, stream_id, seq, type, at, actor_kind, actor_id, actor_name, place, data, \
         prev_hash, hash) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        event.id,
        text(&event.stream),
        event.stream_id,
        event.seq,
        text(&event.kind),
        event.at.micros(),
        text(&event.actor_kind),
        number(event.actor_id),
        words(&event.actor_name),
        words(&event.place),
        text(&event.data),
        bytes(intruder, &event.prev_hash),
        bytes(intruder, &event.hash),
    );
    intruder.run(&sql);
}

/// Links the events anew from the first to the last, as anyone without the key can.
fn relink(events: &mut [Recorded]) {
    let mut prev_hash = vec![0; 32];
    for (event, seq) in events.iter_mut().zip(1..) {
        event.seq = seq;
        event.prev_hash.clone_from(&prev_hash);
        event.hash = event_hash(event).to_vec();
        prev_hash.clone_from(&event.hash);
    }
}

both_worlds! {
    fn an_untouched_trail_has_no_findings(world) {
        live(&world);
        let main = world.submit(json!({})).number;
        let second = world.submit(json!({})).number;
        world.steps(&second, &[("triager", "merge", json!({"into": main}))]);

        let report = verify(&world);

        expect_whole(&report);
        assert_eq!(report.n_tickets, 3);
        assert!(report.n_events > 20, "{report:?}");
        assert!(events_of(&world, 1).len() >= 15);
        expect_whole(&verify_export(&world, &exported(&world)));
    }

    fn every_changed_column_is_found_and_named(world) {
        let number = live(&world);
        let mut intruder = Intruder::breaking_in(&world);
        let n_before = intruder.count("ticket_supporting") * intruder.count("reply") * intruder.count("outbox");
        assert!(n_before > 0 && intruder.count("phone_index") == 1);

        for (table, place) in [
            ("event", "stream = 'ticket' AND seq = 1"),
            ("event", "stream = 'ticket' AND seq = 7"),
            ("event", "stream = 'ticket' AND seq = 16"),
            ("event_head", "stream = 'ticket'"),
            ("event_text", "seq = 1 AND name = 'contact'"),
            ("event_text", "seq = 8"),
            ("ticket", "id = 1"),
            ("ticket_supporting", "ticket_id = 1"),
            ("reply", "ticket_id = 1"),
            ("phone_index", "ticket_id = 1"),
            ("clock", "ticket_id = 1 AND place = 1"),
        ] {
            for column in intruder.columns(table) {
                let name = &column.name;
                let other = intruder.other_value(table, &column);
                let mut others = vec![other];
                if column.may_be_null && intruder.count(&format!("{table} WHERE {place} AND \"{name}\" IS NULL")) == 0 {
                    others.push("NULL".to_owned());
                }
                for other in others {
                    intruder.run(&format!("UPDATE {table} SET \"{name}\" = {other} WHERE {place}"));
                    let report = verify(&world);
                    let what = format!("{table}.{name} = {other} where {place}");
                    let finding = expect_named(&report, &number, &what);
                    if table == "ticket" && !matches!(name.as_str(), "id" | "number") {
                        assert!(report.findings.iter().any(|it| it.spot.column == *name), "{what}: {report:#?}");
                    }
                    if table == "event" && !matches!(name.as_str(), "stream" | "stream_id" | "seq") {
                        let seq = place.rsplit(' ').next().unwrap().parse().ok();
                        assert_eq!(finding.spot.seq, seq, "{what}");
                    }
                    intruder.restore();
                }
            }
        }
        expect_whole(&verify(&world));
    }

    fn every_removed_event_is_found_at_its_place(world) {
        let number = live(&world);
        let mut intruder = Intruder::breaking_in(&world);

        for seq in 1..=16 {
            intruder.run(&format!("DELETE FROM event WHERE stream = 'ticket' AND seq = {seq}"));
            let report = verify(&world);
            let finding = expect_named(&report, &number, &format!("removal of {seq}"));
            assert_eq!((finding.fault, finding.spot.seq), ("missing", Some(seq)));
            intruder.restore();
        }
        for (table, fault) in [("event_head", "no-head"), ("event_text", "text-missing"), ("reply", "row"),
            ("ticket_supporting", "row"), ("clock", "row"), ("phone_index", "phone-index")] {
            let of_tickets = if table == "event_head" { "WHERE stream = 'ticket'" } else { "" };
            intruder.run(&format!("DELETE FROM {table} {of_tickets}"));
            assert_eq!(expect_named(&verify(&world), &number, table).fault, fault);
            intruder.restore();
        }
    }

    fn a_whole_ticket_taken_away_is_missed_by_its_number(world) {
        let number = live(&world);
        let second = world.submit(json!({})).number;
        let mut intruder = Intruder::breaking_in(&world);
        for (gone, id) in [(&number, 1), (&second, 2)] {
            intruder.run(&format!(
                "DELETE FROM event WHERE stream = 'ticket' AND stream_id = {id};
                 DELETE FROM event_head WHERE stream = 'ticket' AND stream_id = {id};
                 DELETE FROM event_text WHERE ticket_id = {id}; DELETE FROM reply WHERE ticket_id = {id};
                 DELETE FROM clock WHERE ticket_id = {id}; DELETE FROM extension WHERE ticket_id = {id};
                 DELETE FROM ticket_supporting WHERE ticket_id = {id}; DELETE FROM outbox WHERE ticket_id = {id};
                 DELETE FROM phone_index WHERE ticket_id = {id}; DELETE FROM ticket WHERE id = {id}"
            ));
            let report = verify(&world);
            assert_eq!(report.findings.len(), 1, "{report:#?}");
            assert_eq!(report.findings[0].fault, "ticket-missing");
            assert_eq!(report.findings[0].spot.number.as_ref(), Some(gone));
            intruder.restore();
        }
        intruder.run("DELETE FROM ticket WHERE id = 1");
        assert_eq!(expect_named(&verify(&world), &number, "only the row removed").fault, "no-row");
        intruder.restore();
    }

    fn swapped_inserted_and_relinked_events_are_found(world) {
        let number = live(&world);
        let mut intruder = Intruder::breaking_in(&world);
        let events = events_of(&world, 1);

        for seq in 1..16 {
            let next = seq + 1;
            intruder.run(&format!(
                "UPDATE event SET seq = 1000 WHERE stream = 'ticket' AND seq = {seq};
                 UPDATE event SET seq = {seq} WHERE stream = 'ticket' AND seq = {next};
                 UPDATE event SET seq = {next} WHERE stream = 'ticket' AND seq = 1000"
            ));
            let report = verify(&world);
            assert_eq!(expect_named(&report, &number, "swapped").spot.seq, Some(seq));
            intruder.restore();
        }

        // A note that nobody wrote, at the end.
        let mut forged = events.clone();
        let note = Recorded { id: 9001, kind: "ticket.noted".to_owned(), data: "{}".to_owned(), ..events[9].clone() };
        forged.push(note.clone());
        relink(&mut forged);
        insert(&mut intruder, &forged[16]);
        let report = verify(&world);
        let finding = expect_named(&report, &number, "inserted at the end");
        assert_eq!((finding.fault, finding.spot.seq), ("unsealed", Some(17)));
        intruder.restore();

        // The same in the middle, everything linked anew, the head without the key.
        let mut forged = events.clone();
        forged.insert(5, note);
        relink(&mut forged);
        intruder.run("DELETE FROM event WHERE stream = 'ticket'");
        for event in &forged {
            insert(&mut intruder, event);
        }
        assert_eq!(expect_named(&verify(&world), &number, "linked anew").fault, "unsealed");
        let stranger = SealKey::new(world.app.app.keys.id.clone(), [9; 32]);
        let hash: [u8; 32] = forged[16].hash.as_slice().try_into().unwrap();
        let seal = red_mailbox::domain::chain::hex(&stranger.seal(Stream::Ticket, 1, 17, &hash));
        let hash = red_mailbox::domain::chain::hex(&hash);
        let bytes = |it: &str| match &intruder {
            Intruder::Lite(_) => format!("x'{it}'"),
            Intruder::Pg(_) => format!("decode('{it}', 'hex')"),
        };
        let head = format!(
            "UPDATE event_head SET seq = 17, hash = {}, seal = {} WHERE stream = 'ticket'",
            bytes(&hash), bytes(&seal)
        );
        intruder.run(&head);
        assert_eq!(expect_named(&verify(&world), &number, "sealed by another key").fault, "seal");
        intruder.restore();
        expect_whole(&verify(&world));
    }

    fn an_old_row_put_back_is_found(world) {
        let number = live(&world);
        let mut intruder = Intruder::breaking_in(&world);
        world.steps(&number, &[("triager", "note", json!({"text": "再记一笔"}))]);

        intruder.run("DELETE FROM ticket WHERE id = 1; INSERT INTO ticket SELECT * FROM kept_ticket WHERE id = 1");

        let report = verify(&world);
        assert_eq!(expect_named(&report, &number, "old row").fault, "row");
        intruder.restore();
    }

    fn damaged_rows_are_findings_and_end_nothing(world) {
        let number = live(&world);
        world.submit(json!({}));
        let mut intruder = Intruder::breaking_in(&world);
        let anywhere = [
            "UPDATE event SET data = '{' WHERE stream = 'ticket' AND seq = 3",
            "UPDATE event SET type = 'ticket.flown' WHERE stream = 'ticket' AND stream_id = 1 AND seq = 3",
            "UPDATE event SET at = 9223372036854775807 WHERE stream = 'ticket' AND stream_id = 1 AND seq = 3",
            "UPDATE ticket SET cycle = 4000000000000, n_urges = -1 WHERE id = 1",
            "UPDATE ticket SET source = 'pigeon', rating_satisfaction = 999 WHERE id = 1",
            "UPDATE reply SET id = -7, channel = '' WHERE ticket_id = 1",
            "UPDATE event_head SET hash = seal WHERE stream = 'ticket' AND stream_id = 1",
        ];
        let lite_only = [
            "UPDATE event SET data = x'80ff' WHERE stream = 'ticket' AND stream_id = 1 AND seq = 3",
            "UPDATE event SET data = CAST(x'7b80' AS TEXT) WHERE stream = 'ticket' AND stream_id = 1 AND seq = 3",
            "UPDATE event SET stream_id = 'one' WHERE stream = 'ticket' AND stream_id = 1 AND seq = 3",
            "UPDATE event_head SET hash = lower(hex(hash)) WHERE stream = 'ticket' AND stream_id = 1",
            "UPDATE ticket SET designated = 'maybe', status = 'flown' WHERE id = 1",
            "UPDATE ticket SET version = 1.5 WHERE id = 1",
        ];
        let is_lite = matches!(intruder, Intruder::Lite(_));
        for sql in anywhere.into_iter().chain(lite_only.into_iter().filter(|_| is_lite)) {
            intruder.run(sql);
            expect_named(&verify(&world), &number, sql);
            intruder.restore();
        }
        for sql in [
            "INSERT INTO event SELECT 9001, stream, 77, seq, type, at, actor_kind, actor_id, actor_name, place, data, \
             prev_hash, hash FROM kept_event WHERE stream = 'ticket' AND stream_id = 1 AND seq = 1",
            "INSERT INTO event_head SELECT stream, 77, seq, hash, seal, key_id FROM kept_event_head \
             WHERE stream = 'ticket' AND stream_id = 1",
            "INSERT INTO event_text SELECT 77, seq, name, salt, body FROM kept_event_text WHERE ticket_id = 1",
        ] {
            intruder.run(sql);
            let report = verify(&world);
            assert!(report.findings.iter().any(|it| it.spot.stream_id == Some(77)), "{sql}: {report:#?}");
            intruder.restore();
        }
    }

    fn everything_of_a_collection_is_covered(world) {
        crate::collections::mailbox(&world, "M1", "YD", json!({}));
        let id = crate::collections::open(&world, 3);
        let two = json!({"put_in_on": "2026-11-20", "tickets": [{"description": "路灯"}, {"description": "水管"}]});
        crate::collections::letter(&world, id, two).expect(201);
        crate::collections::letter(&world, id, json!({"set_aside": "blank", "note": "白纸"})).expect(201);
        crate::scans::scan(&world, id, "1", &crate::attachments::photo(8, 8, image::ImageFormat::Jpeg));
        expect_whole(&verify(&world));
        expect_whole(&verify_export(&world, &exported(&world)));
        assert!(!String::from_utf8(exported(&world)).unwrap().contains("陈伯"));
        let mut intruder = Intruder::breaking_in(&world);
        let named = |report: &Report, what: &str| {
            let is_it = |it: &&Finding| it.spot.stream == "collection" && it.spot.stream_id == Some(id);
            assert!(report.findings.iter().any(|it| is_it(&it)), "not found: {what}: {:#?}", report.findings);
        };

        for (table, place) in [
            ("event", "stream = 'collection' AND seq = 1"),
            ("event", "stream = 'collection' AND seq = 3"),
            ("event_head", "stream = 'collection'"),
            ("collection", "id = 1"),
            ("event", "stream = 'collection' AND seq = 4"),
            ("collection_attachment", "id = 1"),
            ("collection_letter", "id = 1"),
            ("collection_letter", "id = 2"),
            ("collection_text", "seq = 1 AND name = 'opener.2'"),
            ("collection_text", "seq = 3"),
            ("collection_text", "seq = 4"),
        ] {
            for column in intruder.columns(table) {
                // A chain's name cannot become its own.
                let other = match column.name.as_str() {
                    "stream" => "'setup'".to_owned(),
                    _ => intruder.other_value(table, &column),
                };
                intruder.run(&format!("UPDATE {table} SET \"{}\" = {other} WHERE {place}", column.name));
                named(&verify(&world), &format!("{table}.{} where {place}", column.name));
                intruder.restore();
            }
        }
        for (sql, what) in [
            ("DELETE FROM collection", "no row"),
            ("DELETE FROM collection_letter WHERE id = 2", "letter gone"),
            ("DELETE FROM collection_attachment", "attachment gone"),
            ("DELETE FROM collection_text WHERE seq = 3", "text gone"),
            ("DELETE FROM event WHERE stream = 'collection' AND seq = 2", "event gone"),
            ("DELETE FROM event WHERE stream = 'collection' AND seq = 4", "last event gone"),
            ("DELETE FROM event_head WHERE stream = 'collection'", "head gone"),
            ("INSERT INTO collection_letter SELECT collection_id, 3, set_aside, put_in_on, slip, n_tickets, \
              registered_at FROM kept_collection_letter WHERE id = 2", "letter added"),
        ] {
            intruder.run(sql);
            named(&verify(&world), what);
            intruder.restore();
        }
        expect_whole(&verify(&world));
        let mut visitor = Intruder::visiting(&world);
        if matches!(visitor, Intruder::Pg(_)) {
            let refused = visitor.attempt("UPDATE collection_text SET body = 'x'").unwrap_err().to_string();
            assert!(refused.contains("refused"), "{refused}");
        }
    }

    fn a_changed_set_up_is_found(world) {
        live(&world);
        let slips = json!({"community": "YD", "count": 5});
        world.app.post("/api/v1/slips", &slips).bearer(&world.token("clerk")).send().expect(201);
        let mut intruder = Intruder::breaking_in(&world);
        for (table, column) in [
            ("node", "name"), ("node", "path"), ("node", "time_zone"), ("setup_entry", "name"), ("setup_entry", "code"),
            ("setup_entry", "details"), ("setup_entry", "node_id"), ("setup_entry", "retired_at"),
            ("account", "username"), ("account", "name"), ("account", "disabled_at"), ("account", "version"),
            ("role_grant", "node_id"), ("role_grant", "unit_id"), ("event", "data"), ("event", "actor_name"),
            ("event_head", "seal"), ("event_head", "key_id"), ("day_counter", "last_number"),
            ("slip_batch", "last_running"), ("slip_batch", "node_id"), ("slip_batch", "printed_at"),
        ] {
            let found = intruder.columns(table).into_iter().find(|it| it.name == column).unwrap();
            let other = intruder.other_value(table, &found);
            let place = match table {
                "event" => "WHERE stream = 'setup' AND seq = 3",
                "event_head" => "WHERE stream = 'setup'",
                "day_counter" | "slip_batch" => "",
                "setup_entry" => "WHERE code = 'WY'",
                "role_grant" => "WHERE role = 'handler'",
                _ => "WHERE id = 3",
            };
            intruder.run(&format!("UPDATE {table} SET {column} = {other} {place}"));
            let report = verify(&world);
            assert!(!report.findings.is_empty(), "{table}.{column}");
            intruder.restore();
        }
        intruder.run("UPDATE role_grant SET role = 'admin' WHERE role = 'handler'");
        assert!(verify(&world).findings.iter().any(|it| it.spot.column == "role_grant"));
        intruder.restore();
        intruder.run("DELETE FROM event WHERE stream = 'setup' AND seq = 2");
        assert_eq!(verify(&world).findings[0].spot.seq, Some(2));
        intruder.restore();
        expect_whole(&verify(&world));
    }

    fn the_database_itself_refuses_to_change_the_trail(world) {
        world.submit(json!({}));
        let mut visitor = Intruder::visiting(&world);
        let columns = "stream, stream_id, seq, type, at, actor_kind, actor_id, actor_name, place, data, prev_hash, hash";
        let anywhere = ["UPDATE event SET data = data", "DELETE FROM event", "UPDATE event_text SET body = 'x'"];
        let lite = [
            "REPLACE INTO event SELECT * FROM event WHERE seq = 1".to_owned(),
            format!("INSERT OR REPLACE INTO event SELECT (SELECT max(id) + 1 FROM event), {columns} FROM event LIMIT 1"),
            format!("INSERT INTO event SELECT NULL, {columns} FROM event LIMIT 1"),
            "REPLACE INTO event_text SELECT ticket_id, seq, name, salt, 'x' FROM event_text LIMIT 1".to_owned(),
        ];
        let pg = ["TRUNCATE event", "TRUNCATE event CASCADE", "TRUNCATE event_text"].map(str::to_owned);
        let own = if matches!(visitor, Intruder::Lite(_)) { lite.to_vec() } else { pg.to_vec() };

        for sql in anywhere.into_iter().map(str::to_owned).chain(own) {
            let refused = visitor.attempt(&sql).unwrap_err().to_string();
            assert!(refused.contains("refused"), "{sql}: {refused}");
        }
        expect_whole(&verify(&world));
    }

    fn an_export_is_verified_alone_and_every_touched_line_is_found(world) {
        live(&world);
        world.submit(json!({"contact": {"phone": "13900000000", "channel": "call"}}));
        let export = exported(&world);
        expect_whole(&verify_export(&world, &export));
        let text = String::from_utf8(export).unwrap();
        for private in ["13812345678", "lin@example.org", "林秀英", "换了整灯"] {
            assert!(!text.contains(private), "{private}");
        }
        let lines: Vec<&str> = text.lines().collect();
        let found = |lines: &[&str]| !verify_export(&world, lines.join("\n").as_bytes()).findings.is_empty();

        for at in 0..lines.len() {
            let mut changed = lines.clone();
            changed.remove(at);
            assert!(found(&changed), "dropped: {}", lines[at]);
            let mut changed = lines.clone();
            changed.insert(at, lines[at]);
            assert!(found(&changed), "doubled: {}", lines[at]);
            if at + 1 < lines.len() {
                let mut changed = lines.clone();
                changed.swap(at, at + 1);
                assert!(found(&changed), "swapped: {}", lines[at]);
            }
        }
    }

    fn every_changed_field_of_an_export_is_found_with_its_line(world) {
        live(&world);
        let text = String::from_utf8(exported(&world)).unwrap();
        // The set-up's many events have the same fields as a ticket's; a few of them will do.
        let lines: Vec<&str> = text.lines().collect();
        let of_interest = (0..4).chain(lines.len() - 22..lines.len());
        let mut n_changed = 0;
        for at in of_interest {
            for changed in changed_fields(&serde_json::from_str(lines[at]).unwrap()) {
                let mut changed_lines = lines.clone();
                let line = changed.to_string();
                changed_lines[at] = &line;
                let report = verify_export(&world, changed_lines.join("\n").as_bytes());
                let first = report.findings.first().unwrap_or_else(|| panic!("not found: {line}"));
                assert!(first.spot.line.is_some(), "{first:?}");
                n_changed += 1;
            }
        }
        assert!(n_changed > 300, "{n_changed}");
    }

    fn an_auditor_verifies_the_own_nodes_only_part_by_part(world) {
        let number = live(&world);
        world.submit(json!({}));
        world.submit(json!({"community": "HX"}));
        let get = |username: &str, query: &str| {
            world.app.get(&format!("/api/v1/audit/verify{query}")).bearer(&world.token(username)).send()
        };

        let first = get("auditor", "?limit=1").expect(200).json();
        assert_eq!((&first["verified_tickets"], &first["findings"]), (&json!(1), &json!([])), "{first}");
        let next = format!("?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
        let second = get("auditor", &next).expect(200).json();
        assert_eq!((&second["verified_tickets"], &second["next_cursor"]), (&json!(1), &Value::Null), "{second}");

        let mut intruder = Intruder::breaking_in(&world);
        intruder.run("UPDATE ticket SET published = NOT published WHERE id = 1");
        let found = get("auditor", "").expect(200).json();
        assert_eq!(found["findings"][0]["number"], json!(number));
        assert_eq!(found["findings"][0]["column"], "published");
        assert_eq!(get("other", "").expect(200).json()["findings"], json!([]));
        intruder.restore();

        assert_eq!(get("triager", "").expect(403).slug(), "forbidden");
        get("auditor", "?limit=0").expect(422);
        get("auditor", "?cursor=abc").expect(422);
        world.app.get("/api/v1/audit/verify").send().expect(401);
    }

    fn tables_hold_no_contact_and_start_with_the_mark_of_their_encoding(world) {
        let number = live(&world);
        let app = &world.app.app;
        let wanted = Wanted::read(&app.store, Some("yd"), Some("2026-11-23"), Some("2026-11-23")).unwrap();
        let of_before = Wanted::read(&app.store, Some("YD"), None, Some("2026-11-22")).unwrap();
        let (mut tickets, mut events, mut none) = (Vec::new(), Vec::new(), Vec::new());

        export::tickets(&app.store, &wanted, Some(TableForm::Csv), &mut tickets, |_| {}).unwrap();
        export::events_table(&app.store, &wanted, TableForm::Csv, &mut events, |_| {}).unwrap();
        assert_eq!(export::tickets(&app.store, &of_before, None, &mut none, |_| {}).unwrap(), 0);

        let (tickets, events) = (String::from_utf8(tickets).unwrap(), String::from_utf8(events).unwrap());
        assert!(tickets.starts_with("\u{feff}number,community,"), "{tickets}");
        assert!(tickets.contains(&number) && tickets.contains("2026-11-23T01:00:00Z") && tickets.contains(",WY,handler,ZY,"));
        assert_eq!(events.lines().count(), 17, "{events}");
        for private in ["13812345678", "lin@example.org", "林秀英"] {
            assert!(!tickets.contains(private) && !events.contains(private));
        }
        assert!(Wanted::read(&app.store, Some("XX"), None, None).is_err());
        assert!(Wanted::read(&app.store, None, Some("soon"), None).is_err());
    }
}

/// The line with each of its fields changed, one at a time, nested ones too.
fn changed_fields(line: &Value) -> Vec<Value> {
    match line {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                changed_fields(value).into_iter().map(move |changed| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), changed);
                    Value::Object(fields)
                })
            })
            .collect(),
        Value::Array(items) if items.is_empty() => vec![json!([1])],
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| {
                changed_fields(item).into_iter().map(move |changed| {
                    let mut items = items.clone();
                    items[at] = changed;
                    Value::Array(items)
                })
            })
            .chain([json!([])])
            .collect(),
        Value::Number(number) => vec![json!(number.as_i64().unwrap() + 1), Value::Null],
        Value::String(text) => vec![json!(format!("{text}x")), json!(text.get(1..).unwrap_or("x"))],
        Value::Bool(it) => vec![json!(!it)],
        Value::Null => vec![json!(1), json!("x")],
    }
}

#[test]
fn every_flipped_byte_of_an_export_is_found() {
    let world = World::with(crate::harness::Engine::Sqlite, &[]);
    world.submit(json!({"contact": {"phone": "13812345678", "channel": "call"}}));
    let export = exported(&world);
    // The set-up before the ticket is long and of the same form; its end and the ticket are tried whole.
    for at in (export.len().saturating_sub(6000)..export.len() - 1).step_by(3) {
        for bit in [0, 5] {
            let mut flipped = export.clone();
            flipped[at] ^= 1 << bit;
            let report = verify_export(&world, &flipped);
            assert!(!report.findings.is_empty(), "byte {at}: {:?}", char::from(export[at]));
        }
    }
}

#[test]
fn the_command_tells_by_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let run_it = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
            .args(arguments)
            .env("RED_MAILBOX_DATA_DIR", folder.path())
            .output()
            .unwrap()
    };
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let without_key = run_it(&["audit", "verify"]);
    assert_eq!(without_key.status.code(), Some(1));
    assert!(words(&without_key.stderr).contains("no key file"), "{}", words(&without_key.stderr));
    assert!(!folder.path().join("red-mailbox.key").exists());

    run_it(&["node", "add", "YD", "--name", "Yard", "--kind", "community"]);
    let whole = run_it(&["audit", "verify"]);
    assert_eq!(whole.status.code(), Some(0), "{}{}", words(&whole.stdout), words(&whole.stderr));
    let path = folder.path().join("events.jsonl");
    let path = path.to_str().unwrap();
    let exported = run_it(&["export", "events", "--format", "jsonl", "--output", path]);
    assert_eq!(exported.status.code(), Some(0), "{}", words(&exported.stderr));
    assert_eq!(run_it(&["audit", "verify", path]).status.code(), Some(0));

    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"{broken\n").unwrap();
    let damaged = run_it(&["audit", "verify", path, "--json"]);
    assert_eq!(damaged.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!((&report["is_whole"], &report["findings"][0]["fault"]), (&json!(false), &json!("unreadable")));
}
