//! Notices by e-mail and word of a new date. Every test begins Monday 2026-11-23 09:00 in Shanghai.

use chrono::TimeDelta;
use red_mailbox::config::Settings;
use red_mailbox::domain::notice::NoticeKind;
use red_mailbox::domain::ticket::Channel;
use red_mailbox::domain::value::At;
use red_mailbox::notify::catalogue::{Language, say};
use red_mailbox::service::delivery::{Delivered, deliver_due};
use red_mailbox::service::messages::{deliver_by, gather};
use red_mailbox::service::{App, timer};
use red_mailbox::store::{Store, StoreSettings};
use serde_json::{Value, json};

use crate::builders::World;
use crate::delivery::{body_of, header, with_mail};
use crate::harness::{both_worlds, run};
use crate::smtp::{MailServer, Manner};

/// A mail server is set, so emergencies are queued; tests send by one of their own.
const MAIL_IS_SET: [(&str, &str); 1] = [("smtp_url", "smtp://127.0.0.1:9")];

/// Gives a user an e-mail address.
fn reachable(world: &World, username: &str) {
    world.know(username);
    let user =
        world.app.get(&format!("/api/v1/users/{username}")).bearer(&world.token("admin")).send().expect(200);
    let fields = json!({"email": format!("{username}@community.test")});
    world
        .app
        .patch(&format!("/api/v1/users/{username}"), &fields)
        .bearer(&world.token("admin"))
        .if_match(user.json()["version"].as_i64().unwrap())
        .send()
        .expect(200);
}

fn gathered(app: &App) -> usize {
    let mut n_made = 0;
    run(async { n_made = gather(app, app.clock.now()).await.unwrap() });
    n_made
}

fn sent(app: &App, channel: Channel) -> Delivered {
    let mut done = Delivered::default();
    run(async { done = deliver_by(app, channel, app.clock.now()).await.unwrap() });
    done
}

/// Moves the clock to a time in Shanghai and lets time do its work.
fn at(world: &World, local: &str) {
    let app = &world.app.app;
    app.clock.advance(At::parse(&format!("{local}:00+08:00")).unwrap() - app.clock.now());
    run(async {
        timer::tick(app, app.clock.now()).await.unwrap();
    });
}

const NOTHING: Delivered = Delivered { n_delivered: 0, n_postponed: 0, n_given_up: 0, n_cancelled: 0 };
const ONE: Delivered = Delivered { n_delivered: 1, ..NOTHING };

/// A ticket in the hands of unit WY, for a resident with this contact.
fn in_progress(world: &World, contact: Value) -> crate::builders::Receipt {
    let receipt = world.submit(json!({"contact": contact}));
    world.steps(
        &receipt.number,
        &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
            ("handler", "acknowledge", json!({})),
        ],
    );
    receipt
}

fn extended(world: &World, number: &str) -> Value {
    let ask = json!({"due_at": "2026-12-04T17:30:00+08:00", "reason": "配件要从厂家订"});
    world.steps(number, &[("handler", "extend", ask), ("supervisor", "extensions/1/grant", json!({}))])
}

fn kinds(world: &World, username: &str) -> Vec<String> {
    let page = world.app.get("/api/v1/notices").bearer(&world.token(username)).send().expect(200).json();
    page["items"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
}

/// One notice without words would keep the whole digest from going out.
#[test]
fn every_notice_has_words_for_a_mail_in_both_languages() {
    let fields = ["stage", "percent", "due", "node", "subject", "alerted"].map(|it| (it, "x"));
    for kind in NoticeKind::ALL {
        for language in Language::ALL {
            let said = say(*language, "mail_notice", kind.as_str(), &fields);
            assert!(said.is_ok(), "{kind} in {language}: {said:?}");
        }
    }
}

both_worlds! {
    fn unread_notices_come_as_one_mail_in_working_hours(world) {
        reachable(&world, "triager");
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        let contact = json!({"name": "李华", "phone": "13850001234", "channel": "call"});
        let numbers: Vec<String> = (0..3).map(|_| world.submit(json!({"contact": contact})).number).collect();
        // Half of the day is over when the second day begins: two warnings and a breach follow.
        at(&world, "2026-11-24T17:31");
        assert_eq!(gathered(&app), 0, "after hours");
        at(&world, "2026-11-25T08:30");

        assert_eq!(gathered(&app), 1);
        assert_eq!(gathered(&app), 0);
        assert_eq!((sent(&app, Channel::Email), sent(&app, Channel::Email)), (ONE, NOTHING));

        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(header(&mails[0], "To"), "triager@community.test");
        let body = body_of(&mails[0]);
        for number in &numbers {
            let link = format!("http://red-mailbox.test/desk/tickets/{number}");
            assert!(body.contains(&link), "{link} not in\n{body}");
        }
        assert!(body.contains("受理时限已过（2026-11-24 17:30 到期）"), "{body}");
        for secret in ["李华", "13850001234", "路灯不亮", "拐角"] {
            assert!(!body.contains(secret), "{secret} in\n{body}");
        }
    }

    fn what_is_read_or_was_mailed_is_not_mailed_again(world) {
        reachable(&world, "triager");
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        world.submit(json!({}));
        at(&world, "2026-11-24T08:45");
        let page = world.app.get("/api/v1/notices").bearer(&world.token("triager")).send().expect(200).json();
        let id = page["items"][0]["id"].as_i64().unwrap();
        world.app.post(&format!("/api/v1/notices/{id}/read"), &json!({})).bearer(&world.token("triager")).send().expect(204);
        assert_eq!(gathered(&app), 0, "it was read");
        at(&world, "2026-11-24T15:30");

        assert_eq!(gathered(&app), 1, "the second warning");
        world.submit(json!({"description": "有人被困在电梯里"}));
        world.app.app.clock.advance(TimeDelta::minutes(29));
        assert_eq!(gathered(&app), 0, "not more often than every half hour");
        world.app.app.clock.advance(TimeDelta::minutes(2));
        assert_eq!(gathered(&app), 1);
        assert_eq!(sent(&app, Channel::Email).n_delivered, 2);
        assert_eq!(gathered(&app), 0);
    }

    fn whoever_has_no_address_or_has_left_gets_no_mail(world) {
        reachable(&world, "triager");
        world.know("supervisor");
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        assert_eq!(gathered(&with_mail(&world, "")), 0);
        world.submit(json!({}));
        at(&world, "2026-11-24T16:30");
        assert_eq!(gathered(&app), 1, "the supervisor has no address");
        world.app.request("DELETE", "/api/v1/users/triager").bearer(&world.token("admin")).send().expect(204);

        assert_eq!(sent(&app, Channel::Email), Delivered { n_cancelled: 1, ..NOTHING });
        assert!(server.mails().is_empty());
    }

    fn an_emergency_goes_at_once_at_any_hour_and_by_itself(world) {
        for name in ["handler", "triager"] {
            reachable(&world, name);
        }
        let roster = json!({"code": "ZB", "name": "值班表", "node": "YD", "shifts": [
            {"weekdays": ["mon"], "from": "20:00", "to": "08:00", "usernames": ["handler"]}]});
        world.app.post("/api/v1/rosters", &roster).bearer(&world.token("admin")).send().expect(201);
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        at(&world, "2026-11-23T23:30");

        let contact = json!({"phone": "13850001234", "channel": "call"});
        let number = world.submit(json!({"description": "有人被困在电梯里", "contact": contact})).number;
        world.submit(json!({"description": "楼道里起火了"}));

        assert_eq!(sent(&app, Channel::Email).n_delivered, 2, "one by one");
        // Several conversations are held at once: either may end first.
        let mails = server.mails();
        let link = format!("/desk/tickets/{number}");
        let mail = mails.iter().find(|it| body_of(it).contains(&link)).unwrap();
        assert_eq!(header(mail, "To"), "handler@community.test");
        let body = body_of(mail);
        assert!(body.contains("已通知：handler"), "{body}");
        assert!(!body.contains("电梯") && !body.contains("13850001234"), "{body}");
        // What was mailed at once stands in no digest.
        at(&world, "2026-11-24T08:31");
        gathered(&app);
        sent(&app, Channel::Email);
        let later: Vec<String> = server.mails().iter().skip(2).filter(|it| header(it, "To").starts_with("handler")).cloned().collect();
        assert!(later.is_empty(), "{later:?}");
    } with MAIL_IS_SET

    /// The answer is lost between sending and recording: the same mail goes again, and no other.
    fn a_mail_whose_answer_is_lost_is_repeated_the_same(world) {
        reachable(&world, "triager");
        world.submit(json!({}));
        at(&world, "2026-11-24T09:00");
        let server = MailServer::start(Manner::DropsAfterData);
        let app = with_mail(&world, &server.url());
        assert_eq!(gathered(&app), 1);
        assert_eq!(sent(&app, Channel::Email).n_postponed, 1);
        world.submit(json!({}));
        world.app.app.clock.advance(TimeDelta::seconds(10));
        server.turn(Manner::Takes);

        assert_eq!(sent(&app, Channel::Email), ONE);

        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0], mails[1], "to the letter");
    }

    fn two_instances_make_and_send_one(world) {
        reachable(&world, "triager");
        world.submit(json!({}));
        at(&world, "2026-11-24T09:00");
        let server = MailServer::start(Manner::Takes);
        let one = with_mail(&world, &server.url());
        let settings = StoreSettings { ..world.app.store.settings.clone() };
        let two = App { store: Store::open(&settings).unwrap(), ..one.clone() };

        run(async {
            let now = one.clock.now();
            let (first, second) = tokio::join!(gather(&one, now), gather(&two, now));
            assert_eq!(first.unwrap() + second.unwrap(), 1);
            let (first, second) =
                tokio::join!(deliver_by(&one, Channel::Email, now), deliver_by(&two, Channel::Email, now));
            assert_eq!(first.unwrap().n_delivered + second.unwrap().n_delivered, 1);
        });

        assert_eq!(server.mails().len(), 1);
        two.store.close();
    }

    fn a_granted_extension_is_told_to_the_resident_by_mail(world) {
        let receipt = in_progress(&world, json!({"name": "李华", "email": "lihua@example.org", "channel": "email"}));
        let number = receipt.number.as_str();
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());
        let before = extended(&world, number);

        assert_eq!((sent(&app, Channel::Email), sent(&app, Channel::Email)), (ONE, NOTHING));

        let mail = &server.mails()[0];
        assert_eq!(header(mail, "To"), "lihua@example.org");
        let body = body_of(mail);
        for words in ["2026-12-04 17:30", "配件要从厂家订", &format!("/r/{number}")] {
            assert!(body.contains(words), "{words} not in\n{body}");
        }
        let after = world.ticket("triager", number);
        assert_eq!((&after["status"], &after["replies"], &after["version"]), (&before["status"], &before["replies"], &before["version"]));
    }

    /// Or the intake could be used to bomb strangers (PRODUCT §3).
    fn nothing_goes_to_an_address_before_staff_took_the_matter_up(world) {
        let stranger = json!({"name": "李华", "email": "stranger@example.org", "channel": "email"});
        let receipts: Vec<_> = (0..5).map(|_| world.submit(json!({"contact": stranger}))).collect();
        let urgent = json!({"contact": stranger, "description": "电梯困人，老人心脏不好，快来人"});
        world.submit(urgent);
        for receipt in &receipts {
            world.resident(receipt, "supplement", json!({"text": "还有一件事"})).expect(200);
        }
        world.resident(&receipts[0], "withdraw", json!({})).expect(200);
        let server = MailServer::start(Manner::Takes);
        let app = with_mail(&world, &server.url());

        // Every clock is long overdue, and nobody has looked at them.
        for local in ["2026-11-23T12:00", "2026-11-24T15:00", "2026-11-30T10:00", "2026-12-31T10:00"] {
            at(&world, local);
            gathered(&app);
            sent(&app, Channel::Email);
            run(async { deliver_due(&app, app.clock.now()).await.map(drop).unwrap() });
        }

        let to_stranger = |it: &&String| header(it, "To").contains("stranger");
        assert_eq!(server.mails().iter().filter(to_stranger).count(), 0);
        // The first word is a reply that staff wrote.
        let declined = json!({"reason": "不属社区", "refer_to": "供电公司 95598"});
        world.act("triager", &receipts[1].number, "decline", declined).expect(200);
        run(async { deliver_due(&app, app.clock.now()).await.map(drop).unwrap() });
        assert_eq!(server.mails().iter().filter(to_stranger).count(), 1);
    }

    fn a_refused_extension_is_not_told_to_the_resident(world) {
        let receipt = in_progress(&world, json!({"email": "lihua@example.org", "channel": "email"}));
        let ask = json!({"due_at": "2026-12-04T17:30:00+08:00", "reason": "配件要从厂家订"});
        world.steps(&receipt.number, &[("handler", "extend", ask), ("supervisor", "extensions/1/refuse", json!({}))]);
        let server = MailServer::start(Manner::Takes);

        assert_eq!(sent(&with_mail(&world, &server.url()), Channel::Email), NOTHING);
    }

    fn an_extension_goes_by_text_message_where_that_was_chosen(world) {
        let receipt = in_progress(&world, json!({"phone": "13850001234", "channel": "sms"}));
        let number = receipt.number.as_str();
        extended(&world, number);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        let command = format!("tee {}", file.display());
        let differ = [("sms_command", command.as_str()), ("public_url", "http://red-mailbox.test")];
        let settings = Settings::in_folder(folder.path(), &differ).unwrap();
        let app = App { settings: std::sync::Arc::new(settings), ..world.app.app.clone() };

        assert_eq!(sent(&app, Channel::Sms), ONE);

        let taken: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((taken["to"].as_str(), taken["key"].as_str().unwrap().contains("extension.1")), (Some("13850001234"), true));
        let text = taken["text"].as_str().unwrap();
        assert!(text.contains("2026-12-04 17:30") && text.contains("配件要从厂家订"), "{text}");
    }

    fn where_no_machine_writes_the_handler_is_asked_to(world) {
        let receipt = in_progress(&world, json!({"phone": "13850001234", "channel": "call"}));
        extended(&world, &receipt.number);

        assert_eq!(kinds(&world, "handler"), ["tell_resident", "extension_decided"]);
    }

    fn an_address_that_is_wrong_for_good_comes_back_to_the_handler(world) {
        let receipt = in_progress(&world, json!({"email": "lihua@example.org", "channel": "email"}));
        extended(&world, &receipt.number);
        let server = MailServer::start(Manner::Refuses("550 no such user"));

        assert_eq!(sent(&with_mail(&world, &server.url()), Channel::Email), Delivered { n_given_up: 1, ..NOTHING });

        assert_eq!(kinds(&world, "handler"), ["tell_resident", "extension_decided"]);
    }

    fn what_is_done_before_word_goes_out_is_not_told(world) {
        let receipt = in_progress(&world, json!({"email": "lihua@example.org", "channel": "email"}));
        extended(&world, &receipt.number);
        world.act("handler", &receipt.number, "resolve", json!({"result": "灯已换好"})).expect(200);
        let server = MailServer::start(Manner::Takes);

        assert_eq!(sent(&with_mail(&world, &server.url()), Channel::Email), Delivered { n_cancelled: 1, ..NOTHING });
    }

    fn the_receipt_page_shows_the_new_date_and_why(world) {
        let receipt = in_progress(&world, json!({}));
        extended(&world, &receipt.number);
        let form = format!("number={}&code={}", receipt.number, receipt.code);

        let page = world.app.request("POST", "/track").header("Sec-Fetch-Site", "same-origin")
            .text("application/x-www-form-urlencoded", form).send().expect(200).text;

        assert!(page.contains("2026-12-04 17:30") && page.contains("配件要从厂家订"), "{page}");
    }
}
