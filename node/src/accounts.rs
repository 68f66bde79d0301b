//! L1 accounts of the services.

use std::path::Path;

use anyhow::{bail, ensure};
use subrosa_l1::{Account, development};
use zeroize::Zeroizing;

use crate::config::{secret_file, secret_variable};

/// Number of the development account that deploys contracts, mints tokens and sets prices.
pub const DEPLOYER: usize = 0;
/// Number of the development account that settles batches.
pub const OPERATOR: usize = 1;
/// Number of the development account that may pause deposits.
pub const GUARDIAN: usize = 2;
/// Number of the first development account of an institution; `setup deploy` mints tokens to it
/// and to those after it.
pub const FIRST_INSTITUTION: usize = 3;

/// Reads an account's key from `file`; or takes the development account with the number
/// `development`; or reads the key from the environment variable `variable`, or from the file that
/// `<variable>_FILE` names. Flags count before the environment.
///
/// # Errors
/// If none is given, the key is malformed, or the chain is not a development chain: everybody
/// knows the keys of development accounts.
pub fn account(
    file: Option<&Path>,
    variable: &str,
    development: Option<usize>,
    chain_id: u64,
) -> anyhow::Result<Account> {
    let text = match (file, development) {
        (Some(file), _) => Some(secret_file(file)?),
        (None, Some(_)) => None,
        (None, None) => secret_variable(variable)?,
    };
    if let Some(text) = text {
        let mut secret = Zeroizing::new([0u8; 32]);
        // The error would name a digit of the key.
        hex::decode_to_slice(text.trim().trim_start_matches("0x"), secret.as_mut_slice()).map_err(
            |_| {
                anyhow::anyhow!("{variable} or the key file must hold a private key: 64 hex digits")
            },
        )?;
        return Ok(Account::from_bytes(*secret)?);
    }
    let Some(number) = development else {
        bail!(
            "no L1 account: name the file of its private key with --key-file or {variable}_FILE, \
             set {variable}, or use a well-known account of a development chain (see --help)"
        )
    };
    ensure!(
        development::is_development_chain(chain_id),
        "chain {chain_id} is not a development chain, and everybody knows the keys of development \
         accounts: set {variable} instead"
    );
    let mut accounts = development::accounts();
    ensure!(
        number < accounts.len(),
        "there is no development account {number}: the last one is {}",
        accounts.len() - 1
    );
    Ok(accounts.swap_remove(number))
}
