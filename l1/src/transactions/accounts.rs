//! The managers of a process, one for each account that sends on a chain.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use alloy_primitives::Address;
use subrosa_clock::SystemClock;
use tokio::sync::Mutex;

use super::{
    FileJournal, Journal, Manager, MemoryJournal, Node, Settings, TransactionError, engine::Tools,
};
use crate::{account::Account, error::L1Error};

/// The managers of all accounts that send through one transport. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    slots: Arc<Mutex<HashMap<Address, Slot>>>,
    volatile: bool,
}

#[derive(Debug, Default)]
struct Slot {
    settings: Settings,
    /// Directory of the journal; in memory if there is none.
    directory: Option<PathBuf>,
    memory: Arc<MemoryJournal>,
    manager: Option<Manager>,
}

impl Accounts {
    /// Makes managers whose journals stay in memory, whatever is chosen: for a chain that ends with
    /// the process.
    #[must_use]
    pub fn volatile() -> Self {
        Self {
            slots: Arc::default(),
            volatile: true,
        }
    }

    /// Chooses how an account sends: its settings, and the directory of its journal. An account for
    /// which nobody chooses has the default settings and a journal in memory.
    ///
    /// # Errors
    /// [`L1Error::Protocol`] if the account sends already, in another way.
    pub async fn keep(
        &self,
        account: Address,
        settings: Settings,
        directory: Option<PathBuf>,
    ) -> Result<(), L1Error> {
        let directory = directory.filter(|_| !self.volatile);
        let mut slots = self.slots.lock().await;
        let slot = slots.entry(account).or_default();
        if (&slot.settings, &slot.directory) == (&settings, &directory) {
            return Ok(());
        }
        if slot.manager.as_ref().is_some_and(|m| !m.is_stopped()) {
            return Err(L1Error::Protocol(format!(
                "{account} sends already: choose its transaction journal before it does"
            )));
        }
        slot.settings = settings;
        slot.directory = directory;
        Ok(())
    }

    /// Returns the manager of an account, and starts it if it does not run.
    ///
    /// # Errors
    /// [`L1Error`] if the node does not answer, or the journal cannot be used.
    pub async fn manager(
        &self,
        account: &Account,
        node: impl FnOnce() -> Arc<dyn Node>,
    ) -> Result<Manager, L1Error> {
        let mut slots = self.slots.lock().await;
        let slot = slots.entry(account.address()).or_default();
        if let Some(manager) = slot.manager.as_ref().filter(|m| !m.is_stopped()) {
            return Ok(manager.clone());
        }
        slot.manager = None;
        let node = node();
        let chain = node.identity().await?;
        let unusable = |e| TransactionError::from(e).of("journal");
        let journal: Arc<dyn Journal> = match &slot.directory {
            Some(directory) => {
                let opened = FileJournal::open(directory, chain, account.address());
                Arc::new(opened.map_err(unusable)?)
            }
            None => Arc::clone(&slot.memory) as _,
        };
        let tools = Tools {
            account: account.clone(),
            chain_id: chain.chain_id,
            node,
            journal,
            settings: slot.settings.clone(),
            clock: SystemClock::shared(),
        };
        let manager = Manager::start(tools).map_err(|e| e.of("journal"))?;
        slot.manager = Some(manager.clone());
        Ok(manager)
    }
}
