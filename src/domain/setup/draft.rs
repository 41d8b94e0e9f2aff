//! What is asked for when a node or an entry is added or changed, read from a JSON object with every fault at once.

use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{Details, Entry, NodeKind, SetupKind, check_code, parse_name};
use crate::domain::refusal::{Faults, Refusal};

type Fields = Map<String, Value>;

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub code: String,
    pub name: String,
    /// Code of the node it shall hold at.
    pub node: Option<String>,
    /// Categories only: code of the one above.
    pub parent: Option<String>,
    pub details: Details,
}

/// What shall change of an entry; None leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryChange {
    pub name: Option<String>,
    pub parent: ParentChange,
    /// False retires, true brings back.
    pub active: Option<bool>,
    pub details: Details,
}

/// Where a category shall move to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentChange {
    /// It stays where it is.
    Keep,
    /// To the top of the tree.
    Top,
    /// Under the category with this code.
    Under(String),
}

/// A node to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    pub code: String,
    pub name: String,
    pub kind: NodeKind,
    /// Code of the node above; None for a top node.
    pub parent: Option<String>,
    /// None takes the parent's, or Asia/Shanghai at the top.
    pub time_zone: Option<Tz>,
}

/// What shall change of a node; None leaves it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChange {
    pub name: Option<String>,
    /// Code of the node above it shall move to.
    pub parent: Option<String>,
    pub time_zone: Option<Tz>,
    pub active: Option<bool>,
}

impl NewEntry {
    /// Reads an entry of `kind`: `code`, `name`, `node`, `parent` (categories) and the kind's own fields.
    ///
    /// # Errors
    /// `Refusal::Invalid` with the faults found.
    pub fn parse(kind: SetupKind, fields: Fields) -> Result<Self, Refusal> {
        let mut reader = Reader::new(fields);
        let code = reader.required("code", |it| check_code(it).map(|()| it.to_owned()));
        let name = reader.required("name", parse_name);
        let node = reader.text("node");
        let parent = match reader.parent(kind) {
            ParentChange::Keep | ParentChange::Top => None,
            ParentChange::Under(code) => Some(code),
        };
        let details = reader.details(kind, None);
        let Reader { faults, .. } = reader;
        match (code, name, details) {
            (Some(code), Some(name), Some(details)) => {
                faults.check(Self { code, name, node, parent, details })
            }
            _ => Err(Refusal::Invalid(faults)),
        }
    }
}

impl EntryChange {
    /// Reads a change of `entry`, which hangs at the node with the code `node`. `code` and `node` may be
    /// given as they are, but never change; of the kind's own fields those given replace, null removes.
    ///
    /// # Errors
    /// `Refusal::Invalid` with the faults found.
    pub fn parse(entry: &Entry, node: Option<&str>, fields: Fields) -> Result<Self, Refusal> {
        let mut reader = Reader::new(fields);
        reader.unchanged("code", Some(&entry.code));
        reader.unchanged("node", node);
        let name = reader.optional("name", parse_name);
        let parent = reader.parent(entry.kind);
        let active = reader.flag("active");
        let details = reader.details(entry.kind, Some(&entry.details));
        let Reader { faults, .. } = reader;
        match details {
            Some(details) => faults.check(Self { name, parent, active, details }),
            None => Err(Refusal::Invalid(faults)),
        }
    }
}

impl NewNode {
    /// Reads a node: `code`, `name`, `kind`, `parent`, `time_zone`.
    ///
    /// # Errors
    /// `Refusal::Invalid` with the faults found.
    pub fn parse(fields: Fields) -> Result<Self, Refusal> {
        let mut reader = Reader::new(fields);
        let kind = reader.required("kind", |it| {
            NodeKind::parse(it).ok_or("须为 district street community grid building place 之一。 It is one of district, street, community, grid, building, place.")
        });
        let code = reader.required("code", |it| match kind {
            Some(kind) => kind.check_code(it).map(|()| it.to_owned()),
            None => Ok(it.to_owned()),
        });
        let name = reader.required("name", parse_name);
        let parent = reader.text("parent");
        let time_zone = reader.optional("time_zone", parse_zone);
        let faults = reader.finish();
        match (code, name, kind) {
            (Some(code), Some(name), Some(kind)) => {
                faults.check(Self { code, name, kind, parent, time_zone })
            }
            _ => Err(Refusal::Invalid(faults)),
        }
    }
}

impl NodeChange {
    /// Reads a change of the node with `code` and `kind`, which never change.
    ///
    /// # Errors
    /// `Refusal::Invalid` with the faults found.
    pub fn parse(code: &str, kind: NodeKind, fields: Fields) -> Result<Self, Refusal> {
        let mut reader = Reader::new(fields);
        reader.unchanged("code", Some(code));
        reader.unchanged("kind", Some(kind.as_str()));
        let name = reader.optional("name", parse_name);
        let parent = reader.text("parent");
        let time_zone = reader.optional("time_zone", parse_zone);
        let active = reader.flag("active");
        reader.finish().check(Self { name, parent, time_zone, active })
    }
}

fn parse_zone(name: &str) -> Result<Tz, &'static str> {
    name.parse().map_err(
        |_| "没有这个时区，请写成 Asia/Shanghai 这样。 No such time zone; write it like Asia/Shanghai.",
    )
}

/// Takes fields out of a JSON object and collects what is wrong with them.
struct Reader {
    fields: Fields,
    faults: Faults,
}

impl Reader {
    fn new(fields: Fields) -> Self {
        Self { fields, faults: Faults::default() }
    }

    /// A text, or None when it is missing or null.
    fn text(&mut self, field: &str) -> Option<String> {
        let value = self.fields.remove(field).filter(|it| !it.is_null())?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.faults.add(field, "须为文字。 It must be a text.");
        }
        text
    }

    fn optional<T>(&mut self, field: &str, parse: impl FnOnce(&str) -> Result<T, &'static str>) -> Option<T> {
        let text = self.text(field)?;
        parse(&text).map_err(|message| self.faults.add(field, message)).ok()
    }

    fn required<T>(&mut self, field: &str, parse: impl FnOnce(&str) -> Result<T, &'static str>) -> Option<T> {
        if self.fields.get(field).is_none_or(Value::is_null) {
            self.fields.remove(field);
            self.faults.add(field, "必须填写。 It is required.");
            return None;
        }
        self.optional(field, parse)
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        let flag = self.fields.remove(field)?.as_bool();
        if flag.is_none() {
            self.faults.add(field, "须为 true 或 false。 It must be true or false.");
        }
        flag
    }

    fn parent(&mut self, kind: SetupKind) -> ParentChange {
        if kind != SetupKind::Category || !self.fields.contains_key("parent") {
            return ParentChange::Keep;
        }
        match self.fields.get("parent") {
            Some(Value::Null) => {
                self.fields.remove("parent");
                ParentChange::Top
            }
            _ => self.text("parent").map_or(ParentChange::Keep, ParentChange::Under),
        }
    }

    /// A fault when `field` is given and differs from what is there.
    fn unchanged(&mut self, field: &str, present: Option<&str>) {
        if let Some(given) = self.fields.remove(field)
            && given.as_str() != present
        {
            self.faults.add(field, "这一项不能改；请另外新建。 It never changes; add another one instead.");
        }
    }

    /// The kind's own fields: all that are left, laid over those that are there.
    fn details(&mut self, kind: SetupKind, present: Option<&Details>) -> Option<Details> {
        let mut fields = present.map(Details::to_fields).unwrap_or_default();
        for (field, value) in std::mem::take(&mut self.fields) {
            if value.is_null() && (fields.remove(&field).is_some() || present.is_none()) {
                continue;
            }
            fields.insert(field, value);
        }
        match Details::parse(kind, &Value::Object(fields)) {
            Ok(details) => return Some(details),
            Err(Refusal::Invalid(faults)) => self.faults.0.extend(faults.0),
            Err(other) => self.faults.add("body", other.to_string()),
        }
        None
    }

    /// The faults; every field not taken is one.
    fn finish(mut self) -> Faults {
        for field in self.fields.keys() {
            self.faults.add(field, "没有这个字段。 No such field.");
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::setup::Mailbox;
    use crate::domain::value::SetupId;

    fn object(value: Value) -> Fields {
        serde_json::from_value(value).unwrap()
    }

    #[track_caller]
    fn check_faults<T>(parsed: Result<T, Refusal>, expected: &[&str]) {
        let Err(Refusal::Invalid(faults)) = parsed else { panic!("taken") };
        assert_eq!(faults.0.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_fault_of_a_body_is_told_at_once() {
        let unit = |fields| NewEntry::parse(SetupKind::Unit, object(fields));
        check_faults(unit(json!({})), &["code", "name"]);
        check_faults(
            unit(json!({"code": "物业", "name": 7, "node": [], "kind": "army"})),
            &["code", "name", "node", "kind"],
        );
        check_faults(unit(json!({"code": "WY", "name": "物业", "parent": "X"})), &["parent"]);
        check_faults(
            NewNode::parse(object(json!({"code": "yd", "kind": "community", "time_zone": "Mars", "x": 1}))),
            &["code", "name", "time_zone", "x"],
        );
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_null_removes() {
        let details = Mailbox {
            place: Some("凉亭".to_owned()),
            key_holder: Some("王丽".to_owned()),
            ..Mailbox::default()
        };
        let entry = Entry {
            id: SetupId(1),
            kind: SetupKind::Mailbox,
            node: None,
            parent: None,
            code: "M1".to_owned(),
            name: "一号".to_owned(),
            details: Details::Mailbox(details.clone()),
            version: 1,
            retired_at: None,
        };

        let change = EntryChange::parse(
            &entry,
            Some("YD"),
            object(json!({"code": "M1", "node": "YD", "key_holder": null, "name": "二号"})),
        )
        .unwrap();

        assert_eq!(change.name.as_deref(), Some("二号"));
        assert_eq!(change.details, Details::Mailbox(Mailbox { key_holder: None, ..details }));
        let moved = EntryChange::parse(&entry, Some("YD"), object(json!({"code": "M2", "node": "XX"})));
        check_faults(moved, &["code", "node"]);
    }
}
