//! The queue: what needs whom, filters in the address, pages, and several tickets at once.

use serde_json::json;

use super::{Browser, encoded, hidden};
use crate::harness::both_worlds;

/// The numbers of the rows of a page, in their order.
fn numbers(page: &str) -> Vec<String> {
    let rows = page.split("<li data-row>").skip(1);
    let number =
        |row: &str| row.split_once("/desk/tickets/").unwrap().1.split('"').next().unwrap().to_owned();
    rows.map(number).collect()
}

both_worlds! {
    fn each_role_sees_what_it_does_next_with_the_first_due_on_top(world) {
        let quiet = world.submit(json!({}));
        let danger = world.submit(json!({"description": "有人被困在电梯里"}));
        let assigned = world.submit(json!({}));
        world.steps(&assigned.number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        let resolved = world.submit(json!({}));
        world.resolve(&resolved.number);

        let triager = numbers(&Browser::of(&world, "triager").page("/desk"));
        let handler = Browser::of(&world, "handler");
        let other = Browser::of(&world, "handler2").page("/desk");

        assert_eq!(triager.first(), Some(&danger.number));
        assert!(triager.contains(&quiet.number) && triager.contains(&resolved.number) && !triager.contains(&assigned.number));
        assert_eq!(numbers(&handler.page("/desk")), std::slice::from_ref(&assigned.number));
        let mine = handler.page("/desk/mine");
        assert!(mine.contains(&assigned.number) && mine.contains("/acknowledge"), "{mine}");
        assert!(numbers(&other).is_empty() && other.contains("现在没有要办的"), "{other}");
        // A leader has no next step, and sees what is open.
        assert_eq!(numbers(&Browser::of(&world, "leader").page("/desk")).len(), 4);
        assert!(numbers(&Browser::of(&world, "other").page("/desk?view=all")).is_empty());
    }

    fn a_list_is_a_link(world) {
        let three = world.submit(json!({"location": {"building": "3"}}));
        let four = world.submit(json!({"description": "四号楼水管漏水", "subject": "漏水", "location": {"building": "4"}}));
        let browser = Browser::of(&world, "triager");

        assert_eq!(numbers(&browser.page("/desk?view=all")), [four.number.clone(), three.number.clone()]);
        assert_eq!(numbers(&browser.page("/desk?building=3")), std::slice::from_ref(&three.number));
        assert_eq!(numbers(&browser.page(&format!("/desk?q={}", encoded("漏水")))), std::slice::from_ref(&four.number));
        assert_eq!(numbers(&browser.page(&format!("/desk?q={}", three.number))), std::slice::from_ref(&three.number));
        assert!(numbers(&browser.page("/desk?view=late")).is_empty());
        world.app.app.clock.advance(chrono::TimeDelta::days(3));
        let browser = Browser::of(&world, "triager");
        let late = browser.page("/desk?view=late");
        assert_eq!(numbers(&late).len(), 2, "{late}");
        assert!(late.contains("超期"), "{late}");
        // What is no filter is told, and the page stands.
        let wrong = browser.get("/desk?category=nothing").expect(422).text;
        assert!(wrong.contains("没有这个类别"), "{wrong}");
        browser.get("/desk?colour=red").expect(400);
    }

    fn a_long_list_has_pages(world) {
        for _ in 0..51 {
            world.submit(json!({}));
        }
        let browser = Browser::of(&world, "triager");

        let first = browser.page("/desk?view=all&building=");
        let next = first.split_once("rel=\"next\" href=\"").unwrap().1.split('"').next().unwrap().replace("&#38;", "&");
        let second = browser.page(&next);

        assert_eq!((numbers(&first).len(), numbers(&second).len()), (50, 1));
        assert!(!second.contains("rel=\"next\""), "{second}");
    }

    fn several_are_accepted_and_assigned_at_once_and_what_fails_is_named(world) {
        let (one, two) = (world.submit(json!({})), world.submit(json!({})));
        let browser = Browser::of(&world, "triager");
        let chosen = |page: &str| -> Vec<String> {
            page.split("name=\"ticket\" value=\"").skip(1).map(|it| it.split('"').next().unwrap().to_owned()).collect()
        };
        let tickets = chosen(&browser.page("/desk"));
        assert_eq!(tickets.len(), 2);
        // Somebody is faster with one of them.
        world.steps(&two.number, &[("supervisor", "note", json!({"text": "等等"}))]);

        let mut fields: Vec<(&str, &str)> = tickets.iter().map(|it| ("ticket", it.as_str())).collect();
        fields.extend([("verb", "accept"), ("category", "street_light"), ("priority", "normal")]);
        let page = browser.post("/desk/bulk", &fields).expect(200).text;

        assert!(page.contains("已办 1 件") && page.contains(&format!("{}：别人刚刚改过", two.number)), "{page}");
        assert_eq!(world.ticket("triager", &one.number)["status"], "accepted");
        assert_eq!(world.ticket("triager", &two.number)["status"], "received");
        let tickets = chosen(&page);
        let accepted = tickets.iter().find(|it| it.starts_with(&one.number)).unwrap();
        browser.post("/desk/bulk", &[("ticket", accepted), ("verb", "assign"), ("unit", "WY")]).expect(200);
        assert_eq!(world.ticket("triager", &one.number)["unit"], "WY");
        browser.post("/desk/bulk", &[("verb", "accept"), ("category", "street_light")]).expect(422);
        browser.post("/desk/bulk", &[("ticket", accepted), ("verb", "close")]).expect(422);
    }

    fn what_is_due_soon_or_late_stands_on_the_watch(world) {
        let receipt = world.submit(json!({}));
        let supervisor = Browser::of(&world, "supervisor");
        assert!(supervisor.page("/desk/watch").contains("没有超期的"));

        world.app.app.clock.advance(chrono::TimeDelta::days(3));
        let watch = Browser::of(&world, "supervisor").page("/desk/watch");

        assert_eq!(numbers(&watch), [receipt.number]);
        assert!(watch.contains("超期 1 天") || watch.contains("超期 2 天") || watch.contains("小时"), "{watch}");
    }

    fn a_handler_gives_the_result_from_the_list(world) {
        let receipt = world.submit(json!({}));
        world.steps(&receipt.number, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY"})),
        ]);
        let handler = Browser::of(&world, "handler");
        let step = |verb: &str, more: &[(&str, &str)]| {
            let page = handler.page("/desk/mine");
            let version = hidden(&page, "version");
            let back = format!("/desk/mine?done={verb}");
            let mut fields = vec![("version", version.as_str()), ("back", back.as_str())];
            fields.extend(more);
            let led = handler.post(&format!("/desk/tickets/{}/{verb}", receipt.number), &fields).expect(303);
            assert_eq!(led.header("location"), back);
            handler.page(&back)
        };

        assert!(step("acknowledge", &[]).contains("已签收"));
        assert!(step("extend", &[("due_at", "2026-12-02T17:30"), ("reason", "等配件")]).contains("延期申请已提交"));
        assert!(step("resolve", &[("result", "换好了"), ("outcome", "solved")]).contains("手里没有要办的"));
        assert_eq!(world.ticket("triager", &receipt.number)["result"], "换好了");
    }
}
