//! A reply by e-mail on its way: it arrives, is tried again, fails visibly, or waits.

use std::sync::Arc;

use chrono::TimeDelta;
use diesel::prelude::*;
use red_mailbox::config::Settings;
use red_mailbox::service::App;
use red_mailbox::service::delivery::{Delivered, deliver_due};
use red_mailbox::store::outbox::claim;
use red_mailbox::store::schema::outbox;
use red_mailbox::store::{Db, StoreError};
use serde_json::{Value, json};

use crate::builders::{Receipt, World};
use crate::harness::{both_worlds, run};
use crate::smtp::{MailServer, Manner};

const WORDS: &str = "路灯已经换好，请您查看。\n.\n谢谢您告诉我们。";

/// A resolved ticket whose reply by e-mail is queued.
fn replied(world: &World) -> Receipt {
    let contact = json!({"name": "李华", "email": "lihua@example.org", "channel": "email"});
    let receipt = world.submit(json!({"contact": contact}));
    world.resolve(&receipt.number);
    let ticket = world.act("triager", &receipt.number, "reply", json!({"text": WORDS})).expect(200).json();
    assert_eq!((ticket["status"].as_str(), delivery_of(&ticket)), (Some("resolved"), "queued"));
    receipt
}

fn delivery_of(ticket: &Value) -> &str {
    ticket["replies"][0]["delivery"].as_str().unwrap()
}

/// The application with another mail server; empty for none.
pub(crate) fn with_mail(world: &World, smtp_url: &str) -> App {
    let folder = tempfile::tempdir().unwrap();
    let differ = [("smtp_url", smtp_url), ("public_url", "http://red-mailbox.test")];
    let settings = Arc::new(Settings::in_folder(folder.path(), &differ).unwrap());
    App { settings, ..world.app.app.clone() }
}

/// One round of sending by the mail server at `smtp_url`; empty for none.
fn deliver(world: &World, smtp_url: &str) -> Delivered {
    let app = with_mail(world, smtp_url);
    let mut done = Delivered::default();
    run(async { done = deliver_due(&app, app.clock.now()).await.unwrap() });
    done
}

/// State, attempts and last error of the only message.
fn message(world: &World) -> (String, i64, Option<String>) {
    let store = world.app.app.store.clone();
    let read = store.read_blocking(|db: &mut Db| -> Result<_, StoreError> {
        let columns = (outbox::state, outbox::n_attempts, outbox::last_error);
        Ok(match db {
            Db::Lite(c) => outbox::table.select(columns).first(c)?,
            Db::Pg(c) => outbox::table.select(columns).first(c)?,
        })
    });
    read.unwrap()
}

fn later(world: &World, seconds: i64) {
    world.app.app.clock.advance(TimeDelta::seconds(seconds));
}

/// The value of a header of a mail.
pub(crate) fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in\n{mail}"))
}

/// The body of a mail as it is read.
pub(crate) fn body_of(mail: &str) -> String {
    assert_eq!(header(mail, "Content-Type"), "text/plain; charset=utf-8");
    let (_, body) = mail.split_once("\n\n").unwrap();
    match header(mail, "Content-Transfer-Encoding") {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(body),
        other => panic!("encoded as {other}"),
    }
}

fn quoted_printable(body: &str) -> String {
    let body = body.replace("=\r\n", "").replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap();
        bytes.push(if byte == b'=' { u8::try_from(digit() * 16 + digit()).unwrap() } else { byte });
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn base64(body: &str) -> String {
    let mut bits: u32 = 0;
    let mut n_bits = 0;
    let mut bytes = Vec::new();
    for it in body.bytes().filter(|it| !b"\n=".contains(it)) {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = alphabet.iter().position(|known| *known == it).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from((bits >> n_bits) & 0xff).unwrap());
        }
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn count(world: &World, number: &str, kind: &str) -> usize {
    world.trail(number).iter().filter(|it| *it == kind).count()
}

const ONE_DELIVERED: Delivered = Delivered { n_delivered: 1, n_postponed: 0, n_given_up: 0, n_cancelled: 0 };
const ONE_POSTPONED: Delivered = Delivered { n_delivered: 0, n_postponed: 1, n_given_up: 0, n_cancelled: 0 };
const ONE_GIVEN_UP: Delivered = Delivered { n_delivered: 0, n_postponed: 0, n_given_up: 1, n_cancelled: 0 };

both_worlds! {
    fn a_reply_by_mail_arrives_and_the_ticket_is_replied(world) {
        let server = MailServer::start(Manner::Takes);
        let receipt = replied(&world);
        let number = receipt.number.as_str();

        let done = deliver(&world, &server.url());

        assert_eq!(done, ONE_DELIVERED);
        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        let expected = format!("<{}.1@red-mailbox.test>", number.to_lowercase());
        assert_eq!(header(&mails[0], "Message-ID"), expected);
        assert_eq!(header(&mails[0], "To"), "lihua@example.org");
        assert_eq!(header(&mails[0], "Date"), "Mon, 23 Nov 2026 01:00:00 +0000");
        let body = body_of(&mails[0]);
        let link = format!("http://red-mailbox.test/r/{number}");
        for words in ["李华：您好！", WORDS, number, "3号楼路灯不亮", &link] {
            assert!(body.contains(words), "{words} not in\n{body}");
        }
        assert!(!body.contains(&receipt.code), "the code is in the mail");
        let ticket = world.ticket("triager", number);
        assert_eq!((ticket["status"].as_str(), delivery_of(&ticket)), (Some("replied"), "delivered"));
        assert_eq!(message(&world), ("delivered".to_owned(), 1, None));
        assert_eq!(deliver(&world, &server.url()), Delivered::default());
        assert_eq!(server.n_connections(), 1);
    }

    fn what_the_server_refuses_for_now_is_sent_later_and_noted_once(world) {
        let server = MailServer::start(Manner::Refuses("451 4.3.0 <lihua@example.org> later please"));
        let number = replied(&world).number;

        assert_eq!(deliver(&world, &server.url()), ONE_POSTPONED);
        let told = Some("the mail server answered 451".to_owned());
        assert_eq!(message(&world), ("queued".to_owned(), 1, told));
        assert_eq!(deliver(&world, &server.url()), Delivered::default());
        server.turn(Manner::Takes);
        later(&world, 6);

        assert_eq!(deliver(&world, &server.url()), ONE_DELIVERED);
        assert_eq!(server.mails().len(), 1);
        assert_eq!(count(&world, &number, "ticket.replied"), 1);
        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }

    fn a_lost_answer_repeats_the_same_message(world) {
        let server = MailServer::start(Manner::DropsAfterData);
        let number = replied(&world).number;

        assert_eq!(deliver(&world, &server.url()), ONE_POSTPONED);
        server.turn(Manner::Takes);
        later(&world, 6);
        assert_eq!(deliver(&world, &server.url()), ONE_DELIVERED);

        let mails = server.mails();
        assert_eq!(mails.len(), 2);
        assert_eq!(mails[0], mails[1]);
        assert_eq!(count(&world, &number, "ticket.replied"), 1);
    }

    fn what_the_server_refuses_for_good_fails_where_staff_see_it_and_may_be_tried_again(world) {
        let server = MailServer::start(Manner::Refuses("550 5.1.1 <lihua@example.org> unknown"));
        let number = replied(&world).number;

        assert_eq!(deliver(&world, &server.url()), ONE_GIVEN_UP);
        let told = Some("the mail server answered 550".to_owned());
        assert_eq!(message(&world), ("given_up".to_owned(), 1, told));
        let ticket = world.ticket("triager", &number);
        assert_eq!((ticket["status"].as_str(), delivery_of(&ticket)), (Some("resolved"), "failed"));
        assert_eq!(count(&world, &number, "ticket.reply_failed"), 1);

        server.turn(Manner::Takes);
        world.act("triager", &number, "replies/1/retry", json!({})).expect(200);
        assert_eq!(deliver(&world, &server.url()), ONE_DELIVERED);
        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }

    fn a_dead_server_is_tried_with_growing_pauses_and_then_given_up(world) {
        let server = MailServer::start(Manner::IsDead);
        let number = replied(&world).number;
        let pauses = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

        for pause in pauses {
            assert_eq!(deliver(&world, &server.url()), ONE_POSTPONED);
            later(&world, pause - 1);
            assert_eq!(deliver(&world, &server.url()), Delivered::default(), "before {pause} s");
            later(&world, pause / 5 + 2);
        }

        assert_eq!(world.ticket("triager", &number)["replies"][0]["delivery"], "queued");
        assert_eq!(deliver(&world, &server.url()), ONE_GIVEN_UP);
        assert_eq!(server.n_connections(), 10);
        assert_eq!(world.ticket("triager", &number)["replies"][0]["delivery"], "failed");
    }

    fn a_process_that_died_holds_a_message_until_its_lease_ends(world) {
        let server = MailServer::start(Manner::Takes);
        let number = replied(&world).number;
        let now = world.app.app.clock.now();
        let claimed = world.app.app.store.write_blocking(move |db: &mut Db| {
            claim(db, "email", now, now + TimeDelta::seconds(60), 20, |_| now + TimeDelta::seconds(5))
        });
        assert_eq!(claimed.unwrap().len(), 1);

        later(&world, 59);
        assert_eq!(deliver(&world, &server.url()), Delivered::default());
        later(&world, 1);

        assert_eq!(deliver(&world, &server.url()), ONE_DELIVERED);
        assert_eq!(message(&world), ("delivered".to_owned(), 2, None));
        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }

    fn the_worker_sends_what_is_queued_and_finishes_it_when_it_stops(world) {
        let server = MailServer::start(Manner::Holds);
        let number = replied(&world).number;
        let app = with_mail(&world, &server.url());

        run(async {
            let (stop, stopped) = tokio::sync::watch::channel(false);
            let watching = async {
                while server.mails().is_empty() {
                    tokio::task::yield_now().await;
                }
                stop.send_replace(true);
                server.turn(Manner::Takes);
            };
            tokio::join!(red_mailbox::worker::run(app, stopped), watching);
        });

        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }

    fn staff_who_choose_another_way_while_a_mail_is_under_way_are_followed(world) {
        let server = MailServer::start(Manner::Holds);
        let number = replied(&world).number;

        let done = std::thread::scope(|scope| {
            let sending = scope.spawn(|| deliver(&world, &server.url()));
            while server.mails().is_empty() {
                std::thread::yield_now();
            }
            world.act("triager", &number, "replies/1/redirect", json!({"channel": "none"})).expect(200);
            server.turn(Manner::Takes);
            sending.join().unwrap()
        });

        assert_eq!(done, Delivered { n_cancelled: 1, ..Delivered::default() });
        assert_eq!(message(&world).0, "cancelled");
        let ticket = world.ticket("triager", &number);
        assert_eq!((delivery_of(&ticket), ticket["replies"][1]["delivery"].as_str()), ("failed", Some("logged")));
        assert_eq!(count(&world, &number, "ticket.replied"), 1);
    }

    fn without_a_mail_server_a_reply_waits_and_no_attempt_is_counted(world) {
        let number = replied(&world).number;

        assert_eq!(deliver(&world, ""), Delivered::default());

        assert_eq!(message(&world), ("queued".to_owned(), 0, None));
        let ticket = world.act("triager", &number, "replies/1/redirect", json!({"channel": "none"}));
        assert_eq!(ticket.expect(200).json()["status"], "replied");
        let server = MailServer::start(Manner::Takes);
        assert_eq!(deliver(&world, &server.url()), Delivered::default());
        assert_eq!((server.n_connections(), message(&world).0.as_str()), (0, "cancelled"));
    }

    fn a_reply_by_sms_goes_to_the_command_once_and_the_ticket_is_replied(world) {
        let contact = json!({"name": "李华", "phone": "13812345678", "channel": "sms"});
        let number = world.submit(json!({"contact": contact})).number;
        world.resolve(&number);
        world.act("triager", &number, "reply", json!({"text": WORDS})).expect(200);
        let folder = tempfile::tempdir().unwrap();
        let (taken, command) = (folder.path().join("taken"), folder.path().join("taken").display().to_string());
        let send = |command: &str| {
            let settings = Settings::in_folder(folder.path(), &[("sms_command", command)]).unwrap();
            let app = App { settings: Arc::new(settings), ..world.app.app.clone() };
            let mut done = Delivered::default();
            run(async { done = deliver_due(&app, app.clock.now()).await.unwrap() });
            done
        };

        assert_eq!(send("false"), ONE_POSTPONED);
        later(&world, 7);
        assert_eq!(send(&format!("tee {command}")), ONE_DELIVERED);
        assert_eq!(send(&format!("tee {command}")), Delivered::default());

        let handed_over: Value = serde_json::from_str(&std::fs::read_to_string(taken).unwrap()).unwrap();
        assert_eq!(handed_over["to"], "13812345678");
        assert_eq!(handed_over["key"], format!("{}.1@red-mailbox.test", number.to_lowercase()));
        assert!(handed_over["text"].as_str().unwrap().contains(WORDS), "{handed_over}");
        assert_eq!(world.ticket("triager", &number)["status"], "replied");
    }
}
