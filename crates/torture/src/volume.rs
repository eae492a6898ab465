//! A small file system for the store alone, so that it can be full without harm to anyone else.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::process;

const GIB: u64 = 1 << 30;
/// What a file system in memory may take.
const MOST_MEMORY: u64 = 2 * GIB;

/// Where the store is. It is unmounted when dropped.
#[derive(Debug)]
pub struct Volume {
    folder: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An ext4 image, mounted through a loop device.
    Image,
    /// A file system in memory: nothing survives a power cut there, but it can be full.
    Memory,
    /// A folder of the machine's own disk: nothing can be mounted here.
    Folder,
}

impl Volume {
    /// Makes it below `work`, of `size` GiB.
    ///
    /// # Errors
    /// When not even a folder can be made.
    pub async fn create(work: &Path, size: u64) -> Result<Self, String> {
        let (folder, image) = (work.join("volume"), work.join("volume.img"));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let kind = if mount_image(&image, &folder, size).await.is_ok() {
            Kind::Image
        } else if mount_memory(&folder, (size * GIB).min(MOST_MEMORY)).await.is_ok() {
            Kind::Memory
        } else {
            Kind::Folder
        };
        Ok(Self { folder, kind })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// In words.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        match self.kind {
            Kind::Image => "an ext4 file system of its own",
            Kind::Memory => "a file system in memory of its own",
            Kind::Folder => "a folder: nothing can be mounted here",
        }
    }

    /// It can be filled up.
    #[must_use]
    pub fn can_be_full(&self) -> bool {
        self.kind != Kind::Folder
    }

    /// Leaves no byte free.
    ///
    /// # Errors
    /// When that does not work.
    pub async fn fill(&self) -> Result<(), String> {
        // What is free shrinks while it is being taken: once more for the rest.
        for number in 0..3 {
            let shown = process::run(
                tokio::process::Command::new("df").args(["--output=avail", "-B1"]).arg(&self.folder),
            )
            .await?;
            let free: u64 = shown.lines().nth(1).and_then(|line| line.trim().parse().ok()).unwrap_or(0);
            let free = free / 4096 * 4096;
            if free == 0 {
                break;
            }
            let ballast = self.folder.join(format!("ballast{number}"));
            let mut allocate = tokio::process::Command::new("fallocate");
            allocate.args(["--length", &free.to_string()]).arg(ballast);
            drop(process::run(&mut allocate).await);
        }
        Ok(())
    }

    /// Gives the room back.
    pub async fn relieve(&self) {
        for number in 0..3 {
            drop(tokio::fs::remove_file(self.folder.join(format!("ballast{number}"))).await);
        }
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.kind == Kind::Folder {
            return;
        }
        let unmount = |options: &[&str]| {
            let mut umount = Command::new("umount");
            umount.args(options).arg(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
            umount.status().is_ok_and(|status| status.success())
        };
        // A process that is on its way out may still have a file open.
        if !unmount(&[]) {
            unmount(&["--lazy"]);
        }
    }
}

async fn mount_image(image: &Path, folder: &Path, size: u64) -> Result<(), String> {
    let file =
        std::fs::File::create(image).map_err(|error| format!("cannot make {}: {error}", image.display()))?;
    // Sparse: it takes what is written.
    file.set_len(size * GIB).map_err(|error| format!("cannot make {}: {error}", image.display()))?;
    drop(file);
    let mut make = tokio::process::Command::new("mkfs.ext4");
    // No blocks are reserved for root: full is full for everyone.
    process::run(make.args(["-q", "-m", "0"]).arg(image)).await?;
    let mut mount = tokio::process::Command::new("mount");
    process::run(mount.args(["-o", "loop"]).arg(image).arg(folder)).await.map(drop).inspect_err(|_| {
        drop(std::fs::remove_file(image));
    })
}

async fn mount_memory(folder: &Path, size: u64) -> Result<(), String> {
    let mut mount = tokio::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
    process::run(&mut mount).await.map(drop)
}
