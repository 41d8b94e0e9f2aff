//! Photos and voice notes of a form: taken in on the page of words, shown there, carried along by name.

use super::answers::ReportForm;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::http::problem::Problem;
use crate::http::upload::PageFile;
use crate::service::enclosures::Enclosures;
use crate::service::{App, Error};

/// An enclosed file as the page shows it.
pub(in crate::http::web) struct Shown {
    /// Where its picture or sound is, for a while.
    pub(in crate::http::web) address: String,
    pub(in crate::http::web) is_photo: bool,
    pub(in crate::http::web) is_voice: bool,
}

impl Shown {
    pub(super) fn all(app: &App, enclosures: &Enclosures) -> Vec<Self> {
        let shown = enclosures.list().iter().map(|it| Self {
            address: format!("/sent/{}", it.pass(app)),
            is_photo: it.media().is_photo(),
            is_voice: it.duration().is_some(),
        });
        shown.collect()
    }
}

/// The form with what it encloses, the files that came with it now among them, and what is wrong with those.
///
/// # Errors
/// Those of the disk and of a server that has too much to do.
pub(super) async fn take_in(
    app: &App,
    mut form: ReportForm,
    files: Vec<PageFile>,
) -> Result<(ReportForm, Vec<FieldFault>), Problem> {
    let mut enclosures = Enclosures::unseal(app, &form.enclosed);
    let mut faults = Vec::new();
    if let Ok(nth) = form.take_out.parse() {
        enclosures.take_out(nth);
    }
    for PageFile { arriving, name } in files {
        let taken = match arriving {
            Some(arriving) => enclosures.lay_by(app, arriving, &name).await,
            None => Err(too_large().into()),
        };
        match taken {
            Ok(()) => {}
            Err(Error::Refusal(Refusal::Invalid(wrong))) => faults.extend(wrong.0),
            Err(error) => return Err(error.into()),
        }
    }
    form.enclosed = enclosures.seal(app);
    form.enclosures = enclosures;
    Ok((form, faults))
}

/// What is said of a file that is too large.
pub(in crate::http::web) fn too_large() -> Refusal {
    Refusal::field(
        "file",
        "这个文件太大，每个最多 20 MB。请缩小或分几段再试。 This file is too large, 20 MB each at most; make it smaller, or send it in parts.",
    )
}
