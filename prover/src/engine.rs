//! What makes batch proofs: the processor, or an NVIDIA GPU in a build with the feature `cuda`. Keys,
//! proofs and verification are the same.

use std::fmt;
use std::str::FromStr;

/// What batch proofs are made with. [`EngineChoice::select`] gives one that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Engine {
    /// The processor (`subrosa-plonk`).
    #[default]
    Cpu,
    /// The first GPU (`halo2-axiom-gpu`).
    #[cfg(feature = "cuda")]
    Cuda,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "cuda")]
            Self::Cuda => "cuda",
        })
    }
}

/// What a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The GPU if there is one, the processor otherwise.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The GPU or nothing.
    Cuda,
}

/// The engine that was asked for is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The feature is off.
    #[error("this build has no CUDA engine (build with `--features cuda`)")]
    NotBuilt,
    /// The feature is on, but CUDA finds no device.
    #[error("no CUDA device: {0}")]
    NoDevice(String),
}

/// Not the name of an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no engine: auto, cpu or cuda")]
pub struct UnknownEngine(String);

impl FromStr for EngineChoice {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(UnknownEngine(other.to_owned())),
        }
    }
}

impl EngineChoice {
    /// The engine to prove with. Where [`EngineChoice::Auto`] finds no GPU, the log says why.
    ///
    /// # Errors
    /// [`Unavailable`] if the GPU was asked for and is not there.
    pub fn select(self) -> Result<Engine, Unavailable> {
        match self {
            Self::Cpu => Ok(Engine::Cpu),
            Self::Cuda => cuda(),
            Self::Auto => Ok(cuda().unwrap_or_else(|reason| {
                match &reason {
                    Unavailable::NotBuilt => {
                        tracing::debug!(%reason, "batch proofs on the processor")
                    }
                    Unavailable::NoDevice(_) => {
                        tracing::warn!(%reason, "batch proofs on the processor")
                    }
                }
                Engine::Cpu
            })),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Engine, Unavailable> {
    let device = crate::halo2::gpu::device().map_err(Unavailable::NoDevice)?;
    tracing::info!(device, "batch proofs on the GPU");
    Ok(Engine::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Engine, Unavailable> {
    Err(Unavailable::NotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_by_name() {
        assert_eq!("auto".parse(), Ok(EngineChoice::Auto));
        assert_eq!("cpu".parse(), Ok(EngineChoice::Cpu));
        assert_eq!("cuda".parse(), Ok(EngineChoice::Cuda));
        let error = "CUDA".parse::<EngineChoice>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"CUDA\" is no engine: auto, cpu or cuda"
        );
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn without_the_feature_there_is_the_processor_alone() {
        assert_eq!(EngineChoice::Cpu.select(), Ok(Engine::Cpu));
        assert_eq!(EngineChoice::Auto.select(), Ok(Engine::Cpu));
        let error = EngineChoice::Cuda.select().unwrap_err();
        assert_eq!(error, Unavailable::NotBuilt);
        assert!(error.to_string().contains("--features cuda"));
    }
}
