//! The installation's secret: one key file outside the database, and the keys derived from it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

use crate::domain::chain::{SealKey, hex};

/// What a key file starts with; the master key follows as 64 hexadecimal digits.
const HEADER: &str = "red-mailbox-key:v1:";
/// A key file is a line; whatever is longer is something else.
const FILE_BYTES_MAX: u64 = 256;

/// Every key the product uses, each derived from the master under a label of its own.
#[derive(Clone)]
pub struct Keys {
    /// Names the key file without giving it away: 16 hexadecimal digits.
    pub id: String,
    /// Seals the heads of the trail.
    pub seal: SealKey,
    /// Makes receipt codes and slip codes.
    pub receipt: [u8; 32],
    /// Makes the search index over phone numbers.
    pub phone: [u8; 32],
    /// Signs access tokens.
    pub token: [u8; 32],
    /// Hides one-time-code secrets at rest.
    pub totp: [u8; 32],
    /// Signs list cursors.
    pub cursor: [u8; 32],
    /// Seals what a form encloses, and passes to read one file.
    pub enclosure: [u8; 32],
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("could not read key file: {path}: {cause}")]
    Read { path: PathBuf, cause: io::Error },
    #[error("could not make key file: {path}: {cause}")]
    Make { path: PathBuf, cause: io::Error },
    #[error(
        "could not use key file: others may read it: {path} has mode {mode:03o}\nhint: chmod 600 {path}, and make sure that nobody has copied it"
    )]
    Open { path: PathBuf, mode: u32 },
    #[error(
        "could not use key file: it is no red-mailbox key: {path}\nhint: restore the right file; without it the trail cannot be verified"
    )]
    Broken { path: PathBuf },
}

impl Keys {
    /// Derives every key from the master key.
    pub fn derive(master: &[u8; 32]) -> Self {
        let id = hex(&derived(master, "id")[..8]);
        Self {
            seal: SealKey::new(id.clone(), derived(master, "seal")),
            id,
            receipt: derived(master, "receipt"),
            phone: derived(master, "phone"),
            token: derived(master, "token"),
            totp: derived(master, "totp"),
            cursor: derived(master, "cursor"),
            enclosure: derived(master, "enclosure"),
        }
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// `Read` when it cannot be read or is not there, `Open` when others may read it, `Broken` when it
    /// holds no key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let read = |cause| KeyError::Read { path: path.to_path_buf(), cause };
        let file = File::open(path).map_err(read)?;
        let mode = file.metadata().map_err(read)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_path_buf(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(read)?;
        let master = text.trim().strip_prefix(HEADER).and_then(bytes_of_hex);
        master.map(|it| Self::derive(&it)).ok_or_else(|| KeyError::Broken { path: path.to_path_buf() })
    }

    /// Reads the key file, or makes it when there is none. An existing file is never overwritten.
    ///
    /// # Errors
    /// As `load`, and `Make` when the file cannot be written.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        match Self::load(path) {
            Err(KeyError::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                make(path).map_err(|cause| KeyError::Make { path: path.to_path_buf(), cause })?;
                Self::load(path)
            }
            loaded => loaded,
        }
    }
}

/// HMAC-SHA256 of the label under the master key: independent keys from one secret.
fn derived(master: &[u8; 32], label: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(master).expect("HMAC takes keys of every length");
    mac.update(b"red-mailbox/1/");
    mac.update(label.as_bytes());
    mac.finalize().into_bytes().into()
}

fn bytes_of_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Writes a new key under a temporary name and links it into place, which fails over an existing file.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let master: [u8; 32] = rand::random();
    let hex = hex(&master);
    let part = folder.join(format!(".red-mailbox.key.{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let linked = file
        .write_all(format!("{HEADER}{hex}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&part, path) {
            // Another process was faster: its key is the one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&part)?;
    linked?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/red-mailbox.key");

        let made = Keys::load_or_make(&path).expect("made");
        let read = Keys::load_or_make(&path).expect("read");

        assert_eq!(made.token, read.token);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("listed").count(), 1);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("red-mailbox.key");
        Keys::load_or_make(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("changed");

        let refused = Keys::load_or_make(&path).expect_err("refused").to_string();

        assert!(refused.contains("mode 640") && refused.contains("hint: chmod 600"), "{refused}");
    }

    #[test]
    fn a_broken_key_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("red-mailbox.key");
        fs::write(&path, "not a key").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");

        assert!(matches!(Keys::load_or_make(&path), Err(KeyError::Broken { .. })));
        assert_eq!(fs::read_to_string(&path).expect("read"), "not a key");
    }

    #[test]
    fn debug_prints_only_the_id() {
        let keys = Keys::derive(&[7; 32]);

        assert_eq!(format!("{keys:?}"), format!("Keys({})", keys.id));
    }
}
