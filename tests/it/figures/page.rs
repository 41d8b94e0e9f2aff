//! Figures as a page: a leader sees them, opens the tickets behind each, and learns of nobody's contact.

use serde_json::json;

use super::{at, summary};
use crate::builders::World;
use crate::desk::Browser;
use crate::harness::both_worlds;

fn with_a_resolved_ticket(world: &World) -> String {
    let number = world
        .submit(json!({"contact": {"phone": "13850001234", "channel": "call"},
        "location": {"building": "3"}}))
        .number;
    at(world, "2026-11-23T10:00");
    world.resolve(&number);
    number
}

/// The links of a page that lead to tickets, as a browser reads them.
fn links(page: &str) -> Vec<String> {
    let found = page.split("href=\"/lead/tickets?").skip(1);
    found
        .map(|it| {
            format!(
                "/lead/tickets?{}",
                it.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
            )
        })
        .collect()
}

both_worlds! {
    fn a_leader_sees_the_figures_of_the_api_and_opens_their_tickets(world) {
        let number = with_a_resolved_ticket(&world);
        let figures = summary(&world, "leader", "");
        let leader = Browser::of(&world, "leader");
        let page = leader.page("/lead");

        assert_eq!(crate::figures::rate(&figures, "on_time_rate"), (1, 1));
        assert!(page.contains("按时办结率") && page.contains("100.0 %") && page.contains("1/1"), "{page}");
        assert!(page.contains("响应率") && page.contains("—"), "{page}");
        assert!(page.contains("<svg class=\"chart\""));
        let links = links(&page);
        assert!(links.len() > 12, "{links:?}");
        for link in links.iter().filter(|it| it.contains("figure=on_time_rate") || it.contains("figure=intake")) {
            let tickets = leader.page(link);
            let is_of_then = link.contains("on_time_rate") || tickets.contains(&number);
            assert!(is_of_then || tickets.contains("这段时间没有"), "{link}");
        }
        assert!(leader.page(links.iter().find(|it| it.contains("on_time_rate")).unwrap()).contains(&number));
    }

    fn a_page_of_figures_tells_no_contact_and_no_words(world) {
        let number = with_a_resolved_ticket(&world);
        let leader = Browser::of(&world, "leader");

        for path in ["/lead", "/lead?view=wall", "/lead?by=building&sort=on_time_rate", "/lead/tickets?figure=intake"] {
            let page = leader.page(path);
            assert!(!page.contains("1385000") && !page.contains("路灯从周一晚上"), "{path}");
        }
        assert!(leader.page("/lead/tickets?figure=intake").contains(&number));
    }

    fn figures_are_no_page_for_others(world) {
        assert_eq!(Browser::new(&world).get("/lead").expect(303).header("location"), "/login?next=%2Flead");
        for user in ["clerk", "handler", "admin"] {
            Browser::of(&world, user).get("/lead").expect(403);
            Browser::of(&world, user).get("/lead/tickets?figure=intake").expect(403);
        }
        let leader = Browser::of(&world, "leader");
        leader.get("/lead?node=HX").expect(404);
        leader.get("/lead?by=colour").expect(422);
        leader.get("/lead?colour=red").expect(400);
        assert!(leader.page("/lead?from=soon&to=never").contains("2026-11-01 – 2026-11-23"));
    }

    fn a_leader_of_a_street_compares_communities(world) {
        with_a_resolved_ticket(&world);
        let page = Browser::of(&world, "street_leader").page("/lead?by=node");

        assert!(page.contains("<th scope=\"row\">YD</th>"), "{page}");
        assert!(links(&page).iter().any(|it| it.contains("node=YD")));
    }

    fn a_leader_looks_closer_and_opens_the_tickets_behind(world) {
        let numbers: Vec<String> = (0..5)
            .map(|_| {
                let contact = json!({"phone": "13850001234", "channel": "call"});
                world.submit(json!({"contact": contact, "location": {"building": "3"}})).number
            })
            .collect();
        let all_steps = |number: &str| {
            world.resolve(number);
            let reply = json!({"text": "已派人到现场处理完毕，请您放心", "outcome": "reached"});
            world.act("triager", number, "reply", reply).expect(200);
            world.act("supervisor", number, "close", json!({"reason": "居民电话确认"})).expect(200);
        };
        for number in &numbers {
            all_steps(number);
        }
        at(&world, "2026-11-24T10:00");
        let leader = Browser::of(&world, "leader");
        let page = leader.page("/lead?from=2026-11-23&to=2026-11-23");
        let hinted: Vec<String> = links(&page).into_iter().filter(|it| it.contains("hint=")).collect();

        assert_eq!(hinted.len(), 1, "{hinted:?}");
        let listed = leader.page(&hinted[0]);
        assert!(numbers.iter().all(|it| listed.contains(it.as_str())), "{listed}");
        assert!(page.contains("“已派人到现场处理完毕，请您放心”") && page.contains(&format!("/desk/tickets/{}", numbers[4])));
        // Twelve months of building 3, and its light that went out five times.
        assert!(page.contains("<td class=\"l5\">") && page.contains("已解决 5"), "{page}");
        let matter = links(&page).into_iter().find(|it| it.contains("category=street_light")).unwrap();
        assert!(matter.contains("building=3") && leader.page(&matter).contains(&numbers[0]));
        assert!(page.contains("/lead/bulletin?from=2026-11-23") && !page.contains("1385000"));
    }

    fn hints_are_what_they_say(world) {
        let contact = json!({"phone": "13850001234", "channel": "call"});
        let last_hour = world.submit(json!({"contact": contact}));
        let own = world.submit(json!({"contact": contact}));
        let steps = |number: &str| {
            world.steps(number, &[
                ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
                ("triager", "assign", json!({"unit": "WY"})),
                ("handler", "acknowledge", json!({})),
                ("handler", "contact", json!({"channel": "call", "outcome": "reached"})),
            ]);
        };
        steps(&last_hour.number);
        steps(&own.number);
        world.act("handler", &own.number, "resolve", json!({"result": "修好了"})).expect(200);
        world.act("triager", &own.number, "reply", json!({"text": "好了", "outcome": "reached"})).expect(200);
        // Five working days end on Monday at half past five.
        at(&world, "2026-11-30T17:00");
        world.act("handler", &last_hour.number, "resolve", json!({"result": "修好了"})).expect(200);
        let listed = |hint: &str| -> Vec<String> {
            let path = format!("/api/v1/tickets?hint={hint}");
            let page = world.app.get(&path).bearer(&world.token("leader")).send().expect(200).json();
            page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect()
        };

        assert_eq!(listed("last_hour"), [last_hour.number]);
        assert!(listed("closed_without_contact").is_empty() && listed("own_follow_up").is_empty());
        world.app.get("/api/v1/tickets?hint=odd").bearer(&world.token("leader")).send().expect(422);
        world.app.get("/api/v1/tickets?hint=last_hour").bearer(&world.token("clerk")).send().expect(403);
    }
}
