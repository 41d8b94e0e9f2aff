//! Who may see a ticket and do what with it: the permission table, narrowed by units and seals.

use super::{Ticket, Verb};
use crate::domain::people::{Actor, Grant, Permission, Role, Staff, may};
use crate::domain::refusal::Refusal;

/// Where a ticket stands in the organisation tree, as paths `/1/4/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Of the node that received it.
    pub owner_path: String,
    /// Of the node that handles it now.
    pub handling_path: String,
}

impl Ticket {
    /// True when `staff` may know that this ticket exists.
    pub fn is_seen_by(&self, staff: &Staff, place: &Place) -> bool {
        self.allows(staff, Permission::ReadTicket, place)
    }

    /// True when `staff` may do what needs `permission` with this ticket.
    ///
    /// A sealed ticket is the supervisor's of its handling node, and the lead unit's once handed over. A
    /// handler's rights hold where the own unit leads; where it supports: read, note and attach.
    pub fn allows(&self, staff: &Staff, permission: Permission, place: &Place) -> bool {
        if permission == Permission::UnmaskContact && self.about_unit.is_some_and(|it| staff.belongs_to(it)) {
            return false;
        }
        staff.grants.iter().any(|grant| match grant.role {
            Role::Handler => self.allows_handler(grant, permission),
            Role::Supervisor if self.sealed => {
                grant.node == self.handling_node
                    && [Role::Supervisor, Role::Triager, Role::Handler]
                        .iter()
                        .any(|role| may(*role, permission))
            }
            Role::Clerk | Role::Triager | Role::Supervisor | Role::Leader | Role::Auditor | Role::Admin => {
                !self.sealed && may(grant.role, permission) && holds_at(grant, permission, place)
            }
        })
    }

    fn allows_handler(&self, grant: &Grant, permission: Permission) -> bool {
        let Some(own) = grant.unit else { return false };
        if self.unit == Some(own) {
            return may(Role::Handler, permission);
        }
        self.supporting.contains(&own)
            && !self.sealed
            && matches!(
                permission,
                Permission::ReadTicket
                    | Permission::Note
                    | Permission::ReadAttachments
                    | Permission::ReadTrail
            )
    }

    /// Lets `actor` do `verb`, as far as rights go.
    ///
    /// # Errors
    /// `NotFound` for what one may not see, `Forbidden` for what one may not do.
    pub fn authorise(&self, verb: Verb, actor: &Actor, place: &Place) -> Result<(), Refusal> {
        match actor {
            Actor::Staff(staff) => {
                if !self.is_seen_by(staff, place) {
                    return Err(Refusal::NotFound(self.number.clone()));
                }
                if self.allows(staff, verb.permission(), place) {
                    Ok(())
                } else {
                    Err(Refusal::Forbidden(verb.permission()))
                }
            }
            // The receipt was checked before the ticket was shown; a kiosk submits and tracks, no more.
            Actor::Resident if verb.is_residents() => Ok(()),
            Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => {
                Err(Refusal::Forbidden(verb.permission()))
            }
            Actor::System => Ok(()),
        }
    }
}

/// Decisions about the handling belong to the node that handles; the rest to either node.
fn holds_at(grant: &Grant, permission: Permission, place: &Place) -> bool {
    let is_handling = matches!(permission, Permission::Triage | Permission::Escalate);
    grant.covers(&place.handling_path) || !is_handling && grant.covers(&place.owner_path)
}
