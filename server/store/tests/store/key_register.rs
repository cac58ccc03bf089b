//! Which keys something was sealed with: noted once, by many, until it is given up.

use crate::common::Home;
use floe_kernel::secret::{Secret, random_hex};
use floe_sealed::RootKeys;
use floe_store::KeyRegister;
use floe_store::key_register::{forget, noted};

on_both! {
    async fn a_key_in_use_is_known_until_it_is_given_up(home: &Home) {
        let stores = home.stores().await;
        let platform = stores.platform().await.unwrap();
        let keys = RootKeys::new(Secret::new(random_hex(32)), Vec::new());
        let id = keys.id().to_string();
        assert!(!noted(&platform).await.unwrap().contains(&id));

        let registers = [(); 4].map(|()| KeyRegister::new(stores.clone(), keys.id()));
        let [a, b, c, d] = &registers;
        let (a, b, c, d) = tokio::join!(a.note(), b.note(), c.note(), d.note());
        assert!(a.and(b).and(c).and(d).is_ok());
        registers[0].note().await.unwrap();
        assert_eq!(noted(&platform).await.unwrap().iter().filter(|noted| **noted == id).count(), 1);

        assert!(forget(&platform, &id).await.unwrap());
        assert!(!forget(&platform, &id).await.unwrap());
        assert!(!noted(&platform).await.unwrap().contains(&id));
    }
}
