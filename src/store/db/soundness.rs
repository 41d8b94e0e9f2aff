//! After an unclean stop the whole SQLite file is looked over, beside the work.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::StoreError;
use super::link::{Door, Purpose};
use super::lite::LiteDoor;

/// What is known of the database's file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Soundness {
    /// It was closed in order, or is the server's to look after.
    Unquestioned,
    /// It was not closed in order, and is being looked over now.
    BeingChecked,
    /// It was looked over and is as it should be.
    Sound,
    /// It is damaged; the words are for operators.
    Damaged(String),
}

/// Keeps the mark that says the file is being served; one that is still there at the next start tells that
/// the stop was unclean. The log would not tell: any command that opens the file in between brings it in.
pub(super) struct Watch {
    door: Arc<Door>,
    /// The mark this process has made.
    mark: Mutex<Option<PathBuf>>,
    found: Mutex<Soundness>,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

impl Watch {
    pub(super) fn new(door: Arc<Door>) -> Self {
        Self { door, mark: Mutex::default(), found: Mutex::new(Soundness::Unquestioned) }
    }

    pub(super) fn found(&self) -> Soundness {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Marks the file as served, and has it looked over if the mark was there already.
    pub(super) fn begin(self: &Arc<Self>) -> Result<(), StoreError> {
        let Door::Lite(door) = &*self.door else { return Ok(()) };
        let mark = door.mark();
        let is_left_over = mark.exists();
        let failed =
            |what: &str, error: std::io::Error| StoreError::Unavailable(format!("could not {what}: {error}"));
        if is_left_over {
            self.find(Soundness::BeingChecked);
            let watch = Arc::clone(self);
            // It is not waited for: a stop while it runs leaves the mark, and the next start looks again.
            std::thread::Builder::new()
                .name("store-check".to_owned())
                .spawn(move || watch.look_over())
                .map_err(|error| failed("start a thread", error))?;
        } else {
            File::create(&mark).map_err(|error| failed(&format!("make {}", mark.display()), error))?;
        }
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
        Ok(())
    }

    /// The file was closed in order. One that is damaged or not looked over yet stays marked.
    pub(super) fn end(&self) {
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mark) = mark
            && matches!(self.found(), Soundness::Unquestioned | Soundness::Sound)
            && let Err(error) = std::fs::remove_file(&mark)
        {
            tracing::warn!(%error, "could not remove {}", mark.display());
        }
    }

    fn look_over(&self) {
        let Door::Lite(door) = &*self.door else { return };
        tracing::warn!("the server was not stopped in order; the database is being checked beside the work");
        match check(door) {
            Ok(()) => {
                tracing::info!("the database is sound");
                self.find(Soundness::Sound);
            }
            Err(words) => {
                tracing::error!(
                    "the database is damaged: {words}; hint: stop the server, keep a copy of the folder, and put the last backup back"
                );
                self.find(Soundness::Damaged(words));
            }
        }
    }

    fn find(&self, found: Soundness) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// Reads every page once; an index is not compared with its table row by row, which takes far longer.
fn check(door: &LiteDoor) -> Result<(), String> {
    let mut conn = door.connect(Purpose::Read).map_err(|fault| fault.to_string())?;
    let lines: Vec<Line> = diesel::sql_query("PRAGMA quick_check(5)")
        .load(&mut conn)
        .map_err(|error| StoreError::from(error).to_string())?;
    let wrong: Vec<&str> = lines.iter().map(|it| it.quick_check.as_str()).filter(|it| *it != "ok").collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
