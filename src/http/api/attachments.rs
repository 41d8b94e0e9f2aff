//! Attachments over HTTP: sent as a form, handed out as a download that no browser runs.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use super::tickets::opened;
use super::views::AttachmentView;
use crate::domain::refusal::Refusal;
use crate::http::reply::segment;
use crate::http::upload::{Upload, UploadForm};
use crate::http::{ClientAddress, IdempotencyKey, Problem, ReceiptCode};
use crate::service::attachments::{self, Opening, Part};
use crate::service::{App, Caller};

/// Nothing in a download is loaded or run, even where somebody opens it in a tab.
const CSP_DOWNLOAD: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Attach a photo, PDF or voice note: the holder of the receipt, or staff who may note. Needs no If-Match.
///
/// Photos are kept upright, at most 4,096 pixels long, without what the camera wrote into them. HEIC is refused.
#[utoipa::path(post, path = "/api/v1/tickets/{number}/attachments", tag = "attachments",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    params(("number" = String, Path), ("Receipt-Code" = Option<String>, Header),
        ("Idempotency-Key" = Option<String>, Header, description = "16 to 255 random visible characters: the same key and form give the same answer")),
    responses((status = 201, description = "Attached", body = AttachmentView)),
    security(("bearer" = []), ("receipt" = [])))]
pub async fn add(
    app: web::Data<App>,
    caller: Caller,
    number: web::Path<String>,
    code: ReceiptCode,
    address: ClientAddress,
    key: IdempotencyKey,
    upload: Upload,
) -> Result<HttpResponse, Problem> {
    let opened = opened(&app, &caller, &number, code, address).await?;
    opened.ticket.check_attach(&opened.caller.actor, &opened.surroundings.place)?;
    let (key, upload) = (key.read()?, upload.receive(&app).await?);
    let done = attachments::attach(&app, opened, upload, key).await?;
    let number = &done.file.ticket.number;
    let location = format!("/api/v1/tickets/{number}/attachments/{}", done.attachment.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, format!("\"{}\"", done.attachment.filed.sha256)))
        .json(AttachmentView::of(&done.file, &done.attachment)))
}

/// An attachment, to be saved: by staff who work with the ticket, or by its receipt code what its resident sent and
/// what staff show.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/attachments/{id}", tag = "attachments",
    params(("number" = String, Path), ("id" = u32, Path), ("Receipt-Code" = Option<String>, Header)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "As it was, by If-None-Match")),
    security(("bearer" = []), ("receipt" = [])))]
pub async fn get(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
    code: ReceiptCode,
    address: ClientAddress,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    hand_out(&app, &caller, path.into_inner(), code, address, &request, Part::Whole).await
}

/// The small picture of a photo.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/attachments/{id}/thumbnail", tag = "attachments",
    params(("number" = String, Path), ("id" = u32, Path), ("Receipt-Code" = Option<String>, Header)),
    responses((status = 200, description = "A JPEG of at most 320 pixels a side", content_type = "image/jpeg", body = Vec<u8>),
        (status = 304, description = "As it was, by If-None-Match")),
    security(("bearer" = []), ("receipt" = [])))]
pub async fn thumbnail(
    app: web::Data<App>,
    caller: Caller,
    path: web::Path<(String, String)>,
    code: ReceiptCode,
    address: ClientAddress,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    hand_out(&app, &caller, path.into_inner(), code, address, &request, Part::Thumbnail).await
}

async fn hand_out(
    app: &App,
    caller: &Caller,
    (number, id): (String, String),
    code: ReceiptCode,
    address: ClientAddress,
    request: &HttpRequest,
    part: Part,
) -> Result<HttpResponse, Problem> {
    let opened = opened(app, caller, &number, code, address).await?;
    let opening = attachments::open(app, &opened, id_of(&id)?, part).await?;
    Ok(download(opening, request, part))
}

/// The number of an attachment, as an address has it.
///
/// # Errors
/// `NotFound` for what is no number.
pub fn id_of(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound("附件 the attachment".to_owned()))
}

/// The file as an answer; what it is called never reaches a header unescaped.
pub fn download(opening: Opening, request: &HttpRequest, part: Part) -> HttpResponse {
    let filed = &opening.filed;
    let (hash, media) = match part {
        Part::Whole => (Some(&filed.sha256), filed.media.as_str()),
        Part::Thumbnail => (filed.thumbnail_sha256.as_ref(), "image/jpeg"),
    };
    let etag = format!("\"{}\"", hash.map_or("", String::as_str));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|it| it.to_str().ok());
    if known.is_some_and(|it| it.split(',').any(|it| it.trim() == etag)) {
        return HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish();
    }
    let plain = format!("attachment-{}.{}", opening.id, filed.media.extension());
    let name = segment(&opening.name);
    HttpResponse::Ok()
        .insert_header((header::ETAG, etag))
        .insert_header((header::CONTENT_TYPE, media))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{name}"),
        ))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP_DOWNLOAD))
        .body(opening.bytes)
}
