//! Photos and voice notes on residents' pages: laid by with a form, sent with it, shown to whoever has the receipt.

use chrono::TimeDelta;
use image::ImageFormat;
use red_mailbox::service::timer;
use serde_json::json;

use crate::app::Answer;
use crate::attachments::photo;
use crate::builders::{Receipt, World};
use crate::harness::{both_worlds, run};
use crate::pages::{answer, post, receipt_of};
use crate::voice;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0";

/// A form as browsers send it: texts, and files by field and name.
fn send(world: &World, path: &str, texts: &[(&str, &str)], files: &[(&str, &str, Vec<u8>)]) -> Answer {
    let mut body = Vec::new();
    for (name, text) in texts {
        body.extend(
            format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes(),
        );
    }
    for (field, name, bytes) in files {
        body.extend(format!(
            "--cut\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: x/y\r\n\r\n"
        ).bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--cut--\r\n");
    let request = world.app.request("POST", path).header("Accept", "text/html");
    request.text("multipart/form-data; boundary=cut", body).send()
}

fn jpeg() -> Vec<u8> {
    photo(640, 480, ImageFormat::Jpeg)
}

/// The page after the one of words.
fn words(world: &World, differ: &[(&str, &str)], files: &[(&str, &str, Vec<u8>)]) -> Answer {
    let texts = [&[("key", KEY), ("community", "YD"), ("here", "words")], differ].concat();
    send(world, "/report", &texts, files)
}

/// Where pictures and sounds of a page are.
fn addresses(page: &str) -> Vec<String> {
    page.split("src=\"/sent/").skip(1).map(|it| format!("/sent/{}", it.split('"').next().unwrap())).collect()
}

/// The texts of a form that adds something to a ticket.
fn adding<'a>(receipt: &'a Receipt, words: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("number", &receipt.number),
        ("code", &receipt.code),
        ("verb", "add"),
        ("words", words),
        ("key", KEY),
    ]
}

both_worlds! {
    fn a_photo_or_a_voice_note_says_it_without_words(world) {
        let files = [("photo", "灯.jpg", jpeg()), ("photos", "", Vec::new()), ("voice", "v.ogg", voice::ogg(2))];
        let hear = words(&world, &[("description", "")], &files).expect(200).text;
        let check = answer(&world, &hear, &[("channel", "none")], 200);
        assert!(check.contains("照片 1 张 · 录音 1 段"), "{check}");

        let receipt = answer(&world, &check, &[("go", "send")], 201);
        let again = answer(&world, &check, &[("go", "send")], 201);

        let (number, code) = receipt_of(&receipt);
        assert_eq!(receipt_of(&again), (number.clone(), code.clone()));
        assert!(!receipt.contains("没有传上"), "{receipt}");
        let ticket = world.ticket("triager", &number);
        assert_eq!(ticket["subject"], "（只有照片和录音，没有文字）");
        let media: Vec<&str> = ticket["attachments"].as_array().unwrap().iter().map(|it| it["media_type"].as_str().unwrap()).collect();
        assert_eq!(media, ["image/jpeg", "audio/ogg"]);
        let accept = json!({"category": "street_light", "priority": "normal"});
        assert_eq!(world.act("triager", &number, "accept", accept).expect(409).slug(), "description-missing");
        // Its resident sees the picture and hears the sound.
        let page = post(&world, "/track", &[("number", &number), ("code", &code)]).expect(200).text;
        let found = addresses(&page);
        assert_eq!(found.len(), 2, "{page}");
        let picture = world.app.get(&found[0]).send().expect(200);
        assert_eq!(picture.header("content-type"), "image/jpeg");
        assert!(image::load_from_memory(&picture.bytes).unwrap().width() <= 320);
        assert_eq!(world.app.get(&found[1]).send().expect(200).bytes, voice::ogg(2));
    }

    fn what_is_enclosed_is_shown_carried_and_taken_out_again(world) {
        let shown = words(&world, &[("description", "灯不亮"), ("go", "words")], &[("photos", "a.jpg", jpeg())]).expect(200);
        assert!(shown.header("permissions-policy").contains("microphone=(self)"));
        assert_eq!(addresses(&shown.text).len(), 1, "{}", shown.text);
        world.app.get(&addresses(&shown.text)[0]).send().expect(200);

        let hear = answer(&world, &shown.text, &[("description", "灯不亮")], 200);
        let back = answer(&world, &hear, &[("go", "words")], 200);
        assert_eq!(addresses(&back).len(), 1, "{back}");
        let out = answer(&world, &back, &[("take_out", "0"), ("description", "灯不亮")], 200);

        assert_eq!(addresses(&out).len(), 0, "{out}");
        assert!(out.contains("灯不亮</textarea>"), "{out}");
    }

    fn a_file_that_is_not_fit_is_told_beside_what_was_typed(world) {
        let told = words(&world, &[("description", "灯不亮")], &[("photo", "a.heic", HEIC.to_vec())]).expect(422).text;
        assert!(told.contains("灯不亮</textarea>") && told.contains("暂不支持 HEIC") && told.contains("href=\"#photos\""), "{told}");
        let told = words(&world, &[("description", "灯不亮")], &[("photo", "a.jpg", vec![0xff; 20 * 1024 * 1024 + 1])]).expect(422).text;
        assert!(told.contains("灯不亮</textarea>") && told.contains("太大"), "{told}");
        let seven: Vec<(&str, &str, Vec<u8>)> = (0..7).map(|_| ("photos", "a.jpg", jpeg())).collect();
        let told = words(&world, &[("description", "灯不亮")], &seven).expect(422).text;
        assert!(told.contains("一次最多附 6 个"), "{told}");
        assert_eq!(addresses(&told).len(), 6);
        words(&world, &[("description", "")], &[]).expect(422);
    }

    fn a_list_that_we_did_not_seal_encloses_nothing(world) {
        let hear = words(&world, &[("description", "灯不亮")], &[("photo", "a.jpg", jpeg())]).expect(200).text;
        let sealed = hear.split_once("name=\"enclosed\" value=\"").unwrap().1.split('"').next().unwrap();
        let sealed = sealed.replace("&#34;", "\"");
        assert!(sealed.contains("a.jpg"), "{sealed}");

        for forged in [sealed.replace("a.jpg", "b.jpg"), sealed[1..].to_owned(), "x".to_owned(), "[]".to_owned()] {
            let fields = [("key", KEY), ("community", "YD"), ("here", "hear"), ("description", "灯不亮"), ("enclosed", &forged)];
            let page = post(&world, "/report", &fields).expect(200).text;
            assert!(!page.contains("name=\"enclosed\""), "{page}");
        }
    }

    fn a_pass_is_for_one_file_and_a_while(world) {
        let shown = words(&world, &[("description", "灯不亮"), ("go", "words")], &[("photos", "a.jpg", jpeg())]).expect(200).text;
        let address = addresses(&shown).remove(0);
        let whole = world.app.get(&address).send().expect(200);

        let part = world.app.get(&address).header("Range", "bytes=2-9").send().expect(206);
        assert_eq!((&part.bytes[..], part.header("content-range").starts_with("bytes 2-9/")), (&whole.bytes[2..10], true));
        assert_eq!(whole.header("cache-control"), "no-store");
        world.app.get(&address.replacen("-t-", "-w-", 1)).send().expect(404);
        world.app.get("/sent/nothing").send().expect(404);
        world.app.app.clock.advance(TimeDelta::minutes(31));
        world.app.get(&address).send().expect(404);
    }

    fn a_form_that_was_left_for_days_is_sent_without_its_files_and_says_so(world) {
        let hear = words(&world, &[("description", "灯不亮")], &[("photo", "a.jpg", jpeg())]).expect(200).text;
        world.app.app.clock.advance(TimeDelta::days(2));
        run(async { timer::tick(&world.app.app, world.app.app.clock.now()).await.unwrap(); });

        let receipt = answer(&world, &hear, &[("go", "send")], 201);

        assert!(receipt.contains("没有传上"), "{receipt}");
        assert_eq!(world.ticket("triager", &receipt_of(&receipt).0)["attachments"], json!([]));
    }

    fn a_resident_adds_a_photo_once_and_words_wait_for_a_fit_one(world) {
        let receipt = world.submit(json!({}));

        send(&world, "/track/act", &adding(&receipt, "还漏水"), &[("photo", "a.heic", HEIC.to_vec())]).expect(422);
        assert_eq!(world.trail(&receipt.number), ["ticket.received"]);
        let page = send(&world, "/track/act", &adding(&receipt, ""), &[("photo", "a.jpg", jpeg())]).expect(200).text;
        send(&world, "/track/act", &adding(&receipt, "还漏水"), &[("photo", "a.jpg", jpeg())]).expect(200);

        assert!(page.contains("补充已收到") && page.contains("您加了照片或录音"), "{page}");
        assert_eq!(addresses(&page).len(), 1);
        assert_eq!(world.trail(&receipt.number), ["ticket.received", "ticket.attachment_added", "ticket.supplemented"]);
        assert!(send(&world, "/track/act", &adding(&receipt, " "), &[("photo", "", Vec::new())]).status == 422);
        let wrong = Receipt { code: "00000000".to_owned(), ..receipt.clone() };
        send(&world, "/track/act", &adding(&wrong, ""), &[("photo", "a.jpg", jpeg())]).expect(404);
    }

    fn eyes_and_ears_are_for_the_pages_that_ask(world) {
        let asking = words(&world, &[("go", "words"), ("description", "灯不亮")], &[]).expect(200);
        assert!(asking.header("content-security-policy").contains("media-src 'self' blob:"));
        for path in ["/", "/board", "/login", "/api/v1/board"] {
            let page = world.app.get(path).send();
            assert_eq!(page.header("permissions-policy"), "camera=(), microphone=(), geolocation=()", "{path}");
            assert!(!page.header("content-security-policy").contains("media-src"), "{path}");
        }
    }
}
