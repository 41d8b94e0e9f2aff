//! Photos and papers of a ticket on its page: shown, looked at in full, and added by who works on it.

use actix_web::{HttpRequest, HttpResponse, web};

use super::super::left::moment;
use super::super::{Frame, PageCaller, SentFile, Turned};
use super::act::{back, refused};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::attachment::display_name;
use crate::domain::ticket::{Media, text};
use crate::http::api::attachments::{download, id_of};
use crate::http::reply::segment;
use crate::service::App;
use crate::service::attachments::{self, Part, Upload};
use crate::service::desk::{self, Opened};
use crate::service::dossier::Dossier;

/// A file that the reader may see.
pub(super) struct FileLine {
    /// Where it is handed out.
    pub(super) href: String,
    pub(super) name: String,
    /// Who sent it, when, how large it is, whether the resident sees it.
    pub(super) about: String,
    pub(super) is_photo: bool,
    /// True for the scan of the letter it came in: it is read beside the text.
    pub(super) is_open: bool,
}

/// The files, newest first.
pub(super) fn lines(frame: &Frame, dossier: &Dossier) -> Vec<FileLine> {
    let (file, number) = (&dossier.file, segment(&dossier.file.ticket.number));
    let line = |it: &crate::domain::ticket::Attachment| {
        let sender = frame.say(if it.by_resident { "actor.resident" } else { "actor.user" });
        let kilobytes = it.filed.n_bytes.div_ceil(1_024).to_string();
        let size = frame.say_with("files.size", &[("n", &kilobytes)]);
        let mut about = vec![sender, moment(it.added_at, frame.now, dossier.zone), size];
        about.extend((it.shown && !it.by_resident).then(|| frame.say("files.is_shown")));
        let named = file.text(&text::attachment(it.id));
        FileLine {
            href: format!("/desk/tickets/{number}/attachments/{}", it.id),
            name: named.map_or_else(|| display_name("", it.filed.media), str::to_owned),
            about: about.join(" · "),
            is_photo: it.filed.media == Media::Jpeg,
            is_open: file.letter.is_some() && it.id == 1,
        }
    };
    file.attachments.iter().rev().map(line).collect()
}

/// True when the reader may add one now.
pub(super) fn may_add(opened: &Opened) -> bool {
    opened.ticket.check_attach(&opened.caller.actor, &opened.surroundings.place).is_ok()
}

/// Attach a photo or a paper; the same form sent again attaches nothing more.
#[utoipa::path(post, path = "/desk/tickets/{number}/attachments", tag = "pages", params(("number" = String, Path)),
    responses((status = 303, description = "Attached"), (status = 422, description = "The page says what to mend")))]
pub async fn add(
    app: web::Data<App>,
    request: HttpRequest,
    number: web::Path<String>,
    form: SentFile,
) -> Result<HttpResponse, Turned> {
    let opened = desk::open(&app, &form.caller, &number, None, "").await?;
    opened.allow(Permission::Note)?;
    let (sent, upload) = form.receive(&app).await?;
    let key = Some(sent.text("key").to_owned()).filter(|it| it.len() >= 16);
    let result = match upload {
        Some(upload) => {
            let frame = Frame::left(&app, &sent.caller, &request).await?;
            let upload = Upload { name: named(&frame, sent.text("what"), upload.name), ..upload };
            attachments::attach(&app, opened.clone(), upload, key).await.map(drop)
        }
        None => Err(Refusal::field("file", "请先选一个文件。 Choose a file first.").into()),
    };
    match result {
        Ok(()) => Ok(back(&sent, &opened, "attached")),
        Err(error) => refused(&app, &request, &opened, sent, None, error).await,
    }
}

/// What a photo is called: before or after the work, where that was said; else as its sender called it.
fn named(frame: &Frame, what: &str, given: String) -> String {
    if ["before", "after"].contains(&what) { frame.say(&format!("files.{what}")) } else { given }
}

/// A file, to be saved or shown on the ticket's page.
#[utoipa::path(get, path = "/desk/tickets/{number}/attachments/{id}", tag = "pages",
    params(("number" = String, Path), ("id" = u32, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn whole(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    hand_out(&app, &caller, &request, path.into_inner(), Part::Whole).await
}

/// The small picture of a photo.
#[utoipa::path(get, path = "/desk/tickets/{number}/attachments/{id}/thumbnail", tag = "pages",
    params(("number" = String, Path), ("id" = u32, Path)),
    responses((status = 200, description = "A JPEG", content_type = "image/jpeg", body = Vec<u8>)))]
pub async fn thumbnail(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Turned> {
    hand_out(&app, &caller, &request, path.into_inner(), Part::Thumbnail).await
}

async fn hand_out(
    app: &App,
    caller: &PageCaller,
    request: &HttpRequest,
    (number, id): (String, String),
    part: Part,
) -> Result<HttpResponse, Turned> {
    let opened = desk::open(app, caller, &number, None, "").await?;
    Ok(download(attachments::open(app, &opened, id_of(&id)?, part).await?, request, part))
}
