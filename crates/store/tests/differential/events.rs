//! Events that come in, some of them again.

use model::event::NewEvent;
use serde_json::json;
use store::event::{event_accept, event_keys_prune};

use crate::{
    pair::{ADA, Pair, change},
    workflows::EVENTS,
};

impl Pair {
    async fn new_event(&mut self) -> NewEvent {
        let tenant = self.random.tenant();
        let ids = [self.of_tenant("contacts", tenant).await, self.of_tenant("submissions", tenant).await];
        let random = &mut self.random;
        let data = json!({
            "mode": random.below(5), "contactId": ids[0], "text": random.text(), "document": random.document(),
            "submission": {"id": ids[1], "data": random.object()},
        });
        NewEvent {
            tenant,
            name: random.pick(EVENTS).parse().unwrap(),
            external_id: random.sometimes(60, |random| format!("e-{}", random.below(12))),
            source: random.sometimes(50, |random| (*random.pick(&["/crm", "/shop"])).to_owned()),
            data: data.into(),
            attributes: random.object(),
            actor: ADA,
            cause: None,
        }
    }

    pub async fn event_accept(&mut self) {
        let event = self.new_event().await;
        drop(change!(self, ("event_accept", &event), |tx| event_accept(tx, &event)));
    }

    /// Several in one transaction, one of them twice.
    pub async fn event_again(&mut self) {
        let event = NewEvent { external_id: Some("twice".to_owned()), ..self.new_event().await };
        let between = self.new_event().await;
        drop(change!(self, ("event_accept", &event, &between), |tx| async move {
            let first = event_accept(tx, &event).await?;
            Ok([first, event_accept(tx, &between).await?, event_accept(tx, &event).await?])
        }));
    }

    pub async fn event_keys_prune(&mut self) {
        change!(self, "event_keys_prune", |tx| event_keys_prune(tx)).unwrap();
    }
}
