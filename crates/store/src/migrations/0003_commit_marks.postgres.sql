-- What each lane of each writer committed last: a COMMIT whose answer was lost is looked up here, also on another server after a failover.
CREATE TABLE commit_marks (
    lane BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    marked_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 10);
