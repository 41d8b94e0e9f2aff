//! The receipt: number and code in big groups, as a picture too, and what is promised.

use askama::Template;

use crate::domain::ticket::Ticket;
use crate::http::web::promise::{Promised, promised};
use crate::http::web::qr::Qr;
use crate::http::web::screen::{Again, Screen};
use crate::service::{App, Error, clocks, setup};

#[derive(Template)]
#[template(path = "receipt.html")]
pub(in crate::http::web) struct ReceiptPage {
    screen: Screen,
    number: String,
    code: String,
    /// The code in two groups of four.
    groups: Vec<String>,
    received_on: String,
    promised: Vec<Promised>,
    qr: Option<Qr>,
    is_danger: bool,
    /// Some file that came with it is not kept.
    is_lacking: bool,
}

impl ReceiptPage {
    pub(in crate::http::web) async fn new(
        app: &App,
        screen: Screen,
        ticket: &Ticket,
        code: String,
    ) -> Result<Self, Error> {
        let zone = setup::zone_of(app, ticket.node).await?;
        let clocks = clocks::tell_resident(app, ticket).await?;
        let signs: Vec<char> = code.chars().collect();
        // The fragment stays in the browser: the code reaches neither a server's log nor a proxy's.
        let address = format!("{}/r/{}#{code}", app.settings.public_url, ticket.number);
        let fields =
            vec![("number", ticket.number.clone()), ("code", code.clone()), ("show", "receipt".to_owned())];
        Ok(Self {
            groups: signs.chunks(4).map(|it| it.iter().collect()).collect(),
            received_on: ticket.received_at.local_date(zone).to_string(),
            promised: promised(&clocks, zone, &screen),
            qr: Qr::of(&address),
            is_danger: ticket.suspected_emergency,
            is_lacking: false,
            number: ticket.number.clone(),
            screen: screen.again("/track", Again::Sent(fields)),
            code,
        })
    }
    /// The same where a file that came with it could not be kept.
    pub(in crate::http::web) fn lacking(self, is_lacking: bool) -> Self {
        Self { is_lacking, ..self }
    }
}
