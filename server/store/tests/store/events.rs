//! Events: who subscribes learns of what is committed, of nothing else, and at once.

use crate::common::Home;
use floe_kernel::event::{Origin, Pattern};
use floe_store::prelude::*;
use floe_store::{Event, Recorder, Result, Stores, Subscribers, Subscription};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};

const CREATE: &str = "users.[userId].create";

/// Subscribe to what is in their list, which they keep outside of the database.
#[derive(Default)]
struct Ears {
    patterns: Mutex<Vec<(&'static str, &'static str)>>,
    reads: Mutex<u32>,
    heard: Mutex<Vec<(String, Vec<Box<str>>)>>,
}

impl Subscribers for Ears {
    fn subscriptions<'c>(&'c self, _: &'c mut Connection) -> BoxFuture<'c, Result<Vec<Subscription>>> {
        *self.reads.lock().unwrap() += 1;
        let patterns = self.patterns.lock().unwrap().clone();
        let subscription = |(subscriber, pattern): (&str, &str)| Subscription {
            subscriber: subscriber.into(),
            pattern: Pattern::new(pattern),
        };
        Box::pin(async move { Ok(patterns.into_iter().map(subscription).collect()) })
    }

    fn notify<'u>(&'u self, _: &'u mut UnitOfWork, event: Event<'u>, who: Vec<Box<str>>) -> BoxFuture<'u, Result<()>> {
        self.heard.lock().unwrap().push((event.payload.to_owned(), who));
        Box::pin(async { Ok(()) })
    }
}

impl Ears {
    fn heard(&self) -> Vec<(String, Vec<Box<str>>)> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

/// A project's store that these listen to.
async fn with(home: &Home, subscribers: Vec<Arc<dyn Subscribers>>) -> (Stores, Store) {
    let stores = Stores::open(home.settings.clone()).await.unwrap();
    subscribers.into_iter().for_each(|each| stores.effects().on_event(each));
    let store = stores.create_project(&home.id("one"), 1).await.unwrap();
    (stores, store)
}

async fn create(store: &Store, id: &str) {
    let mut unit = store.begin().await.unwrap();
    unit.emit(CREATE, &[id], || id.to_owned()).await.unwrap();
    unit.commit().await.unwrap();
}

on_both! {
    async fn what_is_committed_is_told_and_nothing_else(home: &Home) {
        let (_stores, store) = with(home, vec![Arc::new(Recorder)]).await;
        let by_eve = Origin { user_id: "eve".into(), ..Origin::default() };
        let mut unit = store.clone().changed_by(Arc::new(by_eve)).begin().await.unwrap();
        unit.emit(CREATE, &["ada"], || "{}".to_owned()).await.unwrap();
        unit.mark().await.unwrap();
        unit.emit(CREATE, &["undone"], String::new).await.unwrap();
        unit.back_to_mark().await.unwrap();
        unit.emit("teams.[teamId].create", &["t"], String::new).await.unwrap();
        unit.commit().await.unwrap();
        let mut left = store.begin().await.unwrap();
        left.emit(CREATE, &["left"], String::new).await.unwrap();
        drop(left);
        create(&store, "bob").await;
        let told = Recorder::take(&store).await.unwrap();
        let told: Vec<_> = told.iter().map(|told| (&*told.name, &*told.payload, &*told.user_id)).collect();
        assert_eq!(told, [("users.ada.create", "{}", "eve"), ("teams.t.create", "", "eve"), ("users.bob.create", "bob", "")]);
    }
}

on_both! {
    async fn each_learns_once_of_what_they_want(home: &Home) {
        let (ears, others) = (Arc::new(Ears::default()), Arc::new(Ears::default()));
        let (_stores, store) = with(home, vec![ears.clone(), others.clone()]).await;
        *ears.patterns.lock().unwrap() =
            vec![("a", "users.*.create"), ("b", "users.ada"), ("a", "users.*"), ("c", "teams.*")];
        create(&store, "ada").await;
        create(&store, "bob").await;
        let heard = [("ada".to_owned(), vec!["a".into(), "b".into()]), ("bob".to_owned(), vec!["a".into()])];
        assert_eq!(ears.heard(), heard);
        assert_eq!(others.heard(), []);
        let mut unit = store.begin().await.unwrap();
        unit.emit("buckets.[bucketId].create", &["x"], || panic!("nobody wants this")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!((*ears.reads.lock().unwrap(), ears.heard()), (1, vec![]), "who subscribes is read once");
    }
}

on_both! {
    /// Whether or not the unit that changes it lasts: it is looked at again.
    async fn a_change_of_subscriptions_is_known_when_it_is_committed(home: &Home) {
        let ears = Arc::new(Ears::default());
        let (_stores, store) = with(home, vec![ears.clone()]).await;
        create(&store, "before").await;
        let mut unit = store.begin().await.unwrap();
        unit.subscriptions_change();
        ears.patterns.lock().unwrap().push(("a", "users.*"));
        unit.emit(CREATE, &["within"], || "within".to_owned()).await.unwrap();
        unit.commit().await.unwrap();
        create(&store, "after").await;
        let told: Vec<_> = ears.heard().into_iter().map(|(id, _)| id).collect();
        assert_eq!(told, ["within", "after"]);
        let mut undone = store.begin().await.unwrap();
        undone.subscriptions_change();
        undone.emit(CREATE, &["undone"], String::new).await.unwrap();
        drop(undone);
        let reads = *ears.reads.lock().unwrap();
        create(&store, "last").await;
        assert_eq!(*ears.reads.lock().unwrap(), reads, "what was undone has changed nothing, and taught nothing");
    }
}
