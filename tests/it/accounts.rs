//! Signing in, sessions and users, as people and programs meet them through the service.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use red_mailbox::clock::Clock;
use red_mailbox::config::Settings;
use red_mailbox::domain::people::{Actor, Permission, Role};
use red_mailbox::domain::refusal::Refusal;
use red_mailbox::domain::value::At;
use red_mailbox::keys::Keys;
use red_mailbox::service::accounts::{self, NewUser, Opened, RoleAt, SignIn, SignedIn, UserChange};
use red_mailbox::service::{App, Caller, Error};
use red_mailbox::store::{Db, StoreError};

use crate::harness::{TestStore, both_engines};

const PASSWORD: &str = "letters every day at five";
const TREE: &str = "
    INSERT INTO node (id, code, name, kind, parent_id, path, time_zone, version) VALUES
        (1, 'FQ', 'Street', 'street', NULL, '/1/', 'Asia/Shanghai', 1),
        (2, 'YD', 'Yard', 'community', 1, '/1/2/', 'Asia/Shanghai', 1),
        (3, 'GT', 'Gate', 'community', 1, '/1/3/', 'Asia/Shanghai', 1);
    INSERT INTO setup_entry (id, kind, node_id, code, name, details, version) VALUES
        (1, 'unit', 2, 'WY', 'Property', '{}', 1), (2, 'unit', 3, 'SQ', 'Office', '{}', 1),
        (3, 'unit', 1, 'JD', 'Street office', '{}', 1);
";

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// A street with two communities, and one admin over it all, `root`.
async fn street(store: &TestStore) -> App {
    let folder = std::env::temp_dir();
    let app = App {
        store: store.store.clone(),
        clock: Clock::fixed(At::from_micros(1_790_000_000_000_000)),
        keys: Arc::new(Keys::derive(&[7; 32])),
        settings: Arc::new(Settings::in_folder(&folder, &[]).unwrap()),
    };
    let made = app.store.write(|db| -> Result<(), StoreError> {
        Ok(match db {
            Db::Lite(conn) => conn.batch_execute(TREE),
            Db::Pg(conn) => conn.batch_execute(TREE),
        }?)
    });
    made.await.unwrap();
    add(&app, &system(), "root", &[(Role::Admin, "FQ", None)]).await.unwrap();
    app
}

fn system() -> Caller {
    Caller { actor: Actor::System, place: None }
}

fn roles(roles: &[(Role, &str, Option<&str>)]) -> Vec<RoleAt> {
    let role = |it: &(Role, &str, Option<&str>)| RoleAt {
        role: it.0,
        node: it.1.to_owned(),
        unit: it.2.map(str::to_owned),
    };
    roles.iter().map(role).collect()
}

async fn add(
    app: &App,
    caller: &Caller,
    username: &str,
    held: &[(Role, &str, Option<&str>)],
) -> Result<i64, Error> {
    let new = NewUser {
        username: username.to_owned(),
        name: None,
        email: Some(format!("{username}@example.org")),
        password: PASSWORD.to_owned(),
        roles: roles(held),
    };
    accounts::add_user(app, caller, new).await.map(|it| it.version)
}

async fn sign_in(app: &App, username: &str, password: &str, totp: Option<&str>) -> Result<Opened, Error> {
    let given = SignIn {
        username: username.to_owned(),
        password: password.to_owned(),
        totp: totp.map(str::to_owned),
    };
    accounts::sign_in(app, Some("192.0.2.7"), given).await
}

async fn signed_in(app: &App, username: &str) -> (Caller, SignedIn, Opened) {
    let opened = sign_in(app, username, PASSWORD, None).await.unwrap();
    let signed_in = accounts::authenticate(app, &opened.access_token).await.unwrap();
    let caller = Caller { actor: Actor::Staff(signed_in.staff.clone()), place: Some("192.0.2.7".to_owned()) };
    (caller, signed_in, opened)
}

#[track_caller]
fn refusal<T>(outcome: Result<T, Error>) -> Refusal {
    match outcome {
        Err(Error::Refusal(refusal)) => refusal,
        Err(other) => panic!("not a refusal: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[track_caller]
fn slug_of_rule<T>(outcome: Result<T, Error>) -> &'static str {
    match refusal(outcome) {
        Refusal::Rule { slug, .. } => slug,
        other => panic!("not a rule: {other}"),
    }
}

#[track_caller]
fn field_at_fault<T>(outcome: Result<T, Error>) -> String {
    match refusal(outcome) {
        Refusal::Invalid(faults) => faults.0[0].field.clone(),
        other => panic!("no field at fault: {other}"),
    }
}

/// The code the phone would show.
pub(crate) fn code_at(secret: &str, at: At) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(at.micros() / 1_000_000).unwrap()).to_string()
}

async fn set_up_events(app: &App) -> Vec<String> {
    let sql = "SELECT type || ' ' || data AS line FROM event WHERE stream = 'setup' ORDER BY seq";
    let lines = app.store.read(move |db| -> Result<Vec<Line>, StoreError> {
        Ok(match db {
            Db::Lite(conn) => diesel::sql_query(sql).load(conn),
            Db::Pg(conn) => diesel::sql_query(sql).load(conn),
        }?)
    });
    lines.await.unwrap().into_iter().map(|it| it.line).collect()
}

both_engines! {
    async fn a_race_of_wrong_passwords_gets_five_hashes_checked_at_most(store: TestStore) {
        let app = street(&store).await;

        for username in ["root", "nobody"] {
            let tries: Vec<_> = (0..200)
                .map(|_| {
                    let app = app.clone();
                    tokio::spawn(async move { sign_in(&app, username, "wrong password", None).await.map(|_| ()) })
                })
                .collect();
            let mut n_checked = 0;
            for one in tries {
                match refusal(one.await.unwrap()) {
                    Refusal::WrongCredentials => n_checked += 1,
                    Refusal::Locked { retry_after_s, .. } => assert!((1..=901).contains(&retry_after_s)),
                    other => panic!("{other}"),
                }
            }
            assert_eq!(n_checked, 5, "{username}");
        }

        assert!(matches!(refusal(sign_in(&app, "root", PASSWORD, None).await), Refusal::Locked { .. }));
        app.clock.advance(TimeDelta::minutes(15));
        assert!(sign_in(&app, "root", PASSWORD, None).await.is_ok());
    }

    async fn a_success_clears_the_failed_tries(store: TestStore) {
        let app = street(&store).await;

        for _ in 0..3 {
            for _ in 0..4 {
                assert_eq!(refusal(sign_in(&app, "ROOT ", "wrong password", None).await), Refusal::WrongCredentials);
            }
            sign_in(&app, "root", PASSWORD, None).await.unwrap();
        }
    }

    async fn unknown_wrong_and_disabled_get_one_answer(store: TestStore) {
        let app = street(&store).await;
        add(&app, &system(), "gone", &[(Role::Clerk, "YD", None)]).await.unwrap();
        accounts::disable_user(&app, &system(), "gone").await.unwrap();

        for (username, password) in [("nobody", PASSWORD), ("root", "wrong password"), ("gone", PASSWORD), ("用户", PASSWORD)] {
            assert_eq!(refusal(sign_in(&app, username, password, None).await), Refusal::WrongCredentials, "{username}");
        }
    }

    async fn a_refresh_token_used_twice_ends_the_session(store: TestStore) {
        let app = street(&store).await;
        let (_, _, opened) = signed_in(&app, "root").await;
        let (first, max_age_s) = opened.refresh.unwrap();
        assert_eq!(max_age_s, 14 * 24 * 3600);

        app.clock.advance(TimeDelta::minutes(20));
        assert_eq!(refusal(accounts::authenticate(&app, &opened.access_token).await), Refusal::Unauthenticated);
        let second = accounts::refresh(&app, &first).await.unwrap();
        accounts::authenticate(&app, &second.access_token).await.unwrap();

        assert_eq!(refusal(accounts::refresh(&app, &first).await), Refusal::Unauthenticated);
        assert_eq!(refusal(accounts::authenticate(&app, &second.access_token).await), Refusal::Unauthenticated);
        assert_eq!(refusal(accounts::refresh(&app, &second.refresh.unwrap().0).await), Refusal::Unauthenticated);
    }

    async fn a_refresh_token_raced_gives_one_session_at_most(store: TestStore) {
        let app = street(&store).await;
        let (_, _, opened) = signed_in(&app, "root").await;
        let token = opened.refresh.unwrap().0;

        let racers: Vec<_> = (0..16)
            .map(|_| {
                let (app, token) = (app.clone(), token.clone());
                tokio::spawn(async move { accounts::refresh(&app, &token).await.is_ok() })
            })
            .collect();
        let mut n_good = 0;
        for racer in racers {
            n_good += usize::from(racer.await.unwrap());
        }

        assert_eq!(n_good, 1);
    }

    async fn a_session_ends_idle_and_old(store: TestStore) {
        let app = street(&store).await;
        let (_, _, opened) = signed_in(&app, "root").await;
        let mut token = opened.refresh.unwrap().0;

        for _ in 0..5 {
            app.clock.advance(TimeDelta::days(11));
            token = accounts::refresh(&app, &token).await.unwrap().refresh.unwrap().0;
        }

        app.clock.advance(TimeDelta::days(6));
        assert_eq!(refusal(accounts::refresh(&app, &token).await), Refusal::Unauthenticated);
        assert!(accounts::tidy(&app).await.is_ok());
    }

    async fn a_disabled_users_tokens_die_at_once(store: TestStore) {
        let app = street(&store).await;
        add(&app, &system(), "clerk", &[(Role::Clerk, "YD", None)]).await.unwrap();
        let (_, _, opened) = signed_in(&app, "clerk").await;

        accounts::disable_user(&app, &system(), "clerk").await.unwrap();

        assert_eq!(refusal(accounts::authenticate(&app, &opened.access_token).await), Refusal::Unauthenticated);
        assert_eq!(refusal(accounts::refresh(&app, &opened.refresh.unwrap().0).await), Refusal::Unauthenticated);
    }

    async fn a_new_password_ends_every_other_session(store: TestStore) {
        let app = street(&store).await;
        let (_, _, other) = signed_in(&app, "root").await;
        let (caller, mine, opened) = signed_in(&app, "root").await;
        let change = |current, new| accounts::change_password(&app, &caller, &mine, current, new);

        assert_eq!(field_at_fault(change("wrong password", "a better one here").await), "current");
        assert_eq!(field_at_fault(change(PASSWORD, "password123").await), "new");
        let changed = change(PASSWORD, "a better one here").await.unwrap();

        accounts::authenticate(&app, &changed.access_token).await.unwrap();
        accounts::refresh(&app, &opened.refresh.unwrap().0).await.unwrap();
        assert!(accounts::authenticate(&app, &opened.access_token).await.is_err());
        assert!(accounts::authenticate(&app, &other.access_token).await.is_err());
        assert!(accounts::refresh(&app, &other.refresh.unwrap().0).await.is_err());
        assert!(sign_in(&app, "root", PASSWORD, None).await.is_err());
        assert!(sign_in(&app, "root", "a better one here", None).await.is_ok());
    }

    async fn sessions_are_listed_and_ended_by_their_owner_only(store: TestStore) {
        let app = street(&store).await;
        add(&app, &system(), "clerk", &[(Role::Clerk, "YD", None)]).await.unwrap();
        let (_, other, _) = signed_in(&app, "clerk").await;
        let (_, first, opened) = signed_in(&app, "root").await;
        let (_, second, _) = signed_in(&app, "root").await;

        let listed = accounts::list_sessions(&app, &second).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed.iter().filter(|it| it.is_current).map(|it| &it.id).collect::<Vec<_>>(), [&second.session_id]);

        assert!(matches!(refusal(accounts::end_session(&app, &second, &other.session_id).await), Refusal::NotFound(_)));
        accounts::end_session(&app, &second, &first.session_id).await.unwrap();
        assert!(accounts::authenticate(&app, &opened.access_token).await.is_err());
        let (_, third, _) = signed_in(&app, "root").await;
        accounts::end_other_sessions(&app, &third).await.unwrap();
        assert_eq!(accounts::list_sessions(&app, &third).await.unwrap().len(), 1);
        accounts::log_out(&app, &third).await.unwrap();
        assert_eq!(accounts::list_sessions(&app, &other).await.unwrap().len(), 1);
    }

    async fn a_one_time_code_is_asked_for_and_good_once(store: TestStore) {
        let app = street(&store).await;
        let (caller, mine, _) = signed_in(&app, "root").await;
        assert_eq!(field_at_fault(accounts::enrol_totp(&app, &mine, "wrong password").await), "password");
        let enrolment = accounts::enrol_totp(&app, &mine, PASSWORD).await.unwrap();
        assert!(enrolment.otpauth_url.contains(&enrolment.secret));
        sign_in(&app, "root", PASSWORD, None).await.unwrap();
        let code_now = || code_at(&enrolment.secret, app.clock.now());

        assert_eq!(field_at_fault(accounts::confirm_totp(&app, &caller, &mine, "000000").await), "code");
        accounts::confirm_totp(&app, &caller, &mine, &code_now()).await.unwrap();

        assert_eq!(refusal(sign_in(&app, "root", PASSWORD, None).await), Refusal::WrongCredentials);
        assert_eq!(refusal(sign_in(&app, "root", PASSWORD, Some(&code_now())).await), Refusal::WrongCredentials);
        app.clock.advance(TimeDelta::seconds(30));
        let once = code_now();
        sign_in(&app, "root", PASSWORD, Some(&once)).await.unwrap();
        assert_eq!(refusal(sign_in(&app, "root", PASSWORD, Some(&once)).await), Refusal::WrongCredentials);
        assert_eq!(slug_of_rule(accounts::enrol_totp(&app, &mine, PASSWORD).await), "totp-on");
        app.clock.advance(TimeDelta::seconds(30));
        accounts::remove_totp(&app, &caller, &mine, PASSWORD, Some(&code_now())).await.unwrap();
        sign_in(&app, "root", PASSWORD, None).await.unwrap();
    }

    async fn an_admin_keeps_users_of_the_own_nodes_only(store: TestStore) {
        let app = street(&store).await;
        let street_wide = system();
        add(&app, &street_wide, "yd-admin", &[(Role::Admin, "YD", None)]).await.unwrap();
        add(&app, &street_wide, "gt-clerk", &[(Role::Clerk, "GT", None)]).await.unwrap();
        add(&app, &street_wide, "both", &[(Role::Clerk, "YD", None), (Role::Triager, "GT", None)]).await.unwrap();
        let (yd, _, _) = signed_in(&app, "yd-admin").await;
        let (clerk, _, _) = signed_in(&app, "gt-clerk").await;
        let name = || UserChange { name: Some("New".to_owned()), ..UserChange::default() };

        add(&app, &yd, "yd-handler", &[(Role::Handler, "YD", Some("WY"))]).await.unwrap();
        assert_eq!(field_at_fault(add(&app, &yd, "spy", &[(Role::Clerk, "GT", None)]).await), "roles[0].node");
        assert_eq!(field_at_fault(add(&app, &yd, "spy", &[(Role::Admin, "FQ", None)]).await), "roles[0].node");
        let above = [(Role::Handler, "YD", Some("JD"))];
        assert_eq!(field_at_fault(add(&app, &yd, "spy", &above).await), "roles[0].unit");
        assert!(matches!(refusal(add(&app, &yd, "Root", &[(Role::Clerk, "YD", None)]).await), Refusal::Exists(_)));
        let found = accounts::list_users(&app, &yd, "", 200).await.unwrap();
        let names: Vec<&str> = found.iter().map(|it| it.username.as_str()).collect();
        assert_eq!(names, ["both", "yd-admin", "yd-handler"]);
        assert_eq!(found[0].held.len(), 1, "the role elsewhere is not shown");

        for unseen in ["root", "gt-clerk", "nobody"] {
            assert!(matches!(refusal(accounts::find_user(&app, &yd, unseen).await), Refusal::NotFound(_)));
            assert!(matches!(refusal(accounts::change_user(&app, &yd, unseen, Some(1), name()).await), Refusal::NotFound(_)));
            assert!(matches!(refusal(accounts::disable_user(&app, &yd, unseen).await), Refusal::NotFound(_)));
        }
        let forbidden = Refusal::Forbidden(Permission::WriteSetup);
        assert_eq!(refusal(accounts::change_user(&app, &yd, "both", Some(1), name()).await), forbidden);
        for outcome in [
            accounts::list_users(&app, &clerk, "", 200).await.map(|_| ()),
            accounts::find_user(&app, &clerk, "gt-clerk").await.map(|_| ()),
            add(&app, &clerk, "friend", &[(Role::Clerk, "GT", None)]).await.map(|_| ()),
        ] {
            assert_eq!(refusal(outcome), forbidden);
        }
    }

    async fn a_handlers_unit_belongs_to_the_node_or_to_one_above_or_below(store: TestStore) {
        let app = street(&store).await;
        let handler = |username, node, unit| {
            let app = app.clone();
            async move { add(&app, &system(), username, &[(Role::Handler, node, unit)]).await }
        };

        handler("own", "YD", Some("WY")).await.unwrap();
        handler("above", "YD", Some("JD")).await.unwrap();
        handler("below", "FQ", Some("WY")).await.unwrap();
        assert_eq!(field_at_fault(handler("beside", "YD", Some("SQ")).await), "roles[0].unit");
        assert_eq!(field_at_fault(handler("without", "YD", None).await), "roles[0].unit");
    }

    async fn changed_roles_end_sessions_and_a_changed_name_does_not(store: TestStore) {
        let app = street(&store).await;
        let version = add(&app, &system(), "clerk", &[(Role::Clerk, "YD", None)]).await.unwrap();
        let (_, _, opened) = signed_in(&app, "clerk").await;
        let (root, _, _) = signed_in(&app, "root").await;

        let name = UserChange { name: Some("王丽".to_owned()), email: Some(String::new()), ..UserChange::default() };
        let named = accounts::change_user(&app, &root, "clerk", Some(version), name.clone()).await.unwrap();
        assert_eq!((named.name.as_str(), named.email, named.version), ("王丽", None, version + 1));
        accounts::authenticate(&app, &opened.access_token).await.unwrap();
        let stale = accounts::change_user(&app, &root, "clerk", Some(version), name).await;
        assert_eq!(refusal(stale), Refusal::Stale { version: version + 1 });

        let change = UserChange { roles: Some(roles(&[(Role::Triager, "GT", None)])), ..UserChange::default() };
        accounts::change_user(&app, &root, "clerk", Some(named.version), change).await.unwrap();
        assert!(accounts::authenticate(&app, &opened.access_token).await.is_err());
        let (_, now, _) = signed_in(&app, "clerk").await;
        assert_eq!(now.staff.grants.iter().map(|it| it.role).collect::<Vec<_>>(), [Role::Triager]);
    }

    async fn the_last_admin_stays(store: TestStore) {
        let app = street(&store).await;
        let demote = || UserChange { roles: Some(roles(&[(Role::Clerk, "FQ", None)])), ..UserChange::default() };

        assert_eq!(slug_of_rule(accounts::disable_user(&app, &system(), "root").await), "last-admin");
        assert_eq!(slug_of_rule(accounts::change_user(&app, &system(), "root", None, demote()).await), "last-admin");

        add(&app, &system(), "second", &[(Role::Admin, "YD", None)]).await.unwrap();
        let racers = ["root", "second"].map(|username| {
            let app = app.clone();
            tokio::spawn(async move { accounts::disable_user(&app, &system(), username).await.is_ok() })
        });
        let mut outcomes = Vec::new();
        for racer in racers {
            outcomes.push(racer.await.unwrap());
        }
        outcomes.sort_unstable();
        assert_eq!(outcomes, [false, true]);
    }

    async fn the_trail_names_every_change_and_no_secret(store: TestStore) {
        let app = street(&store).await;
        add(&app, &system(), "clerk", &[(Role::Clerk, "YD", None)]).await.unwrap();
        let server = system();
        let change = |change| accounts::change_user(&app, &server, "clerk", None, change);
        change(UserChange { name: Some("New".to_owned()), ..UserChange::default() }).await.unwrap();
        change(UserChange { password: Some("another long one".to_owned()), ..UserChange::default() }).await.unwrap();
        change(UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
        change(UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
        change(UserChange { active: Some(true), ..UserChange::default() }).await.unwrap();

        let events = set_up_events(&app).await;

        let kinds: Vec<&str> = events.iter().map(|it| it.split(' ').next().unwrap()).collect();
        assert_eq!(kinds, [
            "setup.user_added", "setup.user_added", "setup.user_changed", "setup.password_changed",
            "setup.user_disabled", "setup.user_changed",
        ]);
        for secret in ["argon2", "another long", PASSWORD, "example.org"] {
            assert!(events.iter().all(|it| !it.contains(secret)), "{secret}");
        }
    }
}

#[test]
fn session_ids_do_not_repeat() {
    let ids: HashSet<String> = (0..1000).map(|_| red_mailbox::service::tokens::new_session_id()).collect();
    assert_eq!(ids.len(), 1000);
}
