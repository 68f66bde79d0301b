//! Progress and cancellation of proofs and of key generation: the trait of `subrosa-plonk`.

pub use subrosa_plonk::{Progress, Silent};
