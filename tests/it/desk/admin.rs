//! The set-up and the audit as pages.

use red_mailbox::service::{setup, timer};
use serde_json::json;

use super::{Browser, EVIL, encoded, form, hidden};
use crate::app::TestApp;
use crate::builders::PASSWORD;
use crate::harness::{Engine, both_worlds, run};

const KINDS: [&str; 10] = [
    "nodes",
    "users",
    "units",
    "categories",
    "mailboxes",
    "kiosks",
    "templates",
    "policies",
    "calendars",
    "rosters",
];

both_worlds! {
    fn only_an_admin_sees_the_set_up_and_changes_it(world) {
        for who in ["clerk", "triager", "handler", "supervisor", "leader", "auditor", "admin"] {
            let browser = Browser::of(&world, who);
            let expected = if who == "admin" { 200 } else { 403 };
            for kind in KINDS {
                let path = format!("/admin/{kind}");
                assert_eq!(browser.get(&path).status, expected, "{who} {path}");
                let taken = browser.post(&path, &[]).status;
                assert_eq!(taken == 403, who != "admin", "{who} {path}: {taken}");
            }
            assert_eq!(browser.get("/admin/units/WY").status, expected, "{who}");
            assert_eq!(browser.get("/admin/users/triager").status, expected, "{who}");
            assert_eq!(browser.post("/admin/units/WY?node=YD", &[("version", "1"), ("do", "retire")]).status == 403, who != "admin");
        }
        Browser::of(&world, "admin").get("/admin/nothing").expect(404);
    }

    fn an_admin_sets_a_community_up_without_the_command_line(world) {
        let admin = Browser::of(&world, "admin");
        let add = |kind: &str, fields: &[(&str, &str)]| {
            let mut all = vec![("node", "YD")];
            all.extend(fields);
            let led = admin.post(&format!("/admin/{kind}"), &all).expect(303);
            assert_eq!(led.header("location"), format!("/admin/{kind}?done=added"));
        };

        add("units", &[("code", "SW"), ("name", "水务队"), ("kind", "partner")]);
        add("categories", &[("code", "water"), ("name", "水"), ("danger", "yes")]);
        add("mailboxes", &[("code", "M01"), ("name", "凉亭信箱"), ("place", "凉亭"), ("weekdays", "mon"), ("weekdays", "thu"), ("time", "16:30")]);
        add("templates", &[("code", "T01"), ("name", "办好了"), ("channel", ""), ("text", "您的 {number} 已办结：{result}")]);
        add("policies", &[("code", "default"), ("name", "规则"), ("close_after_days", "5"), ("target_resolve", "3d"), ("reply_needs_approval", "yes")]);
        add("calendars", &[("code", "default"), ("name", "日历"), ("time_zone", "Asia/Shanghai"), ("holidays", "cn"),
            ("seasons", "01-01 12-31\r\nmon 08:30-12:00 14:30-17:30\r\ntue 09:00-12:00"), ("closed_days", "2026-12-31 盘点"), ("open_days", "")]);
        world.know("triager");
        add("rosters", &[("code", "duty"), ("name", "值班"), ("shifts", "mon,tue 08:00-18:00 triager"), ("exceptions", "")]);
        let grid = [("code", "YD-G1"), ("name", "一号网格"), ("kind", "grid"), ("parent", "YD")];
        admin.post("/admin/nodes", &grid).expect(303);
        let user = [("code", "xiaowang"), ("name", "小王"), ("email", ""), ("password", "a-longer-sentence"),
            ("role-0", "handler"), ("node-0", "YD"), ("unit-0", "SW"), ("role-1", ""), ("node-1", "YD"), ("unit-1", "")];
        admin.post("/admin/users", &user).expect(303);

        let token = world.token("admin");
        let found = |path: &str| world.app.get(&format!("/api/v1/{path}")).bearer(&token).send().expect(200).json();
        assert_eq!(found("mailboxes/M01")["schedule"], json!({"weekdays": ["mon", "thu"], "time": "16:30"}));
        assert_eq!(found("policies/default?node=YD")["targets"], json!({"resolve": {"working_days": 3}}));
        assert_eq!(found("policies/default?node=YD")["reply_needs_approval"], true);
        assert_eq!(found("calendars/default?node=YD")["closed_days"][0]["on"], "2026-12-31");
        assert_eq!(found("rosters/duty?node=YD")["shifts"][0]["usernames"][0], "triager");
        assert_eq!(found("users/xiaowang")["roles"][0]["unit"], "SW");
        Browser::new(&world).sign_in("/login", "xiaowang", "a-longer-sentence").expect(303);
        for kind in KINDS {
            let page = admin.page(&format!("/admin/{kind}"));
            assert!(!page.contains("set.") && !page.contains("admin."), "{kind}: {page}");
        }
    }

    fn an_entry_is_changed_retired_and_brought_back(world) {
        let admin = Browser::of(&world, "admin");
        let path = "/admin/units/WY?node=YD";
        let step = |fields: &[(&str, &str)], status: u16| {
            let version = hidden(&admin.page(path), "version");
            let mut all = vec![("version", version.as_str())];
            all.extend(fields);
            admin.post(path, &all).expect(status)
        };

        step(&[("do", "save"), ("name", "物业公司"), ("kind", "property")], 303);
        let page = admin.page(path);
        assert!(page.contains("value=\"物业公司\"") && page.contains("value=\"property\" selected"), "{page}");
        let wrong = step(&[("do", "save"), ("name", ""), ("kind", "army")], 422).text;
        assert!(wrong.contains("aria-invalid"), "{wrong}");
        let stale = admin.post(path, &[("version", "1"), ("do", "save"), ("name", "别名")]).expect(412).text;
        assert!(stale.contains("value=\"别名\""), "{stale}");
        step(&[("do", "retire")], 303);
        assert!(!admin.page("/admin/units").contains("/admin/units/WY") && admin.page("/admin/units?retired=true").contains("/admin/units/WY"));
        step(&[("do", "restore")], 303);
        assert!(admin.page("/admin/units").contains("/admin/units/WY"));
    }

    fn a_kiosk_shows_its_token_once(world) {
        let admin = Browser::of(&world, "admin");

        let page = admin.post("/admin/kiosks", &[("code", "K01"), ("name", "大厅"), ("node", "YD"), ("place", "大厅")]).expect(200).text;

        let token = page.split_once("<code>").unwrap().1.split('<').next().unwrap().to_owned();
        let submit = |token: &str| world.app.post("/api/v1/tickets", &json!({"community": "YD", "description": "x"})).bearer(token).send();
        submit(&token).expect(201);
        assert!(!admin.page("/admin/kiosks/K01?node=YD").contains(&token));
        let again = admin.post("/admin/kiosks/K01?node=YD", &[("do", "token")]).expect(200).text;
        assert!(!again.contains(&token));
        submit(&token).expect(401);
    }

    fn a_calendar_shows_its_year_with_swapped_days(world) {
        let admin = Browser::of(&world, "admin");
        let fields = [("code", "default"), ("name", "日历"), ("node", "YD"), ("holidays", "cn"), ("time_zone", "Asia/Shanghai"),
            ("seasons", "01-01 12-31\nmon 08:30-17:30")];
        admin.post("/admin/calendars", &fields).expect(303);

        let page = admin.page("/admin/calendars/default?node=YD&year=2026");
        assert!(page.contains("class=\"day holiday\" title=\"2026-10-01") && page.contains("class=\"day swapped\""), "{page}");
        let unknown = admin.page("/admin/calendars/default?node=YD&year=2090");
        assert!(unknown.contains("还没有导入"), "{unknown}");
    }

    fn a_user_is_changed_and_ends_nobody_elses_sessions(world) {
        let (admin, triager) = (Browser::of(&world, "admin"), Browser::of(&world, "triager"));
        let step = |fields: &[(&str, &str)], status: u16| {
            let version = hidden(&admin.page("/admin/users/triager"), "version");
            let mut all = vec![("version", version.as_str())];
            all.extend(fields);
            admin.post("/admin/users/triager", &all).expect(status)
        };

        let roles = [("role-0", "triager"), ("node-0", "YD"), ("unit-0", ""), ("role-1", "clerk"), ("node-1", "YD"), ("unit-1", "")];
        let mut facts = vec![("do", "facts"), ("name", "张受理"), ("email", "z@example.org")];
        facts.extend(roles);
        step(&facts, 303);
        let page = admin.page("/admin/users/triager");
        assert!(page.contains("张受理") && page.contains("value=\"clerk\" selected"), "{page}");
        triager.get("/desk").expect(303);
        step(&[("do", "password"), ("password", "short")], 422);
        step(&[("do", "password"), ("password", "another-long-one")], 303);
        Browser::new(&world).sign_in("/login", "triager", "another-long-one").expect(303);
        step(&[("do", "disable")], 303);
        Browser::new(&world).sign_in("/login", "triager", "another-long-one").expect(401);
        step(&[("do", "restore")], 303);
        let own = hidden(&admin.page("/admin/users/admin"), "version");
        admin.post("/admin/users/admin", &[("version", &own), ("do", "disable")]).expect(409);
    }

    fn an_auditor_reads_the_trail_and_hears_in_words_whether_it_is_whole(world) {
        let receipt = world.submit(json!({"subject": EVIL}));
        world.resolve(&receipt.number);
        let auditor = Browser::of(&world, "auditor");

        let whole = auditor.page("/audit?verify=true");
        assert!(whole.contains("全部完整"), "{whole}");
        let led = auditor.get(&format!("/audit?number={}", encoded(&receipt.number.to_lowercase()))).expect(303);
        let trail = auditor.page(led.header("location"));
        assert!(trail.contains("ticket.received") && trail.contains("prev_hash") && !trail.contains("alert(1)"), "{trail}");
        let setup = auditor.page("/audit/setup");
        assert!(setup.contains("setup.node_added") && setup.contains("auditor"), "{setup}");
        for who in ["clerk", "triager", "handler", "supervisor", "leader", "admin"] {
            let browser = Browser::of(&world, who);
            for path in ["/audit", "/audit?verify=true", "/audit/setup"] {
                browser.get(path).expect(403);
            }
            browser.get(&format!("/audit/tickets/{}", receipt.number)).expect(403);
        }
        auditor.get("/audit/tickets/YD-1").expect(400);
    }

    fn a_policy_is_set_whole_and_tried_on_what_was(world) {
        let receipt = world.submit(json!({}));
        world.app.app.clock.advance(chrono::TimeDelta::days(3));
        let app = &world.app.app;
        run(async { timer::tick(app, app.clock.now()).await.map(drop).unwrap() });
        let admin = Browser::of(&world, "admin");
        let fields = [("code", "own"), ("name", "本社区"), ("node", "YD"), ("target_accept", "1d"), ("rework", "2d"), ("warn_percents", "60"),
            ("escalate_percents", "100 120 150"), ("pauses", "resolve"), ("pauses", "reply")];
        admin.post("/admin/policies", &fields).expect(303);
        let read = || world.app.get("/api/v1/policies/own?node=YD").bearer(&world.token("admin")).send().expect(200).json();
        let policy = read();
        assert_eq!((&policy["rework"], &policy["warn_percents"]), (&json!({"working_days": 2}), &json!([60])));
        assert_eq!(policy["escalate_percents"], json!({"handler": 100, "supervisor": 120, "leader": 150}));
        assert_eq!(policy["pauses"], json!(["resolve", "reply"]));

        let page = admin.page("/admin/policies/own?node=YD");
        let version = hidden(&page, "version");
        let tried = [("version", version.as_str()), ("name", "本社区"), ("target_accept", "10d"), ("pauses", "none"), ("do", "try"), ("days", "31")];
        let page = admin.post("/admin/policies/own?node=YD", &tried).expect(200).text;
        assert!(page.contains("试算：最近 31 天收到的 1 件") && page.contains("受理不会超期") && page.contains(&receipt.number), "{page}");
        assert!(page.contains("value=\"10d\"") && page.contains("value=\"none\" checked"), "{page}");
        assert_eq!(read(), policy);
        let wrong = [("version", version.as_str()), ("name", "x"), ("warn_percents", "a b"), ("escalate_percents", "1 2"), ("rework", "soon"), ("do", "try"), ("days", "31")];
        let page = admin.post("/admin/policies/own?node=YD", &wrong).expect(422).text;
        assert!(page.matches("class=\"fault\"").count() == 3, "{page}");
        admin.post("/admin/policies/own?node=YD", &[("name", "x"), ("do", "try"), ("days", "400")]).expect(422);
        assert_eq!(read(), policy);
    }

    fn users_come_from_a_list_all_of_them_or_none(world) {
        let admin = Browser::of(&world, "admin");
        let list = "用户名,姓名,角色,节点,单位,初始密码\nwang,王丽,受理员,YD,,pavilion-letters-1\nli,李强,承办人,YD,WY,pavilion-letters-2\nwang,,信箱管理员,YD,,\n";
        let led = admin.post("/admin/users", &[("do", "import"), ("csv", list)]).expect(303);
        assert_eq!(led.header("location"), "/admin/users?imported=2");
        assert!(admin.page(led.header("location")).contains("已导入 2 个用户"));
        let wang = world.app.get("/api/v1/users/wang").bearer(&world.token("admin")).send().expect(200).json();
        assert_eq!(wang["roles"].as_array().unwrap().len(), 2);
        Browser::new(&world).sign_in("/login", "li", "pavilion-letters-2").expect(303);

        let list = "username,role,node,unit,password\nzhao,clerk,YD,,pavilion-letters-3\nli,clerk,YD,,pavilion-letters-4\nqian,clerk,HX,,pavilion-letters-5\nsun,handler,YD,,pavilion-letters-6";
        let page = admin.post("/admin/users", &[("do", "import"), ("csv", list)]).expect(422).text;
        for said in ["第 3 行：已经有了", "第 4 行：您的范围内没有这个节点", "第 5 行："] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(page.contains("zhao,clerk,YD"), "{page}");
        world.app.get("/api/v1/users/zhao").bearer(&world.token("admin")).send().expect(404);
        let page = admin.post("/admin/users", &[("do", "import"), ("csv", "username,role,node,password\nzhao,king,YD,short\n")]).expect(422).text;
        assert!(page.contains("第 2 行：没有这个角色"), "{page}");
        Browser::of(&world, "supervisor").post("/admin/users", &[("do", "import"), ("csv", list)]).expect(403);
    }

    fn an_auditor_reads_of_the_set_up_what_is_of_the_own_nodes(world) {
        world.know("other");

        let trail = Browser::of(&world, "auditor").page("/audit/setup");

        assert!(trail.contains("WY") && !trail.contains("HW") && !trail.contains("&#34;other&#34;"), "{trail}");
    }
}

#[test]
fn the_first_start_gives_a_link_that_works_once() {
    let server = TestApp::start(Engine::Sqlite);
    let key = red_mailbox::service::first::key(&server.app);
    let send = |path: &str, fields: &[(&str, &str)]| {
        let request = server.request("POST", path).header("Accept", "text/html");
        request.text("application/x-www-form-urlencoded", form(fields)).send()
    };
    let path = format!("/setup/{key}");
    server.get("/setup/0000").send().expect(404);
    assert!(server.get(&path).send().expect(200).text.contains("第一次使用"));

    let wrong =
        [("community", "YD"), ("community_name", "永定"), ("username", "root"), ("password", "short")];
    let page = send(&path, &wrong).expect(422).text;
    assert!(page.contains("value=\"永定\"") && !page.contains("short"), "{page}");
    let right = [
        ("community", "yd"),
        ("community_name", "永定"),
        ("username", "root"),
        ("name", ""),
        ("password", PASSWORD),
    ];
    send(&path, &right).expect(303);
    send(&path, &right).expect(404);
    server.get(&path).send().expect(404);

    let body = json!({"username": "root", "password": PASSWORD});
    let token = server.post("/api/v1/auth/login", &body).send().expect(200).json();
    let token = token["access_token"].as_str().unwrap();
    server.get("/api/v1/nodes/YD").bearer(token).send().expect(200);
}

#[test]
fn of_those_who_race_through_the_first_link_one_becomes_administrator() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = TestApp::start(engine);
        let app = &server.app;
        setup::ensure_seeded(&app.store, &app.keys, app.clock.now()).unwrap();
        let path = format!("/setup/{}", red_mailbox::service::first::key(&server.app));
        let tries: Vec<(u16, String)> = std::thread::scope(|scope| {
            let sent = (0..6).map(|nth| {
                let (server, path) = (&server, &path);
                scope.spawn(move || {
                    let (community, username) = (["YD", "HX"][nth % 2], format!("root{nth}"));
                    let fields = [
                        ("community", community),
                        ("community_name", "永定"),
                        ("username", &username),
                        ("password", PASSWORD),
                    ];
                    let request = server.request("POST", path).header("Accept", "text/html");
                    let answer = request.text("application/x-www-form-urlencoded", form(&fields)).send();
                    (answer.status, username)
                })
            });
            let sent: Vec<_> = sent.collect();
            sent.into_iter().map(|it| it.join().unwrap()).collect()
        });

        let made: Vec<&(u16, String)> = tries.iter().filter(|it| it.0 == 303).collect();
        assert_eq!(made.len(), 1, "{engine:?} {tries:?}");
        assert!(tries.iter().all(|it| matches!(it.0, 303 | 404)), "{engine:?} {tries:?}");
        let login = json!({"username": made[0].1, "password": PASSWORD});
        let token = server.post("/api/v1/auth/login", &login).send().expect(200).json();
        let token = token["access_token"].as_str().unwrap();
        let users = server.get("/api/v1/users").bearer(token).send().expect(200).json();
        assert_eq!(users["items"].as_array().unwrap().len(), 1, "{engine:?}");
        // The losers left no community behind either.
        let nodes = server.get("/api/v1/nodes").bearer(token).send().expect(200).json();
        assert_eq!(nodes["items"].as_array().unwrap().len(), 1, "{engine:?}");
    }
}
