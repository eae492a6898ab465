//! The second wall between tenants: what a connection for one of them sees, whatever it asks.

use futures_util::FutureExt;
use store::{database::readers::Reader, tenant::tenant_get};
use testkit::postgres::psql;

use super::*;

/// Tables whose rows belong to a tenant without saying so in a column `tenant_id`.
const SPECIAL: [&str; 2] = ["tenants", "users"];

/// Writes a row of each tenant into every table that has a `tenant_id`, whatever else the table wants: it need not make sense.
const FILL: &str = "DO $$
DECLARE
    foreign_key record;
    one record;
BEGIN
    FOR foreign_key IN SELECT conname, conrelid::regclass AS name FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', foreign_key.name, foreign_key.conname);
    END LOOP;
    FOR one IN
        SELECT c.table_name AS name, tenant, string_agg(quote_ident(c.column_name), ', ') AS columns,
               string_agg(CASE WHEN c.column_name = 'tenant_id' THEN tenant::text
                               WHEN c.column_name = 'is_public' THEN 'false'
                               WHEN c.udt_name = 'int8' THEN (1000 + tenant)::text
                               WHEN c.udt_name = 'timestamptz' THEN 'now()'
                               WHEN c.udt_name = 'bool' THEN 'true'
                               WHEN c.udt_name = 'jsonb' THEN quote_literal('{}')
                               WHEN c.udt_name = '_text' THEN quote_literal('{}')
                               ELSE quote_literal('x' || tenant) END, ', ') AS texts
          FROM information_schema.columns c, generate_series(1, 2) AS tenant
         WHERE c.table_schema = 'public' AND (c.is_nullable = 'NO' OR c.column_name = 'tenant_id')
           AND NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass(c.table_name))
           AND EXISTS (SELECT 1 FROM information_schema.columns t WHERE t.table_schema = 'public' AND t.table_name = c.table_name AND t.column_name = 'tenant_id')
         GROUP BY 1, 2
    LOOP
        EXECUTE format('INSERT INTO %I (%s) VALUES (%s) ON CONFLICT DO NOTHING', one.name, one.columns, one.texts);
    END LOOP;
END $$";

async fn filled(place: Place) -> Bench {
    let bench = Bench::new(place).await;
    let people = "INSERT INTO users (id, email, created_at, updated_at, version) VALUES (2, 'bob@example.com', now(), now(), 1);
        DELETE FROM memberships;
        INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES (1, 1, 'admin', now()), (2, 2, 'admin', now())";
    for text in [FILL, people] {
        psql(&bench.place.address(), text).unwrap();
    }
    bench
}

async fn texts(connection: &mut store::Connection, sql: String) -> StoreResult<Vec<String>> {
    connection.query(sql, params![]).await?.into_iter().map(Row::first).collect()
}

async fn sees(reader: &mut Reader) -> Vec<String> {
    let tenants = "SELECT DISTINCT CAST(tenant_id AS TEXT) FROM workflows ORDER BY 1".to_owned();
    texts(reader, tenants).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_connection_sees_nothing_of_another_tenant() {
    let bench = filled(Place::postgres()).await;
    let store = &bench.store;
    assert!(store.has_second_wall());
    let mut any = store.read_any().await.unwrap();
    let list = |predicate: &str| {
        format!(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = CAST('public' AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {predicate} ORDER BY 1"
        )
    };
    let with_tenant =
        "EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')";
    let of_tenants = texts(&mut any, list(&format!("NOT c.relispartition AND {with_tenant}"))).await.unwrap();
    assert!(of_tenants.len() > 20, "{of_tenants:?}");
    // Those that have no tenant, and the parts of tables: these show nothing by themselves.
    let others = texts(&mut any, list(&format!("(c.relispartition OR NOT {with_tenant})"))).await.unwrap();
    assert!(others.iter().any(|name| name == "workflow_executions_from_0"), "{others:?}");

    for (tenant, other) in [(ONE, TWO), (TWO, ONE)] {
        let mut reader = store.read(tenant).await.unwrap();
        for table in &of_tenants {
            let both = texts(&mut any, format!("SELECT CAST(tenant_id AS TEXT) FROM {table}")).await.unwrap();
            assert!(both.contains(&other.to_string()), "{table} holds nothing to be hidden: {both:?}");
            let seen = texts(
                &mut reader,
                format!("SELECT CAST(tenant_id AS TEXT) FROM (SELECT * FROM {table}) AS everything"),
            )
            .await;
            let seen = seen.unwrap_or_else(|error| {
                panic!(
                    "{table} has a tenant_id and no policy (migration 0002 shows how to give it one): {error}"
                )
            });
            assert!(
                seen.iter().all(|seen| *seen == tenant.to_string()),
                "{table} shows {seen:?} to {tenant}"
            );
            let own = both.iter().filter(|tenant| **tenant != other.to_string()).count();
            assert_eq!(seen.len(), own, "{table} hides a tenant's own rows");
            let count = reader.query(format!("SELECT count(*) FROM {table}"), params![]).await.unwrap();
            assert_eq!(count.into_iter().next().unwrap().first::<i64>(), Ok(own as i64));
        }
        for table in &others {
            let seen = texts(&mut reader, format!("SELECT CAST(id AS TEXT) FROM {table}")).await;
            if SPECIAL.contains(&table.as_str()) {
                assert_eq!(seen, Ok(vec![tenant.to_string()]), "{table}");
                continue;
            }
            let seen = texts(&mut reader, format!("SELECT CAST(count(*) AS TEXT) FROM {table}")).await;
            assert!(
                sentence(seen).contains("permission denied"),
                "{table} belongs to no tenant, or is a part of another table, and tenants can read it"
            );
        }
        assert!(tenant_get(&mut reader, other).await.is_err());
        // No wall against writing: there is nothing to write with.
        reader.execute("SET default_transaction_read_only = off", params![]).await.unwrap();
        for sql in
            ["UPDATE tags SET name = 'mine'", "DELETE FROM events", "INSERT INTO timers VALUES (now(), 1, 1)"]
        {
            assert!(sentence(reader.execute(sql, params![]).await).contains("permission denied"), "{sql}");
        }
        reader.execute("SET default_transaction_read_only = on", params![]).await.unwrap();
    }
    assert_eq!(sees(&mut any).await, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_given_up_or_lost_change_nothing_about_the_wall() {
    let bench = filled(Place::postgres()).await;
    let store = &bench.store;
    for round in 0..40 {
        let (tenant, seen) = if round % 2 == 0 { (ONE, "1") } else { (TWO, "2") };
        let other = if tenant == ONE { TWO } else { ONE };
        // Given up while a connection is being changed to the other tenant, and in the middle of a query of the other's.
        drop(store.read(other).now_or_never());
        let mut reader = store.read(other).await.unwrap();
        let slow = "SELECT CAST(pg_sleep(0.002) AS TEXT) FROM workflows";
        assert_eq!(reader.query(slow, params![]).now_or_never(), None);
        drop(reader);
        if round % 3 == 0 {
            drop(store.read_any().now_or_never());
        }
        assert_eq!(sees(&mut store.read(tenant).await.unwrap()).await, [seen]);
    }

    // The server ends a session in use: its successor has the same view.
    let mut reader = store.read(TWO).await.unwrap();
    let process = texts(&mut reader, "SELECT CAST(pg_backend_pid() AS TEXT)".to_owned()).await.unwrap();
    psql(&bench.place.address(), &format!("SELECT pg_terminate_backend({}, 5000)", process[0])).unwrap();
    let again = loop {
        let who = "SELECT CAST(pg_backend_pid() AS TEXT) || ' ' || current_user".to_owned();
        if let Ok(again) = texts(&mut reader, who).await {
            break again;
        }
    };
    assert!(again[0].ends_with(" vtrustx_tenant") && !again[0].starts_with(&process[0]), "{again:?}");
    assert_eq!(sees(&mut reader).await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_the_role_the_store_works_and_says_so() {
    let place = Place::postgres();
    let clock = SimulatedClock::new(NOW);
    // The role is there, as on any server where a store was opened before.
    drop(open(&place.another(), &clock).await);
    let name = place.address().rsplit('/').next().unwrap().to_owned();
    psql(&place.address(), &format!("CREATE ROLE {name} LOGIN; ALTER DATABASE {name} OWNER TO {name}; ALTER SCHEMA public OWNER TO {name}"))
        .unwrap();
    let url = place.address().replace("://vtrustx@", &format!("://{name}@"));
    let open = async || {
        let address = url.parse().unwrap();
        Store::open(Options { address, clock: Arc::new(clock.clone()), faults: None }).await.unwrap()
    };
    let store = open().await;
    assert!(!store.has_second_wall());
    let count = "SELECT CAST(count(*) AS TEXT) FROM tenants".to_owned();
    assert_eq!(texts(&mut store.read(ONE).await.unwrap(), count).await, Ok(vec!["0".to_owned()]));

    // What docs/OPERATIONS.md has an administrator do.
    psql(&place.address(), &format!("GRANT vtrustx_tenant TO {name}")).unwrap();
    let store = open().await;
    assert!(store.has_second_wall());
    let who = "SELECT CAST(current_user AS TEXT)".to_owned();
    assert_eq!(texts(&mut store.read(ONE).await.unwrap(), who).await, Ok(vec!["vtrustx_tenant".to_owned()]));

    store.close().await;
    drop(store);
    psql(
        &place.address(),
        &format!("REASSIGN OWNED BY {name} TO CURRENT_USER; DROP OWNED BY {name}; DROP ROLE {name}"),
    )
    .unwrap();
}
