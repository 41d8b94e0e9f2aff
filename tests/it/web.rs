//! What holds for every address: problems, headers, health, the documentation.

use serde_json::json;

use crate::app::{Answer, TestApp};
use crate::harness::Engine;

fn server() -> TestApp {
    TestApp::start(Engine::Sqlite)
}

#[track_caller]
fn check(answer: &Answer, status: u16, slug: &str) {
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{}", answer.text);
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("http://red-mailbox.test/problems/{slug}"));
    assert_eq!(problem["instance"], answer.header("x-request-id"));
    assert!(problem["title"].is_string() && problem["detail"].is_string());
}

#[test]
fn an_unknown_address_is_a_problem() {
    let app = server();

    for path in ["/nothing", "/api/v1/nothing", "/livez/", "/%ff", "/docs/../x", "/docs/nothing.js"] {
        check(&app.get(path).send(), 404, "not-found");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let app = server();

    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ODD"] {
        let answer = app.request(method, "/livez").send();
        check(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    let with_much = [
        app.post("/livez", &json!({})),
        app.patch("/livez", &json!({})).if_match(1),
        app.delete("/livez").bearer("token").text("text/plain", "no body is read"),
    ];
    for request in with_much {
        check(&request.send(), 405, "method-not-allowed");
    }
}

#[test]
fn head_answers_like_get_without_a_body() {
    let app = server();

    let answer = app.request("HEAD", "/livez").send().expect(200);

    assert_eq!(answer.text, "");
    assert_eq!(answer.header("content-length"), app.get("/livez").send().text.len().to_string());
}

#[test]
fn every_answer_is_private_and_inert() {
    let app = server();

    for path in ["/livez", "/nothing", "/openapi.json", "/docs/"] {
        let answer = app.get(path).send();
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    assert_eq!(app.get("/livez").send().header("cache-control"), "no-store");
}

#[test]
fn a_plain_request_id_is_kept_and_another_is_replaced() {
    let app = server();
    let id = |given: &str| {
        app.get("/livez").header("X-Request-Id", given).send().header("x-request-id").to_owned()
    };

    assert_eq!(id("abc-123.DEF_4"), "abc-123.DEF_4");
    for odd in ["short", "with space here", "<script>alert(1)</script>", &"a".repeat(65)] {
        let id = id(odd);
        assert!(id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn readyz_turns_red_when_the_database_is_gone_and_green_when_it_is_back() {
    let app = server();
    assert_eq!(app.app.settings.database_url, app.store.settings.database_url);
    let (there, away) = (app.store.file(), app.store.file().with_extension("away"));
    app.get("/readyz").send().expect(200);

    std::fs::rename(&there, &away).unwrap();
    let red = app.get("/readyz").send().expect(503);
    std::fs::rename(&away, &there).unwrap();

    assert_eq!(
        red.json()["current"]["checks"][0],
        json!({"name": "database", "is_ok": false, "detail": "takes no writes"})
    );
    check(&red, 503, "unready");
    assert_eq!(red.header("retry-after"), "5");
    app.get("/livez").send().expect(200);
    app.get("/readyz").send().expect(200);
}

#[test]
fn readyz_turns_red_below_the_floor_of_free_space() {
    let app = TestApp::with(Engine::Sqlite, &[("free_space_floor_mb", "1000000")]);
    let room = rustix::fs::statvfs(app.store.file()).unwrap();
    if room.f_bavail.saturating_mul(room.f_frsize) >= 1_000_000 * 1024 * 1024 {
        return;
    }

    let red = app.get("/readyz").send().expect(503);

    assert_eq!(red.json()["current"]["checks"][1]["is_ok"], false);
}

#[test]
fn readyz_is_green_on_postgres() {
    TestApp::start(Engine::Postgres).get("/readyz").send().expect(200);
}

#[test]
fn metrics_are_for_this_machine_unless_opened() {
    let app = server();
    app.get("/livez").send().expect(200);
    app.get("/nothing?phone=13800138000").send().expect(404);

    let text = app.get("/metrics").send().expect(200).text;

    assert!(
        text.contains(r#"red_mailbox_http_requests_total{method="GET",route="/livez",status="200"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"route="none",status="404"} 1"#), "{text}");
    assert!(text.contains("red_mailbox_store_writes_total "), "{text}");
    assert!(!text.contains("138"), "{text}");
    check(&app.get("/metrics").header("X-Forwarded-For", "127.0.0.1").send(), 404, "not-found");
    check(&TestApp::with(Engine::Sqlite, &[("metrics", "off")]).get("/metrics").send(), 404, "not-found");
}

#[test]
fn the_document_and_its_pages_need_no_network() {
    let app = server();

    let document = app.get("/openapi.json").send().expect(200).json();
    let page = app.get("/docs/").send().expect(200);
    let setup = app.get("/docs/docs.js").send().expect(200).text;
    let script = app.get("/docs/swagger-ui-bundle.js").send().expect(200);
    let packed = app.get("/docs/swagger-ui-bundle.js").header("Accept-Encoding", "gzip").send().expect(200);

    assert_eq!(document["openapi"], "3.1.0");
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    assert!(setup.contains("/openapi.json") && !setup.contains("petstore"), "{setup}");
    assert!(script.text.contains("SwaggerUIBundle") && script.text.len() > 1_000_000);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(app.get("/docs/swagger-ui.css").send().expect(200).text.contains(".swagger-ui"));
    check(&app.get("/docs/swagger-ui.js").send(), 404, "not-found");
    assert_eq!(app.get("/docs").send().expect(303).header("location"), "/docs/");
}
