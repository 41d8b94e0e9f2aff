//! The storage room: files under names the server makes, put, opened and deleted; a bucket can stand here later.
//!
//! A file is written under a temporary name, synced, renamed, and its folder synced, before any row names it. From
//! before the rename until after the commit a mark lies in `pending`, so that what a crash left without a row is found.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::db::StoreError;
use crate::domain::chain::hex;
use crate::domain::value::At;

/// What the name of a file's small picture ends with.
const THUMBNAIL: &str = ".thumbnail";
/// What ends the name of a file that is being written.
const PART: &str = ".part";
/// Marks looked at in one sweep; the rest wait for the next.
const SWEPT_MAX: usize = 1_000;
/// Bytes read at once for a hash.
const READ_BYTES: usize = 64 * 1024;

/// The room in one folder. Cheap to make.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

/// A file that a row speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The ticket or collection whose attachment it is.
    pub of: i64,
    /// The ticket's number.
    pub number: Option<String>,
    pub id: i64,
    pub file: String,
    pub sha256: String,
    pub thumbnail_sha256: Option<String>,
}

/// A file of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    Thumbnail,
}

impl Part {
    fn ending(self) -> &'static str {
        match self {
            Part::Whole => "",
            Part::Thumbnail => THUMBNAIL,
        }
    }
}

/// A file that is arriving: bytes of an upload that nobody has looked at yet. It goes when this is dropped.
#[derive(Debug)]
pub struct Arriving {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    n_bytes: u64,
}

impl Files {
    /// The room in the data folder.
    pub fn in_data_folder(folder: &Path) -> Self {
        Self { folder: folder.join("attachments") }
    }

    /// A name for a new file: when it was made, so that an old mark is known, and chance.
    pub fn new_name(now: At) -> String {
        let seconds = now.micros().div_euclid(1_000_000);
        format!("{seconds:010x}{:032x}", rand::random::<u128>())
    }

    /// When the file with `name` was made; None for what is no name of ours.
    fn made_at(name: &str) -> Option<At> {
        let is_ours = name.len() == 42 && name.bytes().all(|it| it.is_ascii_hexdigit());
        let seconds = i64::from_str_radix(name.get(..10).filter(|_| is_ours)?, 16).ok()?;
        Some(At::from_micros(seconds.checked_mul(1_000_000)?))
    }

    /// Begins to take in a file of unknown worth.
    ///
    /// # Errors
    /// Unavailable when the disk does not take it.
    pub fn arrive(&self, now: At) -> Result<Arriving, StoreError> {
        let path = self.pending().join(format!("{}{PART}", Self::new_name(now)));
        let file = make_folder(&self.pending()).and_then(|()| new_file(&path)).map_err(unavailable)?;
        Ok(Arriving { path, file, hasher: Sha256::new(), n_bytes: 0 })
    }

    /// Keeps a file and, if there is one, its small picture; both are on the disk when this returns.
    ///
    /// Until [`Files::settle`] it counts as one that no row may name.
    ///
    /// # Errors
    /// Unavailable when the disk does not take it; then nothing is kept.
    pub fn put(&self, name: &str, bytes: &[u8], thumbnail: Option<&[u8]>) -> Result<(), StoreError> {
        self.try_put(name, bytes, thumbnail).map_err(|cause| {
            self.delete(name);
            unavailable(cause)
        })
    }

    fn try_put(&self, name: &str, bytes: &[u8], thumbnail: Option<&[u8]>) -> io::Result<()> {
        let folder = self.folder_of(name);
        make_folder(&self.pending())?;
        make_folder(&folder)?;
        new_file(&self.pending().join(name))?.sync_all()?;
        sync_folder(&self.pending())?;
        for (part, bytes) in [(Part::Whole, Some(bytes)), (Part::Thumbnail, thumbnail)] {
            let Some(bytes) = bytes else { continue };
            let path = self.path(name, part);
            let temporary = self.pending().join(format!("{name}{}{PART}", part.ending()));
            let mut file = new_file(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)?;
        }
        sync_folder(&folder)?;
        sync_folder(&self.folder)
    }

    /// The row that names the file was committed.
    pub fn settle(&self, name: &str) {
        // A mark that stays is looked at by the sweep, which finds the row.
        drop(std::fs::remove_file(self.pending().join(name)));
    }

    /// True while a file waits to be named by a row.
    pub fn waits(&self, name: &str) -> bool {
        Self::made_at(name).is_some() && self.pending().join(name).exists()
    }

    /// True when `n_max` files or more wait to be named, or are arriving.
    ///
    /// # Errors
    /// Unavailable when the folder cannot be read.
    pub fn is_crowded(&self, n_max: usize) -> Result<bool, StoreError> {
        match std::fs::read_dir(self.pending()) {
            Ok(entries) => Ok(entries.take(n_max).count() >= n_max),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(unavailable(cause)),
        }
    }

    /// Marks a file that is about to lose its row: should nobody delete it, it is found as one without a row.
    ///
    /// # Errors
    /// Unavailable when the disk does not take it.
    pub fn mark(&self, name: &str) -> Result<(), StoreError> {
        if Self::made_at(name).is_none() {
            return Ok(());
        }
        let marked =
            make_folder(&self.pending()).and_then(|()| new_file(&self.pending().join(name))?.sync_all());
        marked.and_then(|()| sync_folder(&self.pending())).map_err(unavailable)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// `NotFound` when it is not there, Unavailable when it cannot be read.
    pub fn open(&self, name: &str, part: Part) -> Result<Vec<u8>, StoreError> {
        std::fs::read(self.path(name, part)).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound,
            _ => unavailable(cause),
        })
    }

    /// The SHA-256 of a file, in hexadecimal; None when it is not there.
    ///
    /// # Errors
    /// Unavailable when it cannot be read.
    pub fn hash(&self, name: &str, part: Part) -> Result<Option<String>, StoreError> {
        let mut file = match File::open(self.path(name, part)) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(unavailable(cause)),
        };
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; READ_BYTES]);
        loop {
            match file.read(&mut buffer).map_err(unavailable)? {
                0 => return Ok(Some(hex(&hasher.finalize()))),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// Takes a file away, with its small picture and its mark. What is not there is no fault.
    pub fn delete(&self, name: &str) {
        for part in [Part::Whole, Part::Thumbnail] {
            drop(std::fs::remove_file(self.path(name, part)));
        }
        self.settle(name);
    }

    /// Names of files put before `before` of which no commit was told, at most a thousand. What was only arriving
    /// then is deleted here.
    ///
    /// # Errors
    /// Unavailable when the folder cannot be read.
    pub fn unsettled(&self, before: At) -> Result<Vec<String>, StoreError> {
        let entries = match std::fs::read_dir(self.pending()) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(unavailable(cause)),
        };
        let mut names = Vec::new();
        for entry in entries.take(SWEPT_MAX) {
            let entry = entry.map_err(unavailable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let part = name.strip_suffix(PART);
            let bare = part.map(|it| it.strip_suffix(THUMBNAIL).unwrap_or(it));
            if Self::made_at(bare.unwrap_or(&name)).is_none_or(|it| it >= before) {
                continue;
            }
            match part {
                Some(_) => drop(std::fs::remove_file(entry.path())),
                None => names.push(name),
            }
        }
        Ok(names)
    }

    fn pending(&self) -> PathBuf {
        self.folder.join("pending")
    }

    /// Files lie in folders by the end of their names, which is chance.
    fn folder_of(&self, name: &str) -> PathBuf {
        self.folder.join(name.get(name.len().saturating_sub(2)..).unwrap_or("00"))
    }

    fn path(&self, name: &str, part: Part) -> PathBuf {
        // A name that is none of ours leads nowhere.
        let name = Self::made_at(name).map_or("none", |_| name);
        self.folder_of(name).join(format!("{name}{}", part.ending()))
    }
}

impl Arriving {
    /// Takes in some more bytes.
    ///
    /// # Errors
    /// Unavailable when the disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.n_bytes += bytes.len() as u64;
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(unavailable)
    }

    /// Bytes so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The SHA-256 of the bytes so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.hasher.clone().finalize().into()
    }

    /// Every byte.
    ///
    /// # Errors
    /// Unavailable when they cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, StoreError> {
        std::fs::read(&self.path).map_err(unavailable)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // What stays is deleted by the sweep.
        drop(std::fs::remove_file(&self.path));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn unavailable(cause: io::Error) -> StoreError {
    StoreError::Unavailable(format!("could not use the folder of attachments: {}", cause.kind()))
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
