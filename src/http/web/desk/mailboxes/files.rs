//! The photo of an opening and scans of its letters on its page: shown, and added.

use actix_web::{HttpRequest, HttpResponse, web};

use super::super::{Frame, PageCaller, SentFile, Told, Turned, see};
use super::collection::{Once, id_of, shown};
use crate::domain::mailbox::text;
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Media;
use crate::domain::ticket::attachment::display_name;
use crate::http::api::attachments::{download, id_of as file_id_of};
use crate::service::App;
use crate::service::attachments::Part;
use crate::service::collections::attachments::{self, Scan};
use crate::service::collections::{self, CollectionFile};

/// A picture or paper of an opening.
pub(super) struct Shot {
    /// Where it is handed out.
    pub(super) href: String,
    pub(super) name: String,
    pub(super) is_photo: bool,
}

/// Those of `letter`, or of the opening itself, that the reader may see.
pub(super) fn of_letter(file: &CollectionFile, letter: Option<u32>) -> Vec<Shot> {
    let own = file.attachments.iter().filter(|it| it.letter == letter);
    let shot = own.map(|it| Shot {
        href: format!("/desk/collections/{}/attachments/{}", file.collection.id, it.id),
        name: file
            .text(&text::attachment(it.id))
            .map_or_else(|| display_name("", it.filed.media), str::to_owned),
        is_photo: it.filed.media == Media::Jpeg,
    });
    shot.collect()
}

/// Add a photo of the opening or a scan of a letter, also of one that is still to be registered.
#[utoipa::path(post, path = "/desk/collections/{id}/attachments", tag = "pages", params(("id" = i64, Path)),
    responses((status = 303, description = "Added"), (status = 422, description = "The page says what to mend")))]
pub async fn add(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    form: SentFile,
) -> Result<HttpResponse, Turned> {
    let id = id_of(&id)?;
    collections::authorise(&app, &form.caller, id, Permission::Collect).await?;
    let (sent, upload) = form.receive(&app).await?;
    let result = match upload {
        Some(it) => {
            let scan = Scan { arriving: it.arriving, name: it.name, letter: sent.given("letter") };
            attachments::attach(&app, &sent.caller, id, scan).await.map(drop)
        }
        None => Err(Refusal::field("file", "请先选一个文件。 Choose a file first.").into()),
    };
    match result {
        Ok(()) => Ok(see(&format!("/desk/collections/{id}?done=attached"))),
        Err(error) => {
            let file = collections::read(&app, &sent.caller, id).await?;
            let frame = Frame::left(&app, &sent.caller, &request).await?;
            let told = Told::refused(&frame, error);
            shown(&app, &sent.caller, frame, told, &file, Once::default()).await
        }
    }
}

/// A file of an opening, to be saved or shown on its page.
#[utoipa::path(get, path = "/desk/collections/{id}/attachments/{attachment}", tag = "pages",
    params(("id" = i64, Path), ("attachment" = u32, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn whole(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    let (id, attachment) = path.into_inner();
    let (id, attachment) = (id_of(&id)?, file_id_of(&attachment)?);
    let opening = attachments::open(&app, &caller, id, attachment, Part::Whole).await?;
    Ok(download(opening, &request, Part::Whole))
}
