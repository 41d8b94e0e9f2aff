//! Who asks for a staff page: the session's cookie, and forms that only our own pages can send.

use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;

use actix_multipart::Multipart;
use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures_util::StreamExt as _;
use subtle::ConstantTimeEq as _;

use super::{Turned, own_path};
use crate::domain::accounts::SESSION_MAX;
use crate::domain::people::{Actor, Staff};
use crate::domain::refusal::Refusal;
use crate::http::ClientAddress;
use crate::http::limits::Limits;
use crate::http::problem::{Problem, WebFault};
use crate::http::upload;
use crate::http::web::form::{cross_site, is_own, pairs_of};
use crate::service::accounts::{self, OnPages, SignedIn};
use crate::service::attachments::{self, Upload};
use crate::service::{App, Caller, Error};

/// `__Host-`: browsers take it only over TLS or from their own machine, from this host, for every path.
const COOKIE: &str = "__Host-session";
/// The longest cookie read; ours are shorter.
const COOKIE_BYTES_MAX: usize = 512;

/// The cookie that keeps `token`; an empty one takes it away.
pub(super) fn cookie(token: String) -> Cookie<'static> {
    let kept_s = if token.is_empty() { 0 } else { SESSION_MAX.num_seconds() };
    Cookie::build(COOKIE, token)
        .path("/")
        .secure(true)
        .http_only(true)
        // A link in a notice's mail leads to its ticket; forms carry a token of their own.
        .same_site(SameSite::Lax)
        .max_age(time::Duration::seconds(kept_s))
        .finish()
}

/// The token of the request's cookie.
pub(super) fn token(request: &HttpRequest) -> Option<String> {
    let token = request.cookie(COOKIE).map(|it| it.value().to_owned());
    token.filter(|it| !it.is_empty() && it.len() <= COOKIE_BYTES_MAX)
}

/// True when the browser will keep a secure cookie of this page: over TLS, or on its own machine.
///
/// TLS ends at the reverse proxy, which says so; and browsers send `Sec-Fetch-Site` over nothing else
/// (W3C Fetch Metadata §4.1: "potentially trustworthy URL").
pub(super) fn is_safe(request: &HttpRequest) -> bool {
    let told = |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok());
    let host = told(header::HOST.as_str()).unwrap_or_default();
    if is_loopback(host) || told("sec-fetch-site").is_some() {
        return true;
    }
    let Some(app) = request.app_data::<web::Data<App>>() else { return false };
    let is_proxy = |it: IpAddr| app.settings.trusted_proxies.iter().any(|known| known.contains(it));
    let from_proxy = request.peer_addr().is_some_and(|it| is_proxy(it.ip().to_canonical()));
    match told("x-forwarded-proto").filter(|_| from_proxy) {
        Some(scheme) => scheme.eq_ignore_ascii_case("https"),
        None => {
            app.settings.public_url.strip_prefix("https://").is_some_and(|it| {
                it.split('/').next().is_some_and(|public| public.eq_ignore_ascii_case(host))
            })
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// A member of staff who is signed in on the pages.
#[derive(Debug, Clone)]
pub struct PageCaller {
    caller: Caller,
    on_pages: OnPages,
}

impl PageCaller {
    /// Who it is.
    pub fn staff(&self) -> &Staff {
        &self.on_pages.signed_in.staff
    }

    /// The same as the account rooms know them.
    pub fn signed_in(&self) -> &SignedIn {
        &self.on_pages.signed_in
    }

    /// The person's name.
    pub fn name(&self) -> &str {
        &self.on_pages.name
    }

    /// What each form of theirs carries.
    pub fn form_token(&self) -> &str {
        &self.on_pages.form_token
    }

    /// Whose session the request's cookie is; None when it is nobody's.
    pub(in crate::http) async fn find(request: &HttpRequest) -> Result<Option<Self>, Turned> {
        let (Some(app), Some(limits)) =
            (request.app_data::<web::Data<App>>(), request.app_data::<web::Data<Limits>>())
        else {
            return Err(Error::internal("route outside of the application").into());
        };
        let Some(token) = token(request) else { return Ok(None) };
        let on_pages = match accounts::authenticate_page(app, &token).await {
            Ok(on_pages) => on_pages,
            Err(Error::Refusal(Refusal::Unauthenticated)) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        };
        let address = ClientAddress::of(request).0;
        let actor = Actor::Staff(on_pages.signed_in.staff.clone());
        limits.check(&actor, address, request.method() == Method::POST)?;
        Ok(Some(Self { caller: Caller { actor, place: Some(address.to_string()) }, on_pages }))
    }

    /// True when a form carries this session's token.
    fn sent(&self, token: &str) -> bool {
        bool::from(token.as_bytes().ct_eq(self.form_token().as_bytes()))
    }

    async fn required(request: &HttpRequest) -> Result<Self, Turned> {
        Self::find(request).await?.ok_or_else(|| Turned::SignIn(back_to(request)))
    }
}

/// Where somebody goes on after signing in: the page asked for, or the one whose form was sent.
fn back_to(request: &HttpRequest) -> String {
    let told = |name: header::HeaderName| request.headers().get(name).and_then(|it| it.to_str().ok());
    let asked = if request.method() == Method::POST {
        let from = told(header::REFERER).and_then(|it| it.split_once("://")).map_or("", |it| it.1);
        let host = told(header::HOST).unwrap_or_default();
        from.strip_prefix(host).unwrap_or_default().to_owned()
    } else {
        request.uri().to_string()
    };
    own_path(&asked).unwrap_or("/desk").to_owned()
}

impl Deref for PageCaller {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl FromRequest for PageCaller {
    type Error = Turned;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Turned>>>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::required(&request).await })
    }
}

/// A form that a page of the caller's own session sent.
pub struct Sent {
    pub caller: PageCaller,
    fields: Vec<(String, String)>,
}

impl Sent {
    /// The one value of a field, empty when it was left out.
    pub fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|it| it.0 == name).map_or("", |it| it.1.as_str())
    }

    /// The value of a field that was filled in.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|it| !it.is_empty()).map(str::to_owned)
    }

    /// True when a box was ticked.
    pub fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Every value of a field that may be chosen several times, left-out ones apart.
    pub fn all(&self, name: &str) -> Vec<String> {
        let chosen = self.fields.iter().filter(|it| it.0 == name && !it.1.is_empty());
        chosen.map(|it| it.1.clone()).collect()
    }
}

impl FromRequest for Sent {
    type Error = Turned;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Turned>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_own = is_own(request);
        let (request, pairs) = (request.clone(), pairs_of(request, payload));
        Box::pin(async move {
            let caller = PageCaller::required(&request).await?;
            if !is_own {
                return Err(cross_site().into());
            }
            let mut fields = pairs.await?;
            let sent = fields.iter().position(|it| it.0 == "csrf").map(|it| fields.remove(it).1);
            let is_ours = sent.is_some_and(|it| caller.sent(&it));
            if is_ours { Ok(Self { caller, fields }) } else { Err(cross_site().into()) }
        })
    }
}

/// A form with a file that a page of the caller's own session sent; read once it is settled what they may do.
pub struct SentFile {
    pub caller: PageCaller,
    form: Multipart,
}

impl SentFile {
    /// Takes the form in: its fields, and its file if one was chosen.
    ///
    /// The token comes before the file, so nothing of a form that is not ours is written to disk.
    ///
    /// # Errors
    /// 403 for a form that is not of this session; 413, 408, 400 for one that is broken.
    pub async fn receive(self, app: &App) -> Result<(Sent, Option<Upload>), Problem> {
        let late = |_late| Problem::from(WebFault::TooSlow);
        tokio::time::timeout(upload::WHOLE_WITHIN, self.read(app)).await.map_err(late)?
    }

    async fn read(mut self, app: &App) -> Result<(Sent, Option<Upload>), Problem> {
        let (mut fields, mut file, mut n_rest, mut is_ours) = (Vec::new(), None, 0, false);
        while let Some(field) = upload::piece(self.form.next()).await? {
            let mut field = field.map_err(|_cause| upload::broken())?;
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" && !is_ours {
                return Err(cross_site());
            }
            if name == "file" && file.is_none() {
                let given = field.content_disposition().and_then(upload::file_name).unwrap_or_default();
                let mut arriving = attachments::arrive(app)?;
                upload::take_file(&mut field, &mut arriving).await?;
                file = Some((arriving, given));
                continue;
            }
            let text = upload::text(&mut field, &mut n_rest).await?;
            is_ours |= name == "csrf" && self.caller.sent(&text);
            fields.push((name, text));
        }
        if !is_ours {
            return Err(cross_site());
        }
        let sent = Sent { caller: self.caller, fields };
        // A field in which nothing was chosen comes as an empty file without a name.
        let file = file.filter(|(arriving, name)| arriving.n_bytes() > 0 || !name.is_empty());
        let shown = sent.has("shown");
        let upload = file.map(|(arriving, name)| Upload { arriving, name, shown, also_for: Vec::new() });
        Ok((sent, upload))
    }
}

impl FromRequest for SentFile {
    type Error = Turned;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Turned>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (is_own, form) = (is_own(request), Multipart::from_request(request, payload));
        let request = request.clone();
        Box::pin(async move {
            let caller = PageCaller::required(&request).await?;
            if !is_own {
                return Err(cross_site().into());
            }
            let form = form.await.map_err(|_cause| Turned::from(upload::broken()))?;
            Ok(Self { caller, form })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_machine_is_known_by_its_names() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.0.1", "[::1]:8080", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "10.0.0.1", "localhost.example", "red-mailbox.test:80", "[2001:db8::1]"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
