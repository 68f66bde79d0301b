//! The progress of the pipeline's stages.

/// Index of the next batch of each stage. All batches below it have passed the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Next batch to seal.
    pub(crate) seal: u64,
    /// Next batch to prove.
    pub(crate) prove: u64,
    /// Next batch to settle.
    pub(crate) settle: u64,
}

impl Cursor {
    /// Returns the number of sealed batches that have not settled.
    pub(crate) fn unsettled(&self) -> u64 {
        self.seal - self.settle
    }
}
