//! Fields of a form, drawn by one template: a name, what it asks, what was typed, and what is wrong with it.

use super::Sent;
use super::screen::{Screen, in_language};
use crate::domain::refusal::FieldFault;

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Line,
    Area,
    /// One of several.
    Choice,
    /// Any of several.
    Several,
    Tick,
    /// A day and a time of the community's clock.
    Moment,
    Day,
    Number,
    Password,
}

/// Something to choose.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    pub(super) value: String,
    pub(super) label: String,
}

/// A field of a form.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) input: Input,
    pub(super) values: Vec<String>,
    pub(super) picks: Vec<Pick>,
    pub(super) is_required: bool,
    /// True for the field that the page begins in.
    pub(super) is_first: bool,
    pub(super) fault: String,
}

impl Field {
    /// An empty field that asks `label`.
    pub(super) fn new(name: &'static str, input: Input, label: String) -> Self {
        Self {
            name,
            label,
            input,
            hint: String::new(),
            values: Vec::new(),
            picks: Vec::new(),
            is_required: false,
            is_first: false,
            fault: String::new(),
        }
    }

    /// The same, which has to be filled in.
    pub(super) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// The same, in which the page begins.
    pub(super) fn first(self) -> Self {
        Self { is_first: true, ..self }
    }

    /// The same with a line that helps.
    pub(super) fn hint(self, hint: String) -> Self {
        Self { hint, ..self }
    }

    /// The same with a value to begin with.
    pub(super) fn value(self, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { values: Some(value).filter(|it| !it.is_empty()).into_iter().collect(), ..self }
    }

    /// The same with what can be chosen, as value and label.
    pub(super) fn picks<V: Into<String>>(self, picks: impl IntoIterator<Item = (V, String)>) -> Self {
        let picks = picks.into_iter().map(|(value, label)| Pick { value: value.into(), label });
        Self { picks: picks.collect(), ..self }
    }

    /// What stands in it.
    pub(super) fn text(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    /// True when `value` is chosen.
    pub(super) fn is_chosen(&self, value: &str) -> bool {
        self.values.iter().any(|it| it == value)
    }

    pub(super) fn is(&self, input: Input) -> bool {
        self.input == input
    }
}

/// Puts back what was typed.
pub(super) fn keep(fields: &mut [Field], sent: &Sent) {
    for field in fields.iter_mut().filter(|it| it.input != Input::Password) {
        field.values = sent.all(field.name);
    }
}

/// Puts each fault beside its field; gives those of no field here.
pub(super) fn blame(fields: &mut [Field], faults: &[FieldFault], screen: &Screen) -> Vec<String> {
    let mut others = Vec::new();
    for fault in faults {
        let words = in_language(&fault.message, screen.language).to_owned();
        let of =
            |it: &&mut Field| fault.field == it.name || fault.field.starts_with(&format!("{}[", it.name));
        match fields.iter_mut().find(of) {
            Some(field) => field.fault = words,
            None => others.push(words),
        }
    }
    others
}
