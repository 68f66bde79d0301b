//! The OpenAPI description.

use utoipa::OpenApi;

use super::{api, events, lending, trading};

/// The gateway's description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Subrosa wallet gateway",
        description = "Confidential payments, private swaps and secured loans of one institution. \
                       Every request carries `Authorization: Bearer <token>`. A POST may carry an \
                       `Idempotency-Key`: the same key answers the first result."
    ),
    paths(
        api::address, api::deposit, api::transfer, api::withdraw, api::claim, api::balances,
        api::history, api::operation, trading::request, trading::rfqs, trading::rfq,
        trading::decline_rfq, trading::cancel_rfq, trading::quote, trading::quotes,
        trading::quote_by_id, trading::accept, trading::decline_quote, trading::cancel_quote,
        trading::propose, trading::swaps, trading::swap, events::events, lending::markets,
        lending::propose, lending::loans, lending::loan, lending::accept, lending::decline,
        lending::cancel, lending::collateral, lending::repay, lending::close, lending::liquidate
    ),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
pub(super) struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme =
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", scheme);
    }
}
