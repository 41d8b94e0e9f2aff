//! What leaves the house: mail, text messages by a gateway or a command of the operator's, and the words both are written in.
//!
//! Rules of this floor: it sends what it is handed and says what came of it. It knows no store, no ticket's
//! state and no rights; it never writes an address or a text to the log.

pub mod catalogue;
pub mod gateway;
pub mod mail;
pub mod sms;
