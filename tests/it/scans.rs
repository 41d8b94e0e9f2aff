//! The photo of an opening and scans of letters: whose they are, who sees them, and that they stay whole.

use image::ImageFormat;
use serde_json::{Value, json};

use crate::app::Answer;
use crate::attachments::{PDF, faults, form, kept, photo, verified};
use crate::builders::World;
use crate::collections::{letter, mailbox, open};
use crate::harness::{both_worlds, run};
use crate::voice;

fn send(world: &World, username: &str, id: i64, body: Vec<u8>) -> Answer {
    let path = format!("/api/v1/collections/{id}/attachments");
    let request = world.app.request("POST", &path).text("multipart/form-data; boundary=cut", body);
    request.bearer(&world.token(username)).send()
}

/// The clerk adds a scan of a letter.
#[track_caller]
pub(crate) fn scan(world: &World, id: i64, of: &str, bytes: &[u8]) -> Value {
    send(world, "clerk", id, form("第一封.jpg", bytes, &[("letter", of)])).expect(201).json()
}

fn get(world: &World, username: &str, path: &str) -> Answer {
    world.app.get(path).bearer(&world.token(username)).send()
}

fn attached(world: &World, username: &str, id: i64) -> Value {
    get(world, username, &format!("/api/v1/collections/{id}")).expect(200).json()["attachments"].clone()
}

/// Registers the next letter with so many matters; gives their numbers.
fn register(world: &World, id: i64, words: &[&str]) -> Vec<String> {
    let tickets: Vec<Value> = words.iter().map(|it| json!({"description": it})).collect();
    let told = letter(world, id, json!({ "tickets": tickets })).expect(201).json();
    told["tickets"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect()
}

both_worlds! {
    fn a_scan_goes_to_every_ticket_of_its_letter_whenever_that_is_registered(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 2);
        let (early, late) = (photo(80, 60, ImageFormat::Jpeg), photo(60, 80, ImageFormat::Png));

        let told = scan(&world, id, "1", &early);
        let numbers = register(&world, id, &["路灯", "水管"]);
        scan(&world, id, "1", &late);
        let other = register(&world, id, &["杂物"]);

        assert_eq!((&told["letter"], &told["name"]), (&json!(1), &json!("第一封.jpg")));
        for number in &numbers {
            let seen = world.ticket("triager", number)["attachments"].clone();
            assert_eq!(seen.as_array().unwrap().len(), 2, "{seen}");
            assert_eq!((&seen[0]["name"], &seen[0]["shown"]), (&told["name"], &json!(false)));
            let path = format!("/api/v1/tickets/{number}/attachments/1");
            let answer = get(&world, "triager", &path).expect(200);
            assert_eq!(answer.header("etag"), format!("\"{}\"", told["sha256"].as_str().unwrap()));
            assert_eq!(world.trail(number).iter().filter(|it| *it == "ticket.attachment_added").count(), 2);
        }
        assert_eq!(world.ticket("triager", &other[0])["attachments"], json!([]));
        // Two photos with their small pictures, whoever names them.
        assert_eq!(kept(&world).len(), 4);
    }

    fn the_photo_of_an_opening_lies_with_its_collection(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 0);
        let before = get(&world, "clerk", &format!("/api/v1/collections/{id}")).expect(200).json();

        let answer = send(&world, "clerk", id, form("开箱.png", &photo(500, 400, ImageFormat::Png), &[])).expect(201);

        let path = format!("/api/v1/collections/{id}/attachments/1");
        assert_eq!(answer.header("location"), path);
        assert_eq!(answer.header("etag"), format!("\"{}\"", before["version"].as_i64().unwrap() + 1));
        let told = answer.json();
        assert_eq!((&told["letter"], &told["name"]), (&Value::Null, &json!("开箱.jpg")));
        assert_eq!(attached(&world, "supervisor", id), json!([told]));
        for username in ["clerk", "triager", "supervisor"] {
            let picture = get(&world, username, &path).expect(200);
            assert_eq!(picture.header("content-type"), "image/jpeg");
            assert!(picture.header("content-disposition").starts_with("attachment;"), "{username}");
            get(&world, username, &format!("{path}/thumbnail")).expect(200);
        }
    }

    fn who_may_not_see_letters_sees_no_scan(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        scan(&world, id, "1", PDF);
        let path = format!("/api/v1/collections/{id}/attachments/1");

        for username in ["leader", "auditor"] {
            assert_eq!(attached(&world, username, id), json!([]), "{username}");
            assert_eq!(get(&world, username, &path).expect(403).slug(), "forbidden", "{username}");
        }
        get(&world, "other", &path).expect(404);
        get(&world, "handler", &path).expect(404);
        world.app.get(&path).send().expect(401);
        get(&world, "clerk", &format!("{path}/thumbnail")).expect(404);
        get(&world, "clerk", &format!("/api/v1/collections/{id}/attachments/2")).expect(404);
        get(&world, "clerk", &format!("/api/v1/collections/{id}/attachments/x")).expect(404);
        send(&world, "triager", id, form("a.pdf", PDF, &[])).expect(403);
        send(&world, "other", id, form("a.pdf", PDF, &[])).expect(404);
        send(&world, "clerk", 99, form("a.pdf", PDF, &[])).expect(404);
    }

    fn the_scan_of_a_sealed_letter_is_seen_above_only(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        scan(&world, id, "1", PDF);
        assert_eq!(attached(&world, "clerk", id).as_array().unwrap().len(), 1);

        let about = json!({"tickets": [{"description": "某某态度恶劣", "kind": "complaint", "about_staff": true}]});
        let told = letter(&world, id, about).expect(201).json();

        for username in ["clerk", "triager", "supervisor"] {
            assert_eq!(attached(&world, username, id), json!([]), "{username}");
            get(&world, username, &format!("/api/v1/collections/{id}/attachments/1")).expect(404);
        }
        let number = told["tickets"][0]["number"].as_str().unwrap();
        assert_eq!(world.ticket("street", number)["attachments"][0]["name"], "第一封.pdf");
        get(&world, "street", &format!("/api/v1/tickets/{number}/attachments/1")).expect(200);
        get(&world, "street", &format!("/api/v1/collections/{id}/attachments/1")).expect(200);
    }

    fn what_is_no_scan_is_refused_with_words_and_nothing_is_kept(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 2);
        for (body, field, words) in [
            (form("a.pdf", PDF, &[("letter", "3")]), "letter", "1 到 2"),
            (form("a.pdf", PDF, &[("letter", "0")]), "letter", "1 到 2"),
            (form("a.pdf", PDF, &[("letter", "一")]), "letter", "序号"),
            (form("a.pdf", PDF, &[("shown", "true")]), "shown", "file, letter"),
            (form("a.pdf", b"GIF89a", &[("letter", "1")]), "file", "JPEG"),
            (form("a.webm", &voice::webm(2, false), &[("letter", "1")]), "file", "PDF"),
            (b"--cut--\r\n".to_vec(), "file", "file"),
        ] {
            let answer = send(&world, "clerk", id, body).expect(422).json();
            assert_eq!(answer["errors"][0]["field"], field, "{answer}");
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains(words), "{answer}");
        }
        assert_eq!(kept(&world).len(), 0);
        assert_eq!(attached(&world, "clerk", id), json!([]));
    }

    fn the_same_scan_again_is_the_one_that_is_there_and_twenty_are_enough(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        let numbers = register(&world, id, &["路灯"]);
        let first = scan(&world, id, "1", PDF);

        assert_eq!(scan(&world, id, "1", PDF), first);
        for nth in 2..=20 {
            scan(&world, id, "1", format!("%PDF-1.4\n% {nth}\n%%EOF\n").as_bytes());
        }
        assert_eq!(scan(&world, id, "1", PDF), first);
        let more = send(&world, "clerk", id, form("a.pdf", b"%PDF-1.4\n% 21\n%%EOF\n", &[("letter", "1")]));
        assert_eq!(more.expect(409).slug(), "too-many-attachments");
        assert_eq!((kept(&world).len(), attached(&world, "clerk", id).as_array().unwrap().len()), (20, 20));
        assert_eq!(world.ticket("clerk", &numbers[0])["attachments"].as_array().unwrap().len(), 20);
        // The opening itself has room of its own.
        send(&world, "clerk", id, form("b.pdf", PDF, &[])).expect(201);
    }

    fn a_letter_may_be_scanned_after_its_collection_was_closed(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 2);
        letter(&world, id, json!({"set_aside": "thanks"})).expect(201);
        let version = get(&world, "clerk", &format!("/api/v1/collections/{id}")).json()["version"].as_i64().unwrap();
        let close = world.app.post(&format!("/api/v1/collections/{id}/close"), &json!({"reason": "少一封，已查"}));
        close.bearer(&world.token("supervisor")).if_match(version).send().expect(200);

        scan(&world, id, "1", PDF);

        let refused = send(&world, "clerk", id, form("a.pdf", PDF, &[("letter", "2")])).expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], "letter");
    }

    fn a_missing_or_changed_scan_is_found_by_command_and_by_the_auditor(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        send(&world, "clerk", id, form("开箱.jpg", &photo(40, 40, ImageFormat::Jpeg), &[])).expect(201);
        let opening = kept(&world);
        let receipt = world.submit(json!({}));
        let path = format!("/api/v1/tickets/{}/attachments", receipt.number);
        let body = form("a.pdf", PDF, &[]);
        let request = world.app.request("POST", &path).text("multipart/form-data; boundary=cut", body);
        request.bearer(&world.token("clerk")).send().expect(201);
        let asked = || get(&world, "auditor", "/api/v1/audit/verify").expect(200).json()["findings"].clone();
        assert_eq!((faults(&verified(&world)), asked()), (Vec::new(), json!([])));

        for file in kept(&world) {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, b"another").unwrap();
            assert_eq!(faults(&verified(&world)), ["file"]);
            let told = asked();
            assert_eq!(told[0]["fault"], "file");
            let (table, number) = if opening.contains(&file) {
                assert!(told[0]["message"].as_str().unwrap().contains(&format!("第 {id} 次开箱")), "{told}");
                ("collection_attachment", Value::Null)
            } else {
                ("attachment", json!(receipt.number))
            };
            assert_eq!((&told[0]["table"], &told[0]["number"]), (&json!(table), &number));
            std::fs::remove_file(&file).unwrap();
            assert_eq!((faults(&verified(&world)), &asked()[0]["fault"]), (vec!["file-missing"], &json!("file-missing")));
            std::fs::write(&file, bytes).unwrap();
        }
    }

    fn the_auditor_pages_through_files_of_collections(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        for nth in 1..=3 {
            send(&world, "clerk", id, form("a.pdf", format!("%PDF-1.4\n% {nth}\n%%EOF\n").as_bytes(), &[])).expect(201);
        }
        let last = kept(&world).into_iter().find(|it| std::fs::read_to_string(it).unwrap().contains("% 3")).unwrap();
        let bytes = std::fs::read(&last).unwrap();
        std::fs::remove_file(&last).unwrap();

        let (mut path, mut n_parts, mut found) = ("/api/v1/audit/verify?limit=1".to_owned(), 0, Vec::new());
        loop {
            let part = get(&world, "auditor", &path).expect(200).json();
            n_parts += 1;
            found.extend(part["findings"].as_array().unwrap().iter().map(|it| it["fault"].clone()));
            let Some(next) = part["next_cursor"].as_str() else { break };
            path = format!("/api/v1/audit/verify?limit=1&cursor={next}");
        }

        assert_eq!((n_parts, found), (3, vec![json!("file-missing")]));
        for cursor in ["files-1", "files-x-1", "files-"] {
            get(&world, "auditor", &format!("/api/v1/audit/verify?cursor={cursor}")).expect(422);
        }
        std::fs::write(&last, bytes).unwrap();
    }

    fn the_sweep_spares_what_a_collection_names(world) {
        mailbox(&world, "M1", "YD", json!({}));
        let id = open(&world, 1);
        scan(&world, id, "1", PDF);
        let (app, named) = (&world.app.app, kept(&world));
        let name = named[0].file_name().unwrap();
        std::fs::write(app.settings.data_dir.join("attachments/pending").join(name), "").unwrap();

        app.clock.advance(chrono::TimeDelta::hours(25));
        run(async { red_mailbox::service::timer::tick(app, app.clock.now()).await.map(drop).unwrap() });

        assert_eq!(kept(&world), named);
    }
}
