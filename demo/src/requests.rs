//! Short forms for requests to a gateway.

use subrosa_client::gateway::{AmountRequest, OpenAmountRequest};

/// Names an amount of an asset, in display units.
pub(crate) fn amount(asset: &str, amount: &str) -> AmountRequest {
    AmountRequest {
        asset: asset.to_owned(),
        amount: amount.to_owned(),
    }
}

/// Names an asset, with an amount if it is the fixed side of a request for quotes.
pub(crate) fn open_amount(asset: &str, amount: Option<&str>) -> OpenAmountRequest {
    OpenAmountRequest {
        asset: asset.to_owned(),
        amount: amount.map(ToOwned::to_owned),
    }
}
