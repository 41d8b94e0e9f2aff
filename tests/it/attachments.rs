//! Attachments: what is taken, who sees it, what bombs do, and that no file is lost or changed unseen.

use std::io::Cursor;
use std::path::PathBuf;

use chrono::TimeDelta;
use image::{ImageFormat, Rgb, RgbImage};
use red_mailbox::domain::audit::Report;
use red_mailbox::service::{attachments, audit, timer};
use serde_json::{Value, json};

use crate::app::{Answer, Request};
use crate::builders::{Receipt, World};
use crate::harness::{both_worlds, run};
use crate::intruder::Intruder;
use crate::voice;

pub(crate) const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n";

pub(crate) fn photo(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_pixel(width, height, Rgb([180, 30, 30]));
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A form with one file and some fields.
pub(crate) fn form(name: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in fields {
        body.extend(
            format!("--cut\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    let head = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n"
    );
    body.extend(head.bytes());
    body.extend(bytes);
    body.extend(b"\r\n--cut--\r\n");
    body
}

fn post(world: &World, number: &str, body: Vec<u8>) -> Request {
    let path = format!("/api/v1/tickets/{number}/attachments");
    world.app.request("POST", &path).text("multipart/form-data; boundary=cut", body)
}

pub(crate) fn by_resident(world: &World, receipt: &Receipt, body: Vec<u8>) -> Answer {
    post(world, &receipt.number, body).header("Receipt-Code", receipt.code.clone()).send()
}

pub(crate) fn by_staff(world: &World, username: &str, number: &str, body: Vec<u8>) -> Answer {
    post(world, number, body).bearer(&world.token(username)).send()
}

fn read_by(world: &World, username: &str, path: &str) -> Answer {
    world.app.get(path).bearer(&world.token(username)).send()
}

fn read_with(world: &World, receipt: &Receipt, path: &str) -> Answer {
    world.app.get(path).header("Receipt-Code", receipt.code.clone()).send()
}

/// Where a file lies, and its bytes.
pub(crate) fn kept(world: &World) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![world.app.app.settings.data_dir.join("attachments")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|it| it.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

pub(crate) fn verified(world: &World) -> Report {
    let mut report = Report::default();
    attachments::verify_files(&world.app.app, &mut report, |_| {}).unwrap();
    report
}

pub(crate) fn faults(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|it| it.fault).collect()
}

both_worlds! {
    fn a_residents_photo_ends_waiting_and_is_seen_by_who_works_with_it(world) {
        let receipt = world.submit(json!({}));
        let number = receipt.number.as_str();
        world.steps(number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "supporting": ["ZY"]})),
            ("handler", "acknowledge", json!({})),
            ("handler", "wait", json!({"for": "resident", "reason": "请补一张照片"})),
        ]);

        let answer = by_resident(&world, &receipt, form("灯.PNG", &photo(640, 480, ImageFormat::Png), &[])).expect(201);

        let path = format!("/api/v1/tickets/{number}/attachments/1");
        assert_eq!(answer.header("location"), path);
        let told = answer.json();
        assert_eq!(told["name"], "灯.jpg");
        assert_eq!((&told["media_type"], &told["has_thumbnail"]), (&json!("image/jpeg"), &json!(true)));
        let ticket = world.ticket("triager", number);
        assert_eq!((&ticket["status"], &ticket["attachments"]), (&json!("in_progress"), &json!([told])));
        let trail = world.trail(number);
        assert_eq!(trail[trail.len() - 2..], ["ticket.attachment_added", "ticket.resumed"]);

        let small = format!("{path}/thumbnail");
        for username in ["clerk", "triager", "handler", "handler2", "supervisor"] {
            let whole = read_by(&world, username, &path).expect(200);
            let picture = image::load_from_memory_with_format(&whole.bytes, ImageFormat::Jpeg).unwrap();
            assert_eq!((picture.width(), picture.height()), (640, 480), "{username}");
            read_by(&world, username, &small).expect(200);
        }
        for username in ["leader", "auditor"] {
            assert_eq!(read_by(&world, username, &path).expect(403).slug(), "forbidden", "{username}");
            assert_eq!(world.ticket(username, number)["attachments"], json!([]), "{username}");
        }
        read_by(&world, "other", &path).expect(404);
        world.app.get(&path).send().expect(401);
        let stranger = Receipt { code: "00000000".to_owned(), ..receipt.clone() };
        read_with(&world, &stranger, &path).expect(404);
        let thumbnail = read_with(&world, &receipt, &small).expect(200);
        assert!(image::load_from_memory(&thumbnail.bytes).unwrap().width() <= 320);
        read_with(&world, &receipt, &format!("/api/v1/tickets/{number}/attachments/2")).expect(404);
        read_with(&world, &receipt, &format!("/api/v1/tickets/{number}/attachments/x")).expect(404);
    }

    fn a_download_is_saved_and_never_run(world) {
        let receipt = world.submit(json!({}));
        let name = "\u{202e}a\u{200b};%22%0d%0aX-Evil: 1\u{4fe1}.html";
        by_resident(&world, &receipt, form(name, PDF, &[])).expect(201);
        let path = format!("/api/v1/tickets/{}/attachments/1", receipt.number);

        let answer = read_with(&world, &receipt, &path).expect(200);

        assert_eq!(answer.bytes, PDF);
        assert_eq!(answer.header("content-type"), "application/pdf");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("sandbox"));
        assert_eq!(answer.header("x-evil"), "");
        let disposition = answer.header("content-disposition");
        assert!(disposition.starts_with("attachment; filename=\"attachment-1.pdf\"; filename*=UTF-8''a"), "{disposition}");
        assert!(disposition.ends_with("%E4%BF%A1.pdf") && disposition.is_ascii(), "{disposition}");
        let again = world.app.get(&path).header("Receipt-Code", receipt.code.clone());
        again.header("If-None-Match", answer.header("etag")).send().expect(304);
        read_with(&world, &receipt, &format!("{path}/thumbnail")).expect(404);
    }

    fn what_staff_attach_is_shown_to_the_resident_only_where_they_say_so(world) {
        let receipt = world.submit(json!({}));
        let number = receipt.number.as_str();
        by_staff(&world, "triager", number, form("a.pdf", PDF, &[])).expect(201);
        by_staff(&world, "clerk", number, form("b.pdf", PDF, &[("shown", "true")])).expect(201);
        by_staff(&world, "leader", number, form("c.pdf", PDF, &[])).expect(403);
        by_staff(&world, "other", number, form("c.pdf", PDF, &[])).expect(404);
        post(&world, number, form("c.pdf", PDF, &[])).send().expect(401);

        let path = format!("/api/v1/tickets/{number}");
        let seen = read_with(&world, &receipt, &path).expect(200).json();
        let ids: Vec<&Value> = seen["attachments"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, [&json!(2)]);
        read_with(&world, &receipt, &format!("{path}/attachments/1")).expect(404);
        read_with(&world, &receipt, &format!("{path}/attachments/2")).expect(200);
        assert_eq!(world.ticket("triager", number)["attachments"].as_array().unwrap().len(), 2);
    }

    fn what_is_not_fit_is_refused_with_words_and_nothing_is_kept(world) {
        let receipt = world.submit(json!({}));
        // A picture of 50,000 by 50,000 pixels in a few bytes.
        let mut bomb = photo(2, 2, ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        for (bytes, words) in [
            (bomb, "万像素"),
            (Vec::new(), "空的"),
            (b"GIF89a".to_vec(), "JPEG"),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec(), "JPEG"),
            (b"MZ\x90\0".to_vec(), "JPEG"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "HEIC"),
            (b"%PDF-1.4 without end".to_vec(), "损坏"),
            (photo(64, 64, ImageFormat::Jpeg)[..200].to_vec(), "损坏"),
            (voice::webm(2, true), "视频"),
            (voice::ogg(181), "3 分钟"),
            (voice::webm(182, false), "3 分钟"),
            (voice::m4a(181), "3 分钟"),
        ] {
            let answer = by_resident(&world, &receipt, form("a.jpg", &bytes, &[])).expect(422);
            let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
            assert!(message.contains(words), "{message}");
        }
        assert_eq!(kept(&world), Vec::<PathBuf>::new());
        assert_eq!(world.ticket("triager", &receipt.number)["attachments"], json!([]));
    }

    fn a_form_is_bounded_and_read_by_name(world) {
        let receipt = world.submit(json!({}));
        let send = |body: Vec<u8>| by_resident(&world, &receipt, body);
        let long = vec![b' '; attachments::BYTES_MAX + 1];

        assert_eq!(send(form("a.pdf", &[PDF, &long[..]].concat(), &[])).expect(413).slug(), "too-large");
        assert_eq!(send(form("a.pdf", PDF, &[("colour", "1")])).expect(422).json()["errors"][0]["field"], "colour");
        assert_eq!(send(form("a.pdf", PDF, &[("shown", "yes")])).expect(422).json()["errors"][0]["field"], "shown");
        assert_eq!(send(b"--cut--\r\n".to_vec()).expect(422).json()["errors"][0]["field"], "file");
        assert_eq!(send(b"--cut\r\nbroken".to_vec()).expect(400).slug(), "malformed");
        let twice = [&form("a.pdf", PDF, &[])[..], &form("b.pdf", PDF, &[])].concat();
        let twice = String::from_utf8(twice).unwrap().replacen("--cut--\r\n", "", 1).into_bytes();
        assert_eq!(send(twice).expect(422).json()["errors"][0]["field"], "file");
        let path = format!("/api/v1/tickets/{}/attachments", receipt.number);
        let json = world.app.post(&path, &json!({})).header("Receipt-Code", receipt.code.clone());
        assert_eq!(json.send().expect(415).slug(), "unsupported-media-type");
        assert_eq!(kept(&world), Vec::<PathBuf>::new());
    }

    fn voice_notes_of_three_minutes_are_kept_with_their_length_and_without_their_place(world) {
        let receipt = world.submit(json!({"description": null, "attachments_expected": 1}));
        for (bytes, media, millis) in [
            (voice::ogg(180), "audio/ogg", 180_000),
            (voice::webm(180, false), "audio/webm", 179_980),
            (voice::m4a(180), "audio/mp4", 180_000),
        ] {
            let told = by_resident(&world, &receipt, form("语音", &bytes, &[])).expect(201).json();
            assert_eq!(told["media_type"], media);
            let lasts = told["duration_ms"].as_i64().unwrap();
            assert!((millis - 20..=millis + 20).contains(&lasts), "{media}: {lasts}");
        }
        let path = format!("/api/v1/tickets/{}/attachments/3", receipt.number);
        let bytes = read_with(&world, &receipt, &path).expect(200).bytes;
        assert_eq!(bytes.len(), voice::m4a(180).len());
        assert!(!bytes.windows(8).any(|it| it == b"+26.0400"));
    }

    fn a_ticket_takes_twenty_attachments_while_it_may_be_supplemented(world) {
        let receipt = world.submit(json!({}));
        for _ in 0..20 {
            by_resident(&world, &receipt, form("a.pdf", PDF, &[])).expect(201);
        }
        let full = by_resident(&world, &receipt, form("a.pdf", PDF, &[])).expect(409);
        assert_eq!(full.slug(), "too-many-attachments");

        let second = world.submit(json!({}));
        world.resident(&second, "withdraw", json!({})).expect(200);
        assert_eq!(by_resident(&world, &second, form("a.pdf", PDF, &[])).expect(409).slug(), "illegal-move");
        by_staff(&world, "triager", &second.number, form("a.pdf", PDF, &[])).expect(201);
    }

    fn the_same_key_attaches_once(world) {
        let receipt = world.submit(json!({}));
        let send = |name: &str, bytes: &[u8]| {
            let request = post(&world, &receipt.number, form(name, bytes, &[]));
            request.header("Receipt-Code", receipt.code.clone()).header("Idempotency-Key", "k".repeat(22)).send()
        };

        let first = send("a.pdf", PDF).expect(201);
        by_resident(&world, &receipt, form("b.pdf", PDF, &[])).expect(201);
        let again = send("a.pdf", PDF).expect(201);

        assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
        assert_eq!(send("c.pdf", PDF).expect(422).slug(), "key-reused");
        assert_eq!(world.ticket("triager", &receipt.number)["attachments"].as_array().unwrap().len(), 2);
        assert_eq!(kept(&world).len(), 2);
    }

    fn one_scan_serves_several_tickets_that_its_sender_may_see(world) {
        let (first, second) = (world.submit(json!({})), world.submit(json!({})));
        let elsewhere = world.submit(json!({"community": "HX"})).number;
        let scan = |numbers: &[&str]| form("信.pdf", PDF, &numbers.iter().map(|it| ("also_for", *it)).collect::<Vec<_>>());

        by_staff(&world, "clerk", &first.number, scan(&[&second.number])).expect(201);

        for receipt in [&first, &second] {
            assert_eq!(world.ticket("triager", &receipt.number)["attachments"][0]["name"], "信.pdf");
        }
        assert_eq!(kept(&world).len(), 1);
        let refused = by_staff(&world, "clerk", &first.number, scan(&[&elsewhere])).expect(422);
        assert_eq!(refused.json()["errors"][0]["field"], "also_for");
        let resident = by_resident(&world, &first, scan(&[&second.number])).expect(422);
        assert_eq!(resident.json()["errors"][0]["field"], "also_for");
        assert_eq!(kept(&world).len(), 1);
    }

    fn a_missing_or_changed_file_is_found(world) {
        let receipt = world.submit(json!({}));
        by_resident(&world, &receipt, form("a.jpg", &photo(40, 40, ImageFormat::Jpeg), &[])).expect(201);
        assert_eq!(faults(&verified(&world)), Vec::<&str>::new());
        let files = kept(&world);
        assert_eq!(files.len(), 2, "{files:?}");

        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let mut changed = bytes.clone();
            changed[bytes.len() / 2] ^= 1;
            std::fs::write(&file, changed).unwrap();
            assert_eq!(faults(&verified(&world)), ["file"]);
            std::fs::remove_file(&file).unwrap();
            assert_eq!(faults(&verified(&world)), ["file-missing"]);
            std::fs::write(&file, bytes).unwrap();
        }
    }

    fn a_changed_row_of_an_attachment_is_found(world) {
        let receipt = world.submit(json!({}));
        by_resident(&world, &receipt, form("a.jpg", &photo(40, 40, ImageFormat::Jpeg), &[])).expect(201);
        let app = &world.app.app;
        let verify = || audit::verify_database(&app.store, &app.keys, |_| {}).unwrap();
        let mut intruder = Intruder::breaking_in(&world);

        for column in intruder.columns("attachment") {
            let other = intruder.other_value("attachment", &column);
            intruder.run(&format!("UPDATE attachment SET \"{}\" = {other}", column.name));
            let report = verify();
            assert!(report.findings.iter().any(|it| it.spot.table == "attachment" || it.fault == "no-row"), "{}: {report:#?}", column.name);
            intruder.restore();
        }
        intruder.run("DELETE FROM attachment");
        assert_eq!(verify().findings[0].spot.table, "attachment");
        intruder.restore();
    }

    fn what_a_crash_left_is_deleted_after_a_day_and_what_a_ticket_names_is_not(world) {
        let receipt = world.submit(json!({}));
        by_resident(&world, &receipt, form("a.pdf", PDF, &[])).expect(201);
        let (app, named) = (&world.app.app, kept(&world));
        let room = red_mailbox::store::files::Files::in_data_folder(&app.settings.data_dir);
        let lost = red_mailbox::store::files::Files::new_name(app.clock.now());
        room.put(&lost, PDF, Some(PDF)).unwrap();
        std::mem::forget(room.arrive(app.clock.now()).unwrap());
        // The mark of a file whose commit was told to nobody.
        let name = named[0].file_name().unwrap();
        std::fs::write(app.settings.data_dir.join("attachments/pending").join(name), "").unwrap();
        assert_eq!(kept(&world).len(), 6);
        let tick = || run(async { timer::tick(app, app.clock.now()).await.map(drop).unwrap() });

        app.clock.advance(TimeDelta::hours(23));
        tick();
        assert_eq!(kept(&world).len(), 6);
        app.clock.advance(TimeDelta::hours(2));
        tick();

        assert_eq!(kept(&world), named);
    }
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 },
        )
    })
}

#[test]
fn a_claim_of_ten_gigabytes_is_refused_by_its_head() {
    use std::io::{Read as _, Write as _};
    let world = World::with(crate::harness::Engine::Sqlite, &[]);
    let receipt = world.submit(json!({}));
    let mut stream = std::net::TcpStream::connect(world.app.address).unwrap();
    let head = format!(
        "POST /api/v1/tickets/{}/attachments HTTP/1.1\r\nHost: a\r\nReceipt-Code: {}\r\nContent-Length: 10737418240\r\n\
         Content-Type: multipart/form-data; boundary=cut\r\nConnection: close\r\n\r\n",
        receipt.number, receipt.code
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];

    stream.read_exact(&mut answer).unwrap();

    assert_eq!(&answer, b"HTTP/1.1 413");
}
