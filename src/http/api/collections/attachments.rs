//! Files of a collection over HTTP: the photo of an opening, scans of its letters.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::id_of;
use crate::domain::mailbox::{CollectionAttachment, text};
use crate::domain::people::Permission;
use crate::domain::ticket::attachment::display_name;
use crate::http::api::attachments::{download, id_of as file_id_of};
use crate::http::reply::created;
use crate::http::upload::{ScanForm, Upload};
use crate::http::{Problem, StaffCaller};
use crate::service::App;
use crate::service::attachments::Part;
use crate::service::collections::{self, CollectionFile, attachments};

/// A file of a collection; its bytes are at `…/attachments/{id}`, of a photo a small picture at
/// `…/attachments/{id}/thumbnail`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CollectionAttachment)]
pub struct CollectionAttachmentView {
    id: u32,
    /// The letter it is a scan of; null for a photo of the opening.
    letter: Option<u32>,
    name: String,
    /// image/jpeg or application/pdf.
    media_type: &'static str,
    n_bytes: u64,
    /// In hexadecimal, as the trail has it.
    sha256: String,
    has_thumbnail: bool,
    at: String,
}

impl CollectionAttachmentView {
    /// An attachment of the file's collection.
    pub fn of(file: &CollectionFile, it: &CollectionAttachment) -> Self {
        let named = file.text(&text::attachment(it.id));
        Self {
            id: it.id,
            letter: it.letter,
            name: named.map_or_else(|| display_name("", it.filed.media), str::to_owned),
            media_type: it.filed.media.as_str(),
            n_bytes: it.filed.n_bytes,
            sha256: it.filed.sha256.clone(),
            has_thumbnail: it.filed.thumbnail_sha256.is_some(),
            at: it.added_at.to_rfc3339(),
        }
    }
}

/// Add the photo of an opening or a scan of a letter. The tickets of that letter get the scan too, also those
/// registered later. The same file for the same letter again gives the one that is there.
#[utoipa::path(post, path = "/api/v1/collections/{id}/attachments", tag = "collections",
    request_body(content = ScanForm, content_type = "multipart/form-data"), params(("id" = i64, Path)),
    responses((status = 201, description = "Added; the ETag is the collection's", body = CollectionAttachmentView)),
    security(("bearer" = [])))]
pub async fn add(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
    upload: Upload,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    collections::authorise(&app, &caller, id, Permission::Collect).await?;
    let scan = upload.receive_scan(&app).await?;
    let added = attachments::attach(&app, &caller, id, scan).await?;
    let place = format!("/api/v1/collections/{id}/attachments/{}", added.attachment.id);
    let view = CollectionAttachmentView::of(&added.file, &added.attachment);
    Ok(created(&place, added.file.collection.version, view))
}

/// A file of a collection, to be saved, by staff who read attachments there.
#[utoipa::path(get, path = "/api/v1/collections/{id}/attachments/{attachment}", tag = "collections",
    params(("id" = i64, Path), ("attachment" = u32, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "As it was, by If-None-Match")), security(("bearer" = [])))]
pub async fn get(
    app: web::Data<App>,
    caller: StaffCaller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    hand_out(&app, &caller, &path, &request, Part::Whole).await
}

/// The small picture of a photo.
#[utoipa::path(get, path = "/api/v1/collections/{id}/attachments/{attachment}/thumbnail", tag = "collections",
    params(("id" = i64, Path), ("attachment" = u32, Path)),
    responses((status = 200, description = "A JPEG of at most 320 pixels a side", content_type = "image/jpeg", body = Vec<u8>),
        (status = 304, description = "As it was, by If-None-Match")), security(("bearer" = [])))]
pub async fn thumbnail(
    app: web::Data<App>,
    caller: StaffCaller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    hand_out(&app, &caller, &path, &request, Part::Thumbnail).await
}

async fn hand_out(
    app: &App,
    caller: &StaffCaller,
    (id, attachment): &(String, String),
    request: &HttpRequest,
    part: Part,
) -> Result<HttpResponse, Problem> {
    let id = id_of(id)?;
    collections::authorise(app, caller, id, Permission::ReadAttachments).await?;
    let opening = attachments::open(app, caller, id, file_id_of(attachment)?, part).await?;
    Ok(download(opening, request, part))
}
