//! The task that deletes expired messages from the mailbox.

use std::{sync::Arc, time::Duration};

use crate::{health::Halt, node::Node};

/// Bounds of the pause between two rounds.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Deletes expired messages until cancelled.
pub(crate) async fn run(node: Arc<Node>) {
    let pause = Duration::from_secs(node.config.mailbox.ttl_s) / 8;
    let pause = pause.clamp(PAUSE.0, PAUSE.1);
    loop {
        tokio::select! {
            () = node.cancel.cancelled() => return,
            () = node.clock().sleep(pause) => {}
        }
        if node.health.halted_by_store() {
            return;
        }
        let shared = node.clone();
        let purged = tokio::task::spawn_blocking(move || {
            let now = shared.clock().unix();
            shared.mailbox.purge(&shared.store, now)
        });
        match purged.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => node.halt_on_store(&error),
            Err(_) => node.health.halt(Halt::Task {
                task: "mailbox".into(),
            }),
        }
    }
}
