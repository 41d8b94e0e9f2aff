//! Bringing the application up: folder, key, database.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use super::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::keys::{KeyError, Keys};
use crate::store::{Store, StoreError, StoreSettings};

/// Why the application did not come up, in words for operators.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("could not make data folder: {0}: {1}\nhint: make it, or choose another with --data-dir")]
    Folder(String, std::io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("could not open database: {0}")]
    Store(#[from] StoreError),
}

/// Opens everything; makes the folder, the key and the embedded database on the first start, and
/// migrates the database. A fresh database gets the starter categories. Blocks.
///
/// # Errors
/// `StartError` naming what could not be opened and how to mend it.
pub fn open(settings: Settings, clock: Clock) -> Result<App, StartError> {
    make_folder(&settings.data_dir)?;
    let keys = Keys::load_or_make(&settings.key_file)?;
    let store = Store::open(&store_settings(&settings))?;
    super::setup::ensure_seeded(&store, &keys, clock.now())?;
    Ok(App { store, clock, keys: Arc::new(keys), settings: Arc::new(settings) })
}

/// Brings the database up to date and does nothing else. Blocks.
///
/// # Errors
/// `StartError` when the folder or the database cannot be used.
pub fn migrate(settings: &Settings) -> Result<(), StartError> {
    make_folder(&settings.data_dir)?;
    Ok(crate::store::migrate::prepare(&store_settings(settings))?)
}

/// The store's part of the settings.
pub fn store_settings(settings: &Settings) -> StoreSettings {
    StoreSettings {
        migrate_url: settings.migrate_url.clone(),
        readers: settings.readers,
        queue_max: settings.queue_max,
        ..StoreSettings::new(&settings.database_url)
    }
}

/// Makes the folder for its owner only; an existing one is left as it is.
fn make_folder(path: &Path) -> Result<(), StartError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| StartError::Folder(path.display().to_string(), cause))
}
