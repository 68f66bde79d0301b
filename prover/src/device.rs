//! The device that makes batch proofs: the processor, or an NVIDIA GPU in a build with the feature
//! `cuda`. Keys, proofs and verification do not depend on it.

use std::fmt;
use std::str::FromStr;

/// The device that makes batch proofs. [`DeviceChoice::select`] returns one that is present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// The processor (`subrosa-plonk`).
    #[default]
    Cpu,
    /// The first GPU (`halo2-axiom-gpu`).
    #[cfg(feature = "cuda")]
    Cuda,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "cuda")]
            Self::Cuda => "cuda",
        })
    }
}

/// The device that a user asks for.
///
/// ```
/// use subrosa_prover::device::{Device, DeviceChoice};
///
/// let choice: DeviceChoice = "cpu".parse()?;
/// assert_eq!(choice.select(), Ok(Device::Cpu));
/// # Ok::<(), subrosa_prover::device::UnknownDevice>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The GPU if one is present, the processor otherwise.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The GPU; an error if none is present.
    Cuda,
}

/// Why the requested device cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The feature is off.
    #[error("this build cannot use a GPU (build with `--features cuda`)")]
    NotBuilt,
    /// The feature is on, but CUDA finds no device.
    #[error("no CUDA device: {0}")]
    NoDevice(String),
}

/// The text does not name a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown device {0:?}: use auto, cpu or cuda")]
pub struct UnknownDevice(String);

impl FromStr for DeviceChoice {
    type Err = UnknownDevice;

    fn from_str(text: &str) -> Result<Self, UnknownDevice> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            other => Err(UnknownDevice(other.to_owned())),
        }
    }
}

impl DeviceChoice {
    /// Returns the device to prove with. If [`DeviceChoice::Auto`] finds no GPU, the log says why.
    ///
    /// # Errors
    /// [`Unavailable`] if [`DeviceChoice::Cuda`] finds no GPU.
    pub fn select(self) -> Result<Device, Unavailable> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda => cuda(),
            Self::Auto => Ok(cuda().unwrap_or_else(|reason| {
                match &reason {
                    Unavailable::NotBuilt => {
                        tracing::debug!(%reason, "making batch proofs on the processor")
                    }
                    Unavailable::NoDevice(_) => {
                        tracing::warn!(%reason, "making batch proofs on the processor")
                    }
                }
                Device::Cpu
            })),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Device, Unavailable> {
    let device = crate::halo2::gpu::device().map_err(Unavailable::NoDevice)?;
    tracing::info!(device, "making batch proofs on the GPU");
    Ok(Device::Cuda)
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Device, Unavailable> {
    Err(Unavailable::NotBuilt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_by_name() {
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cpu".parse(), Ok(DeviceChoice::Cpu));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda));
        let error = "CUDA".parse::<DeviceChoice>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown device \"CUDA\": use auto, cpu or cuda"
        );
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn without_the_feature_only_the_processor_is_available() {
        assert_eq!(DeviceChoice::Cpu.select(), Ok(Device::Cpu));
        assert_eq!(DeviceChoice::Auto.select(), Ok(Device::Cpu));
        let error = DeviceChoice::Cuda.select().unwrap_err();
        assert_eq!(error, Unavailable::NotBuilt);
        assert!(error.to_string().contains("--features cuda"));
    }
}
