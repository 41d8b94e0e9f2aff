//! The set-up as admins, staff, kiosks and the public meet it.

use red_mailbox::domain::category::STARTER;
use red_mailbox::domain::event::Stream;
use red_mailbox::domain::people::{Actor, Role};
use red_mailbox::domain::setup::{PolicyInForce, SetupKind, SetupState, fold};
use red_mailbox::domain::value::At;
use red_mailbox::keys::Keys;
use red_mailbox::service::accounts::{self, NewUser, RoleAt};
use red_mailbox::service::setup::{add_node, authenticate_device, ensure_seeded};
use red_mailbox::service::{App, Caller};
use red_mailbox::store::{Store, StoreError, events, setup as rows};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::harness::{Engine, run};

const PASSWORD: &str = "letters every day at five";

/// A street with two communities; each of the three nodes has an admin, YD a clerk.
struct Town {
    server: TestApp,
    street: String,
    yd: String,
    gt: String,
    clerk: String,
}

impl Town {
    fn new(engine: Engine) -> Self {
        let server = TestApp::start(engine);
        let app = server.app.clone();
        ensure_seeded(&app.store, &app.keys, app.clock.now()).unwrap();
        run(async move {
            node(&app, json!({"code": "ZJ", "name": "朱紫坊街道", "kind": "street"})).await;
            for (code, name) in [("YD", "永定社区"), ("GT", "鼓亭社区")] {
                node(&app, json!({"code": code, "name": name, "kind": "community", "parent": "ZJ"})).await;
            }
            for (name, role, at) in [
                ("street", Role::Admin, "ZJ"),
                ("yd", Role::Admin, "YD"),
                ("gt", Role::Admin, "GT"),
                ("clerk", Role::Clerk, "YD"),
            ] {
                let roles = vec![RoleAt { role, node: at.to_owned(), unit: None }];
                let (username, password) = (name.to_owned(), PASSWORD.to_owned());
                let new = NewUser { username, name: None, email: None, password, roles };
                accounts::add_user(&app, &system(), new).await.unwrap();
            }
        });
        let token = |username: &str| {
            let body = json!({"username": username, "password": PASSWORD});
            let answer = server.post("/api/v1/auth/login", &body).send().expect(200);
            answer.json()["access_token"].as_str().unwrap().to_owned()
        };
        let [street, yd, gt, clerk] = ["street", "yd", "gt", "clerk"].map(token);
        Self { server, street, yd, gt, clerk }
    }

    fn get(&self, token: &str, path: &str) -> Answer {
        self.server.get(&format!("/api/v1/{path}")).bearer(token).send()
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.server.post(&format!("/api/v1/{path}"), body).bearer(token).send()
    }

    fn patch(&self, token: &str, path: &str, version: i64, body: &Value) -> Answer {
        self.server.patch(&format!("/api/v1/{path}"), body).bearer(token).if_match(version).send()
    }

    fn delete(&self, token: &str, path: &str) -> Answer {
        self.server.delete(&format!("/api/v1/{path}")).bearer(token).send()
    }

    fn codes(&self, token: &str, path: &str) -> Vec<String> {
        let items = self.get(token, path).expect(200).json()["items"].clone();
        let code = |it: &Value| it["code"].as_str().unwrap().to_owned();
        items.as_array().unwrap().iter().map(code).collect()
    }

    fn path_of(&self, code: &str) -> String {
        let code = code.to_owned();
        let node = self.server.app.store.read_blocking(move |db| rows::find_node_by_code(db, &code));
        node.unwrap().unwrap().path
    }
}

async fn node(app: &App, fields: Value) {
    let Value::Object(fields) = fields else { panic!("no object") };
    add_node(app, &system(), fields).await.unwrap();
}

fn system() -> Caller {
    Caller { actor: Actor::System, place: None }
}

#[track_caller]
fn fields_at_fault(answer: Answer) -> Vec<String> {
    let errors = answer.expect(422).json()["errors"].clone();
    errors.as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect()
}

/// Makes each story two tests, one an engine.
macro_rules! stories {
    ($(fn $name:ident($town:ident: Town) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn story($town: Town) $body

            #[test]
            fn sqlite() {
                story(Town::new(Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                story(Town::new(Engine::Postgres));
            }
        }
    )+};
}
stories! {
    fn every_kind_is_added_read_changed_and_retired(town: Town) {
        let bodies = [
            ("units", json!({"kind": "property"})),
            ("categories", json!({"danger": true, "parent": "lift"})),
            ("mailboxes", json!({"place": "凉亭", "schedule": {"weekdays": ["mon", "thu"], "time": "16:30"}})),
            ("kiosks", json!({"place": "服务大厅"})),
            ("templates", json!({"channel": "sms", "text": "您的 {number} 已办结：{result}"})),
            ("policies", json!({"close_after_days": 5})),
            ("calendars", json!({"closed_days": [{"on": "2026-12-24", "name": "社区活动"}]})),
        ];
        for (kind, mut body) in bodies {
            let one = format!("{kind}/A1");
            body["code"] = json!("A1");
            body["name"] = json!("甲一");
            body["node"] = json!("YD");

            let added = town.post(&town.yd, kind, &body).expect(201);
            assert_eq!((added.header("location"), added.header("etag")), (format!("/api/v1/{one}").as_str(), "\"1\""));
            for (field, value) in body.as_object().unwrap() {
                if field != "closed_days" {
                    assert_eq!(&added.json()[field], value, "{kind}.{field}");
                }
            }
            town.post(&town.yd, kind, &body).expect(409);
            town.get(&town.clerk, &one).expect(200);

            let changed = town.patch(&town.yd, &one, 1, &json!({"name": "甲二"})).expect(200).json();
            assert_eq!((&changed["name"], &changed["version"]), (&json!("甲二"), &json!(2)));
            assert_eq!(town.patch(&town.yd, &one, 1, &json!({"name": "丙"})).expect(412).slug(), "stale");
            let same = town.patch(&town.yd, &one, 2, &json!({"name": "甲二"})).expect(200).json();
            assert_eq!(same["version"], json!(2), "nothing changed");

            town.delete(&town.yd, &one).expect(204);
            assert_eq!(town.get(&town.yd, &one).expect(200).json()["active"], json!(false));
            assert!(!town.codes(&town.yd, &format!("{kind}?limit=200")).contains(&"A1".to_owned()), "{kind}");
            let taken = town.post(&town.yd, kind, &body).expect(409);
            assert!(taken.text.contains("active"), "{}", taken.text);
            let back = town.patch(&town.yd, &one, 3, &json!({"active": true})).expect(200).json();
            assert_eq!(back["active"], json!(true));
        }
    }

    fn another_communitys_admin_sees_nothing_and_a_clerk_changes_nothing(town: Town) {
        town.post(&town.yd, "units", &json!({"code": "WY", "name": "物业"})).expect(201);

        for answer in [
            town.get(&town.gt, "units/WY"),
            town.patch(&town.gt, "units/WY", 1, &json!({"name": "x"})),
            town.delete(&town.gt, "units/WY"),
            town.get(&town.gt, "nodes/YD"),
            town.patch(&town.gt, "nodes/YD", 1, &json!({"name": "x"})),
            town.post(&town.gt, "units", &json!({"code": "X", "name": "x", "node": "YD"})),
            town.get(&town.gt, "units?node=YD"),
        ] {
            assert_eq!(answer.expect(404).slug(), "not-found");
        }
        for answer in [
            town.post(&town.clerk, "units", &json!({"code": "X", "name": "x", "node": "YD"})),
            town.patch(&town.clerk, "units/WY", 1, &json!({"name": "x"})),
            town.delete(&town.clerk, "units/WY"),
            town.post(&town.yd, "units", &json!({"code": "X", "name": "x", "node": "ZJ"})),
            town.patch(&town.yd, "nodes/ZJ", 1, &json!({"name": "x"})),
            town.post(&town.street, "nodes", &json!({"code": "XX", "name": "x", "kind": "community"})),
            town.patch(&town.yd, "categories/lift", 1, &json!({"name": "x"})),
        ] {
            answer.expect(403);
        }
        assert_eq!(town.codes(&town.gt, "units"), Vec::<String>::new());
        assert_eq!(town.codes(&town.street, "units"), ["WY"]);
        assert_eq!(town.codes(&town.gt, "nodes"), ["ZJ", "GT"]);
        town.server.get("/api/v1/units").send().expect(401);
        town.server.get("/api/v1/categories").send().expect(401);
    }

    fn codes_are_found_at_the_node_then_above_then_installation_wide(town: Town) {
        town.post(&town.street, "units", &json!({"code": "SZ", "name": "街道市政", "node": "ZJ"})).expect(201);
        for token in [&town.yd, &town.gt] {
            town.post(token, "units", &json!({"code": "WY", "name": "物业"})).expect(201);
        }
        town.post(&town.yd, "units", &json!({"code": "SZ", "name": "社区市政"})).expect(201);
        town.post(&town.yd, "categories", &json!({"code": "lift", "name": "本社区电梯"})).expect(201);

        assert_eq!(town.get(&town.yd, "units/SZ").expect(200).json()["name"], json!("社区市政"));
        assert_eq!(town.get(&town.gt, "units/SZ").expect(200).json()["name"], json!("街道市政"));
        assert_eq!(town.get(&town.yd, "units/SZ?node=ZJ").expect(200).json()["name"], json!("街道市政"));
        assert_eq!(town.get(&town.street, "units/WY").expect(409).slug(), "ambiguous-code");
        assert_eq!(town.get(&town.street, "units/WY?node=GT").expect(200).json()["node"], json!("GT"));

        let (yd, gt) = (town.path_of("YD"), town.path_of("GT"));
        let name = |path: &str, kind, code: &'static str| {
            let path = path.to_owned();
            let found = town.server.app.store.read_blocking(move |db| rows::find_by_code(db, kind, &path, code));
            found.unwrap().map(|it| it.name)
        };
        assert_eq!(name(&yd, SetupKind::Category, "lift").unwrap(), "本社区电梯");
        assert_eq!(name(&gt, SetupKind::Category, "lift").unwrap(), "电梯");
        assert_eq!(name(&gt, SetupKind::Unit, "nobody"), None);
        town.delete(&town.yd, "units/SZ?node=YD").expect(204);
        assert_eq!(name(&yd, SetupKind::Unit, "SZ").unwrap(), "街道市政", "a retired one is passed over");
    }

    fn wrong_input_is_named_by_field_and_changes_nothing(town: Town) {
        let faults = |path: &str, body: Value| fields_at_fault(town.post(&town.yd, path, &body));

        assert_eq!(faults("units", json!({})), ["code", "name"]);
        assert_eq!(faults("units", json!({"code": "物业", "name": "", "kind": "army"})), ["code", "name", "kind"]);
        assert_eq!(faults("units", json!({"code": "A", "name": "a", "colour": "red"})), ["colour"]);
        assert_eq!(faults("categories", json!({"code": "A", "name": "a", "parent": "none"})), ["parent"]);
        assert_eq!(faults("templates", json!({"code": "A", "name": "a", "text": "{phone}"})), ["text"]);
        assert_eq!(faults("policies", json!({"code": "A", "name": "a", "close_after_days": 0})), ["close_after_days"]);
        assert_eq!(faults("calendars", json!({"code": "A", "name": "a", "time_zone": "Mars"})), ["time_zone"]);
        assert_eq!(faults("nodes", json!({"code": "g1", "name": "网格", "kind": "grid", "parent": "YD"})), ["code"]);
        assert_eq!(faults("nodes", json!({"code": "XX", "name": "a", "kind": "community", "parent": "YD"})), ["parent"]);
        town.post(&town.yd, "units", &json!([])).expect(422);
        town.get(&town.yd, "units?limit=0").expect(400);
        town.get(&town.yd, "units?cursor=x").expect(400);
        town.get(&town.yd, "units?colour=red").expect(400);

        town.post(&town.yd, "units", &json!({"code": "A", "name": "a"})).expect(201);
        let without = town.server.patch("/api/v1/units/A", &json!({"name": "b"})).bearer(&town.yd).send();
        without.expect(428);
        let moved = town.patch(&town.yd, "units/A", 1, &json!({"code": "B", "node": "GT"}));
        assert_eq!(fields_at_fault(moved), ["code", "node"]);
        assert_eq!(town.codes(&town.yd, "units"), ["A"]);
    }

    fn categories_have_three_levels_and_no_circle(town: Town) {
        let add = |code: &str, parent: &str| {
            town.post(&town.yd, "categories", &json!({"code": code, "name": code, "parent": parent}))
        };
        add("c2", "lift").expect(201);
        add("c3", "c2").expect(201);
        assert_eq!(fields_at_fault(add("c4", "c3")), ["parent"]);
        assert_eq!(fields_at_fault(town.patch(&town.yd, "categories/c2", 1, &json!({"parent": "c3"}))), ["parent"]);
        town.patch(&town.yd, "categories/c2", 1, &json!({"parent": null})).expect(200);

        let public = town.server.get("/api/v1/categories?community=yd").send().expect(200).json();
        let items = public["items"].as_array().unwrap();
        assert!(items.len() > 60);
        assert!(items.contains(&json!({"code": "c3", "name": "c3", "parent": "c2", "danger": false})));
        town.server.get("/api/v1/categories?community=NO").send().expect(404);
    }

    fn a_node_moves_with_all_below_it(town: Town) {
        let grid = json!({"code": "YD-G1", "name": "一网格", "kind": "grid", "parent": "YD"});
        town.post(&town.yd, "nodes", &grid).expect(201);
        let house = json!({"code": "YD-3", "name": "三号楼", "kind": "building", "parent": "YD"});
        assert_eq!(town.post(&town.yd, "nodes", &house).expect(201).json()["time_zone"], json!("Asia/Shanghai"));

        town.patch(&town.yd, "nodes/YD-3", 1, &json!({"parent": "YD-G1"})).expect(200);
        assert_eq!(town.path_of("YD-3"), format!("{}{}", town.path_of("YD-G1"), town.path_of("YD-3").rsplit('/').nth(1).unwrap()) + "/");
        let circle = town.patch(&town.street, "nodes/YD-G1", 1, &json!({"parent": "YD-3"}));
        assert_eq!(fields_at_fault(circle), ["parent"]);
        town.patch(&town.yd, "nodes/YD", 1, &json!({"parent": "ZJ"})).expect(403);
        let blind = |fields: &Value| town.server.patch("/api/v1/nodes/YD-3", fields).bearer(&town.yd).send();
        assert_eq!(fields_at_fault(blind(&json!({"colour": 1}))), ["colour"]);
        blind(&json!({"name": "3"})).expect(428);
        town.post(&town.yd, "nodes", &house).expect(409);

        let path = town.path_of("YD");
        let below = town.server.app.store.read_blocking(move |db| rows::subtree(db, &path)).unwrap();
        assert_eq!(below.len(), 3);
    }

    fn a_kiosks_token_is_shown_once_and_ends_when_it_is_revoked(town: Town) {
        let kiosk = town.post(&town.yd, "kiosks", &json!({"code": "K1", "name": "大厅"})).expect(201).json();
        let token = kiosk["device_token"].as_str().unwrap().to_owned();
        let is_known = |token: &str| {
            let (app, token) = (town.server.app.clone(), token.to_owned());
            let mut known = false;
            run(async { known = authenticate_device(&app, &token).await.is_ok() });
            known
        };

        assert!(token.starts_with("rmk_") && token.len() == 68 && is_known(&token));
        assert_eq!(town.get(&town.yd, "kiosks/K1").expect(200).json().get("device_token"), None);
        town.get(&token, "units").expect(403);
        let again = town.post(&town.yd, "kiosks/K1/token", &json!({})).expect(201).json();
        let second = again["device_token"].as_str().unwrap();
        assert!(!is_known(&token) && is_known(second));
        town.delete(&town.yd, "kiosks/K1").expect(204);
        assert!(!is_known(second));
        assert_eq!(town.post(&town.yd, "kiosks/K1/token", &json!({})).expect(409).slug(), "retired");
        town.patch(&town.yd, "kiosks/K1", 2, &json!({"active": true})).expect(200);
        assert!(!is_known(second), "a revoked token stays revoked");
        for wrong in ["rmk_", "rmk_zz", &"rmk_0".repeat(17)] {
            assert!(!is_known(wrong));
        }
    }

    fn the_nearest_policy_and_calendar_are_in_force(town: Town) {
        let policy = json!({"code": "P", "name": "街道", "node": "ZJ", "close_after_days": 14, "reopen_within_days": 60});
        town.post(&town.street, "policies", &policy).expect(201);
        town.post(&town.yd, "policies", &json!({"code": "P", "name": "社区", "close_after_days": 5})).expect(201);
        let calendar = json!({"code": "C", "name": "社区", "closed_days": [{"on": "2026-11-24"}]});
        town.post(&town.yd, "calendars", &calendar).expect(201);

        let in_force = |code: &str| {
            let path = town.path_of(code);
            let read = move |db: &mut red_mailbox::store::Db| {
                rows::rulebook(db, &path, chrono_tz::Asia::Shanghai).map(|it| (it.general(), it.calendar))
            };
            town.server.app.store.read_blocking(read).unwrap()
        };
        let (policy, calendar) = in_force("YD");
        let expected = PolicyInForce { close_after_days: 5, reopen_within_days: 60, ..PolicyInForce::default() };
        assert_eq!(policy, expected);
        assert!(!calendar.is_working_day("2026-11-24".parse().unwrap()));
        let (policy, calendar) = in_force("GT");
        assert_eq!(policy.close_after_days, 14);
        assert!(calendar.is_working_day("2026-11-24".parse().unwrap()));
    }

    fn folding_the_events_gives_the_rows(town: Town) {
        town.post(&town.yd, "kiosks", &json!({"code": "K1", "name": "大厅"})).expect(201);
        town.post(&town.yd, "mailboxes", &json!({"code": "M1", "name": "一号", "place": "凉亭"})).expect(201);
        town.patch(&town.yd, "mailboxes/M1", 1, &json!({"place": null})).expect(200);
        town.patch(&town.yd, "nodes/YD", 1, &json!({"name": "永定", "time_zone": "Asia/Urumqi"})).expect(200);
        town.delete(&town.yd, "kiosks/K1").expect(204);

        let (folded, kept) = town.server.app.store.read_blocking(|db| {
            let mut folded = SetupState::default();
            for event in events::list(db, Stream::Setup, 0, 0, 10_000)? {
                let fields = serde_json::from_str(&event.data).unwrap();
                fold(&mut folded, &event.kind, &fields).unwrap();
            }
            Ok::<_, StoreError>((folded, rows::state(db)?))
        }).unwrap();

        assert_eq!(folded, kept);
        assert!(kept.tokens.values().all(|it| it.revoked_at.is_some()));
    }

    fn seeding_again_adds_nothing_and_pages_hold_everything(town: Town) {
        let app = &town.server.app;
        let before = town.codes(&town.clerk, "categories?limit=200").len();

        ensure_seeded(&app.store, &app.keys, At::from_micros(0)).unwrap();

        assert_eq!(town.codes(&town.clerk, "categories?limit=200").len(), before);
        let mut paged = 0;
        let mut path = "categories?limit=7".to_owned();
        loop {
            let page = town.get(&town.clerk, &path).expect(200);
            paged += page.json()["items"].as_array().unwrap().len();
            let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_owned) else { break };
            assert!(page.header("link").contains(&format!("limit=7&cursor={cursor}>; rel=\"next\"")));
            path = format!("categories?limit=7&cursor={cursor}");
        }
        assert_eq!(paged, before);
    }
}

crate::harness::both_engines! {
    async fn two_processes_that_start_together_seed_once(store: TestStore) {
        let settings = store.settings.clone();
        let seeding = (0..4).map(|_| {
            let settings = settings.clone();
            std::thread::spawn(move || {
                let store = Store::open(&settings).unwrap();
                ensure_seeded(&store, &Keys::derive(&[7; 32]), At::from_micros(0)).unwrap();
            })
        });
        for thread in seeding.collect::<Vec<_>>() {
            thread.join().unwrap();
        }

        let kept = store.read(rows::state).await.unwrap();
        let events = store.read(|db| events::list(db, Stream::Setup, 0, 0, 10_000)).await.unwrap();
        let n_starter: usize = STARTER.iter().map(|it| 1 + it.leaves.len()).sum();
        assert_eq!((kept.entries.len(), events.len()), (n_starter, n_starter));
    }
}
