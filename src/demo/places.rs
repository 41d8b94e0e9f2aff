//! The sample's tree, units, boxes and people, set up as an admin would.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::domain::people::{Actor, Role};
use crate::domain::setup::SetupKind;
use crate::service::accounts::{self, NewUser, RoleAt};
use crate::service::{App, Caller, Error, setup};

/// Code, name, kind, parent.
const NODES: &[(&str, &str, &str, Option<&str>)] = &[
    ("QY", "清源区", "district", None),
    ("JH", "锦河街道", "street", Some("QY")),
    ("YD", "悦东社区", "community", Some("JH")),
    ("TX", "桐溪社区", "community", Some("JH")),
    ("YD-G1", "第一网格", "grid", Some("YD")),
    ("YD-G2", "第二网格", "grid", Some("YD")),
    ("YD-G3", "第三网格", "grid", Some("YD")),
    ("YD-B1", "1号楼", "building", Some("YD-G1")),
    ("YD-B2", "2号楼", "building", Some("YD-G1")),
    ("YD-B5", "5号楼", "building", Some("YD-G2")),
    ("YD-B9", "9号楼", "building", Some("YD-G3")),
    ("YD-P1", "知音亭", "place", Some("YD-G1")),
    ("YD-P2", "望溪长廊", "place", Some("YD-G2")),
    ("YD-P3", "便民服务大厅", "place", Some("YD")),
];

/// Code, name, kind, node.
const UNITS: &[(&str, &str, &str, &str)] = &[
    ("GZZ", "社区工作站", "community_staff", "YD"),
    ("WY", "悦安物业公司", "property", "YD"),
    ("WG", "网格员队伍", "grid", "YD"),
    ("ZYZ", "志愿者服务队", "volunteers", "YD"),
    ("GJ", "共建单位（充电运营方）", "partner", "YD"),
    ("SZS", "街道市政所", "other", "JH"),
    ("JDJC", "街道督查室", "other", "JH"),
    ("TXWY", "桐溪物业公司", "property", "TX"),
];

/// Code, name, where it hangs, who holds the key, on which weekdays it is opened.
pub(super) const MAILBOXES: &[(&str, &str, &str, &str, &[&str])] = &[
    ("XX01", "知音亭红色信箱", "知音亭东侧立柱", "信箱管理员 苏琳", &["mon", "thu"]),
    ("XX02", "望溪长廊红色信箱", "望溪长廊入口", "信箱管理员 苏琳", &["tue", "fri"]),
    ("XX03", "服务大厅红色信箱", "便民服务大厅门口", "社区工作站 罗岚", &["wed"]),
];

/// Someone of the staff.
pub(super) struct Person {
    pub(super) username: &'static str,
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) node: &'static str,
    pub(super) unit: Option<&'static str>,
    /// What they do, in the table of logins.
    pub(super) duty: &'static str,
}

const fn person(
    username: &'static str,
    name: &'static str,
    role: Role,
    node: &'static str,
    unit: Option<&'static str>,
    duty: &'static str,
) -> Person {
    Person { username, name, role, node, unit, duty }
}

/// Everybody who may sign in.
pub(super) const PEOPLE: &[Person] = &[
    person("clerk", "苏琳", Role::Clerk, "YD", None, "信箱管理员 clerk"),
    person("triager", "罗岚", Role::Triager, "YD", None, "受理员 triager"),
    person("wuye", "冯师傅", Role::Handler, "YD", Some("WY"), "承办人（物业公司） handler"),
    person("wangge", "吴海", Role::Handler, "YD", Some("WG"), "承办人（网格员） handler"),
    person("gongzuozhan", "方敏", Role::Handler, "YD", Some("GZZ"), "承办人（社区工作站） handler"),
    person("zhiyuan", "沈阿姨", Role::Handler, "YD", Some("ZYZ"), "承办人（志愿者） handler"),
    person("gongjian", "高经理", Role::Handler, "YD", Some("GJ"), "承办人（共建单位） handler"),
    person("supervisor", "叶书记", Role::Supervisor, "YD", None, "督导（社区书记） supervisor"),
    person("leader", "江主任", Role::Leader, "JH", None, "领导（街道） leader"),
    person("auditor", "陆审计", Role::Auditor, "YD", None, "审计 auditor"),
    person("admin", "管理员", Role::Admin, "QY", None, "管理员（全区） admin"),
    person("jd_triager", "街道受理员", Role::Triager, "JH", None, "街道受理员 triager"),
    person("jd_shizheng", "市政所", Role::Handler, "JH", Some("SZS"), "承办人（街道市政所） handler"),
    person("jd_ducha", "督查室", Role::Handler, "JH", Some("JDJC"), "承办人（街道督查室） handler"),
    person("jd_supervisor", "街道督导", Role::Supervisor, "JH", None, "督导（街道） supervisor"),
    person("tx_triager", "桐溪受理员", Role::Triager, "TX", None, "另一社区的受理员 triager"),
    person("tx_wuye", "桐溪物业", Role::Handler, "TX", Some("TXWY"), "另一社区的承办人 handler"),
];

/// Who acts in the story, by username; and the kiosk.
pub(super) struct Cast {
    people: HashMap<&'static str, Actor>,
    pub(super) kiosk: Actor,
}

impl Cast {
    /// The person called `username`, at a desk of the office.
    pub(super) fn caller(&self, username: &str) -> Result<Caller, Error> {
        let actor = self.people.get(username).cloned();
        let actor = actor.ok_or_else(|| Error::internal(format!("the sample has no {username}")))?;
        Ok(Caller { actor, place: Some("127.0.0.1".to_owned()) })
    }
}

/// Sets everything up; everybody's password is `password`.
///
/// # Errors
/// Those of the set-up's verbs.
pub(super) async fn settle(app: &App, password: &str) -> Result<Cast, Error> {
    let caller = Caller { actor: Actor::System, place: None };
    for (code, name, kind, parent) in NODES {
        let fields = object(json!({"code": code, "name": name, "kind": kind, "parent": parent}));
        setup::add_node(app, &caller, fields).await?;
    }
    for (code, name, kind, node) in UNITS {
        let fields = object(json!({"code": code, "name": name, "kind": kind, "node": node}));
        setup::add_entry(app, &caller, SetupKind::Unit, fields).await?;
    }
    for (code, name, place, key_holder, weekdays) in MAILBOXES {
        let schedule = json!({"weekdays": weekdays, "time": "16:30"});
        let fields = object(json!({"code": code, "name": name, "node": "YD", "place": place,
            "key_holder": key_holder, "schedule": schedule}));
        setup::add_entry(app, &caller, SetupKind::Mailbox, fields).await?;
    }
    let fields =
        object(json!({"code": "K01", "name": "大厅自助终端", "node": "YD", "place": "便民服务大厅"}));
    let (_, token) = setup::add_kiosk(app, &caller, fields).await?;
    let kiosk = setup::authenticate_device(app, &token).await?;
    let mut people = HashMap::new();
    for it in PEOPLE {
        let role = RoleAt { role: it.role, node: it.node.to_owned(), unit: it.unit.map(str::to_owned) };
        let new = NewUser {
            username: it.username.to_owned(),
            name: Some(it.name.to_owned()),
            email: None,
            password: password.to_owned(),
            roles: vec![role],
        };
        let account = accounts::add_user(app, &caller, new).await?;
        people.insert(it.username, Actor::Staff(account.staff()));
    }
    add_roster(app, &caller).await?;
    Ok(Cast { people, kiosk })
}

/// Somebody answers at every hour: by day the triager, nights and weekends the property's man and the grid worker.
async fn add_roster(app: &App, caller: &Caller) -> Result<(), Error> {
    let workdays = ["mon", "tue", "wed", "thu", "fri"];
    let fields = object(json!({"code": "ZB", "name": "社区值班表", "node": "YD", "shifts": [
        {"weekdays": workdays, "from": "08:30", "to": "17:30", "usernames": ["triager"]},
        {"weekdays": workdays, "from": "17:30", "to": "08:30", "usernames": ["wuye"]},
        {"weekdays": ["sat", "sun"], "from": "08:30", "to": "08:30", "usernames": ["wuye", "wangge"]},
    ]}));
    setup::add_entry(app, caller, SetupKind::Roster, fields).await?;
    Ok(())
}

fn object(mut fields: Value) -> Map<String, Value> {
    match fields.as_object_mut() {
        Some(fields) => {
            let fields = std::mem::take(fields);
            fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
        }
        None => Map::new(),
    }
}

/// Whoever handles for a unit.
pub(super) fn handler_of(unit: &str) -> &'static str {
    PEOPLE.iter().find(|it| it.unit == Some(unit)).map_or("wuye", |it| it.username)
}
