//! Who asks, and from where: bearer tokens, device tokens, client addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::pin::Pin;

use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, dev, web};

use super::limits::Limits;
use super::problem::Problem;
use crate::cidr::Cidr;
use crate::domain::people::{Actor, Staff};
use crate::domain::refusal::Refusal;
use crate::service::{App, Caller, Error, accounts, setup};

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// The longest token read; ours are shorter.
const TOKEN_BYTES_MAX: usize = 4096;
/// Proxies named in `X-Forwarded-For` that are looked at, from the nearest.
const HOPS_MAX: usize = 16;

/// Where the request came from: the peer, or what a trusted proxy says of its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of the client of `request`.
    ///
    /// `X-Forwarded-For` is believed only from the proxies of the settings, from its right end, up to
    /// the first address that is no such proxy; what stands left of that, anyone may have written.
    pub fn of(request: &HttpRequest) -> Self {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |it| it.ip());
        let trusted = request.app_data::<web::Data<App>>().map(|it| &it.settings.trusted_proxies);
        let headers = request.headers().get_all("x-forwarded-for");
        let values: Vec<&str> = headers.filter_map(|it| it.to_str().ok()).collect();
        Self(client(peer.to_canonical(), &values, trusted.map_or(&[], Vec::as_slice)))
    }
}

/// The nearest address that is no trusted proxy, going outwards from the peer.
fn client(peer: IpAddr, forwarded: &[&str], trusted: &[Cidr]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|it| it.contains(address));
    let mut client = peer;
    let mut hops = forwarded.iter().rev().flat_map(|it| it.rsplit(',')).take(HOPS_MAX);
    while is_trusted(client) {
        match hops.next().and_then(|it| address_of(it.trim())) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port).or_else(bracketed).map(|it| it.to_canonical())
}

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self::of(request)))
    }
}

/// One try at signing in from the client's network, counted against its limit before anything is looked at.
pub struct SignInTry(pub ClientAddress);

impl FromRequest for SignInTry {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let address = ClientAddress::of(request);
        let counted = match request.app_data::<web::Data<Limits>>() {
            Some(limits) => limits.check_sign_in(address.0).map_err(Problem::from),
            None => Err(Error::internal("route outside of the application").into()),
        };
        std::future::ready(counted.map(|()| Self(address)))
    }
}

/// The bearer token of the request, if one was sent.
///
/// # Errors
/// 401 when the header is there but is no bearer token: a broken sign-in never passes for none.
pub fn bearer(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|it| {
        let (scheme, token) = it.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token {
        Some(token) if !token.is_empty() && token.len() <= TOKEN_BYTES_MAX => Ok(Some(token.to_owned())),
        Some(_) | None => Err(Refusal::Unauthenticated.into()),
    }
}

/// Anyone: the public and receipt holders, staff with an access token, a kiosk with its device token.
///
/// A token that is not valid is refused with 401, never taken for the public.
impl FromRequest for Caller {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let known = known(request);
        Box::pin(async move { Ok(known.await?.0) })
    }
}

/// Who sent the request, counted against their limit; the session too when it is staff.
fn known(request: &HttpRequest) -> Extracted<(Caller, Option<String>)> {
    let address = ClientAddress::of(request);
    let token = bearer(request);
    let app = request.app_data::<web::Data<App>>().cloned();
    let limits = request.app_data::<web::Data<Limits>>().cloned();
    let is_submission = request.method() == Method::POST;
    Box::pin(async move {
        let (Some(app), Some(limits)) = (app, limits) else {
            return Err(Error::internal("route outside of the application").into());
        };
        let (actor, session_id) = match token? {
            Some(token) => authenticated(&app, &token).await?,
            None => (Actor::Resident, None),
        };
        limits.check(&actor, address.0, is_submission)?;
        // Residents leave no address in the trail (PRODUCT §6: no personal data).
        let place = match &actor {
            Actor::Staff(_) | Actor::Kiosk { .. } => Some(address.0.to_string()),
            Actor::Resident | Actor::Timer | Actor::System => None,
        };
        Ok((Caller { actor, place }, session_id))
    })
}

/// Whose token this is, and of which session. Access tokens are JWTs, with two dots; device tokens have none.
async fn authenticated(app: &App, token: &str) -> Result<(Actor, Option<String>), Error> {
    if token.starts_with(setup::DEVICE_TOKEN_PREFIX) {
        return Ok((setup::authenticate_device(app, token).await?, None));
    }
    let signed_in = accounts::authenticate(app, token).await?;
    Ok((Actor::Staff(signed_in.staff), Some(signed_in.session_id)))
}

/// A signed-in member of staff; anyone else is refused before the handler runs.
#[derive(Debug, Clone)]
pub struct StaffCaller {
    caller: Caller,
    staff: Staff,
    session_id: String,
}

impl StaffCaller {
    /// Who it is.
    pub fn staff(&self) -> &Staff {
        &self.staff
    }

    /// The session the access token belongs to.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }
}

impl Deref for StaffCaller {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl FromRequest for StaffCaller {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let known = known(request);
        Box::pin(async move {
            let (caller, session_id) = known.await?;
            match &caller.actor {
                Actor::Staff(staff) => {
                    let session_id = session_id.unwrap_or_default();
                    Ok(Self { staff: staff.clone(), session_id, caller })
                }
                Actor::Kiosk { .. } => Err(Refusal::NotYours(
                    "自助终端只能提交和查询。 A kiosk may submit and track, no more.".to_owned(),
                )
                .into()),
                Actor::Resident | Actor::Timer | Actor::System => Err(Refusal::Unauthenticated.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_forwarding_header_is_not_believed() {
        let trusted: Vec<Cidr> = ["10.0.0.0/8", "127.0.0.1"].into_iter().filter_map(Cidr::parse).collect();
        for (peer, forwarded, expected) in [
            // No proxy of ours: whatever it says.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            // One proxy; what stands left of its own entry was sent by the client.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
            // Two proxies, two headers, a port, a mapped address.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9:4711", "10.0.0.2"], "203.0.113.9"),
            ("127.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("127.0.0.1", &["[2001:db8::7]:80"], "2001:db8::7"),
            // Nothing readable: the proxy itself.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ] {
            let address = client(peer.parse().expect("an address"), forwarded, &trusted);
            assert_eq!(address.to_string(), expected);
        }
    }
}
