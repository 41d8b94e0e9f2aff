//! Signing in over HTTP: cookies, other sites, locks, and what each answer says.

use red_mailbox::domain::people::{Actor, Role};
use red_mailbox::service::Caller;
use red_mailbox::service::accounts::{self, NewUser, RoleAt};
use red_mailbox::store::{Db, StoreError};
use serde_json::{Value, json};

use diesel::connection::SimpleConnection;

use crate::app::TestApp;
use crate::harness::{Engine, run};

const PASSWORD: &str = "letters every day at five";
const NODE: &str = "INSERT INTO node (code, name, kind, path, time_zone, version)
    VALUES ('YD', 'Yard', 'community', '/1/', 'Asia/Shanghai', 1)";

/// A server with one community and its admin, `root`.
fn server() -> TestApp {
    let server = TestApp::start(Engine::Sqlite);
    let made = server.app.store.write_blocking(|db| -> Result<(), StoreError> {
        Ok(match db {
            Db::Lite(conn) => conn.batch_execute(NODE),
            Db::Pg(conn) => conn.batch_execute(NODE),
        }?)
    });
    made.unwrap();
    run(async {
        let caller = Caller { actor: Actor::System, place: None };
        let roles = vec![RoleAt { role: Role::Admin, node: "YD".to_owned(), unit: None }];
        let (username, password) = ("root".to_owned(), PASSWORD.to_owned());
        let new = NewUser { username, name: None, email: None, password, roles };
        accounts::add_user(&server.app, &caller, new).await.unwrap();
    });
    server
}

/// Signs `root` in: the access token and the cookie as a browser would send it.
fn sign_in(server: &TestApp) -> (String, String) {
    let body = json!({"username": "root", "password": PASSWORD});
    let answer = server.post("/api/v1/auth/login", &body).send().expect(200);
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    (token_of(&answer.json()), cookie)
}

fn token_of(answer: &Value) -> String {
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_refresh_cookie_is_for_this_host_over_tls_and_no_script() {
    let server = server();

    let body = json!({"username": "root", "password": PASSWORD});
    let answer = server.post("/api/v1/auth/login", &body).send().expect(200);

    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-refresh_token="), "{cookie}");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/", "; Max-Age=1209600"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!answer.text.contains("refresh"));
}

#[test]
fn another_sites_page_cannot_refresh_or_log_out() {
    let server = server();
    let (_, cookie) = sign_in(&server);

    for path in ["/api/v1/auth/refresh", "/api/v1/auth/logout"] {
        for (name, value) in [
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
        ] {
            let request = server.request("POST", path).header("Cookie", cookie.as_str()).header(name, value);
            assert_eq!(request.send().status, 403, "{path} {name}: {value}");
        }
    }

    let refresh = server.request("POST", "/api/v1/auth/refresh").header("Cookie", cookie);
    refresh.header("Origin", "http://red-mailbox.test").send().expect(200);
}

#[test]
fn a_refreshed_session_goes_on_and_a_reused_cookie_ends_it() {
    let server = server();
    let (_, cookie) = sign_in(&server);
    let refresh =
        |cookie: &str| server.request("POST", "/api/v1/auth/refresh").header("Cookie", cookie).send();

    let token = token_of(&refresh(&cookie).expect(200).json());
    server.get("/api/v1/auth/me").bearer(&token).send().expect(200);

    refresh(&cookie).expect(401);
    server.get("/api/v1/auth/me").bearer(&token).send().expect(401);
}

#[test]
fn a_logged_out_token_is_dead_and_its_cookie_taken_back() {
    let server = server();
    let (token, cookie) = sign_in(&server);

    let answer = server.request("POST", "/api/v1/auth/logout").bearer(&token).send().expect(204);

    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    server.get("/api/v1/auth/me").bearer(&token).send().expect(401);
    server.request("POST", "/api/v1/auth/refresh").header("Cookie", cookie).send().expect(401);
    server.request("POST", "/api/v1/auth/logout").send().expect(401);
}

#[test]
fn logging_out_with_a_dead_access_token_ends_the_session_of_the_cookie() {
    let server = server();
    let (_, cookie) = sign_in(&server);
    let logout = || server.request("POST", "/api/v1/auth/logout").bearer("expired");

    logout().send().expect(401);
    logout().header("Cookie", cookie.clone()).send().expect(204);

    server.request("POST", "/api/v1/auth/refresh").header("Cookie", cookie).send().expect(401);
}

#[test]
fn the_sixth_wrong_password_is_told_when_to_come_back() {
    let server = server();
    let wrong = json!({"username": "root", "password": "not this one"});

    for _ in 0..5 {
        let answer = server.post("/api/v1/auth/login", &wrong).send().expect(401);
        assert_eq!(answer.slug(), "wrong-credentials");
    }

    let answer = server.post("/api/v1/auth/login", &wrong).send().expect(429);
    assert_eq!((answer.slug().as_str(), answer.header("retry-after")), ("locked", "900"));
}

#[test]
fn users_are_made_changed_and_disabled_over_json() {
    let server = server();
    let (token, _) = sign_in(&server);
    let body = json!({
        "code": "Wang.Li", "name": "王丽", "password": PASSWORD, "roles": [{"role": "clerk", "node": "YD"}],
    });

    let made = server.post("/api/v1/users", &body).bearer(&token).send().expect(201);
    assert_eq!((made.header("location"), made.header("etag")), ("/api/v1/users/wang.li", "\"1\""));
    assert_eq!(
        made.json(),
        json!({
            "code": "wang.li", "name": "王丽", "email": null, "active": true, "totp": false, "version": 1,
            "roles": [{"role": "clerk", "node": "YD", "unit": null}],
        })
    );
    server.post("/api/v1/users", &body).bearer(&token).send().expect(409);

    let path = "/api/v1/users/wang.li";
    let change = json!({"active": false});
    server.patch(path, &change).bearer(&token).send().expect(428);
    server.patch(path, &change).bearer(&token).if_match(7).send().expect(412);
    let changed = server.patch(path, &change).bearer(&token).if_match(1).send().expect(200);
    assert_eq!((changed.header("etag"), &changed.json()["active"]), ("\"2\"", &json!(false)));
    server.delete(path).bearer(&token).send().expect(204);
    assert_eq!(server.delete("/api/v1/users/root").bearer(&token).send().expect(409).slug(), "last-admin");

    let page = server.get("/api/v1/users?limit=1").bearer(&token).send().expect(200);
    assert_eq!(page.json()["next_cursor"], "root");
    let rest = server.get("/api/v1/users?limit=1&cursor=root").bearer(&token).send().expect(200).json();
    assert_eq!((&rest["items"][0]["code"], &rest["next_cursor"]), (&json!("wang.li"), &Value::Null));
    server.get("/api/v1/users").send().expect(401);
}
