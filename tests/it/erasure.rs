//! Erasing on demand: what was said is nowhere any more, what was done stays, and the chain holds.

use diesel::prelude::*;
use image::ImageFormat;
use red_mailbox::domain::chain::hex;
use red_mailbox::service::{attachments, audit, statistics};
use serde_json::json;

use crate::app::Answer;
use crate::attachments::{by_resident, form, kept, photo};
use crate::builders::{Receipt, World};
use crate::harness::both_worlds;
use crate::intruder::Intruder;
use crate::pages::post;

/// Words that stand for what people say; none may be left.
const CANARIES: [&str; 9] = [
    "canaryword",
    "金丝雀说路灯坏了",
    "canaryname",
    "13812345678",
    "canary@example.org",
    "canaryroom",
    "canaryfor",
    "canarymore",
    "canaryreply",
];

fn erase(world: &World, receipt: &Receipt, differ: &[(&str, &str)]) -> Answer {
    let fields =
        [("number", receipt.number.as_str()), ("code", &receipt.code), ("verb", "erase"), ("sure", "yes")];
    let mut fields: Vec<(&str, &str)> =
        fields.into_iter().filter(|it| differ.iter().all(|differ| differ.0 != it.0)).collect();
    fields.extend(differ);
    post(world, "/track/act", &fields)
}

/// A matter full of canaries.
fn told(world: &World) -> Receipt {
    let receipt = world.submit(json!({
        "subject": "canaryword 金丝雀", "description": "金丝雀说路灯坏了 canaryword", "category": "street_light", "may_publish": true,
        "location": {"building": "3", "unit": "2", "room": "canaryroom", "place": "canaryword"},
        "contact": {"name": "canaryname", "phone": "13812345678", "email": "canary@example.org", "channel": "email"},
        "for": {"name": "canaryfor"}
    }));
    world.resident(&receipt, "supplement", json!({"text": "canarymore"})).expect(200);
    by_resident(world, &receipt, form("canaryword.jpg", &photo(64, 48, ImageFormat::Jpeg), &[])).expect(201);
    receipt
}

/// Every row of every table, as text and in lower case. The index of words is asked by its search: it forgets single
/// words as it tidies itself up.
fn everything(world: &World) -> String {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let mut all = String::new();
    match &mut Intruder::visiting(world) {
        Intruder::Lite(c) => {
            let tables: Vec<Named> =
                diesel::sql_query("SELECT name FROM sqlite_schema WHERE type = 'table'").load(c).unwrap();
            for table in tables.into_iter().map(|it| it.name).filter(|it| !it.starts_with("ticket_search")) {
                let columns: Vec<Named> =
                    diesel::sql_query(format!("SELECT name FROM pragma_table_info('{table}')"))
                        .load(c)
                        .unwrap();
                let row: Vec<String> = columns.iter().map(|it| format!("CASE typeof(\"{0}\") WHEN 'blob' THEN hex(\"{0}\") ELSE coalesce(\"{0}\", '') END", it.name)).collect();
                let rows: Vec<Named> =
                    diesel::sql_query(format!("SELECT {} AS name FROM \"{table}\"", row.join("||' '||")))
                        .load(c)
                        .unwrap();
                all.extend(rows.into_iter().map(|it| it.name + "\n"));
            }
        }
        Intruder::Pg(c) => {
            let tables: Vec<Named> = diesel::sql_query(
                "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()",
            )
            .load(c)
            .unwrap();
            for table in tables {
                let rows: Vec<Named> =
                    diesel::sql_query(format!("SELECT it::text AS name FROM \"{}\" it", table.name))
                        .load(c)
                        .unwrap();
                all.extend(rows.into_iter().map(|it| it.name + "\n"));
            }
        }
    }
    all.to_lowercase()
}

fn verify(world: &World) {
    let app = &world.app.app;
    let mut report = audit::verify_database(&app.store, &app.keys, |_| {}).unwrap();
    attachments::verify_files(app, &mut report, |_| {}).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

fn figures(world: &World) -> String {
    crate::harness::run(async {
        statistics::follow(&world.app.app, world.app.app.clock.now()).await.unwrap();
    });
    let path = "/api/v1/stats/summary?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z";
    let mut summary = world.app.get(path).bearer(&world.token("leader")).send().expect(200).json();
    summary["position"] = json!(null);
    let by = "/api/v1/stats/breakdown?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&by=building";
    format!(
        "{summary}{}",
        world.app.get(by).bearer(&world.token("leader")).send().expect(200).json()["items"]
    )
}

both_worlds! {
    fn what_was_said_is_nowhere_any_more_and_the_chain_holds(world) {
        let receipt = told(&world);
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "canaryreply", "channel": "none"}))]);
        world.resident(&receipt, "rate", json!({"solved": true, "satisfaction": 5, "comment": "canaryword"})).expect(200);
        let (before, counted) = (everything(&world), figures(&world));
        for canary in CANARIES {
            assert!(before.contains(canary), "{canary} was never there");
        }
        assert_eq!(kept(&world).len(), 2);

        let page = erase(&world, &receipt, &[]).expect(200).text;

        assert!(page.contains("您的资料已经删除") && page.contains("资料已删除"), "{page}");
        let after = everything(&world);
        for canary in CANARIES {
            let hexed = hex(canary.as_bytes());
            assert!(!after.contains(canary) && !after.contains(&hexed), "{canary} is left");
        }
        assert_eq!(kept(&world).len(), 0, "{:?}", kept(&world));
        verify(&world);
        assert_eq!(figures(&world), counted);
        let ticket = world.ticket("triager", &receipt.number);
        assert_eq!((&ticket["location"]["building"], &ticket["category"]), (&json!("3"), &json!("street_light")));
        assert_eq!((&ticket["status"], &ticket["rating"]["satisfaction"]), (&json!("closed"), &json!(5)));
        assert_eq!(world.trail(&receipt.number).last().map(String::as_str), Some("ticket.erased"));
    }

    fn erasing_twice_is_harmless_and_nothing_is_said_after_it(world) {
        let receipt = told(&world);
        erase(&world, &receipt, &[]).expect(200);
        let trail = world.trail(&receipt.number);

        let again = erase(&world, &receipt, &[]).expect(200).text;

        assert!(again.contains("您的资料已经删除"), "{again}");
        assert_eq!(world.trail(&receipt.number), trail);
        for verb in ["supplement", "withdraw"] {
            let body = if verb == "supplement" { json!({"text": "还有"}) } else { json!({}) };
            world.resident(&receipt, verb, body).expect(409);
        }
        by_resident(&world, &receipt, form("a.jpg", &photo(8, 8, ImageFormat::Jpeg), &[])).expect(409);
    }

    fn what_is_open_is_withdrawn_with_it_and_the_page_says_so_before(world) {
        let receipt = told(&world);
        let page = post(&world, "/track", &[("number", &receipt.number), ("code", &receipt.code)]).expect(200).text;
        assert!(page.contains("删除的同时会撤回"), "{page}");
        let unsure = erase(&world, &receipt, &[("sure", "")]).expect(422).text;
        assert!(unsure.contains("请先勾选"), "{unsure}");
        let wrong = Receipt { code: "00000000".to_owned(), ..receipt.clone() };
        erase(&world, &wrong, &[]).expect(404);
        assert_eq!(world.ticket("triager", &receipt.number)["status"], "received");

        erase(&world, &receipt, &[]).expect(200);

        assert_eq!(world.ticket("triager", &receipt.number)["status"], "withdrawn");
        let found = world.app.get("/api/v1/tickets?q=canaryword").bearer(&world.token("triager")).send().expect(200).json();
        assert_eq!(found["items"], json!([]));
        verify(&world);
    }

    fn what_waits_for_its_reply_is_answered_at_the_receipt(world) {
        let receipt = told(&world);
        world.resolve(&receipt.number);
        world.steps(&receipt.number, &[("triager", "reply", json!({"text": "canaryreply"}))]);
        erase(&world, &receipt, &[]).expect(200);
        assert_eq!(Intruder::visiting(&world).count("outbox"), 0);

        let ticket = world.steps(&receipt.number, &[("triager", "reply", json!({"text": "已办好。"}))]);

        assert_eq!(ticket["status"], "replied");
        verify(&world);
    }

    fn a_file_that_serves_another_ticket_stays_with_that(world) {
        let (one, other) = (told(&world), world.submit(json!({})));
        let scan = form("scan.jpg", &photo(64, 48, ImageFormat::Jpeg), &[("also_for", &other.number)]);
        crate::attachments::by_staff(&world, "clerk", &one.number, scan).expect(201);
        assert_eq!(kept(&world).len(), 4);

        erase(&world, &one, &[]).expect(200);

        assert_eq!(kept(&world).len(), 2);
        let path = format!("/api/v1/tickets/{}/attachments/1", other.number);
        world.app.get(&path).bearer(&world.token("clerk")).send().expect(200);
        verify(&world);
    }
}
