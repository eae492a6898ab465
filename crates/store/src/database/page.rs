//! Pages of a list: by offset for people, by cursor for programs that read everything.

use model::{TenantId, Timestamp};

use super::{Connection, Row, Value};
use crate::{StoreResult, params};

/// Which part of a list is wanted. Lists run from the newest id to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many rows at most.
    pub limit: i64,
    /// How many rows to pass over first.
    pub offset: i64,
    /// Only rows with a smaller id: the cursor of the page before.
    pub before: Option<i64>,
}

impl Page {
    /// The first rows.
    #[must_use]
    pub const fn first(limit: i64) -> Self {
        Self { limit, offset: 0, before: None }
    }
}

/// A page of a list with what is needed to show where it lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many there are in all, up to where counting stopped.
    pub total: i64,
    /// Counting stopped at `total`.
    pub total_is_capped: bool,
    /// There are more rows after these.
    pub has_more: bool,
    /// The cursor of the next page.
    pub next: Option<i64>,
}

/// Where counting stops when no rollup knows the answer (contract section 3).
pub const COUNT_CAP: i64 = 10_000;

/// A list of one table's rows for a tenant, newest first.
pub(crate) fn list(table: &'static str, columns: &'static str, tenant: TenantId) -> List {
    List { table, columns, predicate: "tenant_id = ?1".to_owned(), parameters: params![tenant] }
}

/// As [`list`], of a table whose rows without a tenant are everybody's.
pub(crate) fn list_with_shared(table: &'static str, columns: &'static str, tenant: TenantId) -> List {
    let predicate = "(tenant_id = ?1 OR tenant_id IS NULL)".to_owned();
    List { table, columns, predicate, parameters: params![tenant] }
}

/// A list being put together from conditions.
#[derive(Debug)]
pub(crate) struct List {
    table: &'static str,
    columns: &'static str,
    predicate: String,
    parameters: Vec<Value>,
}

impl List {
    /// Only rows for which `condition`, which has no parameters, holds.
    pub(crate) fn and(mut self, condition: &str) -> Self {
        self.predicate.push_str(" AND ");
        self.predicate.push_str(condition);
        self
    }

    /// Only rows whose `expression` is `value`.
    pub(crate) fn equal(mut self, expression: &str, value: impl Into<Value>) -> Self {
        self.parameters.push(value.into());
        let number = self.parameters.len();
        self.and(&format!("{expression} = ?{number}"))
    }

    /// Only rows for which a condition holds that has these parameters; it is given the number of the first.
    pub(crate) fn with(mut self, values: Vec<Value>, condition: impl FnOnce(usize) -> String) -> Self {
        let first = self.parameters.len() + 1;
        self.parameters.extend(values);
        self.and(&condition(first))
    }

    /// Only rows one of whose columns contains `text`, without regard to case.
    pub(crate) fn containing(mut self, columns: &[&str], text: &str) -> Self {
        self.parameters.push(text.into());
        let number = self.parameters.len();
        let any: Vec<String> = columns
            .iter()
            .map(|column| format!("instr(fold(coalesce({column}, '')), fold(?{number})) > 0"))
            .collect();
        self.and(&format!("({})", any.join(" OR ")))
    }

    /// Only rows whose list of tags has this one.
    pub(crate) fn tagged(mut self, tag: &str) -> Self {
        // The list is JSON text: a tag in it stands in quotes, escaped as JSON escapes it.
        self.parameters.push(Value::Text(serde_json::Value::from(tag).to_string()));
        let number = self.parameters.len();
        self.and(&format!("instr({{texts:tags}}, ?{number}) > 0"))
    }

    /// Only rows whose `expression` is at least `value`, or below it.
    pub(crate) fn bounded(
        mut self,
        expression: &str,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Self {
        for (bound, operator) in [(from, ">="), (until, "<")] {
            if let Some(bound) = bound {
                self.parameters.push(bound.into());
                let number = self.parameters.len();
                self = self.and(&format!("{expression} {operator} ?{number}"));
            }
        }
        self
    }

    /// How many rows there are, all counted.
    pub(crate) async fn count(self, connection: &mut Connection) -> StoreResult<i64> {
        let Self { table, predicate, parameters, .. } = self;
        let sql = format!("SELECT count(*) FROM {table} WHERE {predicate}");
        connection.query_one(sql, parameters).await?.first()
    }

    /// The next rows after an id and up to another, in the order of the ids.
    pub(crate) async fn ascending<T>(
        self,
        connection: &mut Connection,
        (after, up_to): (i64, i64),
        limit: i64,
        read: impl Fn(Row) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let Self { table, columns, predicate, mut parameters } = self;
        let first = parameters.len() + 1;
        parameters.extend(params![after, up_to, limit]);
        let (second, third) = (first + 1, first + 2);
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {predicate} AND id > ?{first} AND id <= ?{second} ORDER BY id LIMIT ?{third}"
        );
        connection.query(sql, parameters).await?.into_iter().map(read).collect()
    }

    /// Reads the page.
    pub(crate) async fn run<T>(
        self,
        connection: &mut Connection,
        page: Page,
        id: impl Fn(&T) -> i64,
        read: impl Fn(Row) -> StoreResult<T>,
    ) -> StoreResult<Paged<T>> {
        let Self { table, columns, predicate, parameters } = self;
        let mut counting = parameters.clone();
        counting.push((COUNT_CAP + 1).into());
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {predicate} LIMIT ?{}) AS counted",
            counting.len()
        );
        let count: i64 = connection.query_one(sql, counting).await?.first()?;

        let mut parameters = parameters;
        let mut predicate = predicate;
        if let Some(before) = page.before {
            parameters.push(before.into());
            predicate.push_str(&format!(" AND id < ?{}", parameters.len()));
        }
        parameters.push((page.limit + 1).into());
        parameters.push(page.offset.into());
        let (limit, offset) = (parameters.len() - 1, parameters.len());
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {predicate} ORDER BY id DESC LIMIT ?{limit} OFFSET ?{offset}"
        );
        let rows = connection.query(sql, parameters).await?;
        let has_more = rows.len() as i64 > page.limit;
        let rows: Vec<T> = rows
            .into_iter()
            .take(page.limit.unsigned_abs() as usize)
            .map(read)
            .collect::<StoreResult<_>>()?;
        let next = rows.last().filter(|_| has_more).map(id);
        Ok(Paged { rows, total: count.min(COUNT_CAP), total_is_capped: count > COUNT_CAP, has_more, next })
    }
}
