//! Users of a list: each line a user or one more role of one, all of them added or none.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::users::{ReadUser, insert_user, may_manage, read_user};
use super::{NewUser, RoleAt};
use crate::domain::people::Role;
use crate::domain::refusal::{Faults, Refusal};
use crate::service::{App, Caller, Error};
use crate::store::Db;

/// Users of one list; hashing their passwords takes some ten milliseconds each.
const USERS_MAX: usize = 200;
/// Faults that are told at once.
const FAULTS_MAX: usize = 50;

/// The columns, each by its names.
const COLUMNS: [(&str, &[&str]); 7] = [
    ("username", &["username", "code", "用户名"]),
    ("name", &["name", "姓名"]),
    ("email", &["email", "邮箱"]),
    ("role", &["role", "角色"]),
    ("node", &["node", "节点"]),
    ("unit", &["unit", "单位", "承办单位"]),
    ("password", &["password", "初始密码", "密码"]),
];

/// The roles by their Chinese names.
const ROLES: [(&str, Role); 8] = [
    ("信箱管理员", Role::Clerk),
    ("受理员", Role::Triager),
    ("承办人", Role::Handler),
    ("督办", Role::Supervisor),
    ("领导", Role::Leader),
    ("审计", Role::Auditor),
    ("系统管理员", Role::Admin),
    ("管理员", Role::Admin),
];

/// A user as the list tells it, with the line that it began in.
struct Told {
    line: u64,
    user: NewUser,
}

/// Adds every user of `list`, a CSV text whose first line names the columns; gives how many.
///
/// # Errors
/// `Forbidden` for whoever is no admin; `Invalid` with each wrong line, and then nobody is added.
pub async fn import_users(app: &App, caller: &Caller, list: &str) -> Result<usize, Error> {
    may_manage(caller)?;
    let (now, mut faults) = (app.clock.now(), Faults::default());
    let told = read(list, &mut faults);
    let mut users: Vec<(u64, ReadUser)> = Vec::with_capacity(told.len());
    for it in told {
        match read_user(it.user, now).await {
            Ok(user) => users.push((it.line, user)),
            Err(error) => blame(it.line, error, &mut faults)?,
        }
    }
    if !faults.0.is_empty() {
        faults.0.truncate(FAULTS_MAX);
        return Err(Refusal::Invalid(faults).into());
    }
    let (keys, caller) = (app.keys.clone(), caller.clone());
    app.store
        .write(move |db: &mut Db| {
            let mut faults = Faults::default();
            for (line, user) in &users {
                if let Err(error) = insert_user(db, &keys.seal, &caller, user, now) {
                    blame(*line, error, &mut faults)?;
                }
            }
            faults.0.truncate(FAULTS_MAX);
            // What was inserted goes with the refusal.
            Ok(faults.check(users.len())?)
        })
        .await
}

/// Puts what is wrong with a user under its line.
fn blame(line: u64, error: Error, faults: &mut Faults) -> Result<(), Error> {
    let field = format!("lines[{line}]");
    match error {
        Error::Refusal(Refusal::Invalid(found)) => {
            for it in found.0 {
                faults.add(format!("{field}.{}", it.field), at_line(line, &it.message));
            }
        }
        Error::Refusal(refusal @ Refusal::Exists(_)) => {
            faults.add(field, at_line(line, &refusal.to_string()));
        }
        other => return Err(other),
    }
    Ok(())
}

/// The message in both languages, each behind the line's number.
fn at_line(line: u64, message: &str) -> String {
    match message.split_once("。 ") {
        Some((zh, en)) => format!("第 {line} 行：{zh}。 Line {line}: {en}"),
        None => format!("第 {line} 行：{message} Line {line}: {message}"),
    }
}

/// The line a record stands on: the reader begins it right behind the one before, be it in front of line feeds.
fn line_of(list: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|it| list.as_bytes().get(it..));
    let ends = rest.unwrap_or_default().iter().take_while(|it| matches!(it, b'\r' | b'\n'));
    let n_feeds = ends.filter(|it| **it == b'\n').count();
    position.line() + u64::try_from(n_feeds).unwrap_or_default()
}

fn read(list: &str, faults: &mut Faults) -> Vec<Told> {
    let list = list.trim_start_matches('\u{feff}');
    let first = list.lines().next().unwrap_or_default();
    let delimiter = [',', '\t', ';'].into_iter().find(|it| first.contains(*it)).unwrap_or(',');
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(list.as_bytes());
    let Some(columns) = reader.headers().ok().and_then(|it| columns(it, faults)) else { return Vec::new() };
    let mut told: Vec<Told> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for record in reader.records() {
        let Ok(record) = record else {
            faults.add("csv", "这个文件不是 CSV，请核对。 This is no CSV; check it.");
            return Vec::new();
        };
        let line = record.position().map_or(0, |it| line_of(list, it));
        let part = |nth: usize| {
            columns[nth].and_then(|at| record.get(at)).filter(|it| !it.is_empty()).map(str::to_owned)
        };
        if record.iter().all(str::is_empty) {
            continue;
        }
        let Some(role) = role(line, &part, faults) else { continue };
        let username = part(0).unwrap_or_default();
        if let Some(nth) = known.get(&username.to_lowercase()) {
            told[*nth].user.roles.push(role);
            continue;
        }
        if told.len() == USERS_MAX {
            faults.add(
                "csv",
                format!("一次最多 {USERS_MAX} 个用户，请分几次导入。 At most {USERS_MAX} users at once; import them in parts."),
            );
            return Vec::new();
        }
        known.insert(username.to_lowercase(), told.len());
        let user = NewUser {
            username,
            name: part(1),
            email: part(2),
            password: part(6).unwrap_or_default(),
            roles: vec![role],
        };
        told.push(Told { line, user });
    }
    if told.is_empty() && faults.0.is_empty() {
        faults.add("csv", "里面没有用户。 There is no user in it.");
    }
    told
}

/// Where each column stands; None when one that is needed is missing.
fn columns(headers: &StringRecord, faults: &mut Faults) -> Option<[Option<usize>; 7]> {
    let place =
        |names: &[&str]| headers.iter().position(|it| names.iter().any(|name| it.to_lowercase() == *name));
    let columns = COLUMNS.map(|(_, names)| place(names));
    for (nth, (name, names)) in COLUMNS.iter().enumerate() {
        if columns[nth].is_none() && ["username", "role", "node", "password"].contains(name) {
            let zh = names.last().unwrap_or(name);
            faults.add("csv", format!("缺少“{zh}”这一列。 The column {name} is missing."));
        }
    }
    faults.0.is_empty().then_some(columns)
}

fn role(line: u64, part: &impl Fn(usize) -> Option<String>, faults: &mut Faults) -> Option<RoleAt> {
    let given = part(3).unwrap_or_default();
    let named = ROLES.iter().find(|it| it.0 == given).map(|it| it.1);
    let Some(role) = Role::parse(&given.to_lowercase()).or(named) else {
        let message = "没有这个角色。 There is no such role.";
        faults.add(format!("lines[{line}].role"), at_line(line, message));
        return None;
    };
    Some(RoleAt { role, node: part(4).unwrap_or_default().to_uppercase(), unit: part(5) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_columns_in_either_language_and_roles_line_by_line() {
        let list = "\u{feff}用户名,姓名,角色,节点,单位,初始密码\r\nwang,王丽,受理员,yd,,x\r\n\r\nli,\"李, 强\",handler,YD,WY,y\r\nWANG,,clerk,YD,,\r\n";
        let mut faults = Faults::default();

        let told = read(list, &mut faults);

        assert_eq!(faults.0, []);
        let users: Vec<(u64, &str, usize)> =
            told.iter().map(|it| (it.line, it.user.username.as_str(), it.user.roles.len())).collect();
        assert_eq!(users, [(2, "wang", 2), (4, "li", 1)]);
        assert_eq!(told[1].user.name.as_deref(), Some("李, 强"));
        assert_eq!(told[1].user.roles[0].unit.as_deref(), Some("WY"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (list, said) in [
            ("", "username"),
            ("username;role;node\nx;clerk;YD", "password"),
            ("username\trole\tnode\tpassword\nx\tking\tYD\ty", "第 2 行"),
            ("username,role,node,password\n", "没有用户"),
        ] {
            let mut faults = Faults::default();
            read(list, &mut faults);
            assert!(faults.0.iter().any(|it| it.message.contains(said)), "{list}: {faults:?}");
        }
    }
}
