//! Official years loaded from a file, and what waits for them. Every test begins Monday 2026-11-23 09:00 in Shanghai.

use chrono::{NaiveDate, TimeDelta};
use red_mailbox::domain::people::{Actor, Role};
use red_mailbox::domain::value::At;
use red_mailbox::service::accounts::{self, NewUser, RoleAt};
use red_mailbox::service::{Caller, timer};
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::{PASSWORD, World};
use crate::desk::Browser;
use crate::harness::{both_worlds, run};

/// A year of the usual holidays, with one more day off and one swapped working day in January.
pub(crate) fn year(year: i32) -> Value {
    let off = |name: &'static str, (month, day): (u32, u32), n: usize| {
        let first = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        first.iter_days().take(n).map(move |it| json!({"date": it.to_string(), "name": name, "type": "off"}))
    };
    let mut days: Vec<Value> = off("元旦", (1, 1), 4)
        .chain(off("春节", (2, 5), 8))
        .chain(off("清明节", (4, 3), 3))
        .chain(off("劳动节", (5, 1), 5))
        .chain(off("端午节", (6, 7), 3))
        .chain(off("中秋节", (9, 15), 3))
        .chain(off("国庆节", (10, 1), 7))
        .collect();
    days.push(json!({"date": format!("{year}-01-09"), "name": "元旦", "type": "workday"}));
    json!({"years": [year], "days": days})
}

/// Signs in an admin of the district, the top of the tree; made at the first call.
fn top(world: &World) -> String {
    let app = &world.app.app;
    let body = json!({"username": "top", "password": PASSWORD});
    let sign_in = || world.app.post("/api/v1/auth/login", &body).send();
    let answer = sign_in();
    if answer.status == 200 {
        return answer.json()["access_token"].as_str().unwrap().to_owned();
    }
    let roles = vec![RoleAt { role: Role::Admin, node: "QA".to_owned(), unit: None }];
    let (username, password) = ("top".to_owned(), PASSWORD.to_owned());
    let new = NewUser { username, name: None, email: None, password, roles };
    let caller = Caller { actor: Actor::System, place: None };
    run(async {
        accounts::add_user(app, &caller, new).await.unwrap();
    });
    sign_in().expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

fn load(world: &World, token: &str, query: &str, file: &Value) -> Answer {
    world.app.post(&format!("/api/v1/official-years{query}"), file).bearer(token).send()
}

fn tick(world: &World) -> timer::Ticked {
    let app = &world.app.app;
    let mut done = timer::Ticked::default();
    run(async {
        done = timer::tick(app, app.clock.now()).await.unwrap();
    });
    done
}

fn go_to(world: &World, local: &str) {
    let to = At::parse(&format!("{local}:00+08:00")).unwrap();
    world.app.app.clock.advance(to - world.app.app.clock.now());
}

fn clocks(world: &World, number: &str) -> Value {
    let path = format!("/api/v1/tickets/{number}/clocks");
    world.app.get(&path).bearer(&world.token("triager")).send().expect(200).json()["items"].clone()
}

fn events(world: &World, number: &str) -> Vec<Value> {
    let path = format!("/api/v1/tickets/{number}/events");
    let page = world.app.get(&path).bearer(&world.token("supervisor")).send().expect(200).json();
    page["items"].as_array().unwrap().clone()
}

fn told_of_years(world: &World, username: &str) -> Vec<(String, String)> {
    let page = world.app.get("/api/v1/notices").bearer(&world.token(username)).send().expect(200).json();
    let told =
        |it: &Value| (it["node"].as_str().unwrap().to_owned(), it["subject"].as_str().unwrap().to_owned());
    let about = |it: &&Value| it["kind"] == "calendar_missing";
    page["items"].as_array().unwrap().iter().filter(about).map(told).collect()
}

both_worlds! {
    fn a_year_is_loaded_whole_and_counted_by_at_once(world) {
        go_to(&world, "2026-12-31T10:00");
        let token = top(&world);

        let loaded = load(&world, &token, "", &year(2027)).expect(200).json();
        let again = load(&world, &token, "?year=2027", &year(2027)).expect(200).json();

        assert_eq!(loaded["items"], json!([{"year": 2027, "fate": "loaded", "n_off": 33, "n_working": 1}]));
        assert_eq!(again["items"][0]["fate"], "unchanged");
        let number = world.submit(json!({})).number;
        let accept = clocks(&world, &number)[0].clone();
        // 1 to 4 January are off: the working day after Thursday the 31st is Tuesday the 5th.
        assert_eq!((accept["due_at"].as_str(), accept["provisional"].as_bool()), (Some("2027-01-05T09:30:00Z"), Some(false)));
        let years = world.app.get("/api/v1/official-years").bearer(&world.token("clerk")).send().expect(200).json();
        let last = years["items"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((last["year"].as_i64(), last["origin"].as_str()), (Some(2027), Some("loaded")));
        let ready = world.app.get("/readyz").send().expect(200).text;
        assert!(ready.contains("2026 loaded, 2027 loaded"), "{ready}");
    }

    fn a_file_at_fault_loads_nothing(world) {
        let token = top(&world);
        let mut lacking = year(2028);
        lacking["days"].as_array_mut().unwrap().retain(|it| it["name"] != "春节");
        let both: Vec<Value> = [&year(2027), &lacking].iter().flat_map(|it| it["days"].as_array().unwrap().clone()).collect();

        let refused = load(&world, &token, "", &json!({"years": [2027, 2028], "days": both})).expect(422).json();

        assert!(refused.to_string().contains("2028 年缺少春节"), "{refused}");
        let shown = world.app.get("/api/v1/official-years").bearer(&token).send().expect(200).text;
        assert!(!shown.contains("2027-"), "nothing half done");
        let mut unknown = year(2027);
        unknown["days"][0]["date"] = json!("2027-02-30");
        assert_eq!(load(&world, &token, "", &unknown).expect(422).json()["errors"][0]["field"], "days[0].date");
        for wrong in [json!({}), json!({"days": "x"}), json!({"days": [], "x": 1}), json!({"days": []})] {
            load(&world, &token, "", &wrong).expect(422);
        }
        load(&world, &token, "?year=x", &year(2027)).expect(400);
        load(&world, &token, "?year=2031", &year(2027)).expect(422);
    }

    fn shipped_years_stay_and_loaded_ones_are_corrected_on_purpose_only(world) {
        let token = top(&world);
        let refused = load(&world, &token, "", &year(2026)).expect(422).json();
        assert!(refused.to_string().contains("2026 年已随程序提供"), "{refused}");
        load(&world, &token, "", &year(2027)).expect(200);
        let mut other = year(2027);
        other["days"].as_array_mut().unwrap().pop();

        assert_eq!(load(&world, &token, "", &other).expect(409).slug(), "exists");
        let replaced = load(&world, &token, "?replace=true", &other).expect(200).json();

        assert_eq!(replaced["items"][0]["fate"], "replaced");
    }

    fn only_an_admin_of_a_top_node_loads_years(world) {
        load(&world, &world.token("admin"), "", &year(2027)).expect(403);
        load(&world, &world.token("supervisor"), "", &json!({})).expect(403);
        world.app.post("/api/v1/official-years", &year(2027)).send().expect(401);
        world.app.get("/api/v1/official-years").send().expect(401);
    }

    /// Counted without knowing 2027 first, then anew when it is known: once, whoever looks.
    fn provisional_due_times_are_counted_anew_once(world) {
        let before = world.submit(json!({})).number;
        go_to(&world, "2026-12-31T10:00");
        let waiting = world.submit(json!({})).number;
        tick(&world);
        let accept = clocks(&world, &waiting)[0].clone();
        assert_eq!((accept["due_at"].as_str(), accept["provisional"].as_bool()), (Some("2027-01-01T09:30:00Z"), Some(true)));
        let token = top(&world);
        let n_before = events(&world, &before).len();
        load(&world, &token, "", &year(2027)).expect(200);

        let app = &world.app.app;
        let settings = red_mailbox::store::StoreSettings { ..world.app.store.settings.clone() };
        let other = red_mailbox::service::App { store: red_mailbox::store::Store::open(&settings).unwrap(), ..app.clone() };
        run(async {
            let now = app.clock.now();
            let (one, two) = tokio::join!(timer::tick(app, now), timer::tick(&other, now));
            assert_eq!(one.unwrap().n_recounted + two.unwrap().n_recounted, 1);
        });
        other.store.close();
        assert_eq!(tick(&world).n_recounted, 0);

        let accept = clocks(&world, &waiting)[0].clone();
        assert_eq!((accept["due_at"].as_str(), accept["provisional"].as_bool()), (Some("2027-01-05T09:30:00Z"), Some(false)));
        assert!(accept["days"].to_string().contains("元旦"), "{accept}");
        let trail = events(&world, &waiting);
        let last = trail.last().unwrap();
        assert_eq!((last["type"].as_str(), last["actor"]["kind"].as_str()), (Some("ticket.amended"), Some("system")));
        assert_eq!(last["data"]["changed"], json!(["clocks"]));
        assert_eq!(events(&world, &before).len(), n_before, "what waited for nothing stays");
        go_to(&world, "2027-01-05T17:31");
        tick(&world);
        assert_eq!(clocks(&world, &waiting)[0]["breached_at"], "2027-01-05T09:30:00Z");
    }

    /// A day off less than was thought does not make late what was in time a moment ago.
    fn what_is_in_time_is_not_made_late_by_a_year_that_comes_late(world) {
        go_to(&world, "2027-01-08T16:00");
        // Friday: without knowing 9 January for a working day, due on Monday.
        let waiting = world.submit(json!({})).number;
        go_to(&world, "2027-01-10T10:00");
        let token = top(&world);
        load(&world, &token, "", &year(2027)).expect(200);
        tick(&world);

        let accept = clocks(&world, &waiting)[0].clone();
        assert_eq!((accept["state"].as_str(), accept["due_at"].as_str()), (Some("running"), Some("2027-01-11T09:30:00Z")));
        assert_eq!(accept["provisional"], false);
    }

    fn admins_hear_once_of_a_year_that_is_missing(world) {
        let app = &world.app.app;
        app.clock.advance(TimeDelta::days(-30));
        for name in ["admin", "other", "triager"] {
            world.know(name);
        }
        tick(&world);
        assert!(told_of_years(&world, "admin").is_empty(), "more than 60 days before");
        app.clock.advance(TimeDelta::days(30));

        tick(&world);
        tick(&world);

        assert_eq!(told_of_years(&world, "admin"), [("YD".to_owned(), "2027".to_owned())]);
        assert_eq!(told_of_years(&world, "other"), [("HX".to_owned(), "2027".to_owned())]);
        assert!(told_of_years(&world, "triager").is_empty());
        let confirmed = json!({"code": "own", "name": "自己的", "node": "YD", "years_confirmed": [2028]});
        world.app.post("/api/v1/calendars", &confirmed).bearer(&world.token("admin")).send().expect(201);
        app.clock.advance(TimeDelta::days(365));
        tick(&world);
        assert_eq!(told_of_years(&world, "admin").len(), 1, "a node that has confirmed the year needs none");
        assert_eq!(told_of_years(&world, "other").len(), 2);
    }

    fn every_staff_page_says_that_a_year_is_missing_until_it_is_loaded(world) {
        let browsers = ["admin", "clerk", "handler", "supervisor", "leader", "auditor", "other"].map(|it| Browser::of(&world, it));
        let token = top(&world);
        let pages = ["/desk/notices", "/desk/account"];
        let is_warned = |it: &Browser<'_>, path: &str| it.page(path).contains("2027 年的放假安排还没有载入");
        for browser in &browsers {
            assert!(pages.iter().all(|it| is_warned(browser, it)));
        }
        assert!(is_warned(&browsers[0], "/admin/units") && is_warned(&browsers[4], "/lead"));
        let confirmed = json!({"code": "own", "name": "自己的", "node": "YD", "years_confirmed": [2027]});
        world.app.post("/api/v1/calendars", &confirmed).bearer(&world.token("admin")).send().expect(201);
        assert!(!is_warned(&browsers[1], "/desk"), "a node that has confirmed the year needs none");
        assert!(is_warned(&browsers[6], "/desk"));

        load(&world, &token, "", &year(2027)).expect(200);

        assert!(!browsers.iter().any(|it| is_warned(it, "/desk/account")));
    }

    fn an_admin_of_the_top_node_loads_a_year_on_a_page(world) {
        top(&world);
        let (browser, lower) = (Browser::new(&world), Browser::of(&world, "admin"));
        browser.sign_in("/login", "top", PASSWORD).expect(303);
        assert!(browser.page("/desk/account").contains("href=\"/admin/years\""));
        assert!(lower.page("/admin/years").contains("请最上级节点的管理员载入"));
        let mut lacking = year(2027);
        lacking["days"].as_array_mut().unwrap().remove(0);

        let refused = browser.post("/admin/years", &[("years", &lacking.to_string())]).expect(422).text;
        let garbled = browser.post("/admin/years", &[("years", "{<b>")]).expect(422).text;
        let loaded = browser.post("/admin/years", &[("years", &year(2027).to_string())]).expect(303);
        let again = browser.page(loaded.header("location"));

        assert!(refused.contains("2027-01-0") && refused.contains("国庆节"), "the file stays: {refused}");
        assert!(garbled.contains("不是 JSON") && !garbled.contains("{<b>"), "{garbled}");
        assert!(again.contains("<td>2027</td>") && again.contains("自行载入") && !again.contains("class=\"alarm\""), "{again}");
        lower.post("/admin/years", &[("years", &year(2028).to_string())]).expect(403);
    }

    fn admins_hear_of_a_provisional_due_time_long_before(world) {
        world.know("admin");
        world.app.app.clock.advance(TimeDelta::days(-60));
        let policy = json!({"code": "slow", "name": "慢", "node": "YD", "targets": {"accept": {"working_days": 90}}});
        world.app.post("/api/v1/policies", &policy).bearer(&world.token("admin")).send().expect(201);
        world.submit(json!({}));
        world.submit(json!({}));

        assert_eq!(told_of_years(&world, "admin"), [("YD".to_owned(), "2027".to_owned())]);
    }
}
