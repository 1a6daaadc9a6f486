//! Detects the file system of a checkpoint, and whether locks and the WAL work on it.
//!
//! SQLite's write-ahead log needs shared memory and thus a single host (SQLite
//! documentation, "Write-Ahead Logging"). On network file systems `flock` is often
//! local to a host, or does nothing.

use std::path::{Path, PathBuf};

use crate::ledger::paths::real_place;

/// How reliable locks are on a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Only this host writes to it.
    Local,
    /// Other hosts can write it at the same time.
    Network(String),
    /// It is shared with another system on the same machine, or a FUSE file system:
    /// locks may not work.
    Doubtful(String),
}

/// Network and cluster file systems, by the kernel's names.
const NETWORK: [&str; 26] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.ceph",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "fuse.smbnetfs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs3",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "fuse.goofys",
];

/// File systems that share folders between a host and its guests, or between systems.
const PASSED_IN: [&str; 6] = ["virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "fuseblk"];

/// How reliable the file system of the file at `real` is.
pub(super) fn trust_in(real: &Path) -> Trust {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    trust(&table, real)
}

/// The warning about the file system of the checkpoint at `path`, if any.
pub fn warning(path: &Path) -> Option<String> {
    let Trust::Doubtful(kind) = trust_in(&real_place(path)) else {
        return None;
    };
    Some(format!(
        "checkpoint {} is on a file system ({kind}) on which locks may not hold between systems: see \
         that no other one runs on it, or name one on a local disk with --checkpoint FILE",
        path.display()
    ))
}

/// How reliable the file system of the file at `path` is. `path` has no links;
/// `mountinfo` is the content of `/proc/self/mountinfo` (proc(5)).
fn trust(mountinfo: &str, path: &Path) -> Trust {
    let kind = kind_of(mountinfo, path).unwrap_or_default();
    // 9p does not count as a network file system: WSL mounts Windows' disks with it.
    if NETWORK.contains(&kind) {
        Trust::Network(kind.to_owned())
    } else if kind == "9p" || kind.starts_with("fuse") || PASSED_IN.contains(&kind) {
        Trust::Doubtful(kind.to_owned())
    } else {
        Trust::Local
    }
}

/// The file-system type of the longest mount point that contains `path`; of several
/// mounts on one mount point, the last.
fn kind_of<'m>(mountinfo: &'m str, path: &Path) -> Option<&'m str> {
    let mut best = None;
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else {
            continue;
        };
        let point = unescaped(point);
        let depth = point.components().count();
        if path.starts_with(&point) && best.is_none_or(|(most, _)| most <= depth) {
            best = Some((depth, kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Decodes octal escapes: mountinfo writes a space as `\040`.
fn unescaped(point: &str) -> PathBuf {
    let mut text = point.to_owned();
    for (escape, character) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        text = text.replace(escape, character);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::{Trust, trust};

    const TABLE: &str = "\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 21 0:40 / /mnt rw - tmpfs tmpfs rw
31 21 0:41 / /mnt/share rw shared:7 master:2 - nfs4 server:/export rw,vers=4.2
32 21 0:42 / /mnt/our\\040files rw - cifs //server/files rw
33 21 0:43 / /home/me/far rw - fuse.sshfs me@far: rw
34 21 0:44 / /mnt/c rw - 9p drvfs rw
35 21 0:45 / /over rw - nfs server:/a rw
36 21 0:46 / /over rw - ext4 /dev/vdb rw
37 21 0:47 / /made rw - fuse.mergerfs a:b rw
broken line
";

    #[test]
    fn the_file_system_of_a_path_is_that_of_the_longest_mount_point() {
        let network = |kind: &str| Trust::Network(kind.to_owned());
        let doubtful = |kind: &str| Trust::Doubtful(kind.to_owned());
        for (path, wanted) in [
            ("/home/me/run.db", Trust::Local),
            ("/mnt/run.db", Trust::Local),
            ("/mnt/share/run.db", network("nfs4")),
            ("/mnt/shared/run.db", Trust::Local),
            ("/mnt/our files/deep/run.db", network("cifs")),
            ("/home/me/far/run.db", network("fuse.sshfs")),
            ("/mnt/c/run.db", doubtful("9p")),
            ("/made/run.db", doubtful("fuse.mergerfs")),
            ("/over/run.db", Trust::Local),
        ] {
            assert_eq!(trust(TABLE, path.as_ref()), wanted, "{path}");
        }
        assert_eq!(trust("", "/run.db".as_ref()), Trust::Local);
    }
}
