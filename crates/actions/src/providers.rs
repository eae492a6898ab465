//! The providers, one file each.

automod::dir!("src/providers");
