//! Where a SQLite file lies: not on a network file system, where locks and shared memory do not hold.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::StoreError;

/// File systems that the kernel mounts from elsewhere, by the magic number of statfs(2).
const NETWORK: [(u64, &str); 11] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x564c, "ncp"),
];
/// A program's file system: what it is, its name in the table of mounts says.
const FUSE: u64 = 0x6573_5546;
/// Such programs that reach over the network.
const NETWORK_PROGRAMS: [&str; 9] =
    ["sshfs", "rclone", "s3fs", "glusterfs", "davfs", "curlftpfs", "gcsfuse", "juicefs", "ceph-fuse"];

/// Refuses a database at `path` on a network file system, as far as that can be told.
pub(super) fn refuse_network(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = if path.exists() { path } else { folder };
    // What cannot be asked is met again, and told, when the file is opened.
    let (Ok(found), Ok(about)) = (rustix::fs::statfs(place), std::fs::metadata(place)) else { return Ok(()) };
    let device = (rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    match network_name(found.f_type.cast_unsigned(), device, &mounts) {
        None => Ok(()),
        Some(name) => Err(StoreError::Unavailable(format!(
            "{} lies on a network file system ({name}), where SQLite can lose what was acknowledged\n\
             hint: put it on a local disk with --data-dir or --database-url, or use PostgreSQL",
            path.display()
        ))),
    }
}

/// The name of the network file system with this magic number, mounted as `device`; None for a local one.
fn network_name(magic: u64, device: (u32, u32), mounts: &str) -> Option<String> {
    if magic != FUSE {
        return NETWORK.iter().find(|it| it.0 == magic).map(|it| it.1.to_owned());
    }
    let device = format!("{}:{}", device.0, device.1);
    // proc(5): id, parent, major:minor, root, mount point, options, …, "-", type, source, options.
    let mount = mounts.lines().find(|it| it.split(' ').nth(2) == Some(device.as_str()))?;
    let kind = mount.split_once(" - ")?.1.split(' ').next()?;
    let program = kind.strip_prefix("fuse.")?;
    NETWORK_PROGRAMS.contains(&program).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
        61 22 0:51 / /srv/far rw,nosuid shared:1 - fuse.sshfs clerk@far:/ rw,user_id=0\n\
        62 22 0:52 / /srv/near rw,nosuid - fuse.mergerfs disks rw\n\
        63 22 0:53 / /srv/usb rw,nosuid - fuseblk /dev/sdb1 rw\n";

    #[test]
    fn what_comes_over_the_network_is_known_by_its_number() {
        for (magic, name) in
            [(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0xfe53_4d42, "smb2"), (0x0102_1997, "9p")]
        {
            assert_eq!(network_name(magic, (0, 40), MOUNTS).as_deref(), Some(name));
        }
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x2fc1_2fc1, 0x794c_7630] {
            assert_eq!(network_name(local, (254, 0), MOUNTS), None, "{local:x}");
        }
    }

    #[test]
    fn a_programs_file_system_is_known_by_its_name() {
        assert_eq!(network_name(FUSE, (0, 51), MOUNTS).as_deref(), Some("fuse.sshfs"));
        for local in [(0, 52), (0, 53), (0, 99)] {
            assert_eq!(network_name(FUSE, local, MOUNTS), None, "{local:?}");
        }
    }

    #[test]
    fn a_local_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();

        assert_eq!(refuse_network(&folder.path().join("red-mailbox.db")), Ok(()));
        assert_eq!(refuse_network(Path::new("red-mailbox.db")), Ok(()));
    }
}
