//! What an action is, the capabilities it may use, and the catalogue.
