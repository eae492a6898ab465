//! What is remembered of a connection: one at a time renews its token, turns come at the pace, what was made is known, and that it is not let in is told once.

use model::{Clock, IntegrationId, Period};
use store::{
    integration::{
        self, integration_create, integration_get, integration_update, integration_used,
        ledger::{
            Reference, answered, ledger_prune, limited, reference_begin, reference_end, renewal_begin,
            renewal_end, renewal_stop, shut_out, token_get, turn_take,
        },
    },
    secret::SecretBox,
};

use super::*;

fn secrets() -> SecretBox {
    SecretBox::of_key(&[7; 32])
}

fn fields(name: &str, token: Option<&str>) -> integration::Fields {
    let secrets = token.map(|token| object(json!({"accessToken": token}))).unwrap_or_default();
    integration::Fields { name: name.to_owned(), provider: "hubspot".to_owned(), config: Map::new(), secrets }
}

async fn connected(place: Place) -> (Bench, IntegrationId) {
    let bench = Bench::new(place).await;
    let made =
        change!(bench, |tx| integration_create(tx, ONE, ADA, &fields("crm", Some("canary")), &secrets()));
    (bench, made.unwrap().id)
}

testkit::on_both! {
    async fn one_at_a_time_renews_a_token(place: Place) {
        let (bench, id) = connected(place).await;
        let token = async || read!(bench, |connection| token_get(connection, ONE, id, &secrets())).unwrap();
        let begin = async |generation| change!(bench, |tx| renewal_begin(tx, ONE, id, generation)).unwrap();
        let end = async |generation, token: &'static [u8]| {
            change!(bench, |tx| renewal_end(tx, ONE, id, generation, token, &secrets())).unwrap()
        };
        let stop = async |generation, until| change!(bench, |tx| renewal_stop(tx, ONE, id, generation, until)).unwrap();
        assert_eq!(token().await, (0, None));
        assert!(begin(0).await.is_some() && begin(0).await.is_none(), "one of two");
        assert!(end(0, b"canary one").await);
        assert_eq!(token().await, (1, Some(b"canary one".to_vec())));
        assert_eq!(begin(0).await, None, "what was seen is over");
        // Whoever begins and dies holds nobody up for longer than half a minute. One that comes back after that is not believed when it was refused, and
        // takes the turn from nobody; that it has a token counts.
        let slow = begin(1).await.unwrap();
        assert_eq!(begin(1).await, None);
        bench.clock.advance(Period::seconds(30));
        let second = begin(1).await.unwrap();
        assert!(!stop(1, slow).await && begin(1).await.is_none());
        assert!(end(1, b"two").await && !end(1, b"late").await && !stop(1, second).await);
        assert_eq!(token().await, (2, Some(b"two".to_vec())));
        let third = begin(2).await.unwrap();
        assert!(stop(2, third).await);
        assert!(begin(2).await.is_some(), "a renewal that brought nothing is over");
        // Another tenant has nothing here.
        assert_eq!(change!(bench, |tx| renewal_begin(tx, TWO, id, 2)).unwrap(), None);
        assert_eq!(read!(bench, |connection| token_get(connection, TWO, id, &secrets())).unwrap(), (0, None));
        // In clear it is nowhere.
        let sealed: Vec<u8> = bench.number("SELECT token FROM integration_states").await;
        assert!(!sealed.windows(3).any(|window| window == b"two"));
        // A new name changes nothing; a new secret begins anew.
        change!(bench, |tx| integration_update(tx, ONE, ADA, id, &fields("hub", None), &secrets(), None)).unwrap();
        assert_eq!(token().await, (2, Some(b"two".to_vec())));
        change!(bench, |tx| integration_update(tx, ONE, ADA, id, &fields("hub", Some("new")), &secrets(), None)).unwrap();
        assert_eq!(token().await, (3, None));
    }

    async fn turns_are_kept_for_whoever_has_to_wait(place: Place) {
        let (bench, id) = connected(place).await;
        // One call a second, none ahead.
        let take = async |key: &'static str| {
            let next = |reserved: Timestamp, earliest: Timestamp| {
                let at = reserved.max(earliest);
                (at, at.plus(Period::seconds(1)))
            };
            let turn = change!(bench, |tx| turn_take(tx, ONE, id, key, Box::new(next))).unwrap();
            turn.map(|at| at.millis_since(NOW))
        };
        assert_eq!((take("a").await, take("b").await, take("c").await), (None, Some(1_000), Some(2_000)));
        assert_eq!(take("b").await, Some(1_000), "asking again reserves nothing more");
        bench.clock.advance(Period::seconds(1));
        assert_eq!((take("b").await, take("d").await), (None, Some(3_000)));
        bench.clock.advance(Period::seconds(60));
        assert_eq!((take("c").await, take("d").await), (None, None));
        // After a pause that was asked for, the pace begins anew, also for those who had a turn within it: they do not all come at its end.
        assert_eq!((take("e").await, take("f").await, take("g").await), (None, Some(62_000), Some(63_000)));
        let until = NOW.plus(Period::minutes(5));
        change!(bench, |tx| limited(tx, ONE, id, 1, until, "slow down")).unwrap();
        assert_eq!((take("h").await, take("f").await, take("f").await), (Some(300_000), Some(301_000), Some(301_000)));
        bench.clock.advance(Period::seconds(240));
        assert_eq!((take("h").await, take("f").await, take("g").await), (None, None, Some(302_000)));
        let stored = read!(bench, |connection| integration_get(connection, ONE, id)).unwrap();
        assert_eq!((stored.status.as_str(), stored.limited_until), ("rate_limited", Some(until)));
        let quota = || Some(json!({"remaining": 1, "limit": 2}));
        change!(bench, |tx| answered(tx, ONE, id, (1, integration::RATE_LIMITED), quota())).unwrap();
        let stored = read!(bench, |connection| integration_get(connection, ONE, id)).unwrap();
        assert_eq!((stored.status.as_str(), stored.quota), ("ok", quota()));
        bench.clock.advance(Period::hours(3));
        change!(bench, |tx| ledger_prune(tx)).unwrap();
        assert_eq!(bench.number::<i64>("SELECT count(*) FROM integration_turns").await, 0);
    }

    async fn what_was_made_is_known_under_its_key(place: Place) {
        let (bench, id) = connected(place).await;
        let begin = async || {
            let at = bench.clock.now();
            change!(bench, |tx| reference_begin(tx, ONE, id, "vtx_1", at)).unwrap()
        };
        let end = async |made: Option<(&'static str, Option<&'static str>)>| {
            change!(bench, |tx| reference_end(tx, ONE, id, "vtx_1", made)).unwrap();
        };
        assert_eq!(begin().await, Reference::None);
        bench.clock.advance(Period::seconds(5));
        assert_eq!(begin().await, Reference::Begun(NOW), "the first attempt's time is kept");
        end(None).await;
        assert_eq!(begin().await, Reference::None, "what was surely not made was not begun");
        end(Some(("42", Some("https://crm.example/42")))).await;
        end(None).await;
        let known = Reference::Made("42".to_owned(), Some("https://crm.example/42".to_owned()));
        assert_eq!(begin().await, known);
        assert_eq!(change!(bench, |tx| reference_begin(tx, TWO, id, "vtx_1", NOW)).unwrap(), Reference::None);
        bench.clock.advance(Period::days(401));
        change!(bench, |tx| ledger_prune(tx)).unwrap();
        assert_eq!(begin().await, Reference::None);
    }

    async fn what_was_read_before_something_was_found_says_nothing(place: Place) {
        let (bench, id) = connected(place).await;
        let until = NOW.plus(Period::minutes(5));
        let shown = async || {
            let stored = read!(bench, |connection| integration_get(connection, ONE, id)).unwrap();
            (stored.status, stored.limited_until, stored.quota)
        };
        let used = async |version, seen: &'static str, works: bool| {
            let result = if works { Ok(()) } else { Err("no answer".to_owned()) };
            change!(bench, |tx| integration_used(tx, ONE, id, (version, seen), result)).unwrap();
        };
        // Calls that were under way when the connection was taken away.
        change!(bench, |tx| shut_out(tx, ONE, id, 1, integration::REVOKED, "gone")).unwrap();
        change!(bench, |tx| answered(tx, ONE, id, (1, integration::UNTRIED), None)).unwrap();
        change!(bench, |tx| limited(tx, ONE, id, 1, NOW, "slow down")).unwrap();
        used(1, integration::UNTRIED, true).await;
        used(1, integration::REVOKED, false).await;
        assert_eq!(shown().await.0, "revoked");
        // A trial that began knowing of it lets it in again.
        used(1, integration::REVOKED, true).await;
        assert_eq!(shown().await.0, "ok");
        used(1, integration::OK, false).await;
        assert_eq!(shown().await.0, "failing");
        // Calls that were under way when it became one to another account.
        change!(bench, |tx| integration_update(tx, ONE, ADA, id, &fields("crm", Some("new")), &secrets(), None)).unwrap();
        change!(bench, |tx| limited(tx, ONE, id, 1, until, "slow down")).unwrap();
        change!(bench, |tx| answered(tx, ONE, id, (1, integration::UNTRIED), Some(json!({"remaining": 1, "limit": 2})))).unwrap();
        used(1, integration::UNTRIED, false).await;
        assert_eq!(shown().await, ("untried".to_owned(), None, None));
    }

    async fn that_a_connection_is_not_let_in_is_told_once(place: Place) {
        let (bench, id) = connected(place).await;
        bench.starting(0);
        for why in ["invalid_grant", "invalid_grant", "revoked"] {
            change!(bench, |tx| shut_out(tx, ONE, id, 1, integration::EXPIRED, why)).unwrap();
        }
        let stored = read!(bench, |connection| integration_get(connection, ONE, id)).unwrap();
        assert_eq!((stored.status.as_str(), stored.last_error.as_deref()), ("expired", Some("invalid_grant")));
        let told: Vec<String> = bench.rows("SELECT message FROM notifications WHERE user_id = 1").await.into_iter().map(|row| row.first().unwrap()).collect();
        assert_eq!(told, ["The connection \"crm\" is not let in any more: invalid_grant. What needs it waits, and goes on when it is connected again."]);
        // It was mended: what was found of the one before it says nothing.
        change!(bench, |tx| integration_update(tx, ONE, ADA, id, &fields("crm", Some("new")), &secrets(), None)).unwrap();
        change!(bench, |tx| shut_out(tx, ONE, id, 1, integration::REVOKED, "late")).unwrap();
        let stored = read!(bench, |connection| integration_get(connection, ONE, id)).unwrap();
        assert_eq!((stored.status.as_str(), stored.last_error), ("untried", None));
        bench.starting(1);
        change!(bench, |tx| shut_out(tx, ONE, id, 2, integration::REVOKED, "token_revoked")).unwrap();
        assert_eq!(bench.events().await, [json!({"integration_expired": {"integration": {
            "id": id, "name": "crm", "provider": "hubspot", "status": "revoked", "error": "token_revoked",
        }}})]);
    }
}
