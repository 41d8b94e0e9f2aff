//! A file on its way in: multipart form data, written to disk as it comes, bounded in size and in time.

use std::pin::Pin;
use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev};
use futures_util::StreamExt as _;
use utoipa::ToSchema;

use super::problem::{Problem, WebFault};
use crate::domain::refusal::Refusal;
use crate::service::App;
use crate::service::attachments::{self, Arriving, BYTES_MAX};

/// Bytes of everything beside the file: a few short fields.
const REST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one field that is no file.
const FIELD_BYTES_MAX: usize = 4 * 1024;
/// How long the next piece may take to arrive.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// How long a whole upload may take: 20 MB on a poor line.
pub(super) const WHOLE_WITHIN: Duration = Duration::from_mins(10);

/// The form as documented; it is read by hand, piece by piece.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct UploadForm {
    /// One photo (JPEG, PNG, WebP), PDF or voice note (`WebM` or Ogg Opus, M4A), at most 20 MB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Staff: show it to the resident too. Default false.
    shown: Option<bool>,
    /// Staff: numbers of other tickets the same scan serves; the field may be repeated.
    also_for: Option<Vec<String>>,
}

/// An upload, read when a handler asks for it.
pub struct Upload {
    form: Multipart,
    is_form: bool,
    is_long: bool,
}

impl FromRequest for Upload {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_plain = !request.headers().contains_key(header::CONTENT_ENCODING);
        let is_form = is_plain && request.content_type().trim().eq_ignore_ascii_case("multipart/form-data");
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
        let is_long = length.is_some_and(|it| it > (BYTES_MAX + REST_BYTES_MAX) as u64);
        let form = Multipart::from_request(request, payload);
        Box::pin(async move { Ok(Self { form: form.await?, is_form, is_long }) })
    }
}

/// What was read so far.
#[derive(Default)]
struct Parts {
    file: Option<(Arriving, String)>,
    shown: bool,
    also_for: Vec<String>,
    n_rest: usize,
}

impl Upload {
    /// Takes the form in.
    ///
    /// # Errors
    /// 413, 415, 408, 400 for a form that is broken, 422 naming the field that is unknown, missing or wrong.
    pub async fn receive(self, app: &App) -> Result<attachments::Upload, Problem> {
        if !self.is_form {
            return Err(WebFault::MediaType { wanted: "multipart/form-data" }.into());
        }
        if self.is_long {
            return Err(too_large());
        }
        let parts = tokio::time::timeout(WHOLE_WITHIN, read(self.form, app)).await;
        let parts = parts.map_err(|_late| Problem::from(WebFault::TooSlow))??;
        let missing =
            || Refusal::field("file", "请附上文件（字段名 file）。 Send the file in the field named file.");
        let (arriving, name) = parts.file.ok_or_else(missing)?;
        Ok(attachments::Upload { arriving, name, shown: parts.shown, also_for: parts.also_for })
    }
}

fn too_large() -> Problem {
    WebFault::TooLarge { bytes_max: BYTES_MAX }.into()
}

pub(super) fn broken() -> Problem {
    WebFault::Malformed(
        "表单没有传完整或格式不对，请重试。 The form did not arrive whole or is broken; send it again."
            .to_owned(),
    )
    .into()
}

async fn read(mut form: Multipart, app: &App) -> Result<Parts, Problem> {
    let mut parts = Parts::default();
    while let Some(field) = piece(form.next()).await? {
        let mut field = field.map_err(|_cause| broken())?;
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if parts.file.is_some() => {
                return Err(Refusal::field("file", "一次只能传一个文件。 One file at a time.").into());
            }
            "file" => {
                let given = field.content_disposition().and_then(file_name).unwrap_or_default();
                let mut arriving = attachments::arrive(app)?;
                take_file(&mut field, &mut arriving).await?;
                parts.file = Some((arriving, given));
            }
            "shown" => parts.shown = yes_or_no(&text(&mut field, &mut parts.n_rest).await?)?,
            "also_for" => {
                let number = text(&mut field, &mut parts.n_rest).await?;
                parts.also_for.push(number.trim().to_owned());
            }
            other => {
                let message =
                    "没有这个字段，可用：file, shown, also_for。 Unknown; known are: file, shown, also_for.";
                let field = crate::domain::refusal::shown(other);
                return Err(Refusal::field(field, message).into());
            }
        }
    }
    Ok(parts)
}

/// The name as it came, in either form of RFC 6266.
pub(super) fn file_name(given: &header::ContentDisposition) -> Option<String> {
    let extended = given.get_filename_ext().and_then(|it| String::from_utf8(it.value.clone()).ok());
    extended.or_else(|| given.get_filename().map(str::to_owned))
}

pub(super) async fn piece<T>(next: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(PIECE_WITHIN, next).await.map_err(|_late| WebFault::TooSlow.into())
}

pub(super) async fn take_file(field: &mut Field, arriving: &mut Arriving) -> Result<(), Problem> {
    while let Some(bytes) = piece(field.next()).await? {
        let bytes = bytes.map_err(|_cause| broken())?;
        if arriving.n_bytes() + bytes.len() as u64 > BYTES_MAX as u64 {
            return Err(too_large());
        }
        arriving.write(&bytes).map_err(crate::service::Error::from)?;
    }
    Ok(())
}

pub(super) async fn text(field: &mut Field, n_rest: &mut usize) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(bytes) = piece(field.next()).await? {
        text.extend(bytes.map_err(|_cause| broken())?);
        if text.len() > FIELD_BYTES_MAX {
            return Err(WebFault::TooLarge { bytes_max: FIELD_BYTES_MAX }.into());
        }
    }
    *n_rest += text.len();
    if *n_rest > REST_BYTES_MAX {
        return Err(WebFault::TooLarge { bytes_max: REST_BYTES_MAX }.into());
    }
    String::from_utf8(text).map_err(|_cause| broken())
}

fn yes_or_no(text: &str) -> Result<bool, Problem> {
    match text.trim() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(Refusal::field("shown", "只能是 true 或 false。 It must be true or false.").into()),
    }
}
