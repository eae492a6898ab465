//! Pure functions: paths, operators, conditions, templates, definitions.
