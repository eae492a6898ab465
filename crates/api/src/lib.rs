//! HTTP: one file per resource, extractors, errors, OpenAPI.
