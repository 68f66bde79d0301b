//! A folder of checkpoints. A reorganisation can remove the block of the newest, so that older ones
//! are kept as well.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use subrosa_l1::{Block, L1Error, Tag};
use subrosa_protocol::Fr;
use tempfile::NamedTempFile;

use crate::{
    checkpoint::{Checkpoint, CheckpointError},
    derivation::Derivation,
    source::Source,
};

/// End of a checkpoint's file name.
const SUFFIX: &str = ".checkpoint";
/// Newest checkpoints that are kept.
const NEWEST: usize = 2;
/// Spacings, in blocks, of older checkpoints: one is kept between one and two spacings behind the
/// newest, if there is one.
const SPACINGS: [u64; 3] = [64, 1_024, 16_384];

/// Failure of the folder.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk.
    #[error("the checkpoint {file}: {source}")]
    Disk {
        /// The file or folder.
        file: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A checkpoint cannot be made.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// L1 did not tell whether a checkpoint's block still exists.
    #[error(transparent)]
    L1(#[from] L1Error),
}

/// A folder of checkpoints.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    directory: PathBuf,
}

impl Checkpoints {
    /// Opens the folder, and makes it if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(|source| disk(directory, source))?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// Writes a checkpoint and removes those that are no longer needed. After a crash the folder
    /// holds it completely or not at all.
    ///
    /// # Errors
    /// [`StoreError::Disk`].
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let name = checkpoint.name();
        let file = self.directory.join(format!("{name}{SUFFIX}"));
        let write = || {
            let mut out = NamedTempFile::new_in(&self.directory)?;
            out.write_all(&checkpoint.bytes)?;
            out.as_file().sync_all()?;
            out.persist(&file)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| disk(&file, source))?;
        self.prune()
    }

    /// Returns the checkpoints' files and block numbers, newest first.
    fn files(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let failed = |source| disk(&self.directory, source);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.and_then(|name| name.strip_suffix(SUFFIX)) else {
                continue;
            };
            let number = name.split('-').next().and_then(|n| n.parse().ok());
            if let Some(number) = number {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        files.reverse();
        Ok(files)
    }

    fn prune(&self) -> Result<(), StoreError> {
        let files = self.files()?;
        let numbers: Vec<u64> = files.iter().map(|(number, _)| *number).collect();
        let kept = kept(&numbers);
        for (place, (_, path)) in files.iter().enumerate() {
            if !kept.contains(&place) {
                fs::remove_file(path).map_err(|source| disk(path, source))?;
            }
        }
        Ok(())
    }

    /// Returns the newest checkpoint of this deployment whose block is still on L1, not beyond
    /// `target`. Damaged ones and those of replaced blocks are removed; `None` if none is left.
    ///
    /// # Errors
    /// [`StoreError`] if disk or L1 do not answer. Nothing is removed then.
    pub async fn newest(
        &self,
        source: &impl Source,
        context: &Fr,
        target: Option<&Block>,
    ) -> Result<Option<Derivation>, StoreError> {
        for (number, path) in self.files()? {
            if target.is_some_and(|target| target.number < number) {
                continue;
            }
            let bytes = fs::read(&path).map_err(|source| disk(&path, source))?;
            let found = match Derivation::from_checkpoint(&bytes, context) {
                // A newer program may come back to it, another deployment's owner wants it.
                Err(CheckpointError::Version(_) | CheckpointError::Context) => continue,
                Err(_) => None,
                Ok(derivation) => {
                    let block = source.block(Tag::Number(number)).await?;
                    let Some(block) = block else {
                        // The endpoint is behind: that says nothing about the checkpoint.
                        continue;
                    };
                    (derivation.through() == Some(&block)).then_some(derivation)
                }
            };
            if found.is_some() {
                return Ok(found);
            }
            fs::remove_file(&path).map_err(|source| disk(&path, source))?;
        }
        Ok(None)
    }
}

/// Returns the places that are kept of checkpoints at these blocks, newest first.
fn kept(numbers: &[u64]) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..numbers.len().min(NEWEST)).collect();
    for spacing in SPACINGS {
        let mut cells: Vec<u64> = numbers.iter().map(|number| number / spacing).collect();
        cells.dedup();
        // The first of its cell stays while the cell is one of the two newest: no later checkpoint
        // takes its place.
        for cell in cells.into_iter().take(2) {
            kept.extend(numbers.iter().rposition(|number| number / spacing == cell));
        }
    }
    kept
}

fn disk(file: &Path, source: io::Error) -> StoreError {
    StoreError::Disk {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn a_few_checkpoints_reach_far_back() {
        assert!(kept(&[]).is_empty());
        // One checkpoint a block, thinned out each time as the store does.
        let mut numbers: Vec<u64> = Vec::new();
        for newest in 0..40_000 {
            numbers.insert(0, newest);
            let keep = kept(&numbers);
            let all = numbers.into_iter().enumerate();
            let left = all.filter(|(place, _)| keep.contains(place));
            numbers = left.map(|(_, number)| number).collect();
            assert!(numbers.len() <= 8, "{numbers:?}");
            for spacing in [64, 1_024, 16_384] {
                let reach = spacing..2 * spacing;
                let reached = numbers.iter().any(|n| reach.contains(&(newest - n)));
                assert!(reached || newest < 2 * spacing, "{spacing}: {numbers:?}");
            }
        }
        assert_eq!(numbers[..2], [39_999, 39_998]);
    }
}
