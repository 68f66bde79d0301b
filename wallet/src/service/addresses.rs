//! Addresses of other parties, as far as the wallet has learnt them.
//!
//! The chain names an owner id, which is enough for everything but to encrypt: an address has an
//! encryption key too. The wallet learns addresses from the institution's own orders and from its
//! agreements, so that a restored wallet knows none.

use std::collections::{BTreeSet, HashMap};

use subrosa_protocol::{
    element::OwnerId,
    keys::{Address, Network},
};

use crate::{
    negotiation::{QuoteStatus, records::Direction},
    operation::Request,
    store::State,
};

/// Returns the one address of each owner, or `None` where there are several.
fn agreed(addresses: Vec<Address>) -> HashMap<OwnerId, Option<Address>> {
    let mut known: HashMap<OwnerId, Option<Address>> = HashMap::new();
    for address in addresses {
        known
            .entry(address.owner)
            .and_modify(|known| *known = known.filter(|known| *known == address))
            .or_insert(Some(address));
    }
    known
}

/// Known addresses by owner id, encoded.
pub(super) struct Addresses(HashMap<OwnerId, String>);

impl Addresses {
    /// Collects the addresses in a wallet's state, and `own`.
    pub(super) fn known(state: &State, own: Address, network: Network) -> Self {
        let (mut named, mut met) = (Vec::new(), Vec::new());
        for quote in state.book.quotes() {
            if quote.direction == Direction::Outgoing && quote.rfq.is_none() {
                named.push(quote.counterparty);
            } else if quote.status == QuoteStatus::Accepted {
                met.push(quote.counterparty);
            }
        }
        let asked = state.book.rfqs();
        let asked = asked.filter(|rfq| rfq.direction == Direction::Outgoing);
        named.extend(asked.flat_map(|rfq| rfq.counterparties.iter().map(|party| party.address)));
        // Decoding checks a point, which is slow, and payees repeat.
        let payees: BTreeSet<&str> = state
            .operations
            .iter()
            .filter_map(|operation| match &operation.request {
                Request::Transfer { to, .. } => Some(to.as_str()),
                _ => None,
            })
            .collect();
        let payees = payees.into_iter();
        named.extend(payees.filter_map(|to| Address::decode(to, network).ok()));
        named.push(own);
        Self::collect(met, named, network)
    }

    /// Collects addresses that came by messages (`met`) and addresses that the institution `named`.
    ///
    /// A message proves that its sender has the encryption key of its address, but not that the
    /// owner id is its own; nor does an order show that its address is right. Therefore a named
    /// address counts before one that came by messages, and of several for one owner none counts.
    fn collect(met: Vec<Address>, named: Vec<Address>, network: Network) -> Self {
        let mut known = agreed(met);
        known.extend(agreed(named));
        let known = known.into_values().flatten();
        Self(
            known
                .map(|address| (address.owner, address.encode(network)))
                .collect(),
        )
    }

    /// Returns the address of an owner, if the wallet has learnt it.
    pub(super) fn of(&self, owner: &OwnerId) -> Option<String> {
        self.0.get(owner).cloned()
    }
}

#[cfg(test)]
mod tests {
    use subrosa_protocol::keys::{Seed, ViewingKey};

    use super::*;

    #[test]
    fn an_address_from_a_message_displaces_no_other() {
        let network = Network::Development;
        let address = |seed| ViewingKey::from_seed(&Seed::from_bytes([seed; 32])).address();
        let (honest, liar) = (address(1), address(2));
        let forged = Address {
            pk: liar.pk,
            ..honest
        };
        let shown = |met: &[Address], named: &[Address]| {
            Addresses::collect(met.to_vec(), named.to_vec(), network).of(&honest.owner)
        };
        let expected = Some(honest.encode(network));
        assert_eq!(shown(&[], &[]), None);
        assert_eq!(shown(&[liar], &[]), None);
        assert_eq!(shown(&[honest, honest], &[]), expected);
        for met in [[honest, forged], [forged, honest]] {
            assert_eq!(shown(&met, &[]), None);
            assert_eq!(shown(&met, &[honest]), expected);
        }
        assert_eq!(shown(&[forged, honest, forged], &[]), None);
        // A forged address that the institution paid displaces none either.
        assert_eq!(shown(&[honest], &[forged, honest]), None);
    }
}
