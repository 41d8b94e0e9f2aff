//! Signing in on the pages: the cookie, the way back, forms that only our own pages send.

use serde_json::json;

use super::{Browser, EVIL, form, hidden};
use crate::builders::PASSWORD;
use crate::harness::both_worlds;

both_worlds! {
    fn a_sign_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(world) {
        world.know("triager");
        let browser = Browser::new(&world);

        let answer = browser.sign_in("/login", "triager", PASSWORD).expect(303);

        let cookie = answer.header("set-cookie").to_owned();
        assert!(cookie.starts_with("__Host-session="), "{cookie}");
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert!(browser.page("/desk/account").contains("triager"));
        // Who is in is not asked again.
        browser.get("/login").expect(303);
    }

    fn over_plain_http_the_door_says_why_it_is_shut(world) {
        world.know("triager");
        let plain = |method: &str| {
            let request = world.app.request(method, "/login").header("Accept", "text/html");
            let fields = form(&[("username", "triager"), ("password", PASSWORD), ("totp", "")]);
            if method == "POST" { request.text("application/x-www-form-urlencoded", fields).send() } else { request.send() }
        };

        let (page, tried) = (plain("GET").expect(200), plain("POST").expect(403));

        for answer in [page, tried] {
            assert!(answer.text.contains("网页没有加密") && !answer.text.contains("type=\"password\""), "{}", answer.text);
            assert_eq!(answer.header("set-cookie"), "");
        }
    }

    fn a_wrong_password_keeps_the_name_and_says_nothing_more(world) {
        world.know("triager");
        let browser = Browser::new(&world);

        let wrong = browser.sign_in("/login", "triager", "wrong").expect(401).text;
        let unknown = browser.sign_in("/login", "nobody", "wrong").expect(401).text;

        assert!(wrong.contains("value=\"triager\"") && wrong.contains("用户名、密码或动态码不对"), "{wrong}");
        assert_eq!(wrong.replace("triager", "N"), unknown.replace("nobody", "N"));
        let evil = browser.sign_in("/login", EVIL, EVIL).expect(401).text;
        assert!(!evil.contains("<script>alert") && !evil.contains("<img"), "{evil}");
    }

    fn who_is_not_signed_in_is_led_to_the_door_and_back(world) {
        world.know("triager");
        let browser = Browser::new(&world);

        let led = browser.get("/desk/notices?all=true").expect(303);
        let door = led.header("location").to_owned();
        assert_eq!(door, "/login?next=%2Fdesk%2Fnotices%3Fall%3Dtrue");
        assert_eq!(browser.sign_in(&door, "triager", PASSWORD).expect(303).header("location"), "/desk/notices?all=true");

        for elsewhere in ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example"] {
            let other = Browser::new(&world);
            let next = other.sign_in(&format!("/login?next={elsewhere}"), "triager", PASSWORD).expect(303);
            assert!(!next.header("location").contains("evil"), "{elsewhere}");
        }
    }

    fn a_cookie_set_before_the_sign_in_is_worth_nothing_after_it(world) {
        world.know("triager");
        let planted = "__Host-session=0123456789abcdef0123456789abcdef.0.0";
        let browser = Browser::new(&world).with_cookie(planted);

        browser.sign_in("/login", "triager", PASSWORD).expect(303);

        assert_ne!(browser.cookie(), planted);
        Browser::new(&world).with_cookie(planted).get("/desk/account").expect(303);
        // A second sign-in of the same browser ends the first.
        let first = browser.cookie();
        browser.sign_in("/login", "triager", PASSWORD).expect(303);
        Browser::new(&world).with_cookie(&first).get("/desk/account").expect(303);
    }

    fn a_form_without_the_pages_own_field_is_refused(world) {
        let (mine, other) = (Browser::of(&world, "triager"), Browser::of(&world, "clerk"));

        let refused = |csrf: &str| mine.send("/logout", &[("csrf", csrf)]).expect(403);
        mine.send("/logout", &[]).expect(403);
        refused("");
        refused(&other.csrf());
        let csrf = mine.csrf();
        let request = world.app.request("POST", "/logout").header("Sec-Fetch-Site", "cross-site");
        let request = request.header("Cookie", mine.cookie());
        request.text("application/x-www-form-urlencoded", format!("csrf={csrf}")).send().expect(403);

        assert!(mine.page("/desk/account").contains("triager"));
    }

    fn signing_out_ends_the_session_on_the_server(world) {
        let browser = Browser::of(&world, "triager");
        let cookie = browser.cookie();

        let answer = browser.post("/logout", &[]).expect(303);

        assert!(answer.header("set-cookie").contains("Max-Age=0"), "{}", answer.header("set-cookie"));
        Browser::new(&world).with_cookie(&cookie).get("/desk/account").expect(303);
    }

    fn a_disabled_user_sees_no_page_more(world) {
        let browser = Browser::of(&world, "triager");
        let admin = world.token("admin");

        world.app.delete("/api/v1/users/triager").bearer(&admin).send().expect(204);

        browser.get("/desk/account").expect(303);
    }

    fn a_session_that_is_used_lasts_and_one_that_is_not_ends(world) {
        let (used, idle) = (Browser::of(&world, "triager"), Browser::of(&world, "clerk"));

        for _ in 0..3 {
            world.app.app.clock.advance(chrono::TimeDelta::days(6));
            used.get("/desk/account").expect(200);
        }

        idle.get("/desk/account").expect(303);
    }

    fn a_token_of_the_pages_is_none_of_the_api_and_the_other_way_round(world) {
        let browser = Browser::of(&world, "triager");
        let token = browser.cookie().split_once('=').unwrap().1.to_owned();

        world.app.get("/api/v1/tickets").bearer(&token).send().expect(401);
        let refresh = world.app.request("POST", "/api/v1/auth/refresh");
        refresh.header("Cookie", format!("__Host-refresh_token={token}")).send().expect(401);
        world.app.get("/api/v1/tickets").header("Cookie", browser.cookie()).send().expect(401);
        let body = json!({"username": "triager", "password": PASSWORD});
        let api = world.app.post("/api/v1/auth/login", &body).send().expect(200);
        let refresh = api.header("set-cookie").split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
        Browser::new(&world).with_cookie(&format!("__Host-session={refresh}")).get("/desk/account").expect(303);
    }

    fn a_new_password_ends_every_other_session(world) {
        let (here, there) = (Browser::of(&world, "triager"), Browser::of(&world, "triager"));

        let change = |current: &str, new: &str| here.post("/desk/account/password", &[("current", current), ("new", new)]);
        let wrong = change("wrong", "a-longer-sentence").expect(422).text;
        assert!(wrong.contains("密码不对"), "{wrong}");
        change(PASSWORD, "a-longer-sentence").expect(303);

        assert!(here.page("/desk/account?done=password").contains("密码已修改"));
        there.get("/desk/account").expect(303);
        Browser::new(&world).sign_in("/login", "triager", "a-longer-sentence").expect(303);
    }

    fn one_ends_ones_own_sessions_and_nobody_elses(world) {
        let (here, there) = (Browser::of(&world, "triager"), Browser::of(&world, "triager"));
        let other = Browser::of(&world, "clerk");
        let page = other.page("/desk/account");
        assert_eq!(page.matches("name=\"session\"").count(), 0, "{page}");

        let id = hidden(&here.page("/desk/account"), "session");
        other.post("/desk/account/sessions", &[("session", &id)]).expect(404);
        there.get("/desk/account").expect(200);
        here.post("/desk/account/sessions", &[("session", &id)]).expect(303);

        there.get("/desk/account").expect(303);
    }

    fn one_time_codes_are_set_up_and_asked_for(world) {
        let browser = Browser::of(&world, "triager");
        let page = browser.post("/desk/account/totp", &[("step", "begin"), ("password", PASSWORD)]).expect(200).text;
        let secret = page.split_once("<code>").unwrap().1.split('<').next().unwrap().to_owned();

        browser.post("/desk/account/totp", &[("step", "confirm"), ("code", "000000")]).expect(422);
        let code = crate::accounts::code_at(&secret, world.app.app.clock.now());
        browser.post("/desk/account/totp", &[("step", "confirm"), ("code", &code)]).expect(303);

        world.app.app.clock.advance(chrono::TimeDelta::minutes(1));
        Browser::new(&world).sign_in("/login", "triager", PASSWORD).expect(401);
        let code = crate::accounts::code_at(&secret, world.app.app.clock.now());
        let fields = [("username", "triager"), ("password", PASSWORD), ("totp", code.as_str())];
        Browser::new(&world).send("/login", &fields).expect(303);
    }

    fn a_notice_leads_to_its_ticket_and_is_read_then(world) {
        let receipt = world.submit(json!({"description": "有人被困在电梯里"}));
        let browser = Browser::of(&world, "triager");
        let other = Browser::of(&world, "clerk");
        world.know("supervisor");
        let again = world.submit(json!({"description": "有人被困在电梯里，快来"}));

        let page = browser.page("/desk/notices");
        assert!(page.contains("疑似紧急") && page.contains(&again.number), "{page}");
        assert!(!page.contains(&receipt.number), "nobody was there to be told: {page}");
        let open = page.split_once("name=\"open\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        other.post("/desk/notices", &[("open", &open)]).expect(404);
        let led = browser.post("/desk/notices", &[("open", &open)]).expect(303);

        assert_eq!(led.header("location"), format!("/desk/tickets/{}", again.number));
        assert!(browser.page("/desk/notices").contains("没有未读的通知"));
        assert!(browser.page("/desk/notices?all=true").contains(&again.number));
    }

    fn staff_pages_run_only_our_own_files(world) {
        let browser = Browser::of(&world, "triager");
        for path in ["/desk/account", "/desk/notices"] {
            let page = browser.get(path).expect(200);
            let policy = page.header("content-security-policy");
            assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{path}");
            assert_eq!(page.header("cache-control"), "no-store");
            assert!(!page.text.contains("style=") && !page.text.contains(" on"), "{path}");
        }
    }
}
