//! The only SQL: the facade over the databases, migrations, the writer, one file per aggregate.
