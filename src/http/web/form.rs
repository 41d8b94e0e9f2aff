//! The body of a form: bounded, from our own pages only, each field by its name.

use std::pin::Pin;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev, web};
use serde::de::{DeserializeOwned, value::MapDeserializer};

use crate::domain::refusal::Refusal;
use crate::http::body::BYTES_MAX;
use crate::http::form::{Part, pairs};
use crate::http::problem::{Problem, WebFault};
use crate::http::upload::{PageFile, PageParts, receive_page};
use crate::service::{App, Error};

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
/// What the fields of files are called on every page.
const FILE_FIELDS: [&str; 3] = ["photo", "photos", "voice"];
/// How long a form may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// A form of the type `T`.
pub struct Form<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (is_own, pairs) = (is_own(request), pairs_of(request, payload));
        Box::pin(async move {
            if !is_own {
                return Err(cross_site());
            }
            read(pairs.await?).map(Self)
        })
    }
}

/// A form of the type `T` that may enclose files; without any it may come as any other form.
pub struct FilesForm<T> {
    pub(super) form: T,
    pub(super) files: Vec<PageFile>,
}

impl<T: DeserializeOwned + 'static> FromRequest for FilesForm<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_own = is_own(request);
        let (app, mut taken) = (request.app_data::<web::Data<App>>().cloned(), payload.take());
        let request = request.clone();
        Box::pin(async move {
            if !is_own {
                return Err(cross_site());
            }
            let app = app.ok_or_else(|| Error::internal("route outside of the application"))?;
            let parts = if request.content_type().eq_ignore_ascii_case(MULTIPART) {
                let form =
                    Multipart::from_request(&request, &mut taken).await.map_err(|_broken| unreadable())?;
                receive_page(form, &app, BYTES_MAX).await?
            } else {
                PageParts { fields: pairs_of(&request, &mut taken).await?, files: Vec::new() }
            };
            let PageParts { mut fields, files } = parts;
            // A form that is sent without its files names them.
            fields.retain(|it| !FILE_FIELDS.contains(&it.0.as_str()));
            Ok(Self { form: read(fields)?, files })
        })
    }
}

/// Names and values of a form's body, in their order.
pub(super) fn pairs_of(
    request: &HttpRequest,
    payload: &mut dev::Payload,
) -> impl Future<Output = Result<Vec<(String, String)>, Problem>> + use<> {
    let is_form = request.content_type().eq_ignore_ascii_case(MEDIA_TYPE);
    let payload = web::Payload::from_request(request, payload);
    async move {
        if !is_form {
            return Err(WebFault::MediaType { wanted: MEDIA_TYPE }.into());
        }
        let payload = payload.await.map_err(|_unreadable| unreadable())?;
        match tokio::time::timeout(ARRIVES_WITHIN, payload.to_bytes_limited(BYTES_MAX)).await {
            Ok(Ok(Ok(bytes))) => {
                let text = std::str::from_utf8(&bytes).map_err(|_unreadable| unreadable())?;
                pairs(text).ok_or_else(unreadable)
            }
            Ok(Ok(Err(_broken))) => Err(unreadable()),
            Ok(Err(_longer)) => Err(WebFault::TooLarge { bytes_max: BYTES_MAX }.into()),
            Err(_late) => Err(WebFault::TooSlow.into()),
        }
    }
}

/// True unless the browser says that another site sent the form; programs say nothing.
pub(super) fn is_own(request: &HttpRequest) -> bool {
    let told = |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok());
    if let Some(site) = told("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let host = told(header::HOST.as_str()).unwrap_or_default();
    told(header::ORIGIN.as_str())
        .is_none_or(|it| it.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host)))
}

pub(super) fn cross_site() -> Problem {
    Refusal::NotYours(
        "这张表单不是从本站打开的。请从首页重新进入。 This form did not come from our own pages; start again from the home page."
            .to_owned(),
    )
    .into()
}

fn unreadable() -> Problem {
    WebFault::Malformed("表单无法读取，请重新填写。 The form cannot be read; fill it in again.".to_owned())
        .into()
}

fn read<T: DeserializeOwned>(pairs: Vec<(String, String)>) -> Result<T, Problem> {
    let map = MapDeserializer::<_, serde::de::value::Error>::new(
        pairs.into_iter().map(|(name, text)| (name, Part(text))),
    );
    T::deserialize(map).map_err(|_wrong| unreadable())
}
