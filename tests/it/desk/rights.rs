//! Every page and form, for every role: who may not is refused, and reads no fact.

use serde_json::json;

use super::Browser;
use crate::harness::both_worlds;

/// Everybody of the sample: those of the community, and those of another one.
const EVERYBODY: [&str; 9] =
    ["clerk", "triager", "handler", "handler2", "supervisor", "leader", "auditor", "admin", "other"];
/// What only who sees the ticket may read.
const SECRET: &str = "王婆婆家的水表";

fn is(who: &str, allowed: &[&str]) -> bool {
    allowed.contains(&who)
}

both_worlds! {
    fn a_page_is_shown_to_whom_it_is_for_and_to_nobody_else(world) {
        let receipt = world.submit(json!({"subject": SECRET}));
        let sealed = world.submit(json!({"subject": format!("{SECRET}被人动过"), "kind": "report"}));
        let (page, sealed) = (format!("/desk/tickets/{}", receipt.number), format!("/desk/tickets/{}", sealed.number));
        let in_yd = ["clerk", "triager", "supervisor", "leader", "auditor"];
        let pages: [(&str, &[&str], u16); 7] = [
            ("/desk/account", &EVERYBODY, 403),
            ("/desk/notices", &EVERYBODY, 403),
            ("/desk", &["clerk", "triager", "handler", "handler2", "supervisor", "leader", "auditor", "other"], 403),
            ("/desk/mine", &["handler", "handler2", "other"], 403),
            ("/desk/watch", &["supervisor", "other"], 403),
            ("/desk/new", &["clerk", "triager", "handler", "handler2", "supervisor", "other"], 403),
            (&page, &in_yd, 404),
        ];

        for who in EVERYBODY {
            let browser = Browser::of(&world, who);
            for (path, allowed, refused) in pages {
                let answer = browser.get(path);
                let expected = if is(who, allowed) { 200 } else { refused };
                assert_eq!(answer.status, expected, "{who} {path}: {}", answer.text);
                let may_read = is(who, &in_yd) && (path == page || path == "/desk" || path == "/desk/watch");
                assert!(may_read || !answer.text.contains(SECRET), "{who} {path}: {}", answer.text);
            }
            // A sealed ticket is the street's, which nobody of the community sees.
            assert_eq!(browser.get(&sealed).status, 404, "{who}");
            assert!(!browser.get("/desk?view=all").text.contains("被人动过"), "{who}");
        }
        assert!(Browser::of(&world, "street").page(&sealed).contains("被人动过"));
    }

    fn a_form_is_taken_from_whom_it_is_for_and_from_nobody_else(world) {
        let receipt = world.submit(json!({"subject": SECRET}));
        let path = |verb: &str| format!("/desk/tickets/{}/{verb}", receipt.number);
        let triage = ["triager", "supervisor"];
        let forms: [(String, &[&str]); 12] = [
            (path("accept"), &triage),
            (path("assign"), &triage),
            (path("merge"), &triage),
            (path("acknowledge"), &[]),
            (path("resolve"), &[]),
            (path("reply"), &triage),
            (path("close"), &["supervisor"]),
            (path("urge"), &triage),
            (path("note"), &["clerk", "triager", "supervisor"]),
            (path("amend"), &["clerk", "triager", "supervisor"]),
            (path("contact-views"), &triage),
            (path("extensions/1"), &["supervisor"]),
        ];
        let sees = ["clerk", "triager", "supervisor", "leader", "auditor"];

        for who in EVERYBODY {
            let browser = Browser::of(&world, who);
            for (path, allowed) in &forms {
                // Nothing is filled in: who may is told what to mend, and nothing is done.
                let answer = browser.post(path, &[]);
                let is_taken = !matches!(answer.status, 403 | 404 | 303) || path.ends_with("extensions/1") && answer.status == 404 && is(who, allowed);
                assert_eq!(is_taken, is(who, allowed), "{who} {path}: {} {}", answer.status, answer.text);
                if !is(who, allowed) {
                    assert_eq!(answer.status, if is(who, &sees) { 403 } else { 404 }, "{who} {path}");
                    assert!(!answer.text.contains(SECRET), "{who} {path}: {}", answer.text);
                }
            }
            let status = browser.post("/desk/bulk", &[]).status;
            assert_eq!(status == 403, !is(who, &["triager", "supervisor", "other"]), "{who}: {status}");
            let status = browser.post("/desk/new", &[]).status;
            assert_eq!(status == 403, is(who, &["leader", "auditor", "admin"]), "{who}: {status}");
        }
        assert_eq!(world.ticket("triager", &receipt.number)["version"], 1);
    }

    fn who_is_not_signed_in_sees_nothing_and_changes_nothing(world) {
        let receipt = world.submit(json!({"subject": SECRET}));
        let nobody = Browser::new(&world);

        for path in ["/desk", "/desk/mine", "/desk/watch", "/desk/new", "/desk/account", "/desk/notices"] {
            let led = nobody.get(path).expect(303);
            assert!(led.header("location").starts_with("/login?next="), "{path}");
        }
        let led = nobody.get(&format!("/desk/tickets/{}", receipt.number)).expect(303);
        assert!(!led.text.contains(SECRET));
        for path in ["/desk/bulk", "/desk/new", "/logout", "/desk/notices", "/desk/account/password"] {
            nobody.send(path, &[("csrf", "x")]).expect(303);
        }
        nobody.send(&format!("/desk/tickets/{}/withdraw", receipt.number), &[("csrf", "x")]).expect(303);
        assert_eq!(world.ticket("triager", &receipt.number)["status"], "received");
    }

    fn the_navigation_names_only_what_its_reader_may_see(world) {
        for who in EVERYBODY {
            let browser = Browser::of(&world, who);
            let page = browser.page("/desk/account");
            let nav = page.split_once("<nav").unwrap().1.split_once("</nav>").unwrap().0.to_owned();
            for path in nav.split("href=\"").skip(1).map(|it| it.split('"').next().unwrap()) {
                assert_eq!(browser.get(path).status, 200, "{who} {path}");
            }
        }
    }
}
