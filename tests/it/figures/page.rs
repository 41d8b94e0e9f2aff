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
}
