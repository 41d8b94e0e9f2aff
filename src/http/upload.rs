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
use crate::service::collections::attachments::Scan;
use crate::service::enclosures::ENCLOSED_MAX;

/// Bytes of everything beside the file: a few short fields.
const REST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one field that is no file.
const FIELD_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a file that is too large, read to its end so that the page can say so.
const PASSED_OVER_MAX: usize = 5 * BYTES_MAX;
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

/// The form of a collection's file as documented.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub(super) struct ScanForm {
    /// One photo (JPEG, PNG, WebP) or PDF, at most 20 MB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The number of the letter it is a scan of, also before it is registered; none for a photo of the opening.
    letter: Option<u32>,
}

/// Fields that go with the file of a ticket, and of a collection.
const OF_TICKET: &[&str] = &["file", "shown", "also_for"];
const OF_COLLECTION: &[&str] = &["file", "letter"];

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
    letter: Option<String>,
    n_rest: usize,
}

impl Upload {
    /// Takes in the form of a ticket's file.
    ///
    /// # Errors
    /// 413, 415, 408, 400 for a form that is broken, 422 naming the field that is unknown, missing or wrong.
    pub async fn receive(self, app: &App) -> Result<attachments::Upload, Problem> {
        let (arriving, name, parts) = self.take(app, OF_TICKET).await?;
        Ok(attachments::Upload { arriving, name, shown: parts.shown, also_for: parts.also_for })
    }

    /// Takes in the form of a collection's file.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn receive_scan(self, app: &App) -> Result<Scan, Problem> {
        let (arriving, name, parts) = self.take(app, OF_COLLECTION).await?;
        Ok(Scan { arriving, name, letter: parts.letter })
    }

    async fn take(self, app: &App, known: &[&str]) -> Result<(Arriving, String, Parts), Problem> {
        if !self.is_form {
            return Err(WebFault::MediaType { wanted: "multipart/form-data" }.into());
        }
        if self.is_long {
            return Err(too_large());
        }
        let parts = tokio::time::timeout(WHOLE_WITHIN, read(self.form, app, known)).await;
        let mut parts = parts.map_err(|_late| Problem::from(WebFault::TooSlow))??;
        let missing =
            || Refusal::field("file", "请附上文件（字段名 file）。 Send the file in the field named file.");
        let (arriving, name) = parts.file.take().ok_or_else(missing)?;
        Ok((arriving, name, parts))
    }
}

/// A form of a page as it came: its fields, and the files that were chosen.
#[derive(Debug, Default)]
pub(super) struct PageParts {
    pub(super) fields: Vec<(String, String)>,
    pub(super) files: Vec<PageFile>,
}

/// A file that was chosen on a page.
#[derive(Debug)]
pub(super) struct PageFile {
    /// None for one that was too large, of which nothing was kept.
    pub arriving: Option<Arriving>,
    /// As the sender's device called it.
    pub name: String,
}

/// Takes in a page's form: of files no more than a form may enclose, of texts no more than any form may have.
///
/// A file that is too large is told, not refused: what was typed beside it stays.
///
/// # Errors
/// 413, 408, 400 for a form that is broken.
pub(super) async fn receive_page(form: Multipart, app: &App, texts_max: usize) -> Result<PageParts, Problem> {
    let parts = tokio::time::timeout(WHOLE_WITHIN, read_page(form, app, texts_max)).await;
    parts.map_err(|_late| Problem::from(WebFault::TooSlow))?
}

async fn read_page(mut form: Multipart, app: &App, texts_max: usize) -> Result<PageParts, Problem> {
    let (mut parts, mut n_texts) = (PageParts::default(), 0);
    while let Some(field) = piece(form.next()).await? {
        let mut field = field.map_err(|_cause| broken())?;
        let name = field.name().unwrap_or_default().to_owned();
        let Some(given) = field.content_disposition().and_then(file_name) else {
            let text = page_text(&mut field, texts_max, &mut n_texts).await?;
            parts.fields.push((name, text));
            continue;
        };
        if parts.files.len() > ENCLOSED_MAX {
            return Err(too_large());
        }
        let mut arriving = attachments::arrive(app)?;
        let is_whole = take_or_pass_over(&mut field, &mut arriving).await?;
        // A field in which nothing was chosen comes as an empty file without a name.
        if arriving.n_bytes() > 0 || !given.is_empty() {
            parts.files.push(PageFile { arriving: is_whole.then_some(arriving), name: given });
        }
    }
    Ok(parts)
}

async fn page_text(field: &mut Field, texts_max: usize, n_texts: &mut usize) -> Result<String, Problem> {
    let mut text = Vec::new();
    while let Some(bytes) = piece(field.next()).await? {
        text.extend(bytes.map_err(|_cause| broken())?);
        if *n_texts + text.len() > texts_max {
            return Err(WebFault::TooLarge { bytes_max: texts_max }.into());
        }
    }
    *n_texts += text.len();
    String::from_utf8(text).map_err(|_cause| broken())
}

/// False when the file is too large: its bytes are read on and dropped, within bounds.
async fn take_or_pass_over(field: &mut Field, arriving: &mut Arriving) -> Result<bool, Problem> {
    let mut n_bytes = 0;
    while let Some(bytes) = piece(field.next()).await? {
        let bytes = bytes.map_err(|_cause| broken())?;
        n_bytes += bytes.len();
        if n_bytes > PASSED_OVER_MAX {
            return Err(too_large());
        }
        if n_bytes <= BYTES_MAX {
            arriving.write(&bytes).map_err(crate::service::Error::from)?;
        }
    }
    Ok(n_bytes <= BYTES_MAX)
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

async fn read(mut form: Multipart, app: &App, known: &[&str]) -> Result<Parts, Problem> {
    let mut parts = Parts::default();
    while let Some(field) = piece(form.next()).await? {
        let mut field = field.map_err(|_cause| broken())?;
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            other if !known.contains(&other) => {
                let known = known.join(", ");
                let message = format!("没有这个字段，可用：{known}。 Unknown; known are: {known}.");
                let field = crate::domain::refusal::shown(other);
                return Err(Refusal::field(field, message).into());
            }
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
            // What is left of the known ones.
            _letter => parts.letter = Some(text(&mut field, &mut parts.n_rest).await?),
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
