//! The queue and the search: order, pages, filters, Chinese words, and nobody else's rows.

use std::time::Duration;

use red_mailbox::domain::search::Query;
use red_mailbox::store::StoreError;
use red_mailbox::store::queue::{self, Filter, Page, Scope};
use serde_json::json;

use crate::builders::{World, submission};
use crate::harness::{Engine, both_worlds};
use crate::postgres;

both_worlds! {
    fn two_character_words_are_found_newest_first(world) {
        let first = world.submit(json!({"subject": "南门路灯坏了", "description": "请修"})).number;
        world.submit(json!({"subject": "灯光太亮", "description": "晚上睡不着"}));
        let second = world.submit(json!({"subject": "树挡住了", "description": "小路灯光被挡"})).number;

        assert_eq!(found(&world, "triager", "?q=路灯"), [second, first.clone()]);
        assert_eq!(found(&world, "triager", "?q=南门路灯坏"), std::slice::from_ref(&first));
        assert_eq!(found(&world, "triager", "?q=坏"), std::slice::from_ref(&first));
        assert_eq!(found(&world, "triager", "?q=灯路"), [""; 0]);
        assert_eq!(found(&world, "triager", &format!("?q={}", first.to_lowercase())), [first]);
    }

    fn another_community_sees_nothing(world) {
        let number = world.submit(json!({})).number;

        assert_eq!(found(&world, "other", ""), [""; 0]);
        assert_eq!(found(&world, "other", "?q=路灯"), [""; 0]);
        assert_eq!(found(&world, "other", &format!("?q={number}")), [""; 0]);
        assert_eq!(world.read("other", &number).status, 404);
        assert_eq!(found(&world, "street_triager", "?q=路灯"), [number]);
    }

    fn a_handler_sees_what_the_own_unit_leads_or_supports(world) {
        let led = world.submit(json!({})).number;
        world.submit(json!({}));
        world.steps(&led, &[
            ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
            ("triager", "assign", json!({"unit": "WY", "supporting": ["ZY"]})),
        ]);

        assert_eq!(found(&world, "handler", ""), std::slice::from_ref(&led));
        assert_eq!(found(&world, "handler2", "?q=路灯"), std::slice::from_ref(&led));
        world.act("handler2", &led, "note", json!({"text": "我们派人去"})).expect(200);
        world.act("handler2", &led, "acknowledge", json!({})).expect(403);
        assert_eq!(world.ticket("handler2", &led)["actions"], json!(["note"]));
    }

    fn words_are_found_in_order_however_old(world) {
        let mut numbers: Vec<(&str, String)> = ["11", "03", "07", "01", "10", "05"].iter().enumerate().map(|(i, month)| {
            let submission = submission(json!({
                "subject": if i % 2 == 0 { "路灯坏了" } else { "树上有个蜂窝，路灯也坏了" },
                "received_at": format!("2026-{month}-02T09:00:00+08:00"),
            }));
            let answer = world.app.post("/api/v1/tickets", &submission).bearer(&world.token("clerk")).send();
            (*month, answer.expect(201).json()["number"].as_str().unwrap().to_owned())
        }).collect();
        numbers.sort();
        let oldest_first: Vec<String> = numbers.into_iter().map(|it| it.1).collect();
        let newest_first: Vec<String> = oldest_first.iter().rev().cloned().collect();
        let paged = |user: &str, query: &str| {
            let (mut all, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/v1/tickets?limit=2&{query}{cursor}");
                let page = world.app.get(&path).bearer(&world.token(user)).send().expect(200).json();
                all.extend(numbers_of(&page));
                let Some(next) = page["next_cursor"].as_str() else { return all };
                cursor = format!("&cursor={next}");
            }
        };

        // Among the next rows in order, then behind more of them than are looked at one by one.
        for is_deep in [false, true] {
            if is_deep {
                bury(&world);
            }
            for user in ["triager", "street_triager"] {
                assert_eq!(paged(user, "q=路灯"), newest_first);
                assert_eq!(paged(user, "q=路灯&sort=received_at"), oldest_first);
                assert_eq!(paged(user, "q=蜂窝"), [&*newest_first[3], &*newest_first[4], &*newest_first[5]]);
                assert_eq!(paged(user, "q=坏了%20路灯坏&sort=received_at"), [&*oldest_first[3], &*oldest_first[4], &*oldest_first[5]]);
                assert_eq!(paged(user, "q=井盖"), [""; 0]);
            }
        }
    }

    fn pages_join_without_holes_or_repeats_while_new_ones_arrive(world) {
        let mut numbers: Vec<String> = (0..7).map(|_| world.submit(json!({})).number).collect();
        numbers.reverse();
        let page = |query: &str| {
            world.app.get(&format!("/api/v1/tickets?{query}")).bearer(&world.token("triager")).send().expect(200)
        };

        let first = page("limit=3");
        world.submit(json!({}));
        let mut seen = numbers_of(&first.json());
        let mut next = first.json()["next_cursor"].as_str().map(str::to_owned);
        assert!(first.header("Link").contains("rel=\"next\""));
        while let Some(cursor) = next {
            let body = page(&format!("limit=3&cursor={cursor}")).json();
            seen.extend(numbers_of(&body));
            next = body["next_cursor"].as_str().map(str::to_owned);
        }

        assert_eq!(seen, numbers);
    }

    fn filters_narrow_and_wrong_ones_are_named(world) {
        let one = world.submit(json!({"location": {"building": "5"}})).number;
        let two = world.submit(json!({})).number;
        world.steps(&two, &[("triager", "accept", json!({"category": "street_light", "priority": "urgent"}))]);

        assert_eq!(found(&world, "triager", "?building=5"), std::slice::from_ref(&one));
        assert_eq!(found(&world, "triager", "?status=received"), std::slice::from_ref(&one));
        assert_eq!(found(&world, "triager", "?status=received,accepted&sort=received_at"), [one, two.clone()]);
        assert_eq!(found(&world, "triager", "?category=street_light&priority=urgent"), [two]);
        assert_eq!(found(&world, "triager", "?overdue=true"), [""; 0]);
        for wrong in ["status=open", "sort=name", "limit=201", "cursor=x", "unit=NO", "due_before=soon"] {
            let answer = world.app.get(&format!("/api/v1/tickets?{wrong}")).bearer(&world.token("triager")).send();
            assert!(matches!(answer.status, 400 | 422), "{wrong}: {}", answer.status);
        }
        world.app.get("/api/v1/tickets?colour=red").bearer(&world.token("triager")).send().expect(400);
    }

    fn a_list_that_takes_too_long_is_given_up(world) {
        world.submit(json!({"subject": "水管漏水"}));
        for words in [None, Query::parse("漏水")] {
            let list = |within: Duration| {
                let (filter, page) = (Filter { words: words.clone(), ..Filter::default() },
                    Page { after: None, is_newest_first: true, limit: 10 });
                let scope = Scope { nodes: (1..9).collect(), ..Scope::default() };
                world.app.app.store.read_blocking(move |db| {
                    queue::list_within(db, &scope, &filter, page, within).map(|it| it.len())
                })
            };

            assert_eq!(list(Duration::from_mins(1)), Ok(1));
            assert_eq!(list(Duration::ZERO), Err(StoreError::Busy));
        }
    }

    fn an_amended_subject_is_found_by_its_new_words_only(world) {
        let number = world.submit(json!({"subject": "水管漏水", "description": "一楼"})).number;
        let path = format!("/api/v1/tickets/{number}");
        world.app.patch(&path, &json!({"subject": "井盖松动"})).bearer(&world.token("triager")).send().expect(428);

        let amended = world.app.patch(&path, &json!({"subject": "井盖松动"})).bearer(&world.token("triager"))
            .if_match(1).send().expect(200);

        assert_eq!(amended.header("ETag"), "\"2\"");
        assert_eq!(found(&world, "triager", "?q=井盖"), [number]);
        assert_eq!(found(&world, "triager", "?q=漏水"), [""; 0]);
    }

    fn the_summary_counts_intake_and_backlog_of_a_node(world) {
        world.submit(json!({}));
        let gone = world.submit(json!({}));
        world.resident(&gone, "withdraw", json!({})).expect(200);
        world.app.post("/api/v1/tickets", &submission(json!({"community": "HX"}))).send().expect(201);
        let summary = |user: &str, query: &str| {
            world.app.get(&format!("/api/v1/stats/summary{query}")).bearer(&world.token(user)).send()
        };

        let own = summary("leader", "?node=YD&from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z").expect(200).json();
        assert_eq!((own["intake"].as_i64(), own["backlog"].as_i64()), (Some(2), Some(1)));
        assert_eq!(summary("street_leader", "").expect(200).json()["intake"], 3);
        summary("leader", "?node=HX").expect(404);
        summary("clerk", "").expect(403);
    }
}

/// Puts rows of no words before and after all others of every node.
fn bury(world: &World) {
    if world.app.store.engine == Engine::Postgres {
        postgres::run(
            &world.app.store.settings.database_url,
            "INSERT INTO ticket_search SELECT place + nth * 1000 + node.id, node.id, ''::tsvector
             FROM node, generate_series(1, 600) AS nth, unnest(ARRAY[0, 9000000000000000000]) AS place",
        );
    }
}

fn numbers_of(page: &serde_json::Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|it| it["number"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn found(world: &World, username: &str, query: &str) -> Vec<String> {
    let path = format!("/api/v1/tickets{query}");
    numbers_of(&world.app.get(&path).bearer(&world.token(username)).send().expect(200).json())
}
