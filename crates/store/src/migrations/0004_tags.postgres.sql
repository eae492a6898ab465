-- The seed's type, and its index. Programs from this one on read and write either type; older ones know only the first.
CREATE FUNCTION pg_temp.texts(list JSONB) RETURNS TEXT[] LANGUAGE sql IMMUTABLE AS
    $$ SELECT coalesce(array_agg(value ORDER BY place), '{}') FROM jsonb_array_elements_text(list) WITH ORDINALITY AS element(value, place) $$;
ALTER TABLE workflow_templates ALTER COLUMN tags TYPE TEXT[] USING pg_temp.texts(tags);
DROP FUNCTION pg_temp.texts(JSONB);
CREATE INDEX idx_workflow_templates_tags ON workflow_templates USING gin(tags);
